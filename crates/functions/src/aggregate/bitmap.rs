//! Bitmaps of 4,096 bytes: of the places that came, and of all bits that one or each of them has.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, FieldRef, Int64Type};
use datafusion::common::ScalarValue;
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};
use millstream_core::{Result, spark_error};
use millstream_engine::error::to_datafusion;

use super::{aggregate, resolved};
use crate::call::{FunctionCall, Resolved};
use crate::failure::unexpected_input_type;
use crate::typed_expr::TypedExpr;

/// Bytes of a bitmap.
const BYTES: usize = 4096;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    /// Of the bits whose places are the values.
    Construct,
    Or,
    And,
}

pub(super) fn construct(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, Kind::Construct, call.bigint(0)?)
}

pub(super) fn or(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, Kind::Or, bitmap(call)?)
}

pub(super) fn and(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, Kind::And, bitmap(call)?)
}

fn bitmap(call: &FunctionCall<'_>) -> Result<TypedExpr> {
    match call.data_type(0) {
        DataType::Binary => Ok(call.argument(0)),
        _ => unexpected_input_type(call, 0, "\"BINARY\""),
    }
}

fn resolve(call: &FunctionCall<'_>, kind: Kind, value: TypedExpr) -> Result<Resolved> {
    let function = Bitmap { kind, signature: Signature::any(1, Volatility::Immutable) };
    let function = Arc::new(AggregateUDF::new_from_impl(function));
    resolved(aggregate(call, function, vec![value.expr], DataType::Binary, false))
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Bitmap {
    kind: Kind,
    signature: Signature,
}

impl AggregateUDFImpl for Bitmap {
    fn name(&self) -> &str {
        match self.kind {
            Kind::Construct => "bitmap_construct_agg",
            Kind::Or => "bitmap_or_agg",
            Kind::And => "bitmap_and_agg",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> DataFusionResult<DataType> {
        Ok(DataType::Binary)
    }

    fn is_nullable(&self) -> bool {
        false
    }

    fn accumulator(&self, _arguments: AccumulatorArgs<'_>) -> DataFusionResult<Box<dyn Accumulator>> {
        Ok(Box::new(Bits::new(self.kind)))
    }

    fn state_fields(&self, _arguments: StateFieldsArgs<'_>) -> DataFusionResult<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new("bits", DataType::Binary, true))])
    }

    fn default_value(&self, _data_type: &DataType) -> DataFusionResult<ScalarValue> {
        Bits::new(self.kind).evaluate()
    }
}

#[derive(Debug)]
struct Bits {
    kind: Kind,
    bytes: Vec<u8>,
}

impl Bits {
    fn new(kind: Kind) -> Self {
        Self { kind, bytes: vec![if kind == Kind::And { 0xff } else { 0 }; BYTES] }
    }

    fn set(&mut self, place: i64) -> DataFusionResult<()> {
        let Some(byte) = usize::try_from(place).ok().and_then(|place| self.bytes.get_mut(place / 8)) else {
            return Err(to_datafusion(spark_error!(
                "INVALID_BITMAP_POSITION",
                bitPosition = place,
                bitmapNumBits = 8 * BYTES,
                bitmapNumBytes = BYTES,
            )));
        };
        *byte |= 1 << (place % 8);
        Ok(())
    }

    /// A shorter bitmap goes on with zeros, of a longer one the rest is not looked at.
    fn merge(&mut self, other: &[u8]) {
        let others = other.iter().copied().chain(std::iter::repeat(0));
        for (byte, other) in self.bytes.iter_mut().zip(others) {
            if self.kind == Kind::And {
                *byte &= other;
            } else {
                *byte |= other;
            }
        }
    }
}

impl Accumulator for Bits {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DataFusionResult<()> {
        match self.kind {
            Kind::Construct => {
                values[0].as_primitive::<Int64Type>().iter().flatten().try_for_each(|place| self.set(place))
            }
            Kind::Or | Kind::And => self.merge_batch(values),
        }
    }

    fn evaluate(&mut self) -> DataFusionResult<ScalarValue> {
        Ok(ScalarValue::Binary(Some(self.bytes.clone())))
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.bytes.capacity()
    }

    fn state(&mut self) -> DataFusionResult<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DataFusionResult<()> {
        states[0].as_binary::<i32>().iter().flatten().for_each(|bytes| self.merge(bytes));
        Ok(())
    }
}
