//! `millstream serve`: answers clients until a signal comes.

use std::process::ExitCode;

use millstream_connectors::console::Console;
use millstream_core::{Error, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::args::ServeArgs;
use crate::process::Process;
use crate::terminal;

/// How one gets a client.
pub(crate) const CLIENT: &str = "pip install \"pyspark-client==4.2.0\" \"pandas<3\"";

/// Serves until SIGINT or SIGTERM; the batches that run then are finished.
pub(crate) async fn serve(args: ServeArgs) -> Result<ExitCode> {
    let mut signals = Signals::new()?;
    let mut process = Process::start(args.listen, &args.engine, Console::to_stdout()).await?;
    terminal::say(&format!("listening on sc://{}", process.address));
    terminal::say(&format!(
        "programs connect with SPARK_REMOTE=sc://{} python PROGRAM.py, by PySpark's client: {CLIENT}",
        process.address
    ));
    tokio::select! {
        error = process.failed() => return Err(error),
        _ = signals.next() => {}
    }
    tokio::select! {
        () = process.stop() => Ok(ExitCode::SUCCESS),
        // Who asks twice does not want to wait.
        _ = signals.next() => Err(given_up()),
    }
}

/// How a process ends that was told to end twice.
pub(crate) fn given_up() -> Error {
    Error::cancelled("interrupted again; the running batches were given up")
}

/// The signals that end the process.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

/// Which one came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndSignal {
    /// SIGINT: from the terminal, which sends it to the program as well.
    Interrupt,
    /// SIGTERM: to this process alone.
    Terminate,
}

impl Signals {
    pub(crate) fn new() -> Result<Self> {
        let listen =
            |kind| signal(kind).map_err(|error| Error::internal("cannot listen for signals").with_source(error));
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    pub(crate) async fn next(&mut self) -> EndSignal {
        tokio::select! {
            _ = self.interrupt.recv() => EndSignal::Interrupt,
            _ = self.terminate.recv() => EndSignal::Terminate,
        }
    }
}
