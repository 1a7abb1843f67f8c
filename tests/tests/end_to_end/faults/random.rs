//! Random records, batches, orders and faults, with the real binary and database. Once nothing fails any more, ALL has exactly the
//! records that were put, and LATEST the newest of each key. A seed determines each case, except for concurrency.

use super::{Scene, numbers_in};
use archiver::format::aggregate::aggregate;
use archiver::format::settings::ArchiveMode;
use end_to_end::archive::Archive;
use end_to_end::event::{ReadRecord, event_of, noise};
use end_to_end::fault_proxy::{Call, Fault, Kind, Refusal};
use end_to_end::function::TIME_LIMIT;
use fastrand::Rng;
use futures::StreamExt as _;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Mutex;
use std::time::Duration;

/// Cases at the same time; they mostly wait.
const CASES_AT_ONCE: usize = 3;
/// Faults end after this many deliveries of a batch.
const FAULTY_DELIVERIES: usize = 3;
/// After this many of them, failures are reported soon.
const SHORT: Duration = Duration::from_millis(1_500);

/// A user record or an ordinary record: key and payload.
type Put = (String, Vec<u8>);

/// A record of the stream, and its user records if it is aggregated.
struct Record {
    read: ReadRecord,
    user_records: Option<Vec<Put>>,
}

struct Case {
    seed: u64,
    mode: ArchiveMode,
    compresses: bool,
    has_faults: bool,
    records: Vec<Record>,
    batches: Vec<Vec<usize>>,
}

/// Names the case of a failing test.
struct Named(u64, ArchiveMode);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {} of mode {}", self.0, self.1);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_put_and_whatever_fails_all_is_what_was_put() {
    run_all(ArchiveMode::All, 100..120).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_put_and_whatever_fails_latest_is_the_newest_of_each_key() {
    run_all(ArchiveMode::Latest, 200..220).await;
}

async fn run_all(mode: ArchiveMode, seeds: Range<u64>) {
    let cases = seeds.map(|seed| async move {
        let _named = Named(seed, mode);
        Case::of(mode, seed).run().await;
    });
    futures::stream::iter(cases).buffer_unordered(CASES_AT_ONCE).collect::<()>().await;
}

fn key(random: &mut Rng) -> String {
    format!("cust-{}", random.u8(0..6))
}

fn small(random: &mut Rng) -> Vec<u8> {
    let length = random.usize(0..30);
    (0..length).map(|_| random.u8(..)).collect()
}

fn payload(random: &mut Rng) -> Vec<u8> {
    match random.u8(0..35) {
        // Too large for an item, with two parts or three.
        0 => noise(random.usize(310_000..800_000), random.u64(..)),
        1 => vec![b'x'; random.usize(310_000..500_000)],
        2..8 => vec![b'x'; random.usize(100..2_000)],
        _ => small(random),
    }
}

impl Case {
    fn of(mode: ArchiveMode, seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        // Some grow a digit on the way.
        let first = *random.choice(&[1_u128, 85, 10_u128.pow(30) - 20, 10_u128.pow(38)]).expect("one of them");
        let count = random.usize(1..60);
        let records = (0..count).map(|place| Record::of(&mut random, &(first + place as u128).to_string())).collect::<Vec<_>>();
        let mut deliveries: Vec<usize> = (0..count).collect();
        let again = random.usize(0..count.min(10));
        deliveries.extend((0..again).map(|_| random.usize(0..count)).collect::<Vec<_>>());
        if random.u8(0..3) == 0 {
            random.shuffle(&mut deliveries);
        }
        let batches = deliveries.chunks(random.usize(5..40)).map(<[usize]>::to_vec).collect();
        let (compresses, has_faults) = (random.bool(), random.u8(0..5) > 0);
        Self { seed, mode, compresses, has_faults, records, batches }
    }

    async fn run(&self) {
        let scene = Scene::with_parts(self.mode).await;
        if self.compresses {
            scene.stream.tag(&[("ArchiveCompression", "gzip")]).await;
        }
        let function = scene.function().await;
        for batch in &self.batches {
            let mut rest = batch.clone();
            for delivery in 0.. {
                let is_faulty = self.has_faults && delivery < FAULTY_DELIVERIES;
                let time_limit = if is_faulty { SHORT } else { TIME_LIMIT };
                if is_faulty {
                    scene.dynamodb.follow(faults(self.seed + delivery as u64));
                } else {
                    scene.dynamodb.heal();
                }
                let records: Vec<ReadRecord> = rest.iter().map(|place| self.records[*place].read.clone()).collect();
                let answer = function.invoke_within(&event_of(&scene.stream, &records), time_limit).await;
                // After an error the whole batch comes again, otherwise records from the lowest failed number.
                let failed = match answer.map(|answer| numbers_in(&answer)) {
                    Ok(failed) => failed.expect("an answer's numbers"),
                    Err(_) if is_faulty => continue,
                    Err(error) => panic!("seed {}: {error:#?}", self.seed),
                };
                let value = |number: &String| number.parse::<u128>().expect("a number");
                let Some(lowest) = failed.iter().map(value).min() else { break };
                assert!(is_faulty, "seed {}: not archived, without a fault: {failed:?}: {:#?}", self.seed, function.log());
                rest.retain(|place| value(&self.records[*place].read.sequence_number) >= lowest);
            }
        }
        self.assert_archived(&scene).await;
    }

    async fn assert_archived(&self, scene: &Scene) {
        let seed = self.seed;
        let archive = Archive::of(&scene.stream, self.mode.as_str()).await;
        // A failure after a write, or before a delete, may leave parts behind.
        let leaves_none = self.mode == ArchiveMode::All || !self.has_faults;
        assert!(!leaves_none || archive.orphans.is_empty(), "seed {seed}: {:?}", archive.orphans);
        let (found, expected) = (archive.payloads(), self.expected());
        assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "seed {seed}");
        let others: BTreeSet<_> = found.iter().filter(|(key, payload)| expected[key] != **payload).map(|(key, _)| key).collect();
        assert!(others.is_empty(), "seed {seed}: another payload than was put: {others:?}");
    }

    /// By partition key and version.
    fn expected(&self) -> BTreeMap<(String, String), Vec<u8>> {
        let plain = |record: &ReadRecord| ((record.partition_key.clone(), record.sequence_number.clone()), record.payload.clone());
        if self.mode == ArchiveMode::All {
            return self.records.iter().map(|record| plain(&record.read)).collect();
        }
        // Numbers and places grow, so that the last of a key is its newest.
        let mut newest = BTreeMap::new();
        for record in &self.records {
            let number = &record.read.sequence_number;
            match &record.user_records {
                None => {
                    newest.insert(record.read.partition_key.clone(), (number.clone(), record.read.payload.clone()));
                }
                Some(user_records) => {
                    for (place, (key, payload)) in user_records.iter().enumerate() {
                        newest.insert(key.clone(), (format!("{number}.{place}"), payload.clone()));
                    }
                }
            }
        }
        newest.into_iter().map(|(key, (version, payload))| ((key, version), payload)).collect()
    }
}

impl Record {
    fn of(random: &mut Rng, sequence_number: &str) -> Self {
        let partition_key = key(random);
        if random.u8(0..4) > 0 {
            return Self { read: ReadRecord::new(&partition_key, sequence_number, &payload(random)), user_records: None };
        }
        let count = random.usize(1..6);
        let user_records: Vec<Put> = (0..count).map(|_| (key(random), payload(random))).collect();
        let packed: Vec<(&str, Option<&str>, &[u8])> =
            user_records.iter().map(|(key, payload)| (key.as_str(), None, payload.as_slice())).collect();
        Self { read: ReadRecord::new(&partition_key, sequence_number, &aggregate(&packed)), user_records: Some(user_records) }
    }
}

/// An occasional fault in writing items and parts, or in the reads between them.
fn faults(seed: u64) -> impl Fn(&Call) -> Fault + Send + Sync + 'static {
    let random = Mutex::new(Rng::with_seed(seed));
    move |call| {
        if !matches!(call.kind, Kind::Write(_)) && call.operation != "GetItem" {
            return Fault::Pass;
        }
        let mut random = random.lock().expect("no panic");
        let passing = [Refusal::ThroughputExceeded, Refusal::Throttled, Refusal::ServerError, Refusal::Unavailable];
        let refusal = *random.choice(&passing).expect("one of them");
        let mask = random.u32(..);
        // Rare, except for parts, which are few.
        let is_harsh = mask.is_multiple_of(4) || matches!(&call.kind, Kind::Write(table) if table.ends_with("-archive-parts"));
        match random.u8(0..24) {
            0..4 => Fault::RefuseSome(refusal, Box::new(move |place| mask & (1 << place) != 0)),
            4..7 => Fault::Refuse(refusal),
            7..9 => Fault::RefuseEach(refusal),
            9..11 => Fault::CutBefore,
            11..13 => Fault::CutAfter,
            13..16 => Fault::Slow(Duration::from_millis(random.u64(1..30))),
            // Until the deadline.
            16 if is_harsh => Fault::HangAfter,
            17 if is_harsh => Fault::HangBefore,
            18 if is_harsh => Fault::Refuse(Refusal::AccessDenied),
            _ => Fault::Pass,
        }
    }
}
