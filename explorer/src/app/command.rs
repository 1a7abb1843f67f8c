//! Commands: what keys mean, grouped by screen.

/// A key's meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// Move the cursor.
    Move(Move),
    /// On every screen.
    Global(GlobalCommand),
    /// On the list of streams.
    Streams(StreamsCommand),
    /// On the description of a stream.
    Description(DescriptionCommand),
    /// On the records of an archive.
    Records(RecordsCommand),
    /// In a record's payload.
    Payload(PayloadCommand),
    /// Copy a part of the record under the cursor.
    Copy(CopyCommand),
    /// In a form.
    Form(FormCommand),
    /// In a line being typed.
    Typing(TypingCommand),
    /// Confirm what is shown.
    Confirm,
    /// On the list of replays.
    Replays(ReplaysCommand),
}

/// Where the cursor moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the table of keys says of each what it does")]
pub enum Move {
    Up,
    Down,
    PageUp,
    PageDown,
    HalfPageUp,
    HalfPageDown,
    First,
    Last,
}

/// Commands on every screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the table of keys says of each what it does")]
pub enum GlobalCommand {
    Back,
    Help,
    Quit,
    Redraw,
    Refresh,
    Replays,
    Suspend,
    Times,
}

/// Commands on the list of streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the table of keys says of each what it does")]
pub enum StreamsCommand {
    Configure,
    Describe,
    Filter,
    Follow,
    NextGroup,
    Open,
    OpenFile,
    PreviousGroup,
    ReadStream,
    Replay,
    ReverseSort,
    Sort,
}

/// Commands on the description of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the table of keys says of each what it does")]
pub enum DescriptionCommand {
    Configure,
    Open,
}

/// Commands on the records of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the table of keys says of each what it does")]
pub enum RecordsCommand {
    ClearMarks,
    Columns,
    Copy,
    DecodeAs,
    Diff,
    Export,
    Filter,
    Follow,
    FollowStream,
    Histogram,
    InvertMarks,
    Jump,
    KeyHistory,
    Mark,
    MarkAll,
    MarkRange,
    NextBucket,
    NextRecord,
    NextUserRecord,
    NarrowPayload,
    PreviousBucket,
    PreviousRecord,
    PreviousUserRecord,
    ReadAll,
    ReadMore,
    Replay,
    SwitchPane,
    ToggleFull,
    TogglePayload,
    ViewHex,
    ViewPretty,
    ViewText,
    WidenPayload,
}

/// Commands in a record's payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the table of keys says of each what it does")]
pub enum PayloadCommand {
    FilterByField,
    Fold,
    FoldAll,
    NextMatch,
    PreviousMatch,
    Search,
    UnfoldAll,
}

/// The part of a record to copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the table of keys says of each what it does")]
pub enum CopyCommand {
    Item,
    Key,
    Number,
    Payload,
}

/// Commands in a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the table of keys says of each what it does")]
pub enum FormCommand {
    Change,
    ChangeBack,
    Clear,
    Continue,
    NextField,
    PreviousField,
}

/// Commands in a line being typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the table of keys says of each what it does")]
pub enum TypingCommand {
    Apply,
    Complete,
    NewerLine,
    OlderLine,
}

/// Commands on the list of replays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the table of keys says of each what it does")]
pub enum ReplaysCommand {
    Cancel,
    Open,
    Pause,
    Receipts,
    Remove,
}

impl Move {
    /// The cursor's row after this move, in a list of this length.
    #[must_use]
    pub fn apply(self, place: usize, page: usize, rows: usize) -> usize {
        let last = rows.saturating_sub(1);
        let wanted = match self {
            Self::Up => place.saturating_sub(1),
            Self::Down => place.saturating_add(1),
            Self::PageUp => place.saturating_sub(page),
            Self::PageDown => place.saturating_add(page),
            Self::HalfPageUp => place.saturating_sub((page / 2).max(1)),
            Self::HalfPageDown => place.saturating_add((page / 2).max(1)),
            Self::First => 0,
            Self::Last => last,
        };
        wanted.min(last)
    }
}
