//! The form before a replay is planned: which records, into which stream, and how.

use crate::app::command::{FormCommand, Move};
use crate::app::keymap::Context;
use crate::app::line::Line;
use crate::app::records::Records;
use crate::app::streams::Streams;
use crate::domain::decode::Recipe;
use crate::domain::filter::{Answer, RecordFilter};
use crate::domain::listing::marks::Marks;
use crate::domain::reading::Source;
use crate::domain::record::Record;
use crate::domain::replay::lanes::Sequence;
use crate::domain::replay::plan::PlanId;
use crate::domain::replay::{Matching, ReplayOptions, ReplayOrder, Selection};
use crate::domain::time::TimeContext;
use archiver::format::envelope::Separator;
use archiver::format::settings::ArchiveMode;
use archiver::format::stream::StreamName;
use jiff::Timestamp;
use std::sync::Arc;

/// The state of the screen.
#[derive(Debug)]
pub struct ReplaySetup {
    /// The source.
    pub source: Source,
    /// The stream that the records came from, if known.
    pub stream: Option<StreamName>,
    /// How the filter decodes payloads.
    pub recipe: Recipe,
    /// The marks.
    pub marks: Marks,
    /// The records screen's filter.
    pub filter: RecordFilter,
    /// What the records screen showed.
    pub shown: Option<ScreenCounts>,
    /// Whether to replay the marked records instead of all that match.
    pub only_marked: bool,
    /// Part of the target's name.
    pub target: Line,
    /// The index among the streams that contain it; `None` until one is typed or chosen.
    pub target_cursor: Option<usize>,
    /// Whether records get an envelope.
    pub envelope: bool,
    /// The envelope's separator; empty for the default.
    pub separator: Line,
    /// The rate, as typed.
    pub rate: Line,
    /// The timing, as typed.
    pub timing: Line,
    /// Which order is kept.
    pub sequence: Sequence,
    /// A time, as typed, whose state is replayed; empty for every record.
    pub state_as_of: Line,
    /// The limit, as typed; empty for all.
    pub limit: Line,
    /// Whether expired items are replayed too.
    pub include_expired: bool,
    /// Whether aggregated records are put without unpacking.
    pub keep_aggregated: bool,
    /// The field with the focus.
    pub field: SetupField,
    /// What is wrong in it.
    pub problem: Option<String>,
    /// The last plan; used again while the same records are chosen.
    pub planned: Option<(PlanId, Box<ReplayOrder>)>,
    /// The last order.
    pub(in crate::app) ordered: Option<Box<ReplayOrder>>,
}

/// A field of the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetupField {
    /// Which records.
    Records,
    /// State as of a time.
    StateAsOf,
    /// Limit.
    Limit,
    /// Expired items.
    Expired,
    /// Aggregated records.
    Aggregated,
    /// Target stream.
    Target,
    /// Envelope.
    Envelope,
    /// Envelope's separator.
    Separator,
    /// Rate.
    Rate,
    /// Timing.
    Timing,
    /// Order.
    Sequence,
}

/// The fields in the order of the form.
pub const FIELDS: [SetupField; 11] = [
    SetupField::Target,
    SetupField::Records,
    SetupField::StateAsOf,
    SetupField::Limit,
    SetupField::Expired,
    SetupField::Aggregated,
    SetupField::Envelope,
    SetupField::Separator,
    SetupField::Rate,
    SetupField::Timing,
    SetupField::Sequence,
];

/// What to replay.
#[derive(Clone, Debug)]
pub struct ReplayFrom {
    /// The source.
    pub source: Source,
    /// The stream that the records came from, if known.
    pub stream: Option<StreamName>,
    /// How payloads are decoded.
    pub recipe: Recipe,
    /// The marks.
    pub marks: Marks,
    /// The filter for all that match.
    pub filter: RecordFilter,
    /// What the screen shows.
    pub shown: Option<ScreenCounts>,
}

/// What the records screen shows when a replay is requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScreenCounts {
    /// Matching records read so far.
    pub records: u64,
    /// Whether all are read.
    pub is_all_read: bool,
    /// Marked records that the filter hides.
    pub hidden_marks: u64,
}

impl ScreenCounts {
    /// What a records screen shows now.
    #[must_use]
    pub fn on(records: &Records, now: Timestamp) -> Self {
        let matcher = records.fixed.matcher(now);
        let hidden_marks = match &records.marks {
            Marks::Some(marked) if !records.filter.is_everything() => {
                let is_hidden = |record: &&Arc<Record>| matcher.of_record_here(record, &records.recipe, now) != Answer::Yes;
                marked.values().filter(is_hidden).count()
            }
            Marks::Some(_) | Marks::AllBut { .. } => 0,
        };
        Self { records: records.rows.len() as u64, is_all_read: records.is_all_read(), hidden_marks: hidden_marks as u64 }
    }
}

/// Whether one of the names continues the other behind a separator, such as `orders-replay` and `orders`.
fn is_named_after(one: &str, other: &str) -> bool {
    let (short, long) = if one.len() < other.len() { (one, other) } else { (other, one) };
    long.strip_prefix(short).is_some_and(|rest| rest.starts_with(['-', '_', '.']))
}

impl ReplaySetup {
    /// The form for an archive or a file: the marked records if there are any, otherwise all that match.
    #[must_use]
    pub fn open(from: ReplayFrom) -> Self {
        let ReplayFrom { source, stream, recipe, marks, filter, shown } = from;
        let options = ReplayOptions::default();
        Self {
            source,
            stream,
            recipe,
            only_marked: !marks.is_empty(),
            marks,
            filter,
            shown,
            target: Line::default(),
            target_cursor: None,
            envelope: false,
            separator: Line::default(),
            rate: Line::with(options.rate.to_string()),
            timing: Line::with(options.timing.to_string()),
            sequence: options.sequence,
            state_as_of: Line::default(),
            limit: Line::default(),
            include_expired: false,
            keep_aggregated: false,
            field: SetupField::Target,
            problem: None,
            planned: None,
            ordered: None,
        }
    }

    /// The context for its keys.
    #[must_use]
    pub fn context(&self) -> Context {
        Context::Form
    }

    /// Whether keys go into a line.
    #[must_use]
    pub fn is_typing(&self) -> bool {
        self.line_of(self.field).is_some()
    }

    /// The line of a field, if it has one.
    #[must_use]
    pub fn line_of(&self, field: SetupField) -> Option<&Line> {
        match field {
            SetupField::Target => Some(&self.target),
            SetupField::Separator => Some(&self.separator),
            SetupField::Rate => Some(&self.rate),
            SetupField::Timing => Some(&self.timing),
            SetupField::StateAsOf => Some(&self.state_as_of),
            SetupField::Limit => Some(&self.limit),
            SetupField::Records | SetupField::Envelope | SetupField::Expired | SetupField::Aggregated | SetupField::Sequence => {
                None
            }
        }
    }

    /// The line with the focus.
    pub(in crate::app) fn line(&mut self) -> Option<&mut Line> {
        match self.field {
            SetupField::Target => Some(&mut self.target),
            SetupField::Separator => Some(&mut self.separator),
            SetupField::Rate => Some(&mut self.rate),
            SetupField::Timing => Some(&mut self.timing),
            SetupField::StateAsOf => Some(&mut self.state_as_of),
            SetupField::Limit => Some(&mut self.limit),
            SetupField::Records | SetupField::Envelope | SetupField::Expired | SetupField::Aggregated | SetupField::Sequence => {
                None
            }
        }
    }

    /// The streams that contain the typed text: an exact match first, then those named after the source, the source itself last.
    #[must_use]
    pub fn targets<'s>(&self, streams: &'s Streams) -> Vec<&'s StreamName> {
        let wanted = self.target.text().to_lowercase();
        let mut names: Vec<&StreamName> = streams
            .rows
            .iter()
            .filter(|row| !row.is_deleted())
            .map(|row| &row.name)
            .filter(|name| name.as_str().to_lowercase().contains(&wanted))
            .collect();
        let source = self.stream.as_ref();
        let is_named_after = |name: &StreamName| source.is_some_and(|source| is_named_after(name.as_str(), source.as_str()));
        names.sort_by_key(|name| {
            let is_source = Some(*name) == source;
            (name.as_str().to_lowercase() != wanted, is_source, !is_named_after(name))
        });
        names
    }

    /// Handles a command in the form; returns the order when it should be planned.
    pub(in crate::app) fn command(
        &mut self,
        command: FormCommand,
        streams: &Streams,
        times: &TimeContext,
    ) -> Option<Box<ReplayOrder>> {
        match command {
            FormCommand::NextField => self.move_field(1),
            FormCommand::PreviousField => self.move_field(FIELDS.len() - 1),
            FormCommand::Change | FormCommand::ChangeBack => self.change(),
            FormCommand::Continue => match self.order(streams, times) {
                Ok(order) => {
                    self.problem = None;
                    return Some(Box::new(order));
                }
                Err(sentence) => self.problem = Some(sentence),
            },
            // Typing clears the line elsewhere.
            FormCommand::Clear => {}
        }
        None
    }

    /// Moves between the streams to choose from, or between fields.
    pub(in crate::app) fn go(&mut self, to: Move, streams: &Streams) {
        /// Streams in a page.
        const PAGE: usize = 5;
        if self.field == SetupField::Target {
            let targets = self.targets(streams).len();
            self.target_cursor = Some(self.target_cursor.map_or(0, |cursor| to.apply(cursor, PAGE, targets)));
            return;
        }
        match to {
            Move::Up => self.move_field(FIELDS.len() - 1),
            Move::Down => self.move_field(1),
            Move::PageUp | Move::HalfPageUp | Move::First => self.field = FIELDS[0],
            Move::PageDown | Move::HalfPageDown | Move::Last => self.field = FIELDS[FIELDS.len() - 1],
        }
    }

    /// Changes the field under the cursor, if it has choices.
    fn change(&mut self) {
        match self.field {
            SetupField::Records => self.only_marked = !self.only_marked && !self.marks.is_empty(),
            SetupField::Envelope => self.envelope = !self.envelope,
            SetupField::Expired => self.include_expired = !self.include_expired,
            SetupField::Aggregated => self.keep_aggregated = !self.keep_aggregated,
            SetupField::Sequence => {
                self.sequence = match self.sequence {
                    Sequence::OfKey => Sequence::None,
                    Sequence::None => Sequence::OfKey,
                };
            }
            SetupField::Target
            | SetupField::Separator
            | SetupField::Rate
            | SetupField::Timing
            | SetupField::StateAsOf
            | SetupField::Limit => {}
        }
    }

    fn move_field(&mut self, by: usize) {
        let place = FIELDS.iter().position(|field| *field == self.field).unwrap_or(0);
        self.field = FIELDS[(place + by) % FIELDS.len()];
    }

    fn order(&mut self, streams: &Streams, times: &TimeContext) -> Result<ReplayOrder, String> {
        let target = self.chosen_target(streams)?;
        let envelope = match (self.envelope, self.separator.text()) {
            (false, _) => None,
            (true, "") => Some(Separator::default()),
            (true, text) => Some(Separator::parse(text).map_err(|error| error.to_string())?),
        };
        let options = ReplayOptions {
            envelope,
            rate: self.rate.text().parse().map_err(|error: crate::domain::replay::pace::InvalidRate| error.to_string())?,
            timing: self.timing.text().parse().map_err(|error: crate::domain::replay::timing::InvalidTiming| error.to_string())?,
            sequence: self.sequence,
        };
        let selection = self.selection(times)?;
        Ok(ReplayOrder {
            source: self.source.clone(),
            stream: self.stream.clone(),
            selection,
            include_expired: self.include_expired,
            keep_aggregated: self.keep_aggregated,
            target,
            options,
        })
    }

    fn chosen_target(&self, streams: &Streams) -> Result<StreamName, String> {
        let targets = self.targets(streams);
        let cursor = self.target_cursor.ok_or("choose the stream to replay into: type part of its name, or use ↑ and ↓")?;
        let name = targets.get(cursor).or(targets.last()).copied();
        name.cloned().ok_or_else(|| format!("no stream's name contains \"{}\"", self.target.text()))
    }

    fn selection(&self, times: &TimeContext) -> Result<Selection, String> {
        let state_as_of = match self.state_as_of.text().trim() {
            "" => None,
            text => Some(times.parse(text).map_err(|error| error.to_string())?),
        };
        let limit = match self.limit.text().trim() {
            "" => None,
            text => {
                let number = text.replace([' ', '_'], "").parse().ok().filter(|limit| *limit > 0);
                Some(number.ok_or_else(|| format!("\"{text}\" is not a number of records"))?)
            }
        };
        let is_latest = matches!(&self.source, Source::Archive(archive) if archive.mode == ArchiveMode::Latest);
        if state_as_of.is_some() && is_latest {
            return Err("an archive of mode LATEST has no earlier state; leave \"state as of\" empty".to_owned());
        }
        let matching = |filter: &RecordFilter| Matching {
            filter: filter.clone(),
            recipe: self.recipe.clone(),
            limit,
            state_as_of,
            ..Matching::default()
        };
        match &self.marks {
            _ if !self.only_marked => Ok(Selection::Matching(matching(&self.filter))),
            Marks::Some(_) if limit.is_some() || state_as_of.is_some() => {
                Err("all marked records are replayed: leave \"state as of\" and \"at most\" empty".to_owned())
            }
            Marks::Some(marked) => Ok(Selection::Marked(marked.values().cloned().collect())),
            Marks::AllBut { filter, except } => {
                let except = except.keys().cloned().collect();
                Ok(Selection::Matching(Matching { except, ..matching(filter) }))
            }
        }
    }

    /// What the screen showed of the chosen records, if it can be compared with a plan.
    pub(in crate::app) fn shown_of_chosen(&self) -> Option<ScreenCounts> {
        let shown = self.shown?;
        if !self.limit.text().trim().is_empty() || !self.state_as_of.text().trim().is_empty() {
            return None;
        }
        match &self.marks {
            _ if !self.only_marked => Some(shown),
            Marks::AllBut { filter, except } if *filter == self.filter => {
                Some(ScreenCounts { records: shown.records.saturating_sub(except.len() as u64), ..shown })
            }
            Marks::Some(_) | Marks::AllBut { .. } => None,
        }
    }

    /// The existing plan for the same records.
    pub(in crate::app) fn plan_for(&self, order: &ReplayOrder) -> Option<&PlanId> {
        let (plan, known) = self.planned.as_ref()?;
        let is_same = known.source == order.source
            && known.selection == order.selection
            && known.include_expired == order.include_expired
            && known.keep_aggregated == order.keep_aggregated;
        is_same.then_some(plan)
    }
}
