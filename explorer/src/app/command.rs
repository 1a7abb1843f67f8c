//! What keys mean, by the screen that it is meant for.

/// What a key means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// Move the cursor.
    Move(Move),
    /// What is possible on every screen.
    Global(GlobalCommand),
    /// On the list of streams.
    Streams(StreamsCommand),
    /// On the records of an archive.
    Records(RecordsCommand),
    /// In the payload of a record.
    Payload(PayloadCommand),
    /// Copy a part of the record under the cursor.
    Copy(CopyCommand),
    /// In a form.
    Form(FormCommand),
    /// In a line that is typed.
    Typing(TypingCommand),
    /// Do what is shown.
    Confirm,
    /// On the list of replays.
    Replays(ReplaysCommand),
}

/// Where a cursor goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the table of keys says of each what it does")]
pub enum Move {
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
}

/// What is possible on every screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the table of keys says of each what it does")]
pub enum GlobalCommand {
    Back,
    Help,
    Quit,
    Refresh,
    Replays,
    Suspend,
    Times,
}

/// What is possible on the list of streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the table of keys says of each what it does")]
pub enum StreamsCommand {
    Configure,
    Filter,
    Follow,
    Open,
    OpenFile,
    Replay,
    Sort,
}

/// What is possible on the records of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the table of keys says of each what it does")]
pub enum RecordsCommand {
    ClearMarks,
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
    NextUserRecord,
    PreviousBucket,
    PreviousUserRecord,
    ReadAll,
    ReadMore,
    Replay,
    SwitchPane,
    ViewHex,
    ViewPretty,
    ViewText,
}

/// What is possible in the payload of a record.
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

/// What is copied of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the table of keys says of each what it does")]
pub enum CopyCommand {
    Item,
    Key,
    Number,
    Payload,
}

/// What is possible in a form.
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

/// What is possible in a line that is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the table of keys says of each what it does")]
pub enum TypingCommand {
    Apply,
    Complete,
    NewerLine,
    OlderLine,
}

/// What is possible on the list of replays.
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
    /// Where a cursor is after this move among this many rows.
    #[must_use]
    pub fn apply(self, place: usize, page: usize, rows: usize) -> usize {
        let last = rows.saturating_sub(1);
        let wanted = match self {
            Self::Up => place.saturating_sub(1),
            Self::Down => place.saturating_add(1),
            Self::PageUp => place.saturating_sub(page),
            Self::PageDown => place.saturating_add(page),
            Self::First => 0,
            Self::Last => last,
        };
        wanted.min(last)
    }
}
