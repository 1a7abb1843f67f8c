//! Values in JSON contents. A simple path finds them without building the rest of the document. They are compared as RFC 9535 says,
//! numbers to the last digit.

use super::answer::Answer;
use super::decimal;
use super::json_path::Selection;
use super::json_tree::{self, Json};
use serde::Deserialize as _;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Deserializer;
use serde_json::value::RawValue;
use serde_json_path::JsonPath;
use std::cmp::Ordering;
use std::fmt;

/// How values are found.
#[derive(Debug)]
pub(super) enum Route {
    /// Member by member, element by element: at most one value, and nothing else is built.
    Simple(Vec<PathStep>),
    /// Through a document that was built whole.
    Whole(Selection),
}

/// One step of a simple path.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PathStep {
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
        simple_steps(path).map_or_else(|| Self::Whole(Selection::of(path, parsed)), Self::Simple)
    }

    /// Whether it leads to such a value in any of the documents in a content. Content that is not JSON has none. For broken JSON the
    /// answer is unknown, unless the readable part has one.
    pub(super) fn any(&self, content: &[u8], mut is_wanted: impl FnMut(&Json<'_>) -> bool) -> Answer {
        let content = json_tree::trimmed(content);
        if let Self::Simple(steps) = self
            && let Some(answer) = any_of_strict(steps, content, &mut is_wanted)
        {
            return answer;
        }
        let documents = json_tree::read(content);
        let is_json = documents.is_whole || json_tree::looks_like_json(content);
        if is_json && documents.values.iter().any(|document| self.any_in(document, &mut is_wanted)) {
            return Answer::Yes;
        }
        if is_json && !documents.is_whole { Answer::Unknown } else { Answer::No }
    }

    fn any_in(&self, document: &Json<'_>, is_wanted: &mut dyn FnMut(&Json<'_>) -> bool) -> bool {
        let is_found = match self {
            Self::Simple(steps) => walk(document, steps).is_some_and(&mut *is_wanted),
            Self::Whole(selection) => selection.any(document, is_wanted),
        };
        is_found || inner_document(document).is_some_and(|inner| self.any_in(&inner, is_wanted))
    }
}

/// JSON that was written into a JSON text once more. Each time its quotation marks and backslashes double, so it ends soon.
fn inner_document(document: &Json<'_>) -> Option<Json<'static>> {
    let Json::Text(text) = document else {
        return None;
    };
    if !text.starts_with(['{', '[', '"']) {
        return None;
    }
    let mut documents = json_tree::read(text.as_bytes());
    let is_one = documents.is_whole && documents.values.len() == 1;
    documents.values.pop().filter(|_| is_one).map(Json::into_owned)
}

/// The answer for documents that are strict JSON, without building anything; `None` where one is not, or is a text.
fn any_of_strict(steps: &[PathStep], content: &[u8], is_wanted: &mut impl FnMut(&Json<'_>) -> bool) -> Option<Answer> {
    if content.first() == Some(&b'"') {
        return None;
    }
    let mut documents = Deserializer::from_slice(content);
    loop {
        if documents.end().is_ok() {
            return Some(Answer::No);
        }
        let found = Select(steps).deserialize(&mut documents).ok()?;
        if let Some(value) = found
            && let [value] = json_tree::read(value.get().as_bytes()).values.as_slice()
            && is_wanted(value)
        {
            return Some(Answer::Yes);
        }
    }
}

/// The value at the end of the steps.
fn walk<'j, 'd>(document: &'j Json<'d>, steps: &[PathStep]) -> Option<&'j Json<'d>> {
    steps.iter().try_fold(document, |value, step| match step {
        PathStep::Member(name) => value.member(name),
        PathStep::Element(place) => value.elements().get(*place),
    })
}

/// The steps of a path such as `$.items[0]["sku"]`; `None` where it is of another kind.
fn simple_steps(path: &str) -> Option<Vec<PathStep>> {
    let mut rest = path.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        let (step, after) = match rest.strip_prefix('[') {
            Some(bracket) => {
                let (inside, after) = bracket.split_once(']')?;
                let name = ['"', '\''].into_iter().find_map(|quote| inside.strip_prefix(quote)?.strip_suffix(quote));
                match name {
                    Some(name) if !name.contains(['\\', '"', '\'']) => (PathStep::Member(name.to_owned()), after),
                    Some(_) => return None,
                    None => (PathStep::Element(inside.parse().ok()?), after),
                }
            }
            None => {
                let member = rest.strip_prefix('.')?;
                let is_of_name = |character: char| character.is_ascii_alphanumeric() || character == '_' || !character.is_ascii();
                let (name, after) = member.split_at(member.find(|character| !is_of_name(character)).unwrap_or(member.len()));
                if name.is_empty() {
                    return None;
                }
                (PathStep::Member(name.to_owned()), after)
            }
        };
        steps.push(step);
        rest = after;
    }
    Some(steps)
}

/// Reads a document and keeps the value at the end of the steps.
struct Select<'p>(&'p [PathStep]);

impl<'d> DeserializeSeed<'d> for Select<'_> {
    type Value = Option<&'d RawValue>;

    fn deserialize<D: serde::Deserializer<'d>>(self, document: D) -> Result<Self::Value, D::Error> {
        match self.0.split_first() {
            Some((step, rest)) => document.deserialize_any(Descend { step, rest }),
            None => <&RawValue>::deserialize(document).map(Some),
        }
    }
}

struct Descend<'p> {
    step: &'p PathStep,
    rest: &'p [PathStep],
}

macro_rules! has_no_members {
    ($($visit:ident: $type:ty),*) => {
        $(fn $visit<E>(self, _: $type) -> Result<Self::Value, E> {
            Ok(None)
        })*
    };
}

impl<'d> Visitor<'d> for Descend<'_> {
    type Value = Option<&'d RawValue>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON value")
    }

    has_no_members!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'d>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let name = match self.step {
            PathStep::Member(name) => Some(name.as_str()),
            PathStep::Element(_) => None,
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
        if let PathStep::Element(place) = self.step {
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
    pub(super) fn holds(self, value: &Json<'_>, wanted: &Json<'_>) -> bool {
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

fn ordering(left: &Json<'_>, right: &Json<'_>) -> Option<Ordering> {
    match (left, right) {
        (Json::Number(left), Json::Number(right)) => decimal::compare(left, right),
        (Json::Text(left), Json::Text(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

/// Equal as values: `1` is `1.0`, and the members of an object have no order.
fn are_equal(left: &Json<'_>, right: &Json<'_>) -> bool {
    match (left, right) {
        (Json::Number(left), Json::Number(right)) => decimal::compare(left, right) == Some(Ordering::Equal),
        (Json::List(left), Json::List(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| are_equal(left, right))
        }
        (Json::Object(members), Json::Object(others)) => {
            let has_equal = |(name, value)| right.member(name).is_some_and(|other| are_equal(value, other));
            members.len() == others.len() && members.iter().map(|(name, value)| (name.as_ref(), value)).all(has_equal)
        }
        _ => left == right,
    }
}
