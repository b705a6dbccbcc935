//! All tests of the workspace, several binaries side by side: most of an end-to-end test's time is waiting, for a
//! broker or for Python, and cargo runs one binary after the other.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{program, root, run, say};

/// A program that holds tests, as cargo has built it.
#[derive(Debug, PartialEq)]
pub(crate) struct Binary {
    /// Of its package, and of the target in it.
    pub(crate) name: String,
    pub(crate) executable: PathBuf,
    /// The folder of its package, in which cargo runs it.
    pub(crate) folder: PathBuf,
    end_to_end: bool,
}

impl Binary {
    /// Starts it as cargo does.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.executable);
        command.current_dir(&self.folder).env("CARGO_MANIFEST_DIR", &self.folder);
        command
    }
}

/// Builds and runs everything. A binary that fails does not keep the others from running.
pub(crate) fn run_all() -> Result<()> {
    let mut waiting = binaries(&built(&root(), &["--workspace"])?)?;
    // The last begins first. What takes longest shall, so that no core waits for it at the end.
    waiting.sort_by(|one, other| (one.end_to_end, &one.name).cmp(&(other.end_to_end, &other.name)));
    let side_by_side = thread::available_parallelism().map_or(1, usize::from);
    let waiting = Mutex::new(waiting);
    let failed: Vec<String> = thread::scope(|scope| {
        let runners: Vec<_> = (0..side_by_side).map(|_| scope.spawn(|| failed_of(&waiting))).collect();
        runners.into_iter().flat_map(|runner| runner.join().expect("a runner does not panic")).collect()
    });
    run("cargo", &["test", "--quiet", "--workspace", "--doc"])?;
    if failed.is_empty() { Ok(()) } else { bail!("tests failed in: {}", failed.join(", ")) }
}

/// Runs binaries as long as some wait; gives the names of those that fail.
fn failed_of(waiting: &Mutex<Vec<Binary>>) -> Vec<String> {
    let next = || waiting.lock().expect("who holds it does not panic").pop();
    std::iter::from_fn(next).filter(|binary| !passes(binary)).map(|binary| binary.name).collect()
}

/// What cargo says about the tests that these arguments choose of a workspace, all of which it has built: a JSON object
/// a line.
pub(crate) fn built(workspace: &Path, arguments: &[&str]) -> Result<String> {
    let mut cargo = program("cargo");
    cargo.args(["test", "--no-run", "--message-format=json-render-diagnostics"]).args(arguments);
    let output = cargo.current_dir(workspace).stderr(Stdio::inherit()).output().context("cannot start cargo")?;
    if !output.status.success() {
        bail!("the tests cannot be built ({})", output.status);
    }
    String::from_utf8(output.stdout).context("what cargo says is no text")
}

/// The programs that cargo has told of.
pub(crate) fn binaries(messages: &str) -> Result<Vec<Binary>> {
    let mut found = Vec::new();
    for line in messages.lines() {
        let message: Value = serde_json::from_str(line).with_context(|| format!("cargo said: {line}"))?;
        if message["profile"]["test"] != true {
            continue;
        }
        let text = |value: &Value| value.as_str().map(str::to_owned).with_context(|| format!("cargo said: {line}"));
        let folder =
            Path::new(&text(&message["manifest_path"])?).parent().context("a manifest lies in a folder")?.to_owned();
        let package = folder.file_name().context("a package's folder has a name")?.to_string_lossy();
        found.push(Binary {
            name: format!("{package}/{}", text(&message["target"]["name"])?),
            executable: text(&message["executable"])?.into(),
            end_to_end: message["target"]["kind"][0] == "test",
            folder,
        });
    }
    Ok(found)
}

/// Runs the tests of a binary and shows what they printed, in one piece.
#[expect(clippy::disallowed_methods, reason = "a person reads how long it took; nothing is decided by it")]
fn passes(binary: &Binary) -> bool {
    let begin = Instant::now();
    match binary.command().output() {
        Ok(output) => {
            say(&shown(&binary.name, &output, begin.elapsed()));
            output.status.success()
        }
        Err(error) => {
            say(&format!("\n-- {}: cannot be started: {error}\n", binary.name));
            false
        }
    }
}

/// Of tests that passed their number is enough.
fn shown(name: &str, output: &Output, took: Duration) -> String {
    let head = format!("\n-- {name}: {} s, {}\n", took.as_secs(), output.status);
    let text = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        let result = text.lines().rfind(|line| line.starts_with("test result")).unwrap_or_default();
        return format!("{head}{result}\n");
    }
    format!("{head}{text}{}\n", String::from_utf8_lossy(&output.stderr))
}

#[cfg(test)]
mod tests;
