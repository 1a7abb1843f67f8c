//! The program's own files and folders, which only the user may read, whatever the umask is. A file is written under an
//! unpredictable name and then replaces the old one, so no link is followed and no file is ever half written.

use std::fs::{DirBuilder, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

/// Only the user may list it and create files in it.
const FOLDER_MODE: u32 = 0o700;

/// Creates a folder and its missing parents. An existing folder is not changed.
///
/// # Errors
/// When it cannot be created.
pub(crate) fn folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder)
}

/// Creates a folder that only this program uses, and removes other users' access to an existing one.
///
/// # Errors
/// When it cannot be created.
pub(crate) fn own_folder(path: &Path) -> io::Result<()> {
    folder(path)?;
    let found = path.symlink_metadata()?;
    let is_open = found.is_dir() && found.permissions().mode() & !FOLDER_MODE & 0o777 != 0;
    if is_open && let Err(error) = std::fs::set_permissions(path, Permissions::from_mode(FOLDER_MODE)) {
        tracing::warn!(folder = %path.display(), %error, "other users may read this folder, and its permissions cannot be changed");
    }
    Ok(())
}

/// Replaces a file with this content and returns it, open for more.
///
/// # Errors
/// When it cannot be written; the old file then stays.
pub(crate) fn replace(file: &Path, content: &[u8]) -> io::Result<File> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut written = tempfile::NamedTempFile::new_in(folder)?;
    written.write_all(content)?;
    Ok(written.persist(file)?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        path.symlink_metadata().unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_made_is_for_the_user_alone_and_follows_no_link() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("state/kinesis-explorer");
        own_folder(&folder).unwrap();
        assert_eq!((mode(&folder), mode(folder.parent().unwrap())), (0o700, 0o700));
        std::fs::set_permissions(&folder, Permissions::from_mode(0o777)).unwrap();
        own_folder(&folder).unwrap();
        assert_eq!(mode(&folder), 0o700, "one that was open is closed");

        let (victim, file) = (outer.path().join("victim"), folder.join("explorer.log"));
        std::fs::write(&victim, "precious").unwrap();
        std::os::unix::fs::symlink(&victim, &file).unwrap();
        let mut log = replace(&file, b"begun\n").unwrap();
        log.write_all(b"more\n").unwrap();
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "precious");
        assert_eq!((std::fs::read_to_string(&file).unwrap().as_str(), mode(&file)), ("begun\nmore\n", 0o600));
    }
}
