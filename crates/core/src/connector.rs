//! Connectors by name: what `format("kafka")` means.
//!
//! The engine and the SQL front end know only this file; which connectors exist is decided where the binary is put
//! together.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;

use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::known_options::KnownOptions;
use crate::memory::MemoryLedger;
use crate::nearest::nearest;
use crate::options::Options;
use crate::output_mode::OutputMode;
use crate::query::{QueryId, RunId};
use crate::scan_filter::ScanFilter;
use crate::settings::QuerySettings;
use crate::sink::Sink;
use crate::source::{BatchStream, ScanColumn, Source};
use crate::source_log::SourceLog;
use crate::spark_error;

/// What a connector is given to open a source.
#[derive(Debug, Clone)]
pub struct SourceConfig {
    /// The reader's options.
    pub options: Options,
    /// The schema that the user gave with `.schema(…)`, if any.
    pub user_schema: Option<SchemaRef>,
    /// Whose source it is; absent for a batch read.
    pub query: Option<(QueryId, RunId)>,
    /// Session settings as they were when the query started.
    pub settings: QuerySettings,
    /// The ledger in which buffers are counted.
    pub memory: MemoryLedger,
    /// The clock that the source reads.
    pub clock: Arc<dyn Clock>,
    /// Streams that the process can work on at the same time.
    pub cores: usize,
    /// The source's own log, if it wants one; a batch read has none.
    pub log: Option<Arc<dyn SourceLog>>,
}

/// What a connector is given to open a sink.
#[derive(Debug, Clone)]
pub struct SinkConfig {
    /// The writer's options; `path` is among them when the user gave one.
    pub options: Options,
    /// The columns that will be written.
    pub schema: SchemaRef,
    /// The last column is [`ROW_OPERATION`](crate::ROW_OPERATION), and rows may say that their key has gone. A sink
    /// that cannot delete writes the column like any other.
    pub has_deletes: bool,
    /// The columns that are in the names of folders (Spark: `partitionBy`), for sinks that have folders.
    pub partition_by: Vec<String>,
    /// How.
    pub output_mode: OutputMode,
    /// The query's name, if it has one.
    pub query_name: Option<String>,
    /// Session settings as they were when the query started.
    pub settings: QuerySettings,
    /// Where buffers are counted.
    pub memory: MemoryLedger,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// A table that is read once, as a whole.
#[async_trait]
pub trait BatchReader: Send + Sync + Debug {
    /// All columns that [`BatchReader::scan`] can give.
    fn schema(&self) -> SchemaRef;

    /// How many streams a scan gives at the most that are the table's rows in order when they are read one after the
    /// other; 1 where several streams have no order among them. Such a scan can be made anew for each of its streams.
    fn ordered_streams(&self) -> usize {
        1
    }

    /// The rows, as streams that can be drained at the same time.
    async fn scan(&self, request: ReadRequest) -> Result<Vec<BatchStream>>;
}

/// What is wanted of a table.
#[derive(Debug, Clone)]
pub struct ReadRequest {
    /// The output's columns in their order; possibly none, when only the number of rows matters.
    pub columns: Vec<ScanColumn>,
    /// What is wanted of the rows. Every filter may be ignored: who asks checks every row again.
    pub filters: Vec<ScanFilter>,
    /// Rows of one output batch at the most.
    pub batch_rows: usize,
    /// Streams at the most.
    pub max_streams: usize,
}

/// What a batch write does where there are rows already (Spark: `SaveMode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaveMode {
    /// Adds to them.
    Append,
    /// Puts its own in their place.
    Overwrite,
    /// Refuses to write.
    ErrorIfExists,
    /// Writes nothing.
    Ignore,
}

impl SaveMode {
    /// The mode's name, as Spark's errors call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Append => "Append",
            Self::Overwrite => "Overwrite",
            Self::ErrorIfExists => "ErrorIfExists",
            Self::Ignore => "Ignore",
        }
    }
}

/// A data source by name (Spark: `TableProvider`). Each method refuses what the connector cannot do.
pub trait Connector: Send + Sync + Debug {
    /// The names under which `format(…)` finds it; the first is the one shown in errors.
    fn names(&self) -> &'static [&'static str];

    /// The options that it takes, where it knows all of them.
    fn known_options(&self) -> Option<KnownOptions> {
        None
    }

    /// The columns of a source with these options. Checks every option, and asks nobody outside.
    fn source_schema(&self, config: &SourceConfig) -> Result<SchemaRef> {
        let _ = config;
        Err(self.refuses("reading"))
    }

    /// Opens a streaming source. Connecting may wait until the first use.
    fn open_source(&self, config: SourceConfig) -> Result<Arc<dyn Source>> {
        let _ = config;
        Err(self.refuses("reading"))
    }

    /// Opens a batch read.
    fn open_batch(&self, config: SourceConfig) -> Result<Arc<dyn BatchReader>> {
        let _ = config;
        Err(spark_error!("_LEGACY_ERROR_TEMP_1135", className = self.names()[0]))
    }

    /// Whether a path alone says what is read, so that a query may name one as a table: `` csv.`folder` ``.
    fn reads_paths(&self) -> bool {
        false
    }

    /// Whether a query that writes here must name a checkpoint location (Spark: all but the one-time sinks).
    fn requires_checkpoint(&self) -> bool {
        true
    }

    /// Says whether a batch can be written in this mode, each connector in Spark's words for it. `format` is the name
    /// that the user called it by.
    fn check_save_mode(&self, mode: SaveMode, format: &str) -> Result<()> {
        let _ = mode;
        Err(Error::unsupported(format!("Writing a batch with format '{format}' is not supported by Millstream.")))
    }

    /// Whether a table that lasts can be kept in this format: a folder of files is one.
    fn has_tables(&self) -> bool {
        false
    }

    /// Opens a write of one batch, after checking options, schema and what is there already; `None` where that stays.
    fn open_batch_write(&self, config: SinkConfig, mode: SaveMode) -> Result<Option<Arc<dyn Sink>>> {
        let _ = mode;
        self.open_sink(config).map(Some)
    }

    /// Options of a write with the session's setting that has their value where they are not set.
    fn conf_of_options(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// Opens a sink, after checking options, schema and output mode.
    fn open_sink(&self, config: SinkConfig) -> Result<Arc<dyn Sink>> {
        let _ = config;
        Err(self.refuses("writing"))
    }

    /// The error of a connector that takes no part in streams: it has no streamed `operator`.
    fn refuses(&self, operator: &str) -> Error {
        spark_error!("_LEGACY_ERROR_TEMP_2049", className = self.names()[0], operator = operator)
    }
}

/// The formats that Spark brings with it, in lower case.
const OF_SPARK: [&str; 21] = [
    "avro",
    "binaryfile",
    "console",
    "csv",
    "hive",
    "image",
    "jdbc",
    "json",
    "kafka",
    "libsvm",
    "memory",
    "noop",
    "orc",
    "parquet",
    "rate",
    "rate-micro-batch",
    "socket",
    "state-metadata",
    "statestore",
    "text",
    "xml",
];

/// All connectors of a process.
#[derive(Debug, Clone, Default)]
pub struct ConnectorRegistry {
    by_name: BTreeMap<String, Arc<dyn Connector>>,
}

impl ConnectorRegistry {
    /// Adds a connector under each of its names.
    pub fn register(&mut self, connector: Arc<dyn Connector>) {
        for name in connector.names() {
            self.by_name.insert(name.to_ascii_lowercase(), Arc::clone(&connector));
        }
    }

    /// Every connector, by the first of its names.
    pub fn connectors(&self) -> impl Iterator<Item = &Arc<dyn Connector>> {
        let first =
            |(name, connector): &(&String, &Arc<dyn Connector>)| name.eq_ignore_ascii_case(connector.names()[0]);
        self.by_name.iter().filter(first).map(|(_, connector)| connector)
    }

    /// The connector of this name in any letter case.
    ///
    /// # Errors
    /// Spark's `DATA_SOURCE_NOT_FOUND`, with the names there are; [`ErrorKind::Unsupported`](crate::ErrorKind) for a
    /// format that Spark brings with it.
    pub fn get(&self, name: &str) -> Result<Arc<dyn Connector>> {
        let lower = name.to_ascii_lowercase();
        self.by_name.get(&lower).cloned().ok_or_else(|| {
            let known: Vec<_> = self.by_name.keys().map(String::as_str).collect();
            if OF_SPARK.contains(&lower.as_str()) {
                let sentence = format!("The format `{name}` is not supported by Millstream.");
                return Error::unsupported(sentence).with_hint(format!("known formats are {}", known.join(", ")));
            }
            let meant = nearest(name, known.iter().copied()).map(|name| format!("did you mean '{name}'? "));
            let meant = meant.unwrap_or_default();
            spark_error!("DATA_SOURCE_NOT_FOUND", provider = name)
                .with_hint(format!("{meant}known formats are {}", known.join(", ")))
        })
    }
}
