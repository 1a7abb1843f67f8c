//! The function's log: one line for each batch, which CloudWatch reads as metrics, and never a payload.

use archiver::format::aggregate::aggregate;
use archiver::format::envelope::{Envelope, Separator};
use archiver::format::settings::ArchiveMode;
use archiver::function::report::{DIMENSION, FUNCTION_DIMENSION, METRICS, NAMESPACE};
use end_to_end::bootstrap::Bootstrap;
use end_to_end::endpoints::Endpoints;
use end_to_end::event::{ReadRecord, event_of, noise};
use end_to_end::fault_proxy::{Fault, FaultProxy, Kind, Refusal};
use end_to_end::function::Way;
use end_to_end::stream::{Keys, TestStream};
use end_to_end::wait::eventually;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

const MODES: [(&str, Keys); 2] = [("ALL", Keys::OfModeAll), ("LATEST", Keys::OfModeLatest)];
/// Metrics that depend only on the machine.
const MEASURED: [&str; 3] = ["milliseconds", "write_units", "newest_record_age"];

async fn start(endpoints: &Endpoints) -> Bootstrap {
    let Way::Binary(binary) = crate::binary() else { unreachable!("the binary is asked for") };
    Bootstrap::start(endpoints, &binary).await
}

async fn archived(endpoints: &Endpoints, mode: &str, keys: Keys, tags: &[(&str, &str)]) -> TestStream {
    let tags = [&[("StreamArchiveMode", mode)], tags].concat();
    let stream = TestStream::archived(endpoints, 1, &tags, mode, keys).await;
    stream.create_parts_table().await;
    stream
}

/// The log's reports, once there are this many; each line is JSON.
async fn reports(function: &Bootstrap, count: usize) -> Vec<Value> {
    let reports = || -> Vec<Value> {
        let log = function.log();
        let lines = log.iter().map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}")));
        lines.filter(|line| line.get("_aws").is_some()).collect()
    };
    let found = eventually("every batch is reported", || async { Some(reports()).filter(|found| found.len() >= count) }).await;
    assert_eq!(found.len(), count, "{found:#?}");
    found
}

/// CloudWatch accepts the report, and it has these counts; all others are 0. Source: CloudWatch user guide, embedded metric format
/// specification.
fn assert_reports(report: &Value, stream: &TestStream, message: &str, counts: &[(&str, usize)]) {
    let directives = report["_aws"]["CloudWatchMetrics"].as_array().expect("a list of directives");
    let dimensions = [json!([[DIMENSION]]), json!([[FUNCTION_DIMENSION]])];
    assert_eq!(directives.iter().map(|directive| directive["Dimensions"].clone()).collect::<Vec<_>>(), dimensions);
    assert!(directives.iter().all(|directive| directive["Namespace"] == NAMESPACE), "{directives:#?}");
    assert_eq!((&report[DIMENSION], &report[FUNCTION_DIMENSION]), (&json!(stream.name), &json!("archiver")));
    let now = jiff::Timestamp::now().as_millisecond();
    let timestamp = report["_aws"]["Timestamp"].as_i64().expect("milliseconds");
    assert!((now - 600_000..=now).contains(&timestamp), "{timestamp}");
    let metrics = directives[0]["Metrics"].as_array().expect("a list of metrics");
    for metric in metrics {
        let name = metric["Name"].as_str().expect("a name");
        assert!(report[name].is_number(), "{name}: {report}");
    }
    let names: BTreeSet<&str> = metrics.iter().filter_map(|metric| metric["Name"].as_str()).collect();
    assert_eq!(names, METRICS.iter().map(|(name, _)| *name).collect());
    for (name, _) in METRICS.iter().filter(|(name, _)| !MEASURED.contains(name)) {
        let expected = counts.iter().find(|(counted, _)| counted == name).map_or(0, |(_, count)| *count);
        assert_eq!(report[*name], expected, "{name}: {report:#}");
    }
    assert_eq!(report["message"], message, "{report:#}");
    assert!(report["write_units"].as_f64().is_some() && report["newest_record_age"].as_u64().is_some_and(|age| age > 0));
}

#[tokio::test]
async fn each_batch_is_one_line_with_its_counts() {
    let endpoints = Endpoints::start().await;
    for (mode, keys) in MODES {
        let stream = archived(&endpoints, mode, keys, &[("ArchiveCompression", "gzip"), ("ArchiveReplays", "skip")]).await;
        let function = start(&endpoints).await;
        let envelope = Envelope {
            original_approximate_arrival_timestamp: "1545084650.987".to_owned(),
            original_shard_id: "shardId-000000000006".to_owned(),
            original_sequence_number: "4959".to_owned(),
            original_stream_name: None,
        };
        let replay = envelope.wrap(&Separator::default(), b"older").expect("an envelope is JSON");
        let records = [
            ReadRecord::new("cust-1", "9", b"{}"),
            ReadRecord::new("cust-1", "10", b"{}"),
            ReadRecord::new("cust-2", "11", &[b'x'; 2_000]),
            ReadRecord::new("cust-3", "12", &noise(400_000, 1)),
            ReadRecord::new("cust-4", "13", &replay),
            ReadRecord::new("a", "14", &aggregate(&[("cust-5", None, b"{}"), ("cust-1", None, b"{}"), ("cust-6", None, b"{}")])),
        ];

        for _ in 0..2 {
            let answer = function.invoke(&event_of(&stream, &records)).await.expect("an answer");
            assert_eq!(answer, json!({ "batchItemFailures": [] }));
        }

        let reports = reports(&function, 2).await;
        let of_batch = [("records", 6), ("skipped", 1), ("compressed", 1), ("split", 1)];
        let (first, again) = match mode {
            "ALL" => (vec![("user_records", 6), ("archived", 5)], vec![("user_records", 6), ("archived", 5)]),
            _ => {
                let counts = |archived, superseded| vec![("user_records", 8), ("archived", archived), ("superseded", superseded)];
                (counts(5, 2), counts(0, 7))
            }
        };
        let [first, again] = [first, again].map(|counts| [&of_batch[..], &counts].concat());
        assert_reports(&reports[0], &stream, "batch archived", &first);
        assert_reports(&reports[1], &stream, "batch archived", &again);
        assert!(reports.iter().all(|report| report["table"] == stream.table(mode) && report["level"] == "INFO"));
        // Archived batches log nothing else.
        assert_eq!(function.log().len(), 2, "{:#?}", function.log());
    }
}

#[tokio::test]
async fn a_batch_of_two_streams_is_one_line_for_each() {
    let endpoints = Endpoints::start().await;
    let one = archived(&endpoints, "ALL", Keys::OfModeAll, &[]).await;
    let other = archived(&endpoints, "LATEST", Keys::OfModeLatest, &[]).await;
    let function = start(&endpoints).await;
    let of_one = (1..=3).map(|number| ReadRecord::new("cust-1", &number.to_string(), b"{}").to_event_record(&one.arn));
    let of_other = (1..=2).map(|number| ReadRecord::new("cust-1", &number.to_string(), b"{}").to_event_record(&other.arn));
    let event = json!({ "Records": of_one.chain(of_other).collect::<Vec<_>>() });

    function.invoke(&event.to_string()).await.expect("an answer");

    let reports = reports(&function, 2).await;
    let [of_one, of_other] =
        [&one, &other].map(|stream| reports.iter().find(|line| line["stream"] == stream.name).expect("a line"));
    assert_reports(of_one, &one, "batch archived", &[("records", 3), ("user_records", 3), ("archived", 3)]);
    let counts = [("records", 2), ("user_records", 2), ("archived", 1), ("superseded", 1)];
    assert_reports(of_other, &other, "batch archived", &counts);
}

#[tokio::test]
async fn a_batch_that_is_archived_in_part_or_not_at_all_says_so() {
    let endpoints = Endpoints::start().await;
    for (mode, keys) in MODES {
        let stream = TestStream::archived(&endpoints, 1, &[("StreamArchiveMode", mode)], mode, keys).await;
        let function = start(&endpoints).await;
        let records = [ReadRecord::new("cust-1", "9", b"{}"), ReadRecord::new("cust-2", "10", &noise(400_000, 1))];
        let mut event: Value = serde_json::from_str(&event_of(&stream, &records)).expect("an event");
        let mut damaged = ReadRecord::new("cust-3", "11", b"").to_event_record(&stream.arn);
        damaged["kinesis"]["data"] = json!("no base64");
        event["Records"].as_array_mut().expect("a list").push(damaged);

        let answer = function.invoke(&event.to_string()).await.expect("an answer");
        let numbers: BTreeSet<&str> = answer["batchItemFailures"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|one| one["itemIdentifier"].as_str().expect("a number"))
            .collect();
        assert_eq!(numbers, ["10", "11"].into());
        stream.delete_table(mode).await;
        let error = function.invoke(&event_of(&stream, &records[..1])).await.expect_err("there is no table");
        assert_eq!(error.error_type, "TableMissing");
        assert!(error.message.contains(&stream.table(mode)), "{error:?}");

        let reports = reports(&function, 2).await;
        let counts = [("records", 3), ("user_records", 3), ("archived", 1), ("split", 1), ("failed", 2), ("oversize", 1)];
        assert_reports(&reports[0], &stream, "batch partly archived", &counts);
        assert_reports(&reports[1], &stream, "batch not archived", &[("records", 1), ("user_records", 1), ("failed", 1)]);
        assert!(reports.iter().all(|report| report["level"] == "WARN"));
    }
}

/// Recognisable in every text that may be logged, decoded or as base64.
const MARKER: &str = "iban DE02120300000000202051";

/// However a batch fails, no part of a payload appears in the log or in the answer to Lambda.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_payload_is_in_the_log_whatever_fails() {
    let endpoints = Endpoints::start().await;
    let spoils: [fn(&mut Value); 4] = [
        |record| record["kinesis"]["data"] = json!(MARKER),
        |record| record["kinesis"]["data"] = json!([MARKER]),
        |record| record["kinesis"]["data"] = json!({ "order": MARKER }),
        |record| {
            record["kinesis"].as_object_mut().expect("an object").remove("sequenceNumber");
        },
    ];
    for mode in [ArchiveMode::All, ArchiveMode::Latest] {
        let keys = if mode == ArchiveMode::All { Keys::OfModeAll } else { Keys::OfModeLatest };
        let stream = TestStream::archived(&endpoints, 1, &[("StreamArchiveMode", mode.as_str())], mode.as_str(), keys).await;
        let dynamodb = FaultProxy::start(&endpoints.dynamodb_url).await;
        let function = start(&Endpoints::at(endpoints.kinesis_url.clone(), dynamodb.url.clone())).await;
        // Its base64 appears in the payload's, because it starts at a multiple of three.
        let payload = MARKER.repeat(3).into_bytes();
        let large = [payload.clone(), noise(400_000, 1)].concat();
        let packed = aggregate(&[("cust-5", None, &payload), ("cust-6", None, &large)]);
        let records = [
            ReadRecord::new("cust-1", "9", &payload),
            ReadRecord::new("cust-2", "10", &large),
            ReadRecord::new("a", "11", &packed),
            ReadRecord::new("cust-3", "12", &payload),
        ];
        let event = event_of(&stream, &records);
        let mut told = Vec::new();
        let refusals =
            [Refusal::ThroughputExceeded, Refusal::ServerError, Refusal::AccessDenied, Refusal::NotFound, Refusal::KeyDisabled];
        for refusal in refusals {
            let forms: [fn(Refusal) -> Fault; 2] = [Fault::Refuse, Fault::RefuseEach];
            for form in forms {
                dynamodb.follow(move |call| match &call.kind {
                    Kind::Write(_) => form(refusal),
                    _ => Fault::Pass,
                });
                told.push(format!("{:?}", function.invoke_within(&event, Duration::from_millis(1_200)).await));
            }
        }
        dynamodb.follow(|call| match (&call.kind, call.number) {
            (Kind::Write(_), 0) => Fault::CutAfter,
            (Kind::Write(_), 1) => Fault::CutBefore,
            _ => Fault::Pass,
        });
        told.push(format!("{:?}", function.invoke(&event).await));
        dynamodb.heal();
        for spoil in spoils {
            let mut event: Value = serde_json::from_str(&event).expect("an event");
            spoil(&mut event["Records"][0]);
            told.push(format!("{:?}", function.invoke(&event.to_string()).await));
        }

        reports(&function, told.len()).await;
        let log = function.log();
        assert!(log.len() > told.len(), "failures are not logged");
        let marker_as_data = ReadRecord::new("", "", MARKER.as_bytes()).data();
        for line in log.iter().chain(&told) {
            for text in [MARKER, marker_as_data.trim_end_matches('=')] {
                assert!(!line.contains(text), "mode {mode}: {line}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_user_record_of_a_batch_that_fails_is_counted_once() {
    let endpoints = Endpoints::start().await;
    for (mode, keys) in MODES {
        let stream = TestStream::archived(&endpoints, 1, &[("StreamArchiveMode", mode)], mode, keys).await;
        let dynamodb = FaultProxy::start(&endpoints.dynamodb_url).await;
        let function = start(&Endpoints::at(endpoints.kinesis_url.clone(), dynamodb.url.clone())).await;
        let records: Vec<ReadRecord> = (7..12).map(|number| ReadRecord::new("cust-1", &number.to_string(), b"{}")).collect();
        dynamodb.follow(|call| match call.kind {
            Kind::Write(_) => Fault::Refuse(Refusal::ThroughputExceeded),
            _ => Fault::Pass,
        });

        function.invoke_within(&event_of(&stream, &records), Duration::from_millis(1_500)).await.expect("an answer");

        let reports = reports(&function, 1).await;
        assert_reports(&reports[0], &stream, "batch not archived", &[("records", 5), ("user_records", 5), ("failed", 5)]);
    }
}
