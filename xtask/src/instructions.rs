//! Counts instructions of the engine's hot paths under valgrind, and compares them with committed figures.
//!
//! Time differs from machine to machine and from minute to minute, a count of instructions does not: a slower hot path
//! cannot land unseen. The program that is counted (`bench/instructions`) runs twice, with a different number of
//! batches; the difference of the counts is what the batches cost.
//!
//! Of each batch two figures are kept. *Ours* are the instructions of code that was compiled in our crates, what the
//! compiler inlined or instantiated there included; these crates are optimised as in a release. *All* adds libraries,
//! which are those of the test build: to build DataFusion once more for this would take ten minutes. So *all* is larger
//! than in a release by a factor; it shows when a library is called more often than before.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

use crate::program;

/// How far a figure may be from the committed one, in percent.
const TOLERANCE: f64 = 3.0;
const FIGURES: &str = "bench/instructions.json";

/// The crates on the hot path, which are optimised.
const OPTIMISED: [&str; 6] = [
    "millstream-core",
    "millstream-formats",
    "millstream-functions",
    "millstream-engine",
    "millstream-sql",
    "millstream-instructions",
];
/// The settings of a release, for one of these crates. Lines are needed to tell our code from that of libraries.
const RELEASE: [&str; 5] =
    ["opt-level=3", "codegen-units=16", "debug-assertions=false", "overflow-checks=false", "debug='line-tables-only'"];

/// A query, the rows of each batch, and the numbers of batches of both runs.
struct Measure {
    name: &'static str,
    query: &'static str,
    rows: u64,
    batches: [u64; 2],
}

const MEASURES: [Measure; 3] = [
    Measure { name: "batch of one row, stateless", query: "filter", rows: 1, batches: [200, 600] },
    Measure { name: "batch of one row, payment monitor", query: "monitor", rows: 1, batches: [200, 600] },
    Measure { name: "row of the payment monitor", query: "monitor", rows: 10_000, batches: [3, 9] },
];

/// Instructions of a run, or of what is measured.
#[derive(Clone, Copy)]
struct Count {
    ours: u64,
    all: u64,
}

/// Counts, prints, and compares with the committed figures, or replaces them if the argument is `record`.
pub(crate) fn instructions(arguments: &[String]) -> Result<()> {
    let program = build()?;
    let mut counted = Map::new();
    for measure in &MEASURES {
        let Count { ours, all } = count(&program, measure)?;
        crate::say(&format!("{:<40} {ours:>10} ours {all:>12} all\n", measure.name));
        counted.insert(measure.name.to_owned(), json!({"ours": ours, "all": all}));
    }
    let file = crate::root().join(FIGURES);
    if arguments.iter().any(|argument| argument == "record") {
        let text = serde_json::to_string_pretty(&counted)? + "\n";
        return std::fs::write(&file, text).context(FIGURES);
    }
    let committed = std::fs::read_to_string(&file).context(FIGURES)?;
    let differences = differences(&serde_json::from_str(&committed).context(FIGURES)?, &counted);
    if differences.is_empty() {
        return Ok(());
    }
    bail!(
        "more than {TOLERANCE} % away from {FIGURES}:\n{}\nA slower path is to be mended; what is meant is recorded with \
         `cargo xtask instructions record` and explained in the commit",
        differences.join("\n")
    )
}

/// Builds the program that is counted; the path of what was built.
fn build() -> Result<String> {
    let mut cargo = program("cargo");
    // Of the whole workspace, so that libraries have the features that they have in the build of the tests.
    cargo.args(["build", "--quiet", "--workspace", "--bin", "millstream-instructions"]);
    for package in OPTIMISED {
        for setting in RELEASE {
            cargo.args(["--config", &format!("profile.dev.package.{package}.{setting}")]);
        }
    }
    crate::say("+ cargo build --bin millstream-instructions, our crates optimised\n");
    let status = cargo.current_dir(crate::root()).status().context("cannot start cargo")?;
    if !status.success() {
        bail!("the program that is counted does not build");
    }
    let target = std::env::current_exe().context("where this task was built")?;
    let target = target.ancestors().nth(2).context("a task lies two folders deep")?;
    Ok(target.join("debug/millstream-instructions").to_string_lossy().into_owned())
}

/// Instructions of a batch, or of a row where a batch has many.
fn count(program: &str, measure: &Measure) -> Result<Count> {
    let [few, many] = measure.batches;
    let [fewer, more] = [run(program, measure, few)?, run(program, measure, many)?];
    let units = (many - few) * measure.rows;
    let each = |fewer: u64, more: u64| more.saturating_sub(fewer) / units;
    Ok(Count { ours: each(fewer.ours, more.ours), all: each(fewer.all, more.all) })
}

/// Counts the instructions of a whole run.
fn run(program: &str, measure: &Measure, batches: u64) -> Result<Count> {
    let out = std::env::temp_dir().join(format!("millstream-instructions-{}", std::process::id()));
    let output = Command::new("valgrind")
        .args(["--tool=cachegrind", "--cache-sim=no", "--quiet"])
        .arg(format!("--cachegrind-out-file={}", out.display()))
        .arg(program)
        .args([measure.query, &measure.rows.to_string(), &batches.to_string()])
        .output()
        .context("cannot start valgrind (Debian: valgrind)")?;
    if !output.status.success() {
        bail!("{program} under valgrind: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let text = read(&out)?;
    std::fs::remove_file(&out)?;
    tally(&text)
}

fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).with_context(|| file.display().to_string())
}

/// Adds up what cachegrind wrote: `fl=` names a source file, and each line after a `fn=` is a line number and a count.
/// Code without lines is that of a library, whose file is `???`.
fn tally(text: &str) -> Result<Count> {
    let mut count = Count { ours: 0, all: 0 };
    let mut is_ours = false;
    for line in text.lines() {
        if let Some(file) = line.strip_prefix("fl=") {
            is_ours = file != "???";
        } else if line.starts_with(|first: char| first.is_ascii_digit()) {
            let instructions = line.split_whitespace().nth(1).context("a line without a count")?.parse::<u64>()?;
            count.all += instructions;
            count.ours += if is_ours { instructions } else { 0 };
        }
    }
    if count.ours == 0 { bail!("valgrind counted nothing of ours") } else { Ok(count) }
}

/// What differs too much, and what one of the two does not have.
fn differences(committed: &BTreeMap<String, Value>, counted: &Map<String, Value>) -> Vec<String> {
    let names = committed.keys().chain(counted.keys().filter(|name| !committed.contains_key(*name)));
    let mut differences = Vec::new();
    for (name, kind) in names.flat_map(|name| ["ours", "all"].map(|kind| (name, kind))) {
        let figure = |measures: Option<&Value>| measures.and_then(|measure| measure[kind].as_f64());
        let (before, now) = (figure(committed.get(name)), figure(counted.get(name)));
        let percent = before.zip(now).map(|(before, now)| (now - before) / before * 100.0);
        if percent.is_none_or(|percent| percent.abs() > TOLERANCE) {
            let shown = |figure: Option<f64>| figure.map_or("nothing".to_owned(), |figure| figure.to_string());
            let percent = percent.map_or(String::new(), |percent| format!(" ({percent:+.1} %)"));
            differences.push(format!("  {name}, {kind}: {}, before {}{percent}", shown(now), shown(before)));
        }
    }
    differences
}

#[cfg(test)]
mod tests;
