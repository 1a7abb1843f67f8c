//! What went wrong, as the model keeps it and as people read it: what was tried, what came of it, what to do now.

use archiver::aws::failure::{AwsFailure, FailureKind};
use std::fmt;

/// Something that was tried and failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What was tried, and on what: `list the streams`, `read table orders-archive-ALL`.
    pub operation: String,
    /// The permission it takes, where it takes one.
    pub permission: Option<&'static str>,
    /// What came of it.
    pub kind: FailureKind,
    /// In the words of the service or the connection.
    pub detail: String,
}

impl Failure {
    /// The failure of a call to AWS.
    pub fn of_call(operation: impl Into<String>, permission: impl Into<Option<&'static str>>, failure: AwsFailure) -> Self {
        Self { operation: operation.into(), permission: permission.into(), kind: failure.kind, detail: failure.message }
    }

    /// A want of credentials; the detail says what to do after a semicolon, where that is known.
    pub fn of_credentials(operation: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { operation: operation.into(), permission: None, kind: FailureKind::Credentials, detail: detail.into() }
    }

    /// A failure that no call could mend: what was asked for cannot be.
    pub fn refused(operation: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { operation: operation.into(), permission: None, kind: FailureKind::Refused, detail: detail.into() }
    }

    /// Whether it was a call to this service, by the permission it takes.
    #[must_use]
    pub fn is_of(&self, service: &str) -> bool {
        self.permission.and_then(|permission| permission.split(':').next()) == Some(service)
    }

    /// Whether the same may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        AwsFailure { kind: self.kind, message: String::new() }.is_transient()
    }

    /// What to do about it, where that can be said.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self.kind {
            FailureKind::AccessDenied => self.permission.map(|permission| format!("it needs the permission {permission}")),
            // What is known of the credentials' origin is said already.
            FailureKind::Credentials if self.detail.contains("; ") => None,
            FailureKind::Credentials if self.detail.contains("xpired") => Some("renew the credentials, and try again".to_owned()),
            FailureKind::Credentials => {
                Some("check the credentials and the profile (aws configure), or try --local, which needs none".to_owned())
            }
            FailureKind::Network if self.detail.contains("certificate") => {
                Some("name the certificates to trust in AWS_CA_BUNDLE, or as ca_bundle of the profile".to_owned())
            }
            FailureKind::Network => Some("check the network, --region and --endpoint-url".to_owned()),
            FailureKind::TimedOut => Some("the service did not answer; check the network and --endpoint-url".to_owned()),
            FailureKind::Throttled => Some("too many requests for now; it will work again in a moment".to_owned()),
            FailureKind::Service => Some("the service failed; try again".to_owned()),
            FailureKind::ClockSkew => Some("set the clock of this machine right".to_owned()),
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
