//! `uuid(seed)`: identifiers from a generator with a seed (Spark: `RandomUUIDGenerator` over a Mersenne Twister), so
//! that those of the first partition are Spark's.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::DataType;

use super::per_call::CallState;
use crate::columns::mersenne_twister::MersenneTwister;

fn next_uuid(generator: &mut MersenneTwister) -> uuid::Uuid {
    let mut half = || u64::from(generator.next_word()) << 32 | u64::from(generator.next_word());
    let (high, low) = (half(), half());
    let (high, low) = (high & !0xf000 | 0x4000, low & !(0b11 << 62) | 0b10 << 62);
    uuid::Uuid::from_u64_pair(high, low)
}

/// The generator of a call of `uuid(seed)`.
#[derive(Debug)]
pub(super) struct SeededUuid(Mutex<MersenneTwister>);

impl SeededUuid {
    /// Identifiers that follow from a seed.
    pub(super) fn new(seed: i64) -> Self {
        Self(Mutex::new(MersenneTwister::new(seed)))
    }
}

impl CallState for SeededUuid {
    const NAME: &'static str = "uuid";
    const DATA_TYPE: DataType = DataType::Utf8;

    fn next(&self, rows: usize) -> ArrayRef {
        let mut generator = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::new(StringArray::from_iter_values((0..rows).map(|_| next_uuid(&mut generator).to_string())))
    }
}
