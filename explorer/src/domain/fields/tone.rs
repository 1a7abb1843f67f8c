//! What a word in a field says about the state of a thing.

/// Whether a thing is well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Good,
    Waiting,
    Bad,
}

const GOOD: &[&str] = &[
    "ok",
    "success",
    "succeeded",
    "successful",
    "paid",
    "completed",
    "complete",
    "done",
    "active",
    "approved",
    "accepted",
    "delivered",
    "healthy",
    "online",
    "up",
    "running",
    "enabled",
    "settled",
    "shipped",
    "confirmed",
    "passed",
];
const WAITING: &[&str] = &[
    "pending",
    "waiting",
    "open",
    "new",
    "queued",
    "processing",
    "in_progress",
    "retry",
    "retrying",
    "warn",
    "warning",
    "degraded",
    "paused",
    "scheduled",
    "unpaid",
    "partial",
    "held",
];
const BAD: &[&str] = &[
    "error",
    "failed",
    "failure",
    "fail",
    "fatal",
    "critical",
    "cancelled",
    "canceled",
    "rejected",
    "declined",
    "denied",
    "expired",
    "offline",
    "down",
    "unhealthy",
    "disabled",
    "refunded",
    "timeout",
    "aborted",
    "blocked",
    "invalid",
];

impl Tone {
    /// What a text says, where it is one of the words that say it; case and the kind of separator do not matter.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        /// The longest of the words.
        const LONGEST: usize = 12;
        if text.len() > LONGEST {
            return None;
        }
        let word = text.trim().to_ascii_lowercase().replace(['-', ' '], "_");
        let tones = [(GOOD, Self::Good), (WAITING, Self::Waiting), (BAD, Self::Bad)];
        tones.into_iter().find_map(|(words, tone)| words.contains(&word.as_str()).then_some(tone))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_say_how_a_thing_is_are_known() {
        for (text, tone) in [
            ("paid", Some(Tone::Good)),
            ("FAILED", Some(Tone::Bad)),
            ("in-progress", Some(Tone::Waiting)),
            ("In Progress", Some(Tone::Waiting)),
            ("order-17", None),
            ("", None),
        ] {
            assert_eq!(Tone::of(text), tone, "{text}");
        }
    }
}
