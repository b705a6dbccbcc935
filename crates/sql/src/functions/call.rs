//! What a function is called with, and what a resolved call is.

use arrow::datatypes::DataType;
use datafusion::logical_expr::{Expr, SortExpr};
use millstream_core::QuerySettings;

use crate::analyzer::typed_expr::TypedExpr;

/// What a call's meaning depends on beside its arguments.
#[derive(Debug, Clone)]
pub(crate) struct FunctionContext {
    /// Time zone and ANSI mode of the session.
    pub(crate) settings: QuerySettings,
    /// Whether the plan reads a stream: `current_timestamp()` is then the batch's.
    pub(crate) streaming: bool,
    /// The time at which a plan that reads no stream was started, in microseconds since the epoch.
    pub(crate) now_us: i64,
    /// The session's user, for `current_user()`.
    pub(crate) user: String,
    /// `spark.sql.session.timeZone` as the user wrote it, for `current_timezone()`.
    pub(crate) time_zone_text: String,
}

/// A call before it is resolved.
#[derive(Debug)]
pub(crate) struct FunctionCall<'a> {
    /// The name as the user wrote it.
    pub(crate) name: &'a str,
    /// Resolved arguments, each with its `sql` text.
    pub(crate) arguments: Vec<TypedExpr>,
    /// `f(DISTINCT …)`
    pub(crate) distinct: bool,
    /// `f(…) FILTER (WHERE …)`
    pub(crate) filter: Option<Expr>,
    /// `f(…) WITHIN GROUP (ORDER BY …)`
    pub(crate) order_by: Vec<SortExpr>,
    /// `f(…) IGNORE NULLS`
    pub(crate) ignore_nulls: bool,
    /// Settings of the session.
    pub(crate) context: &'a FunctionContext,
}

/// A call after it is resolved.
#[derive(Debug)]
pub(crate) enum Resolved {
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
    SessionWindow(SessionWindow),
}

/// A table of rows for each input row.
#[derive(Debug)]
pub(crate) struct Generator {
    /// ARRAY&lt;STRUCT&lt;columns&gt;&gt;: the rows, to be unnested.
    pub(crate) rows: TypedExpr,
    /// Names, types and nullability of the columns, when the user gives no other names.
    pub(crate) columns: Vec<(String, DataType, bool)>,
    /// Whether an input row without rows gives one row of NULLs.
    pub(crate) outer: bool,
}

/// `session_window(time, gap)`.
#[derive(Debug)]
pub(crate) struct SessionWindow {
    /// The event time, a TIMESTAMP or TIMESTAMP_NTZ.
    pub(crate) time: TypedExpr,
    /// A gap after it; NULL if that is no span of time.
    pub(crate) end: TypedExpr,
}

/// `window(time, length, slide, start)`.
#[derive(Debug)]
pub(crate) struct TimeWindow {
    /// The event time, a TIMESTAMP or TIMESTAMP_NTZ.
    pub(crate) time: TypedExpr,
    /// Length of a window in microseconds.
    pub(crate) window_us: i64,
    /// From one window's start to the next one's, in microseconds.
    pub(crate) slide_us: i64,
    /// Offset of the windows' starts from the epoch in microseconds.
    pub(crate) start_us: i64,
}
