//! What a streaming plan may not contain (Spark: `UnsupportedOperationChecker`), with Spark's classes and texts, in
//! Spark's order: the output mode first, then each operator from the sources upward.
//!
//! Spark also accepts things that are not built here yet. These are refused with a class of ours, so that no program
//! gets a batch's answer for a stream's question.
//!
//! There is no arm for "all others": a plan of DataFusion's that is not known here does not compile, and an extension
//! that is not a [`StreamingExtension`] is refused by name.

use std::collections::BTreeMap;

use datafusion::common::JoinType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion, TreeNodeVisitor};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::{Aggregate, Expr, Extension, Join, Limit, LogicalPlan, Window};
use millstream_core::{Error, Options, OutputMode, Result, spark_error};

use super::edge::{Edge, EdgeWalk, Rows, edge_of, event_time_of, takes_changes};
use super::joined_aggregates::FUSE_JOINED_AGGREGATES;
use super::node::StreamingExtension;
use super::source_table::streaming_relation;
use super::stateful_aggregate::{refuse_distinct, session_key};
use super::stream_join;
use super::watermark_propagation::ALLOW_MULTIPLE_CONF;
use crate::error::{from_datafusion, to_datafusion};
use crate::functions::{Meaning, meaning_of};

/// The session setting of ours with which a streaming query is refused wherever Spark refuses it, in Spark's words.
pub const STRICT_SPARK: &str = "millstream.strictSpark";

/// The session setting with which Spark lets chained stateful operators pass. Here it changes nothing yet: they are not
/// built, with or without a wrong answer.
const CORRECTNESS_CONF: &str = "spark.sql.streaming.statefulOperator.checkCorrectness.enabled";

/// What the session has set of these checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rules {
    /// Each operator has watermarks of its own. Without it all have the watermark of the query, so that what an
    /// aggregate gives in append mode is late for every stateful operator above it.
    pub(crate) allow_multiple: bool,
    /// What Spark refuses is refused, although it could run: [`STRICT_SPARK`].
    pub(crate) is_strict: bool,
    /// Joined aggregates of one stream are computed as one: [`FUSE_JOINED_AGGREGATES`].
    pub(crate) fuses: bool,
}

impl Rules {
    /// The rules that the settings of a session make.
    pub(crate) fn from_conf(conf: &BTreeMap<String, String>) -> Result<Self> {
        let conf: Options = conf.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        Ok(Self {
            allow_multiple: conf.get_bool(ALLOW_MULTIPLE_CONF)?.unwrap_or(true),
            is_strict: conf.get_bool(STRICT_SPARK)?.unwrap_or(false),
            fuses: conf.get_bool(FUSE_JOINED_AGGREGATES)?.unwrap_or(true),
        })
    }
}

/// Refuses what cannot run, or would run with another meaning, and gives the edge to the sink.
pub(crate) fn check_streaming_plan(plan: &LogicalPlan, mode: OutputMode, rules: Rules) -> Result<Edge> {
    let (walk, refused) = (EdgeWalk::new(mode), Refusals::default());
    let mut check = Check { mode, rules, walk, has_aggregate: vec![], refused };
    plan.visit(&mut check).map_err(from_datafusion)?;
    let result = check.walk.newest();
    if !result.is_streaming {
        return Err(Error::internal("a query without a stream was started as a stream"));
    }
    if mode == OutputMode::Complete && check.has_aggregate.last() != Some(&true) {
        return Err(unsupported_output_mode(mode, "no streaming aggregations"));
    }
    check.refused.first()?;
    if mode == OutputMode::Complete && result.rows == Rows::Changes {
        return Err(Error::unsupported("complete output mode of a result that comes as changes"));
    }
    Ok(result)
}

/// What is wrong with a plan: the first finding of each kind, and the kinds in the order in which Spark looks for them.
#[derive(Debug, Default)]
struct Refusals {
    output_mode: Option<Error>,
    distinct: Option<Error>,
    operator: Option<Error>,
}

impl Refusals {
    fn first(self) -> Result<()> {
        self.output_mode.or(self.distinct).or(self.operator).map_or(Ok(()), Err)
    }
}

/// The walk through a plan, from the leaves upward.
struct Check {
    mode: OutputMode,
    rules: Rules,
    walk: EdgeWalk,
    /// Beside each edge of the walk: a streaming aggregate is below it.
    has_aggregate: Vec<bool>,
    refused: Refusals,
}

impl<'n> TreeNodeVisitor<'n> for Check {
    type Node = LogicalPlan;

    fn f_up(&mut self, plan: &'n LogicalPlan) -> PlanResult<TreeNodeRecursion> {
        let inputs = self.walk.step(plan);
        let below = self.has_aggregate.split_off(self.has_aggregate.len().saturating_sub(inputs.len()));
        let mut has_aggregate = below.contains(&true);
        if let (LogicalPlan::Aggregate(aggregate), [input]) = (plan, inputs.as_slice())
            && input.is_streaming
        {
            self.check_aggregate(aggregate, input, has_aggregate);
            has_aggregate = true;
        }
        if let (LogicalPlan::Join(join), true) = (plan, inputs.iter().all(|input| input.is_streaming)) {
            self.check_stream_join(join, &inputs, has_aggregate);
        }
        // What an aggregate gives in append mode would be late under the query's watermark; in other modes it takes the
        // place of what it has given before, which nobody who goes by event time expects.
        if has_aggregate && let Some(extension) = StreamingExtension::of(plan).filter(|own| own.node().is_stateful()) {
            let is_refused = match self.mode {
                OutputMode::Append => !self.rules.allow_multiple,
                OutputMode::Update | OutputMode::Complete => extension.goes_by_event_time(&inputs),
            };
            if is_refused {
                self.refused.operator.get_or_insert_with(chained_operators);
            }
        }
        self.has_aggregate.push(has_aggregate);
        if self.walk.newest().is_streaming
            && let Err(error) = self.check_operator(plan, &inputs)
        {
            self.refused.operator.get_or_insert(error);
        }
        Ok(TreeNodeRecursion::Continue)
    }
}

impl Check {
    /// In strict mode Spark's refusals come first: an operator of both kinds is refused in Spark's words.
    fn check_operator(&self, plan: &LogicalPlan, inputs: &[Edge]) -> Result<()> {
        if self.rules.is_strict {
            check_strict(plan, inputs, self.mode)?;
        }
        check_operator(plan, inputs, self.mode)
    }

    /// A join of streams takes rows that stay, which an aggregate below it gives in append mode alone, or changes.
    fn check_stream_join(&mut self, join: &Join, inputs: &[Edge], is_chained: bool) {
        let takes = inputs.iter().any(|input| input.rows == Rows::Changes)
            || (self.mode != OutputMode::Update && self.rules.allow_multiple);
        if is_chained && !takes {
            let checked = stream_join::check_strict(join)
                .and_then(|()| stream_join::check_as_spark(join, [&inputs[0], &inputs[1]], self.mode));
            self.refused.operator.get_or_insert(checked.err().unwrap_or_else(chained_operators));
        }
    }

    fn check_aggregate(&mut self, aggregate: &Aggregate, input: &Edge, is_chained: bool) {
        let has_event_time = |key: &Expr| event_time_of(key, aggregate.input.schema(), input).is_some();
        if self.mode == OutputMode::Append && !aggregate.group_expr.iter().any(has_event_time) {
            let error = unsupported_output_mode(self.mode, "streaming aggregations without watermark");
            self.refused.output_mode.get_or_insert(error);
        }
        let is_session = session_key(aggregate).is_some();
        // Sessions that grow or meet others take rows back, which Spark cannot.
        if self.rules.is_strict && self.mode == OutputMode::Update && is_session {
            let error = unsupported_output_mode(self.mode, "session window streaming aggregations");
            self.refused.output_mode.get_or_insert(error);
        }
        if self.rules.is_strict
            && let Err(error) = refuse_distinct(aggregate)
        {
            self.refused.distinct.get_or_insert(error);
        }
        // An aggregate over others can count on rows that are given once, and on those of which it is told when they
        // go. A session cannot lose rows: it might fall apart.
        let takes = match self.mode {
            OutputMode::Append => self.rules.allow_multiple && input.rows == Rows::AppendOnly,
            OutputMode::Update | OutputMode::Complete => input.rows == Rows::Changes && !is_session,
        };
        if is_chained && !takes {
            self.refused.operator.get_or_insert_with(chained_operators);
        }
    }
}

fn chained_operators() -> Error {
    refused(format!(
        "Detected pattern of possible 'correctness' issue due to global watermark. The query contains stateful \
         operation which can emit rows older than the current watermark plus allowed late record delay, which are \
         \"late rows\" in downstream stateful operations and these rows can be discarded. Please refer the programming \
         guide doc for more details. If you understand the possible risk of correctness issue and still need to run \
         the query, you can disable this check by setting the config `{CORRECTNESS_CONF}` to false."
    ))
}

/// What Spark refuses of an operator and this engine can run. Who makes more run than Spark does moves the refusal from
/// [`check_operator`] here, or for a node of ours from [`check`](super::node::StreamingNode::check) to
/// [`check_strict`](super::node::StreamingNode::check_strict).
fn check_strict(plan: &LogicalPlan, inputs: &[Edge], mode: OutputMode) -> Result<()> {
    if let LogicalPlan::Aggregate(aggregate) = plan
        && session_key(aggregate).is_some()
        && aggregate.group_expr.len() == 1
    {
        return Err(Error::invalid("Global aggregation with session window in streaming query is not supported."));
    }
    if let (LogicalPlan::Join(join), true) = (plan, inputs.iter().all(|input| input.is_streaming)) {
        return stream_join::check_strict(join);
    }
    match plan {
        LogicalPlan::Limit(limit) => check_limit_strict(limit, mode),
        LogicalPlan::Window(window) => Err(non_time_window(window)),
        _ => StreamingExtension::of(plan).map_or(Ok(()), |extension| extension.check_strict(inputs, mode)),
    }
}

fn check_operator(plan: &LogicalPlan, inputs: &[Edge], mode: OutputMode) -> Result<()> {
    check_expressions(plan)?;
    check_changes(plan, inputs)?;
    match plan {
        LogicalPlan::Sort(_) if is_whole(inputs) => Ok(()),
        LogicalPlan::Sort(_) => Err(refused(
            "Sorting is not supported on streaming DataFrames/Datasets, unless it is on aggregated DataFrame/Dataset in \
             Complete output mode",
        )),
        LogicalPlan::Limit(_) => check_limit(inputs),
        LogicalPlan::Join(join) => check_join(join, inputs, mode),
        LogicalPlan::Union(_) if !inputs.iter().all(|input| input.is_streaming) => {
            Err(refused("Union between streaming and batch DataFrames/Datasets is not supported"))
        }
        LogicalPlan::Window(_) if is_whole(inputs) => Ok(()),
        LogicalPlan::Window(window) => Err(non_time_window(window)),
        LogicalPlan::Aggregate(aggregate) if session_key(aggregate).is_some() => check_sessions(aggregate, inputs),
        LogicalPlan::Distinct(_) => Err(Error::internal("DISTINCT over a stream was not made an aggregate")),
        LogicalPlan::RecursiveQuery(_) => Err(Error::unsupported("a recursive query over a stream")),
        LogicalPlan::Extension(Extension { node }) => match StreamingExtension::of(plan) {
            Some(extension) => extension.check(inputs, mode),
            None if streaming_relation(plan).is_some() => Ok(()),
            None => Err(Error::unsupported(format!("{} over a stream", node.name()))),
        },
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Aggregate(_)
        | LogicalPlan::Union(_)
        | LogicalPlan::Unnest(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Repartition(_)
        | LogicalPlan::TableScan(_) => Ok(()),
        LogicalPlan::EmptyRelation(_)
        | LogicalPlan::Values(_)
        | LogicalPlan::Subquery(_)
        | LogicalPlan::Statement(_)
        | LogicalPlan::Explain(_)
        | LogicalPlan::Analyze(_)
        | LogicalPlan::Dml(_)
        | LogicalPlan::Ddl(_)
        | LogicalPlan::Copy(_)
        | LogicalPlan::DescribeTable(_) => Err(Error::unsupported(format!("{} over a stream", plan.display()))),
    }
}

/// The input is the whole result in every batch, so that its rows can be compared with one another.
fn is_whole(inputs: &[Edge]) -> bool {
    inputs.iter().all(|input| input.rows == Rows::Whole)
}

fn check_expressions(plan: &LogicalPlan) -> Result<()> {
    let is_streaming = |plan: &LogicalPlan| edge_of(plan, OutputMode::Append).is_streaming;
    let checked = plan.apply_expressions(|expr| {
        expr.apply(|expr| match expr {
            Expr::ScalarFunction(call) if meaning_of(&call.func) == Some(Meaning::RowNumber) => {
                Err(to_datafusion(refused(format!(
                    "Expression(s): {}() is not supported with streaming DataFrames/Datasets",
                    call.name()
                ))))
            }
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

/// Who cannot take rows back is refused by name. A row that is taken back must be the row that was added.
fn check_changes(plan: &LogicalPlan, inputs: &[Edge]) -> Result<()> {
    let mut changes = inputs.iter().enumerate().filter(|(_, edge)| edge.rows == Rows::Changes).peekable();
    if changes.peek().is_none() {
        return Ok(());
    }
    if changes.any(|(input, _)| !takes_changes(plan, input)) {
        let node = StreamingExtension::of(plan).map(|extension| extension.node().name().to_owned());
        let name = node.unwrap_or_else(|| plan.display().to_string());
        return Err(Error::unsupported(format!("{name} over rows that may be taken back")));
    }
    let volatile = plan.expressions().into_iter().find(Expr::is_volatile);
    volatile.map_or(Ok(()), |expr| Err(Error::unsupported(format!("{expr} over rows that may be taken back"))))
}

/// A session cannot lose rows: it might fall apart. And the values that it has seen would have to be merged with it.
fn check_sessions(aggregate: &Aggregate, inputs: &[Edge]) -> Result<()> {
    if inputs.iter().any(|input| input.rows == Rows::Changes) {
        return Err(Error::unsupported("sessions of rows that may be taken back"));
    }
    refuse_distinct(aggregate)
}

/// Spark counts the rows that have passed, where they stay or are the whole result.
fn check_limit_strict(limit: &Limit, mode: OutputMode) -> Result<()> {
    if limit.skip.is_some() {
        return Err(refused("Offset is not supported on streaming DataFrames/Datasets"));
    }
    match mode {
        OutputMode::Update => {
            Err(refused("Limits are not supported on streaming DataFrames/Datasets in Update output mode"))
        }
        OutputMode::Complete | OutputMode::Append => Ok(()),
    }
}

/// Of rows that replace others it is not known how many there are.
fn check_limit(inputs: &[Edge]) -> Result<()> {
    match inputs.iter().any(|input| input.rows == Rows::Updates) {
        true => Err(Error::unsupported("a limit that is no constant over rows that change")),
        false => Ok(()),
    }
}

fn check_join(join: &Join, inputs: &[Edge], mode: OutputMode) -> Result<()> {
    let name = spark_join_name(join.join_type);
    let [left, right] = inputs else { return Err(Error::internal("a join has two inputs")) };
    let allowed = match (left.is_streaming, right.is_streaming) {
        (true, true) => return stream_join::check(join, [left, right], mode),
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
    Err(refused(match (join.join_type, left.is_streaming) {
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
    spark_error!(
        "NON_TIME_WINDOW_NOT_SUPPORTED_IN_STREAMING",
        windowFunc = function,
        columnName = format!("`{expr}`"),
        windowSpec = specification,
    )
}

fn streaming_subquery() -> Error {
    spark_error!("INVALID_SUBQUERY_EXPRESSION.STREAMING_QUERY")
}

fn unsupported_output_mode(mode: OutputMode, operation: &str) -> Error {
    spark_error!("STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION", outputMode = mode, operation = operation)
}

/// The class under which Spark puts nearly all of these texts.
pub(super) fn refused(text: impl Into<String>) -> Error {
    spark_error!("_LEGACY_ERROR_TEMP_3102", msg = text.into())
}

/// Spark would not know which of two event times counts, and refuses them.
pub(super) fn more_than_one_event_time(names: &[String]) -> Error {
    Error::invalid(format!(
        "More than one event time columns are available. Please ensure there is at most one event time column per stream. \
         event time columns: ({})",
        names.join(",")
    ))
}
