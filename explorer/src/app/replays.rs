//! The replays of this session, running and ended.

use super::message::ReplayId;
use crate::domain::replay::{Ending, Impossible, Progress, ReplayOrder};
use std::collections::VecDeque;

/// The screen.
#[derive(Debug, Default)]
pub struct Replays {
    /// Place in the model's list.
    pub cursor: usize,
}

/// One replay.
#[derive(Debug)]
pub struct Replay {
    /// Its id.
    pub id: ReplayId,
    /// Its name on the screen.
    pub name: String,
    /// What it does.
    pub order: ReplayOrder,
    /// How far it is.
    pub progress: Progress,
    /// Whether it runs.
    pub state: ReplayState,
    /// What can never be put.
    pub impossible: Vec<Impossible>,
    /// Records acknowledged in each of the last seconds.
    pub rates: VecDeque<u64>,
    acknowledged_at_last_tick: usize,
}

/// Whether a replay runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplayState {
    /// It does.
    Running,
    /// It was asked to end, and waits for the calls in flight.
    Cancelling,
    /// It has ended.
    Ended(Ending),
}

/// Seconds that the rate's chart goes back.
const CHART_SECONDS: usize = 120;

impl Replay {
    /// A replay that was just started.
    #[must_use]
    pub fn new(id: ReplayId, name: String, order: ReplayOrder) -> Self {
        Self {
            id,
            name,
            order,
            progress: Progress::default(),
            state: ReplayState::Running,
            impossible: Vec::new(),
            rates: VecDeque::new(),
            acknowledged_at_last_tick: 0,
        }
    }

    /// Whether it has not ended yet.
    #[must_use]
    pub fn is_running(&self) -> bool {
        !matches!(self.state, ReplayState::Ended(_))
    }

    /// Notes the rate of the second that has passed.
    pub(super) fn tick(&mut self) {
        if !self.is_running() {
            return;
        }
        let acknowledged = self.progress.counts.acknowledged;
        self.rates.push_back(acknowledged.saturating_sub(self.acknowledged_at_last_tick) as u64);
        self.acknowledged_at_last_tick = acknowledged;
        if self.rates.len() > CHART_SECONDS {
            self.rates.pop_front();
        }
    }
}
