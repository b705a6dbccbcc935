//! The arguments, as the user writes them.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::memory_size::MemorySize;

/// Runs Spark Structured Streaming programs on Kafka, without a JVM and without a cluster.
#[derive(Debug, Parser)]
#[command(
    name = "millstream",
    version,
    arg_required_else_help = true,
    after_help = "Examples:\n  millstream run monitor.py\n  millstream serve --listen 127.0.0.1:15002"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a PySpark program: the engine in this process, the program beside it.
    Run(RunArgs),
    /// Answer Spark Connect clients until interrupted.
    Serve(ServeArgs),
}

/// `millstream run`
#[derive(Debug, Args)]
#[command(
    trailing_var_arg = true,
    after_help = "The program is an ordinary PySpark script; it ends with its own exit status. Its Python is \
                  $MILLSTREAM_PYTHON, else the active virtual environment, else python3 on PATH, if that has PySpark's \
                  Connect client; else one is prepared in the cache folder, once.\n\nExamples:\n  millstream run \
                  monitor.py\n  millstream run --memory 1GB monitor.py --topic payments"
)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) engine: EngineArgs,

    /// The Python file.
    #[arg(value_name = "PROGRAM.py")]
    pub(crate) program: PathBuf,

    /// What the program finds in sys.argv.
    #[arg(value_name = "ARGS", allow_hyphen_values = true)]
    pub(crate) args: Vec<OsString>,
}

/// `millstream serve`
#[derive(Debug, Args)]
#[command(after_help = "Clients connect with SPARK_REMOTE=sc://ADDR. Port 0 takes a free one and says which.\n\n\
                        Examples:\n  millstream serve\n  millstream serve --listen 127.0.0.1:0 --memory 2GB")]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) engine: EngineArgs,

    /// Where to listen. There is no authentication: anyone who can reach it can run programs.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:15002")]
    pub(crate) listen: SocketAddr,
}

/// What every command that runs queries takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct EngineArgs {
    /// Memory for buffers and state, such as 512MB or 2GB [default: half of the machine's].
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory: Option<MemorySize>,

    /// Tasks that one large batch may use at the same time [default: one a core].
    #[arg(long, value_name = "N")]
    pub(crate) cores: Option<usize>,
}
