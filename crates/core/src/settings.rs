//! What a query takes over from its session when it starts: it stays as it was, whatever the session does later.

use chrono_tz::Tz;

/// How `show()` prints BINARY (Spark: `BinaryOutputStyle`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum BinaryStyle {
    /// `HEX_DISCRETE`, which is meant where nothing is set: `[31 FF]`.
    #[default]
    HexDiscrete,
    /// `UTF-8`: the text; what is no UTF-8 becomes U+FFFD.
    Utf8,
    /// `BASIC`, the bytes as signed numbers: `[49, -1]`.
    Basic,
    /// `BASE64`, which here has no padding at its end.
    Base64,
    /// `HEX`, two digits for each byte: `31FF`.
    Hex,
}

impl BinaryStyle {
    /// The style of this name, in any letter case.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name.trim().to_ascii_uppercase().as_str() {
            "UTF-8" => Self::Utf8,
            "BASIC" => Self::Basic,
            "BASE64" => Self::Base64,
            "HEX" => Self::Hex,
            "HEX_DISCRETE" => Self::HexDiscrete,
            _ => return None,
        })
    }
}

/// How files are cut into parts that tasks read at the same time (Spark: `FilePartition`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileSplits {
    /// The bytes of a part at the most (`spark.sql.files.maxPartitionBytes`).
    pub max_bytes: u64,
    /// What opening a file costs, in the bytes that could be read meanwhile (`spark.sql.files.openCostInBytes`).
    pub open_cost: u64,
    /// For how many tasks there should be parts; one a core where nothing is said
    /// (`spark.sql.files.minPartitionNum`).
    pub min_parts: Option<u32>,
}

impl Default for FileSplits {
    fn default() -> Self {
        Self { max_bytes: 128 << 20, open_cost: 4 << 20, min_parts: None }
    }
}

/// Session settings that change the meaning of a plan or the text of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct QuerySettings {
    /// The zone of times that name none (`spark.sql.session.timeZone`).
    pub time_zone: Tz,
    /// Whether values that do not fit are errors (`spark.sql.ansi.enabled`).
    pub ansi: bool,
    /// Whether names differ by their letter case (`spark.sql.caseSensitive`).
    pub case_sensitive: bool,
    /// Whether the columns of partitions have the types that their values show
    /// (`spark.sql.sources.partitionColumnTypeInference.enabled`).
    pub infers_partition_types: bool,
    /// Whether a stream of files may guess its columns (`spark.sql.streaming.schemaInference`).
    pub infers_stream_schema: bool,
    /// Whether a read goes on without files that are gone (`spark.sql.files.ignoreMissingFiles`).
    pub ignores_missing_files: bool,
    /// Whether a read goes on without files that cannot be read (`spark.sql.files.ignoreCorruptFiles`).
    pub ignores_corrupt_files: bool,
    /// How files are cut into parts.
    pub file_splits: FileSplits,
    /// How binaries are printed: `spark.sql.binaryOutputStyle`
    pub binary: BinaryStyle,
}

impl Default for QuerySettings {
    /// Spark 4's defaults, in UTC.
    fn default() -> Self {
        Self {
            time_zone: Tz::UTC,
            ansi: true,
            case_sensitive: false,
            infers_partition_types: true,
            infers_stream_schema: false,
            ignores_missing_files: false,
            ignores_corrupt_files: false,
            file_splits: FileSplits::default(),
            binary: BinaryStyle::default(),
        }
    }
}
