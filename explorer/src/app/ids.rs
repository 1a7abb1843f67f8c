//! Ids that connect requests with their answers.

/// Identifies a request, so that outdated answers can be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(pub u64);

/// Identifies the spool that holds a reading's records; the state keeps only their entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SpoolId(pub u64);
