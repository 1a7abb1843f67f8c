//! The filter language, from the line that is typed to the record that matches.

#![allow(clippy::unwrap_used, clippy::panic)]

mod completions;
mod lines;
mod records;

use super::*;
use crate::domain::decode::{Layer, Recipe, visit_contents};
use jiff::tz::TimeZone;
use proptest::prelude::*;
use serde_json::Value;
use std::ops::ControlFlow;

fn times() -> TimeContext {
    TimeContext { now: "2026-11-20T12:00:00Z".parse().unwrap(), zone: TimeZone::UTC }
}

/// Small documents of few names, so that paths meet something.
pub(super) fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Into::into),
        (-3..3_i64).prop_map(Into::into),
        "[a-c]".prop_map(Into::into)
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            proptest::collection::btree_map("[a-c ]", inner, 0..4).prop_map(|members| members.into_iter().collect())
        ]
    })
}

fn parse(line: &str) -> RecordFilter {
    RecordFilter::parse(line, &times()).unwrap_or_else(|error| panic!("{line}: {error}"))
}

proptest! {
    #[test]
    fn what_is_shown_as_json_is_read_as_json(payload in crate::domain::decode::tests::any_damaged_payload()) {
        let mut wrong = None;
        let ended = visit_contents(&payload, &Recipe::Detected, &mut |content| {
            let begins_alike = matches!(json_tree::trimmed(content.bytes()), [b'{' | b'[', ..]);
            let is_read = begins_alike && std::str::from_utf8(content.bytes()).is_ok() && json_tree::read(content.bytes()).is_whole;
            if (content.kind() == Layer::Json) == is_read {
                return ControlFlow::Continue(());
            }
            wrong = Some(String::from_utf8_lossy(content.bytes()).into_owned());
            ControlFlow::Break(())
        });
        prop_assert!(ended.is_continue(), "{:?}", wrong);
    }
}

#[test]
fn json_with_a_control_character_that_is_not_escaped_is_shown_and_read() {
    let payload = "{\"id\":1,\"\u{1b}tatus\":\"paid\",\"f\":[1.5,NaN]}".as_bytes();
    let mut kinds = Vec::new();
    let ended = visit_contents(payload, &Recipe::Detected, &mut |content| {
        kinds.push((content.kind(), json_tree::read(content.bytes()).is_whole));
        ControlFlow::Continue(())
    });
    assert!(ended.is_continue());
    assert_eq!(kinds, [(Layer::Json, true)]);
}
