//! The benchmark's own program as a child process: a server or the measured part, because CPU time and peak memory are counted by
//! process.

use crate::table::Table;
use crate::{emulator, first_rows, pages, scans, screen};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

/// What a child serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    /// Prepared pages.
    Pages,
    /// The embedded emulator.
    Emulator,
}

/// A child's task.
#[derive(Clone, Debug)]
pub(crate) enum Task {
    /// Serves this many items until its stdin ends.
    Serve(Server, usize),
    /// Measures scans.
    Scans {
        /// The table.
        table: Table,
        /// How often.
        rounds: usize,
    },
    /// Measures how soon rows appear.
    FirstRows {
        /// The table.
        table: Table,
        /// How often.
        rounds: usize,
    },
    /// Measures a screen.
    Screen {
        /// The table.
        table: Table,
    },
}

/// A running server; dropping this value stops it.
#[derive(Debug)]
pub(crate) struct Running {
    process: Child,
    url: String,
}

impl Server {
    /// The name in the report.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pages => "pages",
            Self::Emulator => "emulator",
        }
    }

    /// Starts it with this many items.
    pub(crate) fn start(self, items: usize) -> Running {
        let mut process = spawn(&Task::Serve(self, items));
        let mut url = String::new();
        let stdout = process.stdout.take().expect("a piped stdout");
        BufReader::new(stdout).read_line(&mut url).expect("the server tells its URL");
        assert!(!url.is_empty(), "the server ended");
        Running { process, url: url.trim().to_owned() }
    }
}

impl Running {
    /// Its address.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Err(error) = self.process.kill().and_then(|()| self.process.wait()) {
            eprintln!("a server goes on: {error}");
        }
    }
}

impl Task {
    /// The task in these arguments, if they come from [`Self::arguments`].
    pub(crate) fn of(arguments: &[String]) -> Option<Self> {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let count = |text: &str| text.parse().expect("a count");
        let table = |url: &str, items: &str| Table { url: url.to_owned(), items: count(items) };
        match arguments.as_slice() {
            ["serve-pages", items] => Some(Self::Serve(Server::Pages, count(items))),
            ["serve-emulator", items] => Some(Self::Serve(Server::Emulator, count(items))),
            ["scans", url, items, rounds] => Some(Self::Scans { table: table(url, items), rounds: count(rounds) }),
            ["first-rows", url, items, rounds] => Some(Self::FirstRows { table: table(url, items), rounds: count(rounds) }),
            ["screen", url, items] => Some(Self::Screen { table: table(url, items) }),
            _ => None,
        }
    }

    fn arguments(&self) -> Vec<String> {
        let (name, table, rounds) = match self {
            Self::Serve(server, items) => return vec![format!("serve-{}", server.name()), items.to_string()],
            Self::Scans { table, rounds } => ("scans", table, Some(rounds)),
            Self::FirstRows { table, rounds } => ("first-rows", table, Some(rounds)),
            Self::Screen { table } => ("screen", table, None),
        };
        let mut arguments = vec![name.to_owned(), table.url.clone(), table.items.to_string()];
        arguments.extend(rounds.map(ToString::to_string));
        arguments
    }

    /// Runs the task in the child; the results go to stdout as JSON.
    pub(crate) async fn run(&self) {
        let measured = match self {
            Self::Serve(server, items) => {
                // It ends with its parent, even after a crash.
                std::thread::spawn(|| {
                    let ended = std::io::stdin().read_to_end(&mut Vec::new());
                    std::process::exit(i32::from(ended.is_err()));
                });
                match server {
                    Server::Pages => pages::serve(*items).await,
                    Server::Emulator => emulator::serve(*items).await,
                }
                return;
            }
            Self::Scans { table, rounds } => scans::measure(table, *rounds).await,
            Self::FirstRows { table, rounds } => first_rows::measure(table, *rounds).await,
            Self::Screen { table } => screen::measure(table).await,
        };
        println!("{measured}");
    }
}

/// Measures in a child process.
pub(crate) fn measure(task: &Task) -> Value {
    let output = spawn(task).wait_with_output().expect("the child process ends");
    assert!(output.status.success(), "measuring failed: {task:?}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn spawn(task: &Task) -> Child {
    let program = std::env::current_exe().expect("the program has a path");
    let mut command = Command::new(program);
    command.args(task.arguments()).stdin(Stdio::piped()).stdout(Stdio::piped());
    command.spawn().expect("the program starts once more")
}
