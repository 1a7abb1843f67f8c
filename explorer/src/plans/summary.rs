//! The state of a replay according to its file: the plan in numbers, and its runs.

use super::blocks::ENTRY_BYTES;
use crate::domain::replay::ReplayOptions;
use crate::domain::replay::lanes::Sequence;
use crate::domain::replay::plan::{PlanCounts, PlanId, PlanState, PlanSummary, RunRecord};
use archiver::format::envelope::Separator;
use jiff::Timestamp;
use rusqlite::{Connection, Row};
use std::str::FromStr;

/// The plan in numbers, as they were written.
pub(super) fn counts(connection: &Connection) -> rusqlite::Result<PlanCounts> {
    super::schema::check_seal(connection)?;
    let counts: String = connection.query_row("SELECT counts FROM replay LIMIT 1", [], |row| row.get(0))?;
    let counts: PlanCounts = serde_json::from_str(&counts).map_err(|error| unreadable(&error))?;
    // This number decides how much memory is reserved, and a damaged file may contain any number.
    let sql = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
    let bytes: i64 = connection.query_row(sql, [], |row| row.get(0))?;
    if counts.records > bytes.cast_unsigned() / ENTRY_BYTES as u64 {
        return Err(super::error::damaged("it is too small for its records"));
    }
    Ok(counts)
}

/// These numbers as text.
pub(super) fn counts_text(counts: &PlanCounts) -> rusqlite::Result<String> {
    serde_json::to_string(counts).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

/// Most runs of one replay that are shown, more than any replay has.
const MOST_RUNS: u32 = 100_000;

/// The summary of a file. `is_held`, whether a process works on it, tells a running replay from an interrupted one.
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
