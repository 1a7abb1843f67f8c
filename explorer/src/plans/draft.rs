//! A plan while its records are being read. Each record is written as it comes; at the end all are sorted.

use super::bits::Bits;
use super::blocks::{self, QueueWriter};
use super::choice::{Candidate, Choice, Verdict};
use super::error::PlanError;
use super::file::{Hold, PlanFile};
use super::folder::Plans;
use super::sorter::Sorter;
use super::summary::counts_text;
use super::{checksum, control, schema};
use crate::domain::record::sequence_value::SequenceValue;
use crate::domain::replay::ReplayOrder;
use crate::domain::replay::hash_key::HashKey;
use crate::domain::replay::order::{NO_TIME, OrderEntry, time_of};
use crate::domain::replay::plan::{PlanCounts, PlanState};
use archiver::format::record::ArrivalTime;
use archiver::format::sequence::SequenceNumber;
use jiff::Timestamp;
use rusqlite::{Connection, params};
use std::collections::HashMap;
use std::io;

/// Most records, and bytes of payload, that are written together.
const RECORDS_AT_ONCE: usize = 8 * 1024;
const BYTES_AT_ONCE: usize = 6 * 1024 * 1024;

/// A record for a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedRecord {
    /// As put by the producer; empty if its item has none.
    pub partition_key: String,
    /// What the producer gave instead of the key's hash.
    pub explicit_hash_key: Option<String>,
    /// As given by Kinesis.
    pub sequence_number: Option<SequenceNumber>,
    /// Its place in an aggregated record.
    pub sub_sequence_number: Option<u64>,
    /// The shard it came from.
    pub shard_id: Option<String>,
    /// When it arrived.
    pub arrival: Option<ArrivalTime>,
    /// The payload, or why there is none.
    pub payload: Result<Vec<u8>, String>,
}

/// What a draft is created for.
#[derive(Clone, Copy, Debug)]
pub struct DraftOrder<'o> {
    /// The order of the replay.
    pub order: &'o ReplayOrder,
    /// The table or file that is read.
    pub source: &'o str,
    pub target_arn: &'o str,
    /// When the draft is created.
    pub now: Timestamp,
}

/// A plan that is being created. If it is dropped before [`Draft::finish`], the history shows it as unfinished.
#[derive(Debug)]
pub struct Draft {
    file: PlanFile,
    connection: Connection,
    _hold: Hold,
    sorter: Sorter,
    shards: HashMap<String, u32>,
    counts: PlanCounts,
    next_record: u64,
    /// Records that are not written yet, and the bytes of their payloads.
    gathered: Vec<PlannedRecord>,
    gathered_bytes: usize,
    choice: Choice,
    /// Records that a later one replaced.
    gone: Bits,
    limit: Option<u64>,
    /// When it was created; no record arrived much later.
    now: Timestamp,
}

impl Draft {
    /// An empty draft.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub fn begin(plans: &Plans, wanted: DraftOrder<'_>) -> Result<Self, PlanError> {
        let DraftOrder { order, source, target_arn, now } = wanted;
        let (file, connection, hold) = plans.create(order, source, target_arn, now)?;
        schema::make_fast(&connection).map_err(|error| file.failed(&error))?;
        let (choice, limit) = Choice::of(&order.selection);
        choice.prepare(&connection).map_err(|error| file.failed(&error))?;
        let sorter = Sorter::new(plans.folder()).map_err(|error| PlanError::of_io(plans.folder(), &error))?;
        Ok(Self {
            file,
            connection,
            _hold: hold,
            sorter,
            shards: HashMap::new(),
            counts: PlanCounts::default(),
            next_record: 0,
            gathered: Vec::new(),
            gathered_bytes: 0,
            choice,
            gone: Bits::default(),
            limit,
            now,
        })
    }

    #[must_use]
    pub fn file(&self) -> &PlanFile {
        &self.file
    }

    /// The counts so far.
    #[must_use]
    pub fn counts(&self) -> PlanCounts {
        PlanCounts { records: self.counts.records + self.gathered.len() as u64, ..self.counts }
    }

    /// Adds a record; it may be written later, together with others.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn add(&mut self, record: PlannedRecord) -> Result<(), PlanError> {
        self.gathered_bytes += record.payload.as_ref().map_or(0, Vec::len);
        self.gathered.push(record);
        let is_full = self.gathered.len() >= RECORDS_AT_ONCE || self.gathered_bytes >= BYTES_AT_ONCE;
        if is_full { self.write_gathered() } else { Ok(()) }
    }

    /// Writes the gathered records in roughly the order in which they are sent, so that reading them back is mostly sequential.
    fn write_gathered(&mut self) -> Result<(), PlanError> {
        let mut gathered = std::mem::take(&mut self.gathered);
        self.gathered_bytes = 0;
        gathered.sort_by_cached_key(|record| record.arrival.as_ref().and_then(ArrivalTime::milliseconds));
        let mut write = || {
            self.connection.execute_batch("BEGIN IMMEDIATE")?;
            for record in gathered.drain(..) {
                if let Err(error) = self.try_add(record)? {
                    return Ok(Err(error));
                }
            }
            self.connection.execute("UPDATE replay SET counts = ?1", [counts_text(&self.counts)?])?;
            schema::seal(&self.connection)?;
            self.connection.execute_batch("COMMIT")?;
            Ok(Ok(()))
        };
        let written: rusqlite::Result<io::Result<()>> = write();
        self.gathered = gathered;
        written.map_err(|error| self.file.failed(&error))?.map_err(|error| PlanError::of_io(self.file.path(), &error))
    }

    fn try_add(&mut self, record: PlannedRecord) -> rusqlite::Result<io::Result<()>> {
        let value = record.sequence_number.as_ref().map_or(Some(SequenceValue::default()), SequenceValue::of);
        let reason = match (&record.payload, value) {
            _ if record.partition_key.is_empty() => Some("its item has no partition key".to_owned()),
            (Err(reason), _) => Some(reason.clone()),
            (Ok(_), None) => Some("its sequence number has more digits than Kinesis uses".to_owned()),
            (Ok(_), Some(_)) => None,
        };
        let number = value.unwrap_or_default();
        let arrived = time_of(record.arrival.as_ref(), self.now).unwrap_or(NO_TIME);
        let sub = record.sub_sequence_number.unwrap_or(0);
        let id = self.next_record;
        let candidate = Candidate { arrived, number, sub, record: id };
        match self.choice.consider(&self.connection, &record.partition_key, candidate)? {
            Verdict::Superseded => {
                self.counts.superseded += 1;
                return Ok(Ok(()));
            }
            Verdict::Chosen { replaced: Some(replaced) } => self.take_out(replaced)?,
            Verdict::Chosen { replaced: None } => {}
        }
        self.next_record += 1;
        let explicit = record.explicit_hash_key.as_deref().and_then(HashKey::parse);
        let shard = self.shard(record.shard_id.as_deref().unwrap_or_default())?;
        self.insert(id, shard, &record, explicit.as_ref().map(|(_, digits)| digits.as_str()))?;
        if let Some(reason) = reason {
            self.counts.damaged += 1;
            let sql = "INSERT INTO passed_over (record, reason) VALUES (?1, ?2)";
            self.connection.prepare_cached(sql)?.execute(params![id.cast_signed(), reason])?;
            return Ok(Ok(()));
        }
        let payload_bytes = record.payload.as_ref().map_or(0, |payload| payload.len() as u64);
        let key = HashKey::of_partition_key(&record.partition_key);
        self.counts.odd_hash_keys += u64::from(explicit.is_none() && record.explicit_hash_key.is_some());
        let bytes = record.partition_key.len() as u64 + payload_bytes;
        let entry = OrderEntry {
            shard,
            number,
            sub,
            arrived,
            record: id,
            key: key.0,
            hash: explicit.map_or(key, |(hash, _)| hash).0,
            bytes,
            lacks_time: false,
        };
        if let Err(error) = self.sorter.push(entry) {
            return Ok(Err(error));
        }
        self.counts.records += 1;
        self.counts.bytes += payload_bytes;
        Ok(Ok(()))
    }

    fn take_out(&mut self, record: u64) -> rusqlite::Result<()> {
        let id = record.cast_signed();
        let was_damaged = self.connection.prepare_cached("DELETE FROM passed_over WHERE record = ?1")?.execute([id])? > 0;
        let bytes: i64 = self
            .connection
            .prepare_cached("DELETE FROM record WHERE id = ?1 RETURNING coalesce(length(data), 0)")?
            .query_row([id], |row| row.get(0))?;
        self.gone.set(record);
        self.counts.superseded += 1;
        if was_damaged {
            self.counts.damaged -= 1;
        } else {
            self.counts.records -= 1;
            self.counts.bytes = self.counts.bytes.saturating_sub(bytes.cast_unsigned());
        }
        Ok(())
    }

    fn insert(&mut self, id: u64, shard: u32, record: &PlannedRecord, explicit: Option<&str>) -> rusqlite::Result<()> {
        let sql = "INSERT INTO record
            (id, checksum, partition_key, explicit_hash_key, sequence_number, sub_sequence_number, shard, arrival, data)
          VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        let sequence_number = record.sequence_number.as_ref().map_or("", SequenceNumber::as_str);
        let arrival = record.arrival.as_ref().map_or("", ArrivalTime::as_str);
        let data = record.payload.as_ref().ok();
        let sent = checksum::of_sent(id, &record.partition_key, explicit, data.map(Vec::as_slice));
        let origin = checksum::of_origin(id, sequence_number, record.shard_id.as_deref().unwrap_or_default(), arrival);
        self.connection.prepare_cached(sql)?.execute(params![
            id.cast_signed(),
            checksum::of_record(sent, origin),
            record.partition_key,
            explicit,
            sequence_number,
            record.sub_sequence_number.map(u64::cast_signed),
            shard,
            arrival,
            data,
        ])?;
        Ok(())
    }

    fn shard(&mut self, name: &str) -> rusqlite::Result<u32> {
        if let Some(shard) = self.shards.get(name) {
            return Ok(*shard);
        }
        let shard = u32::try_from(self.shards.len()).unwrap_or(u32::MAX);
        self.connection.execute("INSERT INTO shard (id, name) VALUES (?1, ?2)", params![shard, name])?;
        self.shards.insert(name.to_owned(), shard);
        Ok(shard)
    }

    /// Whether another process has asked to cancel it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn is_unwanted(&self) -> Result<bool, PlanError> {
        control::requested(&self.connection).map(|control| control.is_some()).map_err(|error| self.file.failed(&error))
    }

    /// Deletes the draft.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn discard(self) -> Result<(), PlanError> {
        let Self { file, connection, _hold: hold, .. } = self;
        drop((connection, hold));
        file.remove()
    }

    /// Sorts the records, which turns the draft into a plan. Also stores what reading has counted.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn finish(mut self, read: PlanCounts) -> Result<PlanFile, PlanError> {
        if let Err(error) = self.write_gathered() {
            let file = self.file.clone();
            drop(self);
            file.leave_nothing();
            return Err(error);
        }
        let Self { file, connection, _hold, sorter, mut counts, gone, limit, .. } = self;
        let PlanCounts { read, read_units, expired_left_out, aggregated, user_records, unsearchable, .. } = read;
        counts = PlanCounts { read, read_units, expired_left_out, aggregated, user_records, unsearchable, ..counts };
        let merged = sorter.finish().map_err(|error| PlanError::of_io(file.path(), &error))?;
        let write = || {
            let transaction = connection.unchecked_transaction()?;
            // If there are more records than asked for, only the last ones stay.
            let skipped = limit.map_or(0, |limit| counts.records.saturating_sub(limit));
            let mut queue = QueueWriter::new(&transaction);
            let mut passed = 0;
            let mut times = Times::default();
            for entry in merged {
                let entry = match entry {
                    Ok(entry) => entry,
                    Err(error) => return Ok(Err(error)),
                };
                if gone.get(entry.record) {
                    continue;
                }
                passed += 1;
                if passed > skipped {
                    queue.push(&entry)?;
                    times.add(&entry);
                }
            }
            queue.finish()?;
            times.write(&mut counts);
            if skipped > 0 {
                counts.superseded += skipped;
                counts.records -= skipped;
                counts.bytes = queued_bytes(&transaction, counts.records)?;
            }
            transaction.execute(
                "UPDATE replay SET state = ?1, counts = ?2, wish = NULL",
                params![PlanState::Planned.as_str(), counts_text(&counts)?],
            )?;
            schema::seal(&transaction)?;
            transaction.commit()?;
            // So that the file contains the whole plan without its log.
            schema::release_log(&connection)?;
            Ok(Ok(()))
        };
        let written: rusqlite::Result<io::Result<()>> = write();
        let written = written.map_err(|error| file.failed(&error));
        match written.and_then(|written| written.map_err(|error| PlanError::of_io(file.path(), &error))) {
            Ok(()) => Ok(file),
            Err(failure) => {
                drop((connection, _hold));
                file.leave_nothing();
                Err(failure)
            }
        }
    }
}

/// Arrival times for the order of the plan, also for records without a valid one.
#[derive(Debug, Default)]
struct Times {
    first: Option<i64>,
    last: Option<i64>,
    without: u64,
}

impl Times {
    /// Adds the next entry, in the order of the plan.
    fn add(&mut self, entry: &OrderEntry) {
        self.without += u64::from(entry.lacks_time);
        // If no record has a time, all count as arrived at 0.
        if entry.arrived > 0 {
            self.first = self.first.or(Some(entry.arrived));
            self.last = Some(entry.arrived);
        }
    }

    fn write(self, counts: &mut PlanCounts) {
        (counts.first_arrival, counts.last_arrival, counts.without_time) = (self.first, self.last, self.without);
    }
}

/// Payload bytes of queued records; skipped records stay in the file too.
fn queued_bytes(connection: &Connection, records: u64) -> rusqlite::Result<u64> {
    let mut bytes = 0;
    blocks::each_entry(connection, records, |entry| {
        let sql = "SELECT length(data) FROM record WHERE id = ?1";
        let length: i64 = connection.prepare_cached(sql)?.query_row([entry.record.cast_signed()], |row| row.get(0))?;
        bytes += length.cast_unsigned();
        Ok(true)
    })?;
    Ok(bytes)
}
