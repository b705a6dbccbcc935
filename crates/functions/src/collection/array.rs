//! What can be asked of an array, and arrays made of one.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Int64Array, ListArray, StringArray, UInt32Array, UInt64Array,
    make_comparator, new_empty_array, new_null_array,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{SortOptions, concat, sort_to_indices, take};
use arrow::datatypes::{DataType, Field, FieldRef, Int32Type};
use arrow::row::{RowConverter, SortField};
use datafusion::common::ScalarValue;
use millstream_core::{Error, Result, spark_error};

use crate::argument::{null_of, scalar};
use crate::call::{FunctionCall, Resolved};
use crate::coercion::{has_string, lossless_type, wider_type};
use crate::columns::ordering::normal_column;
use crate::data_type;
use crate::data_type::holds_map;
use crate::failure::{invalid_ordering_type, null_type, sql_expr, sql_id, sql_type, unexpected_input_type};
use crate::kernel::{Evaluation, Function};
use crate::typed_expr::TypedExpr;

/// The element's field of an array argument.
pub(super) fn element(call: &FunctionCall<'_>, index: usize) -> Result<FieldRef> {
    match call.data_type(index) {
        DataType::List(element) => Ok(Arc::clone(element)),
        _ => unexpected_input_type(call, index, "\"ARRAY\""),
    }
}

/// A column of arrays, from the elements of each row; `None` is NULL.
pub(crate) fn lists_of(data_type: &DataType, rows: Vec<Option<ArrayRef>>) -> Result<ArrayRef> {
    let DataType::List(element) = data_type else {
        return Err(Error::internal("an array that is none"));
    };
    let nulls = rows.iter().map(Option::is_some).collect::<Vec<bool>>().into();
    let lengths = rows.iter().map(|row| row.as_ref().map_or(0, |elements| elements.len()));
    let offsets = OffsetBuffer::from_lengths(lengths);
    let parts: Vec<&dyn Array> = rows.iter().flatten().map(AsRef::as_ref).collect();
    let values = if parts.is_empty() { new_empty_array(element.data_type()) } else { concat(&parts)? };
    Ok(Arc::new(ListArray::try_new(Arc::clone(element), offsets, values, Some(nulls))?))
}

/// A new array of the elements of each row's.
pub(super) fn map_lists(one: &Evaluation<'_>, map: impl Fn(usize, ArrayRef) -> Result<ArrayRef>) -> Result<ArrayRef> {
    let list: &ListArray = one.columns[0].as_list();
    let row = |row: usize| if one.all_valid(row) { map(row, list.value(row)).map(Some) } else { Ok(None) };
    lists_of(one.data_type, (0..one.rows).map(row).collect::<Result<_>>()?)
}

/// Array and element in types that can be compared.
pub(super) fn with_element(call: &FunctionCall<'_>) -> Result<[TypedExpr; 2]> {
    with_element_at(call, 1)
}

/// The same where the element is another argument.
pub(super) fn with_element_at(call: &FunctionCall<'_>, at: usize) -> Result<[TypedExpr; 2]> {
    let meeting = lossless_type(element(call, 0)?.data_type(), call.data_type(at), &call.context.settings);
    meeting_at(call, at, meeting)
}

/// The same for who only compares: numbers may lose digits, but a string is compared with strings alone.
fn with_wider_element(call: &FunctionCall<'_>) -> Result<[TypedExpr; 2]> {
    let (of, settings) = (element(call, 0)?, &call.context.settings);
    let (of, wanted) = (of.data_type(), call.data_type(1));
    let wider = || if has_string(of) || has_string(wanted) { None } else { wider_type(of, wanted, settings) };
    meeting_at(call, 1, lossless_type(of, wanted, settings).or_else(wider))
}

fn meeting_at(call: &FunctionCall<'_>, at: usize, meeting: Option<DataType>) -> Result<[TypedExpr; 2]> {
    let of = element(call, 0)?;
    let Some(meeting) = meeting else {
        return Err(spark_error!(
            "DATATYPE_MISMATCH.ARRAY_FUNCTION_DIFF_TYPES",
            sqlExpr = sql_expr(&call.sql()),
            functionName = sql_id(call.name),
            dataType = "\"ARRAY\"",
            leftType = sql_type(call.data_type(0)),
            rightType = sql_type(call.data_type(at)),
        ));
    };
    let array = call.cast(call.argument(0), &data_type::array(meeting.clone(), of.is_nullable()))?;
    Ok([array, call.cast(call.argument(at), &meeting)?])
}

/// The index of an element, if there is one, and whether the array has a NULL.
type Found = (Option<usize>, bool);

/// For each row, the index of the wanted element within its array, and whether the array has a NULL.
fn search(one: &Evaluation<'_>) -> Result<Vec<Option<Found>>> {
    let list: &ListArray = one.columns[0].as_list();
    let (values, wanted) = (normal_column(list.values()), normal_column(&one.columns[1]));
    let compare = make_comparator(&values, &wanted, SortOptions::default())?;
    let find = |row: usize| {
        if !one.all_valid(row) {
            return None;
        }
        let mut elements = list.value_offsets()[row] as usize..list.value_offsets()[row + 1] as usize;
        let first = elements.start;
        let has_null = values.null_count() > 0 && elements.clone().any(|at| values.is_null(at));
        let found = elements.find(|&at| values.is_valid(at) && compare(at, row).is_eq());
        Some((found.map(|at| at - first), has_null))
    };
    Ok((0..one.rows).map(find).collect())
}

static CONTAINS: Function = Function::total("array_contains", |one| {
    let answer = |found: Option<Found>| match found? {
        (Some(_), _) => Some(true),
        // It may be the NULL.
        (None, true) => None,
        (None, false) => Some(false),
    };
    Ok(Arc::new(search(one)?.into_iter().map(answer).collect::<BooleanArray>()))
});

pub(super) fn contains(call: &FunctionCall<'_>) -> Result<Resolved> {
    if [0, 1].into_iter().any(|index| *call.data_type(index) == DataType::Null) {
        return Err(null_type(call));
    }
    let contains_null = element(call, 0)?.is_nullable();
    let arguments = with_wider_element(call)?;
    let nullable = contains_null || arguments.iter().any(|one| one.nullable);
    scalar(CONTAINS.over(arguments, DataType::Boolean, nullable, &call.context.settings))
}

static POSITION: Function = Function::total("array_position", |one| {
    let answer = |found: Option<Found>| found.map(|(at, _)| at.map_or(0, |at| at as i64 + 1));
    Ok(Arc::new(search(one)?.into_iter().map(answer).collect::<Int64Array>()))
});

pub(super) fn position(call: &FunctionCall<'_>) -> Result<Resolved> {
    if *call.data_type(0) == DataType::Null {
        return Err(null_type(call));
    }
    scalar(POSITION.call(with_element(call)?, DataType::Int64, call))
}

static DISTINCT: Function = Function::new("array_distinct", |one| {
    map_lists(one, |_, values| {
        let normal = normal_column(&values);
        let converter = RowConverter::new(vec![SortField::new(normal.data_type().clone())])?;
        let rows = converter.convert_columns(&[Arc::clone(&normal)])?;
        let mut seen = std::collections::HashSet::new();
        let first: UInt32Array =
            (0..values.len()).filter(|&at| seen.insert(rows.row(at))).map(|at| at as u32).collect::<Vec<_>>().into();
        // As in Spark, whichever zero came, the positive one is shown.
        Ok(take(&normal, &first, None)?)
    })
});

pub(super) fn distinct(call: &FunctionCall<'_>) -> Result<Resolved> {
    if *call.data_type(0) == DataType::Null {
        return null_of(&data_type::array(DataType::Null, true));
    }
    element(call, 0)?;
    scalar(DISTINCT.call([call.argument(0)], call.data_type(0).clone(), call))
}

static JOIN: Function = Function::new("array_join", |one| {
    let list: &ListArray = one.columns[0].as_list();
    let mut room = one.room("array_join");
    let join = |row: usize| {
        if !one.all_valid(row) {
            return Ok(None);
        }
        let elements = list.value(row);
        let elements = elements.as_string::<i32>().iter();
        let parts: Vec<&str> = match one.columns.get(2) {
            Some(_) => elements.map(|text| text.unwrap_or(one.strings(2).value(row))).collect(),
            None => elements.flatten().collect(),
        };
        let delimiter = one.strings(1).value(row);
        room.take(joined_bytes(&parts, delimiter))?;
        Ok(Some(parts.join(delimiter)))
    };
    Ok(Arc::new((0..one.rows).map(join).collect::<Result<StringArray>>()?))
});

/// How long these texts are with a delimiter between them.
pub(crate) fn joined_bytes(parts: &[&str], delimiter: &str) -> usize {
    let delimiters = parts.len().saturating_sub(1).saturating_mul(delimiter.len());
    parts.iter().map(|part| part.len()).fold(delimiters, usize::saturating_add)
}

pub(super) fn join(call: &FunctionCall<'_>) -> Result<Resolved> {
    if *call.data_type(0) == DataType::Null {
        return null_of(&DataType::Utf8);
    }
    let contains_null = element(call, 0)?.is_nullable();
    let mut arguments = vec![call.cast(call.argument(0), &data_type::array(DataType::Utf8, contains_null))?];
    for index in 1..call.count() {
        arguments.push(call.string(index)?);
    }
    scalar(JOIN.call(arguments, DataType::Utf8, call))
}

/// The first element in this order, NULL left out.
fn extreme(one: &Evaluation<'_>, descending: bool) -> Result<ArrayRef> {
    let list: &ListArray = one.columns[0].as_list();
    if list.values().data_type().is_nested() {
        return nested_extreme(list, descending);
    }
    if *list.values().data_type() == DataType::Null {
        return Ok(new_null_array(&DataType::Null, one.rows));
    }
    let options = SortOptions { descending, nulls_first: false };
    let mut places = Vec::with_capacity(one.rows);
    for row in 0..one.rows {
        let place = if list.is_valid(row) {
            let values = normal_column(&list.value(row));
            let order = sort_to_indices(&values, Some(options), Some(1))?;
            let first = order.values().first().copied().filter(|&at| values.is_valid(at as usize));
            first.map(|at| u64::from(at) + list.value_offsets()[row] as u64)
        } else {
            None
        };
        places.push(place);
    }
    Ok(take(list.values(), &UInt64Array::from(places), None)?)
}

/// The least or greatest of values that are made of others, in which NULL is less than anything.
fn nested_extreme(list: &ListArray, greatest: bool) -> Result<ArrayRef> {
    let field = SortField::new(list.values().data_type().clone());
    let rows = RowConverter::new(vec![field])?.convert_columns(&[normal_column(list.values())])?;
    let place = |row: usize| {
        let offsets = list.value_offsets();
        let elements = offsets[row] as usize..offsets[row + 1] as usize;
        let mut present = elements.filter(|&at| list.is_valid(row) && list.values().is_valid(at));
        let first = present.next()?;
        let better = |best: usize, at: usize| {
            let order = rows.row(at).cmp(&rows.row(best));
            if (greatest && order.is_gt()) || (!greatest && order.is_lt()) { at } else { best }
        };
        Some(present.fold(first, better) as u64)
    };
    let places: UInt64Array = (0..list.len()).map(place).collect();
    Ok(take(list.values(), &places, None)?)
}

static MAX: Function = Function::new("array_max", |one| extreme(one, true));
static MIN: Function = Function::new("array_min", |one| extreme(one, false));

/// The element's type of an array whose elements have an order; what Spark says has none is `shown`.
fn ordered_element(call: &FunctionCall<'_>, shown: impl Fn(&DataType) -> DataType) -> Result<DataType> {
    let data_type = element(call, 0)?.data_type().clone();
    if holds_map(&data_type) {
        return Err(invalid_ordering_type(call, &shown(&data_type)));
    }
    Ok(data_type)
}

pub(super) fn max(call: &FunctionCall<'_>) -> Result<Resolved> {
    if *call.data_type(0) == DataType::Null {
        return null_of(&DataType::Null);
    }
    let data_type = ordered_element(call, DataType::clone)?;
    scalar(MAX.call_nullable([call.argument(0)], data_type, call))
}

pub(super) fn min(call: &FunctionCall<'_>) -> Result<Resolved> {
    if *call.data_type(0) == DataType::Null {
        return null_of(&DataType::Null);
    }
    let data_type = ordered_element(call, DataType::clone)?;
    scalar(MIN.call_nullable([call.argument(0)], data_type, call))
}

fn sorted(values: &ArrayRef, options: SortOptions) -> Result<ArrayRef> {
    let order = if values.data_type().is_nested() {
        let field = SortField::new_with_options(values.data_type().clone(), options);
        let rows = RowConverter::new(vec![field])?.convert_columns(&[Arc::clone(values)])?;
        let mut order: Vec<u32> = (0..values.len() as u32).collect();
        order.sort_by(|&one, &other| rows.row(one as usize).cmp(&rows.row(other as usize)));
        order.into()
    } else {
        sort_to_indices(&normal_column(values), Some(options), None)?
    };
    Ok(take(values, &order, None)?)
}

static SORT: Function = Function::new("sort_array", |one| {
    map_lists(one, |row, values| {
        let ascending = one.booleans(1).value(row);
        sorted(&values, SortOptions { descending: !ascending, nulls_first: ascending })
    })
});

pub(super) fn sort_array(call: &FunctionCall<'_>) -> Result<Resolved> {
    ordered_element(call, |_| call.data_type(0).clone())?;
    let ascending = if call.count() > 1 {
        call.implicit(1, &DataType::Boolean)?
    } else {
        TypedExpr::literal(ScalarValue::from(true), "true")
    };
    let sql = if call.count() > 1 { String::new() } else { format!("{}({}, true)", call.name, call.arguments[0].sql) };
    scalar(SORT.call([call.argument(0), ascending], call.data_type(0).clone(), call).with_sql(sql))
}

static ARRAY_SORT: Function = Function::new("array_sort", |one| {
    map_lists(one, |_, values| sorted(&values, SortOptions { descending: false, nulls_first: false }))
});

pub(super) fn array_sort(call: &FunctionCall<'_>) -> Result<Resolved> {
    ordered_element(call, DataType::clone)?;
    scalar(ARRAY_SORT.call([call.argument(0)], call.data_type(0).clone(), call))
}

static FLATTEN: Function = Function::new("flatten", |one| {
    let list: &ListArray = one.columns[0].as_list();
    let mut rows = Vec::with_capacity(one.rows);
    for row in 0..one.rows {
        let inner = list.value(row);
        let inner = inner.as_list::<i32>();
        // One NULL among the arrays makes all of it NULL.
        if list.is_null(row) || inner.null_count() > 0 {
            rows.push(None);
            continue;
        }
        let (first, last) = (inner.value_offsets()[0] as usize, inner.value_offsets()[inner.len()] as usize);
        rows.push(Some(inner.values().slice(first, last - first)));
    }
    lists_of(one.data_type, rows)
});

pub(super) fn flatten(call: &FunctionCall<'_>) -> Result<Resolved> {
    let outer = element(call, 0)?;
    let DataType::List(inner) = outer.data_type() else {
        return unexpected_input_type(call, 0, "\"ARRAY\" of \"ARRAY\"");
    };
    let data_type = data_type::array(inner.data_type().clone(), inner.is_nullable());
    let nullable = outer.is_nullable() || call.arguments[0].nullable;
    scalar(FLATTEN.over([call.argument(0)], data_type, nullable, &call.context.settings))
}

static SLICE: Function = Function::new("slice", |one| {
    let (starts, lengths) = (one.numbers::<Int32Type>(1), one.numbers::<Int32Type>(2));
    map_lists(one, |row, values| {
        let (start, length) = (starts.value(row), lengths.value(row));
        if start == 0 {
            return Err(
                spark_error!("INVALID_PARAMETER_VALUE.START", parameter = "`start`", functionName = "`slice`",),
            );
        }
        if length < 0 {
            return Err(spark_error!(
                "INVALID_PARAMETER_VALUE.LENGTH",
                parameter = "`length`",
                functionName = "`slice`",
                length = length,
            ));
        }
        let count = values.len() as i64;
        let first = if start > 0 { i64::from(start) - 1 } else { count + i64::from(start) };
        if !(0..count).contains(&first) {
            return Ok(values.slice(0, 0));
        }
        Ok(values.slice(first as usize, i64::from(length).min(count - first) as usize))
    })
});

pub(super) fn slice(call: &FunctionCall<'_>) -> Result<Resolved> {
    if *call.data_type(0) == DataType::Null {
        return null_of(&data_type::array(DataType::Null, true));
    }
    element(call, 0)?;
    scalar(SLICE.call([call.argument(0), call.int(1)?, call.int(2)?], call.data_type(0).clone(), call))
}

static REVERSE: Function = Function::new("reverse", |one| {
    let texts = one.strings(0);
    Ok(Arc::new(
        texts.iter().map(|text| text.map(|text| text.chars().rev().collect::<String>())).collect::<StringArray>(),
    ))
});

static REVERSE_BYTES: Function = Function::total("reverse_bytes", |one| {
    let turned = |bytes: &[u8]| bytes.iter().rev().copied().collect::<Vec<u8>>();
    Ok(Arc::new(one.binary(0).iter().map(|bytes| bytes.map(turned)).collect::<BinaryArray>()))
});

static REVERSE_ARRAY: Function = Function::new("reverse_array", |one| {
    map_lists(one, |_, values| {
        let order: UInt32Array = (0..values.len() as u32).rev().collect::<Vec<_>>().into();
        Ok(take(&values, &order, None)?)
    })
});

pub(super) fn reverse(call: &FunctionCall<'_>) -> Result<Resolved> {
    if matches!(call.data_type(0), DataType::List(_)) {
        return scalar(REVERSE_ARRAY.call([call.argument(0)], call.data_type(0).clone(), call));
    }
    if *call.data_type(0) == DataType::Binary {
        return scalar(REVERSE_BYTES.call([call.argument(0)], DataType::Binary, call));
    }
    scalar(REVERSE.call([call.string(0)?], DataType::Utf8, call))
}

static REPEAT: Function = Function::new("array_repeat", |one| {
    let times = one.numbers::<Int32Type>(1);
    let mut room = one.room("array_repeat");
    let repeat = |row: usize| {
        if times.is_null(row) {
            return Ok(None);
        }
        let times = times.value(row).max(0) as usize;
        let value_bytes = one.columns[0].slice(row, 1).to_data().get_slice_memory_size()?;
        // Beside the values stand their places, while they are copied.
        room.take(times.saturating_mul(value_bytes + size_of::<u64>()))?;
        let places = UInt64Array::from(vec![row as u64; times]);
        Ok(Some(take(&one.columns[0], &places, None)?))
    };
    lists_of(one.data_type, (0..one.rows).map(repeat).collect::<Result<_>>()?)
});

pub(super) fn repeat(call: &FunctionCall<'_>) -> Result<Resolved> {
    let (value, times) = (call.argument(0), call.int(1)?);
    let data_type = DataType::List(Arc::new(Field::new_list_field(value.data_type.clone(), value.nullable)));
    let nullable = times.nullable;
    scalar(REPEAT.over([value, times], data_type, nullable, &call.context.settings))
}
