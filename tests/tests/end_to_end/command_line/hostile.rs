//! Control sequences from every source and through every command: none of them reach standard output or standard error. Outputs are
//! read as bytes, as a terminal gets them.

use super::{archived_stream, binary, long_number};
use clap::{Arg, ArgAction, Command, CommandFactory as _};
use end_to_end::command_line::{ArchivedItem, Explorer, Storage};
use end_to_end::endpoints::Endpoints;
use end_to_end::event::{ReadRecord, event_of};
use end_to_end::fault_proxy::{Fault, FaultProxy, Refusal};
use end_to_end::hostile::{HOSTILE, HOSTILE_NAME, harm_in, obeyed_in};
use end_to_end::stream::TestStream;
use explorer::commands::Arguments;
use rusqlite::Connection;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long an endless command may take to print something.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest that any command may run. Its output until then is still checked.
const LONGEST_RUN: Duration = Duration::from_secs(40);
/// Between two checks.
const PAUSE: Duration = Duration::from_millis(10);

/// A command's output.
struct Printed {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

/// The services behind proxies, an archive full of hostile items, and a program that uses them.
struct World {
    endpoints: Endpoints,
    kinesis: FaultProxy,
    dynamodb: FaultProxy,
    stream: TestStream,
    target: TestStream,
    folder: TempDir,
    explorer: Explorer,
    /// The same, with a log of everything.
    logging: Explorer,
}

/// The paths of all commands, with their arguments.
fn commands() -> BTreeMap<String, Command> {
    fn add(command: &Command, path: &str, found: &mut BTreeMap<String, Command>) {
        if command.get_subcommands().next().is_none() {
            found.insert(path.to_owned(), command.clone());
        }
        for below in command.get_subcommands() {
            add(below, format!("{path} {}", below.get_name()).trim(), found);
        }
    }
    let mut found = BTreeMap::new();
    add(&Arguments::command(), "", &mut found);
    found
}

/// Arguments with which a command succeeds.
fn usual(world: &World, path: &str) -> Vec<String> {
    let (stream, target) = (world.stream.name.as_str(), world.target.name.as_str());
    let [place, pages] = ["failed", "pages"].map(|name| world.folder.path().join(name).display().to_string());
    let arguments: &[&str] = match path {
        "streams" | "keys" | "config" | "replay list" => &[],
        "records" | "describe" => &[stream],
        "get" => &[stream, HOSTILE],
        "tail" => &[stream, "--since", "1h"],
        "export" => &[stream, "--to", "-"],
        "configure" => &[stream, "--mode", "ALL", "--ttl", "7d", "--yes"],
        "recover" => &[place.as_str(), "--archive", "--keep", "--yes"],
        "replay plan" => &[stream, "--to", target],
        "replay run" => &[stream, "--to", target, "--yes", "--patience", "1s"],
        "replay resume" | "replay cancel" | "replay remove" => &["00000000", "--yes"],
        "replay pause" | "replay show" => &["00000000"],
        "local" => &["--no-demo"],
        "completions" => &["bash"],
        "man" => &["--dir", pages.as_str()],
        other => panic!("no case for the command \"{other}\": add one, with arguments with which it does its work"),
    };
    path.split(' ').chain(arguments.iter().copied()).map(str::to_owned).collect()
}

impl World {
    async fn new() -> Self {
        let endpoints = Endpoints::of_its_own().await;
        let kinesis = FaultProxy::start(&endpoints.kinesis_url).await;
        let dynamodb = FaultProxy::start(&endpoints.dynamodb_url).await;
        let stream = archived_stream(&endpoints, 1).await;
        let target = TestStream::create(&endpoints, 1).await;
        stream.create_parts_table().await;
        let folder = tempfile::tempdir().unwrap();
        let explorer = || explorer(&kinesis, &dynamodb, folder.path());
        let (explorer, logging) = (explorer(), explorer().with("RUST_LOG", "trace"));
        let world = Self { endpoints, kinesis, dynamodb, stream, target, folder, explorer, logging };
        world.fill().await;
        world
    }

    /// Items and records whose every text is hostile, in payloads of all kinds.
    async fn fill(&self) {
        let table = self.stream.table("ALL");
        let text = format!("a text {HOSTILE}");
        let quoted = serde_json::to_string(&text).unwrap();
        // JSON that contains, unescaped, everything that JSON allows unescaped.
        let raw_json = format!("{{\"{HOSTILE_NAME}\": [\"{HOSTILE_NAME}\", 1]}}");
        let packed = rmp_map(&text);
        let envelope = format!(
            "\u{1e}{{\"originalApproximateArrivalTimestamp\":\"1.5\",\"originalShardId\":{quoted},\"originalSequenceNumber\":\"1\"}}\u{1e}{text}"
        );
        let user_key = "k\u{9b}2J\u{202e}";
        let aggregate =
            archiver::format::aggregate::aggregate(&[(user_key, None, text.as_bytes()), ("cust-2", None, raw_json.as_bytes())]);
        let payloads: [&[u8]; 9] = [
            text.as_bytes(),
            quoted.as_bytes(),
            raw_json.as_bytes(),
            &packed,
            envelope.as_bytes(),
            &aggregate,
            b"\xff\xfe\x1b[31m\x9b2J",
            &gzip(text.as_bytes()),
            b"",
        ];
        for (place, payload) in payloads.iter().enumerate() {
            let key = format!("{HOSTILE}{}", if place == 0 { String::new() } else { place.to_string() });
            let item = ArchivedItem {
                key: &key,
                number: &long_number(place),
                arrival: "1795168800.5",
                payload,
                expire_after: Some(1_900_000_000),
            };
            item.write(&self.endpoints, &table).await;
        }
        let damaged = ArchivedItem { key: "damaged", number: HOSTILE, arrival: "1", payload: b"", expire_after: None };
        let storage = Storage { data: Some(HOSTILE), encoding: Some(HOSTILE), parts: Some(3), sub_sequence_number: Some(1) };
        damaged.write_stored(&self.endpoints, &table, storage).await;
        let shard =
            ArchivedItem { key: "shard", number: &long_number(99), arrival: "1795168800", payload: b"{}", expire_after: None };
        shard.write(&self.endpoints, &table).await;
        let text_of = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
        for name in ["shardId", "lastUpdate", HOSTILE_NAME] {
            let update = self.endpoints.dynamodb.update_item().table_name(&table);
            let update = update.key("partitionKey", text_of("shard")).key("sequenceNumber", text_of(&long_number(99)));
            let update = update.update_expression("SET #name = :text").expression_attribute_names("#name", name);
            update.expression_attribute_values(":text", text_of(HOSTILE)).send().await.unwrap();
        }
        self.stream
            .put_all(&[(HOSTILE_NAME.to_owned(), text.clone().into_bytes()), ("cust-1".to_owned(), raw_json.into_bytes())])
            .await;

        let failed = self.folder.path().join("failed");
        fs::create_dir(&failed).unwrap();
        let event = event_of(&self.stream, &[ReadRecord::new(HOSTILE, "17", text.as_bytes())]);
        let batch = json!({
            "requestContext": {
                "requestId": HOSTILE, "functionArn": format!("arn:aws:lambda:us-east-1:123456789012:function:archiver{HOSTILE}"),
                "condition": HOSTILE, "approximateInvokeCount": 3,
            },
            "responseContext": { "statusCode": 200, "executedVersion": HOSTILE, "functionError": HOSTILE },
            "version": "1.0", "timestamp": "2026-11-20T10:00:00.000Z",
            "KinesisBatchInfo": {
                "shardId": HOSTILE, "startSequenceNumber": HOSTILE, "endSequenceNumber": HOSTILE, "batchSize": 1,
                "approximateArrivalOfFirstRecord": HOSTILE, "approximateArrivalOfLastRecord": HOSTILE,
                "streamArn": self.stream.arn,
            },
            "payload": event,
        });
        fs::write(failed.join(format!("batch-{HOSTILE_NAME}")), batch.to_string()).unwrap();
        fs::write(failed.join(format!("none-\u{1b}[31m-{HOSTILE_NAME}")), HOSTILE).unwrap();
    }

    /// Runs a command to its end; an endless one until it has printed some data, or for a while.
    async fn run(&self, explorer: &Explorer, arguments: &[String]) -> Printed {
        let output = tempfile::tempdir().unwrap();
        let [stdout, stderr] = ["stdout", "stderr"].map(|name| output.path().join(name));
        let texts: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut command = explorer.command(&texts);
        command.current_dir(self.folder.path());
        command.stdout(Stdio::from(File::create(&stdout).unwrap())).stderr(Stdio::from(File::create(&stderr).unwrap()));
        let mut process = command.spawn().unwrap();
        let started = Instant::now();
        let is_endless = matches!(texts.first(), Some(&"tail" | &"local"));
        while process.try_wait().unwrap().is_none() {
            let printed = fs::read(&stdout).unwrap();
            let is_enough = memchr::memmem::find(&printed, if texts[0] == "tail" { b"evil" } else { b"kinesis" }).is_some();
            if started.elapsed() > LONGEST_RUN || (is_endless && (is_enough || started.elapsed() > PATIENCE)) {
                process.kill().await.unwrap();
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        Printed { stdout: fs::read(&stdout).unwrap(), stderr: fs::read(&stderr).unwrap() }
    }

    /// Runs a command and checks that its output is harmless, and that JSON output is JSON.
    async fn check(&self, explorer: &Explorer, arguments: &[String], what: &str) -> Printed {
        let printed = self.run(explorer, arguments).await;
        // The payload that `get` prints after the first empty line has its own lines.
        let has_payload = arguments[0] == "get" && !arguments.contains(&"json".to_owned());
        let end = memchr::memmem::find(&printed.stdout, b"\n\n").filter(|_| has_payload).unwrap_or(printed.stdout.len());
        let (fields, payload) = printed.stdout.split_at(end);
        for (name, harm) in [("stdout", harm_in(fields).or_else(|| obeyed_in(payload))), ("stderr", harm_in(&printed.stderr))] {
            if let Some(harm) = harm {
                panic!("{what}: {arguments:?} prints on {name}: {harm}");
            }
        }
        if arguments.ends_with(&["--output".to_owned(), "json".to_owned()])
            && !["keys", "completions", "man"].contains(&arguments[0].as_str())
        {
            let text = String::from_utf8(printed.stdout.clone()).unwrap();
            // A killed command may have stopped in the middle of a line.
            for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
                assert!(serde_json::from_str::<Value>(line).is_ok(), "{what}: {arguments:?} prints no JSON: {line}");
            }
        }
        printed
    }

    async fn check_both(&self, explorer: &Explorer, arguments: &[String], what: &str) -> [Printed; 2] {
        let json: Vec<String> = arguments.iter().cloned().chain(["--output".to_owned(), "json".to_owned()]).collect();
        [self.check(explorer, arguments, what).await, self.check(explorer, &json, what).await]
    }

    /// The program with the proxies, and this world's state folder.
    fn explorer(&self) -> Explorer {
        explorer(&self.kinesis, &self.dynamodb, self.folder.path())
    }
}

fn explorer(kinesis: &FaultProxy, dynamodb: &FaultProxy, folder: &Path) -> Explorer {
    let state = folder.join("state");
    Explorer::of(binary(), &Endpoints::at(kinesis.url.clone(), dynamodb.url.clone()))
        .with("XDG_STATE_HOME", state.to_str().unwrap())
}

fn gzip(payload: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut encoder, payload).unwrap();
    encoder.finish().unwrap()
}

/// MessagePack of a map with this text as its name and value.
fn rmp_map(text: &str) -> Vec<u8> {
    let one = [&[0xd9, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    [&[0x81][..], &one, &one].concat()
}

/// The commands that call AWS, and everything that they call.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_answers_of_aws_reach_no_terminal_whatever_the_command() {
    let world = World::new().await;
    for path in commands().into_keys() {
        let arguments = usual(&world, &path);
        let before = [&world.kinesis, &world.dynamodb].map(|proxy| proxy.seen().len());
        let [printed, _] = world.check_both(&world.explorer, &arguments, "as it is").await;
        if ["records", "get", "tail", "export", "recover"].contains(&path.as_str()) {
            let shown = [printed.stdout, printed.stderr].concat();
            assert!(memchr::memmem::find(&shown, b"evil").is_some(), "{path} shows nothing of the data");
        }
        for (proxy, before) in [&world.kinesis, &world.dynamodb].into_iter().zip(before) {
            let called: BTreeSet<String> = proxy.seen()[before..].iter().map(|seen| seen.call.operation.clone()).collect();
            for operation in called {
                let named = operation.clone();
                proxy.follow(move |call| if call.operation == named { Fault::Refuse(Refusal::Hostile) } else { Fault::Pass });
                world.check(&world.logging, &arguments, &format!("{operation} refused")).await;
                let named = operation.clone();
                proxy.follow(move |call| if call.operation == named { Fault::Hostile } else { Fault::Pass });
                world.check_both(&world.explorer, &arguments, &format!("{operation} spoiled")).await;
                proxy.heal();
            }
        }
    }
}

/// S3 answers in XML.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_answers_of_s3_reach_no_terminal() {
    let world = World::new().await;
    let error = format!("<Error><Code>{HOSTILE_NAME}</Code><Message>{HOSTILE_NAME}</Message></Error>");
    let listed = format!(
        "<ListBucketResult><Name>b</Name><KeyCount>1</KeyCount><IsTruncated>false</IsTruncated><Contents><Key>aws/lambda/{HOSTILE_NAME}\
         </Key><LastModified>2026-11-20T10:00:00.000Z</LastModified><Size>3</Size></Contents></ListBucketResult>"
    );
    for (list, object) in [
        ((400, error.clone()), (400, error.clone())),
        ((200, listed.clone()), (400, error)),
        ((200, listed), (200, HOSTILE.to_owned())),
    ] {
        let answer = move |request: axum::extract::Request| {
            let (status, body) =
                if request.uri().query().is_some_and(|query| query.contains("list-type")) { list.clone() } else { object.clone() };
            async move { (axum::http::StatusCode::from_u16(status).unwrap(), body) }
        };
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await.unwrap() });
        let explorer = world.explorer().with("AWS_ENDPOINT_URL_S3", &url).with("RUST_LOG", "trace");
        for more in [&[][..], &["--archive", "--yes"]] {
            let arguments: Vec<String> =
                ["recover", "s3://bucket"].iter().chain(more).map(|&argument| argument.to_owned()).collect();
            let [printed, _] = world.check_both(&explorer, &arguments, "S3").await;
            let shown = [printed.stdout, printed.stderr].concat();
            assert!(memchr::memmem::find(&shown, b"evil").is_some(), "{}", String::from_utf8_lossy(&shown));
        }
        server.abort();
    }
}

/// Every argument of every command, and every variable.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_arguments_and_variables_reach_no_terminal() {
    let world = World::new().await;
    let values = |argument: &Arg| matches!(argument.get_action(), ArgAction::Set | ArgAction::Append);
    for (path, command) in commands() {
        let usual = usual(&world, &path);
        for argument in command.get_arguments().filter(|argument| values(argument)) {
            let arguments = match argument.get_long() {
                Some(long) => with_option(&usual, long, HOSTILE),
                None => path
                    .split(' ')
                    .map(str::to_owned)
                    .chain([HOSTILE.to_owned()])
                    .chain(usual.iter().skip(path.split(' ').count() + 1).cloned())
                    .collect(),
            };
            world.check(&world.explorer, &arguments, "a hostile value").await;
        }
        for more in [format!("--no{HOSTILE}"), HOSTILE.to_owned(), format!("-{HOSTILE}")] {
            let arguments: Vec<String> = usual.iter().cloned().chain([more]).collect();
            world.check(&world.explorer, &arguments, "a hostile argument").await;
        }
    }
    let streams = |more: &[&str]| -> Vec<String> { ["streams"].iter().chain(more).map(|&argument| argument.to_owned()).collect() };
    let program = Arguments::command();
    let options = program.get_arguments().filter(|argument| values(argument)).filter_map(Arg::get_long);
    for option in options.map(|long| format!("--{long}")) {
        world.check(&world.logging, &streams(&[&option, HOSTILE]), "a hostile option").await;
        let bare = world.explorer().without("AWS_ENDPOINT_URL_KINESIS").without("AWS_ENDPOINT_URL_DYNAMODB");
        world.check(&bare, &streams(&[&option, HOSTILE]), "a hostile option").await;
    }
    world.check(&world.explorer, &[HOSTILE.to_owned()], "a hostile command").await;
    let config = world.folder.path().join("config");
    fs::write(&config, format!("[default]\nregion = {HOSTILE_NAME}\ncredential_process = {HOSTILE_NAME}\n[profile {HOSTILE_NAME}]\nrole_arn = {HOSTILE_NAME}\n")).unwrap();
    for variable in [
        "AWS_REGION",
        "AWS_PROFILE",
        "AWS_ENDPOINT_URL_KINESIS",
        "AWS_ENDPOINT_URL_DYNAMODB",
        "AWS_ACCESS_KEY_ID",
        "AWS_SESSION_TOKEN",
        "AWS_CONFIG_FILE",
        "AWS_CA_BUNDLE",
        "AWS_CREDENTIAL_EXPIRATION",
        "RUST_LOG",
        "XDG_STATE_HOME",
        "HOME",
        "TZ",
        "COLUMNS",
        "NO_COLOR",
    ] {
        let explorer = world.explorer().with(variable, HOSTILE);
        world.check(&explorer, &streams(&[]), variable).await;
        world.check(&explorer, &["replay".to_owned(), "list".to_owned()], variable).await;
        let explorer = explorer
            .without("AWS_ACCESS_KEY_ID")
            .without("AWS_SECRET_ACCESS_KEY")
            .with("AWS_CONFIG_FILE", config.to_str().unwrap());
        world.check(&explorer, &streams(&[]), variable).await;
        world.check(&explorer, &streams(&["--profile", HOSTILE_NAME]), variable).await;
    }
}

/// Files: exported and read back under hostile names, and plans with hostile texts everywhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_files_and_plans_reach_no_terminal() {
    let world = World::new().await;
    let owned = |arguments: &[&str]| -> Vec<String> { arguments.iter().map(|&argument| argument.to_owned()).collect() };
    let (stream, target) = (world.stream.name.as_str(), world.target.name.as_str());
    let name = format!("{HOSTILE_NAME}.jsonl");
    for arguments in [
        &["export", stream, "--to", &name][..],
        &["export", stream, "--to", &name],
        &["export", stream, "--to", "-", "--format", "jsonl"],
        &["records", "--file", &name],
        &["records", "--file", &name, "text:evil"],
        &["get", "--file", &name, HOSTILE],
        &["get", "--file", &name, "nobody"],
        &["export", "--file", &name, "--to", &name, "--overwrite"],
        &["replay", "plan", "--file", &name, &format!("-text:{HOSTILE}"), "--to", target],
        &["records", "--file", "failed"],
    ] {
        world.check_both(&world.explorer, &owned(arguments), "a file").await;
    }
    let exported = fs::read(world.folder.path().join(&name)).unwrap();
    assert_eq!(harm_in(&exported), None, "what is exported as JSON Lines can be looked at");
    let found: Vec<Value> = exported
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert!(found.iter().any(|record| record["partition_key"] == HOSTILE), "the values are what they were");
    fs::write(
        world.folder.path().join("hostile.jsonl"),
        format!("{HOSTILE_NAME}\n{{\"partition_key\":\"{HOSTILE_NAME}\",\"stream\":\"{HOSTILE_NAME}\"}}\n"),
    )
    .unwrap();
    world.check_both(&world.explorer, &owned(&["records", "--file", "hostile.jsonl"]), "a broken file").await;

    // A replay that failed because of the target's answers, and every command for it.
    world.kinesis.follow(|call| if call.operation == "PutRecords" { Fault::Refuse(Refusal::Hostile) } else { Fault::Pass });
    let run = owned(&["replay", "run", stream, "--to", target, "--yes", "--output", "json"]);
    world.check(&world.explorer, &run, "a replay").await;
    world.kinesis.heal();
    let plans = plan_files(&world.folder.path().join("state"));
    let plan = plans.last().unwrap();
    let id = plan.file_stem().unwrap().to_str().unwrap();
    let whole = fs::read(plan).unwrap();
    let mut columns = text_columns(plan);
    columns.insert(0, (String::new(), String::new()));
    for (table, column) in columns {
        fs::write(plan, &whole).unwrap();
        if !table.is_empty() {
            let connection = Connection::open(plan).unwrap();
            connection.execute(&format!("UPDATE {table} SET {column} = {column} || ?1"), [HOSTILE]).unwrap();
        }
        let what = format!("{table}.{column}");
        for arguments in [&["replay", "list"][..], &["replay", "show", id], &["replay", "show", id, "--receipts"]] {
            world.check_both(&world.explorer, &owned(arguments), &what).await;
        }
        for arguments in [
            &["replay", "run", id, "--yes"][..],
            &["replay", "resume", id, "--yes"],
            &["replay", "cancel", id],
            &["replay", "remove", id],
        ] {
            world.check(&world.logging, &owned(arguments), &what).await;
        }
    }
}

/// The arguments with another value for an option.
fn with_option(usual: &[String], long: &str, value: &str) -> Vec<String> {
    let option = format!("--{long}");
    let mut arguments = Vec::new();
    let mut usual = usual.iter();
    while let Some(argument) = usual.next() {
        if *argument == option {
            usual.next();
        } else {
            arguments.push(argument.clone());
        }
    }
    arguments.extend([option, value.to_owned()]);
    arguments
}

fn plan_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_database = || fs::read(&path).is_ok_and(|content| content.starts_with(b"SQLite format 3"));
        match path.is_dir() {
            true => found.extend(plan_files(&path)),
            false if is_database() => found.push(path),
            false => {}
        }
    }
    found.sort_by_key(|path| path.metadata().unwrap().modified().unwrap());
    found
}

/// The columns of texts of all tables of a database.
fn text_columns(path: &Path) -> Vec<(String, String)> {
    let connection = Connection::open(path).unwrap();
    let sql = "SELECT tables.name, columns.name FROM sqlite_schema tables JOIN pragma_table_info(tables.name) columns
               WHERE tables.type = 'table' AND columns.type = 'TEXT'";
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}
