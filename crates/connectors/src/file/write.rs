//! Files, written: a batch into a folder as a whole, a stream batch by batch.
//!
//! Rows go to files of a job (`task`), each in the folder of its partition (`partitions`). A batch write keeps them in
//! a temporary folder until all are whole and then moves them (`batch`). A stream lists the files of a batch in
//! `_spark_metadata` beside them when they are whole (`stream`, `log`).

mod batch;
pub(super) mod check;
pub(super) mod compression;
pub(super) mod csv;
mod folder;
pub(super) mod json;
pub(super) mod lines;
pub(super) mod parquet;
mod partitions;
mod staging;
mod stream;
mod task;
pub(super) mod text;

use std::path::PathBuf;
use std::sync::Arc;

use millstream_core::{Error, MemoryLedger, QuerySettings, Result, SinkConfig, spark_error};

use self::partitions::Partitions;
use super::format::{FileEncoder, FileFormat, WriteConfig};

pub(super) use self::batch::open as open_batch;
pub(super) use self::stream::open as open_stream;

/// Where rows go, and as what.
#[derive(Debug, Clone)]
struct Target {
    /// The folder, which may not be there yet.
    folder: PathBuf,
    encoder: Arc<dyn FileEncoder>,
    partitions: Partitions,
    /// `maxRecordsPerFile`, if it is a limit.
    max_records: Option<u64>,
    memory: MemoryLedger,
}

impl Target {
    fn new(format: &dyn FileFormat, config: &SinkConfig) -> Result<Self> {
        let options = &config.options;
        let path = options.get("path").ok_or_else(|| spark_error!("_LEGACY_ERROR_TEMP_2047"))?;
        let folder = folder::local(path)?;
        let zone = time_zone(config)?;
        let partitions = Partitions::new(&config.schema, &config.partition_by, zone, &config.settings)?;
        let write = WriteConfig {
            options: options.clone(),
            schema: partitions.data_schema(),
            settings: QuerySettings::clone(&config.settings),
        };
        check::no_empty_struct(&write.schema, format)?;
        let encoder = format.encoder(&write)?;
        let max_records = max_records(options.get("maxRecordsPerFile"))?;
        Ok(Self { folder, encoder, partitions, max_records, memory: config.memory.clone() })
    }
}

/// `timeZone`, in which also partitions are named, else the session's.
fn time_zone(config: &SinkConfig) -> Result<chrono_tz::Tz> {
    let Some(zone) = config.options.get("timeZone") else { return Ok(config.settings.time_zone) };
    zone.parse().map_err(|_| Error::illegal_argument(format!("option 'timeZone' is '{zone}', which is no region")))
}

fn max_records(text: Option<&str>) -> Result<Option<u64>> {
    let Some(text) = text else { return Ok(None) };
    let number: i64 = text.trim().parse().map_err(|_| Error::number_format(text))?;
    Ok(u64::try_from(number).ok().filter(|limit| *limit > 0))
}

#[cfg(test)]
mod tests;
