//! Reads an exported file as an archive is read: with a filter, in batches, and so that it can be stopped and go on. Memory holds one
//! piece of the file at a time.

use super::line::{item_of, stream_of};
use crate::domain::decode::Recipe;
use crate::domain::failure::Failure;
use crate::domain::filter::{Answer, Matcher};
use crate::domain::reading::{Position, ReadBatch, ReadEnding, ReadOrder};
use crate::domain::record::Record;
use crate::ledger::{Ledger, Step, Yield};
use crate::off_workers::{Cancelled, off_workers};
use archiver::stream::StreamName;
use jiff::Timestamp;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use tokio::sync::{mpsc, watch};

/// Bytes of a file read for one batch, and a line more.
const BATCH_BYTES: usize = 512 * 1024;
/// Bytes of the first batch, so that the first rows come at once.
const FIRST_BATCH_BYTES: usize = 64 * 1024;
/// Bytes of a line. A record has up to 10 MiB, which may stand there in base64, decoded, and as the user records in it.
const MAX_LINE_BYTES: u64 = 128 * 1024 * 1024;
/// Bytes of a file that are read to find out where its lines are.
const COUNTED_BYTES: usize = 64 * 1024;
/// What some editors put before a text. Source: Unicode standard, section 23.8.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// A file while it is read.
struct Lines {
    path: PathBuf,
    reader: BufReader<File>,
    reached: u64,
    line: Vec<u8>,
    matcher: Matcher,
    recipe: Recipe,
    includes_unreadable: bool,
    now: Timestamp,
}

/// Reads the records of a file that match, until all are read or `stop` is true or dropped. A line that is no JSON object ends it.
pub async fn read(path: &Path, order: &ReadOrder, batches: mpsc::Sender<ReadBatch>, mut stop: watch::Receiver<bool>) -> ReadEnding {
    let from = match order.from {
        Position::Beginning => 0,
        Position::File(from) => from,
        Position::Query(_) | Position::Scan(_) => {
            return ReadEnding::Failed(failure(path, "the position is that of an archive"), order.from.clone());
        }
    };
    let (lines, size_bytes) = match Lines::open(path, from, order) {
        Ok(opened) => opened,
        Err(error) => return ReadEnding::Failed(failure(path, &error.to_string()), order.from.clone()),
    };
    let ledger = Ledger::of_file(batches, from, size_bytes);
    let ended = tokio::select! {
        // An error means that whoever could stop it is gone, which is the same news.
        _ = stop.wait_for(|stops| *stops) => Ok(()),
        ended = read_all(lines, &ledger) => ended,
    };
    let (position, is_complete) = ledger.close().await;
    match ended {
        Err(failure) => ReadEnding::Failed(failure, position),
        Ok(()) if is_complete => ReadEnding::Complete,
        Ok(()) => ReadEnding::Stopped(position),
    }
}

/// The stream that the first record of a file was put into, where it says so.
///
/// # Errors
/// When the file cannot be read.
pub fn origin(path: &Path) -> Result<Option<StreamName>, Failure> {
    let first_line = || {
        let mut line = Vec::new();
        BufReader::new(File::open(path)?.take(MAX_LINE_BYTES)).read_until(b'\n', &mut line)?;
        Ok::<_, io::Error>(String::from_utf8_lossy(&line).into_owned())
    };
    let line = first_line().map_err(|error| failure(path, &error.to_string()))?;
    let name = stream_of(line.trim_start_matches(BYTE_ORDER_MARK));
    Ok(name.and_then(|name| StreamName::parse(name).ok()))
}

async fn read_all(mut lines: Lines, ledger: &Ledger) -> Result<(), Failure> {
    let mut bytes = FIRST_BATCH_BYTES;
    loop {
        let (back, piece) = off_workers(move |cancelled| {
            let piece = lines.read(bytes, &cancelled);
            (lines, piece)
        })
        .await;
        lines = back;
        bytes = BATCH_BYTES;
        let (page, bad_line, is_end) = piece?;
        let step = if is_end { Step::EndOfFile } else { Step::File(lines.reached) };
        if ledger.hand_over(page, step).await.is_err() {
            return Ok(());
        }
        if let Some(failure) = bad_line {
            return Err(failure);
        }
        if is_end {
            return Ok(());
        }
    }
}

impl Lines {
    /// The file from there on, and its size.
    fn open(path: &Path, from: u64, order: &ReadOrder) -> io::Result<(Self, u64)> {
        let mut file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if from > 0 {
            file.seek(SeekFrom::Start(from))?;
        }
        let now = Timestamp::now();
        let lines = Self {
            path: path.to_owned(),
            reader: BufReader::with_capacity(COUNTED_BYTES, file),
            reached: from,
            line: Vec::new(),
            matcher: order.filter.matcher(now),
            recipe: order.recipe.clone(),
            includes_unreadable: order.includes_unreadable,
            now,
        };
        Ok((lines, metadata.len()))
    }

    /// Reads so many bytes, to the end of a line: what matches, what ended it where that was a bad line, and whether it is the end.
    fn read(&mut self, bytes: usize, cancelled: &Cancelled) -> Result<(Yield, Option<Failure>, bool), Failure> {
        let mut page = Yield::default();
        let until = self.reached + bytes as u64;
        while self.reached < until && !cancelled.is_so() {
            self.line.clear();
            let mut within = self.reader.by_ref().take(MAX_LINE_BYTES);
            let read = within.read_until(b'\n', &mut self.line).map_err(|error| failure(&self.path, &error.to_string()))?;
            if read == 0 {
                return Ok((page, None, true));
            }
            if let Err(reason) = self.look_at_line(&mut page) {
                let line = self.line_number().map_err(|error| failure(&self.path, &error.to_string()))?;
                return Ok((page, Some(failure(&self.path, &format!("line {line} is no record: {reason}"))), false));
            }
            self.reached += read as u64;
        }
        Ok((page, None, false))
    }

    fn look_at_line(&self, page: &mut Yield) -> Result<(), String> {
        if self.line.len() as u64 >= MAX_LINE_BYTES {
            return Err(format!("it is longer than {}", crate::domain::text::size(MAX_LINE_BYTES)));
        }
        let line = std::str::from_utf8(&self.line).map_err(|error| error.to_string())?;
        let line = if self.reached == 0 { line.trim_start_matches(BYTE_ORDER_MARK) } else { line };
        if line.trim().is_empty() {
            return Ok(());
        }
        let record = Record::new(item_of(line).map_err(|error| said_of_a_line(&error))?);
        page.read += 1;
        // A payload in parts cannot be restored here: they are not in the file.
        match self.matcher.of_record_here(&record, &self.recipe, self.now) {
            Answer::Yes => page.records.push(record),
            Answer::No => {}
            Answer::Unknown => {
                page.unsearchable += 1;
                if self.includes_unreadable {
                    page.records.push(record);
                }
            }
        }
        Ok(())
    }

    /// The number of the line that was read last. Counted only when it is asked for, since a reading may begin anywhere.
    fn line_number(&self) -> io::Result<u64> {
        let mut before = BufReader::with_capacity(COUNTED_BYTES, File::open(&self.path)?.take(self.reached));
        let mut ends = 0;
        loop {
            let bytes = before.fill_buf()?;
            if bytes.is_empty() {
                return Ok(ends + 1);
            }
            ends += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
            let read = bytes.len();
            before.consume(read);
        }
    }
}

fn failure(path: &Path, detail: &str) -> Failure {
    Failure::refused(format!("read file {}", path.display()), detail)
}

/// serde_json says line 1 of every line.
fn said_of_a_line(error: &serde_json::Error) -> String {
    error.to_string().replace(" at line 1 column ", " at column ").replace(" at line 2 column 0", " at its end")
}
