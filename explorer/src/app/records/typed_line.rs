//! Handles the lines typed on the records screen.

use super::{Pane, Question, Records, Typing};
use crate::app::effect::{Effect, RecordsEffect};
use crate::app::ids::RequestId;
use crate::domain::decode::Recipe;
use crate::domain::document::{Direction, case_matters};
use crate::domain::export::ExportFormat;
use crate::domain::failure::Failure;
use crate::domain::fields::Columns;
use crate::domain::filter::RecordFilter;
use crate::domain::listing::entry::{Entry, SoughtRecord};
use crate::domain::record::show::Body;
use crate::domain::text::typed_path::path_of;
use crate::domain::time::TimeContext;
use archiver::format::sequence::SequenceNumber;
use std::path::{Path, PathBuf};

impl Records {
    /// Handles a typed line.
    pub(in crate::app) fn apply_line(&mut self, times: &TimeContext, home: Option<&Path>, requests: [RequestId; 2]) -> LineOutcome {
        let Some(typing) = &mut self.typing else {
            return LineOutcome::Nothing;
        };
        let text = typing.line.text().trim().to_owned();
        let mistake = |typing: &mut Typing, sentence: String| {
            typing.mistake = Some((0..typing.line.text().len(), sentence));
            LineOutcome::Nothing
        };
        match typing.question {
            Question::Filter => match RecordFilter::parse_for(typing.line.text(), times, &self.columns.names()) {
                Ok(filter) => {
                    self.typing = None;
                    self.pane = Pane::List;
                    LineOutcome::Filtered(self.filter_by(filter, requests, times.now))
                }
                Err(error) => {
                    typing.mistake = Some((error.span(), error.to_string()));
                    LineOutcome::Nothing
                }
            },
            Question::Jump => match jump(&text, times) {
                Ok(target) => {
                    self.typing = None;
                    LineOutcome::Effects(self.jump_to(target, requests[0]))
                }
                Err(sentence) => mistake(typing, sentence),
            },
            Question::Search => {
                let text = typing.line.text().to_owned();
                self.typing = None;
                self.search_for(text)
            }
            Question::Decode => match if text.is_empty() { Ok(Recipe::default()) } else { Recipe::parse(&text) } {
                Ok(recipe) => {
                    self.typing = None;
                    self.recipe = recipe;
                    LineOutcome::Decoded
                }
                Err(error) => mistake(typing, error.to_string()),
            },
            Question::Columns => match Columns::parse(&text) {
                Ok(columns) => {
                    self.typing = None;
                    self.columns.choice = columns;
                    LineOutcome::ColumnsChosen
                }
                Err(error) => mistake(typing, error.to_string()),
            },
            Question::Export if text.is_empty() => mistake(typing, "a name for the file, such as orders.jsonl".to_owned()),
            Question::Export => match export_path(&text, home) {
                Ok((path, format)) => {
                    self.typing = None;
                    LineOutcome::Export(path, format)
                }
                Err(sentence) => mistake(typing, sentence),
            },
        }
    }

    fn search_for(&mut self, text: String) -> LineOutcome {
        self.search = text;
        let Some(detail) = &mut self.showing.detail else {
            return LineOutcome::Nothing;
        };
        let row = detail.row;
        let Some(Body::Document(document)) = detail.body_mut() else {
            return LineOutcome::Told("a diff cannot be searched; D shows the payload again".to_owned());
        };
        // The next message searches it, like every payload.
        let matches = document.search(&self.search);
        if self.search.is_empty() {
            return LineOutcome::Nothing;
        }
        if matches == 0 {
            let why = if case_matters(&self.search) { "; with a capital in it, case matters" } else { "" };
            return LineOutcome::Told(format!("\"{}\" is not in this payload{why}", self.search));
        }
        let is_here = !document.matches_on(row).is_empty();
        let found = if is_here { Some(row) } else { document.next_match(row, Direction::Forward) };
        detail.row = found.unwrap_or(row);
        self.pane = Pane::Detail;
        LineOutcome::Nothing
    }

    fn jump_to(&mut self, target: JumpTarget, request: RequestId) -> Vec<Effect> {
        match target {
            JumpTarget::Time(milliseconds) => {
                // The newest record that is not later.
                self.anchor = None;
                let later = self.rows.listing.count_since(milliseconds.saturating_add(1));
                self.cursor = later.min(self.rows.len().saturating_sub(1));
                self.pane = Pane::List;
                Vec::new()
            }
            JumpTarget::Record(sought) => {
                self.finding = Some(request);
                let among = self.rows.are_some.then(|| self.rows.listing.from(0).map(|entry| entry.place()).collect());
                vec![Effect::Records(RecordsEffect::FindRow { request, spool: self.rows.spool, sought, among })]
            }
        }
    }

    /// Goes to the row that was found.
    pub(in crate::app) fn row_found(&mut self, request: RequestId, result: Result<Option<Entry>, Failure>) -> Result<(), String> {
        if self.finding.take_if(|finding| *finding == request).is_none() {
            return Ok(());
        }
        match result {
            Ok(Some(entry)) => {
                self.anchor = None;
                self.cursor = self.rows.listing.rank_of(&entry).unwrap_or(self.cursor);
                self.pane = Pane::List;
                Ok(())
            }
            Ok(None) => Err("it is not among the records read; / searches the whole archive, for example key:cust-42".to_owned()),
            Err(failure) => Err(failure.to_string()),
        }
    }
}

/// The result of a typed line.
#[derive(Debug)]
pub(in crate::app) enum LineOutcome {
    /// Nothing else.
    Nothing,
    /// The filter changed.
    Filtered(Vec<Effect>),
    /// Effects.
    Effects(Vec<Effect>),
    /// Payloads are decoded differently.
    Decoded,
    /// Other fields are columns.
    ColumnsChosen,
    /// Records are to be written there.
    Export(PathBuf, ExportFormat),
    /// A sentence for the user.
    Told(String),
}

/// Where to move the cursor.
enum JumpTarget {
    /// To the newest record that arrived no later than this, in epoch milliseconds.
    Time(i64),
    /// To a record.
    Record(SoughtRecord),
}

/// The file to export to, and its format.
fn export_path(text: &str, home: Option<&Path>) -> Result<(PathBuf, ExportFormat), String> {
    let path = path_of(text, home).map_err(|error| error.to_string())?;
    let format = ExportFormat::of_path(&path).map_err(|error| error.to_string())?;
    Ok((path, format))
}

/// Parses the target of a jump: `key:…`, `seq:…`, or a time.
fn jump(text: &str, times: &TimeContext) -> Result<JumpTarget, String> {
    match text.split_once(':') {
        Some(("key", key)) if !key.is_empty() => Ok(JumpTarget::Record(SoughtRecord::Key(key.trim_matches('"').to_owned()))),
        Some(("seq", number)) => match SequenceNumber::parse(number) {
            Ok(number) => Ok(JumpTarget::Record(SoughtRecord::Number(number.to_string()))),
            Err(error) => Err(error.to_string()),
        },
        _ => match times.parse(text) {
            Ok(at) => Ok(JumpTarget::Time(at.as_millisecond())),
            Err(error) => Err(format!("{error}, or key:cust-42 or seq:4963…")),
        },
    }
}
