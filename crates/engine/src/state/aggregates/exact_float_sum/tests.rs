//! Exact sums beside sums of whole numbers, which are exact by themselves.

use proptest::collection::vec;
use proptest::prelude::{any, proptest};

use super::*;

fn summed(values: &[f64]) -> ExactCell {
    let mut cell = ExactCell::default();
    values.iter().for_each(|value| cell.add(*value, 1));
    cell
}

fn written(cell: &ExactCell) -> Vec<u8> {
    let mut out = vec![];
    cell.write(&mut out);
    out
}

proptest! {
    /// A value is a whole number of 2⁻⁶⁰ below 2¹²⁰, so that Rust's own conversion of the sum says what is nearest.
    #[test]
    fn a_sum_is_the_double_next_to_the_exact_one(
        values in vec((-(1_i64 << 53)..=1 << 53, 0_u32..60, any::<bool>()), 0..50),
    ) {
        let whole = |(significand, shift): (i64, u32)| i128::from(significand) << shift;
        let double = |(significand, shift)| whole((significand, shift)) as f64 * 2_f64.powi(-60);
        let mut cell = ExactCell::default();
        let mut exact = 0_i128;
        for (significand, shift, stays) in &values {
            cell.add(double((*significand, *shift)), 1);
            exact += if *stays { whole((*significand, *shift)) } else { 0 };
        }
        for (significand, shift, _) in values.iter().filter(|value| !value.2) {
            cell.add(double((*significand, *shift)), -1);
        }
        assert_eq!(cell.sum(), exact as f64 * 2_f64.powi(-60));
        assert_eq!(cell.count, values.iter().filter(|value| value.2).count() as i64);
    }

    /// Whatever the values are, what is taken in and out again leaves no trace, and what is written is read again.
    #[test]
    fn what_comes_and_goes_leaves_no_trace(stays in vec(any::<f64>(), 0..8), goes in vec(any::<f64>(), 0..8)) {
        let mut cell = summed(&stays);
        goes.iter().for_each(|value| cell.add(*value, 1));
        goes.iter().rev().for_each(|value| cell.add(*value, -1));
        let before = summed(&stays);
        assert_eq!((cell.sum().to_bits(), written(&cell)), (before.sum().to_bits(), written(&before)));
        let form = ExactFloatSum { is_mean: false };
        let bytes = written(&cell);
        let read = form.read(&mut Reader::new(&bytes)).unwrap();
        assert_eq!((read.sum().to_bits(), written(&read)), (cell.sum().to_bits(), bytes));
    }
}

#[test]
fn the_ends_of_the_range_and_what_is_no_number() {
    let least = f64::from_bits(1);
    for (values, expected) in [
        (&[][..], 0.0),
        (&[-0.0], 0.0),
        (&[0.1, 0.2], 0.1 + 0.2),
        (&[1e16, 1.0, -1e16], 1.0),
        (&[f64::MAX, f64::MAX, -f64::MAX], f64::MAX),
        (&[f64::MAX, f64::MAX], f64::INFINITY),
        (&[-f64::MAX, -f64::MAX], f64::NEG_INFINITY),
        (&[least, least, least], f64::from_bits(3)),
        (&[f64::MIN_POSITIVE, -least], f64::from_bits(f64::MIN_POSITIVE.to_bits() - 1)),
        (&[f64::INFINITY, 1.0], f64::INFINITY),
        (&[f64::NEG_INFINITY, f64::MAX], f64::NEG_INFINITY),
    ] {
        assert_eq!(summed(values).sum().to_bits(), expected.to_bits(), "{values:?}");
    }
    let mut cell = summed(&[f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 2.5]);
    assert!(cell.sum().is_nan());
    cell.add(f64::NAN, -1);
    assert!(cell.sum().is_nan());
    cell.add(f64::INFINITY, -1);
    assert_eq!(cell.sum(), f64::NEG_INFINITY);
    cell.add(f64::NEG_INFINITY, -1);
    assert_eq!((cell.sum(), cell.count), (2.5, 1));
}
