//! Arrays as sets, and arrays with elements added or taken away. Two elements are the same if they are equal or both
//! NULL.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int32Array, ListArray, StructArray, UInt32Array};
use arrow::compute::{concat, filter, interleave, is_not_null, take};
use arrow::datatypes::{DataType, Int32Type};
use arrow::row::{RowConverter, Rows, SortField};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use millstream_core::{Error, Result, spark_error};

use super::array::{element, lists_of, map_lists, with_element, with_element_at};
use crate::argument::{null_of, scalar};
use crate::call::{FunctionCall, Resolved};
use crate::coercion::lossless_type;
use crate::columns::ordering::normal_column;
use crate::data_type::{self, structure};
use crate::failure::{index_of_zero, sql_expr, sql_id, sql_type, unexpected_input_type};
use crate::kernel::{Evaluation, Function};
use crate::typed_expr::TypedExpr;

/// The elements of two arrays in a form in which equal ones have equal bytes.
fn comparable(left: &ArrayRef, right: &ArrayRef) -> Result<(Rows, Rows)> {
    let (left, right) = (normal_column(left), normal_column(right));
    let converter = RowConverter::new(vec![SortField::new(left.data_type().clone())])?;
    Ok((converter.convert_columns(&[left])?, converter.convert_columns(&[right])?))
}

/// Of two arrays, one after the other, the elements to keep: each once.
fn combined(one: &Evaluation<'_>, keeps: fn(bool, bool) -> bool) -> Result<ArrayRef> {
    let right: &ListArray = one.columns[1].as_list();
    map_lists(one, |row, left| {
        // As in Spark, whichever zero came, the positive one is shown.
        let (left, right) = (normal_column(&left), normal_column(&right.value(row)));
        let (left_rows, right_rows) = comparable(&left, &right)?;
        let in_left: HashSet<_> = left_rows.iter().collect();
        let in_right: HashSet<_> = right_rows.iter().collect();
        let mut seen = HashSet::new();
        let places: Vec<u32> = left_rows
            .iter()
            .chain(right_rows.iter())
            .enumerate()
            .filter(|(_, key)| keeps(in_left.contains(key), in_right.contains(key)) && seen.insert(*key))
            .map(|(at, _)| at as u32)
            .collect();
        Ok(take(&concat(&[&left, &right])?, &UInt32Array::from(places), None)?)
    })
}

static UNION: Function = Function::total("array_union", |one| combined(one, |_, _| true));
static INTERSECT: Function = Function::total("array_intersect", |one| combined(one, |left, right| left && right));
static EXCEPT: Function = Function::total("array_except", |one| combined(one, |left, right| left && !right));

/// Two arrays of one type.
fn both(call: &FunctionCall<'_>) -> Result<[TypedExpr; 2]> {
    let differ = || {
        spark_error!(
            "DATATYPE_MISMATCH.BINARY_ARRAY_DIFF_TYPES",
            sqlExpr = sql_expr(&call.sql()),
            functionName = sql_id(call.name),
            arrayType = "\"ARRAY\"",
            leftType = sql_type(call.data_type(0)),
            rightType = sql_type(call.data_type(1)),
        )
    };
    let (DataType::List(left), DataType::List(right)) = (call.data_type(0), call.data_type(1)) else {
        return Err(differ());
    };
    let meeting = lossless_type(left.data_type(), right.data_type(), &call.context.settings);
    let meeting = meeting.ok_or_else(differ)?;
    let cast = |index: usize, contains_null| {
        call.cast(call.argument(index), &data_type::array(meeting.clone(), contains_null))
    };
    Ok([cast(0, left.is_nullable())?, cast(1, right.is_nullable())?])
}

fn set_operation(
    call: &FunctionCall<'_>,
    function: &'static Function,
    keeps_null: fn(bool, bool) -> bool,
) -> Result<Resolved> {
    let [left, right] = both(call)?;
    let contains_null = |one: &TypedExpr| matches!(&one.data_type, DataType::List(of) if of.is_nullable());
    let nulls = keeps_null(contains_null(&left), contains_null(&right));
    let DataType::List(of) = &left.data_type else { return unexpected_input_type(call, 0, "\"ARRAY\"") };
    let data_type = data_type::array(of.data_type().clone(), nulls);
    scalar(function.call([left, right], data_type, call))
}

pub(super) fn union(call: &FunctionCall<'_>) -> Result<Resolved> {
    set_operation(call, &UNION, |left, right| left || right)
}

pub(super) fn intersect(call: &FunctionCall<'_>) -> Result<Resolved> {
    set_operation(call, &INTERSECT, |left, right| left && right)
}

pub(super) fn except(call: &FunctionCall<'_>) -> Result<Resolved> {
    set_operation(call, &EXCEPT, |left, _| left)
}

static OVERLAP: Function = Function::total("arrays_overlap", |one| {
    let (left, right): (&ListArray, &ListArray) = (one.columns[0].as_list(), one.columns[1].as_list());
    let overlap = |row: usize| {
        if !one.all_valid(row) {
            return Ok(None);
        }
        let (left, right) = (left.value(row), right.value(row));
        let (left_rows, right_rows) = comparable(&left, &right)?;
        let present: HashSet<_> = (0..left.len()).filter(|&at| left.is_valid(at)).map(|at| left_rows.row(at)).collect();
        if (0..right.len()).any(|at| right.is_valid(at) && present.contains(&right_rows.row(at))) {
            return Ok(Some(true));
        }
        // One of them may be the NULL.
        let unknown = !left.is_empty() && !right.is_empty() && left.null_count() + right.null_count() > 0;
        Ok((!unknown).then_some(false))
    };
    Ok(Arc::new((0..one.rows).map(overlap).collect::<Result<BooleanArray>>()?))
});

pub(super) fn overlap(call: &FunctionCall<'_>) -> Result<Resolved> {
    let arrays = both(call)?;
    let contains_null = element(call, 0)?.is_nullable() || element(call, 1)?.is_nullable();
    let nullable = contains_null || arrays.iter().any(|one| one.nullable);
    scalar(OVERLAP.over(arrays, DataType::Boolean, nullable, &call.context.settings))
}

static REMOVE: Function = Function::total("array_remove", |one| {
    let wanted = &one.columns[1];
    map_lists(one, |row, values| {
        let (rows, wanted) = comparable(&values, &wanted.slice(row, 1))?;
        let keeps: BooleanArray = rows.iter().map(|key| Some(key != wanted.row(0))).collect();
        Ok(filter(&values, &keeps)?)
    })
});

pub(super) fn remove(call: &FunctionCall<'_>) -> Result<Resolved> {
    let [array, wanted] = with_element(call)?;
    let data_type = array.data_type.clone();
    scalar(REMOVE.call([array, wanted], data_type, call))
}

/// The arrays with the element of the second column, which may be NULL, at one end.
fn extended(one: &Evaluation<'_>, in_front: bool) -> Result<ArrayRef> {
    let list: &ListArray = one.columns[0].as_list();
    let extend = |row: usize| {
        let (values, added) = (list.value(row), one.columns[1].slice(row, 1));
        let parts: [&dyn Array; 2] = if in_front { [&added, &values] } else { [&values, &added] };
        Ok(concat(&parts)?)
    };
    let row = |row: usize| if list.is_valid(row) { extend(row).map(Some) } else { Ok(None) };
    lists_of(one.data_type, (0..one.rows).map(row).collect::<Result<_>>()?)
}

static APPEND: Function = Function::total("array_append", |one| extended(one, false));
static PREPEND: Function = Function::total("array_prepend", |one| extended(one, true));

fn extend(call: &FunctionCall<'_>, function: &'static Function) -> Result<Resolved> {
    let [array, added] = with_element(call)?;
    let DataType::List(of) = &array.data_type else { return unexpected_input_type(call, 0, "\"ARRAY\"") };
    let data_type = data_type::array(of.data_type().clone(), of.is_nullable() || added.nullable);
    let nullable = array.nullable;
    scalar(function.over([array, added], data_type, nullable, &call.context.settings))
}

pub(super) fn append(call: &FunctionCall<'_>) -> Result<Resolved> {
    extend(call, &APPEND)
}

pub(super) fn prepend(call: &FunctionCall<'_>) -> Result<Resolved> {
    extend(call, &PREPEND)
}

static INSERT: Function = Function::new("array_insert", |one| {
    let list: &ListArray = one.columns[0].as_list();
    let places = one.numbers::<Int32Type>(1);
    let null_bytes = arrow::array::new_null_array(list.values().data_type(), 1).to_data().get_slice_memory_size()?;
    let mut room = one.room("array_insert");
    let row = |row: usize| {
        if list.is_null(row) || places.is_null(row) {
            return Ok(None);
        }
        let place = i64::from(places.value(row));
        // What fills up the array is made, and then copied.
        let missing = (place.unsigned_abs() as usize).saturating_sub(list.value_length(row) as usize);
        room.take(missing.saturating_mul(null_bytes * 2))?;
        inserted(&list.value(row), &one.columns[2].slice(row, 1), place).map(Some)
    };
    lists_of(one.data_type, (0..one.rows).map(row).collect::<Result<_>>()?)
});

/// The values with one more at a place, counted from 1 or, if negative, from the end; NULLs fill what is between.
fn inserted(values: &ArrayRef, added: &ArrayRef, place: i64) -> Result<ArrayRef> {
    let length = values.len();
    let missing = |count: usize| arrow::array::new_null_array(values.data_type(), count);
    // Places this far out are refused by Spark too.
    let distance = usize::try_from(place.unsigned_abs()).unwrap_or(usize::MAX);
    Ok(match place {
        0 => return Err(index_of_zero()),
        1.. if distance > length => concat(&[values, &missing(distance - 1 - length), added])?,
        ..0 if distance > length + 1 => concat(&[added, &missing(distance - 1 - length), values])?,
        _ => {
            let before = if place > 0 { distance - 1 } else { length + 1 - distance };
            concat(&[&values.slice(0, before), added, &values.slice(before, length - before)])?
        }
    })
}

/// `array_insert(array, place, element)`
pub(super) fn insert(call: &FunctionCall<'_>) -> Result<Resolved> {
    let [array, added] = with_element_at(call, 2)?;
    if !data_type::is_integral(call.data_type(1)) {
        return unexpected_input_type(call, 1, "\"INT\"");
    }
    let DataType::List(of) = &array.data_type else { return unexpected_input_type(call, 0, "\"ARRAY\"") };
    let data_type = data_type::array(of.data_type().clone(), true);
    let place = call.int(1)?;
    let nullable = array.nullable || place.nullable;
    scalar(INSERT.over([array, place, added], data_type, nullable, &call.context.settings))
}

static COMPACT: Function =
    Function::total("array_compact", |one| map_lists(one, |_, values| Ok(filter(&values, &is_not_null(&values)?)?)));

pub(super) fn compact(call: &FunctionCall<'_>) -> Result<Resolved> {
    if *call.data_type(0) == DataType::Null {
        return null_of(&data_type::array(DataType::Null, true));
    }
    let data_type = data_type::array(element(call, 0)?.data_type().clone(), false);
    scalar(COMPACT.call([call.argument(0)], data_type, call))
}

static ZIP: Function = Function::total("arrays_zip", |one| {
    let DataType::List(entry) = one.data_type else { return Err(Error::internal("an array that is none")) };
    let DataType::Struct(fields) = entry.data_type() else { return Err(Error::internal("a struct that is none")) };
    let lists: Vec<&ListArray> = one.columns.iter().map(|column| column.as_list::<i32>()).collect();
    let zip = |row: usize| {
        let parts: Vec<ArrayRef> = lists.iter().map(|list| list.value(row)).collect();
        let length = parts.iter().map(|part| part.len()).max().unwrap_or(0);
        let columns = parts.iter().map(|part| padded(part, length)).collect::<Result<Vec<_>>>()?;
        Ok(Arc::new(StructArray::try_new_with_length(fields.clone(), columns, None, length)?) as ArrayRef)
    };
    let row = |row: usize| if one.all_valid(row) { zip(row).map(Some) } else { Ok(None) };
    lists_of(one.data_type, (0..one.rows).map(row).collect::<Result<_>>()?)
});

/// The values and then NULL, up to a length.
fn padded(values: &ArrayRef, length: usize) -> Result<ArrayRef> {
    if values.len() == length {
        return Ok(Arc::clone(values));
    }
    let null = arrow::array::new_null_array(values.data_type(), 1);
    let places: Vec<(usize, usize)> = (0..length).map(|at| if at < values.len() { (0, at) } else { (1, 0) }).collect();
    Ok(interleave(&[values, &null], &places)?)
}

/// The arrays side by side as an array of structs with these field names.
fn zipped(call: &FunctionCall<'_>, names: &[String]) -> Result<TypedExpr> {
    let mut fields = Vec::with_capacity(names.len());
    for (index, name) in names.iter().enumerate() {
        let data_type = match call.data_type(index) {
            DataType::Null => DataType::Null,
            _ => element(call, index)?.data_type().clone(),
        };
        fields.push((name.clone(), data_type, true));
    }
    let data_type = data_type::array(structure(fields), false);
    if call.arguments.iter().any(|one| one.data_type == DataType::Null) {
        let null = ScalarValue::try_from(&data_type).map_err(millstream_engine::error::from_datafusion)?;
        return Ok(TypedExpr::new(Expr::Literal(null, None), data_type, true));
    }
    Ok(ZIP.call(call.arguments.iter().cloned(), data_type, call))
}

/// A column gives its field a name, anything else its place does.
pub(super) fn zip(call: &FunctionCall<'_>) -> Result<Resolved> {
    let named = |index: usize, one: &TypedExpr| match &one.expr {
        Expr::Column(_) => one.sql.rsplit('.').next().unwrap_or_default().to_owned(),
        _ => index.to_string(),
    };
    let names: Vec<String> = call.arguments.iter().enumerate().map(|(index, one)| named(index, one)).collect();
    scalar(zipped(call, &names)?)
}

/// Pairs whose fields are called by their places.
pub(super) fn zip_by_place(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(zipped(call, &["0".to_owned(), "1".to_owned()])?)
}

static WITH_INDEX: Function = Function::total("array_with_index", |one| {
    let DataType::List(entry) = one.data_type else { return Err(Error::internal("an array that is none")) };
    let DataType::Struct(fields) = entry.data_type() else { return Err(Error::internal("a struct that is none")) };
    map_lists(one, |_, values| {
        let indexes: ArrayRef = Arc::new((0..values.len() as i32).collect::<Int32Array>());
        Ok(Arc::new(StructArray::try_new(fields.clone(), vec![values, indexes], None)?) as ArrayRef)
    })
});

/// Pairs of element and index, called `0` and `1`.
pub(super) fn with_index(call: &FunctionCall<'_>) -> Result<Resolved> {
    let element = element(call, 0)?;
    let pair = structure([("0", element.data_type().clone(), element.is_nullable()), ("1", DataType::Int32, false)]);
    scalar(WITH_INDEX.call([call.argument(0)], data_type::array(pair, false), call))
}
