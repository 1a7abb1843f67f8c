//! A file or a pipe to read records from. It is opened once. Its kind, its stream and its records all come from the same open file,
//! whatever happens to its name meanwhile. A pipe is read once, from the start.

use super::line::stream_of;
use super::target::{Descriptor, descriptor_of};
use super::{BYTE_ORDER_MARK, MAX_LINE_BYTES};
use crate::domain::failure::Failure;
use archiver::format::stream::StreamName;
use rustix::fs::{Mode, OFlags};
use std::fs::{File, Metadata};
use std::io::{self, BufRead as _, BufReader, Cursor, Read};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileExt as _, FileTypeExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes read with one call.
const BUFFER_BYTES: usize = 64 * 1024;

/// An open file, or a pipe.
#[derive(Clone, Debug)]
pub struct OpenFile {
    opened: Arc<Opened>,
}

#[derive(Debug)]
struct Opened {
    path: PathBuf,
    metadata: Metadata,
    input: Input,
}

#[derive(Debug)]
enum Input {
    /// Can be read from any position, and again.
    File(File),
    /// Can be read once, by the first reader.
    Once(Mutex<Option<Once>>),
}

/// The first line, if it was already read, and the rest.
#[derive(Debug)]
struct Once {
    begun: Vec<u8>,
    rest: BufReader<File>,
}

/// Lines from a position on.
pub(super) struct LinesFrom {
    pub(super) reader: BufReader<Box<dyn Read + Send>>,
    /// Whether reading may have to wait for more data.
    pub(super) is_waited_for: bool,
}

/// A file with its own position, which other readers do not move.
struct From {
    opened: Arc<Opened>,
    at: u64,
}

/// Opens a file, a pipe or a device; `-` is standard input. Waits until a named pipe has a writer.
///
/// # Errors
/// When it cannot be opened, or is not something that can be read.
pub async fn open(path: &Path) -> Result<OpenFile, Failure> {
    let path = path.to_owned();
    in_background(path, |path| if is_standard_input(path) { open_standard_input(path) } else { open_path(path, OFlags::empty()) })
        .await
}

/// Opens a file that can be read again, without waiting.
///
/// # Errors
/// When it cannot be opened, or is not a file.
pub async fn open_file(path: &Path) -> Result<OpenFile, Failure> {
    let opened = in_background(path.to_owned(), |path| open_path(path, OFlags::NONBLOCK)).await?;
    match opened.opened.input {
        Input::File(_) => Ok(opened),
        Input::Once(_) => {
            let detail = "it can be read only once, but here it may be read again; save its output to a file first";
            Err(failure(path, detail))
        }
    }
}

/// Whether a path is standard input.
#[must_use]
pub fn is_standard_input(path: &Path) -> bool {
    path == Path::new("-") || descriptor_of(path) == Some(Descriptor::Input)
}

impl OpenFile {
    /// Its name.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.opened.path
    }

    /// What it is.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.opened.metadata
    }

    /// The stream that the first record was put into, if the record says so. The record is still read later.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn origin(&self) -> Result<Option<StreamName>, Failure> {
        let opened = Arc::clone(&self.opened);
        let line = in_background(self.path().to_owned(), move |_| opened.first_line()).await?;
        let name = stream_of(String::from_utf8_lossy(&line).trim_start_matches(BYTE_ORDER_MARK));
        Ok(name.and_then(|name| StreamName::parse(name).ok()))
    }

    /// Reads from this position on.
    ///
    /// # Errors
    /// When it can be read only once, and already was.
    pub(super) fn read_from(&self, at: u64) -> io::Result<LinesFrom> {
        let (reader, is_waited_for): (Box<dyn Read + Send>, bool) = match &self.opened.input {
            Input::File(_) => (Box::new(From { opened: Arc::clone(&self.opened), at }), false),
            Input::Once(once) => {
                let once = once.lock().unwrap_or_else(PoisonError::into_inner).take();
                let Some(Once { begun, rest }) = once.filter(|_| at == 0) else {
                    return Err(io::Error::other("it can be read only once, and already was"));
                };
                (Box::new(Cursor::new(begun).chain(rest)), true)
            }
        };
        Ok(LinesFrom { reader: BufReader::with_capacity(BUFFER_BYTES, reader), is_waited_for })
    }
}

impl Opened {
    fn first_line(self: &Arc<Self>) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        match &self.input {
            Input::File(_) => {
                let beginning = From { opened: Arc::clone(self), at: 0 };
                BufReader::new(beginning.take(MAX_LINE_BYTES)).read_until(b'\n', &mut line)?;
            }
            Input::Once(once) => {
                if let Some(once) = once.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
                    if once.begun.is_empty() {
                        once.rest.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut once.begun)?;
                    }
                    line.clone_from(&once.begun);
                }
            }
        }
        Ok(line)
    }
}

impl Read for From {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = match &self.opened.input {
            Input::File(file) => file.read_at(bytes, self.at)?,
            Input::Once(_) => 0,
        };
        self.at += read as u64;
        Ok(read)
    }
}

fn open_path(path: &Path, more: OFlags) -> io::Result<OpenFile> {
    let opened = rustix::fs::open(path, OFlags::RDONLY | OFlags::NOCTTY | OFlags::CLOEXEC | more, Mode::empty());
    let file = File::from(opened.map_err(|error| match path.metadata() {
        Ok(found) if found.file_type().is_socket() => io::Error::other("it is a socket; - reads standard input"),
        _ => io::Error::from(error),
    })?);
    let metadata = checked(&file)?;
    let input = if metadata.is_file() { Input::File(file) } else { Input::Once(Mutex::new(Some(Once::new(file)))) };
    Ok(OpenFile { opened: Arc::new(Opened { path: path.to_owned(), metadata, input }) })
}

/// Standard input as it is. Its path may not open: it may be a socket, or a pipe of another user. A file is read from its current
/// position.
fn open_standard_input(path: &Path) -> io::Result<OpenFile> {
    let file = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let metadata = checked(&file)?;
    let input = Input::Once(Mutex::new(Some(Once::new(file))));
    Ok(OpenFile { opened: Arc::new(Opened { path: path.to_owned(), metadata, input }) })
}

impl Once {
    fn new(file: File) -> Self {
        Self { begun: Vec::new(), rest: BufReader::with_capacity(BUFFER_BYTES, file) }
    }
}

fn checked(file: &File) -> io::Result<Metadata> {
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::Error::other("it is a folder; name a file of exported JSON Lines"));
    }
    if metadata.file_type().is_block_device() {
        return Err(io::Error::other("it is a disk; name a file of exported JSON Lines"));
    }
    Ok(metadata)
}

async fn in_background<T: Send + 'static>(
    path: PathBuf,
    work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
) -> Result<T, Failure> {
    let named = path.clone();
    let done = tokio::task::spawn_blocking(move || work(&path)).await.unwrap_or_else(|error| Err(io::Error::other(error)));
    done.map_err(|error| failure(&named, &error.to_string()))
}

pub(super) fn failure(path: &Path, detail: &str) -> Failure {
    Failure::refused(format!("read file {}", path.display()), detail)
}
