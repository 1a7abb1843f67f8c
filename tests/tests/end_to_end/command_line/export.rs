//! Exports: written completely or not at all, and read back like an archive.

use super::{archived_stream, binary, reach};
use archiver::format::aggregate::aggregate;
use base64::Engine as _;
use end_to_end::command_line::{ArchivedItem, Explorer};
use end_to_end::endpoints::Endpoints;
use end_to_end::fault_proxy::{Fault, FaultProxy};
use end_to_end::stream::TestStream;
use serde_json::{Value, json};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

/// A stream with some orders in its archive.
async fn orders(endpoints: &Endpoints) -> TestStream {
    let stream = archived_stream(endpoints, 1).await;
    let together = aggregate(&[("cust-7", None, b"{\"id\":7}"), ("cust-8", None, b"eight")]);
    for (key, number, payload) in [
        ("cust-1", "11", br#"{"status":"paid","total":1.10}"#.as_slice()),
        ("cust-2", "12", b"with \"quotes\", commas\r\nand lines"),
        ("cust-1", "13", &[0xff, 0x00, 0xfe]),
        ("together", "14", &together),
        ("cust-3", "15", b""),
    ] {
        let arrival = format!("15450846{number}.5");
        let item = ArchivedItem { key, number, arrival: &arrival, payload, expire_after: Some(4_000_000_000) };
        item.write(endpoints, &stream.table("ALL")).await;
    }
    stream
}

#[tokio::test]
async fn an_export_is_read_as_the_archive_it_comes_from() {
    let (endpoints, explorer) = reach().await;
    let stream = orders(&endpoints).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.jsonl");
    let file = path.to_str().unwrap();

    let exported = explorer.json(&["export", &stream.name, "--to", file]).await;
    let bytes = std::fs::metadata(&path).unwrap().len();
    assert_eq!(
        ["file", "format", "records", "bytes", "read", "unsearchable"].map(|name| exported[name].clone()),
        [json!(file), json!("jsonl"), json!(5), json!(bytes), json!(5), json!(0)]
    );
    // No region, no credentials, no endpoint.
    let alone = Explorer::bare(binary());
    for filter in [&[][..], &["key:cust-1"], &["json:$.status==\"paid\""], &["--limit", "2"], &["is:aggregated"]] {
        let from_archive = explorer.json_lines(&[&["records", &stream.name], filter].concat()).await;
        let from_file = alone.json_lines(&[&["records", "--file", file], filter].concat()).await;
        assert!(!from_archive.is_empty() && from_file == from_archive, "{filter:?}: {from_file:?} is not {from_archive:?}");
    }
    for arguments in [&["cust-1"][..], &["cust-1", "11"]] {
        let from_archive = explorer.json(&[&["get", &stream.name], arguments].concat()).await;
        assert_eq!(alone.json(&[&["get", "--file", file], arguments].concat()).await, from_archive);
    }
    let none = alone.run(&["get", "--file", file, "cust-9"]).await;
    assert!(none.sentence(3).ends_with("has no record with key cust-9"), "{none:#?}");

    let again = folder.path().join("again.jsonl");
    let exported = alone.json(&["export", "--file", file, "key:cust-1", "--to", again.to_str().unwrap()]).await;
    assert_eq!((&exported["records"], &exported["read_units"]), (&json!(2), &json!(0.0)));
    assert_eq!(std::fs::read_to_string(&again).unwrap().lines().count(), 2);
    let itself = alone.run(&["export", "--file", file, "--to", file, "--overwrite"]).await;
    assert!(itself.sentence(1).contains("is the file that is being read"), "{itself:#?}");
    let missing = alone.run(&["records", "--file", "/nowhere/orders.jsonl"]).await;
    assert!(missing.sentence(1).contains("/nowhere/orders.jsonl"), "{missing:#?}");
}

#[tokio::test]
async fn chosen_columns_are_all_that_is_written() {
    let (endpoints, explorer) = reach().await;
    let stream = orders(&endpoints).await;
    let folder = tempfile::tempdir().unwrap();
    let columns = ["--columns", "status,total partition_key"];

    let path = folder.path().join("orders.csv");
    let file = path.to_str().unwrap();
    explorer.json(&[&["export", &stream.name, "key:cust-1", "--to", file], &columns[..]].concat()).await;
    let mut lines: Vec<String> = std::fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(lines.remove(0), "status,total,partition_key");
    lines.sort();
    assert_eq!(lines, [",,cust-1", "paid,1.10,cust-1"]);

    let printed = explorer.run(&[&["records", &stream.name, "key:cust-1", "--output", "json"], &columns[..]].concat()).await;
    let printed = printed.succeeded().stdout;
    let expected = [
        "{\"status\":null,\"total\":null,\"partition_key\":\"cust-1\"}\n",
        "{\"status\":\"paid\",\"total\":1.10,\"partition_key\":\"cust-1\"}\n",
    ];
    assert_eq!(printed, expected.concat());

    let path = folder.path().join("orders.jsonl");
    let file = path.to_str().unwrap();
    explorer.json(&["export", &stream.name, "json:$.status", "--to", file, "--columns", "total"]).await;
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"total\":1.10}\n");

    let table = explorer.run(&[&["records", &stream.name, "json:$.status"], &columns[..]].concat()).await.succeeded();
    assert_eq!(table.stdout, "status  total  partition_key\npaid    1.10   cust-1\n");

    for (wrong, sentence) in [("a..b", "a..b names no field"), (",", "name at least one column"), ("id,.id", "id is named twice")] {
        let refused = explorer.run(&["records", &stream.name, "--columns", wrong]).await;
        assert!(refused.code == Some(2) && refused.stderr.contains(sentence), "{refused:#?}");
    }
}

#[tokio::test]
async fn csv_holds_what_json_lines_hold() {
    let (endpoints, explorer) = reach().await;
    let stream = orders(&endpoints).await;
    let arguments = ["export", &stream.name, "--to", "-", "--payload", "decoded"];
    let lines = explorer.run(&arguments).await.succeeded();
    let table = explorer.run(&[&arguments[..], &["--format", "csv"]].concat()).await.succeeded();
    let mut reader = csv::Reader::from_reader(table.stdout.as_bytes());
    let heading = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.unwrap()).collect();
    assert_eq!((lines.stdout.lines().count(), rows.len()), (5, 5));
    for line in lines.stdout.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        let column = |name: &str| heading.iter().position(|heading| heading == name).unwrap();
        let row = rows.iter().find(|row| row[column("sequence_number")] == *record["sequence_number"].as_str().unwrap()).unwrap();
        for name in ["partition_key", "arrived_at", "data", "shard_id"] {
            assert_eq!(&row[column(name)], record[name].as_str().unwrap_or_default(), "{name} of {line}");
        }
        match &record["payload"] {
            Value::Object(_) => assert_eq!(serde_json::from_str::<Value>(&row[column("payload")]).unwrap(), record["payload"]),
            payload => assert_eq!(&row[column("payload")], payload.as_str().unwrap_or_default()),
        }
    }
}

#[tokio::test]
async fn a_file_that_is_there_is_replaced_only_where_that_is_asked_for() {
    let (endpoints, explorer) = reach().await;
    let stream = orders(&endpoints).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.csv");
    std::fs::write(&path, "precious").unwrap();
    let arguments = ["export", &stream.name, "--limit", "1", "--to", path.to_str().unwrap()];
    let refused = explorer.run(&arguments).await;
    assert!(refused.sentence(1).ends_with("already exists; choose another name, or add --overwrite"), "{refused:#?}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    let people = explorer.run(&[&arguments[..], &["--overwrite"]].concat()).await.succeeded();
    assert!(people.stdout.starts_with("exported 1 record, ") && people.stdout.ends_with("orders.csv\n"), "{people:#?}");
    let written = std::fs::read_to_string(&path).unwrap();
    assert!(written.starts_with("stream,partition_key,") && written.contains("cust-3"), "{written}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// A file as `export` writes it, with this many records.
fn exported(folder: &Path, records: usize) -> PathBuf {
    let line = |number| format!("{{\"partition_key\":\"cust-{number}\",\"sequence_number\":\"{number}\",\"data\":\"aGk=\"}}\n");
    let path = folder.join("orders.jsonl");
    std::fs::write(&path, (0..records).map(line).collect::<String>()).unwrap();
    path
}

/// Runs the program in a shell after another command: `ulimit -f 8`.
async fn run_after(first: &str, arguments: &[&str], home: &Path) -> Output {
    let script = format!("{first}; exec \"$@\"");
    let mut shell = tokio::process::Command::new("sh");
    shell.args(["-c", &script, "sh"]).arg(binary()).args(arguments).env_clear().env("HOME", home).stdin(Stdio::null());
    tokio::time::timeout(Duration::from_secs(60), shell.output()).await.expect("it ends").unwrap()
}

fn mode(path: &Path) -> u32 {
    path.symlink_metadata().unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_pipe_is_waited_for_and_a_device_stays_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let source = exported(folder.path(), 3);
    let (source, pipe) = (source.to_str().unwrap(), folder.path().join("pipe"));
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let explorer = Explorer::bare(binary());
    let mut running = explorer.start(&["export", "--file", source, "--to", pipe.to_str().unwrap(), "--overwrite"]);
    assert!(running.said().await.contains("waiting for a reader of"));
    let read = tokio::task::spawn_blocking({
        let pipe = pipe.clone();
        move || std::fs::read_to_string(pipe).unwrap()
    });
    assert_eq!(read.await.unwrap().lines().count(), 3);
    assert!(running.ended().await.succeeded().stdout.starts_with("exported 3 records, "));
    assert!(pipe.symlink_metadata().unwrap().file_type().is_fifo());
    let device = explorer.run(&["export", "--file", source, "--to", "/dev/null", "--overwrite"]).await.succeeded();
    assert!(device.stdout.contains("to /dev/null"), "{device:#?}");
    assert!(std::fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    let printed = explorer.run(&["export", "--file", source, "--to", "/dev/stdout"]).await.succeeded();
    assert_eq!(printed.stdout.lines().count(), 3);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

/// The output of a bash script that runs the program as `explorer`.
async fn bash(script: &str, home: &Path) -> Output {
    let script = format!("explorer() {{ {:?} \"$@\"; }}; {script}", binary());
    let mut bash = tokio::process::Command::new("bash");
    bash.args(["-c", &script]).current_dir(home).env_clear().env("HOME", home).env("PATH", "/usr/bin:/bin");
    bash.env("AWS_EC2_METADATA_DISABLED", "true").stdin(Stdio::null());
    tokio::time::timeout(Duration::from_secs(60), bash.output()).await.expect("it ends").unwrap()
}

#[tokio::test]
async fn records_are_read_from_pipes_and_standard_input_whole_and_once() {
    let folder = tempfile::tempdir().unwrap();
    exported(folder.path(), 900);
    for script in [
        "explorer records --output json --file orders.jsonl",
        "explorer records --output json --file <(cat orders.jsonl)",
        "cat orders.jsonl | explorer records --output json --file /dev/stdin",
        "cat orders.jsonl | explorer records --output json --file -",
        "explorer records --output json --file - < orders.jsonl",
        "explorer records --output json --file /dev/fd/5 5< orders.jsonl",
        "mkfifo p; (cat orders.jsonl > p &); explorer records --output json --file p; rm p",
        "explorer export --file <(cat orders.jsonl) --to -",
        "explorer export --file <(cat orders.jsonl) --to >(cat)",
        "explorer export --file orders.jsonl --to - | explorer export --file - --to /dev/stdout",
    ] {
        let output = bash(script, folder.path()).await;
        let text = String::from_utf8(output.stdout).unwrap();
        let records = text.lines().filter(|line| line.starts_with('{')).count();
        assert_eq!((output.status.code(), records), (Some(0), 900), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let found = bash("explorer get --output json --file <(cat orders.jsonl) cust-0", folder.path()).await;
    assert!(String::from_utf8(found.stdout).unwrap().contains("\"cust-0\""));
    for (file, expected) in [(".", "it is a folder"), ("/nowhere/x.jsonl", "No such file or directory")] {
        let refused = bash(&format!("explorer records --file {file}"), folder.path()).await;
        let sentence = String::from_utf8(refused.stderr).unwrap();
        assert!(
            refused.status.code() == Some(1) && sentence.contains(&format!("cannot read file {file}: {expected}")),
            "{sentence}"
        );
    }
}

#[tokio::test]
async fn a_line_that_is_no_record_is_told_when_the_others_are_printed() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (exported(folder.path(), 3), folder.path().join("copy.jsonl"));
    let text = std::fs::read_to_string(&path).unwrap().replacen("{\"partition_key\":\"cust-1", "{\"partition_k", 1);
    std::fs::write(&path, text).unwrap();
    let (explorer, file) = (Explorer::bare(binary()), path.to_str().unwrap());
    for command in [&["records", "--file", file][..], &["export", "--file", file, "--to", copy.to_str().unwrap()]] {
        let finished = explorer.run(&[command, &["--output", "json"]].concat()).await;
        assert_eq!(finished.code, Some(1));
        assert!(finished.stderr.contains(&format!("cannot read all of file {file}: line 2 is not a record")), "{finished:#?}");
        assert!(finished.stderr.trim_end().ends_with("its 2 other records were read"), "{finished:#?}");
    }
    assert_eq!(std::fs::read_to_string(copy).unwrap().lines().count(), 2);
}

#[tokio::test]
async fn nobody_can_confirm_where_standard_input_holds_the_records() {
    let (_endpoints, explorer) = reach().await;
    let arguments = ["replay", "run", "--file", "-", "--to", "orders-replay"];
    let refused = explorer.run(&arguments).await;
    assert!(refused.sentence(2).ends_with("so you cannot confirm there; add --yes, or make a plan first"), "{refused:#?}");
}

#[tokio::test]
async fn an_export_is_for_the_user_alone_and_one_that_may_not_grow_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let source = exported(folder.path(), 2_000);
    let target = folder.path().join("copy.jsonl");
    let arguments = ["export", "--file", source.to_str().unwrap(), "--to", target.to_str().unwrap()];
    let full = run_after("ulimit -f 8", &arguments, folder.path()).await;
    let sentence = String::from_utf8(full.stderr).unwrap();
    assert_eq!(full.status.code(), Some(1), "{sentence}");
    assert!(sentence.contains("copy.jsonl: File too large") && sentence.contains("ulimit -f"), "{sentence}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let written = run_after("umask 000", &arguments, folder.path()).await;
    assert_eq!((written.status.code(), mode(&target)), (Some(0), 0o600));
}

#[tokio::test]
async fn an_ending_that_no_export_has_is_refused_before_anything_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let source = exported(folder.path(), 1);
    let explorer = Explorer::bare(binary());
    for name in ["orders.xlsx", "orders.parquet", "orders.jsonl.gz"] {
        let target = folder.path().join(name);
        let arguments = ["export", "--file", source.to_str().unwrap(), "--to", target.to_str().unwrap()];
        let refused = explorer.run(&arguments).await;
        assert!(refused.sentence(2).ends_with("is none of these; choose one with --format"), "{refused:#?}");
        assert_eq!(explorer.run(&[&arguments[..], &["--format", "jsonl"]].concat()).await.code, Some(0));
    }
    let target = folder.path().join("x.jsonl");
    let arguments = ["export", "--file", source.to_str().unwrap(), "--to", target.to_str().unwrap(), "--excel"];
    assert!(explorer.run(&arguments).await.sentence(2).contains("--excel is for CSV"));
}

#[tokio::test]
async fn a_log_of_everything_holds_neither_payloads_nor_keys() {
    let (endpoints, explorer) = reach().await;
    let stream = orders(&endpoints).await;
    let explorer = explorer.with("RUST_LOG", "trace").with("AWS_ACCESS_KEY_ID", "AKIDSECRETSECRET");
    let finished = explorer.run(&["export", &stream.name, "--to", "-"]).await.succeeded();
    let data = base64::engine::general_purpose::STANDARD.encode(br#"{"status":"paid","total":1.10}"#);
    assert!(finished.stdout.contains(&data));
    for secret in ["AKIDSECRETSECRET", &data, "with \"quotes\""] {
        assert!(!finished.stderr.contains(secret), "{secret} in {}", finished.stderr);
    }
}

#[tokio::test]
async fn an_export_that_is_ended_leaves_nothing() {
    let (endpoints, _) = reach().await;
    let stream = orders(&endpoints).await;
    let proxy = FaultProxy::start(&endpoints.dynamodb_url).await;
    let explorer = Explorer::of(binary(), &endpoints).with("AWS_ENDPOINT_URL_DYNAMODB", &proxy.url);
    proxy.follow(|call| if call.operation == "Scan" { Fault::HangBefore } else { Fault::Pass });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.jsonl");
    let running = explorer.start(&["export", &stream.name, "--to", path.to_str().unwrap()]);
    proxy.until("the archive is read", |seen| seen.iter().any(|seen| seen.call.operation == "Scan")).await;
    running.interrupt().await;
    let ended = running.ended().await;
    assert_eq!(ended.sentence(130), "stopped; the incomplete export was deleted");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
