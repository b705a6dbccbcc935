//! `fillna`, `dropna` and `replace`.

use arrow::datatypes::DataType;
use datafusion::logical_expr::{Expr, Filter, LogicalPlan, lit, when};
use millstream_core::{Error, Result};
use millstream_engine::error::from_datafusion;
use millstream_functions::data_type::is_numeric;
use millstream_functions::{TypedExpr, coercion};
use spark_connect_proto::expression::Literal;
use spark_connect_proto::{NaDrop, NaFill, NaReplace};
use std::sync::Arc;

use super::super::attribute::Attribute;
use super::super::expression::{Item, literal, required};
use super::super::resolved_relation::ResolvedRelation;
use super::super::scope::Scope;
use super::super::{Analyzer, error};

impl Analyzer<'_> {
    pub(super) fn fill_na(&mut self, one: &NaFill) -> Result<ResolvedRelation> {
        let input = self.input(one.input.as_deref())?;
        let chosen = self.chosen(&input, &one.cols)?;
        let mut items = Vec::with_capacity(input.columns.len());
        for column in &input.columns {
            let position = match chosen.iter().position(|name| *name == column.column) {
                Some(position) if one.values.len() > 1 => Some(position),
                Some(_) => Some(0),
                None => None,
            };
            let value = match position.and_then(|position| one.values.get(position)) {
                Some(value) => self.literal_for(value, column)?,
                None => None,
            };
            items.push(match value {
                Some(value) => Item::new(&column.name, filled(column, value)?),
                None => Item::pass(column),
            });
        }
        self.select_values(input, items)
    }

    /// The columns meant: those named, or all.
    fn chosen(&self, input: &ResolvedRelation, names: &[String]) -> Result<Vec<String>> {
        if names.is_empty() {
            return Ok(input.columns.iter().map(|column| column.column.clone()).collect());
        }
        let scope = Scope::over(input);
        names
            .iter()
            .map(|name| {
                let parts = std::slice::from_ref(name);
                if !input.columns.iter().any(|column| self.context.same_name(&column.name, name)) {
                    let known = input.columns.iter().map(|column| error::sql_id(std::slice::from_ref(&column.name)));
                    return Err(error::unresolved_among_proposals(parts, &known.collect::<Vec<_>>()));
                }
                Ok(scope.resolve(parts, self.context)?.0.column.clone())
            })
            .collect()
    }

    /// The value as one of the column's type; none where the kinds do not match, because then the column is left alone.
    fn literal_for(&self, value: &Literal, column: &Attribute) -> Result<Option<TypedExpr>> {
        let value = literal(value, self.context.settings.time_zone)?;
        let fits = match &value.data_type {
            DataType::Boolean => column.data_type == DataType::Boolean,
            DataType::Utf8 => column.data_type == DataType::Utf8,
            number if is_numeric(number) => is_numeric(&column.data_type),
            DataType::Null => true,
            _ => false,
        };
        if !fits {
            return Ok(None);
        }
        coercion::coerce_to(value, &column.data_type, &self.context.settings).map(Some)
    }

    pub(super) fn drop_na(&mut self, one: &NaDrop) -> Result<ResolvedRelation> {
        let input = self.input(one.input.as_deref())?;
        let chosen = self.chosen(&input, &one.cols)?;
        let present: Vec<Expr> =
            input.columns.iter().filter(|column| chosen.contains(&column.column)).map(is_present).collect();
        let least = match one.min_non_nulls {
            Some(least) => i64::from(least),
            None => i64::try_from(present.len()).map_err(|_| Error::invalid("too many columns"))?,
        };
        let count = present
            .into_iter()
            .map(|present| when(present, lit(1_i64)).otherwise(lit(0_i64)).map_err(from_datafusion))
            .reduce(|sum, one| Ok(sum? + one?));
        let condition = match count {
            Some(count) => count?.gt_eq(lit(least)),
            None => lit(true),
        };
        let plan = Filter::try_new(condition, Arc::new(input.plan.clone())).map_err(from_datafusion)?;
        Ok(input.with_plan(LogicalPlan::Filter(plan)))
    }

    pub(super) fn replace(&mut self, one: &NaReplace) -> Result<ResolvedRelation> {
        let input = self.input(one.input.as_deref())?;
        let chosen = self.chosen(&input, &one.cols)?;
        let mut items = Vec::with_capacity(input.columns.len());
        for column in &input.columns {
            if !chosen.contains(&column.column) {
                items.push(Item::pass(column));
                continue;
            }
            let mut branches: Option<datafusion::logical_expr::conditional_expressions::CaseBuilder> = None;
            let reference = column.reference().expr;
            for replacement in &one.replacements {
                let old = self.literal_for(required(replacement.old_value.as_ref())?, column)?;
                let new = self.literal_for(required(replacement.new_value.as_ref())?, column)?;
                if let (Some(old), Some(new)) = (old, new) {
                    let same = reference.clone().eq(old.expr);
                    branches = Some(match branches {
                        Some(mut before) => before.when(same, new.expr),
                        None => when(same, new.expr),
                    });
                }
            }
            items.push(match branches {
                Some(mut branches) => {
                    let expr = branches.otherwise(reference).map_err(from_datafusion)?;
                    Item::new(&column.name, TypedExpr::new(expr, column.data_type.clone(), true))
                }
                None => Item::pass(column),
            });
        }
        self.select_values(input, items)
    }
}

/// Not NULL, and not NaN either. (DataFusion's comparison has NaN equal to itself.)
fn is_present(column: &Attribute) -> Expr {
    let reference = column.reference().expr;
    match nan(&column.data_type) {
        Some(nan) => reference.clone().is_not_null().and(reference.not_eq(nan)),
        None => reference.is_not_null(),
    }
}

fn filled(column: &Attribute, value: TypedExpr) -> Result<TypedExpr> {
    let expr = when(is_present(column), column.reference().expr).otherwise(value.expr).map_err(from_datafusion)?;
    Ok(TypedExpr::new(expr, column.data_type.clone(), value.nullable && column.nullable))
}

fn nan(data_type: &DataType) -> Option<Expr> {
    match data_type {
        DataType::Float32 => Some(lit(f32::NAN)),
        DataType::Float64 => Some(lit(f64::NAN)),
        _ => None,
    }
}
