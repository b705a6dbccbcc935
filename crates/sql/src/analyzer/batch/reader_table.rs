//! A connector's batch read as a DataFusion table. Only the columns that are asked for are read.

use std::fmt;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::datasource::{TableProvider, TableType};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use futures::{StreamExt, TryStreamExt, stream};
use millstream_core::{BatchReader, ReadRequest, ScanColumn, ScanFilter};
use millstream_engine::error::to_datafusion;
use millstream_engine::plan::{filters_pushed_down, scan_filters};

/// A reader under column names that are unique in the plan.
pub(crate) struct ReaderTable {
    reader: Arc<dyn BatchReader>,
    schema: SchemaRef,
}

impl ReaderTable {
    /// `schema` is the reader's, perhaps with other names.
    pub(crate) fn new(reader: Arc<dyn BatchReader>, schema: SchemaRef) -> Self {
        Self { reader, schema }
    }

    /// Whether several partitions may have the rows.
    pub(super) fn has_several_parts(&self) -> bool {
        self.reader.ordered_streams() > 1
    }
}

impl fmt::Debug for ReaderTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reader.fmt(f)
    }
}

#[async_trait]
impl TableProvider for ReaderTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> datafusion::error::Result<Vec<TableProviderFilterPushDown>> {
        Ok(filters_pushed_down(filters, &self.schema))
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> datafusion::error::Result<Arc<dyn ExecutionPlan>> {
        let columns: Vec<usize> = match projection {
            Some(columns) => columns.clone(),
            None => (0..self.schema.fields().len()).collect(),
        };
        let schema = Arc::new(self.schema.project(&columns)?);
        let filters = scan_filters(filters, &self.schema);
        let all =
            ReaderRows { reader: Arc::clone(&self.reader), columns, filters, schema: Arc::clone(&schema), part: None };
        let parts = self.reader.ordered_streams().min(state.config().target_partitions());
        let partitions: Vec<Arc<dyn PartitionStream>> = match parts {
            0 | 1 => vec![Arc::new(all)],
            several => (0..several).map(|part| Arc::new(all.of_part(part, several)) as _).collect(),
        };
        let exec = StreamingTableExec::try_new(schema, partitions, None, [], false, limit)?;
        Ok(Arc::new(exec))
    }
}

/// All rows of a reader as one stream, its own streams drained at the same time; or one of its streams.
#[derive(Debug, Clone)]
struct ReaderRows {
    reader: Arc<dyn BatchReader>,
    columns: Vec<usize>,
    /// What the plan wants of the rows, and looks at again.
    filters: Vec<ScanFilter>,
    schema: SchemaRef,
    /// Which of how many streams.
    part: Option<(usize, usize)>,
}

impl ReaderRows {
    fn of_part(&self, part: usize, parts: usize) -> Self {
        Self { part: Some((part, parts)), ..self.clone() }
    }
}

impl PartitionStream for ReaderRows {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let reader = Arc::clone(&self.reader);
        let request = ReadRequest {
            columns: self.columns.iter().map(|column| ScanColumn::Plain(*column)).collect(),
            filters: self.filters.clone(),
            batch_rows: context.session_config().batch_size(),
            max_streams: self.part.map_or_else(|| context.session_config().target_partitions(), |(_, parts)| parts),
        };
        let part = self.part;
        let schema = Arc::clone(&self.schema);
        let rows = stream::once(async move {
            let mut streams = reader.scan(request).await.map_err(to_datafusion)?;
            if let Some((part, _)) = part {
                // Filters may have left fewer parts than there were to be.
                streams = streams.into_iter().skip(part).take(1).collect();
            }
            Ok::<_, datafusion::error::DataFusionError>(stream::select_all(streams).map_err(to_datafusion))
        })
        .try_flatten()
        .map(move |batch| {
            let batch = batch?;
            let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            let columns = batch.columns().to_vec();
            Ok(RecordBatch::try_new_with_options(Arc::clone(&schema), columns, &options)?)
        });
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), rows))
    }
}
