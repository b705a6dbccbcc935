//! LIMIT, OFFSET and samples.

use std::sync::Arc;

use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::{Expr, Filter, Limit as LimitNode, LogicalPlan, lit};
use millstream_core::{Error, Result, spark_error};
use millstream_engine::error::from_datafusion;
use millstream_functions::TypedExpr;
use spark_connect_proto::expression::ExprType;
use spark_connect_proto::expression::literal::LiteralType;
use spark_connect_proto::relation::RelType;
use spark_connect_proto::{Expression, Filter as FilterMessage, Limit, Offset, Relation, Sample, StatSampleBy};

use super::super::expression::{call_internal, required};
use super::super::resolved_relation::{ResolvedRelation, project};
use super::super::{Analyzer, error};
use super::summary::{call, literal};

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

impl Analyzer<'_> {
    /// Each row by a throw of the dice. Which rows is not what Spark would take, only how many on average.
    pub(super) fn sample(&mut self, one: &Sample) -> Result<ResolvedRelation> {
        let input = self.input(one.input.as_deref())?;
        if input.streaming {
            return Err(error::not_over_stream("Sampling is not supported on streaming DataFrames/Datasets"));
        }
        checked_fraction(one.upper_bound - one.lower_bound, one.with_replacement())?;
        if one.with_replacement() {
            return Err(Error::unsupported(
                "The feature is not supported: sampling with replacement is not supported.",
            ));
        }
        let seed = one.seed.map(|seed| TypedExpr::literal(ScalarValue::from(seed), seed.to_string()));
        let dice = call_internal("rand", seed.into_iter().collect(), self.context)?.expr;
        let column = self.fresh("dice");
        let mut exprs: Vec<Expr> = input.plan.schema().columns().into_iter().map(Expr::Column).collect();
        exprs.push(dice.alias(&column));
        let thrown = project(input.plan.clone(), exprs)?;
        let dice = Expr::Column(Column::new_unqualified(column));
        let chosen = dice.clone().gt_eq(lit(one.lower_bound)).and(dice.lt(lit(one.upper_bound)));
        let plan = Filter::try_new(chosen, Arc::new(thrown)).map_err(from_datafusion)?;
        input.with_plan(LogicalPlan::Filter(plan)).visible()
    }
}

impl Analyzer<'_> {
    /// `sampleBy`: of the rows with each value of a column another share. A value that is not named has none.
    pub(super) fn sample_by(&mut self, sample: &StatSampleBy) -> Result<ResolvedRelation> {
        if self.relation(required(sample.input.as_deref())?)?.streaming {
            return Err(error::not_over_stream("Sampling is not supported on streaming DataFrames/Datasets"));
        }
        let column = required(sample.col.as_ref())?;
        let mut branches = Vec::with_capacity(2 * sample.fractions.len() + 1);
        for fraction in &sample.fractions {
            if !(0.0..=1.0).contains(&fraction.fraction) {
                let shown: Vec<String> =
                    sample.fractions.iter().map(|sample| format!("{:?}", sample.fraction)).collect();
                return Err(Error::illegal_argument(format!(
                    "requirement failed: Fractions must be in [0, 1], but got {}.",
                    shown.join(", ")
                )));
            }
            let stratum = fraction.stratum.clone().map(ExprType::Literal);
            let stratum = Expression { common: None, expr_type: stratum };
            branches.push(call("<=>", vec![column.clone(), stratum]));
            branches.push(literal(LiteralType::Double(fraction.fraction)));
        }
        branches.push(literal(LiteralType::Double(0.0)));
        let share =
            if sample.fractions.is_empty() { literal(LiteralType::Double(0.0)) } else { call("when", branches) };
        let dice = call("rand", sample.seed.map(|seed| literal(LiteralType::Long(seed))).into_iter().collect());
        let condition = Some(call("<", vec![dice, share]));
        let filter = FilterMessage { input: sample.input.clone(), condition };
        self.relation(&Relation { common: None, rel_type: Some(RelType::Filter(Box::new(filter))) })
    }
}

/// A sample is a part of the rows, or with replacement any multiple of them; as in Spark a little beside is let pass.
fn checked_fraction(fraction: f64, with_replacement: bool) -> Result<()> {
    const EPSILON: f64 = 1e-6;
    if with_replacement {
        if fraction < -EPSILON {
            let what = format!("Sampling fraction ({fraction:?}) must be nonnegative with replacement");
            return Err(Error::illegal_argument(format!("requirement failed: {what}")));
        }
        return Ok(());
    }
    if !(-EPSILON..=1.0 + EPSILON).contains(&fraction) {
        let what = format!("Sampling fraction ({fraction:?}) must be on interval [0, 1] without replacement");
        return Err(Error::illegal_argument(format!("requirement failed: {what}")));
    }
    Ok(())
}

fn not_negative(name: &str, rows: i32) -> Result<i64> {
    if rows >= 0 {
        return Ok(i64::from(rows));
    }
    Err(spark_error!("INVALID_LIMIT_LIKE_EXPRESSION.IS_NEGATIVE", expr = format!("\"{rows}\""), name = name, v = rows,))
}
