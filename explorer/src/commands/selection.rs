//! Which records a command reads: their source, the filter, and how many.

use super::{CommandError, local_times, negated, output};
use crate::aws::connect::Connection;
use crate::aws::streams::{archive_to_read, settled};
use crate::domain::decode::Recipe;
use crate::domain::filter::{InvalidArgument, InvalidFilter, RecordFilter};
use crate::domain::reading::{ArchiveSource, Position, ReadOrder};
use crate::domain::record::Record;
use crate::domain::record::payload::NoPayload;
use crate::domain::stream::overview::ArchiveTable;
use crate::domain::text::printable;
use crate::files;
use crate::sources::{OpenedSource, PayloadSource};
use archiver::format::settings::ArchiveMode;
use archiver::format::stream::StreamName;
use clap::Args;
use std::fmt::Display;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use unicode_width::UnicodeWidthStr as _;

/// Which records.
#[derive(Args, Clone, Debug)]
pub(super) struct RangeArguments {
    /// Only records with this partition key
    #[arg(long)]
    pub(super) key: Option<String>,
    /// Only records that arrived at this time or later: 2026-11-20T10:00Z, 2026-11-20, epoch seconds, or 1h for an hour ago
    #[arg(long, value_name = "TIME")]
    pub(super) after: Option<String>,
    /// Only records that arrived before this time
    #[arg(long, value_name = "TIME")]
    pub(super) before: Option<String>,
    /// At most this many records, newest first
    #[arg(long, value_name = "COUNT")]
    pub(super) limit: Option<NonZeroUsize>,
}

/// The source of the records, and which of them to take.
#[derive(Args, Clone, Debug)]
pub(super) struct SelectionArguments {
    /// Name or ARN of the stream; leave it out with --file
    #[arg(value_name = "STREAM", required_unless_present = "file")]
    stream: Option<String>,
    /// Conditions that records must meet, one per argument: after:1h 'json:$.status=="paid"' 'text:not found' -is:expired
    #[arg(value_name = "FILTER")]
    filter: Vec<String>,
    #[command(flatten)]
    negated: Negated,
    /// Read an exported JSON Lines file instead of an archive, or - for standard input
    #[arg(long, value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
    #[command(flatten)]
    range: RangeArguments,
    /// How to decode payloads, such as "gzip > msgpack" [default: recognised by content]
    #[arg(long, value_name = "STEPS")]
    decode: Option<Recipe>,
}

/// Conditions that begin with a minus, which clap would take for options.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Negated {
    #[arg(long = negated::OPTION, value_name = "FILTER", hide = true, allow_hyphen_values = true)]
    conditions: Vec<String>,
}

/// The source of the records, as it was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NamedSource {
    /// A stream's archive.
    Stream(StreamName),
    /// An exported file.
    File(PathBuf),
}

/// The same, with a connection if it needs one.
#[derive(Clone, Debug)]
pub(super) enum RecordSource {
    Archive { connection: Connection, stream: StreamName },
    File(PathBuf),
}

/// Which records of a source.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    pub(super) filter: RecordFilter,
    pub(super) recipe: Recipe,
    pub(super) limit: Option<usize>,
}

/// An open source, and what is read from it.
#[derive(Clone, Debug)]
pub(super) struct Opened {
    pub(super) source: OpenedSource,
    pub(super) payloads: Payloads,
    pub(super) order: ReadOrder,
}

/// Where payloads come from, and how they are decoded.
#[derive(Clone, Debug)]
pub(super) struct Payloads {
    pub(super) source: PayloadSource,
    /// The stream that the records were put into, where that is known.
    pub(super) stream: Option<StreamName>,
    pub(super) recipe: Recipe,
}

impl SelectionArguments {
    /// The first argument, if nothing else was given.
    pub(super) fn only_stream(&self) -> Option<String> {
        let RangeArguments { key, after, before, limit } = &self.range;
        let has_range = key.is_some() || after.is_some() || before.is_some() || limit.is_some();
        let has_more = has_range
            || !self.filter.is_empty()
            || !self.negated.conditions.is_empty()
            || self.file.is_some()
            || self.decode.is_some();
        self.stream.clone().filter(|_| !has_more)
    }

    /// Interprets the arguments.
    ///
    /// # Errors
    /// Says what is wrong. A mistake in a filter is marked first.
    pub(super) fn understood(&self) -> Result<(NamedSource, Chosen), CommandError> {
        let (source, filter) = match (&self.file, &self.stream) {
            // The first argument is not a stream here, but the filter's first condition.
            (Some(file), word) => (NamedSource::File(file.clone()), word.iter().chain(&self.filter).cloned().collect::<Vec<_>>()),
            (None, Some(stream)) => (NamedSource::Stream(stream_named(stream)?), self.filter.clone()),
            (None, None) => return Err(CommandError::Usage("name a stream, or a file with --file".to_owned())),
        };
        let chosen = Chosen {
            filter: self.range.added_to(filter_of(&filter, &self.negated)?)?,
            recipe: self.decode.clone().unwrap_or_default(),
            limit: self.range.limit.map(NonZeroUsize::get),
        };
        Ok((source, chosen))
    }
}

impl RangeArguments {
    /// Adds these options to the filter, which must not already have the same conditions.
    fn added_to(&self, mut filter: RecordFilter) -> Result<RecordFilter, CommandError> {
        let times = local_times();
        let usage = |error: &dyn Display| CommandError::Usage(error.to_string());
        let once = |option: &str, is_there: bool| match is_there {
            true => Err(CommandError::Usage(format!("--{option} and {option}: are both given; leave one out"))),
            false => Ok(()),
        };
        if let Some(key) = &self.key {
            if key.is_empty() {
                return Err(CommandError::Usage("--key is empty; a partition key has at least one character".to_owned()));
            }
            once("key", filter.key().is_some() || filter.key_prefix().is_some())?;
            filter = filter.with_key(key);
        }
        if let Some(after) = &self.after {
            once("after", filter.after(times.now).is_some())?;
            filter = filter.with_after(times.parse(after).map_err(|error| usage(&error))?);
        }
        if let Some(before) = &self.before {
            once("before", filter.before(times.now).is_some())?;
            filter = filter.with_before(times.parse(before).map_err(|error| usage(&error))?);
        }
        filter.checked(times.now).map_err(|error| usage(&error))
    }
}

impl NamedSource {
    /// Adds the connection.
    pub(super) fn with(self, connection: &Connection) -> RecordSource {
        match self {
            Self::Stream(stream) => RecordSource::Archive { connection: connection.clone(), stream },
            Self::File(path) => RecordSource::File(path),
        }
    }
}

/// An open source, and the stream of its records, if that is known.
pub(super) type SourceOfStream = (OpenedSource, Option<StreamName>);

impl RecordSource {
    /// Finds the archive of a stream, or opens the file.
    ///
    /// # Errors
    /// When there is no archive, or the file cannot be read.
    pub(super) async fn open(self) -> Result<SourceOfStream, CommandError> {
        match self {
            Self::File(path) => {
                let file = files::open(&path).await?;
                let stream = file.origin().await?;
                Ok((OpenedSource::File(file), stream))
            }
            Self::Archive { connection, stream } => {
                let stream = settled(&connection, &stream).await?;
                let (table, mode) = archive_of(&connection, &stream).await?;
                let archive = ArchiveSource { stream: stream.clone(), about_bytes: table.size_bytes, table: table.name, mode };
                Ok((OpenedSource::Archive { connection, archive }, Some(stream)))
            }
        }
    }
}

/// A stream's archive, to read from.
///
/// # Errors
/// If there is none, or if that cannot be found out.
pub(super) async fn archive_of(connection: &Connection, stream: &StreamName) -> Result<(ArchiveTable, ArchiveMode), CommandError> {
    let (table, note) = archive_to_read(connection, stream).await?;
    match table.and_then(|table| table.mode().map(|mode| (table, mode))) {
        Some(found) => {
            // The archive can be read in spite of the note.
            note.map_or(Ok(()), |note| output::tell(&note))?;
            Ok(found)
        }
        None => {
            let sentence = note.unwrap_or_else(|| {
                format!("stream {stream} has no archive; create one with: explorer configure {stream} --mode ALL")
            });
            Err(CommandError::NotFound(sentence))
        }
    }
}

impl Chosen {
    /// Opens the source to read these records from it.
    ///
    /// # Errors
    /// When there is no archive, or the file cannot be read.
    pub(super) async fn open(&self, source: RecordSource) -> Result<Opened, CommandError> {
        let (source, stream) = source.open().await?;
        let of_payloads = match &source {
            OpenedSource::Archive { connection, .. } => PayloadSource::of_stream(connection, stream.as_ref()),
            OpenedSource::File(_) => PayloadSource::Nowhere,
        };
        let order = ReadOrder {
            source: source.source(),
            filter: self.filter.clone(),
            recipe: self.recipe.clone(),
            includes_unreadable: false,
            from: Position::Beginning,
        };
        let payloads = Payloads { source: of_payloads, stream, recipe: self.recipe.clone() };
        Ok(Opened { source, payloads, order })
    }
}

impl Payloads {
    /// The payload, or why the record has none. A failed call ends the command, because it says nothing about the record.
    pub(super) async fn of(&self, record: &Record) -> Result<Result<Vec<u8>, NoPayload>, CommandError> {
        Ok(self.source.payload_of(record).await?)
    }
}

/// A stream as it was typed: by its name or its ARN.
///
/// # Errors
/// If no stream can have this name.
pub(super) fn stream_named(text: &str) -> Result<StreamName, CommandError> {
    text.parse::<StreamName>().map_err(|error| CommandError::Usage(error.to_string()))
}

/// Reads a filter from arguments, one condition each. Relative times are fixed now, so that the filter says what was read.
///
/// # Errors
/// Says what is wrong, after marking where.
pub(super) fn filter_of(conditions: &[String], negated: &Negated) -> Result<RecordFilter, CommandError> {
    let times = local_times();
    let arguments: Vec<&str> = conditions.iter().chain(&negated.conditions).map(String::as_str).collect();
    match RecordFilter::parse_arguments(arguments.iter().copied(), &times) {
        Ok(filter) => Ok(filter.fixed(times.now)),
        Err(InvalidArgument { place, mistake }) => {
            output::tell_lines(&marked(&arguments, place, &mistake))?;
            Err(CommandError::Usage(mistake.to_string()))
        }
    }
}

/// The arguments, and below them a line that marks the mistake.
fn marked(arguments: &[&str], place: usize, mistake: &InvalidFilter) -> [String; 2] {
    let columns = |text: &str| printable(text).width();
    let (mut shown, mut before) = (String::new(), 0);
    for (other, argument) in arguments.iter().enumerate() {
        let separator = if other > 0 { " " } else { "" };
        // Quoted as in a shell.
        let quote = if argument.is_empty() || argument.contains(char::is_whitespace) { "'" } else { "" };
        if other == place {
            before = columns(&shown) + separator.len() + quote.len();
        }
        shown.push_str(&format!("{separator}{quote}{argument}{quote}"));
    }
    let (span, argument) = (mistake.span(), arguments.get(place).copied().unwrap_or_default());
    before += columns(argument.get(..span.start).unwrap_or_default());
    // An empty span means that something is missing at the end.
    let marks = columns(argument.get(span).unwrap_or_default()).max(1);
    [format!("  {}", printable(&shown)), format!("  {}{}", " ".repeat(before), "^".repeat(marks))]
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_marked_where_it_is() {
        for (arguments, shown, marks) in [
            (&["key:cust-42", "afer:1h"][..], "key:cust-42 afer:1h", "              ^^^^^"),
            (&["key:zürich", "日本", "is:old"], "key:zürich 日本 is:old", "                     ^^^"),
            (&["key:order 42", "size:ten", "a b"], "'key:order 42' size:ten 'a b'", "                      ^^^"),
            (&["a b", "-"], "'a b' -", "        ^"),
            (&["after:last week"], "'after:last week'", "         ^^^^^^^^^"),
        ] {
            let error = RecordFilter::parse_arguments(arguments.iter().copied(), &local_times()).unwrap_err();
            assert_eq!(marked(arguments, error.place, &error.mistake), [format!("  {shown}"), marks.to_owned()], "{shown}");
        }
    }

    #[test]
    fn an_option_and_the_same_condition_are_not_both_allowed() {
        let range = RangeArguments { key: Some("cust-1".to_owned()), after: None, before: None, limit: None };
        let line = |line: &str| RecordFilter::parse(line, &local_times()).unwrap();
        for twice in ["key:cust-2", "key:cust-*"] {
            let error = range.added_to(line(twice)).unwrap_err().to_string();
            assert_eq!(error, "--key and key: are both given; leave one out");
        }
        assert_eq!(range.added_to(line("is:gzip")).unwrap().key(), Some("cust-1"));
    }
}
