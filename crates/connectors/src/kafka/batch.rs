//! Reading Kafka once, from here to there (Spark: `KafkaBatch`).

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use millstream_core::{BatchReader, BatchStream, Result, ScanColumn, SourceConfig};

use super::columns;
use super::errors::{DataLoss, condition};
use super::lane::{LaneConfig, report};
use super::offset_reader::{End, OffsetReader};
use super::options::{KafkaOptions, Mode};
use super::reader::Reader;
use super::scan::Wanted;
use super::source::lane_config;

/// One batch read of Kafka. Each scan resolves its positions anew.
#[derive(Debug)]
pub(crate) struct KafkaBatch {
    options: Arc<KafkaOptions>,
    offsets: OffsetReader,
    lanes: LaneConfig,
}

impl KafkaBatch {
    pub(crate) fn new(options: KafkaOptions, config: &SourceConfig) -> Self {
        let options = Arc::new(options);
        let offsets = OffsetReader::new(Arc::clone(&options));
        let lanes = lane_config(&options, &offsets, config);
        Self { options, offsets, lanes }
    }
}

#[async_trait]
impl BatchReader for KafkaBatch {
    fn schema(&self) -> SchemaRef {
        columns::schema(self.options.include_headers)
    }

    async fn scan(&self, columns: Vec<ScanColumn>, batch_rows: usize, max_streams: usize) -> Result<Vec<BatchStream>> {
        let start = self.offsets.resolve(End::Starting, Mode::Batch).await?;
        let end = self.offsets.resolve(End::Ending, Mode::Batch).await?;
        let latest = self.offsets.latest(end.keys().cloned()).await?;
        let mut ranges = BTreeMap::new();
        for (of, end) in end {
            let Some(&start) = start.get(&of) else { continue };
            if start > end {
                return Err(condition(
                    "RESOLVED_START_OFFSET_GREATER_THAN_END_OFFSET",
                    format!(
                        "The resolved start offset {start} is greater than the resolved end offset {end} for topic {} \
                         partition {}.\n{INVESTIGATE}",
                        of.topic, of.partition
                    ),
                ));
            }
            let last = latest.get(&of).copied().unwrap_or(end);
            if last < end {
                let loss = DataLoss::CouldNotReadRange { of: &of, start: last.max(start), end };
                report(loss, self.options.fail_on_data_loss)?;
            }
            if start < end.min(last) {
                ranges.insert(of, start..end.min(last));
            }
        }
        let wanted = Wanted { source: self.schema(), columns, batch_rows };
        Reader::new(&self.lanes).scan(ranges, &wanted, max_streams)
    }
}

const INVESTIGATE: &str = "\
Please investigate in this order:
1. Check whether start offset is set beyond the end offset or the latest available offset after resolution. Possible inputs are:
  (a) Start offset is set to a timestamp, and the end offset is set to an index of offset.
  (b) Start offset is set to an index of offset, and the end offset is set to a timestamp.
  (c) Start offset is set, and the end offset is set to latest.
2. Check whether the Kafka topic-partition is deleted and re-created.";
