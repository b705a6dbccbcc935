//! `distinct`, `dropDuplicates` and `dropDuplicatesWithinWatermark`.

use std::sync::Arc;

use datafusion::common::Column;
use datafusion::logical_expr::{Distinct, DistinctOn, Expr, LogicalPlan};
use millstream_core::{Error, Result, spark_error};
use millstream_engine::error::from_datafusion;
use millstream_engine::plan::DeduplicateNode;
use millstream_functions::{holds_floats, normalized};
use spark_connect_proto::Deduplicate;

use super::super::Analyzer;
use super::super::attribute::Attribute;
use super::super::error;
use super::super::resolved_relation::{ResolvedRelation, project};
use super::set_operation::refuse_maps;

impl Analyzer<'_> {
    /// `is_select` says that it is SQL's DISTINCT. Over a stream Spark makes an aggregate of that, and so does the
    /// engine.
    pub(super) fn deduplicate(&mut self, one: &Deduplicate, is_select: bool) -> Result<ResolvedRelation> {
        let input = self.input(one.input.as_deref())?.visible()?;
        let input = self.normal_keys(input)?;
        if one.within_watermark() && !input.streaming {
            return Err(within_watermark_of_batch());
        }
        let keys = self.keys(one, &input)?;
        let plan = if input.streaming && !is_select {
            let keys = keys.iter().map(column_of).collect::<Result<_>>()?;
            DeduplicateNode::over(input.plan.clone(), keys, one.within_watermark())?
        } else if keys.len() == input.columns.len() {
            LogicalPlan::Distinct(Distinct::All(Arc::new(input.plan.clone())))
        } else {
            let columns = input.columns.iter().map(|column| column.reference().expr).collect();
            let first =
                DistinctOn::try_new(keys, columns, None, Arc::new(input.plan.clone())).map_err(from_datafusion)?;
            LogicalPlan::Distinct(Distinct::On(first))
        };
        Ok(input.with_plan(plan))
    }

    /// The relation with one zero and one NaN in nested columns of a batch, so that equal rows are one. (Plain columns
    /// are compared so.)
    pub(super) fn normal_keys(&self, input: ResolvedRelation) -> Result<ResolvedRelation> {
        let differs = |column: &Attribute| column.data_type.is_nested() && holds_floats(&column.data_type);
        if input.streaming || !input.columns.iter().any(differs) {
            return Ok(input);
        }
        let mut known: Vec<&str> = Vec::new();
        let mut exprs = Vec::with_capacity(input.columns.len());
        for column in &input.columns {
            if known.contains(&column.column.as_str()) {
                continue;
            }
            known.push(&column.column);
            let reference = column.reference();
            exprs.push(match differs(column) {
                true => normalized(reference, &self.context.settings).expr.alias(&column.column),
                false => reference.expr,
            });
        }
        let plan = project(input.plan.clone(), exprs)?;
        Ok(input.with_plan(plan))
    }

    /// The columns that make a key.
    fn keys(&self, one: &Deduplicate, input: &ResolvedRelation) -> Result<Vec<Expr>> {
        let reference = |column: &Attribute| column.reference().expr;
        if one.all_columns_as_keys() {
            refuse_maps(&input.columns)?;
            return Ok(input.columns.iter().map(reference).collect());
        }
        if one.column_names.is_empty() {
            return Err(no_columns());
        }
        let mut keys: Vec<Expr> = Vec::new();
        for name in &one.column_names {
            let named = input.columns.iter().filter(|column| self.context.same_name(&column.name, name));
            let found: Vec<Expr> = named.map(reference).collect();
            if found.is_empty() {
                return Err(unknown_key(name, input));
            }
            keys.extend(found.into_iter().filter(|key| !keys.contains(key)).collect::<Vec<_>>());
        }
        Ok(keys)
    }
}

fn column_of(key: &Expr) -> Result<Column> {
    match key {
        Expr::Column(column) => Ok(column.clone()),
        other => Err(Error::internal(format!("the column {other} of a relation is an expression"))),
    }
}

fn unknown_key(name: &str, input: &ResolvedRelation) -> Error {
    let known: Vec<&str> = input.columns.iter().map(|column| column.name.as_str()).collect();
    spark_error!(
        "CONNECT_INVALID_PLAN.UNRESOLVED_COLUMN_AMONG_FIELD_NAMES",
        colName = name,
        fieldNames = known.join(", "),
    )
}

fn no_columns() -> Error {
    spark_error!("CONNECT_INVALID_PLAN.DEDUPLICATE_REQUIRES_COLUMNS_OR_ALL")
}

fn within_watermark_of_batch() -> Error {
    error::not_over_stream("dropDuplicatesWithinWatermark is not supported with batch DataFrames/DataSets")
}
