//! The folder that is written to.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use millstream_core::disk::{local_path, scheme};
use millstream_core::{Error, Result};

/// The absolute path of a location of this machine.
pub(super) fn local(location: &str) -> Result<PathBuf> {
    if location.is_empty() {
        return Err(Error::illegal_argument("Can not create a Path from an empty string"));
    }
    if let Some(scheme) = scheme(location) {
        return Err(Error::unsupported(format!("Writing files to '{scheme}:' is not supported by Millstream."))
            .with_hint("give a folder of this machine"));
    }
    let plain = Path::new(local_path(location));
    let mut path = std::path::absolute(plain).map_err(|error| failed("find", plain, error))?;
    // A slash at the end means nothing.
    path = path.components().collect();
    Ok(path)
}

/// The location as Hadoop's paths are shown.
pub(super) fn shown(folder: &Path) -> String {
    format!("file:{}", folder.display())
}

/// Removes all that lies in a folder, but what is still on its way into it.
pub(super) fn clear(folder: &Path) -> Result<()> {
    for entry in entries(folder)? {
        if entry.file_name().is_some_and(|name| name != super::staging::TEMPORARY) {
            remove(&entry)?;
        }
    }
    Ok(())
}

/// Removes a file, or a folder with all that is in it.
pub(super) fn remove(path: &Path) -> Result<()> {
    let removed = if path.is_dir() && !path.is_symlink() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", path, error)),
        _ => Ok(()),
    }
}

/// What lies in a folder, by name; nothing where there is none.
pub(super) fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let listed = fs::read_dir(folder).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    let mut paths: Vec<PathBuf> = match listed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        listed => listed.map_err(|error| failed("list", folder, error))?,
    };
    paths.sort_unstable();
    Ok(paths)
}

/// Makes a folder and those above it.
pub(super) fn create(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|error| failed("create", folder, error))
}

/// A file or folder that cannot be written.
pub(super) fn failed(what: &str, path: &Path, error: io::Error) -> Error {
    Error::unavailable(format!("cannot {what} '{}': {error}", path.display())).with_source(error)
}
