//! What a function is called with, and what a resolved call is.

use arrow::datatypes::DataType;
use datafusion::logical_expr::{Expr, SortExpr};
use millstream_core::{QuerySettings, Result};

use crate::sql_form::SqlForm;
use crate::typed_expr::TypedExpr;

/// What a call's meaning depends on beside its arguments.
#[derive(Debug, Clone)]
pub struct FunctionContext {
    /// Time zone and ANSI mode of the session.
    pub settings: QuerySettings,
    /// Whether the plan reads a stream: `current_timestamp()` is then the batch's.
    pub streaming: bool,
    /// The time at which a plan that reads no stream was started, in microseconds since the epoch.
    pub now_us: i64,
    /// Reads the type that a text names, in DDL or in Spark's JSON; the parser's, which stands above the functions.
    pub schema_of: fn(&str) -> Result<DataType>,
    /// The session's user, for `current_user()`.
    pub user: String,
    /// The database of names that have none.
    pub database: String,
    /// `spark.sql.session.timeZone` as the user wrote it, for `current_timezone()`.
    pub time_zone_text: String,
}

/// A call before it is resolved.
#[derive(Debug)]
pub struct FunctionCall<'a> {
    /// The name as the user wrote it.
    pub name: &'a str,
    /// How it is written.
    pub form: SqlForm,
    /// Resolved arguments, each with its `sql` text.
    pub arguments: Vec<TypedExpr>,
    /// `f(DISTINCT …)`
    pub distinct: bool,
    /// `f(…) FILTER (WHERE …)`
    pub filter: Option<Expr>,
    /// `f(…) WITHIN GROUP (ORDER BY …)`
    pub order_by: Vec<SortExpr>,
    /// What it is ordered by, with types and texts.
    pub ordered: Vec<TypedExpr>,
    /// `f(…) IGNORE NULLS`
    pub ignore_nulls: bool,
    /// Settings of the session.
    pub context: &'a FunctionContext,
}

impl FunctionCall<'_> {
    /// The call as Spark writes it.
    pub fn sql(&self) -> String {
        self.form.text(self.name, &self.arguments, self.distinct)
    }
}

/// A call after it is resolved.
#[derive(Debug)]
pub enum Resolved {
    /// A value for each row.
    Scalar(TypedExpr),
    /// An aggregate function; DISTINCT and FILTER are already in the expression.
    Aggregate(TypedExpr),
    /// A window function with an empty window, for `OVER` to fill in.
    Window(TypedExpr),
    /// Several rows for each row.
    Generator(Generator),
    /// `window(…)`: the row's event-time windows.
    TimeWindow(TimeWindow),
    /// `session_window(…)`: the row's own session, before those that touch are merged.
    SessionWindow(Box<SessionWindow>),
}

/// A table of rows for each input row.
#[derive(Debug)]
pub struct Generator {
    /// ARRAY&lt;STRUCT&lt;columns&gt;&gt;: the rows, to be unnested.
    pub rows: TypedExpr,
    /// Names, types and nullability of the columns, when the user gives no other names.
    pub columns: Vec<(String, DataType, bool)>,
    /// Whether an input row without rows gives one row of NULLs.
    pub outer: bool,
}

/// `session_window(time, gap)`.
#[derive(Debug)]
pub struct SessionWindow {
    /// The event time, a TIMESTAMP or TIMESTAMP_NTZ.
    pub time: TypedExpr,
    /// A gap after it; NULL if that is no span of time.
    pub end: TypedExpr,
    /// Both as a struct, which carries event time if the time does.
    pub window: TypedExpr,
}

/// `window(time, length, slide, start)`.
#[derive(Debug)]
pub struct TimeWindow {
    /// The event time, a TIMESTAMP or TIMESTAMP_NTZ.
    pub time: TypedExpr,
    /// Length of a window in microseconds.
    pub window_us: i64,
    /// From one window's start to the next one's, in microseconds.
    pub slide_us: i64,
    /// Offset of the windows' starts from the epoch in microseconds.
    pub start_us: i64,
}
