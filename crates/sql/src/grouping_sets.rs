//! How many grouping sets there may be, and those of ROLLUP and CUBE as bits.
//!
//! Each row is computed once for each set, and a cube of n keys has 2ⁿ sets, so that a short text could ask for more
//! than any memory holds.

use std::collections::HashMap;

use millstream_core::{Error, Result, spark_error};

/// Sets of one GROUP BY at the most.
pub(crate) const SETS_MAX: usize = 1 << KEYS_OF_CUBE_MAX;

/// Keys of a CUBE at the most.
pub(crate) const KEYS_OF_CUBE_MAX: usize = 12;

/// Keys of grouping sets in Spark, whose sets are bits of a BIGINT.
const KEYS_MAX: usize = 64;

/// Keys of sets that are repeated are fewer, so that a BIGINT has room to say which of the same sets it is.
const REPEATED_KEYS_MAX: usize = 50;

/// What is said of more sets than [`SETS_MAX`].
pub(crate) fn too_many() -> Error {
    Error::unsupported(format!(
        "More than {SETS_MAX} grouping sets, as of a CUBE of more than {KEYS_OF_CUBE_MAX} columns, are not supported."
    ))
}

/// Spark's error for more keys than a set has bits.
pub(crate) fn check_keys(keys: usize) -> Result<()> {
    if keys > KEYS_MAX {
        return Err(spark_error!("GROUPING_SIZE_LIMIT_EXCEEDED", maxSize = KEYS_MAX));
    }
    Ok(())
}

/// All keys, then one less from the right, down to none. A bit says that its key is left out.
pub(crate) fn rollup(keys: usize) -> Vec<i64> {
    // Of 64 keys the last set has all bits.
    (0..=keys)
        .map(|left_out| {
            u32::try_from(left_out)
                .ok()
                .and_then(|left_out| 1_i64.checked_shl(left_out))
                .map_or(-1, |bit| bit.wrapping_sub(1))
        })
        .collect()
}

/// The sets of a CUBE: all subsets of its keys.
pub(crate) fn cube(keys: usize) -> Result<Vec<i64>> {
    if keys > KEYS_OF_CUBE_MAX {
        return Err(too_many());
    }
    Ok((0..1_i64 << keys).collect())
}

/// A number for each set, and whether a set is there more than once. The lowest bits of a number are those of the set;
/// where sets are repeated, those above say which of the same sets it is.
pub(crate) fn numbered(sets: &[i64], keys: usize) -> Result<(Vec<i64>, bool)> {
    let mut times: HashMap<i64, i64> = HashMap::new();
    let repeats: Vec<i64> =
        sets.iter().map(|set| *times.entry(*set).and_modify(|times| *times += 1).or_insert(0)).collect();
    if times.len() == sets.len() {
        return Ok((sets.to_vec(), false));
    }
    if keys > REPEATED_KEYS_MAX {
        return Err(Error::unsupported(format!(
            "The same grouping set more than once is not supported over more than {REPEATED_KEYS_MAX} columns."
        )));
    }
    Ok((sets.iter().zip(repeats).map(|(set, repeat)| repeat << keys | set).collect(), true))
}

#[cfg(test)]
mod tests;
