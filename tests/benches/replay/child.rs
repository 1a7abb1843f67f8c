//! The benchmark's own program as a child process: a server or the measured part, because CPU time and peak memory are counted by
//! process.

use crate::{measure as measuring, target};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

/// A child's task. If it uses servers, `urls` has DynamoDB's and Kinesis' addresses.
#[derive(Clone, Debug)]
pub(crate) enum Task<'t> {
    /// Serves an archive, and a Kinesis that answers at once.
    ServeAnswers { records: usize },
    /// Serves an archive, and the emulator with Kinesis' limits.
    ServeLimits { records: usize },
    /// Measures planning.
    Plan { urls: &'t str, records: usize },
    /// Measures a run.
    Run { urls: &'t str, records: usize, sequence: &'t str, rate: &'t str },
}

/// A running server; dropping this value stops it.
#[derive(Debug)]
pub(crate) struct Running {
    process: Child,
    urls: String,
}

impl Running {
    /// Its addresses.
    pub(crate) fn urls(&self) -> &str {
        &self.urls
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Err(error) = self.process.kill().and_then(|()| self.process.wait()) {
            eprintln!("a server goes on: {error}");
        }
    }
}

impl<'t> Task<'t> {
    /// The task in these arguments, if they come from [`Self::arguments`].
    pub(crate) fn of(arguments: &'t [String]) -> Option<Self> {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let count = |text: &str| text.parse().expect("a count");
        match arguments.as_slice() {
            ["serve-answers", records] => Some(Self::ServeAnswers { records: count(records) }),
            ["serve-limits", records] => Some(Self::ServeLimits { records: count(records) }),
            ["plan", urls, records] => Some(Self::Plan { urls, records: count(records) }),
            ["run", urls, records, sequence, rate] => Some(Self::Run { urls, records: count(records), sequence, rate }),
            _ => None,
        }
    }

    fn arguments(&self) -> Vec<String> {
        match self {
            Self::ServeAnswers { records } => vec!["serve-answers".to_owned(), records.to_string()],
            Self::ServeLimits { records } => vec!["serve-limits".to_owned(), records.to_string()],
            Self::Plan { urls, records } => vec!["plan".to_owned(), (*urls).to_owned(), records.to_string()],
            Self::Run { urls, records, sequence, rate } => {
                vec!["run".to_owned(), (*urls).to_owned(), records.to_string(), (*sequence).to_owned(), (*rate).to_owned()]
            }
        }
    }

    /// Starts a server.
    pub(crate) fn start(&self) -> Running {
        let mut process = spawn(self);
        let mut urls = String::new();
        let stdout = process.stdout.take().expect("a piped stdout");
        BufReader::new(stdout).read_line(&mut urls).expect("the server tells its URLs");
        assert!(!urls.is_empty(), "the server ended");
        Running { process, urls: urls.trim().to_owned() }
    }

    /// Runs the task in the child; the results go to stdout as JSON.
    pub(crate) async fn run(&self) {
        let measured = match self {
            Self::ServeAnswers { records } => {
                end_with_parent();
                return target::serve_answers(*records).await;
            }
            Self::ServeLimits { records } => {
                end_with_parent();
                return target::serve_limits(*records).await;
            }
            Self::Plan { urls, records } => measuring::plan(urls, *records).await,
            Self::Run { urls, records, sequence, rate } => measuring::run(urls, *records, sequence, rate).await,
        };
        println!("{measured}");
    }
}

fn end_with_parent() {
    std::thread::spawn(|| {
        let ended = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(i32::from(ended.is_err()));
    });
}

/// Measures in a child process.
pub(crate) fn measure(task: &Task<'_>) -> Value {
    let output = spawn(task).wait_with_output().expect("the child process ends");
    assert!(output.status.success(), "measuring failed: {task:?}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn spawn(task: &Task<'_>) -> Child {
    let program = std::env::current_exe().expect("the program has a path");
    let mut command = Command::new(program);
    command.args(task.arguments()).stdin(Stdio::piped()).stdout(Stdio::piped());
    command.spawn().expect("the program starts once more")
}
