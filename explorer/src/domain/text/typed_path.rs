//! A path that the user typed where no shell expands it.

use std::path::{Path, PathBuf};

/// Why a text names no file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPath {
    /// There is nothing.
    #[error("the file name is missing")]
    Empty,
    /// The folder of another user.
    #[error("{0} is not understood here; write the folder in full, or ./{0} for a file of that name")]
    OfUser(String),
    /// Nobody knows where home is.
    #[error("~ is not known, because HOME is not set; write the folder in full")]
    NoHome,
}

/// The path: without quotes around it, and with the home folder for `~`.
///
/// # Errors
/// Says what is wrong.
pub fn path_of(text: &str, home: Option<&Path>) -> Result<PathBuf, InvalidPath> {
    let text = text.trim();
    let unquoted = ['"', '\''].into_iter().find_map(|mark| text.strip_prefix(mark)?.strip_suffix(mark));
    let text = unquoted.unwrap_or(text);
    if text.is_empty() {
        return Err(InvalidPath::Empty);
    }
    let Some(below) = text.strip_prefix('~') else {
        return Ok(text.into());
    };
    let below = match below.strip_prefix('/') {
        Some(below) => below.trim_start_matches('/'),
        None if below.is_empty() => below,
        None => return Err(InvalidPath::OfUser(text.split('/').next().unwrap_or(text).to_owned())),
    };
    let home = home.filter(|home| !home.as_os_str().is_empty()).ok_or(InvalidPath::NoHome)?;
    Ok(if below.is_empty() { home.to_owned() } else { home.join(below) })
}

/// The folder in which a typed path is completed, and how the name there begins; `None` if the path is understood by nobody.
#[must_use]
pub fn folder_of(text: &str, home: Option<&Path>) -> Option<(PathBuf, String)> {
    let text = text.trim_start();
    let Some((folder, name)) = text.rsplit_once('/') else {
        return Some((PathBuf::from("."), text.to_owned()));
    };
    let folder = if folder.is_empty() { PathBuf::from("/") } else { path_of(folder, home).ok()? };
    Some((folder, name.to_owned()))
}

/// A name in a folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FoundName {
    /// The name.
    pub name: String,
    /// Whether it is a folder.
    pub is_folder: bool,
}

/// What completing a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CompletedPath {
    /// The path goes on so.
    Longer(String),
    /// It may go on in several ways.
    Several(Vec<String>),
    /// Nothing there begins so.
    Nothing,
}

/// Completes a typed path by the names in its folder, as far as only one way leads on. Hidden names are found by their dot only.
#[must_use]
pub fn completed(text: &str, names: &[FoundName]) -> CompletedPath {
    let (before, beginning) = match text.rfind('/') {
        Some(slash) => text.split_at(slash + 1),
        None => text.split_at(text.len() - text.trim_start().len()),
    };
    let is_wanted =
        |found: &&FoundName| found.name.starts_with(beginning) && (beginning.starts_with('.') || !found.name.starts_with('.'));
    let fitting: Vec<&FoundName> = names.iter().filter(is_wanted).collect();
    let shown = |found: &FoundName| format!("{}{}", found.name, if found.is_folder { "/" } else { "" });
    match fitting.as_slice() {
        [] => CompletedPath::Nothing,
        [only] => CompletedPath::Longer(format!("{before}{}", shown(only))),
        [first, others @ ..] => {
            let common = others.iter().fold(first.name.as_str(), |common, other| common_beginning(common, &other.name));
            if common.len() > beginning.len() {
                return CompletedPath::Longer(format!("{before}{common}"));
            }
            CompletedPath::Several(fitting.into_iter().map(shown).collect())
        }
    }
}

fn common_beginning<'t>(text: &'t str, other: &str) -> &'t str {
    let same = text.char_indices().zip(other.chars()).find(|((_, one), another)| one != another).map(|((at, _), _)| at);
    // Whole characters of both.
    text.get(..same.unwrap_or(text.len().min(other.len()))).unwrap_or(text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn home_is_found_where_no_shell_does_it() {
        let home = Some(Path::new("/home/ana"));
        for (text, path) in [
            ("~/out.jsonl", "/home/ana/out.jsonl"),
            (" ~//exports/out.jsonl ", "/home/ana/exports/out.jsonl"),
            ("~", "/home/ana"),
            ("'my orders.csv'", "my orders.csv"),
            ("\"~/my orders.csv\"", "/home/ana/my orders.csv"),
            ("./~x", "./~x"),
            ("orders~", "orders~"),
            ("$HOME/x", "$HOME/x"),
            ("'", "'"),
        ] {
            assert_eq!(path_of(text, home).unwrap(), Path::new(path), "{text}");
        }
        let error = |text| path_of(text, home).unwrap_err().to_string();
        assert!(error("~bob/x.jsonl").starts_with("~bob is not understood here; write the folder in full"), "{}", error("~bob/x"));
        assert_eq!((path_of("''", home), path_of("~/x", None)), (Err(InvalidPath::Empty), Err(InvalidPath::NoHome)));
    }

    fn found(names: &[&str]) -> Vec<FoundName> {
        let name = |name: &&str| FoundName { name: name.trim_end_matches('/').to_owned(), is_folder: name.ends_with('/') };
        names.iter().map(name).collect()
    }

    #[test]
    fn a_path_is_completed_as_far_as_one_way_leads_on() {
        let names = found(&["orders.csv", "orders.jsonl", "exports/", "größe", "größer", ".hidden"]);
        let longer = |text: &str| CompletedPath::Longer(text.to_owned());
        assert_eq!(completed("or", &names), longer("orders."));
        assert_eq!(completed("~/x/orders.c", &names), longer("~/x/orders.csv"));
        assert_eq!(completed("/e", &names), longer("/exports/"));
        assert_eq!(completed("g", &names), longer("größe"));
        assert_eq!(completed("größe", &names), CompletedPath::Several(vec!["größe".to_owned(), "größer".to_owned()]));
        assert_eq!(completed(".", &names), longer(".hidden"));
        assert_eq!(completed("x", &names), CompletedPath::Nothing);
        assert_eq!(completed("exports/", &found(&[])), CompletedPath::Nothing);
        let home = Some(Path::new("/home/ana"));
        for (text, folder, name) in
            [("or", ".", "or"), ("~/x/or", "/home/ana/x", "or"), ("/or", "/", "or"), ("a b/", "a b", ""), ("~/", "/home/ana", "")]
        {
            assert_eq!(folder_of(text, home), Some((PathBuf::from(folder), name.to_owned())), "{text}");
        }
        assert_eq!(folder_of("~bob/x", home), None);
    }

    proptest! {
        #[test]
        fn a_completed_path_begins_as_it_was_typed(text in "[a-cé/.]{0,5}", names in proptest::collection::vec("[a-cé.]{1,5}", 0..8)) {
            let names: Vec<FoundName> = names.into_iter().map(|name| FoundName { name, is_folder: false }).collect();
            match completed(&text, &names) {
                CompletedPath::Longer(longer) => prop_assert!(longer.starts_with(&text), "{longer}"),
                CompletedPath::Several(several) => prop_assert!(several.len() > 1),
                CompletedPath::Nothing => {}
            }
        }
    }
}
