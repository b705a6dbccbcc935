//! The arguments of `millstream crash-test`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use millstream_engine::{FAIL_POINTS, SINK_FAIL_POINTS};

use super::job::BuiltIn;
use super::rows::DEFAULT_ROW;
use crate::args::Span;
use crate::topic::args::ConnectionArgs;
use crate::values::whole;

/// `millstream crash-test`
#[derive(Debug, Args)]
#[command(
    trailing_var_arg = true,
    mut_arg("bootstrap", |arg| arg.help("Brokers to use [default: an embedded one, started for this]")),
    after_help = "Rows are written to a topic at a steady rate while the job that reads them is killed with SIGKILL and \
                  started again, over and over; a part of the kills takes the broker, or both. After each round the job \
                  reads what is left. Then its output, as read_committed readers see it, must be that of the same job on the \
                  same rows with nobody killed: nothing lost, doubled or different. The built-in jobs are checked by \
                  arithmetic as well: their rows are numbered.\n\nYOUR OWN JOB is told by environment variables where to \
                  work; in SQL they are ${env:NAME}:\n  KAFKA       the brokers, for kafka.bootstrap.servers\n  INPUT       \
                  the topic to read\n  OUTPUT      the topic to write to\n  STARTING    'earliest', for startingOffsets\n  \
                  CHECKPOINT  a folder, for checkpointLocation\n  FOLDER      an empty folder, for files\n  TRIGGER     \
                  '0 seconds', or 'availableNow' to read the rest\nIts results must depend on nothing but the rows, so neither on the time of day nor on rand(). A row \
                  that comes too late for a watermark is dropped or not by chance: let watermarks wait longer than the \
                  partitions drift apart, or use --partitions 1.\n\nTHE BROKER is an embedded one, in a process and folder \
                  of its own, unless --bootstrap names others. Those are killed only by --broker-kill.\n\nIt exits with 0 \
                  when nothing was found, with 1 when something was; then it says what, after which kill, and how to do \
                  the same again.\n\nExamples:\n  millstream crash-test --kills 100\n  millstream crash-test payments.sql \
                  --row '{\"user_id\": ${number}, \"action\": \"payment\", \"timestamp\": \"${time}\"}' --compare newest\n  \
                  millstream crash-test --job counts --seed 7 --kill-at after_marker\n  millstream crash-test --bootstrap \
                  127.0.0.1:9092 --broker-kill 'pkill -9 -f kafka.Kafka' --broker-start \
                  'kafka-server-start.sh -daemon server.properties'"
)]
pub(crate) struct CrashTestArgs {
    /// The job, in SQL or Python [default: the built-in jobs].
    #[arg(value_name = "PROGRAM")]
    pub(crate) program: Option<PathBuf>,

    /// What the program is given, as by millstream run.
    #[arg(value_name = "ARGS", allow_hyphen_values = true)]
    pub(crate) args: Vec<OsString>,

    /// Built-in jobs, a round each in turn [default: all of them].
    #[arg(long = "job", value_name = "JOB,…", value_enum, value_delimiter = ',', conflicts_with = "program")]
    pub(crate) jobs: Vec<BuiltIn>,

    /// How often to kill.
    #[arg(long, value_name = "N", default_value = "20", value_parser = whole(1_u64..))]
    pub(crate) kills: u64,

    /// How many of them make a round, after which the output is checked.
    #[arg(long, value_name = "N", default_value = "20", value_parser = whole(1_u64..))]
    pub(crate) round: u64,

    /// What the kills are drawn from; the same seed draws the same [default: another each time].
    #[arg(long, value_name = "SEED")]
    pub(crate) seed: Option<u64>,

    /// The number of the first kill, to repeat those of one round.
    #[arg(long, value_name = "N", default_value = "1", value_parser = whole(1_u64..))]
    pub(crate) first_kill: u64,

    /// Where the engine is killed: at a random moment, at fail points by their names (debug builds), or all of these.
    #[arg(long, value_name = "PLACE,…", value_delimiter = ',', default_value = "moment")]
    pub(crate) kill_at: Vec<PlaceName>,

    /// The longest time between a start and a kill [default: 1s; 4s for a program in Python].
    #[arg(long, value_name = "TIME")]
    pub(crate) life: Option<Span>,

    /// How many of a hundred kills take the broker, half of them together with the engine [default: 20 where it can be
    /// killed].
    #[arg(long, value_name = "N", value_parser = whole(0..=100_u8))]
    pub(crate) broker_share: Option<u8>,

    /// The command that kills a broker of --bootstrap.
    #[arg(long, value_name = "COMMAND", requires = "broker_start")]
    pub(crate) broker_kill: Option<String>,

    /// The command that starts it again, and ends.
    #[arg(long, value_name = "COMMAND", requires = "broker_kill")]
    pub(crate) broker_start: Option<String>,

    /// Rows written a second.
    #[arg(long, value_name = "N", default_value = "1000", value_parser = whole(1..=100_000_u32))]
    pub(crate) rate: u32,

    /// The value of a row, with ${number} for its number, ${key} for its key and ${time} for an event time, 10 ms later
    /// each row.
    #[arg(long, value_name = "TEMPLATE", default_value = DEFAULT_ROW)]
    pub(crate) row: String,

    /// How many keys the rows have.
    #[arg(long, value_name = "N", default_value = "20", value_parser = whole(1_u32..))]
    pub(crate) keys: u32,

    /// Partitions of the topics. (The input of the built-in windows and sessions has one.)
    #[arg(long, value_name = "N", default_value = "2", value_parser = whole(1..=1000))]
    pub(crate) partitions: i32,

    /// What must be alike in the output of a program: all rows (append mode), or the newest row of each key (update and
    /// complete mode).
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = Compare::Rows)]
    pub(crate) compare: Compare,

    /// Write a line for each kill, tab-separated, and a summary to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) result: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// What must be alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Compare {
    /// All rows, in any order.
    Rows,
    /// The newest row of each key.
    Newest,
}

/// A word of `--kill-at`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PlaceName {
    Moment,
    FailPoint(&'static str),
    All,
}

impl FromStr for PlaceName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || FAIL_POINTS.into_iter().chain(SINK_FAIL_POINTS);
        match text {
            "moment" => Ok(Self::Moment),
            "all" => Ok(Self::All),
            _ => known().find(|&name| name == text).map(Self::FailPoint).ok_or_else(|| {
                let names = known().collect::<Vec<_>>().join(", ");
                format!("must be moment, all, or one of the fail points {names}")
            }),
        }
    }
}
