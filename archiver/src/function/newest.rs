//! Finds the newest record of each partition key in a batch. It unpacks aggregated records: otherwise an aggregate would replace
//! all earlier aggregates with the same key. Older records are dropped before any work is done for them.

use crate::format::aggregate::{Aggregate, UserRecord, may_be_aggregated};
use crate::format::payload::Data;
use crate::format::record::ArchivedRecord;
use crate::format::sequence::SequenceNumber;
use base64_simd::STANDARD;
use std::collections::HashMap;

/// The decoded payloads of records that may be aggregates, by position in the batch.
#[derive(Debug, Default)]
pub(crate) struct AggregatePayloads(HashMap<usize, Vec<u8>>);

/// The newest record of each partition key.
#[derive(Debug)]
pub(crate) struct NewestRecords<'r> {
    pub(crate) records: Vec<ArchivedRecord<'r>>,
    /// Delivered records; each user record of an aggregate counts.
    pub(crate) user_records: usize,
    /// User records that were left out.
    pub(crate) skipped: usize,
    older: HashMap<&'r str, Vec<&'r SequenceNumber>>,
}

/// A record, or a user record inside it.
#[derive(Clone, Copy, Debug)]
struct Candidate<'r> {
    record: &'r ArchivedRecord<'r>,
    user_record: Option<UserRecord<'r>>,
}

impl AggregatePayloads {
    pub(crate) fn of(records: &[ArchivedRecord<'_>]) -> Self {
        let payloads = records.iter().enumerate().filter_map(|(place, record)| match &record.data {
            Data::Text(text) if may_be_aggregated(text) => Some((place, STANDARD.decode_to_vec(text.as_bytes()).ok()?)),
            Data::Text(_) | Data::Bytes(_) => None,
        });
        Self(payloads.collect())
    }
}

impl<'r> NewestRecords<'r> {
    /// Finds the newest records, whatever their order, and leaves out those that `is_skipped` names.
    pub(crate) fn of(
        records: &'r [ArchivedRecord<'r>],
        payloads: &'r AggregatePayloads,
        is_skipped: impl Fn(&Data<'_>) -> bool,
    ) -> Self {
        let mut newest: HashMap<&str, Candidate<'_>> = HashMap::new();
        let mut found = Self { records: Vec::new(), user_records: 0, skipped: 0, older: HashMap::new() };
        let mut consider = |candidate: Candidate<'r>| {
            found.user_records += 1;
            if is_skipped(&candidate.data()) {
                found.skipped += 1;
                return;
            }
            let key = candidate.partition_key();
            match newest.get_mut(key) {
                Some(known) if known.version() >= candidate.version() => found.note_older(key, candidate),
                Some(known) => found.note_older(key, std::mem::replace(known, candidate)),
                None => {
                    newest.insert(key, candidate);
                }
            }
        };
        for (place, record) in records.iter().enumerate() {
            match payloads.0.get(&place).and_then(|payload| Aggregate::parse(payload)) {
                Some(aggregate) => {
                    let user_records = aggregate.user_records();
                    user_records.for_each(|user_record| consider(Candidate { record, user_record: Some(user_record) }));
                }
                None => consider(Candidate { record, user_record: None }),
            }
        }
        found.records = newest.into_values().map(Candidate::into_record).collect();
        found
    }

    /// Records that are dropped because the batch has a newer one of their key.
    pub(crate) fn superseded(&self) -> usize {
        self.user_records - self.skipped - self.records.len()
    }

    /// The numbers of a key's older records. If its newest record fails, none of them is archived. So they are delivered again too:
    /// when Lambda splits the batch and the failing record is in the other half, one of them is the newest.
    pub(crate) fn older_of(&self, partition_key: &str) -> impl Iterator<Item = &SequenceNumber> {
        self.older.get(partition_key).into_iter().flatten().copied()
    }

    fn note_older(&mut self, key: &'r str, candidate: Candidate<'r>) {
        self.older.entry(key).or_default().push(&candidate.record.sequence_number);
    }
}

impl<'r> Candidate<'r> {
    fn partition_key(&self) -> &'r str {
        self.user_record.map_or(self.record.partition_key.as_ref(), |user_record| user_record.partition_key)
    }

    fn version(&self) -> (&'r SequenceNumber, Option<u64>) {
        let place = self.user_record.map(|user_record| user_record.sub_sequence_number);
        (&self.record.sequence_number, place.or(self.record.sub_sequence_number))
    }

    fn data(&self) -> Data<'r> {
        match self.user_record {
            Some(user_record) => Data::Bytes(user_record.data.into()),
            None => self.record.data.borrowed(),
        }
    }

    fn into_record(self) -> ArchivedRecord<'r> {
        let (sequence_number, sub_sequence_number) = self.version();
        ArchivedRecord {
            partition_key: self.partition_key().into(),
            sequence_number: sequence_number.clone(),
            sub_sequence_number,
            data: self.data(),
            arrival: self.record.arrival.clone(),
            shard_id: self.record.shard_id.as_ref().into(),
        }
    }
}
