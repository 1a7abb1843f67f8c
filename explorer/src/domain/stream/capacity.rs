//! How the capacity of a stream is set.

/// How a stream's capacity is set. Source: Kinesis API reference, StreamModeDetails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CapacityMode {
    /// A fixed number of shards.
    Provisioned,
    /// As many shards as needed.
    OnDemand,
    /// A mode that is not known here.
    Other(String),
}

impl CapacityMode {
    /// In AWS' own word, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Provisioned => "provisioned",
            Self::OnDemand => "on-demand",
            Self::Other(other) => other,
        }
    }
}
