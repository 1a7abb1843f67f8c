//! Batches that Lambda gave up on, as it writes them to the failure destination of an event source mapping: who failed, why, and (in an
//! S3 bucket) the event itself. Source: Lambda developer guide, retaining discarded batches of Kinesis event sources.

use archiver::format::stream::{InvalidStreamArn, StreamArn};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

/// The text before the event.
const EVENT_FIELD: &[u8] = b"\"payload\"";

/// What Lambda says about a batch that it gave up on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedBatch {
    /// Whose records.
    pub stream: StreamArn,
    /// From which shard.
    pub shard_id: String,
    /// ARN of the function that failed.
    pub function: String,
    /// When Lambda gave up on it.
    pub given_up_at: Option<Timestamp>,
    /// Why, in Lambda's word: `RetryAttemptsExhausted`, `RecordAgeExceeded`, …
    pub condition: String,
    /// How often the function was invoked with it, about.
    pub invocations: Option<u64>,
    /// What the function's last invocation ended with, where it was invoked at all: `Unhandled`, …
    pub function_error: Option<String>,
    /// How many records, if Lambda says so.
    pub records: Option<usize>,
    pub first_sequence_number: String,
    pub last_sequence_number: String,
    /// When the first one arrived in the stream.
    pub first_arrival: Option<Timestamp>,
    /// When the last one did.
    pub last_arrival: Option<Timestamp>,
    /// Whether the event is with it that the function was given. Queues and topics get none.
    pub has_event: bool,
}

/// Why a text is not a failed batch.
#[derive(Debug, thiserror::Error)]
pub enum InvalidFailedBatch {
    /// It is something else.
    #[error("it is not a Kinesis batch that Lambda gave up on")]
    SomethingElse,
    /// It is one, and not as Lambda writes them.
    #[error("it is a Kinesis batch that cannot be read: {0}")]
    Damaged(serde_json::Error),
    /// It names no stream.
    #[error("it is a Kinesis batch that cannot be read: {0}")]
    Stream(#[from] InvalidStreamArn),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawBatch<'b> {
    request_context: RequestContext,
    #[serde(default)]
    response_context: Option<ResponseContext>,
    #[serde(default)]
    timestamp: Option<String>,
    #[serde(rename = "KinesisBatchInfo")]
    info: BatchInfo,
    /// Lambda writes the event as a text.
    #[serde(borrow, default)]
    payload: Option<&'b RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    #[serde(default)]
    function_arn: String,
    condition: String,
    #[serde(default)]
    approximate_invoke_count: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResponseContext {
    #[serde(default)]
    function_error: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BatchInfo {
    #[serde(default)]
    shard_id: String,
    #[serde(default)]
    start_sequence_number: String,
    #[serde(default)]
    end_sequence_number: String,
    #[serde(default)]
    approximate_arrival_of_first_record: Option<String>,
    #[serde(default)]
    approximate_arrival_of_last_record: Option<String>,
    #[serde(default)]
    batch_size: Option<usize>,
    stream_arn: String,
}

impl FailedBatch {
    /// Reads what Lambda wrote, and with it the event, where there is one.
    ///
    /// # Errors
    /// When it is something else.
    pub fn parse(text: &[u8]) -> Result<(Self, Option<String>), InvalidFailedBatch> {
        let raw: RawBatch<'_> = match serde_json::from_slice(text) {
            Ok(raw) => raw,
            // Also of one that is cut off.
            Err(error) if String::from_utf8_lossy(text).contains("\"KinesisBatchInfo\"") => {
                return Err(InvalidFailedBatch::Damaged(error));
            }
            Err(_) => return Err(InvalidFailedBatch::SomethingElse),
        };
        let event = match raw.payload.map(RawValue::get) {
            None | Some("null" | "\"\"") => None,
            Some(text) if text.starts_with('"') => Some(serde_json::from_str::<String>(text).map_err(InvalidFailedBatch::Damaged)?),
            Some(object) => Some(object.to_owned()),
        };
        Ok((Self::new(raw, event.is_some())?, event))
    }

    /// Reads the description of a batch from the beginning of its object, if the event comes last. `None` if the beginning is not enough.
    #[must_use]
    pub fn parse_beginning(text: &[u8]) -> Option<Self> {
        let event = text.windows(EVENT_FIELD.len()).position(|window| window == EVENT_FIELD)?;
        let before = text[..event].trim_ascii_end().strip_suffix(b",")?;
        let text = [before, b"}"].concat();
        Self::new(serde_json::from_slice(&text).ok()?, true).ok()
    }

    fn new(raw: RawBatch<'_>, has_event: bool) -> Result<Self, InvalidStreamArn> {
        let time = |text: Option<String>| text.and_then(|text| text.parse().ok());
        Ok(Self {
            stream: StreamArn::parse(raw.info.stream_arn)?,
            shard_id: raw.info.shard_id,
            function: raw.request_context.function_arn,
            given_up_at: time(raw.timestamp),
            condition: raw.request_context.condition,
            invocations: raw.request_context.approximate_invoke_count,
            function_error: raw.response_context.and_then(|response| response.function_error).filter(|error| !error.is_empty()),
            records: raw.info.batch_size,
            first_sequence_number: raw.info.start_sequence_number,
            last_sequence_number: raw.info.end_sequence_number,
            first_arrival: time(raw.info.approximate_arrival_of_first_record),
            last_arrival: time(raw.info.approximate_arrival_of_last_record),
            has_event,
        })
    }

    /// The function's ARN without version and alias, which are all the same function.
    #[must_use]
    pub fn unqualified_function(&self) -> &str {
        // arn:<partition>:lambda:<region>:<account>:function:<name>[:<version or alias>]
        let end = self.function.match_indices(':').nth(6).map_or(self.function.len(), |(at, _)| at);
        &self.function[..end]
    }

    /// Whether the function has this name or ARN. With a version or alias it must have that one.
    #[must_use]
    pub fn is_of_function(&self, function: &str) -> bool {
        let unqualified = self.unqualified_function();
        let name = unqualified.rfind(':').map_or(0, |colon| colon + 1);
        [&self.function, unqualified, &self.function[name..], &unqualified[name..]].contains(&function)
    }

    /// Why Lambda gave up, in a few words.
    #[must_use]
    pub fn reason(&self) -> String {
        let cause = match self.condition.as_str() {
            "RetryAttemptsExhausted" => "retries used up",
            "RecordAgeExceeded" => "records too old",
            "EventAgeExceeded" => "too old",
            other => other,
        };
        let tries = match self.invocations {
            None => String::new(),
            Some(0) => ", never tried".to_owned(),
            Some(1) => ", tried once".to_owned(),
            Some(count) => format!(", tried {count} times"),
        };
        let error = self.function_error.as_ref().map(|error| format!("; {error}")).unwrap_or_default();
        format!("{cause}{tries}{error}")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// As Lambda's developer guide shows it.
    fn documented() -> Value {
        json!({
            "requestContext": {
                "requestId": "c9b8fa9f-5a7f-xmpl-af9c-0c604cde93a5",
                "functionArn": "arn:aws:lambda:us-east-2:123456789012:function:myfunction",
                "condition": "RetryAttemptsExhausted",
                "approximateInvokeCount": 101
            },
            "responseContext": { "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" },
            "version": "1.0",
            "timestamp": "2019-11-14T00:38:06.021Z",
            "KinesisBatchInfo": {
                "shardId": "shardId-000000000001",
                "startSequenceNumber": "49601189658422359378836298521827638475320189012309704722",
                "endSequenceNumber": "49601189658422359378836298522902373528957594348623495186",
                "approximateArrivalOfFirstRecord": "2019-11-14T00:38:04.835Z",
                "approximateArrivalOfLastRecord": "2019-11-14T00:38:05.580Z",
                "batchSize": 500,
                "streamArn": "arn:aws:kinesis:us-east-2:123456789012:stream/mystream"
            },
            "payload": "{\"Records\":[]}"
        })
    }

    fn parse(batch: &Value) -> Result<(FailedBatch, Option<String>), InvalidFailedBatch> {
        FailedBatch::parse(batch.to_string().as_bytes())
    }

    /// Its text, with the event first or, as Lambda writes it, last.
    fn written(batch: &Value, is_event_last: bool) -> String {
        let mut batch = batch.clone();
        let event = json!({ "payload": batch.as_object_mut().unwrap().remove("payload") });
        let [first, second] = if is_event_last { [batch, event] } else { [event, batch] }.map(|part| part.to_string());
        format!("{},{}", first.strip_suffix('}').unwrap(), second.strip_prefix('{').unwrap())
    }

    #[test]
    fn what_lambda_writes_is_read() {
        let (batch, event) = parse(&documented()).unwrap();
        assert_eq!(batch.stream.stream_name().as_str(), "mystream");
        assert_eq!((batch.records, batch.shard_id.as_str()), (Some(500), "shardId-000000000001"));
        assert_eq!(batch.given_up_at.unwrap().to_string(), "2019-11-14T00:38:06.021Z");
        assert_eq!((batch.has_event, event.as_deref()), (true, Some("{\"Records\":[]}")));
        assert_eq!(batch.reason(), "retries used up, tried 101 times; Unhandled");
    }

    #[test]
    fn a_batch_that_was_never_tried_has_no_answer_of_the_function() {
        let mut batch = documented();
        batch["requestContext"] = json!({ "functionArn": "arn", "condition": "RecordAgeExceeded", "approximateInvokeCount": 0 });
        batch.as_object_mut().unwrap().remove("responseContext");
        assert_eq!(parse(&batch).unwrap().0.reason(), "records too old, never tried");
    }

    #[test]
    fn versions_and_aliases_are_of_one_function() {
        let arn = "arn:aws:lambda:us-east-2:123456789012:function:archiver";
        let mut batch = documented();
        for (function, names) in [
            (arn.to_owned(), vec![arn, "archiver"]),
            (
                format!("{arn}:live"),
                vec![arn, "archiver", "archiver:live", "arn:aws:lambda:us-east-2:123456789012:function:archiver:live"],
            ),
        ] {
            batch["requestContext"]["functionArn"] = json!(function);
            let (batch, _) = parse(&batch).unwrap();
            assert_eq!(batch.unqualified_function(), arn);
            assert!(names.iter().all(|name| batch.is_of_function(name)), "{function}");
            assert!(!["archiver:2", "rchiver", "live", "Archiver", ""].iter().any(|name| batch.is_of_function(name)), "{function}");
        }
        batch["requestContext"]["functionArn"] = json!("archiver");
        assert!(parse(&batch).unwrap().0.is_of_function("archiver"));
    }

    #[test]
    fn a_queue_gets_no_event_and_an_object_is_taken_as_it_stands() {
        let mut batch = documented();
        batch.as_object_mut().unwrap().remove("payload");
        let (pointer, event) = parse(&batch).unwrap();
        assert_eq!((pointer.has_event, event), (false, None));
        batch["payload"] = json!({ "Records": [1] });
        assert_eq!(parse(&batch).unwrap().1.as_deref(), Some(r#"{"Records":[1]}"#));
    }

    #[test]
    fn a_beginning_tells_what_the_whole_tells() {
        let mut batch = documented();
        batch["payload"] = json!(json!({ "Records": ["x".repeat(10_000)] }).to_string());
        batch["responseContext"]["functionError"] = json!("no \"payload\": nothing, {");
        let text = written(&batch, true);
        let (whole, _) = FailedBatch::parse(text.as_bytes()).unwrap();
        assert_eq!(FailedBatch::parse_beginning(&text.as_bytes()[..2_000]), Some(whole));
        let until_event = text.find("\"payload\":").unwrap();
        assert_eq!(FailedBatch::parse_beginning(&text.as_bytes()[..until_event]), None);
        assert_eq!(FailedBatch::parse_beginning(written(&batch, false).as_bytes()), None, "nobody promises that the event is last");
    }

    #[test]
    fn what_is_no_such_batch_says_so() {
        for text in ["{\"Records\":[]}", "[]", "hello", ""] {
            assert!(matches!(FailedBatch::parse(text.as_bytes()), Err(InvalidFailedBatch::SomethingElse)), "{text}");
        }
        let mut batch = documented();
        batch["KinesisBatchInfo"]["batchSize"] = json!("many");
        let error = parse(&batch).unwrap_err().to_string();
        assert!(error.starts_with("it is a Kinesis batch that cannot be read: invalid type: string"), "{error}");
        let whole = documented().to_string();
        let cut_off = FailedBatch::parse(&whole.as_bytes()[..whole.len() - 10]).unwrap_err();
        assert!(matches!(cut_off, InvalidFailedBatch::Damaged(_)), "{cut_off}");
        let mut batch = documented();
        batch["KinesisBatchInfo"]["streamArn"] = json!("arn:aws:dynamodb:us-east-2:123456789012:table/t/stream/x");
        assert!(matches!(parse(&batch), Err(InvalidFailedBatch::Stream(_))));
    }
}
