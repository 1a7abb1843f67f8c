//! The tables of a replay's file, and how a connection to it is set up.

use rusqlite::Connection;
use std::time::Duration;

/// The version of the tables below.
pub(super) const VERSION: i64 = 1;

/// How long a statement waits for another process, which only ever has a short transaction open.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of a page: a few records, so that few calls write many.
const PAGE_BYTES: i64 = 8 * 1024;
/// Memory for pages of one connection, in KiB, which SQLite wants as a negative number.
const CACHE_KIB: i64 = 4 * 1024;

/// `record` has the records as they were read. `queue` has the order in which they go: blocks of entries by a part of the key's hash, so
/// that a shard's records are found without reading the others'. A `receipt` says that the record of a position is settled: with shard
/// and number where the target has acknowledged it, without where it was passed over, and `passed_over` says why. `in_flight` has the
/// batches of which nobody knows what became. `replay` has one row.
pub(super) const TABLES: &str = "
CREATE TABLE replay (
  id TEXT NOT NULL, state TEXT NOT NULL, wish TEXT,
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
  id INTEGER PRIMARY KEY, partition_key TEXT NOT NULL, explicit_hash_key TEXT,
  sequence_number TEXT NOT NULL, sub_sequence_number INTEGER, shard INTEGER NOT NULL, arrival TEXT NOT NULL, data BLOB
);
CREATE TABLE passed_over (record INTEGER PRIMARY KEY, reason TEXT NOT NULL);
CREATE TABLE queue (id INTEGER PRIMARY KEY, bucket INTEGER NOT NULL, first INTEGER NOT NULL, entries BLOB NOT NULL);
CREATE INDEX queue_by_bucket ON queue (bucket, first);
CREATE TABLE receipt (position INTEGER PRIMARY KEY, record INTEGER NOT NULL, shard INTEGER, sequence_number TEXT);
CREATE TABLE in_flight (batch INTEGER PRIMARY KEY, positions BLOB NOT NULL);
";

/// Sets a connection up. Write-ahead logging lets others read while one writes.
pub(super) fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // Takes effect in a file that has no page yet.
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "temp_store", "file")
}

/// What was committed survives a loss of power: each commit waits for the disk.
pub(super) fn make_durable(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "synchronous", "full")
}

/// Nothing waits for the disk: a plan that is lost with the power is made again.
pub(super) fn make_fast(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "synchronous", "off")?;
    // Pages of the log before it is put into the database.
    connection.pragma_update(None, "wal_autocheckpoint", 4_000)
}
