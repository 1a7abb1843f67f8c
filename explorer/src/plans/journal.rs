//! The journal of a run: what is about to be sent, and what became of it. A thread of its own writes it; whatever waits meanwhile goes
//! into the next transaction together, so that the disk is waited for once.

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

/// Entries that go into one transaction at the most.
const ENTRIES_AT_ONCE: usize = 64;
/// Entries that may wait to be written.
const ENTRIES_WAITING: usize = 256;
/// Between two looks at whether others asked the run to pause or to end.
const WISH_INTERVAL: Duration = Duration::from_millis(200);

/// That the target has a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Its place in the plan.
    pub position: Position,
    /// Its number in the plan.
    pub record: u64,
    /// Its new shard.
    pub shard_id: String,
    /// Its new sequence number.
    pub sequence_number: String,
    pub payload_bytes: u64,
}

/// That a record can never be put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Its place in the plan.
    pub position: Position,
    /// Its number in the plan.
    pub record: u64,
    /// In a few words.
    pub reason: String,
}

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// What the target has.
    pub receipts: Vec<Receipt>,
    /// What can never be put.
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
    /// Where the replay stands then.
    pub state: PlanState,
    /// Why, where that is to be said.
    pub reason: Option<String>,
}

/// Writes the journal of one run.
#[derive(Debug)]
pub struct Journal {
    entries: mpsc::Sender<Entry>,
    control: Arc<AtomicU8>,
    thread: JoinHandle<()>,
}

enum Entry {
    Sending(u64, Vec<Position>, Answer),
    Settled(u64, Settled, Answer),
    End(RunEnd, Answer),
    /// Nothing to write; it is time to look at whether others asked it to stop.
    Look,
}

type Answer = oneshot::Sender<Result<(), String>>;

struct Writer {
    connection: Connection,
    file: PlanFile,
    _hold: Hold,
    run: i64,
    shards: HashMap<String, i64>,
    control: Arc<AtomicU8>,
    looked_at: Instant,
}

impl Journal {
    /// Begins a run of the plan as it was confirmed: from here on this process alone works on the file. What an earlier run had in flight
    /// when it ended may arrive twice; it is counted here. Gives back the plan as it is now.
    ///
    /// # Errors
    /// When another process works on the file, or has run, cancelled or changed the plan since; or when the file cannot be written.
    pub fn begin(
        file: &PlanFile,
        now: Timestamp,
        confirmed: &PlanSummary,
        target_created_at: Option<i64>,
    ) -> Result<(Self, PlanSummary), PlanError> {
        let hold = file.hold()?;
        // A plan is made without waiting for the disk; before anything is sent it is there.
        File::open(file.path()).and_then(|plan| plan.sync_all()).map_err(|error| PlanError::of_io(file.path(), &error))?;
        let mut connection = file.open()?;
        file.check_pages(&connection)?;
        let begun = begin(&mut connection, (file, now), confirmed, target_created_at).map_err(|error| file.failed(&error))?;
        let Begun { run, plan, shards } = begun.map_err(PlanError::Refused)?;
        let control = Arc::new(AtomicU8::new(0));
        let writer = Writer {
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

    /// What somebody asked of the run, as of a moment ago. Has it looked for anew, so that asking often keeps it fresh.
    #[must_use]
    pub fn control(&self) -> Option<Control> {
        // Where so much waits to be written, it is looked for anyway.
        if self.entries.try_send(Entry::Look).is_err() {
            tracing::trace!("the journal is busy");
        }
        match self.control.load(Ordering::Relaxed) {
            1 => Some(Control::Pause),
            2 => Some(Control::Cancel),
            _ => None,
        }
    }

    /// What writes entries from elsewhere.
    #[must_use]
    pub fn pen(&self) -> Pen {
        Pen { entries: self.entries.clone() }
    }

    /// Ends the run.
    ///
    /// # Errors
    /// In words, when that cannot be written.
    pub async fn end(self, end: RunEnd) -> Result<(), String> {
        let written = self.pen().write(|answer| Entry::End(end, answer)).await;
        drop(self.entries);
        let joined = tokio::task::spawn_blocking(move || self.thread.join()).await;
        match joined {
            Ok(Ok(())) => written,
            Ok(Err(_)) | Err(_) => written.and(Err("the journal's thread ended before its end".to_owned())),
        }
    }
}

/// Writes entries of a journal.
#[derive(Clone, Debug)]
pub struct Pen {
    entries: mpsc::Sender<Entry>,
}

impl Pen {
    /// Writes down that a batch is about to be sent.
    ///
    /// # Errors
    /// In words; then it must not be sent.
    pub async fn sending(&self, batch: u64, positions: Vec<Position>) -> Result<(), String> {
        self.write(|answer| Entry::Sending(batch, positions, answer)).await
    }

    /// Writes down what became of a batch; then it is no longer in flight.
    ///
    /// # Errors
    /// In words; then the next run takes the batch for one that nobody knows about.
    pub async fn settled(&self, batch: u64, settled: Settled) -> Result<(), String> {
        self.write(|answer| Entry::Settled(batch, settled, answer)).await
    }

    async fn write(&self, entry: impl FnOnce(Answer) -> Entry) -> Result<(), String> {
        let gone = || "the journal's thread has ended".to_owned();
        let (answer, answered) = oneshot::channel();
        self.entries.send(entry(answer)).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

/// What a run begins with.
struct Begun {
    /// Its number.
    run: i64,
    plan: PlanSummary,
    /// The shards known, by name.
    shards: HashMap<String, i64>,
}

/// Looks at the plan once more and begins the run in one transaction, so that nothing comes between; a sentence where it is not to be
/// run.
fn begin(
    connection: &mut Connection,
    (file, now): (&PlanFile, Timestamp),
    confirmed: &PlanSummary,
    target_created_at: Option<i64>,
) -> rusqlite::Result<Result<Begun, String>> {
    schema::make_durable(connection)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Nobody else holds it, so a run that was going on is over.
    let plan = summary::read(&transaction, file.id().clone(), false)?;
    if let Some(refusal) = plan.changed_since(confirmed) {
        return Ok(Err(refusal));
    }
    if requested(&transaction)? == Some(Control::Cancel) {
        // Its program ended before it could do so.
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
    Ok(Ok(Begun { run, plan, shards }))
}

/// What was counted as settled must have its receipts.
fn check_receipts(connection: &Connection, plan: &PlanSummary) -> rusqlite::Result<()> {
    let count = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get::<_, i64>(1)?.cast_unsigned()));
    let (acknowledged, settled) = connection.query_row("SELECT count(shard), count(*) FROM receipt", [], count)?;
    if acknowledged == plan.acknowledged && settled == plan.acknowledged + plan.passed_over {
        return Ok(());
    }
    Err(damaged("its receipts are not as many as it counted"))
}

/// Records of batches of which nobody knows what became.
fn in_flight(connection: &Connection) -> rusqlite::Result<u64> {
    let mut statement = connection.prepare("SELECT positions FROM in_flight")?;
    let mut rows = statement.query([])?;
    let mut records = 0;
    while let Some(row) = rows.next()? {
        records += row.get_ref(0)?.as_blob()?.len() / size_of::<Position>();
    }
    Ok(records as u64)
}

impl Writer {
    fn run(mut self, mut waiting: mpsc::Receiver<Entry>) {
        let mut entries = Vec::with_capacity(ENTRIES_AT_ONCE);
        while waiting.blocking_recv_many(&mut entries, ENTRIES_AT_ONCE) > 0 {
            let written = self.write(&entries).map_err(|error| self.file.failed(&error).to_string());
            for entry in entries.drain(..) {
                let (Entry::Sending(_, _, answer) | Entry::Settled(_, _, answer) | Entry::End(_, answer)) = entry else {
                    continue;
                };
                // Whoever asked may have been ended meanwhile.
                if answer.send(written.clone()).is_err() {
                    tracing::debug!("nobody waits for what was written");
                }
            }
            self.look_for_requests();
        }
    }

    fn write(&mut self, entries: &[Entry]) -> rusqlite::Result<()> {
        if entries.iter().all(|entry| matches!(entry, Entry::Look)) {
            return Ok(());
        }
        let transaction = self.connection.transaction()?;
        let mut totals = Totals::default();
        let mut has_ended = false;
        for entry in entries {
            match entry {
                Entry::Sending(batch, positions, _) => {
                    let bytes: Vec<u8> = positions.iter().flat_map(|position| position.to_le_bytes()).collect();
                    let sql = "INSERT INTO in_flight (batch, positions) VALUES (?1, ?2)";
                    transaction.prepare_cached(sql)?.execute(params![batch.cast_signed(), bytes])?;
                }
                Entry::Settled(batch, settled, _) => {
                    transaction.prepare_cached("DELETE FROM in_flight WHERE batch = ?1")?.execute([batch.cast_signed()])?;
                    write_settled(&transaction, settled, &mut self.shards)?;
                    totals.add(settled);
                }
                Entry::End(RunEnd { state, reason }, _) => {
                    let now = Timestamp::now().as_millisecond();
                    transaction.execute(
                        "UPDATE run SET ended_at = ?1, ending = ?2, reason = ?3 WHERE id = ?4",
                        params![now, state.as_str(), reason, self.run],
                    )?;
                    transaction.execute("UPDATE replay SET state = ?1, wish = NULL, log_needed = 0", [state.as_str()])?;
                    has_ended = true;
                }
                Entry::Look => {}
            }
        }
        totals.write(&transaction, self.run)?;
        transaction.commit()?;
        // What is in the log is as good as in the file, where others read it now.
        if has_ended && let Err(error) = schema::release_log(&self.connection) {
            tracing::warn!(%error, "the log stays beside the plan");
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
            Err(error) => tracing::warn!(%error, "whether others asked the replay to pause or to end cannot be read"),
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

/// What the batches of a transaction add up to.
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
