//! The filter language, from the line that is typed to the record that matches.

#![allow(clippy::unwrap_used, clippy::panic)]

mod completions;
mod lines;
mod records;

use super::*;
use jiff::tz::TimeZone;

fn times() -> TimeContext {
    TimeContext { now: "2026-11-20T12:00:00Z".parse().unwrap(), zone: TimeZone::UTC }
}

fn parse(line: &str) -> RecordFilter {
    RecordFilter::parse(line, &times()).unwrap_or_else(|error| panic!("{line}: {error}"))
}
