//! What is knowingly answered in another way than Apache Spark does: `conformance/streams/differences.tsv`.
//!
//! A line has a file of questions, a question, the kinds of lines in which the answers differ, and the reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use super::question::folder;

/// The kinds of lines by which answers are compared, such as `row` and `watermark`.
pub(crate) type Kinds = BTreeSet<String>;

/// The kinds of lines that are listed, and the reason, by file and question.
pub(crate) type Listed = BTreeMap<(String, String), (Kinds, String)>;

/// The lines of an answer by batch (none for what is said of the query) and by kind.
type Places<'a> = BTreeMap<Option<&'a str>, BTreeMap<&'a str, Vec<&'a str>>>;

fn path() -> PathBuf {
    folder().join("differences.tsv")
}

/// The list.
pub(crate) fn listed() -> Listed {
    let text = fs::read_to_string(path()).expect("the list of differences");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let listed = lines.map(|line| {
        let parts: Vec<&str> = line.split('\t').collect();
        let [file, question, kinds, reason] = parts[..] else { panic!("not a difference: {line}") };
        ((file.to_owned(), question.to_owned()), (kinds.split(',').map(str::to_owned).collect(), reason.to_owned()))
    });
    listed.collect()
}

/// A line of the list.
pub(crate) fn line(file: &str, question: &str, kinds: &Kinds, reason: &str) -> String {
    let kinds: Vec<&str> = kinds.iter().map(String::as_str).collect();
    format!("{file}\t{question}\t{}\t{reason}", kinds.join(","))
}

/// Takes off the list what agrees. Nothing is ever added: that is for a person who knows the reason.
pub(crate) fn shrink(found: &BTreeMap<(String, String), Kinds>) {
    let text = fs::read_to_string(path()).expect("the list of differences");
    let mut lines: Vec<String> = text.lines().filter(|line| line.starts_with('#')).map(str::to_owned).collect();
    for ((file, question), (kinds, reason)) in listed() {
        let differs = found.get(&(file.clone(), question.clone()));
        let left: Kinds =
            kinds.iter().filter(|kind| differs.is_some_and(|found| found.contains(*kind))).cloned().collect();
        if !left.is_empty() {
            lines.push(line(&file, &question, &left, &reason));
        }
    }
    fs::write(path(), lines.join("\n") + "\n").expect("the list of differences is written");
}

/// In which kinds of lines two answers differ. Batches are compared that both have; one that only one has is a
/// difference of kind `batch`. Where one query is refused or fails, and the other not in the same way, nothing else is
/// worth saying.
pub(crate) fn kinds(ours: &[String], theirs: &[String]) -> Kinds {
    let (ours, theirs) = (places(ours), places(theirs));
    let mut kinds = BTreeSet::new();
    for batch in ours.keys().chain(theirs.keys()) {
        let (Some(ours), Some(theirs)) = (ours.get(batch), theirs.get(batch)) else {
            kinds.insert("batch");
            continue;
        };
        kinds.extend(ours.keys().chain(theirs.keys()).filter(|kind| ours.get(*kind) != theirs.get(*kind)));
    }
    let end = ["hung", "refused", "failed"].into_iter().find(|end| kinds.contains(end));
    end.map_or(kinds, |end| BTreeSet::from([end])).into_iter().map(str::to_owned).collect()
}

fn places(lines: &[String]) -> Places<'_> {
    let mut places = Places::from([(None, BTreeMap::new())]);
    let mut batch = None;
    for line in lines {
        let (kind, value) = line.split_once(": ").expect("a kind and a value");
        match kind {
            "batch" => batch = Some(value),
            "refused" | "failed" | "hung" => batch = None,
            _ => {}
        }
        places.entry(batch).or_default().entry(kind).or_default().push(value);
    }
    places
}

mod tests;
