//! A record as a row of CSV, for spreadsheets. Texts that a spreadsheet would take for a formula get an apostrophe before them, since
//! anybody may put records into a stream and no key is worth a command run on opening a file; whoever needs every byte as it was
//! exports JSON Lines. Numbers are left alone, and so is base64, which cannot say anything harmful.

use super::record_json::RecordJson;
use serde::Serialize;
use std::borrow::Cow;

/// The heading: the names that the fields have in JSON Lines.
pub(super) const COLUMNS: [&str; 19] = [
    "stream",
    "partition_key",
    "sequence_number",
    "sub_sequence_number",
    "shard_id",
    "approximate_arrival_timestamp",
    "arrived_at",
    "last_update",
    "expire_after",
    "stored_as",
    "size_bytes",
    "data",
    "encoding",
    "payload",
    "problems",
    "payload_problem",
    "other_attributes",
    "stored",
    "user_records",
];

/// What a spreadsheet may take for the beginning of a formula. Source: OWASP, CSV injection.
const FORMULA_BEGINNINGS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Writes cells as a line.
///
/// # Errors
/// Never on account of the cells.
pub(super) fn write_line<'c>(line: &mut Vec<u8>, cells: impl IntoIterator<Item = Cow<'c, str>>) -> std::io::Result<()> {
    let mut writer = csv::WriterBuilder::new().buffer_capacity(1024).from_writer(line);
    for cell in cells {
        writer.write_field(cell.as_bytes())?;
    }
    writer.write_record(None::<&[u8]>)?;
    writer.flush()
}

/// The cells of a record; an empty one where it has no such field.
pub(super) fn cells(record: &RecordJson) -> [Cow<'_, str>; COLUMNS.len()] {
    let text = |text: &Option<String>| safe(text.clone().unwrap_or_default().into());
    let arrival = record.approximate_arrival_timestamp.as_ref().map_or("", |at| at.get().trim_matches('"'));
    [
        text(&record.stream),
        safe(record.partition_key.as_str().into()),
        text(&record.sequence_number),
        number(record.sub_sequence_number),
        text(&record.shard_id),
        arrival.into(),
        record.arrived_at.as_deref().unwrap_or_default().into(),
        text(&record.last_update),
        number(record.expire_after),
        record.stored_as.unwrap_or_default().into(),
        number(record.size_bytes),
        match &record.data {
            Some(data) if is_base64(data) => data.as_str().into(),
            data => text(data),
        },
        record.encoding.join(" › ").into(),
        record.payload.as_ref().map_or("".into(), |payload| safe(payload.text().into())),
        safe(record.problems.join("; ").into()),
        text(&record.payload_problem),
        if record.other_attributes.is_empty() { "".into() } else { json(&record.other_attributes) },
        record.stored.as_ref().map_or("".into(), |stored| json(stored)),
        record.user_records.as_ref().map_or("".into(), |records| json(records)),
    ]
}

fn number(number: Option<impl ToString>) -> Cow<'static, str> {
    number.map(|number| number.to_string()).unwrap_or_default().into()
}

/// JSON of a list or an object begins with a bracket, which no spreadsheet takes for a formula.
fn json(value: &impl Serialize) -> Cow<'static, str> {
    serde_json::to_string(value).unwrap_or_default().into()
}

fn is_base64(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte)) && !text.starts_with('=')
}

fn safe(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.starts_with(FORMULA_BEGINNINGS) && text.parse::<f64>().is_err() { format!("'{text}").into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_looks_like_a_formula_is_made_harmless() {
        for (text, cell) in [
            ("=HYPERLINK(\"http://evil\")", "'=HYPERLINK(\"http://evil\")"),
            ("+1+cmd|' /C calc'!A0", "'+1+cmd|' /C calc'!A0"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-12.5", "-12.5"),
            ("cust-42", "cust-42"),
            ("", ""),
        ] {
            assert_eq!(safe(text.into()), cell);
        }
        assert!(is_base64("+AbC/w==") && !is_base64("=1") && !is_base64("+cmd|"));
    }
}
