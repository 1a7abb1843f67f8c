//! The line being typed on the records screen: its purpose, its completions and its problem.

use crate::app::line::Line;
use crate::domain::fields::{FieldPath, FieldValue, complete_columns};
use crate::domain::filter::{Completion, History, Known, SeenField, complete, json_paths, typed_text};
use crate::domain::record::Record;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

/// So many say it all; more would only hide the list.
const MOST_COMPLETIONS: usize = 6;

/// What a typed line is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// The filter.
    Filter,
    /// A jump of the cursor.
    Jump,
    /// A search in the payload.
    Search,
    /// The decoders of payloads.
    Decode,
    /// The file of an export.
    Export,
    /// Which fields of the payloads are columns.
    Columns,
}

/// A line being typed.
#[derive(Clone, Debug)]
pub struct Typing {
    /// Its purpose.
    pub question: Question,
    /// The line.
    pub line: Line,
    /// What is wrong with it, and which bytes are.
    pub mistake: Option<(Range<usize>, String)>,
    /// The completions at the cursor.
    pub completions: Vec<Completion>,
    /// The typed line, while previous ones are shown.
    own: Option<String>,
}

/// Fields with their values as they are typed, the most frequent first.
fn seen_fields<'f>(fields: impl Iterator<Item = &'f (FieldPath, FieldValue)>) -> Vec<SeenField> {
    /// A longer value is in few records, and would fill the line.
    const LONGEST_VALUE: usize = 60;
    let mut counts: BTreeMap<&FieldPath, BTreeMap<String, usize>> = BTreeMap::new();
    for (path, value) in fields {
        let values = counts.entry(path).or_default();
        let typed = match value {
            FieldValue::Text(text) => typed_text(text),
            FieldValue::Number(_) | FieldValue::Truth(_) | FieldValue::Null => value.plain().into_owned(),
            FieldValue::List(_) | FieldValue::Object => continue,
        };
        if typed.len() <= LONGEST_VALUE {
            *values.entry(typed).or_default() += 1;
        }
    }
    let seen = counts.into_iter().map(|(path, values)| {
        let mut values: Vec<(String, usize)> = values.into_iter().collect();
        values.sort_by_key(|(_, count)| Reverse(*count));
        SeenField { path: path.to_string(), values }
    });
    seen.collect()
}

impl Question {
    /// The prompt.
    #[must_use]
    pub fn prompt(self) -> &'static str {
        match self {
            Self::Filter => "filter: ",
            Self::Jump => "jump to: ",
            Self::Search => "search: ",
            Self::Decode => "decode as: ",
            Self::Export => "export to: ",
            Self::Columns => "columns: ",
        }
    }

    /// A hint for an empty line.
    #[must_use]
    pub fn hint(self) -> &'static str {
        match self {
            Self::Filter => ".status=paid total>100 key:cust-42 after:1h timeout /regex/",
            Self::Jump => "a time such as 10:30, 2h or 2026-11-20T10:00Z, key:cust-42 or seq:4963…",
            Self::Search => "text in this payload",
            Self::Decode => "detected, or steps such as gzip > msgpack",
            Self::Export => "orders.jsonl or orders.csv",
            Self::Columns => "fields such as id customer.city; none hides them, an empty line finds them",
        }
    }
}

impl Typing {
    /// A line for a purpose.
    #[must_use]
    pub fn new(question: Question, text: impl Into<String>) -> Self {
        Self { question, line: Line::with(text), mistake: None, completions: Vec::new(), own: None }
    }

    /// Finds completions at the cursor from the rows on the screen.
    pub(super) fn find_completions<'r>(
        &mut self,
        records: impl Iterator<Item = &'r Arc<Record>>,
        text: Option<&str>,
        fields: impl Iterator<Item = &'r (FieldPath, FieldValue)>,
    ) {
        /// Paths of the document under the cursor that are offered.
        const MOST_PATHS: usize = 200;
        if self.question != Question::Filter {
            return;
        }
        let (mut keys, mut shards) = (BTreeSet::new(), BTreeSet::new());
        for record in records {
            keys.insert(record.id.partition_key.clone());
            shards.extend(record.item.shard_id.clone());
        }
        let keys: Vec<String> = keys.into_iter().collect();
        let shards: Vec<String> = shards.into_iter().collect();
        let json_paths = text.map_or_else(Vec::new, |text| json_paths(text, MOST_PATHS));
        let known = Known { keys: &keys, shards: &shards, json_paths: &json_paths, fields: &seen_fields(fields) };
        self.completions = complete(self.line.text(), self.line.cursor(), &known);
        self.completions.truncate(MOST_COMPLETIONS);
    }

    /// Finds fields that could stand at the cursor, those of most payloads first.
    pub(super) fn find_columns<'f>(&mut self, known: impl Iterator<Item = &'f FieldPath>) {
        self.completions = complete_columns(self.line.text(), self.line.cursor(), known);
        self.completions.truncate(MOST_COMPLETIONS);
    }

    /// Goes to the previous or next applied line, and back to the typed one.
    pub(in crate::app) fn go_through(&mut self, history: &History, to_older: bool) {
        let line = self.line.text();
        let text = if to_older { history.previous(line) } else { history.next(line) };
        let text = match (text, to_older) {
            (Some(text), _) => text.to_owned(),
            (None, true) => return,
            (None, false) => match self.own.take() {
                Some(own) => own,
                None => return,
            },
        };
        if to_older && self.own.is_none() {
            self.own = Some(line.to_owned());
        }
        self.line = Line::with(text);
    }

    /// Inserts the first completion.
    pub(in crate::app) fn complete(&mut self) {
        if self.completions.is_empty() {
            return;
        }
        let Completion { replace, with, .. } = self.completions.remove(0);
        let text = self.line.text();
        let (Some(before), Some(after)) = (text.get(..replace.start), text.get(replace.end..)) else {
            return;
        };
        let end = before.len() + with.len();
        self.line = Line::with_cursor(format!("{before}{with}{after}"), end);
    }
}
