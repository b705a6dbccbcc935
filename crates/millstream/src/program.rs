//! `millstream run`: the engine in this process, the user's program in a Python beside it. (SQL needs none:
//! [`crate::sql_program`].)
//!
//! The program is an ordinary client of the service on a free port of this machine. When it ends, so do its queries, as
//! with `spark-submit`, and its exit status is ours.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;

use millstream_connectors::console::Console;
use millstream_core::{Error, Result};
use tokio::process::{Child, Command};
use tokio::time::Instant;

use crate::args::RunArgs;
use crate::lifeline::Lifeline;
use crate::process::{Process, QUERIES_END_WITHIN};
use crate::program_file::{self, Language};
use crate::python;
use crate::script_header::ScriptHeader;
use crate::serve::{EndSignal, Signals, given_up};
use crate::shim::Shim;
use crate::{sql_program, terminal};

/// A free port of this machine.
pub(crate) const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// What the log says at the first signal.
pub(crate) const ENDING: &str = "ending; a second signal gives up the running batches";
/// Who most likely sends a signal that leaves no trace.
const KILLED: &str = " (kill -9, or the system, where memory ran out)";
/// How long a program may take to end after the signal, its queries included.
const PROGRAM_ENDS_WITHIN: Duration = QUERIES_END_WITHIN.saturating_add(Duration::from_millis(500));

/// Runs a program to its end.
pub(crate) async fn run(args: RunArgs) -> Result<ExitCode> {
    if program_file::language(&args.program)? == Language::Sql {
        return sql_program::run(&args).await;
    }
    let header = ScriptHeader::find(&String::from_utf8_lossy(&program_file::read(&args.program)?))?;
    let mut signals = Signals::new()?;
    let mut process = Process::start(LOOPBACK, &args.engine, Console::to_stdout()).await?;
    let python = tokio::select! {
        python = python::find(&header) => python?,
        _ = signals.next() => return Err(Error::cancelled("interrupted before the program started")),
    };
    let launcher = Launcher::new()?;
    let mut command = launcher.command(&python, process.address, &args.program);
    command.args(&args.args);
    let mut child = command.spawn().map_err(|error| python::cannot_start(&python, error))?;
    let ended = tokio::select! {
        status = child.wait() => Some(status),
        error = process.failed() => return Err(error),
        signal = signals.next() => {
            tokio::select! {
                () = interrupted(&process, &mut child, signal) => {}
                _ = signals.next() => return Err(given_up()),
            }
            None
        }
    };
    let interrupted = ended.is_none();
    let status = match ended {
        Some(status) => status,
        None => child.wait().await,
    };
    tokio::select! {
        () = process.stop() => {}
        _ = signals.next(), if interrupted => return Err(given_up()),
    }
    let status = status.map_err(|error| Error::internal("cannot wait for the program").with_source(error))?;
    if let Some(signal) = status.signal().filter(|_| !interrupted) {
        terminal::say(&format!("the program was ended by signal {signal}{}", if signal == 9 { KILLED } else { "" }));
    }
    Ok(exit_code(status))
}

/// Starts programs that use the engine of this process, and what they need for as long as they run.
pub(crate) struct Launcher {
    shim: Shim,
    lifeline: Lifeline,
}

impl Launcher {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { shim: Shim::write()?, lifeline: Lifeline::new()? })
    }

    /// A program of our own as a file, which is gone with the launcher.
    pub(crate) fn write(&self, name: &str, source: &str) -> Result<PathBuf> {
        let path = self.shim.folder().join(name);
        std::fs::write(&path, source)
            .map_err(|error| Error::unavailable("cannot write a temporary file").with_source(error))?;
        Ok(path)
    }

    /// The command for a program that finds the service at `address`.
    pub(crate) fn command(&self, python: &Path, address: SocketAddr, program: &Path) -> Command {
        let mut command = Command::new(python);
        command.arg(program).kill_on_drop(true);
        command.env("SPARK_REMOTE", format!("sc://{address}")).env("PYTHONPATH", self.shim.python_path());
        self.lifeline.tie(&mut command);
        // gRPC's own log lines are of no use to the user of a program.
        if std::env::var_os("GRPC_VERBOSITY").is_none() {
            command.env("GRPC_VERBOSITY", "NONE");
        }
        command
    }
}

/// Ends the queries first, so that a program that waits for one goes on and ends by itself; then what is left of it.
async fn interrupted(process: &Process, child: &mut Child, signal: EndSignal) {
    tracing::info!(?signal, "{ENDING}");
    let until = Instant::now() + PROGRAM_ENDS_WITHIN;
    process.stop_queries().await;
    if tokio::time::timeout_at(until, child.wait()).await.is_err()
        && let Err(error) = child.start_kill()
    {
        tracing::warn!(%error, "cannot end the program");
    }
}

/// The program's own status; one that a signal ended has the status that shells give it.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
