//! The target of an export: a file, which gets its name once it is complete, or a device, a pipe or an open descriptor, which are
//! written directly. Only the file that the user asked for is ever emptied or renamed.

use super::error::ExportError;
use crate::terminal;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::fs::{File, Metadata, Permissions};
use std::io::{self, IsTerminal as _, Write};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};
use tempfile::TempPath;
use tokio::runtime::{Handle, RuntimeFlavor};

/// Most links followed in a row. Source: path_resolution(7), Linux.
const MAX_LINKS: usize = 40;
/// The parts of a temporary file's name, around something random.
const PARTIAL: (&str, usize, &str) = (".explorer-", 12, ".partial");

/// Where to.
#[derive(Debug)]
pub(super) enum Target {
    /// Bytes go there directly.
    Through {
        /// A name for messages.
        name: String,
        /// Whether it is a terminal.
        is_terminal: bool,
    },
    /// To a file that is not there yet.
    File(Box<NewFile>),
}

/// A file until it is complete.
#[derive(Debug)]
pub(super) struct NewFile {
    /// As the user named it, for messages.
    typed: PathBuf,
    /// After following links, which stay.
    path: PathBuf,
    partial: TempPath,
    file: File,
    /// Whether an existing file may be replaced.
    replaces: bool,
    /// The existing file, for its owner and its mode.
    old: Option<File>,
}

/// A descriptor that is already open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Descriptor {
    Input,
    Output,
    Error,
    /// Another device or pipe, opened by its path.
    Other,
}

/// Whether a path names standard output, such as `/dev/stdout`.
#[must_use]
pub fn is_standard_output(path: &Path) -> bool {
    descriptor_of(path) == Some(Descriptor::Output)
}

impl Target {
    /// Opens the target and returns its writer.
    ///
    /// # Errors
    /// When a file exists that may not be replaced, or nothing can be written there.
    pub(super) fn open(typed: &Path, replaces: bool) -> Result<(Box<dyn Write + Send>, Self), ExportError> {
        let failed = |source: io::Error| ExportError::io(typed, source);
        if let Some(descriptor) = descriptor_of(typed) {
            let file = opened_before(typed, descriptor).map_err(failed)?;
            return Ok(Self::through(typed, file));
        }
        let found = match typed.metadata() {
            Ok(found) => Some(found),
            // A link that leads nowhere still exists.
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        match &found {
            Some(found) if is_passage(found) => {
                return match open_passage(typed) {
                    Ok(file) => Ok(Self::through(typed, file)),
                    Err(error) if Errno::from_io_error(&error) == Some(Errno::NXIO) => {
                        Err(ExportError::NobodyReadsPipe(typed.to_owned()))
                    }
                    Err(error) => Err(failed(error)),
                };
            }
            Some(found) if !found.is_file() => return Err(failed(io::Error::other(refused(found)))),
            Some(_) if !replaces => return Err(ExportError::Exists(typed.to_owned())),
            None if !replaces && typed.symlink_metadata().is_ok() => return Err(ExportError::Exists(typed.to_owned())),
            Some(_) | None => {}
        }
        if typed.file_name().is_none() || typed.as_os_str().as_encoded_bytes().ends_with(b"/") {
            return Err(failed(io::Error::other("it names a folder; add the name of a file")));
        }
        // A read-only file is not replaced either, even if its folder would allow it.
        let old = found.map(|_| open_at_once(typed, OFlags::empty())).transpose().map_err(failed)?;
        let path = if replaces { behind_links(typed).map_err(failed)? } else { typed.to_owned() };
        let folder = folder_of(&path);
        let (prefix, random, suffix) = PARTIAL;
        // With O_EXCL, and readable only by the user.
        let made = tempfile::Builder::new().prefix(prefix).rand_bytes(random).suffix(suffix).tempfile_in(folder);
        let (file, partial) = made.map_err(|error| failed(of_folder(folder, &error)))?.into_parts();
        let writer = Box::new(file.try_clone().map_err(failed)?);
        let typed = typed.to_owned();
        Ok((writer, Self::File(Box::new(NewFile { typed, path, partial, file, replaces, old }))))
    }

    fn through(typed: &Path, file: File) -> (Box<dyn Write + Send>, Self) {
        let is_terminal = file.is_terminal();
        let writer: Box<dyn Write + Send> = if is_terminal { terminal::shown(Passage(file)) } else { Box::new(Passage(file)) };
        (writer, Self::Through { name: typed.display().to_string(), is_terminal })
    }

    /// Its name for messages.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Through { name, .. } => name.clone(),
            Self::File(file) => file.typed.display().to_string(),
        }
    }
}

impl NewFile {
    /// Gives the file its name, once it is safely on the disk.
    ///
    /// # Errors
    /// When that fails, or a file with this name has appeared.
    pub(super) fn finish(self) -> Result<(), ExportError> {
        let Self { typed, path, partial, file, replaces, old } = self;
        let failed = |source: io::Error| ExportError::io(&typed, source);
        if let Some(old) = old {
            keep_owner_and_mode(&old.metadata().map_err(failed)?, &file).map_err(failed)?;
        }
        file.sync_all().map_err(failed)?;
        if replaces
            && let Ok(found) = path.symlink_metadata()
            && !found.is_file()
        {
            return Err(failed(io::Error::other("something other than a file has appeared there meanwhile")));
        }
        let named = if replaces { partial.persist(&path) } else { partial.persist_noclobber(&path) };
        match named {
            Ok(()) => Ok(()),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Err(ExportError::Exists(typed)),
            Err(error) => Err(failed(error.error)),
        }
    }
}

/// Whether it is written directly, rather than being a file to replace.
fn is_passage(found: &Metadata) -> bool {
    found.file_type().is_fifo() || found.file_type().is_char_device()
}

fn refused(found: &Metadata) -> &'static str {
    match found.file_type() {
        kind if kind.is_dir() => "it is a folder; add the name of a file",
        kind if kind.is_socket() => "it is a socket, which takes no export",
        kind if kind.is_block_device() => "it is a disk, which takes no export",
        _ => "it is not a file",
    }
}

/// Opens a device or a pipe. A pipe without a reader fails at once instead of blocking the program.
fn open_passage(path: &Path) -> io::Result<File> {
    let file = open_at_once(path, OFlags::empty())?;
    if !is_passage(&file.metadata()?) {
        return Err(io::Error::other("it has just been replaced; try again"));
    }
    Ok(file)
}

/// Opens an existing file for writing, without emptying it and without blocking.
fn open_at_once(path: &Path, more: OFlags) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC | more;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    rustix::fs::fcntl_setfl(&file, rustix::fs::fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
    Ok(file)
}

/// A descriptor that is already open. It is never emptied; a file behind it only grows.
fn opened_before(path: &Path, descriptor: Descriptor) -> io::Result<File> {
    let file = match descriptor {
        Descriptor::Output => File::from(terminal::stdout_descriptor()?),
        Descriptor::Error => File::from(terminal::stderr_descriptor()?),
        Descriptor::Input | Descriptor::Other => open_at_once(path, OFlags::APPEND)?,
    };
    let found = file.metadata()?;
    if found.is_dir() || found.file_type().is_block_device() {
        return Err(io::Error::other(refused(&found)));
    }
    Ok(file)
}

/// The descriptor that a path leads to, through links such as `/dev/stdout`.
pub(super) fn descriptor_of(path: &Path) -> Option<Descriptor> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let folder = folder_of(&path).canonicalize().ok()?;
        // Source: proc_pid_fd(5); on other systems /dev/fd is a folder.
        let own = [format!("/proc/{}/fd", std::process::id()), "/dev/fd".to_owned()];
        if own.iter().any(|own| folder == Path::new(own)) {
            return match path.file_name()?.to_str()?.parse().ok()? {
                0 => Some(Descriptor::Input),
                1 => Some(Descriptor::Output),
                2 => Some(Descriptor::Error),
                3_u32.. => Some(Descriptor::Other),
            };
        }
        if folder.starts_with("/proc") && folder.ends_with("fd") {
            return Some(Descriptor::Other);
        }
        path = folder.join(path.read_link().ok()?);
    }
    None
}

/// Where links lead, whether or not a file is there.
fn behind_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        match path.read_link() {
            Ok(to) => path = folder_of(&path).join(to),
            Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::NotFound) => return Ok(path),
            Err(error) => return Err(error),
        }
    }
    Err(Errno::LOOP.into())
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The temporary file has a name that the user never typed, so the message names the folder.
fn of_folder(folder: &Path, error: &io::Error) -> io::Error {
    let folder = folder.display();
    let sentence = match error.kind() {
        io::ErrorKind::NotFound => format!("there is no folder {folder}"),
        io::ErrorKind::NotADirectory => format!("{folder} is not a folder"),
        kind => format!("cannot create a file in folder {folder}: {kind}"),
    };
    io::Error::new(error.kind(), sentence)
}

/// Gives a file the owner and the mode of the one that it replaces, as far as permitted. If the group cannot be kept, the file's
/// own group gets only the permissions that everybody has.
fn keep_owner_and_mode(old: &Metadata, file: &File) -> io::Result<()> {
    let new = file.metadata()?;
    let mut mode = old.mode() & 0o777;
    let is_kept = (old.uid(), old.gid()) == (new.uid(), new.gid()) || fchown(file, Some(old.uid()), Some(old.gid())).is_ok();
    if !is_kept && old.gid() != new.gid() && fchown(file, None, Some(old.gid())).is_err() {
        mode &= 0o707 | (mode & 0o007) << 3;
    }
    file.set_permissions(Permissions::from_mode(mode))
}

/// A device or a pipe with a thread of its own, so that a slow reader holds up only that thread.
#[derive(Debug)]
struct Passage(File);

impl Passage {
    fn hold_up<T>(&mut self, write: impl FnOnce(&mut File) -> io::Result<T>) -> io::Result<T> {
        match Handle::try_current().map(|handle| handle.runtime_flavor()) {
            Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(|| write(&mut self.0)),
            _ => write(&mut self.0),
        }
    }
}

impl Write for Passage {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.hold_up(|file| file.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.hold_up(File::flush)
    }
}
