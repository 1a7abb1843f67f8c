//! What the keys do on the records screen.

use super::{Following, HistogramView, Origin, Pane, Question, Reading, Records, Typing};
use crate::app::effect::{Effect, RecordsEffect};
use crate::app::ids::RequestId;
use crate::app::keymap::Command;
use crate::app::message::{LoadedRows, Reply};
use crate::domain::decode::Recipe;
use crate::domain::document::Direction;
use crate::domain::failure::Failure;
use crate::domain::listing::entry::Place;
use crate::domain::listing::marks::{MAX_SINGLE, TooMany};
use crate::domain::reading::Source;
use crate::domain::record::show::{Body, View};
use archiver::format::settings::ArchiveMode;
use jiff::Timestamp;
use serde_json::Value;

/// Rows before the end of what is read at which more is read.
const READ_MARGIN: usize = 50;

impl Records {
    /// Whether a command makes sense now; otherwise why not.
    pub(in crate::app) fn check(&self, command: Command) -> Result<(), String> {
        let record = || self.current().ok_or_else(|| "there is no record here".to_owned());
        match command {
            Command::MarkAll | Command::InvertMarks => match &self.origin {
                Origin::Read(_) => Ok(()),
                Origin::Stream(_) => Err("what is still coming in cannot be marked as a whole".to_owned()),
            },
            Command::Mark | Command::MarkRange if self.marks.are_of_another(&self.fixed) => {
                Err("all that match another filter are marked; u takes those marks away".to_owned())
            }
            Command::Mark | Command::MarkRange | Command::Copy => record().map(|_| ()),
            Command::ClearMarks if self.marks.is_empty() => Err("no record is marked".to_owned()),
            Command::ReadMore | Command::ReadAll => self.check_reading(command),
            Command::Refresh if matches!(self.following, Following::On(..)) => {
                Err("new records come in by themselves; f stops that".to_owned())
            }
            Command::KeyHistory => match (&self.origin, self.origin.archive()) {
                (_, Some(archive)) if archive.mode == ArchiveMode::Latest => {
                    Err("mode LATEST keeps only the newest record of a key".to_owned())
                }
                (Origin::Stream(_), _) => Err("a key's history is in the archive of its stream".to_owned()),
                (Origin::Read(_), _) if self.filter.key() == Some(record()?.id.partition_key.as_str()) => {
                    Err("these are the versions of this key".to_owned())
                }
                (Origin::Read(_), _) => Ok(()),
            },
            Command::Follow if self.is_refreshing() => {
                Err("it is being read again; new records can be followed after that".to_owned())
            }
            Command::Follow if matches!(self.origin, Origin::Read(Source::File(_))) => Err("a file does not grow".to_owned()),
            Command::FollowStream if self.origin.archive().is_none() => Err("this takes an archive".to_owned()),
            Command::Replay if matches!(self.origin, Origin::Stream(_)) => Err("this takes an archive, or a file".to_owned()),
            Command::Diff if !self.is_compared && self.compared_with().is_none() => {
                record()?;
                Err("no older record of this key is near here; h lists them all, or mark the one to compare with".to_owned())
            }
            Command::NextUserRecord | Command::PreviousUserRecord => {
                let place = self.detail().and_then(|detail| detail.decoded()?.user_record.as_ref());
                place.map(|_| ()).ok_or_else(|| "this is no aggregated record".to_owned())
            }
            Command::Complete if self.typing.as_ref().is_some_and(|typing| typing.question != Question::Filter) => {
                Err("only filters are completed".to_owned())
            }
            Command::NextMatch | Command::PreviousMatch if self.finds_nothing() => {
                Err(format!("\"{}\" is not in this payload", self.search))
            }
            Command::NextMatch | Command::PreviousMatch if self.search.is_empty() && !self.is_compared => {
                Err("/ searches in the payload".to_owned())
            }
            Command::Export if self.rows.is_empty() => Err("there is nothing to be exported".to_owned()),
            Command::Jump | Command::NextBucket | Command::PreviousBucket if self.rows.is_empty() => {
                Err("there is no record to go to".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// Whether what is looked for is not in the payload that is shown.
    fn finds_nothing(&self) -> bool {
        let body = self.detail().and_then(|detail| detail.body());
        !self.search.is_empty() && matches!(body, Some(Body::Document(document)) if document.matches() == 0)
    }

    fn check_reading(&self, command: Command) -> Result<(), String> {
        match &self.reading {
            Reading::Partial(_) | Reading::Failed(..) if self.is_full() => {
                Err("so many records are held that no more are read; narrow them with /".to_owned())
            }
            Reading::Running(_) if command == Command::ReadAll => Ok(()),
            Reading::Partial(_) | Reading::Failed(..) => Ok(()),
            Reading::Running(_) | Reading::Stopping(_) => Err("it is still being read; esc stops".to_owned()),
            Reading::Complete => Err("all is read".to_owned()),
        }
    }

    /// Does what a command means on this screen.
    pub(in crate::app) fn command(
        &mut self,
        command: Command,
        requests: [RequestId; 2],
        page: usize,
        now: Timestamp,
    ) -> Result<Vec<Effect>, String> {
        let [request, _] = requests;
        match command {
            Command::Refresh => return Ok(self.refresh(request, now)),
            Command::ReadMore => return Ok(self.read_more(false, request, now)),
            Command::ReadAll => return Ok(self.read_more(true, request, now)),
            Command::Follow => {
                let effect =
                    if matches!(self.following, Following::On(..)) { self.stop_following() } else { self.follow(request, now) };
                return Ok(effect.into_iter().collect());
            }
            Command::Mark => return self.toggle_mark().map(|()| Vec::new()),
            Command::MarkRange => return self.mark_range(request),
            Command::MarkAll => self.marks.mark_all(&self.fixed),
            Command::InvertMarks => {
                let matcher = self.fixed.matcher(now);
                self.marks.invert(&self.fixed, |record| matcher.of_record_here(record, &self.recipe, now).is_yes());
            }
            Command::ClearMarks => self.marks = Default::default(),
            Command::ViewPretty => self.view_as(View::Pretty),
            Command::ViewText => self.view_as(View::Text),
            Command::ViewHex => self.view_as(View::Hex),
            Command::Diff => self.is_compared = !self.is_compared,
            Command::NextUserRecord => self.go_to_user_record(1),
            Command::PreviousUserRecord => self.go_to_user_record(-1),
            Command::Histogram => {
                self.histogram = match self.histogram {
                    HistogramView::Together => HistogramView::ByShard,
                    HistogramView::ByShard => HistogramView::Hidden,
                    HistogramView::Hidden => HistogramView::Together,
                }
            }
            Command::NextBucket => self.go_to_bucket(1),
            Command::PreviousBucket => self.go_to_bucket(-1),
            Command::SwitchPane => {
                self.pane = match self.pane {
                    Pane::List => Pane::Detail,
                    Pane::Detail => Pane::List,
                };
            }
            Command::Fold => {
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
            Command::FoldAll | Command::UnfoldAll => {
                if let Some(detail) = &mut self.showing.detail {
                    if let Some(Body::Document(document)) = detail.body_mut() {
                        if command == Command::FoldAll { document.fold_all(1) } else { document.unfold_all() }
                    }
                    detail.keep_row();
                }
            }
            Command::NextMatch => self.go_to_match(true),
            Command::PreviousMatch => self.go_to_match(false),
            Command::Filter => {
                let line = self.filter.to_string();
                self.ask_for(Question::Filter, if line.is_empty() { line } else { format!("{line} ") });
            }
            Command::FilterByField => self.filter_by_field()?,
            Command::Jump => self.ask_for(Question::Jump, String::new()),
            Command::Search => self.ask_for(Question::Search, String::new()),
            Command::DecodeAs => {
                let line = if self.recipe == Recipe::default() { String::new() } else { self.recipe.to_string() };
                self.ask_for(Question::Decode, line);
            }
            Command::Export => {
                let name = self.origin.stream().map_or_else(|| "records".to_owned(), ToString::to_string);
                self.ask_for(Question::Export, format!("{name}.jsonl"));
            }
            _ => {
                if self.go(command, page) {
                    return Ok(self.read_on(request, now));
                }
            }
        }
        Ok(Vec::new())
    }

    fn ask_for(&mut self, question: Question, text: String) {
        let mut typing = Typing::new(question, text);
        self.find_completions(&mut typing);
        self.typing = Some(typing);
    }

    /// Reads further where reading has paused by itself and the cursor has come near the end.
    fn read_on(&mut self, request: RequestId, now: Timestamp) -> Vec<Effect> {
        if matches!(self.reading, Reading::Partial(_)) { self.read_more(false, request, now) } else { Vec::new() }
    }

    /// Moves the cursor or the detail; true when the end of what is read comes near.
    fn go(&mut self, command: Command, page: usize) -> bool {
        if self.pane == Pane::Detail {
            if let Some(detail) = &mut self.showing.detail {
                detail.row = moved(detail.row, command, page, detail.rows());
            }
            return false;
        }
        self.anchor = None;
        self.cursor = moved(self.cursor, command, page, self.rows.len());
        self.cursor + READ_MARGIN >= self.rows.len()
    }

    fn toggle_mark(&mut self) -> Result<(), String> {
        let Some(record) = self.current().cloned() else {
            return Ok(());
        };
        self.marks.toggle(&record).map_err(|error| error.to_string())?;
        self.anchor = None;
        self.cursor = moved(self.cursor, Command::Down, 1, self.rows.len());
        Ok(())
    }

    /// The ranks that a mark would be put on, while a range is being marked.
    #[must_use]
    pub fn range(&self) -> Option<std::ops::RangeInclusive<usize>> {
        let from = self.rows.listing.rank_of(&self.range_from?).ok()?;
        Some(from.min(self.cursor)..=from.max(self.cursor))
    }

    /// Begins a range at the cursor, or marks the one that ends there.
    fn mark_range(&mut self, request: RequestId) -> Result<Vec<Effect>, String> {
        let Some(range) = self.range() else {
            self.range_from = self.rows.listing.get(self.cursor);
            return Ok(Vec::new());
        };
        let length = range.end() - range.start() + 1;
        if length > MAX_SINGLE {
            return Err(TooMany.to_string());
        }
        self.range_from = None;
        let places: Vec<Place> = self.rows.listing.from(*range.start()).take(length).map(|entry| entry.place()).collect();
        self.marking = Some(request);
        Ok(vec![Effect::Records(RecordsEffect::ReadRows { request, spool: self.rows.spool, places, is_whole: true })])
    }

    /// Whether these rows are awaited.
    pub(in crate::app) fn waits_for_rows(&self, request: RequestId) -> bool {
        self.marking == Some(request) || self.rows.waits_for(request)
    }

    /// Takes rows that were read, to be shown or to be marked.
    pub(in crate::app) fn rows_read(
        &mut self,
        Reply { request, result }: Reply<Result<LoadedRows, Failure>>,
    ) -> Result<(), String> {
        if self.marking.take_if(|marking| *marking == request).is_some() {
            let rows = result.map_err(|failure| failure.to_string())?;
            return self.marks.mark(rows.iter().map(|(_, record)| record)).map_err(|error| error.to_string());
        }
        self.rows.read(request, result).map_err(|failure| failure.to_string())
    }

    fn view_as(&mut self, view: View) {
        self.view = view;
        self.is_compared = false;
    }

    fn go_to_user_record(&mut self, by: isize) {
        let Some(count) = self.detail().and_then(|detail| Some(detail.decoded()?.user_record.as_ref()?.count)) else {
            return;
        };
        let last = usize::try_from(count).unwrap_or(usize::MAX).saturating_sub(1);
        self.user_record = self.user_record.saturating_add_signed(by).min(last);
    }

    /// Looks for a text in the payload, and goes to the first place after the cursor.
    fn go_to_match(&mut self, forwards: bool) {
        if let Some(detail) = &mut self.showing.detail {
            let row = detail.row;
            let direction = if forwards { Direction::Forward } else { Direction::Backward };
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
            // Readable, without the escapes that it may have.
            Some(text) if text.starts_with('"') => match serde_json::from_str::<Value>(text) {
                Ok(text) => format!("json:{path}=={text}"),
                Err(_) => return Err("the text on this line is no Unicode, and cannot be looked for".to_owned()),
            },
            Some(number_or_word) => format!("json:{path}=={number_or_word}"),
            None => format!("json:{path}"),
        };
        let line = self.filter.to_string();
        self.ask_for(Question::Filter, if line.is_empty() { term } else { format!("{line} {term}") });
        Ok(())
    }
}

/// Where a cursor is after a move among so many rows.
#[must_use]
pub fn moved(place: usize, command: Command, page: usize, rows: usize) -> usize {
    let last = rows.saturating_sub(1);
    let wanted = match command {
        Command::Up => place.saturating_sub(1),
        Command::Down => place.saturating_add(1),
        Command::PageUp => place.saturating_sub(page),
        Command::PageDown => place.saturating_add(page),
        Command::First => 0,
        Command::Last => last,
        _ => place,
    };
    wanted.min(last)
}
