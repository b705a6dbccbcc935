//! `shuffle`: elements in an order of chance, which for a given seed is Spark's (`RandomIndicesGenerator`).
//!
//! Each chunk of rows begins with the seed again, as with `rand`.

use arrow::array::{ArrayRef, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{DataType, Int64Type};
use datafusion::logical_expr::ScalarUDF;
use millstream_core::Result;
use millstream_engine::functions::BatchSeed;

use super::array::{element, map_lists};
use crate::argument::{null_of, scalar};
use crate::call::{FunctionCall, Resolved};
use crate::columns::mersenne_twister::MersenneTwister;
use crate::kernel::{Evaluation, Function};
use crate::typed_expr::TypedExpr;

static SHUFFLE: Function = Function::volatile("shuffle", shuffled);

fn shuffled(evaluation: &Evaluation<'_>) -> Result<ArrayRef> {
    let seed = if evaluation.rows == 0 { 0 } else { evaluation.numbers::<Int64Type>(1).value(0) };
    let random = std::cell::RefCell::new(MersenneTwister::new(seed));
    map_lists(evaluation, |_, elements| {
        let mut places: Vec<u32> = Vec::with_capacity(elements.len());
        for place in 0..elements.len() {
            let other = random.borrow_mut().below(place as i32 + 1).unsigned_abs() as usize;
            places.push(places.get(other).copied().unwrap_or(place as u32));
            places[other] = place as u32;
        }
        Ok(take(&elements, &UInt32Array::from(places), None)?)
    })
}

pub(super) fn shuffle(call: &FunctionCall<'_>) -> Result<Resolved> {
    if *call.data_type(0) == DataType::Null {
        return null_of(&crate::data_type::array(DataType::Null, true));
    }
    element(call, 0)?;
    let seed = if call.count() > 1 {
        call.constant_bigint(1, "seed")?.unwrap_or(0)
    } else {
        uuid::Uuid::new_v4().as_u64_pair().0 as i64
    };
    let seed = TypedExpr::new(ScalarUDF::from(BatchSeed::new(seed)).call(vec![]), DataType::Int64, false);
    let (data_type, nullable) = (call.data_type(0).clone(), call.arguments[0].nullable);
    scalar(SHUFFLE.over([call.argument(0), seed], data_type, nullable, &call.context.settings))
}
