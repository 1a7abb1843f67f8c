//! Runs a plan: feeds the lanes from its file, sends the batches that they form, settles each result once it is written down, and
//! reports progress. Ends when all is settled, on request, or when nothing more can be sent.

use super::on_disk;
use super::send::{Sender, Sent, Wrapping};
use super::worker::Worker;
use crate::aws::connect::Connection;
use crate::aws::{shards, streams};
use crate::domain::failure::Failure;
use crate::domain::replay::hash_key::ShardMap;
use crate::domain::replay::lanes::{Batch, LaneOptions, Lanes, PutResult, QueuedRecord};
use crate::domain::replay::plan::{Control, PlanState, PlanSummary, RunRecord};
use crate::domain::replay::progress::{LaneProgress, Progress, RunOutcome, Wait};
use crate::domain::replay::timing::{Schedule, TOO_LONG, Timing, too_long};
use crate::domain::text::count;
use crate::domain::time::span;
use crate::plans::{Journal, PlanError, PlanFile, QueueReader, RunEnd};
use archiver::aws::failure::{AwsFailure, FailureKind};
use archiver::format::stream::StreamName;
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Most batches in flight, including those being written down. A run that is killed may send these twice.
pub const BATCHES_IN_FLIGHT: usize = 16;
/// Most bytes of records in flight; one more batch may exceed this. Each record is in memory in several forms.
const BYTES_IN_FLIGHT: u64 = 6 * 1024 * 1024;
/// Between two updates of the progress.
const UPDATE_INTERVAL: Duration = Duration::from_millis(100);
/// How often the target and its shards are read when nothing suggests that they have changed.
const SHARDS_INTERVAL: Duration = Duration::from_secs(30);
/// The least time between two reads of the shards, whatever suggests that they have changed.
const SHARDS_INTERVAL_AT_LEAST: Duration = Duration::from_secs(2);
/// Between two attempts to describe the target once everything is sent.
const CONFIRM_INTERVAL: Duration = Duration::from_secs(2);
/// Longest sleep before the lanes are asked again.
const LONGEST_SLEEP: Duration = Duration::from_secs(24 * 3_600);
/// Pauses between two arrivals are reported from this length on.
const TOLD_WAIT: Duration = Duration::from_secs(1);
/// How long a lane's rate looks back.
const RATE_WINDOW: Duration = Duration::from_secs(5);

/// Runs or resumes a plan as it was confirmed. When asked to stop, it waits for what is in flight. Fails when the target has taken
/// nothing for `patience`, although it was asked.
///
/// # Errors
/// When it cannot begin: the plan cannot run, another process runs it, or the target no longer exists. Then nothing was sent.
pub async fn run(
    connection: &Connection,
    file: &PlanFile,
    plan: PlanSummary,
    patience: Duration,
    updates: watch::Sender<Progress>,
    asked: watch::Receiver<Option<Control>>,
) -> Result<RunOutcome, Failure> {
    let operation = format!("run replay {}", file.id());
    check(&plan)?;
    if let Some(time) = plan.recorded_time().filter(|time| *time > TOO_LONG) {
        return Err(Failure::refused(operation, too_long(time)));
    }
    let name = plan.target.parse::<StreamName>().map_err(|error| Failure::refused(&operation, error.to_string()))?;
    let ((overview, facts), map) =
        tokio::try_join!(streams::overview_and_facts(connection, &name), shards::map(connection, &name))?;
    if overview.arn != plan.target_arn {
        let detail = format!(
            "it was planned for {}, but the target here is {}; choose its --profile and --region",
            plan.target_arn, overview.arn
        );
        return Err(Failure::refused(operation, detail));
    }
    let is_another = |run: &RunRecord| run.target_created_at.zip(facts.created_at).is_some_and(|(before, now)| before != now);
    if plan.runs.iter().any(is_another) {
        let detail =
            format!("stream {name} was deleted and recreated since the replay began, so what was sent is lost; plan it again");
        return Err(Failure::refused(operation, detail));
    }
    let begun = {
        let (file, shards) = (file.clone(), map.clone());
        on_disk(&operation, move || begin(&file, &shards, &plan, facts.created_at)).await?
    };
    let Begun { journal, plan, reader, first_left, left } = begun;
    let library = Worker::start("replay", reader).map_err(|error| Failure::refused(&operation, error.to_string()))?;
    let sender = Arc::new(Sender {
        connection: connection.clone(),
        target: name,
        max_record_bytes: overview.max_record_bytes,
        wrapping: Wrapping::of(&plan),
        pen: journal.pen(),
        library,
    });
    let schedule = match plan.options.timing {
        Timing::AsFast => None,
        Timing::AsRecorded(factor) => first_left.map(|first_arrival| Schedule { first_arrival, begins: Duration::ZERO, factor }),
    };
    let options = LaneOptions { sequence: plan.options.sequence, rate: plan.options.rate, schedule };
    let progress = Progress {
        total: plan.counts.records,
        acknowledged: plan.acknowledged,
        passed_over: plan.passed_over,
        bytes: plan.acknowledged_bytes,
        maybe_repeated: plan.maybe_repeated,
        ..Progress::default()
    };
    let run = Run {
        sender,
        file: file.clone(),
        lanes: Lanes::new(options, map.clone(), Duration::ZERO),
        map: Arc::new(map),
        feeds: Feeds::default(),
        sending: JoinSet::new(),
        batches_in_flight: 0,
        bytes_in_flight: 0,
        unsure: HashSet::new(),
        rates: HashMap::new(),
        left,
        progress,
        started: Instant::now(),
        told_at: Duration::ZERO,
        taken_at: Duration::ZERO,
        listed_at: Duration::ZERO,
        is_listing: false,
        suspects_reshard: false,
        target: TargetSeen { created_at: facts.created_at, acknowledged: plan.acknowledged, is_confirmed: false },
        patience,
        stop: None,
        updates,
    };
    run.finish(journal, asked).await
}

/// Checks that a plan can run.
///
/// # Errors
/// Says why it cannot.
pub fn check(plan: &PlanSummary) -> Result<(), Failure> {
    match plan.refusal() {
        Some(refusal) => Err(Failure::refused(format!("run replay {}", plan.id), refusal)),
        None => Ok(()),
    }
}

/// What a run starts with.
struct Begun {
    journal: Journal,
    plan: PlanSummary,
    reader: QueueReader,
    first_left: Option<i64>,
    left: HashMap<String, u64>,
}

fn begin(file: &PlanFile, shards: &ShardMap, confirmed: &PlanSummary, target_created_at: Option<i64>) -> Result<Begun, PlanError> {
    let (journal, plan) = Journal::begin(file, Timestamp::now(), confirmed, target_created_at)?;
    let reader = QueueReader::open(file)?;
    // The whole queue is read before anything is sent, so that nothing of a damaged plan is sent.
    let (first_left, left) = left_of(&reader, shards)?;
    Ok(Begun { journal, plan, reader, first_left, left })
}

/// The earliest arrival among the records that are left, and how many of them each shard gets.
fn left_of(reader: &QueueReader, shards: &ShardMap) -> Result<(Option<i64>, HashMap<String, u64>), PlanError> {
    let mut first = None;
    let mut left = vec![0_u64; shards.len()];
    reader.each_left(|entry| {
        first = Some(first.map_or(entry.arrived, |first: i64| first.min(entry.arrived)));
        if let Some(left) = left.get_mut(shards.place_of(entry.hash)) {
            *left += 1;
        }
        true
    })?;
    let left = shards.shards().iter().zip(left).map(|(shard, left)| (shard.id.clone(), left)).collect();
    Ok((first, left))
}

fn bytes_of(batch: &Batch) -> u64 {
    batch.records.iter().map(|record| record.bytes).sum()
}

/// Feeds the lanes, one at a time.
#[derive(Debug, Default)]
struct Feeds {
    /// Lanes with nothing left, by the place of their shard.
    exhausted: HashSet<usize>,
    /// How often the shards have changed. Tells old answers from current ones.
    version: u64,
    is_asked: bool,
}

/// The result of feeding a lane.
struct Feed {
    /// The version of the shards when the records were requested.
    version: u64,
    /// The place of the lane's shard.
    place: usize,
    /// Records that were requested.
    room: usize,
    records: Result<Vec<QueuedRecord>, String>,
}

/// The result of listing the target's shards.
struct TargetShards {
    /// Records that the target had acknowledged when the listing began.
    acknowledged: u64,
    found: Result<(ShardMap, Option<i64>), Failure>,
}

/// The result of a batch that was put.
struct BatchOutcome {
    results: Vec<PutResult>,
    bytes: u64,
    is_resharded: bool,
    trouble: Option<String>,
}

/// The result of one of a run's tasks.
enum Done {
    Sent(Batch, Sent),
    Fed(Feed),
    Listed(TargetShards),
    /// The target's creation time, once everything is sent.
    Confirmed(Result<Option<i64>, Failure>),
    Counted(Result<HashMap<String, u64>, Failure>),
}

/// What is known of the target stream.
#[derive(Debug)]
struct TargetSeen {
    /// When it was created. A stream of the same name with another time is a different stream.
    created_at: Option<i64>,
    /// Records that it had acknowledged when it was last described.
    acknowledged: u64,
    /// Whether it was described after the last record was sent.
    is_confirmed: bool,
}

/// A lane's recent progress.
#[derive(Debug, Default)]
struct LaneRate {
    acknowledged: u64,
    per_second: f64,
}

/// Why a run ends early.
#[derive(Debug)]
enum Stop {
    Asked(Control),
    Failed(Failure),
}

struct Run {
    sender: Arc<Sender>,
    file: PlanFile,
    lanes: Lanes,
    map: Arc<ShardMap>,
    feeds: Feeds,
    sending: JoinSet<Done>,
    batches_in_flight: usize,
    bytes_in_flight: u64,
    /// Positions of records in calls that got no answer.
    unsure: HashSet<u64>,
    rates: HashMap<String, LaneRate>,
    left: HashMap<String, u64>,
    progress: Progress,
    started: Instant,
    told_at: Duration,
    /// When the target last took something, or nothing was sent to it.
    taken_at: Duration,
    listed_at: Duration,
    is_listing: bool,
    suspects_reshard: bool,
    target: TargetSeen,
    patience: Duration,
    stop: Option<Stop>,
    updates: watch::Sender<Progress>,
}

impl Run {
    async fn finish(mut self, journal: Journal, mut asked: watch::Receiver<Option<Control>>) -> Result<RunOutcome, Failure> {
        let mut ticks = tokio::time::interval(UPDATE_INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            self.feed();
            self.send();
            if self.sending.is_empty() && self.stop.is_some() {
                break;
            }
            if self.sending.is_empty() && self.is_done() {
                if self.target.is_confirmed {
                    break;
                }
                self.confirm_target();
            }
            let wakes_at = self.lanes.wakes_at().filter(|_| self.stop.is_none() && self.has_free_slot());
            tokio::select! {
                Some(done) = self.sending.join_next() => {
                    self.take_joined(done);
                    // Take everything that is ready, so that the next batches are full.
                    while let Some(done) = self.sending.try_join_next() {
                        self.take_joined(done);
                    }
                }
                () = tokio::time::sleep_until(self.started + wakes_at.unwrap_or_default().min(LONGEST_SLEEP)), if wakes_at.is_some() => {}
                changed = asked.changed(), if self.stop.is_none() => match changed {
                    Ok(()) => self.obey(*asked.borrow()),
                    // Nothing can control the run any more, and pausing loses nothing.
                    Err(_) => self.obey(Some(Control::Pause)),
                },
                _ = ticks.tick() => {
                    self.obey(journal.control());
                    self.look_after_shards();
                    self.give_up_if_vain();
                    self.tell();
                }
            }
        }
        self.end(journal).await
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn is_done(&self) -> bool {
        self.lanes.is_empty() && !self.feeds.is_asked && self.feeds.exhausted.len() >= self.map.len()
    }

    fn has_free_slot(&self) -> bool {
        self.batches_in_flight < BATCHES_IN_FLIGHT && self.bytes_in_flight < BYTES_IN_FLIGHT
    }

    fn obey(&mut self, control: Option<Control>) {
        if let Some(control) = control
            && self.stop.is_none()
        {
            self.stop = Some(Stop::Asked(control));
        }
    }

    /// Requests more records for the lane that needs them most.
    fn feed(&mut self) {
        if self.feeds.is_asked || self.stop.is_some() {
            return;
        }
        let wanting = (0..self.map.len()).filter(|place| !self.feeds.exhausted.contains(place));
        let Some((room, place)) = wanting.map(|place| (self.lanes.room(place), place)).max().filter(|(room, _)| *room > 0) else {
            return;
        };
        self.feeds.is_asked = true;
        let (map, version, sender) = (Arc::clone(&self.map), self.feeds.version, Arc::clone(&self.sender));
        self.sending.spawn(async move {
            let reading = sender.library.call(move |library| library.next_for(&map, place, room)).await;
            let records = match reading {
                Ok(Ok(records)) => Ok(records),
                Ok(Err(error)) => Err(error.to_string()),
                Err(gone) => Err(gone.to_string()),
            };
            Done::Fed(Feed { version, place, room, records })
        });
    }

    /// Sends as many batches as slots and allowance permit.
    fn send(&mut self) {
        while self.stop.is_none() && self.has_free_slot() {
            let Some(batch) = self.lanes.next_batch(self.now()) else {
                return;
            };
            let unsure = match self.unsure.is_empty() {
                true => 0,
                false => batch.records.iter().filter(|record| self.unsure.contains(&record.position)).count() as u64,
            };
            let (sender, map) = (Arc::clone(&self.sender), Arc::clone(&self.map));
            self.batches_in_flight += 1;
            self.bytes_in_flight += bytes_of(&batch);
            self.sending.spawn(async move {
                let sent = sender.send(&batch, &map, unsure).await;
                Done::Sent(batch, sent)
            });
        }
    }

    fn take_joined(&mut self, done: Result<Done, tokio::task::JoinError>) {
        match done {
            Ok(done) => self.take(done),
            Err(error) => self.fail(Failure::refused("run the replay", error.to_string())),
        }
    }

    fn take(&mut self, done: Done) {
        let now = self.now();
        if let Done::Sent(batch, _) = &done {
            self.batches_in_flight -= 1;
            self.bytes_in_flight -= bytes_of(batch);
        }
        match done {
            Done::Sent(batch, Sent::Settled { results, bytes, is_resharded, trouble }) => {
                self.take_outcome(&batch, BatchOutcome { results, bytes, is_resharded, trouble }, now);
            }
            Done::Sent(batch, Sent::CallFailed(failure, is_unsure)) => self.take_failed_call(&batch, &failure, is_unsure, now),
            Done::Sent(_, Sent::Broken(failure)) => self.fail_of_target(failure),
            Done::Fed(feed) => self.take_feed(feed),
            Done::Listed(listing) => self.take_listing(listing),
            Done::Confirmed(created_at) => self.take_confirmation(created_at),
            Done::Counted(Ok(left)) => self.take_left(left, now),
            Done::Counted(Err(failure)) => tracing::warn!(%failure, "cannot count what is left for each shard"),
        }
    }

    fn take_outcome(&mut self, batch: &Batch, outcome: BatchOutcome, now: Duration) {
        self.suspects_reshard |= outcome.is_resharded;
        let before = self.lanes.counts();
        self.lanes.settle(batch.id, &outcome.results, now, fastrand::f64);
        let after = self.lanes.counts();
        let acknowledged = after.acknowledged - before.acknowledged;
        self.progress.acknowledged += acknowledged;
        self.progress.acknowledged_now += acknowledged;
        self.progress.passed_over += after.impossible - before.impossible;
        self.progress.bytes += outcome.bytes;
        if acknowledged > 0 {
            self.taken_at = now;
            self.progress.trouble = None;
            self.progress.reached = self.progress.reached.max(batch.records.iter().map(|record| record.arrived).max());
        } else {
            self.progress.trouble = outcome.trouble.or(self.progress.trouble.take());
        }
        if !self.unsure.is_empty() {
            batch.records.iter().for_each(|record| {
                self.unsure.remove(&record.position);
            });
        }
    }

    fn take_feed(&mut self, feed: Feed) {
        self.feeds.is_asked = false;
        let Feed { version, place, room, records } = feed;
        match records {
            Ok(records) => {
                let own = records.iter().filter(|record| self.map.place_of(record.hash) == place).count();
                if version == self.feeds.version && own < room {
                    self.feeds.exhausted.insert(place);
                }
                self.lanes.feed(records);
            }
            Err(reason) => self.fail(Failure::refused("read the plan", reason)),
        }
    }

    fn take_listing(&mut self, listing: TargetShards) {
        self.is_listing = false;
        match listing.found {
            Ok((map, created_at)) => {
                if self.is_same_target(created_at, listing.acknowledged) {
                    self.take_shards(map);
                }
            }
            Err(failure) if failure.kind == FailureKind::NotFound => self.fail_of_target(failure),
            // They are listed again soon.
            Err(failure) => tracing::warn!(%failure, "cannot list the target's shards"),
        }
    }

    /// Takes the target's creation time, once everything is sent.
    fn take_confirmation(&mut self, created_at: Result<Option<i64>, Failure>) {
        self.is_listing = false;
        match created_at {
            Ok(created_at) => {
                self.progress.trouble = None;
                self.target.is_confirmed = self.is_same_target(created_at, self.progress.acknowledged);
            }
            Err(failure) if failure.is_transient() || failure.kind == FailureKind::Credentials => {
                self.progress.trouble = Some(failure.to_string());
            }
            Err(failure) => self.fail_of_target(failure),
        }
    }

    /// Takes the new counts per shard. They exclude what the lanes have already sent.
    fn take_left(&mut self, left: HashMap<String, u64>, now: Duration) {
        self.left = left;
        let statuses = self.lanes.status(now);
        self.rates = statuses
            .into_iter()
            .map(|lane| {
                let per_second = self.rates.get(&lane.shard).map_or(0.0, |rate| rate.per_second);
                if let Some(left) = self.left.get_mut(&lane.shard) {
                    *left += lane.acknowledged;
                }
                (lane.shard, LaneRate { acknowledged: lane.acknowledged, per_second })
            })
            .collect();
    }

    fn take_failed_call(&mut self, batch: &Batch, failure: &AwsFailure, is_unsure: bool, now: Duration) {
        tracing::debug!(%failure, records = batch.records.len(), "retrying a call");
        self.progress.trouble = Some(match failure.kind {
            FailureKind::Credentials => {
                format!(
                    "{}; renew the credentials (aws sso login), then the replay continues",
                    failure.message.trim_end_matches('.')
                )
            }
            _ => failure.message.clone(),
        });
        if is_unsure {
            let new = batch.records.iter().filter(|record| self.unsure.insert(record.position)).count();
            self.progress.maybe_repeated += new as u64;
        }
        self.lanes.call_failed(batch.id, now, fastrand::f64());
    }

    /// Ends the run because of a failed call to the target. If the stream is gone, what was sent is lost.
    fn fail_of_target(&mut self, failure: Failure) {
        if failure.kind != FailureKind::NotFound {
            return self.fail(failure);
        }
        self.progress.is_target_gone = true;
        let lost = match self.progress.acknowledged {
            0 => String::new(),
            1 => "; the 1 record that was sent is lost".to_owned(),
            sent => format!("; the {} records that were sent are lost", count(sent)),
        };
        let target = &self.sender.target;
        let detail = format!("stream {target} was deleted{lost}; plan it again");
        self.fail(Failure::refused(format!("run replay {}", self.file.id()), detail));
    }

    fn fail(&mut self, failure: Failure) {
        if !matches!(self.stop, Some(Stop::Failed(_))) {
            self.stop = Some(Stop::Failed(failure));
        }
    }

    /// Lists the shards again when an answer suggests that they have changed, or after a while.
    fn look_after_shards(&mut self) {
        let since = self.now().saturating_sub(self.listed_at);
        let is_due = since >= SHARDS_INTERVAL || (self.suspects_reshard && since >= SHARDS_INTERVAL_AT_LEAST);
        if !is_due || self.stop.is_some() || self.is_listing {
            return;
        }
        self.listed_at = self.now();
        self.is_listing = true;
        self.suspects_reshard = false;
        let (sender, acknowledged) = (Arc::clone(&self.sender), self.progress.acknowledged);
        self.sending.spawn(async move {
            let (connection, target) = (&sender.connection, &sender.target);
            // Shards first: if the stream is replaced between the two calls, the creation time shows it.
            let listed = async { Ok((shards::map(connection, target).await?, shards::created_at(connection, target).await?)) };
            Done::Listed(TargetShards { acknowledged, found: listed.await })
        });
    }

    /// Checks, once everything is sent, that the target is still the stream that took the records.
    fn confirm_target(&mut self) {
        let is_first = self.progress.trouble.is_none();
        if self.is_listing || (!is_first && self.now().saturating_sub(self.listed_at) < CONFIRM_INTERVAL) {
            return;
        }
        self.listed_at = self.now();
        self.is_listing = true;
        let sender = Arc::clone(&self.sender);
        self.sending.spawn(async move { Done::Confirmed(shards::created_at(&sender.connection, &sender.target).await) });
    }

    /// Whether a target created at this time is the stream that took the records; ends the run if not.
    fn is_same_target(&mut self, created_at: Option<i64>, acknowledged: u64) -> bool {
        if self.target.created_at.zip(created_at).is_none_or(|(before, now)| before == now) {
            self.target.acknowledged = self.target.acknowledged.max(acknowledged);
            return true;
        }
        self.progress.is_target_gone = true;
        let detail = format!(
            "it was deleted and recreated while the replay ran: of the {} records sent, at least {} went into the deleted stream; plan it again",
            count(self.progress.acknowledged),
            count(self.target.acknowledged)
        );
        self.fail(Failure::refused(format!("put records into stream {}", self.sender.target), detail));
        false
    }

    fn take_shards(&mut self, map: ShardMap) {
        if map == *self.map {
            return;
        }
        tracing::info!(shards = map.len(), "the target was resharded");
        self.map = Arc::new(map.clone());
        self.feeds.exhausted.clear();
        self.feeds.version += 1;
        let now = self.now();
        self.lanes.reshard(map.clone(), now);
        let file = self.file.clone();
        self.sending.spawn(async move {
            let count = move || left_of(&QueueReader::open(&file)?, &map).map(|(_, left)| left);
            Done::Counted(on_disk("count what is left", count).await)
        });
    }

    /// Ends the run when the target has taken nothing for too long.
    fn give_up_if_vain(&mut self) {
        let now = self.now();
        let Some(trouble) = self.progress.trouble.clone() else {
            self.taken_at = now;
            return;
        };
        let in_vain = now.saturating_sub(self.taken_at);
        if in_vain >= self.patience {
            let detail = format!("it took nothing for {}; its last answer: {trouble}", span(in_vain.as_secs()));
            self.fail(Failure::refused(format!("put records into stream {}", self.sender.target), detail));
        }
    }

    /// Reports the progress.
    fn tell(&mut self) {
        let now = self.now();
        let passed = now.saturating_sub(self.told_at).as_secs_f64();
        self.told_at = now;
        let counts = self.lanes.counts();
        self.progress.in_flight = counts.in_flight;
        self.progress.throttled_puts = counts.throttled_puts;
        self.progress.failed_puts = counts.failed_puts;
        self.progress.running = now;
        let wait = self.lanes.waits_for(now).filter(|_| self.progress.trouble.is_none());
        let wait = wait.map(|(due, arrived)| Wait { takes: due.saturating_sub(now), arrived });
        self.progress.waits_for = wait.filter(|wait| wait.takes >= TOLD_WAIT);
        // Until the window is full, the rate is the mean of everything so far.
        let weight = (passed / now.min(RATE_WINDOW).as_secs_f64().max(f64::EPSILON)).min(1.0);
        self.progress.lanes = self
            .lanes
            .status(now)
            .into_iter()
            .map(|status| {
                let rate = self.rates.entry(status.shard.clone()).or_default();
                #[allow(clippy::cast_precision_loss, reason = "the records of a tenth of a second are few")]
                let lately = status.acknowledged.saturating_sub(rate.acknowledged) as f64 / passed.max(f64::EPSILON);
                rate.acknowledged = status.acknowledged;
                rate.per_second += weight * (lately - rate.per_second);
                let left = self.left.get(&status.shard).map_or(0, |left| left.saturating_sub(status.acknowledged));
                LaneProgress { rate: rate.per_second, left, status }
            })
            .collect();
        self.updates.send_replace(self.progress.clone());
    }

    async fn end(mut self, journal: Journal) -> Result<RunOutcome, Failure> {
        self.tell();
        let Progress { total, acknowledged, passed_over, .. } = self.progress;
        let is_whole = acknowledged + passed_over == total;
        let (state, failure) = match self.stop.take() {
            Some(Stop::Failed(failure)) => (PlanState::Failed, Some(failure)),
            Some(Stop::Asked(_)) | None if is_whole && self.is_done() && self.target.is_confirmed => (PlanState::Finished, None),
            Some(Stop::Asked(Control::Pause)) => (PlanState::Paused, None),
            Some(Stop::Asked(Control::Cancel)) => (PlanState::Cancelled, None),
            None => {
                let settled = count(acknowledged + passed_over);
                let detail = format!("its file is damaged: of {} records it had {settled} to send; plan it again", count(total));
                (PlanState::Failed, Some(Failure::refused(format!("finish replay {}", self.file.id()), detail)))
            }
        };
        let Self { sender, progress, .. } = self;
        // The journal's thread ends once the last pen is dropped.
        drop(sender);
        let reason = failure.as_ref().map(ToString::to_string);
        let written = journal.end(RunEnd { state, reason }).await;
        let failure = match (failure, written) {
            (Some(failure), _) => Some(failure),
            (None, Ok(())) => None,
            (None, Err(reason)) => Some(Failure::refused("write down how the replay ended", reason)),
        };
        Ok(RunOutcome { state, failure, progress })
    }
}
