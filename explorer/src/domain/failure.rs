//! A failed operation, for the model and for people: what was tried, why it failed, and what to do now.

use archiver::aws::failure::{AwsFailure, FailureKind};
use std::fmt;

/// A failed operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What was tried, and on what: `list the streams`, `read table orders-archive-ALL`.
    pub operation: String,
    /// The permission that it needs, if any.
    pub permission: Option<&'static str>,
    /// The kind of failure.
    pub kind: FailureKind,
    /// In the words of the service or the connection.
    pub detail: String,
}

impl Failure {
    /// The failure of a call to AWS.
    pub fn of_call(operation: impl Into<String>, permission: impl Into<Option<&'static str>>, failure: AwsFailure) -> Self {
        Self { operation: operation.into(), permission: permission.into(), kind: failure.kind, detail: failure.message }
    }

    /// Missing or refused credentials. The detail says after a semicolon what to do, if that is known.
    pub fn of_credentials(operation: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { operation: operation.into(), permission: None, kind: FailureKind::Credentials, detail: detail.into() }
    }

    /// A request that cannot be fulfilled, without a failed call.
    pub fn refused(operation: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { operation: operation.into(), permission: None, kind: FailureKind::Refused, detail: detail.into() }
    }

    /// Whether it was a call to this service, judging by the permission.
    #[must_use]
    pub fn is_of(&self, service: &str) -> bool {
        self.permission.and_then(|permission| permission.split(':').next()) == Some(service)
    }

    /// Whether the same may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        AwsFailure { kind: self.kind, message: String::new() }.is_transient()
    }

    /// What to do about it, if that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self.kind {
            FailureKind::AccessDenied => self.permission.map(|permission| format!("it needs the permission {permission}")),
            // The detail already says where the credentials come from.
            FailureKind::Credentials if self.detail.contains("; ") => None,
            FailureKind::Credentials if self.detail.contains("xpired") => Some("renew the credentials, and try again".to_owned()),
            FailureKind::Credentials => {
                Some("check the credentials and the profile (aws configure), or try --local, which needs none".to_owned())
            }
            FailureKind::Network if self.detail.contains("certificate") => {
                Some("set AWS_CA_BUNDLE or the profile's ca_bundle to the certificates to trust".to_owned())
            }
            FailureKind::Network => Some("check the network, --region and --endpoint-url".to_owned()),
            FailureKind::TimedOut => Some("the service did not answer; check the network and --endpoint-url".to_owned()),
            FailureKind::Throttled => Some("too many requests; try again in a moment".to_owned()),
            FailureKind::Service => Some("the service failed; try again".to_owned()),
            FailureKind::ClockSkew => Some("set this machine's clock right".to_owned()),
            FailureKind::NotFound | FailureKind::ConditionFailed | FailureKind::Refused | FailureKind::Unusable => None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "cannot {}: {}", self.operation, self.detail.trim_end_matches('.'))?;
        match self.hint() {
            Some(hint) => write!(formatter, "; {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}
