//! A service whose clock differs from ours, or rather: the caller's clock is wrong.

use crate::upstream::Answer;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use jiff::civil::DateTime;
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

/// The largest difference in a signature's time. Source: IAM user guide, elements of an AWS API request signature.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);
/// The form of `X-Amz-Date`.
const SIGNED_TIME: &str = "%Y%m%dT%H%M%SZ";

/// The answer to a call that was signed with a clock too far from the service's.
pub(super) fn refusal(ahead: SignedDuration, parts: &Parts) -> Option<Answer> {
    let now = Timestamp::now() + ahead;
    let signed = parts.headers.get("x-amz-date").and_then(|date| date.to_str().ok()).expect("a signed request");
    let signed_at = DateTime::strptime(SIGNED_TIME, signed).expect("a time").to_zoned(TimeZone::UTC).expect("a time");
    let off = now.duration_since(signed_at.timestamp());
    if off.abs() <= TOLERANCE {
        return None;
    }
    let (what, limit, sign) = if off.is_positive() {
        ("Signature expired", "is now earlier than", "-")
    } else {
        ("Signature not yet current", "is still later than", "+")
    };
    let edge = if off.is_positive() { now - TOLERANCE } else { now + TOLERANCE };
    let (edge, now) = (edge.strftime(SIGNED_TIME), now.strftime(SIGNED_TIME));
    let message = format!("{what}: {signed} {limit} {edge} ({now} {sign} 5 min.)");
    let mut answer = Answer::json(&json!({ "__type": "com.amazon.coral.service#InvalidSignatureException", "message": message }));
    answer.status = StatusCode::BAD_REQUEST;
    Some(answer)
}

/// The service's time, for the header `Date`.
pub(super) fn date(ahead: SignedDuration) -> HeaderValue {
    let date = rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&(Timestamp::now() + ahead));
    HeaderValue::from_str(&date.expect("a date")).expect("a header of visible characters")
}
