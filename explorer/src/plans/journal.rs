//! The journal of a run: what is about to be sent, and what became of it. It has its own thread. Entries that wait for the disk go
//! into the next transaction together.

use super::control::{requested, write_cancelled};
use super::error::{PlanError, damaged};
use super::file::{Hold, PlanFile, somebody};
use super::{checksum, schema, summary};
use crate::domain::replay::lanes::Position;
use crate::domain::replay::plan::{Control, PlanState, PlanSummary};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};
use std::collections::HashMap;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// Most entries in one transaction.
const ENTRIES_AT_ONCE: usize = 64;
/// Most entries that wait to be written.
const ENTRIES_WAITING: usize = 256;
/// How often the journal checks whether another process asked the run to pause or cancel.
const WISH_INTERVAL: Duration = Duration::from_millis(200);

/// That the target has a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Its position in the plan.
    pub position: Position,
    /// Its record number in the plan.
    pub record: u64,
    /// The target shard that has it.
    pub shard_id: String,
    /// Its sequence number in the target.
    pub sequence_number: String,
    pub payload_bytes: u64,
}

/// A record that can never be put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Its position in the plan.
    pub position: Position,
    /// Its record number in the plan.
    pub record: u64,
    /// The reason, in a few words.
    pub reason: String,
}

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Records that the target has.
    pub receipts: Vec<Receipt>,
    /// Records that can never be put.
    pub passed_over: Vec<Refusal>,
    /// Puts that a shard throttled.
    pub throttled_puts: u64,
    /// Puts that failed otherwise.
    pub failed_puts: u64,
    /// Records of a call without an answer: the target may have them, and they are put again.
    pub unanswered: u64,
}

/// How a run ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunEnd {
    /// The state that the replay is then in.
    pub state: PlanState,
    /// Why, if there is a reason to give.
    pub reason: Option<String>,
}

/// Writes the journal of one run.
#[derive(Debug)]
pub struct Journal {
    entries: mpsc::Sender<JournalEntry>,
    control: Arc<AtomicU8>,
    thread: JoinHandle<()>,
}

enum JournalEntry {
    Sending(u64, Vec<Position>, WriteAnswer),
    Settled(u64, Settled, WriteAnswer),
    End(RunEnd, WriteAnswer),
    /// Nothing to write; it is time to check for requests.
    Look,
}

type WriteAnswer = oneshot::Sender<Result<(), String>>;

struct JournalWriter {
    connection: Connection,
    file: PlanFile,
    _hold: Hold,
    run: i64,
    shards: HashMap<String, i64>,
    control: Arc<AtomicU8>,
    looked_at: Instant,
}

impl Journal {
    /// Begins a run of the confirmed plan; from here on only this process works on the file. Records that an earlier run had in
    /// flight when it ended may arrive twice; they are counted here. Returns the plan as it is now.
    ///
    /// # Errors
    /// When another process works on the file, when the plan was run, cancelled or changed since, or when the file cannot be
    /// written.
    pub fn begin(
        file: &PlanFile,
        now: Timestamp,
        confirmed: &PlanSummary,
        target_created_at: Option<i64>,
    ) -> Result<(Self, PlanSummary), PlanError> {
        let hold = file.hold()?;
        // The plan itself is written without waiting for the disk. It must be on disk before anything is sent.
        File::open(file.path()).and_then(|plan| plan.sync_all()).map_err(|error| PlanError::of_io(file.path(), &error))?;
        let mut connection = file.open()?;
        file.check_pages(&connection)?;
        let begun = begin(&mut connection, (file, now), confirmed, target_created_at).map_err(|error| file.failed(&error))?;
        let BegunRun { run, plan, shards } = begun.map_err(PlanError::Refused)?;
        let control = Arc::new(AtomicU8::new(0));
        let writer = JournalWriter {
            connection,
            file: file.clone(),
            _hold: hold,
            run,
            shards,
            control: Arc::clone(&control),
            looked_at: Instant::now(),
        };
        let (entries, waiting) = mpsc::channel(ENTRIES_WAITING);
        let thread = std::thread::Builder::new().name("journal".to_owned()).spawn(move || writer.run(waiting));
        let thread = thread.map_err(|error| PlanError::of_io(file.path(), &error))?;
        Ok((Self { entries, control, thread }, plan))
    }

    /// The request to the run, if any, as of a moment ago. Also makes the journal check again, so frequent calls keep it fresh.
    #[must_use]
    pub fn control(&self) -> Option<Control> {
        // A busy journal checks anyway.
        if self.entries.try_send(JournalEntry::Look).is_err() {
            tracing::trace!("the journal is busy");
        }
        match self.control.load(Ordering::Relaxed) {
            1 => Some(Control::Pause),
            2 => Some(Control::Cancel),
            _ => None,
        }
    }

    /// A handle that writes entries from other tasks.
    #[must_use]
    pub fn pen(&self) -> Pen {
        Pen { entries: self.entries.clone() }
    }

    /// Ends the run.
    ///
    /// # Errors
    /// In words, when that cannot be written.
    pub async fn end(self, end: RunEnd) -> Result<(), String> {
        let written = self.pen().write(|answer| JournalEntry::End(end, answer)).await;
        drop(self.entries);
        let joined = tokio::task::spawn_blocking(move || self.thread.join()).await;
        match joined {
            Ok(Ok(())) => written,
            Ok(Err(_)) | Err(_) => written.and(Err("the journal's thread ended early".to_owned())),
        }
    }
}

/// Writes entries of a journal.
#[derive(Clone, Debug)]
pub struct Pen {
    entries: mpsc::Sender<JournalEntry>,
}

impl Pen {
    /// Writes down that a batch is about to be sent. It must not be sent if this fails.
    ///
    /// # Errors
    /// A sentence.
    pub async fn sending(&self, batch: u64, positions: Vec<Position>) -> Result<(), String> {
        self.write(|answer| JournalEntry::Sending(batch, positions, answer)).await
    }

    /// Writes down what became of a batch, which ends its flight.
    ///
    /// # Errors
    /// A sentence; the next run then treats the batch as possibly sent.
    pub async fn settled(&self, batch: u64, settled: Settled) -> Result<(), String> {
        self.write(|answer| JournalEntry::Settled(batch, settled, answer)).await
    }

    async fn write(&self, entry: impl FnOnce(WriteAnswer) -> JournalEntry) -> Result<(), String> {
        let gone = || "the journal's thread has ended".to_owned();
        let (answer, answered) = oneshot::channel();
        self.entries.send(entry(answer)).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

/// What a run begins with.
struct BegunRun {
    /// Its number.
    run: i64,
    plan: PlanSummary,
    /// The shards known so far, by name.
    shards: HashMap<String, i64>,
}

/// Reads the plan again and begins the run in one transaction, so that nothing comes between. Returns a sentence if the plan cannot
/// run.
fn begin(
    connection: &mut Connection,
    (file, now): (&PlanFile, Timestamp),
    confirmed: &PlanSummary,
    target_created_at: Option<i64>,
) -> rusqlite::Result<Result<BegunRun, String>> {
    schema::make_durable(connection)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // This process holds the file, so an earlier run is over.
    let plan = summary::read(&transaction, file.id().clone(), false)?;
    if let Some(refusal) = plan.changed_since(confirmed) {
        return Ok(Err(refusal));
    }
    if requested(&transaction)? == Some(Control::Cancel) {
        // The process that was to cancel it ended first.
        write_cancelled(&transaction)?;
        transaction.commit()?;
        return Ok(Err("it was cancelled; plan it again".to_owned()));
    }
    check_receipts(&transaction, &plan)?;
    let unknown = in_flight(&transaction)?;
    transaction.execute("DELETE FROM in_flight", [])?;
    transaction.execute(
        "INSERT INTO run (started_at, run_by, target_created_at, maybe_repeated) VALUES (?1, ?2, ?3, ?4)",
        params![now.as_millisecond(), somebody(), target_created_at, unknown.cast_signed()],
    )?;
    let run = transaction.last_insert_rowid();
    let sql = "UPDATE replay SET state = ?1, wish = NULL, log_needed = 1, maybe_repeated = maybe_repeated + ?2";
    transaction.execute(sql, params![PlanState::Running.as_str(), unknown.cast_signed()])?;
    let shards = {
        let mut statement = transaction.prepare("SELECT name, id FROM shard")?;
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?
    };
    transaction.commit()?;
    // From here on the file itself says that a run has begun, whatever becomes of the log.
    if !schema::copy_log(connection)? {
        tracing::warn!("others read the plan, and so its file does not say yet that it runs");
    }
    let plan = PlanSummary { maybe_repeated: plan.maybe_repeated + unknown, state: PlanState::Running, ..plan };
    Ok(Ok(BegunRun { run, plan, shards }))
}

/// Every settled record must have a receipt.
fn check_receipts(connection: &Connection, plan: &PlanSummary) -> rusqlite::Result<()> {
    let count = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get::<_, i64>(1)?.cast_unsigned()));
    let (acknowledged, settled) = connection.query_row("SELECT count(shard), count(*) FROM receipt", [], count)?;
    if acknowledged == plan.acknowledged && settled == plan.acknowledged + plan.passed_over {
        return Ok(());
    }
    Err(damaged("its receipts do not match its counts"))
}

/// Records of batches that may or may not have arrived.
fn in_flight(connection: &Connection) -> rusqlite::Result<u64> {
    let mut statement = connection.prepare("SELECT positions FROM in_flight")?;
    let mut rows = statement.query([])?;
    let mut records = 0;
    while let Some(row) = rows.next()? {
        records += row.get_ref(0)?.as_blob()?.len() / size_of::<Position>();
    }
    Ok(records as u64)
}

impl JournalWriter {
    fn run(mut self, mut waiting: mpsc::Receiver<JournalEntry>) {
        let mut entries = Vec::with_capacity(ENTRIES_AT_ONCE);
        while waiting.blocking_recv_many(&mut entries, ENTRIES_AT_ONCE) > 0 {
            let written = self.write(&entries).map_err(|error| self.file.failed(&error).to_string());
            for entry in entries.drain(..) {
                let (JournalEntry::Sending(_, _, answer) | JournalEntry::Settled(_, _, answer) | JournalEntry::End(_, answer)) =
                    entry
                else {
                    continue;
                };
                // The waiting task may have ended meanwhile.
                if answer.send(written.clone()).is_err() {
                    tracing::debug!("no task waits for this entry any more");
                }
            }
            self.look_for_requests();
        }
    }

    fn write(&mut self, entries: &[JournalEntry]) -> rusqlite::Result<()> {
        if entries.iter().all(|entry| matches!(entry, JournalEntry::Look)) {
            return Ok(());
        }
        let transaction = self.connection.transaction()?;
        let mut totals = Totals::default();
        let mut has_ended = false;
        for entry in entries {
            match entry {
                JournalEntry::Sending(batch, positions, _) => {
                    let bytes: Vec<u8> = positions.iter().flat_map(|position| position.to_le_bytes()).collect();
                    let sql = "INSERT INTO in_flight (batch, positions) VALUES (?1, ?2)";
                    transaction.prepare_cached(sql)?.execute(params![batch.cast_signed(), bytes])?;
                }
                JournalEntry::Settled(batch, settled, _) => {
                    transaction.prepare_cached("DELETE FROM in_flight WHERE batch = ?1")?.execute([batch.cast_signed()])?;
                    write_settled(&transaction, settled, &mut self.shards)?;
                    totals.add(settled);
                }
                JournalEntry::End(RunEnd { state, reason }, _) => {
                    let now = Timestamp::now().as_millisecond();
                    transaction.execute(
                        "UPDATE run SET ended_at = ?1, ending = ?2, reason = ?3 WHERE id = ?4",
                        params![now, state.as_str(), reason, self.run],
                    )?;
                    transaction.execute("UPDATE replay SET state = ?1, wish = NULL, log_needed = 0", [state.as_str()])?;
                    has_ended = true;
                }
                JournalEntry::Look => {}
            }
        }
        totals.write(&transaction, self.run)?;
        transaction.commit()?;
        // An entry in the log is as good as one in the file while other processes read the file.
        if has_ended && let Err(error) = schema::release_log(&self.connection) {
            tracing::warn!(%error, "cannot move the log into the plan's file");
        }
        Ok(())
    }

    fn look_for_requests(&mut self) {
        if self.looked_at.elapsed() < WISH_INTERVAL {
            return;
        }
        self.looked_at = Instant::now();
        match requested(&self.connection) {
            Ok(control) => {
                let number = match control {
                    None => 0,
                    Some(Control::Pause) => 1,
                    Some(Control::Cancel) => 2,
                };
                self.control.store(number, Ordering::Relaxed);
            }
            Err(error) => tracing::warn!(%error, "cannot read requests to pause or cancel"),
        }
    }
}

fn write_settled(connection: &Connection, settled: &Settled, shards: &mut HashMap<String, i64>) -> rusqlite::Result<()> {
    let sql = "INSERT INTO receipt (position, record, checksum, shard, sequence_number) VALUES (?1, ?2, ?3, ?4, ?5)";
    let mut receipt = connection.prepare_cached(sql)?;
    for Receipt { position, record, shard_id, sequence_number, payload_bytes: _ } in &settled.receipts {
        let shard = match shards.get(shard_id) {
            Some(shard) => *shard,
            None => new_shard(connection, shard_id, shards)?,
        };
        let checksum = checksum::of_receipt(*position, *record, Some(shard), Some(sequence_number));
        receipt.execute(params![position.cast_signed(), record.cast_signed(), checksum, shard, sequence_number])?;
    }
    for Refusal { position, record, reason } in &settled.passed_over {
        let checksum = checksum::of_receipt(*position, *record, None, None);
        receipt.execute(params![position.cast_signed(), record.cast_signed(), checksum, None::<i64>, None::<String>])?;
        let sql = "INSERT OR REPLACE INTO passed_over (record, reason) VALUES (?1, ?2)";
        connection.prepare_cached(sql)?.execute(params![record.cast_signed(), reason])?;
    }
    Ok(())
}

fn new_shard(connection: &Connection, name: &str, shards: &mut HashMap<String, i64>) -> rusqlite::Result<i64> {
    let known: Option<i64> = connection.query_row("SELECT id FROM shard WHERE name = ?1", [name], |row| row.get(0)).optional()?;
    let shard = match known {
        Some(shard) => shard,
        None => connection.query_row(
            "INSERT INTO shard (id, name) SELECT coalesce(max(id), -1) + 1, ?1 FROM shard RETURNING id",
            [name],
            |row| row.get(0),
        )?,
    };
    shards.insert(name.to_owned(), shard);
    Ok(shard)
}

/// The totals of a transaction's batches.
#[derive(Debug, Default)]
struct Totals {
    acknowledged: u64,
    bytes: u64,
    passed_over: u64,
    throttled_puts: u64,
    failed_puts: u64,
    unanswered: u64,
}

impl Totals {
    fn add(&mut self, settled: &Settled) {
        self.acknowledged += settled.receipts.len() as u64;
        self.bytes += settled.receipts.iter().map(|receipt| receipt.payload_bytes).sum::<u64>();
        self.passed_over += settled.passed_over.len() as u64;
        self.throttled_puts += settled.throttled_puts;
        self.failed_puts += settled.failed_puts;
        self.unanswered += settled.unanswered;
    }

    fn write(&self, connection: &Connection, run: i64) -> rusqlite::Result<()> {
        if self.acknowledged + self.passed_over + self.throttled_puts + self.failed_puts + self.unanswered == 0 {
            return Ok(());
        }
        let sql = "UPDATE replay SET acknowledged = acknowledged + ?1, acknowledged_bytes = acknowledged_bytes + ?2,
          passed_over = passed_over + ?3, throttled_puts = throttled_puts + ?4, failed_puts = failed_puts + ?5, maybe_repeated = maybe_repeated + ?6";
        connection.prepare_cached(sql)?.execute(params![
            self.acknowledged.cast_signed(),
            self.bytes.cast_signed(),
            self.passed_over.cast_signed(),
            self.throttled_puts.cast_signed(),
            self.failed_puts.cast_signed(),
            self.unanswered.cast_signed(),
        ])?;
        let sql = "UPDATE run SET acknowledged = acknowledged + ?1, maybe_repeated = maybe_repeated + ?2 WHERE id = ?3";
        let (acknowledged, unanswered) = (self.acknowledged.cast_signed(), self.unanswered.cast_signed());
        connection.prepare_cached(sql)?.execute(params![acknowledged, unanswered, run])?;
        Ok(())
    }
}
