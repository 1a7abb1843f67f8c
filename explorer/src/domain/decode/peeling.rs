//! Layers taken off a payload one after the other: those that are detected, or those that a recipe names, until nothing is left to
//! take off or a bound is reached. An aggregated record is where it halts, since what goes on from there are its user records.

use super::budget::Budget;
use super::packed::Packing;
use super::recipe::MAX_STEPS;
use super::{Content, Decoded, Layer, Recipe, Step, UserRecordPlace, cloud_watch_logs, format};
use crate::domain::text::size;
use archiver::aggregate::{MAGIC, UserRecord};
use archiver::envelope::Envelope;
use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use std::borrow::Cow;

/// A payload, and what was taken off it.
#[derive(Clone, Debug)]
pub(super) struct Peeling<'p> {
    content: Cow<'p, [u8]>,
    layers: Vec<Layer>,
    envelope: Option<Envelope>,
    user_record: Option<UserRecordPlace>,
    note: Option<String>,
    /// Whether nothing of it was left unread.
    is_whole: bool,
    next: Next<'p>,
    budget: &'p Budget,
    /// Steps taken.
    steps: usize,
}

/// What is to be taken off next.
#[derive(Clone, Copy, Debug)]
enum Next<'r> {
    Detected,
    Named(&'r [Step]),
    Nothing,
}

/// Where peeling came to a halt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Halt {
    /// At what may be an aggregated record.
    Aggregate,
    /// At the content.
    Content,
}

/// Base64 as people write it, with padding or without.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

impl<'p> Peeling<'p> {
    pub(super) fn new(content: Cow<'p, [u8]>, layers: Vec<Layer>, recipe: &'p Recipe, budget: &'p Budget) -> Self {
        let next = match recipe {
            Recipe::Detected => Next::Detected,
            Recipe::Steps(steps) => Next::Named(steps),
        };
        Self { content, layers, envelope: None, user_record: None, note: None, is_whole: true, next, budget, steps: 0 }
    }

    /// One of the user records in the content.
    pub(super) fn inside<'u>(&'u self, record: &UserRecord<'u>, count: u64) -> Peeling<'u> {
        let place = UserRecordPlace::of(record, count);
        let mut layers = self.layers.clone();
        layers.push(Layer::Kpl { place: place.place, count });
        Peeling {
            content: Cow::Borrowed(record.data),
            layers,
            envelope: self.envelope.clone(),
            user_record: Some(place),
            note: self.note.clone(),
            is_whole: self.is_whole,
            next: self.next,
            budget: self.budget,
            steps: self.steps,
        }
    }

    pub(super) fn content(&self) -> &[u8] {
        &self.content
    }

    /// Goes on behind an aggregated record that is none.
    pub(super) fn pass_by_aggregate(&mut self) {
        match self.next {
            Next::Detected => {}
            Next::Named(_) | Next::Nothing => self.fail(Step::Kpl, "it is not an aggregated record"),
        }
    }

    /// Takes layers off, as many as there are.
    pub(super) fn peel(&mut self) -> Halt {
        while let Some(step) = self.next_step() {
            if self.steps == MAX_STEPS {
                self.miss(format!("more than {MAX_STEPS} layers are not taken off"));
                self.next = Next::Nothing;
                break;
            }
            self.steps += 1;
            if step == Step::Kpl && self.user_record.is_none() {
                return Halt::Aggregate;
            }
            if let Err(error) = self.take_off(step) {
                match self.next {
                    // Two bytes alone do not make it likely that it was zlib.
                    Next::Detected if step == Step::Zlib => {}
                    Next::Detected => self.miss(format!("looks like {step}, but cannot be unpacked: {error}")),
                    Next::Named(_) | Next::Nothing => self.fail(step, &error),
                }
                break;
            }
        }
        Halt::Content
    }

    fn next_step(&mut self) -> Option<Step> {
        match self.next {
            Next::Detected => self.detect(),
            Next::Named([step, rest @ ..]) if !step.is_format() => {
                self.next = Next::Named(rest);
                Some(*step)
            }
            Next::Named(_) | Next::Nothing => None,
        }
    }

    fn detect(&self) -> Option<Step> {
        if self.content.starts_with(&MAGIC) && self.user_record.is_none() {
            return Some(Step::Kpl);
        }
        match Packing::of(&self.content) {
            Some(Packing::Gzip) => Some(Step::Gzip),
            Some(Packing::Zstd) => Some(Step::Zstd),
            Some(Packing::Zlib) if format::as_text(&self.content).is_none() => Some(Step::Zlib),
            Some(Packing::Zlib) | None => Envelope::detect(&self.content).map(|_| Step::Envelope),
        }
    }

    fn take_off(&mut self, step: Step) -> Result<(), String> {
        match step {
            Step::Gzip => self.unpack(Packing::Gzip, Layer::Gzip),
            Step::Zlib => self.unpack(Packing::Zlib, Layer::Zlib),
            Step::Zstd => self.unpack(Packing::Zstd, Layer::Zstd),
            Step::Envelope => {
                let (envelope, payload) = Envelope::detect(&self.content).ok_or("there is none")?;
                let start = self.content.len() - payload.len();
                self.envelope = Some(envelope);
                self.layers.push(Layer::Envelope);
                match &mut self.content {
                    Cow::Borrowed(content) => *content = content.get(start..).unwrap_or_default(),
                    Cow::Owned(content) => drop(content.drain(..start)),
                }
                Ok(())
            }
            Step::Base64 => {
                let text = self.content.trim_ascii();
                let alphabet = if text.iter().any(|byte| matches!(byte, b'-' | b'_')) { &URL_SAFE } else { &STANDARD };
                let decoded = GeneralPurpose::new(alphabet, LENIENT).decode(text).map_err(|error| error.to_string())?;
                self.replace(decoded, Layer::Base64);
                Ok(())
            }
            Step::CloudWatchLogs if cloud_watch_logs::is_envelope(&self.content) => {
                self.layers.push(Layer::CloudWatchLogs);
                Ok(())
            }
            Step::CloudWatchLogs => Err("it is not what CloudWatch Logs sends".to_owned()),
            Step::Kpl => Err("a user record is not taken apart again".to_owned()),
            Step::Json | Step::Text | Step::MessagePack | Step::Cbor | Step::Protobuf | Step::Hex => Ok(()),
        }
    }

    fn unpack(&mut self, packing: Packing, layer: Layer) -> Result<(), String> {
        let unpacked = packing.unpack(&self.content, self.budget.left()).map_err(|error| error.to_string())?;
        self.budget.spend(unpacked.content.len());
        self.replace(unpacked.content, layer);
        if !unpacked.is_whole {
            self.budget.spend(self.budget.left());
            self.miss(format!("only the first {} are unpacked", size(self.budget.most() as u64)));
            self.next = match self.next {
                Next::Named([format]) if format.is_format() => self.next,
                Next::Detected | Next::Named(_) | Next::Nothing => Next::Nothing,
            };
        }
        Ok(())
    }

    fn replace(&mut self, content: Vec<u8>, layer: Layer) {
        self.content = Cow::Owned(content);
        self.layers.push(layer);
    }

    /// The content, for a search.
    pub(super) fn as_content(&self) -> Content<'_> {
        let named = match self.next {
            Next::Named([step, ..]) => Some(*step),
            Next::Named([]) | Next::Detected | Next::Nothing => None,
        };
        Content::new(&self.content, self.is_whole, named)
    }

    /// What the payload is found to be.
    pub(super) fn into_decoded(mut self, payload_size: u64) -> Decoded {
        let format = self.format();
        let may_be_logs = format.kind == Layer::Json && !self.layers.contains(&Layer::CloudWatchLogs);
        if may_be_logs && cloud_watch_logs::is_envelope(&self.content) {
            self.layers.push(Layer::CloudWatchLogs);
        }
        self.layers.push(format.kind);
        Decoded {
            layers: self.layers,
            content: self.content.into_owned(),
            rendition: format.rendition,
            user_record: self.user_record,
            envelope: self.envelope,
            payload_size: Some(payload_size),
            is_whole: self.is_whole,
            note: self.note,
        }
    }

    fn format(&mut self) -> format::Format {
        if let Next::Named([step, ..]) = self.next {
            match format::named(*step, &self.content) {
                Ok(format) => return format,
                Err(error) => self.fail(*step, &error),
            }
        }
        format::detect(&self.content)
    }

    /// Stays with what came before a step.
    fn fail(&mut self, step: Step, error: &str) {
        self.next = Next::Nothing;
        self.miss(format!("{step}: {error}"));
    }

    /// Takes note of what is not read.
    fn miss(&mut self, note: String) {
        self.is_whole = false;
        self.add_note(note);
    }

    fn add_note(&mut self, note: String) {
        self.note = Some(match self.note.take() {
            Some(before) => format!("{before}; {note}"),
            None => note,
        });
    }
}
