//! Makes the table of a demo stream's archive.

use crate::local::setup::SetupError;
use archiver::aws_failure::AwsFailure;
use archiver::settings::ArchiveSettings;
use archiver::stream::StreamName;
use archiver::table::{TableKeys, archive_table_name, attribute};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TimeToLiveSpecification,
};

/// Makes the table that the settings name, with its TTL; `false` where there is one already, which stays as it is.
pub(super) async fn make_table(client: &Client, stream: &StreamName, settings: &ArchiveSettings) -> Result<bool, SetupError> {
    let table = archive_table_name(stream, settings.mode);
    let failed = |failure: AwsFailure| SetupError::new(format!("create table {table}"), failure);
    let built =
        |error: BuildError| {
            failed(AwsFailure::from(aws_sdk_dynamodb::error::SdkError::<
        aws_sdk_dynamodb::operation::create_table::CreateTableError,
    >::construction_failure(error)))
        };
    let TableKeys { hash, range } = TableKeys::of_mode(settings.mode);
    let mut request = client.create_table().table_name(&table).billing_mode(BillingMode::PayPerRequest);
    for (name, kind) in [(Some(hash), KeyType::Hash), (range, KeyType::Range)] {
        let Some(name) = name else { continue };
        let key = KeySchemaElement::builder().attribute_name(&name).key_type(kind).build().map_err(built)?;
        let definition = AttributeDefinition::builder().attribute_name(&name).attribute_type(ScalarAttributeType::S).build();
        request = request.key_schema(key).attribute_definitions(definition.map_err(built)?);
    }
    if let Err(error) = request.send().await {
        if error.as_service_error().is_some_and(|error| error.is_resource_in_use_exception()) {
            return Ok(false);
        }
        return Err(failed(error.into()));
    }
    if settings.ttl.is_some() {
        let ttl =
            TimeToLiveSpecification::builder().attribute_name(attribute::EXPIRE_AFTER).enabled(true).build().map_err(built)?;
        let request = client.update_time_to_live().table_name(&table).time_to_live_specification(ttl);
        request.send().await.map_err(|error| failed(error.into()))?;
    }
    Ok(true)
}
