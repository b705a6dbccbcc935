//! Functions without arguments of which each call has a state of its own. A query is analysed each time it runs, so
//! each run begins anew.

use std::fmt::Debug;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// What a call has given out so far.
pub(super) trait CallState: Debug + Send + Sync + 'static {
    /// The function's name.
    const NAME: &'static str;
    /// The type of its values, none of which is NULL.
    const DATA_TYPE: DataType;

    /// The values of so many further rows.
    fn next(&self, rows: usize) -> ArrayRef;
}

/// A call with this state.
pub(super) fn call_of<S: CallState>(state: S) -> ScalarUDF {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    let number = CALLS.fetch_add(1, Ordering::Relaxed);
    ScalarUDF::new_from_impl(PerCall { state, number, signature: Signature::nullary(Volatility::Volatile) })
}

#[derive(Debug)]
struct PerCall<S> {
    state: S,
    /// No two calls are one, though they look alike.
    number: usize,
    signature: Signature,
}

impl<S> PartialEq for PerCall<S> {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl<S> Eq for PerCall<S> {}

impl<S> Hash for PerCall<S> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.number.hash(state);
    }
}

impl<S: CallState> ScalarUDFImpl for PerCall<S> {
    fn name(&self) -> &'static str {
        S::NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> datafusion::error::Result<DataType> {
        Ok(S::DATA_TYPE)
    }

    fn return_field_from_args(&self, _arguments: ReturnFieldArgs<'_>) -> datafusion::error::Result<FieldRef> {
        Ok(Arc::new(Field::new(S::NAME, S::DATA_TYPE, false)))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> datafusion::error::Result<ColumnarValue> {
        Ok(ColumnarValue::Array(self.state.next(arguments.number_rows)))
    }
}
