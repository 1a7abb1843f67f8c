//! A payload without its layers, for callers that ask several questions about it: the user records of an aggregated record, or the one
//! content. All of it is unpacked within one limit.

use super::budget::Budget;
use super::packed::Packing;
use super::peeling::{Halt, Peeling};
use super::{Content, MAX_SEARCHED_BYTES, Recipe, RecipeStep};
use archiver::format::aggregate::{Aggregate, MAGIC, UserRecord};
use std::borrow::Cow;
use std::ops::ControlFlow;

/// A payload with its layers off.
#[derive(Debug)]
pub struct Opened<'o> {
    outer: &'o Peeling<'o>,
    aggregate: Option<Aggregate<'o>>,
    may_be_aggregate: bool,
}

/// Opens a payload; all together it is unpacked to no more than [`MAX_SEARCHED_BYTES`], and what is beyond is not whole.
pub fn open<T>(payload: &[u8], recipe: &Recipe, then: impl FnOnce(&Opened<'_>) -> T) -> T {
    let budget = Budget::of(MAX_SEARCHED_BYTES);
    let mut outer = Peeling::new(Cow::Borrowed(payload), Vec::new(), recipe, &budget);
    if outer.peel() == Halt::Aggregate {
        if let Some(aggregate) = Aggregate::parse(outer.content()) {
            return then(&Opened { outer: &outer, aggregate: Some(aggregate), may_be_aggregate: true });
        }
        outer.pass_by_aggregate();
    }
    let may_be_aggregate = may_be_aggregate(outer.content(), outer.is_whole());
    then(&Opened { outer: &outer, aggregate: None, may_be_aggregate })
}

/// Whether what could not be read may be an aggregated record: it begins like one, or something packed hides how it begins.
fn may_be_aggregate(content: &[u8], is_whole: bool) -> bool {
    let is_hidden = || MAGIC.starts_with(content) || matches!(Packing::of(content), Some(Packing::Gzip | Packing::Zstd));
    content.starts_with(&MAGIC) || !is_whole && is_hidden()
}

impl<'o> Opened<'o> {
    /// The aggregated record that the layers lead to.
    #[must_use]
    pub fn aggregate(&self) -> Option<&Aggregate<'o>> {
        self.aggregate.as_ref()
    }

    /// Whether this may be an aggregated record, which cannot be decided because the payload is damaged or cut.
    #[must_use]
    pub fn is_damaged_aggregate(&self) -> bool {
        self.aggregate.is_none() && self.may_be_aggregate
    }

    /// Goes through the innermost contents, each with the user record that holds it, until the visitor breaks off.
    pub fn visit(&self, visit: &mut dyn FnMut(Option<&UserRecord<'_>>, &Content<'_>) -> ControlFlow<()>) -> ControlFlow<()> {
        let Some(aggregate) = &self.aggregate else {
            return visit(None, &self.outer.as_content());
        };
        let count = aggregate.user_records().count() as u64;
        aggregate.user_records().try_for_each(|record| {
            let mut inner = self.outer.inside(&record, count);
            inner.peel();
            visit(Some(&record), &inner.as_content())
        })
    }
}

static DETECTED: Recipe = Recipe::Detected;

impl Recipe {
    /// The recipe that leads to an aggregated record: steps that do not name one show its bytes, and are no reason not to find it.
    #[must_use]
    pub fn to_aggregate(&self) -> &Self {
        match self {
            Self::Steps(steps) if steps.contains(&RecipeStep::Kpl) => self,
            Self::Steps(_) | Self::Detected => &DETECTED,
        }
    }
}

/// How the base64 of a payload begins that is a JSON object at first sight. No layer begins so, and no aggregated record.
pub const OBJECT_BEGINNINGS: [&str; 2] = ["ey", "ew"];

/// Whether a payload may hold user records, as far as the beginning of its base64 says.
#[must_use]
pub fn may_hold_user_records(base64: &str) -> bool {
    !OBJECT_BEGINNINGS.iter().any(|beginning| base64.starts_with(beginning))
}
