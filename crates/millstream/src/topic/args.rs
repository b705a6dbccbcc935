//! The arguments of `millstream topic`.

use std::path::PathBuf;
use std::str::FromStr;

use chrono::DateTime;
use clap::{Args, Subcommand, ValueEnum};
use millstream_kafka::OffsetSpec;

use crate::args::Span;
use crate::values::whole;

/// `millstream topic`
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Examples:\n  millstream topic create payments --partitions 4\n  \
                  millstream topic list --bootstrap broker-1:9092,broker-2:9092\n  \
                  echo '7:{\"amount\": 1}' | millstream topic produce payments --key-separator :\n  \
                  millstream topic consume payments --from-beginning --max 10"
)]
pub(crate) struct TopicArgs {
    #[command(subcommand)]
    pub(crate) command: TopicCommand,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// How to reach the cluster.
#[derive(Debug, Args)]
pub(crate) struct ConnectionArgs {
    /// Brokers to begin with [default: bootstrap.servers of the properties, else localhost:9092].
    #[arg(long, value_name = "HOST:PORT,…", help_heading = "Connection", global = true)]
    pub(crate) bootstrap: Option<String>,

    /// A setting of Kafka's Java client, such as security.protocol=SASL_SSL.
    #[arg(long = "property", value_name = "NAME=VALUE", help_heading = "Connection", value_parser = pair, global = true)]
    pub(crate) properties: Vec<(String, String)>,

    /// A file of such settings, as Kafka's own tools take it; --property goes before it.
    #[arg(long = "properties", value_name = "FILE", help_heading = "Connection", global = true)]
    pub(crate) properties_file: Option<PathBuf>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum TopicCommand {
    /// Make a topic.
    Create(CreateArgs),
    /// Name the topics, one a line.
    List(ListArgs),
    /// Show where topics lie, which offsets they hold, and their settings.
    Describe(DescribeArgs),
    /// Delete topics with all their records.
    Delete(DeleteArgs),
    /// Write the lines of standard input, or of a file, as records.
    Produce(ProduceArgs),
    /// Print records as they come.
    Consume(ConsumeArgs),
}

/// `millstream topic create`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  millstream topic create payments --partitions 4 --set retention.ms=86400000\n  \
                        millstream topic create users --set cleanup.policy=compact --if-not-exists")]
pub(crate) struct CreateArgs {
    /// The topic.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    /// How many partitions [default: the broker's num.partitions].
    #[arg(long, value_name = "N", value_parser = whole(1_i32..))]
    pub(crate) partitions: Option<i32>,

    /// On how many brokers each partition lies [default: the broker's default.replication.factor].
    #[arg(long, value_name = "N", value_parser = whole(1_i16..))]
    pub(crate) replication_factor: Option<i16>,

    /// A setting of the topic, such as cleanup.policy=compact.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) configs: Vec<(String, String)>,

    /// Do nothing if there is a topic of this name, whatever it is like.
    #[arg(long)]
    pub(crate) if_not_exists: bool,
}

/// `millstream topic list`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  millstream topic list\n  millstream topic list --bootstrap broker-1:9092")]
pub(crate) struct ListArgs {
    /// Kafka's own topics too, such as __consumer_offsets.
    #[arg(long)]
    pub(crate) internal: bool,
}

/// `millstream topic describe`
#[derive(Debug, Args)]
#[command(
    after_help = "EARLIEST is the first offset that is kept, LATEST the next to be written. Settings are shown where they \
                        are not the default.\n\nExamples:\n  millstream topic describe\n  \
                        millstream topic describe payments --format json"
)]
pub(crate) struct DescribeArgs {
    /// The topics [default: all but Kafka's own].
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,

    /// How to print it.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

/// `millstream topic delete`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  millstream topic delete payments\n  millstream topic delete payments refunds --if-exists"
)]
pub(crate) struct DeleteArgs {
    /// The topics.
    #[arg(value_name = "NAME", required = true)]
    pub(crate) names: Vec<String>,

    /// Pass over topics that do not exist.
    #[arg(long)]
    pub(crate) if_exists: bool,
}

/// `millstream topic produce`
#[derive(Debug, Args)]
#[command(
    after_help = "Each line is one record, without its line end. All are acknowledged when it ends with status 0; Ctrl-C waits \
                  for what was read.\n\nExamples:\n  millstream topic produce payments <events.json\n  \
                  millstream topic produce users --key-separator = --null-marker NULL --file users.txt\n  \
                  millstream topic produce payments --rate 100 --header source=replay --property compression.type=zstd"
)]
pub(crate) struct ProduceArgs {
    /// The topic.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    /// What ends the key of each line; without it there are no keys.
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) key_separator: Option<String>,

    /// A key or value that is exactly this is null.
    #[arg(long, value_name = "TEXT")]
    pub(crate) null_marker: Option<String>,

    /// Read this file [default: standard input].
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    /// The partition of all records [default: by the key's hash; without keys, spread].
    #[arg(long, value_name = "N", value_parser = whole(0_i32..))]
    pub(crate) partition: Option<i32>,

    /// A header of all records.
    #[arg(long = "header", value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) headers: Vec<(String, String)>,

    /// Records a second, at most.
    #[arg(long, value_name = "N", value_parser = whole(1_u32..))]
    pub(crate) rate: Option<u32>,
}

/// `millstream topic consume`
#[derive(Debug, Args)]
#[command(
    after_help = "Text has a record a line: the value's bytes as they are, 'null' where there is none. JSON has all of a \
                  record; bytes that are no UTF-8 are {\"base64\": …}. No consumer group is joined and no offset is \
                  committed.\n\nExamples:\n  millstream topic consume payments\n  \
                  millstream topic consume payments --from-beginning --to-end --format json | jq .value\n  \
                  millstream topic consume payments --offset -10 --key --max 10\n  \
                  millstream topic consume payments --offset 2026-01-01T00:00:00Z --timeout 5s"
)]
pub(crate) struct ConsumeArgs {
    /// The topic.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    /// Begin with the first record there is; the same as --offset earliest.
    #[arg(long, conflicts_with = "offset")]
    pub(crate) from_beginning: bool,

    /// Where to begin in each partition: earliest, latest, an offset, -N for the last N, or a time.
    #[arg(long, value_name = "OFFSET", default_value = "latest", allow_hyphen_values = true)]
    pub(crate) offset: StartingAt,

    /// A partition to read; may be given more than once [default: all].
    #[arg(long = "partition", value_name = "N", value_parser = whole(0_i32..))]
    pub(crate) partitions: Vec<i32>,

    /// End after this many records.
    #[arg(long, value_name = "N", value_parser = whole(1_u64..))]
    pub(crate) max: Option<u64>,

    /// End when no record came for this long, such as 5s; with --max, that is a failure.
    #[arg(long, value_name = "TIME")]
    pub(crate) timeout: Option<Span>,

    /// End after the records that are there now.
    #[arg(long)]
    pub(crate) to_end: bool,

    /// Print the key before the value.
    #[arg(long)]
    pub(crate) key: bool,

    /// What stands after headers and key [default: a tab].
    #[arg(long, value_name = "TEXT", default_value = "\t", hide_default_value = true)]
    pub(crate) key_separator: String,

    /// Print the headers before key and value.
    #[arg(long)]
    pub(crate) headers: bool,

    /// How to print records.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,

    /// Whether records of open and aborted transactions are printed [default: isolation.level of the properties, else
    /// read_uncommitted].
    #[arg(long, value_enum)]
    pub(crate) isolation: Option<Isolation>,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people and line tools.
    Text,
    /// One JSON object a line.
    Json,
}

/// `isolation.level`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Isolation {
    /// All records.
    ReadUncommitted,
    /// Those of committed transactions, and those outside of transactions.
    ReadCommitted,
}

impl Isolation {
    /// The property's value.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ReadUncommitted => "read_uncommitted",
            Self::ReadCommitted => "read_committed",
        }
    }
}

/// Where to begin in a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StartingAt {
    /// At a position that the broker knows.
    Spec(OffsetSpec),
    /// At this offset.
    Offset(i64),
    /// This many offsets before the end.
    Last(i64),
}

impl FromStr for StartingAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused =
            || format!("'{text}' is not earliest, latest, an offset, -N, or a time such as 2026-01-01T00:00:00Z");
        match text {
            "earliest" => return Ok(Self::Spec(OffsetSpec::Earliest)),
            "latest" => return Ok(Self::Spec(OffsetSpec::Latest)),
            _ => {}
        }
        if let Ok(number) = text.parse::<i64>() {
            return Ok(if text.starts_with('-') { Self::Last(number.saturating_neg()) } else { Self::Offset(number) });
        }
        let time = DateTime::parse_from_rfc3339(text).map_err(|_| refused())?;
        Ok(Self::Spec(OffsetSpec::Timestamp(time.timestamp_millis())))
    }
}

/// `NAME=VALUE`; the value may hold further equals signs.
fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("must be NAME=VALUE")?;
    Ok((name.trim().to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests;
