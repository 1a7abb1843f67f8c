//! The report of a batch: one line of JSON, which CloudWatch also reads as metrics. Source: CloudWatch user guide, embedded metric
//! format specification.

use crate::format::stream::StreamName;
use jiff::Timestamp;
use serde::Serialize;

pub const NAMESPACE: &str = "KinesisStreamArchiver";
/// The dimension of all metrics: the stream's name.
pub const DIMENSION: &str = "stream";
/// A second dimension of the metrics in [`ALARMING`]: the function's name, so that one alarm watches all its streams.
pub const FUNCTION_DIMENSION: &str = "function";

/// What happened to the records of one stream in one batch. Log fields and metrics have the same names.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BatchReport {
    pub stream: StreamName,
    /// `None` if the table was not found.
    pub table: Option<String>,
    /// Records delivered.
    pub records: usize,
    /// Records delivered. In mode LATEST, each user record of an aggregated record counts.
    pub user_records: usize,
    /// User records that are now in the archive.
    pub archived: usize,
    /// User records that were not written, because the same or a newer record of their key is there.
    pub superseded: usize,
    /// User records that are replays into their own stream and are left out because the stream's tag says so.
    pub skipped: usize,
    /// Records stored compressed.
    pub compressed: usize,
    /// Records too large for one item.
    pub split: usize,
    /// Records that are not archived. Lambda delivers them again.
    pub failed: usize,
    /// Failed records that are too large for one item, because the parts table is missing or refuses writes.
    pub oversize: usize,
    /// Why the first failed record is not archived. `None` if the whole batch failed: then the error says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub milliseconds: u64,
    /// Write units that DynamoDB counted.
    pub write_units: f64,
    /// Age of the newest record when the batch was done, in milliseconds. It shows how far the archive is behind.
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

/// Metrics that must be 0. Lambda's own error count does not include records that the function reports as failed.
pub const ALARMING: [&str; 2] = ["failed", "oversize"];

impl BatchReport {
    /// The line for the log, with the function's name if it has one.
    ///
    /// # Errors
    /// Only what the JSON library may return; a report can always be written.
    pub fn to_line(&self, function: Option<&str>, at: Timestamp) -> Result<String, serde_json::Error> {
        let directive = |dimension, is_in: &dyn Fn(&str) -> bool| {
            let metrics = METRICS.iter().filter(|(name, _)| is_in(name)).map(|(name, unit)| Metric { name, unit }).collect();
            Directive { namespace: NAMESPACE, dimensions: [[dimension]], metrics }
        };
        // CloudWatch refuses a line with a metric that has no value.
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
