//! The record under the cursor: how it is shown, and where one is in it.

use crate::app::effect::{Effect, RecordsEffect};
use crate::app::ids::RequestId;
use crate::domain::decode::Decoded;
use crate::domain::record::payload::{NoPayload, Place};
use crate::domain::record::show::{Body, ShowOptions, ShowOrder, Shown, show};
use crate::domain::record::{Record, RecordId};
use archiver::format::stream::StreamName;
use std::sync::Arc;

/// A payload of so many characters of archived text is decoded and laid out at once; a larger one elsewhere, so that no key waits.
const SHOWN_AT_ONCE: usize = 32 * 1024;

/// The record under the cursor.
#[derive(Debug)]
pub struct Detail {
    /// Which record.
    pub id: RecordId,
    /// How it is shown, or is going to be.
    pub options: ShowOptions,
    /// The record it is held against, if any.
    pub against: Option<RecordId>,
    /// Its payload.
    pub payload: Payload,
    /// The row of the payload that the cursor is on.
    pub row: usize,
    /// What was looked for in it.
    searched: String,
}

/// The payload of the record under the cursor. No other record's is held beside the items' own texts.
#[derive(Debug)]
pub enum Payload {
    /// It is being read and laid out, or will be.
    Reading,
    /// It could not be read.
    Failed(NoPayload),
    /// Decoded and laid out.
    Shown(Box<Shown>),
}

impl Detail {
    /// The payload, where it was read.
    #[must_use]
    pub fn decoded(&self) -> Option<&Decoded> {
        match &self.payload {
            Payload::Shown(shown) => Some(&shown.decoded),
            Payload::Reading | Payload::Failed(_) => None,
        }
    }

    /// What is shown of the payload, where it was read.
    #[must_use]
    pub fn body(&self) -> Option<&Body> {
        match &self.payload {
            Payload::Shown(shown) => Some(&shown.body),
            Payload::Reading | Payload::Failed(_) => None,
        }
    }

    /// Rows of what is shown.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.body().map_or(0, Body::rows)
    }

    /// The same to be changed.
    pub(super) fn body_mut(&mut self) -> Option<&mut Body> {
        match &mut self.payload {
            Payload::Shown(shown) => Some(&mut shown.body),
            Payload::Reading | Payload::Failed(_) => None,
        }
    }

    /// Keeps the cursor on a row that is there.
    pub(super) fn keep_row(&mut self) {
        self.row = self.row.min(self.rows().saturating_sub(1));
    }
}

/// Shows the record under the cursor, and asks for what takes a while: one at a time, so that a cursor that runs through many large
/// ones costs little.
#[derive(Debug, Default)]
pub(super) struct Showing {
    pub(super) detail: Option<Detail>,
    asked: Option<(RequestId, RecordId, ShowOptions, Option<RecordId>)>,
}

impl Showing {
    /// Brings the detail to a record, shown so; asks for it where it is large, in parts, or held against another.
    pub(super) fn bring(
        &mut self,
        record: Option<&Arc<Record>>,
        against: Option<&Arc<Record>>,
        options: &ShowOptions,
        stream: Option<&StreamName>,
        request: RequestId,
    ) -> Option<Effect> {
        let Some(record) = record else {
            self.detail = None;
            return None;
        };
        let against_id = against.map(|record| record.id.clone());
        let is_there = self
            .detail
            .as_ref()
            .is_some_and(|detail| detail.id == record.id && detail.options == *options && detail.against == against_id);
        if !is_there {
            let row = self.detail.take().filter(|detail| detail.id == record.id).map_or(0, |detail| detail.row);
            let payload = match record.payload() {
                Some(payload) if against.is_none() && is_small(record) => Payload::Shown(Box::new(show(record, payload, options))),
                _ => Payload::Reading,
            };
            let mut detail = Detail {
                id: record.id.clone(),
                options: options.clone(),
                against: against_id.clone(),
                payload,
                row,
                searched: String::new(),
            };
            if !matches!(detail.payload, Payload::Reading) {
                detail.keep_row();
            }
            self.detail = Some(detail);
        }
        let is_wanted = self.detail.as_ref().is_some_and(|detail| matches!(detail.payload, Payload::Reading));
        if !is_wanted || self.asked.is_some() {
            return None;
        }
        self.asked = Some((request, record.id.clone(), options.clone(), against_id));
        let order = ShowOrder {
            stream: stream.cloned(),
            record: Arc::clone(record),
            options: options.clone(),
            against: against.map(Arc::clone),
        };
        Some(Effect::Records(RecordsEffect::ShowPayload { request, order: Box::new(order) }))
    }

    /// Takes a payload that was asked for; what is no longer wanted is dropped, and what is asked for again with the next message.
    pub(super) fn shown(&mut self, request: RequestId, result: Result<Box<Shown>, NoPayload>) {
        let Some((_, id, options, against)) = self.asked.take_if(|(asked, ..)| *asked == request) else {
            return;
        };
        let Some(detail) = &mut self.detail else {
            return;
        };
        if detail.id != id || detail.options != options || detail.against != against {
            return;
        }
        detail.searched.clear();
        detail.payload = match result {
            Ok(shown) => Payload::Shown(shown),
            Err(reason) => Payload::Failed(reason),
        };
        detail.keep_row();
    }

    /// Whether this payload is awaited.
    pub(super) fn waits_for(&self, request: RequestId) -> bool {
        self.asked.as_ref().is_some_and(|(asked, ..)| *asked == request)
    }

    /// Looks for a text in what is shown, unless that is done.
    pub(super) fn search(&mut self, needle: &str) {
        if let Some(detail) = &mut self.detail
            && detail.searched != needle
            && let Payload::Shown(shown) = &mut detail.payload
            && let Body::Document(document) = &mut shown.body
        {
            document.search(needle);
            needle.clone_into(&mut detail.searched);
        }
    }

    /// Lets a payload that could not be read be asked for again.
    pub(super) fn try_again(&mut self) {
        if self.detail.as_ref().is_some_and(|detail| matches!(detail.payload, Payload::Failed(_))) {
            self.detail = None;
        }
    }

    /// Lays out in so many columns what is there; folds stay, and the cursor stays on its line.
    pub(super) fn resize(&mut self, columns: usize) {
        let Some(detail) = &mut self.detail else {
            return;
        };
        detail.options.columns = columns;
        let row = detail.row;
        if let Some(body) = detail.body_mut() {
            let place = body.place_of(row);
            body.lay_out(columns);
            let row = place.map_or(0, |place| body.row_of(place));
            detail.row = row;
        }
        detail.keep_row();
    }
}

/// Whether a payload is decoded and laid out in no time: a packed one may unpack to a thousand times its size.
pub(super) fn is_small(record: &Record) -> bool {
    /// How the base64 texts of gzip, zstd, zlib and aggregated records begin.
    const PACKED: [&str; 6] = ["H4s", "KLUv", "eJ", "eN", "eA", "84m"];
    let is_packed = record.item.encoding.is_some()
        || record.item.data.as_deref().is_some_and(|text| PACKED.iter().any(|start| text.starts_with(start)));
    let most = if is_packed { SHOWN_AT_ONCE / 16 } else { SHOWN_AT_ONCE };
    record.place == Place::Item && record.held_bytes() <= most
}
