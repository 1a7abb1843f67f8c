//! What a replay would do, before it does: its plan is made, shown with what it comes to, and begins when that is confirmed.

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
    /// How far it is.
    pub step: ReviewStep,
    /// Whether the replay has begun before, so that this goes on with it.
    pub is_resumed: bool,
    /// What the records screen showed of the records that are planned.
    pub shown: Option<ScreenCounts>,
    /// The first line that is shown.
    pub scroll: usize,
}

/// How far the screen is.
#[derive(Debug)]
pub enum ReviewStep {
    /// The records are being read.
    Planning {
        /// The question.
        request: RequestId,
        /// How far that is.
        progress: PlanProgress,
    },
    /// The target is being looked at.
    Looking {
        /// The question.
        request: RequestId,
    },
    /// All is known.
    Ready {
        /// What.
        preflight: Box<Preflight>,
        /// The target's name, where it is to be typed.
        name: Line,
        /// What is wrong with that.
        problem: Option<String>,
    },
    /// It cannot be known.
    Failed(Failure),
}

impl ReplayReview {
    /// The records are being read for this question.
    #[must_use]
    pub fn planning(request: RequestId) -> Self {
        Self {
            step: ReviewStep::Planning { request, progress: PlanProgress::default() },
            is_resumed: false,
            shown: None,
            scroll: 0,
        }
    }

    /// A plan that is there is looked at for this question.
    #[must_use]
    pub fn looking(request: RequestId, is_resumed: bool) -> Self {
        Self { step: ReviewStep::Looking { request }, is_resumed, shown: None, scroll: 0 }
    }

    /// Where its keys are looked up.
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

    /// The line that keys go to.
    pub(in crate::app) fn line(&mut self) -> Option<&mut Line> {
        match &mut self.step {
            ReviewStep::Ready { name, .. } => Some(name),
            ReviewStep::Planning { .. } | ReviewStep::Looking { .. } | ReviewStep::Failed(_) => None,
        }
    }

    /// The plan that is shown.
    #[must_use]
    pub fn plan(&self) -> Option<&PlanId> {
        match &self.step {
            ReviewStep::Ready { preflight, .. } => Some(&preflight.plan.id),
            ReviewStep::Planning { .. } | ReviewStep::Looking { .. } | ReviewStep::Failed(_) => None,
        }
    }

    /// The question that an answer is awaited for.
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

    /// Takes what is known; whether it was awaited.
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

    /// The plan, where what was typed or pressed confirms it.
    pub(in crate::app) fn confirm(&mut self) -> Option<Box<Preflight>> {
        let is_typing = self.is_typing();
        let ReviewStep::Ready { preflight, name, problem } = &mut self.step else {
            return None;
        };
        if is_typing && name.text().trim() != preflight.plan.target {
            *problem = Some(format!("type {} to start", preflight.plan.target));
            return None;
        }
        // One that is resumed with nothing left still has its target looked at.
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
