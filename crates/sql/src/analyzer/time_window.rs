//! `window(time, length, slide, start)`: event-time windows as a column below the operator that asks for them. The
//! column of a session is made here too; merging sessions is the business of [`super::session_window`].
//!
//! The windows are aligned to the epoch in UTC, whatever the session's zone. Rows without a time are in no window and
//! drop out. Tumbling windows are one struct a row; sliding ones an array of structs, unnested.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, StructArray, TimestampMicrosecondArray};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, Fields, TimestampMicrosecondType};
use datafusion::common::{Column, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, Filter, LogicalPlan, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};
use millstream_core::{Result, spark_error};
use millstream_engine::error::from_datafusion;
use millstream_engine::functions::{Meaning, with_meaning};
use millstream_functions::data_type::{array, structure};
use millstream_functions::{SessionWindow, TimeWindow, TypedExpr};

use super::Analyzer;
use super::attribute::Attribute;
use super::expression::named_struct;
use super::resolved_relation::{ResolvedRelation, project};

/// A window that an expression of the operator under analysis refers to by its column.
#[derive(Debug)]
pub(crate) struct PendingWindow {
    column: String,
    window: Kind,
}

#[derive(Debug)]
enum Kind {
    Time(TimeWindow),
    Session(SessionWindow),
}

impl Kind {
    fn time(&self) -> &TypedExpr {
        match self {
            Self::Time(window) => &window.time,
            Self::Session(window) => &window.time,
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
    pub(crate) fn time_window(&mut self, window: TimeWindow) -> TypedExpr {
        let known = self.windows.iter().position(|pending| {
            matches!(&pending.window, Kind::Time(known) if known.time.expr == window.time.expr
                && (known.window_us, known.slide_us, known.start_us) == (window.window_us, window.slide_us, window.start_us))
        });
        self.pending_window(known, Kind::Time(window))
    }

    /// The same of a session.
    pub(crate) fn session_window(&mut self, window: SessionWindow) -> TypedExpr {
        let known = self.windows.iter().position(|pending| {
            matches!(&pending.window, Kind::Session(known)
                if known.time.expr == window.time.expr && known.end.expr == window.end.expr)
        });
        self.pending_window(known, Kind::Session(window))
    }

    fn pending_window(&mut self, known: Option<usize>, window: Kind) -> TypedExpr {
        let (name, data_type) = (window.name(), window_type(&window.time().data_type));
        let column = match known {
            Some(at) => self.windows[at].column.clone(),
            None => {
                let column = self.fresh(name);
                self.windows.push(PendingWindow { column: column.clone(), window });
                column
            }
        };
        TypedExpr::column(&column, data_type, false).with_sql(name)
    }

    /// The column of a session that was asked for since the last call of [`Self::with_time_windows`].
    pub(crate) fn pending_session(&self) -> Option<String> {
        let session = self.windows.iter().find(|pending| matches!(pending.window, Kind::Session(_)));
        session.map(|pending| pending.column.clone())
    }

    /// Adds the windows that expressions over `input` asked for since the last call.
    pub(crate) fn with_time_windows(&mut self, input: ResolvedRelation) -> Result<ResolvedRelation> {
        let mut pending = std::mem::take(&mut self.windows);
        let Some(PendingWindow { column, window }) = pending.pop() else { return Ok(input) };
        if !pending.is_empty() {
            return Err(spark_error!("_LEGACY_ERROR_TEMP_1039"));
        }
        let name = window.name();
        let (plan, data_type) = match window {
            Kind::Time(window) => with_window(&input, &column, window)?,
            Kind::Session(window) => self.with_session(&input, &column, window)?,
        };
        let mut input = input.with_plan(plan);
        input.hidden.push(Attribute::new(name, column, data_type, false));
        Ok(input)
    }

    /// The session of each event alone.
    fn with_session(
        &self,
        input: &ResolvedRelation,
        column: &str,
        window: SessionWindow,
    ) -> Result<(LogicalPlan, DataType)> {
        let data_type = window_type(&window.time.data_type);
        let lasts = window.end.expr.clone().gt(window.time.expr.clone());
        let lasting = Filter::try_new(lasts, Arc::new(input.plan.clone()));
        let lasting = lasting.map(LogicalPlan::Filter).map_err(from_datafusion)?;
        let edge = |edge: TypedExpr| TypedExpr { nullable: true, ..edge };
        let edges = vec![("start".to_owned(), edge(window.time)), ("end".to_owned(), edge(window.end))];
        let mut exprs: Vec<Expr> = lasting.schema().columns().into_iter().map(Expr::Column).collect();
        exprs.push(named_struct(edges, self.context)?.expr.alias(column));
        Ok((project(lasting, exprs)?, data_type))
    }

    /// The columns under which windows asked for so far can be named: `window.start` beside `GROUP BY window(…)`.
    pub(crate) fn named_windows(&self) -> Vec<Attribute> {
        let attribute = |pending: &PendingWindow| {
            let data_type = window_type(&pending.window.time().data_type);
            Attribute::new(pending.window.name(), &pending.column, data_type, false)
        };
        self.windows.iter().map(attribute).collect()
    }
}

/// The windows that each row is in.
fn with_window(input: &ResolvedRelation, column: &str, window: TimeWindow) -> Result<(LogicalPlan, DataType)> {
    let mut exprs: Vec<Expr> = input.plan.schema().columns().into_iter().map(Expr::Column).collect();
    let time_type = window.time.data_type.clone();
    let data_type = window_type(&time_type);
    let with_time = Filter::try_new(window.time.expr.clone().is_not_null(), Arc::new(input.plan.clone()))
        .map(LogicalPlan::Filter)
        .map_err(from_datafusion)?;
    let sliding = window.window_us != window.slide_us;
    let function = WindowOf {
        window_us: window.window_us,
        slide_us: window.slide_us,
        start_us: window.start_us,
        time_type,
        signature: Signature::any(1, Volatility::Immutable),
    };
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

/// The windows of a time: the one where windows do not overlap, else an array of all.
#[derive(Debug, Clone, PartialEq, Eq)]
struct WindowOf {
    window_us: i64,
    slide_us: i64,
    start_us: i64,
    time_type: DataType,
    signature: Signature,
}

impl Hash for WindowOf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.window_us, self.slide_us, self.start_us, &self.time_type).hash(state);
    }
}

impl WindowOf {
    fn tumbling(&self) -> bool {
        self.window_us == self.slide_us
    }

    /// The start of the last window that a time is in.
    fn last_start(&self, time_us: i64) -> i64 {
        time_us.wrapping_sub(time_us.wrapping_sub(self.start_us).rem_euclid(self.slide_us))
    }

    fn fields(&self) -> Fields {
        Fields::from(vec![
            Field::new("start", self.time_type.clone(), true),
            Field::new("end", self.time_type.clone(), true),
        ])
    }

    /// Windows that start at these moments.
    fn windows(&self, starts: Vec<i64>) -> StructArray {
        let ends: Vec<i64> = starts.iter().map(|start| start.wrapping_add(self.window_us)).collect();
        let column = |values: Vec<i64>| -> ArrayRef {
            Arc::new(TimestampMicrosecondArray::from(values).with_data_type(self.time_type.clone()))
        };
        StructArray::new(self.fields(), vec![column(starts), column(ends)], None)
    }

    fn compute(&self, times: &TimestampMicrosecondArray) -> ArrayRef {
        if self.tumbling() {
            let starts = times.values().iter().map(|time| self.last_start(*time)).collect();
            let windows = self.windows(starts);
            let (fields, columns, _) = windows.into_parts();
            return Arc::new(StructArray::new(fields, columns, times.nulls().cloned()));
        }
        let mut starts = Vec::with_capacity(times.len());
        let mut offsets = Vec::with_capacity(times.len() + 1);
        offsets.push(0_i32);
        for time in times {
            if let Some(time) = time {
                let mut start = self.last_start(time);
                while start.wrapping_add(self.window_us) > time {
                    starts.push(start);
                    start = start.wrapping_sub(self.slide_us);
                }
            }
            offsets.push(i32::try_from(starts.len()).unwrap_or(i32::MAX));
        }
        let element = Arc::new(Field::new_list_field(DataType::Struct(self.fields()), false));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        Arc::new(ListArray::new(element, offsets, Arc::new(self.windows(starts)), None))
    }
}

impl ScalarUDFImpl for WindowOf {
    fn name(&self) -> &str {
        "window"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> datafusion::error::Result<DataType> {
        let window = window_type(&self.time_type);
        Ok(if self.tumbling() { window } else { array(window, false) })
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> datafusion::error::Result<Arc<Field>> {
        let nullable = self.tumbling() && arguments.arg_fields.iter().any(|field| field.is_nullable());
        Ok(Arc::new(Field::new(self.name(), self.return_type(&[])?, nullable)))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> datafusion::error::Result<ColumnarValue> {
        let rows = arguments.number_rows;
        let [time] = arguments.args.as_slice() else { return exec_err!("window is computed of one time") };
        let column = time.to_array(rows)?;
        match column.as_primitive_opt::<TimestampMicrosecondType>() {
            Some(times) => Ok(ColumnarValue::Array(self.compute(times))),
            None => exec_err!("window is computed of a timestamp, not {}", column.data_type()),
        }
    }
}
