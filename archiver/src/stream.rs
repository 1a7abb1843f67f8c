//! Names and ARNs of Kinesis streams. An ARN is what the event source mapping gives; the name in it decides the archive's table.

use std::fmt;

/// The name of a stream, as in its ARN.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct StreamName(String);

/// The ARN of a stream, or of an enhanced fan-out consumer of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StreamArn {
    text: String,
    name: StreamName,
}

/// Why a text is not a stream's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not a stream name: 1 to {MAX_NAME_LENGTH} letters, digits, '_', '.' or '-' are allowed")]
pub struct InvalidStreamName {
    text: String,
}

/// Why a text is not a stream's ARN.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not the ARN of a Kinesis stream (arn:aws:kinesis:<region>:<account>:stream/<name>)")]
pub struct InvalidStreamArn {
    text: String,
}

/// Longest stream name, in characters. Source: Kinesis API reference, CreateStream.
const MAX_NAME_LENGTH: usize = 128;

impl StreamName {
    /// Takes a name that Kinesis would accept.
    ///
    /// # Errors
    /// When it is empty, too long or has a character that Kinesis does not allow.
    pub fn parse(text: impl Into<String>) -> Result<Self, InvalidStreamName> {
        let text = text.into();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
        if (1..=MAX_NAME_LENGTH).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text))
        } else {
            Err(InvalidStreamName { text })
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::str::FromStr for StreamName {
    type Err = InvalidStreamName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl StreamArn {
    /// Reads `arn:…:stream/NAME` and `arn:…:stream/NAME/consumer/…`: the name is what stands between `stream/` and the next `/`.
    ///
    /// # Errors
    /// When there is no stream name in it.
    pub fn parse(text: impl Into<String>) -> Result<Self, InvalidStreamArn> {
        let text = text.into();
        let name =
            stream_resource(&text).and_then(|resource| resource.split('/').next()).and_then(|name| StreamName::parse(name).ok());
        match name {
            Some(name) => Ok(Self { text, name }),
            None => Err(InvalidStreamArn { text }),
        }
    }

    /// The ARN as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The stream's name.
    #[must_use]
    pub fn stream_name(&self) -> &StreamName {
        &self.name
    }

    /// The ARN of the stream itself, also where this is a consumer's.
    #[must_use]
    pub fn stream_arn(&self) -> &str {
        match self.text.find("/consumer/") {
            Some(end) => &self.text[..end],
            None => &self.text,
        }
    }
}

impl fmt::Display for StreamArn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// What follows `stream/` in `arn:partition:kinesis:region:account:stream/…`.
fn stream_resource(arn: &str) -> Option<&str> {
    let mut parts = arn.splitn(6, ':');
    let is_kinesis = parts.next() == Some("arn") && parts.nth(1) == Some("kinesis");
    let resource = parts.nth(2)?;
    if is_kinesis { resource.strip_prefix("stream/") } else { None }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_and_its_fan_out_consumer_name_the_same_stream() {
        let stream = StreamArn::parse("arn:aws:kinesis:eu-west-1:123456789012:stream/orders").unwrap();
        let consumer = StreamArn::parse("arn:aws:kinesis:eu-west-1:123456789012:stream/orders/consumer/audit:1700000000").unwrap();
        assert_eq!(stream.stream_name().as_str(), "orders");
        assert_eq!(consumer.stream_name().as_str(), "orders");
        assert_eq!(consumer.stream_arn(), stream.stream_arn());
    }

    #[test]
    fn an_arn_without_a_stream_is_refused() {
        for text in
            ["", "orders", "arn:aws:kinesis:eu-west-1:123456789012:stream/", "arn:aws:dynamodb:eu-west-1:123456789012:table/orders"]
        {
            assert!(StreamArn::parse(text).is_err(), "{text:?} was accepted");
        }
    }
}
