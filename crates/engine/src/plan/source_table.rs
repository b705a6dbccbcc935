//! An open source as a table of the plan, so that DataFusion prunes its columns as it does a table's.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::error::Result;
use datafusion::logical_expr::{
    Expr, Extension, LogicalPlan, LogicalPlanBuilder, TableProviderFilterPushDown, TableScanBuilder, TableType,
    UserDefinedLogicalNode,
};
use datafusion::physical_plan::ExecutionPlan;
use millstream_core::decode::ValueDecoder;
use millstream_core::{ScanColumn, ScanFilter, Source};
use uuid::Uuid;

use super::nodes::StreamingRelationNode;
use super::scan_filter::scan_filters;
use super::unknown_options::warn_of_unknown_options;
use crate::error::{from_datafusion, to_datafusion};
use crate::functions::Decode;
use crate::operators::{ScanTarget, SourceScanExec};
use crate::run::QueryEnvironment;

/// One use of a source in a plan, with the columns that can be asked for.
#[derive(Debug, Clone)]
pub(crate) struct SourceTable {
    source_index: usize,
    source: Arc<dyn Source>,
    columns: Vec<ScanColumn>,
    /// Which column decodes which column of the source by what.
    decoded: Vec<(usize, usize, Decode)>,
    schema: SchemaRef,
}

impl SourceTable {
    /// All columns of a source.
    fn new(source_index: usize, source: Arc<dyn Source>) -> Self {
        let schema = source.schema();
        let columns = (0..schema.fields().len()).map(ScanColumn::Plain).collect();
        Self { source_index, source, columns, decoded: vec![], schema }
    }

    /// What conditions of the plan say of columns that the source has itself.
    fn source_filters(&self, conditions: &[Expr]) -> Vec<ScanFilter> {
        let of_source = |filter: ScanFilter| match self.columns[filter.column] {
            ScanColumn::Plain(column) => Some(ScanFilter { column, ..filter }),
            ScanColumn::Decoded { .. } => None,
        };
        scan_filters(conditions, &self.schema).into_iter().filter_map(of_source).collect()
    }

    /// The columns that can be asked for.
    pub(crate) fn columns(&self) -> &[ScanColumn] {
        &self.columns
    }

    /// The field of a column.
    pub(crate) fn field(&self, index: usize) -> &Field {
        self.schema.field(index)
    }

    /// The table with a source column decoded as one more column, and that column's index. What is there already is
    /// not decoded twice.
    pub(crate) fn with_decoded(&self, column: usize, decode: &Decode) -> (Self, usize) {
        if let Some((known, ..)) = self.decoded.iter().find(|(_, of, by)| *of == column && by == decode) {
            return (self.clone(), *known);
        }
        let index = self.columns.len();
        let mut table = self.clone();
        table.columns.push(ScanColumn::Decoded { column, decoder: Arc::clone(decode.decoder()) });
        table.decoded.push((index, column, decode.clone()));
        let field = Field::new(format!("__decoded_{index}"), decode.decoder().data_type(), true);
        let fields = self.schema.fields().iter().cloned().chain([Arc::new(field)]);
        table.schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        (table, index)
    }

    /// The table with another decoder for a column.
    pub(crate) fn with_decoder(&self, index: usize, decoder: Arc<dyn ValueDecoder>) -> Self {
        let mut table = self.clone();
        let mut fields: Vec<_> = self.schema.fields().iter().cloned().collect();
        fields[index] = Arc::new(fields[index].as_ref().clone().with_data_type(decoder.data_type()));
        table.schema = Arc::new(Schema::new(fields));
        if let ScanColumn::Decoded { decoder: held, .. } = &mut table.columns[index] {
            *held = decoder;
        }
        table
    }
}

#[async_trait]
impl TableProvider for SourceTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        // Filters are hints, so the plan keeps every condition above the scan.
        let push = |condition: &&Expr| match self.source_filters(std::slice::from_ref(*condition)).is_empty() {
            true => TableProviderFilterPushDown::Unsupported,
            false => TableProviderFilterPushDown::Inexact,
        };
        Ok(filters.iter().map(push).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let (columns, schema) = match projection {
            Some(indices) => (
                indices.iter().map(|&index| self.columns[index].clone()).collect(),
                Arc::new(self.schema.project(indices)?),
            ),
            None => (self.columns.clone(), Arc::clone(&self.schema)),
        };
        let source = Arc::clone(&self.source);
        let filters = self.source_filters(filters).into();
        let target = ScanTarget { source_index: self.source_index, source, columns, filters, schema };
        Ok(Arc::new(SourceScanExec::new(Arc::new(target), state.config().target_partitions())))
    }
}

/// Opens every relation of the plan once, in the plan's order, and puts tables in their places.
pub(crate) fn open_sources(
    plan: LogicalPlan,
    environment: &QueryEnvironment,
) -> millstream_core::Result<(LogicalPlan, Vec<Arc<dyn Source>>)> {
    let mut opened = Vec::new();
    let mut index_of = HashMap::new();
    let plan = plan
        .transform_down(|plan| match streaming_relation(&plan) {
            Some(relation) => {
                let index = open(relation, environment, &mut opened, &mut index_of).map_err(to_datafusion)?;
                Ok(Transformed::yes(table_scan(index, Arc::clone(&opened[index]))?))
            }
            None => Ok(Transformed::no(plan)),
        })
        .map_err(from_datafusion)?;
    Ok((plan.data, opened))
}

fn open(
    relation: &StreamingRelationNode,
    environment: &QueryEnvironment,
    opened: &mut Vec<Arc<dyn Source>>,
    index_of: &mut HashMap<Uuid, usize>,
) -> millstream_core::Result<usize> {
    if let Some(&index) = index_of.get(&relation.id()) {
        return Ok(index);
    }
    let mut config = relation.config().clone();
    warn_of_unknown_options(relation.connector().as_ref(), &config.options);
    config.query = Some((environment.id, environment.run_id));
    config.memory = environment.memory.clone();
    config.clock = Arc::clone(&environment.clock);
    config.cores = environment.cores;
    config.log = environment.source_logs.as_ref().map(|logs| logs.open(opened.len()));
    opened.push(relation.connector().open_source(config)?);
    index_of.insert(relation.id(), opened.len() - 1);
    Ok(opened.len() - 1)
}

/// A scan under a projection that gives its columns the bare names which the relation had.
fn table_scan(index: usize, source: Arc<dyn Source>) -> Result<LogicalPlan> {
    let name = TableReference::bare(format!("__source_{index}"));
    let table = SourceTable::new(index, source);
    let bare = |field: &Arc<Field>| Expr::Column(Column::new(Some(name.clone()), field.name())).alias(field.name());
    let columns: Vec<_> = table.schema.fields().iter().map(bare).collect();
    let scan = TableScanBuilder::new(name.clone(), provider_as_source(Arc::new(table))).build()?;
    LogicalPlanBuilder::from(LogicalPlan::TableScan(scan)).project(columns)?.build()
}

/// The relation that this plan is, if it is one.
pub(crate) fn streaming_relation(plan: &LogicalPlan) -> Option<&StreamingRelationNode> {
    let LogicalPlan::Extension(Extension { node }) = plan else { return None };
    <dyn UserDefinedLogicalNode>::as_any(&**node).downcast_ref()
}
