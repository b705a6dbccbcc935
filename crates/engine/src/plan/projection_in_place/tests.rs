//! Projections that stay above what takes rows out, as far as computing their columns could fail.

use arrow::datatypes::{DataType, Field, Schema};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{binary, col, lit};
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::limit::GlobalLimitExec;

use super::*;

fn schema() -> Schema {
    Schema::new(["a", "b", "c"].map(|name| Field::new(name, DataType::Int64, true)).to_vec())
}

/// `FROM t WHERE b <> 0`
fn filtered() -> Arc<dyn ExecutionPlan> {
    let table = Arc::new(EmptyExec::new(Arc::new(schema())));
    let condition = binary(col("b", &schema()).unwrap(), Operator::NotEq, lit(0_i64), &schema()).unwrap();
    Arc::new(FilterExec::try_new(condition, table).unwrap())
}

/// The names of the operators from the top, after the rule.
fn moved(projected: Vec<Arc<dyn PhysicalExpr>>, input: Arc<dyn ExecutionPlan>) -> Vec<String> {
    let named = projected.into_iter().enumerate().map(|(at, expr)| (expr, format!("c{at}")));
    let plan: Arc<dyn ExecutionPlan> = Arc::new(ProjectionExec::try_new(named.collect::<Vec<_>>(), input).unwrap());
    let mut plan = ProjectionInPlace.optimize(plan, &ConfigOptions::default()).unwrap();
    let mut names = vec![plan.name().to_owned()];
    while let Some(input) = plan.children().first().map(|input| Arc::clone(input)) {
        names.push(input.name().to_owned());
        plan = input;
    }
    names
}

/// `b, a / c`
fn quotient() -> Vec<Arc<dyn PhysicalExpr>> {
    let column = |name: &str| col(name, &schema()).unwrap();
    let quotient = binary(column("a"), Operator::Divide, column("c"), &schema()).unwrap();
    vec![column("b"), quotient]
}

#[test]
fn what_may_fail_stays_above_the_filter() {
    assert_eq!(moved(quotient(), filtered()), ["ProjectionExec", "FilterExec", "EmptyExec"]);
}

#[test]
fn what_may_fail_stays_above_a_limit() {
    let limited = Arc::new(GlobalLimitExec::new(filtered(), 0, Some(1)));
    assert_eq!(moved(quotient(), limited)[..2], ["ProjectionExec", "GlobalLimitExec"]);
}

#[test]
fn a_choice_of_columns_still_moves() {
    let columns = vec![col("b", &schema()).unwrap()];
    assert_ne!(moved(columns, filtered())[0], "ProjectionExec");
}
