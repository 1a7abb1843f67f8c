//! The progress of a replay, in numbers.

use super::lanes::LaneStatus;
use super::plan::PlanState;
use crate::domain::failure::Failure;
use std::time::Duration;

/// The progress of planning.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PlanProgress {
    /// Items read.
    pub read: u64,
    /// Records that are in the plan so far.
    pub planned: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
    /// Items left out because they are expired.
    pub expired: u64,
    /// Read units that DynamoDB counted.
    pub units: f64,
    /// The share of the source that was read, from 0 to 1.
    pub share: f64,
    /// Whether everything is read and the plan is being sorted.
    pub is_sorting: bool,
}

/// The progress of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// Records of the plan.
    pub total: u64,
    /// Records that the target has acknowledged, in this run and before it.
    pub acknowledged: u64,
    /// Records skipped for good.
    pub passed_over: u64,
    /// Records in flight.
    pub in_flight: u64,
    /// Payload bytes acknowledged.
    pub bytes: u64,
    /// Puts that a shard throttled, in this run.
    pub throttled_puts: u64,
    /// Puts that failed for another reason, in this run.
    pub failed_puts: u64,
    /// Records of earlier runs that may have been sent a second time.
    pub maybe_repeated: u64,
    /// Records acknowledged in this run.
    pub acknowledged_now: u64,
    /// How long this run has taken so far.
    pub running: Duration,
    /// The arrival time reached, in epoch milliseconds.
    pub reached: Option<i64>,
    /// Each lane.
    pub lanes: Vec<LaneProgress>,
    /// The last error of the target, if it has not taken a record since.
    pub trouble: Option<String>,
    /// What it waits for, if it keeps the recorded pauses.
    pub waits_for: Option<Wait>,
    /// Whether the target was deleted and recreated meanwhile, so that it cannot be resumed.
    pub is_target_gone: bool,
}

/// A pause between two arrivals that a replay keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// How long it still takes.
    pub takes: Duration,
    /// When the next record arrived, in epoch milliseconds.
    pub arrived: i64,
}

/// How a run went.
#[derive(Clone, Debug, PartialEq)]
pub struct RunOutcome {
    /// The state of the replay now.
    pub state: PlanState,
    /// Why it could not continue.
    pub failure: Option<Failure>,
    /// How far it came.
    pub progress: Progress,
}

/// The progress of one lane.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LaneProgress {
    /// Its status.
    pub status: LaneStatus,
    /// Records of the plan that it has still to send.
    pub left: u64,
    /// Records a second, lately.
    pub rate: f64,
}

impl Progress {
    /// Records that are neither acknowledged nor skipped.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.total.saturating_sub(self.acknowledged + self.passed_over)
    }

    /// Acknowledged records a second since this run began.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn rate(&self) -> f64 {
        let seconds = self.running.as_secs_f64();
        if seconds > 0.0 { self.acknowledged_now as f64 / seconds } else { 0.0 }
    }

    /// The share of the records that is settled, from 0 to 1.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn ratio(&self) -> f64 {
        if self.total == 0 { 1.0 } else { (self.acknowledged + self.passed_over) as f64 / self.total as f64 }
    }

    /// How long the rest takes: as long as the lane that is farthest from its end, and as long as all of it at the rate of all.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn time_left(&self) -> Option<Duration> {
        let of = |left: u64, rate: f64| (rate > 0.0).then(|| left as f64 / rate);
        let lanes = self.lanes.iter().filter(|lane| lane.left > 0).map(|lane| of(lane.left, lane.rate));
        let slowest =
            lanes.flatten().fold(None, |slowest: Option<f64>, next| Some(slowest.map_or(next, |slowest| slowest.max(next))));
        let lately: f64 = self.lanes.iter().map(|lane| lane.rate).sum();
        let in_all = of(self.left(), if lately > 0.0 { lately } else { self.rate() })?;
        let seconds = slowest.map_or(in_all, |slowest| slowest.max(in_all));
        Duration::try_from_secs_f64(seconds).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_lane_says_how_long_it_takes() {
        let lane = |left, rate| LaneProgress { left, rate, ..LaneProgress::default() };
        let progress = Progress {
            total: 1_000,
            acknowledged: 400,
            acknowledged_now: 400,
            running: Duration::from_secs(4),
            lanes: vec![lane(100, 50.0), lane(500, 50.0), lane(0, 0.0)],
            ..Progress::default()
        };
        assert_eq!(progress.time_left(), Some(Duration::from_secs(10)));
        let one_after_the_other = Progress { lanes: vec![lane(500, 0.0), lane(100, 10.0)], ..progress.clone() };
        assert_eq!(one_after_the_other.time_left(), Some(Duration::from_secs(60)), "a lane that waits counts, too");
        assert_eq!(Progress { lanes: Vec::new(), ..progress }.time_left(), Some(Duration::from_secs(6)));
        assert_eq!(Progress { total: 5, ..Progress::default() }.time_left(), None);
    }
}
