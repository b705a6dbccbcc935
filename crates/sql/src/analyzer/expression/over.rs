//! Window functions: `f(…) OVER (…)`.

use arrow::datatypes::{DataType, IntervalDayTime, IntervalMonthDayNano};
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::{WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::{
    Expr, SortExpr, WindowFrame, WindowFrameBound, WindowFrameUnits, WindowFunctionDefinition,
};
use millstream_core::{Error, Result, spark_error};
use millstream_engine::error::from_datafusion;
use millstream_functions::data_type::{holds_map, is_numeric, sql_name};
use millstream_functions::{TypedExpr, constant_of, holds_floats, normal_key, normalized, over_rows};
use spark_connect_proto::Expression;
use spark_connect_proto::expression::sort_order::SortDirection;
use spark_connect_proto::expression::window::WindowFrame as SpecifiedFrame;
use spark_connect_proto::expression::window::window_frame::frame_boundary::Boundary;
use spark_connect_proto::expression::window::window_frame::{FrameBoundary, FrameType};
use spark_connect_proto::expression::{ExprType, SortOrder, Window};

use super::super::Analyzer;
use super::super::scope::Scope;
use super::call::sort_expr;
use super::required;

impl Analyzer<'_> {
    /// A key of a window as rows are told apart by it. A stream's state has the order of nested values for itself.
    fn window_key(&self, key: TypedExpr, scope: Scope<'_>) -> TypedExpr {
        match (scope.streaming, holds_floats(&key.data_type)) {
            (false, _) => normal_key(key, &self.context.settings),
            (true, true) => {
                let sql = key.sql.clone();
                normalized(key, &self.context.settings).with_sql(sql)
            }
            (true, false) => key,
        }
    }

    /// Resolves a window function with its window.
    pub(crate) fn over(&mut self, one: &Window, scope: Scope<'_>) -> Result<TypedExpr> {
        self.under_window = true;
        let function = self.expression(required(one.window_function.as_deref())?, scope);
        self.under_window = false;
        let function = function?;
        let mut partition = Vec::new();
        let mut texts = Vec::new();
        for expression in &one.partition_spec {
            let key = self.expression(expression, scope)?;
            if holds_map(&key.data_type) {
                return Err(spark_error!(
                    "EXPRESSION_TYPE_IS_NOT_ORDERABLE",
                    expr = format!("\"{}\"", key.sql),
                    exprType = format!("\"{}\"", sql_name(&key.data_type)),
                ));
            }
            let key = self.window_key(key, scope);
            texts.push(key.sql);
            partition.push(key.expr);
        }
        let mut text = if texts.is_empty() { String::new() } else { format!("PARTITION BY {} ", texts.join(", ")) };
        let mut order = Vec::new();
        let mut order_texts = Vec::new();
        for key in &one.order_spec {
            let child = self.expression(required(key.child.as_deref())?, scope)?;
            let (sql, data_type) = (child.sql.clone(), child.data_type.clone());
            if holds_map(&data_type) {
                return Err(not_ordered(&sql, key, &data_type));
            }
            let key = sort_expr(self.window_key(child, scope), key);
            let (direction, nulls) =
                (if key.asc { "ASC" } else { "DESC" }, if key.nulls_first { "FIRST" } else { "LAST" });
            order_texts.push(format!("{sql} {direction} NULLS {nulls}"));
            order.push((key, data_type));
        }
        if !order_texts.is_empty() {
            text.push_str(&format!("ORDER BY {} ", order_texts.join(", ")));
        }
        let frame = self.frame(one, &function, &order, scope)?;
        let bounds = format!("{text}{}", frame_sql(&frame));
        check_frame(&function, one.frame_spec.is_some().then_some((&frame, bounds.as_str())), &order)?;
        check_order_of_its_own(&function, &frame, &order)?;
        let sql = match (offset_frame_sql(&function.expr), one.frame_spec.as_deref()) {
            (Some(sql), _) => sql,
            (None, Some(spec)) => self.frame_spec_sql(spec, scope)?,
            (None, None) => frame_sql(&frame),
        };
        text.push_str(&sql);
        let sql = format!("{} OVER ({text})", function.sql);
        if is_distinct(&function.expr) {
            return Err(spark_error!("DISTINCT_WINDOW_FUNCTION_UNSUPPORTED", windowExpr = format!("\"{sql}\"")));
        }
        let order = order.into_iter().map(|(key, _)| key).collect();
        let expr = with_window(function.expr.clone(), Windowing { partition, order, frame })
            .ok_or_else(|| not_a_window_function(&function.sql))?;
        Ok(TypedExpr { expr, sql, ..function })
    }

    fn frame(
        &mut self,
        one: &Window,
        function: &TypedExpr,
        order: &[(SortExpr, DataType)],
        scope: Scope<'_>,
    ) -> Result<WindowFrame> {
        let Some(spec) = one.frame_spec.as_deref() else {
            return default_frame(function, !order.is_empty());
        };
        let units = match spec.frame_type() {
            FrameType::Row => WindowFrameUnits::Rows,
            _ => WindowFrameUnits::Range,
        };
        // The distance of a range is one of values of the only key, that of rows a number of rows.
        let key = order.first().map(|(_, data_type)| data_type).filter(|_| units == WindowFrameUnits::Range);
        let lower = self.bound(spec, (true, key), scope)?;
        let upper = self.bound(spec, (false, key), scope)?;
        let places = [&lower, &upper].map(place_of);
        if places[0] > places[1] {
            return Err(spark_error!(
                "DATATYPE_MISMATCH.SPECIFIED_WINDOW_FRAME_WRONG_COMPARISON",
                sqlExpr = format!("\"{}\"", self.frame_spec_sql(spec, scope)?),
                comparison = "less than or equal",
            ));
        }
        Ok(WindowFrame::new_bounds(units, lower, upper))
    }

    /// The frame as it was given: `-1 FOLLOWING` is a number's, `1 PRECEDING` stands in SQL.
    fn frame_spec_sql(&mut self, spec: &SpecifiedFrame, scope: Scope<'_>) -> Result<String> {
        let mut bound = |one: Option<&FrameBoundary>, unbounded: &str| match required(one)?.boundary.as_ref() {
            Some(Boundary::CurrentRow(_)) => Ok::<_, Error>("CURRENT ROW".to_owned()),
            Some(Boundary::Value(value)) => Ok(match preceding(value) {
                Some(value) => format!("{} PRECEDING", self.expression(value, scope)?.sql),
                None => format!("{} FOLLOWING", self.expression(value, scope)?.sql),
            }),
            _ => Ok(unbounded.to_owned()),
        };
        let lower = bound(spec.lower.as_deref(), "UNBOUNDED PRECEDING")?;
        let upper = bound(spec.upper.as_deref(), "UNBOUNDED FOLLOWING")?;
        let units = if spec.frame_type() == FrameType::Row { "ROWS" } else { "RANGE" };
        Ok(format!("{units} BETWEEN {lower} AND {upper}"))
    }

    fn bound(
        &mut self,
        spec: &SpecifiedFrame,
        (lower, key): (bool, Option<&DataType>),
        scope: Scope<'_>,
    ) -> Result<WindowFrameBound> {
        let one = if lower { spec.lower.as_deref() } else { spec.upper.as_deref() };
        let value = match required(one)?.boundary.as_ref() {
            Some(Boundary::CurrentRow(_)) => return Ok(WindowFrameBound::CurrentRow),
            Some(Boundary::Unbounded(_)) if lower => {
                return Ok(WindowFrameBound::Preceding(ScalarValue::UInt64(None)));
            }
            Some(Boundary::Unbounded(_)) => return Ok(WindowFrameBound::Following(ScalarValue::UInt64(None))),
            Some(Boundary::Value(value)) => value,
            None => return Err(Error::invalid("a window frame lacks a bound")),
        };
        let (value, sign) = preceding(value).map_or((&**value, 1), |value| (value, -1));
        let value = self.expression(value, scope)?;
        let data_type = bound_type(&value.data_type, sign);
        if spec.frame_type() == FrameType::Row && data_type != DataType::Int32 {
            return Err(spark_error!(
                "DATATYPE_MISMATCH.SPECIFIED_WINDOW_FRAME_UNACCEPTED_TYPE",
                sqlExpr = format!("\"{}\"", self.frame_spec_sql(spec, scope)?),
                location = if lower { "lower" } else { "upper" },
                exprType = format!("\"{}\"", sql_name(&data_type)),
                expectedType = "\"INT\"",
            ));
        }
        let offset = match constant_of(&value.expr) {
            Some(ScalarValue::Int32(Some(number))) => sign * i64::from(number),
            Some(ScalarValue::Int64(Some(number)) | ScalarValue::DurationMicrosecond(Some(number))) => {
                number.saturating_mul(sign)
            }
            _ => {
                return Err(Error::unsupported(
                    "A window frame with bounds other than integers and day-time intervals is not supported.",
                ));
            }
        };
        let distance = match key {
            None => ScalarValue::UInt64(Some(offset.unsigned_abs())),
            Some(key) => range_distance(offset.saturating_abs(), key, &value.data_type)?,
        };
        Ok(match offset {
            0 => WindowFrameBound::CurrentRow,
            1.. => WindowFrameBound::Following(distance),
            _ => WindowFrameBound::Preceding(distance),
        })
    }
}

/// The type of a bound as Spark sees it: what stands before PRECEDING is negated, which makes a number of it.
fn bound_type(data_type: &DataType, sign: i64) -> DataType {
    match data_type {
        DataType::Utf8 | DataType::Null if sign < 0 => DataType::Float64,
        other => other.clone(),
    }
}

/// Where a bound lies, for comparing two of them: the unbounded ones at the ends.
fn place_of(bound: &WindowFrameBound) -> (i8, Option<i128>) {
    let distance = |value: &ScalarValue| match value {
        ScalarValue::UInt64(Some(rows)) => Some(i128::from(*rows)),
        ScalarValue::IntervalMonthDayNano(Some(span)) => Some(i128::from(span.nanoseconds)),
        ScalarValue::IntervalDayTime(Some(span)) => Some(i128::from(span.days)),
        other => match other.cast_to(&DataType::Int64) {
            Ok(ScalarValue::Int64(number)) => number.map(i128::from),
            _ => None,
        },
    };
    match bound {
        WindowFrameBound::Preceding(value) if value.is_null() => (-1, None),
        WindowFrameBound::Following(value) if value.is_null() => (1, None),
        WindowFrameBound::CurrentRow => (0, Some(0)),
        WindowFrameBound::Preceding(value) => (0, distance(value).map(|distance| -distance)),
        WindowFrameBound::Following(value) => (0, distance(value)),
    }
}

/// Spark's refusals of frames that were given: some functions have a frame of their own, and a range is one of values
/// of a single key. The frame comes with the text of its window.
fn check_frame(
    function: &TypedExpr,
    given: Option<(&WindowFrame, &str)>,
    order: &[(SortExpr, DataType)],
) -> Result<()> {
    let Some((frame, window_sql)) = given else { return Ok(()) };
    if let Some(name) = window_function_name(&function.expr) {
        match name.as_str() {
            "lag" | "lead" => return Err(spark_error!("_LEGACY_ERROR_TEMP_1035", prettyName = name)),
            "nth_value" => {}
            _ => {
                let units = if name == "cume_dist" { WindowFrameUnits::Range } else { WindowFrameUnits::Rows };
                let unbounded = WindowFrameBound::Preceding(ScalarValue::UInt64(None));
                let wanted = WindowFrame::new_bounds(units, unbounded, WindowFrameBound::CurrentRow);
                if (frame.units, &frame.start_bound, &frame.end_bound)
                    != (wanted.units, &wanted.start_bound, &wanted.end_bound)
                {
                    let (wf, required) = (tree_text(frame), tree_text(&wanted));
                    return Err(spark_error!("_LEGACY_ERROR_TEMP_1036", wf = wf, required = required));
                }
            }
        }
    }
    let is_value = |bound: &WindowFrameBound| match bound {
        WindowFrameBound::CurrentRow => false,
        WindowFrameBound::Preceding(value) | WindowFrameBound::Following(value) => !value.is_null(),
    };
    let sql = format!("\"({window_sql})\"");
    if frame.units != WindowFrameUnits::Range || is_unbounded(frame) {
        return Ok(());
    }
    if order.is_empty() {
        return Err(spark_error!("DATATYPE_MISMATCH.RANGE_FRAME_WITHOUT_ORDER", sqlExpr = sql));
    }
    if order.len() > 1 && [&frame.start_bound, &frame.end_bound].into_iter().any(is_value) {
        let keys: Vec<_> = order.iter().map(|(key, _)| key.to_string()).collect();
        return Err(spark_error!(
            "DATATYPE_MISMATCH.RANGE_FRAME_MULTI_ORDER",
            sqlExpr = sql,
            orderSpec = keys.join(","),
        ));
    }
    Ok(())
}

/// Spark's refusal of an order or a frame for functions that order the values of the whole partition themselves.
fn check_order_of_its_own(function: &TypedExpr, frame: &WindowFrame, order: &[(SortExpr, DataType)]) -> Result<()> {
    let is_median = matches!(function.expr, Expr::AggregateFunction(_)) && function.sql.starts_with("median(");
    let is_whole = frame.units == WindowFrameUnits::Rows && is_unbounded(frame);
    if !is_median || (order.is_empty() && is_whole) {
        return Ok(());
    }
    Err(spark_error!("INVALID_WINDOW_SPEC_FOR_AGGREGATION_FUNC", aggFunc = format!("\"{}\"", function.sql)))
}

fn is_unbounded(frame: &WindowFrame) -> bool {
    matches!(&frame.start_bound, WindowFrameBound::Preceding(value) if value.is_null())
        && matches!(&frame.end_bound, WindowFrameBound::Following(value) if value.is_null())
}

/// A frame as Spark's trees write it.
fn tree_text(frame: &WindowFrame) -> String {
    let bound = |bound: &WindowFrameBound| match bound {
        WindowFrameBound::CurrentRow => "currentrow$()".to_owned(),
        WindowFrameBound::Preceding(value) if value.is_null() => "unboundedpreceding$()".to_owned(),
        WindowFrameBound::Following(value) if value.is_null() => "unboundedfollowing$()".to_owned(),
        WindowFrameBound::Preceding(value) => format!("-{value}"),
        WindowFrameBound::Following(value) => value.to_string(),
    };
    let units = if frame.units == WindowFrameUnits::Range { "RangeFrame" } else { "RowFrame" };
    format!("specifiedwindowframe({units}, {}, {})", bound(&frame.start_bound), bound(&frame.end_bound))
}

/// The name of the window function in an expression, under casts and the like; none for an aggregate.
fn window_function_name(expr: &Expr) -> Option<String> {
    let mut name = None;
    let _ = expr.apply(|inner| {
        if let Expr::WindowFunction(function) = inner {
            name = Some(function.fun.name().to_lowercase());
            return Ok(TreeNodeRecursion::Stop);
        }
        Ok(TreeNodeRecursion::Continue)
    });
    name
}

fn is_distinct(expr: &Expr) -> bool {
    expr.exists(|inner| Ok(matches!(inner, Expr::AggregateFunction(one) if one.params.distinct))).unwrap_or(false)
}

fn not_ordered(sql: &str, key: &SortOrder, data_type: &DataType) -> Error {
    let (direction, nulls) = match key.direction() {
        SortDirection::Descending => ("DESC", "LAST"),
        _ => ("ASC", "FIRST"),
    };
    spark_error!(
        "DATATYPE_MISMATCH.INVALID_ORDERING_TYPE",
        sqlExpr = format!("\"{sql} {direction} NULLS {nulls}\""),
        functionName = "`sortorder`",
        dataType = format!("\"{}\"", sql_name(data_type)),
    )
}

/// What the parser negates for PRECEDING.
fn preceding(value: &Expression) -> Option<&Expression> {
    match value.expr_type.as_ref() {
        Some(ExprType::UnresolvedFunction(one)) if one.function_name == "negative" => one.arguments.first(),
        _ => None,
    }
}

/// The distance of a range frame's bound as what is added to the key it orders by.
fn range_distance(distance: i64, key: &DataType, given: &DataType) -> Result<ScalarValue> {
    let fits = matches!(given, DataType::Duration(_)) == matches!(key, DataType::Timestamp(_, _));
    match key {
        DataType::Timestamp(_, _) if fits => {
            Ok(ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNano::new(0, 0, distance.saturating_mul(1000)))))
        }
        DataType::Date32 if fits => {
            let days = i32::try_from(distance).unwrap_or(i32::MAX);
            Ok(ScalarValue::IntervalDayTime(Some(IntervalDayTime::new(days, 0))))
        }
        key if is_numeric(key) && fits => ScalarValue::Int64(Some(distance)).cast_to(key).map_err(from_datafusion),
        _ => Err(Error::unsupported(format!(
            "A RANGE frame over {} with bounds of {} is not supported.",
            sql_name(key),
            sql_name(given)
        ))),
    }
}

struct Windowing {
    partition: Vec<Expr>,
    order: Vec<SortExpr>,
    frame: WindowFrame,
}

/// Spark's frame when none is given: all rows without an order, those up to the current one (and its peers) with one.
fn default_frame(function: &TypedExpr, ordered: bool) -> Result<WindowFrame> {
    let is_aggregate = match &function.expr {
        // These are aggregates in Spark.
        Expr::WindowFunction(one) => matches!(one.fun.name(), "nth_value" | "cume_dist") && ordered,
        other => matches!(other, Expr::AggregateFunction(_)),
    };
    if !is_aggregate && !ordered {
        let name = function.sql.split('(').next().unwrap_or_default();
        return Err(spark_error!(
            "WINDOW_FUNCTION_FRAME_NOT_ORDERED",
            wf_name = name.to_lowercase(),
            wf_expr = function.sql,
        ));
    }
    let units = if is_aggregate && ordered { WindowFrameUnits::Range } else { WindowFrameUnits::Rows };
    let end = if is_aggregate && !ordered {
        WindowFrameBound::Following(ScalarValue::UInt64(None))
    } else {
        WindowFrameBound::CurrentRow
    };
    Ok(WindowFrame::new_bounds(units, WindowFrameBound::Preceding(ScalarValue::UInt64(None)), end))
}

/// The function with its window filled in, under casts and other wrappers of the function table too.
fn with_window(expr: Expr, windowing: Windowing) -> Option<Expr> {
    use datafusion::common::tree_node::Transformed;
    let mut found = false;
    let filled = expr.transform_down(|inner| {
        let (fun, params) = match inner {
            Expr::AggregateFunction(one) => {
                let params = one.params;
                let windowed = WindowFunctionParams {
                    args: params.args,
                    partition_by: Vec::new(),
                    order_by: Vec::new(),
                    window_frame: WindowFrame::new(None),
                    filter: params.filter,
                    null_treatment: params.null_treatment,
                    distinct: params.distinct,
                };
                (WindowFunctionDefinition::AggregateUDF(over_rows(one.func)), windowed)
            }
            Expr::WindowFunction(one) => (one.fun, one.params),
            other => return Ok(Transformed::no(other)),
        };
        found = true;
        let params = WindowFunctionParams {
            partition_by: windowing.partition.clone(),
            order_by: windowing.order.clone(),
            window_frame: windowing.frame.clone(),
            ..params
        };
        let filled = Expr::WindowFunction(Box::new(WindowFunction { fun, params }));
        Ok(Transformed::new(filled, true, TreeNodeRecursion::Jump))
    });
    filled.ok().filter(|_| found).map(|transformed| transformed.data)
}

/// `lag` and `lead` look at one row whatever frame they are given; Spark shows that row.
fn offset_frame_sql(expr: &Expr) -> Option<String> {
    let Expr::WindowFunction(function) = expr else { return None };
    let sign = match function.fun.name() {
        "lag" => -1,
        "lead" => 1,
        _ => return None,
    };
    let offset = match function.params.args.get(1) {
        Some(Expr::Literal(ScalarValue::Int64(Some(rows)), _)) => *rows,
        Some(Expr::Literal(ScalarValue::Int32(Some(rows)), _)) => i64::from(*rows),
        Some(_) => return None,
        None => 1,
    };
    let row = offset * sign;
    Some(format!("ROWS BETWEEN {row} FOLLOWING AND {row} FOLLOWING"))
}

fn frame_sql(frame: &WindowFrame) -> String {
    let units = match frame.units {
        WindowFrameUnits::Range => "RANGE",
        _ => "ROWS",
    };
    let bound = |bound: &WindowFrameBound| match bound {
        WindowFrameBound::CurrentRow => "CURRENT ROW".to_owned(),
        WindowFrameBound::Preceding(value) if value.is_null() => "UNBOUNDED PRECEDING".to_owned(),
        WindowFrameBound::Following(value) if value.is_null() => "UNBOUNDED FOLLOWING".to_owned(),
        WindowFrameBound::Preceding(value) => format!("{value} PRECEDING"),
        WindowFrameBound::Following(value) => format!("{value} FOLLOWING"),
    };
    format!("{units} BETWEEN {} AND {}", bound(&frame.start_bound), bound(&frame.end_bound))
}

fn not_a_window_function(sql: &str) -> Error {
    spark_error!("UNSUPPORTED_EXPR_FOR_WINDOW", sqlExpr = format!("\"{sql}\""))
}
