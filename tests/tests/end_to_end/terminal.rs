//! The screens in their own terminal: stopped, continued and left as in a shell.

use end_to_end::wait::eventually;
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, OptionalActions, Winsize, tcgetattr, tcsetattr, tcsetwinsize};
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};

const ENTERS: &str = "\u{1b}[?1049h";
const LEAVES: &str = "\u{1b}[?1049l";
const SHOWS_CURSOR: &str = "\u{1b}[?25h";
const STOPS_BRACKETED_PASTE: &str = "\u{1b}[?2004l";
/// Appears on every screen.
const HEADER: &str = "kinesis archives";

/// The program in a terminal that records everything written to it.
struct Terminal {
    program: Child,
    terminal: File,
    written: Arc<Mutex<Vec<u8>>>,
    home: tempfile::TempDir,
}

impl Terminal {
    fn start() -> Self {
        Self::run(&["--local"], &[])
    }

    /// Runs a command in a terminal of 80 columns.
    fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&controller).unwrap();
        unlockpt(&controller).unwrap();
        let name = ptsname(&controller, Vec::new()).unwrap();
        tcsetwinsize(&controller, Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let open = || {
            let path = Path::new(std::ffi::OsStr::from_bytes(name.as_bytes()));
            OpenOptions::new().read(true).write(true).open(path).unwrap()
        };
        let home = tempfile::tempdir().unwrap();
        let program = Command::new(env!("CARGO_BIN_EXE_explorer-under-test"))
            .args(arguments)
            .env_clear()
            .envs(variables.iter().copied())
            .env("HOME", home.path())
            .env("TERM", "xterm-256color")
            .stdin(open())
            .stdout(open())
            .stderr(open())
            // Its own job, as in a shell.
            .process_group(0)
            .spawn()
            .unwrap();
        let terminal = File::from(controller);
        let written = Arc::new(Mutex::new(Vec::new()));
        let (mut reader, seen) = (terminal.try_clone().unwrap(), Arc::clone(&written));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // When the program ends, the terminal reports an error.
            while let Ok(read) = reader.read(&mut bytes) {
                seen.lock().unwrap().extend_from_slice(&bytes[..read]);
            }
        });
        Self { program, terminal, written, home }
    }

    fn send(&self, signal: Signal) {
        self.written.lock().unwrap().clear();
        kill_process(Pid::from_child(&self.program), signal).unwrap();
    }

    fn type_in(&mut self, bytes: &[u8]) {
        self.written.lock().unwrap().clear();
        self.terminal.write_all(bytes).unwrap();
    }

    fn written(&self) -> String {
        String::from_utf8_lossy(&self.written.lock().unwrap()).into_owned()
    }

    /// Whether keys arrive one by one, without echo.
    fn is_raw(&self) -> bool {
        !tcgetattr(&self.terminal).unwrap().local_modes.intersects(LocalModes::ICANON | LocalModes::ECHO)
    }

    fn is_stopped(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.program.id())).unwrap();
        stat.rsplit(')').next().is_some_and(|state| state.trim_start().starts_with('T'))
    }

    async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        eventually(what, || async { is_so(self).then_some(()) }).await;
    }

    /// It has restored the terminal, and stopped.
    async fn has_left(&self) {
        self.until("the program is stopped", Self::is_stopped).await;
        self.until("the screen is left", |terminal| {
            let written = terminal.written();
            [LEAVES, SHOWS_CURSOR, STOPS_BRACKETED_PASTE].iter().all(|sequence| written.contains(sequence))
        })
        .await;
        assert!(!self.is_raw(), "the shell gets a terminal that is still raw");
    }

    /// It has taken the terminal over again, and redrawn everything.
    async fn has_entered(&self) {
        let has_drawn = |terminal: &Self| {
            let written = terminal.written();
            let entered = written.rfind(ENTERS).map(|at| &written[at..]);
            entered.is_some_and(|after| after.contains(HEADER) && after.contains("Streams")) && terminal.is_raw()
        };
        self.until("the screen is drawn", has_drawn).await;
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        drop(self.program.kill());
        drop(self.program.wait());
    }
}

#[tokio::test]
async fn the_terminal_is_given_back_while_the_program_is_stopped_and_all_is_drawn_when_it_goes_on() {
    let mut terminal = Terminal::start();
    terminal.has_entered().await;

    terminal.send(Signal::TSTP);
    terminal.has_left().await;
    terminal.send(Signal::CONT);
    terminal.has_entered().await;

    terminal.type_in(b"\x1a");
    terminal.has_left().await;
    terminal.send(Signal::CONT);
    terminal.has_entered().await;

    // A kill like this leaves no time to restore anything, and a shell sets its own mode.
    terminal.send(Signal::STOP);
    terminal.until("the program is stopped", Terminal::is_stopped).await;
    let mut cooked = tcgetattr(&terminal.terminal).unwrap();
    cooked.local_modes |= LocalModes::ICANON | LocalModes::ECHO;
    tcsetattr(&terminal.terminal, OptionalActions::Now, &cooked).unwrap();
    terminal.send(Signal::CONT);
    terminal.has_entered().await;

    terminal.type_in(b"?");
    terminal.until("the help is shown", |terminal| terminal.written().contains("any other key closes")).await;
    terminal.type_in(b"q");
    terminal.until("the help is closed", |terminal| terminal.written().contains("Streams")).await;
    assert!(terminal.program.try_wait().unwrap().is_none(), "q has closed the help and not the program");
    terminal.type_in(b"q");
    let ended = eventually("the program has ended", || {
        let ended = terminal.program.try_wait().unwrap();
        async move { ended }
    });
    assert!(ended.await.success());
    assert!(!terminal.is_raw());
}

/// What a command prints in a terminal of 80 columns.
async fn printed(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let mut terminal = Terminal::run(arguments, variables);
    let ended = terminal.program.wait().unwrap();
    assert!(ended.success(), "{}", terminal.written());
    terminal.until("the last line is read", |terminal| terminal.written().ends_with('\n')).await;
    // Progress is cleared before the first line.
    terminal.written().rsplit("\u{1b}[2K").next().unwrap_or_default().to_owned()
}

/// Without the sequences that choose colours.
fn plain(text: &str) -> String {
    let mut pieces = text.split("\u{1b}[");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |plain, piece| plain + piece.split_once('m').map_or("", |(_, rest)| rest))
}

#[tokio::test]
async fn tables_fit_the_terminal_and_have_colours_unless_nobody_wants_them() {
    for arguments in [&["--local", "records", "orders", "--limit", "5"][..], &["--local", "streams"]] {
        let coloured = printed(arguments, &[]).await;
        assert!(coloured.starts_with("\u{1b}[1m"), "{coloured:?}");
        let lines: Vec<String> = plain(&coloured).lines().map(str::to_owned).collect();
        assert!(lines.len() >= 6 && lines.iter().all(|line| line.chars().count() <= 80), "{lines:#?}");
        assert!(!printed(arguments, &[("NO_COLOR", "1")]).await.contains('\u{1b}'), "{arguments:?}");
    }
}

#[tokio::test]
async fn the_history_has_a_finished_replay_for_somebody_who_has_made_none() {
    let mut terminal = Terminal::start();
    let home = terminal.home.path().to_owned();
    let list = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_explorer-under-test"));
        let output = command.args(["replay", "list", "--output", "json"]).env_clear().env("HOME", &home).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    eventually("a replay is finished", || async { list().contains("\"state\":\"finished\"").then_some(()) }).await;
    let replay: serde_json::Value = serde_json::from_str(list().trim()).unwrap();
    assert_eq!((&replay["target"], replay["sent"].as_u64()), (&"orders-replay".into(), Some(40)), "{replay}");
    terminal.type_in(b"q");
    assert!(terminal.program.wait().unwrap().success());
}

#[tokio::test]
async fn the_name_of_a_stream_opens_its_records() {
    let mut terminal = Terminal::run(&["orders", "--local"], &[]);
    terminal.until("the records are shown", |terminal| terminal.written().contains("orders · ALL")).await;
    terminal.type_in(b"q");
    let ended = eventually("the program has ended", || {
        let ended = terminal.program.try_wait().unwrap();
        async move { ended }
    });
    assert!(ended.await.success());
}

#[tokio::test]
async fn a_name_that_is_neither_a_stream_nor_a_command_is_said_before_the_screens_open() {
    let mut terminal = Terminal::run(&["recods", "--local"], &[]);
    assert_eq!(terminal.program.wait().unwrap().code(), Some(3));
    let sentence = "explorer: there is no command, stream or archive named recods in region";
    terminal.until("the sentence is read", |terminal| terminal.written().contains(sentence)).await;
    assert!(!terminal.written().contains(ENTERS));
}

#[test]
fn without_a_terminal_or_with_a_command_the_name_of_a_stream_opens_nothing() {
    let said = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_explorer-under-test")).args(arguments).env_clear().output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(said(&["recods", "--local"]).starts_with("explorer: there is no command recods; as the name of a stream it opens"));
    assert!(said(&["orders", "streams", "--local"]).starts_with("explorer: orders is no command, and the name of a stream alone"));
    assert!(said(&["or/ders", "--local"]).starts_with("explorer: "));
}
