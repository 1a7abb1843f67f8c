//! What of a page matches the filter. Nearly nothing does where somebody searches, so an item is made into a record only when its
//! payload is known to match; the parts of those too large for an item are read, a bounded number at a time.

use crate::aws::connect::Connection;
use crate::aws::patience::patiently;
use crate::aws::payload::read_payload;
use crate::domain::decode::Recipe;
use crate::domain::failure::Failure;
use crate::domain::filter::Matcher;
use crate::domain::payload::{NoPayload, Place};
use crate::domain::reading::{ArchiveSource, ReadOrder};
use crate::domain::record::Record;
use archiver::item::{Attributes, StoredItem};
use archiver::stream::StreamName;
use archiver::table::attribute;
use aws_sdk_dynamodb::types::AttributeValue;
use base64_simd::STANDARD;
use futures::StreamExt as _;
use jiff::Timestamp;
use tokio::sync::Semaphore;

/// Parts read at a time by all who read one order; each is up to 400 KB, and as much again when it is decoded.
const PARTS_AT_ONCE: u32 = 40;
/// Records in parts looked at side by side for one page.
const SPLIT_RECORDS_AT_ONCE: usize = 8;

/// Holds items against a filter.
pub(super) struct Sieve {
    connection: Connection,
    stream: StreamName,
    matcher: Matcher,
    recipe: Recipe,
    now: Timestamp,
    parts: Semaphore,
}

enum Verdict {
    Matches(Box<Record>),
    Differs,
    /// The filter asks for the payload, and there is none.
    Unsearchable,
    /// Its payload is in parts, and decides.
    InParts(Box<Record>),
}

impl Sieve {
    pub(super) fn new(connection: &Connection, source: &ArchiveSource, order: &ReadOrder) -> Self {
        Self {
            connection: connection.clone(),
            stream: source.stream.clone(),
            matcher: order.filter.matcher(),
            recipe: order.recipe.clone(),
            now: Timestamp::now(),
            parts: Semaphore::new(PARTS_AT_ONCE as usize),
        }
    }

    /// What of these items matches, in their order, and how many of them have a payload that the filter asks for and that cannot be
    /// restored.
    ///
    /// # Errors
    /// When parts cannot be read for now.
    pub(super) async fn sift(&self, items: Vec<Attributes>) -> Result<(Vec<Record>, u64), Failure> {
        // All of a page is parsed here at once, and only what matched is still in memory when this first waits.
        let (mut undecided, mut unsearchable) = (false, 0);
        let mut verdicts = Vec::new();
        let mut payload = Vec::new();
        for item in items {
            match self.look_at(item, &mut payload) {
                Verdict::Differs => {}
                Verdict::Unsearchable => unsearchable += 1,
                verdict => {
                    undecided |= matches!(verdict, Verdict::InParts(_));
                    verdicts.push(verdict);
                }
            }
        }
        let decided: Vec<_> = if undecided {
            futures::stream::iter(verdicts).map(|verdict| self.decide(verdict)).buffered(SPLIT_RECORDS_AT_ONCE).collect().await
        } else {
            verdicts.into_iter().map(Ok).collect()
        };
        let mut records = Vec::with_capacity(decided.len());
        for verdict in decided {
            match verdict? {
                Verdict::Matches(record) => records.push(*record),
                Verdict::Differs | Verdict::InParts(_) => {}
                Verdict::Unsearchable => unsearchable += 1,
            }
        }
        Ok((records, unsearchable))
    }

    /// Looks at what the item holds. Nearly all payloads are decoded into the one buffer, and their items dropped as they came.
    fn look_at(&self, item: Attributes, payload: &mut Vec<u8>) -> Verdict {
        let is_known_to_match = match plain_data(&item).filter(|_| self.matcher.needs_payload()) {
            Some(text) => {
                payload.clear();
                match STANDARD.decode_append(text, payload) {
                    Ok(_) if !self.matcher.matches_payload(payload, &self.recipe) => return Verdict::Differs,
                    Ok(_) => true,
                    Err(_) => false,
                }
            }
            None => !self.matcher.needs_payload(),
        };
        let record = Record::new(StoredItem::from_attributes(item));
        if !self.matcher.matches_item(&record, self.now) {
            return Verdict::Differs;
        }
        if is_known_to_match {
            return Verdict::Matches(Box::new(record));
        }
        match record.payload() {
            Some(payload) => self.judge(record, payload),
            None => Verdict::InParts(Box::new(record)),
        }
    }

    fn judge<E>(&self, record: Record, payload: Result<Vec<u8>, E>) -> Verdict {
        match payload {
            Ok(payload) if self.matcher.matches_payload_of(&record, &payload, &self.recipe) => Verdict::Matches(Box::new(record)),
            Ok(_) => Verdict::Differs,
            Err(_) => Verdict::Unsearchable,
        }
    }

    /// Reads the parts where they decide.
    async fn decide(&self, verdict: Verdict) -> Result<Verdict, Failure> {
        let Verdict::InParts(record) = verdict else {
            return Ok(verdict);
        };
        let count = match &record.place {
            Place::Parts(parts) => parts.count.min(PARTS_AT_ONCE),
            Place::Item | Place::Unclear(_) => 1,
        };
        // The semaphore is never closed, and without a permit there would only be more at once.
        let _turn = self.parts.acquire_many(count).await;
        let payload = patiently(|| async {
            match read_payload(&self.connection, &self.stream, &record).await {
                Err(NoPayload::Failed(failure)) => Err(failure),
                payload => Ok(payload),
            }
        });
        let payload = payload.await?;
        Ok(self.judge(*record, payload))
    }
}

/// The text of a payload that stands in its item as it is, which nearly all do. Going through the few attributes takes less time than
/// asking for four of them by name.
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
