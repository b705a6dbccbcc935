//! LIMIT and OFFSET.

use std::sync::Arc;

use datafusion::logical_expr::{Limit as LimitNode, LogicalPlan};
use datafusion::prelude::lit;
use millstream_core::Result;
use spark_connect_proto::{Limit, Offset};

use super::super::resolved_relation::ResolvedRelation;
use super::super::{Analyzer, error};

impl Analyzer<'_> {
    pub(super) fn limit(&mut self, one: &Limit) -> Result<ResolvedRelation> {
        let input = self.input(one.input.as_deref())?;
        let rows = not_negative("limit", one.limit)?;
        let plan = LimitNode { skip: None, fetch: Some(Box::new(lit(rows))), input: Arc::new(input.plan.clone()) };
        Ok(input.with_plan(LogicalPlan::Limit(plan)))
    }

    pub(super) fn offset(&mut self, one: &Offset) -> Result<ResolvedRelation> {
        let input = self.input(one.input.as_deref())?;
        let rows = not_negative("offset", one.offset)?;
        let plan = LimitNode { skip: Some(Box::new(lit(rows))), fetch: None, input: Arc::new(input.plan.clone()) };
        Ok(input.with_plan(LogicalPlan::Limit(plan)))
    }
}

fn not_negative(name: &str, rows: i32) -> Result<i64> {
    if rows >= 0 {
        return Ok(i64::from(rows));
    }
    Err(error::plain(
        "INVALID_LIMIT_LIKE_EXPRESSION.IS_NEGATIVE",
        "42K0E",
        format!(
            "The limit like expression \"{rows}\" is invalid. The {name} expression must be equal to or greater than 0, but \
             got {rows}."
        ),
    )
    .with_parameter("name", name)
    .with_parameter("expr", format!("\"{rows}\""))
    .with_parameter("v", rows.to_string()))
}
