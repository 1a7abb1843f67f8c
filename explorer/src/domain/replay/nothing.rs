//! A selection without a record that can be sent: the result instead of a plan.

use super::plan::{PassedOver, PlanCounts};
use crate::domain::text::{count, counted};

/// Why an item that looks expired may not be.
pub const EXPIRY_DOUBT: &str = "The Node.js archiver 1.0.x wrote the time of archiving as the expiry, so in its archives every item looks expired. \
    --include-expired replays them; in the form: expired items, replayed too";

/// What was read for a plan that would be empty.
#[derive(Clone, Debug, PartialEq)]
pub struct Nothing {
    /// The table or the file that was read.
    pub source: String,
    /// The stream they came from, if that is known.
    pub stream: Option<String>,
    /// What was selected, in words.
    pub selection: String,
    /// The stream they were meant for.
    pub target: String,
    /// What was found.
    pub counts: PlanCounts,
    /// The first of the records that cannot be sent.
    pub passed_over: Vec<PassedOver>,
}

impl Nothing {
    /// Why there is nothing to replay, for people.
    #[must_use]
    pub fn why(&self) -> String {
        let Self { source, counts, .. } = self;
        let left_out = [
            (counts.expired_left_out, "left out because their expiry has passed"),
            (counts.damaged, "damaged and cannot be sent"),
            (counts.superseded, "superseded by later ones"),
            (counts.unsearchable, "left out because they could not be searched"),
        ];
        let mut left_out = left_out.into_iter().filter(|(number, _)| *number > 0);
        let why = match (left_out.next(), left_out.next()) {
            (None, _) if counts.read == 0 => format!("{source} has no items"),
            (None, _) if counts.read == 1 => format!("the only item in {source} is not selected"),
            (None, _) => format!("none of the {} in {source} is selected", items(counts.read)),
            (Some((1, what)), None) => format!("the only item selected in {source} is {}", of_one(what)),
            (Some((number, what)), None) => format!("all {} selected in {source} are {what}", items(number)),
            (Some(first), Some(second)) => {
                let parts: Vec<String> =
                    [first, second].into_iter().chain(left_out).map(|(number, what)| format!("{} {what}", count(number))).collect();
                format!("of the items selected in {source}, {}", parts.join("; "))
            }
        };
        let doubt = if counts.expired_left_out > 0 { format!(". {EXPIRY_DOUBT}") } else { String::new() };
        let look = if counts.unsearchable > 0 { ". --include-unreadable replays those that could not be searched" } else { "" };
        format!("{why}{doubt}{look}")
    }
}

/// The same for a single item.
fn of_one(what: &str) -> String {
    what.replace("their", "its").replace("they", "it").replace("later ones", "a later one")
}

fn items(number: u64) -> String {
    counted(number, "item", "items")
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
    fn the_sentence_says_why_items_are_left_out_and_which_option_takes_them() {
        let expired = why(PlanCounts { read: 1_200, expired_left_out: 1_200, ..PlanCounts::default() });
        assert!(
            expired.starts_with("all 1 200 items selected in orders-archive-ALL are left out because their expiry has passed. ")
        );
        assert!(expired.contains("--include-expired") && expired.contains("Node.js archiver 1.0.x"), "{expired}");
        let one = why(PlanCounts { read: 5, expired_left_out: 1, ..PlanCounts::default() });
        assert!(one.starts_with("the only item selected in orders-archive-ALL is left out because its expiry has passed"), "{one}");
        let both = why(PlanCounts { read: 5, expired_left_out: 2, damaged: 3, ..PlanCounts::default() });
        assert!(both.contains("2 left out because their expiry has passed; 3 damaged and cannot be sent"), "{both}");
        assert_eq!(why(PlanCounts::default()), "orders-archive-ALL has no items");
        assert_eq!(why(PlanCounts { read: 1, ..PlanCounts::default() }), "the only item in orders-archive-ALL is not selected");
    }
}
