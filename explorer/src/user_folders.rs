//! The folders of the user that this program keeps files in, by the XDG Base Directory Specification, on macOS as well: what a variable
//! names, where it is an absolute path, or else the specification's own place in the home folder.

use std::ffi::OsString;
use std::path::PathBuf;

/// This program's folder in each.
const PROGRAM: &str = "kinesis-explorer";

/// For what is kept from one start to the next: `XDG_STATE_HOME`, or `~/.local/state`. `None` where no home is known.
#[must_use]
pub(crate) fn state() -> Option<PathBuf> {
    folder("XDG_STATE_HOME", ".local/state", |name| std::env::var_os(name))
}

/// For what can be lost: `XDG_CACHE_HOME`, or `~/.cache`. `None` where no home is known.
#[must_use]
pub(crate) fn cache() -> Option<PathBuf> {
    folder("XDG_CACHE_HOME", ".cache", |name| std::env::var_os(name))
}

fn folder(variable: &str, in_home: &str, value: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    // What is relative counts as not set, says the specification: otherwise each working folder would have files of its own.
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
