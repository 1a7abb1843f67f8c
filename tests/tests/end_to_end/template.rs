//! The template grants what the function's code calls in DynamoDB, and nothing more; its names are the code's.

use archiver::settings::ArchiveMode;
use archiver::stream::StreamName;
use archiver::table::archive_table_name;
use std::collections::BTreeSet;

const TEMPLATE: &str = include_str!("../../../template.yaml");
/// The files of the function that call DynamoDB and Kinesis.
const DYNAMODB: &str = include_str!("../../../archiver/src/dynamodb.rs");
/// And those that it posts itself: the name of each stands in their target, what statements they execute in their bodies.
const POSTED: &str = include_str!("../../../archiver/src/dynamodb/post.rs");
const BODIES: &str = include_str!("../../../archiver/src/dynamodb/requests.rs");
const TAGS: &str = include_str!("../../../archiver/src/tags.rs");
/// How the names of calls begin in the SDK.
const VERBS: [&str; 9] = ["batch_", "create_", "delete_", "describe_", "execute_", "get_", "list_", "put_", "update_"];

/// The calls in a source file, in the words of a policy: `.put_item()` is `PutItem`.
fn calls(source: &str) -> BTreeSet<String> {
    let methods = source.split('.').skip(1).filter_map(|rest| rest.split_once("()")).map(|(method, _)| method);
    let is_call = |method: &&str| {
        method.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') && VERBS.iter().any(|verb| method.starts_with(verb))
    };
    methods.filter(is_call).map(pascal_case).collect()
}

fn pascal_case(snake_case: &str) -> String {
    snake_case.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

/// The actions of a service that the template grants.
fn granted(service: &str) -> BTreeSet<String> {
    let prefix = format!("{service}:");
    let words = TEMPLATE.split_whitespace();
    words.filter_map(|word| word.strip_prefix(&prefix)).map(str::to_owned).collect()
}

/// The operations that are posted. Executing statements is no permission by itself: each kind of statement has its own.
fn posted() -> BTreeSet<String> {
    let targets = POSTED.split("DynamoDB_20120810.").skip(1).filter_map(|rest| rest.split_once('"'));
    let mut posted: BTreeSet<String> = targets.map(|(operation, _)| operation.to_owned()).collect();
    if posted.remove("BatchExecuteStatement") {
        let words = ["INSERT", "UPDATE", "DELETE", "SELECT"].into_iter();
        let statements = words.filter(|word| BODIES.contains(&format!("\"Statement\":\"{word} ")));
        posted.extend(statements.map(|word| format!("PartiQL{}{}", &word[..1], word[1..].to_lowercase())));
    }
    posted
}

#[test]
fn the_role_may_do_in_dynamodb_what_the_code_does() {
    let called: BTreeSet<String> = calls(DYNAMODB).union(&posted()).cloned().collect();
    for operation in ["BatchWriteItem", "PutItem", "PartiQLInsert", "PartiQLUpdate"] {
        assert!(called.contains(operation), "{operation} in {called:?}");
    }
    assert_eq!(granted("dynamodb"), called);
}

#[test]
fn the_role_may_read_the_tags() {
    let (called, granted) = (calls(TAGS), granted("kinesis"));
    assert!(!called.is_empty() && called.is_subset(&granted), "{called:?} in {granted:?}");
}

#[test]
fn the_role_may_write_the_tables_that_the_code_names() {
    let pattern = TEMPLATE.split("table/").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap();
    let prefix = pattern.replace("${Stream}", "orders");
    let prefix = prefix.strip_suffix('*').unwrap();
    for mode in [ArchiveMode::All, ArchiveMode::Latest] {
        let table = archive_table_name(&StreamName::parse("orders").unwrap(), mode);
        assert!(table.starts_with(prefix), "{table} is not {pattern}");
    }
}
