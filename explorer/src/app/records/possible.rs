//! Whether a command is possible now on the records screen.

use super::{Following, Origin, PayloadPane, Question, Reading, Records};
use crate::app::command::{PayloadCommand, RecordsCommand};
use crate::domain::reading::Source;
use crate::domain::record::Record;
use crate::domain::record::show::Body;
use archiver::format::settings::ArchiveMode;
use std::sync::Arc;

impl Records {
    /// Whether a command is possible now, otherwise why not.
    pub(in crate::app) fn check(&self, command: RecordsCommand) -> Result<(), String> {
        match command {
            RecordsCommand::MarkAll | RecordsCommand::InvertMarks => match &self.origin {
                Origin::Read(_) => Ok(()),
                Origin::Stream(_) => Err("records that are still arriving cannot all be marked".to_owned()),
            },
            RecordsCommand::Mark | RecordsCommand::MarkRange if self.marks.are_of_another(&self.fixed) => {
                Err("all records of another filter are marked; u removes those marks".to_owned())
            }
            RecordsCommand::Mark | RecordsCommand::MarkRange | RecordsCommand::Copy => self.check_record().map(|_| ()),
            RecordsCommand::ClearMarks if self.marks.is_empty() => Err("no record is marked".to_owned()),
            RecordsCommand::ReadMore => self.check_reading(false),
            RecordsCommand::ReadAll => self.check_reading(true),
            RecordsCommand::KeyHistory => self.check_history(),
            RecordsCommand::Follow if self.is_refreshing() => {
                Err("the archive is being read again; wait before you follow new records".to_owned())
            }
            RecordsCommand::Follow if matches!(self.origin, Origin::Read(Source::File(_))) => {
                Err("a file does not grow".to_owned())
            }
            RecordsCommand::FollowStream if self.origin.archive().is_none() => Err("this needs an archive".to_owned()),
            RecordsCommand::Replay if matches!(self.origin, Origin::Stream(_)) => Err("this needs an archive or a file".to_owned()),
            RecordsCommand::Diff if !self.is_compared && self.compared_with().is_none() => {
                self.check_record()?;
                if self.origin.archive().is_some_and(|archive| archive.mode == ArchiveMode::Latest) {
                    let why = "mode LATEST keeps only the newest record of each key; mark another record to compare with";
                    return Err(why.to_owned());
                }
                Err("no older record of this key is nearby; h lists all, or mark one to compare with".to_owned())
            }
            RecordsCommand::NextUserRecord | RecordsCommand::PreviousUserRecord => {
                let place = self.detail().and_then(|detail| detail.decoded()?.user_record.as_ref());
                place.map(|_| ()).ok_or_else(|| "this is no aggregated record".to_owned())
            }
            RecordsCommand::WidenPayload | RecordsCommand::NarrowPayload
                if !self.sharing.is_wide() || self.sharing.payload != PayloadPane::Beside =>
            {
                Err("there is no border to move: the payload is not beside the list".to_owned())
            }
            RecordsCommand::NextRecord if self.cursor + 1 >= self.rows.len() => Err("this is the last record".to_owned()),
            RecordsCommand::PreviousRecord if self.cursor == 0 => Err("this is the first record".to_owned()),
            RecordsCommand::Export if self.rows.is_empty() => Err("there is nothing to export".to_owned()),
            RecordsCommand::Jump | RecordsCommand::NextBucket | RecordsCommand::PreviousBucket if self.rows.is_empty() => {
                Err("there is no record to go to".to_owned())
            }
            RecordsCommand::ClearMarks
            | RecordsCommand::Columns
            | RecordsCommand::ToggleFull
            | RecordsCommand::TogglePayload
            | RecordsCommand::DecodeAs
            | RecordsCommand::Diff
            | RecordsCommand::Export
            | RecordsCommand::Filter
            | RecordsCommand::Follow
            | RecordsCommand::FollowStream
            | RecordsCommand::Histogram
            | RecordsCommand::Jump
            | RecordsCommand::NarrowPayload
            | RecordsCommand::NextBucket
            | RecordsCommand::NextRecord
            | RecordsCommand::PreviousBucket
            | RecordsCommand::PreviousRecord
            | RecordsCommand::Replay
            | RecordsCommand::SwitchPane
            | RecordsCommand::ViewHex
            | RecordsCommand::ViewPretty
            | RecordsCommand::ViewText
            | RecordsCommand::WidenPayload => Ok(()),
        }
    }

    /// Whether a command is possible in the payload.
    pub(in crate::app) fn check_payload(&self, command: PayloadCommand) -> Result<(), String> {
        match command {
            PayloadCommand::NextMatch | PayloadCommand::PreviousMatch if self.finds_nothing() => {
                Err(format!("\"{}\" is not in this payload", self.search))
            }
            PayloadCommand::NextMatch | PayloadCommand::PreviousMatch if self.search.is_empty() && !self.is_compared => {
                Err("/ searches in the payload".to_owned())
            }
            PayloadCommand::FilterByField
            | PayloadCommand::Fold
            | PayloadCommand::FoldAll
            | PayloadCommand::NextMatch
            | PayloadCommand::PreviousMatch
            | PayloadCommand::Search
            | PayloadCommand::UnfoldAll => Ok(()),
        }
    }

    /// Whether the records can be read again.
    pub(in crate::app) fn check_refresh(&self) -> Result<(), String> {
        match self.following {
            Following::On(..) => Err("new records are being followed; f stops that".to_owned()),
            Following::Off | Following::Failed(_) => Ok(()),
        }
    }

    /// Whether the typed line can be completed.
    pub(in crate::app) fn check_completing(&self) -> Result<(), String> {
        match self.typing.as_ref().map(|typing| typing.question) {
            None | Some(Question::Filter | Question::Columns | Question::Export) => Ok(()),
            Some(Question::Jump | Question::Search | Question::Decode) => {
                Err("only filters, columns and files are completed".to_owned())
            }
        }
    }

    fn check_record(&self) -> Result<&Arc<Record>, String> {
        self.current().ok_or_else(|| "there is no record here".to_owned())
    }

    fn check_history(&self) -> Result<(), String> {
        match (&self.origin, self.origin.archive()) {
            (_, Some(archive)) if archive.mode == ArchiveMode::Latest => {
                Err("mode LATEST keeps only the newest record of a key".to_owned())
            }
            (Origin::Stream(_), _) => Err("a key's history is in the archive of its stream".to_owned()),
            (Origin::Read(_), _) if self.filter.key() == Some(self.check_record()?.id.partition_key.as_str()) => {
                Err("these are the versions of this key".to_owned())
            }
            (Origin::Read(_), _) => Ok(()),
        }
    }

    /// Whether the searched text is not in the shown payload.
    fn finds_nothing(&self) -> bool {
        let body = self.detail().and_then(|detail| detail.body());
        !self.search.is_empty() && matches!(body, Some(Body::Document(document)) if document.matches() == 0)
    }

    fn check_reading(&self, to_the_end: bool) -> Result<(), String> {
        match &self.reading {
            Reading::Partial(_) | Reading::Failed(..) if self.is_full() => Err("the list is full; narrow it with /".to_owned()),
            Reading::Running(_) if to_the_end => Ok(()),
            Reading::Partial(_) | Reading::Failed(..) => Ok(()),
            Reading::Running(_) | Reading::Stopping(_) => Err("it is still being read; esc stops".to_owned()),
            Reading::Complete => Err("all is read".to_owned()),
        }
    }
}
