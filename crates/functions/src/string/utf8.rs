//! Whether bytes are UTF-8. A string of ours always is, so only BINARY, which Spark takes for a string here, can
//! differ.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, StringArray};
use arrow::datatypes::DataType;
use millstream_core::{Error, Result, spark_error};

use crate::argument::scalar;
use crate::call::{FunctionCall, Resolved};
use crate::kernel::{Evaluation, Function};
use crate::typed_expr::TypedExpr;

static IS_VALID: Function = Function::total("is_valid_utf8", |evaluation| {
    let bytes = evaluation.binary(0).iter();
    Ok(Arc::new(bytes.map(|bytes| bytes.map(|bytes| std::str::from_utf8(bytes).is_ok())).collect::<BooleanArray>()))
});

static MAKE_VALID: Function = Function::total("make_valid_utf8", |evaluation| {
    let bytes = evaluation.binary(0).iter();
    Ok(Arc::new(bytes.map(|bytes| bytes.map(String::from_utf8_lossy)).collect::<StringArray>()))
});

static VALIDATE: Function = Function::new("validate_utf8", |evaluation| {
    texts(evaluation, |bytes| std::str::from_utf8(bytes).map(Some).map_err(|_| invalid(bytes)))
});

static TRY_VALIDATE: Function =
    Function::total("try_validate_utf8", |evaluation| texts(evaluation, |bytes| Ok(std::str::from_utf8(bytes).ok())));

fn texts(evaluation: &Evaluation<'_>, text: impl Fn(&[u8]) -> Result<Option<&str>>) -> Result<ArrayRef> {
    let texts = evaluation.binary(0).iter().map(|bytes| bytes.map_or(Ok(None), &text));
    Ok(Arc::new(texts.collect::<Result<StringArray>>()?))
}

fn invalid(bytes: &[u8]) -> Error {
    let shown: String = bytes.iter().map(|byte| format!("\\x{byte:02X}")).collect();
    spark_error!("INVALID_UTF8_STRING", str = shown)
}

fn resolve(call: &FunctionCall<'_>, function: &'static Function, data_type: DataType) -> Result<Resolved> {
    let bytes: TypedExpr = match call.data_type(0) {
        DataType::Binary => call.argument(0),
        _ => call.cast(call.string(0)?, &DataType::Binary)?,
    };
    scalar(function.call_nullable([bytes], data_type, call))
}

pub(super) fn is_valid_utf8(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, &IS_VALID, DataType::Boolean)
}

pub(super) fn make_valid_utf8(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, &MAKE_VALID, DataType::Utf8)
}

pub(super) fn validate_utf8(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, &VALIDATE, DataType::Utf8)
}

pub(super) fn try_validate_utf8(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, &TRY_VALIDATE, DataType::Utf8)
}
