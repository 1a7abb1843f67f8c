//! Which of the records that were read belong to a plan: all, the last of each key, or the newest.

use crate::domain::record::sequence_value::SequenceValue;
use crate::domain::replay::Selection;
use rusqlite::{Connection, OptionalExtension as _, params};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Which records are kept.
#[derive(Debug)]
pub(super) enum Choice {
    All,
    LastOfKey,
    /// The newest, up to a limit; the oldest of those kept is on top.
    Newest(usize, BinaryHeap<Reverse<Candidate>>),
}

/// Decides whether a record is kept; the first difference decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    pub(super) arrived: i64,
    pub(super) number: SequenceValue,
    pub(super) sub: u64,
    /// Its number in the plan.
    pub(super) record: u64,
}

/// Whether a record belongs to the plan, as far as is known yet.
pub(super) enum Verdict {
    /// It does, and replaces the record with this number.
    Chosen { replaced: Option<u64> },
    /// A later one replaces it.
    Superseded,
}

impl Choice {
    /// The choice for a selection, and how many of its records to keep once all are sorted.
    pub(super) fn of(selection: &Selection) -> (Self, Option<u64>) {
        match selection {
            Selection::Marked(_) => (Self::All, None),
            Selection::Matching(matching) => match (matching.state_as_of, matching.limit) {
                (Some(_), limit) => (Self::LastOfKey, limit),
                (None, Some(limit)) => {
                    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
                    (Self::Newest(limit, BinaryHeap::new()), None)
                }
                (None, None) => (Self::All, None),
            },
        }
    }

    /// Creates the table that holds the last record of each key.
    pub(super) fn prepare(&self, connection: &Connection) -> rusqlite::Result<()> {
        match self {
            Self::All | Self::Newest(..) => Ok(()),
            Self::LastOfKey => connection.execute_batch(
                "CREATE TEMP TABLE newest (partition_key TEXT PRIMARY KEY, number BLOB NOT NULL, record INTEGER NOT NULL) WITHOUT ROWID",
            ),
        }
    }

    /// Decides on the next record.
    pub(super) fn consider(
        &mut self,
        connection: &Connection,
        partition_key: &str,
        candidate: Candidate,
    ) -> rusqlite::Result<Verdict> {
        match self {
            Self::All => Ok(Verdict::Chosen { replaced: None }),
            Self::LastOfKey => last_of_key(connection, partition_key, candidate),
            Self::Newest(limit, kept) => Ok(newest(*limit, kept, candidate)),
        }
    }
}

fn last_of_key(connection: &Connection, partition_key: &str, candidate: Candidate) -> rusqlite::Result<Verdict> {
    let value = [candidate.number.to_bytes().as_slice(), &candidate.sub.to_be_bytes()].concat();
    let sql = "SELECT number, record FROM newest WHERE partition_key = ?1";
    let known: Option<(Vec<u8>, i64)> =
        connection.prepare_cached(sql)?.query_row([partition_key], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    if known.as_ref().is_some_and(|(newest, _)| *newest >= value) {
        return Ok(Verdict::Superseded);
    }
    let sql = "INSERT OR REPLACE INTO newest (partition_key, number, record) VALUES (?1, ?2, ?3)";
    connection.prepare_cached(sql)?.execute(params![partition_key, value, candidate.record.cast_signed()])?;
    Ok(Verdict::Chosen { replaced: known.map(|(_, record)| record.cast_unsigned()) })
}

fn newest(limit: usize, kept: &mut BinaryHeap<Reverse<Candidate>>, candidate: Candidate) -> Verdict {
    let mut replaced = None;
    if kept.len() >= limit
        && let Some(Reverse(oldest)) = kept.peek()
    {
        if *oldest > candidate {
            return Verdict::Superseded;
        }
        replaced = kept.pop().map(|Reverse(oldest)| oldest.record);
    }
    kept.push(Reverse(candidate));
    Verdict::Chosen { replaced }
}
