//! The one door to standard output and standard error. Names, messages and payloads come from outside. What goes through here moves
//! no cursor, changes no colour and reorders no text. Each call takes one line, so a line feed in it came with the data and is
//! shown as a stand-in. `clippy.toml` forbids all other ways to print.

#![allow(clippy::disallowed_methods, reason = "this is where printing is allowed")]

use crate::domain::text::plain_json;
use crate::domain::text::printable;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue};
use serde::Serialize;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::error::Error as _;
use std::io::{self, IsTerminal as _, Write};
use std::os::fd::{AsFd as _, OwnedFd};
use tracing_subscriber::fmt::MakeWriter;

/// Bytes of lines collected before they are printed.
const GATHERED_BYTES: usize = 64 * 1024;
/// Moves to the start of the line and clears it. Source: ECMA-48, CR and EL.
const CLEAR_LINE: &str = "\r\x1b[2K";

/// Whether standard output is a terminal.
pub(crate) fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// The columns of the terminal that standard output is, if it is one.
pub(crate) fn stdout_columns() -> Option<usize> {
    let size = stdout_is_terminal().then(crossterm::terminal::size)?;
    size.ok().map(|(columns, _)| usize::from(columns)).filter(|columns| *columns > 0)
}

/// Whether the user wants colours. Source: no-color.org.
pub(crate) fn wants_colours() -> bool {
    wants_colours_by(std::env::var("NO_COLOR").ok().as_deref())
}

/// The same by the value of `NO_COLOR`.
pub(crate) fn wants_colours_by(no_colour: Option<&str>) -> bool {
    no_colour.is_none_or(str::is_empty)
}

/// How a text on a terminal stands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Heading,
    Name,
    Quiet,
    Good,
    Bad,
}

impl Tone {
    /// Its parameter of the sequence that chooses colours. Source: ECMA-48, SGR.
    fn parameter(self) -> Option<u8> {
        match self {
            Self::Plain => None,
            Self::Heading => Some(1),
            Self::Name => Some(36),
            Self::Quiet => Some(90),
            Self::Good => Some(32),
            Self::Bad => Some(31),
        }
    }
}

/// Whether standard error is a terminal.
pub(crate) fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// The file behind standard output, to watch it or to export to it.
pub(crate) fn stdout_descriptor() -> io::Result<OwnedFd> {
    io::stdout().as_fd().try_clone_to_owned()
}

/// The file behind standard error, to export to it.
pub(crate) fn stderr_descriptor() -> io::Result<OwnedFd> {
    io::stderr().as_fd().try_clone_to_owned()
}

/// Standard output for the screens, which draw with their own escape sequences.
pub(crate) fn screens() -> io::Stdout {
    io::stdout()
}

/// Asks the terminal for clicks, drags and turns of the wheel, or leaves the mouse to it again. Unlike crossterm's own way, this does
/// not ask for every movement. Source: xterm's ctlseqs, 1000, 1002 and 1006.
pub(crate) fn take_mouse(takes: bool) -> io::Result<()> {
    let mut screens = screens();
    screens.write_all(if takes { b"\x1b[?1000h\x1b[?1002h\x1b[?1006h" } else { b"\x1b[?1006l\x1b[?1002l\x1b[?1000l" })?;
    screens.flush()
}

/// Sends a text to the terminal's clipboard.
pub(crate) fn copy(text: &str, is_in_tmux: bool) -> io::Result<()> {
    let mut screens = screens();
    screens.write_all(clipboard_sequence(text, is_in_tmux).as_bytes())?;
    screens.flush()
}

/// The sequence that asks the terminal to copy a text: OSC 52. tmux takes it for itself, or passes it on if it is wrapped, depending
/// on its settings `set-clipboard` and `allow-passthrough`; so it gets both. Source: tmux(1), xterm's ctlseqs.
fn clipboard_sequence(text: &str, is_in_tmux: bool) -> String {
    let sequence = format!("\x1b]52;c;{}\x07", STANDARD.encode(text));
    if !is_in_tmux {
        return sequence;
    }
    let wrapped = format!("\x1bPtmux;{}\x1b\\", sequence.replace('\x1b', "\x1b\x1b"));
    sequence + &wrapped
}

/// Prints a line on standard output.
pub(crate) fn print(line: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{}", printable(line))
}

/// Prints a line on standard error.
pub(crate) fn say(line: &str) -> io::Result<()> {
    writeln!(io::stderr().lock(), "{}", printable(line))
}

/// Prints a question on standard error; the answer is typed after it.
pub(crate) fn ask(question: &str) -> io::Result<()> {
    let mut stderr = io::stderr().lock();
    write!(stderr, "{}", printable(question))?;
    stderr.flush()
}

/// Replaces the last line on standard error with this one; an empty line only clears it.
pub(crate) fn show(line: &str) -> io::Result<()> {
    let mut stderr = io::stderr().lock();
    write!(stderr, "{CLEAR_LINE}{}", printable(line))?;
    stderr.flush()
}

/// Lines for standard output, several printed with one call.
#[derive(Debug, Default)]
pub(crate) struct Gathered(Vec<u8>);

impl Gathered {
    /// Adds a line.
    pub(crate) fn line(&mut self, line: &str) -> io::Result<()> {
        self.0.extend_from_slice(printable(line).as_bytes());
        self.end_line()
    }

    /// Adds a line of texts, each in its tone, with two blanks between them.
    pub(crate) fn toned(&mut self, texts: &[(Tone, &str)]) -> io::Result<()> {
        for (place, (tone, text)) in texts.iter().enumerate() {
            let gap = if place > 0 { "  " } else { "" };
            match tone.parameter() {
                Some(parameter) => write!(self.0, "{gap}\x1b[{parameter}m{}\x1b[0m", printable(text))?,
                None => write!(self.0, "{gap}{}", printable(text))?,
            }
        }
        self.end_line()
    }

    /// Adds a value as one line of JSON.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        plain_json::write(&mut self.0, value)?;
        self.end_line()
    }

    fn end_line(&mut self) -> io::Result<()> {
        self.0.push(b'\n');
        if self.0.len() >= GATHERED_BYTES { self.flush() } else { Ok(()) }
    }

    /// Prints what was gathered.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        let mut stdout = Stdout;
        stdout.write_all(&self.0)?;
        stdout.flush()?;
        self.0.clear();
        Ok(())
    }
}

/// Writes a payload's bytes unchanged. A terminal would obey control sequences in them, so it gets only text.
pub(crate) fn write_payload(payload: &[u8]) -> io::Result<()> {
    if stdout_is_terminal() && !is_harmless(payload) {
        let sentence = "the payload is not plain text, and may contain control sequences that a terminal obeys; redirect it to a file or a pipe";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, sentence));
    }
    let mut stdout = Stdout;
    stdout.write_all(payload)?;
    stdout.flush()
}

/// Whether bytes are text without control sequences.
fn is_harmless(payload: &[u8]) -> bool {
    std::str::from_utf8(payload).is_ok_and(|text| {
        text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\t')).all(|cell| printable(cell) == cell)
    })
}

/// Standard output for an export: unchanged bytes, except that a terminal gets stand-ins for control sequences.
pub(crate) fn exported() -> Box<dyn Write + Send> {
    if stdout_is_terminal() { shown(Stdout) } else { Box::new(Stdout) }
}

/// A terminal for an export; it gets stand-ins for control sequences.
pub(crate) fn shown(terminal: impl Write + Send + 'static) -> Box<dyn Write + Send> {
    Box::new(Shown::over(terminal))
}

/// Standard output with a thread of its own, so that a slow reader holds up only that thread.
#[derive(Clone, Copy, Debug)]
struct Stdout;

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        tokio::task::block_in_place(|| io::stdout().lock().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        tokio::task::block_in_place(|| io::stdout().lock().flush())
    }
}

/// Writes text with stand-ins for everything that a terminal obeys, except line ends.
#[derive(Debug)]
struct Shown<W> {
    writer: W,
    /// A possible start of a character or of a line end.
    left: Vec<u8>,
}

impl<W: Write> Shown<W> {
    fn over(writer: W) -> Self {
        Self { writer, left: Vec::new() }
    }

    fn show(&mut self, bytes: &[u8]) -> io::Result<()> {
        let text = String::from_utf8_lossy(bytes);
        for line in text.split_inclusive('\n') {
            let content = line.strip_suffix('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
            self.writer.write_all(printable(content.unwrap_or(line)).as_bytes())?;
            if content.is_some() {
                self.writer.write_all(b"\n")?;
            }
        }
        Ok(())
    }
}

impl<W: Write> Write for Shown<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.left.extend_from_slice(bytes);
        let gathered = std::mem::take(&mut self.left);
        let whole = gathered.len() - unfinished(&gathered);
        self.show(&gathered[..whole])?;
        self.left.extend_from_slice(&gathered[whole..]);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let left = std::mem::take(&mut self.left);
        self.show(&left)?;
        self.writer.flush()
    }
}

/// How many bytes at the end may start a character or a line end.
fn unfinished(bytes: &[u8]) -> usize {
    if bytes.ends_with(b"\r") {
        return 1;
    }
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => bytes.len() - error.valid_up_to(),
        Err(_) | Ok(_) => 0,
    }
}

/// Prints clap's output: its help, or what is wrong with the arguments.
pub(crate) fn say_of_arguments(error: clap::Error) -> io::Result<()> {
    if !error.use_stderr() {
        // Contains only our own words.
        return error.print();
    }
    words_of(error).lines().try_for_each(say)
}

/// What is wrong with the arguments, on lines that do not repeat them.
fn words_of(mut error: clap::Error) -> String {
    let is_shown = |text: &StyledStr| text.to_string() == printable(&text.to_string());
    let contexts: Vec<(ContextKind, ContextValue)> = error.context().map(|(kind, value)| (kind, value.clone())).collect();
    for (kind, value) in contexts {
        let shown = match value {
            ContextValue::String(text) => ContextValue::String(printable(&text).into_owned()),
            ContextValue::Strings(texts) => ContextValue::Strings(texts.iter().map(|text| printable(text).into_owned()).collect()),
            // Tips that repeat an argument; they do not help if the argument is hostile.
            ContextValue::StyledStrs(tips) => ContextValue::StyledStrs(tips.into_iter().filter(is_shown).collect()),
            other => other,
        };
        error.insert(kind, shown);
    }
    // With clap's colours: without them, clap would also remove what looks like a colour from a reason, and the reason would not be
    // found.
    let mut text = error.render().ansi().to_string();
    if let Some(reason) = error.source().map(ToString::to_string) {
        text = text.replace(&reason, &printable(&reason));
    }
    without_colours(&text)
}

/// Removes the sequences that choose colours. Source: ECMA-48, SGR.
fn without_colours(text: &str) -> String {
    let mut pieces = text.split("\u{1b}[");
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let rest = piece.trim_start_matches(|character: char| character.is_ascii_digit() || character == ';');
        plain.push_str(rest.strip_prefix('m').unwrap_or(piece));
    }
    plain
}

/// Prints panics through this door, since their messages may repeat data.
pub(crate) fn tell_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let backtrace = Backtrace::capture();
        let trace = if backtrace.status() == BacktraceStatus::Captured { backtrace.to_string() } else { String::new() };
        let thread = std::thread::current().name().unwrap_or("without a name").to_owned();
        let message = format!("explorer: thread {thread} {panic}\n{trace}");
        // Nothing is left to report this failure to.
        message.lines().try_for_each(say).unwrap_or_default();
    }));
}

/// A log: one line for each event, whatever its message contains.
#[derive(Debug)]
pub(crate) struct Log<M>(pub(crate) M);

/// Standard error, for [`Log`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stderr;

/// Writes events.
#[derive(Debug)]
pub(crate) struct LogWriter<W>(W);

impl<'a> MakeWriter<'a> for Stderr {
    type Writer = io::Stderr;

    fn make_writer(&'a self) -> Self::Writer {
        io::stderr()
    }
}

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for Log<M> {
    type Writer = LogWriter<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        LogWriter(self.0.make_writer())
    }
}

impl<W: Write> Write for LogWriter<W> {
    /// Takes an event as a whole, as `tracing_subscriber` writes it.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = printable(text.strip_suffix('\n').unwrap_or(&text));
        self.0.write_all(format!("{line}\n").as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn colours_are_ours_and_not_those_of_the_data() {
        let mut gathered = Gathered::default();
        gathered.toned(&[(Tone::Bad, "\u{1b}[2Jevil"), (Tone::Plain, "a\nb")]).unwrap();
        assert_eq!(String::from_utf8(gathered.0).unwrap(), "\u{1b}[31m␛[2Jevil\u{1b}[0m  a␊b\n");
    }

    #[test]
    fn a_copied_text_reaches_the_terminal_through_tmux() {
        assert_eq!(clipboard_sequence("paid\x1b[2J", false), "\x1b]52;c;cGFpZBtbMko=\x07");
        assert_eq!(clipboard_sequence("paid", true), "\x1b]52;c;cGFpZA==\x07\x1bPtmux;\x1b\x1b]52;c;cGFpZA==\x07\x1b\\");
    }

    #[test]
    fn a_log_keeps_an_event_on_its_line() {
        let mut written = Vec::new();
        LogWriter(&mut written).write_all("INFO stream \u{1b}[31morders\nINFO not so\u{202e}\n".as_bytes()).unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), "INFO stream ␛[31morders␊INFO not so‹202E›\n");
    }

    #[test]
    fn a_terminal_gets_a_payload_only_where_it_is_plain_text() {
        for text in ["", "paid\r\n\tby cust-42\n", "größer 支払済"] {
            assert!(is_harmless(text.as_bytes()), "{text:?}");
        }
        for payload in [&b"\x1b[2J"[..], b"\xff", b"a\rb", "\u{9b}2J".as_bytes(), "a\u{202e}b".as_bytes(), b"\x7f"] {
            assert!(!is_harmless(payload), "{payload:?}");
        }
    }

    #[test]
    fn what_clap_repeats_of_an_argument_is_shown_and_not_sent() {
        let command = clap::Command::new("explorer").arg(
            clap::Arg::new("count")
                .long("count")
                .value_parser(|text: &str| text.parse::<u32>().map_err(|_| format!("\"{text}\" is no count"))),
        );
        for (arguments, line) in [
            (["explorer", "--no\u{1b}[31m\nsuch"].as_slice(), "error: unexpected argument '--no␛[31m␊such' found"),
            (
                &["explorer", "--count", "\u{9b}2J\u{1b}[31m\n1"],
                "error: invalid value '‹009B›2J␛[31m␊1' for '--count <count>': \"‹009B›2J␛[31m␊1\" is no count",
            ),
        ] {
            let error = command.clone().try_get_matches_from(arguments).unwrap_err();
            assert_eq!(words_of(error).lines().next(), Some(line));
        }
    }

    proptest! {
        #[test]
        fn an_export_on_a_terminal_has_nothing_but_lines(text in "[a\\r\\nä\u{1b}\u{9b}\u{202e}支]{0,40}", cuts in proptest::collection::vec(1..6_usize, 0..20)) {
            let (mut whole, mut in_pieces) = (Shown::over(Vec::new()), Shown::over(Vec::new()));
            whole.write_all(text.as_bytes()).unwrap();
            whole.flush().unwrap();
            let mut rest = text.as_bytes();
            for cut in cuts {
                let (piece, others) = rest.split_at(cut.min(rest.len()));
                in_pieces.write_all(piece).unwrap();
                rest = others;
            }
            in_pieces.write_all(rest).unwrap();
            in_pieces.flush().unwrap();
            prop_assert_eq!(&whole.writer, &in_pieces.writer);
            let shown = String::from_utf8(whole.writer).unwrap();
            prop_assert!(shown.split('\n').all(|line| printable(line) == line), "{shown:?}");
        }
    }
}
