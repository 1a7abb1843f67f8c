//! The keys, in one table: what a key means in each context, and its texts in the bottom line and the help.

use super::command::{
    Command, CopyCommand, DescriptionCommand, FormCommand, GlobalCommand, Move, PayloadCommand, RecordsCommand, ReplaysCommand,
    StreamsCommand, TypingCommand,
};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Where a key has a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Context {
    /// On every screen, while no line is being typed.
    Everywhere,
    /// The list of streams.
    Streams,
    /// The description of a stream.
    Description,
    /// The records of an archive.
    Records,
    /// A record's payload, while it has the focus.
    Detail,
    /// The choice of what to copy of a record.
    Copy,
    /// The form to configure a stream or to prepare a replay.
    Form,
    /// The review before a change.
    Review,
    /// The replays.
    Replays,
    /// A line being typed.
    Typing,
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// The context.
    pub context: Context,
    /// The keys.
    pub keys: &'static [Key],
    /// The command.
    pub command: Command,
    /// A word or two for the bottom line; empty if the key is obvious.
    pub label: &'static str,
    /// A sentence for the help.
    pub help: &'static str,
}

/// A key in the table.
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
        &[Key::Char('/')],
        Command::Streams(StreamsCommand::Filter),
        "filter",
        "show only streams whose name contains a text",
    ),
    binding(
        Context::Streams,
        &[TAB],
        Command::Streams(StreamsCommand::NextGroup),
        "group",
        "show the next group: archived, not archived, without a stream, with problems, or all",
    ),
    binding(
        Context::Streams,
        &[Key::Char('r')],
        Command::Streams(StreamsCommand::Replay),
        "replay",
        "replay records of the archive into a stream",
    ),
    binding(
        Context::Streams,
        &[Key::Char('d')],
        Command::Streams(StreamsCommand::Describe),
        "describe",
        "show all about the stream and its archive",
    ),
    binding(Context::Streams, &[BACK_TAB], Command::Streams(StreamsCommand::PreviousGroup), "", "show the previous group"),
    binding(Context::Streams, &[Key::Char('s')], Command::Streams(StreamsCommand::Sort), "sort", "sort by the next column"),
    binding(Context::Streams, &[Key::Char('I')], Command::Streams(StreamsCommand::ReverseSort), "", "reverse the order"),
    binding(
        Context::Streams,
        &[Key::Char('o')],
        Command::Streams(StreamsCommand::OpenFile),
        "open file",
        "open a file of exported records",
    ),
    binding(
        Context::Streams,
        &[Key::Char('S')],
        Command::Streams(StreamsCommand::ReadStream),
        "",
        "read the stream itself from a time on, archived or not",
    ),
    binding(
        Context::Streams,
        &[Key::Char('F')],
        Command::Streams(StreamsCommand::Follow),
        "",
        "show new records of the stream as they arrive",
    ),
    binding(
        Context::Description,
        &[ENTER, RIGHT],
        Command::Description(DescriptionCommand::Open),
        "open",
        "open the archive of the stream",
    ),
    binding(
        Context::Description,
        &[Key::Char('c')],
        Command::Description(DescriptionCommand::Configure),
        "configure",
        "choose how the stream is archived",
    ),
    binding(
        Context::Records,
        &[Key::Char('/')],
        Command::Records(RecordsCommand::Filter),
        "filter",
        "filter by key, time, text, JSON and more; tab completes",
    ),
    binding(Context::Records, &[SPACE], Command::Records(RecordsCommand::Mark), "mark", "mark or unmark the record"),
    binding(
        Context::Records,
        &[Key::Char('v')],
        Command::Records(RecordsCommand::MarkRange),
        "range",
        "start a range at the cursor; a second v marks it",
    ),
    binding(
        Context::Records,
        &[Key::Char('a')],
        Command::Records(RecordsCommand::MarkAll),
        "all",
        "mark all records that match the filter, read or not",
    ),
    binding(
        Context::Records,
        &[Key::Char('i')],
        Command::Records(RecordsCommand::InvertMarks),
        "",
        "invert the marks among all records that match",
    ),
    binding(Context::Records, &[Key::Char('u')], Command::Records(RecordsCommand::ClearMarks), "", "remove all marks"),
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
        "export the marked records, or all that match: CSV for a name in .csv, otherwise JSON Lines",
    ),
    binding(
        Context::Records,
        &[Key::Char(':')],
        Command::Records(RecordsCommand::Jump),
        "jump",
        "jump to a time, key or sequence number among the records read",
    ),
    binding(
        Context::Records,
        &[Key::Char('h')],
        Command::Records(RecordsCommand::KeyHistory),
        "history",
        "show all versions of the record's key",
    ),
    binding(
        Context::Records,
        &[Key::Char('D')],
        Command::Records(RecordsCommand::Diff),
        "diff",
        "compare with the key's previous version, or with the one marked record",
    ),
    binding(
        Context::Records,
        &[Key::Char('f')],
        Command::Records(RecordsCommand::Follow),
        "follow",
        "start or stop following new records of the archive",
    ),
    binding(
        Context::Records,
        &[Key::Char('F')],
        Command::Records(RecordsCommand::FollowStream),
        "",
        "show new records of the stream itself as they arrive",
    ),
    binding(
        Context::Records,
        &[TAB],
        Command::Records(RecordsCommand::SwitchPane),
        "pane",
        "switch between the list and the payload",
    ),
    binding(
        Context::Records,
        &[ENTER],
        Command::Records(RecordsCommand::ToggleFull),
        "full screen",
        "give the payload the whole screen; esc brings the list back",
    ),
    binding(
        Context::Records,
        &[Key::Char('P')],
        Command::Records(RecordsCommand::TogglePayload),
        "",
        "hide the payload, or show it again",
    ),
    binding(Context::Records, &[Key::Char('<')], Command::Records(RecordsCommand::WidenPayload), "", "make the payload wider"),
    binding(Context::Records, &[Key::Char('>')], Command::Records(RecordsCommand::NarrowPayload), "", "make the payload narrower"),
    binding(
        Context::Records,
        &[Key::Char('J')],
        Command::Records(RecordsCommand::NextRecord),
        "",
        "go to the next record, from the payload too",
    ),
    binding(Context::Records, &[Key::Char('K')], Command::Records(RecordsCommand::PreviousRecord), "", "go to the previous record"),
    binding(
        Context::Records,
        &[Key::Char('p')],
        Command::Records(RecordsCommand::ViewPretty),
        "",
        "show the payload decoded and formatted",
    ),
    binding(Context::Records, &[Key::Char('t')], Command::Records(RecordsCommand::ViewText), "", "show the payload as text"),
    binding(Context::Records, &[Key::Char('x')], Command::Records(RecordsCommand::ViewHex), "hex", "show the payload as hex"),
    binding(
        Context::Records,
        &[Key::Char('d')],
        Command::Records(RecordsCommand::DecodeAs),
        "decode",
        "choose the decoders for this stream's payloads; an empty line detects them",
    ),
    binding(
        Context::Records,
        &[Key::Char('C')],
        Command::Records(RecordsCommand::Columns),
        "columns",
        "choose which fields of the payloads are columns; an empty line finds them",
    ),
    binding(
        Context::Records,
        &[Key::Char(']')],
        Command::Records(RecordsCommand::NextUserRecord),
        "",
        "go to the next user record of an aggregated record",
    ),
    binding(
        Context::Records,
        &[Key::Char('[')],
        Command::Records(RecordsCommand::PreviousUserRecord),
        "",
        "go to the previous user record",
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
        "show arrivals for all shards, by shard, or not at all",
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
    binding(Context::Records, &[Key::Char('m')], Command::Records(RecordsCommand::ReadMore), "more", "read more records"),
    binding(Context::Records, &[Key::Char('M')], Command::Records(RecordsCommand::ReadAll), "", "read to the end; esc stops"),
    binding(Context::Detail, &[Key::Char('/')], Command::Payload(PayloadCommand::Search), "search", "search in the payload"),
    binding(
        Context::Detail,
        &[Key::Char('n')],
        Command::Payload(PayloadCommand::NextMatch),
        "next",
        "go to the next match, or to the next change",
    ),
    binding(Context::Detail, &[Key::Char('N')], Command::Payload(PayloadCommand::PreviousMatch), "", "go to the previous one"),
    binding(
        Context::Detail,
        &[ENTER, SPACE],
        Command::Payload(PayloadCommand::Fold),
        "fold",
        "fold or unfold the object or list on this line",
    ),
    binding(
        Context::Detail,
        &[Key::Char('-')],
        Command::Payload(PayloadCommand::FoldAll),
        "",
        "fold everything but the outermost level",
    ),
    binding(Context::Detail, &[Key::Char('+')], Command::Payload(PayloadCommand::UnfoldAll), "", "unfold everything"),
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
    binding(Context::Form, &[BACK_TAB], Command::Form(FormCommand::PreviousField), "", "go to the previous field"),
    binding(Context::Form, &[RIGHT, SPACE], Command::Form(FormCommand::Change), "change", "choose the next value"),
    binding(Context::Form, &[LEFT], Command::Form(FormCommand::ChangeBack), "", "choose the previous value"),
    binding(Context::Form, &[ENTER], Command::Form(FormCommand::Continue), "continue", "review what would be done"),
    binding(Context::Form, &[Key::Control('c')], Command::Form(FormCommand::Clear), "", "clear the field; if it is empty, go back"),
    binding(Context::Review, &[Key::Char('y')], Command::Confirm, "yes, do it", "do what is shown"),
    binding(
        Context::Replays,
        &[Key::Char('p')],
        Command::Replays(ReplaysCommand::Pause),
        "pause/resume",
        "pause or resume the replay",
    ),
    binding(
        Context::Replays,
        &[Key::Char('x')],
        Command::Replays(ReplaysCommand::Cancel),
        "cancel",
        "cancel the replay; asks first",
    ),
    binding(
        Context::Replays,
        &[ENTER],
        Command::Replays(ReplaysCommand::Open),
        "open",
        "review the plan and start it; once it has started, list the skipped records",
    ),
    binding(
        Context::Replays,
        &[Key::Char('l')],
        Command::Replays(ReplaysCommand::Receipts),
        "receipts",
        "list the latest records that reached the target",
    ),
    binding(
        Context::Replays,
        &[Key::Char('d')],
        Command::Replays(ReplaysCommand::Remove),
        "remove",
        "remove the replay from the history; asks first",
    ),
    binding(Context::Everywhere, &[UP, Key::Char('k')], Command::Move(Move::Up), "", "move up"),
    binding(Context::Everywhere, &[DOWN, Key::Char('j')], Command::Move(Move::Down), "", "move down"),
    binding(Context::Everywhere, &[PAGE_UP, Key::Control('b')], Command::Move(Move::PageUp), "", "move one page up"),
    binding(Context::Everywhere, &[PAGE_DOWN, Key::Control('f')], Command::Move(Move::PageDown), "", "move one page down"),
    binding(Context::Everywhere, &[Key::Control('u')], Command::Move(Move::HalfPageUp), "", "move half a page up"),
    binding(Context::Everywhere, &[Key::Control('d')], Command::Move(Move::HalfPageDown), "", "move half a page down"),
    binding(Context::Everywhere, &[HOME, Key::Char('g')], Command::Move(Move::First), "", "go to the first row"),
    binding(Context::Everywhere, &[END, Key::Char('G')], Command::Move(Move::Last), "", "go to the last row"),
    binding(Context::Everywhere, &[F5, Key::Control('r')], Command::Global(GlobalCommand::Refresh), "refresh", "read again"),
    binding(
        Context::Everywhere,
        &[Key::Char('R')],
        Command::Global(GlobalCommand::Replays),
        "replays",
        "show running and past replays",
    ),
    binding(
        Context::Everywhere,
        &[Key::Char('z')],
        Command::Global(GlobalCommand::Times),
        "",
        "show times in UTC, as an age, or in the local time zone",
    ),
    binding(
        Context::Everywhere,
        &[ESCAPE],
        Command::Global(GlobalCommand::Back),
        "back",
        "go back one step: close a diff, stop reading, undo the filter, or leave the screen",
    ),
    binding(Context::Everywhere, &[Key::Char('?')], Command::Global(GlobalCommand::Help), "help", "show these keys"),
    binding(
        Context::Everywhere,
        &[Key::Char('q'), Key::Control('c')],
        Command::Global(GlobalCommand::Quit),
        "quit",
        "close the popup or the diff; otherwise quit, and ask first while a replay or an export runs",
    ),
    binding(Context::Everywhere, &[Key::Control('l')], Command::Global(GlobalCommand::Redraw), "", "draw the screen again"),
    binding(
        Context::Everywhere,
        &[Key::Control('z')],
        Command::Global(GlobalCommand::Suspend),
        "",
        "suspend to the shell; fg brings the explorer back",
    ),
    binding(
        Context::Typing,
        &[TAB],
        Command::Typing(TypingCommand::Complete),
        "complete",
        "insert the first completion, or complete the name of a file",
    ),
    binding(Context::Typing, &[UP], Command::Typing(TypingCommand::OlderLine), "", "show the previous filter"),
    binding(Context::Typing, &[DOWN], Command::Typing(TypingCommand::NewerLine), "", "show the next filter"),
    binding(Context::Typing, &[ENTER], Command::Typing(TypingCommand::Apply), "apply", "apply the line"),
    binding(
        Context::Typing,
        &[ESCAPE, Key::Control('c')],
        Command::Global(GlobalCommand::Back),
        "leave",
        "cancel; the line stays as it was",
    ),
    binding(
        Context::Typing,
        &[Key::Control('z')],
        Command::Global(GlobalCommand::Suspend),
        "",
        "suspend to the shell; fg brings the explorer back",
    ),
];

impl Key {
    /// Whether this key was pressed.
    #[must_use]
    pub fn matches(self, event: KeyEvent) -> bool {
        let control = event.modifiers.contains(KeyModifiers::CONTROL);
        // Escape directly followed by a letter arrives as alt and the letter. It must not run the letter's command.
        let alt = event.modifiers.contains(KeyModifiers::ALT);
        match self {
            Self::Char(character) => event.code == KeyCode::Char(character) && !control && !alt,
            Self::Control(character) => event.code == KeyCode::Char(character) && control,
            Self::Named(code, _) => event.code == code && !control,
        }
    }

    /// The event of this key.
    #[must_use]
    pub fn event(self) -> KeyEvent {
        match self {
            Self::Char(character) => KeyEvent::new(KeyCode::Char(character), KeyModifiers::NONE),
            Self::Control(character) => KeyEvent::new(KeyCode::Char(character), KeyModifiers::CONTROL),
            Self::Named(code, _) => KeyEvent::new(code, KeyModifiers::NONE),
        }
    }

    /// The key's name.
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
    /// All contexts, in the order of the help.
    pub const ALL: [Self; 10] = [
        Self::Streams,
        Self::Description,
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
            Self::Description => "Description of a stream",
            Self::Records => "Records",
            Self::Detail => "In a payload",
            Self::Copy => "Copy",
            Self::Form => "Configure and replay forms",
            Self::Review => "Before a change",
            Self::Replays => "Replays",
            Self::Typing => "While typing",
        }
    }
}

impl Binding {
    /// The names of its keys.
    #[must_use]
    pub fn key_names(&self) -> String {
        self.keys.iter().map(|key| key.name()).collect::<Vec<_>>().join(" ")
    }
}

/// A key's command in the first of these contexts that has one.
#[must_use]
pub fn command_for(event: KeyEvent, contexts: &[Context]) -> Option<Command> {
    contexts
        .iter()
        .find_map(|context| {
            BINDINGS.iter().find(|binding| binding.context == *context && binding.keys.iter().any(|key| key.matches(event)))
        })
        .map(|binding| binding.command)
}

/// The name of a command's first key.
#[must_use]
pub fn key_of(command: Command) -> Option<String> {
    let binding = BINDINGS.iter().find(|binding| binding.command == command)?;
    Some(binding.keys.first()?.name())
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
