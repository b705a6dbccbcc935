//! Faults that are put into the engine on purpose, one at a time, to see whether the tests find them.
//!
//! A mutation is a place in a source file and what stands there instead. All of them are made in a copy of the
//! repository, which is built once, in a folder of its own; an environment variable says which of them a run has.
//! Without one all tests pass, and with each the tests that are named for it must fail. A mutation that nobody notices
//! fails the task, and so does a place that is not there any more; the second is looked at by the tests of this crate
//! too.

mod list;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, iter};

use anyhow::{Context, Result, bail};

use self::list::MUTATIONS;
use crate::suite::{Binary, binaries, built};
use crate::{root, say};

/// Failed tests that are shown by name; of the others their number is enough.
const NAMES_SHOWN: usize = 3;

/// Says in the environment which mutation a run has.
const VARIABLE: &str = "MILLSTREAM_MUTATION";

/// What the copy's engine asks at each place.
const SWITCH: &str = "
/// Whether the run has the mutation with this name.
pub fn mutated(name: &str) -> bool {
    static NAME: std::sync::LazyLock<String> =
        std::sync::LazyLock::new(|| std::env::var(\"MILLSTREAM_MUTATION\").unwrap_or_default());
    *NAME == name
}
";

/// A fault of one place.
struct Mutation {
    name: &'static str,
    /// What goes wrong, as a person would say it.
    what: &'static str,
    file: &'static str,
    /// An expression, or a statement without a `let`, that stands in the file once.
    from: &'static str,
    to: &'static str,
    tests: Tests,
}

/// Who has to notice.
#[derive(Clone, Copy, PartialEq)]
enum Tests {
    /// The streaming questions that Spark has answered.
    Streams,
    /// Tests of the engine whose names begin so.
    Engine(&'static str),
    /// Tests of the engine from outside whose names begin so.
    EngineFromOutside(&'static str),
}

/// Makes the mutations, runs those with these names, or all, and says who noticed.
pub(crate) fn mutations(names: &[String]) -> Result<()> {
    let names: Vec<_> = names.iter().filter(|name| *name != "--").collect();
    if let Some(unknown) = names.iter().find(|name| MUTATIONS.iter().all(|mutation| mutation.name != **name)) {
        let known: Vec<_> = MUTATIONS.iter().map(|mutation| mutation.name).collect();
        bail!("there is no mutation '{unknown}', but {}", known.join(", "));
    }
    let is_chosen = |mutation: &&Mutation| names.is_empty() || names.iter().any(|name| *name == mutation.name);
    let copy = copied()?;
    // Cargo would take what is built of the copy for what is built of the repository.
    let target = copy.join("target").to_string_lossy().into_owned();
    let packages = ["--package", "millstream-sql", "--package", "millstream-engine", "--target-dir", &target];
    let binaries = binaries(&built(&copy, &packages)?)?;
    let (mut lines, mut unnoticed, mut sound) = (vec![], vec![], vec![]);
    for mutation in MUTATIONS.iter().filter(is_chosen) {
        if !sound.contains(&mutation.tests) {
            let failed = failed_tests(&binaries, None, mutation.tests)?;
            if !failed.is_empty() {
                bail!("these fail without a mutation: {}", failed.join(", "));
            }
            sound.push(mutation.tests);
        }
        let failed = failed_tests(&binaries, Some(mutation.name), mutation.tests)?;
        if failed.is_empty() {
            unnoticed.push(mutation.name);
        }
        lines.push(line(mutation, &failed));
        say(&format!("{}: {}\n", mutation.name, lines[lines.len() - 1]));
    }
    say(&format!("\n| fault | noticed by | among them |\n| --- | --- | --- |\n{}\n", lines.join("\n")));
    if unnoticed.is_empty() { Ok(()) } else { bail!("nobody notices: {}", unnoticed.join(", ")) }
}

/// The row of a table.
fn line(mutation: &Mutation, failed: &[String]) -> String {
    let of = match mutation.tests {
        Tests::Streams => "questions",
        Tests::Engine(_) | Tests::EngineFromOutside(_) => "tests of the engine",
    };
    let shown: Vec<_> = failed.iter().take(NAMES_SHOWN).map(String::as_str).collect();
    format!("| {} | {} {of} | {} |", mutation.what, failed.len(), shown.join("; "))
}

/// The repository as it stands, in a folder that the next run uses again. What has not changed is not written, so that
/// cargo does not build it again.
fn copied() -> Result<PathBuf> {
    let (from, to) = (root(), root().join("target/mutations"));
    let mut git = Command::new("git");
    git.args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"]).current_dir(&from);
    let listed = git.output().context("cannot start git")?;
    let listed = String::from_utf8(listed.stdout).context("a file's name is no text")?;
    let is_mutated = |name: &str| MUTATIONS.iter().any(|mutation| mutation.file == name);
    for name in listed.split('\0').filter(|name| from.join(name).is_file()) {
        let mut content = fs::read(from.join(name)).with_context(|| format!("cannot read {name}"))?;
        if name == "crates/engine/src/lib.rs" {
            content.extend_from_slice(SWITCH.as_bytes());
        }
        // Files with places in them are written when all of these are made.
        if is_mutated(name) {
            content = all_made(name, String::from_utf8(content)?)?.into_bytes();
        }
        write_changed(&to.join(name), &content)?;
    }
    Ok(to)
}

/// A file with all the mutations that it has, each asleep.
fn all_made(file: &str, original: String) -> Result<String> {
    MUTATIONS.iter().filter(|mutation| mutation.file == file).try_fold(original, |text, mutation| made(mutation, &text))
}

/// The text with one more mutation.
fn made(mutation: &Mutation, text: &str) -> Result<String> {
    let Mutation { name, file, from, to, .. } = mutation;
    match text.matches(from).count() {
        1 => Ok(text.replacen(from, &format!("if crate::mutated(\"{name}\") {{ {to} }} else {{ {from} }}"), 1)),
        times => bail!("the place of {name} stands {times} times in {file}, and must once:\n{from}"),
    }
}

fn write_changed(path: &Path, content: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|there| there == content) {
        return Ok(());
    }
    let folder = path.parent().context("a file lies in a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
}

/// The names of the tests that fail with the mutation.
fn failed_tests(binaries: &[Binary], mutation: Option<&str>, tests: Tests) -> Result<Vec<String>> {
    let (binary, name) = match tests {
        Tests::Streams => ("millstream-sql/it", "streams_are_answered"),
        Tests::Engine(name) => ("millstream-engine/millstream_engine", name),
        Tests::EngineFromOutside(name) => ("millstream-engine/it", name),
    };
    let found = binaries.iter().find(|found| format!("millstream-{}", found.name) == binary);
    let found = found.with_context(|| format!("{binary} was not built"))?;
    let mut command = found.command();
    command
        .arg(name)
        .env(VARIABLE, mutation.unwrap_or_default())
        .env("RUST_BACKTRACE", "0")
        .env("PROPTEST_MAX_SHRINK_ITERS", "0");
    let output = command.output().with_context(|| format!("cannot start {binary}"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    failed_in(&said, tests)
}

/// Which tests failed, by what they said.
fn failed_in(said: &str, tests: Tests) -> Result<Vec<String>> {
    let summary = said.lines().find(|line| line.starts_with("test result: "));
    // A fault that ends the process is noticed too.
    let Some(summary) = summary else { return Ok(vec!["all of them".to_owned()]) };
    if summary.contains(" 0 passed; 0 failed;") {
        bail!("no test has such a name");
    }
    let failed: Vec<String> = match tests {
        Tests::Streams => said.lines().filter_map(|line| Some(line.strip_suffix(": differs")?.to_owned())).collect(),
        Tests::Engine(_) | Tests::EngineFromOutside(_) => {
            let name = |line: &str| Some(line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?.to_owned());
            said.lines().filter_map(name).collect()
        }
    };
    let is_nameless = failed.is_empty() && !summary.starts_with("test result: ok");
    Ok(failed.into_iter().chain(iter::once("all of them".to_owned()).filter(|_| is_nameless)).collect())
}

#[cfg(test)]
mod tests;
