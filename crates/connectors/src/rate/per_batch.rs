//! `rate-micro-batch`: so many rows in each batch (Spark: `RatePerMicroBatchProvider`).
//!
//! Options: `rowsPerBatch` (must be given), `numPartitions`, `startTimestamp` (0) and `advanceMillisPerBatch` (1000):
//! all rows of a batch have one timestamp, which steps from batch to batch. An available-now run is one batch.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use millstream_core::source::LatestOffset;
use millstream_core::{
    BatchStream, Connector, Error, KnownOptions, Offset, Options, ReadLimit, Result, ScanRequest, Source, SourceConfig,
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::rows::{self, Rows};
use super::{number, refuse_user_schema};

/// `format("rate-micro-batch")`.
#[derive(Debug, Clone, Copy)]
pub struct RatePerBatch;

impl Connector for RatePerBatch {
    fn names(&self) -> &'static [&'static str] {
        &["rate-micro-batch"]
    }

    fn known_options(&self) -> Option<KnownOptions> {
        Some(KnownOptions::of(&["rowsPerBatch", "numPartitions", "startTimestamp", "advanceMillisPerBatch"]))
    }

    fn source_schema(&self, config: &SourceConfig) -> Result<SchemaRef> {
        refuse_user_schema(config, "RatePerMicroBatchProvider")?;
        Batches::parse(&config.options)?;
        Ok(rows::schema())
    }

    fn open_source(&self, config: SourceConfig) -> Result<Arc<dyn Source>> {
        let batches = Batches::parse(&config.options)?;
        Ok(Arc::new(RatePerBatchSource { batches, last: Mutex::new(Last::Never) }))
    }
}

/// The options.
#[derive(Debug, Clone, Copy)]
struct Batches {
    rows: i64,
    partitions: u64,
    start_ms: i64,
    advance_ms: i64,
}

impl Batches {
    fn parse(options: &Options) -> Result<Self> {
        Ok(Self {
            rows: number(options, "rowsPerBatch", 0, 1)? as i64,
            partitions: number(options, "numPartitions", 1, 1)?,
            start_ms: number(options, "startTimestamp", 0, 0)? as i64,
            advance_ms: number(options, "advanceMillisPerBatch", 1000, 0)? as i64,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    offset: i64,
    timestamp: i64,
}

impl Position {
    fn read(offset: &Offset) -> Result<Self> {
        serde_json::from_value(offset.json().clone()).map_err(|error| {
            Error::data(format!("'{offset}' is no offset of a rate-micro-batch source")).with_source(error)
        })
    }

    fn offset(self) -> Offset {
        Offset::new(serde_json::json!({ "offset": self.offset, "timestamp": self.timestamp }))
    }
}

/// Where an available-now run ends.
#[derive(Debug, Clone, Copy)]
enum Last {
    Never,
    WithTheNextBatch,
    At(Position),
}

#[derive(Debug)]
struct RatePerBatchSource {
    batches: Batches,
    last: Mutex<Last>,
}

impl RatePerBatchSource {
    fn next(&self, start: &Offset) -> Result<LatestOffset> {
        let start = Position::read(start)?;
        let after = || Position {
            offset: start.offset.saturating_add(self.batches.rows),
            timestamp: start.timestamp.saturating_add(self.batches.advance_ms),
        };
        let mut last = self.last.lock();
        let end = match *last {
            Last::Never => after(),
            Last::WithTheNextBatch => {
                *last = Last::At(after());
                after()
            }
            Last::At(end) => end,
        };
        Ok(LatestOffset { end: end.offset(), latest: end.offset() })
    }
}

#[async_trait]
impl Source for RatePerBatchSource {
    fn schema(&self) -> SchemaRef {
        rows::schema()
    }

    fn description(&self) -> String {
        let Batches { rows, partitions, start_ms, advance_ms } = self.batches;
        format!(
            "RatePerMicroBatchStream[rowsPerBatch={rows}, numPartitions={partitions}, startTimestamp={start_ms}, \
             advanceMsPerBatch={advance_ms}]"
        )
    }

    async fn initial_offset(&self) -> Result<Offset> {
        Ok(Position { offset: 0, timestamp: self.batches.start_ms }.offset())
    }

    async fn latest_offset(&self, start: &Offset, _limit: ReadLimit) -> Result<LatestOffset> {
        self.next(start)
    }

    async fn ready(&self, start: &Offset) -> Result<LatestOffset> {
        let next = self.next(start)?;
        if next.end == *start {
            // The run is over; nothing will ever come.
            std::future::pending::<()>().await;
        }
        Ok(next)
    }

    async fn prepare_available_now(&self) -> Result<()> {
        *self.last.lock() = Last::WithTheNextBatch;
        Ok(())
    }

    async fn scan(&self, request: ScanRequest) -> Result<Vec<BatchStream>> {
        let (start, end) = (Position::read(&request.range.start)?, Position::read(&request.range.end)?);
        let rows = Rows {
            first: start.offset,
            count: end.offset.saturating_sub(start.offset),
            start_ms: start.timestamp,
            step_ms: 0.0,
        };
        rows.streams(&request, usize::try_from(self.batches.partitions).unwrap_or(usize::MAX))
    }

    async fn commit(&self, _end: &Offset) -> Result<()> {
        Ok(())
    }

    fn check_offset(&self, offset: &Offset) -> Result<()> {
        Position::read(offset).map(|_| ())
    }
}
