//! The review of a replay: plans it, shows the plan, and starts it after confirmation.

use crate::app::ids::RequestId;
use crate::app::keymap::Context;
use crate::app::line::Line;
use crate::app::replay::setup::ScreenCounts;
use crate::domain::failure::Failure;
use crate::domain::replay::plan::PlanId;
use crate::domain::replay::preflight::Preflight;
use crate::domain::replay::progress::PlanProgress;

/// The screen.
#[derive(Debug)]
pub struct ReplayReview {
    /// The current step.
    pub step: ReviewStep,
    /// Whether the replay has begun before and is resumed.
    pub is_resumed: bool,
    /// What the records screen showed.
    pub shown: Option<ScreenCounts>,
    /// The first visible line.
    pub scroll: usize,
}

/// The steps of the screen.
#[derive(Debug)]
pub enum ReviewStep {
    /// The records are being read.
    Planning {
        /// The awaited request.
        request: RequestId,
        /// The progress.
        progress: PlanProgress,
    },
    /// The target is being checked.
    Looking {
        /// The awaited request.
        request: RequestId,
    },
    /// The plan and its target are checked.
    Ready {
        /// The result.
        preflight: Box<Preflight>,
        /// The target's name, if it must be typed.
        name: Line,
        /// What is wrong with the confirmation.
        problem: Option<String>,
    },
    /// Checking failed.
    Failed(Failure),
}

impl ReplayReview {
    /// Starts with reading the records for this request.
    #[must_use]
    pub fn planning(request: RequestId) -> Self {
        Self {
            step: ReviewStep::Planning { request, progress: PlanProgress::default() },
            is_resumed: false,
            shown: None,
            scroll: 0,
        }
    }

    /// Starts with checking an existing plan for this request.
    #[must_use]
    pub fn looking(request: RequestId, is_resumed: bool) -> Self {
        Self { step: ReviewStep::Looking { request }, is_resumed, shown: None, scroll: 0 }
    }

    /// The context for its keys.
    #[must_use]
    pub fn context(&self) -> Context {
        match &self.step {
            ReviewStep::Ready { .. } if self.is_typing() => Context::Form,
            ReviewStep::Ready { .. } => Context::Review,
            ReviewStep::Planning { .. } | ReviewStep::Looking { .. } | ReviewStep::Failed(_) => Context::Everywhere,
        }
    }

    /// Whether the target's name is being typed.
    #[must_use]
    pub fn is_typing(&self) -> bool {
        matches!(&self.step, ReviewStep::Ready { preflight, .. } if preflight.needs_name && !self.is_resumed)
    }

    /// The line with the focus.
    pub(in crate::app) fn line(&mut self) -> Option<&mut Line> {
        match &mut self.step {
            ReviewStep::Ready { name, .. } => Some(name),
            ReviewStep::Planning { .. } | ReviewStep::Looking { .. } | ReviewStep::Failed(_) => None,
        }
    }

    /// The shown plan.
    #[must_use]
    pub fn plan(&self) -> Option<&PlanId> {
        match &self.step {
            ReviewStep::Ready { preflight, .. } => Some(&preflight.plan.id),
            ReviewStep::Planning { .. } | ReviewStep::Looking { .. } | ReviewStep::Failed(_) => None,
        }
    }

    /// The awaited request.
    #[must_use]
    pub fn awaits(&self) -> Option<RequestId> {
        match &self.step {
            ReviewStep::Planning { request, .. } | ReviewStep::Looking { request } => Some(*request),
            ReviewStep::Ready { .. } | ReviewStep::Failed(_) => None,
        }
    }

    pub(in crate::app) fn progressed(&mut self, told: RequestId, now: PlanProgress) {
        if let ReviewStep::Planning { request, progress } = &mut self.step
            && *request == told
        {
            *progress = now;
        }
    }

    /// Takes the result; returns whether it was awaited.
    pub(in crate::app) fn known(&mut self, request: RequestId, result: Result<Box<Preflight>, Failure>) -> bool {
        if self.awaits() != Some(request) {
            return false;
        }
        self.step = match result {
            Ok(preflight) => ReviewStep::Ready { preflight, name: Line::default(), problem: None },
            Err(failure) => ReviewStep::Failed(failure),
        };
        true
    }

    /// The plan, if the input confirms it.
    pub(in crate::app) fn confirm(&mut self) -> Option<Box<Preflight>> {
        let is_typing = self.is_typing();
        let ReviewStep::Ready { preflight, name, problem } = &mut self.step else {
            return None;
        };
        if is_typing && name.text().trim() != preflight.plan.target {
            *problem = Some(format!("type {} to start", preflight.plan.target));
            return None;
        }
        // A resumed replay with nothing left still checks its target.
        if preflight.plan.left() == 0 && !self.is_resumed {
            *problem = Some("there is nothing to send".to_owned());
            return None;
        }
        if let Some(refusal) = preflight.refusal() {
            *problem = Some(refusal);
            return None;
        }
        Some(preflight.clone())
    }
}
