//! Values in JSON contents: found by their path without building the rest of the document where the path is a simple one, and
//! compared as RFC 9535 compares them.

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Deserializer, Number, Value};
use serde_json_path::JsonPath;
use std::cmp::Ordering;
use std::fmt;

/// How values are found.
#[derive(Debug)]
pub(super) enum Route {
    /// Member by member, element by element: at most one value, and nothing else is built.
    Simple(Vec<Step>),
    /// By the library, in a document that was built whole.
    General(JsonPath),
}

/// One step of a simple path.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// To the member of this name.
    Member(String),
    /// To this element, from 0.
    Element(usize),
}

/// How two values compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Different,
    Less,
    AtMost,
    More,
    AtLeast,
}

impl Route {
    /// The route of a path that the library has accepted.
    pub(super) fn of(path: &str, parsed: JsonPath) -> Self {
        simple_steps(path).map_or(Self::General(parsed), Self::Simple)
    }

    /// Whether it leads to such a value in any of the documents that a content holds, one after the other.
    pub(super) fn any(&self, content: &[u8], is_wanted: impl Fn(&Value) -> bool) -> bool {
        let mut documents = Deserializer::from_slice(content);
        loop {
            let found = match self {
                Self::Simple(steps) => {
                    Select(steps).deserialize(&mut documents).map(|value| value.as_ref().is_some_and(&is_wanted))
                }
                Self::General(path) => {
                    Value::deserialize(&mut documents).map(|document| path.query(&document).iter().any(|value| is_wanted(value)))
                }
            };
            match found {
                Ok(true) => return true,
                Ok(false) => {}
                Err(_) => return false,
            }
        }
    }
}

/// The steps of a path such as `$.items[0]["sku"]`; `None` where it is of another kind.
fn simple_steps(path: &str) -> Option<Vec<Step>> {
    let mut rest = path.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        let (step, after) = match rest.strip_prefix('[') {
            Some(bracket) => {
                let (inside, after) = bracket.split_once(']')?;
                let name = ['"', '\''].into_iter().find_map(|quote| inside.strip_prefix(quote)?.strip_suffix(quote));
                match name {
                    Some(name) if !name.contains(['\\', '"', '\'']) => (Step::Member(name.to_owned()), after),
                    Some(_) => return None,
                    None => (Step::Element(inside.parse().ok()?), after),
                }
            }
            None => {
                let member = rest.strip_prefix('.')?;
                let is_of_name = |character: char| character.is_ascii_alphanumeric() || character == '_' || !character.is_ascii();
                let (name, after) = member.split_at(member.find(|character| !is_of_name(character)).unwrap_or(member.len()));
                if name.is_empty() {
                    return None;
                }
                (Step::Member(name.to_owned()), after)
            }
        };
        steps.push(step);
        rest = after;
    }
    Some(steps)
}

/// Reads a document and keeps the value at the end of the steps.
struct Select<'p>(&'p [Step]);

impl<'d> DeserializeSeed<'d> for Select<'_> {
    type Value = Option<Value>;

    fn deserialize<D: serde::Deserializer<'d>>(self, document: D) -> Result<Self::Value, D::Error> {
        match self.0.split_first() {
            Some((step, rest)) => document.deserialize_any(Descend { step, rest }),
            None => Value::deserialize(document).map(Some),
        }
    }
}

struct Descend<'p> {
    step: &'p Step,
    rest: &'p [Step],
}

macro_rules! has_no_members {
    ($($visit:ident: $type:ty),*) => {
        $(fn $visit<E>(self, _: $type) -> Result<Self::Value, E> {
            Ok(None)
        })*
    };
}

impl<'d> Visitor<'d> for Descend<'_> {
    type Value = Option<Value>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON value")
    }

    has_no_members!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'d>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let name = match self.step {
            Step::Member(name) => Some(name.as_str()),
            Step::Element(_) => None,
        };
        let mut found = None;
        while let Some(is_it) = members.next_key_seed(NameIs(name))? {
            if is_it {
                // Of members with one name the last counts, as for a document that is built whole.
                found = members.next_value_seed(Select(self.rest))?;
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'d>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        if let Step::Element(place) = self.step {
            for _ in 0..*place {
                if elements.next_element::<IgnoredAny>()?.is_none() {
                    return Ok(None);
                }
            }
            found = elements.next_element_seed(Select(self.rest))?.flatten();
        }
        while elements.next_element::<IgnoredAny>()?.is_some() {}
        Ok(found)
    }
}

/// Whether a member's name is this one.
struct NameIs<'p>(Option<&'p str>);

impl<'d> DeserializeSeed<'d> for NameIs<'_> {
    type Value = bool;

    fn deserialize<D: serde::Deserializer<'d>>(self, name: D) -> Result<bool, D::Error> {
        name.deserialize_str(self)
    }
}

impl Visitor<'_> for NameIs<'_> {
    type Value = bool;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the name of a member")
    }

    fn visit_str<E>(self, name: &str) -> Result<bool, E> {
        Ok(self.0 == Some(name))
    }
}

impl Comparison {
    const ALL: [(&'static str, Self); 6] = [
        ("==", Self::Equal),
        ("!=", Self::Different),
        ("<=", Self::AtMost),
        (">=", Self::AtLeast),
        ("<", Self::Less),
        (">", Self::More),
    ];

    /// The comparison that a text begins with, and its length.
    pub(super) fn read(text: &str) -> Option<(Self, usize)> {
        Self::ALL.into_iter().find(|(sign, _)| text.starts_with(sign)).map(|(sign, comparison)| (comparison, sign.len()))
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::Different => "!=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::More => ">",
            Self::AtLeast => ">=",
        }
    }

    /// Whether it holds; only numbers and texts are larger or smaller than others of their kind. Source: RFC 9535, 2.3.5.2.2.
    pub(super) fn holds(self, value: &Value, wanted: &Value) -> bool {
        let is_order = |order| ordering(value, wanted) == Some(order);
        match self {
            Self::Equal => are_equal(value, wanted),
            Self::Different => !are_equal(value, wanted),
            Self::Less => is_order(Ordering::Less),
            Self::More => is_order(Ordering::Greater),
            Self::AtMost => is_order(Ordering::Less) || are_equal(value, wanted),
            Self::AtLeast => is_order(Ordering::Greater) || are_equal(value, wanted),
        }
    }
}

fn ordering(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => number_ordering(left, right),
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

fn number_ordering(left: &Number, right: &Number) -> Option<Ordering> {
    match (left.as_i128(), right.as_i128()) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}

/// Equal as values: `1` is `1.0`, and the members of an object have no order.
fn are_equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => number_ordering(left, right) == Some(Ordering::Equal),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| are_equal(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            let has_equal = |(name, value): (&String, &Value)| right.get(name).is_some_and(|other| are_equal(value, other));
            left.len() == right.len() && left.iter().all(has_equal)
        }
        _ => left == right,
    }
}
