//! What a connector is given, with nothing in it that a test does not ask for.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use millstream_core::{
    MemoryLedger, Options, OutputMode, QuerySettings, ReadRequest, ScanColumn, SinkConfig, SourceConfig,
};

use crate::ManualClock;

/// A batch read with these options: Spark's default settings, memory without end, a [`ManualClock`], two cores.
pub fn source_config(options: &[(&str, &str)]) -> SourceConfig {
    SourceConfig {
        options: options.iter().copied().collect::<Options>(),
        user_schema: None,
        query: None,
        settings: QuerySettings::default(),
        memory: MemoryLedger::unlimited(),
        clock: ManualClock::new(),
        cores: 2,
        log: None,
    }
}

/// A read of the first columns, whole.
pub fn read_request(columns: usize) -> ReadRequest {
    let columns = (0..columns).map(ScanColumn::Plain).collect();
    ReadRequest { columns, filters: Vec::new(), batch_rows: 8192, max_streams: 1 }
}

/// A write of these columns in append mode by a query without a name, else as [`source_config`].
pub fn sink_config(schema: SchemaRef, options: &[(&str, &str)]) -> SinkConfig {
    SinkConfig {
        options: options.iter().copied().collect::<Options>(),
        schema: Arc::clone(&schema),
        has_deletes: false,
        partition_by: Vec::new(),
        output_mode: OutputMode::Append,
        query_name: None,
        settings: QuerySettings::default(),
        memory: MemoryLedger::unlimited(),
        clock: ManualClock::new(),
    }
}
