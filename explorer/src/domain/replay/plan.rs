//! What a plan says about its replay: the state, the contents, and the results.

use super::timing::{Timing, between};
use jiff::Timestamp;
use std::time::Duration;

/// The id of a replay: six hex digits, for files, screens and the command line.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlanId(String);

/// A text that is not the id of a replay.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not the id of a replay; explorer replay list shows them")]
pub struct InvalidPlanId(String);

/// Characters of an id.
const ID_LENGTH: usize = 6;

impl PlanId {
    /// The id for a random number.
    #[must_use]
    pub fn of_random(number: u64) -> Self {
        Self(format!("{:06x}", number & 0x00ff_ffff))
    }

    /// An id, or the beginning of one.
    ///
    /// # Errors
    /// If it has other characters, none, or too many.
    pub fn parse(text: &str) -> Result<Self, InvalidPlanId> {
        let typed = text.trim().to_ascii_lowercase();
        let is_id = (1..=ID_LENGTH).contains(&typed.len()) && typed.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_id { Ok(Self(typed)) } else { Err(InvalidPlanId(text.to_owned())) }
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for PlanId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::str::FromStr for PlanId {
    type Err = InvalidPlanId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// The state of a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanState {
    /// Its records are being read.
    Planning,
    /// Reading ended before everything was read, so there is nothing to run.
    Unplanned,
    /// Everything is read, and nothing is sent.
    Planned,
    /// It runs.
    Running,
    /// It was running when its process died.
    Interrupted,
    /// It was paused.
    Paused,
    /// It could not continue.
    Failed,
    /// It was cancelled.
    Cancelled,
    /// Every record is acknowledged, or listed as skipped.
    Finished,
}

impl PlanState {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Planning,
        Self::Unplanned,
        Self::Planned,
        Self::Running,
        Self::Interrupted,
        Self::Paused,
        Self::Failed,
        Self::Cancelled,
        Self::Finished,
    ];

    /// Its name, for people and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planning => "planning",
            Self::Unplanned => "unplanned",
            Self::Planned => "planned",
            Self::Running => "running",
            Self::Interrupted => "interrupted",
            Self::Paused => "paused",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Finished => "finished",
        }
    }

    /// Whether a run has started that can be resumed.
    #[must_use]
    pub fn can_resume(self) -> bool {
        match self {
            Self::Interrupted | Self::Paused | Self::Failed => true,
            Self::Planning | Self::Unplanned | Self::Planned | Self::Running | Self::Cancelled | Self::Finished => false,
        }
    }

    /// Whether a process works on it.
    #[must_use]
    pub fn is_at_work(self) -> bool {
        matches!(self, Self::Planning | Self::Running)
    }
}

/// A request to a running replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// To pause.
    Pause,
    /// To end for good.
    Cancel,
}

impl Control {
    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Cancel => "cancel",
        }
    }
}

/// What was found when a plan was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct PlanCounts {
    /// Items read.
    pub read: u64,
    /// Read units that DynamoDB counted.
    pub read_units: f64,
    /// Records to send.
    pub records: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
    /// Items left out because they are expired.
    pub expired_left_out: u64,
    /// Aggregated records that were taken apart.
    pub aggregated: u64,
    /// User records from them.
    pub user_records: u64,
    /// Records left out for a later one of their key, or because of the limit.
    pub superseded: u64,
    /// Records whose payload cannot be restored.
    pub damaged: u64,
    /// Records that the filter could not search.
    pub unsearchable: u64,
    /// The earliest arrival, in epoch milliseconds.
    pub first_arrival: Option<i64>,
    /// The latest arrival, in epoch milliseconds.
    pub last_arrival: Option<i64>,
    /// Records without a usable time of arrival; they go with their neighbours.
    #[serde(default)]
    pub without_time: u64,
    /// User records with an invalid explicit hash key; the hash of their partition key is used instead.
    #[serde(default)]
    pub odd_hash_keys: u64,
}

impl PlanCounts {
    /// Selected items, whether they are sent or not. User records count as the one record they came in.
    #[must_use]
    pub fn selected(&self) -> u64 {
        let Self { records, damaged, expired_left_out, superseded, user_records, aggregated, .. } = self;
        (records + damaged + expired_left_out + superseded + aggregated).saturating_sub(*user_records)
    }
}

/// The replays of the history, newest first; if a file cannot be read, the reason.
pub type Listed<E> = Vec<(PlanId, Result<PlanSummary, E>)>;

/// One run of a replay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRecord {
    /// When it began.
    pub started_at: Timestamp,
    /// Who ran it, and where.
    pub by: String,
    /// When the target was made, in epoch milliseconds.
    pub target_created_at: Option<i64>,
    /// When it ended, unless its process died.
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    pub ending: Option<PlanState>,
    /// Why, if there is a reason.
    pub reason: Option<String>,
    /// Records acknowledged in it.
    pub acknowledged: u64,
    /// Records that this run sent although the previous run may have sent them, too.
    pub maybe_repeated: u64,
}

/// A replay as the history shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanSummary {
    pub id: PlanId,
    /// Its state.
    pub state: PlanState,
    /// When it was planned.
    pub created_at: Timestamp,
    /// Who planned it, and where.
    pub created_by: String,
    /// The table or file that its records come from.
    pub source: String,
    /// Their original stream.
    pub stream: Option<String>,
    /// Which records, in words.
    pub selection: String,
    /// Whether that is everything in the source.
    pub is_everything: bool,
    /// The stream they are sent to.
    pub target: String,
    pub target_arn: String,
    /// How they are sent.
    pub options: super::ReplayOptions,
    /// What is in it.
    pub counts: PlanCounts,
    /// Records acknowledged so far.
    pub acknowledged: u64,
    /// Their payload bytes.
    pub acknowledged_bytes: u64,
    /// Records skipped so far.
    pub passed_over: u64,
    /// Puts that a shard throttled.
    pub throttled_puts: u64,
    /// Puts that failed otherwise.
    pub failed_puts: u64,
    /// Records that may be in the target twice, because a run ended before it got an answer for them.
    pub maybe_repeated: u64,
    /// Its runs, the first one first.
    pub runs: Vec<RunRecord>,
    pub file_bytes: u64,
}

impl PlanSummary {
    /// Records that are neither acknowledged nor skipped.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.counts.records.saturating_sub(self.acknowledged + self.passed_over)
    }

    /// How long the replay takes if it keeps the pauses between arrivals.
    #[must_use]
    pub fn recorded_time(&self) -> Option<Duration> {
        match self.options.timing {
            Timing::AsRecorded(factor) => {
                Some(between(self.counts.first_arrival.unwrap_or_default(), self.counts.last_arrival.unwrap_or_default(), factor))
            }
            Timing::AsFast => None,
        }
    }

    /// Why it cannot be run or resumed, if it cannot.
    #[must_use]
    pub fn refusal(&self) -> Option<String> {
        let refusal = match self.state {
            PlanState::Planned | PlanState::Interrupted | PlanState::Paused | PlanState::Failed => return None,
            PlanState::Planning => "it is being planned",
            PlanState::Unplanned => "its planning did not finish; plan it again",
            PlanState::Running => "it is running",
            PlanState::Cancelled => "it was cancelled; plan it again",
            PlanState::Finished => "it is finished",
        };
        Some(refusal.to_owned())
    }

    /// Why it must not run as it was confirmed, if it has changed since.
    #[must_use]
    pub fn changed_since(&self, confirmed: &Self) -> Option<String> {
        if let Some(last) = self.runs.last().filter(|_| self.runs.len() != confirmed.runs.len()) {
            let (by, state) = (&last.by, self.state.as_str());
            return Some(format!("{by} has run it meanwhile, and now it is {state}; review it again"));
        }
        if let Some(refusal) = self.refusal() {
            return Some(refusal);
        }
        let what = |plan: &Self| (plan.target.clone(), plan.target_arn.clone(), plan.options.clone());
        let is_same = what(self) == what(confirmed);
        (!is_same).then(|| "its target or options were changed meanwhile; review it again".to_owned())
    }

    /// Why the last run ended, if that is known.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.runs.last()?.reason.as_deref()
    }
}

/// A record that can never be sent, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    pub partition_key: String,
    pub sequence_number: String,
    /// Its place in an aggregated record.
    pub sub_sequence_number: Option<u64>,
    /// Why.
    pub reason: String,
}

/// What became of one record of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordTrace {
    pub partition_key: String,
    /// Its sequence number in its original stream.
    pub sequence_number: String,
    /// Its place in an aggregated record.
    pub sub_sequence_number: Option<u64>,
    /// When it arrived there, epoch seconds as archived.
    pub arrival: String,
    /// The shard it came from.
    pub shard_id: String,
    /// What became of it.
    pub end: TraceEnd,
}

/// What became of a record of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TraceEnd {
    /// Not sent.
    Waiting,
    /// The target has acknowledged it.
    Acknowledged {
        /// Its new shard.
        shard_id: String,
        /// Its new sequence number.
        sequence_number: String,
    },
    /// It was skipped.
    PassedOver(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_in_any_case_and_by_its_beginning() {
        assert_eq!(PlanId::parse(" 3F2A "), Ok(PlanId("3f2a".to_owned())));
        assert_eq!(PlanId::of_random(u64::MAX).as_str(), "ffffff");
        for wrong in ["", "orders", "3f2a1b0", "../x"] {
            assert!(PlanId::parse(wrong).is_err(), "{wrong:?} was accepted");
        }
    }
}
