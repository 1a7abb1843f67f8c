mod damage;
mod race;

use super::*;
use crate::domain::filter::RecordFilter;
use crate::domain::reading::{ArchiveSource, Source};
use crate::domain::replay::hash_key::HashKey;
use crate::domain::replay::hash_key::tests::even;
use crate::domain::replay::lanes::QueuedRecord;
use crate::domain::replay::plan::{Control, PlanCounts, PlanId, PlanState, PlanSummary, TraceEnd};
use crate::domain::replay::timing::{Schedule, between};
use crate::domain::replay::{Matching, ReplayOptions, ReplayOrder, Selection};
use archiver::format::record::ArrivalTime;
use archiver::format::sequence::SequenceNumber;
use archiver::format::settings::ArchiveMode;
use archiver::format::stream::StreamName;
use jiff::Timestamp;
use proptest::prelude::*;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use tempfile::TempDir;

fn order(matching: Matching) -> ReplayOrder {
    let stream = StreamName::parse("orders").unwrap();
    let archive =
        ArchiveSource { stream: stream.clone(), table: "orders-archive-ALL".to_owned(), mode: ArchiveMode::All, about_bytes: 0 };
    ReplayOrder {
        source: Source::Archive(archive),
        stream: Some(stream),
        selection: Selection::Matching(matching),
        include_expired: false,
        keep_aggregated: false,
        target: StreamName::parse("orders-replay").unwrap(),
        options: ReplayOptions::default(),
    }
}

pub(super) fn everything() -> Matching {
    Matching { filter: RecordFilter::default(), ..Matching::default() }
}

pub(super) fn record(key: &str, number: u64, arrival: u64) -> PlannedRecord {
    PlannedRecord {
        partition_key: key.to_owned(),
        explicit_hash_key: None,
        sequence_number: SequenceNumber::parse(number.to_string()).ok(),
        sub_sequence_number: None,
        shard_id: Some("shardId-000000000000".to_owned()),
        arrival: ArrivalTime::parse(&arrival.to_string()).ok(),
        payload: Ok(number.to_string().into_bytes()),
    }
}

pub(super) fn planned(folder: &TempDir, matching: Matching, records: Vec<PlannedRecord>) -> PlanFile {
    let plans = Plans::in_folder(folder.path());
    let order = order(matching);
    let wanted = DraftOrder { order: &order, source: "orders-archive-ALL", target_arn: "arn:aws:kinesis", now: Timestamp::now() };
    let mut draft = Draft::begin(&plans, wanted).unwrap();
    records.into_iter().for_each(|record| draft.add(record).unwrap());
    draft.finish(PlanCounts { read: 7, ..PlanCounts::default() }).unwrap()
}

pub(super) fn queue(file: &PlanFile) -> Vec<QueuedRecord> {
    QueueReader::open(file).unwrap().next_for(&even(1), 0, usize::MAX).unwrap()
}

fn numbers(file: &PlanFile) -> Vec<String> {
    let reader = QueueReader::open(file).unwrap();
    reader.load(&queue(file), true).unwrap().into_iter().map(|record| record.unwrap().origin.sequence_number).collect()
}

/// Begins a run of the plan as it is now.
pub(super) fn begun(file: &PlanFile) -> Result<(Journal, PlanSummary), PlanError> {
    Journal::begin(file, Timestamp::now(), &file.summary()?, None)
}

#[test]
fn a_plan_holds_its_records_in_order_and_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let mut odd = record("東京", 10, 30);
    odd.explicit_hash_key = Some("170141183460469231731687303715884105728".to_owned());
    odd.sub_sequence_number = Some(3);
    odd.payload = Ok((0..=u8::MAX).collect());
    let file = planned(&folder, everything(), vec![odd, record("cust-2", 9, 20), record("cust-1", 8, 10)]);
    assert_eq!(numbers(&file), ["8", "9", "10"]);
    let last = queue(&file)[2];
    assert_eq!(last.hash, HashKey(1 << 63), "what the producer gave decides the shard");
    assert_eq!(last.bytes, "東京".len() as u64 + 256);
    let loaded = QueueReader::open(&file).unwrap().load(&[last], true).unwrap().remove(0).unwrap();
    assert_eq!((loaded.partition_key.as_str(), loaded.origin.arrival.as_str()), ("東京", "30"));
    assert_eq!(loaded.data, (0..=u8::MAX).collect::<Vec<_>>());
    let summary = file.summary().unwrap();
    assert_eq!((summary.state, summary.counts.records, summary.counts.read), (PlanState::Planned, 3, 7));
    assert_eq!(summary.counts.bytes, 256 + 2);
    assert_eq!((summary.counts.first_arrival, summary.counts.last_arrival), (Some(10_000), Some(30_000)));
    assert!(summary.is_everything);
}

#[test]
fn a_hash_key_of_a_producer_is_stored_as_kinesis_takes_it() {
    let folder = tempfile::tempdir().unwrap();
    let with_hash = |number: u64, digits: &str| PlannedRecord {
        explicit_hash_key: Some(digits.to_owned()),
        ..record(&format!("cust-{number}"), number, number)
    };
    let too_large = "340282366920938463463374607431768211456";
    let records = vec![with_hash(1, "00"), with_hash(2, "007"), with_hash(3, too_large), with_hash(4, "seven")];
    let file = planned(&folder, everything(), records);
    let loaded = QueueReader::open(&file).unwrap().load(&queue(&file), true).unwrap();
    let hashes: Vec<Option<String>> = loaded.into_iter().map(|record| record.unwrap().explicit_hash_key).collect();
    assert_eq!(hashes, [Some("0".to_owned()), Some("7".to_owned()), None, None]);
    assert_eq!(file.summary().unwrap().counts.odd_hash_keys, 2);
}

#[test]
fn what_has_no_time_counts_as_arrived_with_its_neighbour() {
    let at = |arrival: Option<&str>, number: u64, shard: u64| PlannedRecord {
        arrival: arrival.map(|text| ArrivalTime::parse(text).unwrap()),
        shard_id: Some(format!("shardId-{shard:012}")),
        ..record(&format!("cust-{number}"), number, 1)
    };
    // No time, the time 0, or seconds stored as milliseconds: at the beginning, in the middle and at the end of a shard, and in a
    // whole shard.
    let records = vec![
        at(None, 1, 0),
        at(Some("0"), 2, 0),
        at(Some("1545084650.5"), 3, 0),
        at(Some("1545084650500"), 4, 0),
        at(Some("1545084660"), 5, 0),
        at(None, 6, 0),
        at(None, 7, 1),
        at(Some("1545084655"), 8, 2),
    ];
    let folder = tempfile::tempdir().unwrap();
    let file = planned(&folder, everything(), records);
    let (first, last) = (1_545_084_650_500, 1_545_084_660_000);
    let arrived: BTreeMap<String, i64> =
        numbers(&file).into_iter().zip(queue(&file)).map(|(number, entry)| (number, entry.arrived)).collect();
    let of_first_shard: Vec<i64> = ["1", "2", "3", "4", "5", "6"].iter().map(|number| arrived[*number]).collect();
    assert_eq!(of_first_shard, [first, first, first, first, last, last]);
    // Its keys may have come from the first one.
    assert!([first, last].contains(&arrived["7"]), "{arrived:?}");
    let counts = file.summary().unwrap().counts;
    assert_eq!((counts.first_arrival, counts.last_arrival, counts.without_time), (Some(first), Some(last), 5));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// A replay as recorded waits as long in total as its plan says, whatever the times are.
    #[test]
    fn as_recorded_takes_as_long_as_the_plan_says(
        times in proptest::collection::vec(
            (prop_oneof![Just(None), Just(Some(0)), (1..4_000_000_000_u64).prop_map(Some), any::<u64>().prop_map(Some)], 0..4_u64),
            1..60,
        ),
        factor in 0.01..1_000.0,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let record = |((time, shard), number): (&(Option<u64>, u64), u64)| PlannedRecord {
            arrival: time.map(|time| ArrivalTime::parse(&time.to_string()).unwrap()),
            shard_id: Some(format!("shardId-{shard:012}")),
            ..record(&format!("cust-{}", number % 5), number, 1)
        };
        let file = planned(&folder, everything(), times.iter().zip(1..).map(record).collect());
        let counts = file.summary().unwrap().counts;
        let said = between(counts.first_arrival.unwrap_or(0), counts.last_arrival.unwrap_or(0), factor);
        let entries = queue(&file);
        let first_arrival = entries.iter().map(|entry| entry.arrived).min().unwrap();
        let schedule = Schedule { first_arrival, begins: Duration::ZERO, factor };
        let due: Vec<Duration> = entries.iter().map(|entry| schedule.due(entry.arrived)).collect();
        prop_assert_eq!((due[0], due.iter().max().copied()), (Duration::ZERO, Some(said)));
        prop_assert!(due.is_sorted(), "{due:?}");
        // Times in the future do not count.
        prop_assert!(said <= between(0, Timestamp::now().as_millisecond() + 86_400_000, factor));
    }
}

#[test]
fn what_cannot_be_put_is_listed_and_is_not_queued() {
    let folder = tempfile::tempdir().unwrap();
    let damaged = PlannedRecord { payload: Err("its item has no recordData".to_owned()), ..record("cust-1", 5, 5) };
    let without_key = record("", 6, 6);
    let file = planned(&folder, everything(), vec![damaged, without_key, record("cust-1", 7, 7)]);
    assert_eq!(numbers(&file), ["7"]);
    let reasons: Vec<String> = file.passed_over(10).unwrap().into_iter().map(|record| record.reason).collect();
    assert_eq!(reasons, ["its item has no recordData", "its item has no partition key"]);
    assert_eq!(file.summary().unwrap().counts.damaged, 2);
}

#[test]
fn the_newest_are_kept_and_the_rest_counted() {
    let folder = tempfile::tempdir().unwrap();
    let records = [5, 1, 4, 2, 3].map(|number| record(&format!("cust-{number}"), number, number)).to_vec();
    let file = planned(&folder, Matching { limit: Some(2), ..everything() }, records);
    assert_eq!(numbers(&file), ["4", "5"]);
    let counts = file.summary().unwrap().counts;
    assert_eq!((counts.records, counts.superseded, counts.bytes), (2, 3, 2));
    assert_eq!((counts.first_arrival, counts.last_arrival), (Some(4_000), Some(5_000)), "only records that are kept count");
}

#[test]
fn the_state_is_the_last_record_of_each_key_by_number() {
    let folder = tempfile::tempdir().unwrap();
    let records = [("cust-1", 9), ("cust-2", 3), ("cust-1", 10), ("cust-2", 2), ("cust-1", 8), ("cust-3", 1)];
    let records = records.map(|(key, number)| record(key, number, 100 - number)).to_vec();
    let at = Some(Timestamp::UNIX_EPOCH);
    let file = planned(&folder, Matching { state_as_of: at, ..everything() }, records.clone());
    assert_eq!(numbers(&file), ["1", "3", "10"]);
    assert_eq!(file.summary().unwrap().counts.superseded, 3);
    let newest = planned(&folder, Matching { state_as_of: at, limit: Some(1), ..everything() }, records);
    assert_eq!(numbers(&newest), ["10"]);
    assert_eq!(newest.summary().unwrap().counts.bytes, 2);
}

pub(super) fn receipt(entry: &QueuedRecord) -> Receipt {
    Receipt {
        position: entry.position,
        record: entry.record,
        shard_id: "shardId-000000000007".to_owned(),
        sequence_number: format!("49{}", entry.position),
        payload_bytes: 1,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_says_what_is_left_and_what_nobody_knows() {
    let folder = tempfile::tempdir().unwrap();
    let records = (1..=6).map(|number| record(&format!("cust-{number}"), number, number)).collect();
    let file = planned(&folder, everything(), records);
    let entries = queue(&file);
    let planned = file.summary().unwrap();
    let (journal, _) = begun(&file).unwrap();
    let second = Journal::begin(&file, Timestamp::now(), &planned, None).unwrap_err();
    let who = format!("process {}", std::process::id());
    assert!(matches!(second, PlanError::Busy(..)) && second.to_string().ends_with(&who), "one process at a time: {second}");
    assert_eq!(file.summary().unwrap().state, PlanState::Running);
    let pen = journal.pen();
    pen.sending(1, vec![0, 1]).await.unwrap();
    pen.sending(2, vec![2, 3]).await.unwrap();
    let settled = Settled {
        receipts: vec![receipt(&entries[0])],
        passed_over: vec![Refusal { position: 1, record: entries[1].record, reason: "it is too large".to_owned() }],
        throttled_puts: 4,
        ..Settled::default()
    };
    pen.settled(1, settled).await.unwrap();
    // The process ends without a word.
    drop(pen);
    drop(journal);
    let summary = eventually_at_rest(&file);
    assert_eq!(
        (summary.state, summary.acknowledged, summary.passed_over, summary.throttled_puts),
        (PlanState::Interrupted, 1, 1, 4)
    );
    assert_eq!(summary.left(), 4);

    let (journal, plan) = begun(&file).unwrap();
    assert_eq!(plan.maybe_repeated, 2, "those of the batch that may have arrived");
    let left: Vec<u64> = queue(&file).iter().map(|entry| entry.position).collect();
    assert_eq!(left, [2, 3, 4, 5]);
    journal.end(RunEnd { state: PlanState::Failed, reason: Some("no network".to_owned()) }).await.unwrap();
    let summary = file.summary().unwrap();
    assert_eq!((summary.state, summary.reason(), summary.runs.len()), (PlanState::Failed, Some("no network"), 2));
    assert_eq!((summary.maybe_repeated, summary.runs[0].ending, summary.runs[1].maybe_repeated), (2, None, 2));

    let mut traces = Vec::new();
    file.traces(None, |trace| {
        traces.push((trace.sequence_number, trace.end));
        true
    })
    .unwrap();
    assert_eq!(traces.len(), 6);
    let acknowledged = TraceEnd::Acknowledged { shard_id: "shardId-000000000007".to_owned(), sequence_number: "490".to_owned() };
    assert_eq!(traces[0], ("1".to_owned(), acknowledged.clone()));
    assert_eq!(traces[1], ("2".to_owned(), TraceEnd::PassedOver("it is too large".to_owned())));
    assert_eq!(traces[2], ("3".to_owned(), TraceEnd::Waiting));
    let mut of_one = Vec::new();
    file.traces(Some("1"), |trace| {
        of_one.push(trace.end);
        true
    })
    .unwrap();
    assert_eq!(of_one, [acknowledged]);
    assert_eq!(file.latest_receipts(1).unwrap()[0].sequence_number, "2");
}

/// The summary once the journal's thread has released the file.
fn eventually_at_rest(file: &PlanFile) -> PlanSummary {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let summary = file.summary().unwrap();
        if !summary.state.is_at_work() {
            return summary;
        }
        assert!(std::time::Instant::now() < deadline, "the file is never released");
        std::thread::yield_now();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_process_can_ask_for_an_end() {
    let folder = tempfile::tempdir().unwrap();
    let file = planned(&folder, everything(), vec![record("cust-1", 1, 1)]);
    let (journal, _) = begun(&file).unwrap();
    assert_eq!(file.control(Control::Pause).unwrap(), PlanState::Running);
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    while journal.control() != Some(Control::Pause) {
        assert!(tokio::time::Instant::now() < deadline);
        tokio::task::yield_now().await;
    }
    journal.end(RunEnd { state: PlanState::Paused, reason: None }).await.unwrap();
    assert_eq!(file.control(Control::Cancel).unwrap(), PlanState::Paused);
    assert_eq!(file.summary().unwrap().state, PlanState::Cancelled, "without a process it is cancelled at once");
}

#[test]
fn files_are_found_by_the_beginning_of_their_names_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let plans = Plans::in_folder(folder.path().join("new"));
    assert!(plans.list().unwrap().is_empty(), "a missing folder is empty");
    let plans = Plans::in_folder(folder.path());
    let file = planned(&folder, everything(), vec![record("cust-1", 1, 1)]);
    let beginning = PlanId::parse(&file.id().as_str()[..4]).unwrap();
    assert_eq!(plans.find(&beginning).unwrap().id(), file.id());
    std::fs::write(folder.path().join("zz.replay"), "not ours").unwrap();
    std::fs::write(folder.path().join("abc.replay"), "no database").unwrap();
    let all = plans.list().unwrap();
    assert_eq!(all.len(), 2);
    let broken = all.iter().find(|(id, _)| id.as_str() == "abc").unwrap();
    assert!(broken.1.as_ref().unwrap_err().to_string().contains("abc.replay"), "{:?}", broken.1);
    file.remove().unwrap();
    assert!(matches!(plans.find(file.id()), Err(PlanError::Missing(_))));
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 2, "nothing of it is left");
}

#[test]
fn a_draft_that_is_dropped_is_known_as_unplanned_and_one_discarded_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let plans = Plans::in_folder(folder.path());
    let order = order(everything());
    let wanted = DraftOrder { order: &order, source: "orders-archive-ALL", target_arn: "arn", now: Timestamp::now() };
    let draft = Draft::begin(&plans, wanted).unwrap();
    let file = draft.file().clone();
    assert_eq!(file.summary().unwrap().state, PlanState::Planning);
    drop(draft);
    assert_eq!(file.summary().unwrap().state, PlanState::Unplanned);
    Draft::begin(&plans, wanted).unwrap().discard().unwrap();
    assert_eq!(plans.list().unwrap().len(), 1);
}

/// An empty draft in a folder.
pub(super) fn drafted(plans: &Plans) -> Draft {
    let order = order(everything());
    Draft::begin(plans, DraftOrder { order: &order, source: "orders-archive-ALL", target_arn: "arn", now: Timestamp::now() })
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// However the shards change, each record is handed out once, and the records of a key in the plan's order.
    #[test]
    fn the_queue_hands_out_each_record_once_and_keys_in_order(
        keys in proptest::collection::vec(0..40_u32, 0..300),
        steps in proptest::collection::vec((1..9_u32, 0..8_usize, 1..40_usize), 1..60),
        settled in proptest::collection::vec(proptest::bool::weighted(0.2), 300),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let records = keys.iter().zip(1_u64..).map(|(key, number)| record(&format!("cust-{key}"), number, number)).collect();
        let file = planned(&folder, everything(), records);
        let all = queue(&file);
        let done: Vec<Receipt> = all.iter().filter(|entry| settled[usize::try_from(entry.position).unwrap()]).map(receipt).collect();
        let left = all.len() - done.len();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (journal, _) = begun(&file).unwrap();
            journal.pen().settled(1, Settled { receipts: done, ..Settled::default() }).await.unwrap();
            journal.end(RunEnd { state: PlanState::Paused, reason: None }).await.unwrap();
        });
        let mut reader = QueueReader::open(&file).unwrap();
        let mut handed_out = Vec::new();
        for (shards, place, limit) in steps {
            let map = even(shards);
            handed_out.extend(reader.next_for(&map, place % map.len(), limit).unwrap());
        }
        handed_out.extend(reader.next_for(&even(1), 0, usize::MAX).unwrap());
        let mut each: HashMap<u64, usize> = HashMap::new();
        let mut of_key: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        for entry in &handed_out {
            *each.entry(entry.position).or_default() += 1;
            of_key.entry(entry.key).or_default().push(entry.position);
        }
        prop_assert_eq!(handed_out.len(), left);
        prop_assert!(each.values().all(|times| *times == 1));
        prop_assert!(each.keys().all(|position| !settled[usize::try_from(*position).unwrap()]));
        for positions in of_key.values() {
            prop_assert!(positions.is_sorted(), "{:?}", positions);
        }
    }
}
