//! The objects of a failure destination that are wanted: how many, and of which streams and functions.

use super::printing::{grouped, of};
use super::reading::{Found, Problem};
use crate::aws::bucket::Object;
use crate::domain::lambda::failed_batch::FailedBatch;
use crate::domain::text::{printable, size};
use std::collections::{BTreeMap, BTreeSet};
use unicode_width::UnicodeWidthStr as _;

/// Streams and functions that are listed one by one.
const MAX_GROUPS: usize = 20;
/// Streams that a sentence names.
const NAMED_STREAMS: usize = 5;

/// The wanted objects.
#[derive(Default)]
pub(super) struct Choice {
    /// The batches.
    pub(super) batches: Vec<Object>,
    /// Objects that are not batches, or cannot be read. They are never archived, even if they can be read later.
    pub(super) others: Vec<(Object, Problem)>,
    /// The widest stream and object.
    pub(super) widths: [usize; 2],
    bytes: u64,
    groups: BTreeMap<FailureGroup, Size>,
}

/// The batches of one stream that one function failed on.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct FailureGroup {
    stream: String,
    /// ARN without version and alias.
    function: String,
}

impl FailureGroup {
    fn of(batch: &FailedBatch) -> Self {
        Self { stream: batch.stream.stream_name().to_string(), function: batch.unqualified_function().to_owned() }
    }
}

#[derive(Debug, Default)]
struct Size {
    batches: usize,
    records: usize,
}

impl Size {
    fn add(&mut self, other: &Self) {
        self.batches += other.batches;
        self.records += other.records;
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}, {}", of(self.batches, "batch", "batches"), of(self.records, "record", "records"))
    }
}

impl Choice {
    /// Adds what was found.
    pub(super) fn add(&mut self, Found { object, batch }: Found) {
        self.widths[1] = self.widths[1].max(printable(&object.name).width());
        match batch {
            Ok(batch) => {
                self.widths[0] = self.widths[0].max(batch.stream.stream_name().as_str().width());
                self.bytes += object.size_bytes;
                let size = self.groups.entry(FailureGroup::of(&batch)).or_default();
                size.add(&Size { batches: 1, records: batch.records.unwrap_or(0) });
                self.batches.push(object);
            }
            Err(problem) => self.others.push((object, problem)),
        }
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.batches.is_empty() && self.others.is_empty()
    }

    /// Whether batches of the same stream and function were chosen.
    pub(super) fn includes(&self, batch: &FailedBatch) -> bool {
        self.groups.contains_key(&FailureGroup::of(batch))
    }

    /// The functions and how much each has, if there are several.
    pub(super) fn several_functions(&self) -> Option<String> {
        let mut functions = BTreeMap::<&str, Size>::new();
        for (group, size) in &self.groups {
            functions.entry(&group.function).or_default().add(size);
        }
        let told = || functions.iter().map(|(function, size)| format!("{} ({size})", printable(function)));
        (functions.len() > 1).then(|| told().collect::<Vec<_>>().join(" and "))
    }

    /// How much each stream and function has, a line each, if there are several.
    pub(super) fn groups(&self) -> Vec<String> {
        if self.groups.len() < 2 {
            return Vec::new();
        }
        let line = |(group, size): (&FailureGroup, &Size)| format!("stream {}, function {}: {size}", group.stream, group.function);
        let mut lines: Vec<String> = self.groups.iter().take(MAX_GROUPS).map(line).collect();
        if self.groups.len() > MAX_GROUPS {
            lines.push(format!("and {} more", grouped(self.groups.len() - MAX_GROUPS)));
        }
        lines
    }

    /// How much there is, in words; with streams and function if they are few.
    pub(super) fn sentence(&self) -> String {
        let streams: BTreeSet<&str> = self.groups.keys().map(|group| group.stream.as_str()).collect();
        let named = streams.iter().take(NAMED_STREAMS).copied().collect::<Vec<_>>().join(", ");
        let mut of_whom = match streams.len() {
            0 => String::new(),
            1 => format!(" of stream {named}"),
            2..=NAMED_STREAMS => format!(" of streams {named}"),
            more => format!(" of streams {named} and {} more", grouped(more - NAMED_STREAMS)),
        };
        if let Some(FailureGroup { function, .. }) = self.groups.keys().next().filter(|_| self.groups.len() == 1) {
            of_whom.push_str(&format!(" and function {function}"));
        }
        let mut total = Size::default();
        self.groups.values().for_each(|size| total.add(size));
        format!("{total} ({}){of_whom}", size(self.bytes))
    }

    /// How many objects are not batches or cannot be read, in words that follow the sentence.
    pub(super) fn others_sentence(&self) -> String {
        let mut sentence = String::new();
        let unreadable = self.others.iter().filter(|(_, problem)| matches!(problem, Problem::Unreadable(_))).count();
        for (number, one, many) in [
            (self.others.len() - unreadable, "not a batch of a stream", "not batches of a stream"),
            (unreadable, "unreadable", "unreadable"),
        ] {
            if number > 0 {
                let what = if number == 1 { one } else { many };
                sentence.push_str(&format!("; {} {what}", of(number, "object is", "objects are")));
            }
        }
        sentence
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    fn batch(stream: &str, function: &str) -> FailedBatch {
        let batch = json!({
            "requestContext": {
                "functionArn": format!("arn:aws:lambda:us-east-2:123456789012:function:{function}"),
                "condition": "RetryAttemptsExhausted",
            },
            "KinesisBatchInfo": { "batchSize": 20, "streamArn": format!("arn:aws:kinesis:us-east-2:123456789012:stream/{stream}") },
        });
        FailedBatch::parse(batch.to_string().as_bytes()).unwrap().0
    }

    fn found(name: &str, batch: Result<FailedBatch, Problem>) -> Found {
        Found { object: Object { name: name.to_owned(), path: None, size_bytes: 1_000, version: None }, batch }
    }

    fn choice(all: impl IntoIterator<Item = Found>) -> Choice {
        let mut choice = Choice::default();
        all.into_iter().for_each(|found| choice.add(found));
        choice
    }

    /// It may be readable a moment later, but the user was not asked about it.
    #[test]
    fn unreadable_objects_are_not_among_the_batches() {
        let unreadable = found("b", Err(Problem::Unreadable("no permission".to_owned())));
        let other = found("c", Err(Problem::NoBatch("it is not a batch".to_owned())));
        let choice = choice([found("a", Ok(batch("orders", "archiver"))), unreadable, other]);
        assert_eq!(choice.batches.iter().map(|object| object.name.as_str()).collect::<Vec<_>>(), ["a"]);
        assert_eq!(choice.others_sentence(), "; 1 object is not a batch of a stream; 1 object is unreadable");
        assert!(choice.includes(&batch("orders", "archiver:2")));
        assert!(!choice.includes(&batch("orders", "billing")) && !choice.includes(&batch("audit", "archiver")));
    }

    #[test]
    fn the_sentence_says_how_much_belongs_to_which_stream_and_function() {
        let one = choice(["a", "b"].map(|name| found(name, Ok(batch("orders", "archiver:live")))));
        assert_eq!(one.several_functions(), None);
        let function = "arn:aws:lambda:us-east-2:123456789012:function:";
        let sentence = format!("2 batches, 40 records (2.0 KiB) of stream orders and function {function}archiver");
        assert_eq!((one.sentence(), one.groups()), (sentence, Vec::new()));
        let two = choice([found("a", Ok(batch("orders", "archiver"))), found("b", Ok(batch("audit", "billing")))]);
        let told = format!("{function}archiver (1 batch, 20 records) and {function}billing (1 batch, 20 records)");
        assert_eq!(two.several_functions(), Some(told));
        assert_eq!(two.sentence(), "2 batches, 40 records (2.0 KiB) of streams audit, orders");
        let same = choice(["archiver", "billing"].map(|function| found("a", Ok(batch("orders", function)))));
        assert_eq!(same.sentence(), "2 batches, 40 records (2.0 KiB) of stream orders");
        let many = choice(('a'..='g').map(|name| found("a", Ok(batch(&name.to_string(), "archiver")))));
        assert_eq!(many.sentence(), "7 batches, 140 records (6.8 KiB) of streams a, b, c, d, e and 2 more");
        assert_eq!(two.groups()[0], format!("stream audit, function {function}billing: 1 batch, 20 records"));
    }
}
