//! A record as a row of CSV, for spreadsheets. Anything that a spreadsheet would read as a formula gets an apostrophe in front:
//! anybody may put records into a stream, and opening a file must not run commands. Spreadsheets may also split quoted cells at
//! semicolons, tabs and line ends, so every piece between those is checked. Removing one apostrophe from the start of each piece
//! that has one restores the text. For exact bytes, use JSON Lines.

use super::record_json::RecordJson;
use crate::domain::export::{ExportColumn, ExportColumns, RECORD_FIELDS};
use crate::domain::fields::{FieldPath, raw_value};
use serde::Serialize;
use std::borrow::Cow;
use std::io::{self, Write};
use unicode_width::UnicodeWidthChar as _;

/// Characters that start a formula, including their full-width and small forms. Source: OWASP, CSV injection.
const FORMULA_SIGNS: [char; 13] = ['=', '+', '-', '@', '＝', '＋', '－', '＠', '﹦', '﹢', '﹣', '﹫', '−'];
/// Other characters that a cell must not start with. Source: OWASP, CSV injection.
const BLANK_BEGINNINGS: [char; 3] = ['\t', '\r', '\n'];
/// Where spreadsheets may end a quoted cell. If they expect another separator than the comma, they ignore quotes inside a cell.
const SEPARATORS: [char; 4] = [';', '\t', '\r', '\n'];
/// Goes in front of a piece that looks like a formula.
const GUARD: char = '\'';
/// Digits of a number that a spreadsheet keeps. Source: Excel specifications and limits, number precision.
const KEPT_DIGITS: usize = 15;

/// Writes cells as a line. Source: RFC 4180. The crate `csv` looks through a long cell again for each buffer that it fills.
///
/// # Errors
/// When the writer fails.
pub(super) fn write_line<'c>(line: &mut impl Write, cells: impl IntoIterator<Item = Cow<'c, str>>) -> io::Result<()> {
    for (place, cell) in cells.into_iter().enumerate() {
        if place > 0 {
            line.write_all(b",")?;
        }
        if !cell.contains(['"', ',', ';', '\t', '\r', '\n']) {
            line.write_all(cell.as_bytes())?;
            continue;
        }
        line.write_all(b"\"")?;
        for (place, part) in cell.split('"').enumerate() {
            if place > 0 {
                line.write_all(b"\"\"")?;
            }
            line.write_all(part.as_bytes())?;
        }
        line.write_all(b"\"")?;
    }
    line.write_all(b"\n")
}

/// A record's cells; a cell is empty if the record lacks the field. For Excel, values that it would change also get an apostrophe.
pub(super) fn cells(record: &RecordJson, for_excel: bool) -> [Cow<'_, str>; RECORD_FIELDS.len()] {
    let safe = |text| if for_excel { guarded(text, is_changed) } else { guarded(text, |_| false) };
    let text = |text: &Option<String>| safe(text.clone().unwrap_or_default().into());
    let exact = |digits: Cow<'static, str>| guarded(digits, |digits| for_excel && is_long(digits));
    let plain = |text| guarded(text, |_| false);
    let arrival = record.approximate_arrival_timestamp.as_ref().map_or("", |at| at.get().trim_matches('"'));
    [
        text(&record.stream),
        safe(record.partition_key.as_str().into()),
        text(&record.sequence_number),
        exact(number(record.sub_sequence_number)),
        text(&record.shard_id),
        exact(arrival.to_owned().into()),
        plain(record.arrived_at.as_deref().unwrap_or_default().into()),
        plain(record.last_update.as_deref().unwrap_or_default().into()),
        exact(number(record.expire_after)),
        plain(record.stored_as.unwrap_or_default().into()),
        exact(number(record.size_bytes)),
        // Base64 is never a number, even if it looks like one.
        guarded(record.data.as_deref().unwrap_or_default().into(), is_changed),
        plain(record.encoding.join(" › ").into()),
        text(&record.schema_id),
        record.payload.as_ref().map_or("".into(), |payload| safe(payload.text().into())),
        safe(record.problems.join("; ").into()),
        text(&record.payload_problem),
        if record.other_attributes.is_empty() { "".into() } else { plain(json(&record.other_attributes)) },
        record.stored.as_ref().map_or("".into(), |stored| plain(json(stored))),
        record.user_records.as_ref().map_or("".into(), |records| plain(json(records))),
    ]
}

/// The cells of these columns; a cell is empty if the record or its payload lacks the field.
pub(super) fn cells_of<'r>(record: &'r RecordJson, columns: &ExportColumns, for_excel: bool) -> Vec<Cow<'r, str>> {
    let mut own = cells(record, for_excel);
    let payload = record.payload.as_ref().map(|payload| payload.text());
    let of_payload = |field: &FieldPath| {
        let Some(value) = payload.and_then(|payload| raw_value(payload, field)) else {
            return Cow::Borrowed("");
        };
        match value.get() {
            "null" => "".into(),
            text if text.starts_with('"') => text_cell(serde_json::from_str(text).unwrap_or_else(|_| text.to_owned()), for_excel),
            number => guarded(number.to_owned().into(), |digits| for_excel && is_long(digits)),
        }
    };
    let cell = |column: &ExportColumn| match column {
        ExportColumn::Record(place) => own.get_mut(*place).map(std::mem::take).unwrap_or_default(),
        ExportColumn::Payload(field) => of_payload(field),
    };
    columns.iter().map(cell).collect()
}

/// A text as a cell.
pub(super) fn text_cell(text: String, for_excel: bool) -> Cow<'static, str> {
    guarded(text.into(), |text| for_excel && is_changed(text))
}

fn number(number: Option<impl ToString>) -> Cow<'static, str> {
    number.map(|number| number.to_string()).unwrap_or_default().into()
}

fn json(value: &impl Serialize) -> Cow<'static, str> {
    serde_json::to_string(value).unwrap_or_default().into()
}

/// A text in which no piece looks like a formula; the text as a whole may still need an apostrophe.
fn guarded(text: Cow<'_, str>, needs_guard: impl Fn(&str) -> bool) -> Cow<'_, str> {
    let begins_badly = text.starts_with(BLANK_BEGINNINGS) || needs_guard(&text);
    if !begins_badly && !text.split(SEPARATORS).any(is_formula) {
        return text;
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for (place, piece) in text.split_inclusive(SEPARATORS).enumerate() {
        if is_formula(piece.trim_end_matches(SEPARATORS)) || (place == 0 && begins_badly) {
            safe.push(GUARD);
        }
        safe.push_str(piece);
    }
    safe.into()
}

/// Whether a piece looks like a formula after the characters that spreadsheets skip, or starts like our apostrophe.
fn is_formula(piece: &str) -> bool {
    // Also skips what has no width: soft hyphens and invisible fillers.
    let is_passed_over = |character: &char| {
        matches!(character, '"' | '\u{ad}' | '\u{115f}' | '\u{3164}' | '\u{ffa0}')
            || character.is_whitespace()
            || character.width().is_none_or(|width| width == 0)
    };
    let first = piece.chars().find(|character| !is_passed_over(character));
    piece.starts_with(GUARD) || first.is_some_and(|first| FORMULA_SIGNS.contains(&first))
}

/// Whether a spreadsheet may turn a text into a number, a date or a truth value.
fn is_changed(text: &str) -> bool {
    const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let text = text.trim();
    let is_numeric = |text: &str| {
        text.bytes().any(|byte| byte.is_ascii_digit())
            && text.bytes().all(|byte| byte.is_ascii_digit() || b".,:/-+eE% ".contains(&byte))
    };
    let begins_with_month = || {
        let (month, rest) = text.split_at_checked(3).unwrap_or_default();
        is_numeric(rest) && MONTHS.iter().any(|name| name.eq_ignore_ascii_case(month))
    };
    is_numeric(text) || begins_with_month() || ["true", "false"].iter().any(|truth| text.eq_ignore_ascii_case(truth))
}

/// Whether a number would lose digits.
fn is_long(digits: &str) -> bool {
    digits.bytes().filter(u8::is_ascii_digit).count() > KEPT_DIGITS
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn safe(text: &str) -> String {
        guarded(text.into(), |_| false).into_owned()
    }

    /// Removes apostrophes as the module's description says.
    fn as_it_was(cell: &str) -> String {
        cell.split_inclusive(SEPARATORS).map(|piece| piece.strip_prefix(GUARD).unwrap_or(piece)).collect()
    }

    /// Whether a spreadsheet reads it as a formula; written differently from the code under test.
    fn is_taken_for_formula(cell: &str) -> bool {
        let passed_over = r#"[\s\p{Cc}\p{DI}"]*"#;
        regex::Regex::new(&format!("^{passed_over}[=+@＝＋－＠-]")).unwrap().is_match(cell)
    }

    #[test]
    fn a_text_that_looks_like_a_formula_is_made_harmless() {
        for (text, cell) in [
            ("=HYPERLINK(\"http://evil\")", "'=HYPERLINK(\"http://evil\")"),
            ("+1+cmd|' /C calc'!A0", "'+1+cmd|' /C calc'!A0"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-12.5", "'-12.5"),
            ("\n=1", "'\n'=1"),
            ("\ttab", "'\ttab"),
            ("＝1", "'＝1"),
            (" \u{feff}\u{200b}=1", "' \u{feff}\u{200b}=1"),
            ("\"=1\"", "'\"=1\""),
            ("a;=1;b", "a;'=1;b"),
            ("one\r\n- two", "one\r\n'- two"),
            ("'quoted'", "''quoted'"),
            ("cust-42", "cust-42"),
            ("a = b", "a = b"),
            ("", ""),
        ] {
            assert_eq!(safe(text), cell);
            assert_eq!(as_it_was(cell), text);
        }
    }

    #[test]
    fn base64_that_looks_like_a_number_or_a_date_is_kept_from_becoming_one() {
        for base64 in ["1E10", "+A10", "00012345", "12/5", "Mar5", "TRUE"] {
            assert_eq!(guarded(base64.into(), is_changed), format!("'{base64}"));
        }
        for base64 in ["", "eyJpZCI6MX0=", "1E1A", "Mark", "Mar="] {
            assert_eq!(guarded(base64.into(), is_changed), base64);
        }
        assert!(is_long("1545084652.1234567") && !is_long("1545084652.25"));
    }

    /// Counts what is written to it.
    #[derive(Default)]
    struct Counted {
        bytes: usize,
        calls: usize,
    }

    impl Write for Counted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.bytes += bytes.len();
            self.calls += 1;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_long_cell_is_passed_on_in_as_many_pieces_as_it_has_quotation_marks() {
        let cell = "a \"word\", and more;\n".repeat(50_000);
        let mut counted = Counted::default();
        write_line(&mut counted, [Cow::Borrowed(cell.as_str())]).unwrap();
        let marks = cell.matches('"').count();
        assert_eq!((counted.bytes, counted.calls), (cell.len() + marks + 3, 2 * marks + 4));
    }

    fn any_text() -> impl Strategy<Value = String> {
        let sign = prop_oneof![Just('='), Just('+'), Just('-'), Just('@'), Just('＝'), Just('－'), Just('\'')];
        let blank = prop_oneof![
            Just(' '),
            Just('\t'),
            Just('\n'),
            Just('\r'),
            Just('\u{feff}'),
            Just('\u{200b}'),
            Just('"'),
            Just('\u{85}')
        ];
        let separator = prop_oneof![Just(';'), Just(','), Just('\t')];
        proptest::collection::vec(prop_oneof![sign, blank, separator, any::<char>()], 0..12)
            .prop_map(|text| text.into_iter().collect())
    }

    /// A heading and a row with these cells.
    fn file_of(cells: &[String]) -> String {
        let mut file = Vec::new();
        write_line(&mut file, cells.iter().map(|_| "column".into())).unwrap();
        write_line(&mut file, cells.iter().map(|cell| Cow::Borrowed(cell.as_str()))).unwrap();
        String::from_utf8(file).unwrap()
    }

    fn row_of(file: &str) -> Vec<String> {
        csv::Reader::from_reader(file.as_bytes()).records().next().unwrap().unwrap().iter().map(str::to_owned).collect()
    }

    proptest! {
        #[test]
        fn no_cell_is_taken_for_a_formula_and_each_can_be_had_as_it_was(texts in proptest::collection::vec(any_text(), 2..5)) {
            let cells: Vec<String> = texts.iter().map(|text| safe(text)).collect();
            let file = file_of(&cells);
            let read = row_of(&file);
            prop_assert_eq!(&read, &cells);
            for (cell, text) in read.iter().zip(&texts) {
                prop_assert_eq!(&as_it_was(cell), text);
                prop_assert!(!is_taken_for_formula(cell), "{cell:?}");
            }
            // Spreadsheets with another separator ignore the quotes.
            for piece in file.split(SEPARATORS) {
                prop_assert!(!is_taken_for_formula(piece), "{piece:?} of {file:?}");
            }
        }

        #[test]
        fn any_line_comes_back_from_a_reader_of_csv(cells in proptest::collection::vec(".{0,12}", 2..5)) {
            prop_assert_eq!(row_of(&file_of(&cells)), cells);
        }
    }
}
