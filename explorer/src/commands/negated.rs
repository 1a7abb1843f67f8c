//! Conditions that begin with a minus, such as `-is:expired`. The parser of arguments takes them for options, so they are handed to
//! it as the values of one. What may be an option stays as it is, so that a typo is reported and not searched for.

use std::ffi::OsString;

/// The option that they become.
pub(super) const OPTION: &str = "negated-condition";

/// The commands that take a filter.
const COMMANDS: [&str; 5] = ["records", "export", "tail", "plan", "run"];

/// The arguments, with every negated condition as an option.
pub(super) fn as_options(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let (mut takes_filter, mut is_over) = (false, false);
    let as_option = |argument: OsString| {
        let Some(text) = argument.to_str() else {
            return argument;
        };
        is_over |= text == "--";
        takes_filter |= COMMANDS.contains(&text);
        if takes_filter && !is_over && is_condition(text) { format!("--{OPTION}={text}").into() } else { argument }
    };
    arguments.into_iter().map(as_option).collect()
}

/// Whether this is a minus before a condition with a name, a regular expression, or a text that no option can be.
fn is_condition(argument: &str) -> bool {
    let Some(condition) = argument.strip_prefix('-').filter(|rest| !rest.starts_with('-')) else {
        return false;
    };
    let name = condition.len() - condition.trim_start_matches(|letter: char| letter.is_ascii_alphabetic()).len();
    let is_named = name > 0 && condition[name..].starts_with(':');
    is_named
        || condition.starts_with(['/', '"', '{', '[', '.', '$'])
        || condition.contains(char::is_whitespace)
        || !condition.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(line: &[&str]) -> Vec<String> {
        as_options(line.iter().map(OsString::from)).into_iter().map(|argument| argument.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_negated_condition_is_no_option() {
        for condition in
            ["-is:expired", "-text:a b", "-json:$.a==\"b c\"", "-/a b/i", "-\"a\"", "-not found", "-größe", "-foo:bar", "-.a=b"]
        {
            let expected = ["explorer", "records", "orders", &format!("--{OPTION}={condition}"), "--limit", "5"];
            assert_eq!(changed(&["explorer", "records", "orders", condition, "--limit", "5"]), expected);
        }
    }

    #[test]
    fn an_option_stays_what_it_is() {
        for line in [
            &["explorer", "records", "orders", "--limti", "5"][..],
            &["explorer", "records", "orders", "-limit", "5"],
            &["explorer", "export", "orders", "--to", "-", "-h"],
            &["explorer", "records", "orders", "--", "-is:expired"],
            &["explorer", "streams", "-is:expired"],
        ] {
            assert_eq!(changed(line), line);
        }
    }
}
