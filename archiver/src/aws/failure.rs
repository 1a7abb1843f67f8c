//! What a failed AWS call means, without the SDK's types. The kind decides what the program does; the message is for people.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use std::fmt;

/// What went wrong, as far as a caller needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// A permission is missing.
    AccessDenied,
    /// There are no credentials, or the service does not accept them.
    Credentials,
    /// The time of the signature differs too much from the service's time.
    ClockSkew,
    /// The stream or table does not exist.
    NotFound,
    /// Too many calls or too much data at the moment.
    Throttled,
    /// The endpoint cannot be reached, or the connection broke.
    Network,
    /// No answer in time.
    TimedOut,
    /// A write's condition does not hold.
    ConditionFailed,
    /// The service failed.
    Service,
    /// This request can never succeed, but one with other records may.
    Refused,
    /// The stream or table takes no requests, for example because its KMS key is disabled or it is being deleted.
    Unusable,
}

/// An answer that AWS never gives: it lacks something that AWS always sends, or is too large. Retrying does not help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnusableAnswer(pub String);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsFailure {
    pub kind: FailureKind,
    /// What the service or the connection said.
    pub message: String,
}

impl AwsFailure {
    /// A call that had no answer in the time of one attempt.
    #[must_use]
    pub fn no_answer() -> Self {
        Self { kind: FailureKind::TimedOut, message: "no answer came in time".to_owned() }
    }

    /// A write that DynamoDB did not process. It does that when it is at its limits.
    #[must_use]
    pub fn unprocessed() -> Self {
        Self { kind: FailureKind::Throttled, message: "DynamoDB left it unprocessed".to_owned() }
    }

    /// A statement that DynamoDB's answer does not mention.
    #[must_use]
    pub fn unanswered() -> Self {
        Self { kind: FailureKind::Service, message: "DynamoDB's answer does not mention it".to_owned() }
    }

    /// The error in a service's answer.
    #[must_use]
    pub fn of_answer(code: &str, message: &str, status: u16) -> Self {
        let kind = kind_of_answer(code, message, status);
        let message = [code, message].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(": ");
        Self { kind, message }
    }

    /// A call without an answer.
    #[must_use]
    pub fn of_connection(error: &ConnectorError) -> Self {
        let kind = match error {
            error if innermost(error).is::<UnusableAnswer>() => FailureKind::Unusable,
            error if error.is_timeout() => FailureKind::TimedOut,
            _ => FailureKind::Network,
        };
        Self::of_cause(kind, error)
    }

    /// A failure with the message of the error's innermost cause.
    #[must_use]
    pub fn of_cause(kind: FailureKind, error: &(dyn std::error::Error + 'static)) -> Self {
        Self { kind, message: innermost(error).to_string() }
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self.kind {
            // The answer has the service's time, and the next signature uses it.
            FailureKind::Throttled
            | FailureKind::Network
            | FailureKind::TimedOut
            | FailureKind::Service
            | FailureKind::ClockSkew => true,
            FailureKind::AccessDenied
            | FailureKind::Credentials
            | FailureKind::NotFound
            | FailureKind::ConditionFailed
            | FailureKind::Refused
            | FailureKind::Unusable => false,
        }
    }
}

impl fmt::Display for AwsFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for AwsFailure {}

impl<E> From<SdkError<E, HttpResponse>> for AwsFailure
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        let kind = match &error {
            error if innermost(error).is::<UnusableAnswer>() => FailureKind::Unusable,
            SdkError::TimeoutError(_) => FailureKind::TimedOut,
            SdkError::DispatchFailure(failure) if failure.is_timeout() => FailureKind::TimedOut,
            SdkError::DispatchFailure(failure) if failure.is_io() => FailureKind::Network,
            SdkError::DispatchFailure(_) if mentions_credentials(&error) => FailureKind::Credentials,
            // The rest: the endpoint is not a valid address.
            SdkError::DispatchFailure(_) => FailureKind::Network,
            SdkError::ConstructionFailure(_) => FailureKind::Refused,
            // An error without a body, or with a body that does not come from the service.
            SdkError::ResponseError(response) if response.raw().status().as_u16() >= 400 => {
                kind_of_answer("", "", response.raw().status().as_u16())
            }
            SdkError::ResponseError(_) => FailureKind::Network,
            SdkError::ServiceError(service) => {
                let (code, message) = (service.err().code().unwrap_or_default(), service.err().message().unwrap_or_default());
                kind_of_answer(code, message, service.raw().status().as_u16())
            }
            _ => FailureKind::Service,
        };
        let message = match error.as_service_error().map(ProvideErrorMetadata::meta) {
            Some(meta) => match (meta.code(), meta.message()) {
                (Some(code), Some(message)) => format!("{code}: {message}"),
                (Some(code), None) => code.to_owned(),
                (None, Some(message)) => message.to_owned(),
                (None, None) => innermost_message(&error),
            },
            None => match &error {
                SdkError::ResponseError(response) if response.raw().status().as_u16() >= 400 => {
                    format!("HTTP {} without an explanation", response.raw().status().as_u16())
                }
                error => innermost_message(error),
            },
        };
        Self { kind, message }
    }
}

/// The SDK reports missing credentials as a failed dispatch. Only the text shows the difference.
fn mentions_credentials(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(|error| error.to_string().contains("credentials"))
}

/// The code of a call ends in "Exception", the code of a statement in a batch does not. Otherwise they are the same.
fn kind_of_answer(code: &str, message: &str, status: u16) -> FailureKind {
    match code.strip_suffix("Exception").unwrap_or(code) {
        "ConditionalCheckFailed" => FailureKind::ConditionFailed,
        "ResourceNotFound" | "NoSuchBucket" | "NoSuchKey" => FailureKind::NotFound,
        "RequestTimeTooSkewed" | "RequestExpired" => FailureKind::ClockSkew,
        "InvalidSignature" if is_of_another_time(message) => FailureKind::ClockSkew,
        "UnrecognizedClient"
        | "InvalidSignature"
        | "ExpiredToken"
        | "SignatureDoesNotMatch"
        | "InvalidAccessKeyId"
        | "InvalidClientTokenId"
        | "InvalidToken"
        | "MissingAuthenticationToken"
        | "IncompleteSignature" => FailureKind::Credentials,
        "TransactionConflict" | "ReplicatedWriteConflict" => FailureKind::Throttled,
        "LimitExceeded" | "ProvisionedThroughputExceeded" | "RequestLimitExceeded" | "SlowDown" => FailureKind::Throttled,
        code if code.starts_with("AccessDenied") || code.ends_with("KMSAccessDenied") => FailureKind::AccessDenied,
        code if code.contains("Throttl") => FailureKind::Throttled,
        // The request itself is fine. Source: seen on AWS after DisableKey; the API reference does not mention it.
        "Validation" | "ValidationError" if message.contains("KMS key") => FailureKind::Unusable,
        "Validation" | "ValidationError" | "InvalidArgument" | "Serialization" | "ItemCollectionSizeLimitExceeded" => {
            FailureKind::Refused
        }
        "InternalServerError" => FailureKind::Service,
        _ if status == 413 => FailureKind::Refused,
        _ if status >= 500 => FailureKind::Service,
        _ => FailureKind::Unusable,
    }
}

/// Source: IAM user guide, troubleshooting signature version 4: "Signature expired" and "Signature not yet current".
fn is_of_another_time(message: &str) -> bool {
    message.contains("expired") || message.contains("not yet current")
}

/// The innermost cause says what happened ("connection refused"); the layers above only say that something did.
fn innermost_message<E>(error: &SdkError<E, HttpResponse>) -> String
where
    E: std::error::Error + Send + Sync + 'static,
{
    let message = innermost(error).to_string();
    if message.is_empty() { DisplayErrorContext(error).to_string() } else { message }
}

/// The last of an error's sources.
#[must_use]
pub fn innermost<'e>(error: &'e (dyn std::error::Error + 'static)) -> &'e (dyn std::error::Error + 'static) {
    std::iter::successors(Some(error), |error| error.source()).last().unwrap_or(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_request_that_is_wrong_in_itself_is_worth_taking_apart() {
        for (code, message, status, kind) in [
            ("ValidationException", "", 400, FailureKind::Refused),
            ("KMSDisabledException", "", 400, FailureKind::Unusable),
            ("ResourceInUseException", "", 400, FailureKind::Unusable),
            ("KMSThrottlingException", "", 400, FailureKind::Throttled),
            ("KMSAccessDeniedException", "", 400, FailureKind::AccessDenied),
            ("ProvisionedThroughputExceededException", "", 400, FailureKind::Throttled),
            ("InternalFailure", "", 500, FailureKind::Service),
            ("", "", 503, FailureKind::Service),
            ("ValidationException", "KMS key disabled error: arn:aws:kms:… is disabled", 400, FailureKind::Unusable),
            ("InvalidSignatureException", "Signature expired: 20261122T220000Z is now earlier than …", 400, FailureKind::ClockSkew),
            ("ProvisionedThroughputExceeded", "", 400, FailureKind::Throttled),
            ("ThrottlingError", "", 400, FailureKind::Throttled),
            ("RequestLimitExceeded", "", 400, FailureKind::Throttled),
            ("TransactionConflict", "", 400, FailureKind::Throttled),
            ("InternalServerError", "", 400, FailureKind::Service),
            ("ResourceNotFound", "", 400, FailureKind::NotFound),
            ("AccessDenied", "", 400, FailureKind::AccessDenied),
            ("SignatureDoesNotMatch", "", 403, FailureKind::Credentials),
            ("NoSuchBucket", "", 404, FailureKind::NotFound),
            ("ItemCollectionSizeLimitExceeded", "", 400, FailureKind::Refused),
            ("ValidationError", "", 400, FailureKind::Refused),
            ("ValidationError", "KMS key disabled error: arn:aws:kms:… is disabled", 400, FailureKind::Unusable),
            ("InvalidSignatureException", "The request signature we calculated does not match", 403, FailureKind::Credentials),
        ] {
            assert_eq!(kind_of_answer(code, message, status), kind, "{code}");
        }
    }
}
