//! A record's payload made ready for the screen: decoded, and laid out as a document or as the difference to another's.

use super::payload::NoPayload;
use crate::domain::decode::{Decoded, Layer, Recipe, log_lines};
use crate::domain::diff::Diff;
use crate::domain::document::{Document, Form, Place};
use crate::domain::record::Record;
use archiver::format::stream::StreamName;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::sync::Arc;

/// How a payload is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// By what it is.
    Pretty,
    /// As text.
    Text,
    /// As bytes.
    Hex,
}

/// How a record's payload is decoded and laid out.
#[derive(Clone, Debug, PartialEq)]
pub struct ShowOptions {
    /// Which decoders.
    pub recipe: Recipe,
    /// Which user record of an aggregated one, from 0.
    pub user_record: usize,
    /// As what it is shown.
    pub view: View,
    /// Columns there are.
    pub columns: usize,
}

/// Which record is to be shown, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct ShowOrder {
    /// The stream whose archive holds it, where it is an archive's.
    pub stream: Option<StreamName>,
    pub record: Arc<Record>,
    /// How.
    pub options: ShowOptions,
    /// The record whose payload it is held against, if any: the older of the two.
    pub against: Option<Arc<Record>>,
}

/// A payload made ready for the screen.
#[derive(Debug)]
pub struct Shown {
    /// What it is.
    pub decoded: Decoded,
    /// How it is laid out.
    pub body: Body,
}

/// What is shown of a payload.
#[derive(Debug)]
pub enum Body {
    /// The payload.
    Document(Document),
    /// How it differs from an older one.
    Diff(Diff),
}

impl Body {
    /// Rows it has as it is laid out.
    #[must_use]
    pub fn rows(&self) -> usize {
        match self {
            Self::Document(document) => document.rows(),
            Self::Diff(diff) => diff.rows(),
        }
    }

    /// The place that a row shows, to find it again; a diff has no such place.
    #[must_use]
    pub fn place_of(&self, row: usize) -> Option<Place> {
        match self {
            Self::Document(document) => Some(document.place_of(row)),
            Self::Diff(_) => None,
        }
    }

    /// The row that shows this place now.
    #[must_use]
    pub fn row_of(&self, place: Place) -> usize {
        match self {
            Self::Document(document) => document.row_of(place),
            Self::Diff(_) => 0,
        }
    }

    /// Lays it out in this many columns.
    pub fn lay_out(&mut self, columns: usize) {
        match self {
            Self::Document(document) => document.lay_out(columns),
            Self::Diff(diff) => diff.lay_out(columns),
        }
    }
}

/// Decodes a record's payload and lays it out.
#[must_use]
pub fn show(record: &Record, payload: Result<Vec<u8>, NoPayload>, options: &ShowOptions) -> Shown {
    let decoded = record.decode(payload, &options.recipe, options.user_record);
    let mut document = document(&decoded, options.view);
    document.lay_out(options.columns);
    Shown { decoded, body: Body::Document(document) }
}

/// Decodes a record's payload and lays out how it differs from an older one.
#[must_use]
pub fn show_difference(
    (record, payload): (&Record, Result<Vec<u8>, NoPayload>),
    (older, older_payload): (&Record, Result<Vec<u8>, NoPayload>),
    options: &ShowOptions,
) -> Shown {
    let decoded = record.decode(payload, &options.recipe, options.user_record);
    let older = older.decode(older_payload, &options.recipe, options.user_record);
    let text = |decoded: &Decoded| document(decoded, options.view).lines().fold(String::new(), |text, line| text + &line + "\n");
    let mut diff = Diff::of(&text(&older), &text(&decoded));
    diff.lay_out(options.columns);
    Shown { decoded, body: Body::Diff(diff) }
}

/// What is copied of a payload: its text where it is one, otherwise its innermost bytes in base64.
#[must_use]
pub fn copied(decoded: &Decoded) -> String {
    decoded.text().map_or_else(|| STANDARD.encode(&decoded.content), str::to_owned)
}

/// The document of a decoded payload.
#[must_use]
pub fn document(decoded: &Decoded, view: View) -> Document {
    match view {
        View::Pretty => match decoded.text() {
            Some(text) => Document::new(text.as_bytes().to_vec(), Form::of(decoded)),
            None => Document::new(decoded.content.clone(), Form::Hex),
        },
        View::Text => match log_lines(decoded) {
            Some(lines) => Document::new(as_text(&lines), Form::Text),
            None if decoded.kind() == Layer::Text => {
                Document::new(decoded.text().unwrap_or_default().as_bytes().to_vec(), Form::Text)
            }
            None => Document::new(decoded.content.clone(), Form::Text),
        },
        View::Hex => Document::new(decoded.content.clone(), Form::Hex),
    }
}

/// Turns a decoded payload into the document that shows it.
#[must_use]
pub fn into_document(decoded: Decoded) -> Document {
    match Form::of(&decoded) {
        Form::Hex => Document::new(decoded.content, Form::Hex),
        form => Document::new(decoded.into_text().unwrap_or_default().into_bytes(), form),
    }
}

/// Log events as lines, each with its time.
fn as_text(lines: &[(i64, String)]) -> Vec<u8> {
    let line = |(milliseconds, message): &(i64, String)| {
        let at = jiff::Timestamp::from_millisecond(*milliseconds).map_or_else(|_| milliseconds.to_string(), |at| at.to_string());
        format!("{at}  {}\n", message.trim_end())
    };
    lines.iter().map(line).collect::<String>().into_bytes()
}
