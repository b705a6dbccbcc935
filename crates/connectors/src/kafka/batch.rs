//! Reading Kafka once, from here to there (Spark: `KafkaBatch`).

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use millstream_core::{BatchReader, BatchStream, ReadRequest, Result, SourceConfig, spark_error};

use super::columns;
use super::errors::DataLoss;
use super::lane::{LaneConfig, report};
use super::offset_reader::{End, OffsetReader};
use super::options::{KafkaOptions, Mode};
use super::pruning;
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

    async fn scan(&self, request: ReadRequest) -> Result<Vec<BatchStream>> {
        let start = self.offsets.resolve(End::Starting, Mode::Batch).await?;
        let end = self.offsets.resolve(End::Ending, Mode::Batch).await?;
        let latest = self.offsets.latest(end.keys().cloned()).await?;
        let mut ranges = BTreeMap::new();
        for (of, end) in end {
            let Some(&start) = start.get(&of) else { continue };
            if start > end {
                return Err(spark_error!(
                    "RESOLVED_START_OFFSET_GREATER_THAN_END_OFFSET",
                    startOffset = start,
                    endOffset = end,
                    topic = of.topic,
                    partition = of.partition,
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
        let mut ranges = pruning::prune(ranges, &request.filters);
        if let Some(first_ms) = pruning::first_timestamp_ms(&request.filters) {
            self.offsets.skip_before(first_ms, &mut ranges).await?;
        }
        let wanted = Wanted { source: self.schema(), columns: request.columns, batch_rows: request.batch_rows };
        Reader::new(&self.lanes).scan(ranges, &wanted, request.max_streams)
    }
}
