//! The keys, in one table: what a key means where, and what is said of it in the bottom line and the help.

use super::command::{
    Command, CopyCommand, FormCommand, GlobalCommand, Move, PayloadCommand, RecordsCommand, ReplaysCommand, StreamsCommand,
    TypingCommand,
};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Where a key means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Context {
    /// On every screen where nothing is typed.
    Everywhere,
    /// The list of streams.
    Streams,
    /// The records of an archive.
    Records,
    /// The payload of a record, while the keys move in it.
    Detail,
    /// What of a record is copied.
    Copy,
    /// The form that configures a stream, and the one that prepares a replay.
    Form,
    /// What is shown before something is changed.
    Review,
    /// The replays.
    Replays,
    /// A line of text is being typed.
    Typing,
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// Where.
    pub context: Context,
    /// Which keys.
    pub keys: &'static [Key],
    /// What they mean.
    pub command: Command,
    /// A word or two for the bottom line; empty where it is too plain to stand there.
    pub label: &'static str,
    /// A sentence for the help.
    pub help: &'static str,
}

/// A key as it is written in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A character.
    Char(char),
    /// A character with the control key.
    Control(char),
    /// A key with a name.
    Named(KeyCode, &'static str),
}

const ENTER: Key = Key::Named(KeyCode::Enter, "enter");
const ESCAPE: Key = Key::Named(KeyCode::Esc, "esc");
const SPACE: Key = Key::Named(KeyCode::Char(' '), "space");
const TAB: Key = Key::Named(KeyCode::Tab, "tab");
const BACK_TAB: Key = Key::Named(KeyCode::BackTab, "shift-tab");
const UP: Key = Key::Named(KeyCode::Up, "↑");
const DOWN: Key = Key::Named(KeyCode::Down, "↓");
const LEFT: Key = Key::Named(KeyCode::Left, "←");
const RIGHT: Key = Key::Named(KeyCode::Right, "→");
const PAGE_UP: Key = Key::Named(KeyCode::PageUp, "page up");
const PAGE_DOWN: Key = Key::Named(KeyCode::PageDown, "page down");
const HOME: Key = Key::Named(KeyCode::Home, "home");
const END: Key = Key::Named(KeyCode::End, "end");
const F5: Key = Key::Named(KeyCode::F(5), "F5");

const fn binding(context: Context, keys: &'static [Key], command: Command, label: &'static str, help: &'static str) -> Binding {
    Binding { context, keys, command, label, help }
}

/// The table.
pub const BINDINGS: &[Binding] = &[
    binding(Context::Streams, &[ENTER, RIGHT], Command::Streams(StreamsCommand::Open), "open", "open the archive of the stream"),
    binding(
        Context::Streams,
        &[Key::Char('c')],
        Command::Streams(StreamsCommand::Configure),
        "configure",
        "choose how the stream is archived",
    ),
    binding(
        Context::Streams,
        &[Key::Char('r')],
        Command::Streams(StreamsCommand::Replay),
        "replay",
        "put records of the archive into a stream again",
    ),
    binding(
        Context::Streams,
        &[Key::Char('/')],
        Command::Streams(StreamsCommand::Filter),
        "filter",
        "show only streams whose name contains a text",
    ),
    binding(Context::Streams, &[Key::Char('s')], Command::Streams(StreamsCommand::Sort), "sort", "sort by the next column"),
    binding(
        Context::Streams,
        &[Key::Char('o')],
        Command::Streams(StreamsCommand::OpenFile),
        "open file",
        "open a file of records that was exported",
    ),
    binding(
        Context::Streams,
        &[Key::Char('F')],
        Command::Streams(StreamsCommand::Follow),
        "",
        "show what comes into the stream from now on",
    ),
    binding(
        Context::Records,
        &[Key::Char('/')],
        Command::Records(RecordsCommand::Filter),
        "filter",
        "filter by key, time, text, JSON and more; tab completes",
    ),
    binding(Context::Records, &[SPACE], Command::Records(RecordsCommand::Mark), "mark", "mark the record, or take its mark away"),
    binding(
        Context::Records,
        &[Key::Char('v')],
        Command::Records(RecordsCommand::MarkRange),
        "range",
        "begin a range at the cursor, and mark it with a second v",
    ),
    binding(
        Context::Records,
        &[Key::Char('a')],
        Command::Records(RecordsCommand::MarkAll),
        "all",
        "mark all that match the filter, read or not",
    ),
    binding(
        Context::Records,
        &[Key::Char('i')],
        Command::Records(RecordsCommand::InvertMarks),
        "",
        "mark what is not marked, of all that match",
    ),
    binding(Context::Records, &[Key::Char('u')], Command::Records(RecordsCommand::ClearMarks), "", "take all marks away"),
    binding(
        Context::Records,
        &[Key::Char('r')],
        Command::Records(RecordsCommand::Replay),
        "replay",
        "replay the marked records, or all that match the filter",
    ),
    binding(
        Context::Records,
        &[Key::Char('e')],
        Command::Records(RecordsCommand::Export),
        "export",
        "write the marked records, or all that match, to a file: JSON Lines, or CSV for a name in .csv",
    ),
    binding(
        Context::Records,
        &[Key::Char(':')],
        Command::Records(RecordsCommand::Jump),
        "jump",
        "go to a time, a key or a sequence number in what was read",
    ),
    binding(
        Context::Records,
        &[Key::Char('h')],
        Command::Records(RecordsCommand::KeyHistory),
        "history",
        "all versions of the record's key",
    ),
    binding(
        Context::Records,
        &[Key::Char('D')],
        Command::Records(RecordsCommand::Diff),
        "diff",
        "hold the payload against the key's version before, or against the one marked record",
    ),
    binding(
        Context::Records,
        &[Key::Char('f')],
        Command::Records(RecordsCommand::Follow),
        "follow",
        "take in new records as they reach the archive, or stop",
    ),
    binding(
        Context::Records,
        &[Key::Char('F')],
        Command::Records(RecordsCommand::FollowStream),
        "",
        "show what comes into the stream itself from now on",
    ),
    binding(
        Context::Records,
        &[TAB],
        Command::Records(RecordsCommand::SwitchPane),
        "pane",
        "move between the list and the record's payload",
    ),
    binding(
        Context::Records,
        &[Key::Char('p')],
        Command::Records(RecordsCommand::ViewPretty),
        "",
        "show the payload laid out by what it is",
    ),
    binding(Context::Records, &[Key::Char('t')], Command::Records(RecordsCommand::ViewText), "", "show the payload as text"),
    binding(Context::Records, &[Key::Char('x')], Command::Records(RecordsCommand::ViewHex), "hex", "show the payload's bytes"),
    binding(
        Context::Records,
        &[Key::Char('d')],
        Command::Records(RecordsCommand::DecodeAs),
        "decode",
        "name the decoders for this stream's payloads; an empty line detects them",
    ),
    binding(
        Context::Records,
        &[Key::Char(']')],
        Command::Records(RecordsCommand::NextUserRecord),
        "",
        "the next user record of an aggregated one",
    ),
    binding(
        Context::Records,
        &[Key::Char('[')],
        Command::Records(RecordsCommand::PreviousUserRecord),
        "",
        "the user record before",
    ),
    binding(
        Context::Records,
        &[Key::Char('y')],
        Command::Records(RecordsCommand::Copy),
        "copy",
        "copy payload, key, sequence number or item",
    ),
    binding(
        Context::Records,
        &[Key::Char('b')],
        Command::Records(RecordsCommand::Histogram),
        "",
        "show arrivals together, by shard, or not",
    ),
    binding(
        Context::Records,
        &[Key::Char('.')],
        Command::Records(RecordsCommand::NextBucket),
        "",
        "go to the next later bar of the arrivals",
    ),
    binding(
        Context::Records,
        &[Key::Char(',')],
        Command::Records(RecordsCommand::PreviousBucket),
        "",
        "go to the next earlier bar",
    ),
    binding(Context::Records, &[Key::Char('m')], Command::Records(RecordsCommand::ReadMore), "more", "read further"),
    binding(Context::Records, &[Key::Char('M')], Command::Records(RecordsCommand::ReadAll), "", "read to the end; esc stops"),
    binding(Context::Detail, &[Key::Char('/')], Command::Payload(PayloadCommand::Search), "search", "search in the payload"),
    binding(
        Context::Detail,
        &[Key::Char('n')],
        Command::Payload(PayloadCommand::NextMatch),
        "next",
        "to the next row with a match, or with a change",
    ),
    binding(Context::Detail, &[Key::Char('N')], Command::Payload(PayloadCommand::PreviousMatch), "", "to the one before"),
    binding(
        Context::Detail,
        &[ENTER, SPACE],
        Command::Payload(PayloadCommand::Fold),
        "fold",
        "fold the object or list on this line, or unfold it",
    ),
    binding(Context::Detail, &[Key::Char('-')], Command::Payload(PayloadCommand::FoldAll), "", "fold all but the outermost"),
    binding(Context::Detail, &[Key::Char('+')], Command::Payload(PayloadCommand::UnfoldAll), "", "unfold all"),
    binding(
        Context::Detail,
        &[Key::Char('=')],
        Command::Payload(PayloadCommand::FilterByField),
        "filter",
        "filter by the value on this line",
    ),
    binding(
        Context::Copy,
        &[Key::Char('p'), Key::Char('y')],
        Command::Copy(CopyCommand::Payload),
        "payload",
        "copy the decoded payload",
    ),
    binding(Context::Copy, &[Key::Char('k')], Command::Copy(CopyCommand::Key), "key", "copy the partition key"),
    binding(Context::Copy, &[Key::Char('s')], Command::Copy(CopyCommand::Number), "sequence number", "copy the sequence number"),
    binding(Context::Copy, &[Key::Char('i')], Command::Copy(CopyCommand::Item), "item", "copy the item as JSON"),
    binding(Context::Form, &[TAB], Command::Form(FormCommand::NextField), "next field", "go to the next field"),
    binding(Context::Form, &[BACK_TAB], Command::Form(FormCommand::PreviousField), "", "go to the field before"),
    binding(Context::Form, &[RIGHT, SPACE], Command::Form(FormCommand::Change), "change", "choose the next value of a field"),
    binding(Context::Form, &[LEFT], Command::Form(FormCommand::ChangeBack), "", "choose the value before"),
    binding(Context::Form, &[ENTER], Command::Form(FormCommand::Continue), "continue", "show what would be done"),
    binding(
        Context::Form,
        &[Key::Control('c')],
        Command::Form(FormCommand::Clear),
        "",
        "empty the field; when it is empty, go back",
    ),
    binding(Context::Review, &[Key::Char('y')], Command::Confirm, "yes, do it", "do what is shown"),
    binding(
        Context::Replays,
        &[Key::Char('p')],
        Command::Replays(ReplaysCommand::Pause),
        "pause/resume",
        "pause the replay, or go on with it",
    ),
    binding(
        Context::Replays,
        &[Key::Char('x')],
        Command::Replays(ReplaysCommand::Cancel),
        "cancel",
        "end the replay for good; asks first",
    ),
    binding(
        Context::Replays,
        &[ENTER],
        Command::Replays(ReplaysCommand::Open),
        "open",
        "look over a plan that has not begun, and begin; otherwise list the records passed over",
    ),
    binding(
        Context::Replays,
        &[Key::Char('l')],
        Command::Replays(ReplaysCommand::Receipts),
        "receipts",
        "list the latest records that the target has",
    ),
    binding(
        Context::Replays,
        &[Key::Char('d')],
        Command::Replays(ReplaysCommand::Remove),
        "remove",
        "remove the replay from the history; asks first",
    ),
    binding(Context::Everywhere, &[UP, Key::Char('k')], Command::Move(Move::Up), "", "one up"),
    binding(Context::Everywhere, &[DOWN, Key::Char('j')], Command::Move(Move::Down), "", "one down"),
    binding(Context::Everywhere, &[PAGE_UP, Key::Control('b')], Command::Move(Move::PageUp), "", "one page up"),
    binding(Context::Everywhere, &[PAGE_DOWN, Key::Control('f')], Command::Move(Move::PageDown), "", "one page down"),
    binding(Context::Everywhere, &[HOME, Key::Char('g')], Command::Move(Move::First), "", "to the first"),
    binding(Context::Everywhere, &[END, Key::Char('G')], Command::Move(Move::Last), "", "to the last"),
    binding(Context::Everywhere, &[F5, Key::Control('r')], Command::Global(GlobalCommand::Refresh), "refresh", "read again"),
    binding(
        Context::Everywhere,
        &[Key::Char('R')],
        Command::Global(GlobalCommand::Replays),
        "replays",
        "the replays: those that run, and the history",
    ),
    binding(
        Context::Everywhere,
        &[Key::Char('z')],
        Command::Global(GlobalCommand::Times),
        "",
        "show times in UTC, as how long ago, or in the local zone",
    ),
    binding(
        Context::Everywhere,
        &[ESCAPE],
        Command::Global(GlobalCommand::Back),
        "back",
        "one step back: close a difference, stop reading, undo the filter, leave the screen",
    ),
    binding(Context::Everywhere, &[Key::Char('?')], Command::Global(GlobalCommand::Help), "help", "show these keys"),
    binding(
        Context::Everywhere,
        &[Key::Char('q'), Key::Control('c')],
        Command::Global(GlobalCommand::Quit),
        "quit",
        "close what lies over the screen, a difference too; otherwise quit, which asks while a replay or an export runs",
    ),
    binding(
        Context::Everywhere,
        &[Key::Control('z')],
        Command::Global(GlobalCommand::Suspend),
        "",
        "go back to the shell; fg comes back",
    ),
    binding(Context::Typing, &[TAB], Command::Typing(TypingCommand::Complete), "complete", "take the first completion"),
    binding(Context::Typing, &[UP], Command::Typing(TypingCommand::OlderLine), "", "the filter applied before"),
    binding(Context::Typing, &[DOWN], Command::Typing(TypingCommand::NewerLine), "", "the filter applied after it"),
    binding(Context::Typing, &[ENTER], Command::Typing(TypingCommand::Apply), "apply", "take the line as typed"),
    binding(
        Context::Typing,
        &[ESCAPE, Key::Control('c')],
        Command::Global(GlobalCommand::Back),
        "leave",
        "leave the line as it was",
    ),
    binding(
        Context::Typing,
        &[Key::Control('z')],
        Command::Global(GlobalCommand::Suspend),
        "",
        "go back to the shell; fg comes back",
    ),
];

impl Key {
    /// Whether this key was pressed.
    #[must_use]
    pub fn matches(self, event: KeyEvent) -> bool {
        let control = event.modifiers.contains(KeyModifiers::CONTROL);
        // Escape and a letter right after it come as the letter with the alt key, and must not do what the letter does.
        let alt = event.modifiers.contains(KeyModifiers::ALT);
        match self {
            Self::Char(character) => event.code == KeyCode::Char(character) && !control && !alt,
            Self::Control(character) => event.code == KeyCode::Char(character) && control,
            Self::Named(code, _) => event.code == code && !control,
        }
    }

    /// The event of pressing it.
    #[must_use]
    pub fn event(self) -> KeyEvent {
        match self {
            Self::Char(character) => KeyEvent::new(KeyCode::Char(character), KeyModifiers::NONE),
            Self::Control(character) => KeyEvent::new(KeyCode::Char(character), KeyModifiers::CONTROL),
            Self::Named(code, _) => KeyEvent::new(code, KeyModifiers::NONE),
        }
    }

    /// The key as it is written for people.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Char(character) => character.to_string(),
            Self::Control(character) => format!("ctrl-{character}"),
            Self::Named(_, name) => name.to_owned(),
        }
    }
}

impl Context {
    /// All of them, in the order of the help.
    pub const ALL: [Self; 9] = [
        Self::Streams,
        Self::Records,
        Self::Detail,
        Self::Copy,
        Self::Form,
        Self::Review,
        Self::Replays,
        Self::Everywhere,
        Self::Typing,
    ];

    /// Its heading in the help.
    #[must_use]
    pub fn heading(self) -> &'static str {
        match self {
            Self::Everywhere => "Everywhere",
            Self::Streams => "Streams",
            Self::Records => "Records",
            Self::Detail => "In a payload",
            Self::Copy => "Copy",
            Self::Form => "Configure and replay: the form",
            Self::Review => "Before something is changed",
            Self::Replays => "Replays",
            Self::Typing => "While typing",
        }
    }
}

impl Binding {
    /// Its keys as they are written for people.
    #[must_use]
    pub fn key_names(&self) -> String {
        self.keys.iter().map(|key| key.name()).collect::<Vec<_>>().join(" ")
    }
}

/// What a key means in the first of these contexts that knows it.
#[must_use]
pub fn command_for(event: KeyEvent, contexts: &[Context]) -> Option<Command> {
    contexts
        .iter()
        .find_map(|context| {
            BINDINGS.iter().find(|binding| binding.context == *context && binding.keys.iter().any(|key| key.matches(event)))
        })
        .map(|binding| binding.command)
}

/// The whole table as Markdown, for `docs/keys.md` and `explorer keys`.
#[must_use]
pub fn as_markdown() -> String {
    let mut lines = vec!["| where | key | what it does |".to_owned(), "|---|---|---|".to_owned()];
    for context in Context::ALL {
        for binding in BINDINGS.iter().filter(|binding| binding.context == context) {
            let keys: Vec<String> = binding.keys.iter().map(|key| format!("`{}`", key.name())).collect();
            lines.push(format!("| {} | {} | {} |", context.heading(), keys.join(" "), binding.help));
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_means_two_things_in_one_place() {
        for (at, binding) in BINDINGS.iter().enumerate() {
            for other in &BINDINGS[at + 1..] {
                let clash = binding.keys.iter().any(|key| other.keys.contains(key));
                assert!(!(clash && binding.context == other.context), "{binding:?} and {other:?}");
            }
        }
    }

    #[test]
    fn the_documents_list_these_keys() {
        let document = include_str!("../../../docs/keys.md");
        let listed = document.split("<!-- keys -->\n").nth(1).and_then(|rest| rest.split("\n<!-- /keys -->").next());
        assert_eq!(listed, Some(as_markdown().as_str()), "`explorer keys` prints what belongs there");
    }
}
