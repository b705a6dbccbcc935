//! Gives every `current_timestamp()` of a plan the cell of the query that runs it.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan, ScalarUDF};

use crate::functions::BatchTimestamp;

/// The plan with `cell` (µs since the epoch) in each [`BatchTimestamp`]; names of columns stay.
pub(crate) fn bind_batch_timestamp(plan: LogicalPlan, cell: &Arc<AtomicI64>) -> Result<LogicalPlan> {
    let bound = Arc::new(ScalarUDF::from(BatchTimestamp::new(Arc::clone(cell))));
    let rewritten = plan.transform_up(|plan| {
        let names = NamePreserver::new(&plan);
        plan.map_expressions(|expr| {
            let name = names.save(&expr);
            expr.transform_up(|expr| Ok(bind(expr, &bound))).map(|expr| expr.update_data(|expr| name.restore(expr)))
        })
    })?;
    Ok(rewritten.data)
}

fn bind(expr: Expr, bound: &Arc<ScalarUDF>) -> Transformed<Expr> {
    match expr {
        Expr::ScalarFunction(mut call) if call.func.inner().is::<BatchTimestamp>() => {
            call.func = Arc::clone(bound);
            Transformed::yes(Expr::ScalarFunction(call))
        }
        other => Transformed::no(other),
    }
}
