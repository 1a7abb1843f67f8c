//! The facts to check before a replay runs: how much goes where, how long it takes, what it costs, and what harm it may do.

use super::hash_key::ShardMap;
use super::nothing::EXPIRY_DOUBT;
use super::pace::{Rate, SHARD_BYTES_PER_SECOND, SHARD_RECORDS_PER_SECOND};
use super::plan::PlanSummary;
use super::timing::{LONG, TOO_LONG, Timing, between, long_span, too_long};
use crate::domain::prices::{DOLLARS_PER_ON_DEMAND_BYTE, DOLLARS_PER_PAYLOAD_UNIT, LEAST_DOLLARS};
use crate::domain::stream::capacity::CapacityMode;
use crate::domain::stream::overview::StreamOverview;
use crate::domain::text::{count, counted};
use crate::domain::time::TimeContext;
use archiver::format::settings::{ArchiveMode, Replays};
use jiff::Timestamp;
use std::time::Duration;

/// Records above which a replay is confirmed by typing the target's name.
pub const MANY_RECORDS: u64 = 100_000;
/// The share of a shard's limit that live producers and the replay may use together without a warning.
const NEAR_THE_LIMIT: f64 = 0.9;
/// A shard that gets more than this many times its fair share is named in a warning.
const HOT_SHARE: f64 = 1.5;

/// What live producers put into a shard, measured for a few seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Traffic {
    pub shard: String,
    /// Records a second.
    pub records: f64,
    /// Bytes a second.
    pub bytes: f64,
}

/// The target stream as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Its overview.
    pub overview: StreamOverview,
    /// Its open shards.
    pub shards: ShardMap,
    /// How its capacity is set.
    pub capacity: CapacityMode,
    /// The live traffic of the shards that were measured, or why it is unknown.
    pub traffic: Result<Vec<Traffic>, String>,
    /// Other replays that are running into it.
    pub other_replays: Vec<String>,
}

/// The part of a plan that goes into one shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShardLoad {
    pub shard: String,
    pub records: u64,
    /// Bytes as they are sent, including keys.
    pub bytes: u64,
}

/// The load of a plan on a target, given the options.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Load {
    /// By shard, in the order of their hash keys.
    pub shards: Vec<ShardLoad>,
    /// Records that are too large for the target.
    pub too_large: u64,
    /// Payload units.
    pub units: u64,
    /// Bytes, each record rounded up to a KiB.
    pub rounded_bytes: u64,
    /// Minimum number of calls.
    pub calls: u64,
    /// When the first and last of the remaining records arrived, in epoch milliseconds.
    pub arrivals: Option<(i64, i64)>,
    /// The first records to be sent.
    pub first: Vec<Glimpse>,
}

/// A preview of a record to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glimpse {
    pub partition_key: String,
    /// Its sequence number in its original stream; empty if it has none.
    pub sequence_number: String,
    /// When it arrived, in epoch seconds as archived; empty if it has no time.
    pub arrival: String,
    /// The beginning of its payload.
    pub preview: String,
}

/// How many records of a plan are previewed.
pub const GLIMPSES: usize = 5;

/// The facts to check before a replay runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Preflight {
    pub plan: PlanSummary,
    /// Its load on the target.
    pub load: Load,
    /// Minimum duration.
    pub time: Duration,
    /// What the puts cost in us-east-1, in dollars; `None` if unknown.
    pub dollars: Option<f64>,
    /// What may go wrong, a sentence each.
    pub warnings: Vec<String>,
    /// Whether the user must type the target's name before it runs.
    pub needs_name: bool,
}

impl Preflight {
    /// Combines plan, target and load.
    #[must_use]
    pub fn new(plan: PlanSummary, target: &Target, mut load: Load) -> Self {
        // Prefers the arrivals of the remaining records.
        load.arrivals = load.arrivals.or(plan.counts.first_arrival.zip(plan.counts.last_arrival));
        let options = &plan.options;
        let paced = options.rate.time_for(load.shards.iter().map(|shard| (shard.records, shard.bytes)));
        let time = match (options.timing, load.arrivals) {
            (Timing::AsRecorded(factor), Some((first, last))) => paced.max(between(first, last, factor)),
            (Timing::AsRecorded(_) | Timing::AsFast, _) => paced,
        };
        #[allow(clippy::cast_precision_loss, reason = "costs are rounded")]
        let dollars = match &target.capacity {
            CapacityMode::Provisioned => Some(load.units as f64 * DOLLARS_PER_PAYLOAD_UNIT),
            CapacityMode::OnDemand => Some(load.rounded_bytes as f64 * DOLLARS_PER_ON_DEMAND_BYTE),
            CapacityMode::Other(_) => None,
        };
        let is_source = plan.stream.as_deref() == Some(target.overview.name.written());
        let needs_name = plan.is_everything || plan.counts.records > MANY_RECORDS || is_source;
        let warnings = warnings(&plan, target, &load);
        Self { plan, load, time, dollars, warnings, needs_name }
    }

    /// Why it must not start, if the plan alone says so.
    #[must_use]
    pub fn refusal(&self) -> Option<String> {
        self.plan.recorded_time().filter(|time| *time > TOO_LONG).map(too_long)
    }

    /// How many records need a remark, and why, for people.
    fn asides(&self) -> Vec<String> {
        let counts = &self.plan.counts;
        let asides = [
            (counts.expired_left_out, "expired and left out"),
            (counts.aggregated, "aggregated and taken apart"),
            (counts.superseded, "older ones left out"),
            (counts.without_time, "without a time of arrival"),
            (counts.damaged, "cannot be restored"),
            (self.load.too_large, "too large for the target"),
            (counts.unsearchable, "could not be searched"),
        ];
        asides.iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{} {what}", count(*number))).collect()
    }

    /// A summary in a few named rows, for people.
    #[must_use]
    pub fn rows(&self, times: &TimeContext) -> Vec<(&'static str, String)> {
        let counts = &self.plan.counts;
        let at = |milliseconds: Option<i64>| Some(times.long(Timestamp::from_millisecond(milliseconds?).ok()?));
        let arrived = at(counts.first_arrival).zip(at(counts.last_arrival)).map(|(first, last)| format!("{first} to {last}"));
        let asides = Some(self.asides().join(", ")).filter(|asides| !asides.is_empty());
        let rows = [
            ("arrived", arrived),
            ("read", Some(format!("{}, {:.1} read units", counted(counts.read, "item", "items"), counts.read_units))),
            ("of these", asides),
            ("how", Some(self.plan.options.to_string())),
            ("takes", Some(self.takes())),
        ];
        rows.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// How long it takes, for people.
    fn takes(&self) -> String {
        let at_least = if self.time.as_secs() > 0 { "at least " } else { "" };
        let time = long_span(self.time);
        let calls = counted(self.load.calls, "call", "calls");
        format!("{at_least}{time}, {calls}")
    }

    /// What the puts cost, for people.
    #[must_use]
    pub fn cost(&self) -> String {
        match self.dollars {
            None => "unknown".to_owned(),
            Some(dollars) if dollars < LEAST_DOLLARS => format!("less than ${LEAST_DOLLARS} in us-east-1"),
            Some(dollars) => format!("${dollars:.4} in us-east-1"),
        }
    }

    /// The shard that gets most records.
    #[must_use]
    pub fn hottest(&self) -> Option<&ShardLoad> {
        self.load.shards.iter().max_by_key(|shard| (shard.records, shard.bytes))
    }
}

fn warnings(plan: &PlanSummary, target: &Target, load: &Load) -> Vec<String> {
    let mut warnings = Vec::new();
    warnings.extend(of_expired(plan));
    warnings.extend(of_time(plan, load));
    warnings.extend(of_archives(plan, &target.overview));
    if !target.other_replays.is_empty() {
        warnings.push(format!(
            "Another replay is running into {}: {}. Together they may exceed its shards' limits, and their records mix.",
            target.overview.name,
            target.other_replays.join(", ")
        ));
    }
    if target.overview.status != "ACTIVE" {
        warnings.push(format!(
            "Stream {} is {}: its shards may change while the replay runs. The replay adapts, but slows down.",
            target.overview.name,
            target.overview.status.to_lowercase()
        ));
    }
    warnings.extend(of_traffic(plan.options.rate, target, load));
    warnings.extend(of_skew(load));
    if load.too_large > 0 {
        let records = counted(load.too_large, "record is", "records are");
        warnings.push(format!("{records} too large for the target, and will be skipped and listed."));
    }
    if plan.counts.damaged > 0 {
        let records = counted(plan.counts.damaged, "record", "records");
        warnings.push(format!("{records} cannot be restored from the archive, and will be skipped and listed."));
    }
    if plan.counts.unsearchable > 0 {
        let records = counted(plan.counts.unsearchable, "record", "records");
        warnings.push(format!(
            "{records} could not be searched and may match. With --include-unreadable they are replayed, otherwise left out."
        ));
    }
    if plan.counts.odd_hash_keys > 0 {
        let records = counted(plan.counts.odd_hash_keys, "user record has", "user records have");
        warnings.push(format!(
            "{records} an invalid explicit hash key (valid are 0 to 2^128-1, in decimal digits). The hash of the partition key decides the shard instead."
        ));
    }
    if plan.is_everything {
        warnings.push("There is no filter: the replay takes everything that was found.".to_owned());
    }
    warnings
}

/// Warns if more items are left out as expired than remain, which is typical for archives of the Node.js original.
fn of_expired(plan: &PlanSummary) -> Option<String> {
    let counts = &plan.counts;
    (counts.expired_left_out > counts.records)
        .then(|| format!("{} left out as expired. {EXPIRY_DOUBT}.", counted(counts.expired_left_out, "item is", "items are")))
}

/// Warns if a replay as recorded lasts unusually long, or if records have no time.
fn of_time(plan: &PlanSummary, load: &Load) -> Vec<String> {
    let Timing::AsRecorded(factor) = plan.options.timing else {
        return Vec::new();
    };
    let mut warnings = Vec::new();
    if let Some((first, last)) = load.arrivals
        && let time = between(first, last, factor)
        && time > LONG
    {
        let at =
            |milliseconds| Timestamp::from_millisecond(milliseconds).map_or_else(|_| milliseconds.to_string(), |at| at.to_string());
        let (time, first, last) = (long_span(time), at(first), at(last));
        let end = if plan.recorded_time() > Some(TOO_LONG) { "; otherwise it does not start" } else { "" };
        warnings.push(format!(
            "As recorded, this lasts {time}: the records arrived from {first} to {last}. To shorten it, use a larger factor such as --timing 1000x, or fast{end}."
        ));
    }
    match plan.counts.without_time {
        0 => {}
        1 => warnings.push("1 record has no usable time of arrival: it goes with its neighbour in the shard.".to_owned()),
        more => warnings
            .push(format!("{} records have no usable time of arrival: each goes with its neighbour in the shard.", count(more))),
    }
    warnings
}

/// Warns about what the archives of source and target do with the replayed records.
fn of_archives(plan: &PlanSummary, target: &StreamOverview) -> Option<String> {
    let has_envelope = plan.options.envelope.is_some();
    let settings = target.settings();
    let skips = settings.is_some_and(|settings| settings.replays == Replays::Skip);
    let mode = settings.map(|settings| settings.mode);
    let name = &target.name;
    if plan.stream.as_deref() != Some(name.as_str()) {
        return mode
            .map(|mode| format!("The target {name} is itself archived (mode {mode}): replayed records are archived there again."));
    }
    Some(match (has_envelope, mode, skips) {
        (true, Some(_), true) => {
            format!("The target is the source. Its archiver skips these replays (ArchiveReplays=skip), but the consumers of {name} get each record again.")
        }
        (true, Some(ArchiveMode::All), false) => {
            format!("The target is the source, and its archive (mode ALL) keeps replays: each record is archived again with its envelope. To skip them, run: explorer configure {name} --mode ALL --replays skip")
        }
        (true, Some(ArchiveMode::Latest), false) => {
            format!("The target is the source, and its archive (mode LATEST) keeps replays: the old records become the newest of their keys. To skip them, run: explorer configure {name} --mode LATEST --replays skip")
        }
        (true, None, _) => format!("The target is the source: the consumers of {name} get each record again, with its envelope."),
        (false, Some(ArchiveMode::All), _) => {
            "The target is the source, and without an envelope nobody can tell a copy from an original: mode ALL archives the copies again, whatever ArchiveReplays says.".to_owned()
        }
        (false, Some(ArchiveMode::Latest), _) => {
            "The target is the source, and without an envelope nobody can tell a copy from an original: mode LATEST makes the old records the newest, whatever ArchiveReplays says.".to_owned()
        }
        (false, None, _) => {
            "The target is the source, and without an envelope nobody can tell a copy from an original: its consumers process the copies as new records.".to_owned()
        }
    })
}

/// Warns if live producers leave too little room.
fn of_traffic(rate: Rate, target: &Target, load: &Load) -> Option<String> {
    let traffic = match &target.traffic {
        Ok(traffic) => traffic,
        Err(reason) => {
            return Some(format!("The traffic of live producers into {} is unknown: {reason}", target.overview.name));
        }
    };
    let all: u64 = load.shards.iter().map(|shard| shard.records).sum();
    #[allow(clippy::cast_precision_loss, reason = "a share")]
    let share_of = |live: &Traffic| -> Option<f64> {
        let own = load.shards.iter().find(|shard| shard.shard == live.shard).filter(|shard| shard.records > 0)?;
        let of_shard = rate.records_of_shard().unwrap_or(SHARD_RECORDS_PER_SECOND);
        // A total rate is divided in proportion to the records, and a shard never gets more per second than all its records.
        let of_all = rate.records_in_all().map_or(of_shard, |in_all| in_all * own.records as f64 / all as f64);
        let records = of_shard.min(of_all).min(own.records as f64);
        let bytes = rate.bytes_of_shard().unwrap_or(SHARD_BYTES_PER_SECOND).min(records * own.bytes as f64 / own.records as f64);
        let together = ((live.records + records) / SHARD_RECORDS_PER_SECOND).max((live.bytes + bytes) / SHARD_BYTES_PER_SECOND);
        Some(together)
    };
    let is_idle = |live: &Traffic| live.records < 1.0;
    let (live, together) = traffic
        .iter()
        .filter(|live| !is_idle(live))
        .filter_map(|live| Some((live, share_of(live)?)))
        .max_by(|(_, left), (_, right)| left.total_cmp(right))?;
    (together > NEAR_THE_LIMIT).then(|| {
        format!(
            "Live producers put about {:.0} records/s ({:.0} KB/s) into {}; with this replay, that is {:.0} % of what the shard takes. A lower rate leaves room for them.",
            live.records,
            live.bytes / 1_000.0,
            live.shard,
            together * 100.0
        )
    })
}

/// Warns if one shard gets much more than the others.
#[allow(clippy::cast_precision_loss, reason = "a share")]
fn of_skew(load: &Load) -> Option<String> {
    let all: u64 = load.shards.iter().map(|shard| shard.records).sum();
    let hottest = load.shards.iter().max_by_key(|shard| shard.records)?;
    let (share, fair) = (hottest.records as f64 / all as f64, 1.0 / load.shards.len() as f64);
    (load.shards.len() > 1 && all >= SHARD_RECORDS_PER_SECOND as u64 && share > HOT_SHARE * fair).then(|| {
        format!("{} gets {:.0} % of the records, and so determines how long the replay takes.", hottest.shard, share * 100.0)
    })
}

#[cfg(test)]
#[path = "preflight/tests.rs"]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests;
