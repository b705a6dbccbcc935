//! Window functions: `f(…) OVER (…)`.

use arrow::datatypes::{DataType, IntervalDayTime, IntervalMonthDayNano};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::{
    Expr, SortExpr, WindowFrame, WindowFrameBound, WindowFrameUnits, WindowFunctionDefinition,
};
use millstream_core::{Error, Result, spark_error};
use millstream_engine::error::from_datafusion;
use millstream_functions::TypedExpr;
use millstream_functions::data_type::{is_numeric, sql_name};
use spark_connect_proto::Expression;
use spark_connect_proto::expression::window::WindowFrame as SpecifiedFrame;
use spark_connect_proto::expression::window::window_frame::frame_boundary::Boundary;
use spark_connect_proto::expression::window::window_frame::{FrameBoundary, FrameType};
use spark_connect_proto::expression::{ExprType, Window};

use super::super::scope::Scope;
use super::super::{Analyzer, error};
use super::call::sort_expr;
use super::required;

impl Analyzer<'_> {
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
            if error::holds_map(&key.data_type) {
                return Err(spark_error!(
                    "EXPRESSION_TYPE_IS_NOT_ORDERABLE",
                    expr = format!("\"{}\"", key.sql),
                    exprType = format!("\"{}\"", sql_name(&key.data_type)),
                ));
            }
            texts.push(key.sql);
            partition.push(key.expr);
        }
        let mut text = if texts.is_empty() { String::new() } else { format!("PARTITION BY {} ", texts.join(", ")) };
        let mut order = Vec::new();
        let mut order_texts = Vec::new();
        for key in &one.order_spec {
            let child = self.expression(required(key.child.as_deref())?, scope)?;
            let (sql, data_type) = (child.sql.clone(), child.data_type.clone());
            let key = sort_expr(child, key);
            let (direction, nulls) =
                (if key.asc { "ASC" } else { "DESC" }, if key.nulls_first { "FIRST" } else { "LAST" });
            order_texts.push(format!("{sql} {direction} NULLS {nulls}"));
            order.push((key, data_type));
        }
        if !order_texts.is_empty() {
            text.push_str(&format!("ORDER BY {} ", order_texts.join(", ")));
        }
        let frame = self.frame(one, &function, &order, scope)?;
        let sql = match (offset_frame_sql(&function.expr), one.frame_spec.as_deref()) {
            (Some(sql), _) => sql,
            (None, Some(spec)) => self.frame_spec_sql(spec, scope)?,
            (None, None) => frame_sql(&frame),
        };
        text.push_str(&sql);
        let sql = format!("{} OVER ({text})", function.sql);
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
        let lower = self.bound(spec.lower.as_deref(), (true, key), scope)?;
        let upper = self.bound(spec.upper.as_deref(), (false, key), scope)?;
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
        one: Option<&FrameBoundary>,
        (lower, key): (bool, Option<&DataType>),
        scope: Scope<'_>,
    ) -> Result<WindowFrameBound> {
        match required(one)?.boundary.as_ref() {
            Some(Boundary::CurrentRow(_)) => Ok(WindowFrameBound::CurrentRow),
            Some(Boundary::Unbounded(_)) if lower => Ok(WindowFrameBound::Preceding(ScalarValue::UInt64(None))),
            Some(Boundary::Unbounded(_)) => Ok(WindowFrameBound::Following(ScalarValue::UInt64(None))),
            Some(Boundary::Value(value)) => {
                let (value, sign) = preceding(value).map_or((&**value, 1), |value| (value, -1));
                let value = self.expression(value, scope)?;
                let offset = match value.as_literal() {
                    Some(ScalarValue::Int32(Some(number))) => sign * i64::from(*number),
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
            None => Err(Error::invalid("a window frame lacks a bound")),
        }
    }
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
    use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
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
                (WindowFunctionDefinition::AggregateUDF(one.func), windowed)
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
