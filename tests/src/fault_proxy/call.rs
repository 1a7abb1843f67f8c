//! A call, with what scripts need to decide.

use axum::http::request::Parts;
use serde_json::Value;

/// A call of Kinesis or DynamoDB.
#[derive(Clone, Debug)]
pub struct Call {
    /// Its operation, such as `BatchWriteItem`.
    pub operation: String,
    /// Its kind and its object.
    pub kind: Kind,
    /// Its number among the calls of its kind since the script began, from 0.
    pub number: usize,
    /// The number of items or statements.
    pub items: usize,
    /// The request.
    pub body: Value,
    /// The id of the access key that signed it.
    pub key: String,
    pub(super) is_dynamodb: bool,
}

/// What a call does, whatever its operation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Writes items to a table: single items, a batch of them, or statements.
    Write(String),
    /// Describes a table.
    Describe(String),
    /// Reads the tags of a stream or table.
    Tags,
    /// Anything else.
    Other,
}

impl Call {
    /// Whether it writes to this table.
    #[must_use]
    pub fn is_write_to(&self, table: &str) -> bool {
        matches!(&self.kind, Kind::Write(written) if written == table)
    }

    /// One of its puts or statements; the whole request if it has only one item.
    #[must_use]
    pub fn item(&self, place: usize) -> &Value {
        match self.operation.as_str() {
            "BatchWriteItem" => &self.body["RequestItems"][self.table()][place],
            "BatchExecuteStatement" => &self.body["Statements"][place],
            _ => &self.body,
        }
    }

    pub(super) fn parse(parts: &Parts, body: &[u8]) -> Self {
        let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
        let (service, operation) = target.rsplit_once('.').unwrap_or_default();
        let authorization = parts.headers.get("authorization").and_then(|signed| signed.to_str().ok()).unwrap_or_default();
        let key = authorization.split("Credential=").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default().to_owned();
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let (kind, items) = kind_of(operation, &body);
        Self { operation: operation.to_owned(), kind, number: 0, items, body, key, is_dynamodb: service.starts_with("DynamoDB") }
    }

    /// The table, for an answer that names it.
    pub(super) fn table(&self) -> &str {
        match &self.kind {
            Kind::Write(table) | Kind::Describe(table) => table,
            Kind::Tags | Kind::Other => self.body["TableName"].as_str().unwrap_or_default(),
        }
    }
}

fn kind_of(operation: &str, body: &Value) -> (Kind, usize) {
    let named = || body["TableName"].as_str().unwrap_or_default().to_owned();
    match operation {
        "BatchWriteItem" => {
            let tables = body["RequestItems"].as_object().expect("requests by table");
            assert!(tables.len() == 1, "one table a batch: {body}");
            let (table, requests) = tables.iter().next().expect("one");
            (Kind::Write(table.clone()), requests.as_array().map_or(0, Vec::len))
        }
        "PutItem" | "UpdateItem" | "DeleteItem" => (Kind::Write(named()), 1),
        "ExecuteStatement" => (kind_of_statement(body), 1),
        "BatchExecuteStatement" => {
            let statements = body["Statements"].as_array().expect("a list of statements");
            (statements.first().map_or(Kind::Other, kind_of_statement), statements.len())
        }
        "DescribeTable" => (Kind::Describe(named()), 1),
        "ListTagsForStream" | "ListTagsForResource" | "ListTagsOfResource" => (Kind::Tags, 1),
        _ => (Kind::Other, 1),
    }
}

/// The table is the first name in double quotes: `UPDATE "orders-archive-LATEST" SET …`.
fn kind_of_statement(statement: &Value) -> Kind {
    let text = statement["Statement"].as_str().unwrap_or_default();
    let table = text.split('"').nth(1).unwrap_or_default();
    if text.trim_start().to_ascii_uppercase().starts_with("SELECT") { Kind::Other } else { Kind::Write(table.to_owned()) }
}
