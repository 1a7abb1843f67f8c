//! The record under the cursor: its view, and the position in it.

use crate::app::effect::{Effect, RecordsEffect};
use crate::app::ids::RequestId;
use crate::domain::decode::Decoded;
use crate::domain::record::payload::{NoPayload, Place};
use crate::domain::record::show::{Body, ShowOptions, ShowOrder, Shown, show};
use crate::domain::record::{Record, RecordId};
use archiver::format::stream::StreamName;
use std::sync::Arc;

/// Payloads up to this many characters are decoded and laid out at once. Larger ones are done elsewhere, so that keys never wait.
const SHOWN_AT_ONCE: usize = 32 * 1024;

/// The record under the cursor.
#[derive(Debug)]
pub struct Detail {
    /// Which record.
    pub id: RecordId,
    /// Its current or requested view.
    pub options: ShowOptions,
    /// The record to compare with, if any.
    pub against: Option<RecordId>,
    /// Its payload.
    pub payload: Payload,
    /// The row of the payload that the cursor is on.
    pub row: usize,
    /// The text last searched for in it.
    searched: String,
}

/// The payload of the record under the cursor. Other records' payloads are not kept beyond their items.
#[derive(Debug)]
pub enum Payload {
    /// It is being read and laid out, or soon will be.
    Reading,
    /// It could not be read.
    Failed(NoPayload),
    /// Decoded and laid out.
    Shown(Box<Shown>),
}

impl Detail {
    /// The payload, if it was read.
    #[must_use]
    pub fn decoded(&self) -> Option<&Decoded> {
        match &self.payload {
            Payload::Shown(shown) => Some(&shown.decoded),
            Payload::Reading | Payload::Failed(_) => None,
        }
    }

    /// The shown document or diff, if the payload was read.
    #[must_use]
    pub fn body(&self) -> Option<&Body> {
        match &self.payload {
            Payload::Shown(shown) => Some(&shown.body),
            Payload::Reading | Payload::Failed(_) => None,
        }
    }

    /// Rows of the shown content.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.body().map_or(0, Body::rows)
    }

    /// The same, mutable.
    pub(super) fn body_mut(&mut self) -> Option<&mut Body> {
        match &mut self.payload {
            Payload::Shown(shown) => Some(&mut shown.body),
            Payload::Reading | Payload::Failed(_) => None,
        }
    }

    /// Keeps the cursor within the rows.
    pub(super) fn keep_row(&mut self) {
        self.row = self.row.min(self.rows().saturating_sub(1));
    }
}

/// Shows the record under the cursor. Slow payloads are requested one at a time, so moving quickly over many of them is cheap.
#[derive(Debug, Default)]
pub(super) struct Showing {
    pub(super) detail: Option<Detail>,
    asked: Option<(RequestId, RecordId, ShowOptions, Option<RecordId>)>,
}

impl Showing {
    /// Switches the detail to a record and a view. Requests its payload if that is large, split or compared.
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

    /// Takes a payload that was requested. Outdated ones are dropped; a wanted one is requested again with the next message.
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

    /// Searches the shown content, unless that is done.
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

    /// Allows a payload that could not be read to be requested again.
    pub(super) fn try_again(&mut self) {
        if self.detail.as_ref().is_some_and(|detail| matches!(detail.payload, Payload::Failed(_))) {
            self.detail = None;
        }
    }

    /// Lays out the content in this many columns. Folds stay, and the cursor stays on its line.
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

/// Whether a payload can be decoded and laid out instantly. A compressed one may expand a thousandfold.
pub(super) fn is_small(record: &Record) -> bool {
    /// How gzip, zstd, zlib and aggregated records begin in base64.
    const PACKED: [&str; 6] = ["H4s", "KLUv", "eJ", "eN", "eA", "84m"];
    let is_packed = record.item.encoding.is_some()
        || record.item.data.as_deref().is_some_and(|text| PACKED.iter().any(|start| text.starts_with(start)));
    let most = if is_packed { SHOWN_AT_ONCE / 16 } else { SHOWN_AT_ONCE };
    record.place == Place::Item && record.held_bytes() <= most
}
