//! The seed of random numbers: of a batch query as written or drawn, of a streaming query another one in every batch.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

/// A seed as BIGINT. The analyzer makes it without knowing a query, and then it is the number that it was made with. A
/// starting streaming query gives every one in its plan the cell that it sets before each batch: as in Spark, random
/// numbers have a new seed in each batch, whatever was written, and as everything that a batch depends on, that seed is
/// in the log. Volatile, so that no optimizer folds it.
#[derive(Debug, Clone)]
pub struct BatchSeed {
    seed: i64,
    bound: Option<Bound>,
    signature: Signature,
}

/// What a query has given a seed.
#[derive(Debug, Clone)]
struct Bound {
    cell: Arc<SeedCell>,
    /// The place among the seeds of the plan, so that two of them differ.
    place: u64,
}

/// The seed of the batch that runs.
#[derive(Debug, Default)]
pub(crate) struct SeedCell {
    batch: AtomicU64,
    /// How many seeds the batch has given out. Each chunk of rows has its own, or each would begin with the same
    /// number.
    given: AtomicU64,
}

impl SeedCell {
    /// Begins a batch with this seed.
    pub(crate) fn begin(&self, seed: u64) {
        self.batch.store(seed, Ordering::Relaxed);
        self.given.store(0, Ordering::Relaxed);
    }

    fn next(&self, place: u64) -> i64 {
        let given = self.given.fetch_add(1, Ordering::Relaxed);
        let parts = [self.batch.load(Ordering::Relaxed), place, given].map(u64::to_le_bytes);
        xxhash_rust::xxh3::xxh3_64(parts.as_flattened()).cast_signed()
    }
}

impl BatchSeed {
    /// This seed, until a streaming query starts.
    pub fn new(seed: i64) -> Self {
        Self { seed, bound: None, signature: Signature::nullary(Volatility::Volatile) }
    }

    /// The seeds of a query, at this place of its plan.
    pub(crate) fn bound(cell: Arc<SeedCell>, place: u64) -> Self {
        Self { bound: Some(Bound { cell, place }), ..Self::new(0) }
    }

    fn identity(&self) -> (i64, Option<(*const SeedCell, u64)>) {
        (self.seed, self.bound.as_ref().map(|bound| (Arc::as_ptr(&bound.cell), bound.place)))
    }
}

impl PartialEq for BatchSeed {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for BatchSeed {}

impl std::hash::Hash for BatchSeed {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

impl ScalarUDFImpl for BatchSeed {
    fn name(&self) -> &str {
        "batch_seed"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, _arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let seed = self.bound.as_ref().map_or(self.seed, |bound| bound.cell.next(bound.place));
        Ok(ColumnarValue::Scalar(ScalarValue::Int64(Some(seed))))
    }
}
