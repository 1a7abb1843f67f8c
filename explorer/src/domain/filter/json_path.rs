//! JSONPaths with choices, followed through documents whose numbers keep their digits. Names, places, slices and wildcards are followed
//! here; expressions in brackets are the library's, which compares doubles, so that it gets numbers which those can hold.

use super::decimal;
use super::json_tree::Json;
use serde_json::{Number, Value};
use serde_json_path::{JsonPath, PathElement};
use std::cmp::Ordering;
use std::ops::Range;

/// The values that a path leads to.
#[derive(Debug)]
pub(super) enum Selection {
    /// Segment by segment.
    Segments(Vec<Segment>),
    /// By the library.
    Library(Library),
}

/// What a path does next, to a value or to all that is in it.
#[derive(Debug, PartialEq)]
pub(super) struct Segment {
    descends: bool,
    selectors: Vec<Selector>,
}

#[derive(Debug, PartialEq)]
enum Selector {
    Name(String),
    /// From the end where it is negative.
    Place(i64),
    All,
    Slice {
        start: Option<i64>,
        end: Option<i64>,
        step: i64,
    },
}

/// A path with expressions.
#[derive(Debug)]
pub(super) struct Library {
    text: String,
    parsed: JsonPath,
    /// Where the numbers of its expressions stand.
    numbers: Vec<Range<usize>>,
}

impl Selection {
    /// The selection of a path that the library has accepted.
    pub(super) fn of(text: &str, parsed: JsonPath) -> Self {
        match segments(text) {
            Some(segments) => Self::Segments(segments),
            None => Self::Library(Library { text: text.to_owned(), parsed, numbers: numbers_of_expressions(text) }),
        }
    }

    /// Whether any of the selected values is wanted.
    pub(super) fn any(&self, document: &Json<'_>, is_wanted: &mut dyn FnMut(&Json<'_>) -> bool) -> bool {
        match self {
            Self::Segments(segments) => any_of_segments(document, segments, is_wanted),
            Self::Library(library) => library.any(document, is_wanted),
        }
    }
}

fn any_of_segments(value: &Json<'_>, segments: &[Segment], is_wanted: &mut dyn FnMut(&Json<'_>) -> bool) -> bool {
    let Some((segment, rest)) = segments.split_first() else {
        return is_wanted(value);
    };
    if segment.selectors.iter().any(|selector| selector.any(value, &mut |selected| any_of_segments(selected, rest, is_wanted))) {
        return true;
    }
    segment.descends && Selector::All.any(value, &mut |inner| any_of_segments(inner, segments, is_wanted))
}

impl Selector {
    fn any(&self, value: &Json<'_>, is_wanted: &mut dyn FnMut(&Json<'_>) -> bool) -> bool {
        match (self, value) {
            (Self::Name(name), _) => value.member(name).is_some_and(is_wanted),
            (Self::All, Json::Object(members)) => members.iter().any(|(_, value)| is_wanted(value)),
            (Self::All, _) => value.elements().iter().any(is_wanted),
            (Self::Place(place), _) => {
                let elements = value.elements();
                let from_start = if *place < 0 { *place + elements.len() as i64 } else { *place };
                usize::try_from(from_start).ok().and_then(|place| elements.get(place)).is_some_and(is_wanted)
            }
            (Self::Slice { start, end, step }, _) => any_of_slice(value.elements(), (*start, *end, *step), is_wanted),
        }
    }
}

/// Source: RFC 9535, 2.3.4.2.2.
fn any_of_slice(
    elements: &[Json<'_>],
    (start, end, step): (Option<i64>, Option<i64>, i64),
    is_wanted: &mut dyn FnMut(&Json<'_>) -> bool,
) -> bool {
    let length = elements.len() as i64;
    let normalized = |place: i64| if place >= 0 { place } else { length.saturating_add(place) };
    let (mut at, until) = if step >= 0 {
        (normalized(start.unwrap_or(0)).clamp(0, length), normalized(end.unwrap_or(length)).clamp(0, length))
    } else {
        let until = end.map_or(-1, |end| normalized(end).clamp(-1, length - 1));
        (normalized(start.unwrap_or(length - 1)).clamp(-1, length - 1), until)
    };
    while step > 0 && at < until || step < 0 && at > until {
        if usize::try_from(at).ok().and_then(|at| elements.get(at)).is_some_and(&mut *is_wanted) {
            return true;
        }
        at = at.saturating_add(step);
    }
    false
}

/// The segments of a path that the library has accepted; `None` where it has expressions, or names with escapes.
fn segments(path: &str) -> Option<Vec<Segment>> {
    let mut rest = path.strip_prefix('$')?;
    let mut segments = Vec::new();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Some(segments);
        }
        let descends = rest.starts_with("..");
        let after = if descends { &rest[2..] } else { rest };
        let (selectors, left) = match after.strip_prefix('[') {
            Some(inside) => bracketed(inside)?,
            None => {
                let name = if descends { after } else { after.strip_prefix('.')? };
                match name.strip_prefix('*') {
                    Some(left) => (vec![Selector::All], left),
                    None => {
                        let is_of_name =
                            |character: char| character.is_ascii_alphanumeric() || character == '_' || !character.is_ascii();
                        let (name, left) = name.split_at(name.find(|character| !is_of_name(character)).unwrap_or(name.len()));
                        if name.is_empty() {
                            return None;
                        }
                        (vec![Selector::Name(name.to_owned())], left)
                    }
                }
            }
        };
        segments.push(Segment { descends, selectors });
        rest = left;
    }
}

/// The selectors up to the closing bracket, and what follows it.
fn bracketed(mut rest: &str) -> Option<(Vec<Selector>, &str)> {
    let mut selectors = Vec::new();
    loop {
        rest = rest.trim_start();
        let (selector, left) = match rest.chars().next()? {
            quote @ ('"' | '\'') => {
                let (name, left) = rest[1..].split_once(quote)?;
                if name.contains('\\') {
                    return None;
                }
                (Selector::Name(name.to_owned()), left)
            }
            '*' => (Selector::All, &rest[1..]),
            _ => {
                let (inside, left) = rest.split_at(rest.find([',', ']'])?);
                (place_or_slice(inside)?, left)
            }
        };
        selectors.push(selector);
        let left = left.trim_start();
        match left.strip_prefix(',') {
            Some(left) => rest = left,
            None => return Some((selectors, left.strip_prefix(']')?)),
        }
    }
}

fn place_or_slice(text: &str) -> Option<Selector> {
    let number = |text: &str| match text.trim() {
        "" => Some(None),
        digits => digits.parse().ok().map(Some),
    };
    let mut parts = text.split(':');
    let start = number(parts.next()?)?;
    let Some(end) = parts.next() else {
        return start.map(Selector::Place);
    };
    let (end, step) = (number(end)?, parts.next().map_or(Some(None), number)?);
    parts.next().is_none().then_some(Selector::Slice { start, end, step: step.unwrap_or(1) })
}

impl Library {
    fn any(&self, document: &Json<'_>, is_wanted: &mut dyn FnMut(&Json<'_>) -> bool) -> bool {
        let numbers = self.in_order(document);
        let with_ranks = numbers.as_ref().and_then(|numbers| self.with_ranks(numbers));
        let value = to_value(document, &|digits| match (&with_ranks, &numbers) {
            (Some(_), Some(numbers)) => Number::from(rank(numbers, digits)),
            _ => double(digits),
        });
        let path = with_ranks.as_ref().unwrap_or(&self.parsed);
        path.query_located(&value).iter().any(|node| {
            let at = node.location().iter().try_fold(document, |value, element| match element {
                PathElement::Name(name) => value.member(name),
                PathElement::Index(place) => value.elements().get(*place),
            });
            at.is_some_and(&mut *is_wanted)
        })
    }

    /// The numbers of the document and the path, each once, in their order; `None` where doubles can hold all of them, or where the
    /// path counts something, so that its numbers are no mere values.
    fn in_order<'a>(&'a self, document: &'a Json<'_>) -> Option<Vec<&'a str>> {
        if ["length", "count"].iter().any(|function| self.text.contains(function)) {
            return None;
        }
        let mut numbers: Vec<&str> = self.numbers.iter().filter_map(|range| self.text.get(range.clone())).collect();
        collect_numbers(document, &mut numbers);
        if numbers.iter().all(|digits| decimal::fits_a_double(digits)) {
            return None;
        }
        numbers.retain(|digits| decimal::compare(digits, digits).is_some());
        numbers.sort_by(|left, right| decimal::compare(left, right).unwrap_or(Ordering::Equal));
        numbers.dedup_by(|left, right| decimal::compare(left, right) == Some(Ordering::Equal));
        Some(numbers)
    }

    /// The path with the ranks of its numbers in their place: as many are in order as doubles can hold.
    fn with_ranks(&self, numbers: &[&str]) -> Option<JsonPath> {
        let mut text = self.text.clone();
        for range in self.numbers.iter().rev() {
            text.replace_range(range.clone(), &rank(numbers, self.text.get(range.clone())?).to_string());
        }
        JsonPath::parse(&text).ok()
    }
}

fn collect_numbers<'a>(value: &'a Json<'_>, numbers: &mut Vec<&'a str>) {
    match value {
        Json::Number(digits) => numbers.push(digits),
        Json::List(elements) => elements.iter().for_each(|element| collect_numbers(element, numbers)),
        Json::Object(members) => members.iter().for_each(|(_, member)| collect_numbers(member, numbers)),
        Json::Null | Json::Bool(_) | Json::Text(_) => {}
    }
}

/// The place of a number among them.
fn rank(numbers: &[&str], digits: &str) -> usize {
    numbers.partition_point(|other| decimal::compare(other, digits) == Some(Ordering::Less))
}

/// The double that is nearest.
fn double(digits: &str) -> Number {
    let whole = digits.parse::<i64>().map(Number::from).ok();
    let nearest = || Number::from_f64(digits.parse::<f64>().unwrap_or_default().clamp(f64::MIN, f64::MAX));
    whole.or_else(nearest).unwrap_or_else(|| Number::from(0))
}

fn to_value(json: &Json<'_>, number: &dyn Fn(&str) -> Number) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        // As a text, for as a number it equals not even itself.
        Json::Number(digits) if digits == "NaN" => Value::String(digits.clone().into_owned()),
        Json::Number(digits) => Value::Number(number(digits)),
        Json::Text(text) => Value::String(text.clone().into_owned()),
        Json::List(elements) => elements.iter().map(|element| to_value(element, number)).collect(),
        Json::Object(members) => {
            members.iter().map(|(name, member)| (name.clone().into_owned(), to_value(member, number))).collect()
        }
    }
}

/// Where the numbers that expressions compare with stand in a path; those that are places of elements are not among them.
pub(super) fn numbers_of_expressions(path: &str) -> Vec<Range<usize>> {
    let bytes = path.as_bytes();
    let mut numbers = Vec::new();
    // For each open bracket, whether it has an expression, and how many parentheses are open in that.
    let mut open: Vec<(bool, usize)> = Vec::new();
    let mut begins_selector = false;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let is_in_name = at > 0 && bytes.get(at - 1).is_some_and(|before| is_of_name(*before) || *before == b'.');
        match byte {
            b'"' | b'\'' => {
                at += 1;
                while let Some(inner) = bytes.get(at).filter(|inner| *inner != byte) {
                    at += if *inner == b'\\' { 2 } else { 1 };
                }
            }
            b'[' => open.push((false, 0)),
            b']' => drop(open.pop()),
            b'?' if begins_selector => {
                if let Some((is_expression, _)) = open.last_mut() {
                    *is_expression = true;
                }
            }
            b'(' => open.last_mut().into_iter().for_each(|(_, parentheses)| *parentheses += 1),
            b')' => open.last_mut().into_iter().for_each(|(_, parentheses)| *parentheses = parentheses.saturating_sub(1)),
            b',' => {
                if let Some((is_expression, 0)) = open.last_mut() {
                    *is_expression = false;
                }
            }
            b'-' | b'0'..=b'9' if !is_in_name && open.last().is_some_and(|(is_expression, _)| *is_expression) => {
                let is_of_number = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-');
                let length = bytes[at..].iter().take_while(|byte| is_of_number(byte)).count();
                if decimal::is_number(&path[at..at + length]) {
                    numbers.push(at..at + length);
                }
                at += length.saturating_sub(1);
            }
            _ => {}
        }
        if !byte.is_ascii_whitespace() {
            begins_selector = matches!(byte, b'[' | b',');
        }
        at += 1;
    }
    numbers
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::json_tree;
    use super::super::json_tree::tests::to_value;
    use super::*;
    use proptest::prelude::*;

    fn selected(path: &str, document: &str) -> Vec<String> {
        let selection = Selection::of(path, JsonPath::parse(path).unwrap());
        let documents = json_tree::read(document.as_bytes());
        let mut found = Vec::new();
        selection.any(&documents.values[0], &mut |value| {
            found.push(to_value(value).to_string());
            false
        });
        found
    }

    #[test]
    fn expressions_compare_to_the_last_digit() {
        let orders = r#"{"a":[{"x":123456789012345678901},{"x":123456789012345678902},{"x":0.30000000000000000001},{"y":[7]}]}"#;
        let count = |path: &str| selected(path, orders).len();
        assert_eq!(count("$.a[?@.x==123456789012345678902]"), 1);
        assert_eq!(count("$.a[?@.x > 123456789012345678901]"), 1);
        assert_eq!(count("$.a[?@.x > 0.3 && @.x < 1]"), 1);
        assert_eq!(count("$.a[?@.x <= 0.3]"), 0);
        assert_eq!(count("$.a[?@.y[0] == 7.0]"), 1);
        assert_eq!(count("$.a[0, ?@.x==123456789012345678902, 1]"), 3);
        assert_eq!(count("$.a[?length(@.y) == 1]"), 1);
        assert_eq!(count("$..[?@.x]"), 3);
        assert_eq!(selected("$[?@ < 5]", "[NaN,1e999,-Infinity,4]").len(), 2);
    }

    #[test]
    fn only_numbers_that_are_compared_are_found_in_a_path() {
        for (path, expected) in [
            ("$[?@.a1[2] == -3.5e2 && @['4']<5]", vec!["-3.5e2", "5"]),
            ("$.a[0:2][?(@.x>=1)][1, ?@.y!=2, 3]", vec!["1", "2"]),
            ("$[?match(@.a, '1.2') || @.b == \"3\" || 4 < @.c]", vec!["4"]),
            ("$[1]", vec![]),
        ] {
            let numbers = numbers_of_expressions(path);
            assert_eq!(numbers.into_iter().map(|range| &path[range]).collect::<Vec<_>>(), expected, "{path}");
        }
    }

    proptest! {
        #[test]
        fn segments_lead_where_the_library_goes(
            document in crate::domain::filter::tests::any_json(),
            steps in proptest::collection::vec(prop_oneof![
                "\\.[a-c]", "\\.\\.[a-c]", "\\.\\*", "\\.\\.\\*", "\\[-?[1-2]\\]", "\\['[a-c ]', ?[0-2]\\]",
                "\\[-?[1-3]?:-?[1-3]?\\]", "\\[ ?:-?[1-3]? ?:-?[1-2]\\]", "\\.\\.\\[\\*, 0\\]",
            ], 0..4),
        ) {
            let path = format!("${}", steps.concat()).replace("-:", ":").replace("-]", "]");
            let parsed = JsonPath::parse(&path);
            prop_assume!(parsed.is_ok());
            let parsed = parsed.unwrap();
            let mut expected: Vec<String> = parsed.query(&document).all().into_iter().map(Value::to_string).collect();
            prop_assert!(segments(&path).is_some(), "{}", path);
            let mut found = selected(&path, &document.to_string());
            found.sort();
            expected.sort();
            prop_assert_eq!(found, expected, "{} in {}", path, document);
        }
    }
}
