//! Handles commands in the payload of the record under the cursor.

use super::{Question, Records};
use crate::app::command::PayloadCommand;
use crate::domain::document::Direction;
use crate::domain::filter::shortest;
use crate::domain::record::show::Body;
use serde_json::Value;

impl Records {
    /// Handles a command in the payload.
    pub(in crate::app) fn run_in_payload(&mut self, command: PayloadCommand) -> Result<(), String> {
        match command {
            PayloadCommand::Fold => self.fold(),
            PayloadCommand::FoldAll => self.fold_or_unfold_all(true),
            PayloadCommand::UnfoldAll => self.fold_or_unfold_all(false),
            PayloadCommand::NextMatch => self.go_to_match(Direction::Forward),
            PayloadCommand::PreviousMatch => self.go_to_match(Direction::Backward),
            PayloadCommand::FilterByField => return self.filter_by_field(),
            PayloadCommand::Search => self.ask_for(Question::Search, String::new()),
        }
        Ok(())
    }

    pub(super) fn fold(&mut self) {
        if let Some(detail) = &mut self.showing.detail {
            let row = detail.row;
            let folded = match detail.body_mut() {
                Some(Body::Document(document)) => document.toggle_fold(row),
                Some(Body::Diff(diff)) => diff.unfold(row).then_some(row),
                None => None,
            };
            detail.row = folded.unwrap_or(row);
            detail.keep_row();
        }
    }

    fn fold_or_unfold_all(&mut self, folds: bool) {
        if let Some(detail) = &mut self.showing.detail {
            if let Some(Body::Document(document)) = detail.body_mut() {
                if folds { document.fold_all(1) } else { document.unfold_all() }
            }
            detail.keep_row();
        }
    }

    /// Goes to the next match or change in this direction.
    fn go_to_match(&mut self, direction: Direction) {
        if let Some(detail) = &mut self.showing.detail {
            let row = detail.row;
            let found = match detail.body_mut() {
                Some(Body::Document(document)) => document.next_match(row, direction),
                Some(Body::Diff(diff)) => diff.next_change(row, direction),
                None => None,
            };
            detail.row = found.unwrap_or(row);
        }
    }

    fn filter_by_field(&mut self) -> Result<(), String> {
        let no_field = || "there is no JSON value on this line".to_owned();
        let detail = self.showing.detail.as_ref().ok_or_else(no_field)?;
        let Some(Body::Document(document)) = detail.body() else {
            return Err(no_field());
        };
        let path = document.path_at(detail.row).ok_or_else(no_field)?;
        let term = match document.scalar_at(detail.row) {
            // Without JSON escapes, for readability.
            Some(text) if text.starts_with('"') => match serde_json::from_str::<Value>(text) {
                Ok(text) => format!("json:{path}=={text}"),
                Err(_) => return Err("the text on this line is not valid Unicode, so it cannot be searched for".to_owned()),
            },
            Some(number_or_word) => format!("json:{path}=={number_or_word}"),
            None => format!("json:{path}"),
        };
        let line = self.filter.to_string();
        let term = shortest(&term);
        self.ask_for(Question::Filter, if line.is_empty() { term } else { format!("{line} {term}") });
        Ok(())
    }
}
