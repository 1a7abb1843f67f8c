//! A replay: which records to send, where and how. The submodules hold its rules; files, calls and screens are elsewhere.

pub mod hash_key;
pub mod lanes;
pub mod nothing;
pub mod order;
pub mod pace;
pub mod plan;
pub mod preflight;
pub mod progress;
pub mod timing;

use super::decode::Recipe;
use super::filter::RecordFilter;
use super::reading::Source;
use super::record::{Record, RecordId};
use super::text::count;
use archiver::format::envelope::Separator;
use archiver::format::stream::StreamName;
use jiff::Timestamp;
use lanes::Sequence;
use pace::Rate;
use std::collections::BTreeSet;
use std::sync::Arc;
use timing::Timing;

/// The order for a replay.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplayOrder {
    /// The source of the records.
    pub source: Source,
    /// Their original stream, if that is known.
    pub stream: Option<StreamName>,
    /// Which records.
    pub selection: Selection,
    /// Also items that have expired but are not deleted yet.
    pub include_expired: bool,
    /// Send aggregated records whole, instead of taking them apart.
    pub keep_aggregated: bool,
    /// The stream they are sent to.
    pub target: StreamName,
    /// How they are sent.
    pub options: ReplayOptions,
}

/// Which records are replayed.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "there is one at a time")]
pub enum Selection {
    Marked(Vec<Arc<Record>>),
    /// All records of the source that match.
    Matching(Matching),
}

/// Which records of the source match.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matching {
    /// The filter that records must match.
    pub filter: RecordFilter,
    /// How payloads are decoded for the filter.
    pub recipe: Recipe,
    /// Also records that the filter cannot search.
    pub include_unreadable: bool,
    /// Records that are left out although they match.
    pub except: BTreeSet<RecordId>,
    /// At most this many, the newest.
    pub limit: Option<u64>,
    /// Only the last record of each key that arrived at this time or earlier.
    pub state_as_of: Option<Timestamp>,
}

/// How records are sent. All options can be changed until the replay starts, rate and timing at any time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReplayOptions {
    /// The separator of the envelope each record gets, if any does.
    pub envelope: Option<Separator>,
    /// How fast.
    pub rate: Rate,
    /// As fast as the rate allows, or as recorded.
    pub timing: Timing,
    /// Which order to keep.
    pub sequence: Sequence,
}

impl std::fmt::Display for ReplayOptions {
    /// In words, for people.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let order = match self.sequence {
            Sequence::OfKey => "order of each key kept",
            Sequence::None => "in no order",
        };
        write!(formatter, "rate {}, ", self.rate)?;
        match self.timing {
            Timing::AsFast => formatter.write_str("as fast as that allows")?,
            Timing::AsRecorded(factor) => write!(formatter, "{factor} times as fast as recorded")?,
        }
        write!(formatter, ", {order}, ")?;
        match &self.envelope {
            Some(separator) if *separator == Separator::default() => formatter.write_str("envelope on (0x1E)"),
            Some(separator) => write!(formatter, "envelope on ({})", separator.as_str().escape_debug()),
            None => formatter.write_str("envelope off"),
        }
    }
}

impl ReplayOrder {
    /// Whether everything that the source holds is replayed.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        match &self.selection {
            Selection::Marked(_) => false,
            Selection::Matching(matching) => matching.is_everything(),
        }
    }
}

impl Matching {
    /// Whether it has neither filter nor limit.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.filter.is_everything() && self.limit.is_none() && self.state_as_of.is_none()
    }
}

impl std::fmt::Display for Selection {
    /// In words, for people.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let matching = match self {
            Self::Marked(records) if records.len() == 1 => return formatter.write_str("1 marked record"),
            Self::Marked(records) => return write!(formatter, "{} marked records", count(records.len() as u64)),
            Self::Matching(matching) => matching,
        };
        let Matching { filter, include_unreadable, except, limit, state_as_of, recipe: _ } = matching;
        match state_as_of {
            Some(at) => write!(formatter, "the last record of each key at {at}")?,
            None => formatter.write_str("every record")?,
        }
        if !filter.is_everything() {
            write!(formatter, " with {filter}")?;
            if *include_unreadable {
                formatter.write_str(" or that it cannot search")?;
            }
        }
        if !except.is_empty() {
            write!(formatter, " but {}", count(except.len() as u64))?;
        }
        match limit {
            Some(limit) => write!(formatter, ", the newest {}", count(*limit)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_is_said_in_words() {
        let matching = Matching { filter: RecordFilter::default().with_key("cust-42"), ..Matching::default() };
        let said = |matching: Matching| Selection::Matching(matching).to_string();
        assert_eq!(said(Matching::default()), "every record");
        assert_eq!(said(Matching { limit: Some(1_000), ..matching.clone() }), "every record with key:cust-42, the newest 1 000");
        let at = "2026-11-20T10:00:00Z".parse().unwrap();
        assert_eq!(
            said(Matching { state_as_of: Some(at), ..matching }),
            "the last record of each key at 2026-11-20T10:00:00Z with key:cust-42"
        );
    }
}
