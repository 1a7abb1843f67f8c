//! What is exported can be read back, and what cannot be exported is reported.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::line::item_of;
use super::*;
use crate::domain::decode::Recipe;
use crate::domain::export::{ExportFormat, Exported, PayloadForm};
use crate::domain::failure::Failure;
use crate::domain::filter::RecordFilter;
use crate::domain::reading::{Position, ReadBatch, ReadEnding, ReadOrder, ReadProgress, Source};
use crate::domain::record::Record;
use crate::domain::record::payload::NoPayload;
use crate::domain::time::TimeContext;
use archiver::format::aggregate::aggregate;
use archiver::format::item::StoredItem;
use archiver::format::payload::{Data, Packer};
use archiver::format::record::ArrivalTime;
use archiver::format::sequence::SequenceNumber;
use archiver::format::settings::Compression;
use archiver::format::stream::StreamName;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::fs::Permissions;
use std::io::{self, Read as _, Write};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

fn options(format: ExportFormat, payload: PayloadForm) -> ExportOptions {
    ExportOptions {
        format,
        payload,
        recipe: Recipe::default(),
        stream: StreamName::parse("orders").ok(),
        columns: None,
        for_excel: false,
    }
}

fn order(number: u32, payload: &[u8]) -> Record {
    Record::new(StoredItem {
        partition_key: format!("cust-{}", number % 7),
        sequence_number: SequenceNumber::parse((1_000 + number).to_string()).ok(),
        data: Some(STANDARD.encode(payload)),
        arrival: ArrivalTime::parse(&format!("{}.25", 1_545_084_650 + number)).ok(),
        shard_id: Some("shardId-000000000006".to_owned()),
        last_update: Some("2018-12-17 22:11:51".to_owned()),
        ..StoredItem::default()
    })
}

fn export(path: &Path, options: ExportOptions, records: &[Record]) -> Exported {
    let mut sink = ExportSink::to_file(path, false, options).unwrap();
    for record in records {
        sink.write(record, record.payload().unwrap_or_else(lost)).unwrap();
    }
    sink.finish().unwrap()
}

fn lost() -> Result<Vec<u8>, NoPayload> {
    Err(NoPayload::Damaged("part 1 of 3 is missing from table orders-archive-parts".to_owned()))
}

/// The lines of an export of these records.
fn lines(options: ExportOptions, records: &[Record]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders");
    let exported = export(&path, options, records);
    let text = std::fs::read_to_string(path).unwrap();
    assert_eq!((exported.records, exported.bytes), (records.len() as u64, text.len() as u64));
    text.lines().map(str::to_owned).collect()
}

fn filter(line: &str) -> RecordFilter {
    RecordFilter::parse(line, &TimeContext { now: Timestamp::UNIX_EPOCH, zone: TimeZone::UTC }).unwrap()
}

async fn read_until(path: &Path, filter: RecordFilter, from: Position, enough: usize) -> (Vec<Record>, ReadEnding) {
    let (records, ending, _) = read_so_far(path, filter, from, enough).await;
    (records, ending)
}

/// The same, with the progress. What can be read only once is read from what was opened.
async fn read_so_far(path: &Path, filter: RecordFilter, from: Position, enough: usize) -> (Vec<Record>, ReadEnding, ReadProgress) {
    let order =
        ReadOrder { source: Source::File(path.to_owned()), filter, recipe: Default::default(), includes_unreadable: false, from };
    let (batches, mut taken) = mpsc::channel::<ReadBatch>(1);
    let (stop, stopped) = watch::channel(false);
    let (mut records, mut progress) = (Vec::new(), ReadProgress::default());
    let take = async {
        while let Some(batch) = taken.recv().await {
            records.extend(batch.records);
            progress = batch.progress;
            assert_eq!(batch.progress.matched, records.len() as u64);
            if records.len() >= enough {
                stop.send_replace(true);
            }
        }
    };
    let file = open(path).await;
    let read = async {
        match file {
            Ok(file) => {
                file.origin().await.unwrap();
                super::read(&file, &order, batches, stopped).await
            }
            Err(failure) => ReadEnding::Failed(failure, order.from.clone()),
        }
    };
    let both = async { tokio::join!(read, take) };
    let (ending, ()) = tokio::time::timeout(Duration::from_secs(60), both).await.unwrap();
    (records, ending, progress)
}

async fn read_whole(path: &Path) -> (Vec<Record>, ReadEnding) {
    read_until(path, RecordFilter::default(), Position::Beginning, usize::MAX).await
}

#[tokio::test]
async fn a_file_is_opened_as_if_it_were_the_archive() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.jsonl");
    let records: Vec<Record> = (0..2_000).map(|number| order(number, format!("{{\"order\":{number}}}").as_bytes())).collect();
    export(&path, options(ExportFormat::JsonLines, PayloadForm::Both), &records);
    assert_eq!(read_whole(&path).await, (records.clone(), ReadEnding::Complete));
    assert_eq!(open(&path).await.unwrap().origin().await.unwrap().unwrap().as_str(), "orders");
    let key = filter("key:cust-3");
    let (found, ending) = read_until(&path, key, Position::Beginning, usize::MAX).await;
    let expected: Vec<Record> = records.into_iter().filter(|record| record.id.partition_key == "cust-3").collect();
    assert_eq!((found, ending), (expected, ReadEnding::Complete));
}

#[tokio::test]
async fn reading_a_file_is_stopped_and_goes_on_without_a_gap_or_a_double() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.jsonl");
    let records: Vec<Record> = (0..6_000).map(|number| order(number, &[b'x'; 400])).collect();
    export(&path, options(ExportFormat::JsonLines, PayloadForm::Both), &records);
    let (mut found, mut position, mut runs) = (Vec::new(), Position::Beginning, 0);
    loop {
        let (records, ending) = read_until(&path, RecordFilter::default(), position, 1).await;
        found.extend(records);
        runs += 1;
        match ending {
            ReadEnding::Complete => break,
            ReadEnding::Stopped(reached) => position = reached,
            ReadEnding::Failed(failure, _) => panic!("{failure}"),
        }
    }
    assert!(runs > 2, "{runs} runs");
    assert_eq!(found, records);
}

#[tokio::test]
async fn a_line_that_is_no_record_is_named_and_counted_and_those_around_it_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.jsonl");
    let bad = "\u{feff}{\"partition_key\":\"cust-1\"}\r\n\n{\"partition_key\":7,\"data\":3}\nnot JSON\n{\"partition_key\":\"cust-2\"}\n{\"part";
    std::fs::write(&path, bad).unwrap();
    let (records, ending, progress) = read_so_far(&path, RecordFilter::default(), Position::Beginning, usize::MAX).await;
    assert_eq!(ending, ReadEnding::Complete);
    let keys: Vec<&str> = records.iter().map(|record| record.id.partition_key.as_str()).collect();
    assert_eq!(keys, ["cust-1", "", "cust-2"]);
    assert_eq!(records[1].item.problems, ["partition_key is 7, which is not a text", "data is 3, which is not a text"]);
    let sentence = progress.bad_lines.sentence().unwrap();
    assert_eq!(sentence, "2 lines are not records; the first is line 4: it is not a JSON object, see column 2");
    for (content, expected) in [
        (b"[1]\n".as_slice(), "line 1 is not a record: it is not a JSON object, see column "),
        (b"{\"partition_key\":\"a\"", "line 1 is not a record: it is not a JSON object, see column 20"),
        (b"{}\n\xff\n{}", "line 2 is not a record: it is not UTF-8"),
    ] {
        std::fs::write(&path, content).unwrap();
        let (_, _, progress) = read_so_far(&path, RecordFilter::default(), Position::Beginning, usize::MAX).await;
        let sentence = progress.bad_lines.sentence().unwrap();
        assert!(sentence.starts_with(expected), "{sentence}");
    }
    let missing = folder.path().join("missing.jsonl");
    let ReadEnding::Failed(failure, Position::Beginning) = read_whole(&missing).await.1 else { panic!("it did not fail") };
    assert!(failure.to_string().starts_with(&format!("cannot read file {}: No such file", missing.display())), "{failure}");
    let failure = open(folder.path()).await.unwrap_err();
    assert!(failure.detail.starts_with("it is a folder; name a file"), "{failure}");
    let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
    let failure = open(&folder.path().join("socket")).await.unwrap_err();
    assert!(failure.detail.starts_with("it is a socket"), "{failure}");
}

#[tokio::test]
async fn what_lies_behind_a_line_that_is_too_long_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.jsonl");
    let mut file = io::BufWriter::new(std::fs::File::create(&path).unwrap());
    writeln!(file, "{{\"partition_key\":\"before\"}}").unwrap();
    io::copy(&mut io::repeat(b'x').take(MAX_LINE_BYTES + 3), &mut file).unwrap();
    write!(file, "\n{{\"partition_key\":\"behind\"}}\n").unwrap();
    drop(file);
    let (records, ending, progress) = read_so_far(&path, RecordFilter::default(), Position::Beginning, usize::MAX).await;
    let keys: Vec<&str> = records.iter().map(|record| record.id.partition_key.as_str()).collect();
    assert_eq!((keys, ending), (vec!["before", "behind"], ReadEnding::Complete));
    assert_eq!(progress.bad_lines.sentence().unwrap(), "line 2 is not a record: it is too long");
}

#[tokio::test]
async fn lines_are_numbered_from_the_beginning_of_the_file_wherever_reading_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.jsonl");
    std::fs::write(&path, "{}\n{}\n{}\nbad\n").unwrap();
    let (_, _, progress) = read_so_far(&path, RecordFilter::default(), Position::File(6), usize::MAX).await;
    assert_eq!(progress.bad_lines.first.map(|(line, _)| line), Some(4));
}

#[tokio::test]
async fn a_pipe_is_read_once_from_its_beginning_and_as_it_fills() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
    let records: Vec<Record> = (0..3_000).map(|number| order(number, &[b'x'; 100])).collect();
    let text = lines(options(ExportFormat::JsonLines, PayloadForm::Both), &records).join("\n");
    let writing = tokio::task::spawn_blocking({
        let pipe = pipe.clone();
        move || std::fs::write(pipe, text).unwrap()
    });
    assert_eq!(read_whole(&pipe).await, (records.clone(), ReadEnding::Complete));
    writing.await.unwrap();

    // Records arrive before the pipe is closed.
    let (begun, mut writer) = (
        tokio::spawn({
            let pipe = pipe.clone();
            async move { open(&pipe).await.unwrap() }
        }),
        tokio::task::spawn_blocking({
            let pipe = pipe.clone();
            move || std::fs::File::options().write(true).open(pipe).unwrap()
        })
        .await
        .unwrap(),
    );
    let file = begun.await.unwrap();
    let order = ReadOrder {
        source: Source::File(pipe.clone()),
        filter: RecordFilter::default(),
        recipe: Default::default(),
        includes_unreadable: false,
        from: Position::Beginning,
    };
    let (batches, mut taken) = mpsc::channel::<ReadBatch>(1);
    let (_stop, stopped) = watch::channel(false);
    let reading = tokio::spawn({
        let file = file.clone();
        async move { super::read(&file, &order, batches, stopped).await }
    });
    writer.write_all(b"{\"partition_key\":\"first\"}\n").unwrap();
    let batch = tokio::time::timeout(Duration::from_secs(60), taken.recv()).await.unwrap().unwrap();
    assert_eq!(batch.records[0].id.partition_key, "first");
    drop(writer);
    while taken.recv().await.is_some() {}
    assert_eq!(reading.await.unwrap(), ReadEnding::Complete);

    // Where a file may be read again, a pipe is refused at once.
    let failure = open_file(&pipe).await.unwrap_err();
    assert!(failure.detail.starts_with("it can be read only once"), "{failure}");
    assert!(file.read_from(0).is_err());
}

#[tokio::test]
async fn the_file_that_was_opened_is_read_whatever_happens_to_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.jsonl");
    let records = [order(1, b"1"), order(2, b"2")];
    export(&path, options(ExportFormat::JsonLines, PayloadForm::Both), &records);
    let file = open(&path).await.unwrap();
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "another file\n").unwrap();
    assert_eq!(file.origin().await.unwrap().unwrap().as_str(), "orders");
    let mut text = String::new();
    for _ in 0..2 {
        text.clear();
        file.read_from(0).unwrap().reader.read_to_string(&mut text).unwrap();
        assert_eq!(text.lines().count(), 2);
    }
}

#[tokio::test]
async fn the_largest_records_are_exported_so_that_they_can_be_read_again() {
    /// Bytes of the largest payload. Source: Kinesis quotas.
    const LARGEST: usize = 10 * 1024 * 1024;
    let folder = tempfile::tempdir().unwrap();
    let users: Vec<(String, Vec<u8>)> = (0..5_000).map(|number| (format!("cust-{number}"), vec![b'x'; 100])).collect();
    let users: Vec<(&str, Option<&str>, &[u8])> = users.iter().map(|(key, data)| (key.as_str(), None, data.as_slice())).collect();
    for (form, bytes) in [(PayloadForm::Both, LARGEST), (PayloadForm::Base64, LARGEST / 8), (PayloadForm::Decoded, LARGEST / 8)] {
        let noise: Vec<u8> = (0..bytes).map(|_| fastrand::u8(..)).collect();
        let records = [
            order(1, &noise),
            order(2, "\u{1}\"\\".repeat(bytes / 3).as_bytes()),
            order(3, format!("[{}1]", "1 ,".repeat(bytes / 3)).as_bytes()),
            order(4, &aggregate(&users)),
            order(5, b"behind"),
        ];
        let path = folder.path().join(format!("{form:?}.jsonl"));
        export(&path, options(ExportFormat::JsonLines, form), &records);
        let (read, ending, progress) = read_so_far(&path, RecordFilter::default(), Position::Beginning, usize::MAX).await;
        assert_eq!((ending, progress.bad_lines.count, read.len()), (ReadEnding::Complete, 0, records.len()), "{form:?}");
        for (read, record) in read.iter().zip(&records) {
            // Decoded, an aggregated record consists of its user records.
            let is_kept = form != PayloadForm::Decoded || record.id.sequence_number != "1004";
            assert!(!is_kept || read.payload() == record.payload(), "{form:?} {:?}", read.id);
        }
    }
}

#[tokio::test]
async fn a_line_that_would_be_too_long_to_read_holds_the_payload_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.jsonl");
    let records = [order(1, &[b'"'; 400]), order(2, &aggregate(&[("cust-1", None, &[b'x'; 400])])), order(3, b"small")];
    for form in [PayloadForm::Decoded, PayloadForm::Both] {
        let mut sink = ExportSink::to_file(&path, true, options(ExportFormat::JsonLines, form)).unwrap();
        sink.max_line_bytes = 600;
        for record in &records {
            sink.write(record, record.payload().unwrap_or_else(lost)).unwrap();
        }
        sink.finish().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let long: Vec<Value> = text.lines().take(2).map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(long.iter().all(|line| line["payload"].is_null() && line["user_records"].is_null() && line["data"].is_string()));
        let (read, _) = read_whole(&path).await;
        assert_eq!(read.iter().map(Record::payload).collect::<Vec<_>>(), records.iter().map(Record::payload).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_time_that_is_missing_or_in_another_unit_is_no_reason_not_to_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.jsonl");
    let times =
        ["null", "\"\"", "0", "-5", "1545084650123", "1e400", "\"yesterday\"", "99999999999999999999999999", "{}", "1545084650.25"];
    let lines = times.map(|time| format!("{{\"partition_key\":\"a\",\"approximate_arrival_timestamp\":{time}}}\n"));
    std::fs::write(&path, lines.concat()).unwrap();
    let (records, ending, progress) = read_so_far(&path, RecordFilter::default(), Position::Beginning, usize::MAX).await;
    assert_eq!((records.len(), ending, progress.bad_lines.count), (times.len(), ReadEnding::Complete, 0));
    assert!(records[0].arrived_at.is_none() && records[9].arrived_at.is_some());
}

#[test]
fn a_decoded_export_is_opened_too_and_says_that_its_bytes_may_differ() {
    let records = [order(1, b"{\"id\": 1}"), order(2, b"plain"), order(3, &[0xff, 0xfe]), order(4, b"null")];
    let lines = lines(options(ExportFormat::JsonLines, PayloadForm::Decoded), &records);
    let fields: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&fields[0]["data"], &fields[0]["payload"]), (&Value::Null, &json!({"id": 1})));
    assert_eq!((&fields[1]["data"], &fields[1]["payload"]), (&Value::Null, &json!("plain")));
    for (line, record) in lines.iter().zip(&records) {
        let item = item_of(line).unwrap();
        assert_eq!(item.data, record.item.data);
    }
    let problems = |line: &str| item_of(line).unwrap().problems;
    assert_eq!(problems(&lines[0]), ["only its decoded payload was exported; the original bytes may have been different"]);
    assert_eq!(problems(&lines[2]), Vec::<String>::new(), "what cannot be shown as text is there as it was");
}

#[test]
fn an_aggregated_record_lists_its_user_records() {
    let payload = aggregate(&[("cust-1", None, b"{\"id\":1}"), ("cust-2", Some("17"), &[0xff])]);
    let line = lines(options(ExportFormat::JsonLines, PayloadForm::Both), &[order(1, &payload)]).remove(0);
    let fields: Value = serde_json::from_str(&line).unwrap();
    let expected = json!([
        {"partition_key": "cust-1", "explicit_hash_key": null, "sub_sequence_number": 0, "data": "eyJpZCI6MX0=", "encoding": ["base64", "JSON"], "payload": {"id": 1}},
        {"partition_key": "cust-2", "explicit_hash_key": "17", "sub_sequence_number": 1, "data": "/w==", "encoding": ["base64", "binary"], "payload": null},
    ]);
    assert_eq!(fields["user_records"], expected);
    assert_eq!(item_of(&line).unwrap().data, Some(STANDARD.encode(payload)));
}

#[test]
fn csv_has_a_heading_and_a_row_for_each_record_whatever_is_in_it() {
    let mut formula = order(1, b"=1+1\nin \"two\" lines, and more");
    formula.id.partition_key = "=cmd|' /C calc'!A0".to_owned();
    let records = [formula, order(2, b"{\"id\":1}")];
    let text = lines(options(ExportFormat::Csv, PayloadForm::Both), &records).join("\n");
    let mut rows = csv::Reader::from_reader(text.as_bytes());
    let column = |name: &str, heading: &csv::StringRecord| heading.iter().position(|column| column == name).unwrap();
    let heading = rows.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = rows.records().map(Result::unwrap).collect();
    assert_eq!(&rows[0][column("partition_key", &heading)], "'=cmd|' /C calc'!A0");
    assert_eq!(&rows[0][column("payload", &heading)], "'=1+1\nin \"two\" lines, and more");
    assert_eq!(&rows[1][column("payload", &heading)], "{\"id\":1}");
    assert_eq!(&rows[1][column("data", &heading)], "eyJpZCI6MX0=");
    assert_eq!(&rows[1][column("approximate_arrival_timestamp", &heading)], "1545084652.25");
    // Every field of the JSON form has a column.
    let line = lines(options(ExportFormat::JsonLines, PayloadForm::Both), &records).remove(0);
    let fields: serde_json::Map<String, Value> = serde_json::from_str(&line).unwrap();
    assert!(fields.keys().all(|field| heading.iter().any(|column| column == field)), "{fields:?}");
}

#[test]
fn a_file_appears_when_it_is_whole_and_replaces_another_only_when_asked_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.jsonl");
    let begin = |replaces| ExportSink::to_file(&path, replaces, ExportOptions::default());
    let mut sink = begin(false).unwrap();
    sink.write(&order(1, b"1"), Ok(b"1".to_vec())).unwrap();
    let [partial] = names(folder.path()).try_into().unwrap();
    assert!(partial.starts_with(".explorer-") && partial.ends_with(".partial"), "{partial}");
    let beside = begin(false).unwrap();
    drop(sink);
    drop(beside);
    assert_eq!(names(folder.path()), Vec::<String>::new());

    let late = begin(false).unwrap();
    std::fs::write(&path, "precious").unwrap();
    let expected = format!("cannot write {}: it already exists; choose another name, or ask to replace it", path.display());
    assert_eq!(late.finish().unwrap_err().to_string(), expected);
    assert_eq!(begin(false).unwrap_err().to_string(), expected);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    assert_eq!(begin(true).unwrap().finish().unwrap(), Exported::default());
    assert_eq!((std::fs::read_to_string(&path).unwrap().as_str(), names(folder.path())), ("", vec!["orders.jsonl".to_owned()]));
    let error = |path: PathBuf| ExportSink::to_file(&path, false, ExportOptions::default()).unwrap_err().to_string();
    let nowhere = folder.path().join("no/such/folder/orders.jsonl");
    let reason = format!("there is no folder {}", nowhere.parent().unwrap().display());
    assert_eq!(error(nowhere.clone()), format!("cannot write {}: {reason}", nowhere.display()));
    assert!(error(folder.path().to_owned()).ends_with("it is a folder; add the name of a file"));
    assert!(error(folder.path().join("new/")).ends_with("it names a folder; add the name of a file"));
    let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
    assert!(error(folder.path().join("socket")).ends_with("it is a socket, which takes no export"));
}

/// The names in a folder.
fn names(folder: &Path) -> Vec<String> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Exports one record there, replacing an existing file.
fn replace(path: &Path) -> Result<Exported, ExportError> {
    let mut sink = ExportSink::to_file(path, true, ExportOptions::default())?;
    sink.write(&order(1, b"1"), Ok(b"1".to_vec()))?;
    sink.finish()
}

fn mode(path: &Path) -> u32 {
    path.symlink_metadata().unwrap().permissions().mode() & 0o777
}

#[test]
fn what_is_not_the_exports_own_is_neither_emptied_nor_renamed() {
    let folder = tempfile::tempdir().unwrap();
    let [path, victim] = ["orders.jsonl", "victim"].map(|name| folder.path().join(name));
    std::fs::write(&victim, "precious").unwrap();
    std::os::unix::fs::symlink("victim", folder.path().join("orders.jsonl.partial")).unwrap();
    std::os::unix::fs::symlink("nowhere", folder.path().join("dangling.jsonl")).unwrap();
    let error = ExportSink::to_file(&folder.path().join("dangling.jsonl"), false, ExportOptions::default()).unwrap_err();
    assert!(matches!(error, ExportError::Exists(_)), "{error}");
    replace(&path).unwrap();
    assert_eq!((std::fs::read_to_string(&victim).unwrap().as_str(), mode(&path)), ("precious", 0o600));
    assert!(path.symlink_metadata().unwrap().is_file());
    assert_eq!(names(folder.path()).len(), 4);
    // A read-only file is not replaced either; root may write everything.
    std::fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
    if std::fs::File::options().write(true).open(&path).is_err() {
        assert!(replace(&path).unwrap_err().to_string().contains("Permission denied"));
    }
}

#[test]
fn a_file_that_is_replaced_keeps_its_mode_and_its_links() {
    let folder = tempfile::tempdir().unwrap();
    let [real, link, dangling, hard] = ["real.jsonl", "link.jsonl", "dangling.jsonl", "hard"].map(|name| folder.path().join(name));
    std::fs::create_dir(folder.path().join("below")).unwrap();
    std::fs::write(&real, "old").unwrap();
    std::fs::hard_link(&real, &hard).unwrap();
    std::fs::set_permissions(&real, Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("../real.jsonl", folder.path().join("below/inner")).unwrap();
    std::os::unix::fs::symlink("below/inner", &link).unwrap();
    std::os::unix::fs::symlink("below/new.jsonl", &dangling).unwrap();
    replace(&link).unwrap();
    assert!(link.is_symlink() && folder.path().join("below/inner").is_symlink());
    assert!(std::fs::read_to_string(&real).unwrap().contains("cust-1"));
    assert_eq!(mode(&real), 0o640);
    assert_eq!(std::fs::read_to_string(&hard).unwrap(), "old", "another name of the old file keeps it");
    replace(&dangling).unwrap();
    assert!(dangling.is_symlink() && std::fs::read_to_string(folder.path().join("below/new.jsonl")).unwrap().contains("cust-1"));
    assert_eq!(names(&folder.path().join("below")).len(), 2);
    std::os::unix::fs::symlink("circle.jsonl", folder.path().join("circle.jsonl")).unwrap();
    let error = replace(&folder.path().join("circle.jsonl")).unwrap_err().to_string();
    assert!(error.contains("circle.jsonl: Too many levels"), "{error}");
}

#[test]
fn devices_and_pipes_stay_what_they_are() {
    for replaces in [false, true] {
        let mut sink = ExportSink::to_file(Path::new("/dev/null"), replaces, ExportOptions::default()).unwrap();
        sink.write(&order(1, b"1"), Ok(b"1".to_vec())).unwrap();
        assert_eq!(sink.finish().unwrap().records, 1);
    }
    assert!(std::fs::metadata("/dev/null").unwrap().file_type().is_char_device());

    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
    let error = replace(&pipe).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot write {}: nothing reads from this pipe", pipe.display()));
    // The pipe gets a reader before anything is written.
    let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::NONBLOCK;
    let mut reader = std::fs::File::from(rustix::fs::open(&pipe, flags, rustix::fs::Mode::empty()).unwrap());
    replace(&pipe).unwrap();
    let mut read = String::new();
    reader.read_to_string(&mut read).unwrap();
    assert!(read.contains("cust-1") && pipe.symlink_metadata().unwrap().file_type().is_fifo());
    assert_eq!(names(folder.path()), ["pipe"]);
}

#[test]
fn a_descriptor_that_is_open_is_written_through_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    std::fs::write(&path, "before\n").unwrap();
    let open = std::fs::File::options().append(true).open(&path).unwrap();
    let descriptor = format!("/dev/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&open));
    for _ in 0..2 {
        replace(Path::new(&descriptor)).unwrap();
    }
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("before\n") && text.lines().count() == 3, "{text}");
    assert_eq!(names(folder.path()), ["log.jsonl"]);
    let link = folder.path().join("out");
    std::os::unix::fs::symlink("/dev/stdout", &link).unwrap();
    for (name, is_output) in [("/dev/stdout", true), ("/dev/fd/1", true), ("/dev/stderr", false), ("out.jsonl", false)] {
        assert_eq!(is_standard_output(Path::new(name)), is_output, "{name}");
    }
    assert!(is_standard_output(&link));
}

#[test]
fn csv_for_excel_has_a_mark_and_keeps_keys_and_numbers_as_they_are() {
    let mut record = order(1, b"1E5");
    record.id.partition_key = "007".to_owned();
    let options = ExportOptions { for_excel: true, ..options(ExportFormat::Csv, PayloadForm::Both) };
    let text = lines(options, &[record]).join("\n");
    assert!(text.starts_with("\u{feff}stream,partition_key,"), "{text}");
    assert!(text.contains("\norders,'007,'1001,,shardId-000000000006,1545084651.25,"), "{text}");
    assert!(text.contains(",JSON,'1E5,") || text.contains(",text,'1E5,") || text.contains(",'1E5,"), "{text}");
}

/// Takes nothing.
struct Broken(io::ErrorKind);

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_closed_pipe_is_told_apart_from_a_disk_that_is_full() {
    let error = |kind| {
        let mut sink = ExportSink::to_writer(Box::new(Broken(kind)), "standard output", ExportOptions::default()).unwrap();
        sink.write(&order(1, b"1"), Ok(b"1".to_vec())).unwrap();
        sink.finish().unwrap_err()
    };
    assert!(matches!(error(io::ErrorKind::BrokenPipe), ExportError::NobodyReads));
    let full = error(io::ErrorKind::StorageFull).to_string();
    assert!(
        full.starts_with("cannot write standard output: ") && full.ends_with("; free some space, or choose another place"),
        "{full}"
    );
    assert!(error(io::ErrorKind::FileTooLarge).to_string().contains("ulimit -f"));
}

#[test]
fn a_failure_is_no_property_of_a_record_but_is_said_where_it_is_exported_all_the_same() {
    let payload = Err(NoPayload::Failed(Failure::refused("read table orders-archive-parts", "no")));
    let mut split = order(1, b"");
    split.item.parts = Some(2);
    let split = Record::new(split.item);
    let json = super::record_json::RecordJson::new(None, &split, payload, (&Recipe::default(), PayloadForm::Both));
    let item = item_of(&serde_json::to_string(&json).unwrap()).unwrap();
    assert_eq!(item, split.item);
}

fn any_data() -> impl Strategy<Value = (Option<String>, Option<String>)> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..60);
    let gzip = |bytes: Vec<u8>| {
        let payload = bytes.repeat(90);
        let stored = Packer::default().pack(Data::Bytes(payload.as_slice().into()), Compression::Gzip, usize::MAX);
        (Some(stored.text.to_string()), stored.is_gzip.then(|| "gzip".to_owned()))
    };
    prop_oneof![
        bytes().prop_map(|bytes| (Some(STANDARD.encode(bytes)), None)),
        ".{0,20}".prop_map(|text| (Some(STANDARD.encode(text)), None)),
        bytes().prop_map(gzip),
        (".{0,20}", proptest::option::of("gzip|zstd")).prop_map(|(text, encoding)| (Some(text), encoding)),
        Just((None, None)),
    ]
}

fn any_item() -> impl Strategy<Value = StoredItem> {
    let text = || proptest::option::of(".{0,20}");
    let numbers = (proptest::option::of(any::<u128>()), proptest::option::of(0..9_u32), any::<Option<u64>>(), any::<Option<i64>>());
    let arrival = proptest::option::of(prop_oneof!["[0-9]{1,12}", "[0-9]{1,12}\\.[0-9]{1,9}"]);
    let problem = prop_oneof![".{0,30}", Just("recordParts is 2.5, which is not a whole number".to_owned())];
    let lists = (proptest::collection::btree_map(".{0,9}", ".{0,9}", 0..3), proptest::collection::vec(problem, 0..3));
    (".{0,20}", any_data(), text(), text(), numbers, arrival, lists).prop_map(
        |(
            partition_key,
            (data, encoding),
            shard_id,
            last_update,
            (number, parts, place, expire_after),
            arrival,
            (others, problems),
        )| {
            StoredItem {
                partition_key,
                sequence_number: number.and_then(|number| SequenceNumber::parse(number.to_string()).ok()),
                data,
                encoding,
                parts,
                sub_sequence_number: place,
                arrival: arrival.and_then(|arrival| ArrivalTime::parse(&arrival).ok()),
                last_update,
                shard_id,
                expire_after,
                others: others.into_iter().collect(),
                problems,
            }
        },
    )
}

proptest! {
    #[test]
    fn any_item_comes_back_with_its_payload_however_it_was_stored(
        item in any_item(),
        bytes in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..60)),
        form in prop_oneof![Just(PayloadForm::Base64), Just(PayloadForm::Both)],
    ) {
        let record = Record::new(item);
        let payload = record.payload().unwrap_or_else(|| bytes.map_or_else(lost, Ok));
        let is_whole = record.stored_as() == Some("whole");
        let expected = match &payload {
            Ok(payload) if !is_whole => {
                StoredItem { data: Some(STANDARD.encode(payload)), encoding: None, parts: None, ..record.item.clone() }
            }
            Ok(_) | Err(_) => record.item.clone(),
        };
        let json = super::record_json::RecordJson::new(None, &record, payload, (&Recipe::default(), form));
        let line = serde_json::to_string(&json).unwrap();
        prop_assert!(!line.contains('\n'));
        prop_assert_eq!(item_of(&line).unwrap(), expected);
    }

    #[test]
    fn no_line_is_too_strange(line in prop_oneof![".{0,60}", "\\{\"(data|problems|stored|expire_after)\":.{0,20}\\}"]) {
        match item_of(&line) {
            Ok(item) => prop_assert!(item.problems.len() < 10),
            Err(_) => prop_assert!(stream_is_none(&line)),
        }
    }
}

fn stream_is_none(line: &str) -> bool {
    super::line::stream_of(line).is_none()
}
