//! Names and ARNs of Kinesis streams. An event has the ARN of its stream; the name in it decides the archive's table.

use std::fmt;

/// The name of a stream. It also has the ARN, if the stream may belong to another account and can only be reached by ARN.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamName {
    name: String,
    arn: Option<Box<StreamArn>>,
}

/// The ARN of a stream, or of one of its enhanced fan-out consumers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
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

/// Why a typed text does not name a stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidStream {
    #[error(transparent)]
    Name(#[from] InvalidStreamName),
    #[error("\"{text}\" is not the ARN of a stream (arn:aws:kinesis:REGION:ACCOUNT:stream/NAME): {reason}")]
    Arn { text: String, reason: String },
}

/// Digits of an AWS account.
const ACCOUNT_DIGITS: usize = 12;

/// Longest stream name, in characters. Source: Kinesis API reference, CreateStream.
const MAX_NAME_LENGTH: usize = 128;

impl StreamName {
    /// Accepts the names that Kinesis accepts.
    ///
    /// # Errors
    /// When it is empty, too long or has a character that Kinesis does not allow.
    pub fn parse(text: impl Into<String>) -> Result<Self, InvalidStreamName> {
        let text = text.into();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
        if (1..=MAX_NAME_LENGTH).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self { name: text, arn: None })
        } else {
            Err(InvalidStreamName { text })
        }
    }

    /// The name, without the ARN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// The ARN, if the stream was named by it and may belong to another account.
    #[must_use]
    pub fn arn(&self) -> Option<&StreamArn> {
        self.arn.as_deref()
    }

    /// The text that [`str::parse`] reads back: the ARN, or else the name.
    #[must_use]
    pub fn written(&self) -> &str {
        self.arn().map_or(&self.name, StreamArn::stream_arn)
    }

    /// The same stream by its name alone.
    #[must_use]
    pub fn without_arn(&self) -> Self {
        Self { name: self.name.clone(), arn: None }
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.written())
    }
}

impl serde::Serialize for StreamName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name)
    }
}

/// Reads what people type: a name, or the ARN of a stream or of one of its consumers.
impl std::str::FromStr for StreamName {
    type Err = InvalidStream;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // A name has no colon.
        if !text.contains(':') {
            return Ok(Self::parse(text)?);
        }
        let arn = StreamArn::typed(text).map_err(|reason| InvalidStream::Arn { text: text.to_owned(), reason })?;
        Ok(Self { name: arn.name.name.clone(), arn: Some(Box::new(arn)) })
    }
}

impl StreamArn {
    /// Reads `arn:…:stream/NAME` and `arn:…:stream/NAME/consumer/…`. The name is between `stream/` and the next `/`.
    ///
    /// # Errors
    /// When it has no stream name.
    pub fn parse(text: impl Into<String>) -> Result<Self, InvalidStreamArn> {
        let text = text.into();
        let name =
            stream_resource(&text).and_then(|resource| resource.split('/').next()).and_then(|name| StreamName::parse(name).ok());
        match name {
            Some(name) => Ok(Self { text, name }),
            None => Err(InvalidStreamArn { text }),
        }
    }

    /// Reads an ARN in which no part may be missing. From a consumer's ARN it keeps the stream's.
    fn typed(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let [arn, partition, service, region, account, resource] = parts.as_slice() else {
            return Err("it has too few parts".to_owned());
        };
        let is_word = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let missing = |part: &str, what: &str| match part {
            "" => Err(format!("its {what} is missing")),
            part if !is_word(part) => Err(format!("\"{part}\" is no {what}")),
            _ => Ok(()),
        };
        if *arn != "arn" {
            return Err("it does not begin with \"arn:\"".to_owned());
        }
        missing(partition, "partition")?;
        if *service != "kinesis" {
            return Err(format!("it belongs to the service \"{service}\""));
        }
        missing(region, "region")?;
        if account.len() != ACCOUNT_DIGITS || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(format!("\"{account}\" is not an account, which has {ACCOUNT_DIGITS} digits"));
        }
        let Some(resource) = resource.strip_prefix("stream/") else {
            return Err(format!("\"{resource}\" is not a stream"));
        };
        let (name, consumer) = resource.split_once('/').map_or((resource, None), |(name, rest)| (name, Some(rest)));
        if consumer.is_some_and(|consumer| consumer.strip_prefix("consumer/").is_none_or(str::is_empty)) {
            return Err(format!("\"{resource}\" is neither a stream nor a consumer of one"));
        }
        let name = StreamName::parse(name).map_err(|error| error.to_string())?;
        let text = format!("arn:{partition}:kinesis:{region}:{account}:stream/{name}");
        Ok(Self { text, name })
    }

    /// The AWS partition: `aws`, `aws-cn`, …
    #[must_use]
    pub fn partition(&self) -> &str {
        self.part(1)
    }

    #[must_use]
    pub fn region(&self) -> &str {
        self.part(3)
    }

    #[must_use]
    pub fn account(&self) -> &str {
        self.part(4)
    }

    fn part(&self, place: usize) -> &str {
        self.text.split(':').nth(place).unwrap_or_default()
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

    /// The ARN of the stream, even if this is a consumer's.
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
    fn a_stream_may_be_typed_as_its_name_its_arn_or_the_arn_of_a_consumer() {
        let typed = |text: &str| text.parse::<StreamName>();
        assert_eq!(typed("orders").unwrap(), StreamName::parse("orders").unwrap());
        for partition in ["aws", "aws-cn", "aws-us-gov"] {
            let arn = format!("arn:{partition}:kinesis:eu-west-1:123456789012:stream/orders");
            let named = typed(&arn).unwrap();
            assert_eq!((named.as_str(), named.written()), ("orders", arn.as_str()));
            assert_eq!(named.arn().map(|arn| (arn.region(), arn.account())), Some(("eu-west-1", "123456789012")));
            assert_eq!(typed(&format!("{arn}/consumer/audit:1700000000")).unwrap(), named);
            assert_eq!(typed(&named.to_string()).unwrap(), named, "it is written so that it can be read again");
            assert_eq!(named.without_arn(), typed("orders").unwrap());
        }
    }

    #[test]
    fn of_an_arn_that_names_no_stream_it_is_said_what_is_wrong() {
        for (text, reason) in [
            ("arn:aws:kinesis:eu-west-1:stream/orders", "it has too few parts"),
            ("arn:aws:kinesis:eu-west-1::stream/orders", "\"\" is not an account, which has 12 digits"),
            ("arn:aws:kinesis:eu-west-1:12345:stream/orders", "\"12345\" is not an account, which has 12 digits"),
            ("arn:aws:kinesis::123456789012:stream/orders", "its region is missing"),
            ("arn::kinesis:eu-west-1:123456789012:stream/orders", "its partition is missing"),
            ("arn:aws:dynamodb:eu-west-1:123456789012:table/orders", "it belongs to the service \"dynamodb\""),
            ("arn:aws:kinesis:eu-west-1:123456789012:table/orders", "\"table/orders\" is not a stream"),
            (
                "arn:aws:kinesis:eu-west-1:123456789012:stream/orders/shard/1",
                "\"orders/shard/1\" is neither a stream nor a consumer of one",
            ),
            ("ARN:aws:kinesis:eu-west-1:123456789012:stream/orders", "it does not begin with \"arn:\""),
        ] {
            let error = text.parse::<StreamName>().unwrap_err().to_string();
            assert!(error.ends_with(&format!(": {reason}")), "{error}");
        }
        let unnamed = "arn:aws:kinesis:eu-west-1:123456789012:stream/".parse::<StreamName>().unwrap_err().to_string();
        assert!(unnamed.contains("is not a stream name"), "{unnamed}");
        assert!("no stream".parse::<StreamName>().is_err());
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
