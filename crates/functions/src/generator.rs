//! Functions that make rows: each becomes an array of structs, which the analyzer unnests.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int32Array, ListArray, MapArray, StructArray, new_null_array};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::concat;
use arrow::compute::kernels::interleave::interleave;
use arrow::datatypes::{DataType, Field};
use millstream_core::{Error, Result};

use crate::data_type::{array, map_entry, structure};
use crate::typed_expr::TypedExpr;

use super::call::{FunctionCall, Generator, Resolved};
use super::entry::Arity::{AtLeast, Exactly};
use super::entry::{FunctionEntry, Parameter};
use super::kernel::{Evaluation, Function};
use crate::argument::common_type_of;
use crate::failure::{unexpected_input_type, value_out_of_range};

const COLLECTION: &[Parameter] = &[Parameter::required("collection")];
const INPUT: &[Parameter] = &[Parameter::required("input")];

/// The generators.
pub(super) static FUNCTIONS: &[FunctionEntry] = &[
    FunctionEntry::new("explode", Exactly(1), |call| explode(call, false, false), "a row for each element")
        .named(COLLECTION),
    FunctionEntry::new(
        "explode_outer",
        Exactly(1),
        |call| explode(call, false, true),
        "the same, with a row of NULL for none",
    )
    .named(COLLECTION),
    FunctionEntry::new(
        "posexplode",
        Exactly(1),
        |call| explode(call, true, false),
        "a row for each element, with its place",
    )
    .named(COLLECTION),
    FunctionEntry::new(
        "posexplode_outer",
        Exactly(1),
        |call| explode(call, true, true),
        "the same, with a row of NULL for none",
    )
    .named(COLLECTION),
    FunctionEntry::new("inline", Exactly(1), |call| inline(call, false), "a row for each struct").named(INPUT),
    FunctionEntry::new("inline_outer", Exactly(1), |call| inline(call, true), "the same, with a row of NULL for none")
        .named(INPUT),
    FunctionEntry::new("stack", AtLeast(2), stack, "the values as so many rows"),
];

/// A generator whose rows a kernel makes.
pub(super) fn generator(
    call: &FunctionCall<'_>,
    function: &'static Function,
    arguments: Vec<TypedExpr>,
    columns: Vec<(String, DataType, bool)>,
    outer: bool,
) -> Resolved {
    let rows = array(structure(columns.iter().cloned()), true);
    let rows = function.over(arguments, rows, true, &call.context.settings);
    let columns = columns.into_iter().map(|(name, data_type, nullable)| (name, data_type, nullable || outer)).collect();
    Resolved::Generator(Generator { rows, columns, outer })
}

static EXPLODE: Function = Function::new("explode", |one| {
    with_places(one, |entries, _| {
        Ok(match entries.data_type() {
            DataType::Struct(_) if matches!(one.columns[0].data_type(), DataType::Map(_, _)) => {
                entries.as_struct().columns().to_vec()
            }
            _ => vec![Arc::clone(entries)],
        })
    })
});

static POSEXPLODE: Function = Function::new("posexplode", |one| {
    with_places(one, |entries, places| {
        let mut columns = vec![places];
        match one.columns[0].data_type() {
            DataType::Map(_, _) => columns.extend(entries.as_struct().columns().iter().cloned()),
            _ => columns.push(Arc::clone(entries)),
        }
        Ok(columns)
    })
});

/// The elements of the first column as rows; `columns` makes the rows' columns of the elements and their places.
fn with_places(
    one: &Evaluation<'_>,
    columns: impl Fn(&ArrayRef, ArrayRef) -> Result<Vec<ArrayRef>>,
) -> Result<ArrayRef> {
    let (offsets, nulls, entries) = elements(&one.columns[0])?;
    let mut places = Vec::with_capacity(entries.len());
    // Elements may lie before the first offset or behind the last one.
    places.resize(offsets[0] as usize, 0);
    for window in offsets.windows(2) {
        places.extend(0..window[1] - window[0]);
    }
    places.resize(entries.len(), 0);
    let columns = columns(&entries, Arc::new(Int32Array::from(places)))?;
    rows_of(one.data_type, columns, offsets, nulls)
}

type Elements = (OffsetBuffer<i32>, Option<NullBuffer>, ArrayRef);

fn elements(column: &ArrayRef) -> Result<Elements> {
    match column.data_type() {
        DataType::List(_) => {
            let list: &ListArray = column.as_list();
            Ok((list.offsets().clone(), list.nulls().cloned(), Arc::clone(list.values())))
        }
        DataType::Map(_, _) => {
            let map: &MapArray = column.as_map();
            Ok((map.offsets().clone(), map.nulls().cloned(), Arc::new(map.entries().clone())))
        }
        other => Err(Error::internal(format!("{other} has no elements"))),
    }
}

/// An array of structs of these columns.
fn rows_of(
    data_type: &DataType,
    columns: Vec<ArrayRef>,
    offsets: OffsetBuffer<i32>,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let DataType::List(element) = data_type else {
        return Err(Error::internal("a generator's rows are an array"));
    };
    let DataType::Struct(fields) = element.data_type() else {
        return Err(Error::internal("a generator's row is a struct"));
    };
    let length = columns.first().map_or(0, |column| column.len());
    let rows = StructArray::try_new_with_length(fields.clone(), columns, None, length)?;
    Ok(Arc::new(ListArray::try_new(Arc::clone(element), offsets, Arc::new(rows), nulls)?))
}

fn explode(call: &FunctionCall<'_>, with_place: bool, outer: bool) -> Result<Resolved> {
    let mut columns = Vec::new();
    if with_place {
        columns.push(("pos".to_owned(), DataType::Int32, false));
    }
    match call.data_type(0) {
        DataType::List(element) => {
            columns.push(("col".to_owned(), element.data_type().clone(), element.is_nullable()));
        }
        DataType::Map(entries, _) => {
            let (key, value) = map_entry(entries).ok_or_else(|| Error::internal("a map without entries"))?;
            columns.push(("key".to_owned(), key.data_type().clone(), false));
            columns.push(("value".to_owned(), value.data_type().clone(), value.is_nullable()));
        }
        _ => return unexpected_input_type(call, 0, "(\"ARRAY\" or \"MAP\")"),
    }
    let function = if with_place { &POSEXPLODE } else { &EXPLODE };
    Ok(generator(call, function, vec![call.argument(0)], columns, outer))
}

static INLINE: Function = Function::new("inline", |one| {
    let (offsets, nulls, entries) = elements(&one.columns[0])?;
    let structs = entries.as_struct();
    // A NULL among the structs is a row of NULLs.
    let columns = structs.columns().iter().map(|column| match structs.nulls() {
        Some(nulls) if nulls.null_count() > 0 => {
            let null = new_null_array(column.data_type(), 1);
            let indices: Vec<_> =
                (0..column.len()).map(|row| if nulls.is_valid(row) { (0, row) } else { (1, 0) }).collect();
            Ok(interleave(&[column.as_ref(), null.as_ref()], &indices)?)
        }
        _ => Ok(Arc::clone(column)),
    });
    rows_of(one.data_type, columns.collect::<Result<_>>()?, offsets, nulls)
});

fn inline(call: &FunctionCall<'_>, outer: bool) -> Result<Resolved> {
    let DataType::List(element) = call.data_type(0) else {
        return unexpected_input_type(call, 0, "\"ARRAY<STRUCT>\"");
    };
    let DataType::Struct(fields) = element.data_type() else {
        return unexpected_input_type(call, 0, "\"ARRAY<STRUCT>\"");
    };
    let column = |field: &Arc<Field>| {
        (field.name().clone(), field.data_type().clone(), field.is_nullable() || element.is_nullable())
    };
    let columns = fields.iter().map(column).collect();
    Ok(generator(call, &INLINE, vec![call.argument(0)], columns, outer))
}

static STACK: Function = Function::new("stack", |one| {
    let DataType::List(element) = one.data_type else {
        return Err(Error::internal("a generator's rows are an array"));
    };
    let width = match element.data_type() {
        DataType::Struct(fields) => fields.len(),
        _ => 1,
    };
    let height = one.columns.len() / width;
    let mut columns = Vec::with_capacity(width);
    for index in 0..width {
        let parts: Vec<&dyn Array> = (0..height).map(|row| one.columns[row * width + index].as_ref()).collect();
        let indices: Vec<_> = (0..one.rows).flat_map(|row| (0..height).map(move |part| (part, row))).collect();
        columns.push(if indices.is_empty() { concat(&parts)?.slice(0, 0) } else { interleave(&parts, &indices)? });
    }
    rows_of(one.data_type, columns, OffsetBuffer::from_repeated_length(height, one.rows), None)
});

/// `stack` of more rows than this is refused: each of its values is an argument of the plan.
const ROWS_MAX: i32 = 100_000;

fn stack(call: &FunctionCall<'_>) -> Result<Resolved> {
    if *call.data_type(0) != DataType::Int32 {
        return unexpected_input_type(call, 0, "\"INT\"");
    }
    let height = match call.constant_int(0, "n")? {
        Some(height @ 1..=ROWS_MAX) => height as usize,
        Some(height @ 1..) => {
            return Err(Error::unsupported(format!(
                "stack() of more than {ROWS_MAX} rows ({height}) is not supported."
            )));
        }
        height => {
            let value = height.map_or_else(|| "null".to_owned(), |height| height.to_string());
            return Err(value_out_of_range(call, "`n`", "(0, 2147483647]", &value));
        }
    };
    let values = call.count() - 1;
    let width = values.div_ceil(height);
    let mut columns = Vec::with_capacity(width);
    for index in 0..width {
        let places: Vec<usize> = (0..height).map(|row| 1 + row * width + index).filter(|&at| at <= values).collect();
        columns.push((format!("col{index}"), common_type_of(call, &places)?, true));
    }
    let mut arguments = Vec::with_capacity(width * height);
    for place in 0..width * height {
        let (data_type, argument) = (&columns[place % width].1, call.arguments.get(place + 1).cloned());
        let null = || TypedExpr::literal(datafusion::common::ScalarValue::Null, "NULL");
        arguments.push(call.cast(argument.unwrap_or_else(null), data_type)?);
    }
    Ok(generator(call, &STACK, arguments, columns, false))
}
