//! An operator from outside of the engine, written against what the engine gives to anybody: the last rows of each key
//! in each span of event time, given when the watermark passes the end of the span.
//!
//! It uses what joins, sessions and patterns will: a bucket of rows a key in the order of sub-keys, rows as values,
//! removal of single rows, and a timer by event time. Equal rows count as one.

use std::fmt;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, SchemaRef, TimestampMicrosecondType};
use datafusion::common::DFSchemaRef;
use datafusion::error::Result;
use datafusion::logical_expr::LogicalPlan;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use millstream_core::progress::StateOperatorProgress;
use millstream_core::{Error, Result as CoreResult};
use millstream_engine::BatchContext;
use millstream_engine::error::to_datafusion;
use millstream_engine::operators::{BatchInput, Operator, Unary};
use millstream_engine::plan::{
    Edge, NodeInput, Place, PlanContext, Planned, PlannedInput, StreamingExtension, StreamingNode,
};
use millstream_engine::state::{
    BatchNumber, Bucket, KeyCodec, KeyedState, Lifetime, RowCodec, Rows, SHARDS, StateStore, StatefulOperator,
    StoreLayout, UpdateScratch,
};

/// Rows that are kept for each key and span.
pub(crate) const KEPT: usize = 3;

/// Microseconds of a span.
pub(crate) const SPAN_US: i64 = 10_000_000;

/// A sub-key: the end of the span, the event time and the value, each in eight bytes that compare as the numbers do.
const SUB_KEY_BYTES: usize = 24;

/// The columns of the input.
const KEY: usize = 0;
const VALUE: usize = 1;
const TIME: usize = 2;

/// The last [`KEPT`] rows of each key in each span of [`SPAN_US`]. The input is `key`, `value`, `ts`, with a watermark.
#[derive(Debug, Clone)]
pub(crate) struct LastRowsNode;

impl LastRowsNode {
    /// The node over its input.
    pub(crate) fn over(input: LogicalPlan) -> CoreResult<LogicalPlan> {
        StreamingExtension::over(input, Self)
    }
}

impl StreamingNode for LastRowsNode {
    fn name(&self) -> &str {
        "LastRows"
    }

    fn describe(&self) -> String {
        format!("{KEPT} rows")
    }

    fn schema(&self, inputs: &[&DFSchemaRef]) -> CoreResult<DFSchemaRef> {
        match inputs {
            [input] => Ok(Arc::clone(input)),
            _ => Err(Error::internal("LastRows has one input")),
        }
    }

    fn passes(&self, output: usize) -> Option<(usize, usize)> {
        Some((0, output))
    }

    fn gives(&self, inputs: &[NodeInput<'_>], _place: Place) -> Edge {
        inputs.first().map_or_else(Edge::append_only, |input| input.edge.clone())
    }

    fn plan(&self, inputs: Vec<PlannedInput<'_>>, context: &PlanContext<'_>) -> CoreResult<Planned> {
        let Ok([input]) = <[PlannedInput<'_>; 1]>::try_from(inputs) else {
            return Err(Error::internal("LastRows has one input"));
        };
        let (schema, id) = (input.rows.schema(), context.place.number);
        let codec = KeyCodec::try_new(vec![Arc::clone(&schema.fields()[KEY])])?;
        let rows = RowCodec::try_new(schema.fields().to_vec())?;
        let layout = StoreLayout::with_sub_keys(codec, SUB_KEY_BYTES, rows);
        let rows = Arc::new(context.operators.store(("last rows", id), "rows", layout, Some(Lifetime::InValue))?);
        let stores = [Arc::<KeyedState<Rows>>::clone(&rows) as Arc<dyn StateStore>];
        let operator = Arc::new(LastRows { id, schema, rows, stores });
        let plan = Arc::new(Unary::new(input.rows, Arc::clone(&operator)));
        Ok(Planned { plan, operator: Some(operator) })
    }
}

/// The operator and its state.
#[derive(Debug)]
struct LastRows {
    id: usize,
    schema: SchemaRef,
    rows: Arc<KeyedState<Rows>>,
    stores: [Arc<dyn StateStore>; 1],
}

impl LastRows {
    /// Puts rows into the buckets of their keys.
    fn take_in(&self, rows: &RecordBatch, batch: BatchNumber, scratch: &mut UpdateScratch) -> CoreResult<()> {
        let layout = self.rows.layout();
        let keys = layout.codec().encode(&rows.columns()[KEY..=KEY], rows.num_rows())?;
        let values = rows.column(VALUE).as_primitive::<Int64Type>().values();
        let times = rows.column(TIME).as_primitive::<TimestampMicrosecondType>().values();
        for (shard, of_shard) in scratch.by_shard(&keys) {
            let mut shard = self.rows.lock(batch, shard)?;
            for &row in of_shard {
                let row = row as usize;
                let end_us = times[row] - times[row].rem_euclid(SPAN_US) + SPAN_US;
                let mut written = vec![];
                layout.values().encode(rows.columns(), row, &mut written)?;
                shard.with_bucket(keys.key(row), |bucket| {
                    bucket.upsert(&sub_key([end_us, times[row], values[row]]), |rows, entry| {
                        rows.set(entry, &written, Some(end_us));
                        Ok(())
                    })?;
                    drop_oldest(bucket, end_us)
                })?;
            }
        }
        self.rows.settle()
    }

    /// Ends the batch: gives the rows whose spans the watermark has passed.
    fn finish(&self, context: &BatchContext, batch: BatchNumber) -> CoreResult<RecordBatch> {
        let mut given: Vec<Vec<u8>> = vec![];
        for shard in 0..SHARDS {
            let mut shard = self.rows.lock(batch, shard)?;
            shard.count_changed();
            if let Some(watermark_us) = context.watermarks(self.id).eviction_us() {
                shard.expire(watermark_us)?;
                shard.for_each_expired(|entries, entry| {
                    given.push(entries.values().row(entry).to_vec());
                    Ok(())
                })?;
            }
        }
        let columns = self.rows.layout().values().decode(given.iter().map(Vec::as_slice))?;
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }
}

/// Leaves no more than [`KEPT`] rows of a span in a bucket.
fn drop_oldest(bucket: &mut Bucket<'_, Rows>, end_us: i64) -> CoreResult<()> {
    let of_span: Vec<u32> = {
        let span = sub_key([end_us, 0, 0]);
        bucket.entries().filter(|&entry| bucket.sub_key(entry)[..8] == span[..8]).collect()
    };
    let too_many = of_span.len().saturating_sub(KEPT);
    of_span[..too_many].iter().try_for_each(|&entry| bucket.remove(entry))
}

/// Numbers as bytes that compare as the numbers do.
fn sub_key(numbers: [i64; 3]) -> [u8; SUB_KEY_BYTES] {
    let mut bytes = [0; SUB_KEY_BYTES];
    for (place, number) in bytes.chunks_exact_mut(8).zip(numbers) {
        // With the sign bit turned over, negative numbers come first.
        place.copy_from_slice(&((number as u64) ^ (1 << 63)).to_be_bytes());
    }
    bytes
}

impl StatefulOperator for LastRows {
    fn id(&self) -> usize {
        self.id
    }

    fn stores(&self) -> &[Arc<dyn StateStore>] {
        &self.stores
    }

    fn progress(&self) -> StateOperatorProgress {
        self.rows.figures().progress("lastRows", 1)
    }

    fn follows_watermark(&self) -> bool {
        true
    }
}

impl Operator for LastRows {
    const NAME: &'static str = "LastRowsExec";
    const KEEPS_ORDER: bool = false;
    type Batch = BatchNumber;

    fn describe(&self, _input: &SchemaRef, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{KEPT} rows")
    }

    fn begin(self: &Arc<Self>, _input: &BatchInput<'_>) -> Result<BatchNumber> {
        Ok(self.rows.begin_batch())
    }

    /// The first partition takes in the rows of all, and gives what there is to give.
    fn run(
        self: &Arc<Self>,
        partition: usize,
        input: &BatchInput<'_>,
        batch: BatchNumber,
    ) -> Result<impl Stream<Item = Result<RecordBatch>> + Send + 'static> {
        let partitions = if partition == 0 { 0..input.partitions() } else { 0..0 };
        let inputs = partitions.map(|partition| input.rows(partition)).collect::<Result<Vec<_>>>()?;
        let (operator, context) = (Arc::clone(self), input.context()?);
        Ok(stream::once(async move {
            if inputs.is_empty() {
                return Ok(RecordBatch::new_empty(Arc::clone(&operator.schema)));
            }
            let mut scratch = UpdateScratch::default();
            let mut rows = stream::iter(inputs).flatten();
            while let Some(rows) = rows.try_next().await? {
                operator.take_in(&rows, batch, &mut scratch).map_err(to_datafusion)?;
            }
            operator.finish(&context, batch).map_err(to_datafusion)
        }))
    }
}
