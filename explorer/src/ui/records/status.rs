//! The status of reading and its cost, in as many words as fit; and the text shown when there are no rows.

use super::super::theme::Theme;
use crate::app::records::{Following, Origin, Reading, Records};
use crate::domain::prices::{DOLLARS_PER_READ_UNIT, LEAST_DOLLARS};
use crate::domain::text::{count, counted, printable};
use crate::domain::time::span;
use ratatui::style::Style;
use ratatui::text::Line;
use unicode_width::UnicodeWidthStr as _;

/// The line below the list. When room is scarce, the most important words stay.
pub(super) fn line(records: &Records, room: usize, theme: &Theme) -> Line<'static> {
    let (words, style) = match (&records.following, &records.origin) {
        (_, Origin::Stream(_)) => following(records, theme),
        (Following::Off, Origin::Read(_)) => (reading(records), reading_style(records, theme)),
        (Following::On(..) | Following::Failed(_), Origin::Read(_)) => {
            let (mut words, mut style) = following(records, theme);
            if !records.is_all_read() {
                // New records do not make a partial list complete.
                words.truncate(1);
                words.extend(reading(records));
                style = reading_style(records, theme);
            }
            (words, style)
        }
    };
    let mut text = String::new();
    for word in words {
        let separator = if text.is_empty() { " " } else { " · " };
        if text.width() + separator.width() + word.width() + 1 > room && !text.is_empty() {
            continue;
        }
        text.push_str(separator);
        text.push_str(&word);
    }
    text.push(' ');
    Line::styled(text, style)
}

fn reading_style(records: &Records, theme: &Theme) -> Style {
    match &records.reading {
        Reading::Partial(_) => theme.warning(),
        Reading::Failed(..) => theme.error(),
        Reading::Running(_) | Reading::Stopping(_) | Reading::Complete => Style::new(),
    }
}

/// The words, most important first.
fn reading(records: &Records) -> Vec<String> {
    let total = records.tally.total();
    let (shown, read) = (count(records.rows.len() as u64), count(total.read));
    let counts = format!("{shown} of {read}");
    let mut words = match &records.reading {
        Reading::Running(_) | Reading::Stopping(_) if records.is_refreshing() => {
            vec![format!("{shown} shown"), format!("reading again: {read}")]
        }
        Reading::Running(_) | Reading::Stopping(_) if records.is_picked() => vec![counts, "looking …".to_owned()],
        Reading::Complete if records.is_picked() => vec![counts, "all read before".to_owned()],
        Reading::Running(_) | Reading::Stopping(_) if records.is_searching() => vec![counts, "esc stops".to_owned()],
        Reading::Running(_) | Reading::Stopping(_) => vec![format!("{counts} read"), "reading …".to_owned()],
        Reading::Complete => vec![counts, "all read".to_owned()],
        Reading::Partial(_) if records.is_full() => vec![counts, "PARTIAL: no more are kept, narrow it with /".to_owned()],
        Reading::Partial(_) => vec![counts, "PARTIAL: m more, M all".to_owned()],
        Reading::Failed(..) if records.is_stale() => vec![format!("{shown} shown"), "FAILED to read again".to_owned()],
        Reading::Failed(..) => vec![format!("{counts} read"), "FAILED: m resumes".to_owned()],
    };
    if total.unsearchable > 0 {
        words.push(format!("{} could not be searched", count(total.unsearchable)));
    }
    let is_at_it = records.reading.request().is_some();
    words.extend(records.share_read().map(percent));
    words.extend(records.time_left().map(|left| format!("about {} left", span(left.as_secs().max(1)))));
    if total.units > 0.0 {
        let units = whole(total.units.ceil());
        words.push(format!("{} RCU", count(units)));
        let dollars = total.units * DOLLARS_PER_READ_UNIT;
        if dollars >= LEAST_DOLLARS {
            words.push(format!("${dollars:.4}"));
        }
    }
    if is_at_it && records.tally.rate() >= 1.0 {
        words.push(format!("{}/s", count(whole(records.tally.rate()))));
    }
    words
}

fn following(records: &Records, theme: &Theme) -> (Vec<String>, Style) {
    let shown = counted(records.rows.len() as u64, "record", "records");
    match &records.following {
        Following::Off => (vec![shown, "stopped: f resumes".to_owned()], theme.warning()),
        Following::Failed(_) => (vec!["following FAILED: f retries".to_owned(), shown], theme.error()),
        Following::On(_, status) => {
            let mut words = vec!["following".to_owned(), shown];
            if status.unsearchable > 0 {
                words.push(format!("{} could not be searched", count(status.unsearchable)));
            }
            if status.waiting > 0 {
                words.push(format!("{} not in the archive yet", count(status.waiting as u64)));
            }
            if status.missing > 0 {
                words.push(format!("{} never archived", count(status.missing)));
            }
            // Items have it in whole seconds.
            words.extend(status.lag.map(|lag| format!("archived within {} s", lag.as_secs() + 1)));
            let behind = status.behind_latest.map(|behind| behind.as_secs()).filter(|seconds| *seconds > 0);
            words.extend(behind.map(|seconds| format!("{} behind", span(seconds))));
            (words, theme.ok())
        }
    }
}

/// An estimated share.
fn percent(share: f64) -> String {
    match whole(share * 100.0) {
        0 => "under 1 %".to_owned(),
        percent => format!("about {percent} %"),
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn whole(number: f64) -> u64 {
    number.max(0.0) as u64
}

/// The text when there are no rows.
pub(super) fn instead_of_rows(records: &Records) -> String {
    let filter = printable(&records.filter.title()).into_owned();
    // If nothing was found, there may be another reason than that nothing matches.
    let hint = records.fixed.hint().map(|hint| format!("\n\nA hint: {}.", printable(&hint))).unwrap_or_default();
    match (&records.reading, &records.origin, &records.following) {
        (_, Origin::Stream(stream), Following::On(..)) => format!("Waiting for records of stream {stream} …"),
        (_, Origin::Stream(stream), Following::Off | Following::Failed(_)) => {
            format!("Stream {stream} is not followed; f resumes.")
        }
        (Reading::Running(_) | Reading::Stopping(_), Origin::Read(_), _) => "Reading …".to_owned(),
        (Reading::Failed(failure, _), Origin::Read(_), _) => {
            format!("{}.\n\nF5 retries.", printable(&failure.to_string()))
        }
        (Reading::Complete, Origin::Read(_), _) if records.filter.is_everything() => {
            "There are no records yet; F5 reads again.".to_owned()
        }
        (Reading::Complete, Origin::Read(_), _) if records.is_picked() => {
            format!("None of the records read matches {filter}; F5 reads the archive again, esc undoes the filter.{hint}")
        }
        (Reading::Complete, Origin::Read(_), _) => format!("No record matches {filter}; / changes the filter.{hint}"),
        (Reading::Partial(_), Origin::Read(_), _) => {
            "None of the records read so far matches; m reads more, M all, / changes the filter.".to_owned()
        }
    }
}
