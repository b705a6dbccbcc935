//! Small rules that a compiler does not know: what a file may not contain, and how it may not be called.

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
    let mut findings = Vec::new();
    let folders = ["crates", "sim", "xtask"].map(|folder| rust_files(&root.join(folder)));
    for file in folders.into_iter().collect::<Result<Vec<_>>>()?.concat() {
        let shown = file.strip_prefix(root).unwrap_or(&file).display().to_string();
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        let folder = file.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
        if file.ends_with("mod.rs") {
            findings.push(format!("  {shown}: a module's head lies beside its folder: {folder}.rs"));
        }
        if BANNED_NAMES.contains(&&*stem) || BANNED_NAMES.contains(&&*folder) {
            findings.push(format!("  {shown}: name it for what is in it"));
        }
        let text = fs::read_to_string(&file)?;
        if !text.starts_with("//!") && !is_test(&file) {
            findings.push(format!("  {shown}: opens without //!, which says what the file is"));
        }
        for (number, line) in text.lines().enumerate() {
            for (word, instead) in BANNED.iter().filter(|(word, _)| line.contains(word)) {
                findings.push(format!("  {shown}:{}: '{word}': {instead}", number + 1));
            }
        }
    }
    Ok(findings)
}

pub(crate) fn is_test(file: &Path) -> bool {
    file.ends_with("tests.rs") || file.iter().any(|part| part == "tests")
}

/// All Rust sources below a folder, in order.
pub(crate) fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}
