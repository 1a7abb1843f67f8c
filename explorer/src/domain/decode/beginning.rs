//! The beginning of a payload's content for a list, found by the same rules as all of it, but without unpacking what is not shown.

use super::budget::Budget;
use super::characters::{TELLING_BYTES, begins_clean};
use super::peeling::{Halt, Peeling};
use super::{Layer, MAX_SHOWN_BYTES, Recipe, protobuf};
use crate::domain::text::json_text::BYTE_ORDER_MARK;
use archiver::format::aggregate::{Aggregate, MAGIC};
use std::borrow::Cow;

/// How a payload begins, its layers taken off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beginning {
    /// What it is the first user record of, where that is an aggregated record.
    pub aggregate: Option<AggregateSize>,
    /// What was taken off, outermost first.
    pub layers: Vec<Layer>,
    /// What the content is; `None` where only the rest of it says.
    pub kind: Option<Layer>,
    /// The content's first bytes.
    pub content: Vec<u8>,
    /// The beginning of its text, or of what is shown in its place.
    pub text: Option<String>,
}

/// How many user records there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AggregateSize {
    /// So many.
    Known(u64),
    /// More than were examined.
    NotCounted,
}

/// Bytes that a layer is unpacked to for the beginning's sake.
const ENOUGH: usize = 64 * 1024;
/// Bytes that say whether a payload is plain text.
pub(in super::super) const PLAIN_BYTES: usize = TELLING_BYTES;

/// Finds beginnings of what one record holds; all of them together are unpacked to no more than [`MAX_SHOWN_BYTES`].
#[derive(Debug)]
pub struct Beginnings {
    budget: Budget,
}

impl Default for Beginnings {
    fn default() -> Self {
        Self { budget: Budget::with_each(MAX_SHOWN_BYTES, ENOUGH) }
    }
}

impl Beginnings {
    /// The beginning of a payload. `is_whole` says whether that is all of it, or its first bytes.
    #[must_use]
    pub fn of(&self, payload: &[u8], is_whole: bool) -> Beginning {
        let mut outer = Peeling::new(Cow::Borrowed(payload), Vec::new(), &Recipe::Detected, &self.budget).begun(is_whole);
        if outer.peel() == Halt::Aggregate {
            if outer.is_all() {
                if let Some(aggregate) = Aggregate::parse(outer.content()) {
                    let count = aggregate.user_records().count() as u64;
                    if let Some(record) = aggregate.user_records().next() {
                        return of(outer.inside(&record, count), Some(AggregateSize::Known(count)));
                    }
                }
            } else if let Some(data) = first_user_record(outer.content()) {
                // It is not there whole, so that it can be neither verified nor counted.
                let beginning = of(outer.inside_data(data, Layer::Kpl { place: 0, count: 0 }), Some(AggregateSize::NotCounted));
                return Beginning { kind: None, ..beginning };
            }
            outer.pass_by_aggregate();
        }
        of(outer, None)
    }
}

fn of(mut peeling: Peeling<'_>, aggregate: Option<AggregateSize>) -> Beginning {
    peeling.peel();
    let start = peeling.into_start();
    Beginning { aggregate, layers: start.layers, kind: start.kind, content: start.content, text: start.text }
}

/// Whether a payload that begins so, or is no more than that, is shown as it is: text at first sight, in which nothing else is packed.
#[must_use]
pub fn is_plain(start: &[u8], is_whole: bool) -> bool {
    /// Part of what follows a separator at the beginning of a replayed record.
    const ENVELOPE: &[u8] = b"{\"original";
    let is_enough = is_whole || start.len() >= PLAIN_BYTES;
    let is_bare = !start.starts_with(&BYTE_ORDER_MARK) && !start.trim_ascii_start().starts_with(b"\"");
    let is_text = is_enough && is_bare && begins_clean(start, is_whole);
    is_text && !(1..=4).any(|at| start.get(at..).is_some_and(|rest| rest.starts_with(ENVELOPE)))
}

/// The data of the first user record, of a message that may be cut off behind it.
fn first_user_record(payload: &[u8]) -> Option<&[u8]> {
    // The records of the message, and the data of a record. Source: aggregation-format.md.
    let record = protobuf::first_bytes_of(3, payload.strip_prefix(&MAGIC)?)?;
    protobuf::first_bytes_of(3, record)
}
