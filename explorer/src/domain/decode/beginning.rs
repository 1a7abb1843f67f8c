//! The beginning of a payload's content for a list, found without decoding what is not shown: nothing is verified that a beginning
//! does not need.

use super::format::{as_text, rendition_of};
use super::packed::Packing;
use super::protobuf;
use super::recipe::MAX_STEPS;
use archiver::aggregate::{Aggregate, MAGIC};
use archiver::envelope::Envelope;
use std::borrow::Cow;

/// How a payload begins, its layers taken off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beginning {
    /// What it is the first user record of, where that is an aggregated record.
    pub aggregate: Option<AggregateSize>,
    /// The content's first bytes.
    pub content: Vec<u8>,
    /// JSON text that shows the same, of a small content in a binary format.
    pub rendition: Option<String>,
}

/// How many user records there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AggregateSize {
    /// So many.
    Known(u64),
    /// More than were looked at.
    NotCounted,
}

/// Bytes that are unpacked, rendered or kept for the beginning's sake.
const ENOUGH: usize = 16 * 1024;

/// The beginning of a payload. `is_whole` says whether that is all of it, or its first bytes.
#[must_use]
pub fn beginning(payload: &[u8], mut is_whole: bool) -> Beginning {
    let mut content = Cow::Borrowed(payload);
    let mut aggregate = None;
    for _ in 0..MAX_STEPS {
        if content.starts_with(&MAGIC) && aggregate.is_none() {
            let Some((size, data)) = first_user_record(&content, is_whole) else {
                break;
            };
            aggregate = Some(size);
            content = Cow::Owned(data);
        } else if let Some(packing) = Packing::of(&content).filter(|_| as_text(&content).is_none()) {
            let unpacked = packing.beginning(&content, ENOUGH);
            if unpacked.content.is_empty() {
                break;
            }
            is_whole &= unpacked.is_whole;
            content = Cow::Owned(unpacked.content);
        } else if let Some((_, payload)) = Envelope::detect(&content) {
            content = Cow::Owned(payload.to_vec());
        } else {
            break;
        }
    }
    let rendition = if is_whole && content.len() <= ENOUGH { rendition_of(&content) } else { None };
    let content = content.get(..ENOUGH).unwrap_or(&content).to_vec();
    Beginning { aggregate, content, rendition }
}

/// Whether a payload that begins so is shown as it is.
#[must_use]
pub fn is_plain(start: &[u8]) -> bool {
    /// Part of what stands behind a separator at the beginning of a replayed record.
    const ENVELOPE: &[u8] = b"{\"original";
    let text = match std::str::from_utf8(start) {
        Ok(_) => start,
        Err(error) => &start[..error.valid_up_to()],
    };
    // The cut may have gone through a character.
    let is_text = start.len() - text.len() < 4 && as_text(text).is_some();
    is_text && !(1..=4).any(|at| start.get(at..).is_some_and(|rest| rest.starts_with(ENVELOPE)))
}

/// The data of the first user record. One that is not there whole cannot be verified.
fn first_user_record(payload: &[u8], is_whole: bool) -> Option<(AggregateSize, Vec<u8>)> {
    if is_whole {
        let aggregate = Aggregate::parse(payload)?;
        let first = aggregate.user_records().next()?;
        return Some((AggregateSize::Known(aggregate.user_records().count() as u64), first.data.to_vec()));
    }
    // The records of the message, and the data of a record. Source: aggregation-format.md.
    let record = protobuf::first_bytes_of(3, payload.strip_prefix(&MAGIC)?)?;
    protobuf::first_bytes_of(3, record).map(|data| (AggregateSize::NotCounted, data.to_vec()))
}
