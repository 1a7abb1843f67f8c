//! Where records are kept: the trait that the handler writes through, and DynamoDB behind it. Every write goes on being tried
//! until it succeeds, can never succeed, or the deadline passes.

use crate::aws_failure::{AwsFailure, FailureKind};
use crate::backoff::{Deadline, DeadlinePassed};
use crate::item::{self, Attributes, Stamp};
use crate::record::ArchivedRecord;
use crate::sequence::SequenceNumber;
use crate::table::{TableKeys, attribute};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, KeySchemaElement, KeyType, PutRequest, WriteRequest};
use futures::StreamExt as _;
use std::future::Future;

/// Items one BatchWriteItem call accepts. Source: DynamoDB API reference, BatchWriteItem.
const MAX_BATCH_ITEMS: usize = 25;
/// Batch writes in flight at once; more do not pay at DynamoDB's latency of some 5 ms.
const BATCHES_IN_FLIGHT: usize = 16;
/// Conditional writes in flight at once, for the same reason.
const PUTS_IN_FLIGHT: usize = 48;

/// A record that is not in the archive, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedWrite {
    /// Which record.
    pub sequence_number: SequenceNumber,
    /// Why it could not be written.
    pub reason: WriteError,
}

/// Why a record could not be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// DynamoDB's answer.
    #[error(transparent)]
    Aws(#[from] AwsFailure),
    /// No time was left.
    #[error(transparent)]
    Deadline(#[from] DeadlinePassed),
}

impl WriteError {
    /// Whether the table itself is the trouble, so that no record of the batch can be written.
    #[must_use]
    pub fn concerns_the_table(&self) -> bool {
        match self {
            Self::Aws(failure) => {
                matches!(
                    failure.kind,
                    FailureKind::NotFound | FailureKind::AccessDenied | FailureKind::Credentials | FailureKind::Unusable
                )
            }
            Self::Deadline(_) => false,
        }
    }
}

/// How one conditional write ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Newest {
    /// The record is in the archive now.
    Written,
    /// Something newer was there already.
    Superseded,
}

/// What the LATEST writes of a batch came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewestOutcome {
    /// Records for whose key something newer was stored already.
    pub superseded: usize,
    /// Records that could not be written.
    pub failed: Vec<FailedWrite>,
}

/// A place that keeps archives.
pub trait RecordStore: Send + Sync {
    /// The keys of a table, `None` where it does not exist.
    fn table_keys(&self, table: &str) -> impl Future<Output = Result<Option<TableKeys>, AwsFailure>> + Send;

    /// Writes every record, idempotently; no two may have the same key. Gives back those that failed.
    fn put_all(
        &self,
        table: &str,
        records: Vec<ArchivedRecord>,
        stamp: Stamp,
        deadline: Deadline,
    ) -> impl Future<Output = Vec<FailedWrite>> + Send;

    /// Writes each record where nothing newer is stored under its partition key; no two may have the same partition key.
    fn put_newest(
        &self,
        table: &str,
        records: Vec<ArchivedRecord>,
        stamp: Stamp,
        deadline: Deadline,
    ) -> impl Future<Output = NewestOutcome> + Send;
}

/// Archives in DynamoDB.
#[derive(Clone, Debug)]
pub struct DynamoDbStore {
    client: Client,
}

impl DynamoDbStore {
    /// Uses this client for every call.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    async fn put_batch(&self, table: &str, items: Vec<Attributes>, deadline: Deadline) -> Vec<FailedWrite> {
        let mut pending = items;
        let mut tries = 0;
        loop {
            let reason = match deadline.bound(self.write_batch(table, pending.clone())).await {
                Ok(Ok(unprocessed)) if unprocessed.is_empty() => return Vec::new(),
                Ok(Ok(unprocessed)) => {
                    pending = unprocessed;
                    WriteError::from(AwsFailure {
                        kind: FailureKind::Throttled,
                        message: "DynamoDB left it unprocessed".to_owned(),
                    })
                }
                // One item that is refused makes DynamoDB refuse its whole batch: each is written alone to find it.
                Ok(Err(failure)) if failure.kind == FailureKind::Refused && pending.len() > 1 => {
                    return self.put_each(table, pending, deadline).await;
                }
                Ok(Err(failure)) if !failure.is_transient() => return all_failed(&pending, &failure.into()),
                Ok(Err(failure)) => failure.into(),
                Err(passed) => return all_failed(&pending, &passed.into()),
            };
            if deadline.back_off(tries).await.is_err() {
                return all_failed(&pending, &reason);
            }
            tries += 1;
        }
    }

    /// One BatchWriteItem; gives back what was left unprocessed.
    async fn write_batch(&self, table: &str, items: Vec<Attributes>) -> Result<Vec<Attributes>, AwsFailure> {
        let puts = items
            .into_iter()
            .map(|item| {
                PutRequest::builder().set_item(Some(item)).build().map(|put| WriteRequest::builder().put_request(put).build())
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| AwsFailure { kind: FailureKind::Refused, message: error.to_string() })?;
        let output = self.client.batch_write_item().request_items(table, puts).send().await?;
        let unprocessed = output.unprocessed_items.unwrap_or_default().into_values().flatten();
        Ok(unprocessed.filter_map(|request| request.put_request).map(|put| put.item).collect())
    }

    async fn put_each(&self, table: &str, items: Vec<Attributes>, deadline: Deadline) -> Vec<FailedWrite> {
        let puts = items.into_iter().map(|item| async move {
            let sequence_number = item::sequence_number_of(&item)?;
            let put = || self.client.put_item().table_name(table).set_item(Some(item.clone())).send();
            let result = until_done(deadline, || async { put().await.map(|_| ()).map_err(AwsFailure::from) }).await;
            result.err().map(|reason| FailedWrite { sequence_number, reason })
        });
        let results: Vec<Option<FailedWrite>> = futures::stream::iter(puts).buffer_unordered(MAX_BATCH_ITEMS).collect().await;
        results.into_iter().flatten().collect()
    }

    async fn put_if_newest(&self, table: &str, item: &Attributes, number: &SequenceNumber) -> Result<Newest, AwsFailure> {
        // A put and not an update: the item must not keep an attribute from an earlier setting.
        let result = self
            .client
            .put_item()
            .table_name(table)
            .set_item(Some(item.clone()))
            .condition_expression(
                "attribute_not_exists(#number) OR size(#number) < :digits OR (size(#number) = :digits AND #number < :number)",
            )
            .expression_attribute_names("#number", attribute::SEQUENCE_NUMBER)
            .expression_attribute_values(":digits", AttributeValue::N(number.digits().to_string()))
            .expression_attribute_values(":number", AttributeValue::S(number.to_string()))
            .send()
            .await
            .map_err(AwsFailure::from);
        match result {
            Ok(_) => Ok(Newest::Written),
            Err(failure) if failure.kind == FailureKind::ConditionFailed => Ok(Newest::Superseded),
            Err(failure) => Err(failure),
        }
    }
}

impl RecordStore for DynamoDbStore {
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

    async fn put_all(&self, table: &str, records: Vec<ArchivedRecord>, stamp: Stamp, deadline: Deadline) -> Vec<FailedWrite> {
        let mut items = records.into_iter().map(|record| item::to_attributes(record, &stamp));
        let batches = std::iter::from_fn(|| {
            let batch: Vec<Attributes> = items.by_ref().take(MAX_BATCH_ITEMS).collect();
            if batch.is_empty() { None } else { Some(self.put_batch(table, batch, deadline)) }
        });
        let failed: Vec<Vec<FailedWrite>> = futures::stream::iter(batches).buffer_unordered(BATCHES_IN_FLIGHT).collect().await;
        failed.into_iter().flatten().collect()
    }

    async fn put_newest(&self, table: &str, records: Vec<ArchivedRecord>, stamp: Stamp, deadline: Deadline) -> NewestOutcome {
        let puts = records.into_iter().map(|record| async move {
            let sequence_number = record.sequence_number.clone();
            let item = item::to_attributes(record, &stamp);
            until_done(deadline, || self.put_if_newest(table, &item, &sequence_number))
                .await
                .map_err(|reason| FailedWrite { sequence_number: sequence_number.clone(), reason })
        });
        let mut puts = futures::stream::iter(puts).buffer_unordered(PUTS_IN_FLIGHT);
        let mut outcome = NewestOutcome::default();
        while let Some(result) = puts.next().await {
            match result {
                Ok(Newest::Written) => {}
                Ok(Newest::Superseded) => outcome.superseded += 1,
                Err(failed) => outcome.failed.push(failed),
            }
        }
        outcome
    }
}

/// The keys that DynamoDB describes a table with.
#[must_use]
pub fn keys_of_schema(schema: &[KeySchemaElement]) -> TableKeys {
    let key = |kind: KeyType| schema.iter().find(|key| key.key_type == kind).map(|key| key.attribute_name.clone());
    TableKeys { hash: key(KeyType::Hash).unwrap_or_default(), range: key(KeyType::Range) }
}

/// Tries until the call succeeds, can never succeed, or the deadline passes.
async fn until_done<T, F: Future<Output = Result<T, AwsFailure>>>(
    deadline: Deadline,
    call: impl Fn() -> F,
) -> Result<T, WriteError> {
    let mut tries = 0;
    loop {
        let failure = match deadline.bound(call()).await? {
            Ok(done) => return Ok(done),
            Err(failure) if !failure.is_transient() => return Err(failure.into()),
            Err(failure) => failure,
        };
        deadline.back_off(tries).await.map_err(|_| failure)?;
        tries += 1;
    }
}

fn all_failed(items: &[Attributes], reason: &WriteError) -> Vec<FailedWrite> {
    items
        .iter()
        .filter_map(item::sequence_number_of)
        .map(|sequence_number| FailedWrite { sequence_number, reason: reason.clone() })
        .collect()
}
