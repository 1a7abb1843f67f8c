//! The template grants exactly what the code calls, to the function and to people who use the explorer. Its names match the code's.
//! `.ci/check_template.py` checks the translated template.

use archiver::format::settings::ArchiveMode;
use archiver::format::stream::StreamName;
use archiver::format::table::{archive_table_name, parts_table_name};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const TEMPLATE: &str = include_str!("../../../template.yaml");
const PERMISSIONS: &str = include_str!("../../../docs/permissions.md");

/// The function's files that call AWS: call names are in their targets, statements in the bodies.
const POSTED: &str = include_str!("../../../archiver/src/aws/post.rs");
const BODIES: &str = include_str!("../../../archiver/src/store/dynamodb/requests.rs");

/// The files of the explorer that only read.
const READING: [&str; 9] = [
    include_str!("../../../explorer/src/aws/archive.rs"),
    include_str!("../../../explorer/src/aws/connect.rs"),
    include_str!("../../../explorer/src/aws/description.rs"),
    include_str!("../../../explorer/src/aws/follow.rs"),
    include_str!("../../../explorer/src/aws/payload.rs"),
    include_str!("../../../explorer/src/aws/shard_reader.rs"),
    include_str!("../../../explorer/src/aws/reader/pages.rs"),
    include_str!("../../../explorer/src/aws/shards.rs"),
    include_str!("../../../explorer/src/aws/streams.rs"),
];
const CONFIGURING: &str = include_str!("../../../explorer/src/aws/configure.rs");
const REPLAYING: [&str; 2] =
    [include_str!("../../../explorer/src/aws/put.rs"), include_str!("../../../explorer/src/aws/shard_reader.rs")];
const RECOVERING: &str = include_str!("../../../explorer/src/aws/bucket.rs");

/// How the names of calls begin in the SDK.
const VERBS: [&str; 11] =
    ["add_", "batch_", "create_", "delete_", "describe_", "execute_", "get_", "list_", "put_", "remove_", "update_"];

type Actions = BTreeSet<String>;

/// The calls in a source file, in the words of a policy: `.put_item()` is `PutItem`.
fn calls(source: &str) -> Actions {
    let methods = source.split('.').skip(1).filter_map(|rest| rest.split_once("()")).map(|(method, _)| method.trim());
    let is_call = |method: &&str| {
        let is_name = method.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let is_verb = ["query", "scan"].contains(method) || VERBS.iter().any(|verb| method.starts_with(verb));
        is_name && is_verb
    };
    methods.filter(is_call).map(pascal_case).collect()
}

fn pascal_case(snake_case: &str) -> String {
    snake_case.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

fn calls_of<'s>(sources: impl IntoIterator<Item = &'s &'s str>) -> Actions {
    sources.into_iter().flat_map(|source| calls(source)).collect()
}

/// The lines of a resource of the template.
fn resource(name: &str) -> &'static str {
    let begin = TEMPLATE.find(&format!("\n  {name}:\n")).unwrap_or_else(|| panic!("{name} is in the template")) + 1;
    let lines = TEMPLATE[begin..].match_indices("\n  ").map(|(at, _)| at);
    let is_next = |at: &usize| TEMPLATE[begin + at + 3..].starts_with(|letter: char| letter.is_ascii_alphabetic());
    let end = lines.into_iter().find(is_next).unwrap_or(TEMPLATE.len() - begin);
    &TEMPLATE[begin..begin + end]
}

/// The actions of a service in a piece of the template.
fn granted(piece: &str, service: &str) -> Actions {
    let prefix = format!("{service}:");
    let of_line = |line: &str| {
        let words = line.trim().trim_start_matches("- ").trim_start_matches("Action: ");
        words.strip_prefix(&prefix).filter(|action| action.bytes().all(|byte| byte.is_ascii_alphanumeric())).map(str::to_owned)
    };
    piece.lines().filter_map(of_line).collect()
}

/// The statement with this name in a piece of the template.
fn statement<'t>(piece: &'t str, sid: &str) -> &'t str {
    let rest = piece.split(&format!("Sid: {sid}\n")).nth(1).unwrap_or_else(|| panic!("there is a statement {sid}"));
    rest.split("Sid: ").next().unwrap()
}

fn set<const COUNT: usize>(actions: [&str; COUNT]) -> Actions {
    actions.map(str::to_owned).into()
}

/// The function's calls to a service. Executing statements needs no permission itself; each kind of statement has its own.
fn posted(service: &str) -> Actions {
    let begin = format!("\"{service}.");
    let targets = POSTED.split(&begin).skip(1).filter_map(|rest| rest.split_once('"'));
    let mut posted: Actions = targets.map(|(operation, _)| operation.to_owned()).collect();
    assert!(!posted.is_empty(), "{service}");
    if posted.remove("BatchExecuteStatement") {
        let words = ["INSERT", "UPDATE", "DELETE", "SELECT"].into_iter();
        let statements = words.filter(|word| BODIES.contains(&format!("\"Statement\":\"{word} ")));
        posted.extend(statements.map(|word| format!("PartiQL{}{}", &word[..1], word[1..].to_lowercase())));
    }
    posted
}

fn archiving() -> Actions {
    posted("DynamoDB_20120810")
}

#[test]
fn the_role_may_do_what_the_code_and_the_mapping_do() {
    let role = resource("ArchiverIAMRole");
    assert_eq!(granted(role, "dynamodb"), archiving());
    // Permissions of a mapping. Source: Lambda developer guide, process Kinesis records, permissions; the consumer's are for
    // fan-out.
    let mapping = ["DescribeStream", "DescribeStreamSummary", "GetRecords", "GetShardIterator", "ListShards"];
    let fan_out = ["DescribeStreamConsumer", "SubscribeToShard"];
    let needed: Actions =
        posted("Kinesis_20131202").into_iter().chain(mapping.into_iter().chain(fan_out).map(str::to_owned)).collect();
    assert_eq!(granted(role, "kinesis"), needed);
    assert_eq!(granted(role, "s3"), set(["ListBucket", "PutObject"]));
    assert_eq!(granted(role, "sqs"), set(["SendMessage"]));
    assert_eq!(granted(role, "kms"), set(["Decrypt", "DescribeKey", "GenerateDataKey"]));
    assert_eq!(granted(role, "xray"), set(["PutTelemetryRecords", "PutTraceSegments"]));
    assert_eq!(granted(role, "logs"), set(["CreateLogStream", "PutLogEvents"]));
    assert_eq!(role.matches("Resource: \"*\"").count(), 1, "only X-Ray has no resources to name");
}

#[test]
fn a_reader_of_the_explorer_may_do_what_reading_does() {
    let reader = resource("ExplorerReader");
    let granted: Actions = ["kinesis", "dynamodb"].iter().flat_map(|service| granted(reader, service)).collect();
    assert_eq!(granted, calls_of(&READING));
    assert_eq!(reader.matches("Resource: \"*\"").count(), 1, "only what lists streams and tables has no resources to name");
}

#[test]
fn an_operator_of_the_explorer_may_do_what_configuring_replaying_and_recovering_do_besides() {
    let operator = resource("ExplorerOperator");
    let mut changing = granted(statement(operator, "ConfigureStreams"), "kinesis");
    changing.extend(granted(statement(operator, "ChangeArchives"), "dynamodb"));
    // Configuring, and the archiver's calls, except those that readers have.
    let writing: Actions = archiving().difference(&calls_of(&READING)).cloned().collect();
    assert_eq!(changing, calls(CONFIGURING).into_iter().chain(writing).collect());
    // A target's description, tags, shards and latest records are read.
    let target = calls_of(
        REPLAYING
            .iter()
            .chain([&include_str!("../../../explorer/src/aws/shards.rs"), &include_str!("../../../explorer/src/aws/streams.rs")]),
    );
    let target: Actions =
        target.into_iter().filter(|call| !["DescribeTable", "ListStreams", "ListTables"].contains(&call.as_str())).collect();
    assert_eq!(granted(statement(operator, "Replay"), "kinesis"), target);
    let methods = RECOVERING.split("self.place.").skip(1).filter_map(|rest| rest.split_once('(')).map(|(method, _)| method);
    let objects: Actions = methods.filter(|method| VERBS.iter().any(|verb| method.starts_with(verb))).map(pascal_case).collect();
    assert_eq!(objects, set(["DeleteObject", "GetObject", "ListObjectsV2"]));
    // The permission to list has another name.
    let needed = objects.into_iter().map(|call| if call == "ListObjectsV2" { "ListBucket".to_owned() } else { call });
    assert_eq!(granted(operator, "s3"), needed.collect());
    assert!(!operator.contains("Resource: \"*\""));
}

/// The explorer's files that know the SDKs, up to their test code.
fn sources() -> Vec<(PathBuf, String)> {
    let mut sources = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../explorer/src/aws")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.file_name().and_then(|name| name.to_str()) {
                _ if path.is_dir() => folders.push(path),
                Some(name) if name.contains("tests") => {}
                _ => {
                    let source = std::fs::read_to_string(&path).unwrap();
                    sources.push((path, source.split("#[cfg(test)]").next().unwrap().to_owned()));
                }
            }
        }
    }
    sources
}

/// Every file with calls is in a list above.
#[test]
fn every_call_of_the_explorer_is_read_here() {
    let called: Actions = sources().iter().flat_map(|(_, source)| calls(source)).collect();
    let known = calls_of(READING.iter().chain(&REPLAYING).chain([&CONFIGURING, &RECOVERING]));
    assert_eq!(called.difference(&known).collect::<Vec<_>>(), Vec::<&String>::new());
}

/// Otherwise a stream of another account could be confused with this account's stream of the same name.
#[test]
fn every_call_that_names_a_stream_sends_its_arn_too() {
    for (path, source) in sources() {
        let names = source.matches("stream_name(").count() - source.matches("stream_name()").count();
        let others = source.matches("exclusive_start_stream_name(").count();
        let arns = source.matches("stream_arn(").count() - source.matches("stream_arn()").count();
        assert!(names - others <= arns, "{}: {names} names, {arns} ARNs", path.display());
    }
}

/// The permissions that `docs/permissions.md` lists and those of the two policies are the same, except for KMS keys.
#[test]
fn the_documents_name_the_permissions_of_people_as_the_policies_do() {
    let table = PERMISSIONS.split("| for | the explorer needs").nth(1).and_then(|rest| rest.split("\n\n").next()).unwrap();
    for service in ["kinesis", "dynamodb", "s3", "sqs"] {
        let named: Actions =
            table.split('`').filter_map(|word| word.strip_prefix(&format!("{service}:"))).map(str::to_owned).collect();
        let policies = ["ExplorerReader", "ExplorerOperator"];
        let granted: Actions = policies.iter().flat_map(|policy| granted(resource(policy), service)).collect();
        assert_eq!(named, granted, "{service}");
    }
}

#[test]
fn the_policies_name_the_tables_that_the_code_names() {
    let orders = StreamName::parse("orders").unwrap();
    for mode in [ArchiveMode::All, ArchiveMode::Latest] {
        assert!(archive_table_name(&orders, mode).starts_with("orders-archive-"));
        assert!(TEMPLATE.contains(&format!("${{Stream}}-archive-{mode}")));
    }
    assert_eq!(parts_table_name(&orders), "orders-archive-parts");
    assert!(TEMPLATE.contains("${Stream}-archive-parts"));
    for policy in ["ArchiverIAMRole", "ExplorerReader", "ExplorerOperator"] {
        assert!(resource(policy).contains("- ${Streams}-archive-*\n"), "{policy}");
    }
}
