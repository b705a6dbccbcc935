//! Which files a path means: a file, the files of a folder, or a glob.
//!
//! Names that begin with `_` or `.` are hidden, as in Hadoop, even when they are named outright; but a folder of a
//! partition may begin with `_`.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use millstream_core::disk::{local_path, scheme};
use millstream_core::{Error, Options, QuerySettings, Result, spark_error};
use millstream_formats::datetime::parse_timestamp;
use regex::Regex;

use super::found_file::FoundFile;
use super::glob::{glob, is_pattern};
use super::metadata_log;
use super::partitions::Partitions;
use super::quiet_folders::QuietFolders;

/// The files that were found, and the columns that their folders have.
#[derive(Debug, Clone)]
pub(super) struct Listing {
    pub(super) files: Vec<FoundFile>,
    pub(super) partitions: Partitions,
}

/// What the options say of the files that are wanted.
#[derive(Debug, Clone)]
pub(super) struct Search {
    paths: Vec<PathBuf>,
    base: Option<PathBuf>,
    name: Option<Regex>,
    recursive: bool,
    modified_before_ms: Option<i64>,
    modified_after_ms: Option<i64>,
    case_sensitive: bool,
}

impl Search {
    pub(super) fn from_options(options: &Options, settings: &QuerySettings) -> Result<Self> {
        let time = |name: &str| {
            let Some(text) = options.get(name) else { return Ok(None) };
            let zone = options.get("timeZone").and_then(|zone| zone.parse().ok()).unwrap_or(settings.time_zone);
            let us = parse_timestamp(text, zone);
            us.map(|us| Some(us.div_euclid(1000))).ok_or_else(|| {
                let option = name.to_ascii_lowercase();
                spark_error!("_LEGACY_ERROR_TEMP_1294", strategy = option, timeString = text)
            })
        };
        Ok(Self {
            paths: paths(options)?.iter().map(|path| absolute(path)).collect::<Result<_>>()?,
            base: options.get("basePath").map(absolute).transpose()?,
            name: options.get("pathGlobFilter").map(glob).transpose()?,
            recursive: options.get_bool("recursiveFileLookup")?.unwrap_or(false),
            modified_before_ms: time("modifiedBefore")?,
            modified_after_ms: time("modifiedAfter")?,
            case_sensitive: settings.case_sensitive,
        })
    }

    /// All files, by name.
    ///
    /// # Errors
    /// `PATH_NOT_FOUND` for a path without a single file or folder; folders that are no partitions of one table.
    pub(super) fn list(&self) -> Result<Listing> {
        let mut roots = Vec::new();
        let mut files = Vec::new();
        for path in &self.paths {
            if let Some(listed) = metadata_log::files(path)? {
                files.extend(listed);
                roots.push(path.clone());
                continue;
            }
            let found = expand(path)?;
            if found.is_empty() {
                return Err(not_found(path));
            }
            for root in &found {
                walk(root, &mut |path| files.push(path))?;
            }
            roots.extend(found);
        }
        let partitions = if self.recursive {
            Partitions::none()
        } else {
            let bases = match &self.base {
                Some(base) => vec![base.clone()],
                None => roots.iter().map(|root| folder_of(root)).collect(),
            };
            let folders = files.iter().filter_map(|file| file.parent());
            Partitions::of_folders(folders, &bases, self.case_sensitive)?
        };
        let mut found = Vec::with_capacity(files.len());
        for path in files {
            if let Some(file) = self.found(path, &partitions, &roots)? {
                found.push(file);
            }
        }
        Ok(Listing { files: found, partitions })
    }

    /// The paths as the user gave them.
    pub(super) fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// Every file whose name is meant, in no order and without a look at any; none of a quiet folder. As in a batch,
    /// only what lies right below a path is meant where there are no partitions.
    ///
    /// # Errors
    /// A folder cannot be read.
    pub(super) fn candidates(
        &self,
        has_partitions: bool,
        quiet: &mut QuietFolders,
        mut give: impl FnMut(PathBuf),
    ) -> Result<()> {
        let mut give_named = |path: PathBuf| {
            if self.name.as_ref().is_none_or(|name| name.is_match(&file_name(&path))) {
                give(path);
            }
        };
        for path in &self.paths {
            if let Some(listed) = metadata_log::files(path)? {
                listed.into_iter().for_each(&mut give_named);
                continue;
            }
            for root in expand(path)? {
                let all = self.recursive || has_partitions;
                walk_unsorted(&root, quiet, &mut |path| {
                    if all || path == root || path.parent().is_some_and(|folder| is_meant(folder, &root)) {
                        give_named(path);
                    }
                })?;
            }
        }
        Ok(())
    }

    /// The file if it is there and wanted, with the values of these partitions.
    pub(super) fn look_at(&self, path: PathBuf, names: &[String]) -> Result<Option<FoundFile>> {
        let bases: Vec<_> = self.base.iter().chain(&self.paths).cloned().collect();
        let folder = path.parent().unwrap_or(&path);
        let values = if self.recursive { Vec::new() } else { Partitions::values_by_name(folder, &bases, names)? };
        self.wanted(path, values)
    }

    /// The file if it is wanted.
    fn found(&self, path: PathBuf, partitions: &Partitions, roots: &[PathBuf]) -> Result<Option<FoundFile>> {
        let folder = path.parent().unwrap_or(&path);
        let partition = match partitions.values(folder) {
            Some(values) => values,
            None if !partitions.is_empty() => return Ok(None),
            // Without partitions only what lies right below a path is meant.
            None if self.recursive || roots.iter().any(|root| *root == path || root == folder) => Vec::new(),
            None => return Ok(None),
        };
        self.wanted(path, partition)
    }

    /// The file if its name and its time are those that are wanted.
    fn wanted(&self, path: PathBuf, partition: Vec<Option<String>>) -> Result<Option<FoundFile>> {
        if self.name.as_ref().is_some_and(|name| !name.is_match(&file_name(&path))) {
            return Ok(None);
        }
        let metadata = match fs::metadata(&path) {
            Ok(metadata) => metadata,
            // It went while the folder was listed.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("read", &path, error)),
        };
        if !metadata.is_file() {
            return Err(Error::illegal_argument(format!(
                "'{}' is no file but a pipe, a socket or a device",
                path.display()
            ))
            .with_hint("leave it out by the option pathGlobFilter, or name files that do not wait for a writer"));
        }
        let modified_ms = modified_ms(&metadata);
        let too_late = self.modified_before_ms.is_some_and(|before| modified_ms >= before);
        let too_early = self.modified_after_ms.is_some_and(|after| modified_ms <= after);
        if too_late || too_early {
            return Ok(None);
        }
        Ok(Some(FoundFile { path, size: metadata.len(), modified_ms, partition }))
    }
}

fn modified_ms(metadata: &Metadata) -> i64 {
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    modified.map_or(0, |since| since.as_millis() as i64)
}

/// The folder that a path is, or the one in which the file is.
fn folder_of(path: &Path) -> PathBuf {
    if path.is_dir() { path.to_owned() } else { path.parent().unwrap_or(path).to_owned() }
}

fn paths(options: &Options) -> Result<Vec<String>> {
    let mut paths: Vec<String> = options.get("path").map(str::to_owned).into_iter().collect();
    if let Some(list) = options.get("paths") {
        let list: Vec<String> = serde_json::from_str(list)
            .map_err(|error| Error::illegal_argument("option 'paths' must be a JSON list").with_source(error))?;
        paths.extend(list);
    }
    Ok(paths)
}

/// Whether a folder below a root, or the root, has the files of a table: folders in between are those of partitions.
fn is_meant(folder: &Path, root: &Path) -> bool {
    let below = folder.strip_prefix(root).unwrap_or(Path::new(""));
    let mut below = below.components().peekable();
    below.peek().is_none() || below.any(|part| part.as_os_str().to_string_lossy().contains('='))
}

/// A path of this machine.
fn absolute(path: &str) -> Result<PathBuf> {
    if path.is_empty() {
        return Err(Error::illegal_argument("Can not create a Path from an empty string"));
    }
    if let Some(scheme) = scheme(path) {
        return Err(Error::unsupported(format!("Files at '{scheme}:' are not supported by Millstream."))
            .with_hint("name a path of this machine"));
    }
    let plain = local_path(path);
    std::path::absolute(plain).map_err(|error| failed("find", Path::new(plain), error))
}

fn not_found(path: &Path) -> Error {
    spark_error!("PATH_NOT_FOUND", path = format!("file:{}", path.display()))
}

/// A file or folder that cannot be read.
fn failed(what: &str, path: &Path, error: std::io::Error) -> Error {
    Error::unavailable(format!("cannot {what} '{}': {error}", path.display())).with_source(error)
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Whether readers do not see a name.
pub(super) fn is_hidden(name: &str) -> bool {
    (name.starts_with('_') && !name.contains('=')) || name.starts_with('.') || name.ends_with("._COPYING_")
}

/// The entries of a folder by name, and which of them are folders.
fn entries(folder: &Path) -> Result<Vec<(PathBuf, bool)>> {
    let entry = |entry: std::io::Result<fs::DirEntry>| {
        let entry = entry?;
        let kind = entry.file_type()?;
        let path = entry.path();
        let is_folder = if kind.is_symlink() { path.is_dir() } else { kind.is_dir() };
        Ok((path, is_folder))
    };
    let listed = fs::read_dir(folder).and_then(|entries| entries.map(entry).collect());
    let mut entries: Vec<(PathBuf, bool)> = listed.map_err(|error| failed("list", folder, error))?;
    entries.sort_unstable();
    Ok(entries)
}

/// Gives a file, or all files below a folder that are not hidden, as the folder has them, and none of a folder that is
/// as it was.
fn walk_unsorted(path: &Path, quiet: &mut QuietFolders, give: &mut impl FnMut(PathBuf)) -> Result<()> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        // It went since it was found.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("read", path, error)),
    };
    if !metadata.is_dir() {
        give(path.to_owned());
        return Ok(());
    }
    let modified = metadata.modified().map_err(|error| failed("read", path, error))?;
    let below = match quiet.unchanged(path, modified) {
        Some(below) => below,
        None => {
            let below = give_files(path, give)?;
            quiet.was_read(path, modified, below.clone());
            below
        }
    };
    below.iter().try_for_each(|folder| walk_unsorted(folder, quiet, give))
}

/// Gives the files of a folder that are not hidden; the folders in it are the answer.
fn give_files(folder: &Path, give: &mut impl FnMut(PathBuf)) -> Result<Vec<PathBuf>> {
    let listed = match fs::read_dir(folder) {
        Ok(listed) => listed,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed("list", folder, error)),
    };
    let mut below = Vec::new();
    for entry in listed {
        let entry = entry.map_err(|error| failed("list", folder, error))?;
        if is_hidden(&entry.file_name().to_string_lossy()) {
            continue;
        }
        let kind = entry.file_type().map_err(|error| failed("list", folder, error))?;
        let path = entry.path();
        if kind.is_dir() {
            below.push(path);
        } else if kind.is_symlink() && path.is_dir() {
            check_link(&path)?;
            below.push(path);
        } else {
            give(path);
        }
    }
    Ok(below)
}

/// Refuses a link to a folder in which it lies: every file would be found again and again.
fn check_link(folder: &Path) -> Result<()> {
    if !folder.is_symlink() {
        return Ok(());
    }
    let target = |path: &Path| fs::canonicalize(path).map_err(|error| failed("read", path, error));
    let to = target(folder)?;
    for above in folder.ancestors().skip(1) {
        if target(above)? == to {
            let (link, above) = (folder.display(), above.display());
            let fault = format!("the link '{link}' leads back to '{above}', in which it lies");
            return Err(Error::illegal_argument(fault).with_hint("remove the link, or read the folders one by one"));
        }
    }
    Ok(())
}

/// Gives a file, or all files below a folder that are not hidden.
fn walk(path: &Path, give: &mut impl FnMut(PathBuf)) -> Result<()> {
    if !path.is_dir() {
        if !is_hidden(&file_name(path)) {
            give(path.to_owned());
        }
        return Ok(());
    }
    for (entry, is_folder) in entries(path)? {
        if is_hidden(&file_name(&entry)) {
            continue;
        }
        if is_folder {
            check_link(&entry)?;
            walk(&entry, give)?;
        } else {
            give(entry);
        }
    }
    Ok(())
}

/// The files and folders that match a path, part by part.
fn expand(path: &Path) -> Result<Vec<PathBuf>> {
    let mut found = vec![PathBuf::new()];
    for part in path.components() {
        let name = part.as_os_str().to_string_lossy();
        if !is_pattern(&name) {
            found.iter_mut().for_each(|place| place.push(part));
            continue;
        }
        let pattern = glob(&name)?;
        let mut next = Vec::new();
        for place in found.iter().filter(|place| place.is_dir()) {
            next.extend(entries(place)?.into_iter().map(|(entry, _)| entry).filter(|entry| {
                let name = file_name(entry);
                !is_hidden(&name) && pattern.is_match(&name)
            }));
        }
        found = next;
    }
    found.retain(|place| place.exists());
    Ok(found)
}
