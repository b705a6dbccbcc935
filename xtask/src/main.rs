//! Every task of this repository: `cargo xtask check|test|layers|bench|sim|instructions|mutations|conformance`.
//!
//! A task is a list of commands that a person could type. Nothing has to be installed for `test` and `layers` beyond
//! the Rust toolchain; what the others need they say when it is missing.

mod instructions;
mod layers;
mod mutations;
mod suite;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

const HELP: &str = "\
Usage: cargo xtask <TASK> [ARGS…]

  check         formatting, clippy and documentation without a warning, layers, licences: what must hold before a commit
  test          every test, with real servers where there is a JDK, as many binaries side by side as there are cores;
                with ARGS they go to cargo test, which runs one binary after the other
  layers        which crate may use which, and which module which
  bench         the measures of bench/, in a release build; ARGS go to bench/run.py, or behind the word `latency`,
                `broker`, `guarantees`, `state` or `files` to the script of that name
  sim           the whole engine under simulated clock, disk, source and sink, a seed at a time; ARGS go to the simulation:
                --seeds N, --seed S to replay one, --budget SECONDS, --fault NAME; `--release` builds it so
  instructions  counts the instructions of a small batch and of a payment monitor's row under valgrind, and compares them
                with bench/instructions.json; `record` replaces the figures
  mutations     puts faults into a copy of the engine, one at a time, and runs the tests that must notice; with ARGS those faults
  conformance   replays end to end what Apache Spark answered, `--jobs N` cases side by side; `record` asks a real Spark again,
                `record-streams` asks it what is new in conformance/streams, which `cargo test -p millstream-sql` replays
";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let task = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let result = match task.as_str() {
        "check" => check(),
        "test" => test(&rest),
        "layers" => layers_and_tidy(),
        "bench" => bench(&rest),
        "sim" => sim(&rest),
        "instructions" => instructions::instructions(&rest),
        "mutations" => mutations::mutations(&rest),
        "conformance" => conformance(&rest),
        "" | "help" | "--help" | "-h" => {
            say(HELP);
            return ExitCode::SUCCESS;
        }
        other => Err(anyhow::anyhow!("there is no task '{other}'\n\n{HELP}")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("xtask {task}: {error:#}\n"));
            ExitCode::FAILURE
        }
    }
}

fn check() -> Result<()> {
    run("cargo", &["fmt", "--all", "--check"])?;
    layers_and_tidy()?;
    run("cargo", &["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
    documentation()?;
    licences()
}

/// Documents private items too: most links of the documentation are between them.
fn documentation() -> Result<()> {
    let mut cargo = program("cargo");
    // A public head may point to the private file where the reader goes on.
    cargo.env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private_intra_doc_links");
    carry_out(cargo.args(["doc", "--quiet", "--workspace", "--no-deps", "--document-private-items"]))
}

/// Checks licences and sources with the cargo-deny that `dev/cargo-deny` has installed, or that is on the PATH.
fn licences() -> Result<()> {
    let installed = tools()?.join("cargo-deny/bin/cargo-deny");
    let program = if installed.exists() { installed.to_string_lossy().into_owned() } else { "cargo-deny".to_owned() };
    if Command::new(&program).arg("--version").output().is_ok_and(|output| output.status.success()) {
        run(&program, &["--log-level", "error", "check", "licenses", "bans", "sources"])
    } else if ["CI", "MILLSTREAM_REQUIRE_SERVERS"].iter().any(|name| std::env::var_os(name).is_some()) {
        bail!("licences cannot be checked: cargo-deny is not installed (dev/cargo-deny does it)")
    } else {
        say("licences were not checked: cargo-deny is not installed (dev/cargo-deny does it)\n");
        Ok(())
    }
}

/// The folder of downloaded programs, as the scripts of `dev/` have it.
fn tools() -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os("MILLSTREAM_TOOLS") {
        return Ok(folder.into());
    }
    let home = std::env::var_os("HOME").context("neither MILLSTREAM_TOOLS nor HOME is set")?;
    Ok(PathBuf::from(home).join(".cache/millstream-tools"))
}

fn test(arguments: &[String]) -> Result<()> {
    if arguments.is_empty() {
        return suite::run_all();
    }
    let mut command = vec!["test", "--workspace"];
    command.extend(arguments.iter().map(String::as_str));
    run("cargo", &command)
}

fn layers_and_tidy() -> Result<()> {
    let findings: Vec<String> = layers::findings()?.into_iter().chain(tidy::findings(&root())?).collect();
    if findings.is_empty() {
        return Ok(());
    }
    bail!("{} broken:\n{}", if findings.len() == 1 { "a rule is" } else { "rules are" }, findings.join("\n"))
}

fn bench(arguments: &[String]) -> Result<()> {
    let build = ["build", "--quiet", "--release", "--package", "millstream"];
    match arguments.iter().position(|argument| argument != "--") {
        Some(first) if matches!(arguments[first].as_str(), "latency" | "broker" | "guarantees") => {
            run("cargo", &[&build[..], &["--package", "millstream-latency"]].concat())?;
            python(&format!("bench/{}.py", arguments[first]), &arguments[first + 1..])
        }
        Some(first) if matches!(arguments[first].as_str(), "state" | "files") => {
            run("cargo", &build)?;
            python(&format!("bench/{}.py", arguments[first]), &arguments[first + 1..])
        }
        _ => {
            run("cargo", &build)?;
            python("bench/run.py", arguments)
        }
    }
}

fn sim(arguments: &[String]) -> Result<()> {
    let (release, rest): (Vec<&str>, Vec<&str>) =
        arguments.iter().map(String::as_str).partition(|argument| *argument == "--release");
    // Of the whole workspace, so that DataFusion has the features it has there: alone it would be built again, which
    // takes ten minutes.
    let build = ["build", "--quiet", "--workspace", "--bin", "millstream-sim"];
    run("cargo", &[&build[..], &release].concat())?;
    let profile = if release.is_empty() { "debug" } else { "release" };
    let target = std::env::current_exe().context("where this task was built")?;
    let target = target.ancestors().nth(2).context("a task lies two folders deep")?;
    run(&target.join(profile).join("millstream-sim").to_string_lossy(), &rest)
}

fn conformance(arguments: &[String]) -> Result<()> {
    python("conformance/conditions.py", &[])?;
    run("cargo", &["build", "--quiet", "--package", "millstream"])?;
    python("conformance/run.py", arguments)
}

fn python(script: &str, arguments: &[String]) -> Result<()> {
    let mut command = vec![script];
    command.extend(arguments.iter().map(String::as_str));
    run("python3", &command)
}

fn run(program: &str, arguments: &[&str]) -> Result<()> {
    carry_out(self::program(program).args(arguments))
}

/// A program as a person would start it: without what cargo has told this task about its own package. Build scripts
/// look at that (ring's does), and where it is another one they run again, and all that stands on them is built again.
pub(crate) fn program(name: &str) -> Command {
    let mut command = Command::new(name);
    for (variable, _) in std::env::vars_os() {
        let text = variable.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&variable);
        }
    }
    command
}

fn carry_out(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy()).collect();
    let line = format!("{program} {}", arguments.join(" "));
    say(&format!("+ {line}\n"));
    let status = command.current_dir(root()).status().with_context(|| format!("cannot start {program}"))?;
    if status.success() { Ok(()) } else { bail!("{line} failed ({status})") }
}

/// The checkout in which cargo runs this task, which another one may have compiled.
fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo says where the package lies that it runs");
    Path::new(&package).parent().expect("xtask lies in the workspace").to_path_buf()
}

#[expect(clippy::print_stderr, reason = "a task talks to the person who started it")]
fn say(text: &str) {
    eprint!("{text}");
}
