//! The configuration keys with a default that clients and streaming programs ask for, as Spark 4.2 answers them.

/// What a value must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Bool,
    Int,
    PositiveInt,
    Long,
    Milliseconds,
    Zone,
}

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

/// Keys that are fixed when a server starts.
pub(super) const STATIC_KEYS: &[&str] = &[
    "spark.sql.cache.serializer",
    "spark.sql.catalogImplementation",
    "spark.sql.event.truncate.length",
    "spark.sql.extensions",
    "spark.sql.filesourceTableRelationCacheSize",
    "spark.sql.globalTempDatabase",
    "spark.sql.queryExecutionListeners",
    "spark.sql.streaming.streamingQueryListeners",
    "spark.sql.streaming.ui.enabled",
    "spark.sql.streaming.ui.retainedProgressUpdates",
    "spark.sql.streaming.ui.retainedQueries",
    "spark.sql.ui.retainedExecutions",
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

/// All known keys. Two answers differ from Spark's on purpose: plan compression is off, because decompressing costs
/// more than it saves on one machine, and there is no server stack trace to show, because there is no JVM.
pub(super) const ENTRIES: &[Entry] = &[
    entry("spark.app.name", "Millstream", Kind::Text),
    entry("spark.connect.session.planCompression.defaultAlgorithm", "NONE", Kind::Text),
    entry("spark.connect.session.planCompression.threshold", "-1", Kind::Long),
    entry("spark.python.sql.dataFrameDebugging.enabled", "true", Kind::Bool),
    entry("spark.sql.adaptive.enabled", "true", Kind::Bool),
    entry("spark.sql.ansi.doubleQuotedIdentifiers", "false", Kind::Bool),
    entry("spark.sql.ansi.enabled", "true", Kind::Bool),
    entry("spark.sql.ansi.enforceReservedKeywords", "false", Kind::Bool),
    entry("spark.sql.autoBroadcastJoinThreshold", "10MB", Kind::Text),
    entry("spark.sql.broadcastTimeout", "300", Kind::Text),
    entry("spark.sql.caseSensitive", "false", Kind::Bool),
    entry("spark.sql.columnNameOfCorruptRecord", "_corrupt_record", Kind::Text),
    entry("spark.sql.connect.enrichError.enabled", "true", Kind::Bool),
    entry("spark.sql.connect.serverStacktrace.enabled", "false", Kind::Bool),
    entry("spark.sql.crossJoin.enabled", "true", Kind::Bool),
    entry("spark.sql.datetime.java8API.enabled", "false", Kind::Bool),
    entry("spark.sql.debug.maxToStringFields", "25", Kind::Int),
    entry("spark.sql.defaultCatalog", "spark_catalog", Kind::Text),
    entry("spark.sql.execution.arrow.enabled", "true", Kind::Bool),
    entry("spark.sql.execution.arrow.maxRecordsPerBatch", "10000", Kind::Int),
    entry("spark.sql.execution.arrow.pyspark.enabled", "true", Kind::Bool),
    entry("spark.sql.execution.arrow.pyspark.fallback.enabled", "true", Kind::Bool),
    entry("spark.sql.execution.arrow.pyspark.selfDestruct.enabled", "false", Kind::Bool),
    entry("spark.sql.execution.arrow.useLargeVarTypes", "false", Kind::Bool),
    entry("spark.sql.execution.pandas.convertToArrowArraySafely", "true", Kind::Bool),
    entry("spark.sql.execution.pandas.inferPandasDictAsMap", "false", Kind::Bool),
    entry("spark.sql.execution.pandas.structHandlingMode", "legacy", Kind::Text),
    entry("spark.sql.execution.pyspark.binaryAsBytes", "true", Kind::Bool),
    entry("spark.sql.execution.pyspark.udf.simplifiedTraceback.enabled", "true", Kind::Bool),
    entry("spark.sql.execution.pythonUDF.arrow.enabled", "true", Kind::Bool),
    entry("spark.sql.execution.pythonUDTF.arrow.enabled", "true", Kind::Bool),
    entry("spark.sql.jsonGenerator.ignoreNullFields", "true", Kind::Bool),
    entry("spark.sql.legacy.timeParserPolicy", "CORRECTED", Kind::Text),
    entry("spark.sql.mapKeyDedupPolicy", "EXCEPTION", Kind::Text),
    entry("spark.sql.pyspark.inferNestedDictAsStruct.enabled", "false", Kind::Bool),
    entry("spark.sql.pyspark.jvmStacktrace.enabled", "false", Kind::Bool),
    entry("spark.sql.pyspark.legacy.inferArrayTypeFromFirstElement.enabled", "false", Kind::Bool),
    entry("spark.sql.pyspark.legacy.inferMapTypeFromFirstPair.enabled", "false", Kind::Bool),
    entry("spark.sql.pyspark.plotting.max_rows", "1000", Kind::Int),
    entry("spark.sql.pyspark.toJSON.returnDataFrame", "false", Kind::Bool),
    entry("spark.sql.repl.eagerEval.enabled", "false", Kind::Bool),
    entry("spark.sql.repl.eagerEval.maxNumRows", "20", Kind::Int),
    entry("spark.sql.repl.eagerEval.truncate", "20", Kind::Int),
    entry("spark.sql.session.localRelationBatchOfChunksSizeBytes", "1073741824", Kind::Long),
    entry("spark.sql.session.localRelationCacheThreshold", "1048576", Kind::Int),
    entry("spark.sql.session.localRelationChunkSizeBytes", "16777216", Kind::Long),
    entry("spark.sql.session.localRelationChunkSizeRows", "10000", Kind::Int),
    entry("spark.sql.session.localRelationSizeLimit", "3221225472", Kind::Long),
    without_default("spark.sql.session.timeZone", Kind::Zone),
    entry("spark.sql.shuffle.partitions", "200", Kind::PositiveInt),
    entry("spark.sql.sources.default", "parquet", Kind::Text),
    entry("spark.sql.sources.partitionOverwriteMode", "STATIC", Kind::Text),
    entry("spark.sql.storeAssignmentPolicy", "ANSI", Kind::Text),
    without_default("spark.sql.streaming.checkpointLocation", Kind::Text),
    entry("spark.sql.streaming.forceDeleteTempCheckpointLocation", "false", Kind::Bool),
    entry("spark.sql.streaming.metricsEnabled", "false", Kind::Bool),
    entry("spark.sql.streaming.minBatchesToRetain", "100", Kind::Int),
    entry("spark.sql.streaming.multipleWatermarkPolicy", "min", Kind::Text),
    entry("spark.sql.streaming.noDataMicroBatches.enabled", "true", Kind::Bool),
    entry("spark.sql.streaming.noDataProgressEventInterval", "10000ms", Kind::Milliseconds),
    entry("spark.sql.streaming.numRecentProgressUpdates", "100", Kind::Int),
    entry("spark.sql.streaming.pollingDelay", "10ms", Kind::Milliseconds),
    entry("spark.sql.streaming.schemaInference", "false", Kind::Bool),
    entry("spark.sql.streaming.stateStore.maintenanceInterval", "60000ms", Kind::Milliseconds),
    entry(
        "spark.sql.streaming.stateStore.providerClass",
        "org.apache.spark.sql.execution.streaming.state.HDFSBackedStateStoreProvider",
        Kind::Text,
    ),
    entry("spark.sql.streaming.stateStore.stateSchemaCheck", "true", Kind::Bool),
    entry("spark.sql.streaming.statefulOperator.allowMultiple", "true", Kind::Bool),
    entry("spark.sql.streaming.statefulOperator.checkCorrectness.enabled", "true", Kind::Bool),
    entry("spark.sql.streaming.stopActiveRunOnRestart", "true", Kind::Bool),
    entry("spark.sql.streaming.stopTimeout", "0", Kind::Milliseconds),
    entry("spark.sql.streaming.unsupportedOperationCheck", "true", Kind::Bool),
    entry("spark.sql.timestampType", "TIMESTAMP_LTZ", Kind::Text),
    entry("spark.sql.ui.explainMode", "formatted", Kind::Text),
    entry("spark.sql.variable.substitute", "true", Kind::Bool),
];
