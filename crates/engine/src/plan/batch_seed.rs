//! Gives every seed of random numbers in a plan the cell of the query that runs it.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan, ScalarUDF};
use millstream_core::{Random, Result as CoreResult};
use serde_json::Value;

use crate::functions::{BatchSeed, SeedCell};
use crate::run::Pinned;

/// The plan with `cell` in each [`BatchSeed`], and how many there are; names of columns stay.
pub(crate) fn bind_batch_seed(plan: LogicalPlan, cell: &Arc<SeedCell>) -> Result<(LogicalPlan, u64)> {
    let mut places = 0;
    let rewritten = plan.transform_up(|plan| {
        let names = NamePreserver::new(&plan);
        plan.map_expressions(|expr| {
            let name = names.save(&expr);
            let bound = expr.transform_up(|expr| Ok(bind(expr, cell, &mut places)));
            bound.map(|expr| expr.update_data(|expr| name.restore(expr)))
        })
    })?;
    Ok((rewritten.data, places))
}

fn bind(expr: Expr, cell: &Arc<SeedCell>, places: &mut u64) -> Transformed<Expr> {
    match expr {
        Expr::ScalarFunction(mut call) if call.func.inner().is::<BatchSeed>() => {
            call.func = Arc::new(ScalarUDF::from(BatchSeed::bound(Arc::clone(cell), *places)));
            *places += 1;
            Transformed::yes(Expr::ScalarFunction(call))
        }
        other => Transformed::no(other),
    }
}

/// The seed of a batch, drawn before it is in the log.
#[derive(Debug)]
pub(crate) struct PinnedSeed(pub(crate) Arc<dyn Random>);

impl PinnedSeed {
    /// The name of the pin.
    pub(crate) const NAME: &'static str = "seed";
}

impl Pinned for PinnedSeed {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn pin(&self) -> CoreResult<Value> {
        Ok(self.0.uuid().as_u64_pair().0.into())
    }
}
