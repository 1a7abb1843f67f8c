//! What of a failure destination is asked for: which objects, of whom, and how much that is.

use super::printing::{grouped, of};
use super::reading::{Found, Problem};
use crate::aws::bucket::Object;
use crate::domain::text::{printable, size};
use std::collections::BTreeMap;
use unicode_width::UnicodeWidthStr as _;

/// Streams and functions that are named one by one.
const MAX_GROUPS: usize = 20;

/// The objects that are asked for.
#[derive(Debug, Default)]
pub(super) struct Choice {
    pub(super) objects: Vec<Object>,
    /// How many of them are batches.
    pub(super) batches: usize,
    /// The widest stream and object.
    pub(super) widths: [usize; 2],
    records: usize,
    bytes: u64,
    /// What is no batch.
    others: usize,
    /// What cannot be read, and may be a batch.
    unreadable: usize,
    groups: BTreeMap<Group, Size>,
}

/// What one function failed at of one stream.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    stream: String,
    /// ARN without version and alias.
    function: String,
}

#[derive(Debug, Default)]
struct Size {
    batches: usize,
    records: usize,
}

impl std::fmt::Display for Size {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}, {}", of(self.batches, "batch", "batches"), of(self.records, "record", "records"))
    }
}

impl Choice {
    /// Adds what was found; what is not wanted is only counted where it may be wanted all the same.
    pub(super) fn add(&mut self, found: &Found, is_wanted: bool) {
        match &found.batch {
            Err(Problem::Unreadable(_)) => self.unreadable += 1,
            Err(Problem::NoBatch(_)) if is_wanted => self.others += 1,
            Ok(batch) if is_wanted => {
                self.batches += 1;
                self.records += batch.records.unwrap_or(0);
                self.bytes += found.object.size_bytes;
                let stream = batch.stream.stream_name().to_string();
                self.widths[0] = self.widths[0].max(stream.width());
                let function = batch.unqualified_function().to_owned();
                let size = self.groups.entry(Group { stream, function }).or_default();
                size.batches += 1;
                size.records += batch.records.unwrap_or(0);
            }
            Ok(_) | Err(Problem::NoBatch(_)) => {}
        }
        if is_wanted {
            self.widths[1] = self.widths[1].max(printable(&found.object.name).width());
            self.objects.push(found.object.clone());
        }
    }

    /// The functions and how much is of each, where there are several.
    pub(super) fn several_functions(&self) -> Option<String> {
        let mut functions = BTreeMap::<&str, Size>::new();
        for (group, size) in &self.groups {
            let of_function = functions.entry(&group.function).or_default();
            of_function.batches += size.batches;
            of_function.records += size.records;
        }
        let told = || functions.iter().map(|(function, size)| format!("{} ({size})", printable(function)));
        (functions.len() > 1).then(|| told().collect::<Vec<_>>().join(" and "))
    }

    /// How much is of which stream and function, a line each, where there are several.
    pub(super) fn groups(&self) -> Vec<String> {
        if self.groups.len() < 2 {
            return Vec::new();
        }
        let line = |(group, size): (&Group, &Size)| format!("stream {}, function {}: {size}", group.stream, group.function);
        let mut lines: Vec<String> = self.groups.iter().take(MAX_GROUPS).map(line).collect();
        if self.groups.len() > MAX_GROUPS {
            lines.push(format!("and {} more", grouped(self.groups.len() - MAX_GROUPS)));
        }
        lines
    }

    /// How much it is, in words: of whom, where that can be said shortly.
    pub(super) fn sentence(&self) -> String {
        let of_whom = match self.groups.iter().next() {
            Some((Group { stream, function }, _)) if self.groups.len() == 1 => {
                format!(" of stream {stream} and function {function}")
            }
            Some(_) => format!(" of {} streams and functions", grouped(self.groups.len())),
            None => String::new(),
        };
        format!("{} ({}){of_whom}", Size { batches: self.batches, records: self.records }, size(self.bytes))
    }

    /// What is no batch, or perhaps none, in words behind that.
    pub(super) fn others_sentence(&self) -> String {
        let mut sentence = String::new();
        for (number, what) in [(self.others, "that are no batches"), (self.unreadable, "that cannot be read")] {
            if number > 0 {
                sentence.push_str(&format!("; {} {what}", of(number, "object", "objects")));
            }
        }
        sentence
    }
}
