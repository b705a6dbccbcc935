//! Small rules that a compiler does not know: what a file may not contain, and how it may not be called. Their reasons
//! are in `docs/STYLE.md`.
//!
//! A rule that older code breaks in many places is a [`ratchet`]: the number of places may fall, and never rises.

mod ratchet;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

/// Words that may not stand in a source file, each with what to do instead. Split, so that this file passes itself.
const BANNED: &[(&str, &str)] = &[
    (concat!("TO", "DO"), "do it, or write an issue"),
    (concat!("FIX", "ME"), "mend it, or write an issue"),
    (concat!("#[ig", "nore"), "a test that does not run tests nothing"),
    (concat!("std::thread::", "sleep"), "await a condition"),
    (concat!("unimpl", "emented!("), "answer with Error::unsupported"),
];

const BANNED_NAMES: &[&str] = &["utils", "util", "helpers", "helper", "common", "misc", "types"];

/// Every breach, as a line for a person.
pub(crate) fn findings(root: &Path) -> Result<Vec<String>> {
    let sources = sources(root)?;
    let mut findings: Vec<String> = sources.iter().flat_map(breaches).collect();
    findings.extend(ratchet::findings(&sources, root)?);
    Ok(findings)
}

/// A source file or a page.
pub(crate) struct Source {
    /// Its path from the root of the repository.
    path: PathBuf,
    text: String,
}

/// All Rust files and all pages of the repository.
fn sources(root: &Path) -> Result<Vec<Source>> {
    let mut paths = Vec::new();
    for folder in ["crates", "sim", "bench", "xtask"] {
        paths.extend(files(&root.join(folder), &["rs", "md"])?);
    }
    paths.extend(files(&root.join("docs"), &["md"])?);
    paths.extend(files(&root.join("conformance"), &["md"])?);
    for entry in fs::read_dir(root)? {
        let path = entry?.path();
        paths.extend(path.extension().is_some_and(|extension| extension == "md").then_some(path));
    }
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path)?;
        Ok(Source { path: path.strip_prefix(root).unwrap_or(&path).to_path_buf(), text })
    };
    paths.into_iter().map(read).collect()
}

/// What no source file may have.
fn breaches(source: &Source) -> Vec<String> {
    let Source { path, text } = source;
    if path.extension().is_none_or(|extension| extension != "rs") {
        return Vec::new();
    }
    let mut findings = Vec::new();
    let shown = path.display();
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let folder = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    if path.ends_with("mod.rs") {
        findings.push(format!("  {shown}: a module's head lies beside its folder: {folder}.rs"));
    }
    if BANNED_NAMES.contains(&&*stem) || BANNED_NAMES.contains(&&*folder) {
        findings.push(format!("  {shown}: name it for what is in it"));
    }
    if !text.starts_with("//!") && !is_test(path) {
        findings.push(format!("  {shown}: opens without //!, which says what the file is"));
    }
    for (number, line) in text.lines().enumerate() {
        for (word, instead) in BANNED.iter().filter(|(word, _)| line.contains(word)) {
            findings.push(format!("  {shown}:{}: '{word}': {instead}", number + 1));
        }
    }
    findings
}

pub(crate) fn is_test(file: &Path) -> bool {
    file.ends_with("tests.rs") || file.iter().any(|part| part == "tests")
}

/// All Rust sources below a folder, in order.
pub(crate) fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    files(folder, &["rs"])
}

/// All files below a folder that end in one of these ways, in order.
fn files(folder: &Path, extensions: &[&str]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extensions.iter().any(|known| extension == *known)) {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests;
