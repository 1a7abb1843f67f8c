//! Which items of a page match the filter. In a search nearly none do, so an item becomes a record only once its payload matches.
//! The parts of large records are read a few at a time. Payloads are checked outside the async workers, which must stay free to
//! handle a stop.

use crate::aws::connect::Connection;
use crate::aws::payload::read_payload;
use crate::aws::retry::with_retries;
use crate::delivery::Broken;
use crate::domain::decode::Recipe;
use crate::domain::failure::Failure;
use crate::domain::filter::{Answer, Matcher};
use crate::domain::reading::{ArchiveSource, ReadOrder};
use crate::domain::record::Record;
use crate::domain::record::payload::{NoPayload, Place};
use crate::off_workers::{Cancelled, off_workers};
use archiver::format::item::{Attributes, StoredItem};
use archiver::format::stream::StreamName;
use archiver::format::table::attribute;
use aws_sdk_dynamodb::types::AttributeValue;
use base64_simd::STANDARD;
use futures::StreamExt as _;
use jiff::Timestamp;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Most parts read at a time for one order; each has up to 400 KB, and takes the same again when decoded.
const PARTS_AT_ONCE: u32 = 40;
/// Split records checked at the same time for one page.
const SPLIT_RECORDS_AT_ONCE: usize = 8;

/// Checks items against a filter.
pub(super) struct PageMatcher {
    connection: Connection,
    stream: StreamName,
    looks: Arc<Looks>,
    parts: Semaphore,
}

/// The part that checks payloads.
struct Looks {
    matcher: Matcher,
    recipe: Recipe,
    now: Timestamp,
    includes_unreadable: bool,
}

/// What remains of a page.
#[derive(Debug, Default)]
pub(super) struct Matched {
    pub(super) records: Vec<Record>,
    /// Those that the filter could not read.
    pub(super) unsearchable: u64,
}

enum Verdict {
    Matches(Box<Record>),
    Differs,
    /// The filter's field cannot be read; with the record if it is included anyway.
    Unsearchable(Option<Box<Record>>),
    /// Its payload is in parts, and decides.
    InParts(Box<Record>),
}

impl PageMatcher {
    pub(super) fn new(connection: &Connection, source: &ArchiveSource, order: &ReadOrder, now: Timestamp) -> Self {
        Self {
            connection: connection.clone(),
            stream: source.stream.clone(),
            looks: Arc::new(Looks {
                matcher: order.filter.matcher(now),
                recipe: order.recipe.clone(),
                now,
                includes_unreadable: order.includes_unreadable,
            }),
            parts: Semaphore::new(PARTS_AT_ONCE as usize),
        }
    }

    /// The matching items, in order, and how many items the filter could not read.
    ///
    /// # Errors
    /// When parts cannot be read for now, or the result is no longer needed.
    pub(super) async fn pick(&self, items: Vec<Attributes>) -> Result<Matched, Broken> {
        let looks = Arc::clone(&self.looks);
        let verdicts = if looks.matcher.needs_payload() {
            off_workers(move |cancelled| looks.look_at_all(items, &cancelled)).await
        } else {
            looks.look_at_all(items, &Cancelled::never())
        };
        let undecided = verdicts.iter().any(|verdict| matches!(verdict, Verdict::InParts(_)));
        let decided: Vec<_> = if undecided {
            futures::stream::iter(verdicts).map(|verdict| self.decide(verdict)).buffered(SPLIT_RECORDS_AT_ONCE).collect().await
        } else {
            verdicts.into_iter().map(Ok).collect()
        };
        let mut sifted = Matched::default();
        for verdict in decided {
            match verdict? {
                Verdict::Matches(record) => sifted.records.push(*record),
                Verdict::Differs | Verdict::InParts(_) => {}
                Verdict::Unsearchable(record) => {
                    sifted.unsearchable += 1;
                    sifted.records.extend(record.map(|record| *record));
                }
            }
        }
        Ok(sifted)
    }

    /// Reads the parts if they decide.
    async fn decide(&self, verdict: Verdict) -> Result<Verdict, Failure> {
        let Verdict::InParts(record) = verdict else {
            return Ok(verdict);
        };
        let count = match &record.place {
            Place::Parts(parts) => parts.count.min(PARTS_AT_ONCE),
            Place::Item | Place::Unclear(_) => 1,
        };
        // The semaphore is never closed. Without a permit, only more parts would be read at once.
        let _turn = self.parts.acquire_many(count).await;
        let payload = with_retries(|| async {
            match read_payload(&self.connection, &self.stream, &record).await {
                Err(NoPayload::Failed(failure)) => Err(failure),
                payload => Ok(payload),
            }
        });
        let payload = payload.await?.ok();
        let looks = Arc::clone(&self.looks);
        Ok(off_workers(move |_| looks.judge(*record, payload.as_deref())).await)
    }
}

impl Looks {
    /// Checks items in order, unless the result is no longer needed. Parses the whole page at once, so that only matches stay in
    /// memory during a wait.
    fn look_at_all(&self, items: Vec<Attributes>, cancelled: &Cancelled) -> Vec<Verdict> {
        let mut payload = Vec::new();
        let mut verdicts = Vec::new();
        for item in items {
            if cancelled.is_so() {
                break;
            }
            match self.look_at(item, &mut payload) {
                Verdict::Differs => {}
                verdict => verdicts.push(verdict),
            }
        }
        verdicts
    }

    /// Checks one item. Reuses one buffer to decode nearly all payloads, and drops items at once.
    fn look_at(&self, item: Attributes, payload: &mut Vec<u8>) -> Verdict {
        let text = if self.matcher.needs_payload() { plain_data(&item) } else { None };
        let of_payload = text.and_then(|text| {
            payload.clear();
            STANDARD.decode_append(text, payload).ok().map(|_| self.matcher.of_payload(payload, &self.recipe))
        });
        if of_payload == Some(Answer::No) {
            return Verdict::Differs;
        }
        let record = Record::new(StoredItem::from_attributes(item));
        let of_item = self.matcher.of_item(&record, self.now);
        match (of_item, of_payload) {
            (Answer::No, _) => Verdict::Differs,
            (of_item, _) if !self.matcher.needs_payload() => self.verdict(record, of_item),
            (of_item, Some(of_payload)) => {
                let of_both = self.matcher.of_both(&record, Some(payload), &self.recipe);
                self.verdict(record, of_item.and(of_payload).and(of_both))
            }
            (_, None) => match record.payload() {
                Some(payload) => self.judge(record, payload.ok().as_deref()),
                None => Verdict::InParts(Box::new(record)),
            },
        }
    }

    fn judge(&self, record: Record, payload: Option<&[u8]>) -> Verdict {
        let answer = self.matcher.of_record(&record, payload, &self.recipe, self.now);
        self.verdict(record, answer)
    }

    fn verdict(&self, record: Record, answer: Answer) -> Verdict {
        match answer {
            Answer::Yes => Verdict::Matches(Box::new(record)),
            Answer::No => Verdict::Differs,
            Answer::Unknown => Verdict::Unsearchable(self.includes_unreadable.then(|| Box::new(record))),
        }
    }
}

/// The text of a payload that is stored whole in its item, like nearly all. Iterating over the few attributes is faster than four
/// lookups by name.
fn plain_data(item: &Attributes) -> Option<&str> {
    let mut data = None;
    for (name, value) in item {
        match (name.as_str(), value) {
            (attribute::RECORD_ENCODING | attribute::RECORD_PARTS | attribute::SUB_SEQUENCE_NUMBER, _) => return None,
            (attribute::RECORD_DATA, AttributeValue::S(text)) => data = Some(text.as_str()),
            _ => {}
        }
    }
    data
}
