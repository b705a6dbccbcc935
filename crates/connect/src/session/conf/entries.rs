//! The configuration keys that the session knows: those that Spark 4.2 documents (`documented.tsv`), and beside them
//! some that clients and streaming programs ask for.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use millstream_engine::plan::STRICT_SPARK;

/// What a value must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Bool,
    Int,
    PositiveInt,
    Long,
    Double,
    Bytes(&'static str),
    Milliseconds,
    Seconds,
    Zone,
    /// One of these names, in any case.
    OneOf(&'static str),
    /// Only a start may change it.
    Static,
}

/// The settings that Spark documents, as it answers them: `dev/conformance/record_settings.py`.
static DOCUMENTED: LazyLock<BTreeMap<&'static str, Entry>> = LazyLock::new(|| {
    let lines = include_str!("documented.tsv").lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(documented).map(|entry| (entry.key, entry)).collect()
});

fn documented(line: &'static str) -> Option<Entry> {
    let mut cells = line.split('\t');
    let (key, kind) = (cells.next()?, cells.next()?);
    let kind = match kind {
        "boolean" => Kind::Bool,
        "int" => Kind::Int,
        "long" => Kind::Long,
        "double" => Kind::Double,
        "time in MILLISECONDS" => Kind::Milliseconds,
        "time in SECONDS" => Kind::Seconds,
        "static" => Kind::Static,
        bytes if bytes.starts_with("bytes in ") => Kind::Bytes(bytes),
        names => names.strip_prefix("one of ").map_or(Kind::Text, Kind::OneOf),
    };
    Some(Entry { key, default: cells.next(), kind })
}

/// For how many tasks there should be parts of files at least.
pub(super) const MIN_PARTITIONS: &str = "spark.sql.files.minPartitionNum";

/// What is known of a key.
pub(super) fn known(key: &str) -> Option<&'static Entry> {
    ENTRIES.iter().find(|entry| entry.key == key).or_else(|| DOCUMENTED.get(key))
}

/// The newer names of settings, with the older ones whose value they have where nobody sets them (Spark:
/// `fallbackConf`).
pub(super) const FALLBACKS: &[(&str, &str)] = &[
    ("spark.sql.execution.arrow.pyspark.enabled", "spark.sql.execution.arrow.enabled"),
    ("spark.sql.execution.arrow.pyspark.fallback.enabled", "spark.sql.execution.arrow.fallback.enabled"),
];

/// One key.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: &'static str,
    pub(super) default: Option<&'static str>,
    pub(super) kind: Kind,
}

const fn entry(key: &'static str, default: &'static str, kind: Kind) -> Entry {
    Entry { key, default: Some(default), kind }
}

const fn without_default(key: &'static str, kind: Kind) -> Entry {
    Entry { key, default: None, kind }
}

/// Keys that are fixed when a server starts, beside those that Spark documents.
pub(super) const STATIC_KEYS: &[&str] = &[
    "spark.sql.catalogImplementation",
    "spark.sql.filesourceTableRelationCacheSize",
    "spark.sql.globalTempDatabase",
    "spark.sql.warehouse.dir",
];

/// Keys of the processes of a cluster, which a session cannot change either.
pub(super) const PROCESS_PREFIXES: &[&str] = &[
    "spark.cores.",
    "spark.deploy.",
    "spark.driver.",
    "spark.dynamicAllocation.",
    "spark.eventLog.",
    "spark.executor.",
    "spark.jars",
    "spark.kryo",
    "spark.kubernetes.",
    "spark.local.dir",
    "spark.memory.",
    "spark.network.",
    "spark.python.worker.",
    "spark.rpc.",
    "spark.scheduler.",
    "spark.serializer",
    "spark.shuffle.",
    "spark.storage.",
    "spark.task.",
    "spark.ui.",
    "spark.yarn.",
];

/// Keys that are not documented, or not answered as the Spark that was asked. Two answers differ from Spark's on
/// purpose: plan compression is off, because decompressing costs more than it saves on one machine, and there is no
/// server stack trace to show, because there is no JVM.
const ENTRIES: &[Entry] = &[
    entry(STRICT_SPARK, "false", Kind::Bool),
    entry("spark.app.name", "Millstream", Kind::Text),
    entry("spark.connect.session.planCompression.defaultAlgorithm", "NONE", Kind::Text),
    entry("spark.connect.session.planCompression.threshold", "-1", Kind::Long),
    entry("spark.python.sql.dataFrameDebugging.enabled", "true", Kind::Bool),
    entry("spark.sql.caseSensitive", "false", Kind::Bool),
    entry("spark.sql.connect.serverStacktrace.enabled", "false", Kind::Bool),
    entry("spark.sql.crossJoin.enabled", "true", Kind::Bool),
    entry("spark.sql.execution.pandas.convertToArrowArraySafely", "true", Kind::Bool),
    entry("spark.sql.files.openCostInBytes", "4194304b", Kind::Bytes("bytes in BYTE")),
    without_default(MIN_PARTITIONS, Kind::PositiveInt),
    entry("spark.sql.legacy.timeParserPolicy", "CORRECTED", Kind::Text),
    entry("spark.sql.pyspark.legacy.inferArrayTypeFromFirstElement.enabled", "false", Kind::Bool),
    entry("spark.sql.pyspark.legacy.inferMapTypeFromFirstPair.enabled", "false", Kind::Bool),
    entry("spark.sql.session.localRelationBatchOfChunksSizeBytes", "1073741824", Kind::Long),
    entry("spark.sql.session.localRelationSizeLimit", "3221225472", Kind::Long),
    without_default("spark.sql.session.timeZone", Kind::Zone),
    entry("spark.sql.shuffle.partitions", "200", Kind::PositiveInt),
    entry("spark.sql.sources.partitionOverwriteMode", "STATIC", Kind::OneOf("STATIC, DYNAMIC")),
    entry("spark.sql.streaming.minBatchesToRetain", "100", Kind::Int),
    entry("spark.sql.streaming.noDataProgressEventInterval", "10000ms", Kind::Milliseconds),
    entry("spark.sql.streaming.pollingDelay", "10ms", Kind::Milliseconds),
    entry("spark.sql.streaming.schemaInference", "false", Kind::Bool),
    entry("spark.sql.streaming.stateStore.maintenanceInterval", "60000ms", Kind::Milliseconds),
    entry(
        "spark.sql.streaming.stateStore.providerClass",
        "org.apache.spark.sql.execution.streaming.state.HDFSBackedStateStoreProvider",
        Kind::Text,
    ),
    entry("spark.sql.streaming.statefulOperator.allowMultiple", "true", Kind::Bool),
    entry("spark.sql.streaming.statefulOperator.checkCorrectness.enabled", "true", Kind::Bool),
    entry("spark.sql.streaming.unsupportedOperationCheck", "true", Kind::Bool),
];
