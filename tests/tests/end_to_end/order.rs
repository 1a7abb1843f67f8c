//! Lambda delivers at least once, and again from the lowest failed record: late, twice, out of order. The archive stays the same.

use end_to_end::endpoints::Endpoints;
use end_to_end::event::{ReadRecord, event_of, fixture};
use end_to_end::function::{Function, Way};
use end_to_end::stream::{Keys, TestStream, text};
use std::collections::HashMap;

in_both_ways!(
    latest_holds_the_newest_record_of_each_key_whatever_the_order_of_delivery,
    an_old_batch_delivered_again_does_not_replace_what_is_newer,
    records_delivered_twice_are_archived_once,
    sequence_numbers_are_compared_by_value,
);

const RECORDS: usize = 600;
const CUSTOMERS: usize = 7;

async fn orders(stream: &TestStream) -> Vec<ReadRecord> {
    let order = |number: usize| (format!("cust-{}", number % CUSTOMERS), format!(r#"{{"order":{number}}}"#).into_bytes());
    stream.put_all(&(0..RECORDS).map(order).collect::<Vec<_>>()).await;
    stream.records().await
}

fn newest_of_each_key(records: &[ReadRecord]) -> HashMap<String, (String, String)> {
    records.iter().map(|record| (record.partition_key.clone(), (record.sequence_number.clone(), record.data()))).collect()
}

async fn latest_holds_the_newest_record_of_each_key_whatever_the_order_of_delivery(way: Way) {
    let endpoints = Endpoints::start().await;
    let tags = [("StreamArchiveMode", "LATEST")];
    let stream = TestStream::archived(&endpoints, 2, &tags, "LATEST", Keys::OfModeLatest).await;
    let records = orders(&stream).await;
    let function = Function::start(&endpoints, &way).await;

    let mut shuffled = records.clone();
    fastrand::Rng::with_seed(20).shuffle(&mut shuffled);
    for batch in shuffled.chunks(50) {
        function.archive(&event_of(&stream, batch)).await;
    }

    assert_eq!(stream.latest("LATEST").await, newest_of_each_key(&records));
}

async fn an_old_batch_delivered_again_does_not_replace_what_is_newer(way: Way) {
    let endpoints = Endpoints::start().await;
    let tags = [("StreamArchiveMode", "LATEST")];
    let stream = TestStream::archived(&endpoints, 1, &tags, "LATEST", Keys::OfModeLatest).await;
    let records = orders(&stream).await;
    let function = Function::start(&endpoints, &way).await;

    for batch in records.chunks(200).chain(records.chunks(200).rev()) {
        function.archive(&event_of(&stream, batch)).await;
    }

    assert_eq!(stream.latest("LATEST").await, newest_of_each_key(&records));
}

async fn records_delivered_twice_are_archived_once(way: Way) {
    let endpoints = Endpoints::start().await;
    let stream = TestStream::archived(&endpoints, 2, &[("StreamArchiveMode", "ALL")], "ALL", Keys::OfModeAll).await;
    let records = orders(&stream).await;
    let function = Function::start(&endpoints, &way).await;

    // Within one batch, overlapping the previous batch, and everything once more.
    let twice: Vec<ReadRecord> = records.iter().flat_map(|record| [record.clone(), record.clone()]).collect();
    for batch in twice.chunks(130).chain(records.windows(300).step_by(100)) {
        function.archive(&event_of(&stream, batch)).await;
    }

    let items = stream.items_by_number("ALL").await;
    assert_eq!(items.len(), RECORDS);
    for record in &records {
        let item = &items[&(record.partition_key.clone(), record.sequence_number.clone())];
        assert_eq!(text(item, "recordData"), record.data());
    }
}

/// As text, "9" sorts after "10".
async fn sequence_numbers_are_compared_by_value(way: Way) {
    let endpoints = Endpoints::start().await;
    let tags = [("StreamArchiveMode", "LATEST")];
    let stream = TestStream::archived(&endpoints, 1, &tags, "LATEST", Keys::OfModeLatest).await;
    let function = Function::start(&endpoints, &way).await;

    let record = |number: &str| ReadRecord {
        shard_id: "shardId-000000000000".to_owned(),
        partition_key: "cust-42".to_owned(),
        sequence_number: number.to_owned(),
        payload: format!(r#"{{"order":{number}}}"#).into_bytes(),
        arrival: 1_545_084_650.987,
    };
    for (delivered, newest) in [(vec!["9"], "9"), (vec!["10"], "10"), (vec!["9"], "10"), (vec!["11", "8", "100", "99"], "100")] {
        let records: Vec<ReadRecord> = delivered.into_iter().map(record).collect();
        function.archive(&event_of(&stream, &records)).await;
        assert_eq!(stream.latest("LATEST").await["cust-42"], (newest.to_owned(), record(newest).data()));
    }

    // One digit more than the previous one, both as long as Kinesis' numbers.
    function.archive(&fixture("growing_numbers.json", &stream)).await;
    let (number, data) = &stream.latest("LATEST").await["cust-7"];
    assert_eq!(number, "100000000000000000000000000000000000000000000000000000002");
    assert_eq!(data, "eyJvcmRlciI6Mn0=");
}
