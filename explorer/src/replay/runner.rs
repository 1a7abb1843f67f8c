//! Runs a plan: feeds the lanes from its file, sends what they hand out, settles what became of it when that is written down, and
//! tells how far it is. Ends when all is settled, when it is told to, or when nothing more can be sent.

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

/// Batches on their way at a time, written down or being written down. What one run may send twice when it is killed is these.
pub const BATCHES_IN_FLIGHT: usize = 16;
/// Bytes of records on their way at a time, and those of one batch more; each is in memory in several forms.
const BYTES_IN_FLIGHT: u64 = 6 * 1024 * 1024;
/// Between two updates of the progress.
const UPDATE_INTERVAL: Duration = Duration::from_millis(100);
/// Between two looks at the target and its shards, where nothing says that they have changed.
const SHARDS_INTERVAL: Duration = Duration::from_secs(30);
/// Between two looks at the shards, whatever says that they have changed.
const SHARDS_INTERVAL_AT_LEAST: Duration = Duration::from_secs(2);
/// Between two tries to see the target when all is sent.
const CONFIRM_INTERVAL: Duration = Duration::from_secs(2);
/// The longest sleep before it is asked again how long to sleep.
const LONGEST_SLEEP: Duration = Duration::from_secs(24 * 3_600);
/// From which time on a pause between two arrivals is told.
const TOLD_WAIT: Duration = Duration::from_secs(1);
/// How long a lane's rate looks back.
const RATE_WINDOW: Duration = Duration::from_secs(5);

/// Runs a plan as it was confirmed, or goes on with it. What is in flight when it is told to end is waited for. Gives up when the target has taken nothing
/// for `patience` although it was asked.
///
/// # Errors
/// When it cannot begin: the plan is not one to be run, another process runs it, or the target is not there any more. Then nothing was
/// sent.
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
        let detail = format!("it was planned into {}, but here is {}", plan.target_arn, overview.arn);
        return Err(Failure::refused(operation, detail));
    }
    let is_another = |run: &RunRecord| run.target_created_at.zip(facts.created_at).is_some_and(|(before, now)| before != now);
    if plan.runs.iter().any(is_another) {
        let detail =
            format!("stream {name} was deleted and recreated since it began, and what was sent is not in it; plan it again");
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

/// Whether a plan is one to be run.
///
/// # Errors
/// Says why it is not.
pub fn check(plan: &PlanSummary) -> Result<(), Failure> {
    match plan.refusal() {
        Some(refusal) => Err(Failure::refused(format!("run replay {}", plan.id), refusal)),
        None => Ok(()),
    }
}

/// What a run begins with.
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
    // All of the queue is read before anything is sent, so that nothing is sent of a plan that is damaged there.
    let (first_left, left) = left_of(&reader, shards)?;
    Ok(Begun { journal, plan, reader, first_left, left })
}

/// The earliest arrival of what is left, and how many records each shard is to get.
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

/// The feeding of the lanes, one at a time.
#[derive(Debug, Default)]
struct Feeds {
    /// Lanes for which there is nothing more, by the place of their shard.
    exhausted: HashSet<usize>,
    /// How often the shards have changed, to tell what was asked before from what was asked after.
    version: u64,
    is_asked: bool,
}

/// What feeding a lane has brought.
struct Feed {
    /// Of the shards, when it was asked for.
    version: u64,
    /// That of the lane's shard.
    place: usize,
    /// Records that were asked for.
    room: usize,
    records: Result<Vec<QueuedRecord>, String>,
}

/// What listing the target's shards has brought.
struct Listing {
    /// Records that the target had acknowledged when it was asked.
    acknowledged: u64,
    found: Result<(ShardMap, Option<i64>), Failure>,
}

/// What became of a batch whose records were put.
struct Outcome {
    results: Vec<PutResult>,
    bytes: u64,
    is_resharded: bool,
    trouble: Option<String>,
}

/// What a task of a run comes back with.
enum Done {
    Sent(Batch, Sent),
    Fed(Feed),
    Listed(Listing),
    /// The target as it is when all is sent.
    Confirmed(Result<Option<i64>, Failure>),
    Counted(Result<HashMap<String, u64>, Failure>),
}

/// What is known of the stream that records are put into.
#[derive(Debug)]
struct TargetSeen {
    /// When it was created: another one of its name was created at another time.
    created_at: Option<i64>,
    /// Records that it had acknowledged when it was last seen.
    acknowledged: u64,
    /// Whether it was seen after the last record was sent.
    is_confirmed: bool,
}

/// How a lane went lately.
#[derive(Debug, Default)]
struct LaneRate {
    acknowledged: u64,
    per_second: f64,
}

/// Why a run ends before its end.
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
    /// Positions of records that a call without an answer has had.
    unsure: HashSet<u64>,
    rates: HashMap<String, LaneRate>,
    left: HashMap<String, u64>,
    progress: Progress,
    started: Instant,
    told_at: Duration,
    /// When the target last took something, or was not asked.
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
                    // What else is there is taken in at once, so that the next batches are full.
                    while let Some(done) = self.sending.try_join_next() {
                        self.take_joined(done);
                    }
                }
                () = tokio::time::sleep_until(self.started + wakes_at.unwrap_or_default().min(LONGEST_SLEEP)), if wakes_at.is_some() => {}
                changed = asked.changed(), if self.stop.is_none() => match changed {
                    Ok(()) => self.obey(*asked.borrow()),
                    // Whoever could control for something is gone, which is what pausing is for.
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

    /// Asks for more records for the lane that needs them most.
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

    /// Sends as many batches as there are slots and allowance for.
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
            Err(error) => self.fail(Failure::refused("go on with the replay", error.to_string())),
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
                self.take_outcome(&batch, Outcome { results, bytes, is_resharded, trouble }, now);
            }
            Done::Sent(batch, Sent::CallFailed(failure, is_unsure)) => self.take_failed_call(&batch, &failure, is_unsure, now),
            Done::Sent(_, Sent::Broken(failure)) => self.fail_of_target(failure),
            Done::Fed(feed) => self.take_feed(feed),
            Done::Listed(listing) => self.take_listing(listing),
            Done::Confirmed(created_at) => self.take_confirmation(created_at),
            Done::Counted(Ok(left)) => self.take_left(left, now),
            Done::Counted(Err(failure)) => tracing::warn!(%failure, "what is left for each shard is not known anew"),
        }
    }

    fn take_outcome(&mut self, batch: &Batch, outcome: Outcome, now: Duration) {
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

    fn take_listing(&mut self, listing: Listing) {
        self.is_listing = false;
        match listing.found {
            Ok((map, created_at)) => {
                if self.is_same_target(created_at, listing.acknowledged) {
                    self.take_shards(map);
                }
            }
            Err(failure) if failure.kind == FailureKind::NotFound => self.fail_of_target(failure),
            // They are listed again before long.
            Err(failure) => tracing::warn!(%failure, "the target's shards are not known anew"),
        }
    }

    /// Takes how the target is when all is sent.
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

    /// Takes what was left for each shard just now, to which what lanes have sent so far does not belong.
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
        tracing::debug!(%failure, records = batch.records.len(), "a call is repeated");
        self.progress.trouble = Some(match failure.kind {
            FailureKind::Credentials => {
                format!("{}; renew the credentials (aws sso login), and the replay goes on", failure.message.trim_end_matches('.'))
            }
            _ => failure.message.clone(),
        });
        if is_unsure {
            let new = batch.records.iter().filter(|record| self.unsure.insert(record.position)).count();
            self.progress.maybe_repeated += new as u64;
        }
        self.lanes.call_failed(batch.id, now, fastrand::f64());
    }

    /// Ends the run for what a call to the target came to: what went into a stream that is no longer there is lost with it.
    fn fail_of_target(&mut self, failure: Failure) {
        if failure.kind != FailureKind::NotFound {
            return self.fail(failure);
        }
        self.progress.is_target_gone = true;
        let lost = match self.progress.acknowledged {
            0 => String::new(),
            1 => "; the 1 record sent went with it".to_owned(),
            sent => format!("; the {} records sent went with it", count(sent)),
        };
        let target = &self.sender.target;
        let detail = format!("stream {target} was deleted{lost}; plan it again");
        self.fail(Failure::refused(format!("go on with replay {}", self.file.id()), detail));
    }

    fn fail(&mut self, failure: Failure) {
        if !matches!(self.stop, Some(Stop::Failed(_))) {
            self.stop = Some(Stop::Failed(failure));
        }
    }

    /// Lists the shards again when an answer says that they have changed, or when it is long since they were.
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
            // First the shards: those of another stream are told by what is asked after them.
            let listed = async { Ok((shards::map(connection, target).await?, shards::created_at(connection, target).await?)) };
            Done::Listed(Listing { acknowledged, found: listed.await })
        });
    }

    /// Looks whether the target is still the one that the records went into, when all are sent.
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

    /// Whether the target that was created then is the one that the records went into; ends the run if not.
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

    /// Ends the run when the target has taken nothing for so long that waiting on is in vain.
    fn give_up_if_vain(&mut self) {
        let now = self.now();
        let Some(trouble) = self.progress.trouble.clone() else {
            self.taken_at = now;
            return;
        };
        let in_vain = now.saturating_sub(self.taken_at);
        if in_vain >= self.patience {
            let detail = format!("it took nothing for {}; the last answer was: {trouble}", span(in_vain.as_secs()));
            self.fail(Failure::refused(format!("put records into stream {}", self.sender.target), detail));
        }
    }

    /// Tells how far it is.
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
        // Until the window is full it is the mean of all that was.
        let weight = (passed / now.min(RATE_WINDOW).as_secs_f64().max(f64::EPSILON)).min(1.0);
        self.progress.lanes = self
            .lanes
            .status(now)
            .into_iter()
            .map(|status| {
                let rate = self.rates.entry(status.shard.clone()).or_default();
                #[allow(clippy::cast_precision_loss, reason = "records of a tenth of a second")]
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
        // The journal's thread ends when its last pen is gone.
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
