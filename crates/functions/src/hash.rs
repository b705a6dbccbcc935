//! Digests, and Spark's two hashes of values (Murmur3 with 32 bits, xxHash with 64), both with the seed 42.
//!
//! A value is hashed by its Spark type: narrow integers as INT, doubles by their bits with one zero and one NaN, NULL
//! not at all. Each column's hash is the seed of the next one's.

mod murmur3;
mod xxhash;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int32Array, Int64Array};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, DurationMicrosecondType, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, IntervalUnit, IntervalYearMonthType, TimestampMicrosecondType,
};
use datafusion::logical_expr::ScalarUDF;
use millstream_core::{Error, Result, spark_error};

use crate::data_type::{holds_map, sql_name};
use crate::failure::{sql_expr, sql_id};
use crate::typed_expr::TypedExpr;

use super::argument::scalar;
use super::call::{FunctionCall, Resolved};
use super::entry::Arity::{AtLeast, Exactly};
use super::entry::FunctionEntry;
use super::kernel::{Evaluation, Function, native};

/// The hash functions.
pub(super) static FUNCTIONS: &[FunctionEntry] = &[
    FunctionEntry::new("md5", Exactly(1), md5, "the MD5 digest, in base 16"),
    FunctionEntry::new("sha1", Exactly(1), sha1, "the SHA-1 digest, in base 16").or(&["sha"]),
    FunctionEntry::new("sha2", Exactly(2), sha2, "the SHA-2 digest of so many bits, in base 16"),
    FunctionEntry::new("crc32", Exactly(1), crc32, "the cyclic redundancy check"),
    FunctionEntry::new("hash", AtLeast(1), hash, "Spark's hash, by which it also partitions"),
    FunctionEntry::new("xxhash64", AtLeast(1), xxhash64, "a hash of 64 bits"),
];

/// Java's `hashCode` of a string of Spark's.
pub(super) fn hash_of_string(text: &str) -> i32 {
    <murmur3::Murmur3 as Hasher>::bytes(text.as_bytes(), 42)
}

/// A function of DataFusion whose text comes as another string type.
fn digest(function: Arc<ScalarUDF>, arguments: Vec<TypedExpr>, data_type: DataType) -> TypedExpr {
    let nullable = arguments.iter().any(|argument| argument.nullable);
    let call = function.call(arguments.into_iter().map(|argument| argument.expr).collect());
    native(datafusion::logical_expr::cast(call, data_type.clone()), data_type, nullable)
}

fn md5(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(digest(datafusion::functions::crypto::md5(), vec![call.binary(0)?], DataType::Utf8))
}

fn sha1(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(digest(datafusion_spark::function::hash::sha1(), vec![call.binary(0)?], DataType::Utf8))
}

fn sha2(call: &FunctionCall<'_>) -> Result<Resolved> {
    let mut digest =
        digest(datafusion_spark::function::hash::sha2(), vec![call.binary(0)?, call.int(1)?], DataType::Utf8);
    digest.nullable = true;
    scalar(digest)
}

fn crc32(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(digest(datafusion_spark::function::hash::crc32(), vec![call.binary(0)?], DataType::Int64))
}

/// One of the two hashes.
trait Hasher {
    type Hash: Copy;
    fn int(value: i32, seed: Self::Hash) -> Self::Hash;
    fn long(value: i64, seed: Self::Hash) -> Self::Hash;
    fn bytes(value: &[u8], seed: Self::Hash) -> Self::Hash;
}

/// The hash of a row of a column; NULL leaves the seed as it is.
fn hash_value<H: Hasher>(column: &ArrayRef, row: usize, seed: H::Hash) -> Result<H::Hash> {
    if column.is_null(row) {
        return Ok(seed);
    }
    Ok(match column.data_type() {
        DataType::Null => seed,
        DataType::Boolean => H::int(column.as_boolean().value(row).into(), seed),
        DataType::Int8 => H::int(column.as_primitive::<Int8Type>().value(row).into(), seed),
        DataType::Int16 => H::int(column.as_primitive::<Int16Type>().value(row).into(), seed),
        DataType::Int32 => H::int(column.as_primitive::<Int32Type>().value(row), seed),
        DataType::Int64 => H::long(column.as_primitive::<Int64Type>().value(row), seed),
        DataType::Date32 => H::int(column.as_primitive::<Date32Type>().value(row), seed),
        DataType::Timestamp(_, _) => H::long(column.as_primitive::<TimestampMicrosecondType>().value(row), seed),
        DataType::Duration(_) => H::long(column.as_primitive::<DurationMicrosecondType>().value(row), seed),
        DataType::Interval(IntervalUnit::YearMonth) => {
            H::int(column.as_primitive::<IntervalYearMonthType>().value(row), seed)
        }
        DataType::Float32 => {
            let value = column.as_primitive::<Float32Type>().value(row);
            let value = if value.is_nan() { f32::NAN } else { value + 0.0 };
            H::int(value.to_bits() as i32, seed)
        }
        DataType::Float64 => {
            let value = column.as_primitive::<Float64Type>().value(row);
            let value = if value.is_nan() { f64::NAN } else { value + 0.0 };
            H::long(value.to_bits() as i64, seed)
        }
        DataType::Decimal128(precision, _) => {
            let value = column.as_primitive::<Decimal128Type>().value(row);
            match i64::try_from(value) {
                Ok(value) if *precision <= 18 => H::long(value, seed),
                _ => H::bytes(shortest(&value.to_be_bytes()), seed),
            }
        }
        DataType::Utf8 => H::bytes(column.as_string::<i32>().value(row).as_bytes(), seed),
        DataType::Binary => H::bytes(column.as_binary::<i32>().value(row), seed),
        DataType::List(_) => {
            let elements = column.as_list::<i32>().value(row);
            (0..elements.len()).try_fold(seed, |seed, at| hash_value::<H>(&elements, at, seed))?
        }
        DataType::Struct(_) => {
            let fields = column.as_struct().columns();
            fields.iter().try_fold(seed, |seed, field| hash_value::<H>(field, row, seed))?
        }
        other => return Err(Error::unsupported(format!("the hash of a value of type {}", sql_name(other)))),
    })
}

/// A two's complement without the bytes that only repeat the sign.
fn shortest(bytes: &[u8]) -> &[u8] {
    let mut bytes = bytes;
    while let [first, second, ..] = bytes
        && ((*first == 0 && *second < 0x80) || (*first == 0xff && *second >= 0x80))
    {
        bytes = &bytes[1..];
    }
    bytes
}

fn hash_rows<H: Hasher>(one: &Evaluation<'_>, seed: H::Hash) -> Result<Vec<H::Hash>> {
    let row = |row: usize| one.columns.iter().try_fold(seed, |seed, column| hash_value::<H>(column, row, seed));
    (0..one.rows).map(row).collect()
}

static HASH: Function =
    Function::total("hash", |one| Ok(Arc::new(Int32Array::from(hash_rows::<murmur3::Murmur3>(one, 42)?))));
static XXHASH64: Function = Function::total("xxhash64", |one| {
    let hashes = hash_rows::<xxhash::XxHash64>(one, 42)?;
    Ok(Arc::new(Int64Array::from_iter_values(hashes.into_iter().map(|hash| hash as i64))))
});

/// The 64-bit hash of one value, as for counting different ones.
pub(super) fn distinct_hash(column: &ArrayRef, row: usize) -> Result<u64> {
    hash_value::<xxhash::XxHash64>(column, row, 42)
}

/// The arguments. A map has no hash: equal ones may hold their entries in another order.
fn all(call: &FunctionCall<'_>) -> Result<Vec<TypedExpr>> {
    if call.arguments.iter().any(|argument| holds_map(&argument.data_type)) {
        return Err(spark_error!(
            "DATATYPE_MISMATCH.HASH_MAP_TYPE",
            sqlExpr = sql_expr(&call.sql()),
            functionName = sql_id(call.name),
        ));
    }
    Ok((0..call.count()).map(|index| call.argument(index)).collect())
}

fn hash(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(HASH.over(all(call)?, DataType::Int32, false, &call.context.settings))
}

fn xxhash64(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(XXHASH64.over(all(call)?, DataType::Int64, false, &call.context.settings))
}
