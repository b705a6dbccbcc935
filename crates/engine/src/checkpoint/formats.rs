//! The formats of a log that this build reads, each by its version. It writes the newest.
//!
//! A log and a snapshot begin with a head, and a head is JSON with a `version` in every format there was and will be.
//! What follows, the rest of the head included, is read as that version has it, into the entries of today: to change
//! the format is to write a new version and to keep a reader of the old one here. A state entry ends with the bytes of
//! its store in every format; what is in them is the store's own affair
//! ([`StoreEntry::format`](super::entry::StoreEntry)).

use millstream_core::{Error, Result};
use serde::Deserialize;

use super::entry::{self, Entry, KIND_SNAPSHOT, KIND_START};

/// The version of the format that this build writes.
pub(crate) const FORMAT_VERSION: u32 = 2;

/// The mend for a format that is no longer read.
const TOO_OLD: &str = "go on with the build that wrote it, or start the query with a new checkpoint location; a query \
                       without state may also go on here, from Spark's files, once the folder 'millstream' of its \
                       checkpoint is removed";

/// The mend for a format that is not read yet.
const TOO_NEW: &str = "start the query with the build that wrote it, or with a newer one";

/// One version of the format.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Format {
    pub(crate) version: u32,
    /// Makes an entry of today from the kind and the body of an entry of this version.
    pub(crate) read: fn(u8, &[u8]) -> Result<Entry>,
}

/// Formats by ascending version; the newest is the last.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Formats(pub(crate) &'static [Format]);

/// What this build reads.
pub(crate) const FORMATS: Formats = Formats(&[Format { version: FORMAT_VERSION, read: Entry::read }]);

impl Formats {
    /// A reader of one file.
    pub(crate) fn reader(self) -> EntryReader {
        EntryReader { formats: self, format: None }
    }

    fn of_version(self, version: u32) -> Result<Format> {
        let found = self.0.iter().find(|format| format.version == version);
        found.copied().ok_or_else(|| {
            let versions: Vec<String> = self.0.iter().map(|format| format.version.to_string()).collect();
            let is_newer = self.0.last().is_some_and(|newest| version > newest.version);
            let read = versions.join(" and ");
            Error::data(format!("it has format {version}, and this build reads format {read}")).with_hint(if is_newer {
                TOO_NEW
            } else {
                TOO_OLD
            })
        })
    }
}

/// Reads the entries of one file, whose head says how.
#[derive(Debug)]
pub(crate) struct EntryReader {
    formats: Formats,
    format: Option<Format>,
}

/// What every head has.
#[derive(Deserialize)]
struct Head {
    version: u32,
}

impl EntryReader {
    /// Takes the first entry off `bytes`.
    pub(crate) fn take(&mut self, bytes: &mut &[u8]) -> Result<Entry> {
        let (kind, body) = entry::split(bytes)?;
        if matches!(kind, KIND_START | KIND_SNAPSHOT) {
            let Head { version } = entry::json(body)?;
            self.format = Some(self.formats.of_version(version)?);
        }
        let Some(format) = self.format else { return Err(Error::data("an entry comes before the head")) };
        (format.read)(kind, body)
    }

    /// The same reader for another file that belongs to the one whose head was read.
    pub(crate) fn for_part(&self) -> Self {
        Self { ..*self }
    }
}

#[cfg(test)]
mod tests;
