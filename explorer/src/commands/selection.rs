//! Which records a command is about: where they are read, what they must be and how many of them.

use super::{CommandError, archive_of, local_times, negated, output};
use crate::aws::connect::Connection;
use crate::aws::streams::settled;
use crate::domain::decode::Recipe;
use crate::domain::failure::Failure;
use crate::domain::filter::{InvalidArgument, InvalidFilter, RecordFilter};
use crate::domain::reading::{ArchiveSource, Position, ReadOrder, Source};
use crate::domain::record::Record;
use crate::domain::record::payload::NoPayload;
use crate::domain::text::printable;
use crate::files::{self, OpenFile};
use crate::sources;
use archiver::format::stream::StreamName;
use clap::Args;
use std::fmt::Display;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use unicode_width::UnicodeWidthStr as _;

/// Which records.
#[derive(Args, Clone, Debug)]
pub(super) struct Range {
    /// Only records of this partition key
    #[arg(long)]
    pub(super) key: Option<String>,
    /// Only records that arrived at this time or later: 2026-11-20T10:00Z, 2026-11-20, epoch seconds, or 1h for an hour ago
    #[arg(long, value_name = "TIME")]
    pub(super) after: Option<String>,
    /// Only records that arrived before this time
    #[arg(long, value_name = "TIME")]
    pub(super) before: Option<String>,
    /// At most so many, the newest ones
    #[arg(long, value_name = "COUNT")]
    pub(super) limit: Option<NonZeroUsize>,
}

/// Where records are read, and which.
#[derive(Args, Clone, Debug)]
pub(super) struct Selection {
    /// The stream, by its name or ARN; left out with --file
    #[arg(value_name = "STREAM", required_unless_present = "file")]
    stream: Option<String>,
    /// What the records must be, each argument one condition: after:1h 'json:$.status=="paid"' 'text:not found' -is:expired
    #[arg(value_name = "FILTER")]
    filter: Vec<String>,
    #[command(flatten)]
    negated: Negated,
    /// Read a file of exported JSON Lines in place of an archive, or - for standard input; needs no AWS
    #[arg(long, value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
    #[command(flatten)]
    range: Range,
    /// How payloads are decoded, such as: gzip > msgpack. Without it they are recognised
    #[arg(long, value_name = "STEPS")]
    decode: Option<Recipe>,
}

/// Conditions that begin with a minus, which would be taken for options where they stand.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Negated {
    #[arg(long = negated::OPTION, value_name = "FILTER", hide = true, allow_hyphen_values = true)]
    conditions: Vec<String>,
}

/// Where records are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A stream's archive.
    Stream(StreamName),
    /// An exported file.
    File(PathBuf),
}

/// What was chosen, understood.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    pub(super) origin: Origin,
    pub(super) filter: RecordFilter,
    pub(super) recipe: Recipe,
    pub(super) limit: Option<usize>,
}

/// A place that records can be read from.
#[derive(Clone, Debug)]
pub(super) struct Opened {
    pub(super) payloads: Payloads,
    pub(super) order: ReadOrder,
    /// The file that is read, where it is one.
    pub(super) file: Option<OpenFile>,
}

/// Where payloads come from, and how they are decoded.
#[derive(Clone, Debug)]
pub(super) struct Payloads {
    /// Nothing for records of a file.
    pub(super) connection: Option<Connection>,
    /// The stream that the records were put into, where that is known.
    pub(super) stream: Option<StreamName>,
    pub(super) recipe: Recipe,
}

impl Selection {
    /// What stands in the stream's place, where nothing else is chosen.
    pub(super) fn only_stream(&self) -> Option<String> {
        let Range { key, after, before, limit } = &self.range;
        let has_range = key.is_some() || after.is_some() || before.is_some() || limit.is_some();
        let has_more = has_range
            || !self.filter.is_empty()
            || !self.negated.conditions.is_empty()
            || self.file.is_some()
            || self.decode.is_some();
        self.stream.clone().filter(|_| !has_more)
    }

    /// Understands it.
    ///
    /// # Errors
    /// Says what is wrong, of a filter after showing where.
    pub(super) fn understood(&self) -> Result<Chosen, CommandError> {
        let (origin, filter) = match (&self.file, &self.stream) {
            // What would be the stream is the filter's first word.
            (Some(file), word) => (Origin::File(file.clone()), word.iter().chain(&self.filter).cloned().collect::<Vec<_>>()),
            (None, Some(stream)) => (Origin::Stream(stream_named(stream)?), self.filter.clone()),
            (None, None) => return Err(CommandError::Usage("neither a stream nor --file is named".to_owned())),
        };
        Ok(Chosen {
            origin,
            filter: self.range.added_to(filter_of(&filter, &self.negated)?)?,
            recipe: self.decode.clone().unwrap_or_default(),
            limit: self.range.limit.map(NonZeroUsize::get),
        })
    }
}

impl Range {
    /// The filter with these options, of which the line must not say other things.
    fn added_to(&self, mut filter: RecordFilter) -> Result<RecordFilter, CommandError> {
        let times = local_times();
        let usage = |error: &dyn Display| CommandError::Usage(error.to_string());
        let once = |option: &str, is_there: bool| match is_there {
            true => Err(CommandError::Usage(format!("both --{option} and {option}: are given; leave one of them out"))),
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

impl Chosen {
    /// Finds the archive of a stream, or takes the file.
    ///
    /// # Errors
    /// When there is no archive, or the file cannot be read.
    pub(super) async fn open(&self, connection: Option<&Connection>) -> Result<Opened, CommandError> {
        let mut file = None;
        let (connection, stream, source) = match (&self.origin, connection) {
            (Origin::File(path), _) => {
                let opened = files::open(path).await?;
                let stream = opened.origin().await?;
                file = Some(opened);
                (None, stream, Source::File(path.clone()))
            }
            (Origin::Stream(stream), Some(connection)) => {
                let stream = &settled(connection, stream).await?;
                let (table, mode) = archive_of(connection, stream).await?;
                let about_bytes = table.size_bytes;
                let archive = ArchiveSource { stream: stream.clone(), table: table.name, mode, about_bytes };
                (Some(connection.clone()), Some(stream.clone()), Source::Archive(archive))
            }
            (Origin::Stream(stream), None) => {
                return Err(Failure::refused(format!("read stream {stream}"), "there is no connection to AWS").into());
            }
        };
        let (filter, recipe) = (self.filter.clone(), self.recipe.clone());
        let order = ReadOrder { source, filter, recipe, includes_unreadable: false, from: Position::Beginning };
        Ok(Opened { payloads: Payloads { connection, stream, recipe: self.recipe.clone() }, order, file })
    }
}

impl Payloads {
    /// The payload, or why it is not there; what cannot be read for now is no property of the record and ends the command.
    pub(super) async fn of(&self, record: &Record) -> Result<Result<Vec<u8>, NoPayload>, CommandError> {
        match sources::payload_of(self.connection.as_ref(), self.stream.as_ref(), record).await {
            Err(NoPayload::Failed(failure)) => Err(failure.into()),
            payload => Ok(payload),
        }
    }
}

/// A stream as it was typed: by its name or its ARN.
///
/// # Errors
/// When no stream can have it.
pub(super) fn stream_named(text: &str) -> Result<StreamName, CommandError> {
    text.parse::<StreamName>().map_err(|error| CommandError::Usage(error.to_string()))
}

/// The filter of arguments, each of which is one condition. Its times are those of now, so that it says what was read.
///
/// # Errors
/// Says what is wrong, after showing where.
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

/// The arguments, and below them what marks the mistake in one of them.
fn marked(arguments: &[&str], place: usize, mistake: &InvalidFilter) -> [String; 2] {
    let columns = |text: &str| printable(text).width();
    let (mut shown, mut before) = (String::new(), 0);
    for (other, argument) in arguments.iter().enumerate() {
        let separator = if other > 0 { " " } else { "" };
        // As a shell takes it for one.
        let quote = if argument.is_empty() || argument.contains(char::is_whitespace) { "'" } else { "" };
        if other == place {
            before = columns(&shown) + separator.len() + quote.len();
        }
        shown.push_str(&format!("{separator}{quote}{argument}{quote}"));
    }
    let (span, argument) = (mistake.span(), arguments.get(place).copied().unwrap_or_default());
    before += columns(argument.get(..span.start).unwrap_or_default());
    // At the end of the argument something is missing.
    let marks = columns(argument.get(span).unwrap_or_default()).max(1);
    [format!("  {}", printable(&shown)), format!("  {}{}", " ".repeat(before), "^".repeat(marks))]
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_marked_where_it_stands() {
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
    fn an_option_and_the_line_do_not_say_two_things() {
        let range = Range { key: Some("cust-1".to_owned()), after: None, before: None, limit: None };
        let line = |line: &str| RecordFilter::parse(line, &local_times()).unwrap();
        for twice in ["key:cust-2", "key:cust-*"] {
            let error = range.added_to(line(twice)).unwrap_err().to_string();
            assert_eq!(error, "both --key and key: are given; leave one of them out");
        }
        assert_eq!(range.added_to(line("is:gzip")).unwrap().key(), Some("cust-1"));
    }
}
