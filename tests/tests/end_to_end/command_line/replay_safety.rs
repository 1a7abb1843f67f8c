//! Replays that must do no harm: nothing left to send, too long a duration, a replaced target, several at once, damaged files,
//! expired credentials.

use super::replay_plans::{arrived, assert_all_once_and_in_order, exported, plan_file, text, until_sent};
use super::{archived_stream, long_number, reach};
use end_to_end::command_line::{ArchivedItem, Explorer};
use end_to_end::proxy::{Fault, Proxy, Script};
use end_to_end::stream::TestStream;
use end_to_end::wait::eventually;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A file of records that arrived at these times, as JSON has them.
fn arrived_at(folder: &Path, times: &[Value]) -> PathBuf {
    let line = |(number, time): (usize, &Value)| {
        json!({
            "stream": "orders", "partition_key": format!("cust-{number}"), "sequence_number": long_number(number),
            "shard_id": "shardId-000000000000", "approximate_arrival_timestamp": time, "payload": number.to_string(),
        })
        .to_string()
    };
    let path = folder.join("times.jsonl");
    std::fs::write(&path, times.iter().enumerate().map(line).collect::<Vec<_>>().join("\n")).expect("the file can be written");
    path
}

#[tokio::test]
async fn a_replay_as_recorded_ends_when_its_plan_says_though_records_have_no_time() {
    let (endpoints, explorer) = reach().await;
    let (first, last) = (json!(1_545_084_650.5), json!(1_545_084_652));
    let milliseconds = json!(1_545_084_651_000_u64);
    for times in [
        vec![Value::Null, first.clone(), last.clone()],
        vec![first.clone(), milliseconds.clone(), last.clone()],
        vec![json!(0), first.clone(), last.clone()],
        vec![first.clone(), last.clone(), Value::Null],
        vec![milliseconds, first, last],
    ] {
        let target = TestStream::create(&endpoints, 1).await;
        let folder = tempfile::tempdir().unwrap();
        let file = arrived_at(folder.path(), &times);
        let planned = plan_file(&explorer, &file, &target, &["--timing", "recorded"]).await;
        assert_eq!((planned["seconds"].as_f64(), &planned["without_time"]), (Some(1.5), &json!(1)), "{planned}");
        assert!(planned["warnings"].to_string().contains("1 record has no usable time of arrival"), "{planned}");
        let ran = explorer.json(&["replay", "run", text(&planned, "id"), "--yes"]).await;
        let seconds = ran["seconds"].as_f64().unwrap();
        assert!((1.4..30.0).contains(&seconds) && ran["sent"] == times.len(), "{times:?}: {ran}");
    }
}

#[tokio::test]
async fn a_replay_that_would_last_for_years_says_so_and_is_not_begun() {
    let (endpoints, explorer) = reach().await;
    let target = TestStream::create(&endpoints, 1).await;
    let folder = tempfile::tempdir().unwrap();
    let file = arrived_at(folder.path(), &[json!(1), json!(1_545_084_650)]);
    let name = file.display().to_string();
    let planned = plan_file(&explorer, &file, &target, &["--timing", "recorded"]).await;
    assert!(planned["warnings"].to_string().contains("As recorded, this lasts 48 years"), "{planned}");
    let refused = explorer.run(&["replay", "run", text(&planned, "id"), "--yes"]).await;
    assert!(
        refused.sentence(1).contains("as recorded it takes 48 years") && refused.stderr.contains("--timing 1000x"),
        "{refused:#?}"
    );

    let both = ["replay", "run", "--file", &name, "--to", &target.name, "--timing", "recorded", "--yes"];
    assert_eq!(explorer.run(&both).await.code, Some(1));
    assert_eq!(explorer.json_lines(&["replay", "list"]).await.len(), 1, "a plan that is refused at once is not kept");
    let ran = explorer.json(&["replay", "run", text(&planned, "id"), "--timing", "1e10x", "--yes"]).await;
    assert_eq!(ran["sent"], 2);
}

#[tokio::test]
async fn an_archive_whose_items_all_count_as_expired_is_not_replayed_as_nothing() {
    let (endpoints, explorer) = reach().await;
    let source = archived_stream(&endpoints, 1).await;
    let target = TestStream::create(&endpoints, 1).await;
    for number in ["11", "12", "13"] {
        let item = ArchivedItem { key: "cust-1", number, arrival: "1545084650", payload: b"{}", expire_after: Some(1_545_084_651) };
        item.write(&endpoints, &source.table("ALL")).await;
    }
    let arguments = [&source.name, "--to", &target.name];
    for command in [&["replay", "plan"][..], &["replay", "run", "--yes"]] {
        let people = explorer.run(&[command, &arguments].concat()).await;
        assert_eq!(people.sentence(3), "nothing to replay");
        let first = people.stdout.lines().next().unwrap_or_default();
        let table = source.table("ALL");
        let said = format!("Nothing to replay: all 3 items selected in {table} are left out because their expiry has passed.");
        assert!(
            first.starts_with(&said) && first.contains("Node.js archiver") && first.contains("--include-expired"),
            "{people:#?}"
        );
        let script = explorer.run(&[command, &arguments, &["--output", "json"]].concat()).await;
        assert_eq!(script.code, Some(3));
        let nothing = script.json();
        assert_eq!(
            (&nothing["id"], &nothing["expired_left_out"], text(&nothing, "state")),
            (&Value::Null, &json!(3), "nothing_to_replay")
        );
        assert!(text(&nothing, "reason").contains("--include-expired"), "{nothing}");
    }
    let unmatched = explorer.run(&[&["replay", "plan"][..], &arguments, &["key:nobody"]].concat()).await;
    assert_eq!(unmatched.sentence(3), "nothing to replay");
    assert!(explorer.json_lines(&["replay", "list"]).await.is_empty(), "no empty plan is kept");
    let ran = explorer.json(&[&["replay", "run", "--yes", "--include-expired"][..], &arguments].concat()).await;
    assert_eq!(ran["sent"], 3);
}

#[tokio::test]
async fn of_several_processes_that_resume_a_plan_one_runs() {
    let (endpoints, explorer) = reach().await;
    let target = TestStream::create(&endpoints, 2).await;
    let folder = tempfile::tempdir().unwrap();
    let file = exported(folder.path(), 300, 30);
    let id = text(&plan_file(&explorer, &file, &target, &["--rate", "60/s"]).await, "id").to_owned();
    let running = explorer.start(&["replay", "run", &id, "--yes"]);
    until_sent(&explorer, &id, 20).await;
    explorer.json(&["replay", "pause", &id]).await;
    running.ended().await;

    let resume = ["replay", "resume", &id, "--rate", "max", "--yes"];
    let resumed = futures::future::join_all((0..4).map(|_| explorer.run(&resume))).await;

    let ran: Vec<_> = resumed.iter().filter(|resumed| resumed.code == Some(0)).collect();
    assert_eq!(ran.len(), 1, "{resumed:#?}");
    for refused in resumed.iter().filter(|resumed| resumed.code != Some(0)) {
        let sentence = refused.sentence(1);
        let reasons = ["another process works on", "has run it meanwhile", "it is running", "it is finished", "were changed"];
        assert!(reasons.iter().any(|reason| sentence.contains(reason)), "{sentence}");
    }
    assert_all_once_and_in_order(&arrived(&target).await, 300);
}

#[tokio::test]
async fn a_target_that_is_recreated_during_a_run_is_noticed_before_it_is_finished() {
    let (endpoints, explorer) = reach().await;
    let target = TestStream::create(&endpoints, 1).await;
    let folder = tempfile::tempdir().unwrap();
    // A pause in which the stream is replaced.
    let file = arrived_at(folder.path(), &[json!(1_545_084_650), json!(1_545_084_665)]);
    let id = text(&plan_file(&explorer, &file, &target, &["--timing", "recorded"]).await, "id").to_owned();
    let running = explorer.start(&["replay", "run", &id, "--yes", "--output", "json"]);
    until_sent(&explorer, &id, 1).await;
    endpoints.kinesis.delete_stream().stream_name(&target.name).send().await.expect("the stream is deleted");
    eventually("a stream of the same name is created, some time later", || async {
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        endpoints.kinesis.create_stream().stream_name(&target.name).shard_count(1).send().await.ok()
    })
    .await;

    let ended = running.ended().await;

    let sentence = ended.sentence(1);
    assert!(sentence.contains("it was deleted and recreated while the replay ran"), "{ended:#?}");
    assert!(sentence.contains("at least ") && sentence.contains("went into the deleted stream; plan it again"), "{ended:#?}");
    assert_eq!(text(&ended.json(), "state"), "failed");
    assert!(!ended.stderr.contains("replay resume"), "{ended:#?}");
    let resumed = explorer.run(&["replay", "resume", &id, "--yes"]).await;
    assert!(resumed.sentence(1).contains("was deleted and recreated since the replay began"), "{resumed:#?}");
}

#[tokio::test]
async fn a_target_that_is_deleted_ends_the_run_that_puts_into_it() {
    let (endpoints, explorer) = reach().await;
    let target = TestStream::create(&endpoints, 1).await;
    let folder = tempfile::tempdir().unwrap();
    let file = arrived_at(folder.path(), &[json!(1_545_084_650), json!(1_545_084_655)]);
    let id = text(&plan_file(&explorer, &file, &target, &["--timing", "recorded"]).await, "id").to_owned();
    let running = explorer.start(&["replay", "run", &id, "--yes", "--output", "json"]);
    until_sent(&explorer, &id, 1).await;
    endpoints.kinesis.delete_stream().stream_name(&target.name).send().await.expect("the stream is deleted");

    let ended = running.ended().await;

    let words = format!("stream {} was deleted; the 1 record that was sent is lost; plan it again", target.name);
    assert!(ended.sentence(1).ends_with(&words), "{ended:#?}");
    assert!(!ended.stderr.contains("replay resume"), "{ended:#?}");
}

#[tokio::test]
async fn a_terminal_that_is_gone_pauses_a_replay_as_sigterm_does() {
    let (endpoints, explorer) = reach().await;
    let target = TestStream::create(&endpoints, 1).await;
    let folder = tempfile::tempdir().unwrap();
    let file = exported(folder.path(), 300, 20);
    let id = text(&plan_file(&explorer, &file, &target, &["--rate", "50/s"]).await, "id").to_owned();
    for signal in ["HUP", "TERM"] {
        let verb = if signal == "HUP" { "run" } else { "resume" };
        let running = explorer.start(&["replay", verb, &id, "--yes"]);
        until_sent(&explorer, &id, if signal == "HUP" { 1 } else { 60 }).await;
        running.signal(signal).await;
        assert_eq!(running.ended().await.sentence(130), "the replay is paused", "{signal}");
    }
    let ran = explorer.json(&["replay", "resume", &id, "--rate", "max", "--yes"]).await;
    assert_eq!((&ran["sent"], &ran["maybe_repeated"]), (&json!(300), &json!(0)), "{ran}");
}

#[tokio::test]
async fn credentials_that_expire_in_the_middle_are_waited_for() {
    let (endpoints, explorer) = reach().await;
    let target = TestStream::create(&endpoints, 1).await;
    let folder = tempfile::tempdir().unwrap();
    let file = exported(folder.path(), 400, 20);
    let fault = |call| if (3..9).contains(&call) { Fault::ExpiredToken } else { Fault::None };
    let proxy = Proxy::start(&endpoints.kinesis_url, Script { fault, max_record_kib: None }).await;
    let explorer = explorer.with("AWS_ENDPOINT_URL_KINESIS", &proxy.url);
    let id = text(&plan_file(&explorer, &file, &target, &["--rate", "max"]).await, "id").to_owned();
    let ran = explorer.json(&["replay", "run", &id, "--yes"]).await;
    assert_eq!((text(&ran, "state"), &ran["sent"], &ran["failed"]), ("finished", &json!(400), &json!(0)), "{ran}");
    assert_eq!(ran["maybe_repeated"], 0, "an answer says that nothing was taken");
    assert_all_once_and_in_order(&arrived(&target).await, 400);

    let always = Proxy::start(&endpoints.kinesis_url, Script { fault: |_| Fault::ExpiredToken, max_record_kib: None }).await;
    let explorer = explorer.with("AWS_ENDPOINT_URL_KINESIS", &always.url);
    let id = text(&plan_file(&explorer, &file, &target, &["--rate", "max"]).await, "id").to_owned();
    let failed = explorer.run(&["replay", "run", &id, "--yes", "--patience", "1s"]).await;
    let sentence = failed.sentence(1);
    assert!(sentence.contains("ExpiredTokenException") && sentence.contains("renew the credentials"), "{sentence}");
}

#[tokio::test]
async fn a_record_that_the_disk_has_changed_is_not_sent_and_the_others_are() {
    let (endpoints, explorer) = reach().await;
    let target = TestStream::create(&endpoints, 1).await;
    let folder = tempfile::tempdir().unwrap();
    let line = |number: usize| {
        let payload = format!("order number {number} of twenty");
        json!({ "stream": "orders", "partition_key": format!("cust-{number}"), "sequence_number": long_number(number),
            "shard_id": "shardId-000000000000", "approximate_arrival_timestamp": 1_545_084_650 + number, "payload": payload })
        .to_string()
    };
    let exported = folder.path().join("orders.jsonl");
    std::fs::write(&exported, (0..20).map(line).collect::<Vec<_>>().join("\n")).unwrap();
    let planned = plan_file(&explorer, &exported, &target, &[]).await;
    let path = PathBuf::from(text(&planned, "file"));
    let mut bytes = std::fs::read(&path).unwrap();
    let changed = b"order number 7 of twenty";
    let at = bytes.windows(changed.len()).position(|window| window == changed).expect("the payload lies in the file");
    bytes[at] ^= 1;
    std::fs::write(&path, bytes).unwrap();

    let ran = explorer.run(&["replay", "run", text(&planned, "id"), "--yes", "--output", "json"]).await;

    assert!(ran.sentence(1).contains("cannot replay 1 of the records"), "{ran:#?}");
    let json = ran.json();
    assert_eq!((&json["sent"], &json["failed"], text(&json["passed_over"][0], "partition_key")), (&json!(19), &json!(1), "cust-7"));
    assert!(text(&json["passed_over"][0], "reason").contains("the plan's file is damaged"), "{json}");
    assert!(target.records().await.iter().all(|record| record.partition_key != "cust-7"));
}

#[tokio::test]
async fn a_plan_that_finds_no_room_says_where_and_leaves_nothing_behind() {
    let (endpoints, explorer) = reach().await;
    let target = TestStream::create(&endpoints, 1).await;
    let folder = tempfile::tempdir().unwrap();
    let file = exported(folder.path(), 3_000, 10).display().to_string();
    let (binary, to) = (super::binary().display().to_string(), &target.name);
    // In units of 512 bytes: too little for the log's index; enough for that, but not for the records.
    for limit in [16, 320] {
        let script = format!("ulimit -f {limit}; exec '{binary}' replay plan --file '{file}' --to {to}");
        let inner = explorer.command(&[]);
        let environment: Vec<_> =
            inner.as_std().get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect();
        let output = tokio::process::Command::new("sh").arg("-c").arg(script).env_clear().envs(environment).output().await;
        let output = output.expect("a shell");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("no space left for") && said.contains("free some space in"), "{limit}: {said}");
        assert!(explorer.json_lines(&["replay", "list"]).await.is_empty(), "{limit}: {said}");
    }
}

#[tokio::test]
async fn a_target_that_cannot_be_looked_at_leaves_no_plan_behind() {
    let (endpoints, explorer): (_, Explorer) = reach().await;
    let folder = tempfile::tempdir().unwrap();
    let file = exported(folder.path(), 10, 2).display().to_string();
    let refused = explorer.run(&["replay", "plan", "--file", &file, "--to", "nowhere"]).await;
    assert_eq!(refused.code, Some(1), "{refused:#?}");
    assert!(explorer.json_lines(&["replay", "list"]).await.is_empty());
    drop(endpoints);
}
