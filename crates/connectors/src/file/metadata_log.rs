//! `_spark_metadata`: which files of a folder a stream has written, batch by batch, as Spark's file sink keeps it
//! (`FileStreamSinkLog`).
//!
//! A file of the log is named for its batch and lists what the batch added. Every tenth, `9.compact`, lists the files
//! of all batches up to it, so that a reader needs the newest of these and those after it. A file without an entry is
//! not there for readers.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use millstream_core::{Error, Result};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The folder of the log, within the folder of the files.
pub(super) const FOLDER: &str = "_spark_metadata";

/// The first line of each file.
const VERSION: &str = "v1";

/// What is behind the number of a file that lists everything.
const COMPACT: &str = ".compact";

/// Batches whose entries stay, however old they are (Spark: `spark.sql.streaming.minBatchesToRetain`).
const RETAINED_BATCHES: u64 = 100;

/// A file of the log that is needed no more stays as long as this, for readers that have listed it.
const CLEANUP_DELAY_MS: i64 = 10 * 60 * 1000;

/// The files of a folder into which streams write, where it is one: those that the log lists, and no others.
pub(super) fn files(folder: &Path) -> Result<Option<Vec<PathBuf>>> {
    let log = MetadataLog::of(folder);
    if !log.folder.is_dir() {
        return Ok(None);
    }
    log.entries()?.iter().map(|entry| local_path(&entry.path)).collect::<Result<_>>().map(Some)
}

/// A file that a batch has written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    /// Where it lies, as a URI.
    pub(super) path: String,
    pub(super) size: u64,
    pub(super) is_dir: bool,
    pub(super) modification_time: i64,
    pub(super) block_replication: i32,
    pub(super) block_size: i64,
    pub(super) action: String,
}

impl Entry {
    /// The entry of a new file. The numbers of blocks are those of Hadoop's local file system.
    pub(super) fn added(path: &Path, size: u64, modified_ms: i64) -> Self {
        Self {
            path: uri(path),
            size,
            is_dir: false,
            modification_time: modified_ms,
            block_replication: 1,
            block_size: 32 * 1024 * 1024,
            action: "add".to_owned(),
        }
    }
}

/// The log of one folder.
#[derive(Debug, Clone)]
pub(super) struct MetadataLog {
    folder: PathBuf,
}

/// A file of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    batch: u64,
    is_compact: bool,
}

impl Name {
    fn parse(name: &str) -> Option<Self> {
        let (number, is_compact) = name.strip_suffix(COMPACT).map_or((name, false), |number| (number, true));
        let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        Some(Self { batch: number.parse().ok().filter(|_| digits)?, is_compact })
    }

    fn text(self) -> String {
        format!("{}{}", self.batch, if self.is_compact { COMPACT } else { "" })
    }
}

impl MetadataLog {
    /// The log within a folder of files, whether it is there or not.
    pub(super) fn of(files: &Path) -> Self {
        Self { folder: files.join(FOLDER) }
    }

    /// Makes the log's folder, so that readers heed the log before the first file is there.
    pub(super) fn create(&self) -> Result<()> {
        fs::create_dir_all(&self.folder).map_err(|error| failed("create", &self.folder, error))?;
        self.folder.parent().map_or(Ok(()), sync_folder)
    }

    /// The newest batch that is in the log.
    pub(super) fn newest(&self) -> Result<Option<u64>> {
        Ok(self.names()?.last().map(|name| name.batch))
    }

    /// The files of all batches, in the order in which they were written.
    ///
    /// # Errors
    /// A batch that should be in the log is not, or cannot be read.
    fn entries(&self) -> Result<Vec<Entry>> {
        let names = self.names()?;
        match names.last() {
            Some(newest) => self.entries_up_to(&names, newest.batch),
            None => Ok(Vec::new()),
        }
    }

    fn entries_up_to(&self, names: &[Name], newest: u64) -> Result<Vec<Entry>> {
        let whole = names.iter().rfind(|name| name.is_compact && name.batch <= newest);
        let mut entries = whole.map_or_else(|| Ok(Vec::new()), |name| self.read(*name))?;
        for batch in whole.map_or(0, |name| name.batch + 1)..=newest {
            entries.extend(self.read(Name { batch, is_compact: false })?);
        }
        Ok(entries)
    }

    /// Adds the files of a batch, `interval` batches to a file that lists everything; they last when this returns.
    /// `keeps` says of a file which is listed again whether it still is to be.
    pub(super) fn add(
        &self,
        batch: u64,
        added: Vec<Entry>,
        interval: u64,
        now_ms: i64,
        keeps: impl Fn(&Entry) -> bool,
    ) -> Result<()> {
        self.create()?;
        let names = self.names()?;
        let is_compact = (batch + 1).is_multiple_of(self::interval(&names, interval));
        let mut entries = match batch.checked_sub(1).filter(|_| is_compact) {
            Some(before) => self.entries_up_to(&names, before)?,
            None => Vec::new(),
        };
        if is_compact {
            entries.retain(keeps);
        }
        entries.extend(added);
        self.write(Name { batch, is_compact }, &entries)?;
        if is_compact { self.forget(&names, batch, now_ms) } else { Ok(()) }
    }

    /// Removes what is listed by a younger file and has been for a while.
    fn forget(&self, names: &[Name], newest: u64, now_ms: i64) -> Result<()> {
        let limit = newest.saturating_sub(RETAINED_BATCHES);
        let Some(whole) = names.iter().rfind(|name| name.is_compact && name.batch <= limit) else { return Ok(()) };
        for name in names.iter().filter(|name| name.batch < whole.batch) {
            let path = self.folder.join(name.text());
            let modified = fs::metadata(&path).and_then(|metadata| metadata.modified());
            let modified = modified.map_err(|error| failed("read", &path, error))?;
            if now_ms - millis(modified) >= CLEANUP_DELAY_MS {
                fs::remove_file(&path).map_err(|error| failed("remove", &path, error))?;
            }
        }
        Ok(())
    }

    /// The files of the log by batch.
    fn names(&self) -> Result<Vec<Name>> {
        let listed = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            listed => listed.map_err(|error| failed("list", &self.folder, error))?,
        };
        let mut names = Vec::new();
        for entry in listed {
            let entry = entry.map_err(|error| failed("list", &self.folder, error))?;
            names.extend(entry.file_name().to_str().and_then(Name::parse));
        }
        names.sort_unstable();
        Ok(names)
    }

    fn read(&self, name: Name) -> Result<Vec<Entry>> {
        let path = self.folder.join(name.text());
        let text = fs::read_to_string(&path).map_err(|error| failed("read", &path, error))?;
        let mut lines = text.lines();
        let version = lines.next().unwrap_or_default();
        if version != VERSION {
            return Err(Error::data(format!(
                "the log of a file sink '{}' begins with '{version}' and not with {VERSION}",
                path.display()
            )));
        }
        let parse = |line| {
            serde_json::from_str(line).map_err(|error| {
                Error::data(format!("the log of a file sink '{}' has a line that is none", path.display()))
                    .with_source(error)
            })
        };
        lines.map(parse).collect()
    }

    /// Writes under another name first, so that a file of the log is whole or not there.
    fn write(&self, name: Name, entries: &[Entry]) -> Result<()> {
        let path = self.folder.join(name.text());
        let temporary = self.folder.join(format!(".{}.{}.tmp", name.text(), Uuid::new_v4()));
        let written = self.write_through(&temporary, &path, entries);
        if written.is_err() {
            // Hidden, and in nobody's way: the error that is told is the first one.
            drop(fs::remove_file(&temporary));
        }
        written
    }

    fn write_through(&self, temporary: &Path, path: &Path, entries: &[Entry]) -> Result<()> {
        let mut text = VERSION.to_owned();
        for entry in entries {
            text.push('\n');
            text.push_str(&serde_json::to_string(entry).map_err(|error| Error::internal(error.to_string()))?);
        }
        let written = File::create_new(temporary).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        written.map_err(|error| failed("write", temporary, error))?;
        fs::rename(temporary, path).map_err(|error| failed("write", path, error))?;
        sync_folder(&self.folder)
    }
}

/// How many batches there are to a file that lists everything. A log that has such files goes on as it began.
fn interval(names: &[Name], wanted: u64) -> u64 {
    let mut compact = names.iter().rev().filter(|name| name.is_compact).map(|name| name.batch);
    match (compact.next(), compact.next()) {
        (None, _) => wanted,
        (Some(newest), Some(before)) => newest - before,
        (Some(only), None) => {
            let count = only + 1;
            (wanted..=count / 2).find(|divisor| count.is_multiple_of(*divisor)).unwrap_or(count)
        }
    }
}

/// A time in milliseconds since 1970.
pub(super) fn millis(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

/// Makes names in a folder outlive a power cut.
pub(super) fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| failed("sync", folder, error))
}

/// The path of an entry.
///
/// # Errors
/// It is no place of this machine.
pub(super) fn local_path(uri: &str) -> Result<PathBuf> {
    let Some(path) = uri.strip_prefix("file://").or_else(|| uri.strip_prefix("file:")) else {
        return Err(Error::unsupported(format!("The file '{uri}' of a file sink is not on this machine.")));
    };
    let bytes = path.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut place = 0;
    while place < bytes.len() {
        let code = path.get(place + 1..place + 3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match code.filter(|_| bytes[place] == b'%') {
            Some(code) => {
                plain.push(code);
                place += 3;
            }
            None => {
                plain.push(bytes[place]);
                place += 1;
            }
        }
    }
    String::from_utf8(plain)
        .map(PathBuf::from)
        .map_err(|error| Error::data(format!("the path '{uri}' of a file sink is no UTF-8")).with_source(error))
}

/// A path as Java's `URI` writes it: what has a meaning in a URI, or none, as its number.
pub(super) fn uri(path: &Path) -> String {
    let mut out = "file://".to_owned();
    for letter in path.to_string_lossy().chars() {
        if letter.is_ascii_alphanumeric() || "_-!.~'()*:@&=+$,;/".contains(letter) || is_other(letter) {
            out.push(letter);
        } else {
            let mut bytes = [0; 4];
            letter.encode_utf8(&mut bytes).bytes().for_each(|byte| out.push_str(&format!("%{byte:02X}")));
        }
    }
    out
}

/// Letters beyond ASCII stay as they are, but for blanks and control codes.
fn is_other(letter: char) -> bool {
    !letter.is_ascii() && !letter.is_control() && !letter.is_whitespace()
}

fn failed(what: &str, path: &Path, error: io::Error) -> Error {
    Error::unavailable(format!("cannot {what} '{}': {error}", path.display())).with_source(error)
}

#[cfg(test)]
mod tests;
