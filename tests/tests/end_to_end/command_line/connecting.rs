//! Connecting like the AWS CLI with the same files: credentials, certificates, permissions, ARNs; and answers that AWS never gives.

use super::{archived_stream, binary, reach_alone};
use axum::Router;
use end_to_end::command_line::{ArchivedItem, Explorer};
use end_to_end::endpoints::{Endpoints, REGION};
use end_to_end::fault_proxy::{Call, Fault, FaultProxy, Refusal};
use end_to_end::stream::TestStream;
use end_to_end::wait::eventually;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Value, json};
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// How soon the error must appear.
const PROMPT: Duration = Duration::from_secs(6);
const EXPIRED: &str = r#"{"__type":"ExpiredTokenException","message":"The security token included in the request is expired"}"#;

/// The files of the AWS CLI.
struct Files {
    folder: TempDir,
}

impl Files {
    fn with_config(text: &str) -> Self {
        let files = Self { folder: tempfile::tempdir().unwrap() };
        files.write("config", text);
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn write_keys(&self, key: &str) {
        let text = format!("[default]\naws_access_key_id = {key}\naws_secret_access_key = secret\naws_session_token = token\n");
        // Replaces the file as the AWS CLI does, so that no reader sees half of it.
        self.write("new", &text);
        fs::rename(self.path("new"), self.path("credentials")).unwrap();
    }

    /// The program with these files and no credentials in variables.
    fn read_by(&self, explorer: Explorer) -> Explorer {
        explorer
            .without("AWS_ACCESS_KEY_ID")
            .without("AWS_SECRET_ACCESS_KEY")
            .with("AWS_CONFIG_FILE", self.path("config").to_str().unwrap())
            .with("AWS_SHARED_CREDENTIALS_FILE", self.path("credentials").to_str().unwrap())
    }
}

async fn records_in(stream: &TestStream, endpoints: &Endpoints, count: usize) {
    for number in 0..count {
        let (key, number) = (format!("cust-{number}"), super::long_number(number));
        let item = ArchivedItem { key: &key, number: &number, arrival: "1545084650.987", payload: b"{}", expire_after: None };
        item.write(endpoints, &stream.table("ALL")).await;
    }
}

#[tokio::test]
async fn the_default_profile_may_take_its_time_as_a_named_one_may() {
    let (_endpoints, explorer) = reach_alone().await;
    let process = r#"sh -c 'sleep 3; echo "{\"Version\":1,\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"b\"}"'"#;
    let files = Files::with_config(&format!("[default]\ncredential_process = {process}\n"));
    let explorer = files.read_by(explorer);
    let finished = explorer.run(&["streams"]).await.succeeded();
    assert!(finished.stdout.starts_with("STREAM"), "{finished:#?}");
    assert_eq!(finished.stderr, "waiting for the credentials of profile default (credential_process); press ctrl-c to stop\n");

    let mut waiting = explorer.start(&["streams"]);
    assert!(waiting.said().await.starts_with("waiting for the credentials"));
    waiting.interrupt().await;
    waiting.ended().await;
}

#[tokio::test]
async fn why_there_are_no_credentials_is_said_of_the_default_profile_too() {
    let nowhere = || Explorer::of(binary(), &Endpoints::at("http://127.0.0.1:9".to_owned(), "http://127.0.0.1:9".to_owned()));
    let sso = "sso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Reader\n[sso-session corp]\nsso_region = eu-west-1\n\
               sso_start_url = https://example.awsapps.com/start\n";
    let failing = "credential_process = sh -c 'echo no session, log in >&2; exit 3'\n";
    for (profile, options) in [("default", &[][..]), ("dev", &["--profile", "dev"])] {
        let section = if profile == "default" { "[default]".to_owned() } else { format!("[profile {profile}]") };
        for (settings, parts) in [
            (sso, ["is not signed in to its SSO session", "aws sso login"]),
            (failing, ["credential_process of profile", "failed (exit status: 3): no session, log in"]),
        ] {
            let files = Files::with_config(&format!("{section}\nregion = eu-west-1\n{settings}"));
            let finished = files.read_by(nowhere()).run(&[&["streams"], options].concat()).await;
            let sentence = finished.sentence(1);
            assert!(parts.iter().all(|part| sentence.contains(part)) && sentence.contains(profile), "{sentence}");
            assert!(finished.took < PROMPT, "{finished:#?}");
        }
    }
    // The name of the file is the SHA-1 of the session's.
    let files = Files::with_config(&format!("[default]\nregion = eu-west-1\n{sso}"));
    let cache = files.path(".aws/sso/cache");
    fs::create_dir_all(&cache).unwrap();
    let token = r#"{"startUrl":"https://example.awsapps.com/start","region":"eu-west-1","accessToken":"made-up","expiresAt":"2020-01-01T00:00:00Z"}"#;
    fs::write(cache.join("ee0bfd2552fbd840c02cc48b6e823320543c450f.json"), token).unwrap();
    let finished = files.read_by(nowhere()).with("HOME", files.folder.path().to_str().unwrap()).run(&["streams"]).await;
    let sentence = finished.sentence(1);
    assert_eq!(sentence, "cannot connect: the SSO session of profile default has expired; sign in with: aws sso login");

    let files = Files::with_config("[default]\nregion = eu-west-1\nnonsense\n");
    let finished = files.read_by(nowhere()).run(&["streams"]).await;
    let sentence = finished.sentence(1);
    assert!(sentence.contains("/config on line 3: "), "{sentence}");

    let files = Files::with_config("[profile prod]\nregion = eu-west-1\n");
    let finished = files.read_by(nowhere()).with("AWS_PROFILE", "nobody").run(&["streams"]).await;
    let sentence = finished.sentence(1);
    assert!(sentence.contains("there is no profile nobody in ") && sentence.ends_with("; there are: prod"), "{sentence}");
    assert!(sentence.contains("credentials (AWS_SHARED_CREDENTIALS_FILE, which does not exist)"), "{sentence}");
}

#[tokio::test]
async fn a_profile_that_wants_a_code_says_so() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let sts = format!("http://{}", listener.local_addr().unwrap());
    let denied = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>MultiFactorAuthentication failed\
                  </Message></Error><RequestId>1</RequestId></ErrorResponse>";
    let router = Router::new().fallback(move || async move { (axum::http::StatusCode::FORBIDDEN, denied) });
    tokio::spawn(async move { axum::serve(listener, router).await });
    let role = "role_arn = arn:aws:iam::123456789012:role/admin\nsource_profile = base\n";
    let base = "[profile base]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = made-up\n";
    for (mfa, part) in [
        (
            "mfa_serial = arn:aws:iam::123456789012:mfa/someone\n",
            "profile admin needs an MFA code (mfa_serial), which explorer cannot ask for",
        ),
        ("", "profile admin cannot assume arn:aws:iam::123456789012:role/admin: AccessDenied: MultiFactorAuthentication failed"),
    ] {
        let files = Files::with_config(&format!("[profile admin]\nregion = eu-west-1\n{role}{mfa}{base}"));
        let explorer = files.read_by(Explorer::bare(binary())).with("AWS_ENDPOINT_URL_STS", &sts);
        let finished = explorer.run(&["streams", "--profile", "admin"]).await;
        let sentence = finished.sentence(1);
        assert!(sentence.contains(part), "{sentence}");
        assert_eq!(sentence.contains("aws configure export-credentials --profile admin"), !mfa.is_empty(), "{sentence}");
    }
}

/// A proxy that refuses the key `AKIDOLD` for the selected calls.
async fn refusing_the_old_key(url: &str, operation: &'static str) -> FaultProxy {
    let proxy = FaultProxy::start(url).await;
    proxy.follow(move |call| {
        let is_meant = operation.is_empty() || call.operation == operation;
        if is_meant && call.key == "AKIDOLD" { Fault::Say(400, EXPIRED.to_owned()) } else { Fault::Pass }
    });
    proxy
}

#[tokio::test]
async fn keys_in_a_file_are_read_again_when_aws_refuses_them() {
    let (endpoints, explorer) = reach_alone().await;
    let stream = archived_stream(&endpoints, 1).await;
    let files = Files::with_config("");
    files.write_keys("AKIDOLD");
    let kinesis = FaultProxy::start(&endpoints.kinesis_url).await;
    let explorer = files.read_by(explorer).with("AWS_ENDPOINT_URL_KINESIS", &kinesis.url);
    let mut tail = explorer.start(&["tail", &stream.name, "--output", "json"]);
    assert!(tail.said().await.contains("following stream"));
    files.write_keys("AKIDNEW");
    kinesis.follow(|call| if call.key == "AKIDOLD" { Fault::Say(400, EXPIRED.to_owned()) } else { Fault::Pass });
    stream.put("cust-1", b"{}").await;
    let record: Value = serde_json::from_str(&tail.printed().await).unwrap();
    assert_eq!(record["partition_key"], "cust-1");
    tail.interrupt().await;
    tail.ended().await;

    // If the credentials were not renewed, the error comes soon.
    files.write_keys("AKIDOLD");
    let dynamodb = refusing_the_old_key(&endpoints.dynamodb_url, "").await;
    let explorer = explorer.with("AWS_ENDPOINT_URL_DYNAMODB", &dynamodb.url);
    for command in [&["records", &stream.name][..], &["streams"], &["tail", &stream.name]] {
        let finished = explorer.run(command).await;
        let sentence = finished.sentence(1);
        assert!(sentence.contains("AWS refuses the credentials of profile default: ExpiredTokenException: "), "{sentence}");
        assert!(sentence.contains("renew them") && finished.took < PROMPT, "{finished:#?}");
    }
}

#[tokio::test]
async fn a_replay_goes_on_when_its_keys_were_renewed() {
    let (endpoints, explorer) = reach_alone().await;
    let source = archived_stream(&endpoints, 1).await;
    let target = TestStream::create(&endpoints, 1).await;
    records_in(&source, &endpoints, 3).await;
    let files = Files::with_config("");
    files.write_keys("AKIDOLD");
    let kinesis = refusing_the_old_key(&endpoints.kinesis_url, "PutRecords").await;
    let explorer = files.read_by(explorer).with("AWS_ENDPOINT_URL_KINESIS", &kinesis.url);
    let mut running = explorer.start(&["replay", "run", &source.name, "--to", &target.name, "--yes", "--output", "json"]);
    kinesis.until("a put was refused", |seen| seen.iter().any(|seen| seen.call.operation == "PutRecords")).await;
    files.write_keys("AKIDNEW");
    let replayed: Value = serde_json::from_str(&running.printed().await).unwrap();
    assert_eq!((&replayed["state"], &replayed["sent"]), (&json!("finished"), &json!(3)), "{replayed}");
    assert_eq!(target.records().await.len(), 3);
}

#[tokio::test]
async fn who_reads_one_archive_needs_neither_a_list_of_streams_nor_kinesis() {
    let (endpoints, explorer) = reach_alone().await;
    let stream = archived_stream(&endpoints, 1).await;
    records_in(&stream, &endpoints, 2).await;
    let kinesis = FaultProxy::start(&endpoints.kinesis_url).await;
    let explorer = explorer.with("AWS_ENDPOINT_URL_KINESIS", &kinesis.url);
    let limit = r#"{"__type":"LimitExceededException","message":"Rate exceeded for stream limits"}"#;
    kinesis.follow(move |call| if call.operation == "ListStreams" { Fault::Say(400, limit.to_owned()) } else { Fault::Pass });
    let export = tempfile::tempdir().unwrap();
    let file = export.path().join("orders.jsonl");
    let commands: [&[&str]; 3] = [
        &["get", &stream.name, "cust-1", "--output", "json"],
        &["records", &stream.name],
        &["export", &stream.name, "--to", file.to_str().unwrap(), "--overwrite"],
    ];
    for command in commands {
        let finished = explorer.run(command).await.succeeded();
        assert!(!finished.stderr.contains("found by its name"), "{finished:#?}");
    }
    assert!(kinesis.seen().iter().all(|seen| seen.call.operation != "ListStreams"), "no command asks for what it does not need");

    kinesis.follow(|_| Fault::Refuse(Refusal::AccessDenied));
    for command in commands {
        let finished = explorer.run(command).await.succeeded();
        let note = format!("reading table {}, found by its name, because: ", stream.table("ALL"));
        assert!(finished.stderr.contains(&note) && finished.stderr.contains("kinesis:DescribeStreamSummary"), "{finished:#?}");
    }
    let missing = explorer.run(&["records", "no-such-stream"]).await;
    assert!(missing.sentence(1).contains("it needs the permission kinesis:DescribeStreamSummary"), "{missing:#?}");
}

/// An authority, and a TLS server with its certificate that passes everything on.
async fn behind_tls(url: &str) -> (String, String) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![server.der().clone()], PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())))
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let behind: SocketAddr = url.trim_start_matches("http://").parse().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // A client that does not trust it closes the connection.
                let Ok(mut outside) = acceptor.accept(stream).await else { return };
                let mut inside = TcpStream::connect(behind).await.unwrap();
                tokio::io::copy_bidirectional(&mut outside, &mut inside).await.ok();
            });
        }
    });
    (format!("https://localhost:{port}"), authority.pem())
}

#[tokio::test]
async fn the_certificates_that_the_aws_cli_trusts_are_trusted() {
    let (endpoints, explorer) = reach_alone().await;
    let stream = archived_stream(&endpoints, 1).await;
    records_in(&stream, &endpoints, 1).await;
    let (kinesis, authority) = behind_tls(&endpoints.kinesis_url).await;
    let (dynamodb, other) = behind_tls(&endpoints.dynamodb_url).await;
    let files = Files::with_config("");
    files.write("ca.pem", &format!("# our own\n{authority}{other}"));
    let bundle = files.path("ca.pem");
    let explorer = explorer.with("AWS_ENDPOINT_URL_KINESIS", &kinesis).with("AWS_ENDPOINT_URL_DYNAMODB", &dynamodb);
    let refused = explorer.run(&["streams"]).await;
    let sentence = refused.sentence(1);
    assert!(sentence.contains("ertificate") && sentence.contains("AWS_CA_BUNDLE") && refused.took < PROMPT, "{sentence}");

    let explorer = explorer.with("AWS_CA_BUNDLE", bundle.to_str().unwrap());
    let streams = explorer.json(&["streams"]).await;
    assert_eq!(streams[0]["health"], "ok");
    drop(explorer.run(&["get", &stream.name, "cust-0"]).await.succeeded());
    let missing = explorer.with("AWS_CA_BUNDLE", "/nowhere/ca.pem");
    let sentence = missing.run(&["streams"]).await.sentence(1).to_owned();
    assert_eq!(
        sentence,
        "cannot connect: AWS_CA_BUNDLE names /nowhere/ca.pem, which cannot be read: No such file or directory (os error 2)"
    );
    files.write("config", &format!("[default]\nca_bundle = {}\n", bundle.display()));
    let of_profile = missing.without("AWS_CA_BUNDLE").with("AWS_CONFIG_FILE", files.path("config").to_str().unwrap());
    drop(of_profile.run(&["records", &stream.name]).await.succeeded());
}

#[tokio::test]
async fn a_stream_may_be_named_by_its_arn() {
    let (endpoints, explorer) = reach_alone().await;
    let stream = archived_stream(&endpoints, 1).await;
    let target = TestStream::create(&endpoints, 1).await;
    records_in(&stream, &endpoints, 2).await;
    let arn = stream.arn.as_str();
    let records = explorer.json_lines(&["records", arn]).await;
    assert_eq!((records.len(), &records[0]["stream"]), (2, &json!(stream.name)));
    drop(explorer.run(&["get", &format!("{arn}/consumer/audit:1700000000"), "cust-1"]).await.succeeded());
    let configured = explorer.json(&["configure", arn, "--mode", "ALL", "--yes"]).await;
    assert_eq!(configured["stream"], stream.name.as_str());
    let replayed = explorer.json(&["replay", "run", arn, "--to", &target.arn, "--yes"]).await;
    assert_eq!((&replayed["stream"], &replayed["target"]), (&json!(stream.name), &json!(target.name)), "{replayed}");
    let home = explorer.json(&["replay", "plan", arn, "--to", arn]).await;
    let warnings = home["warnings"].to_string();
    assert!(warnings.contains("The target is the source"), "{home}");

    for (text, reason) in [
        ("arn:aws:kinesis:us-east-1:12345:stream/orders", "is not an account"),
        ("arn:aws:dynamodb:us-east-1:123456789012:table/orders", "the service \"dynamodb\""),
    ] {
        let replay = ["replay", "plan", "orders", "--to", text];
        for command in [&["records", text][..], &["tail", text], &["configure", text, "--remove"], &replay] {
            let finished = explorer.run(command).await;
            assert_eq!(finished.code, Some(2), "{finished:#?}");
            assert!(finished.stderr.contains(reason), "{finished:#?}");
        }
    }
    let elsewhere = format!("arn:aws:kinesis:eu-central-1:123456789012:stream/{}", stream.name);
    let finished = explorer.run(&["records", &elsewhere]).await;
    assert!(
        finished.sentence(1).ends_with("it is in region eu-central-1, but this is us-east-1; add --region eu-central-1"),
        "{finished:#?}"
    );
}

#[tokio::test]
async fn a_stream_of_another_account_is_called_by_its_arn() {
    let (endpoints, explorer) = reach_alone().await;
    let source = archived_stream(&endpoints, 1).await;
    let target = TestStream::create(&endpoints, 1).await;
    records_in(&source, &endpoints, 2).await;
    let foreign = format!("arn:aws:kinesis:{REGION}:999999999999:stream/{}", target.name);
    let kinesis = FaultProxy::start(&endpoints.kinesis_url).await;
    // Kinesis describes a stream in another account only by its ARN.
    let described = foreign.clone();
    kinesis.follow(move |call| match (call.operation.as_str(), call.body["StreamARN"].as_str()) {
        ("DescribeStreamSummary", Some(arn)) if arn == described => Fault::Say(
            200,
            json!({ "StreamDescriptionSummary": {
                "StreamARN": arn, "StreamName": call.body["StreamName"], "StreamStatus": "ACTIVE", "RetentionPeriodHours": 24,
                "StreamCreationTimestamp": 1_700_000_000, "OpenShardCount": 1, "EnhancedMonitoring": [],
            } })
            .to_string(),
        ),
        ("ListTagsForStream", Some(arn)) if arn == described => Fault::Refuse(Refusal::AccessDenied),
        _ => Fault::Pass,
    });
    let explorer = explorer.with("AWS_ENDPOINT_URL_KINESIS", &kinesis.url);
    let replayed = explorer.json(&["replay", "run", &source.name, "--to", &foreign, "--yes"]).await;
    assert_eq!((&replayed["target"], &replayed["sent"]), (&json!(foreign), &json!(2)), "{replayed}");
    let mut tail = explorer.start(&["tail", &foreign, "--since", "1h"]);
    assert!(tail.said().await.contains(&foreign));
    kinesis.until("records are read", |seen| seen.iter().any(|seen| seen.call.operation == "GetRecords")).await;
    tail.interrupt().await;
    tail.ended().await;
    let seen = kinesis.seen();
    let by_arn = |call: &Call| call.body["StreamARN"] == foreign.as_str();
    for operation in ["PutRecords", "ListShards", "GetShardIterator", "GetRecords"] {
        let calls: Vec<_> = seen.iter().filter(|seen| seen.call.operation == operation).collect();
        assert!(!calls.is_empty() && calls.iter().all(|seen| by_arn(&seen.call)), "{operation}");
    }
    for command in [&["records", &foreign][..], &["configure", &foreign, "--mode", "ALL", "--yes"]] {
        let finished = explorer.run(command).await;
        let sentence = finished.sentence(1);
        assert!(sentence.contains("account 999999999999") && sentence.contains("use a profile of that account"), "{sentence}");
    }
}

#[tokio::test]
async fn an_archive_outlives_its_stream() {
    let (endpoints, explorer) = reach_alone().await;
    let stream = archived_stream(&endpoints, 1).await;
    let target = TestStream::create(&endpoints, 1).await;
    records_in(&stream, &endpoints, 3).await;
    endpoints.kinesis.delete_stream().stream_name(&stream.name).send().await.unwrap();
    eventually("the stream is deleted", || async {
        let described = endpoints.kinesis.describe_stream_summary().stream_name(&stream.name).send().await;
        described.is_err().then_some(())
    })
    .await;

    let listed = explorer.json(&["streams"]).await;
    let found = listed.as_array().unwrap().iter().find(|found| found["name"] == stream.name.as_str()).unwrap();
    let fields = ["health", "mode", "table", "status", "arn", "problem"].map(|field| found[field].clone());
    let table = stream.table("ALL");
    assert_eq!(fields, [json!("stream_deleted"), json!("ALL"), json!(table), Value::Null, Value::Null, Value::Null], "{found}");
    let people = explorer.run(&["streams", "--check"]).await.succeeded();
    assert!(people.stdout.lines().any(|line| line.starts_with(&stream.name) && line.ends_with("stream deleted")), "{people:#?}");

    assert_eq!(explorer.json_lines(&["records", &stream.name]).await.len(), 3);
    drop(explorer.run(&["get", &stream.name, "cust-1"]).await.succeeded());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("orders.jsonl");
    let exported = explorer.json(&["export", &stream.name, "--to", file.to_str().unwrap()]).await;
    assert_eq!(exported["records"], 3);
    let replayed = explorer.json(&["replay", "run", &stream.name, "--to", &target.name, "--yes"]).await;
    assert_eq!((&replayed["state"], &replayed["sent"]), (&json!("finished"), &json!(3)));
    for command in [&["configure", &stream.name, "--mode", "ALL", "--yes"][..], &["tail", &stream.name]] {
        let finished = explorer.run(command).await;
        assert_eq!(finished.sentence(3), format!("stream {} was deleted, and only its archive is left", stream.name));
    }
    let into = explorer.run(&["replay", "plan", &target.name, "--to", &stream.name]).await;
    assert_ne!(into.code, Some(0), "{into:#?}");

    // A user who may not list tables still sees the streams.
    let dynamodb = FaultProxy::start(&endpoints.dynamodb_url).await;
    dynamodb.follow(|call| if call.operation == "ListTables" { Fault::Refuse(Refusal::AccessDenied) } else { Fault::Pass });
    let listed = explorer.with("AWS_ENDPOINT_URL_DYNAMODB", &dynamodb.url).run(&["streams"]).await.succeeded();
    assert!(listed.stdout.contains(&target.name) && !listed.stdout.contains(&stream.name), "{listed:#?}");
}

#[tokio::test]
async fn problems_of_streams_are_told_by_the_exit_code_when_asked() {
    let (endpoints, explorer) = reach_alone().await;
    archived_stream(&endpoints, 1).await;
    drop(explorer.run(&["streams", "--check"]).await.succeeded());
    let stream = TestStream::create(&endpoints, 1).await;
    stream.tag(&[("StreamArchiveMode", "ALL")]).await;
    let finished = explorer.run(&["streams", "--check"]).await;
    assert_eq!(finished.sentence(4), "1 of 2 streams has a problem");
    assert!(finished.stderr.contains("its table does not exist") && finished.stdout.contains("no table"), "{finished:#?}");
    let as_json = explorer.run(&["streams", "--check", "--output", "json"]).await;
    assert_eq!((as_json.code, as_json.json().as_array().unwrap().len()), (Some(4), 2));
    drop(explorer.run(&["streams"]).await.succeeded());
}

#[tokio::test]
async fn an_answer_without_content_is_never_taken_for_all_there_is() {
    let (endpoints, explorer) = reach_alone().await;
    let stream = archived_stream(&endpoints, 1).await;
    records_in(&stream, &endpoints, 2).await;
    let dynamodb = FaultProxy::start(&endpoints.dynamodb_url).await;
    let kinesis = FaultProxy::start(&endpoints.kinesis_url).await;
    let explorer = explorer.with("AWS_ENDPOINT_URL_DYNAMODB", &dynamodb.url).with("AWS_ENDPOINT_URL_KINESIS", &kinesis.url);
    let records = ["records", stream.name.as_str()];
    let of_key = ["records", stream.name.as_str(), "key:cust-1"];
    let get = ["get", stream.name.as_str(), "cust-1"];
    let streams = ["streams"];
    for (operation, command) in [
        ("Scan", &records[..]),
        ("Query", &of_key),
        ("Query", &get),
        ("DescribeTable", &records),
        ("ListStreams", &streams),
        ("ListTagsForStream", &records),
        ("DescribeStreamSummary", &records),
    ] {
        for (status, body) in [(200, "{}"), (200, ""), (204, ""), (200, r#"{"Count":0}"#)] {
            let script =
                move |call: &Call| if call.operation == operation { Fault::Say(status, body.to_owned()) } else { Fault::Pass };
            dynamodb.follow(script);
            kinesis.follow(script);
            let finished = explorer.run(command).await;
            let sentence = finished.sentence(1);
            assert!(sentence.contains(&format!("the answer to {operation} has no ")), "{status} {body:?}: {sentence}");
        }
    }
    // Whatever replaces an answer's content, and whatever its size.
    let padded = format!(r#"{{"Padding":"{}"}}"#, "x".repeat(70_000));
    let target = TestStream::create(&endpoints, 1).await;
    let replay = ["replay", "run", stream.name.as_str(), "key:cust-1", "--to", target.name.as_str(), "--yes", "--patience", "1s"];
    let item = r#"{"partitionKey":{"S":"cust-1"}}"#;
    for (operation, body, command, words) in [
        ("Scan", r#"{"ScannedCount":0,"Count":0,"Items":null}"#, &records[..], "has no list of items"),
        ("Scan", r#"{"ScannedCount":null,"Count":null,"Items":null}"#, &records, "the answer to Scan has no ScannedCount"),
        ("Scan", r#"{"ScannedCount":100,"Count":100,"Items":[]}"#, &records, "the answer to Scan counts 100 items but has none"),
        ("Scan", r#"{"ScannedCount":1,"Count":1,"Items":[{}]}"#, &records, "the answer to Scan has an item without partitionKey"),
        ("Scan", padded.as_str(), &records, "the answer to Scan has no ScannedCount"),
        ("Scan", "null", &records, "the answer to Scan is not what DynamoDB sends"),
        ("Query", r#"{"ScannedCount":0,"Count":0}"#, &get, "has no list of items"),
        ("Query", &format!(r#"{{"ScannedCount":2,"Count":2,"Items":[{item}]}}"#), &of_key, "counts 2 items but has 1"),
        ("DescribeTable", r#"{"Table":null}"#, &records, "the answer to DescribeTable has no Table"),
        ("DescribeTable", r#"{"Table":{"TableName":"t","TableStatus":"ACTIVE"}}"#, &records, "has no KeySchema"),
        ("ListStreams", r#"{"StreamNames":null,"HasMoreStreams":false}"#, &streams, "has no StreamNames"),
        ("ListStreams", r#"{"StreamNames":[],"HasMoreStreams":true}"#, &streams, "there are more streams, but names none"),
        ("ListTagsForStream", r#"{"Tags":null,"HasMoreTags":false}"#, &records, "has no Tags"),
        ("ListTagsForStream", r#"{"Tags":[{}],"HasMoreTags":false}"#, &records, "has no Key"),
        ("ListTagsForStream", r#"{"Tags":[],"HasMoreTags":true}"#, &records, "there are more tags, but has none"),
        ("ListShards", "<html>", &replay, "the answer to ListShards is not what Kinesis sends"),
        ("ListShards", r#"{"Shards":[]}"#, &replay, "Kinesis lists no shard"),
        ("PutRecords", r#"{"FailedRecordCount":0,"Records":[{"SequenceNumber":"","ShardId":""}]}"#, &replay, "took nothing"),
        ("PutRecords", r#"{"FailedRecordCount":0,"Records":[]}"#, &replay, "the answer to PutRecords has 0 results"),
    ] {
        let said = body.to_owned();
        let script = move |call: &Call| if call.operation == operation { Fault::Say(200, said.clone()) } else { Fault::Pass };
        dynamodb.follow(script.clone());
        kinesis.follow(script);
        let finished = explorer.run(command).await;
        assert_eq!(finished.code, Some(1), "{operation} {finished:#?}");
        assert!(finished.stderr.contains(words), "{operation} {words}: {finished:#?}");
        assert!(!finished.stdout.contains("finished"), "{operation}: {finished:#?}");
    }
    kinesis.heal();
    // An incomplete list does not make a stream count as deleted.
    kinesis.follow(|call| match call.operation.as_str() {
        "ListStreams" => Fault::Say(200, r#"{"StreamNames":[],"HasMoreStreams":false}"#.to_owned()),
        _ => Fault::Pass,
    });
    dynamodb.heal();
    let listed = explorer.json(&["streams"]).await;
    let found = listed.as_array().unwrap().iter().find(|found| found["name"] == stream.name.as_str()).unwrap();
    assert_eq!(found["health"], "ok", "{found}");
    kinesis.heal();
    dynamodb.follow(|call| if call.operation == "ListTables" { Fault::Say(200, "null".to_owned()) } else { Fault::Pass });
    let told = explorer.run(&streams).await.succeeded();
    assert!(told.stderr.contains("archives of deleted streams may be missing from this list"), "{told:#?}");
    assert_eq!(explorer.run(&["streams", "--check"]).await.code, Some(1));

    let key = json!({ "partitionKey": { "S": "cust-1" }, "sequenceNumber": { "S": "1" } });
    let page = json!({ "Items": [], "Count": 0, "ScannedCount": 0, "LastEvaluatedKey": key }).to_string();
    dynamodb.follow(move |call| if call.operation == "Scan" { Fault::Say(200, page.clone()) } else { Fault::Pass });
    let endless = explorer.run(&records).await;
    assert!(endless.sentence(1).contains("DynamoDB returns the same pages again and again"), "{endless:#?}");

    let large = format!(r#"{{"Items":[],"Count":0,"ScannedCount":0,"Padding":"{}"}}"#, "x".repeat(17 * 1024 * 1024));
    dynamodb.follow(move |call| if call.operation == "Scan" { Fault::Say(200, large.clone()) } else { Fault::Pass });
    let too_large = explorer.run(&records).await;
    assert!(too_large.sentence(1).contains("the answer to Scan has more than 16 MiB"), "{too_large:#?}");
}

#[tokio::test]
async fn plain_http_to_other_machines_is_warned_of() {
    let (endpoints, explorer) = reach_alone().await;
    archived_stream(&endpoints, 1).await;
    let loopback = explorer.with("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
    assert_eq!(loopback.run(&["streams"]).await.succeeded().stderr, "");
    // The same sockets, at an address outside the loopback interface.
    let other = |url: &str| url.replace("127.0.0.1", "0.0.0.0");
    let (kinesis, dynamodb) = (other(&endpoints.kinesis_url), other(&endpoints.dynamodb_url));
    let explorer = loopback.with("AWS_ENDPOINT_URL_KINESIS", &kinesis).with("AWS_ENDPOINT_URL_DYNAMODB", &dynamodb);
    let warned = explorer.run(&["streams"]).await.succeeded().stderr;
    assert_eq!(
        warned,
        format!(
            "Warning: the connection to {kinesis} and {dynamodb} is not encrypted, so others on the network can read and change it; use https\n"
        )
    );
}
