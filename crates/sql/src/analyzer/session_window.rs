//! `session_window(time, gap)`: windows that begin with an event and end a gap after the last one.
//!
//! Of itself the window is the event's own: from its time to its end. An aggregation that groups by it merges those
//! that touch, for each value of the other keys apart. In a batch plan that is done here; over a stream an operator
//! does it, which keeps sessions as its state.

use std::sync::Arc;

use datafusion::common::{Column, ScalarValue};
use datafusion::functions::core::expr_fn::get_field;
use datafusion::functions_aggregate::min_max::{max_udaf, min_udaf};
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::expr::{WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::{
    AggregateUDF, Expr, LogicalPlan, SortExpr, Window, WindowFrame, WindowFrameBound, WindowFrameUnits,
    WindowFunctionDefinition, lit, when,
};
use millstream_core::Result;
use millstream_engine::error::from_datafusion;
use millstream_functions::TypedExpr;

use super::Analyzer;
use super::expression::{Item, named_struct};
use super::resolved_relation::{ResolvedRelation, project};
use super::time_window::is_session;

impl Analyzer<'_> {
    /// The input with the sessions merged that it is grouped by, if it is.
    pub(super) fn with_merged_sessions(
        &mut self,
        input: ResolvedRelation,
        groups: &[Item],
    ) -> Result<ResolvedRelation> {
        let Some(own) = groups.iter().find(|group| is_session(group.metadata.as_deref())) else { return Ok(input) };
        let Expr::Column(Column { name: column, .. }) = &own.expr.expr else { return Ok(input) };
        let window = named(column);
        let keys = groups.iter().filter(|group| group.expr.expr != window);
        let keys: Vec<Expr> = keys.map(|key| key.expr.expr.clone()).collect();
        let all: Vec<Expr> = input.plan.schema().columns().into_iter().map(Expr::Column).collect();
        let [start, end, latest, opens, session, first, last] =
            ["start", "end", "latest", "opens", "session", "first", "last"].map(|name| self.fresh(name));
        let mut exprs = all.clone();
        exprs.push(get_field(window.clone(), "start").alias(&start));
        exprs.push(get_field(window, "end").alias(&end));
        let mut plan = project(input.plan.clone(), exprs)?;

        // A session opens with what begins after all before it have ended.
        let order = vec![named(&start).sort(true, true)];
        let before = bounds(WindowFrameUnits::Rows, WindowFrameBound::Preceding(ScalarValue::UInt64(Some(1))));
        let latest_end = over(max_udaf(), named(&end), (keys.clone(), order.clone(), before));
        plan = windowed(plan, vec![latest_end.alias(&latest)])?;
        let alone = named(&latest).is_null().or(named(&start).gt(named(&latest)));
        let opening = when(alone, lit(1_i64)).otherwise(lit(0_i64)).map_err(from_datafusion)?;
        let mut exprs: Vec<Expr> = plan.schema().columns().into_iter().map(Expr::Column).collect();
        exprs.push(opening.alias(&opens));
        plan = project(plan, exprs)?;
        // Its number counts those opened up to it; events of one time are in one session.
        let up_to_here = bounds(WindowFrameUnits::Range, WindowFrameBound::CurrentRow);
        let number = over(sum_udaf(), named(&opens), (keys.clone(), order, up_to_here));
        plan = windowed(plan, vec![number.alias(&session)])?;
        let within: Vec<Expr> = keys.into_iter().chain([named(&session)]).collect();
        let whole = || (within.clone(), Vec::new(), WindowFrame::new(None));
        let edges = vec![
            over(min_udaf(), named(&start), whole()).alias(&first),
            over(max_udaf(), named(&end), whole()).alias(&last),
        ];
        plan = windowed(plan, edges)?;

        let time = own.expr.data_type.clone();
        let time = match &time {
            arrow::datatypes::DataType::Struct(fields) => fields[0].data_type().clone(),
            other => other.clone(),
        };
        let edge = |column: &str| TypedExpr::new(named(column), time.clone(), true);
        let merged =
            named_struct(vec![("start".to_owned(), edge(&first)), ("end".to_owned(), edge(&last))], self.context)?;
        let exprs =
            all.into_iter().map(|one| if one == named(column) { merged.expr.clone().alias(column) } else { one });
        Ok(input.with_plan(project(plan, exprs.collect())?))
    }
}

fn named(column: &str) -> Expr {
    Expr::Column(Column::new_unqualified(column))
}

/// From the first row on.
fn bounds(units: WindowFrameUnits, end: WindowFrameBound) -> WindowFrame {
    WindowFrame::new_bounds(units, WindowFrameBound::Preceding(ScalarValue::UInt64(None)), end)
}

fn over(
    function: Arc<AggregateUDF>,
    argument: Expr,
    (partition_by, order_by, window_frame): (Vec<Expr>, Vec<SortExpr>, WindowFrame),
) -> Expr {
    let params = WindowFunctionParams {
        args: vec![argument],
        partition_by,
        order_by,
        window_frame,
        filter: None,
        null_treatment: None,
        distinct: false,
    };
    Expr::WindowFunction(Box::new(WindowFunction { fun: WindowFunctionDefinition::AggregateUDF(function), params }))
}

fn windowed(plan: LogicalPlan, functions: Vec<Expr>) -> Result<LogicalPlan> {
    Window::try_new(functions, Arc::new(plan)).map(LogicalPlan::Window).map_err(from_datafusion)
}
