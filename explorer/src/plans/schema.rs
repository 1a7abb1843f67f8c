//! The tables of a replay's file, how a connection is set up, and whether a file has exactly these tables.

use super::checksum::Checksum;
use super::error::damaged;
use rusqlite::config::DbConfig;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, params};
use std::sync::OnceLock;
use std::time::Duration;

/// The version of the tables below. Version 1 had no checksums.
pub(super) const VERSION: i64 = 2;

/// How long a statement waits for another process, whose transactions are always short.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of a page. A page holds a few records, so few calls write many records.
const PAGE_BYTES: i64 = 8 * 1024;
/// Memory for one connection's pages, in KiB; SQLite expects it as a negative number.
const CACHE_KIB: i64 = 4 * 1024;

/// `record` holds the records as they were read. `queue` holds the order in which they are sent: blocks of entries by a part of the
/// key's hash, so that a shard's records are found without reading all others. A `receipt` says that the record at a position is
/// settled: with shard and number if the target has acknowledged it, without them if it was skipped; `passed_over` says why.
/// `in_flight` holds the batches that may or may not have arrived. `replay` has one row; its `log_needed` says that a run has begun
/// and not ended, so the file is incomplete without the log beside it.
pub(super) const TABLES: &str = "
CREATE TABLE replay (
  id TEXT NOT NULL, state TEXT NOT NULL, wish TEXT, log_needed INTEGER NOT NULL DEFAULT 0, checksum INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL, created_by TEXT NOT NULL,
  source TEXT NOT NULL, stream TEXT, selection TEXT NOT NULL, is_everything INTEGER NOT NULL,
  target TEXT NOT NULL, target_arn TEXT NOT NULL,
  separator TEXT, rate TEXT NOT NULL, timing TEXT NOT NULL, sequence TEXT NOT NULL,
  counts TEXT NOT NULL,
  acknowledged INTEGER NOT NULL DEFAULT 0, acknowledged_bytes INTEGER NOT NULL DEFAULT 0,
  passed_over INTEGER NOT NULL DEFAULT 0, throttled_puts INTEGER NOT NULL DEFAULT 0,
  failed_puts INTEGER NOT NULL DEFAULT 0, maybe_repeated INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE run (
  id INTEGER PRIMARY KEY, started_at INTEGER NOT NULL, run_by TEXT NOT NULL, target_created_at INTEGER,
  ended_at INTEGER, ending TEXT, reason TEXT,
  acknowledged INTEGER NOT NULL DEFAULT 0, maybe_repeated INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE shard (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE record (
  id INTEGER PRIMARY KEY, checksum INTEGER NOT NULL, partition_key TEXT NOT NULL, explicit_hash_key TEXT,
  sequence_number TEXT NOT NULL, sub_sequence_number INTEGER, shard INTEGER NOT NULL, arrival TEXT NOT NULL, data BLOB
);
CREATE TABLE passed_over (record INTEGER PRIMARY KEY, reason TEXT NOT NULL);
CREATE TABLE queue (
  id INTEGER PRIMARY KEY, bucket INTEGER NOT NULL, first INTEGER NOT NULL, checksum INTEGER NOT NULL, entries BLOB NOT NULL
);
CREATE INDEX queue_by_bucket ON queue (bucket, first);
CREATE TABLE receipt (
  position INTEGER PRIMARY KEY, record INTEGER NOT NULL, checksum INTEGER NOT NULL, shard INTEGER, sequence_number TEXT
);
CREATE TABLE in_flight (batch INTEGER PRIMARY KEY, positions BLOB NOT NULL);
";

/// Most schema entries to check; a replay's file has fewer.
const MOST_THINGS: u32 = 64;

/// What closing a connection does with the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closing {
    /// Leaves the log: only the process that works on the file may say that it is no longer needed.
    KeepsLog,
    /// Moves it into the file.
    EmptiesLog,
}

/// Sets up a connection. Write-ahead logging lets other processes read while one writes.
pub(super) fn prepare(connection: &Connection, closing: Closing) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // The file may come from anywhere: SQLite must not run code in its schema, nor trust sizes in its pages.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, closing == Closing::KeepsLog)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    // Takes effect only in an empty file.
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "temp_store", "file")
}

/// Makes every commit wait for the disk, so that it survives a loss of power.
pub(super) fn make_durable(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "synchronous", "full")
}

/// Makes nothing wait for the disk: a plan lost with the power can be created again.
pub(super) fn make_fast(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "synchronous", "off")?;
    // Pages of the log before SQLite moves them into the database.
    connection.pragma_update(None, "wal_autocheckpoint", 4_000)
}

/// Moves the log into the file, now or when the last connection closes. Call it after writing that the log is not needed.
pub(super) fn release_log(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    // The log stays while other processes read it.
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

/// Copies the log into the file but keeps its size, so that a missing log is noticed. Returns false if other processes prevent it
/// by reading.
pub(super) fn copy_log(connection: &Connection) -> rusqlite::Result<bool> {
    let is_busy: i64 = connection.query_row("PRAGMA wal_checkpoint(FULL)", [], |row| row.get(0))?;
    Ok(is_busy == 0)
}

/// Whether the file has exactly the tables above. A view in place of one, or a trigger, could run anything when it is read.
pub(super) fn is_ours(connection: &Connection) -> rusqlite::Result<bool> {
    static KNOWN: OnceLock<Vec<Thing>> = OnceLock::new();
    let known = match KNOWN.get() {
        Some(known) => known,
        None => {
            let model = Connection::open_in_memory()?;
            model.execute_batch(TABLES)?;
            let things = things(&model)?;
            KNOWN.get_or_init(|| things)
        }
    };
    Ok(*known == things(connection)?)
}

type Thing = (String, String, String, Option<String>);

fn things(connection: &Connection) -> rusqlite::Result<Vec<Thing>> {
    let mut statement = connection.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema LIMIT ?1")?;
    let thing = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
    let mut things = statement.query_map([MOST_THINGS], thing)?.collect::<rusqlite::Result<Vec<Thing>>>()?;
    things.sort();
    Ok(things)
}

/// Writes the checksum of the plan's description; call it after every change.
pub(super) fn seal(connection: &Connection) -> rusqlite::Result<()> {
    let checksum = checksum(connection)?;
    connection.prepare_cached("UPDATE replay SET checksum = ?1")?.execute(params![checksum])?;
    Ok(())
}

/// Checks the checksum of the plan's description.
pub(super) fn check_seal(connection: &Connection) -> rusqlite::Result<()> {
    let sealed: i64 = connection.prepare_cached("SELECT checksum FROM replay LIMIT 1")?.query_row([], |row| row.get(0))?;
    if sealed == checksum(connection)? { Ok(()) } else { Err(damaged("its description of the plan was changed")) }
}

fn checksum(connection: &Connection) -> rusqlite::Result<i64> {
    const SEALED: usize = 12;
    let sql = "SELECT id, source, stream, selection, is_everything, target, target_arn, separator, rate, timing, sequence, counts
      FROM replay LIMIT 1";
    connection.prepare_cached(sql)?.query_row([], |row| {
        let mut checksum = Checksum::default();
        for column in 0..SEALED {
            checksum = match row.get_ref(column)? {
                ValueRef::Text(bytes) | ValueRef::Blob(bytes) => checksum.optional(Some(bytes)),
                ValueRef::Null => checksum.optional(None),
                ValueRef::Integer(number) => checksum.number(number.cast_unsigned()),
                ValueRef::Real(number) => checksum.number(number.to_bits()),
            };
        }
        Ok(i64::from(checksum.end()))
    })
}
