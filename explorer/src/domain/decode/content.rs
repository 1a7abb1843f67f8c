//! A payload's innermost contents for whoever searches them: their bytes at once, and only when somebody asks what is shown in the
//! bytes' place. It never builds what nobody asks for, since hundreds of thousands of contents are searched a second.

use super::format::{self, Format};
use super::{Layer, Step};
use std::cell::OnceCell;

/// What is left of a payload, or of one of its user records, when all its layers are off.
#[derive(Debug)]
pub struct Content<'c> {
    bytes: &'c [u8],
    is_whole: bool,
    /// The format that somebody has named.
    named: Option<Step>,
    format: OnceCell<Named>,
}

/// What the content is, and whether that is what somebody has named.
#[derive(Debug)]
struct Named {
    format: Format,
    is_as_named: bool,
}

impl<'c> Content<'c> {
    pub(super) fn new(bytes: &'c [u8], is_whole: bool, named: Option<Step>) -> Self {
        Self { bytes, is_whole, named, format: OnceCell::new() }
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
        // No value of a binary format begins like JSON does.
        if self.named.is_none() && matches!(self.bytes, [b'{' | b'[', ..]) {
            return None;
        }
        self.format().format.rendition.as_deref()
    }

    /// What the bytes are. Costs a pass over them.
    #[must_use]
    pub fn kind(&self) -> Layer {
        self.format().format.kind
    }

    /// Whether this is all of it. Where it is not, something could not be read: a layer was damaged or cut, a bound was reached, or a
    /// step that somebody has named failed. What is not found in it may be there all the same.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.is_whole && (self.named.is_none() || self.format().is_as_named)
    }

    fn format(&self) -> &Named {
        self.format.get_or_init(|| match self.named.map(|step| format::named(step, self.bytes)) {
            Some(Ok(format)) => Named { format, is_as_named: true },
            Some(Err(_)) => Named { format: format::detect(self.bytes), is_as_named: false },
            None => Named { format: format::detect(self.bytes), is_as_named: true },
        })
    }
}
