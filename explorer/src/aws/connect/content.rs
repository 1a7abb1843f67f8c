//! What a valid answer always contains. An answer without it is not from AWS or was truncated; it would look like an empty archive,
//! a missing table or the end of a stream.

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;

/// What a field must be.
#[derive(Debug)]
enum Want {
    /// Anything but null.
    Something,
    /// A text that is not empty.
    Text,
    Number,
    Flag,
    /// A list in which every element has this shape.
    List(&'static Want),
    /// An object with at least these fields.
    Object(&'static [(&'static str, Want)]),
}

use Want::{Flag, List, Number, Object, Something, Text};

/// Source: DynamoDB and Kinesis API references.
const ALWAYS_SENT: [(&str, Want); 12] = [
    ("BatchGetItem", Object(&[("Responses", Object(&[]))])),
    (
        "DescribeStreamSummary",
        Object(&[(
            "StreamDescriptionSummary",
            Object(&[
                ("StreamARN", Text),
                ("StreamName", Text),
                ("StreamStatus", Text),
                ("StreamCreationTimestamp", Number),
                ("OpenShardCount", Number),
            ]),
        )]),
    ),
    (
        "DescribeTable",
        Object(&[(
            "Table",
            Object(&[
                ("TableName", Text),
                ("TableStatus", Text),
                ("KeySchema", List(&Object(&[("AttributeName", Text), ("KeyType", Text)]))),
            ]),
        )]),
    ),
    ("DescribeTimeToLive", Object(&[("TimeToLiveDescription", Object(&[]))])),
    ("GetRecords", Object(&[("Records", List(&Object(&[("SequenceNumber", Text), ("Data", Something), ("PartitionKey", Text)])))])),
    ("GetShardIterator", Object(&[("ShardIterator", Text)])),
    (
        "ListShards",
        Object(&[(
            "Shards",
            List(&Object(&[
                ("ShardId", Text),
                ("HashKeyRange", Object(&[("StartingHashKey", Text), ("EndingHashKey", Text)])),
                ("SequenceNumberRange", Object(&[("StartingSequenceNumber", Text)])),
            ])),
        )]),
    ),
    ("ListStreams", Object(&[("StreamNames", List(&Text)), ("HasMoreStreams", Flag)])),
    ("ListTables", Object(&[("TableNames", List(&Text))])),
    ("ListTagsForStream", Object(&[("Tags", List(&Object(&[("Key", Text)]))), ("HasMoreTags", Flag)])),
    // A call that asks only for a count gets no items.
    ("Query", Object(&[("ScannedCount", Number), ("Count", Number)])),
    ("Scan", Object(&[("ScannedCount", Number), ("Count", Number)])),
];

/// What is wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// The field is missing or null.
    Missing(&'static str),
    /// It is something else entirely.
    Strange,
}

/// Why the answer to a call cannot be from AWS, as a sentence.
pub(super) fn fault_of(body: &[u8], service: &str, operation: &str) -> Option<String> {
    let (_, want) = ALWAYS_SENT.iter().find(|(known, _)| *known == operation)?;
    Some(match fault(body, want)? {
        Fault::Missing(field) => format!("the answer to {operation} has no {field}, so it is not from AWS"),
        Fault::Strange => format!("the answer to {operation} is not what {service} sends"),
    })
}

fn fault(body: &[u8], want: &'static Want) -> Option<Fault> {
    let body = body.trim_ascii();
    let body = if body.is_empty() { b"{}" } else { body };
    let found = RefCell::new(None);
    let mut json = serde_json::Deserializer::from_slice(body);
    let looked = Look { want, name: None, found: &found }.deserialize(&mut json);
    match (looked.and_then(|()| json.end()), found.into_inner()) {
        (_, Some(fault)) => Some(fault),
        (Ok(()), None) => None,
        (Err(_), None) => Some(Fault::Strange),
    }
}

/// The check of one value.
#[derive(Clone, Copy)]
struct Look<'f> {
    want: &'static Want,
    /// The field that contains it.
    name: Option<&'static str>,
    /// The first fault found.
    found: &'f RefCell<Option<Fault>>,
}

impl Look<'_> {
    fn note(&self, fault: Fault) {
        self.found.borrow_mut().get_or_insert(fault);
    }

    fn note_missing(&self) {
        self.note(self.name.map_or(Fault::Strange, Fault::Missing));
    }

    fn check(&self, fits: bool) {
        if !fits {
            self.note(Fault::Strange);
        }
    }
}

impl<'de> DeserializeSeed<'de> for Look<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Look<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", self.want)
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.note_missing();
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.check(matches!(self.want, Something | Flag));
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.check(matches!(self.want, Something | Number));
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        self.check(matches!(self.want, Something | Number));
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.check(matches!(self.want, Something | Number));
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        match self.want {
            Text if text.is_empty() => self.note_missing(),
            want => self.check(matches!(want, Something | Text)),
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let List(want) = self.want else {
            self.check(matches!(self.want, Something));
            while elements.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        };
        while elements.next_element_seed(Look { want, name: None, ..self })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let fields: &'static [(&'static str, Want)] = match self.want {
            Object(fields) => fields,
            want => {
                self.check(matches!(want, Something));
                &[]
            }
        };
        // No object here has that many fields.
        let mut seen = 0_u32;
        while let Some(key) = entries.next_key::<Cow<'de, str>>()? {
            match fields.iter().position(|(name, _)| *name == key) {
                Some(place) => {
                    seen |= 1 << place;
                    let (name, want) = &fields[place];
                    entries.next_value_seed(Look { want, name: Some(name), found: self.found })?;
                }
                None => {
                    entries.next_value::<IgnoredAny>()?;
                }
            }
        }
        for (place, (name, _)) in fields.iter().enumerate() {
            if seen & (1 << place) == 0 {
                self.note(Fault::Missing(name));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(operation: &str, body: &str) -> Option<String> {
        fault_of(body.as_bytes(), "DynamoDB", operation)
    }

    fn missing(operation: &str, field: &str) -> Option<String> {
        Some(format!("the answer to {operation} has no {field}, so it is not from AWS"))
    }

    #[test]
    fn an_answer_without_its_content_is_not_from_aws() {
        for (operation, body, field) in [
            ("Scan", "", "ScannedCount"),
            ("Scan", "{}", "ScannedCount"),
            ("Scan", " {\"Count\": 0}\n", "ScannedCount"),
            ("Scan", r#"{"ScannedCount":null,"Count":0}"#, "ScannedCount"),
            ("Query", r#"{"ScannedCount":0}"#, "Count"),
            ("GetRecords", "", "Records"),
            ("GetRecords", r#"{"Records":null}"#, "Records"),
            ("GetRecords", r#"{"Records":[{}]}"#, "SequenceNumber"),
            ("GetRecords", r#"{"Records":[{"SequenceNumber":"1","PartitionKey":"a","Data":null}]}"#, "Data"),
            ("GetShardIterator", r#"{"ShardIterator":""}"#, "ShardIterator"),
            ("DescribeTable", r#"{"Table":null}"#, "Table"),
            ("DescribeTable", r#"{"Table":{"TableName":"orders-archive-ALL"}}"#, "TableStatus"),
            ("ListTagsForStream", r#"{"Tags":null,"HasMoreTags":false}"#, "Tags"),
            ("ListTagsForStream", r#"{"Tags":[{}],"HasMoreTags":false}"#, "Key"),
            ("ListTagsForStream", r#"{"Tags":[]}"#, "HasMoreTags"),
            ("ListStreams", r#"{"StreamNames":["orders"]}"#, "HasMoreStreams"),
            ("ListShards", r#"{"Shards":[{}]}"#, "ShardId"),
            ("DescribeStreamSummary", r#"{"StreamDescriptionSummary":{}}"#, "StreamARN"),
        ] {
            assert_eq!(of(operation, body), missing(operation, field), "{body}");
        }
        let padded = format!(r#"{{"Padding":"{}"}}"#, "x".repeat(100 * 1024));
        assert_eq!(of("GetRecords", &padded), missing("GetRecords", "Records"), "whatever its size");
        for (operation, body) in [
            ("Scan", r#"{"Items":[],"Count":0,"ScannedCount":0}"#),
            ("GetRecords", r#"{"Records":[{"SequenceNumber":"1","PartitionKey":"a","Data":""}],"MillisBehindLatest":0}"#),
            ("ListTagsForStream", r#"{"Tags":[{"Key":"a","Value":null}],"HasMoreTags":false}"#),
            ("PutItem", "{}"),
        ] {
            assert_eq!(of(operation, body), None, "{body}");
        }
    }

    #[test]
    fn an_answer_of_another_shape_is_not_what_the_service_sends() {
        for body in [
            "null",
            "[]",
            "7",
            "\"x\"",
            "<html>",
            r#"{"StreamNames":[null],"HasMoreStreams":false}"#,
            r#"{"StreamNames":"orders","HasMoreStreams":false}"#,
            r#"{"StreamNames":[],"HasMoreStreams":"no"}"#,
            r#"{"StreamNames":[],"HasMoreStreams":false} {}"#,
            r#"{"StreamNames":[],"HasMoreStreams":false"#,
        ] {
            let strange = "the answer to ListStreams is not what DynamoDB sends".to_owned();
            assert_eq!(of("ListStreams", body), Some(strange), "{body}");
        }
    }
}
