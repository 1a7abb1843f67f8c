//! Ids that tie what is asked for to what comes back.

/// What was asked for, so that an answer that nobody waits for any more can be told from the one that is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(pub u64);

/// Where the records of one reading are kept while only their entries are in the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SpoolId(pub u64);
