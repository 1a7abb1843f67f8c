//! What became of the records of a plan, one by one.

use super::queue::QueueReader;
use crate::domain::replay::plan::{PassedOver, RecordTrace, TraceEnd};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

/// Skipped records, up to the limit.
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

/// The columns of a trace, without the receipt.
const TRACED: &str = "record.id, partition_key, record.sequence_number, sub_sequence_number, arrival, source.name";

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

/// Hands over what became of the records with a number, or of all records in the plan's order, until `take` returns false.
pub(super) fn traces(
    connection: &Connection,
    number: Option<&str>,
    mut take: impl FnMut(RecordTrace) -> bool,
) -> rusqlite::Result<()> {
    if let Some(number) = number {
        let sql = format!(
            "SELECT {TRACED} FROM record JOIN shard source ON source.id = record.shard \
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
    let sql = format!("SELECT {TRACED} FROM record JOIN shard source ON source.id = record.shard WHERE record.id = ?1");
    let mut statement = connection.prepare(&sql)?;
    QueueReader::in_order(connection, |entry| {
        let sql = "SELECT name, sequence_number FROM receipt LEFT JOIN shard ON shard.id = receipt.shard WHERE position = ?1";
        let receipt = connection.prepare_cached(sql)?.query_row([entry.position.cast_signed()], receipt).optional()?;
        let found = statement.query_row([entry.record.cast_signed()], |row| trace(connection, row, receipt.clone()))?;
        Ok(take(found))
    })
}

/// The latest records that the target has, by position.
pub(super) fn latest(connection: &Connection, limit: usize) -> rusqlite::Result<Vec<RecordTrace>> {
    let sql = format!(
        "SELECT {TRACED}, target.name, receipt.sequence_number FROM receipt
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
