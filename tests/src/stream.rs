//! A test's own stream and the tables of its archive, read and written without the program under test.

use crate::endpoints::Endpoints;
use crate::event::ReadRecord;
use crate::wait::eventually;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TimeToLiveSpecification,
};
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{PutRecordsRequestEntry, ShardIteratorType, StreamStatus};
use std::collections::HashMap;

/// Records one PutRecords call accepts. Source: Kinesis API reference, PutRecords.
const MAX_PUT_RECORDS: usize = 500;

/// An item as the SDK has it.
pub type Item = HashMap<String, AttributeValue>;

/// The keys of a table that a test creates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// `partitionKey` and `sequenceNumber`.
    OfModeAll,
    /// `partitionKey` alone.
    OfModeLatest,
}

/// A stream whose name is unique to this test.
#[derive(Debug)]
pub struct TestStream {
    /// Its name.
    pub name: String,
    /// Its ARN, as its Kinesis says.
    pub arn: String,
    kinesis: aws_sdk_kinesis::Client,
    dynamodb: aws_sdk_dynamodb::Client,
}

impl TestStream {
    /// Creates a stream with this many shards and waits until it is active.
    pub async fn create(endpoints: &Endpoints, shards: i32) -> Self {
        let name = format!("orders-{:016x}", fastrand::u64(..));
        let kinesis = endpoints.kinesis.clone();
        kinesis.create_stream().stream_name(&name).shard_count(shards).send().await.expect("the stream is created");
        let arn = wait_until_active(&kinesis, &name).await;
        Self { name, arn, kinesis, dynamodb: endpoints.dynamodb.clone() }
    }

    /// A stream with these tags, and the table with this suffix and its mode's keys.
    pub async fn archived(endpoints: &Endpoints, shards: i32, tags: &[(&str, &str)], suffix: &str, keys: Keys) -> Self {
        let stream = Self::create(endpoints, shards).await;
        stream.tag(tags).await;
        stream.create_table(suffix, keys).await;
        stream
    }

    /// Sets tags.
    pub async fn tag(&self, tags: &[(&str, &str)]) {
        let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        self.kinesis.add_tags_to_stream().stream_name(&self.name).set_tags(Some(tags)).send().await.expect("the stream is tagged");
    }

    /// Removes a tag.
    pub async fn untag(&self, tag: &str) {
        let untag = self.kinesis.remove_tags_from_stream().stream_name(&self.name).tag_keys(tag);
        untag.send().await.expect("the tag is removed");
    }

    /// Turns on TTL for a table.
    pub async fn expire_items(&self, suffix: &str) {
        let ttl = TimeToLiveSpecification::builder().enabled(true).attribute_name("expireAfter").build();
        let update = self.dynamodb.update_time_to_live().table_name(self.table(suffix));
        update.time_to_live_specification(ttl.expect("a whole setting")).send().await.expect("the table has a TTL");
    }

    /// The name of a table of this stream's archive.
    #[must_use]
    pub fn table(&self, suffix: &str) -> String {
        format!("{}-archive-{suffix}", self.name)
    }

    /// Creates a table of the archive.
    pub async fn create_table(&self, suffix: &str, keys: Keys) {
        let (text, hash, range) = (ScalarAttributeType::S, KeyType::Hash, KeyType::Range);
        match keys {
            Keys::OfModeAll => {
                let keys = [("partitionKey", hash, text.clone()), ("sequenceNumber", range, text)];
                self.create_table_of(suffix, &keys).await;
            }
            Keys::OfModeLatest => self.create_table_of(suffix, &[("partitionKey", hash, text)]).await,
        }
    }

    /// Creates the table for the parts of large records.
    pub async fn create_parts_table(&self) {
        let keys = [("partOf", KeyType::Hash, ScalarAttributeType::S), ("part", KeyType::Range, ScalarAttributeType::N)];
        self.create_table_of("parts", &keys).await;
    }

    async fn create_table_of(&self, suffix: &str, keys: &[(&str, KeyType, ScalarAttributeType)]) {
        let mut request = self.dynamodb.create_table().table_name(self.table(suffix)).billing_mode(BillingMode::PayPerRequest);
        for (name, kind, value) in keys {
            let key = KeySchemaElement::builder().attribute_name(*name).key_type(kind.clone()).build();
            let attribute = AttributeDefinition::builder().attribute_name(*name).attribute_type(value.clone()).build();
            request = request.key_schema(key.expect("a whole key")).attribute_definitions(attribute.expect("a whole attribute"));
        }
        request.send().await.expect("the table is created");
    }

    /// Deletes a table of the archive.
    pub async fn delete_table(&self, suffix: &str) {
        self.dynamodb.delete_table().table_name(self.table(suffix)).send().await.expect("the table is deleted");
    }

    /// Puts one record and returns its shard.
    pub async fn put(&self, partition_key: &str, payload: &[u8]) -> String {
        let put = self.kinesis.put_record().stream_name(&self.name).partition_key(partition_key).data(Blob::new(payload));
        put.send().await.expect("the record is put").shard_id
    }

    /// Puts records: partition key and payload.
    ///
    /// # Panics
    /// When one of them is refused.
    pub async fn put_all(&self, records: &[(String, Vec<u8>)]) {
        for chunk in records.chunks(MAX_PUT_RECORDS) {
            let entries = chunk
                .iter()
                .map(|(partition_key, payload)| {
                    let entry = PutRecordsRequestEntry::builder().partition_key(partition_key);
                    entry.data(Blob::new(payload.as_slice())).build().expect("a whole entry")
                })
                .collect();
            let put = self.kinesis.put_records().stream_name(&self.name).set_records(Some(entries));
            let output = put.send().await.expect("the records are put");
            assert_eq!(output.failed_record_count.unwrap_or_default(), 0, "records were refused");
        }
    }

    /// The shards, including closed ones.
    pub async fn shard_ids(&self) -> Vec<String> {
        let shards = self.kinesis.list_shards().stream_name(&self.name).send().await.expect("the shards are listed");
        shards.shards.unwrap_or_default().into_iter().map(|shard| shard.shard_id).collect()
    }

    /// Splits a shard in the middle of all hash keys.
    pub async fn split(&self, shard: &str) {
        let middle = (u128::MAX / 2 + 1).to_string();
        let split = self.kinesis.split_shard().stream_name(&self.name).shard_to_split(shard).new_starting_hash_key(middle);
        split.send().await.expect("the shard is split");
        wait_until_active(&self.kinesis, &self.name).await;
    }

    /// Merges two neighbouring shards.
    pub async fn merge(&self, shard: &str, adjacent: &str) {
        let merge = self.kinesis.merge_shards().stream_name(&self.name).shard_to_merge(shard).adjacent_shard_to_merge(adjacent);
        merge.send().await.expect("the shards are merged");
        wait_until_active(&self.kinesis, &self.name).await;
    }

    /// Every record of the stream, shard by shard, in order.
    pub async fn records(&self) -> Vec<ReadRecord> {
        let mut records = Vec::new();
        for shard_id in self.shard_ids().await {
            records.extend(self.records_of_shard(&shard_id).await);
        }
        records
    }

    /// Every record of a shard.
    pub async fn records_of_shard(&self, shard_id: &str) -> Vec<ReadRecord> {
        let iterator = self.kinesis.get_shard_iterator().stream_name(&self.name).shard_id(shard_id);
        let iterator = iterator.shard_iterator_type(ShardIteratorType::TrimHorizon).send().await.expect("a shard iterator");
        let mut next = iterator.shard_iterator;
        let mut records = Vec::new();
        while let Some(iterator) = next {
            let page = self.kinesis.get_records().shard_iterator(iterator).send().await.expect("a page of records");
            let is_empty = page.records.is_empty();
            records.extend(page.records.into_iter().map(|record| ReadRecord {
                shard_id: shard_id.to_owned(),
                arrival: record.approximate_arrival_timestamp.map_or(0.0, |arrival| arrival.as_secs_f64()),
                payload: record.data.into_inner(),
                partition_key: record.partition_key.expect("a record has a partition key"),
                sequence_number: record.sequence_number,
            }));
            next = if is_empty { None } else { page.next_shard_iterator };
        }
        records
    }

    /// Every item of a table of the archive.
    pub async fn items(&self, suffix: &str) -> Vec<Item> {
        let mut items = Vec::new();
        let mut start = None;
        loop {
            let scan = self.dynamodb.scan().table_name(self.table(suffix)).consistent_read(true).set_exclusive_start_key(start);
            let page = scan.send().await.expect("a page of items");
            items.extend(page.items.unwrap_or_default());
            start = page.last_evaluated_key;
            if start.is_none() {
                return items;
            }
        }
    }

    /// The items of a table by partition key and sequence number.
    ///
    /// # Panics
    /// When two items have the same.
    pub async fn items_by_number(&self, suffix: &str) -> HashMap<(String, String), Item> {
        let items = self.items(suffix).await;
        let count = items.len();
        let items: HashMap<_, _> = items
            .into_iter()
            .map(|item| ((text(&item, "partitionKey").to_owned(), text(&item, "sequenceNumber").to_owned()), item))
            .collect();
        assert_eq!(items.len(), count, "a record is archived twice");
        items
    }

    /// The payload texts of a LATEST table by partition key, with the sequence number.
    pub async fn latest(&self, suffix: &str) -> HashMap<String, (String, String)> {
        let items = self.items(suffix).await;
        items
            .iter()
            .map(|item| {
                let newest = (text(item, "sequenceNumber").to_owned(), text(item, "recordData").to_owned());
                (text(item, "partitionKey").to_owned(), newest)
            })
            .collect()
    }
}

/// A text attribute.
///
/// # Panics
/// When it is missing or no text.
#[must_use]
pub fn text<'i>(item: &'i Item, name: &str) -> &'i str {
    match item.get(name) {
        Some(AttributeValue::S(text)) => text,
        found => panic!("{name} is {found:?}"),
    }
}

/// A number attribute.
///
/// # Panics
/// When it is missing or no number.
#[must_use]
pub fn number<'i>(item: &'i Item, name: &str) -> &'i str {
    match item.get(name) {
        Some(AttributeValue::N(number)) => number,
        found => panic!("{name} is {found:?}"),
    }
}

async fn wait_until_active(kinesis: &aws_sdk_kinesis::Client, name: &str) -> String {
    eventually("the stream is active", || async {
        let described = kinesis.describe_stream_summary().stream_name(name).send().await.ok()?;
        let summary = described.stream_description_summary?;
        (summary.stream_status == StreamStatus::Active).then_some(summary.stream_arn)
    })
    .await
}
