//! Filters records that were already read: the spool answers instead of the archive. Only payloads in parts need calls.

use super::outbox::Outbox;
use crate::app::ids::RequestId;
use crate::app::message::{FoundRecords, Message, ReadEnd, RecordsMessage, Reply};
use crate::aws::connect::Connection;
use crate::domain::failure::Failure;
use crate::domain::filter::{Answer, Matcher};
use crate::domain::listing::entry::Entry;
use crate::domain::reading::picking::PickOrder;
use crate::domain::reading::{Position, ReadEnding, ReadProgress};
use crate::domain::record::Record;
use crate::effects::spools::SharedSpool;
use crate::off_workers::{Cancelled, off_workers};
use crate::sources::PayloadSource;
use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::watch;

/// Records checked between two messages.
const RECORDS_AT_ONCE: usize = 2_000;
/// Split records checked at the same time.
const SPLIT_RECORDS_AT_ONCE: usize = 4;

/// Which of some records match, and which need their parts first.
#[derive(Default)]
struct Looked {
    matched: Vec<Entry>,
    bytes: u64,
    unsearchable: u64,
    in_parts: Vec<(Entry, Record)>,
}

struct Picker {
    spool: SharedSpool,
    payloads: PayloadSource,
    matcher: Matcher,
    order: PickOrder,
    now: Timestamp,
}

/// Picks matching records, and reports them like a reading.
pub(super) async fn pick(
    connection: Connection,
    request: RequestId,
    spool: SharedSpool,
    order: PickOrder,
    outbox: Outbox,
    mut stopped: watch::Receiver<bool>,
) {
    let now = Timestamp::now();
    let payloads = PayloadSource::of_stream(&connection, order.stream.as_ref());
    let picker = Picker { spool, payloads, matcher: order.filter.matcher(now), order, now };
    let ending = tokio::select! {
        // An error means that the sender was dropped, which is also a reason to stop.
        _ = stopped.wait_for(|stops| *stops) => ReadEnding::Stopped(Position::Beginning),
        picked = pick_all(request, picker, &outbox) => match picked {
            Ok(()) => ReadEnding::Complete,
            Err(failure) => ReadEnding::Failed(failure, Position::Beginning),
        },
    };
    outbox.send(Message::Records(RecordsMessage::ReadEnded(Reply { request, result: ReadEnd { ending, is_full: false } }))).await;
}

async fn pick_all(request: RequestId, mut picker: Picker, outbox: &Outbox) -> Result<(), Failure> {
    let started = Instant::now();
    let shards = picker.spool.shards();
    let mut entries = std::mem::take(&mut picker.order.entries);
    // In the order in which they are on disk.
    entries.sort_by_key(Entry::place);
    let picker = Arc::new(picker);
    let mut progress = ReadProgress::default();
    for chunk in entries.chunks(RECORDS_AT_ONCE) {
        let (at_work, chunk) = (Arc::clone(&picker), chunk.to_vec());
        progress.read += chunk.len() as u64;
        let mut looked = off_workers(move |cancelled| at_work.look(&chunk, &cancelled)).await?;
        let in_parts = std::mem::take(&mut looked.in_parts);
        let answers = futures::stream::iter(in_parts).map(|(entry, record)| picker.look_at_parts(entry, record));
        let answers: Vec<(Entry, Record, Answer)> = answers.buffered(SPLIT_RECORDS_AT_ONCE).try_collect().await?;
        for (entry, record, answer) in answers {
            looked.take(entry, &record, answer);
        }
        progress.matched += looked.matched.len() as u64;
        progress.matched_bytes += looked.bytes;
        progress.unsearchable += looked.unsearchable;
        let (entries, shards, elapsed) = (looked.matched, Arc::clone(&shards), started.elapsed());
        outbox
            .send(Message::Records(RecordsMessage::Read(Reply {
                request,
                result: FoundRecords { entries, shards, progress, elapsed },
            })))
            .await;
    }
    Ok(())
}

impl Picker {
    /// Checks records in the spool; returns those that need their parts first.
    fn look(&self, entries: &[Entry], cancelled: &Cancelled) -> Result<Looked, Failure> {
        let mut looked = Looked::default();
        for entry in entries {
            if cancelled.is_so() {
                break;
            }
            let record = self.spool.get(entry.place())?;
            let needs_parts = self.matcher.needs_payload() && record.payload().is_none();
            if needs_parts && self.matcher.of_item(&record, self.now) != Answer::No {
                looked.in_parts.push((*entry, record));
                continue;
            }
            let answer = self.matcher.of_record_here(&record, &self.order.recipe, self.now);
            looked.take(*entry, &record, answer);
        }
        Ok(looked)
    }

    async fn look_at_parts(&self, entry: Entry, record: Record) -> Result<(Entry, Record, Answer), Failure> {
        let payload = self.payloads.payload_of(&record).await?.ok();
        let (matcher, recipe, now) = (self.matcher.clone(), self.order.recipe.clone(), self.now);
        Ok(off_workers(move |_| {
            let answer = matcher.of_record(&record, payload.as_deref(), &recipe, now);
            (entry, record, answer)
        })
        .await)
    }
}

impl Looked {
    fn take(&mut self, entry: Entry, record: &Record, answer: Answer) {
        match answer {
            Answer::Yes => {
                self.matched.push(entry);
                self.bytes += record.payload_size.unwrap_or(0);
            }
            Answer::No => {}
            Answer::Unknown => self.unsearchable += 1,
        }
    }
}
