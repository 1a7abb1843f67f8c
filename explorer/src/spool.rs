//! The spool: records that were read, kept in a file without a name, so that millions of them can be scrolled in little memory. A
//! screen puts each record here once and loads it by its place. The file disappears when the spool is dropped.

use crate::domain::listing::entry::{Entry, MAX_ENTRIES, NO_SHARD, Place, ShardIndex, SoughtRecord};
use crate::domain::record::Record;
use crate::{private, user_folders};
use archiver::format::item::StoredItem;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// Bytes of disk that a spool may take.
pub const MAX_SPOOL_BYTES: u64 = 8 * 1024 * 1024 * 1024;

/// Bytes collected before they are written.
const BUFFER_BYTES: usize = 256 * 1024;
/// Bytes of the length before each record.
const LENGTH_BYTES: usize = size_of::<u32>();
/// Bytes read first for a record: nearly all records are smaller, and need only one call.
const FIRST_READ_BYTES: usize = 2 * 1024;
/// Bytes read at a time when reading all records.
const PASS_BYTES: usize = 1024 * 1024;

/// Records on disk.
#[derive(Debug)]
pub struct Spool {
    file: File,
    folder: PathBuf,
    /// What follows the written bytes.
    buffer: Vec<u8>,
    written_bytes: u64,
    entries: usize,
    shards: Vec<String>,
    indices: HashMap<String, ShardIndex>,
}

impl Spool {
    /// An empty spool in the user's cache folder or, if that cannot be used, in the system's folder for temporary files.
    ///
    /// # Errors
    /// When no file can be created there; names the folder.
    pub fn new() -> io::Result<Self> {
        let of_user = user_folders::cache().filter(|folder| private::own_folder(folder).is_ok());
        match of_user.and_then(|folder| Self::in_folder(&folder).ok()) {
            Some(spool) => Ok(spool),
            None => Self::in_folder(&std::env::temp_dir()),
        }
    }

    /// An empty spool in a folder, which is created if it is missing.
    ///
    /// # Errors
    /// When no file can be created there; names the folder.
    pub fn in_folder(folder: &Path) -> io::Result<Self> {
        let made = private::folder(folder).and_then(|()| tempfile::tempfile_in(folder));
        let file = made.map_err(|error| named(&error, "create a file for records", folder))?;
        Ok(Self::on(file, folder))
    }

    fn on(file: File, folder: &Path) -> Self {
        Self {
            file,
            folder: folder.to_owned(),
            buffer: Vec::with_capacity(BUFFER_BYTES + FIRST_READ_BYTES),
            written_bytes: 0,
            entries: 0,
            shards: Vec::new(),
            indices: HashMap::new(),
        }
    }

    /// Adds a record. If that fails, earlier records stay.
    ///
    /// # Errors
    /// When the disk is full or fails; names the folder.
    pub fn put(&mut self, record: &Record) -> io::Result<Entry> {
        let place = Place(self.len_bytes());
        let begin = self.buffer.len();
        let kept = self.append(&record.item).and_then(|()| self.write_if(BUFFER_BYTES));
        if let Err(error) = kept {
            self.buffer.truncate(begin);
            return Err(named(&error, "save records", &self.folder));
        }
        self.entries += 1;
        let shard = self.shard_index(record.item.shard_id.as_deref());
        Ok(Entry::new(record, place, shard))
    }

    /// The record at a place that [`Self::put`] gave.
    ///
    /// # Errors
    /// When the disk fails, or there is no record; names the folder.
    pub fn get(&self, place: Place) -> io::Result<Record> {
        self.read(place).map_err(|error| named(&error, "read a saved record", &self.folder))
    }

    /// The newest of the wanted records, in a place that `may_lie` accepts. Reads the whole spool, which takes a moment for a large
    /// one.
    ///
    /// # Errors
    /// When the disk fails; names the folder.
    pub fn find(&self, wanted: &SoughtRecord, may_lie: impl Fn(Place) -> bool) -> io::Result<Option<Entry>> {
        self.pass(wanted, &may_lie).map_err(|error| named(&error, "search the saved records", &self.folder))
    }

    /// The names of the shards, by index.
    #[must_use]
    pub fn shards(&self) -> &[String] {
        &self.shards
    }

    /// Bytes that the records take.
    #[must_use]
    pub fn len_bytes(&self) -> u64 {
        self.written_bytes + self.buffer.len() as u64
    }

    /// The number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries
    }

    /// Whether it has no records.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// Whether it is full.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.entries >= MAX_ENTRIES || self.len_bytes() >= MAX_SPOOL_BYTES
    }

    fn append(&mut self, item: &StoredItem) -> io::Result<()> {
        let begin = self.buffer.len();
        self.buffer.extend([0; LENGTH_BYTES]);
        postcard::to_io(item, &mut self.buffer).map_err(io::Error::other)?;
        let length = u32::try_from(self.buffer.len() - begin - LENGTH_BYTES).map_err(io::Error::other)?;
        self.buffer[begin..begin + LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
        Ok(())
    }

    fn write_if(&mut self, at_least: usize) -> io::Result<()> {
        if self.buffer.len() < at_least {
            return Ok(());
        }
        self.file.write_all_at(&self.buffer, self.written_bytes)?;
        self.written_bytes += self.buffer.len() as u64;
        self.buffer.clear();
        // Do not keep the memory of one huge record.
        self.buffer.shrink_to(2 * BUFFER_BYTES);
        Ok(())
    }

    fn read(&self, place: Place) -> io::Result<Record> {
        let Place(place) = place;
        if let Some(within) = place.checked_sub(self.written_bytes) {
            let within = usize::try_from(within).map_err(io::Error::other)?;
            let bytes = self.buffer.get(within..).and_then(body).ok_or(io::ErrorKind::UnexpectedEof)?;
            return record_of(bytes);
        }
        let mut bytes = vec![0; FIRST_READ_BYTES];
        let filled = read_up_to(&self.file, &mut bytes, place)?;
        bytes.truncate(filled);
        if let Some(bytes) = body(&bytes) {
            return record_of(bytes);
        }
        let whole = LENGTH_BYTES + length_of(&bytes).ok_or(io::ErrorKind::UnexpectedEof)?;
        if place + whole as u64 > self.written_bytes {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.resize(whole, 0);
        self.file.read_exact_at(&mut bytes[filled..], place + filled as u64)?;
        record_of(&bytes[LENGTH_BYTES..])
    }

    fn pass(&self, wanted: &SoughtRecord, may_lie: &impl Fn(Place) -> bool) -> io::Result<Option<Entry>> {
        let mut newest = None;
        let mut chunk = Vec::new();
        let mut place = 0;
        while place < self.written_bytes {
            let left = usize::try_from(self.written_bytes - place).unwrap_or(usize::MAX);
            chunk.resize(chunk.len().max(PASS_BYTES).min(left), 0);
            self.file.read_exact_at(&mut chunk, place)?;
            let passed = self.look_through(&chunk, place, (wanted, may_lie), &mut newest)?;
            if passed == 0 {
                // The record is longer than the chunk.
                let whole = LENGTH_BYTES + length_of(&chunk).ok_or(io::ErrorKind::UnexpectedEof)?;
                if whole <= chunk.len() || whole > left {
                    return Err(io::ErrorKind::InvalidData.into());
                }
                chunk.resize(whole, 0);
            } else {
                chunk.truncate(PASS_BYTES);
            }
            place += passed as u64;
        }
        self.look_through(&self.buffer, self.written_bytes, (wanted, may_lie), &mut newest)?;
        Ok(newest)
    }

    /// Checks the whole records in these bytes, which start at this place; returns how many bytes they take.
    fn look_through(
        &self,
        bytes: &[u8],
        place: u64,
        (wanted, may_lie): (&SoughtRecord, &impl Fn(Place) -> bool),
        newest: &mut Option<Entry>,
    ) -> io::Result<usize> {
        let mut passed = 0;
        while let Some(body) = body(&bytes[passed..]) {
            if is_wanted(body, wanted)? && may_lie(Place(place + passed as u64)) {
                let record = record_of(body)?;
                let shard = record.item.shard_id.as_deref().and_then(|shard| self.indices.get(shard)).copied();
                let entry = Entry::new(&record, Place(place + passed as u64), shard.unwrap_or(NO_SHARD));
                *newest = Some(newest.map_or(entry, |newest| newest.min(entry)));
            }
            passed += LENGTH_BYTES + body.len();
        }
        Ok(passed)
    }

    fn shard_index(&mut self, shard: Option<&str>) -> ShardIndex {
        let Some(shard) = shard else {
            return NO_SHARD;
        };
        if let Some(index) = self.indices.get(shard) {
            return *index;
        }
        match ShardIndex::try_from(self.shards.len()) {
            Ok(index) if index != NO_SHARD => {
                self.shards.push(shard.to_owned());
                self.indices.insert(shard.to_owned(), index);
                index
            }
            _ => NO_SHARD,
        }
    }
}

fn named(error: &io::Error, operation: &str, folder: &Path) -> io::Error {
    let folder = folder.display();
    let hint = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; free some space, or set XDG_CACHE_HOME to another folder",
        _ => "",
    };
    io::Error::new(error.kind(), format!("cannot {operation} in {folder}: {error}{hint}"))
}

fn length_of(bytes: &[u8]) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(*bytes.first_chunk()?)).ok()
}

/// The first record in these bytes, if it is complete.
fn body(bytes: &[u8]) -> Option<&[u8]> {
    bytes.get(LENGTH_BYTES..)?.get(..length_of(bytes)?)
}

fn record_of(body: &[u8]) -> io::Result<Record> {
    let item: StoredItem = postcard::from_bytes(body).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    Ok(Record::new(item))
}

/// Whether a record is wanted. Key and number come first in it, so the rest is not read.
fn is_wanted(body: &[u8], wanted: &SoughtRecord) -> io::Result<bool> {
    let begins: Result<((&str, Option<&str>), _), _> = postcard::take_from_bytes(body);
    let ((key, number), _) = begins.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    Ok(match wanted {
        SoughtRecord::Key(wanted) => key == wanted,
        SoughtRecord::Number(wanted) => {
            let significant = |digits: &'_ str| digits.trim_start_matches('0').len();
            number
                .is_some_and(|number| number[number.len() - significant(number)..] == wanted[wanted.len() - significant(wanted)..])
        }
    })
}

/// Reads until the bytes are filled or the file ends.
fn read_up_to(file: &File, bytes: &mut [u8], from: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], from + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests;
