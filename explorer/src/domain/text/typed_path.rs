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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

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
}
