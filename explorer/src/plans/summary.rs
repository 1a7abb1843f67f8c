//! What a replay's file tells of it: where it stands, and what became of its records.

use super::queue::{ENTRY_BYTES, QueueReader};
use crate::domain::replay::ReplayOptions;
use crate::domain::replay::lanes::Sequence;
use crate::domain::replay::plan::{PassedOver, PlanCounts, PlanId, PlanState, PlanSummary, RecordTrace, RunRecord, TraceEnd};
use archiver::format::envelope::Separator;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use std::str::FromStr;

/// What is in a plan, in numbers that are as they were written.
pub(super) fn counts(connection: &Connection) -> rusqlite::Result<PlanCounts> {
    super::schema::check_seal(connection)?;
    let counts: String = connection.query_row("SELECT counts FROM replay LIMIT 1", [], |row| row.get(0))?;
    let counts: PlanCounts = serde_json::from_str(&counts).map_err(|error| unreadable(&error))?;
    // Memory is taken by this number, which a file can say anything of.
    let sql = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
    let bytes: i64 = connection.query_row(sql, [], |row| row.get(0))?;
    if counts.records > bytes.cast_unsigned() / ENTRY_BYTES as u64 {
        return Err(super::error::damaged("it is too small for its records"));
    }
    Ok(counts)
}

/// Runs of one replay that are shown, which is more than anybody has.
const MOST_RUNS: u32 = 100_000;

/// The summary of a file; whether a process works on it tells a run that goes on from one that ended without a word.
pub(super) fn read(connection: &Connection, id: PlanId, is_held: bool) -> rusqlite::Result<PlanSummary> {
    super::schema::check_seal(connection)?;
    let runs = runs(connection)?;
    connection.query_row("SELECT * FROM replay LIMIT 1", [], |row| {
        let state = match (state_of(&row.get::<_, String>("state")?), is_held) {
            (PlanState::Running, false) => PlanState::Interrupted,
            (PlanState::Planning, false) => PlanState::Unplanned,
            (state, _) => state,
        };
        let counts: String = row.get("counts")?;
        let counts: PlanCounts = serde_json::from_str(&counts).map_err(|error| unreadable(&error))?;
        Ok(PlanSummary {
            id,
            state,
            created_at: time(row.get("created_at")?),
            created_by: row.get("created_by")?,
            source: row.get("source")?,
            stream: row.get("stream")?,
            selection: row.get("selection")?,
            is_everything: row.get("is_everything")?,
            target: row.get("target")?,
            target_arn: row.get("target_arn")?,
            options: options(row)?,
            counts,
            acknowledged: number(row, "acknowledged")?,
            acknowledged_bytes: number(row, "acknowledged_bytes")?,
            passed_over: number(row, "passed_over")?,
            throttled_puts: number(row, "throttled_puts")?,
            failed_puts: number(row, "failed_puts")?,
            maybe_repeated: number(row, "maybe_repeated")?,
            runs,
            file_bytes: 0,
        })
    })
}

fn options(row: &Row<'_>) -> rusqlite::Result<ReplayOptions> {
    let separator: Option<String> = row.get("separator")?;
    let sequence: String = row.get("sequence")?;
    Ok(ReplayOptions {
        envelope: separator.map(|text| Separator::parse(&text)).transpose().map_err(|error| unreadable(&error))?,
        rate: parsed(&row.get::<_, String>("rate")?)?,
        timing: parsed(&row.get::<_, String>("timing")?)?,
        sequence: if sequence == Sequence::None.as_str() { Sequence::None } else { Sequence::OfKey },
    })
}

fn parsed<T: FromStr<Err: std::error::Error>>(text: &str) -> rusqlite::Result<T> {
    text.parse().map_err(|error| unreadable(&error))
}

fn unreadable(error: &dyn std::error::Error) -> rusqlite::Error {
    super::error::damaged(&error.to_string())
}

fn number(row: &Row<'_>, name: &str) -> rusqlite::Result<u64> {
    row.get::<_, i64>(name).map(i64::cast_unsigned)
}

fn time(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or_default()
}

fn state_of(name: &str) -> PlanState {
    PlanState::ALL.into_iter().find(|state| state.as_str() == name).unwrap_or(PlanState::Unplanned)
}

fn runs(connection: &Connection) -> rusqlite::Result<Vec<RunRecord>> {
    let mut statement = connection.prepare("SELECT * FROM run ORDER BY id LIMIT ?1")?;
    let run = |row: &Row<'_>| {
        Ok(RunRecord {
            started_at: time(row.get("started_at")?),
            by: row.get("run_by")?,
            target_created_at: row.get("target_created_at")?,
            ended_at: row.get::<_, Option<i64>>("ended_at")?.map(time),
            ending: row.get::<_, Option<String>>("ending")?.as_deref().map(state_of),
            reason: row.get("reason")?,
            acknowledged: number(row, "acknowledged")?,
            maybe_repeated: number(row, "maybe_repeated")?,
        })
    };
    statement.query_map([MOST_RUNS], run)?.collect()
}

pub(super) fn passed_over(connection: &Connection, limit: usize) -> rusqlite::Result<Vec<PassedOver>> {
    let sql = "SELECT partition_key, sequence_number, sub_sequence_number, reason
      FROM passed_over JOIN record ON record.id = passed_over.record ORDER BY record.id LIMIT ?1";
    let mut statement = connection.prepare(sql)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let passed_over = statement.query_map([limit], |row| {
        Ok(PassedOver {
            partition_key: row.get(0)?,
            sequence_number: row.get(1)?,
            sub_sequence_number: row.get::<_, Option<i64>>(2)?.map(i64::cast_unsigned),
            reason: row.get(3)?,
        })
    })?;
    passed_over.collect()
}

/// What is selected for a trace, but for the receipt.
const JOURNEY: &str = "record.id, partition_key, record.sequence_number, sub_sequence_number, arrival, source.name";

fn trace(connection: &Connection, row: &Row<'_>, receipt: Option<Option<(String, String)>>) -> rusqlite::Result<RecordTrace> {
    let end = match receipt {
        Some(Some((shard_id, sequence_number))) => TraceEnd::Acknowledged { shard_id, sequence_number },
        None | Some(None) => {
            let sql = "SELECT reason FROM passed_over WHERE record = ?1";
            let reason: Option<String> =
                connection.prepare_cached(sql)?.query_row([row.get::<_, i64>(0)?], |row| row.get(0)).optional()?;
            reason.map_or(TraceEnd::Waiting, TraceEnd::PassedOver)
        }
    };
    Ok(RecordTrace {
        partition_key: row.get(1)?,
        sequence_number: row.get(2)?,
        sub_sequence_number: row.get::<_, Option<i64>>(3)?.map(i64::cast_unsigned),
        arrival: row.get(4)?,
        shard_id: row.get(5)?,
        end,
    })
}

fn receipt(row: &Row<'_>) -> rusqlite::Result<Option<(String, String)>> {
    let (shard, number): (Option<String>, Option<String>) = (row.get(0)?, row.get(1)?);
    Ok(shard.zip(number))
}

/// Hands over what became of the records of a number, or of all in the order of the plan, until `take` gives false.
pub(super) fn traces(
    connection: &Connection,
    number: Option<&str>,
    mut take: impl FnMut(RecordTrace) -> bool,
) -> rusqlite::Result<()> {
    if let Some(number) = number {
        let sql = format!(
            "SELECT {JOURNEY} FROM record JOIN shard source ON source.id = record.shard \
             WHERE ltrim(sequence_number, '0') = ltrim(?1, '0') ORDER BY record.id"
        );
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query([number])?;
        while let Some(row) = rows.next()? {
            let sql = "SELECT name, sequence_number FROM receipt LEFT JOIN shard ON shard.id = receipt.shard WHERE record = ?1";
            let receipt = connection.prepare_cached(sql)?.query_row([row.get::<_, i64>(0)?], receipt).optional()?;
            if !take(trace(connection, row, receipt)?) {
                return Ok(());
            }
        }
        return Ok(());
    }
    let sql = format!("SELECT {JOURNEY} FROM record JOIN shard source ON source.id = record.shard WHERE record.id = ?1");
    let mut statement = connection.prepare(&sql)?;
    QueueReader::in_order(connection, |entry| {
        let sql = "SELECT name, sequence_number FROM receipt LEFT JOIN shard ON shard.id = receipt.shard WHERE position = ?1";
        let receipt = connection.prepare_cached(sql)?.query_row([entry.position.cast_signed()], receipt).optional()?;
        let found = statement.query_row([entry.record.cast_signed()], |row| trace(connection, row, receipt.clone()))?;
        Ok(take(found))
    })
}

/// The latest records that the target has, as far as positions tell.
pub(super) fn latest(connection: &Connection, limit: usize) -> rusqlite::Result<Vec<RecordTrace>> {
    let sql = format!(
        "SELECT {JOURNEY}, target.name, receipt.sequence_number FROM receipt
           JOIN record ON record.id = receipt.record
           JOIN shard source ON source.id = record.shard
           LEFT JOIN shard target ON target.id = receipt.shard
         ORDER BY position DESC LIMIT ?1"
    );
    let mut statement = connection.prepare(&sql)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let found = statement.query_map(params![limit], |row| {
        let receipt: (Option<String>, Option<String>) = (row.get(6)?, row.get(7)?);
        trace(connection, row, Some(receipt.0.zip(receipt.1)))
    })?;
    found.collect()
}
