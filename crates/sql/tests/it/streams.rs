//! Streaming questions that Apache Spark answered once, asked again of this engine: `conformance/streams`.
//!
//! A question has a plan as PySpark sends it and feeds whose batches are written down. It is analysed and run in this
//! process, from a source that brings step after step into a sink that keeps text, while the clock stands. Its rows,
//! watermarks, counts of state and errors must be Spark's, batch for batch, but for what `differences.tsv` lists with a
//! reason.
//!
//! `MILLSTREAM_SHRINK_DIFFERENCES=1` takes off the list what agrees now.

mod differences;
mod feed;
mod mutated;
mod question;
mod recording;
mod replay;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use futures::{StreamExt, stream};

use self::differences::Kinds;
use self::feed::Feed;
use self::question::Question;
use self::recording::Recorded;

/// A question and what Spark answered.
struct Case {
    file: String,
    question: Question,
    recorded: Recorded,
}

fn names(folder: &str, extension: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(question::folder().join(folder)).expect("a folder of conformance/streams");
    let paths = entries.map(|entry| entry.expect("a name in it").path());
    let wanted = paths.filter(|path| path.extension().is_some_and(|found| found == extension));
    wanted.filter_map(|path: PathBuf| Some(path.file_stem()?.to_str()?.to_owned())).collect()
}

/// Every question with its recorded answer, and what is wrong with the two lists.
fn cases(feeds: &BTreeMap<String, question::FeedDefinition>) -> (Vec<Case>, Vec<String>) {
    let (mut cases, mut problems) = (Vec::new(), Vec::new());
    let (asked, answered) = (names("questions", "txt"), names("recorded", "txt"));
    for file in answered.difference(&asked) {
        problems.push(format!("{file}: recorded, but nobody asks it"));
    }
    for file in asked {
        let questions = question::questions(&question::folder().join(format!("questions/{file}.txt")), feeds);
        let recorded = question::folder().join("recorded");
        let mut recorded =
            recording::read(&recorded.join(format!("{file}.txt")), &recorded.join(format!("{file}.plans")));
        let mut seen = BTreeSet::new();
        for question in questions {
            if !seen.insert(question.name.clone()) {
                problems.push(format!("{file}: {}: asked twice", question.name));
            }
            match recorded.remove(&question.digest) {
                Some(recorded) if recorded.name == question.name => {
                    cases.push(Case { file: file.clone(), question, recorded });
                }
                Some(recorded) => problems.push(format!("{file}: {}: recorded as {}", question.name, recorded.name)),
                None => problems.push(format!("{file}: {}: never recorded, or changed since", question.name)),
            }
        }
        problems.extend(recorded.values().map(|gone| format!("{file}: {}: recorded, but nobody asks it", gone.name)));
    }
    (cases, problems)
}

async fn read_feeds(definitions: BTreeMap<String, question::FeedDefinition>) -> BTreeMap<String, Feed> {
    let mut feeds = BTreeMap::new();
    for (name, definition) in definitions {
        let feed = replay::read_feed(&definition).await.unwrap_or_else(|error| panic!("feed {name}: {error:?}"));
        feeds.insert(name, feed);
    }
    feeds
}

async fn replayed(
    cases: Vec<Case>,
    definitions: BTreeMap<String, question::FeedDefinition>,
) -> Vec<(Case, Vec<String>)> {
    let feeds = Arc::new(read_feeds(definitions).await);
    let answers = cases.into_iter().map(|case| {
        let feeds = Arc::clone(&feeds);
        tokio::spawn(async move {
            let ours = replay::answer(&case.question, &case.recorded, &feeds).await;
            (case, ours)
        })
    });
    let at_once = std::thread::available_parallelism().map_or(2, usize::from);
    stream::iter(answers).buffered(at_once).map(|answer| answer.expect("a replay does not panic")).collect().await
}

#[test]
fn streams_are_answered_as_spark_answers_them() {
    let definitions = question::feeds();
    let (cases, mut problems) = cases(&definitions);
    assert!(!cases.is_empty(), "nothing is recorded: {problems:#?}");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let answers = runtime.block_on(replayed(cases, definitions));
    let listed = differences::listed();
    let mut found = BTreeMap::new();
    for (case, ours) in &answers {
        let kinds = differences::kinds(ours, &case.recorded.answer);
        let key = (case.file.clone(), case.question.name.clone());
        let known = listed.get(&key).map(|(kinds, _)| kinds.clone()).unwrap_or_default();
        problems.extend(problem(case, ours, &kinds, &known));
        found.insert(key, kinds);
    }
    problems.extend(
        listed
            .keys()
            .filter(|key| !found.contains_key(*key))
            .map(|(file, name)| format!("{file}: {name}: in differences.tsv, but nobody asks it")),
    );
    if std::env::var_os("MILLSTREAM_SHRINK_DIFFERENCES").is_some() {
        differences::shrink(&found);
    }
    assert!(
        problems.is_empty(),
        "of {} questions these are not as they should be:\n{}",
        answers.len(),
        problems.join("\n")
    );
}

/// What is wrong with an answer of ours, given the kinds of lines in which it differs and those in which that is known.
fn problem(case: &Case, ours: &[String], found: &Kinds, known: &Kinds) -> Option<String> {
    let Case { file, question, recorded } = case;
    if found == known {
        return None;
    }
    let agrees: Vec<_> = known.difference(found).cloned().collect();
    if !agrees.is_empty() && found.is_subset(known) {
        return Some(format!(
            "{file}: {}: agrees now in {}: take it off differences.tsv",
            question.name,
            agrees.join(", ")
        ));
    }
    let listing = differences::line(file, &question.name, found, "<reason>");
    let diff = diff(ours, &recorded.answer);
    Some(format!("{file}: {}: differs\n{diff}\n    to list it: {listing}", question.name))
}

/// The lines around the first that differ.
fn diff(ours: &[String], theirs: &[String]) -> String {
    let same = ours.iter().zip(theirs).take_while(|(ours, theirs)| ours == theirs).count();
    let from = same.saturating_sub(3);
    let shown = |lines: &[String], sign: &str| {
        let lines: Vec<_> = lines.iter().skip(same).take(8).map(|line| format!("    {sign} {line}")).collect();
        lines.join("\n")
    };
    let before: Vec<_> = theirs[from..same].iter().map(|line| format!("      {line}")).collect();
    [before.join("\n"), shown(theirs, "spark     "), shown(ours, "millstream")].join("\n")
}
