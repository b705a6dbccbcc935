//! `distinct` and `dropDuplicates`.

use std::sync::Arc;

use datafusion::logical_expr::{Distinct, DistinctOn, Expr, LogicalPlan};
use millstream_core::error::SparkException;
use millstream_core::{Error, Result};
use millstream_engine::error::from_datafusion;
use spark_connect_proto::Deduplicate;

use super::super::Analyzer;
use super::super::resolved_relation::ResolvedRelation;

impl Analyzer<'_> {
    pub(super) fn deduplicate(&mut self, one: &Deduplicate) -> Result<ResolvedRelation> {
        let input = self.input(one.input.as_deref())?.visible()?;
        if one.within_watermark() {
            return Err(within_watermark(input.streaming));
        }
        let mut keys: Vec<Expr> = Vec::new();
        for name in &one.column_names {
            let found: Vec<Expr> = input
                .columns
                .iter()
                .filter(|column| self.context.same_name(&column.name, name))
                .map(|column| column.reference().expr)
                .collect();
            if found.is_empty() {
                return Err(unknown_key(name, &input));
            }
            keys.extend(found);
        }
        let all = one.all_columns_as_keys() || keys.len() == input.columns.len();
        let plan = if all {
            Distinct::All(Arc::new(input.plan.clone()))
        } else {
            let columns = input.columns.iter().map(|column| column.reference().expr).collect();
            let first =
                DistinctOn::try_new(keys, columns, None, Arc::new(input.plan.clone())).map_err(from_datafusion)?;
            Distinct::On(first)
        };
        Ok(input.with_plan(LogicalPlan::Distinct(plan)))
    }
}

fn unknown_key(name: &str, input: &ResolvedRelation) -> Error {
    let known: Vec<&str> = input.columns.iter().map(|column| column.name.as_str()).collect();
    let known = known.join(", ");
    Error::invalid(format!("The Spark Connect plan is invalid. Cannot resolve column name \"{name}\" among ({known})."))
        .with_class("CONNECT_INVALID_PLAN.UNRESOLVED_COLUMN_AMONG_FIELD_NAMES", SparkException::Analysis)
        .with_sql_state("56K00")
        .with_parameter("colName", name)
        .with_parameter("fieldNames", known)
}

fn within_watermark(streaming: bool) -> Error {
    if streaming {
        return Error::unsupported("The feature is not supported: dropDuplicatesWithinWatermark is not supported.");
    }
    Error::invalid("dropDuplicatesWithinWatermark is not supported with batch DataFrames/DataSets")
        .with_class("_LEGACY_ERROR_TEMP_3102", SparkException::Analysis)
}
