//! What a streaming plan may not contain (Spark: `UnsupportedOperationChecker`), with Spark's classes and texts, in
//! Spark's order: the output mode first, then each operator from the sources upward.
//!
//! Spark also accepts things that are not built here yet, such as joins of two streams. These are refused with a class
//! of ours, so that no program gets a batch's answer for a stream's question.

use datafusion::common::JoinType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::{Aggregate, Expr, Join, Limit, LogicalPlan, Window};
use millstream_core::error::SparkException;
use millstream_core::{Error, ErrorKind, OutputMode, Result};

use super::event_time::{carries_event_time, watermark_of_column};
use super::nodes::DeduplicateNode;
use super::stateful::deduplicate_node;
use super::streaming::is_streaming;
use crate::error::{from_datafusion, to_datafusion};

/// The session setting with which Spark lets chained stateful operators pass. Here it changes nothing yet: they are not
/// built, with or without a wrong answer.
const CORRECTNESS_CONF: &str = "spark.sql.streaming.statefulOperator.checkCorrectness.enabled";

/// Refuses what cannot run, or would run with another meaning.
pub(crate) fn check_streaming_plan(plan: &LogicalPlan, mode: OutputMode) -> Result<()> {
    if !is_streaming(plan) {
        return Err(Error::internal("a query without a stream was started as a stream"));
    }
    let aggregates = streaming_aggregates(plan);
    check_output_mode(&aggregates, mode)?;
    check_chained_aggregates(&aggregates)?;
    let checked = plan.apply_with_subqueries(|plan| {
        if is_streaming(plan) {
            check_operator(plan, mode).map_err(to_datafusion)?;
        }
        Ok(TreeNodeRecursion::Continue)
    });
    checked.map(|_| ()).map_err(from_datafusion)
}

fn streaming_aggregates(plan: &LogicalPlan) -> Vec<Aggregate> {
    let mut found = Vec::new();
    // The walk itself cannot fail.
    let _: PlanResult<_> = plan.apply(|plan| {
        if let LogicalPlan::Aggregate(aggregate) = plan
            && is_streaming(&aggregate.input)
        {
            found.push(aggregate.clone());
        }
        Ok(TreeNodeRecursion::Continue)
    });
    found
}

fn check_output_mode(aggregates: &[Aggregate], mode: OutputMode) -> Result<()> {
    let has_event_time =
        |aggregate: &Aggregate| aggregate.group_expr.iter().any(|key| carries_event_time(key, &aggregate.input));
    match mode {
        OutputMode::Append if !aggregates.iter().all(has_event_time) => {
            Err(unsupported_output_mode(mode, "streaming aggregations without watermark"))
        }
        OutputMode::Complete if aggregates.is_empty() => {
            Err(unsupported_output_mode(mode, "no streaming aggregations"))
        }
        _ => Ok(()),
    }
}

fn check_chained_aggregates(aggregates: &[Aggregate]) -> Result<()> {
    if aggregates.len() < 2 {
        return Ok(());
    }
    if aggregates.iter().any(|aggregate| !streaming_aggregates(&aggregate.input).is_empty()) {
        return Err(refused(format!(
            "Detected pattern of possible 'correctness' issue due to global watermark. The query contains stateful \
             operation which can emit rows older than the current watermark plus allowed late record delay, which are \
             \"late rows\" in downstream stateful operations and these rows can be discarded. Please refer the programming \
             guide doc for more details. If you understand the possible risk of correctness issue and still need to run \
             the query, you can disable this check by setting the config `{CORRECTNESS_CONF}` to false."
        ))
        .with_hint("aggregates of aggregates are not built here yet, in append mode neither"));
    }
    Ok(())
}

fn check_operator(plan: &LogicalPlan, mode: OutputMode) -> Result<()> {
    check_expressions(plan)?;
    match plan {
        LogicalPlan::Sort(sort) if mode == OutputMode::Complete && !streaming_aggregates(&sort.input).is_empty() => {
            Ok(())
        }
        LogicalPlan::Sort(_) => Err(refused(
            "Sorting is not supported on streaming DataFrames/Datasets, unless it is on aggregated DataFrame/Dataset in \
             Complete output mode",
        )),
        LogicalPlan::Limit(limit) => check_limit(limit, mode),
        LogicalPlan::Join(join) => check_join(join),
        LogicalPlan::Union(union) if !union.inputs.iter().all(|input| is_streaming(input)) => {
            Err(refused("Union between streaming and batch DataFrames/Datasets is not supported"))
        }
        LogicalPlan::Window(window) => Err(non_time_window(window)),
        LogicalPlan::Distinct(_) => Err(Error::internal("DISTINCT over a stream was not made an aggregate")),
        LogicalPlan::Extension(_) => match deduplicate_node(plan) {
            Some(deduplicate) => check_deduplicate(deduplicate),
            None => Ok(()),
        },
        LogicalPlan::RecursiveQuery(_) => Err(Error::unsupported("a recursive query over a stream")),
        _ => Ok(()),
    }
}

fn check_expressions(plan: &LogicalPlan) -> Result<()> {
    let checked = plan.apply_expressions(|expr| {
        expr.apply(|expr| match expr {
            Expr::ScalarFunction(call) if call.name() == "monotonically_increasing_id" => Err(to_datafusion(refused(
                "Expression(s): monotonically_increasing_id() is not supported with streaming DataFrames/Datasets",
            ))),
            Expr::ScalarSubquery(subquery) | Expr::Exists(datafusion::logical_expr::expr::Exists { subquery, .. })
                if is_streaming(&subquery.subquery) =>
            {
                Err(to_datafusion(streaming_subquery()))
            }
            Expr::InSubquery(membership) if is_streaming(&membership.subquery.subquery) => {
                Err(to_datafusion(streaming_subquery()))
            }
            _ => Ok(TreeNodeRecursion::Continue),
        })
    });
    checked.map(|_| ()).map_err(from_datafusion)
}

fn check_limit(limit: &Limit, mode: OutputMode) -> Result<()> {
    if limit.skip.is_some() {
        return Err(refused("Offset is not supported on streaming DataFrames/Datasets"));
    }
    match mode {
        OutputMode::Update => {
            Err(refused("Limits are not supported on streaming DataFrames/Datasets in Update output mode"))
        }
        OutputMode::Complete if !streaming_aggregates(&limit.input).is_empty() => Ok(()),
        // The first n rows ever, not of every batch: that takes state.
        OutputMode::Complete | OutputMode::Append => {
            Err(Error::unsupported("limit over the rows of a stream is not built yet"))
        }
    }
}

fn check_deduplicate(deduplicate: &DeduplicateNode) -> Result<()> {
    let input = deduplicate.input();
    let has_event_time =
        || (0..input.schema().fields().len()).any(|column| watermark_of_column(input, column).is_some());
    if !deduplicate.is_within_watermark() || has_event_time() {
        return Ok(());
    }
    Err(refused("dropDuplicatesWithinWatermark is not supported on streaming DataFrames/DataSets without watermark"))
}

fn check_join(join: &Join) -> Result<()> {
    let name = spark_join_name(join.join_type);
    let allowed = match (is_streaming(&join.left), is_streaming(&join.right)) {
        (true, true) => return Err(Error::unsupported("joins of two streams are not built yet")),
        (true, false) => {
            matches!(join.join_type, JoinType::Inner | JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti)
        }
        (false, _) => {
            matches!(join.join_type, JoinType::Inner | JoinType::Right | JoinType::RightSemi | JoinType::RightAnti)
        }
    };
    if allowed {
        return Ok(());
    }
    let stream_is_left = is_streaming(&join.left);
    Err(refused(match (join.join_type, stream_is_left) {
        (JoinType::Full, true) => "FullOuter joins with streaming DataFrames/Datasets on the left and a static \
                                   DataFrame/Dataset on the right is not supported"
            .to_owned(),
        (JoinType::Full, false) => "FullOuter joins with streaming DataFrames/Datasets on the right and a static \
                                    DataFrame/Dataset on the left is not supported"
            .to_owned(),
        (JoinType::LeftAnti, false) => {
            "LeftAnti joins with a streaming DataFrame/Dataset on the right are not supported".to_owned()
        }
        (_, true) => format!(
            "{name} join with a streaming DataFrame/Dataset on the left and a static DataFrame/DataSet on the right not \
             supported"
        ),
        (_, false) => format!(
            "{name} join with a streaming DataFrame/Dataset on the right and a static DataFrame/Dataset on the left is not \
             supported"
        ),
    }))
}

fn spark_join_name(join_type: JoinType) -> String {
    match join_type {
        JoinType::Left => "LeftOuter".to_owned(),
        JoinType::Right => "RightOuter".to_owned(),
        JoinType::Full => "FullOuter".to_owned(),
        other => format!("{other:?}"),
    }
}

fn non_time_window(window: &Window) -> Error {
    let expr = window.window_expr.first().map(|expr| expr.schema_name().to_string()).unwrap_or_default();
    let (function, specification) = match window.window_expr.first() {
        Some(Expr::WindowFunction(call)) => {
            (format!("{}()", call.fun.name().to_ascii_uppercase()), expr.to_ascii_uppercase())
        }
        _ => (expr.to_ascii_uppercase(), expr.to_ascii_uppercase()),
    };
    Error::new(
        ErrorKind::Unsupported,
        format!(
            "Window function is not supported in {function} (as column `{expr}`) on streaming DataFrames/Datasets.\n\
             Structured Streaming only supports time-window aggregation using the WINDOW function. (window specification: \
             {specification})"
        ),
    )
    .with_class("NON_TIME_WINDOW_NOT_SUPPORTED_IN_STREAMING", SparkException::Analysis)
    .with_sql_state("42KDE")
    .with_parameter("windowFunc", function)
    .with_parameter("columnName", format!("`{expr}`"))
    .with_parameter("windowSpec", specification)
}

fn streaming_subquery() -> Error {
    Error::new(ErrorKind::Unsupported, "Invalid subquery: streaming subquery is not supported.")
        .with_class("INVALID_SUBQUERY_EXPRESSION.STREAMING_QUERY", SparkException::Analysis)
        .with_sql_state("42823")
}

fn unsupported_output_mode(mode: OutputMode, operation: &str) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!(
            "Invalid streaming output mode: {mode}. This output mode is not supported for {operation} on streaming \
             DataFrames/DataSets."
        ),
    )
    .with_class("STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION", SparkException::Analysis)
    .with_sql_state("42KDE")
    .with_parameter("outputMode", mode.to_string())
    .with_parameter("operation", operation)
}

/// The class under which Spark puts nearly all of these texts.
pub(super) fn refused(text: impl Into<String>) -> Error {
    let text = text.into();
    Error::new(ErrorKind::Unsupported, text.clone())
        .with_class("_LEGACY_ERROR_TEMP_3102", SparkException::Analysis)
        .with_parameter("msg", text)
}
