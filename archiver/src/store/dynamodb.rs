//! Archives in DynamoDB. Requests are JSON, written directly from the records.

mod answers;
mod requests;

use super::database::{
    BatchAnswer, Database, Part, PartKey, Statement, StatementAnswer, StatementAnswers, StoredVersion, WriteUnits,
};
use crate::aws::failure::{AwsFailure, FailureKind};
use crate::aws::http::Http;
use crate::aws::post::{InvalidConfig, Operation, Post, Service};
use crate::format::item::{Item, Stamp};
use crate::format::sequence::SequenceNumber;
use crate::format::table::TableKeys;
use aws_types::SdkConfig;

/// DynamoDB, or an emulator of it at the configured endpoint.
#[derive(Debug)]
pub struct DynamoDb {
    post: Post,
}

impl DynamoDb {
    /// Calls DynamoDB with this configuration.
    ///
    /// # Errors
    /// When region, credentials or endpoint are missing.
    pub fn new(config: &SdkConfig, http: &Http) -> Result<Self, InvalidConfig> {
        Ok(Self { post: Post::new(Service::DynamoDb, config, http)? })
    }

    /// Calls an emulator at this URL with made-up credentials. It reads no environment variables and no files.
    #[must_use]
    pub(crate) fn of_emulator(url: &str, region: &str, http: &Http) -> Self {
        Self { post: Post::to_emulator(Service::DynamoDb, url, region, http) }
    }
}

impl Database for DynamoDb {
    async fn table_keys(&self, table: &str) -> Result<Option<TableKeys>, AwsFailure> {
        match self.post.send(Operation::DescribeTable, requests::describe_table(table)).await {
            Ok(answer) => answers::table_keys(&answer).map(Some),
            Err(refused) if refused.failure.kind == FailureKind::NotFound => Ok(None),
            Err(refused) => Err(refused.failure),
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
        over: Option<&SequenceNumber>,
        stamp: &Stamp,
    ) -> Result<(StatementAnswer, WriteUnits), AwsFailure> {
        match self.post.send(Operation::PutItem, requests::put_if_newest(table, item, over, stamp)).await {
            Ok(answer) => answers::put(&answer),
            Err(refused) if refused.failure.kind == FailureKind::ConditionFailed => {
                Ok((StatementAnswer::ConditionFailed { stored: answers::stored_of_refusal(&refused.answer) }, 0.0))
            }
            Err(refused) => Err(refused.failure),
        }
    }

    async fn stored_version(&self, table: &str, keys: &TableKeys, item: &Item<'_>) -> Result<Option<StoredVersion>, AwsFailure> {
        let answer = self.post.send(Operation::GetItem, requests::get_version(table, keys, item)).await?;
        answers::stored(&answer)
    }
}
