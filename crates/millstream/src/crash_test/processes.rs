//! The engine as a process that can be killed: `millstream run` with the job.

use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use millstream_core::{Error, Result};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// How many of the last lines that a process has said are repeated, unless it has said what ended it.
const LINES: usize = 5;
/// What the line of a process begins with that says what ended it.
const LAST_LINE: &str = "millstream: ";

/// The program that is running now, which the children run too.
pub(super) fn this_binary() -> Result<PathBuf> {
    std::env::current_exe().map_err(|error| Error::internal("cannot find this program's own file").with_source(error))
}

/// How the engine is started.
#[derive(Debug, Clone)]
pub(super) struct Launch {
    pub(super) program: PathBuf,
    pub(super) args: Vec<std::ffi::OsString>,
    pub(super) environment: Vec<(&'static str, String)>,
    /// Where its tables last.
    pub(super) warehouse: PathBuf,
    /// Where what it prints and says goes.
    pub(super) log: PathBuf,
}

/// A running engine.
pub(super) struct EngineProcess {
    process: Child,
    log: PathBuf,
    /// How long the log was before.
    said_before: usize,
    has_fail_point: bool,
}

impl Launch {
    /// The same with another value of a variable.
    pub(super) fn with(&self, name: &'static str, value: String) -> Self {
        let mut launch = self.clone();
        launch.environment.retain(|(known, _)| *known != name);
        launch.environment.push((name, value));
        launch
    }

    /// Starts it. At a fail point, passed for the so-many-th time, it kills itself.
    pub(super) fn start(&self, fail_point: Option<(&str, u64)>) -> Result<EngineProcess> {
        let cannot = |error: std::io::Error| Error::unavailable("cannot start the engine").with_source(error);
        let log = File::options().create(true).append(true).open(&self.log).map_err(cannot)?;
        let said_before = log.metadata().map_err(cannot)?.len();
        let mut command = Command::new(this_binary()?);
        command.args(["run", "--warehouse"]).arg(&self.warehouse).arg(&self.program).args(&self.args);
        command.envs(self.environment.iter().map(|(name, value)| (name, value))).env_remove("MILLSTREAM_FAIL_POINT");
        if let Some((name, count)) = fail_point {
            command.env("MILLSTREAM_FAIL_POINT", format!("{name}:{count}"));
        }
        command.stdin(Stdio::null()).stdout(log.try_clone().map_err(cannot)?).stderr(log).kill_on_drop(true);
        let process = command.spawn().map_err(cannot)?;
        let said_before = usize::try_from(said_before).unwrap_or(usize::MAX);
        Ok(EngineProcess { process, log: self.log.clone(), said_before, has_fail_point: fail_point.is_some() })
    }
}

impl EngineProcess {
    /// Waits for its end, at the most so long.
    pub(super) async fn ended_within(&mut self, patience: Duration) -> Result<Option<ExitStatus>> {
        match timeout(patience, self.process.wait()).await {
            Ok(status) => status.map(Some).map_err(lost),
            Err(_) => Ok(None),
        }
    }

    /// Kills it, unless it has ended by itself.
    pub(super) async fn kill(&mut self) -> Result<Option<ExitStatus>> {
        if let Some(status) = self.process.try_wait().map_err(lost)? {
            return Ok(Some(status));
        }
        self.process.kill().await.map_err(lost)?;
        Ok(None)
    }

    /// Whether this end of it is that of its fail point. It may come at any time: also after the test has lost
    /// patience, and while it kills or starts a broker.
    pub(super) fn is_struck(&self, status: ExitStatus) -> bool {
        // SIGABRT
        self.has_fail_point && status.signal() == Some(6)
    }

    /// The last that it said.
    pub(super) fn last_words(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        let said = String::from_utf8_lossy(log.get(self.said_before..).unwrap_or_default()).into_owned();
        let lines: Vec<_> = said.lines().collect();
        // A hint and the line of a program that is shown stand behind the error.
        let is_error = |line: &&str| line.strip_prefix(LAST_LINE).is_some_and(|rest| !rest.starts_with("hint: "));
        let last = lines.iter().rposition(is_error);
        lines[last.unwrap_or(lines.len().saturating_sub(LINES))..].join("\n")
    }
}

fn lost(error: std::io::Error) -> Error {
    Error::internal("cannot wait for the engine").with_source(error)
}
