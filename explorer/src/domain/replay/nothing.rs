//! What was selected, and came to no record that could be put: said instead of a plan.

use super::plan::{PassedOver, PlanCounts};
use crate::domain::text::count;

/// Why an expiry that is past need not be one.
pub const EXPIRY_DOUBT: &str = "The Node.js archiver 1.0.x wrote the time of archiving as the expiry, so in its archives every item looks expired. \
    --include-expired replays them; in the form: expired items, replayed too";

/// A plan that would have no record.
#[derive(Clone, Debug, PartialEq)]
pub struct Nothing {
    /// The table or the file that was read.
    pub source: String,
    /// The stream they came from, where that is known.
    pub stream: Option<String>,
    /// What was selected, in words.
    pub selection: String,
    /// The stream they were meant for.
    pub target: String,
    /// What was found.
    pub counts: PlanCounts,
    /// Records that cannot be put, the first of them.
    pub passed_over: Vec<PassedOver>,
}

impl Nothing {
    /// Why there is nothing, for people.
    #[must_use]
    pub fn why(&self) -> String {
        let Self { source, counts, .. } = self;
        let left_out = [
            (counts.expired_left_out, "left out, since their expiry is past"),
            (counts.damaged, "damaged, so that they cannot be put"),
            (counts.superseded, "left out for later ones"),
            (counts.unsearchable, "left out, since they could not be looked into"),
        ];
        let mut left_out = left_out.into_iter().filter(|(number, _)| *number > 0);
        let why = match (left_out.next(), left_out.next()) {
            (None, _) if counts.read == 0 => format!("{source} has no items"),
            (None, _) => format!("of {} in {source} none is selected", items(counts.read)),
            (Some((1, what)), None) => format!("the only item selected in {source} is {}", of_one(what)),
            (Some((number, what)), None) => format!("all {} selected in {source} are {what}", items(number)),
            (Some(first), Some(second)) => {
                let parts: Vec<String> =
                    [first, second].into_iter().chain(left_out).map(|(number, what)| format!("{} {what}", count(number))).collect();
                format!("of the items selected in {source} {}", parts.join("; "))
            }
        };
        let doubt = if counts.expired_left_out > 0 { format!(". {EXPIRY_DOUBT}") } else { String::new() };
        let look = if counts.unsearchable > 0 { ". --include-unreadable replays what could not be looked into" } else { "" };
        format!("{why}{doubt}{look}")
    }
}

/// The same of a single item.
fn of_one(what: &str) -> String {
    what.replace("their", "its").replace("they", "it").replace("later ones", "a later one")
}

fn items(number: u64) -> String {
    if number == 1 { "1 item".to_owned() } else { format!("{} items", count(number)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(counts: PlanCounts) -> String {
        let source = "orders-archive-ALL".to_owned();
        let (selection, target) = ("every record".to_owned(), "orders-replay".to_owned());
        Nothing { source, stream: None, selection, target, counts, passed_over: Vec::new() }.why()
    }

    #[test]
    fn what_is_left_out_is_said_with_the_reason_and_the_option_that_takes_it() {
        let expired = why(PlanCounts { read: 1_200, expired_left_out: 1_200, ..PlanCounts::default() });
        assert!(expired.starts_with("all 1 200 items selected in orders-archive-ALL are left out, since their expiry is past. "));
        assert!(expired.contains("--include-expired") && expired.contains("Node.js archiver 1.0.x"), "{expired}");
        let one = why(PlanCounts { read: 5, expired_left_out: 1, ..PlanCounts::default() });
        assert!(one.starts_with("the only item selected in orders-archive-ALL is left out, since its expiry is past"), "{one}");
        let both = why(PlanCounts { read: 5, expired_left_out: 2, damaged: 3, ..PlanCounts::default() });
        assert!(both.contains("2 left out, since their expiry is past; 3 damaged, so that they cannot be put"), "{both}");
        assert_eq!(why(PlanCounts::default()), "orders-archive-ALL has no items");
        assert_eq!(why(PlanCounts { read: 1, ..PlanCounts::default() }), "of 1 item in orders-archive-ALL none is selected");
    }
}
