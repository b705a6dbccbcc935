//! Choices: CASE, IF, COALESCE and what is made of them, the greatest and the least.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use datafusion::common::ScalarValue;
use datafusion::functions::core::expr_fn::coalesce as native_coalesce;
use datafusion::logical_expr::{Case, Expr};
use millstream_core::{QuerySettings, Result};

use crate::typed_expr::TypedExpr;

use super::argument::scalar;
use super::call::{FunctionCall, Resolved};
use super::entry::Arity::{AtLeast, Exactly};
use super::entry::FunctionEntry;
use super::failure::{differing_types, unexpected_input_type};
use super::kernel::{Evaluation, Function, native};
use super::operators::{equal, is_fallible, lazy_case, null_safe};
use super::sql_form::SqlForm;
use crate::argument::common_type_of;
use crate::coercion::common_type;
use crate::columns::ordering::{choose, less};

static NULLABLE: Function = Function::total("nullable", |one| Ok(Arc::clone(&one.columns[0])));

/// The same value of a type that can be NULL: for a subquery, which may have no row.
pub fn nullable(value: TypedExpr, settings: &QuerySettings) -> TypedExpr {
    let data_type = value.data_type.clone();
    NULLABLE.over([value], data_type, true, settings)
}

/// The conditional functions.
pub(super) static FUNCTIONS: &[FunctionEntry] = &[
    FunctionEntry::new("when", AtLeast(2), case_when, "the first branch whose condition is true").shown(SqlForm::Case),
    FunctionEntry::new("if", Exactly(3), if_else, "one value or the other")
        .shown(SqlForm::Template("(IF({}, {}, {}))")),
    FunctionEntry::new("iff", Exactly(3), if_else, "`if` by another name"),
    FunctionEntry::new("coalesce", AtLeast(1), coalesce, "the first value that is not NULL"),
    FunctionEntry::new("nvl", Exactly(2), coalesce, "the second value where the first is NULL").or(&["ifnull"]),
    FunctionEntry::new("nvl2", Exactly(3), nvl2, "the second value where the first is not NULL, else the third"),
    FunctionEntry::new("nullif", Exactly(2), nullif, "NULL where both are equal, else the first"),
    FunctionEntry::new("nullifzero", Exactly(1), nullifzero, "NULL for zero"),
    FunctionEntry::new("zeroifnull", Exactly(1), zeroifnull, "zero for NULL"),
    FunctionEntry::new("greatest", AtLeast(2), greatest, "the greatest value; NULL is skipped"),
    FunctionEntry::new("least", AtLeast(2), least, "the least value; NULL is skipped"),
    FunctionEntry::new("isnan", Exactly(1), is_nan, "whether a number is NaN"),
    FunctionEntry::new("nanvl", Exactly(2), nanvl, "the second value where the first is NaN"),
];

fn at(indexes: &[usize], call: &FunctionCall<'_>) -> Result<(DataType, Vec<TypedExpr>)> {
    let meeting = common_type_of(call, indexes)?;
    let cast = indexes.iter().map(|&index| call.cast(call.argument(index), &meeting)).collect::<Result<_>>()?;
    Ok((meeting, cast))
}

/// A condition; CASE refuses an untyped NULL as one, IF takes it.
fn condition(call: &FunctionCall<'_>, index: usize, takes_null: bool) -> Result<Expr> {
    match call.data_type(index) {
        DataType::Null if !takes_null => unexpected_input_type(call, index, "\"BOOLEAN\""),
        DataType::Boolean | DataType::Null => Ok(call.implicit(index, &DataType::Boolean)?.expr),
        _ => unexpected_input_type(call, index, "\"BOOLEAN\""),
    }
}

fn case_when(call: &FunctionCall<'_>) -> Result<Resolved> {
    let pairs = call.count() / 2;
    let has_else = call.count() % 2 == 1;
    let mut indexes: Vec<usize> = (0..pairs).map(|pair| pair * 2 + 1).collect();
    if has_else {
        indexes.push(call.count() - 1);
    }
    let (meeting, mut values) = at(&indexes, call)?;
    // Behind a condition that is always true nothing counts.
    let always = |pair: &usize| call.arguments[pair * 2].as_literal() == Some(&ScalarValue::from(true));
    let nullable = match (0..pairs).find(always) {
        Some(last) => values[..=last].iter().any(|value| value.nullable),
        None => !has_else || values.iter().any(|value| value.nullable),
    };
    let otherwise = if has_else { values.pop().map(|value| Box::new(value.expr)) } else { None };
    let branches = values
        .into_iter()
        .enumerate()
        .map(|(pair, value)| Ok((Box::new(condition(call, pair * 2, false)?), Box::new(value.expr))))
        .collect::<Result<Vec<_>>>()?;
    scalar(case_of(Case::new(None, branches, otherwise), meeting, nullable, call))
}

/// A CASE whose values are evaluated for the rows only that take them.
fn case_of(case: Case, data_type: DataType, nullable: bool, call: &FunctionCall<'_>) -> TypedExpr {
    let values = case.when_then_expr.iter().map(|(_, value)| value).chain(case.else_expr.as_ref());
    let fallible = data_type == DataType::Boolean && values.into_iter().any(|value| is_fallible(value));
    let case = if fallible { lazy_case(case, &call.context.settings) } else { Expr::Case(case) };
    native(case, data_type, nullable)
}

/// `CASE WHEN condition THEN yes ELSE no END`
fn choice(condition: Expr, yes: TypedExpr, no: TypedExpr, call: &FunctionCall<'_>) -> TypedExpr {
    let (data_type, nullable) = (yes.data_type.clone(), yes.nullable || no.nullable);
    let branches = vec![(Box::new(condition), Box::new(yes.expr))];
    case_of(Case::new(None, branches, Some(Box::new(no.expr))), data_type, nullable, call)
}

fn if_else(call: &FunctionCall<'_>) -> Result<Resolved> {
    let (_, mut values) = at(&[1, 2], call)?;
    let (no, yes) = (values.remove(1), values.remove(0));
    scalar(choice(condition(call, 0, true)?, yes, no, call))
}

fn coalesce(call: &FunctionCall<'_>) -> Result<Resolved> {
    let all: Vec<usize> = (0..call.count()).collect();
    let (meeting, values) = at(&all, call)?;
    let nullable = values.iter().all(|value| value.nullable);
    if values.len() == 1 {
        return scalar(call.argument(0));
    }
    if meeting == DataType::Boolean && values.iter().skip(1).any(|value| is_fallible(&value.expr)) {
        let present = |value: &TypedExpr| (Box::new(value.expr.clone().is_not_null()), Box::new(value.expr.clone()));
        let case = Case::new(None, values.iter().map(present).collect(), None);
        return scalar(case_of(case, meeting, nullable, call));
    }
    scalar(native(native_coalesce(values.into_iter().map(|value| value.expr).collect()), meeting, nullable))
}

fn nvl2(call: &FunctionCall<'_>) -> Result<Resolved> {
    let (_, mut values) = at(&[1, 2], call)?;
    let (no, yes) = (values.remove(1), values.remove(0));
    scalar(choice(call.argument(0).expr.is_not_null(), yes, no, call))
}

fn nullif(call: &FunctionCall<'_>) -> Result<Resolved> {
    let (_, mut values) = at(&[0, 1], call)?;
    let (right, left) = (values.remove(1), values.remove(0));
    let first = call.argument(0);
    let null = null_of(&first.data_type, call)?;
    scalar(choice(equal(left, right, call).expr, null, first, call))
}

fn null_of(data_type: &DataType, call: &FunctionCall<'_>) -> Result<TypedExpr> {
    call.cast(TypedExpr::literal(ScalarValue::Null, "NULL"), data_type)
}

fn zero(call: &FunctionCall<'_>, data_type: &DataType) -> Result<TypedExpr> {
    call.cast(TypedExpr::literal(ScalarValue::Int32(Some(0)), "0"), data_type)
}

fn nullifzero(call: &FunctionCall<'_>) -> Result<Resolved> {
    let value = call.numeric(0)?;
    let null = null_of(&value.data_type, call)?;
    let is_zero = equal(value.clone(), zero(call, &value.data_type)?, call);
    scalar(choice(is_zero.expr, null, value, call))
}

fn zeroifnull(call: &FunctionCall<'_>) -> Result<Resolved> {
    let value = if *call.data_type(0) == DataType::Null { call.int(0)? } else { call.numeric(0)? };
    // The zero is an INT, with which the value has to meet.
    let data_type = common_type([&value.data_type, &DataType::Int32], &call.context.settings)
        .ok_or_else(|| differing_types(call))?;
    let (value, zero) = (call.cast(value, &data_type)?, zero(call, &data_type)?);
    scalar(native(native_coalesce(vec![value.expr, zero.expr]), data_type, false))
}

static GREATEST: Function = Function::total("greatest", |one| extreme(one, true));
static LEAST: Function = Function::total("least", |one| extreme(one, false));

fn extreme(one: &Evaluation<'_>, greatest: bool) -> Result<ArrayRef> {
    let mut best = Arc::clone(&one.columns[0]);
    for column in &one.columns[1..] {
        let better = if greatest { less(&best, column)? } else { less(column, &best)? };
        // A NULL is never better, anything is better than NULL.
        let take = |row: usize| column.is_valid(row) && (best.is_null(row) || better.value(row));
        let mask: BooleanArray = (0..column.len()).map(|row| Some(take(row))).collect();
        best = choose(&mask, column, &best)?;
    }
    Ok(best)
}

fn resolve_extreme(call: &FunctionCall<'_>, function: &'static Function) -> Result<Resolved> {
    let all: Vec<usize> = (0..call.count()).collect();
    let is_string = |index: &usize| *call.data_type(*index) == DataType::Utf8;
    let is_other = |index: &usize| !matches!(call.data_type(*index), DataType::Utf8 | DataType::Null);
    // Strings and other types have no order among each other.
    if all.iter().any(is_string) && all.iter().any(is_other) {
        return Err(differing_types(call));
    }
    let (meeting, values) = at(&all, call)?;
    let nullable = values.iter().all(|value| value.nullable);
    scalar(function.over(values, meeting, nullable, &call.context.settings))
}

fn greatest(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve_extreme(call, &GREATEST)
}

fn least(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve_extreme(call, &LEAST)
}

static IS_NAN: Function = Function::total("isnan", |one| {
    let flags = nan_flags(&one.columns[0]);
    Ok(Arc::new(flags.iter().map(|flag| Some(flag == Some(true))).collect::<BooleanArray>()))
});

fn nan_flags(column: &ArrayRef) -> BooleanArray {
    match column.data_type() {
        DataType::Float32 => BooleanArray::from_unary(column.as_primitive::<Float32Type>(), f32::is_nan),
        _ => BooleanArray::from_unary(column.as_primitive::<Float64Type>(), f64::is_nan),
    }
}

/// A floating-point number; anything else as DOUBLE.
fn floating(call: &FunctionCall<'_>, index: usize) -> Result<TypedExpr> {
    if *call.data_type(index) == DataType::Float32 { Ok(call.argument(index)) } else { call.double(index) }
}

fn is_nan(call: &FunctionCall<'_>) -> Result<Resolved> {
    // Under one name, however it was called.
    let sql = format!("isnan({})", call.arguments[0].sql);
    scalar(IS_NAN.over([floating(call, 0)?], DataType::Boolean, false, &call.context.settings).with_sql(sql))
}

static NANVL: Function = Function::total("nanvl", |one| {
    let flags = nan_flags(&one.columns[0]);
    choose(&flags, &one.columns[1], &one.columns[0])
});

fn nanvl(call: &FunctionCall<'_>) -> Result<Resolved> {
    let both_float = (0..2).all(|index| *call.data_type(index) == DataType::Float32);
    let meeting = if both_float { DataType::Float32 } else { DataType::Float64 };
    scalar(NANVL.call([call.implicit(0, &meeting)?, call.implicit(1, &meeting)?], meeting, call))
}

/// `decode(value, search, result, …, otherwise)`: the result behind what equals the value; NULL equals NULL.
pub(super) fn decode(call: &FunctionCall<'_>) -> Result<Resolved> {
    let pairs = (call.count() - 1) / 2;
    let has_else = call.count().is_multiple_of(2);
    let mut results: Vec<usize> = (0..pairs).map(|pair| pair * 2 + 2).collect();
    if has_else {
        results.push(call.count() - 1);
    }
    let (meeting, mut values) = at(&results, call)?;
    let otherwise = if has_else { values.pop() } else { None };
    let nullable = otherwise.as_ref().is_none_or(|one| one.nullable) || values.iter().any(|one| one.nullable);
    let mut branches = Vec::with_capacity(pairs);
    for (pair, value) in values.into_iter().enumerate() {
        let (_, both) = at(&[0, pair * 2 + 1], call)?;
        let [subject, search]: [TypedExpr; 2] =
            both.try_into().map_err(|_| millstream_core::Error::internal("a comparison has two sides"))?;
        branches.push((Box::new(null_safe(subject, search, call).expr), Box::new(value.expr)));
    }
    let case = Case::new(None, branches, otherwise.map(|one| Box::new(one.expr)));
    scalar(case_of(case, meeting, nullable, call))
}
