//! The arguments, as the user writes them.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::crash_test::args::CrashTestArgs;
use crate::logging::LogFormat;
use crate::memory_size::MemorySize;
use crate::topic::args::TopicArgs;
use crate::values::{address, whole};

/// The most threads that a batch query may ask for.
const CORES_MAX: usize = 1024;

/// Runs Spark Structured Streaming programs on Kafka, without a JVM and without a cluster.
#[derive(Debug, Parser)]
#[command(
    name = "millstream",
    version,
    arg_required_else_help = true,
    after_help = "Examples:\n  millstream demo\n  millstream run monitor.py\n  millstream run --broker monitor.py\n  \
                  millstream serve --listen 127.0.0.1:15002\n  millstream broker --data ./kafka\n\nEvery option can \
                  also be set by a variable (MILLSTREAM_MEMORY=2GB; MILLSTREAM_SERVE_LISTEN for one command alone) or in \
                  the TOML file (memory = \"2GB\"; listen under [serve]).\n\nExit status: 0 done; 2 a mistake in the \
                  command line, program or settings; 3 not supported; 4 something outside does not answer or is not \
                  there; 5 somebody else uses it; 6 damaged or unreadable data; 70 a fault of Millstream; 130 \
                  interrupted. A Python program ends with its own."
)]
pub(crate) struct Cli {
    /// TOML file with options [default: millstream.toml, where there is one].
    #[arg(long, value_name = "FILE", global = true, help_heading = "Everywhere")]
    pub(crate) config: Option<PathBuf>,

    /// Which log lines to write: error, warn, info, debug or trace, also by crate as in warn,millstream_kafka=debug
    /// [default: warn; info of Millstream's own for run, serve and broker].
    #[arg(long, value_name = "FILTER", global = true, help_heading = "Everywhere")]
    pub(crate) log: Option<String>,

    /// How to write them.
    #[arg(long, value_name = "FORMAT", global = true, value_enum, default_value_t = LogFormat::Text,
          help_heading = "Everywhere")]
    pub(crate) log_format: LogFormat,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a program: PySpark, with the engine in this process and the program beside it, or SQL.
    Run(RunArgs),
    /// Answer Spark Connect clients until interrupted.
    Serve(ServeArgs),
    /// Show a running query: payments on a broker, counted by the stock payment monitor, drawn as they change.
    Demo(DemoArgs),
    /// Print what completes commands and options in a shell.
    Completions(CompletionsArgs),
    /// Write manual pages.
    Man(ManArgs),
    /// Be a Kafka broker: one node, for development, tests, demos and the edge.
    Broker(BrokerArgs),
    /// Make, list, describe and delete topics; write lines to them and print their records.
    Topic(TopicArgs),
    /// Kill a job and its brokers again and again, and check that nothing is lost, doubled or different.
    CrashTest(CrashTestArgs),
}

/// `millstream run`
#[derive(Debug, Args)]
#[command(
    trailing_var_arg = true,
    after_help = "PROGRAM.py is an ordinary PySpark script; it ends with its own exit status. Its Python is \
                  $MILLSTREAM_PYTHON; else, where it has a PEP 723 header, one prepared with what that asks for; else \
                  the active virtual environment or python3 on PATH, if that has PySpark's Connect client; else one is \
                  prepared in the cache folder, once.\n\nPROGRAM.sql holds statements with \
                  semicolons between them; ARGS are NAME=VALUE for each ${NAME} in it, and ${env:NAME} is of the \
                  environment. It ends when its queries do.\n\nExamples:\n  millstream run \
                  monitor.py\n  millstream run --broker monitor.py\n  millstream run --memory 1GB monitor.py --topic \
                  payments\n  millstream run monitor.sql kafka=127.0.0.1:9092"
)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) engine: EngineArgs,

    /// The Python or SQL file.
    #[arg(value_name = "PROGRAM")]
    pub(crate) program: PathBuf,

    /// What a Python program finds in sys.argv; variables of an SQL program.
    #[arg(value_name = "ARGS", allow_hyphen_values = true)]
    pub(crate) args: Vec<OsString>,
}

/// `millstream serve`
#[derive(Debug, Args)]
#[command(after_help = "Clients connect with SPARK_REMOTE=sc://ADDR; those in Python are a package: pip install \
                        \"pyspark-client==4.2.0\" \"pandas<3\". Port 0 takes a free one and says which.\n\n\
                        Examples:\n  millstream serve\n  SPARK_REMOTE=sc://127.0.0.1:15002 python monitor.py\n  \
                        millstream serve --listen 127.0.0.1:0 --memory 2GB")]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) engine: EngineArgs,

    /// Where to listen. There is no authentication: anyone who can reach it can run programs.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:15002", value_parser = address)]
    pub(crate) listen: SocketAddr,
}

/// What every command that runs queries takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct EngineArgs {
    /// Memory for buffers and state, such as 512MB or 2GB; what state needs beyond it goes to disk, beside the
    /// checkpoint or, where that is on an object store, to the temporary folder [default: half of the machine's].
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory: Option<MemorySize>,

    /// How many cores one large batch may use at the same time [default: all].
    #[arg(long, value_name = "N", value_parser = whole(1..=CORES_MAX))]
    pub(crate) cores: Option<usize>,

    /// Refuse every streaming query that Apache Spark refuses, for programs that are to run there too.
    #[arg(long)]
    pub(crate) strict_spark: bool,

    /// The folder of tables that last (spark.sql.warehouse.dir); it is made when the first table is.
    #[arg(long, value_name = "DIR", default_value = "spark-warehouse")]
    pub(crate) warehouse: PathBuf,

    #[command(flatten)]
    pub(crate) broker: EmbeddedBrokerArgs,
}

/// A broker inside of the process.
#[derive(Debug, Clone, Args)]
pub(crate) struct EmbeddedBrokerArgs {
    /// Be a Kafka broker as well, which ends with the process; it takes a quarter of the memory.
    #[arg(long, value_name = "ADDR", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_parser = broker_address)]
    pub(crate) broker: Option<SocketAddr>,

    /// Where that broker keeps its records [default: in memory].
    #[arg(long, value_name = "DIR", requires = "broker")]
    pub(crate) broker_data: Option<PathBuf>,
}

/// `true` is Kafka's own port on this machine alone.
fn broker_address(text: &str) -> Result<SocketAddr, String> {
    address(if text == "true" { "127.0.0.1:9092" } else { text })
}

/// `millstream demo`
#[derive(Debug, Args)]
#[command(
    after_help = "Needs no Kafka: it brings its own broker, on a free port unless --broker names one. Ctrl-C ends \
                        it.\n\nExamples:\n  millstream demo\n  millstream demo --rate 100000 --for 10s"
)]
pub(crate) struct DemoArgs {
    #[command(flatten)]
    pub(crate) engine: EngineArgs,

    /// Events a second.
    #[arg(long, value_name = "N", default_value = "2000", value_parser = whole(1..=1_000_000_u32))]
    pub(crate) rate: u32,

    /// End after this long, such as 10s or 2m [default: when interrupted].
    #[arg(long = "for", value_name = "TIME")]
    pub(crate) duration: Option<Span>,
}

/// A length of time: a whole number with `ms`, `s`, `m` or `h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || format!("'{text}' is no length of time, such as 500ms, 10s or 2m");
        let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(refused)?;
        let number: u64 = text[..unit_at].parse().map_err(|_| refused())?;
        let unit_ms = match &text[unit_at..] {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(refused()),
        };
        number.checked_mul(unit_ms).map(Duration::from_millis).map(Self).ok_or_else(refused)
    }
}

/// `millstream completions`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  millstream completions bash > ~/.local/share/bash-completion/completions/millstream\n  \
                        millstream completions fish > ~/.config/fish/completions/millstream.fish"
)]
pub(crate) struct CompletionsArgs {
    /// For which shell.
    pub(crate) shell: Shell,
}

/// `millstream man`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  millstream man ~/.local/share/man/man1\n  man millstream-run")]
pub(crate) struct ManArgs {
    /// The folder, which must exist: a page for the program and for each command.
    pub(crate) folder: PathBuf,
}

/// `millstream broker`
#[derive(Debug, Args)]
#[command(
    after_help = "Any Kafka client connects, with bootstrap.servers=ADDR. There is no authentication and no second \
                        node: production uses Apache Kafka. Without --data all is gone when it ends.\n\nExamples:\n  \
                        millstream broker\n  millstream broker --data ./kafka --partitions 4\n  \
                        millstream broker --listen 0.0.0.0:9092 --advertised build-host:9092"
)]
pub(crate) struct BrokerArgs {
    /// Where to listen; port 0 takes a free one and says which.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9092", value_parser = address)]
    pub(crate) listen: SocketAddr,

    /// Host and port that clients are told to connect to [default: where it listens].
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) advertised: Option<Advertised>,

    /// Where records, groups and transactions are kept; what was acknowledged outlives a kill [default: in memory].
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,

    /// Records to keep in memory without --data, such as 512MB [default: half of the machine's].
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory: Option<MemorySize>,

    /// Partitions of a topic that is made without saying how many.
    #[arg(long, value_name = "N", default_value = "1", value_parser = whole(1..=1000))]
    pub(crate) partitions: i32,

    /// Refuse unknown topics instead of making them when they are first asked for.
    #[arg(long)]
    pub(crate) no_auto_create_topics: bool,
}

/// `HOST:PORT`, where the host need not be an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Advertised {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl FromStr for Advertised {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || format!("'{text}' is no HOST:PORT, such as build-host:9092");
        let (host, port) = text.rsplit_once(':').filter(|(host, _)| !host.is_empty()).ok_or_else(refused)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { host, port: port.parse().map_err(|_| refused())? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time() {
        for (text, ms) in [("10s", Some(10_000)), ("500ms", Some(500)), ("2m", Some(120_000)), ("1h", Some(3_600_000))]
        {
            assert_eq!(text.parse::<Span>().ok().map(|span| span.0.as_millis()), ms, "{text}");
        }
        for text in ["", "10", "s", "1.5s", "-1s", "3d"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }

    #[test]
    fn advertised_hosts() {
        let advertised = |host: &str, port| Ok(Advertised { host: host.to_owned(), port });
        assert_eq!("build-host:9092".parse(), advertised("build-host", 9092));
        assert_eq!("[::1]:9092".parse(), advertised("::1", 9092));
        for text in ["host", ":9092", "host:", "host:70000"] {
            assert!(text.parse::<Advertised>().is_err(), "{text}");
        }
    }
}
