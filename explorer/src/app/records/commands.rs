//! Handles commands on the records screen.

use super::{Following, HistogramView, Origin, Pane, PayloadPane, Question, Reading, Records, Typing};
use crate::app::command::{Move, RecordsCommand};
use crate::app::effect::Effect;
use crate::app::ids::RequestId;
use crate::domain::decode::Recipe;
use crate::domain::fields::Columns;
use crate::domain::filter::RecordFilter;
use crate::domain::record::show::View;
use jiff::Timestamp;

/// When the cursor is this close to the end of the rows, more are read.
const READ_MARGIN: usize = 50;

/// The result of a command.
#[derive(Debug)]
pub(in crate::app) enum CommandOutcome {
    /// Effects.
    Effects(Vec<Effect>),
    /// Open another records screen.
    Open(Origin, RecordFilter),
    /// Prepare a replay of these records.
    Replay,
    /// Ask what to copy.
    Copy,
}

impl Records {
    /// Handles a command on this screen.
    pub(in crate::app) fn run(
        &mut self,
        command: RecordsCommand,
        request: RequestId,
        now: Timestamp,
    ) -> Result<CommandOutcome, String> {
        let mut effects = Vec::new();
        match command {
            RecordsCommand::ReadMore => effects = self.read_more(false, request, now),
            RecordsCommand::ReadAll => effects = self.read_more(true, request, now),
            RecordsCommand::Follow if matches!(self.following, Following::On(..)) => effects.extend(self.stop_following()),
            RecordsCommand::Follow => effects.extend(self.follow(request, now)),
            RecordsCommand::Mark => self.toggle_mark()?,
            RecordsCommand::MarkRange => effects = self.mark_range(request)?,
            RecordsCommand::MarkAll => self.marks.mark_all(&self.fixed),
            RecordsCommand::InvertMarks => {
                let matcher = self.fixed.matcher(now);
                self.marks.invert(&self.fixed, |record| matcher.of_record_here(record, &self.recipe, now).is_yes());
            }
            RecordsCommand::ClearMarks => self.marks = Default::default(),
            RecordsCommand::ViewPretty => self.view_as(View::Pretty),
            RecordsCommand::ViewText => self.view_as(View::Text),
            RecordsCommand::ViewHex => self.view_as(View::Hex),
            RecordsCommand::Diff => self.is_compared = !self.is_compared,
            RecordsCommand::NextUserRecord => self.go_to_user_record(1),
            RecordsCommand::PreviousUserRecord => self.go_to_user_record(-1),
            RecordsCommand::Histogram => {
                self.histogram = match self.histogram {
                    HistogramView::Together => HistogramView::ByShard,
                    HistogramView::ByShard => HistogramView::Hidden,
                    HistogramView::Hidden => HistogramView::Together,
                }
            }
            RecordsCommand::NextBucket => self.go_to_bucket(1),
            RecordsCommand::PreviousBucket => self.go_to_bucket(-1),
            RecordsCommand::SwitchPane => match self.pane {
                Pane::List => {
                    self.pane = Pane::Detail;
                    if self.sharing.payload == PayloadPane::Hidden {
                        self.show_payload(PayloadPane::Beside);
                    }
                }
                Pane::Detail => self.leave_payload(),
            },
            RecordsCommand::ToggleFull => {
                self.pane = Pane::Detail;
                self.show_payload(PayloadPane::Full);
            }
            RecordsCommand::TogglePayload => match self.sharing.payload {
                PayloadPane::Beside | PayloadPane::Full => {
                    self.pane = Pane::List;
                    self.show_payload(PayloadPane::Hidden);
                }
                PayloadPane::Hidden => self.show_payload(PayloadPane::Beside),
            },
            RecordsCommand::WidenPayload => self.move_border(true),
            RecordsCommand::NarrowPayload => self.move_border(false),
            RecordsCommand::NextRecord => effects = self.go_in_list(Move::Down, 1, request, now),
            RecordsCommand::PreviousRecord => effects = self.go_in_list(Move::Up, 1, request, now),
            RecordsCommand::Filter => {
                let line = self.filter.to_string();
                self.ask_for(Question::Filter, if line.is_empty() { line } else { format!("{line} ") });
            }
            RecordsCommand::Jump => self.ask_for(Question::Jump, String::new()),
            RecordsCommand::DecodeAs => {
                let line = if self.recipe == Recipe::default() { String::new() } else { self.recipe.to_string() };
                self.ask_for(Question::Decode, line);
            }
            RecordsCommand::Columns => {
                let shown = Columns::Chosen(self.columns.shown().to_vec()).to_string();
                self.ask_for(Question::Columns, format!("{shown} "));
            }
            RecordsCommand::Export => {
                let name = self.origin.stream().map_or_else(|| "records".to_owned(), ToString::to_string);
                self.ask_for(Question::Export, format!("{name}.jsonl"));
            }
            RecordsCommand::KeyHistory => {
                if let Some(record) = self.current() {
                    let filter = RecordFilter::default().with_key(&record.id.partition_key);
                    return Ok(CommandOutcome::Open(self.origin.clone(), filter));
                }
            }
            RecordsCommand::FollowStream => {
                if let Some(stream) = self.origin.stream() {
                    return Ok(CommandOutcome::Open(Origin::Stream(stream.clone()), RecordFilter::default()));
                }
            }
            RecordsCommand::Replay => return Ok(CommandOutcome::Replay),
            RecordsCommand::Copy => return Ok(CommandOutcome::Copy),
        }
        Ok(CommandOutcome::Effects(effects))
    }

    pub(super) fn ask_for(&mut self, question: Question, text: String) {
        let mut typing = Typing::new(question, text);
        self.find_completions(&mut typing);
        self.typing = Some(typing);
    }

    /// Moves the cursor or the detail. Reads on if reading has paused and the cursor is near the end.
    pub(in crate::app) fn go(&mut self, to: Move, page: usize, request: RequestId, now: Timestamp) -> Vec<Effect> {
        if self.pane == Pane::Detail {
            self.go_in_payload(to, page);
            return Vec::new();
        }
        self.go_in_list(to, page, request, now)
    }

    /// Moves the payload's cursor, whether the payload has the focus or not.
    pub(in crate::app) fn go_in_payload(&mut self, to: Move, page: usize) {
        if let Some(detail) = &mut self.showing.detail {
            detail.row = to.apply(detail.row, page, detail.rows());
        }
    }

    /// Moves the cursor to a row that was pointed at, and the focus to the list.
    pub(in crate::app) fn point_at(&mut self, place: usize) {
        self.anchor = None;
        self.cursor = place.min(self.rows.len().saturating_sub(1));
        self.pane = Pane::List;
    }

    /// Moves the cursor to a row of the payload that was pointed at; pointed at once more, it is folded or unfolded.
    pub(in crate::app) fn point_at_payload(&mut self, row: usize) {
        let Some(detail) = &mut self.showing.detail else {
            return;
        };
        if self.pane == Pane::Detail && detail.row == row {
            self.fold();
            return;
        }
        detail.row = row.min(detail.rows().saturating_sub(1));
        self.pane = Pane::Detail;
    }

    /// Moves the border between list and payload to a column of the screen.
    pub(in crate::app) fn drag_border(&mut self, column: u16) {
        let mut sharing = self.sharing;
        if sharing.put_border(column) {
            self.share(sharing);
        }
    }

    /// Moves the cursor of the list, also while the keys move in the payload.
    pub(in crate::app) fn go_in_list(&mut self, to: Move, page: usize, request: RequestId, now: Timestamp) -> Vec<Effect> {
        self.anchor = None;
        self.cursor = to.apply(self.cursor, page, self.rows.len());
        let is_near_end = self.cursor + READ_MARGIN >= self.rows.len();
        if is_near_end && matches!(self.reading, Reading::Partial(_)) {
            return self.read_more(false, request, now);
        }
        Vec::new()
    }

    /// Goes from the payload back to the list.
    pub(in crate::app) fn leave_payload(&mut self) {
        self.pane = Pane::List;
        if self.sharing.payload == PayloadPane::Full {
            self.show_payload(PayloadPane::Beside);
        }
    }

    fn show_payload(&mut self, payload: PayloadPane) {
        let mut sharing = self.sharing;
        sharing.payload = payload;
        self.share(sharing);
    }

    fn move_border(&mut self, more_payload: bool) {
        let mut sharing = self.sharing;
        if sharing.move_border(more_payload) {
            self.share(sharing);
        }
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
}
