//! Replays whose process is killed, whose network fails or whose disk fills up: once resumed, they send exactly what is missing.
//! `REPLAY_KILLS` sets how often one is killed; the default is a few times.

use super::reach;
use super::replay_plans::{arrived, assert_all_once_and_in_order, exported, plan_file, text};
use end_to_end::command_line::Explorer;
use end_to_end::proxy::{Fault, Proxy, Script};
use end_to_end::stream::TestStream;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

/// The default number of kills.
const KILLS: usize = 6;
/// The longest that a run lasts before it is killed.
const LONGEST_RUN: Duration = Duration::from_millis(700);
/// Batches in flight, as in [`explorer::replay::BATCHES_IN_FLIGHT`], and records in a batch.
const MOST_IN_FLIGHT: u64 = explorer::replay::BATCHES_IN_FLIGHT as u64 * 500;

async fn show(explorer: &Explorer, id: &str) -> Value {
    explorer.json(&["replay", "show", id]).await
}

/// Starts it and kills it after a random time; returns whether it was killed before its end.
async fn killed(explorer: &Explorer, arguments: &[&str]) -> bool {
    let mut command = explorer.command(arguments);
    let mut process = command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().expect("it starts");
    let patience = LONGEST_RUN.mul_f64(fastrand::f64());
    if let Ok(ended) = tokio::time::timeout(patience, process.wait()).await {
        assert!(ended.expect("it is a child").success());
        return false;
    }
    process.start_kill().expect("it is a child");
    let status = process.wait().await.expect("it is a child");
    // It may have ended meanwhile.
    status.signal() == Some(9)
}

#[tokio::test]
async fn whenever_it_is_killed_what_is_missing_is_sent_and_no_more_than_was_in_flight_twice() {
    let kills = std::env::var("REPLAY_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(KILLS);
    let mut done = 0;
    while done < kills {
        done += replay_killed_again_and_again(kills - done).await;
    }
    println!("killed {done} times");
}

/// Kills a replay up to this often, until it finishes; returns how often it was killed.
async fn replay_killed_again_and_again(kills: usize) -> usize {
    const RECORDS: usize = 4_000;
    let (endpoints, explorer) = reach().await;
    let target = TestStream::create(&endpoints, 3).await;
    let folder = tempfile::tempdir().unwrap();
    let file = exported(folder.path(), RECORDS, 60);
    let id = text(&plan_file(&explorer, &file, &target, &["--rate", "800/s"]).await, "id").to_owned();
    let (mut killed_times, mut maybe_repeated) = (0, 0);
    while killed_times < kills {
        let state = show(&explorer, &id).await;
        let verb = if text(&state, "state") == "planned" { "run" } else { "resume" };
        if text(&state, "state") == "finished" || !killed(&explorer, &["replay", verb, &id, "--yes"]).await {
            break;
        }
        killed_times += 1;
        let after = show(&explorer, &id).await;
        let now = after["maybe_repeated"].as_u64().unwrap();
        assert!(now - maybe_repeated <= MOST_IN_FLIGHT, "{after}");
        maybe_repeated = now;
    }
    let state = show(&explorer, &id).await;
    let ran = match text(&state, "state") {
        "finished" => state,
        "planned" => explorer.json(&["replay", "run", &id, "--rate", "max", "--yes"]).await,
        _ => explorer.json(&["replay", "resume", &id, "--rate", "max", "--yes"]).await,
    };
    assert_eq!((text(&ran, "state"), &ran["sent"], &ran["left"]), ("finished", &json!(RECORDS), &json!(0)), "{ran}");
    let arrived = arrived(&target).await;
    let repeated = assert_repeated_in_place(&arrived, RECORDS);
    let may_be = ran["maybe_repeated"].as_u64().unwrap();
    assert!(repeated <= may_be, "{repeated} records are there twice, but only {may_be} were counted: {ran}");
    println!("killed {killed_times} times: {repeated} records twice, {may_be} counted");
    killed_times
}

/// Every record arrived, duplicates only directly after the first and before the key's next record; returns the number of
/// duplicates.
fn assert_repeated_in_place(arrived: &BTreeMap<String, Vec<usize>>, records: usize) -> u64 {
    let mut repeated = 0;
    let mut once = BTreeMap::new();
    for (key, numbers) in arrived {
        let mut each = numbers.clone();
        each.dedup();
        repeated += (numbers.len() - each.len()) as u64;
        once.insert(key.clone(), each);
    }
    assert_all_once_and_in_order(&once, records);
    repeated
}

#[tokio::test]
async fn a_network_that_is_lost_fails_the_run_and_it_is_gone_on_with_when_it_is_back() {
    let (endpoints, explorer) = reach().await;
    let target = TestStream::create(&endpoints, 2).await;
    let folder = tempfile::tempdir().unwrap();
    let file = exported(folder.path(), 2_000, 50);
    let id = text(&plan_file(&explorer, &file, &target, &["--rate", "max"]).await, "id").to_owned();
    let fault = |call| if call < 6 { Fault::None } else { Fault::CutBefore };
    let proxy = Proxy::start(&endpoints.kinesis_url, Script { fault, max_record_kib: None }).await;
    let cut_off = explorer.with("AWS_ENDPOINT_URL_KINESIS", &proxy.url);

    let finished = cut_off.run(&["replay", "run", &id, "--yes", "--patience", "1s"]).await;

    let sentence = finished.sentence(1);
    assert!(sentence.contains(&format!("cannot put records into stream {}: it took nothing for", target.name)), "{sentence}");
    let failed = show(&cut_off, &id).await;
    assert_eq!(text(&failed, "state"), "failed");
    assert!(failed["sent"].as_u64() > Some(0) && failed["left"].as_u64() > Some(0), "{failed}");
    assert!(text(&failed["runs"][0], "reason").contains("it took nothing for"), "{failed}");
    assert!(failed["maybe_repeated"].as_u64() <= Some(50), "each is counted once: {failed}");
    let back = cut_off.with("AWS_ENDPOINT_URL_KINESIS", &endpoints.kinesis_url);
    let ran = back.json(&["replay", "resume", &id, "--yes"]).await;
    assert_eq!((text(&ran, "state"), &ran["sent"]), ("finished", &json!(2_000)));
    assert_all_once_and_in_order(&arrived(&target).await, 2_000);
}

#[tokio::test]
async fn a_disk_that_is_full_stops_the_run_and_it_is_gone_on_with_when_there_is_room() {
    let (endpoints, explorer) = reach().await;
    let target = TestStream::create(&endpoints, 2).await;
    let folder = tempfile::tempdir().unwrap();
    let file = exported(folder.path(), 3_000, 100);
    let id = text(&plan_file(&explorer, &file, &target, &["--rate", "max"]).await, "id").to_owned();
    // No file of this process may exceed 160 KiB; it gets an error instead of a fatal signal.
    let binary = super::binary().display().to_string();
    let script = format!("trap '' XFSZ; ulimit -f 320; exec '{binary}' replay run {id} --yes");
    let inner = explorer.command(&[]);
    let environment: Vec<_> =
        inner.as_std().get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect();
    let output = tokio::process::Command::new("sh").arg("-c").arg(script).env_clear().envs(environment).output().await;
    let output = output.expect("a shell");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot write the journal: ") && said.contains(&format!("{id}.replay")), "{said}");

    let state = show(&explorer, &id).await;
    // A few bytes decide whether there was room to write the end.
    assert!(["failed", "interrupted"].contains(&text(&state, "state")), "{state}");
    assert!(state["sent"].as_u64() > Some(0) && state["left"].as_u64() > Some(0), "{state}");
    let ran = explorer.json(&["replay", "resume", &id, "--yes"]).await;
    assert_eq!((text(&ran, "state"), &ran["sent"]), ("finished", &json!(3_000)));
    let repeated = assert_repeated_in_place(&arrived(&target).await, 3_000);
    assert!(repeated <= ran["maybe_repeated"].as_u64().unwrap(), "{ran}");
}
