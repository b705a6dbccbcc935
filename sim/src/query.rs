//! The queries that are simulated, as plans over the simulated source.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, StructArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Fields, TimeUnit, TimestampMicrosecondType};
use datafusion::common::{Column, JoinType, ScalarValue};
use datafusion::error::Result;
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprFunctionExt, Extension, LogicalPlan, LogicalPlanBuilder, ScalarFunctionArgs,
    ScalarUDFImpl, Signature, Volatility, cast, col, lit, when,
};
use millstream_core::OutputMode;
use millstream_engine::functions::aggregates::{count, sum};
use millstream_engine::functions::{Meaning, session, with_meaning};
use millstream_engine::plan::{DeduplicateNode, EventTimeWatermarkNode, StreamingRelationNode};
use millstream_engine::state::Overflow;
use millstream_testing::ManualClock;

use crate::last_rows::LastRowsNode;
use crate::rows::{BEST, DELAY, GAP, LIMIT, NOBODY, Question, REACH, WINDOW};
use crate::source::SimSource;

const SECOND_US: i64 = 1_000_000;

/// The mode in which a question is asked.
pub(crate) fn output_mode(question: Question) -> OutputMode {
    match question {
        Question::Filter
        | Question::Windows
        | Question::Keys
        | Question::Moments
        | Question::LastRows
        | Question::Limit
        | Question::Sessions
        | Question::Join
        | Question::LeftJoin => OutputMode::Append,
        Question::Update
        | Question::CountsOfCounts
        | Question::JoinOfCounts
        | Question::BestRows
        | Question::BestKeys => OutputMode::Update,
        Question::Complete => OutputMode::Complete,
    }
}

/// The question as a plan.
pub(crate) fn plan(question: Question, source: &SimSource, clock: Arc<ManualClock>) -> anyhow::Result<LogicalPlan> {
    let config = SimSource::config(clock);
    let node = StreamingRelationNode::try_new("simulated", Arc::new(source.clone()), config)?;
    let rows = LogicalPlan::Extension(Extension { node: Arc::new(node) });
    let answers = vec![count(lit(1_i64)).alias("count"), sum(col("value"), Overflow::Error).alias("sum")];
    let plan = match question {
        Question::Filter => LogicalPlanBuilder::from(rows)
            .filter((col("value") % lit(3_i64)).not_eq(lit(0_i64)))?
            .project(vec![col("key"), col("value")])?,
        Question::Update | Question::Complete => LogicalPlanBuilder::from(rows).aggregate(vec![col("key")], answers)?,
        Question::CountsOfCounts => LogicalPlanBuilder::from(rows)
            .aggregate(vec![col("key")], answers)?
            .aggregate(vec![col("count")], vec![count(lit(1_i64)).alias("keys"), sum(col("sum"), Overflow::Error)])?,
        Question::JoinOfCounts => joined_counts(&rows)?,
        Question::BestRows => best_rows(rows)?,
        Question::BestKeys => LogicalPlanBuilder::from(rows)
            .aggregate(vec![col("key")], answers)?
            .sort([col("count").sort(false, false), col("key").sort(true, true)])?
            .limit(0, Some(BEST))?,
        Question::Limit => LogicalPlanBuilder::from(rows).limit(0, Some(LIMIT))?.project(vec![lit(1_i64)])?,
        Question::Join => joined(rows, JoinType::Inner)?,
        Question::LeftJoin => joined(rows, JoinType::Left)?,
        Question::Keys => first_of(rows, &["key"])?,
        Question::Moments => first_of(timed(rows)?, &["key", "ts"])?,
        Question::LastRows => {
            let columns = LogicalPlanBuilder::from(rows).project(vec![col("key"), col("value"), col("ts")])?.build()?;
            LogicalPlanBuilder::from(LastRowsNode::over(timed(columns)?)?)
        }
        Question::Windows => {
            LogicalPlanBuilder::from(timed(rows)?).aggregate(vec![Span::Window.of(col("ts"))], answers)?
        }
        Question::Sessions => {
            let own = session(Span::Session.of(col("ts"))).alias("session");
            LogicalPlanBuilder::from(timed(rows)?).aggregate(vec![own, col("key")], answers)?
        }
    };
    Ok(plan.build()?)
}

/// `row_number() OVER (PARTITION BY key ORDER BY value DESC)`, below a filter of it.
fn best_rows(rows: LogicalPlan) -> anyhow::Result<LogicalPlanBuilder> {
    let order = vec![col("value").sort(false, false)];
    let number = row_number().partition_by(vec![col("key")]).order_by(order).build()?.alias("number");
    let numbered = LogicalPlanBuilder::from(rows).window([number])?.filter(col("number").lt_eq(lit(BEST as u64)))?;
    let number = cast(col("number"), DataType::Int64).alias("number");
    Ok(numbered.project(vec![col("key"), number, col("value")])?)
}

fn timed(rows: LogicalPlan) -> millstream_core::Result<LogicalPlan> {
    EventTimeWatermarkNode::over(rows, col("ts"), DELAY * SECOND_US)
}

fn is_even() -> Expr {
    (col("value") % lit(2_i64)).eq(lit(0_i64))
}

/// How many even and how many odd values each key has.
fn joined_counts(rows: &LogicalPlan) -> anyhow::Result<LogicalPlanBuilder> {
    let side = |name: &str, even: bool| -> anyhow::Result<LogicalPlan> {
        let rows = LogicalPlanBuilder::from(rows.clone()).filter(is_even().eq(lit(even)))?;
        let counts = rows.aggregate(vec![col("key")], vec![count(lit(1_i64)).alias("count")])?;
        Ok(counts.alias(name)?.build()?)
    };
    let keys = (vec![Column::from_qualified_name("even.key")], vec![Column::from_qualified_name("odd.key")]);
    let joined = LogicalPlanBuilder::from(side("even", true)?).join(side("odd", false)?, JoinType::Full, keys, None)?;
    let or_nobody = |name: &str| when(col(name).is_null(), lit(NOBODY)).otherwise(col(name));
    let key = when(col("even.key").is_null(), col("odd.key")).otherwise(col("even.key"))?;
    let counts = [or_nobody("even.count")?.alias("evens"), or_nobody("odd.count")?.alias("odds")];
    Ok(joined.project([vec![key.alias("key")], counts.to_vec()].concat())?)
}

/// The rows with even values, joined with those with odd ones.
fn joined(rows: LogicalPlan, join_type: JoinType) -> anyhow::Result<LogicalPlanBuilder> {
    let side = |name: &str, even: bool| -> anyhow::Result<LogicalPlan> {
        let rows = LogicalPlanBuilder::from(timed(rows.clone())?);
        Ok(rows.filter(is_even().eq(lit(even)))?.alias(name)?.build()?)
    };
    let reach = ScalarValue::new_interval_mdn(0, 0, REACH * 1_000_000_000);
    let (at, since) = (col("odd.ts"), col("even.ts"));
    let near = at.clone().gt_eq(since.clone()).and(at.lt_eq(since + lit(reach)));
    let keys = (vec![Column::from_qualified_name("even.key")], vec![Column::from_qualified_name("odd.key")]);
    let value = when(col("odd.value").is_null(), lit(NOBODY)).otherwise(col("odd.value"))?;
    let joined =
        LogicalPlanBuilder::from(side("even", true)?).join(side("odd", false)?, join_type, keys, Some(near))?;
    Ok(joined.project(vec![col("even.key"), col("even.value"), value.alias("odd")])?)
}

/// `dropDuplicates(keys)`, and of its rows the keys: which of the rows with one key passes is not fixed.
fn first_of(rows: LogicalPlan, keys: &[&str]) -> anyhow::Result<LogicalPlanBuilder> {
    let columns = keys.iter().map(|key| Column::from_name(*key)).collect();
    let first = DeduplicateNode::over(rows, columns, false)?;
    Ok(LogicalPlanBuilder::from(first).project(keys.iter().map(|key| col(*key)))?)
}

/// Which span of time belongs to an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Span {
    /// `window(ts, '10 seconds')`, as the SQL front end makes it.
    Window,
    /// `session_window(ts, '7 seconds')`, of an event alone.
    Session,
}

impl Span {
    /// The span of this time, a struct that carries event time.
    fn of(self, time: Expr) -> Expr {
        let function = SpanOf { span: self, signature: Signature::any(1, Volatility::Immutable) };
        with_meaning(function, Meaning::EventTime).call(vec![time])
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct SpanOf {
    span: Span,
    signature: Signature,
}

fn window_fields() -> Fields {
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    vec![Field::new("start", time.clone(), false), Field::new("end", time, false)].into()
}

impl ScalarUDFImpl for SpanOf {
    fn name(&self) -> &'static str {
        "span"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Struct(window_fields()))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let times = args.args[0].to_array(args.number_rows)?;
        let (width, step) = match self.span {
            Span::Window => (WINDOW * SECOND_US, WINDOW * SECOND_US),
            Span::Session => (GAP * SECOND_US, 1),
        };
        let times = times.as_primitive::<TimestampMicrosecondType>().values();
        let starts: Vec<_> = times.iter().map(|at| at - at.rem_euclid(step)).collect();
        let column = |shift: i64| -> ArrayRef {
            let shifted = starts.iter().map(|at| at + shift);
            Arc::new(TimestampMicrosecondArray::from_iter_values(shifted).with_timezone("UTC"))
        };
        let columns = vec![column(0), column(width)];
        Ok(ColumnarValue::Array(Arc::new(StructArray::new(window_fields(), columns, None))))
    }
}
