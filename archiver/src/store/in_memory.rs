//! Tables in memory, which obey DynamoDB's rules and fail on purpose: what the store's and the handler's rules are proved against.

use super::database::{
    BatchAnswer, Database, MAX_BATCH, Part, PartKey, Statement, StatementAnswer, StatementAnswers, StoredVersion, Verb, WriteUnits,
};
use crate::aws::failure::{AwsFailure, FailureKind};
use crate::format::item::{Attributes, Item, Stamp, StoredItem};
use crate::format::payload;
use crate::format::sequence::SequenceNumber;
use crate::format::settings::ArchiveMode;
use crate::format::table::{TableKeys, attribute, part_of};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Mutex;

/// What becomes of a call.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// Nothing is wrong.
    None,
    /// Nothing is written, and the call fails.
    Before(FailureKind),
    /// Everything is written, but the answer is lost.
    After,
    /// The writes at the places of the bits are left out, or fail alone.
    Some(u32),
}

/// The key of an item; the sequence number is empty in a table of mode LATEST.
type Key = (String, String);

#[derive(Debug)]
pub(crate) struct MemoryDatabase {
    pub(crate) tables: BTreeMap<String, TableKeys>,
    /// Whether the item is told when a condition fails; DynamoDB does, older emulators do not.
    pub(crate) tells_stored: bool,
    pub(crate) state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) items: BTreeMap<String, BTreeMap<Key, Attributes>>,
    pub(crate) parts: BTreeMap<(String, usize), String>,
    /// Taken from the front, one a call.
    pub(crate) faults: VecDeque<Fault>,
    /// Numbers whose items are never taken, and make the whole call be refused.
    pub(crate) refused: HashSet<String>,
    /// How often the items of these numbers are left out.
    pub(crate) throttled: HashMap<String, usize>,
    /// Calls by name.
    pub(crate) calls: BTreeMap<&'static str, usize>,
    /// Answers that were lost after the write.
    pub(crate) lost_answers: usize,
}

pub(crate) fn failure(kind: FailureKind) -> AwsFailure {
    AwsFailure { kind, message: "on purpose".to_owned() }
}

impl MemoryDatabase {
    pub(crate) fn with(tables: &[(&str, ArchiveMode)]) -> Self {
        let archives = tables.iter().map(|(name, mode)| ((*name).to_owned(), TableKeys::of_mode(*mode)));
        let parts = ("orders-archive-parts".to_owned(), TableKeys::of_parts());
        Self { tables: archives.chain([parts]).collect(), tells_stored: true, state: Mutex::default() }
    }

    /// The payloads of a table's items by their keys, parts put together.
    pub(crate) fn payloads(&self, table: &str) -> BTreeMap<Key, Vec<u8>> {
        let state = self.state.lock().unwrap();
        let items = state.items.get(table).cloned().unwrap_or_default();
        let mode = self.mode_of(table);
        items.into_iter().map(|(key, item)| (key, state.payload(mode, item))).collect()
    }

    /// Parts that belong to no item.
    pub(crate) fn orphans(&self, table: &str) -> Vec<(String, usize)> {
        let state = self.state.lock().unwrap();
        let items = state.items.get(table).into_iter().flat_map(|items| items.values().cloned());
        let split: HashSet<String> = items
            .map(StoredItem::from_attributes)
            .filter(|item| item.parts.is_some())
            .map(|item| part_of(self.mode_of(table), &item.sequence_number.unwrap(), item.sub_sequence_number))
            .collect();
        state.parts.keys().filter(|(part_of, _)| !split.contains(part_of)).cloned().collect()
    }

    fn mode_of(&self, table: &str) -> ArchiveMode {
        if self.tables[table].range.is_some() { ArchiveMode::All } else { ArchiveMode::Latest }
    }

    pub(crate) fn calls(&self, name: &str) -> usize {
        self.state.lock().unwrap().calls.get(name).copied().unwrap_or_default()
    }

    /// Runs a call's writes as its fault allows. `write` makes the one at a place and answers for it; `left_out` answers for one
    /// that is not made.
    fn call<W, A>(
        &self,
        name: &'static str,
        writes: &[W],
        number_of: impl Fn(&W) -> Option<String>,
        write: impl Fn(&mut State, &W) -> A,
        left_out: impl Fn(usize) -> A,
    ) -> Result<Vec<A>, AwsFailure> {
        assert!(!writes.is_empty() && writes.len() <= MAX_BATCH, "{} writes in one call", writes.len());
        let mut state = self.state.lock().unwrap();
        *state.calls.entry(name).or_default() += 1;
        let numbers: Vec<Option<String>> = writes.iter().map(number_of).collect();
        if numbers.iter().flatten().any(|number| state.refused.contains(number)) {
            return Err(failure(FailureKind::Refused));
        }
        let fault = state.faults.pop_front().unwrap_or(Fault::None);
        if let Fault::Before(kind) = fault {
            return Err(failure(kind));
        }
        let mask = if let Fault::Some(mask) = fault { mask } else { 0 };
        let mut answers = Vec::new();
        for (place, (one, number)) in writes.iter().zip(numbers).enumerate() {
            let throttled = number.and_then(|number| state.throttled.get_mut(&number)).filter(|left| **left > 0);
            let is_throttled = throttled.map(|left| *left -= 1).is_some();
            let is_left_out = is_throttled || mask & (1 << place) != 0;
            answers.push(if is_left_out { left_out(place) } else { write(&mut state, one) });
        }
        if matches!(fault, Fault::After) {
            state.lost_answers += 1;
            return Err(failure(FailureKind::Network));
        }
        Ok(answers)
    }

    fn batch<W>(
        &self,
        name: &'static str,
        writes: &[W],
        number_of: impl Fn(&W) -> Option<String>,
        write: impl Fn(&mut State, &W),
    ) -> Result<BatchAnswer, AwsFailure> {
        let write = |state: &mut State, one: &W| {
            write(state, one);
            None
        };
        let left_out = self.call(name, writes, number_of, write, Some)?;
        let unprocessed: Vec<usize> = left_out.into_iter().flatten().collect();
        let write_units = (writes.len() - unprocessed.len()) as f64;
        Ok(BatchAnswer { unprocessed, write_units })
    }
}

impl State {
    fn payload(&self, mode: ArchiveMode, item: Attributes) -> Vec<u8> {
        let item = StoredItem::from_attributes(item);
        assert_eq!(item.problems, Vec::<String>::new());
        let whole = item.data.unwrap();
        let text = match item.parts {
            None => whole,
            Some(parts) => {
                let part_of = part_of(mode, &item.sequence_number.unwrap(), item.sub_sequence_number);
                (0..parts as usize).map(|part| self.parts[&(part_of.clone(), part)].as_str()).collect()
            }
        };
        payload::restore(&text, item.encoding.as_deref()).unwrap()
    }

    fn stored(&self, table: &str, key: &Key) -> Option<StoredVersion> {
        let item = self.items.get(table)?.get(key)?;
        let text = |name: &str| item.get(name).and_then(|value| value.as_s().or_else(|_| value.as_n()).ok()).map(String::as_str);
        let [parts, place] = [attribute::RECORD_PARTS, attribute::SUB_SEQUENCE_NUMBER].map(text);
        Some(StoredVersion::new(text(attribute::SEQUENCE_NUMBER), place, parts))
    }

    fn put(&mut self, table: &str, key: Key, item: &Item<'_>, stamp: &Stamp) {
        self.items.entry(table.to_owned()).or_default().insert(key, item.to_attributes(stamp));
    }
}

/// Whether a version is older in the terms of the requests' conditions, which know texts and their lengths only.
fn is_older_as_text(stored: &StoredVersion, item: &Item<'_>) -> bool {
    let number = item.sequence_number.as_str();
    stored.sequence_number.as_ref().map(SequenceNumber::as_str).is_some_and(|text| {
        let is_later_in_aggregate = item.sub_sequence_number.is_some() && stored.sub_sequence_number < item.sub_sequence_number;
        text.len() < item.sequence_number.significant().len()
            || (text.len() == number.len() && text < number)
            || (text == number && is_later_in_aggregate)
    })
}

fn number(item: &Item<'_>) -> Option<String> {
    Some(item.sequence_number.to_string())
}

fn latest_key(item: &Item<'_>) -> Key {
    (item.partition_key.to_string(), String::new())
}

impl Database for &MemoryDatabase {
    async fn table_keys(&self, table: &str) -> Result<Option<TableKeys>, AwsFailure> {
        Ok(self.tables.get(table).cloned())
    }

    async fn put_items(&self, table: &str, items: &[&Item<'_>], stamp: &Stamp) -> Result<BatchAnswer, AwsFailure> {
        let key = |item: &Item<'_>| (item.partition_key.to_string(), item.sequence_number.to_string());
        let keys: HashSet<Key> = items.iter().map(|item| key(item)).collect();
        assert_eq!(keys.len(), items.len(), "DynamoDB refuses a batch that names a key twice");
        self.batch("put_items", items, |item| number(item), |state, item| state.put(table, key(item), item, stamp))
    }

    async fn put_parts(&self, _table: &str, parts: &[Part<'_>], _stamp: &Stamp) -> Result<BatchAnswer, AwsFailure> {
        let put = |state: &mut State, part: &Part<'_>| {
            state.parts.insert((part.key.part_of.to_owned(), part.key.part), part.text.to_owned());
        };
        self.batch("put_parts", parts, |_| None, put)
    }

    async fn delete_parts(&self, _table: &str, parts: &[PartKey<'_>]) -> Result<BatchAnswer, AwsFailure> {
        let delete = |state: &mut State, part: &PartKey<'_>| {
            state.parts.remove(&(part.part_of.to_owned(), part.part));
        };
        self.batch("delete_parts", parts, |_| None, delete)
    }

    async fn execute(&self, table: &str, statements: &[Statement<'_>], stamp: &Stamp) -> Result<StatementAnswers, AwsFailure> {
        let keys: HashSet<Key> = statements.iter().map(|statement| latest_key(statement.item)).collect();
        assert_eq!(keys.len(), statements.len(), "DynamoDB refuses statements of one key");
        let execute = |state: &mut State, statement: &Statement<'_>| {
            let key = latest_key(statement.item);
            let stored = state.stored(table, &key);
            let told = stored.clone().filter(|_| self.tells_stored);
            match (statement.verb, stored) {
                (Verb::Insert, Some(_)) => return StatementAnswer::Duplicate,
                (Verb::Insert, None) => {}
                (Verb::ReplaceWhole | Verb::ReplaceAny, None) => return StatementAnswer::ConditionFailed { stored: None },
                (verb, Some(stored)) => {
                    if !is_older_as_text(&stored, statement.item) || (verb == Verb::ReplaceWhole && stored.parts > 0) {
                        return StatementAnswer::ConditionFailed { stored: told };
                    }
                    state.put(table, key, statement.item, stamp);
                    return StatementAnswer::Written { replaced: Some(stored).filter(|_| verb == Verb::ReplaceAny) };
                }
            }
            state.put(table, key, statement.item, stamp);
            StatementAnswer::Written { replaced: None }
        };
        let left_out = |place: usize| {
            let kinds = [FailureKind::Throttled, FailureKind::Service, FailureKind::Network];
            StatementAnswer::Failed(failure(kinds[place % kinds.len()]))
        };
        let answers = self.call("execute", statements, |statement| number(statement.item), execute, left_out)?;
        let write_units = answers.len() as f64;
        Ok(StatementAnswers { answers, write_units })
    }

    async fn put_if_newest(
        &self,
        table: &str,
        item: &Item<'_>,
        over: Option<&SequenceNumber>,
        stamp: &Stamp,
    ) -> Result<(StatementAnswer, WriteUnits), AwsFailure> {
        let is_over = |stored: &StoredVersion, over: &SequenceNumber| {
            let is_later_in_aggregate = *over != item.sequence_number || stored.sub_sequence_number < item.sub_sequence_number;
            stored.sequence_number.as_ref().is_some_and(|number| number.as_str() == over.as_str()) && is_later_in_aggregate
        };
        let put = |state: &mut State, item: &&Item<'_>| {
            let key = latest_key(item);
            let stored = state.stored(table, &key);
            let holds = match (&stored, over) {
                (None, over) => over.is_none(),
                (Some(stored), None) => is_older_as_text(stored, item),
                (Some(stored), Some(over)) => is_over(stored, over),
            };
            if !holds {
                return StatementAnswer::ConditionFailed { stored: stored.filter(|_| self.tells_stored) };
            }
            state.put(table, key, item, stamp);
            StatementAnswer::Written { replaced: stored }
        };
        let throttled = |_| StatementAnswer::Failed(failure(FailureKind::Throttled));
        let mut answers = self.call("put_if_newest", &[item], |item| number(item), put, throttled)?;
        match answers.pop() {
            Some(StatementAnswer::Failed(failure)) => Err(failure),
            answer => Ok((answer.unwrap(), 1.0)),
        }
    }

    async fn stored_version(&self, table: &str, keys: &TableKeys, item: &Item<'_>) -> Result<Option<StoredVersion>, AwsFailure> {
        let range = keys.range.as_ref().map(|_| item.sequence_number.to_string()).unwrap_or_default();
        let key = (item.partition_key.to_string(), range);
        let read = |state: &mut State, (): &()| Ok(state.stored(table, &key));
        let mut answers = self.call("stored_version", &[()], |()| None, read, |_| Err(failure(FailureKind::Throttled)))?;
        answers.pop().unwrap()
    }
}

/// The attribute names of an item.
pub(crate) fn names(item: &Attributes) -> Vec<&str> {
    let mut names: Vec<&str> = item.keys().map(String::as_str).filter(|name| *name != attribute::LAST_UPDATE).collect();
    names.sort_unstable();
    names
}
