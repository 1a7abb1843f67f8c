//! A running system with its connection, and what the tests do with it.

use crate::aws::connect::Connection;
use crate::local::{LocalOptions, LocalSystem};
use archiver::format::record::ShardId;
use archiver::format::sequence::SequenceNumber;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TimeToLiveSpecification,
};
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{PutRecordsRequestEntry, Record, ShardIteratorType, StreamStatus};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::future::Future;
use std::ops::Range;
use std::time::Duration;

/// More than any condition needs on a slow machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// The system and its connection.
pub(super) struct Local {
    pub(super) system: LocalSystem,
    connection: Connection,
}

/// The parts of an archived item that the tests check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) key: String,
    pub(super) shard: String,
    pub(super) payload: String,
}

/// Polls until the condition holds.
pub(super) async fn eventually<F: Future<Output = bool>>(what: &str, is_so: impl Fn() -> F) {
    let poll = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    };
    tokio::time::timeout(PATIENCE, poll).await.unwrap_or_else(|_| panic!("timed out: {what}"));
}

/// Seventeen keys, so that several records have one key.
pub(super) fn key(number: u32) -> String {
    format!("cust-{:02}", number % 17)
}

pub(super) fn payload(number: u32) -> String {
    format!(r#"{{"payment":{number}}}"#)
}

pub(super) fn encoded_payload(number: u32) -> String {
    STANDARD.encode(payload(number))
}

/// The number in an encoded payload.
pub(super) fn number_in(data: &str) -> u32 {
    let payload: serde_json::Value = serde_json::from_slice(&STANDARD.decode(data).unwrap()).unwrap();
    u32::try_from(payload["payment"].as_u64().unwrap()).unwrap()
}

impl Local {
    pub(super) async fn start(options: LocalOptions) -> Self {
        let system = LocalSystem::start(options).await.unwrap();
        system.ready().await.unwrap();
        let connection = system.endpoints().connect();
        Self { system, connection }
    }

    pub(super) async fn make_stream(&self, name: &str, shards: i32) {
        self.connection.kinesis.create_stream().stream_name(name).shard_count(shards).send().await.unwrap();
        self.until_active(name).await;
    }

    pub(super) async fn split(&self, stream: &str, shard: &str) {
        let hash_key = (u128::MAX / 4).to_string();
        let split = self.connection.kinesis.split_shard().stream_name(stream).shard_to_split(shard).new_starting_hash_key(hash_key);
        split.send().await.unwrap();
        self.until_active(stream).await;
    }

    pub(super) async fn merge(&self, stream: &str, shard: &str, adjacent: &str) {
        let merge =
            self.connection.kinesis.merge_shards().stream_name(stream).shard_to_merge(shard).adjacent_shard_to_merge(adjacent);
        merge.send().await.unwrap();
        self.until_active(stream).await;
    }

    async fn until_active(&self, stream: &str) {
        eventually("the stream is active", || async {
            let summary = self.connection.kinesis.describe_stream_summary().stream_name(stream).send().await.unwrap();
            summary.stream_description_summary.unwrap().stream_status == StreamStatus::Active
        })
        .await;
    }

    pub(super) async fn open_shards(&self, stream: &str) -> i32 {
        let summary = self.connection.kinesis.describe_stream_summary().stream_name(stream).send().await.unwrap();
        summary.stream_description_summary.unwrap().open_shard_count
    }

    pub(super) async fn tag(&self, stream: &str, tag: &str, value: &str) {
        self.connection.kinesis.add_tags_to_stream().stream_name(stream).tags(tag, value).send().await.unwrap();
    }

    pub(super) async fn untag(&self, stream: &str, tag: &str) {
        self.connection.kinesis.remove_tags_from_stream().stream_name(stream).tag_keys(tag).send().await.unwrap();
    }

    /// Puts numbered records; returns where each of them went.
    pub(super) async fn put(&self, stream: &str, numbers: Range<u32>) -> Vec<(ShardId, SequenceNumber)> {
        let mut places = Vec::new();
        let entries: Vec<PutRecordsRequestEntry> = numbers
            .map(|number| {
                let data = Blob::new(payload(number));
                PutRecordsRequestEntry::builder().partition_key(key(number)).data(data).build().unwrap()
            })
            .collect();
        for chunk in entries.chunks(500) {
            let put =
                self.connection.kinesis.put_records().stream_name(stream).set_records(Some(chunk.to_vec())).send().await.unwrap();
            places.extend(put.records.into_iter().map(|record| {
                let number = SequenceNumber::parse(record.sequence_number.unwrap()).unwrap();
                (ShardId::new(record.shard_id.unwrap()), number)
            }));
        }
        places
    }

    /// Every record of a stream.
    pub(super) async fn records(&self, stream: &str) -> Vec<Record> {
        let kinesis = &self.connection.kinesis;
        let mut records = Vec::new();
        for shard in kinesis.list_shards().stream_name(stream).send().await.unwrap().shards.unwrap() {
            let start = kinesis.get_shard_iterator().stream_name(stream).shard_id(shard.shard_id);
            let start = start.shard_iterator_type(ShardIteratorType::TrimHorizon).send().await.unwrap();
            let page = kinesis.get_records().shard_iterator(start.shard_iterator.unwrap()).limit(10_000).send().await.unwrap();
            records.extend(page.records);
        }
        records
    }

    pub(super) async fn make_table(&self, table: &str, with_range_key: bool) {
        let names = ["partitionKey", "sequenceNumber"];
        let mut request = self.connection.dynamodb.create_table().table_name(table).billing_mode(BillingMode::PayPerRequest);
        for (name, kind) in names.into_iter().zip([KeyType::Hash, KeyType::Range]).take(if with_range_key { 2 } else { 1 }) {
            let definition = AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S);
            let key = KeySchemaElement::builder().attribute_name(name).key_type(kind);
            request = request.attribute_definitions(definition.build().unwrap()).key_schema(key.build().unwrap());
        }
        request.send().await.unwrap();
    }

    pub(super) async fn enable_ttl(&self, table: &str) {
        let ttl = TimeToLiveSpecification::builder().attribute_name("expireAfter").enabled(true).build().unwrap();
        self.connection.dynamodb.update_time_to_live().table_name(table).time_to_live_specification(ttl).send().await.unwrap();
    }

    /// Every item of a table.
    pub(super) async fn items(&self, table: &str) -> Vec<Item> {
        let mut pages = self.connection.dynamodb.scan().table_name(table).into_paginator().send();
        let mut items = Vec::new();
        while let Some(page) = pages.next().await {
            items.extend(page.unwrap().items.unwrap_or_default().into_iter().map(|item| {
                let text = |name: &str| item[name].as_s().map(String::as_str).unwrap_or_default().to_owned();
                // One item of the demo is damaged.
                let data = STANDARD.decode(text("recordData")).unwrap_or_default();
                assert!(matches!(item["approximateArrivalTimestamp"], AttributeValue::N(_)));
                let payload = String::from_utf8_lossy(&data).into_owned();
                Item { key: text("partitionKey"), shard: text("shardId"), payload }
            }));
        }
        items
    }
}
