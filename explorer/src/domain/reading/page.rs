//! Pages: the request, the answer, and where the next page begins.

use archiver::format::stream::StreamName;

/// Where a page begins: the keys of the item before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageCursor {
    pub partition_key: String,
    /// Its sequence number, where that is a key too.
    pub sequence_number: Option<String>,
}

/// One page of stream names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamPage {
    /// In the order of their names.
    pub names: Vec<StreamName>,
    /// Where the next page begins, if there is one.
    pub next: Option<StreamCursor>,
}

/// Where a page of stream names begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamCursor {
    /// Kinesis' token; emulators give none.
    pub token: Option<String>,
    /// The last name of the page before.
    pub last: String,
}
