//! `observe`: metrics of the rows that pass.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Aggregate as AggregateNode, Expr};
use millstream_core::{Error, Result, spark_error};
use millstream_engine::error::from_datafusion;
use millstream_engine::functions::BatchTimestamp;
use millstream_engine::operators::ObservedMetrics;
use millstream_engine::plan::CollectMetricsNode;
use millstream_functions::data_type::quote_if_needed;
use millstream_functions::{Resolved, TypedExpr, lookup};
use spark_connect_proto::CollectMetrics;

use super::super::Analyzer;
use super::super::expression::{Item, has_aggregate};
use super::super::resolved_relation::ResolvedRelation;
use super::super::scope::Scope;

/// An `observe` of a plan.
#[derive(Debug, Clone)]
pub struct Observation {
    /// The plan id of the DataFrame that `observe` gave; the client tells observations apart by it.
    pub plan_id: i64,
    /// Where the metrics are when the rows have been read.
    pub metrics: Arc<ObservedMetrics>,
}

impl Analyzer<'_> {
    pub(super) fn collect_metrics(
        &mut self,
        observe: &CollectMetrics,
        plan_id: Option<i64>,
    ) -> Result<ResolvedRelation> {
        let input = self.input(observe.input.as_deref())?.without_hidden()?;
        if observe.name.is_empty() {
            return Err(Error::invalid("observe() without a name for its metrics"));
        }
        let items = self.items(&observe.metrics, Scope::over(&input))?;
        if !self.windows.is_empty() {
            return Err(Error::unsupported("A time window in observe() is not supported."));
        }
        items.iter().try_for_each(check_metric)?;
        let (aggregates, metrics) = self.without_groups(&items)?;
        let aggregated = if aggregates.is_empty() {
            Arc::new(DFSchema::empty())
        } else {
            let node = AggregateNode::try_new(Arc::new(input.plan.clone()), Vec::new(), aggregates.clone());
            node.map_err(from_datafusion)?.schema
        };
        let fields = items.iter().map(|item| Field::new(&item.name, item.expr.data_type.clone(), true));
        let shown = Schema::new(fields.collect::<Vec<_>>());
        let (metrics, shown) =
            if input.streaming { self.as_json(&items, metrics)? } else { (metrics, Arc::new(shown)) };
        let observed = self.observed(&observe.name, plan_id.unwrap_or_default())?;
        let node = CollectMetricsNode { observed, aggregates, aggregated, metrics, shown };
        let plan = node.over(input.plan.clone())?;
        Ok(input.with_plan(plan))
    }

    /// The place for metrics of this name. A DataFrame that is used twice is observed under one name; another one must
    /// have a name of its own.
    fn observed(&mut self, name: &str, plan_id: i64) -> Result<Arc<ObservedMetrics>> {
        match self.observations.iter().find(|known| known.metrics.name() == name) {
            Some(known) if known.plan_id == plan_id => Ok(Arc::clone(&known.metrics)),
            Some(_) => Err(spark_error!("DUPLICATED_METRICS_NAME", metricName = name)),
            None => {
                let metrics = Arc::new(ObservedMetrics::new(name));
                self.observations.push(Observation { plan_id, metrics: Arc::clone(&metrics) });
                Ok(metrics)
            }
        }
    }

    /// The metrics as the progress of a stream shows them (Spark: `Row.json`).
    fn as_json(&self, items: &[Item], metrics: Vec<Expr>) -> Result<(Vec<Expr>, Arc<Schema>)> {
        let mut fields = Vec::with_capacity(2 * items.len());
        for (item, expr) in items.iter().zip(metrics) {
            if let Some(shape) = without_json(&item.expr.data_type) {
                return Err(Error::unsupported(format!("A metric of a stream that holds {shape} is not supported.")));
            }
            if expr.exists(|inner| Ok(is_batch_time(inner))).map_err(from_datafusion)? {
                return Err(Error::unsupported(
                    "The time of a batch outside of an aggregate function in observe() is not supported.",
                ));
            }
            fields.push(text(&item.name));
            fields.push(TypedExpr { expr, ..item.expr.clone() });
        }
        let options = [("ignoreNullFields", "false"), ("timestampFormat", "yyyy-MM-dd HH:mm:ss")];
        let options = options.iter().flat_map(|(key, value)| [text(key), text(value)]).collect();
        let row = self.scalar("named_struct", fields)?;
        let json = self.scalar("to_json", vec![row, self.scalar("map", options)?])?;
        Ok((vec![json.expr], Arc::new(Schema::new(vec![Field::new("json", DataType::Utf8, true)]))))
    }

    /// A call of a function that gives one value.
    fn scalar(&self, name: &str, arguments: Vec<TypedExpr>) -> Result<TypedExpr> {
        let entry = lookup(name).ok_or_else(|| Error::internal(format!("the function {name} is gone")))?;
        let context = self.function_context(true);
        match entry.resolve(&entry.call(name, arguments, &context))? {
            Resolved::Scalar(expr) => Ok(expr),
            _ => Err(Error::internal(format!("the function {name} gives no single value"))),
        }
    }
}

fn text(value: &str) -> TypedExpr {
    TypedExpr::literal(value.into(), value)
}

/// What a type holds that Spark's `Row.json` writes in another way than `to_json`, or not at all.
fn without_json(data_type: &DataType) -> Option<&'static str> {
    match data_type {
        DataType::Interval(_) | DataType::Duration(_) => Some("an interval"),
        DataType::Map(_, _) => Some("a map"),
        DataType::List(element) => without_json(element.data_type()),
        DataType::Struct(fields) => fields.iter().find_map(|field| without_json(field.data_type())),
        _ => None,
    }
}

fn is_batch_time(expr: &Expr) -> bool {
    matches!(expr, Expr::ScalarFunction(call) if call.func.inner().is::<BatchTimestamp>())
}

/// A value that is another whenever it is computed. What fails on purpose must not be computed beforehand either, but
/// it is no chance.
fn is_by_chance(expr: &Expr) -> bool {
    let fails = matches!(expr, Expr::ScalarFunction(call) if matches!(call.name(), "raise_error" | "assert_true"));
    expr.is_volatile_node() && !is_batch_time(expr) && !fails
}

/// Refuses what Spark's `CheckAnalysis` refuses in a metric.
fn check_metric(item: &Item) -> Result<()> {
    let whole = || format!("\"{} AS {}\"", item.expr.sql, quote_if_needed(&item.name));
    let mut refused = None;
    item.expr
        .expr
        .apply(|expr| {
            refused = match expr {
                Expr::WindowFunction(_) => {
                    Some(spark_error!("INVALID_OBSERVED_METRICS.WINDOW_EXPRESSIONS_UNSUPPORTED", expr = whole()))
                }
                Expr::AggregateFunction(call) => {
                    let params = &call.params;
                    if params.args.iter().any(has_aggregate) {
                        Some(spark_error!("INVALID_OBSERVED_METRICS.NESTED_AGGREGATES_UNSUPPORTED", expr = whole()))
                    } else if params.distinct {
                        Some(spark_error!(
                            "INVALID_OBSERVED_METRICS.AGGREGATE_EXPRESSION_WITH_DISTINCT_UNSUPPORTED",
                            expr = whole(),
                        ))
                    } else if params.filter.is_some() {
                        Some(spark_error!(
                            "INVALID_OBSERVED_METRICS.AGGREGATE_EXPRESSION_WITH_FILTER_UNSUPPORTED",
                            expr = whole(),
                        ))
                    } else {
                        return Ok(TreeNodeRecursion::Jump);
                    }
                }
                Expr::Column(column) => {
                    let name = column.name.split('#').next().unwrap_or(&column.name);
                    let expr = format!("\"{name}\"");
                    Some(spark_error!("INVALID_OBSERVED_METRICS.NON_AGGREGATE_FUNC_ARG_IS_ATTRIBUTE", expr = expr))
                }
                inner if is_by_chance(inner) => Some(spark_error!(
                    "INVALID_OBSERVED_METRICS.NON_AGGREGATE_FUNC_ARG_IS_NON_DETERMINISTIC",
                    expr = whole(),
                )),
                _ => None,
            };
            Ok(if refused.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })
        .map_err(from_datafusion)?;
    refused.map_or(Ok(()), Err)
}
