//! Reads whole tables, in alternation: with a bare loop of the SDK, which is the minimum cost, and with the reader.

use crate::process;
use crate::spread::milliseconds;
use crate::table::{TABLE, Table};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use end_to_end::endpoints::{KEY, REGION};
use explorer::app::effect::{Effect, RecordsEffect};
use explorer::app::ids::{RequestId, SpoolId};
use explorer::app::message::{Message, RecordsMessage};
use explorer::aws::connect::Connection;
use explorer::domain::listing::Listing;
use explorer::domain::reading::{ReadEnding, ReadOrder};
use explorer::effects::Runner;
use explorer::sources::OpenedSource;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// Segments read in parallel, as in the reader.
const SEGMENTS_AT_ONCE: usize = 8;
/// Bytes of a table for each segment, as in the reader, and the limits for their number.
const SEGMENT_BYTES: u64 = 16 * 1024 * 1024;
const SEGMENTS: std::ops::RangeInclusive<u64> = 8..=200;

/// The ways to read; the others are compared with the first.
pub(crate) const WAYS: [(&str, Option<&str>); 4] = [
    ("scan, bare SDK", None),
    ("scan, text: on no record", Some("text:needle-that-is-rare")),
    ("scan, json: on no record", Some("json:$.status==\"nothing\"")),
    ("scan, all into a spool", Some("")),
];

/// Reads in all ways this many times. Returns each way's items a second and its CPU time for 1,000 items, in ms, for every round.
pub(crate) async fn measure(table: &Table, rounds: usize) -> Value {
    let client = bare_client(&table.url);
    let connection = table.connect();
    let mut measured: Vec<Vec<[f64; 2]>> = vec![Vec::new(); WAYS.len()];
    // The first round opens connections.
    for round in 0..=rounds {
        for ((_, filter), measured) in WAYS.iter().zip(&mut measured) {
            let (started, cpu) = (Instant::now(), process::cpu_time(std::process::id()));
            let read = match filter {
                None => scan_bare(&client, table).await,
                Some("") => read_onto_spool(&connection, table.order("")).await,
                Some(filter) => read_nothing(&connection, &table.order(filter)).await,
            };
            let cpu = process::cpu_time(std::process::id()).saturating_sub(cpu);
            assert_eq!(read, table.items, "all of it was read");
            let items = u32::try_from(read).map(f64::from).expect("a million");
            if round > 0 {
                measured.push([items / started.elapsed().as_secs_f64(), milliseconds(cpu) * 1_000.0 / items]);
            }
        }
    }
    json!(measured)
}

/// A client without any code of the explorer.
pub(crate) fn bare_client(url: &str) -> aws_sdk_dynamodb::Client {
    let credentials = Credentials::new(KEY, KEY, None, None, "benchmark");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static(REGION))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(url)
        .build();
    aws_sdk_dynamodb::Client::new(&config)
}

async fn scan_bare(client: &aws_sdk_dynamodb::Client, table: &Table) -> usize {
    let segments = (table.source().about_bytes / SEGMENT_BYTES).clamp(*SEGMENTS.start(), *SEGMENTS.end());
    let segments = i32::try_from(segments).expect("at most 200");
    let taken = Arc::new(AtomicUsize::new(0));
    let mut workers = JoinSet::new();
    for _ in 0..SEGMENTS_AT_ONCE {
        let (client, taken) = (client.clone(), Arc::clone(&taken));
        workers.spawn(async move {
            let mut read = 0;
            while let Some(segment) =
                i32::try_from(taken.fetch_add(1, Ordering::Relaxed)).ok().filter(|segment| *segment < segments)
            {
                let mut from = None;
                loop {
                    let call = client.scan().table_name(TABLE).segment(segment).total_segments(segments);
                    let call = call.return_consumed_capacity(ReturnConsumedCapacity::Total).set_exclusive_start_key(from.take());
                    let page = call.send().await.expect("a page");
                    read += page.items.unwrap_or_default().len();
                    from = page.last_evaluated_key;
                    if from.is_none() {
                        break;
                    }
                }
            }
            read
        });
    }
    workers.join_all().await.into_iter().sum()
}

async fn read_nothing(connection: &Connection, order: &ReadOrder) -> usize {
    let (_stop, stopped) = watch::channel(false);
    let source = OpenedSource::open(connection, &order.source).await.expect("an archive");
    let reading = source.read_into(order, stopped, |mut batches| async move {
        let mut read = 0;
        while let Some(batch) = batches.recv().await {
            assert!(batch.records.is_empty(), "no record matches");
            read = batch.progress.read;
        }
        usize::try_from(read)
    });
    let (ending, read) = reading.await.expect("a million");
    assert_eq!(ending, ReadEnding::Complete);
    read
}

/// As the screen reads: into a spool, listing the entries of each message.
async fn read_onto_spool(connection: &Connection, order: ReadOrder) -> usize {
    let (sender, mut messages) = mpsc::channel(256);
    let mut runner = Runner::new(connection.clone(), sender);
    runner.run(Effect::Records(RecordsEffect::Read { request: RequestId(1), spool: SpoolId(1), order: Box::new(order) }));
    let mut listing = Listing::default();
    loop {
        match messages.recv().await.expect("the runner goes on") {
            Message::Records(RecordsMessage::Read(reply)) => listing.add(reply.result.entries),
            Message::Records(RecordsMessage::ReadEnded(reply)) => {
                assert_eq!(reply.result.ending, ReadEnding::Complete);
                return listing.len();
            }
            _ => {}
        }
    }
}
