//! Files, read and written as a whole. What a format is says [`format`]; which there are says [`formats`].
//!
//! Options of all formats: `path` (a file, a folder or a glob; several as a JSON list in `paths`), `pathGlobFilter`,
//! `recursiveFileLookup`. A file is read while it is pulled; files come in the order of their names.
//!
//! Deliberately not here yet: streamed reading and writing, folders that are partitions (`k=v`; they are refused),
//! compressed files, other encodings than UTF-8.

mod connector;
pub mod format;
pub mod formats;
mod found_file;
mod input;
mod line_rows;
mod lines;
mod listing;
mod metadata_log;
mod reader;
mod scan;
mod write;

pub use self::connector::FileConnector;
pub use self::found_file::FoundFile;

#[cfg(test)]
mod tests;
