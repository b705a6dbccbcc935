//! The leaf of a physical plan: reads this batch's range of one source.
//!
//! A source is scanned once per batch and operator, by whichever partition is asked first; its streams are then dealt
//! out to the partitions. A small range comes as one stream, so the other partitions are empty and cost nothing.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, ReplaceChildrenOptions};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::{StreamExt, TryStreamExt, stream};
use millstream_core::{BatchStream, ScanColumn, ScanFilter, ScanRequest, Source};
use parking_lot::Mutex;
use tokio::sync::OnceCell;

use crate::batch_context::BatchContext;
use crate::error::to_datafusion;

/// What a scan reads, the same in every batch.
#[derive(Debug)]
pub(crate) struct ScanTarget {
    /// The source's place among the query's sources.
    pub(crate) source_index: usize,
    /// The source.
    pub(crate) source: Arc<dyn Source>,
    /// The output's columns.
    pub(crate) columns: Vec<ScanColumn>,
    /// What the plan wants of the rows, and looks at again.
    pub(crate) filters: Arc<[ScanFilter]>,
    /// Their fields.
    pub(crate) schema: SchemaRef,
}

/// Reads one source (Spark: `MicroBatchScanExec`).
#[derive(Debug)]
pub(crate) struct SourceScanExec {
    target: Arc<ScanTarget>,
    properties: Arc<PlanProperties>,
    scanned: Arc<Scanned>,
}

/// The streams of this batch by partition; each is taken once.
#[derive(Default)]
struct Scanned {
    by_partition: OnceCell<Vec<Mutex<Vec<BatchStream>>>>,
}

impl fmt::Debug for Scanned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scanned")
    }
}

impl SourceScanExec {
    /// A scan with this many partitions.
    pub(crate) fn new(target: Arc<ScanTarget>, partitions: usize) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&target.schema)),
            Partitioning::UnknownPartitioning(partitions.max(1)),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self { target, properties: Arc::new(properties), scanned: Arc::default() }
    }

    /// The same scan with one partition.
    pub(crate) fn with_one_partition(&self) -> Self {
        Self::new(Arc::clone(&self.target), 1)
    }
}

impl Scanned {
    async fn take(
        &self,
        target: &ScanTarget,
        batch: &BatchContext,
        (partition, partitions, batch_rows): (usize, usize, usize),
    ) -> Result<BatchStream> {
        let all = self.by_partition.get_or_try_init(|| scan(target, batch, partitions, batch_rows)).await?;
        let mine = std::mem::take(&mut *all[partition].lock());
        Ok(stream::iter(mine).flatten().boxed())
    }
}

async fn scan(
    target: &ScanTarget,
    batch: &BatchContext,
    partitions: usize,
    batch_rows: usize,
) -> Result<Vec<Mutex<Vec<BatchStream>>>> {
    let mut dealt: Vec<Vec<BatchStream>> = (0..partitions).map(|_| Vec::new()).collect();
    if let Some(range) = batch.ranges.get(target.source_index).cloned().flatten() {
        let (columns, filters) = (target.columns.clone(), Arc::clone(&target.filters));
        let request = ScanRequest { range, columns, filters, batch_rows, max_streams: partitions };
        let streams = target.source.scan(request).await.map_err(to_datafusion)?;
        for (index, stream) in streams.into_iter().enumerate() {
            dealt[index % partitions].push(stream);
        }
    }
    Ok(dealt.into_iter().map(Mutex::new).collect())
}

impl DisplayAs for SourceScanExec {
    fn fmt_as(&self, _kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: Vec<_> = self.target.schema.fields().iter().map(|field| field.name().as_str()).collect();
        write!(f, "SourceScanExec: {}, columns=[{}]", self.target.source.description(), columns.join(", "))
    }
}

impl ExecutionPlan for SourceScanExec {
    fn name(&self) -> &str {
        "SourceScanExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, _children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn replace_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn reset_state(self: Arc<Self>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self {
            target: Arc::clone(&self.target),
            properties: Arc::clone(&self.properties),
            scanned: Arc::default(),
        }))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let batch = BatchContext::of(&context).map_err(to_datafusion)?;
        let (target, scanned) = (Arc::clone(&self.target), Arc::clone(&self.scanned));
        let schema = Arc::clone(&target.schema);
        let place = (partition, self.properties.partitioning.partition_count(), context.session_config().batch_size());
        let rows = async move {
            let rows = scanned.take(&target, &batch, place).await?;
            let source_index = target.source_index;
            let counted = rows.map_err(to_datafusion).inspect_ok(move |rows| {
                if let Some(count) = batch.input_rows.get(source_index) {
                    count.fetch_add(rows.num_rows() as u64, Ordering::Relaxed);
                }
            });
            Ok::<_, DataFusionError>(counted)
        };
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream::once(rows).try_flatten())))
    }
}
