//! The embedded emulator with an archive, in a separate process.

use crate::items;
use crate::table::TABLE;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, PutRequest, ScalarAttributeType, WriteRequest,
};
use explorer::local::emulators::Emulators;
use futures::StreamExt as _;
use jiff::Timestamp;
use serde_json::Value;

/// Items of a BatchWriteItem, as many as it accepts.
const BATCH_ITEMS: usize = 25;
/// Calls at the same time.
const CALLS_AT_ONCE: usize = 4;

/// Serves this many items until the process ends; prints its URL on stdout.
pub(crate) async fn serve(items: usize) {
    let emulators = Emulators::in_memory().await.expect("the emulators start");
    let url = &emulators.endpoints.dynamodb;
    let dynamodb = crate::scans::bare_client(url);
    let (partition_key, sequence_number) =
        (archiver::format::table::attribute::PARTITION_KEY, archiver::format::table::attribute::SEQUENCE_NUMBER);
    let mut call = dynamodb.create_table().table_name(TABLE).billing_mode(BillingMode::PayPerRequest);
    for (name, kind) in [(partition_key, KeyType::Hash), (sequence_number, KeyType::Range)] {
        let definition = AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S);
        call = call.attribute_definitions(definition.build().expect("name and type"));
        call = call.key_schema(KeySchemaElement::builder().attribute_name(name).key_type(kind).build().expect("name and type"));
    }
    call.send().await.expect("the table is made");
    let now = Timestamp::now();
    let batches = (0..items.div_ceil(BATCH_ITEMS)).map(|batch| {
        let numbers = batch * BATCH_ITEMS..items.min((batch + 1) * BATCH_ITEMS);
        let writes = numbers.map(|number| write_of(number, items, now)).collect();
        dynamodb.batch_write_item().request_items(TABLE, writes).send()
    });
    let mut calls = futures::stream::iter(batches).buffer_unordered(CALLS_AT_ONCE);
    while let Some(written) = calls.next().await {
        written.expect("a batch is written");
    }
    println!("{url}");
    std::future::pending::<()>().await;
}

fn write_of(number: usize, items: usize, now: Timestamp) -> WriteRequest {
    let mut text = String::new();
    items::write_json(&mut text, number, items, now);
    let item: Value = serde_json::from_str(&text).expect("JSON");
    let attributes = item.as_object().expect("an item").iter().map(|(name, value)| {
        let value = match (value["S"].as_str(), value["N"].as_str()) {
            (Some(text), _) => AttributeValue::S(text.to_owned()),
            (None, Some(number)) => AttributeValue::N(number.to_owned()),
            (None, None) => panic!("an archive has texts and numbers"),
        };
        (name.clone(), value)
    });
    let put = PutRequest::builder().set_item(Some(attributes.collect())).build().expect("an item");
    WriteRequest::builder().put_request(put).build()
}
