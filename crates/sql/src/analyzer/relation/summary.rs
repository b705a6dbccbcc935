//! `describe` and `summary`: statistics of columns as text, a row a statistic.
//!
//! Written as a union of one aggregation a statistic over the same input, in the messages that a client would send.

use arrow::datatypes::DataType;
use millstream_core::{Error, Result};
use millstream_functions::data_type::{is_numeric, quote_if_needed};
use spark_connect_proto::expression::cast::{CastToType, EvalMode};
use spark_connect_proto::expression::literal::LiteralType;
use spark_connect_proto::expression::{Alias, Cast, ExprType, Literal, UnresolvedAttribute, UnresolvedFunction};
use spark_connect_proto::relation::RelType;
use spark_connect_proto::{Expression, Project, Relation, StatDescribe, StatSummary};

use super::super::Analyzer;
use super::super::attribute::Attribute;
use super::super::error;
use super::super::expression::required;
use super::super::resolved_relation::ResolvedRelation;
use super::super::scope::Scope;

/// What `describe` shows.
const DESCRIBED: [&str; 5] = ["count", "mean", "stddev", "min", "max"];
/// What `summary` shows when it is not told.
const SUMMARISED: [&str; 8] = ["count", "mean", "stddev", "min", "25%", "50%", "75%", "max"];

impl Analyzer<'_> {
    pub(super) fn describe(&mut self, one: &StatDescribe) -> Result<ResolvedRelation> {
        let statistics = DESCRIBED.map(str::to_owned);
        self.statistics(required(one.input.as_deref())?, &one.cols, &statistics)
    }

    pub(super) fn summary(&mut self, one: &StatSummary) -> Result<ResolvedRelation> {
        let default = SUMMARISED.map(str::to_owned).to_vec();
        let statistics = if one.statistics.is_empty() { &default } else { &one.statistics };
        self.statistics(required(one.input.as_deref())?, &[], statistics)
    }

    fn statistics(&mut self, input: &Relation, names: &[String], statistics: &[String]) -> Result<ResolvedRelation> {
        let columns = self.described_columns(input, names)?;
        let mut rows = Vec::with_capacity(statistics.len());
        for statistic in statistics {
            let mut expressions = vec![alias(literal(LiteralType::String(statistic.clone())), "summary")];
            for (column, data_type) in &columns {
                let value = statistic_of(statistic, attribute(column), data_type)?;
                expressions.push(alias(cast(value, "string", EvalMode::Unspecified), column));
            }
            let project = Project { input: Some(Box::new(input.clone())), expressions };
            rows.push(self.relation(&Relation { common: None, rel_type: Some(RelType::Project(Box::new(project))) })?);
        }
        self.union_all(rows)
    }

    /// The columns named, or all of numbers and strings.
    fn described_columns(&mut self, input: &Relation, names: &[String]) -> Result<Vec<(String, DataType)>> {
        let resolved = self.relation(input)?;
        if resolved.streaming {
            return Err(error::not_over_stream(
                "describe and summary are not supported on streaming DataFrames/Datasets",
            ));
        }
        if names.is_empty() {
            let has_statistics =
                |column: &Attribute| is_numeric(&column.data_type) || column.data_type == DataType::Utf8;
            let shown = resolved.columns.into_iter().filter(has_statistics);
            return Ok(shown.map(|column| (column.name, column.data_type)).collect());
        }
        let scope = Scope::over(&resolved);
        names
            .iter()
            .map(|name| {
                let (attribute, _) = scope.resolve(std::slice::from_ref(name), self.context)?;
                Ok((name.clone(), attribute.data_type.clone()))
            })
            .collect()
    }
}

fn statistic_of(statistic: &str, column: Expression, data_type: &DataType) -> Result<Expression> {
    let number = |column| match data_type {
        DataType::Utf8 => cast(column, "double", EvalMode::Try),
        _ => column,
    };
    let value = match statistic {
        "count" | "min" | "max" => call(statistic, vec![column]),
        "mean" => call("avg", vec![number(column)]),
        "stddev" => call("stddev", vec![number(column)]),
        "count_distinct" | "approx_count_distinct" => call(statistic, vec![column]),
        percentile => {
            let share =
                percentile.strip_suffix('%').and_then(|digits| digits.parse::<f64>().ok()).ok_or_else(|| {
                    Error::illegal_argument(format!("requirement failed: {percentile} is not a recognised statistic"))
                })?;
            let share = literal(LiteralType::Double(share / 100.0));
            call("percentile_approx", vec![number(column), share])
        }
    };
    Ok(value)
}

pub(super) fn cast(expr: Expression, type_name: &str, mode: EvalMode) -> Expression {
    expression(ExprType::Cast(Box::new(Cast {
        expr: Some(Box::new(expr)),
        eval_mode: mode.into(),
        cast_to_type: Some(CastToType::TypeStr(type_name.to_owned())),
    })))
}

fn expression(kind: ExprType) -> Expression {
    Expression { common: None, expr_type: Some(kind) }
}

pub(super) fn literal(value: LiteralType) -> Expression {
    expression(ExprType::Literal(Literal { literal_type: Some(value), data_type: None }))
}

pub(super) fn attribute(name: &str) -> Expression {
    let unparsed_identifier = quote_if_needed(name);
    expression(ExprType::UnresolvedAttribute(UnresolvedAttribute { unparsed_identifier, ..Default::default() }))
}

pub(super) fn alias(expr: Expression, name: &str) -> Expression {
    expression(ExprType::Alias(Box::new(Alias {
        expr: Some(Box::new(expr)),
        name: vec![name.to_owned()],
        metadata: None,
    })))
}

pub(super) fn call(name: &str, arguments: Vec<Expression>) -> Expression {
    let function = UnresolvedFunction { function_name: name.to_owned(), arguments, ..Default::default() };
    expression(ExprType::UnresolvedFunction(function))
}
