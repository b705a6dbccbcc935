//! Files, read and written in batches and as streams. What a format is says [`mod@format`]; which there are says
//! [`formats`].
//!
//! Options of all formats: `path` (a file, a folder or a glob; several as a JSON list in `paths`), `pathGlobFilter`,
//! `recursiveFileLookup`, `modifiedBefore`, `modifiedAfter`, `basePath`. A file is read while it is pulled, in parts as
//! Spark cuts it, the largest part first. What is read is checked against Spark's answers in `conformance/files`.
//!
//! Deliberately not here yet: LZO, other encodings than UTF-8 of format `text`.

mod charset;
mod connector;
pub mod format;
pub mod formats;
mod found_file;
mod glob;
mod input;
mod line_rows;
mod lines;
mod listing;
mod metadata_log;
mod part;
mod partition_filter;
mod partitions;
mod quiet_folders;
mod reader;
mod scan;
mod stream;
mod table;
mod tolerance;
mod unpack;
mod write;

pub use self::connector::FileConnector;
pub use self::found_file::FoundFile;
pub use self::part::FilePart;
