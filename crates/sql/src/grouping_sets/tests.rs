//! Sets at the ends of what a BIGINT holds.

use super::*;

#[test]
fn a_rollup_leaves_out_one_key_more_each_time() {
    assert_eq!(rollup(2), [0b00, 0b01, 0b11]);
    assert_eq!(rollup(64)[63..], [i64::MAX, -1], "63 bits, then all of them");
}

#[test]
fn a_cube_is_bounded() {
    assert_eq!(cube(2).unwrap(), [0b00, 0b01, 0b10, 0b11]);
    assert_eq!(cube(KEYS_OF_CUBE_MAX).unwrap().len(), SETS_MAX);
    for keys in [KEYS_OF_CUBE_MAX + 1, 63, 64] {
        assert_eq!(cube(keys).unwrap_err().class(), Some("UNSUPPORTED_FEATURE"));
    }
}

#[test]
fn keys_are_bits_of_a_bigint() {
    assert!(check_keys(64).is_ok());
    assert_eq!(check_keys(65).unwrap_err().class(), Some("GROUPING_SIZE_LIMIT_EXCEEDED"));
}

#[test]
fn sets_that_are_there_twice_get_numbers_of_their_own() {
    assert_eq!(numbered(&[0b00, 0b01], 2).unwrap(), (vec![0b00, 0b01], false));
    assert_eq!(numbered(&[0b01, 0b01, 0b00, 0b01], 2).unwrap(), (vec![0b001, 0b101, 0b000, 0b1001], true));
    assert_eq!(numbered(&[-1, 0], 64).unwrap(), (vec![-1, 0], false));
    assert_eq!(numbered(&[-1, -1], 64).unwrap_err().class(), Some("UNSUPPORTED_FEATURE"));
}
