//! Passes on the first row of each key, and drops the others.
//!
//! Rows go on as they come: each partition asks the shared state which of its rows are the first of their key. Of rows
//! with one key in several partitions, the first to come passes. The partition that ends last forgets what the
//! watermark says, because until then a row may meet a key that ends in this batch.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{ArrayRef, BooleanArray, BooleanBufferBuilder, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::SchemaRef;
use datafusion::error::Result;
use datafusion::execution::SendableRecordBatchStream;
use futures::{Stream, StreamExt, stream};
use millstream_core::progress::StateOperatorProgress;
use millstream_core::{Clock, Error};

use super::OperatorContext;
use super::late_rows::{event_times, in_time};
use super::unary::{BatchInput, Operator};
use crate::batch_context::OperatorWatermarks;
use crate::error::to_datafusion;
use crate::state::{
    BatchNumber, Ends, KeyedState, KeysOnly, SHARDS, StateStore, StatefulOperator, StoreFigures, UpdateScratch,
};

/// `dropDuplicates` over a stream (Spark: `StreamingDeduplicateExec`, `StreamingDeduplicateWithinWatermarkExec`).
#[derive(Debug)]
pub(crate) struct Deduplication {
    /// The columns that make a key.
    pub(crate) keys: Vec<usize>,
    /// The column by which rows are late.
    pub(crate) event_time: Option<usize>,
    pub(crate) seen: SeenKeys,
    /// Rows of the newest batch whose key was there.
    duplicates: AtomicUsize,
    clock: Arc<dyn Clock>,
    /// `spark.sql.shuffle.partitions`, which only the progress shows.
    shuffle_partitions: i64,
    id: usize,
    stores: [Arc<dyn StateStore>; 1],
}

/// The keys that were there already, and how long they are kept.
#[derive(Debug)]
pub(crate) enum SeenKeys {
    /// As long as the key says, or for ever.
    ByKey(Arc<KeyedState<KeysOnly>>),
    /// So many microseconds after the event time of the row that brought the key.
    ByRow(Arc<KeyedState<Ends>>, i64),
}

/// Does the same with either store of keys.
macro_rules! with_store {
    ($seen:expr, $store:ident => $work:expr) => {
        match $seen {
            SeenKeys::ByKey($store) => $work,
            SeenKeys::ByRow($store, _) => $work,
        }
    };
}

/// A batch that is under way.
#[derive(Debug)]
pub(crate) struct Running {
    /// Its number in the state.
    number: BatchNumber,
    /// Partitions that have not ended.
    partitions: AtomicUsize,
}

/// One partition of a batch.
struct Partition {
    input: SendableRecordBatchStream,
    deduplication: Arc<Deduplication>,
    watermarks: OperatorWatermarks,
    running: Arc<Running>,
    scratch: UpdateScratch,
}

impl Partition {
    /// The next rows that pass; none at the end.
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        while let Some(rows) = self.input.next().await {
            let rows = self.first_of_keys(rows?).map_err(to_datafusion)?;
            if rows.num_rows() > 0 {
                return Ok(Some(rows));
            }
        }
        if self.running.partitions.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.forget().map_err(to_datafusion)?;
        }
        Ok(None)
    }

    fn first_of_keys(&mut self, rows: RecordBatch) -> millstream_core::Result<RecordBatch> {
        let deduplication = &*self.deduplication;
        let started = deduplication.clock.monotonic();
        let (event_time, late_ms) = (deduplication.event_time, self.watermarks.late_ms);
        let rows = with_store!(&deduplication.seen, keys => in_time(rows, event_time, late_ms, keys))?;
        let count = rows.num_rows();
        let first_rows = deduplication.insert_new(&rows, self.running.number, &mut self.scratch)?;
        deduplication.duplicates.fetch_add(count - first_rows.len(), Ordering::Relaxed);
        let took = deduplication.clock.monotonic() - started;
        with_store!(&deduplication.seen, keys => keys.add_update_time(took));
        if first_rows.len() == count {
            return Ok(rows);
        }
        let mut passes = BooleanBufferBuilder::new(count);
        passes.append_n(count, false);
        first_rows.iter().for_each(|&row| passes.set_bit(row as usize, true));
        Ok(filter_record_batch(&rows, &BooleanArray::new(passes.finish(), None))?)
    }

    fn forget(&self) -> millstream_core::Result<()> {
        let Deduplication { seen, clock, .. } = &*self.deduplication;
        let (started, number) = (clock.monotonic(), self.running.number);
        let watermark_us = self.watermarks.eviction_us();
        with_store!(seen, keys => {
            for shard in 0..SHARDS {
                let Some(mut shard) = keys.lock_due(number, shard, watermark_us)? else { continue };
                shard.count_changed();
                watermark_us.map_or(Ok(()), |watermark_us| shard.expire(watermark_us))?;
            }
            keys.add_removal_time(clock.monotonic() - started);
        });
        Ok(())
    }
}

impl Deduplication {
    /// The operator with this number, over the columns that make a key.
    pub(crate) fn new(
        id: usize,
        keys: Vec<usize>,
        event_time: Option<usize>,
        seen: SeenKeys,
        context: &OperatorContext,
    ) -> Self {
        let stores = [with_store!(&seen, keys => Arc::clone(keys) as Arc<dyn StateStore>)];
        let (clock, shuffle_partitions) = (Arc::clone(&context.clock), context.shuffle_partitions);
        Self { keys, event_time, seen, duplicates: AtomicUsize::new(0), clock, shuffle_partitions, id, stores }
    }

    /// Adds the keys of these rows that are not there, and says which rows brought them: of several rows with a key the
    /// first.
    fn insert_new(
        &self,
        rows: &RecordBatch,
        batch: BatchNumber,
        scratch: &mut UpdateScratch,
    ) -> millstream_core::Result<Vec<u32>> {
        let columns: Vec<ArrayRef> = self.keys.iter().map(|&column| Arc::clone(rows.column(column))).collect();
        match &self.seen {
            SeenKeys::ByKey(keys) => {
                let encoded = keys.layout().codec().encode(&columns, rows.num_rows())?;
                keys.insert_new(batch, &encoded, scratch, |_, _| Ok(()))
            }
            SeenKeys::ByRow(keys, delay_us) => {
                let encoded = keys.layout().codec().encode(&columns, rows.num_rows())?;
                let ends_us = self.ends_us(rows, *delay_us)?;
                keys.insert_new(batch, &encoded, scratch, |ends, new| {
                    new.rows.iter().zip(new.entries).for_each(|(&row, &entry)| ends.set(entry, ends_us[row as usize]));
                    Ok(())
                })
            }
        }
    }

    /// When the keys of these rows are forgotten (µs). A row without event time counts as one of 1970, as in Spark.
    fn ends_us(&self, rows: &RecordBatch, delay_us: i64) -> millstream_core::Result<Vec<i64>> {
        let event_time =
            self.event_time.ok_or_else(|| Error::internal("keys end by an event time that is not there"))?;
        let times = event_times(rows.column(event_time))?;
        Ok(times.iter().map(|time_us| time_us.unwrap_or(0).saturating_add(delay_us)).collect())
    }

    fn figures(&self) -> StoreFigures {
        with_store!(&self.seen, keys => keys.figures())
    }
}

impl StatefulOperator for Deduplication {
    fn id(&self) -> usize {
        self.id
    }

    fn stores(&self) -> &[Arc<dyn StateStore>] {
        &self.stores
    }

    fn progress(&self) -> StateOperatorProgress {
        let name = match self.seen {
            SeenKeys::ByKey(_) => "dedupe",
            SeenKeys::ByRow(..) => "dedupeWithinWatermark",
        };
        let mut progress = self.figures().progress(name, self.shuffle_partitions);
        let duplicates = i64::try_from(self.duplicates.load(Ordering::Relaxed)).unwrap_or(i64::MAX);
        progress.custom_metrics.insert("numDroppedDuplicateRows".to_owned(), duplicates);
        progress
    }

    fn follows_watermark(&self) -> bool {
        true
    }
}

impl Operator for Deduplication {
    const NAME: &'static str = "DeduplicateExec";
    type Batch = Arc<Running>;

    fn describe(&self, input: &SchemaRef, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.keys.iter().map(|&key| input.field(key).name().as_str()).collect();
        write!(f, "keys=[{}]", keys.join(", "))?;
        match self.seen {
            SeenKeys::ByRow(_, delay_us) => write!(f, ", within {} ms", delay_us / 1000),
            SeenKeys::ByKey(_) => Ok(()),
        }
    }

    fn begin(self: &Arc<Self>, input: &BatchInput<'_>) -> Result<Arc<Running>> {
        let partitions = AtomicUsize::new(input.partitions());
        self.duplicates.store(0, Ordering::Relaxed);
        let number = with_store!(&self.seen, keys => keys.begin_batch());
        Ok(Arc::new(Running { number, partitions }))
    }

    fn run(
        self: &Arc<Self>,
        partition: usize,
        input: &BatchInput<'_>,
        running: Arc<Running>,
    ) -> Result<impl Stream<Item = Result<RecordBatch>> + Send + 'static> {
        let (deduplication, scratch) = (Arc::clone(self), UpdateScratch::default());
        let watermarks = input.context()?.watermarks(self.id);
        let partition = Partition { input: input.rows(partition)?, deduplication, watermarks, running, scratch };
        Ok(stream::try_unfold(partition, |mut partition| async move {
            let rows = partition.next().await?;
            Ok(rows.map(|rows| (rows, partition)))
        }))
    }
}
