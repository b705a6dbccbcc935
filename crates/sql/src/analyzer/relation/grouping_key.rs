//! A key of ROLLUP and CUBE, which is NULL in the grouping sets that leave it out.
//!
//! A CASE would say the same. But a key that is event time stays event time (Spark: the metadata of the columns of
//! `Expand`), and what a user's CASE gives does not.

use std::sync::LazyLock;

use arrow::array::AsArray;
use arrow::compute::nullif;
use arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use millstream_engine::functions::{Meaning, with_meaning};

static FUNCTION: LazyLock<ScalarUDF> = LazyLock::new(|| {
    with_meaning(GroupingKey { signature: Signature::any(2, Volatility::Immutable) }, Meaning::EventTime)
});

/// The key, or NULL where `is_left_out`.
pub(super) fn grouping_key(key: Expr, is_left_out: Expr) -> Expr {
    FUNCTION.call(vec![key, is_left_out])
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct GroupingKey {
    signature: Signature,
}

impl ScalarUDFImpl for GroupingKey {
    fn name(&self) -> &'static str {
        "grouping_key"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        Ok(arguments.first().cloned().unwrap_or(DataType::Null))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [key, is_left_out] = ColumnarValue::values_to_arrays(&args.args)?
            .try_into()
            .map_err(|_| datafusion::error::DataFusionError::Internal("a grouping key has two arguments".to_owned()))?;
        Ok(ColumnarValue::Array(nullif(&key, is_left_out.as_boolean())?))
    }
}
