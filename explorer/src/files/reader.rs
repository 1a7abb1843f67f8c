//! Reads an exported file like an archive: with a filter, in batches, and so that reading can stop and resume. Memory holds one
//! piece of the file at a time. Lines that are not records are counted and skipped.

use super::line::item_of;
use super::opened::{LinesFrom, OpenFile, failure};
use super::{BYTE_ORDER_MARK, MAX_LINE_BYTES};
use crate::delivery::{Delivery, ReadStep, Yield};
use crate::domain::decode::Recipe;
use crate::domain::failure::Failure;
use crate::domain::filter::{Answer, Matcher};
use crate::domain::reading::{BadLine, Position, ReadBatch, ReadEnding, ReadOrder};
use crate::domain::record::Record;
use crate::off_workers::{Cancelled, off_workers};
use jiff::Timestamp;
use std::io::{self, BufRead, Read as _};
use tokio::sync::{mpsc, watch};

/// Bytes of a file read for one batch; the last line may exceed this.
const BATCH_BYTES: usize = 512 * 1024;
/// Bytes of the first batch, so that the first rows appear at once.
const FIRST_BATCH_BYTES: usize = 64 * 1024;
/// Bytes of buffer kept for the next line.
const LINE_BYTES: usize = 1024 * 1024;

/// A file while it is read.
struct FileLines {
    file: OpenFile,
    reading: LinesFrom,
    from: u64,
    reached: u64,
    /// Lines read.
    count: u64,
    line: Vec<u8>,
    matcher: Matcher,
    recipe: Recipe,
    includes_unreadable: bool,
    now: Timestamp,
}

/// Reads the matching records of a file, until all are read or `stop` is true or dropped.
pub async fn read(
    file: &OpenFile,
    order: &ReadOrder,
    batches: mpsc::Sender<ReadBatch>,
    mut stop: watch::Receiver<bool>,
) -> ReadEnding {
    let from = match order.from {
        Position::Beginning => 0,
        Position::File(from) => from,
        Position::Query(_) | Position::Scan(_) => {
            return ReadEnding::Failed(failure(file.path(), "the position is that of an archive"), order.from.clone());
        }
    };
    let lines = match FileLines::open(file, from, order) {
        Ok(lines) => lines,
        Err(error) => return ReadEnding::Failed(failure(file.path(), &error.to_string()), order.from.clone()),
    };
    let delivery = Delivery::of_file(batches, from, file.metadata().len());
    let ended = tokio::select! {
        // An error means that the sender was dropped, which is also a reason to stop.
        _ = stop.wait_for(|stops| *stops) => Ok(()),
        ended = read_all(lines, &delivery) => ended,
    };
    let (position, is_complete) = delivery.close().await;
    match ended {
        Err(failure) => ReadEnding::Failed(failure, position),
        Ok(()) if is_complete => ReadEnding::Complete,
        Ok(()) => ReadEnding::Stopped(position),
    }
}

async fn read_all(mut lines: FileLines, delivery: &Delivery) -> Result<(), Failure> {
    let mut bytes = FIRST_BATCH_BYTES;
    loop {
        let path = lines.file.path().to_owned();
        let (back, piece) = off_workers(move |cancelled| {
            let piece = lines.read(bytes, &cancelled);
            (lines, piece)
        })
        .await;
        lines = back;
        bytes = BATCH_BYTES;
        let (page, is_end) = piece.map_err(|error| failure(&path, &error.to_string()))?;
        let step = if is_end { ReadStep::EndOfFile } else { ReadStep::File(lines.reached) };
        if delivery.hand_over(page, step).await.is_err() || is_end {
            return Ok(());
        }
    }
}

impl FileLines {
    fn open(file: &OpenFile, from: u64, order: &ReadOrder) -> io::Result<Self> {
        let now = Timestamp::now();
        Ok(Self {
            file: file.clone(),
            reading: file.read_from(from)?,
            from,
            reached: from,
            count: 0,
            line: Vec::new(),
            matcher: order.filter.matcher(now),
            recipe: order.recipe.clone(),
            includes_unreadable: order.includes_unreadable,
            now,
        })
    }

    /// Reads about this many bytes, up to the end of a line. Returns what matches, and whether it is the end. Reads less from a
    /// pipe that has no more data yet.
    fn read(&mut self, bytes: usize, cancelled: &Cancelled) -> io::Result<(Yield, bool)> {
        let mut page = Yield::default();
        let until = self.reached + bytes as u64;
        while self.reached < until && !cancelled.is_so() {
            let (read, is_whole) = self.next_line(cancelled)?;
            if read == 0 {
                return Ok((page, true));
            }
            self.count += 1;
            let looked_at = if is_whole { self.look_at_line(&mut page) } else { Err(BadLine::TooLong) };
            if let Err(reason) = looked_at {
                let line = self.lines_before()? + self.count;
                page.bad_lines.add(line, reason);
            }
            self.reached += read;
            if self.reading.is_waited_for && self.reading.reader.buffer().is_empty() && !page.records.is_empty() {
                break;
            }
        }
        Ok((page, false))
    }

    /// Reads a line. Returns its length, and whether the line is complete. Of a line that is too long, nothing is kept.
    fn next_line(&mut self, cancelled: &Cancelled) -> io::Result<(u64, bool)> {
        self.line.clear();
        self.line.shrink_to(LINE_BYTES);
        let reader = &mut self.reading.reader;
        let mut read = reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut self.line)? as u64;
        if read < MAX_LINE_BYTES || self.line.ends_with(b"\n") {
            return Ok((read, true));
        }
        self.line = Vec::new();
        loop {
            let bytes = reader.fill_buf()?;
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let passed = end.map_or(bytes.len(), |end| end + 1);
            reader.consume(passed);
            read += passed as u64;
            if end.is_some() || passed == 0 || cancelled.is_so() {
                return Ok((read, false));
            }
        }
    }

    fn look_at_line(&self, page: &mut Yield) -> Result<(), BadLine> {
        let line = std::str::from_utf8(&self.line).map_err(|_| BadLine::NoText)?;
        let line = if self.reached == 0 { line.trim_start_matches(BYTE_ORDER_MARK) } else { line };
        if line.trim().is_empty() {
            return Ok(());
        }
        let record = Record::new(item_of(line).map_err(|error| BadLine::NoJson(error.column()))?);
        page.read += 1;
        // The file does not contain the parts, so such a payload cannot be restored.
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

    /// How many lines precede the start position. Counted only when needed.
    fn lines_before(&self) -> io::Result<u64> {
        if self.from == 0 {
            return Ok(0);
        }
        let mut before = self.file.read_from(0)?.reader.take(self.from);
        let mut ends = 0;
        loop {
            let bytes = before.fill_buf()?;
            if bytes.is_empty() {
                return Ok(ends);
            }
            ends += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
            let read = bytes.len();
            before.consume(read);
        }
    }
}
