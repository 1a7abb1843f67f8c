//! Archives in DynamoDB. Batches are posted as JSON that is written from the records directly; the few other calls are the SDK's.

mod answers;
mod post;
mod requests;

use crate::aws_failure::{AwsFailure, FailureKind};
use crate::database::{
    BatchAnswer, Database, Part, PartKey, Statement, StatementAnswer, StatementAnswers, StoredVersion, WriteUnits,
};
use crate::http::Http;
use crate::item::{Attributes, Item, Stamp};
use crate::table::{TableKeys, attribute};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConsumedCapacity, KeySchemaElement, KeyType, ReturnConsumedCapacity, ReturnValue,
    ReturnValuesOnConditionCheckFailure,
};
use aws_types::SdkConfig;
pub use post::InvalidConfig;
use post::{Operation, Post};

/// DynamoDB, or whatever speaks its protocol at the configured endpoint.
#[derive(Debug)]
pub struct DynamoDb {
    client: Client,
    post: Post,
}

impl DynamoDb {
    /// Calls with this configuration; the connections are those that it has too.
    ///
    /// # Errors
    /// When region, credentials or endpoint are missing.
    pub fn new(config: &SdkConfig, http: &Http) -> Result<Self, InvalidConfig> {
        Ok(Self { client: Client::new(config), post: Post::new(config, http)? })
    }

    /// Calls an emulator at this URL, with credentials that mean nothing. Neither variables nor files are read.
    #[must_use]
    pub fn of_emulator(url: &str, region: &str, http: &Http) -> Self {
        let credentials = SharedCredentialsProvider::new(Credentials::new("local", "local", None, None, "emulator"));
        let client = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .credentials_provider(credentials.clone())
            .retry_config(RetryConfig::disabled())
            .http_client(http.client())
            .endpoint_url(url)
            .build();
        Self { client: Client::from_conf(client), post: Post::to(url, region.to_owned(), credentials, http) }
    }
}

impl Database for DynamoDb {
    async fn table_keys(&self, table: &str) -> Result<Option<TableKeys>, AwsFailure> {
        match self.client.describe_table().table_name(table).send().await.map_err(AwsFailure::from) {
            Ok(output) => {
                let schema = output.table.and_then(|table| table.key_schema).unwrap_or_default();
                Ok(Some(keys_of_schema(&schema)))
            }
            Err(failure) if failure.kind == FailureKind::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    async fn put_items(&self, table: &str, items: &[&Item<'_>], stamp: &Stamp) -> Result<BatchAnswer, AwsFailure> {
        let answer = self.post.send(Operation::BatchWriteItem, requests::put_items(table, items, stamp)).await?;
        answers::batch_write(&answer, |key| {
            items.iter().position(|item| key.is_item(&item.partition_key, item.sequence_number.as_str()))
        })
    }

    async fn put_parts(&self, table: &str, parts: &[Part<'_>], stamp: &Stamp) -> Result<BatchAnswer, AwsFailure> {
        let answer = self.post.send(Operation::BatchWriteItem, requests::put_parts(table, parts, stamp)).await?;
        answers::batch_write(&answer, |key| parts.iter().position(|part| key.is_part(part.key.part_of, part.key.part)))
    }

    async fn delete_parts(&self, table: &str, parts: &[PartKey<'_>]) -> Result<BatchAnswer, AwsFailure> {
        let answer = self.post.send(Operation::BatchWriteItem, requests::delete_parts(table, parts)).await?;
        answers::batch_write(&answer, |key| parts.iter().position(|part| key.is_part(part.part_of, part.part)))
    }

    async fn execute(&self, table: &str, statements: &[Statement<'_>], stamp: &Stamp) -> Result<StatementAnswers, AwsFailure> {
        let answer = self.post.send(Operation::BatchExecuteStatement, requests::execute(table, statements, stamp)).await?;
        answers::executed(&answer)
    }

    async fn put_if_newest(
        &self,
        table: &str,
        item: &Item<'_>,
        stamp: &Stamp,
    ) -> Result<(StatementAnswer, WriteUnits), AwsFailure> {
        // A put and not an update: the item must not keep an attribute from an earlier setting.
        let put = self
            .client
            .put_item()
            .table_name(table)
            .set_item(Some(item.to_attributes(stamp)))
            .expression_attribute_names("#number", attribute::SEQUENCE_NUMBER)
            .expression_attribute_values(":digits", AttributeValue::N(item.sequence_number.digits().to_string()))
            .expression_attribute_values(":number", AttributeValue::S(item.sequence_number.to_string()))
            .return_values(ReturnValue::AllOld)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let older = "attribute_not_exists(#number) OR size(#number) < :digits OR (size(#number) = :digits AND #number < :number)";
        let put = match item.sub_sequence_number {
            Some(place) => put
                .condition_expression(format!(
                    "{older} OR (#number = :number AND (attribute_not_exists(#place) OR #place < :place))"
                ))
                .expression_attribute_names("#place", attribute::SUB_SEQUENCE_NUMBER)
                .expression_attribute_values(":place", AttributeValue::N(place.to_string())),
            None => put.condition_expression(older),
        };
        match put.send().await {
            Ok(output) => {
                let replaced = output.attributes.map(|attributes| version_of(&attributes));
                Ok((StatementAnswer::Written { replaced }, units(output.consumed_capacity)))
            }
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                    let stored = failed.item.as_ref().map(version_of);
                    Ok((StatementAnswer::ConditionFailed { stored }, 0.0))
                }
                _ => Err(error.into()),
            },
        }
    }

    async fn stored_version(&self, table: &str, keys: &TableKeys, item: &Item<'_>) -> Result<Option<StoredVersion>, AwsFailure> {
        let range = keys.range.iter().map(|name| (name, item.sequence_number.as_str()));
        let key = std::iter::once((&keys.hash, item.partition_key.as_ref())).chain(range);
        let output = self
            .client
            .get_item()
            .table_name(table)
            .set_key(Some(key.map(|(name, text)| (name.clone(), AttributeValue::S(text.to_owned()))).collect()))
            .consistent_read(true)
            .projection_expression(answers::VERSION_ATTRIBUTES.join(", "))
            .send()
            .await?;
        Ok(output.item.as_ref().map(version_of))
    }
}

/// The keys that DynamoDB describes a table with.
#[must_use]
pub fn keys_of_schema(schema: &[KeySchemaElement]) -> TableKeys {
    let key = |kind: KeyType| schema.iter().find(|key| key.key_type == kind).map(|key| key.attribute_name.clone());
    TableKeys { hash: key(KeyType::Hash).unwrap_or_default(), range: key(KeyType::Range) }
}

fn version_of(attributes: &Attributes) -> StoredVersion {
    let text = |name: &str| match attributes.get(name) {
        Some(AttributeValue::S(text) | AttributeValue::N(text)) => Some(text.as_str()),
        _ => None,
    };
    let [number, place, parts] = answers::VERSION_ATTRIBUTES.map(text);
    StoredVersion::new(number, place, parts)
}

fn units(capacity: Option<ConsumedCapacity>) -> WriteUnits {
    capacity.and_then(|capacity| capacity.capacity_units).unwrap_or_default()
}
