//! A payload's innermost contents, for searching: their bytes at once, and the text that is shown instead of the bytes only on request.
//! It builds nothing else, because hundreds of thousands of contents are searched per second.

use super::format::{self, Format};
use super::{Layer, RecipeStep};
use std::cell::OnceCell;

/// What is left of a payload, or of one of its user records, when all its layers are off.
#[derive(Debug)]
pub struct Content<'c> {
    bytes: &'c [u8],
    is_whole: bool,
    /// Whether nothing was left off for a bound's sake.
    is_all: bool,
    /// Whether what is neither JSON nor text may hold more than its bytes show.
    doubt: Doubt,
    /// The format that the recipe names.
    named: Option<RecipeStep>,
    /// Bytes that what is shown in its place may have.
    most: usize,
    format: OnceCell<Named>,
}

/// Which contents may hold more than their bytes show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// None.
    Nothing,
    /// What is nothing but bytes.
    Bytes,
    /// What is neither text nor JSON.
    AllButText,
    /// Whatever it is.
    All,
}

impl Doubt {
    /// Whether it holds for a content of this kind.
    pub(super) fn is_of(self, kind: Layer) -> bool {
        match self {
            Self::Nothing => false,
            Self::Bytes => kind == Layer::Binary,
            Self::All => true,
            Self::AllButText => !matches!(kind, Layer::Text | Layer::Json),
        }
    }
}

/// What the content is, and whether the recipe named that.
#[derive(Debug)]
struct Named {
    format: Format,
    is_as_named: bool,
}

impl<'c> Content<'c> {
    pub(super) fn new(bytes: &'c [u8], is_whole: bool, named: Option<RecipeStep>, most: usize) -> Self {
        Self { bytes, is_whole, is_all: true, doubt: Doubt::Nothing, named, most, format: OnceCell::new() }
    }

    /// The same with whether a bound has left nothing off, and whether it may hold more than its bytes show.
    pub(super) fn with(self, is_all: bool, doubt: Doubt) -> Self {
        Self { is_all, doubt, ..self }
    }

    /// The innermost bytes.
    #[must_use]
    pub fn bytes(&self) -> &'c [u8] {
        self.bytes
    }

    /// The text that is shown in the bytes' place, such as the JSON of MessagePack. Worked out when it is asked for, so ask only where
    /// the bytes have not decided.
    #[must_use]
    pub fn rendition(&self) -> Option<&str> {
        // No value of a binary format begins like JSON does, and nearly all JSON is ASCII.
        if self.named.is_none() && matches!(self.bytes, [b'{' | b'[', ..]) && self.bytes.is_ascii() {
            return None;
        }
        self.format().format.rendition.as_deref()
    }

    /// What the bytes are. Costs a pass over them.
    #[must_use]
    pub fn kind(&self) -> Layer {
        self.format().format.kind
    }

    /// Whether this is all of it, and known for what it is. Where it is not, something could not be read: a layer was damaged or cut, a
    /// bound was reached, or a step of the recipe failed. What is not found in it may still be in the payload.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        // No value of a binary format begins like JSON does.
        let begins_json = matches!(self.bytes, [b'{' | b'[', ..]);
        let is_text = || self.named.is_none() && begins_json && std::str::from_utf8(self.bytes).is_ok();
        let is_known = |named: &Named| named.is_as_named && named.format.is_known && !self.doubt.is_of(named.format.kind);
        self.is_whole && (is_text() || is_known(self.format()))
    }

    fn format(&self) -> &Named {
        self.format.get_or_init(|| {
            let detected = || if self.is_all { format::detect(self.bytes, self.most) } else { format::of_beginning(self.bytes) };
            match self.named.map(|step| format::named(step, self.bytes, self.most)) {
                Some(Ok(format)) => Named { format, is_as_named: true },
                Some(Err(_)) => Named { format: detected(), is_as_named: false },
                None => Named { format: detected(), is_as_named: true },
            }
        })
    }
}
