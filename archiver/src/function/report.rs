//! What became of a batch, in numbers: one line of JSON a batch, which CloudWatch also reads as metrics. Source: CloudWatch user
//! guide, embedded metric format specification.

use crate::format::stream::StreamName;
use jiff::Timestamp;
use serde::Serialize;

/// The namespace of the metrics.
pub const NAMESPACE: &str = "KinesisStreamArchiver";
/// The dimension of all metrics: the stream's name.
pub const DIMENSION: &str = "stream";
/// The dimension of [`ALARMING`], once more: the function's name, so that one alarm watches all its streams.
pub const FUNCTION_DIMENSION: &str = "function";

/// What became of the records of one stream in one batch. The names are those of the log's fields and of the metrics.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BatchReport {
    /// Whose records.
    pub stream: StreamName,
    /// Where they were written; `None` where that could not be found out.
    pub table: Option<String>,
    /// Records delivered.
    pub records: usize,
    /// The same, in mode LATEST with each user record of an aggregated record counted.
    pub user_records: usize,
    /// Records that are in the archive now; of the user records.
    pub archived: usize,
    /// Records that were not written because the same or a newer one of their key is there; of the user records.
    pub superseded: usize,
    /// Replays into their own stream, left out as the stream's tag asks; of the user records.
    pub skipped: usize,
    /// Records stored compressed.
    pub compressed: usize,
    /// Records too large for one item.
    pub split: usize,
    /// Records that are not archived and will be delivered again.
    pub failed: usize,
    /// Those of them that are too large for one item, where the table for their parts is missing or refuses them.
    pub oversize: usize,
    /// Why the first of the failed is not archived, where the batch did not fail as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Time the batch took.
    pub milliseconds: u64,
    /// What the writes cost, as DynamoDB counted it.
    pub write_units: f64,
    /// How old the newest record was when the batch was done, in milliseconds: how far the archive is behind.
    pub newest_record_age: Option<u64>,
}

#[derive(Serialize)]
struct Line<'r> {
    timestamp: String,
    level: &'static str,
    message: &'static str,
    #[serde(flatten)]
    report: &'r BatchReport,
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<&'r str>,
    _aws: Metadata,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    timestamp: i64,
    cloud_watch_metrics: Vec<Directive>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive {
    namespace: &'static str,
    dimensions: [[&'static str; 1]; 1],
    metrics: Vec<Metric>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metric {
    name: &'static str,
    unit: &'static str,
}

/// Every metric, with its unit.
pub const METRICS: [(&str, &str); 12] = [
    ("records", "Count"),
    ("user_records", "Count"),
    ("archived", "Count"),
    ("superseded", "Count"),
    ("skipped", "Count"),
    ("compressed", "Count"),
    ("split", "Count"),
    ("failed", "Count"),
    ("oversize", "Count"),
    ("milliseconds", "Milliseconds"),
    ("write_units", "Count"),
    ("newest_record_age", "Milliseconds"),
];

/// The metrics that must be 0. Lambda does not count records that are reported as failed among a function's errors.
pub const ALARMING: [&str; 2] = ["failed", "oversize"];

impl BatchReport {
    /// The line for the log of a function, with its name where it has one.
    ///
    /// # Errors
    /// Does not fail for what a report holds; the error is the JSON library's.
    pub fn to_line(&self, function: Option<&str>, at: Timestamp) -> Result<String, serde_json::Error> {
        let directive = |dimension, is_in: &dyn Fn(&str) -> bool| {
            let metrics = METRICS.iter().filter(|(name, _)| is_in(name)).map(|(name, unit)| Metric { name, unit }).collect();
            Directive { namespace: NAMESPACE, dimensions: [[dimension]], metrics }
        };
        // A metric without a value would make CloudWatch refuse the line.
        let is_known = |name: &str| name != "newest_record_age" || self.newest_record_age.is_some();
        let mut cloud_watch_metrics = vec![directive(DIMENSION, &is_known)];
        if function.is_some() {
            cloud_watch_metrics.push(directive(FUNCTION_DIMENSION, &|name| ALARMING.contains(&name)));
        }
        serde_json::to_string(&Line {
            timestamp: at.to_string(),
            level: if self.failed == 0 { "INFO" } else { "WARN" },
            message: match self.failed {
                0 => "batch archived",
                failed if failed < self.records => "batch partly archived",
                _ => "batch not archived",
            },
            report: self,
            function,
            _aws: Metadata { timestamp: at.as_millisecond(), cloud_watch_metrics },
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn report(newest_record_age: Option<u64>) -> BatchReport {
        BatchReport {
            stream: StreamName::parse("orders").unwrap(),
            table: Some("orders-archive-ALL".to_owned()),
            records: 500,
            user_records: 500,
            archived: 497,
            superseded: 0,
            skipped: 2,
            compressed: 20,
            split: 1,
            failed: 1,
            oversize: 1,
            reason: Some("no answer came in time".to_owned()),
            milliseconds: 31,
            write_units: 620.0,
            newest_record_age,
        }
    }

    fn line(report: &BatchReport) -> Value {
        let at = Timestamp::from_millisecond(1_545_084_650_987).unwrap();
        serde_json::from_str(&report.to_line(Some("archiver"), at).unwrap()).unwrap()
    }

    #[test]
    fn every_metric_has_its_value_in_the_line_and_every_number_is_a_metric() {
        let line = line(&report(Some(1_200)));
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(line["_aws"]["Timestamp"], 1_545_084_650_987_i64);
        assert_eq!(directive["Namespace"], "KinesisStreamArchiver");
        assert_eq!(directive["Dimensions"], json!([["stream"]]));
        assert_eq!(line["stream"], "orders");
        let mut names: Vec<&str> =
            directive["Metrics"].as_array().unwrap().iter().map(|metric| metric["Name"].as_str().unwrap()).collect();
        let mut numbers: Vec<&str> =
            line.as_object().unwrap().iter().filter(|(_, value)| value.is_number()).map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        numbers.sort_unstable();
        assert_eq!(names, numbers);
    }

    #[test]
    fn what_must_be_zero_is_counted_by_function_too() {
        let line = line(&report(None));
        let directive = &line["_aws"]["CloudWatchMetrics"][1];
        assert_eq!(directive["Dimensions"], json!([["function"]]));
        assert_eq!(line["function"], "archiver");
        let metrics = json!([{ "Name": "failed", "Unit": "Count" }, { "Name": "oversize", "Unit": "Count" }]);
        assert_eq!(directive["Metrics"], metrics);
    }

    #[test]
    fn an_age_that_is_not_known_is_no_metric() {
        let line = line(&report(None));
        assert!(line["newest_record_age"].is_null());
        assert!(!line["_aws"].to_string().contains("newest_record_age"));
    }
}
