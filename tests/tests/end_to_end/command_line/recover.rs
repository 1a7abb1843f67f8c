//! Recovering a mapping's failed batches, from a bucket as Lambda fills it and from a folder.

use super::{archived_stream, reach};
use archiver::format::sequence::SequenceNumber;
use end_to_end::bucket::Bucket;
use end_to_end::command_line::Explorer;
use end_to_end::endpoints::{Endpoints, KEY};
use end_to_end::event::{ReadRecord, event_of, noise};
use end_to_end::fault_proxy::{Fault, FaultProxy, Refusal};
use end_to_end::function::{Function, Way};
use end_to_end::mapping::RunningMapping;
use end_to_end::stream::{Keys, TestStream, text};
use explorer::local::event_source::RetryPolicy;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::Arc;

/// Gives up whole batches at once.
const NO_PATIENCE: RetryPolicy =
    RetryPolicy { maximum_retry_attempts: Some(0), maximum_record_age: None, bisect_batch_on_function_error: false };

/// Delivers the stream's records without retries, and puts failed batches where Lambda would.
async fn give_up(endpoints: &Endpoints, stream: &TestStream, bucket: &Bucket) -> Vec<Value> {
    let function = Arc::new(Function::start(endpoints, &Way::Handler).await);
    let given_up = RunningMapping::start(endpoints, stream, &function, NO_PATIENCE).finish().await;
    for (place, batch) in given_up.iter().enumerate() {
        bucket.put(&key(batch, place), batch.to_string()).await;
    }
    given_up
}

/// An object's key, as Lambda forms it.
fn key(batch: &Value, place: usize) -> String {
    let shard = batch["KinesisBatchInfo"]["shardId"].as_str().unwrap();
    format!("aws/lambda/6e2e5d54-4a2d-4f2c-9d3a-2d1f3c0a9b11/{shard}/2026-11-26T10.00.00-{place:08x}.json")
}

/// The same with a bucket; the program knows its S3.
async fn reach_with_bucket() -> (Endpoints, Explorer, Bucket) {
    let (endpoints, explorer) = reach().await;
    let bucket = Bucket::create().await;
    let explorer = explorer.with("AWS_ENDPOINT_URL_S3", &bucket.url);
    (endpoints, explorer, bucket)
}

fn orders(count: usize) -> Vec<(String, Vec<u8>)> {
    (0..count).map(|number| (format!("cust-{}", number % 7), format!(r#"{{"order":{number}}}"#).into_bytes())).collect()
}

/// What Lambda writes about a batch, whatever created its event.
fn batch_of(stream: &TestStream, records: &[ReadRecord]) -> Value {
    let number = |record: Option<&ReadRecord>| record.map(|record| record.sequence_number.clone()).unwrap_or_default();
    json!({
        "requestContext": {
            "requestId": "c9b8fa9f-5a7f-4b1e-af9c-0c604cde93a5",
            "functionArn": "arn:aws:lambda:us-east-1:123456789012:function:archiver",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 101,
        },
        "responseContext": { "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" },
        "version": "1.0",
        "timestamp": "2026-11-26T10:00:00.021Z",
        "KinesisBatchInfo": {
            "shardId": "shardId-000000000000",
            "startSequenceNumber": number(records.first()),
            "endSequenceNumber": number(records.last()),
            "approximateArrivalOfFirstRecord": "2026-11-26T09:58:04.835Z",
            "approximateArrivalOfLastRecord": "2026-11-26T09:58:05.580Z",
            "batchSize": records.len(),
            "streamArn": stream.arn,
        },
        "payload": event_of(stream, records),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_given_up_is_listed_with_its_reasons_and_archived_when_the_cause_is_mended() {
    let (endpoints, explorer, bucket) = reach_with_bucket().await;
    let stream = TestStream::create(&endpoints, 2).await;
    stream.tag(&[("StreamArchiveMode", "ALL")]).await;
    stream.put_all(&orders(60)).await;
    let given_up = give_up(&endpoints, &stream, &bucket).await;
    let objects = bucket.keys().await;
    assert_eq!(objects.len(), given_up.len());

    let listed = explorer.json_lines(&["recover", &bucket.place()]).await;
    assert_eq!(listed.iter().map(|batch| batch["records"].as_u64().unwrap()).sum::<u64>(), 60);
    for batch in &listed {
        assert_eq!((&batch["stream"], &batch["stream_arn"]), (&json!(stream.name), &json!(stream.arn)));
        assert_eq!((&batch["condition"], &batch["invocations"]), (&json!("RetryAttemptsExhausted"), &json!(1)));
        assert!(batch["function_error"].as_str().unwrap().contains("does not exist"), "{batch}");
        assert_eq!((&batch["has_records"], &batch["problem"]), (&json!(true), &Value::Null));
    }
    let table = explorer.run(&["recover", &bucket.place()]).await.succeeded();
    assert!(table.stdout.contains("retries used up, tried once; "), "{table:#?}");
    assert!(table.stderr.contains("60 records (") && table.stderr.contains("The function's log"), "{table:#?}");
    assert_eq!(bucket.keys().await, objects, "listing changes nothing");

    let early = explorer.run(&["recover", &bucket.place(), "--archive", "--yes", "--output", "json"]).await;
    assert!(early.sentence(1).ends_with("stay with records that are not archived"), "{early:#?}");
    assert!(early.stdout.contains(&format!("table {} does not exist", stream.table("ALL"))), "{early:#?}");
    assert_eq!(bucket.keys().await, objects, "what is not archived stays");

    stream.create_table("ALL", Keys::OfModeAll).await;
    let recovered = explorer.json_lines(&["recover", &bucket.place(), "--archive", "--yes"]).await;
    assert_eq!(recovered.iter().map(|batch| batch["archived"].as_u64().unwrap()).sum::<u64>(), 60);
    assert!(recovered.iter().all(|batch| batch["deleted"] == true && batch["failed"] == 0), "{recovered:#?}");
    let records = stream.records().await;
    let items = stream.items_by_number("ALL").await;
    assert_eq!(items.len(), 60);
    for record in &records {
        let item = &items[&(record.partition_key.clone(), record.sequence_number.clone())];
        assert_eq!(text(item, "recordData"), record.data());
    }
    assert_eq!(bucket.keys().await, Vec::<String>::new());
    let nothing = format!("nothing found in {}/aws/lambda/\n", bucket.place());
    assert_eq!(explorer.run(&["recover", &bucket.place()]).await.succeeded().stdout, nothing);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_is_archived_already_stays_as_it_is() {
    let (endpoints, explorer, bucket) = reach_with_bucket().await;
    let tags = [("StreamArchiveMode", "ALL"), ("ArchiveTTL", "expireSeconds=1000")];
    let stream = TestStream::archived(&endpoints, 1, &tags, "ALL", Keys::OfModeAll).await;
    let record = |number: u32| ReadRecord::new(&format!("cust-{}", number % 3), &format!("{number}"), b"paid");
    let records: Vec<ReadRecord> = (8..120).map(record).collect();
    let function = Function::start(&endpoints, &Way::Handler).await;
    function.archive(&event_of(&stream, &records[..40])).await;
    // As in an archive from long ago.
    let expiry = "1790000000";
    for item in stream.items("ALL").await {
        let update = endpoints.dynamodb.update_item().table_name(stream.table("ALL"));
        let update = ["partitionKey", "sequenceNumber"].iter().fold(update, |update, key| update.key(*key, item[*key].clone()));
        let update = update.update_expression("SET expireAfter = :at").expression_attribute_values(":at", number(expiry));
        update.send().await.unwrap();
    }
    // Two batches with records in common, as after a batch was split.
    for (place, part) in [&records[..], &records[100..]].into_iter().enumerate() {
        let batch = batch_of(&stream, part);
        bucket.put(&key(&batch, place), batch.to_string()).await;
    }

    let kept = explorer.json_lines(&["recover", &bucket.place(), "--archive", "--keep", "--yes"]).await;
    let counts = |batches: &[Value]| -> Vec<(u64, u64)> {
        batches.iter().map(|batch| (batch["archived"].as_u64().unwrap(), batch["present"].as_u64().unwrap())).collect()
    };
    assert_eq!(counts(&kept), [(72, 40), (0, 12)]);
    let items = stream.items("ALL").await;
    assert_eq!(items.len(), records.len());
    let old = items.iter().filter(|item| item["expireAfter"].as_n().unwrap() == expiry).count();
    assert_eq!(old, 40, "an item that was there got another expiry");

    let again = explorer.json_lines(&["recover", &bucket.place(), "--archive", "--yes"]).await;
    assert_eq!(counts(&again), [(0, 112), (0, 12)]);
    assert!(stream.items("ALL").await == items, "recovering again changes nothing");
    assert_eq!(bucket.keys().await, Vec::<String>::new());
}

fn number(digits: &str) -> aws_sdk_dynamodb::types::AttributeValue {
    aws_sdk_dynamodb::types::AttributeValue::N(digits.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_mode_latest_what_is_recovered_late_replaces_nothing_newer() {
    let (endpoints, explorer, bucket) = reach_with_bucket().await;
    let stream = TestStream::archived(&endpoints, 1, &[("StreamArchiveMode", "LATEST")], "LATEST", Keys::OfModeLatest).await;
    let function = Function::start(&endpoints, &Way::Handler).await;
    function.archive(&event_of(&stream, &[ReadRecord::new("cust-1", "100", b"newer")])).await;
    let late = [
        ReadRecord::new("cust-1", "9", b"older"),
        ReadRecord::new("cust-2", "10", b"first"),
        ReadRecord::new("cust-2", "99", b"last"),
    ];
    let batch = batch_of(&stream, &late);
    bucket.put(&key(&batch, 0), batch.to_string()).await;

    let table = explorer.run(&["recover", &bucket.place(), "--archive", "--yes"]).await.succeeded();
    assert!(
        table.stderr.contains("1 record archived, 0 already there, 2 superseded by newer ones; 1 batch done, 1 deleted"),
        "{table:#?}"
    );
    let latest = stream.latest("LATEST").await;
    assert_eq!((latest["cust-1"].0.as_str(), latest["cust-2"].0.as_str()), ("100", "99"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_recovered_stays_and_says_why_while_the_rest_goes_on() {
    let (endpoints, explorer, bucket) = reach_with_bucket().await;
    let stream = archived_stream(&endpoints, 1).await;
    let batch = batch_of(&stream, &[ReadRecord::new("cust-1", "9", b"paid")]);
    let mut pointer = batch.clone();
    pointer.as_object_mut().unwrap().remove("payload");
    let elsewhere = batch.to_string().replace("kinesis:us-east-1:", "kinesis:eu-west-1:");
    // Too large for an item, and there is no table for its parts.
    let too_large = [ReadRecord::new("cust-2", "10", &noise(330_000, 3)), ReadRecord::new("cust-3", "11", b"paid")];
    let prefix = "aws/lambda/6e2e5d54/shardId-000000000000/";
    let paid = |number: &str| ReadRecord::new("cust-1", number, b"paid");
    let mut fewer = batch_of(&stream, &[paid("12")]);
    fewer["KinesisBatchInfo"]["batchSize"] = json!(5);
    let mut none = batch_of(&stream, &[]);
    none["KinesisBatchInfo"]["batchSize"] = json!(2);
    let mut foreign = batch_of(&stream, &[paid("13"), paid("9")]);
    let other = format!("{}/{}", stream.arn.rsplit_once('/').unwrap().0, "audit");
    let event = foreign["payload"].as_str().unwrap().replacen(&stream.arn, &other, 1);
    foreign["payload"] = json!(event);
    let objects = [
        ("1-pointer", pointer.to_string()),
        ("2-elsewhere", elsewhere),
        ("3-too-large", batch_of(&stream, &too_large).to_string()),
        ("4-no-batch", "{\"Records\":[]}".to_owned()),
        ("5-good", batch.to_string()),
        ("6-fewer", fewer.to_string()),
        ("7-none", none.to_string()),
        ("8-foreign", foreign.to_string()),
        ("9-damaged", batch.to_string().replace("\"batchSize\":1", "\"batchSize\":\"one\"")),
    ];
    for (name, content) in objects {
        bucket.put(&format!("{prefix}{name}"), content).await;
    }
    bucket.put("notes.txt", "not below aws/lambda/").await;

    let listed = explorer.json_lines(&["recover", &bucket.place()]).await;
    let has_records: Vec<Option<bool>> = listed.iter().map(|batch| batch["has_records"].as_bool()).collect();
    let (pointer, whole, other) = (Some(false), Some(true), None);
    assert_eq!(has_records, [pointer, whole, whole, other, whole, whole, whole, whole, other]);
    let finished = explorer.run(&["recover", &bucket.place(), "--archive", "--yes", "--output", "json"]).await;
    assert!(finished.sentence(1).ends_with("7 batches stay with records that are not archived"), "{finished:#?}");
    assert_eq!(finished.stderr.lines().count(), 1, "{finished:#?}");
    let mut outcomes: Vec<Value> = finished.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    outcomes.sort_by_key(|outcome| outcome["object"].as_str().unwrap().to_owned());
    let reasons: Vec<&str> = outcomes.iter().map(|outcome| outcome["reason"].as_str().unwrap_or_default()).collect();
    assert!(
        reasons[0].contains("the stream no longer has 1 of its records") || reasons[0].contains("cannot read shard"),
        "{reasons:#?}"
    );
    assert!(reasons[1].contains("choose its --profile and --region"), "{reasons:#?}");
    assert!(reasons[2].contains("too large for one item") && reasons[2].contains(&stream.table("parts")), "{reasons:#?}");
    assert_eq!(reasons[3], "it is not a Kinesis batch that Lambda gave up on");
    assert_eq!(reasons[4], "");
    assert_eq!(reasons[5], "the batch should have 5 records, but it has 1");
    assert_eq!(reasons[6], "the batch should have 2 records, but it has 0");
    assert_eq!(reasons[7], "1 of its records belongs to another stream");
    assert!(reasons[8].starts_with("it is a Kinesis batch that cannot be read: invalid type"), "{reasons:#?}");
    let counts = |outcome: &Value| ["archived", "present", "failed"].map(|name| outcome[name].as_u64().unwrap_or(99));
    let counted: Vec<[u64; 3]> = [2, 4, 5, 6, 7].iter().map(|place| counts(&outcomes[*place])).collect();
    assert_eq!(counted, [[1, 0, 1], [1, 0, 0], [1, 0, 4], [0, 0, 2], [0, 1, 1]]);

    let mut left: BTreeSet<String> = bucket.keys().await.into_iter().collect();
    assert!(left.remove("notes.txt"));
    let names: Vec<&str> = left.iter().map(|key| key.strip_prefix(prefix).unwrap()).collect();
    assert_eq!(names, ["1-pointer", "2-elsewhere", "3-too-large", "4-no-batch", "6-fewer", "7-none", "8-foreign", "9-damaged"]);
    let archived: BTreeSet<String> = stream.items("ALL").await.iter().map(|item| text(item, "sequenceNumber").to_owned()).collect();
    assert_eq!(archived, ["11", "12", "9"].map(str::to_owned).into());
}

/// As Lambda writes it, with the event last.
fn written(batch: &Value) -> String {
    let mut batch = batch.clone();
    let event = batch.as_object_mut().unwrap().remove("payload").unwrap();
    let before = batch.to_string();
    format!(r#"{},"payload":{event}}}"#, before.strip_suffix('}').unwrap())
}

/// Events have megabytes, and a batch's facts precede its event: listing many batches is fast.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listing_batches_reads_no_events() {
    let (endpoints, explorer, bucket) = reach_with_bucket().await;
    let stream = archived_stream(&endpoints, 1).await;
    let batch = batch_of(&stream, &[ReadRecord::new("cust-1", "9", &noise(100_000, 3)), ReadRecord::new("cust-2", "10", b"paid")]);
    let whole = written(&batch);
    bucket.put(&key(&batch, 0), whole.as_str()).await;
    bucket.put(&key(&batch, 1), &whole[..60_000]).await;

    let listed = explorer.json_lines(&["recover", &bucket.place()]).await;
    let told = |batch: &Value| ["records", "has_records", "problem", "given_up_at"].map(|name| batch[name].clone());
    let expected = [json!(2), json!(true), Value::Null, json!("2026-11-26T10:00:00.021Z")];
    assert_eq!(listed.iter().map(told).collect::<Vec<_>>(), [expected.clone(), expected]);

    let finished = explorer.run(&["recover", &bucket.place(), "--archive", "--yes", "--output", "json"]).await;
    assert!(finished.sentence(1).contains("1 batch stays"), "{finished:#?}");
    let reason = "it is a Kinesis batch that cannot be read: EOF while parsing a string";
    assert!(finished.stdout.lines().nth(1).unwrap().contains(reason), "what is archived is read to its end: {finished:#?}");
    assert_eq!(stream.items("ALL").await.len(), 2);
    assert_eq!(bucket.keys().await, [key(&batch, 1)]);
}

/// A script that stops reading must not stop the recovery.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_recovered_does_not_depend_on_a_reader() {
    let (endpoints, explorer) = reach().await;
    for output in ["json", "table"] {
        let stream = archived_stream(&endpoints, 1).await;
        let folder = tempfile::tempdir().unwrap();
        for number in 10..60 {
            let batch = batch_of(&stream, &[ReadRecord::new("cust-1", &number.to_string(), b"paid")]);
            std::fs::write(folder.path().join(number.to_string()), batch.to_string()).unwrap();
        }
        let mut running = explorer.start(&["recover", folder.path().to_str().unwrap(), "--archive", "--yes", "--output", output]);
        running.close_stdout();
        assert_eq!(running.ended().await.code, Some(0));
        assert_eq!((stream.items("ALL").await.len(), std::fs::read_dir(folder.path()).unwrap().count()), (50, 0), "{output}");
    }
}

/// Deleted files are gone for good, so each has its row, whenever the command is stopped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_deleted_until_ctrl_c_is_told() {
    let (endpoints, explorer) = reach().await;
    let stream = archived_stream(&endpoints, 1).await;
    let folder = tempfile::tempdir().unwrap();
    const FILES: usize = 2_000;
    for number in 1_000..1_000 + FILES {
        let batch = batch_of(&stream, &[ReadRecord::new("cust-1", &number.to_string(), b"paid")]);
        std::fs::write(folder.path().join(number.to_string()), batch.to_string()).unwrap();
    }
    let mut running = explorer.start(&["recover", folder.path().to_str().unwrap(), "--archive", "--yes"]);
    // The first rows: it is in the middle of them.
    let mut printed = String::new();
    for _ in 0..20 {
        printed.push_str(&(running.printed().await + "\n"));
    }
    running.interrupt().await;
    let finished = running.ended().await;
    assert_eq!(finished.code, Some(130), "{finished:#?}");
    printed.push_str(&finished.stdout);
    let rows = printed.lines().filter(|line| line.contains(stream.name.as_str())).count();
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!((rows, stream.items("ALL").await.len() >= rows), (FILES - left, true), "{printed}");
    let said: String = finished.stderr.split_whitespace().collect();
    assert!(said.contains(&format!("{rows}batchesdone,{rows}deleted,{left}notfinished")) && left > 0, "{finished:#?}");
}

/// Another function's failed batches stay its own, even if the records are in the archive.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_of_another_function_stay() {
    let (endpoints, explorer) = reach().await;
    let stream = archived_stream(&endpoints, 1).await;
    let batch = batch_of(&stream, &[ReadRecord::new("cust-1", "9", b"paid")]);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("1"), batch.to_string()).unwrap();
    std::fs::write(folder.path().join("2"), batch.to_string().replace("function:archiver", "function:billing")).unwrap();
    let place = folder.path().to_str().unwrap();

    let finished = explorer.run(&["recover", place, "--archive", "--yes", "--output", "json"]).await;
    let sentence = finished.sentence(2);
    assert!(sentence.contains("function:archiver (1 batch, 1 record) and arn:aws:lambda:"), "{finished:#?}");
    assert!(sentence.ends_with("function:billing (1 batch, 1 record); choose one by its ARN with --function"), "{finished:#?}");
    assert_eq!((std::fs::read_dir(folder.path()).unwrap().count(), stream.items("ALL").await.len()), (2, 0));
    let of_archiver = ["recover", place, "--function", "archiver", "--archive", "--yes"];
    assert_eq!(explorer.json_lines(&of_archiver).await.len(), 1);
    assert!(!folder.path().join("1").exists() && folder.path().join("2").exists());
    assert_eq!(explorer.json_lines(&["recover", place, "--function", "billing"]).await.len(), 1);
    let other = explorer.run(&["recover", place, "--function", "audit", "--archive"]).await.succeeded();
    assert_eq!(other.stdout, format!("no batches of function audit in {place}\n"));
}

/// Without DynamoDB no batch is tried after the first, and nothing is deleted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recovering_ends_where_nothing_can_be_reached() {
    let (endpoints, explorer) = reach().await;
    let stream = TestStream::archived(&endpoints, 1, &[("StreamArchiveMode", "LATEST")], "LATEST", Keys::OfModeLatest).await;
    let folder = tempfile::tempdir().unwrap();
    for number in 10..20 {
        let batch = batch_of(&stream, &[ReadRecord::new("cust-1", &number.to_string(), b"paid")]);
        std::fs::write(folder.path().join(number.to_string()), batch.to_string()).unwrap();
    }
    let dynamodb = FaultProxy::start(&endpoints.dynamodb_url).await;
    dynamodb.follow(|call| match call.operation.as_str() {
        "DescribeTable" => Fault::Pass,
        _ => Fault::Refuse(Refusal::AccessDenied),
    });
    let explorer = explorer.with("AWS_ENDPOINT_URL_DYNAMODB", &dynamodb.url);
    let place = folder.path().to_str().unwrap();
    let denied = explorer.run(&["recover", place, "--archive", "--yes", "--output", "json"]).await;
    assert!(denied.sentence(1).contains("10 batches stay"), "{denied:#?}");
    assert!(denied.stdout.contains("dynamodb:PartiQLUpdate"), "{denied:#?}");
    let credentials = explorer.with("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9");
    let nowhere = credentials.run(&["recover", place, "--archive", "--yes", "--output", "json"]).await;
    assert_eq!((nowhere.sentence(1).contains("refused"), nowhere.stdout.lines().count()), (true, 1), "{nowhere:#?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 10);
}

/// An object that cannot be read or deleted is reported, and does not hold up the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_cannot_be_read_does_not_keep_the_others_back() {
    let (endpoints, explorer) = reach().await;
    let stream = archived_stream(&endpoints, 1).await;
    let folder = tempfile::tempdir().unwrap();
    let batch = batch_of(&stream, &[ReadRecord::new("cust-1", "9", b"paid")]);
    std::fs::write(folder.path().join("b\u{1b}[31m good\nname"), batch.to_string()).unwrap();
    std::os::unix::fs::symlink(folder.path().join("nowhere"), folder.path().join("a broken link")).unwrap();
    std::os::unix::fs::symlink(folder.path(), folder.path().join("c circle")).unwrap();
    let place = folder.path().to_str().unwrap();

    let listed = explorer.run(&["recover", place]).await.succeeded();
    assert!(listed.stdout.contains("cannot read file a broken link: it is a link, and links are not followed"), "{listed:#?}");
    assert!(!listed.stdout.contains('\u{1b}') && listed.stdout.lines().count() == 3, "{listed:#?}");
    let of_another = explorer.run(&["recover", place, "--stream", "audit", "--archive", "--yes"]).await;
    assert!(of_another.sentence(1).contains("1 batch stays"), "it may be of that stream: {of_another:#?}");
    assert!(of_another.stdout.contains("a broken link\n  └ cannot read file"), "{of_another:#?}");
    assert_eq!(stream.items("ALL").await.len(), 0);
    let recovered = explorer.run(&["recover", place, "--archive", "--yes"]).await;
    assert!(recovered.sentence(1).contains("1 batch stays"), "{recovered:#?}");
    assert_eq!(stream.items("ALL").await.len(), 1);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    let single = folder.path().join("single");
    std::fs::write(&single, batch.to_string()).unwrap();
    let recovered = explorer.json_lines(&["recover", single.to_str().unwrap(), "--archive", "--yes"]).await;
    assert_eq!((&recovered[0]["present"], &recovered[0]["deleted"]), (&json!(1), &json!(true)));
}

/// A name that is not text works like any other; a link to somewhere else is neither archived nor deleted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_of_any_name_are_recovered_and_links_are_not_followed() {
    let (endpoints, explorer) = reach().await;
    let stream = archived_stream(&endpoints, 1).await;
    let [folder, elsewhere, third] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let batch = |number: &str| batch_of(&stream, &[ReadRecord::new("cust-1", number, b"paid")]).to_string();
    let no_text = folder.path().join(std::ffi::OsStr::from_bytes(b"bad\xff\xfename"));
    std::fs::write(&no_text, batch("9")).unwrap();
    std::fs::create_dir(elsewhere.path().join("deeper")).unwrap();
    std::fs::write(elsewhere.path().join("deeper/batch"), batch("10")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), folder.path().join("link")).unwrap();
    std::os::unix::fs::symlink(&no_text, folder.path().join("a second name")).unwrap();
    std::fs::write(third.path().join("file"), batch("11")).unwrap();
    std::os::unix::fs::symlink(third.path().join("file"), folder.path().join("other")).unwrap();

    let place = folder.path().to_str().unwrap();
    let recovered = explorer.run(&["recover", place, "--archive", "--yes", "--output", "json"]).await;
    assert!(recovered.sentence(1).contains("2 batches stay"), "{recovered:#?}");
    let outcomes: Vec<Value> = recovered.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let deleted: Vec<(&str, bool)> =
        outcomes.iter().map(|batch| (batch["object"].as_str().unwrap(), batch["deleted"] == true)).collect();
    assert_eq!(deleted, [("link", false), ("other", false), ("bad\u{fffd}\u{fffd}name", true)]);
    assert_eq!(stream.items("ALL").await.len(), 1);
    assert!(!no_text.exists() && elsewhere.path().join("deeper/batch").exists());
    assert!(third.path().join("file").exists() && folder.path().join("other").is_symlink());
    // A link that the user names is followed, and its target is deleted.
    for (name, left) in [("link", elsewhere.path().join("deeper/batch")), ("other", third.path().join("file"))] {
        let named = folder.path().join(name);
        let recovered = explorer.json_lines(&["recover", named.to_str().unwrap(), "--archive", "--yes"]).await;
        assert_eq!((recovered.len(), &recovered[0]["deleted"], left.exists()), (1, &json!(true), false));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_records_of_a_pointer_are_read_from_the_stream() {
    let (endpoints, explorer) = reach().await;
    let stream = archived_stream(&endpoints, 1).await;
    stream.put_all(&orders(30)).await;
    let mut records = stream.records().await;
    records.sort_by_key(|record| SequenceNumber::parse(record.sequence_number.clone()).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let pointer = |records: &[ReadRecord], more: usize| {
        let mut batch = batch_of(&stream, records);
        batch.as_object_mut().unwrap().remove("payload");
        batch["KinesisBatchInfo"]["batchSize"] = json!(records.len() + more);
        batch.to_string()
    };
    std::fs::write(folder.path().join("1-whole"), pointer(&records[5..20], 0)).unwrap();
    std::fs::write(folder.path().join("2-partly-gone"), pointer(&records[18..25], 3)).unwrap();
    let place = folder.path().to_str().unwrap();

    let finished = explorer.run(&["recover", place, "--archive", "--yes", "--output", "json"]).await;
    assert!(finished.sentence(1).contains("1 batch stays with records that are not archived"), "{finished:#?}");
    let outcomes: Vec<Value> = finished.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let counts = |outcome: &Value| ["archived", "present", "failed"].map(|name| outcome[name].as_u64().unwrap());
    assert_eq!((counts(&outcomes[0]), counts(&outcomes[1])), ([15, 0, 0], [5, 2, 3]));
    let reason = outcomes[1]["reason"].as_str().unwrap();
    assert_eq!(reason, "the batch is only a pointer, and the stream no longer has 3 of its records");
    let items = stream.items_by_number("ALL").await;
    assert_eq!(items.len(), 20);
    for record in &records[5..25] {
        let item = &items[&(record.partition_key.clone(), record.sequence_number.clone())];
        assert_eq!(text(item, "recordData"), record.data());
        assert_eq!(text(item, "shardId"), "shardId-000000000000");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_is_as_good_as_a_bucket_and_a_stream_can_be_chosen() {
    let (endpoints, explorer) = reach().await;
    let folder = tempfile::tempdir().unwrap();
    let mut streams = Vec::new();
    for number in ["9", "10"] {
        let stream = archived_stream(&endpoints, 1).await;
        let path = folder.path().join("aws/lambda").join(&stream.name);
        std::fs::create_dir_all(&path).unwrap();
        let batch = batch_of(&stream, &[ReadRecord::new("cust-1", number, b"paid")]);
        std::fs::write(path.join("batch"), batch.to_string()).unwrap();
        streams.push(stream);
    }
    let place = folder.path().to_str().unwrap();
    let chosen = ["recover", place, "--stream", &streams[0].name];
    assert_eq!(explorer.json_lines(&chosen).await.len(), 1);
    let recovered = explorer.json_lines(&[&chosen[..], &["--archive", "--yes"]].concat()).await;
    assert_eq!((recovered.len(), &recovered[0]["archived"]), (1, &json!(1)));
    assert_eq!((streams[0].items("ALL").await.len(), streams[1].items("ALL").await.len()), (1, 0));
    let without_aws = explorer.with("AWS_ENDPOINT_URL_KINESIS", "http://127.0.0.1:9");
    assert_eq!(without_aws.json_lines(&["recover", place]).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recovering_asks_first_and_names_what_is_wrong() {
    let (endpoints, explorer, bucket) = reach_with_bucket().await;
    let stream = TestStream::create(&endpoints, 1).await;
    let batch = batch_of(&stream, &[ReadRecord::new("cust-1", "9", b"paid")]);
    bucket.put(&key(&batch, 0), batch.to_string()).await;
    let place = bucket.place();
    for (arguments, code, sentence) in [
        (vec!["recover", &place, "--archive"], 2, "there is no terminal to confirm on; add --yes"),
        (vec!["recover", &place, "--archive", "--yes", "--read-only"], 2, "--read-only is set: nothing can be changed"),
        (
            vec!["recover", &place, "--archive", "--yes", "--local"],
            2,
            "the archive of --local is gone when the command ends; add --data-dir",
        ),
        (vec!["recover", "s3://no-such-bucket-here"], 1, "cannot list the objects of bucket no-such-bucket-here: "),
        (vec!["recover", "/no/such/folder"], 1, "cannot list folder /no/such/folder: No such file or directory"),
        (
            vec!["recover", "failed-records"],
            1,
            "cannot list folder failed-records: No such file or directory (os error 2); if you mean a bucket, write s3://failed-records",
        ),
    ] {
        let finished = explorer.run(&arguments).await;
        assert!(finished.sentence(code).starts_with(sentence), "{finished:#?}");
    }
    let unclear = explorer.run(&["recover", "s3://"]).await;
    assert_eq!(unclear.code, Some(2));
    assert!(unclear.stderr.contains("\"s3://\" is not a bucket; use s3://BUCKET"), "{unclear:#?}");
    let other_key = explorer.with("AWS_SECRET_ACCESS_KEY", &format!("not {KEY}"));
    if std::env::var(end_to_end::bucket::S3_URL).is_err() {
        let finished = other_key.run(&["recover", &place]).await;
        assert!(finished.sentence(1).contains("AWS refuses the credentials of AWS_ACCESS_KEY_ID"), "{finished:#?}");
    }
}
