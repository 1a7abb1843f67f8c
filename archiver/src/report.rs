//! What became of a batch, in numbers: one line of JSON a batch, which CloudWatch also reads as metrics. Source: CloudWatch user
//! guide, embedded metric format specification.

use crate::stream::StreamName;
use jiff::Timestamp;
use serde::Serialize;

/// The namespace of the metrics.
pub const NAMESPACE: &str = "KinesisStreamArchiver";
/// The only dimension of the metrics: the stream's name.
pub const DIMENSION: &str = "stream";

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
    _aws: Metadata,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    timestamp: i64,
    cloud_watch_metrics: [Directive; 1],
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
pub const METRICS: [(&str, &str); 11] = [
    ("records", "Count"),
    ("user_records", "Count"),
    ("archived", "Count"),
    ("superseded", "Count"),
    ("skipped", "Count"),
    ("compressed", "Count"),
    ("split", "Count"),
    ("failed", "Count"),
    ("milliseconds", "Milliseconds"),
    ("write_units", "Count"),
    ("newest_record_age", "Milliseconds"),
];

impl BatchReport {
    /// The line for a function's log.
    ///
    /// # Errors
    /// Does not fail for what a report holds; the error is the JSON library's.
    pub fn to_line(&self, at: Timestamp) -> Result<String, serde_json::Error> {
        // A metric without a value would make CloudWatch refuse the line.
        let is_known = |name: &&(&'static str, &'static str)| name.0 != "newest_record_age" || self.newest_record_age.is_some();
        let metrics = METRICS.iter().filter(is_known).map(|(name, unit)| Metric { name, unit }).collect();
        serde_json::to_string(&Line {
            timestamp: at.to_string(),
            level: if self.failed == 0 { "INFO" } else { "WARN" },
            message: match self.failed {
                0 => "batch archived",
                failed if failed < self.records => "batch archived in part",
                _ => "batch not archived",
            },
            report: self,
            _aws: Metadata {
                timestamp: at.as_millisecond(),
                cloud_watch_metrics: [Directive { namespace: NAMESPACE, dimensions: [[DIMENSION]], metrics }],
            },
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
            milliseconds: 31,
            write_units: 620.0,
            newest_record_age,
        }
    }

    fn line(report: &BatchReport) -> Value {
        serde_json::from_str(&report.to_line(Timestamp::from_millisecond(1_545_084_650_987).unwrap()).unwrap()).unwrap()
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
    fn an_age_that_is_not_known_is_no_metric() {
        let line = line(&report(None));
        assert!(line["newest_record_age"].is_null());
        assert!(!line["_aws"].to_string().contains("newest_record_age"));
    }
}
