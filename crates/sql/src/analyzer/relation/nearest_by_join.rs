//! `nearestByJoin`: for each row of the left side so many rows of the right one, the nearest by an expression over
//! both.
//!
//! All pairs are made, numbered within their left row, and the first ones kept; `approx` is answered exactly.

use std::sync::Arc;

use datafusion::common::Column;
use datafusion::logical_expr::{Expr, Filter, LogicalPlan, SortExpr, lit, when};
use millstream_core::{Error, Result, spark_error};
use millstream_engine::error::from_datafusion;
use millstream_functions::data_type::{holds_map, sql_name};
use spark_connect_proto::NearestByJoin;

use super::super::Analyzer;
use super::super::attribute::Attribute;
use super::super::dependent_join::OuterRows;
use super::super::expression::required;
use super::super::resolved_relation::{ResolvedRelation, project};
use super::super::scope::Scope;

/// Rows for a left row at the most.
const RESULTS_MAX: i32 = 100_000;

impl Analyzer<'_> {
    pub(super) fn nearest_by_join(&mut self, join: &NearestByJoin) -> Result<ResolvedRelation> {
        let (is_outer, ascending) = checked(join)?;
        let left = self.input(join.left.as_deref())?.visible()?;
        let right = self.input(join.right.as_deref())?.visible()?;
        if left.streaming || right.streaming {
            return Err(spark_error!("NEAREST_BY_JOIN.STREAMING_NOT_SUPPORTED"));
        }
        if self.context.conf("spark.sql.crossJoin.enabled", "true") == "false" {
            return Err(spark_error!("NEAREST_BY_JOIN.CROSS_JOIN_NOT_ENABLED"));
        }
        let both: Vec<Attribute> = left.columns.iter().chain(&right.columns).cloned().collect();
        let ranking = self.expression(required(join.ranking_expression.as_ref())?, Scope::new(&both, false))?;
        if holds_map(&ranking.data_type) {
            return Err(spark_error!(
                "NEAREST_BY_JOIN.NON_ORDERABLE_RANKING_EXPRESSION",
                expression = format!("\"{}\"", ranking.sql),
                type = format!("\"{}\"", sql_name(&ranking.data_type)),
            ));
        }
        if ranking.data_type.is_nested() {
            return Err(Error::unsupported("A nearest-by join by a nested value is not supported."));
        }
        let outer = self.outer_rows(left.plan)?;
        let pairs =
            if is_outer { outer.left_beside(&right.plan, Some(lit(true)))? } else { outer.beside(&right.plan)? };
        let rank = self.fresh("rank");
        let mut exprs: Vec<Expr> = pairs.schema().columns().into_iter().map(Expr::Column).collect();
        exprs.push(ranking.expr.alias(&rank));
        let rank = Expr::Column(Column::new_unqualified(&rank));
        let number = self.fresh("number");
        let order = vec![SortExpr::new(rank.clone(), ascending, false)];
        let numbered = outer.numbered(project(pairs, exprs)?, order, &number)?;
        let place = Expr::Column(Column::new_unqualified(&number));
        let mut wanted = place.clone().lt_eq(lit(u64::from(join.num_results.unsigned_abs())));
        // A pair without a rank is none, but the left row of an outer join stays.
        let counts = rank.is_not_null();
        wanted = wanted.and(if is_outer { counts.clone().or(place.eq(lit(1_u64))) } else { counts.clone() });
        let kept = Filter::try_new(wanted, Arc::new(numbered)).map(LogicalPlan::Filter).map_err(from_datafusion)?;
        let mut columns = left.columns;
        let mut exprs: Vec<Expr> = columns.iter().map(|column| column.reference().expr).collect();
        for column in right.columns {
            let value = column.reference().expr;
            if is_outer {
                let shown = self.fresh(&column.name);
                let value = when(counts.clone(), value).end().map_err(from_datafusion)?;
                exprs.push(value.alias(&shown));
                columns.push(Attribute { column: shown, nullable: true, ..column });
            } else {
                exprs.push(value);
                columns.push(column);
            }
        }
        Ok(ResolvedRelation::new(project(kept, exprs)?, columns, false))
    }

    /// The rows of a plan with a number that no other row has.
    pub(super) fn outer_rows(&mut self, plan: LogicalPlan) -> Result<OuterRows> {
        let row = self.fresh("row");
        let number = super::super::expression::call_internal("monotonically_increasing_id", Vec::new(), self.context)?;
        let mut exprs: Vec<Expr> = plan.schema().columns().into_iter().map(Expr::Column).collect();
        exprs.push(number.expr.alias(&row));
        Ok(OuterRows { plan: project(plan, exprs)?, row })
    }
}

/// Whether rows without a pair are kept, and whether the least rank is the nearest.
fn checked(join: &NearestByJoin) -> Result<(bool, bool)> {
    if !(1..=RESULTS_MAX).contains(&join.num_results) {
        return Err(spark_error!(
            "NEAREST_BY_JOIN.NUM_RESULTS_OUT_OF_RANGE",
            numResults = join.num_results,
            min = 1,
            max = RESULTS_MAX,
        ));
    }
    let is_outer = match join.join_type.to_lowercase().replace('_', "").as_str() {
        "inner" => false,
        "leftouter" | "left" => true,
        _ => {
            let (given, known) = (&join.join_type, "'INNER', 'LEFT OUTER'");
            return Err(spark_error!("NEAREST_BY_JOIN.UNSUPPORTED_JOIN_TYPE", joinType = given, supported = known));
        }
    };
    if !matches!(join.mode.to_lowercase().as_str(), "approx" | "exact") {
        let known = "'approx', 'exact'";
        return Err(spark_error!("NEAREST_BY_JOIN.UNSUPPORTED_MODE", mode = join.mode, supported = known));
    }
    match join.direction.to_lowercase().as_str() {
        "distance" => Ok((is_outer, true)),
        "similarity" => Ok((is_outer, false)),
        _ => Err(unsupported_direction(&join.direction)),
    }
}

fn unsupported_direction(direction: &str) -> Error {
    let known = "'distance', 'similarity'";
    spark_error!("NEAREST_BY_JOIN.UNSUPPORTED_DIRECTION", direction = direction, supported = known)
}
