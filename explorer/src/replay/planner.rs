//! Creates a plan: reads the selected records, unpacks aggregated ones, restores compressed and split payloads, and writes
//! everything to the plan's file. Memory holds only a few pages.

use super::{of_file, on_disk};
use crate::aws::connect::Connection;
use crate::aws::streams;
use crate::domain::decode::Recipe;
use crate::domain::failure::Failure;
use crate::domain::filter::{Answer, Matcher, RecordFilter};
use crate::domain::reading::{Position, ReadOrder, ReadProgress, Source};
use crate::domain::record::Record;
use crate::domain::record::payload::NoPayload;
use crate::domain::replay::nothing::Nothing;
use crate::domain::replay::plan::{PlanCounts, PlanId, PlanSummary};
use crate::domain::replay::progress::PlanProgress;
use crate::domain::replay::{ReplayOrder, Selection};
use crate::off_workers::off_workers;
use crate::plans::{Draft, DraftOrder, PlanError, PlanFile, PlannedRecord, Plans};
use crate::sources::{OpenedSource, PayloadSource};
use archiver::format::aggregate::Aggregate;
use archiver::format::item::StoredItem;
use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// Most pages that wait to be unpacked, and to be written.
const PAGES_WAITING: usize = 2;
/// Most split records whose payloads are read at the same time; each has up to 10 MiB.
const PARTS_AT_ONCE: usize = 4;
/// Bytes of payload that are handed over for writing at a time; one more record may exceed this.
const PIECE_BYTES: usize = 4 * 1024 * 1024;
/// Marked records handed over at a time.
const MARKED_AT_ONCE: usize = 256;
/// How often the planner checks for a request to cancel.
const WISH_INTERVAL: Duration = Duration::from_millis(500);

/// Records that were read and are ready to be written.
struct Page {
    records: Vec<PlannedRecord>,
    counts: PlanCounts,
    share: f64,
}

/// The filter for user records.
struct Looks {
    matcher: Matcher,
    recipe: Recipe,
    includes_unreadable: bool,
}

/// Turns records into planned ones, as the order says.
struct Taker<'o> {
    source: &'o OpenedSource,
    payloads: PayloadSource,
    order: &'o ReplayOrder,
    /// Selects the wanted user records of an aggregated record.
    looks: Option<Arc<Looks>>,
    now: Timestamp,
    counts: PlanCounts,
    /// User records that the filter could not read.
    unsearchable_user_records: u64,
    /// Bytes of payload that are ready but not handed over yet.
    taken_bytes: usize,
}

/// The result of creating a plan.
#[derive(Debug)]
pub enum Planned {
    /// A plan that can run.
    Ready(PlanFile),
    /// No record can be put; the plan was deleted.
    Nothing(Box<Nothing>),
    /// It was stopped before everything was read; the plan was deleted.
    Stopped,
}

/// Creates a plan. Publishes its id as soon as it has one.
///
/// # Errors
/// When the source cannot be read, the target does not exist, or the file cannot be written.
pub async fn plan(
    connection: &Connection,
    plans: &Plans,
    order: ReplayOrder,
    progress: watch::Sender<(Option<PlanId>, PlanProgress)>,
    stop: watch::Receiver<bool>,
) -> Result<Planned, Failure> {
    let source = OpenedSource::open(connection, &order.source).await?;
    plan_from(connection, plans, (order, source), progress, stop).await
}

/// Creates a plan from an open source.
///
/// # Errors
/// As for [`plan`].
pub async fn plan_from(
    connection: &Connection,
    plans: &Plans,
    (mut order, opened): (ReplayOrder, OpenedSource),
    progress: watch::Sender<(Option<PlanId>, PlanProgress)>,
    stop: watch::Receiver<bool>,
) -> Result<Planned, Failure> {
    if let (None, OpenedSource::File(file)) = (&order.stream, &opened) {
        order.stream = file.origin().await?;
    }
    check(&order)?;
    let now = Timestamp::now();
    if let Selection::Matching(matching) = &mut order.selection {
        matching.filter = matching.filter.fixed(now);
    }
    let target = streams::overview(connection, &order.target).await?;
    let source = match &order.source {
        Source::Archive(archive) => archive.table.clone(),
        Source::File(path) => path.display().to_string(),
    };
    let order = Arc::new(order);
    let (pages, waiting) = mpsc::channel(PAGES_WAITING);
    let writing = {
        let (order, plans) = (Arc::clone(&order), plans.clone());
        let write = move || write(&plans, &order, &source, &target.arn, waiting, &progress);
        tokio::task::spawn_blocking(write)
    };
    let mut taker = Taker {
        source: &opened,
        payloads: PayloadSource::of_stream(connection, order.stream.as_ref()),
        order: &order,
        looks: looks_of(&order, now).map(Arc::new),
        now,
        counts: PlanCounts::default(),
        unsearchable_user_records: 0,
        taken_bytes: 0,
    };
    // If writing fails, nothing takes pages any more, and reading ends.
    let read = match &order.selection {
        Selection::Marked(records) => taker.take_marked(records, &pages, stop).await,
        Selection::Matching(_) => taker.read(&pages, stop).await,
    };
    drop(pages);
    let written = writing.await.map_err(|error| Failure::refused("plan a replay", error.to_string()))?;
    let (draft, counts, is_unwanted) = written.map_err(|error| of_file("plan a replay", &error))?;
    match read {
        Ok(true) if !is_unwanted => {
            let file = on_disk("sort a plan", move || draft.finish(counts)).await?;
            on_disk("check a plan", move || unless_nothing(file)).await
        }
        unfinished => {
            on_disk("delete an unfinished plan", move || draft.discard()).await?;
            unfinished.map(|_| Planned::Stopped)
        }
    }
}

/// Deletes a plan without a record to put.
fn unless_nothing(file: PlanFile) -> Result<Planned, PlanError> {
    /// Records that cannot be put; the plan says why.
    const LISTED: usize = 10;
    let plan = file.summary()?;
    if plan.counts.records > 0 {
        return Ok(Planned::Ready(file));
    }
    let passed_over = file.passed_over(LISTED)?;
    file.remove()?;
    let PlanSummary { source, stream, selection, target, counts, .. } = plan;
    Ok(Planned::Nothing(Box::new(Nothing { source, stream, selection, target, counts, passed_over })))
}

/// What can be refused before anything is read.
fn check(order: &ReplayOrder) -> Result<(), Failure> {
    let refused = |detail: &str| Err(Failure::refused("plan a replay", detail));
    if order.options.envelope.is_some() && order.stream.is_none() {
        return refused(
            "an envelope needs the stream that records come from, and the file does not name it; leave the envelope out",
        );
    }
    if let (Selection::Matching(matching), Source::Archive(archive)) = (&order.selection, &order.source)
        && matching.state_as_of.is_some()
        && archive.mode == archiver::format::settings::ArchiveMode::Latest
    {
        return refused("an archive of mode LATEST has no earlier state; only an archive of mode ALL has the state as of a time");
    }
    Ok(())
}

fn looks_of(order: &ReplayOrder, now: Timestamp) -> Option<Looks> {
    match &order.selection {
        Selection::Matching(matching) => {
            let (matcher, recipe) = (matching.filter.matcher(now), matching.recipe.clone());
            matcher.needs_payload().then_some(Looks { matcher, recipe, includes_unreadable: matching.include_unreadable })
        }
        Selection::Marked(_) => None,
    }
}

/// What to read to find the records.
fn read_order(order: &ReplayOrder, now: Timestamp) -> ReadOrder {
    let (filter, recipe, includes_unreadable) = match &order.selection {
        Selection::Marked(_) => (RecordFilter::default(), Recipe::default(), false),
        Selection::Matching(matching) => {
            let filter = match matching.state_as_of {
                // The last millisecond counts too.
                Some(at) => {
                    let end = at + SignedDuration::from_millis(1);
                    let before = matching.filter.before(now).map_or(end, |before| before.min(end));
                    matching.filter.clone().with_before(before)
                }
                None => matching.filter.clone(),
            };
            (filter, matching.recipe.clone(), matching.include_unreadable)
        }
    };
    ReadOrder { source: order.source.clone(), filter, recipe, includes_unreadable, from: Position::Beginning }
}

impl Taker<'_> {
    /// Reads the source; returns whether it came to the end.
    async fn read(&mut self, pages: &mpsc::Sender<Page>, stop: watch::Receiver<bool>) -> Result<bool, Failure> {
        let order = read_order(self.order, self.now);
        let mut stopped = stop.clone();
        let reading = self.source.read_into(&order, stop, |mut batches| async move {
            let taking = async {
                while let Some(batch) = batches.recv().await {
                    self.count(&batch.progress);
                    if !self.hand_over(batch.records, share(&batch.progress), pages).await? {
                        break;
                    }
                }
                Ok(true)
            };
            tokio::select! {
                _ = stopped.wait_for(|stops| *stops) => Ok(false),
                taken = taking => taken,
            }
        });
        match reading.await? {
            (ending, true) => ending.is_complete(),
            (_, false) => Ok(false),
        }
    }

    async fn take_marked(
        &mut self,
        records: &[Arc<Record>],
        pages: &mpsc::Sender<Page>,
        stop: watch::Receiver<bool>,
    ) -> Result<bool, Failure> {
        let (mut taken, all) = (0.0, records.len().max(1));
        for chunk in records.chunks(MARKED_AT_ONCE) {
            if *stop.borrow() {
                return Ok(false);
            }
            self.counts.read += chunk.len() as u64;
            #[allow(clippy::cast_precision_loss, reason = "an approximate share is enough")]
            let share = {
                taken += chunk.len() as f64;
                taken / all as f64
            };
            let records = chunk.iter().map(|record| Record::clone(record)).collect();
            if !self.hand_over(records, share, pages).await? {
                return Ok(true);
            }
        }
        Ok(true)
    }

    fn count(&mut self, progress: &ReadProgress) {
        self.counts.read = progress.read;
        self.counts.read_units = progress.units;
        // A line that is not a record may have been a wanted one.
        self.counts.unsearchable = progress.unsearchable + progress.bad_lines.count + self.unsearchable_user_records;
    }

    /// Prepares records and hands them over, in pieces of some megabytes; false if nothing takes them any more.
    async fn hand_over(&mut self, records: Vec<Record>, share: f64, pages: &mpsc::Sender<Page>) -> Result<bool, Failure> {
        let payloads = self.payloads.clone();
        let mut taken = Vec::with_capacity(records.len());
        // Split records are read at the same time; all others have their payloads already.
        let mut in_parts = Vec::new();
        for record in records {
            if !self.is_wanted(&record) {
                continue;
            }
            match record.payload() {
                Some(payload) => self.take(record, payload, &mut taken).await,
                None => in_parts.push(record),
            }
            if self.taken_bytes >= PIECE_BYTES && !self.send(&mut taken, share, pages).await {
                return Ok(false);
            }
        }
        let load = |record| async {
            let payload = payloads.payload_of(&record).await;
            (record, payload)
        };
        let mut loading = futures::stream::iter(in_parts).map(load).buffered(PARTS_AT_ONCE);
        while let Some((record, payload)) = loading.next().await {
            self.take(record, payload?, &mut taken).await;
            if self.taken_bytes >= PIECE_BYTES && !self.send(&mut taken, share, pages).await {
                return Ok(false);
            }
        }
        Ok(self.send(&mut taken, share, pages).await)
    }

    /// Hands over what is ready; false if nothing takes it any more.
    async fn send(&mut self, taken: &mut Vec<PlannedRecord>, share: f64, pages: &mpsc::Sender<Page>) -> bool {
        self.taken_bytes = 0;
        pages.send(Page { records: std::mem::take(taken), counts: self.counts, share }).await.is_ok()
    }

    fn is_wanted(&mut self, record: &Record) -> bool {
        if let Selection::Matching(matching) = &self.order.selection
            && matching.except.contains(&record.id)
        {
            return false;
        }
        let is_expired = record.item.expire_after.is_some_and(|expires| expires <= self.now.as_second());
        if is_expired && !self.order.include_expired {
            self.counts.expired_left_out += 1;
            return false;
        }
        true
    }

    async fn take(&mut self, record: Record, payload: Result<Vec<u8>, NoPayload>, taken: &mut Vec<PlannedRecord>) {
        let item = record.item;
        let payload = match payload {
            Ok(payload) => {
                self.taken_bytes += payload.len();
                // A user record was already unpacked when it was archived.
                let can_be_aggregated = !self.order.keep_aggregated && item.sub_sequence_number.is_none();
                if can_be_aggregated && Aggregate::parse(&payload).is_some() {
                    return self.take_apart(&item, payload, taken).await;
                }
                Ok(payload)
            }
            Err(reason) => Err(reason.to_string()),
        };
        taken.push(PlannedRecord {
            partition_key: item.partition_key,
            explicit_hash_key: None,
            sequence_number: item.sequence_number,
            sub_sequence_number: item.sub_sequence_number,
            shard_id: item.shard_id,
            arrival: item.arrival,
            payload,
        });
    }

    /// Adds the wanted user records of an aggregated one.
    async fn take_apart(&mut self, item: &StoredItem, payload: Vec<u8>, taken: &mut Vec<PlannedRecord>) {
        self.counts.aggregated += 1;
        let (payload, answers) = match &self.looks {
            Some(looks) => {
                let looks = Arc::clone(looks);
                off_workers(move |_| {
                    let answers = looks.at(&payload);
                    (payload, Some(answers))
                })
                .await
            }
            None => (payload, None),
        };
        let user_records =
            Aggregate::parse(&payload).into_iter().flat_map(|aggregate| aggregate.user_records().collect::<Vec<_>>());
        for (place, user_record) in user_records.enumerate() {
            let answer = answers.as_ref().and_then(|answers| answers.get(place)).copied().unwrap_or(Answer::Yes);
            let includes_unreadable = self.looks.as_ref().is_some_and(|looks| looks.includes_unreadable);
            match answer {
                Answer::Yes => {}
                Answer::No => continue,
                Answer::Unknown => {
                    self.unsearchable_user_records += 1;
                    self.counts.unsearchable += 1;
                    if !includes_unreadable {
                        continue;
                    }
                }
            }
            self.counts.user_records += 1;
            taken.push(PlannedRecord {
                partition_key: user_record.partition_key.to_owned(),
                explicit_hash_key: user_record.explicit_hash_key.map(str::to_owned),
                sequence_number: item.sequence_number.clone(),
                sub_sequence_number: Some(user_record.sub_sequence_number),
                shard_id: item.shard_id.clone(),
                arrival: item.arrival.clone(),
                payload: Ok(user_record.data.to_vec()),
            });
        }
    }
}

impl Looks {
    /// What the filter says about each user record of an aggregated one.
    fn at(&self, payload: &[u8]) -> Vec<Answer> {
        self.matcher.of_user_records(payload, &self.recipe)
    }
}

#[allow(clippy::cast_precision_loss, reason = "an approximate share is enough")]
fn share(progress: &ReadProgress) -> f64 {
    progress.segments_done as f64 / progress.segments.max(1) as f64
}

/// Writes pages as they come. Returns the draft, what reading has counted, and whether another process asked to cancel.
fn write(
    plans: &Plans,
    order: &ReplayOrder,
    source: &str,
    target_arn: &str,
    mut pages: mpsc::Receiver<Page>,
    progress: &watch::Sender<(Option<PlanId>, PlanProgress)>,
) -> Result<(Draft, PlanCounts, bool), PlanError> {
    let mut draft = Draft::begin(plans, DraftOrder { order, source, target_arn, now: Timestamp::now() })?;
    match fill(&mut draft, &mut pages, progress) {
        Ok((counts, is_unwanted)) => Ok((draft, counts, is_unwanted)),
        Err(error) => {
            // On a full disk this also frees space.
            if let Err(error) = draft.discard() {
                tracing::warn!(%error, "cannot delete an unfinished plan");
            }
            Err(error)
        }
    }
}

/// Adds pages to a draft as they come. Returns what reading has counted, and whether another process asked to cancel.
fn fill(
    draft: &mut Draft,
    pages: &mut mpsc::Receiver<Page>,
    progress: &watch::Sender<(Option<PlanId>, PlanProgress)>,
) -> Result<(PlanCounts, bool), PlanError> {
    let id = draft.file().id().clone();
    let mut counts = PlanCounts::default();
    let mut looked_at = Instant::now();
    let tell = |counts: &PlanCounts, draft: &Draft, share, is_sorting| {
        let in_it = draft.counts();
        let told = PlanProgress {
            read: counts.read,
            planned: in_it.records,
            bytes: in_it.bytes,
            expired: counts.expired_left_out,
            units: counts.read_units,
            share,
            is_sorting,
        };
        progress.send_replace((Some(id.clone()), told));
    };
    tell(&counts, draft, 0.0, false);
    while let Some(page) = pages.blocking_recv() {
        for record in page.records {
            draft.add(record)?;
        }
        counts = page.counts;
        tell(&counts, draft, page.share, false);
        if looked_at.elapsed() >= WISH_INTERVAL {
            looked_at = Instant::now();
            if draft.is_unwanted()? {
                return Ok((counts, true));
            }
        }
    }
    tell(&counts, draft, 1.0, true);
    Ok((counts, false))
}
