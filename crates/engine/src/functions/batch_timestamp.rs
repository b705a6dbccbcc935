//! `current_timestamp()` of a streaming plan: fixed per batch, and the same again when the batch is replayed.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

/// The batch's timestamp as TIMESTAMP. The analyzer makes it without knowing a query; a starting query gives every one
/// in its plan the same cell, which it sets before each batch. Volatile, so that no optimizer folds it.
#[derive(Debug, Clone)]
pub struct BatchTimestamp {
    now_us: Arc<AtomicI64>,
    signature: Signature,
}

impl BatchTimestamp {
    /// A function that reads this cell (microseconds since the epoch).
    pub fn new(now_us: Arc<AtomicI64>) -> Self {
        Self { now_us, signature: Signature::nullary(Volatility::Volatile) }
    }
}

impl Default for BatchTimestamp {
    fn default() -> Self {
        Self::new(Arc::new(AtomicI64::new(0)))
    }
}

impl PartialEq for BatchTimestamp {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.now_us, &other.now_us)
    }
}

impl Eq for BatchTimestamp {}

impl Hash for BatchTimestamp {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.now_us).hash(state);
    }
}

impl ScalarUDFImpl for BatchTimestamp {
    fn name(&self) -> &str {
        "current_batch_timestamp"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())))
    }

    fn invoke_with_args(&self, _arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let now_us = self.now_us.load(Ordering::Relaxed);
        Ok(ColumnarValue::Scalar(ScalarValue::TimestampMicrosecond(Some(now_us), Some("UTC".into()))))
    }
}
