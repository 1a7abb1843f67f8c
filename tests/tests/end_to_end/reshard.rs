//! Shards open and close while a stream is archived.

use end_to_end::capability;
use end_to_end::endpoints::Endpoints;
use end_to_end::event::{ReadRecord, event_of};
use end_to_end::function::{Function, Way};
use end_to_end::stream::{Keys, TestStream, text};
use std::collections::{BTreeSet, HashMap};

in_both_ways!(a_split_and_a_merge_lose_nothing_and_the_newest_stays_the_newest);

const ORDERS_A_TIME: usize = 200;
const CUSTOMERS: usize = 23;

async fn a_split_and_a_merge_lose_nothing_and_the_newest_stays_the_newest(way: Way) {
    let endpoints = Endpoints::start().await;
    let name = "a_split_and_a_merge_lose_nothing_and_the_newest_stays_the_newest";
    if !capability::closes_split_shards(name, &endpoints).await {
        return;
    }
    for (mode, keys) in [("ALL", Keys::OfModeAll), ("LATEST", Keys::OfModeLatest)] {
        let stream = TestStream::archived(&endpoints, 1, &[("StreamArchiveMode", mode)], mode, keys).await;
        let function = Function::start(&endpoints, &way).await;
        let mut newest = HashMap::new();

        put_orders(&stream, 0, &mut newest).await;
        archive_anew(&stream, &function).await;
        stream.split("shardId-000000000000").await;
        put_orders(&stream, 1, &mut newest).await;
        archive_anew(&stream, &function).await;
        stream.merge("shardId-000000000001", "shardId-000000000002").await;
        put_orders(&stream, 2, &mut newest).await;
        archive_anew(&stream, &function).await;

        let items = stream.items(mode).await;
        match keys {
            Keys::OfModeAll => {
                assert_eq!(items.len(), 3 * ORDERS_A_TIME);
                let shards: BTreeSet<&str> = items.iter().map(|item| text(item, "shardId")).collect();
                assert_eq!(shards.len(), 4, "{shards:?}");
            }
            Keys::OfModeLatest => {
                let found: HashMap<String, String> =
                    items.iter().map(|item| (text(item, "partitionKey").to_owned(), text(item, "recordData").to_owned())).collect();
                assert_eq!(found, newest);
            }
        }
    }
}

/// Puts orders, and notes the newest of each key.
async fn put_orders(stream: &TestStream, time: usize, newest: &mut HashMap<String, String>) {
    for number in time * ORDERS_A_TIME..(time + 1) * ORDERS_A_TIME {
        let record = ReadRecord {
            shard_id: String::new(),
            partition_key: format!("cust-{}", number % CUSTOMERS),
            sequence_number: String::new(),
            payload: format!(r#"{{"order":{number}}}"#).into_bytes(),
            arrival: 0.0,
        };
        newest.insert(record.partition_key.clone(), record.data());
        stream.put(&record.partition_key, &record.payload).await;
    }
}

/// Delivers all shards from the start, the youngest first: the worst that a mapping without checkpoints could do.
async fn archive_anew(stream: &TestStream, function: &Function) {
    for shard in stream.shard_ids().await.iter().rev() {
        for batch in stream.records_of_shard(shard).await.chunks(100) {
            function.archive(&event_of(stream, batch)).await;
        }
    }
}
