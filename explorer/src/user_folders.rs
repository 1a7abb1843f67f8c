//! The user's folders for this program's files, by the XDG Base Directory Specification, on macOS too: the folder that a variable
//! names, if it is absolute, otherwise the specification's default in the home folder.

use std::ffi::OsString;
use std::path::PathBuf;

/// This program's subfolder in each.
const PROGRAM: &str = "kinesis-explorer";

/// For state kept between starts: `XDG_STATE_HOME`, or `~/.local/state`. `None` if no home is known.
#[must_use]
pub(crate) fn state() -> Option<PathBuf> {
    folder("XDG_STATE_HOME", ".local/state", |name| std::env::var_os(name))
}

/// For what the user has set up: `XDG_CONFIG_HOME`, or `~/.config`. `None` if no home is known.
#[must_use]
pub(crate) fn config() -> Option<PathBuf> {
    folder("XDG_CONFIG_HOME", ".config", |name| std::env::var_os(name))
}

/// For data that may be lost: `XDG_CACHE_HOME`, or `~/.cache`. `None` if no home is known.
#[must_use]
pub(crate) fn cache() -> Option<PathBuf> {
    folder("XDG_CACHE_HOME", ".cache", |name| std::env::var_os(name))
}

fn folder(variable: &str, in_home: &str, value: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    // The specification says to ignore relative paths; otherwise each working folder would get its own files.
    let absolute = |name: &str| value(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute(variable).or_else(|| absolute("HOME").map(|home| home.join(in_home)))?;
    Some(base.join(PROGRAM))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_where_the_specification_says() {
        let state = |variables: &[(&str, &str)]| {
            let value = |name: &str| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| OsString::from(value));
            folder("XDG_STATE_HOME", ".local/state", value)
        };
        let of_home = Some(PathBuf::from("/home/ann/.local/state/kinesis-explorer"));
        assert_eq!(state(&[("HOME", "/home/ann")]), of_home);
        assert_eq!(state(&[("HOME", "/home/ann"), ("XDG_STATE_HOME", "")]), of_home);
        assert_eq!(state(&[("HOME", "/home/ann"), ("XDG_STATE_HOME", "here")]), of_home);
        assert_eq!(state(&[("XDG_STATE_HOME", "/state")]), Some(PathBuf::from("/state/kinesis-explorer")));
        assert_eq!(state(&[]), None);
    }
}
