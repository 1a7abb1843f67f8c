//! A filter made ready to be held against many records: hundreds of thousands a second, so the cheap conditions come first and
//! nothing is copied.

use super::json::JsonTest;
use super::pattern::{Pattern, TextPattern};
use super::values::{KeyPattern, Property, SequenceRange, ShardName, SizeRange};
use super::{RecordFilter, Test};
use crate::domain::decode::{Content, Recipe, visit_contents};
use crate::domain::payload::Place;
use crate::domain::record::Record;
use archiver::aggregate::{Aggregate, UserRecord, may_be_aggregated};
use archiver::envelope::Envelope;
use archiver::table::GZIP;
use jiff::Timestamp;
use std::ops::ControlFlow;

/// A filter made ready to be held against many records.
#[derive(Clone, Debug)]
pub struct Matcher {
    key: Option<KeyPattern>,
    after: Option<Timestamp>,
    before: Option<Timestamp>,
    items: Vec<Asked<ItemTest>>,
    sizes: Vec<Asked<SizeRange>>,
    user_keys: Vec<Asked<KeyPattern>>,
    payloads: Vec<Asked<PayloadTest>>,
    contents: Vec<Asked<ContentTest>>,
}

/// A test that must hold, or must fail.
#[derive(Clone, Debug)]
struct Asked<T> {
    is_negated: bool,
    test: T,
}

/// What the item answers, the cheap ones first.
#[derive(Clone, Debug)]
enum ItemTest {
    Parts,
    Gzip,
    Expired,
    Shard(ShardName),
    Key(KeyPattern),
    Sequence(SequenceRange),
    Damaged,
}

/// What the payload answers as it was put into the stream.
#[derive(Clone, Copy, Debug)]
enum PayloadTest {
    Aggregated,
    Replay,
}

/// What the innermost content answers, the cheap ones first.
#[derive(Clone, Debug)]
enum ContentTest {
    Text(TextPattern),
    Regex(Pattern),
    Json(JsonTest),
}

impl<T> Asked<T> {
    fn is_met(&self, test: impl FnOnce(&T) -> bool) -> bool {
        test(&self.test) != self.is_negated
    }
}

impl ItemTest {
    fn cost(&self) -> u8 {
        match self {
            Self::Parts | Self::Gzip | Self::Expired => 0,
            Self::Shard(_) | Self::Key(_) | Self::Sequence(_) => 1,
            Self::Damaged => 2,
        }
    }

    fn is_met(&self, record: &Record, now: Timestamp) -> bool {
        let item = &record.item;
        match self {
            Self::Parts => matches!(record.place, Place::Parts(_)),
            Self::Gzip => item.encoding.as_deref() == Some(GZIP),
            Self::Expired => item.expire_after.is_some_and(|expires| expires <= now.as_second()),
            Self::Shard(shard) => item.shard_id.as_deref() == Some(shard.as_str()),
            Self::Key(key) => key.matches(&item.partition_key),
            Self::Sequence(range) => item.sequence_number.as_ref().is_some_and(|number| range.contains(number)),
            Self::Damaged => !item.problems.is_empty() || record.stored_as().is_none() || matches!(record.payload(), Some(Err(_))),
        }
    }
}

impl ContentTest {
    fn cost(&self) -> u8 {
        match self {
            Self::Text(_) => 0,
            Self::Regex(_) => 1,
            Self::Json(_) => 2,
        }
    }

    /// Whether the bytes have it, or what is shown in their place.
    fn is_met_by(&self, content: &Content<'_>) -> bool {
        self.is_met(content.bytes()) || content.rendition().is_some_and(|text| self.is_met(text.as_bytes()))
    }

    fn is_met(&self, content: &[u8]) -> bool {
        match self {
            Self::Text(text) => text.is_match(content),
            Self::Regex(pattern) => pattern.is_match(content),
            Self::Json(json) => json.is_met(content),
        }
    }
}

impl Matcher {
    pub(super) fn new(filter: &RecordFilter) -> Self {
        let mut matcher = Self {
            key: filter.key.clone(),
            after: filter.after,
            before: filter.before,
            items: Vec::new(),
            sizes: Vec::new(),
            user_keys: Vec::new(),
            payloads: Vec::new(),
            contents: Vec::new(),
        };
        for condition in &filter.conditions {
            matcher.take(condition.is_negated, condition.test.clone());
        }
        matcher.items.sort_by_key(|asked| asked.test.cost());
        matcher.contents.sort_by_key(|asked| asked.test.cost());
        matcher
    }

    fn take(&mut self, is_negated: bool, test: Test) {
        let mut item = |test| self.items.push(Asked { is_negated, test });
        match test {
            Test::Key(key) => item(ItemTest::Key(key)),
            Test::Shard(shard) => item(ItemTest::Shard(shard)),
            Test::Sequence(range) => item(ItemTest::Sequence(range)),
            Test::Is(Property::Expired) => item(ItemTest::Expired),
            Test::Is(Property::Damaged) => item(ItemTest::Damaged),
            Test::Is(Property::Parts) => item(ItemTest::Parts),
            Test::Is(Property::Gzip) => item(ItemTest::Gzip),
            Test::Is(Property::Aggregated) => self.payloads.push(Asked { is_negated, test: PayloadTest::Aggregated }),
            Test::Is(Property::Replay) => self.payloads.push(Asked { is_negated, test: PayloadTest::Replay }),
            Test::Size(range) => self.sizes.push(Asked { is_negated, test: range }),
            Test::UserKey(key) => self.user_keys.push(Asked { is_negated, test: key }),
            Test::Text(text) => self.contents.push(Asked { is_negated, test: ContentTest::Text(text) }),
            Test::Regex(pattern) => self.contents.push(Asked { is_negated, test: ContentTest::Regex(pattern) }),
            Test::Json(json) => self.contents.push(Asked { is_negated, test: ContentTest::Json(json) }),
        }
    }

    /// Whether the filter looks into payloads.
    #[must_use]
    pub fn needs_payload(&self) -> bool {
        !(self.sizes.is_empty() && self.user_keys.is_empty() && self.payloads.is_empty() && self.contents.is_empty())
    }

    /// Whether all the conditions are met that can be told without the payload; what only the payload can tell is taken as met.
    #[must_use]
    pub fn matches_item(&self, record: &Record, now: Timestamp) -> bool {
        self.key.as_ref().is_none_or(|key| key.matches(&record.item.partition_key))
            && self.after.is_none_or(|after| record.arrived_at.is_some_and(|at| at >= after))
            && self.before.is_none_or(|before| record.arrived_at.is_some_and(|at| at < before))
            && record.payload_size.is_none_or(|bytes| self.are_sizes_met(bytes))
            && self.items.iter().all(|asked| asked.is_met(|test| test.is_met(record, now)))
            && (self.is_user_key(&record.item.partition_key) || may_hold_user_records(record))
    }

    /// Whether all the conditions on the payload are met; those on the content by one and the same innermost content.
    ///
    /// Of an ordinary record in parts, `userkey:` is only told by [`Self::matches_payload_of`].
    #[must_use]
    pub fn matches_payload(&self, payload: &[u8], recipe: &Recipe) -> bool {
        self.are_sizes_met(payload.len() as u64)
            && self.payloads.iter().all(|asked| asked.is_met(|test| test.is_met(payload)))
            && self.matches_contents(payload, recipe)
    }

    /// The same for the payload of a record that has been read whole, parts and all.
    #[must_use]
    pub fn matches_payload_of(&self, record: &Record, payload: &[u8], recipe: &Recipe) -> bool {
        let is_user_key = || self.is_user_key(&record.item.partition_key) || Aggregate::parse(payload).is_some();
        (self.user_keys.is_empty() || is_user_key()) && self.matches_payload(payload, recipe)
    }

    /// Whether a record matches whose item holds its payload; one that does not, or cannot be restored, matches no condition on it.
    #[must_use]
    pub fn matches_here(&self, record: &Record, recipe: &Recipe, now: Timestamp) -> bool {
        let has_payload =
            || record.payload().and_then(Result::ok).is_some_and(|payload| self.matches_payload_of(record, &payload, recipe));
        self.matches_item(record, now) && (!self.needs_payload() || has_payload())
    }

    /// Whether a user record is one of those for which its aggregated record matches: by its key and by its content. Steps that somebody
    /// has named begin at the aggregate, so that they cannot tell its records apart.
    #[must_use]
    pub fn selects(&self, user_record: &UserRecord<'_>, recipe: &Recipe) -> bool {
        let is_wanted = |content: &Content<'_>| self.contents.iter().all(|asked| asked.is_met(|test| test.is_met_by(content)));
        self.is_user_key(user_record.partition_key)
            && (self.contents.is_empty() || *recipe != Recipe::default() || any_content(user_record.data, recipe, &is_wanted))
    }

    fn matches_contents(&self, payload: &[u8], recipe: &Recipe) -> bool {
        let is_wanted = |content: &Content<'_>| self.contents.iter().all(|asked| asked.is_met(|test| test.is_met_by(content)));
        if self.user_keys.is_empty() {
            return self.contents.is_empty() || any_content(payload, recipe, &is_wanted);
        }
        let Some(aggregate) = Aggregate::parse(payload) else {
            return self.contents.is_empty() || any_content(payload, recipe, &is_wanted);
        };
        let mut user_records = aggregate.user_records().filter(|record| self.is_user_key(record.partition_key));
        if self.contents.is_empty() {
            return user_records.next().is_some();
        }
        // Steps that somebody has named begin at the aggregate, so that they cannot be taken for one user record.
        if *recipe != Recipe::default() {
            return user_records.next().is_some() && any_content(payload, recipe, &is_wanted);
        }
        user_records.any(|record| any_content(record.data, recipe, &is_wanted))
    }

    fn are_sizes_met(&self, bytes: u64) -> bool {
        self.sizes.iter().all(|asked| asked.is_met(|range| range.contains(bytes)))
    }

    fn is_user_key(&self, key: &str) -> bool {
        self.user_keys.iter().all(|asked| asked.is_met(|pattern| pattern.matches(key)))
    }
}

impl PayloadTest {
    fn is_met(self, payload: &[u8]) -> bool {
        match self {
            Self::Aggregated => Aggregate::parse(payload).is_some(),
            Self::Replay => Envelope::detect(payload).is_some(),
        }
    }
}

/// Whether one of a payload's contents is wanted.
fn any_content(payload: &[u8], recipe: &Recipe, is_wanted: &dyn Fn(&Content<'_>) -> bool) -> bool {
    let mut visit = |content: &Content<'_>| if is_wanted(content) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    visit_contents(payload, recipe, &mut visit).is_break()
}

/// Whether a record is an aggregated one, or in parts, so that its item does not say.
fn may_hold_user_records(record: &Record) -> bool {
    let is_plain = record.place == Place::Item && record.item.encoding.is_none();
    if is_plain && !record.item.data.as_deref().is_some_and(may_be_aggregated) {
        return false;
    }
    match record.payload() {
        Some(payload) => payload.is_ok_and(|payload| Aggregate::parse(&payload).is_some()),
        None => true,
    }
}
