//! A filter that is prepared for many records: hundreds of thousands per second, so cheap conditions come first and nothing is copied.
//! There are three answers: if the data for a condition is damaged, cut or missing, neither the condition nor its negation is met.

use super::answer::Answer;
use super::json::JsonTest;
use super::json_tree;
use super::pattern::{Pattern, TextPattern};
use super::values::{KeyPattern, Property, SequenceRange, ShardName, SizeRange};
use super::{RecordFilter, Test};
use crate::domain::decode::{self, Content, Opened, Recipe, open};
use crate::domain::record::Record;
use crate::domain::record::payload::Place;
use archiver::format::envelope::Envelope;
use archiver::format::table::{GZIP, attribute};
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
    /// Whether `is:unreadable` is negated, for each time that it is asked.
    unreadable: Vec<bool>,
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

    fn answer(&self, test: impl FnOnce(&T) -> Answer) -> Answer {
        test(&self.test).negated_if(self.is_negated)
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

    fn answer(&self, record: &Record, now: Timestamp) -> Answer {
        let item = &record.item;
        Answer::of(match self {
            Self::Parts if record.place == Place::Unclear(attribute::RECORD_PARTS) => return Answer::Unknown,
            Self::Gzip if record.place == Place::Unclear(attribute::RECORD_ENCODING) => return Answer::Unknown,
            Self::Parts => matches!(record.place, Place::Parts(_)),
            Self::Gzip => item.encoding.as_deref() == Some(GZIP),
            Self::Expired if record.has_unclear_expiry() => return Answer::Unknown,
            Self::Expired => item.expire_after.is_some_and(|expires| expires <= now.as_second()),
            Self::Shard(shard) => match &item.shard_id {
                Some(own) => own == shard.as_str(),
                None => return Answer::Unknown,
            },
            Self::Key(key) => key.matches(&item.partition_key),
            Self::Sequence(range) => match &item.sequence_number {
                Some(number) => range.contains(number),
                None => return Answer::Unknown,
            },
            Self::Damaged => {
                !item.problems.is_empty()
                    || record.arrived_at.is_none()
                    || record.stored_as().is_none()
                    || matches!(record.payload(), Some(Err(_)))
            }
        })
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

    fn answer(&self, content: &Content<'_>, is_negated: bool) -> Answer {
        match self {
            Self::Text(text) => found(content, |bytes| text.is_match(bytes)),
            Self::Regex(pattern) => found(content, |bytes| pattern.is_match(bytes)),
            Self::Json(json) => json.answer(content, is_negated),
        }
    }
}

/// Whether a content holds something: in its bytes, or in what is shown in their place. What is not found in a content that is not
/// whole, or is JSON that ends before it is complete, may be in the rest.
fn found(content: &Content<'_>, is_match: impl Fn(&[u8]) -> bool) -> Answer {
    if is_match(content.bytes()) || content.rendition().is_some_and(|rendition| is_match(rendition.as_bytes())) {
        return Answer::Yes;
    }
    if content.is_whole() && !json_tree::is_cut(content.bytes()) { Answer::No } else { Answer::Unknown }
}

/// Whether all say yes: ends at the first that says no.
fn all(answers: impl IntoIterator<Item = Answer>) -> Answer {
    let mut all = Answer::Yes;
    for answer in answers {
        match answer {
            Answer::No => return Answer::No,
            Answer::Unknown => all = Answer::Unknown,
            Answer::Yes => {}
        }
    }
    all
}

impl Matcher {
    pub(super) fn new(filter: &RecordFilter, now: Timestamp) -> Self {
        let mut matcher = Self {
            key: filter.key.clone(),
            after: filter.after(now),
            before: filter.before(now),
            items: Vec::new(),
            sizes: Vec::new(),
            user_keys: Vec::new(),
            payloads: Vec::new(),
            contents: Vec::new(),
            unreadable: Vec::new(),
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
            Test::Is(Property::Unreadable) => self.unreadable.push(is_negated),
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
        self.asks_payload() || !self.unreadable.is_empty()
    }

    /// Whether a payload that cannot be restored leaves a condition without an answer.
    fn asks_payload(&self) -> bool {
        !(self.sizes.is_empty() && self.user_keys.is_empty() && self.payloads.is_empty() && self.contents.is_empty())
    }

    /// The answer of the conditions that do not need the payload; the others count as met.
    #[must_use]
    pub fn of_item(&self, record: &Record, now: Timestamp) -> Answer {
        if self.key.as_ref().is_some_and(|key| !key.matches(&record.item.partition_key)) {
            return Answer::No;
        }
        let at = |holds: &dyn Fn(Timestamp) -> bool| record.arrived_at.map_or(Answer::Unknown, |at| Answer::of(holds(at)));
        let arrival = [self.after.map(|after| at(&|at| at >= after)), self.before.map(|before| at(&|at| at < before))];
        let items = self.items.iter().map(|asked| asked.answer(|test| test.answer(record, now)));
        let of_item = all(arrival.into_iter().flatten().chain(items));
        let may_have_user_key = || self.is_user_key(&record.item.partition_key) || may_hold_user_records(record);
        let asks_aggregated =
            || self.payloads.iter().any(|asked| matches!(asked.test, PayloadTest::Aggregated) && !asked.is_negated);
        let may_be_it = || may_have_user_key() && (!asks_aggregated() || may_hold_user_records(record));
        if of_item == Answer::No || !may_be_it() { Answer::No } else { of_item }
    }

    /// What the conditions on the payload come to; those on the content of one and the same innermost content. What takes the item as
    /// well, only [`Self::of_record`] can tell.
    #[must_use]
    pub fn of_payload(&self, payload: &[u8], recipe: &Recipe) -> Answer {
        let sizes = Answer::of(self.sizes.iter().all(|asked| asked.is_met(|range| range.contains(payload.len() as u64))));
        if sizes == Answer::No || self.user_keys.is_empty() && self.payloads.is_empty() && self.contents.is_empty() {
            return sizes;
        }
        let is_replay = || Answer::of(Envelope::detect(payload).is_some());
        let of_opened = |opened: &Opened<'_>| {
            all(self.payloads.iter().map(|asked| {
                asked.answer(|test| match test {
                    PayloadTest::Aggregated => is_aggregated(opened),
                    PayloadTest::Replay => is_replay(),
                })
            }))
        };
        if recipe.to_aggregate() == recipe {
            return open(payload, recipe, |opened| match of_opened(opened) {
                Answer::No => Answer::No,
                of_opened => of_opened.and(self.of_contents(opened)),
            });
        }
        // Steps that do not come to the aggregate cannot tell its user records apart.
        let of_opened = open(payload, recipe.to_aggregate(), |opened| match opened.aggregate() {
            Some(aggregate) if !aggregate.user_records().any(|record| self.is_user_key(record.partition_key)) => Answer::No,
            Some(_) | None => of_opened(opened),
        });
        match of_opened {
            Answer::No => Answer::No,
            of_opened => of_opened.and(open(payload, recipe, |opened| self.any_content(opened))),
        }
    }

    /// What all conditions come to, of a record with its payload; `None` where that cannot be restored.
    #[must_use]
    pub fn of_record(&self, record: &Record, payload: Option<&[u8]>, recipe: &Recipe, now: Timestamp) -> Answer {
        let of_item = self.of_item(record, now);
        if of_item == Answer::No || !self.needs_payload() {
            return of_item;
        }
        let of_payload = match payload {
            None if self.asks_payload() => Answer::Unknown,
            None => Answer::Yes,
            Some(payload) => self.of_payload(payload, recipe),
        };
        of_item.and(of_payload).and(self.of_both(record, payload, recipe))
    }

    /// The answer of the conditions that need both, given the answers of the others.
    #[must_use]
    pub fn of_both(&self, record: &Record, payload: Option<&[u8]>, recipe: &Recipe) -> Answer {
        let key = &record.item.partition_key;
        let of_key = match payload {
            Some(payload) if !self.user_keys.is_empty() => {
                open(payload, recipe.to_aggregate(), |opened| match opened.aggregate() {
                    Some(_) => Answer::Yes,
                    None if !opened.is_damaged_aggregate() => Answer::of(self.is_user_key(key)),
                    // Its own key is one that may be meant; those inside cannot be read.
                    None => all(self
                        .user_keys
                        .iter()
                        .map(|asked| asked.answer(|pattern| if pattern.matches(key) { Answer::Yes } else { Answer::Unknown }))),
                })
            }
            Some(_) | None => Answer::Yes,
        };
        if of_key == Answer::No || self.unreadable.is_empty() {
            return of_key;
        }
        let is_unreadable = record.has_unclear_item() || !payload.is_some_and(|payload| is_readable(payload, recipe));
        of_key.and(Answer::of(self.unreadable.iter().all(|is_negated| is_unreadable != *is_negated)))
    }

    /// What all conditions come to of a record whose item holds its payload; one that does not has none here.
    #[must_use]
    pub fn of_record_here(&self, record: &Record, recipe: &Recipe, now: Timestamp) -> Answer {
        let payload = if self.needs_payload() { record.payload().and_then(Result::ok) } else { None };
        self.of_record(record, payload.as_deref(), recipe, now)
    }

    /// What the conditions on keys and contents come to of each user record of an aggregated one, in their order; none of any other
    /// payload. Steps that do not come to the aggregate cannot tell its records apart.
    #[must_use]
    pub fn of_user_records(&self, payload: &[u8], recipe: &Recipe) -> Vec<Answer> {
        let tells_apart = recipe.to_aggregate() == recipe;
        let mut answers = Vec::new();
        let ended = open(payload, recipe.to_aggregate(), |opened| {
            opened.visit(&mut |record, content| {
                answers.extend(record.map(|record| match self.is_user_key(record.partition_key) {
                    true if tells_apart => self.of_content(content),
                    is_meant => Answer::of(is_meant),
                }));
                ControlFlow::Continue(())
            })
        });
        match ended {
            ControlFlow::Continue(()) | ControlFlow::Break(()) => answers,
        }
    }

    /// Whether the conditions on keys and contents are met by one of a payload's contents.
    fn of_contents(&self, opened: &Opened<'_>) -> Answer {
        match opened.aggregate() {
            Some(aggregate) if self.contents.is_empty() => {
                Answer::of(aggregate.user_records().any(|record| self.is_user_key(record.partition_key)))
            }
            Some(_) | None => self.any_content(opened),
        }
    }

    /// Whether the conditions on the content are met by one of a payload's contents; of an aggregate, of those whose keys are meant.
    fn any_content(&self, opened: &Opened<'_>) -> Answer {
        if self.contents.is_empty() {
            return Answer::Yes;
        }
        let mut any = Answer::No;
        let ended = opened.visit(&mut |record, content| {
            if record.is_none_or(|record| self.is_user_key(record.partition_key)) {
                any = any.or(self.of_content(content));
            }
            if any.is_yes() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if ended.is_break() { Answer::Yes } else { any }
    }

    fn of_content(&self, content: &Content<'_>) -> Answer {
        all(self.contents.iter().map(|asked| asked.answer(|test| test.answer(content, asked.is_negated))))
    }

    fn is_user_key(&self, key: &str) -> bool {
        self.user_keys.iter().all(|asked| asked.is_met(|pattern| pattern.matches(key)))
    }
}

fn is_aggregated(opened: &Opened<'_>) -> Answer {
    match opened.is_damaged_aggregate() {
        true => Answer::Unknown,
        false => Answer::of(opened.aggregate().is_some()),
    }
}

/// Whether every content of a payload can be read to its end, also as JSON where it looks like that.
fn is_readable(payload: &[u8], recipe: &Recipe) -> bool {
    let is_open = |opened: &Opened<'_>| !opened.is_damaged_aggregate();
    let are_read = open(payload, recipe, |opened| {
        let ended = opened.visit(&mut |_, content| {
            let is_broken = || json_tree::looks_like_json(content.bytes()) && !json_tree::is_json(content.bytes());
            if !content.is_whole() || is_broken() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        is_open(opened) && ended.is_continue()
    });
    are_read && (recipe.to_aggregate() == recipe || open(payload, recipe.to_aggregate(), is_open))
}

/// Whether a record is an aggregated one, as far as its item says.
fn may_hold_user_records(record: &Record) -> bool {
    let is_plain = record.place == Place::Item && record.item.encoding.is_none();
    !is_plain || record.item.data.as_deref().is_none_or(decode::may_hold_user_records)
}
