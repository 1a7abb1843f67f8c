//! The settings of a stream's archive. They are read from and written to the stream's tags, which are the only configuration. A
//! value that cannot be read is an error, never a guess.

use crate::format::stream::StreamName;
use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

/// The tag that chooses the mode.
pub const MODE_TAG: &str = "StreamArchiveMode";
/// The tag that says how long an item is kept.
pub const TTL_TAG: &str = "ArchiveTTL";
/// The tag that says whether replays into their own stream are archived.
pub const REPLAYS_TAG: &str = "ArchiveReplays";
/// The tag that says whether payloads are stored compressed.
pub const COMPRESSION_TAG: &str = "ArchiveCompression";
/// The only setting inside the TTL tag: whole seconds.
const TTL_SETTING: &str = "expireSeconds";

/// Which records of a stream the archive keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ArchiveMode {
    All,
    /// Only the newest record of each partition key.
    Latest,
}

/// How long an item is kept after it was archived: whole seconds, 1 or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ttl(NonZeroU64);

/// What the archiver does with records that were replayed into their own stream. It recognises them by their envelope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Replays {
    /// Archives them like any other record.
    #[default]
    Keep,
    /// Leaves them out: the archive already has the originals.
    Skip,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Compression {
    /// As they are, unless they are too large for an item.
    #[default]
    None,
    /// Compressed, if that makes them smaller.
    Gzip,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveSettings {
    pub mode: ArchiveMode,
    /// The mode as the tag spells it: the suffix of the table's name. `None` if there is no mode tag.
    pub mode_as_written: Option<String>,
    /// How long items are kept; `None` keeps them forever.
    pub ttl: Option<Ttl>,
    pub replays: Replays,
    pub compression: Compression,
}

/// A tag whose value cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stream {stream} has the tag {tag} = \"{value}\", which cannot be read; {expected}")]
pub struct InvalidTag {
    pub stream: StreamName,
    pub tag: &'static str,
    pub value: String,
    /// Which values are allowed.
    pub expected: &'static str,
}

/// A text that is not an archive mode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not an archive mode; {EXPECTED_MODE}")]
pub struct InvalidMode {
    text: String,
}

/// A text that is not a time to live.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not a time to live; {EXPECTED_DURATION}")]
pub struct InvalidTtl {
    text: String,
}

const EXPECTED_MODE: &str = "use ALL or LATEST";
const EXPECTED_TTL: &str = "use expireSeconds=<whole seconds, 1 or more>, or remove the tag to keep items forever";
const EXPECTED_REPLAYS: &str = "use keep or skip";
const EXPECTED_COMPRESSION: &str = "use none or gzip";
const EXPECTED_DURATION: &str = "use whole seconds, or a number with s, m, h, d or w, such as 30d";

impl ArchiveMode {
    /// The mode in upper case, as new tags and tables have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "ALL",
            Self::Latest => "LATEST",
        }
    }
}

impl fmt::Display for ArchiveMode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for ArchiveMode {
    type Err = InvalidMode;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let trimmed = text.trim();
        [Self::All, Self::Latest]
            .into_iter()
            .find(|mode| trimmed.eq_ignore_ascii_case(mode.as_str()))
            .ok_or_else(|| InvalidMode { text: text.to_owned() })
    }
}

impl Replays {
    /// The value of the stream's tag.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Skip => "skip",
        }
    }

    fn from_tag(value: &str) -> Option<Self> {
        [Self::Keep, Self::Skip].into_iter().find(|replays| value.trim().eq_ignore_ascii_case(replays.as_str()))
    }
}

impl Compression {
    /// The value of the stream's tag.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
        }
    }

    fn from_tag(value: &str) -> Option<Self> {
        [Self::None, Self::Gzip].into_iter().find(|compression| value.trim().eq_ignore_ascii_case(compression.as_str()))
    }
}

impl Ttl {
    /// A time to live in seconds; `None` for 0, with which items would expire before they are written.
    #[must_use]
    pub fn from_seconds(seconds: u64) -> Option<Self> {
        NonZeroU64::new(seconds).map(Self)
    }

    /// Whole seconds.
    #[must_use]
    pub fn seconds(self) -> u64 {
        self.0.get()
    }

    /// The value of the stream's tag.
    #[must_use]
    pub fn tag_value(self) -> String {
        format!("{TTL_SETTING}={}", self.seconds())
    }
}

impl FromStr for Ttl {
    type Err = InvalidTtl;

    /// Reads what people type: `86400`, `90s`, `15m`, `12h`, `30d` or `2w`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let trimmed = text.trim();
        let (digits, unit_seconds) = match trimmed.char_indices().last() {
            Some((at, 's')) => (&trimmed[..at], 1),
            Some((at, 'm')) => (&trimmed[..at], 60),
            Some((at, 'h')) => (&trimmed[..at], 3_600),
            Some((at, 'd')) => (&trimmed[..at], 86_400),
            Some((at, 'w')) => (&trimmed[..at], 604_800),
            _ => (trimmed, 1),
        };
        parse_digits(digits.trim_end())
            .and_then(|count| count.checked_mul(unit_seconds))
            .and_then(Self::from_seconds)
            .ok_or_else(|| InvalidTtl { text: text.to_owned() })
    }
}

impl fmt::Display for Ttl {
    /// In the largest unit that divides it: `30 d`, `36 h`, `90 s`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.seconds();
        let (unit_seconds, unit) = [(86_400, "d"), (3_600, "h"), (60, "m")]
            .into_iter()
            .find(|(unit_seconds, _)| seconds.is_multiple_of(*unit_seconds))
            .unwrap_or((1, "s"));
        write!(formatter, "{} {unit}", seconds / unit_seconds)
    }
}

impl ArchiveSettings {
    /// Reads the settings from a stream's tags. Other tags are ignored.
    ///
    /// # Errors
    /// When a value cannot be read. The error names stream, tag and value.
    pub fn from_tags<'t>(stream: &StreamName, tags: impl IntoIterator<Item = (&'t str, &'t str)>) -> Result<Self, InvalidTag> {
        let mut settings = Self { mode_as_written: None, ..Self::new(ArchiveMode::Latest, None) };
        let invalid = |tag, value: &str, expected| InvalidTag { stream: stream.clone(), tag, value: value.to_owned(), expected };
        for (key, value) in tags {
            match key {
                MODE_TAG => {
                    settings.mode = value.parse().map_err(|_| invalid(MODE_TAG, value, EXPECTED_MODE))?;
                    settings.mode_as_written = Some(value.trim().to_owned());
                }
                TTL_TAG => {
                    let ttl = parse_ttl_tag(value).ok_or_else(|| invalid(TTL_TAG, value, EXPECTED_TTL))?;
                    settings.ttl = Some(ttl);
                }
                REPLAYS_TAG => {
                    settings.replays = Replays::from_tag(value).ok_or_else(|| invalid(REPLAYS_TAG, value, EXPECTED_REPLAYS))?;
                }
                COMPRESSION_TAG => {
                    settings.compression =
                        Compression::from_tag(value).ok_or_else(|| invalid(COMPRESSION_TAG, value, EXPECTED_COMPRESSION))?;
                }
                _ => {}
            }
        }
        Ok(settings)
    }

    /// The default settings with this mode and TTL: the mode in upper case, replays kept, nothing compressed.
    #[must_use]
    pub fn new(mode: ArchiveMode, ttl: Option<Ttl>) -> Self {
        let mode_as_written = Some(mode.as_str().to_owned());
        Self { mode, mode_as_written, ttl, replays: Replays::default(), compression: Compression::default() }
    }

    /// The tags for these settings. A default value has no tag.
    #[must_use]
    pub fn to_tags(&self) -> Vec<(&'static str, String)> {
        let mode = self.mode_as_written.clone().map(|written| (MODE_TAG, written));
        let ttl = self.ttl.map(|ttl| (TTL_TAG, ttl.tag_value()));
        let replays = (self.replays != Replays::default()).then(|| (REPLAYS_TAG, self.replays.as_str().to_owned()));
        let compression =
            (self.compression != Compression::default()).then(|| (COMPRESSION_TAG, self.compression.as_str().to_owned()));
        [mode, ttl, replays, compression].into_iter().flatten().collect()
    }
}

/// Whether a stream with this tag has an archive, whatever the value is.
#[must_use]
pub fn is_archive_tag(key: &str) -> bool {
    key == MODE_TAG || key == TTL_TAG
}

/// Reads `expireSeconds=<whole seconds>`, with spaces allowed around each part.
fn parse_ttl_tag(value: &str) -> Option<Ttl> {
    let (name, seconds) = value.split_once('=')?;
    if name.trim() != TTL_SETTING {
        return None;
    }
    parse_digits(seconds.trim()).and_then(Ttl::from_seconds)
}

/// Digits only: the standard parser accepts a `+`.
fn parse_digits(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn orders() -> StreamName {
        StreamName::parse("orders").unwrap()
    }

    fn read(tags: &[(&str, &str)]) -> Result<ArchiveSettings, InvalidTag> {
        ArchiveSettings::from_tags(&orders(), tags.iter().copied())
    }

    #[test]
    fn a_mode_is_read_in_any_case_and_its_spelling_is_kept() {
        let settings = read(&[(MODE_TAG, " all ")]).unwrap();
        assert_eq!(settings.mode, ArchiveMode::All);
        assert_eq!(settings.mode_as_written.as_deref(), Some("all"));
        assert_eq!(read(&[(MODE_TAG, "LATEST")]).unwrap().mode, ArchiveMode::Latest);
    }

    #[test]
    fn without_a_mode_tag_the_mode_is_latest_and_a_ttl_still_counts() {
        let settings = read(&[(TTL_TAG, "expireSeconds=60"), ("team", "checkout")]).unwrap();
        assert_eq!(settings.mode, ArchiveMode::Latest);
        assert_eq!(settings.mode_as_written, None);
        assert_eq!(settings.ttl, Ttl::from_seconds(60));
    }

    #[test]
    fn an_unreadable_value_names_stream_tag_and_value() {
        let error = read(&[(MODE_TAG, "everything")]).unwrap_err().to_string();
        assert_eq!(error, "stream orders has the tag StreamArchiveMode = \"everything\", which cannot be read; use ALL or LATEST");
        for value in
            ["", "60", "expireSeconds", "expireSeconds=", "expireSeconds=+5", "expireSeconds=1.5", "expireSeconds=0", "days=3"]
        {
            assert!(read(&[(TTL_TAG, value)]).is_err(), "{value:?} was accepted");
        }
    }

    #[test]
    fn replays_are_kept_and_nothing_is_compressed_unless_a_tag_says_so() {
        let settings = read(&[]).unwrap();
        assert_eq!((settings.replays, settings.compression), (Replays::Keep, Compression::None));
        let settings = read(&[(REPLAYS_TAG, " Skip"), (COMPRESSION_TAG, "GZIP ")]).unwrap();
        assert_eq!((settings.replays, settings.compression), (Replays::Skip, Compression::Gzip));
        for (tag, value) in [(REPLAYS_TAG, "drop"), (REPLAYS_TAG, ""), (COMPRESSION_TAG, "zstd"), (COMPRESSION_TAG, "yes")] {
            let error = read(&[(tag, value)]).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("stream orders has the tag {tag} = \"{value}\", which cannot be read; use ")),
                "{error}"
            );
        }
    }

    #[test]
    fn a_person_types_durations_with_units() {
        for (text, seconds) in [("86400", 86_400), ("90s", 90), ("15m", 900), ("12 h", 43_200), ("30d", 2_592_000), ("1w", 604_800)]
        {
            assert_eq!(text.parse::<Ttl>().unwrap().seconds(), seconds, "{text}");
        }
        for text in ["", "d", "-1d", "1.5h", "5x", "0", "99999999999999999999d"] {
            assert!(text.parse::<Ttl>().is_err(), "{text:?} was accepted");
        }
        assert_eq!("48h".parse::<Ttl>().unwrap().to_string(), "2 d");
        assert_eq!("90s".parse::<Ttl>().unwrap().to_string(), "90 s");
    }

    proptest! {
        #[test]
        fn settings_survive_their_tags(
            is_all: bool,
            lower_case: bool,
            seconds in proptest::option::of(1..u64::MAX),
            skips: bool,
            compresses: bool,
        ) {
            let mode = if is_all { ArchiveMode::All } else { ArchiveMode::Latest };
            let written = if lower_case { mode.as_str().to_lowercase() } else { mode.as_str().to_owned() };
            let settings = ArchiveSettings {
                mode,
                mode_as_written: Some(written),
                ttl: seconds.and_then(Ttl::from_seconds),
                replays: if skips { Replays::Skip } else { Replays::Keep },
                compression: if compresses { Compression::Gzip } else { Compression::None },
            };
            let tags = settings.to_tags();
            let read_back = ArchiveSettings::from_tags(&orders(), tags.iter().map(|(key, value)| (*key, value.as_str())));
            prop_assert_eq!(read_back, Ok(settings));
        }
    }
}
