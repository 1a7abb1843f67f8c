//! The errors that AWS answers with, in AWS's words.

use super::call::{Call, Kind};
use crate::endpoints::REGION;
use crate::hostile::HOSTILE;
use crate::upstream::Answer;
use axum::http::StatusCode;
use serde_json::{Value, json};

const KEY_ARN: &str = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";

/// Why a call is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The table or the account is throttled.
    ThroughputExceeded,
    /// The same, from the layer in front of the service.
    Throttled,
    /// The service failed: 500.
    ServerError,
    /// The service is unavailable: 503.
    Unavailable,
    /// The function's role lacks the permission.
    AccessDenied,
    /// There is no such table or stream.
    NotFound,
    /// The function's role may not use the key that the table is encrypted with.
    KeyDenied,
    /// The key that the table is encrypted with is disabled.
    KeyDisabled,
    /// A code and a message with control sequences for a terminal.
    Hostile,
}

impl Refusal {
    /// The answer to a whole call.
    pub(super) fn answer(self, call: &Call) -> Answer {
        let (status, code) = self.status_and_type(call);
        // Errors of this kind say "Message", all others "message".
        let message = if self == Self::AccessDenied { "Message" } else { "message" };
        let mut answer = Answer::json(&json!({ "__type": code, message: self.message(call, 0) }));
        answer.status = status;
        answer
    }

    /// The answer to one statement of a batch. Source of the codes: DynamoDB API reference, BatchStatementError.
    pub(super) fn of_statement(self, call: &Call, place: usize) -> Value {
        let code = match self {
            Self::ThroughputExceeded => "ProvisionedThroughputExceeded",
            Self::Throttled => "ThrottlingError",
            Self::ServerError | Self::Unavailable => "InternalServerError",
            Self::AccessDenied | Self::KeyDenied => "AccessDenied",
            Self::NotFound => "ResourceNotFound",
            Self::KeyDisabled => "ValidationError",
            Self::Hostile => HOSTILE,
        };
        json!({ "Error": { "Code": code, "Message": self.message(call, place) }, "TableName": call.table() })
    }

    fn status_and_type(self, call: &Call) -> (StatusCode, &'static str) {
        let (status, in_dynamodb, in_kinesis) = match self {
            Self::ThroughputExceeded => {
                (400, "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException", "LimitExceededException")
            }
            Self::Throttled => (400, "com.amazon.coral.availability#ThrottlingException", "ThrottlingException"),
            Self::ServerError => (500, "com.amazonaws.dynamodb.v20120810#InternalServerError", "InternalFailure"),
            Self::Unavailable => (503, "com.amazon.coral.availability#ServiceUnavailableException", "ServiceUnavailableException"),
            Self::AccessDenied => (400, "com.amazon.coral.service#AccessDeniedException", "AccessDeniedException"),
            Self::NotFound => (400, "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException", "ResourceNotFoundException"),
            Self::KeyDenied => (400, "com.amazonaws.dynamodb.v20120810#AccessDeniedException", "KMSAccessDeniedException"),
            // DynamoDB answers like this once its cached data key expires, minutes after the key was disabled.
            Self::KeyDisabled => (400, "com.amazon.coral.validate#ValidationException", "KMSDisabledException"),
            Self::Hostile => (400, HOSTILE, HOSTILE),
        };
        let status = StatusCode::from_u16(status).expect("a status");
        (status, if call.is_dynamodb { in_dynamodb } else { in_kinesis })
    }

    fn message(self, call: &Call, place: usize) -> String {
        match self {
            Self::ThroughputExceeded if call.is_dynamodb => {
                "The level of configured provisioned throughput for the table was exceeded. Consider increasing your provisioning \
                 level with the UpdateTable API."
                    .to_owned()
            }
            Self::ThroughputExceeded | Self::Throttled => "Rate exceeded".to_owned(),
            Self::ServerError => "The request processing has failed because of an unknown error.".to_owned(),
            Self::Unavailable => "Service is temporarily unavailable.".to_owned(),
            Self::AccessDenied => denial(call, place),
            Self::Hostile => HOSTILE.to_owned(),
            Self::NotFound if matches!(call.kind, Kind::Describe(_)) => {
                format!("Requested resource not found: Table: {} not found", call.table())
            }
            Self::NotFound => "Requested resource not found".to_owned(),
            Self::KeyDenied => "KMS key access denied error: com.amazonaws.services.kms.model.AWSKMSException: The ciphertext \
                 refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to \
                 access. (Service: AWSKMS; Status Code: 400; Error Code: AccessDeniedException; Request ID: \
                 0e35c348-57ef-4b0a-81e7-87e3fd0e4344; Proxy: null)"
                .to_owned(),
            Self::KeyDisabled => format!(
                "KMS key disabled error: com.amazonaws.services.kms.model.DisabledException: {KEY_ARN} is disabled. (Service: \
                 AWSKMS; Status Code: 400; Error Code: DisabledException; Request ID: 0e35c348-57ef-4b0a-81e7-87e3fd0e4344; \
                 Proxy: null)"
            ),
        }
    }
}

fn denial(call: &Call, place: usize) -> String {
    let statement = call.body["Statements"][place]["Statement"].as_str().unwrap_or_default();
    let action = match statement.split_whitespace().next() {
        Some("UPDATE") => "PartiQLUpdate",
        Some("INSERT") => "PartiQLInsert",
        Some("DELETE") => "PartiQLDelete",
        Some("SELECT") => "PartiQLSelect",
        _ => call.operation.as_str(),
    };
    let (service, resource) = if call.is_dynamodb {
        ("dynamodb", format!("arn:aws:dynamodb:{REGION}:123456789012:table/{}", call.table()))
    } else {
        let stream = call.body["StreamName"].as_str().unwrap_or_default();
        ("kinesis", format!("arn:aws:kinesis:{REGION}:123456789012:stream/{stream}"))
    };
    format!(
        "User: arn:aws:sts::123456789012:assumed-role/archiver/archiver is not authorized to perform: {service}:{action} on \
         resource: {resource} because no identity-based policy allows the {service}:{action} action"
    )
}
