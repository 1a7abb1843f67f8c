//! A replay before it starts: which records, into which stream, with or without an envelope; then what one should know first.

use super::keymap::{Command, Context};
use super::line::Line;
use super::streams::Streams;
use crate::domain::filter::RecordFilter;
use crate::domain::marks::Marks;
use crate::domain::reading::ArchiveSource;
use crate::domain::replay::{ReplayOrder, Selection, warnings};
use archiver::envelope::Separator;
use archiver::stream::StreamName;
use std::collections::BTreeSet;

/// The state of the screen.
#[derive(Debug)]
pub struct ReplaySetup {
    /// The archive that is read.
    pub archive: ArchiveSource,
    /// What is marked.
    pub marks: Marks,
    /// The filter of the records screen.
    pub filter: RecordFilter,
    /// Whether the marked ones are replayed, and not all that match.
    pub only_marked: bool,
    /// Part of the target's name.
    pub target: Line,
    /// Place among the streams that contain it; `None` until one was typed or chosen.
    pub target_cursor: Option<usize>,
    /// Whether each record gets an envelope.
    pub envelope: bool,
    /// The envelope's separator; empty is the default.
    pub separator: Line,
    /// Whether expired items are replayed too.
    pub include_expired: bool,
    /// The field that keys go to.
    pub field: Field,
    /// How far it is.
    pub step: Step,
}

/// A field of the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Which records.
    Records,
    /// Into which stream.
    Target,
    /// With an envelope or without.
    Envelope,
    /// What separates envelope and payload.
    Separator,
    /// Expired items too, or not.
    Expired,
}

/// How far the form is.
#[derive(Debug, PartialEq)]
pub enum Step {
    /// It is filled in; a sentence where something in it is wrong.
    Editing(Option<String>),
    /// What would be done is shown.
    Review {
        /// What.
        order: Box<ReplayOrder>,
        /// What one should know before.
        warnings: Vec<String>,
    },
}

const FIELDS: [Field; 5] = [Field::Records, Field::Target, Field::Envelope, Field::Separator, Field::Expired];

impl ReplaySetup {
    /// The form for an archive: the marked records where there are any, else all that match.
    #[must_use]
    pub fn open(archive: ArchiveSource, marks: Marks, filter: RecordFilter) -> Self {
        Self {
            archive,
            only_marked: !marks.is_empty(),
            marks,
            filter,
            target: Line::default(),
            target_cursor: None,
            envelope: false,
            separator: Line::default(),
            include_expired: false,
            field: Field::Target,
            step: Step::Editing(None),
        }
    }

    /// Where its keys are looked up.
    #[must_use]
    pub fn context(&self) -> Context {
        match self.step {
            Step::Editing(_) => Context::Form,
            Step::Review { .. } => Context::Review,
        }
    }

    /// Whether keys go into a line.
    #[must_use]
    pub fn is_typing(&self) -> bool {
        matches!(self.field, Field::Target | Field::Separator) && matches!(self.step, Step::Editing(_))
    }

    /// The line that keys go to.
    pub(super) fn line(&mut self) -> Option<&mut Line> {
        match self.field {
            Field::Target => Some(&mut self.target),
            Field::Separator => Some(&mut self.separator),
            Field::Records | Field::Envelope | Field::Expired => None,
        }
    }

    /// The streams that the typed text leaves to choose from: the one of just that name first, the source itself last.
    #[must_use]
    pub fn targets<'s>(&self, streams: &'s Streams) -> Vec<&'s StreamName> {
        let wanted = self.target.text().to_lowercase();
        let mut names: Vec<&StreamName> =
            streams.rows.iter().map(|row| &row.name).filter(|name| name.as_str().to_lowercase().contains(&wanted)).collect();
        names.sort_by_key(|name| (name.as_str().to_lowercase() != wanted, **name == self.archive.stream));
        names
    }

    /// Takes a command on the form; gives back the order when it is to be carried out.
    pub(super) fn command(&mut self, command: Command, streams: &Streams) -> Option<Box<ReplayOrder>> {
        match command {
            Command::NextField => self.move_field(1),
            Command::PreviousField => self.move_field(FIELDS.len() - 1),
            Command::Up | Command::Down | Command::First | Command::Last | Command::PageUp | Command::PageDown => {
                if self.field == Field::Target {
                    let targets = self.targets(streams).len();
                    self.target_cursor = Some(match self.target_cursor {
                        Some(cursor) => super::records::moved(cursor, command, 5, targets),
                        None => 0,
                    });
                } else if command == Command::Up {
                    self.move_field(FIELDS.len() - 1);
                } else {
                    self.move_field(1);
                }
            }
            Command::Change | Command::ChangeBack => match self.field {
                Field::Records => self.only_marked = !self.only_marked && !self.marks.is_empty(),
                Field::Envelope => self.envelope = !self.envelope,
                Field::Expired => self.include_expired = !self.include_expired,
                Field::Target | Field::Separator => {}
            },
            Command::Continue => {
                self.step = match self.review(streams) {
                    Ok(step) => step,
                    Err(sentence) => Step::Editing(Some(sentence)),
                };
            }
            Command::Confirm => {
                if let Step::Review { order, .. } = &self.step {
                    return Some(order.clone());
                }
            }
            _ => {}
        }
        None
    }

    fn move_field(&mut self, by: usize) {
        let place = FIELDS.iter().position(|field| *field == self.field).unwrap_or(0);
        self.field = FIELDS[(place + by) % FIELDS.len()];
    }

    fn review(&self, streams: &Streams) -> Result<Step, String> {
        let targets = self.targets(streams);
        let cursor = self.target_cursor.ok_or("choose the stream to replay into: type a part of its name, or use ↑ and ↓")?;
        let name = targets.get(cursor).or(targets.last()).copied();
        let name = name.ok_or_else(|| format!("no stream's name contains \"{}\"", self.target.text()))?;
        let target = streams.overview(name).ok_or_else(|| format!("stream {name} is not read yet; try again in a moment"))?;
        let envelope = match (self.envelope, self.separator.text()) {
            (false, _) => None,
            (true, "") => Some(Separator::default()),
            (true, text) => Some(Separator::parse(text).map_err(|error| error.to_string())?),
        };
        let include_expired = self.include_expired;
        let selection = match &self.marks {
            _ if !self.only_marked => {
                Selection::Matching { filter: self.filter.clone(), except: BTreeSet::new(), limit: None, include_expired }
            }
            Marks::Some(marked) => Selection::Marked(marked.values().cloned().collect()),
            Marks::AllBut { filter, except } => {
                let except = except.keys().cloned().collect();
                Selection::Matching { filter: filter.clone(), except, limit: None, include_expired }
            }
        };
        let warnings = warnings(&self.archive.stream, target, envelope.is_some());
        let order = ReplayOrder { archive: self.archive.clone(), selection, target: name.clone(), envelope };
        Ok(Step::Review { order: Box::new(order), warnings })
    }

    /// Goes one step back; false where that leaves the screen.
    pub(super) fn back(&mut self) -> bool {
        match self.step {
            Step::Review { .. } => {
                self.step = Step::Editing(None);
                true
            }
            Step::Editing(_) => false,
        }
    }
}
