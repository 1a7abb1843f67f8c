//! The explorer's real binary as a child process. Its environment contains only what a test sets.

use crate::endpoints::{self, Endpoints};
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};

/// The longest that any command may run, even on a machine that is busy with other tests.
const LONGEST_RUN: Duration = Duration::from_secs(120);

/// The program, with its variables and its home folder.
#[derive(Debug)]
pub struct Explorer {
    binary: PathBuf,
    home: TempDir,
    variables: BTreeMap<&'static str, String>,
}

/// A command that has ended.
#[derive(Debug)]
pub struct Finished {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// How long it ran.
    pub took: Duration,
}

/// A command that runs until it is stopped; dropping this value kills it.
#[derive(Debug)]
pub struct Running {
    process: Child,
    stdout: Option<Lines<BufReader<ChildStdout>>>,
    stderr: Lines<BufReader<ChildStderr>>,
}

/// A running `explorer local`; dropping this value kills it.
#[derive(Debug)]
pub struct RunningLocal {
    process: Child,
    /// Its addresses.
    pub endpoints: Endpoints,
}

impl Explorer {
    /// The program, which finds neither region nor credentials nor endpoints.
    #[must_use]
    pub fn bare(binary: &Path) -> Self {
        let home = tempfile::tempdir().expect("a folder can be made");
        // A test must not ask the machine that it runs on for credentials.
        let variables = BTreeMap::from([("AWS_EC2_METADATA_DISABLED", "true".to_owned())]);
        Self { binary: binary.to_owned(), home, variables }
    }

    /// The program with the AWS CLI's variables for these endpoints.
    #[must_use]
    pub fn of(binary: &Path, endpoints: &Endpoints) -> Self {
        Self::bare(binary)
            .with("AWS_ENDPOINT_URL_KINESIS", &endpoints.kinesis_url)
            .with("AWS_ENDPOINT_URL_DYNAMODB", &endpoints.dynamodb_url)
            .with("AWS_ACCESS_KEY_ID", endpoints::KEY)
            .with("AWS_SECRET_ACCESS_KEY", endpoints::KEY)
            .with("AWS_REGION", endpoints::REGION)
    }

    /// Sets or changes a variable.
    #[must_use]
    pub fn with(mut self, variable: &'static str, value: &str) -> Self {
        self.variables.insert(variable, value.to_owned());
        self
    }

    /// Removes a variable.
    #[must_use]
    pub fn without(mut self, variable: &str) -> Self {
        self.variables.remove(variable);
        self
    }

    /// The command, not started yet, and without anybody to answer questions.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(arguments).env_clear().env("HOME", self.home.path()).envs(&self.variables);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    /// Starts a command.
    ///
    /// # Panics
    /// When the program cannot be started.
    #[must_use]
    pub fn start(&self, arguments: &[&str]) -> Running {
        let mut process = self.command(arguments).spawn().expect("the program starts");
        let stdout = process.stdout.take().map(|stdout| BufReader::new(stdout).lines());
        let stderr = BufReader::new(process.stderr.take().expect("a piped stderr")).lines();
        Running { process, stdout, stderr }
    }

    /// Runs a command to its end.
    ///
    /// # Panics
    /// When it does not end in time.
    pub async fn run(&self, arguments: &[&str]) -> Finished {
        let started = Instant::now();
        let output = tokio::time::timeout(LONGEST_RUN, self.command(arguments).output()).await;
        let output = output.unwrap_or_else(|_| panic!("{arguments:?} does not end")).expect("the program starts");
        Finished {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("standard output is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("standard error is UTF-8"),
            took: started.elapsed(),
        }
    }

    /// Runs a command that must succeed, and returns the JSON that it prints.
    pub async fn json(&self, arguments: &[&str]) -> Value {
        let finished = self.run(&[arguments, &["--output", "json"]].concat()).await;
        finished.succeeded().json()
    }

    /// Runs a command that must succeed, and returns the JSON of each line that it prints.
    pub async fn json_lines(&self, arguments: &[&str]) -> Vec<Value> {
        let finished = self.run(&[arguments, &["--output", "json"]].concat()).await;
        finished.succeeded().stdout.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
    }
}

impl Finished {
    /// Returns itself if the exit code is 0.
    ///
    /// # Panics
    /// When it is not.
    #[must_use]
    pub fn succeeded(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self
    }

    /// The one line of JSON that was printed.
    ///
    /// # Panics
    /// When it is not one, or not JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        assert_eq!(self.stdout.lines().count(), 1, "{self:#?}");
        serde_json::from_str(&self.stdout).expect("standard output is JSON")
    }

    /// The sentence that says why the command failed: the last line on standard error.
    ///
    /// # Panics
    /// When the exit code is another, or there is no such sentence.
    #[must_use]
    pub fn sentence(&self, code: i32) -> &str {
        assert_eq!(self.code, Some(code), "{self:#?}");
        assert!(!self.stderr.contains("panicked") && !self.stderr.contains("RUST_BACKTRACE"), "{self:#?}");
        let sentence = self.stderr.lines().last().and_then(|line| line.strip_prefix("explorer: "));
        sentence.unwrap_or_else(|| panic!("no sentence in {self:#?}"))
    }
}

impl Running {
    /// The next line that it prints.
    ///
    /// # Panics
    /// When none comes.
    pub async fn printed(&mut self) -> String {
        let lines = self.stdout.as_mut().expect("standard output is open");
        let line = tokio::time::timeout(LONGEST_RUN, lines.next_line()).await.expect("a line in time");
        line.expect("standard output can be read").expect("a line before the end")
    }

    /// The next line that it prints on standard error.
    ///
    /// # Panics
    /// When none comes.
    pub async fn said(&mut self) -> String {
        let line = tokio::time::timeout(LONGEST_RUN, self.stderr.next_line()).await.expect("a line in time");
        line.expect("standard error can be read").expect("a line before the end")
    }

    /// Stops reading its standard output.
    pub fn close_stdout(&mut self) {
        self.stdout = None;
    }

    /// Presses ctrl-c.
    pub async fn interrupt(&self) {
        self.signal("INT").await;
    }

    /// Sends a signal.
    pub async fn signal(&self, name: &str) {
        signal(&self.process, name).await;
    }

    /// Asks it to end as a service manager does.
    pub async fn terminate(&self) {
        signal(&self.process, "TERM").await;
    }

    /// Waits until it has used this much CPU time.
    ///
    /// # Panics
    /// When it does not.
    pub async fn has_worked(&self, wanted: Duration) {
        /// Ticks of CPU time a second in `/proc`. Source: proc(5), `sysconf(_SC_CLK_TCK)` on Linux.
        const TICK: Duration = Duration::from_millis(10);
        let process = self.process.id().expect("it is running");
        crate::wait::eventually("it works", || async {
            let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
            let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
            let ticks = fields.get(11)?.parse::<u32>().ok()? + fields.get(12)?.parse::<u32>().ok()?;
            (TICK * ticks >= wanted).then_some(())
        })
        .await;
    }

    /// Waits until it has ended; returns what it has printed since.
    ///
    /// # Panics
    /// When it keeps running.
    pub async fn ended(mut self) -> Finished {
        let started = Instant::now();
        let ended = async {
            let (mut stdout, mut stderr) = (String::new(), String::new());
            if let Some(lines) = &mut self.stdout {
                while let Some(line) = lines.next_line().await.expect("standard output can be read") {
                    stdout.push_str(&format!("{line}\n"));
                }
            }
            while let Some(line) = self.stderr.next_line().await.expect("standard error can be read") {
                stderr.push_str(&format!("{line}\n"));
            }
            let status = self.process.wait().await.expect("it is a child");
            Finished { code: status.code(), stdout, stderr, took: started.elapsed() }
        };
        tokio::time::timeout(LONGEST_RUN, ended).await.expect("it ends in time")
    }
}

async fn signal(process: &Child, name: &str) {
    let process = process.id().expect("it is running");
    let told = Command::new("sh").arg("-c").arg(format!("kill -{name} {process}")).status().await.expect("a shell");
    assert!(told.success());
}

impl RunningLocal {
    /// Starts `explorer local` and waits until it prints its addresses.
    ///
    /// # Panics
    /// When it does not, or prints more than that.
    pub async fn start(binary: &Path, arguments: &[&str]) -> Self {
        let explorer = Explorer::bare(binary);
        let mut command = explorer.command(&[&["local"], arguments].concat());
        let mut process = command.stderr(Stdio::inherit()).spawn().expect("the program starts");
        let mut lines = BufReader::new(process.stdout.take().expect("a piped stdout")).lines();
        let line = tokio::time::timeout(LONGEST_RUN, lines.next_line()).await.expect("a line in time");
        let line = line.expect("standard output can be read").expect("a line before the end");
        let said: Value = serde_json::from_str(&line).expect("the line is JSON");
        let text = |name: &str| said[name].as_str().unwrap_or_else(|| panic!("no {name} in {said}")).to_owned();
        assert_eq!(text("region"), endpoints::REGION);
        Self { process, endpoints: Endpoints::at(text("kinesis"), text("dynamodb")) }
    }

    /// Asks it to end as a service manager does, and waits for that.
    ///
    /// # Panics
    /// When it keeps running.
    pub async fn terminate(mut self) -> ExitStatus {
        signal(&self.process, "TERM").await;
        tokio::time::timeout(LONGEST_RUN, self.process.wait()).await.expect("it ends in time").expect("it is a child")
    }
}

/// An item as in an archive, written without the archiver.
#[derive(Clone, Debug)]
pub struct ArchivedItem<'i> {
    /// The partition key.
    pub key: &'i str,
    /// The sequence number's digits.
    pub number: &'i str,
    /// Epoch seconds with their fraction.
    pub arrival: &'i str,
    /// The payload.
    pub payload: &'i [u8],
    /// Epoch seconds.
    pub expire_after: Option<i64>,
}

/// How an item stores its payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Storage<'s> {
    /// `recordData`, if it is not the payload in base64.
    pub data: Option<&'s str>,
    /// `recordEncoding`.
    pub encoding: Option<&'s str>,
    /// `recordParts`.
    pub parts: Option<usize>,
    /// `subSequenceNumber`.
    pub sub_sequence_number: Option<u64>,
}

/// Writes parts into the parts table, as pairs of place and text.
pub async fn write_parts<'t>(endpoints: &Endpoints, table: &str, part_of: &str, parts: impl IntoIterator<Item = (usize, &'t str)>) {
    for (place, text) in parts {
        let put = endpoints.dynamodb.put_item().table_name(table);
        let put = put.item("partOf", AttributeValue::S(part_of.to_owned())).item("part", AttributeValue::N(place.to_string()));
        put.item("recordData", AttributeValue::S(text.to_owned())).send().await.expect("the part is written");
    }
}

impl ArchivedItem<'_> {
    /// Writes it with its payload in base64.
    pub async fn write(&self, endpoints: &Endpoints, table: &str) {
        self.write_stored(endpoints, table, Storage::default()).await;
    }

    /// Writes it with its payload stored differently.
    pub async fn write_stored(&self, endpoints: &Endpoints, table: &str, storage: Storage<'_>) {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let put = endpoints.dynamodb.put_item().table_name(table);
        let put = put.item("partitionKey", text(self.key)).item("sequenceNumber", text(self.number));
        let data = storage.data.map_or_else(|| STANDARD.encode(self.payload), str::to_owned);
        let number = |count: String| AttributeValue::N(count);
        let stored = [
            ("recordData", Some(AttributeValue::S(data))),
            ("recordEncoding", storage.encoding.map(text)),
            ("recordParts", storage.parts.map(|parts| number(parts.to_string()))),
            ("subSequenceNumber", storage.sub_sequence_number.map(|place| number(place.to_string()))),
        ];
        let put = stored.into_iter().fold(put, |put, (name, value)| match value {
            Some(value) => put.item(name, value),
            None => put,
        });
        let put = put.item("approximateArrivalTimestamp", AttributeValue::N(self.arrival.to_owned()));
        let put = put.item("shardId", text("shardId-000000000000")).item("lastUpdate", text("2018-12-17 22:10:51"));
        let put = match self.expire_after {
            Some(expire_after) => put.item("expireAfter", AttributeValue::N(expire_after.to_string())),
            None => put,
        };
        put.send().await.expect("the item is written");
    }
}
