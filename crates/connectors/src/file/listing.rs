//! Which files a path means: a file, the files of a folder, or a glob with `*`, `?`, `[…]` and `{a,b}`.
//!
//! Names that begin with `_` or `.` are hidden, as in Hadoop, even when they are named outright.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use millstream_core::disk::local_path;
use millstream_core::{Error, Options, Result, spark_error};
use regex::Regex;

use super::found_file::FoundFile;
use super::metadata_log;

/// The files of `path` or `paths`.
///
/// # Errors
/// `PATH_NOT_FOUND` for a path without a single file or folder.
pub(super) fn list(options: &Options) -> Result<Vec<FoundFile>> {
    let filter = options.get("pathGlobFilter").map(glob).transpose()?;
    let recursive = options.get_bool("recursiveFileLookup")?.unwrap_or(false);
    let mut files = Vec::new();
    for path in paths(options)? {
        let plain = local_path(&path);
        let absolute = std::path::absolute(plain).map_err(|error| failed("find", Path::new(plain), error))?;
        if let Some(listed) = metadata_log::files(&absolute)? {
            files.extend(listed);
            continue;
        }
        let found = expand(&absolute)?;
        if found.is_empty() {
            return Err(not_found(&absolute));
        }
        for place in found {
            collect(&place, recursive, &mut files)?;
        }
    }
    let wanted = |path: &PathBuf| {
        let name = file_name(path);
        !is_hidden(&name) && filter.as_ref().is_none_or(|filter| filter.is_match(&name))
    };
    files.retain(wanted);
    files.into_iter().map(found).collect()
}

fn found(path: PathBuf) -> Result<FoundFile> {
    let metadata = fs::metadata(&path).map_err(|error| failed("read", &path, error))?;
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let modified_ms = modified.map_or(0, |since| since.as_millis() as i64);
    Ok(FoundFile { path, size: metadata.len(), modified_ms })
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

fn is_hidden(name: &str) -> bool {
    name.starts_with(['_', '.'])
}

/// The entries of a folder by name.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let listed = fs::read_dir(folder).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    let mut paths: Vec<PathBuf> = listed.map_err(|error| failed("list", folder, error))?;
    paths.sort_unstable();
    Ok(paths)
}

/// Files as they are, those of a folder one level deep or all the way.
fn collect(path: &Path, recursive: bool, files: &mut Vec<PathBuf>) -> Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in entries(path)? {
        if !entry.is_dir() {
            files.push(entry);
            continue;
        }
        let name = file_name(&entry);
        if recursive && !is_hidden(&name) {
            collect(&entry, true, files)?;
        } else if name.contains('=') && !is_hidden(&name) {
            return Err(Error::unsupported(format!(
                "Reading the partitions of '{}' is not supported by Millstream.",
                path.display()
            ))
            .with_hint("name one partition's folder, or set recursiveFileLookup to read them without their column"));
        }
    }
    Ok(())
}

/// The files and folders that match a path, part by part.
fn expand(path: &Path) -> Result<Vec<PathBuf>> {
    let mut found = vec![PathBuf::new()];
    for part in path.components() {
        let name = part.as_os_str().to_string_lossy();
        if !name.contains(['*', '?', '[', '{']) {
            found.iter_mut().for_each(|place| place.push(part));
            continue;
        }
        let pattern = glob(&name)?;
        let mut next = Vec::new();
        for place in found.iter().filter(|place| place.is_dir()) {
            next.extend(entries(place)?.into_iter().filter(|entry| {
                let name = file_name(entry);
                !is_hidden(&name) && pattern.is_match(&name)
            }));
        }
        found = next;
    }
    found.retain(|place| place.exists());
    Ok(found)
}

/// One part of a glob as a regular expression.
fn glob(pattern: &str) -> Result<Regex> {
    let mut expression = String::from("^");
    let (mut depth, mut class) = (0, false);
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            ']' if class => {
                class = false;
                expression.push(']');
            }
            '-' | '^' if class => expression.push(character),
            '*' if !class => expression.push_str(".*"),
            '?' if !class => expression.push('.'),
            '[' if !class => {
                class = true;
                expression.push('[');
            }
            '{' if !class => {
                depth += 1;
                expression.push_str("(?:");
            }
            '}' if !class && depth > 0 => {
                depth -= 1;
                expression.push(')');
            }
            ',' if !class && depth > 0 => expression.push('|'),
            '\\' => expression.extend(characters.next().map(|next| regex::escape(&next.to_string()))),
            other => expression.push_str(&regex::escape(&other.to_string())),
        }
    }
    expression.push('$');
    Regex::new(&expression)
        .map_err(|error| Error::illegal_argument(format!("'{pattern}' is no file pattern")).with_source(error))
}
