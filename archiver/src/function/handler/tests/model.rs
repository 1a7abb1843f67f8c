//! The whole archiver against a model: random records, batches, orders and faults, with Lambda's redeliveries. In the end ALL has
//! exactly the records that were put, and LATEST the newest of each key.

use super::{ORDERS, ScriptedTags, tags};
use crate::format::aggregate::aggregate;
use crate::format::settings::{COMPRESSION_TAG, MODE_TAG};
use crate::function::handler::*;
use crate::store::in_memory::{Fault, MemoryDatabase};
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex};

/// Faults end after this many deliveries of a batch.
const FAULTY_DELIVERIES: usize = 4;
/// Random, incompressible bytes: enough for an item with three parts.
static NOISE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut random = fastrand::Rng::with_seed(7);
    (0..1_000_000).map(|_| random.u8(..)).collect()
});

#[derive(Clone, Debug)]
enum Payload {
    Small(Vec<u8>),
    /// Compressible, with this many bytes.
    Compressible(usize),
    /// Too large for an item, with this many bytes.
    Noise(usize),
    /// User records: key and payload.
    Aggregate(Vec<(String, Vec<u8>)>),
}

#[derive(Clone, Debug)]
struct Put {
    key: String,
    payload: Payload,
    /// Leading zeros of its number.
    zeros: usize,
}

#[derive(Clone, Debug)]
struct Case {
    mode: ArchiveMode,
    compresses: bool,
    tells_stored: bool,
    /// The number of digits at the start, so that some cases grow a digit on the way.
    first_number: u128,
    puts: Vec<Put>,
    /// Indices into `puts`, in the order of delivery, some of them twice.
    deliveries: Vec<usize>,
    batch_size: usize,
    faults: Vec<Fault>,
}

impl Put {
    fn payload(&self) -> Vec<u8> {
        match &self.payload {
            Payload::Small(bytes) => bytes.clone(),
            Payload::Compressible(length) => vec![b'x'; *length],
            Payload::Noise(length) => NOISE[..*length].to_vec(),
            Payload::Aggregate(records) => {
                let records: Vec<(&str, Option<&str>, &[u8])> =
                    records.iter().map(|(key, payload)| (key.as_str(), None, payload.as_slice())).collect();
                aggregate(&records)
            }
        }
    }
}

impl Case {
    fn number(&self, put: usize) -> String {
        format!("{}{}", "0".repeat(self.puts[put].zeros), self.first_number + put as u128)
    }

    fn event(&self, puts: &[usize]) -> String {
        let records: Vec<serde_json::Value> = puts
            .iter()
            .map(|put| {
                json!({
                    "kinesis": {
                        "partitionKey": self.puts[*put].key,
                        "sequenceNumber": self.number(*put),
                        "data": base64_simd::STANDARD.encode_to_string(self.puts[*put].payload()),
                        "approximateArrivalTimestamp": 1_545_084_650.987,
                    },
                    "eventID": format!("shardId-000000000006:{}", self.number(*put)),
                    "eventSourceARN": ORDERS,
                })
            })
            .collect();
        json!({ "Records": records }).to_string()
    }

    /// The expected archive, by the keys of its items.
    fn expected(&self) -> BTreeMap<(String, String), Vec<u8>> {
        let mut delivered: Vec<usize> = self.deliveries.clone();
        delivered.sort_unstable();
        delivered.dedup();
        let mut expected = BTreeMap::new();
        for put in delivered {
            let Put { key, payload, .. } = &self.puts[put];
            match (self.mode, payload) {
                (ArchiveMode::All, _) => {
                    expected.insert((key.clone(), self.number(put)), self.puts[put].payload());
                }
                // Numbers grow, so that the last one of a key is its newest.
                (ArchiveMode::Latest, Payload::Aggregate(records)) => {
                    let records = records.iter().map(|(key, payload)| ((key.clone(), String::new()), payload.clone()));
                    expected.extend(records);
                }
                (ArchiveMode::Latest, _) => {
                    expected.insert((key.clone(), String::new()), self.puts[put].payload());
                }
            }
        }
        expected
    }

    async fn run(&self) -> MemoryDatabase {
        let table = format!("orders-archive-{}", self.mode);
        let mut database = MemoryDatabase::with(&[(table.as_str(), self.mode)]);
        database.tells_stored = self.tells_stored;
        let compression = if self.compresses { "gzip" } else { "none" };
        let tags = tags(&[(MODE_TAG, self.mode.as_str()), (COMPRESSION_TAG, compression)]);
        let archiver = Archiver::new(ScriptedTags(Mutex::new(vec![tags])), &database, DEFAULT_REFRESH);
        database.state.lock().unwrap().faults.extend(self.faults.iter().cloned());
        for batch in self.deliveries.chunks(self.batch_size) {
            let mut rest = batch.to_vec();
            let mut deliveries = 0;
            while !rest.is_empty() {
                deliveries += 1;
                if deliveries > FAULTY_DELIVERIES {
                    database.state.lock().unwrap().faults.clear();
                }
                assert!(deliveries < FAULTY_DELIVERIES + 3, "delivered {deliveries} times without a fault");
                let answer = archiver.handle(&self.event(&rest), Deadline::after(Duration::from_secs(3))).await;
                // After an error the whole batch comes again, otherwise records from the lowest failed number.
                let Ok(answer) = answer else { continue };
                let failed = answer.batch_item_failures.iter();
                match failed.map(|failure| failure.item_identifier.parse::<u128>().unwrap()).min() {
                    Some(lowest) => rest.retain(|put| self.first_number + *put as u128 >= lowest),
                    None => rest.clear(),
                }
            }
        }
        drop(archiver);
        database
    }
}

fn key() -> impl Strategy<Value = String> {
    (0..6_u8).prop_map(|key| format!("cust-{key}"))
}

fn payload() -> impl Strategy<Value = Payload> {
    let small = proptest::collection::vec(any::<u8>(), 0..20);
    let records = proptest::collection::vec((key(), small.clone()), 1..6);
    prop_oneof![
        300 => small.prop_map(Payload::Small),
        100 => records.prop_map(Payload::Aggregate),
        40 => (100..2_000_usize).prop_map(Payload::Compressible),
        1 => Just(Payload::Compressible(400_000)),
        1 => (400_000..1_000_000_usize).prop_map(Payload::Noise),
    ]
}

fn fault() -> impl Strategy<Value = Fault> {
    let kinds = [
        FailureKind::Throttled,
        FailureKind::Network,
        FailureKind::TimedOut,
        FailureKind::Service,
        FailureKind::Refused,
        FailureKind::AccessDenied,
        FailureKind::NotFound,
        FailureKind::Unusable,
    ];
    prop_oneof![
        4 => Just(Fault::None),
        2 => proptest::sample::select(kinds.to_vec()).prop_map(Fault::Before),
        2 => Just(Fault::After),
        3 => any::<u32>().prop_map(Fault::Some),
    ]
}

fn case() -> impl Strategy<Value = Case> {
    // Kinesis' own numbers have no leading zeros; an emulator's may have any number of them.
    let zeros = prop_oneof![Just(0..1_usize), Just(0..2), Just(0..4)];
    let puts = zeros.prop_flat_map(|zeros| {
        let put = (key(), payload(), zeros).prop_map(|(key, payload, zeros)| Put { key, payload, zeros });
        proptest::collection::vec(put, 1..60)
    });
    let first_number = prop_oneof![Just(0_u128), Just(1), Just(80), Just(10_u128.pow(30) - 20)];
    let settings = (any::<bool>(), any::<bool>(), any::<bool>(), first_number);
    (puts, settings, 1..40_usize, proptest::collection::vec(fault(), 0..25), 0..3_u8).prop_flat_map(
        |(puts, (is_all, compresses, tells_stored, first_number), batch_size, faults, order)| {
            let in_order: Vec<usize> = (0..puts.len()).collect();
            let twice = proptest::collection::vec(0..puts.len(), 0..10);
            let deliveries = match order {
                0 => Just(in_order).boxed(),
                1 => twice.prop_map(move |twice| [in_order.clone(), twice].concat()).boxed(),
                _ => twice.prop_flat_map(move |twice| Just([in_order.clone(), twice].concat()).prop_shuffle()).boxed(),
            };
            deliveries.prop_map(move |deliveries| Case {
                mode: if is_all { ArchiveMode::All } else { ArchiveMode::Latest },
                compresses,
                tells_stored,
                first_number,
                puts: puts.clone(),
                deliveries,
                batch_size,
                faults: faults.clone(),
            })
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn what_is_delivered_until_nothing_fails_is_archived(case in case()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let database = runtime.block_on(case.run());
        let table = format!("orders-archive-{}", case.mode);
        let found = database.payloads(&table);
        let expected = case.expected();
        prop_assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
        for (key, payload) in &found {
            prop_assert!(payload == &expected[key], "{:?} has another payload", key);
        }
        // Only a lost answer can leave parts behind, because then it is unknown what was replaced.
        if database.state.lock().unwrap().lost_answers == 0 {
            prop_assert_eq!(database.orphans(&table), vec![]);
        }
    }
}
