//! `window(time, length, slide, start)`: event-time windows as a column below the operator that asks for them. The
//! column of a session is made here too; merging sessions is the business of [`super::session_window`], or over a
//! stream that of an operator.
//!
//! The windows are aligned to the epoch in UTC, whatever the session's zone. Rows without a time are in no window and
//! drop out. Tumbling windows are one struct a row; sliding ones an array of structs, unnested.

mod windows_of;

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::Column;
use datafusion::logical_expr::{Expr, Filter, LogicalPlan};
use millstream_core::{Result, spark_error};
use millstream_engine::error::from_datafusion;
use millstream_engine::functions::{Meaning, with_meaning};
use millstream_functions::data_type::structure;
use millstream_functions::{SessionWindow, TimeWindow, TypedExpr};

use super::Analyzer;
use super::attribute::{Attribute, with_entry};
use super::resolved_relation::{ResolvedRelation, project};
use windows_of::WindowsOf;

/// What a column of sessions is marked with in its metadata. The mark goes where the column goes, as in Spark.
const SESSION_MARK: &str = "spark.sessionWindow";

/// A window that an expression of the operator under analysis refers to by its column.
#[derive(Debug)]
pub(crate) struct PendingWindow {
    column: String,
    /// That of the time, and a mark.
    metadata: String,
    window: Kind,
}

#[derive(Debug)]
enum Kind {
    Time(TimeWindow),
    Session(Box<SessionWindow>),
}

impl Kind {
    fn time(&self) -> &TypedExpr {
        match self {
            Self::Time(window) => &window.time,
            Self::Session(window) => &window.time,
        }
    }

    /// What Spark marks the column with in its metadata.
    fn mark(&self) -> &'static str {
        match self {
            Self::Time(_) => "spark.timeWindow",
            Self::Session(_) => SESSION_MARK,
        }
    }

    /// The name under which the column can be asked for.
    fn name(&self) -> &'static str {
        match self {
            Self::Time(_) => "window",
            Self::Session(_) => "session_window",
        }
    }
}

impl Analyzer<'_> {
    /// The column in which a window will be found; asked for twice, it is computed once.
    pub(crate) fn time_window(&mut self, window: TimeWindow, metadata: Option<String>) -> TypedExpr {
        let known = self.windows.iter().position(|pending| {
            matches!(&pending.window, Kind::Time(known) if known.time.expr == window.time.expr
                && (known.window_us, known.slide_us, known.start_us) == (window.window_us, window.slide_us, window.start_us))
        });
        self.pending_window(known, Kind::Time(window), metadata)
    }

    /// The same of a session.
    pub(crate) fn session_window(&mut self, window: Box<SessionWindow>, metadata: Option<String>) -> TypedExpr {
        let known = self.windows.iter().position(|pending| {
            matches!(&pending.window, Kind::Session(known)
                if known.time.expr == window.time.expr && known.end.expr == window.end.expr)
        });
        self.pending_window(known, Kind::Session(window), metadata)
    }

    fn pending_window(&mut self, known: Option<usize>, window: Kind, of_time: Option<String>) -> TypedExpr {
        let (name, data_type) = (window.name(), window_type(&window.time().data_type));
        let column = match known {
            Some(at) => self.windows[at].column.clone(),
            None => {
                let column = self.fresh(name);
                let metadata = marked(of_time.as_deref(), window.mark());
                self.windows.push(PendingWindow { column: column.clone(), metadata, window });
                column
            }
        };
        TypedExpr::column(&column, data_type, false).with_sql(name)
    }

    /// Adds the windows that expressions over `input` asked for since the last call.
    pub(crate) fn with_time_windows(&mut self, input: ResolvedRelation) -> Result<ResolvedRelation> {
        let mut pending = std::mem::take(&mut self.windows);
        let Some(PendingWindow { column, metadata, window }) = pending.pop() else { return Ok(input) };
        if !pending.is_empty() {
            return Err(spark_error!("_LEGACY_ERROR_TEMP_1039"));
        }
        let name = window.name();
        let (plan, data_type) = match window {
            Kind::Time(window) => with_window(&input, &column, window, self.context.settings.ansi)?,
            Kind::Session(window) => with_session(&input, &column, *window)?,
        };
        let mut input = input.with_plan(plan);
        input.hidden.push(Attribute { metadata: Some(metadata), ..Attribute::new(name, column, data_type, false) });
        Ok(input)
    }

    /// The metadata of the window in this column, if one was asked for.
    pub(crate) fn metadata_of_window(&self, column: &str) -> Option<String> {
        self.windows.iter().find(|pending| pending.column == column).map(|pending| pending.metadata.clone())
    }

    /// The columns under which windows asked for so far can be named: `window.start` beside `GROUP BY window(…)`.
    pub(crate) fn named_windows(&self) -> Vec<Attribute> {
        let attribute = |pending: &PendingWindow| {
            let data_type = window_type(&pending.window.time().data_type);
            let metadata = Some(pending.metadata.clone());
            Attribute { metadata, ..Attribute::new(pending.window.name(), &pending.column, data_type, false) }
        };
        self.windows.iter().map(attribute).collect()
    }
}

/// Metadata with a mark of its own.
fn marked(metadata: Option<&str>, mark: &str) -> String {
    with_entry(metadata, mark, serde_json::Value::Bool(true))
}

/// A column with this metadata holds sessions, so that rows grouped by it are grouped by sessions that were merged.
pub(crate) fn is_session(metadata: Option<&str>) -> bool {
    let entries = metadata.and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
    entries.is_some_and(|entries| entries.get(SESSION_MARK).is_some_and(|mark| *mark == true))
}

/// The session of each event alone. Without a time, or with a gap that is none, there is no session.
fn with_session(input: &ResolvedRelation, column: &str, window: SessionWindow) -> Result<(LogicalPlan, DataType)> {
    let data_type = window_type(&window.time.data_type);
    let lasts = window.end.expr.gt(window.time.expr);
    let lasting = Filter::try_new(lasts, Arc::new(input.plan.clone()));
    let lasting = lasting.map(LogicalPlan::Filter).map_err(from_datafusion)?;
    let mut exprs: Vec<Expr> = lasting.schema().columns().into_iter().map(Expr::Column).collect();
    exprs.push(window.window.expr.alias(column));
    Ok((project(lasting, exprs)?, data_type))
}

/// The windows that each row is in.
fn with_window(
    input: &ResolvedRelation,
    column: &str,
    window: TimeWindow,
    ansi: bool,
) -> Result<(LogicalPlan, DataType)> {
    let mut exprs: Vec<Expr> = input.plan.schema().columns().into_iter().map(Expr::Column).collect();
    let time_type = window.time.data_type.clone();
    let data_type = window_type(&time_type);
    let with_time = Filter::try_new(window.time.expr.clone().is_not_null(), Arc::new(input.plan.clone()))
        .map(LogicalPlan::Filter)
        .map_err(from_datafusion)?;
    let function = WindowsOf::try_new(&window, ansi)?;
    let sliding = !function.is_tumbling();
    let function = with_meaning(function, Meaning::EventTime);
    exprs.push(function.call(vec![window.time.expr]).alias(column));
    let projected = project(with_time, exprs)?;
    Ok((if sliding { unnest(projected, column)? } else { projected }, data_type))
}

/// Turns a column of arrays into rows.
pub(crate) fn unnest(input: LogicalPlan, column: &str) -> Result<LogicalPlan> {
    let options = datafusion::common::UnnestOptions::new().with_preserve_nulls(false);
    let columns = vec![Column::new_unqualified(column)];
    datafusion::logical_expr::Unnest::try_new(Arc::new(input), columns, options)
        .map(LogicalPlan::Unnest)
        .map_err(from_datafusion)
}

/// STRUCT&lt;start, end&gt; of the time's type.
fn window_type(time: &DataType) -> DataType {
    structure([("start", time.clone(), true), ("end", time.clone(), true)])
}
