//! Removes the layers of a payload one by one, as detected or as a recipe names them, until none is left or a limit is reached. It stops
//! at an aggregated record, because each user record continues on its own. Lists, details, searches and exports all use it; they differ
//! only in how much they unpack.

use super::budget::Budget;
use super::characters::{self, begins_clean};
use super::content::Doubt;
use super::format::{self, Begun, Format};
use super::packed::{End, Packing, Unpacked};
use super::recipe::MAX_STEPS;
use super::registry::{self, Header};
use super::{Content, Decoded, Layer, Recipe, RecipeStep, UserRecordPlace, cloud_watch_logs, unquoted, utf16};
use crate::domain::text::size;
use archiver::format::aggregate::{MAGIC, UserRecord};
use archiver::format::envelope::Envelope;
use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use md5::{Digest as _, Md5};
use std::borrow::Cow;

/// A payload, and the layers that were removed.
#[derive(Clone, Debug)]
pub(super) struct Peeling<'p> {
    content: Cow<'p, [u8]>,
    layers: Vec<Layer>,
    envelope: Option<Envelope>,
    user_record: Option<UserRecordPlace>,
    note: Option<String>,
    /// Why it is not zlib, which it begins like.
    no_zlib: Option<String>,
    /// Whether nothing of it was left unread.
    is_whole: bool,
    /// Whether the content is complete, and not cut by a limit of the explorer.
    is_all: bool,
    next: Next<'p>,
    budget: &'p Budget,
    /// Steps taken.
    steps: usize,
}

/// The next layer to remove.
#[derive(Clone, Copy, Debug)]
enum Next<'r> {
    Detected,
    Named(&'r [RecipeStep]),
    Nothing,
}

/// Where peeling stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Halt {
    /// At what may be an aggregated record.
    Aggregate,
    /// At the content.
    Content,
}

/// How a payload begins that was peeled.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) layers: Vec<Layer>,
    pub(super) kind: Option<Layer>,
    pub(super) content: Vec<u8>,
    pub(super) text: Option<String>,
}

/// Base64 as people write it, with padding or without.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// Bytes that say whether another part of compressed data begins.
const MAX_START_BYTES: usize = 4;

const ENDS_TOO_EARLY: &str = "it ends too early";

/// Bytes that a note repeats.
const MAX_NOTED_BYTES: usize = 8;

impl<'p> Peeling<'p> {
    pub(super) fn new(content: Cow<'p, [u8]>, layers: Vec<Layer>, recipe: &'p Recipe, budget: &'p Budget) -> Self {
        let next = match recipe {
            Recipe::Detected => Next::Detected,
            Recipe::Steps(steps) => Next::Named(steps),
        };
        Self {
            content,
            layers,
            envelope: None,
            user_record: None,
            note: None,
            no_zlib: None,
            is_whole: true,
            is_all: true,
            next,
            budget,
            steps: 0,
        }
    }

    /// The same for a whole payload or its beginning.
    pub(super) fn begun(self, is_all: bool) -> Self {
        Self { is_all, ..self }
    }

    /// One of the user records in the content.
    pub(super) fn inside<'u>(&'u self, record: &UserRecord<'u>, count: u64) -> Peeling<'u> {
        let place = UserRecordPlace::of(record, count);
        let mut inner = self.inside_data(record.data, Layer::Kpl { place: place.place, count });
        inner.user_record = Some(place);
        inner
    }

    /// What a user record holds.
    pub(super) fn inside_data<'u>(&'u self, data: &'u [u8], layer: Layer) -> Peeling<'u> {
        let mut layers = self.layers.clone();
        layers.push(layer);
        Peeling {
            content: Cow::Borrowed(data),
            layers,
            envelope: self.envelope.clone(),
            user_record: None,
            note: self.note.clone(),
            no_zlib: None,
            is_whole: self.is_whole,
            is_all: self.is_all,
            next: self.next,
            budget: self.budget,
            steps: self.steps,
        }
    }

    pub(super) fn content(&self) -> &[u8] {
        &self.content
    }

    /// Whether nothing of it was left unread.
    pub(super) fn is_whole(&self) -> bool {
        self.is_whole
    }

    pub(super) fn is_all(&self) -> bool {
        self.is_all
    }

    /// Continues after something that only looks like an aggregated record, or is a damaged one.
    pub(super) fn pass_by_aggregate(&mut self) {
        match self.next {
            Next::Detected => {
                let why = if has_good_digest(&self.content) { "its contents cannot be read" } else { "its MD5 does not match" };
                self.next = Next::Nothing;
                self.miss(format!("looks like an aggregated record, but {why}"));
            }
            Next::Named(_) | Next::Nothing => self.fail(RecipeStep::Kpl, "it is not an aggregated record"),
        }
    }

    /// Removes all layers.
    pub(super) fn peel(&mut self) -> Halt {
        while let Some(step) = self.next_step() {
            if self.steps == MAX_STEPS {
                self.miss(format!("only the first {MAX_STEPS} layers are removed"));
                self.next = Next::Nothing;
                break;
            }
            self.steps += 1;
            if step == RecipeStep::Kpl && !self.is_user_record() {
                return Halt::Aggregate;
            }
            if let Err(error) = self.take_off(step) {
                match self.next {
                    Next::Detected if step == RecipeStep::Kpl => {
                        self.miss("an aggregated record inside a user record is not taken apart".to_owned());
                    }
                    // Two bytes alone do not make it likely that it was zlib, where it can be something else.
                    Next::Detected if step == RecipeStep::Zlib => self.no_zlib = Some(error),
                    Next::Detected => self.miss(format!("looks like {step}, but cannot be unpacked: {error}")),
                    Next::Named(_) | Next::Nothing => self.fail(step, &error),
                }
                break;
            }
        }
        Halt::Content
    }

    fn is_user_record(&self) -> bool {
        self.layers.iter().any(|layer| matches!(layer, Layer::Kpl { .. }))
    }

    fn next_step(&mut self) -> Option<RecipeStep> {
        match self.next {
            Next::Detected => self.detect(),
            Next::Named([step, rest @ ..]) if !step.is_format() => {
                self.next = Next::Named(rest);
                Some(*step)
            }
            Next::Named(_) | Next::Nothing => None,
        }
    }

    fn detect(&self) -> Option<RecipeStep> {
        if self.content.starts_with(&MAGIC) {
            return Some(RecipeStep::Kpl);
        }
        match Packing::of(&self.content) {
            Some(Packing::Gzip) => return Some(RecipeStep::Gzip),
            Some(Packing::Zstd) => return Some(RecipeStep::Zstd),
            Some(Packing::Zlib) if !begins_clean(&self.content, self.is_all) => return Some(RecipeStep::Zlib),
            Some(Packing::Zlib) | None => {}
        }
        if Envelope::detect(&self.content).is_some() {
            return Some(RecipeStep::Envelope);
        }
        match self.content.first()? {
            0 | 3 => match registry::detect(&self.content)?.schema {
                registry::Schema::Glue(_) => Some(RecipeStep::Glue),
                registry::Schema::Confluent(_) => Some(RecipeStep::Confluent),
            },
            0xfe | 0xff if utf16::detect(&self.content, self.is_all) => Some(RecipeStep::Utf16),
            b'"' | b' ' | b'\t' | b'\n' | b'\r' | 0xef => unquoted::detect(&self.content).map(|_| RecipeStep::Unquote),
            _ => None,
        }
    }

    fn take_off(&mut self, step: RecipeStep) -> Result<(), String> {
        match step {
            RecipeStep::Gzip => self.unpack(Packing::Gzip),
            RecipeStep::Zlib => self.unpack(Packing::Zlib),
            RecipeStep::Zstd => self.unpack(Packing::Zstd),
            RecipeStep::Envelope => {
                let (envelope, payload) = Envelope::detect(&self.content).ok_or("there is none")?;
                let start = self.content.len() - payload.len();
                self.envelope = Some(envelope);
                self.skip(start, Layer::Envelope);
                Ok(())
            }
            RecipeStep::Base64 => {
                let text = self.content.trim_ascii();
                let alphabet = if text.iter().any(|byte| matches!(byte, b'-' | b'_')) { &URL_SAFE } else { &STANDARD };
                let decoded = GeneralPurpose::new(alphabet, LENIENT).decode(text).map_err(|error| error.to_string())?;
                self.replace(decoded, Layer::Base64);
                Ok(())
            }
            RecipeStep::CloudWatchLogs if cloud_watch_logs::is_envelope(&self.content) => {
                self.layers.push(Layer::CloudWatchLogs);
                Ok(())
            }
            RecipeStep::CloudWatchLogs => Err("it is not what CloudWatch Logs sends".to_owned()),
            RecipeStep::Glue => self.take_off_header(registry::glue(&self.content)),
            RecipeStep::Confluent => self.take_off_header(registry::confluent(&self.content)),
            RecipeStep::Utf16 => self.convert(),
            RecipeStep::Unquote => self.unquote(),
            RecipeStep::Skip(bytes) => {
                let start = usize::try_from(bytes).ok().filter(|start| *start <= self.content.len());
                let start = start.ok_or_else(|| format!("there are only {} bytes", self.content.len()))?;
                self.skip(start, Layer::Skipped(bytes));
                Ok(())
            }
            RecipeStep::Kpl => Err("a user record is not taken apart again".to_owned()),
            RecipeStep::Json
            | RecipeStep::Text
            | RecipeStep::MessagePack
            | RecipeStep::Cbor
            | RecipeStep::Protobuf
            | RecipeStep::Delimited
            | RecipeStep::Hex => Ok(()),
        }
    }

    fn unpack(&mut self, packing: Packing) -> Result<(), String> {
        let Unpacked { content, end } = packing.unpack(&self.content, self.budget.left());
        let why = match &end {
            End::Damaged(why) => why.as_str(),
            End::Cut | End::Bound | End::Whole(_) => ENDS_TOO_EARLY,
        };
        let is_partial = matches!(end, End::Cut | End::Damaged(_));
        // Of other bytes that happen to begin like zlib something comes out, too.
        let is_likely = || !self.is_detected() || packing != Packing::Zlib || characters::read(&content, false).is_some();
        if is_partial && (content.is_empty() || !is_likely()) {
            return Err(why.to_owned());
        }
        self.budget.spend(content.len());
        let note = match &end {
            End::Whole(tail) => after_end(packing, tail),
            End::Bound => Some((format!("only the first {} of the record are unpacked", size(self.budget.most() as u64)), true)),
            End::Cut if !self.is_all => None,
            End::Cut => Some((format!("the {} is cut off: only the beginning can be read", packing.layer()), true)),
            End::Damaged(why) => {
                Some((format!("the {} is damaged ({why}): only the beginning can be read", packing.layer()), true))
            }
        };
        self.is_all = match end {
            // After the end of a beginning, another part may follow.
            End::Whole(tail) => self.is_all || packing == Packing::Zlib || tail.len() >= MAX_START_BYTES,
            End::Damaged(_) => true,
            End::Cut => self.is_all,
            End::Bound => false,
        };
        self.replace(content, packing.layer());
        match note {
            Some((note, true)) => self.miss(note),
            Some((note, false)) => self.add_note(note),
            None => {}
        }
        if !self.is_all && self.budget.is_spent() {
            self.stop();
        }
        Ok(())
    }

    /// Takes off no more than how the content is shown.
    fn stop(&mut self) {
        self.next = match self.next {
            Next::Named([format]) if format.is_format() => self.next,
            Next::Detected | Next::Named(_) | Next::Nothing => Next::Nothing,
        };
    }

    fn is_detected(&self) -> bool {
        match self.next {
            Next::Detected => true,
            Next::Named(_) | Next::Nothing => false,
        }
    }

    fn take_off_header(&mut self, header: Option<Header>) -> Result<(), String> {
        let header = header.ok_or("there is no such header")?;
        self.skip(header.length, Layer::Registry(header.schema));
        if header.is_packed { self.unpack(Packing::Zlib) } else { Ok(()) }
    }

    fn convert(&mut self) -> Result<(), String> {
        let converted = utf16::read(&self.content, self.budget.left()).ok_or("there is no byte order mark")?;
        self.budget.spend(converted.content.len());
        self.replace(converted.content, Layer::Utf16);
        if !converted.is_within {
            self.is_all = false;
            self.miss(format!("only the first {} of the record are converted", size(self.budget.most() as u64)));
        } else if !converted.is_good && self.is_all {
            self.miss("it is not all UTF-16: \u{fffd} marks invalid bytes".to_owned());
        }
        Ok(())
    }

    fn unquote(&mut self) -> Result<(), String> {
        let taken = if self.is_detected() { unquoted::detect(&self.content) } else { unquoted::read(&self.content) };
        let taken = taken.ok_or("it is not a JSON string")?;
        self.replace(taken.content, Layer::JsonString);
        match taken.end {
            unquoted::End::Whole => {}
            unquoted::End::Cut if !self.is_all => {}
            unquoted::End::Cut => self.miss("the string is cut off: only the beginning can be read".to_owned()),
            unquoted::End::Damaged => self.miss("the string is damaged: only the beginning can be read".to_owned()),
            unquoted::End::Trailing(bytes) => self.miss(format!("{} after the string are left out", bytes_of(bytes))),
        }
        Ok(())
    }

    fn skip(&mut self, start: usize, layer: Layer) {
        self.layers.push(layer);
        match &mut self.content {
            Cow::Borrowed(content) => *content = content.get(start..).unwrap_or_default(),
            Cow::Owned(content) => drop(content.drain(..start)),
        }
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
        let has_schema = self.layers.iter().any(|layer| matches!(layer, Layer::Registry(_)));
        let doubt = if has_schema && self.no_zlib.is_none() { Doubt::Bytes } else { self.doubt_of_zlib() };
        Content::new(&self.content, self.is_whole, named, self.budget.left()).with(self.is_all, doubt)
    }

    /// Which contents may as well be zlib that is cut or damaged.
    fn doubt_of_zlib(&self) -> Doubt {
        /// How nearly all writers begin, and hardly any message does.
        const USUAL_METHOD: u8 = 0x78;
        match (self.no_zlib.as_deref(), self.content.first()) {
            (None, _) => Doubt::Nothing,
            // It is not text in UTF-8, and what there is can be unpacked.
            (Some(ENDS_TOO_EARLY), Some(&USUAL_METHOD)) => Doubt::All,
            (Some(_), Some(&USUAL_METHOD)) => Doubt::AllButText,
            (Some(_), _) => Doubt::Bytes,
        }
    }

    /// The result.
    pub(super) fn into_decoded(mut self, payload_size: u64) -> Decoded {
        let format = self.format();
        if let Some(note) = format.note {
            self.add_note(note);
        }
        if self.doubt_of_zlib().is_of(format.kind)
            && let Some(error) = self.no_zlib.take()
        {
            self.miss(format!("looks like zlib, but cannot be unpacked: {error}"));
        }
        self.budget.spend(format.rendition.as_ref().map_or(0, String::len));
        let may_be_logs = format.kind == Layer::Json && !self.layers.contains(&Layer::CloudWatchLogs);
        if may_be_logs && cloud_watch_logs::is_envelope(&self.content[format.text.clone()]) {
            self.layers.push(Layer::CloudWatchLogs);
        }
        if format.kind == Layer::Binary && self.is_detected() {
            if self.layers.iter().any(|layer| matches!(layer, Layer::Registry(_))) {
                self.add_note("these bytes cannot be read without their schema".to_owned());
            } else if let Some(schema) = registry::suspect(&self.content) {
                self.add_note(format!("it may begin with a schema registry's header: {schema}"));
            }
        }
        self.layers.push(format.kind);
        Decoded {
            layers: self.layers,
            content: self.content.into_owned(),
            text: format.text,
            rendition: format.rendition,
            user_record: self.user_record,
            envelope: self.envelope,
            payload_size: Some(payload_size),
            is_whole: self.is_whole && format.is_known,
            note: self.note,
        }
    }

    /// How the payload begins.
    pub(super) fn into_start(mut self) -> Start {
        let (kind, text) = if self.is_all {
            let format = self.format();
            let text = format.shown(&self.content).map(str::to_owned);
            (Some(format.kind), text)
        } else {
            let Begun { kind, text } = format::detect_beginning(&self.content);
            (kind, text.map(Cow::into_owned))
        };
        Start { layers: self.layers, kind, content: self.content.into_owned(), text }
    }

    fn format(&mut self) -> Format {
        let most = self.budget.left();
        if let Next::Named([step, ..]) = self.next {
            match format::named(*step, &self.content, most) {
                Ok(format) => return format,
                Err(error) => self.fail(*step, &error),
            }
        }
        if self.is_all { format::detect(&self.content, most) } else { format::of_beginning(&self.content) }
    }

    /// Keeps the result before a failed step.
    fn fail(&mut self, step: RecipeStep, error: &str) {
        self.next = Next::Nothing;
        self.miss(format!("{step}: {error}"));
    }

    /// Notes what is not read.
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

impl Packing {
    fn layer(self) -> Layer {
        match self {
            Self::Gzip => Layer::Gzip,
            Self::Zlib => Layer::Zlib,
            Self::Zstd => Layer::Zstd,
        }
    }
}

/// What follows the end of compressed data, and whether that may be more than padding.
fn after_end(packing: Packing, tail: &[u8]) -> Option<(String, bool)> {
    if tail.is_empty() {
        return None;
    }
    let shown: Vec<String> = tail.iter().take(MAX_NOTED_BYTES).map(|byte| format!("{byte:02x}")).collect();
    let more = if tail.len() > MAX_NOTED_BYTES { " …" } else { "" };
    let is_padding = tail.iter().all(|byte| *byte == 0 || byte.is_ascii_whitespace());
    let verb = if tail.len() == 1 { "follows" } else { "follow" };
    let note = format!("{} {verb} the end of the {} ({}{more})", bytes_of(tail.len()), packing.layer(), shown.join(" "));
    Some((note, !is_padding))
}

/// Whether the check sum at the end of an aggregated record is that of its message.
fn has_good_digest(payload: &[u8]) -> bool {
    const DIGEST_BYTES: usize = 16;
    let parts = payload.strip_prefix(&MAGIC).and_then(|rest| rest.split_last_chunk::<DIGEST_BYTES>());
    parts.is_some_and(|(message, digest)| Md5::digest(message).as_slice() == digest)
}

fn bytes_of(count: usize) -> String {
    if count == 1 { "1 byte".to_owned() } else { format!("{count} bytes") }
}
