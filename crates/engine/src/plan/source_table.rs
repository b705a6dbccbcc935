//! An open source as a table of the plan, so that DataFusion prunes its columns as it does a table's.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::error::Result;
use datafusion::logical_expr::{
    Expr, Extension, LogicalPlan, LogicalPlanBuilder, TableScanBuilder, TableType, UserDefinedLogicalNode,
};
use datafusion::physical_plan::ExecutionPlan;
use millstream_core::{ScanColumn, Source};
use uuid::Uuid;

use super::nodes::StreamingRelationNode;
use crate::error::{from_datafusion, to_datafusion};
use crate::operators::{ScanTarget, SourceScanExec};
use crate::query::QueryEnvironment;

/// One use of a source in a plan, with the columns that can be asked for.
#[derive(Debug, Clone)]
pub(crate) struct SourceTable {
    source_index: usize,
    source: Arc<dyn Source>,
    columns: Vec<ScanColumn>,
    schema: SchemaRef,
}

impl SourceTable {
    /// All columns of a source.
    fn new(source_index: usize, source: Arc<dyn Source>) -> Self {
        let schema = source.schema();
        let columns = (0..schema.fields().len()).map(ScanColumn::Plain).collect();
        Self { source_index, source, columns, schema }
    }

    /// The columns that can be asked for.
    pub(crate) fn columns(&self) -> &[ScanColumn] {
        &self.columns
    }

    /// The same table with these columns under these names.
    pub(crate) fn with_columns(&self, columns: Vec<(String, ScanColumn)>) -> Self {
        let source_schema = self.source.schema();
        let field =
            |(name, column): &(String, ScanColumn)| column.field(&source_schema).as_ref().clone().with_name(name);
        let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
        let columns = columns.into_iter().map(|(_, column)| column).collect();
        Self { source_index: self.source_index, source: Arc::clone(&self.source), columns, schema }
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

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
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
        let target = ScanTarget { source_index: self.source_index, source, columns, schema };
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
    config.query = Some(environment.query);
    config.memory = environment.memory.clone();
    config.clock = Arc::clone(&environment.clock);
    opened.push(relation.connector().open_source(config)?);
    index_of.insert(relation.id(), opened.len() - 1);
    Ok(opened.len() - 1)
}

/// A scan under a projection that gives its columns the bare names which the relation had.
fn table_scan(index: usize, source: Arc<dyn Source>) -> Result<LogicalPlan> {
    let name = TableReference::bare(format!("__source_{index}"));
    let table = SourceTable::new(index, source);
    let bare = |field: &Arc<arrow::datatypes::Field>| {
        Expr::Column(Column::new(Some(name.clone()), field.name())).alias(field.name())
    };
    let columns: Vec<_> = table.schema.fields().iter().map(bare).collect();
    let scan = TableScanBuilder::new(name.clone(), provider_as_source(Arc::new(table))).build()?;
    LogicalPlanBuilder::from(LogicalPlan::TableScan(scan)).project(columns)?.build()
}

/// The relation that this plan is, if it is one.
pub(crate) fn streaming_relation(plan: &LogicalPlan) -> Option<&StreamingRelationNode> {
    let LogicalPlan::Extension(Extension { node }) = plan else { return None };
    <dyn UserDefinedLogicalNode>::as_any(&**node).downcast_ref()
}
