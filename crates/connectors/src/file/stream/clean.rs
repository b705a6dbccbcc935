//! `cleanSource`: what becomes of files whose batch is committed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use millstream_core::disk::local_path;
use millstream_core::{Error, Options, Result};

use crate::file::found_file::FoundFile;
use crate::file::listing::Search;

/// What is done with files that have been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cleaner {
    Leave,
    Delete,
    /// They go below this folder, each under its whole path.
    Archive(PathBuf),
}

impl Cleaner {
    pub(super) fn from_options(options: &Options, search: &Search) -> Result<Self> {
        match options.get("cleanSource").map(str::to_ascii_uppercase).as_deref() {
            None | Some("OFF") => Ok(Self::Leave),
            Some("DELETE") => Ok(Self::Delete),
            Some("ARCHIVE") => {
                let Some(folder) = options.get("sourceArchiveDir") else {
                    return Err(Error::illegal_argument("Archive mode must be used with 'sourceArchiveDir' option."));
                };
                let folder = std::path::absolute(local_path(folder))
                    .map_err(|error| Error::illegal_argument("'sourceArchiveDir' is no path").with_source(error))?;
                if search.paths().iter().any(|path| folder.starts_with(path) || path.starts_with(&folder)) {
                    return Err(Error::illegal_argument(
                        "requirement failed: Base archive path cannot be set to the path where archived path can \
                         possibly match with source pattern.",
                    ));
                }
                Ok(Self::Archive(folder))
            }
            Some(_) => {
                let text = options.get("cleanSource").unwrap_or_default();
                Err(Error::illegal_argument(format!(
                    "Invalid mode for clean source option Some({text}). Must be one of ARCHIVE,DELETE,OFF"
                )))
            }
        }
    }

    /// Cleans up. A file that cannot be taken away stays, as in Spark, and is told of.
    pub(super) fn clean(&self, files: impl Iterator<Item = FoundFile>) -> Result<()> {
        for file in files {
            let cleaned = match self {
                Self::Leave => return Ok(()),
                Self::Delete => fs::remove_file(&file.path),
                Self::Archive(folder) => archive(&file.path, folder),
            };
            match cleaned {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::warn!(path = %file.path.display(), %error, "a file that has been read cannot be cleaned up");
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn archive(path: &Path, folder: &Path) -> io::Result<()> {
    let target = folder.join(path.strip_prefix("/").unwrap_or(path));
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::rename(path, target)
}
