//! Estimates keep the error that was asked for, at any count.

use std::sync::Arc;

use arrow::array::Int64Array;

use super::*;

fn estimated(bits: u32, distinct: i64) -> f64 {
    let mut registers = Registers::new(bits);
    let values: ArrayRef = Arc::new(Int64Array::from_iter_values(0..distinct));
    registers.update_batch(&[Arc::clone(&values)]).unwrap();
    // What was seen does not count again.
    registers.update_batch(&[values]).unwrap();
    registers.estimate()
}

#[test]
fn few_values_are_counted_and_many_estimated() {
    assert_eq!(estimated(9, 0), 0.0);
    for (distinct, error) in [(1, 0.01), (10, 0.05), (300, 0.15), (1_000, 0.15), (2_500, 0.15), (100_000, 0.15)] {
        let estimate = estimated(9, distinct);
        let off = (estimate - distinct as f64).abs() / distinct as f64;
        assert!(off <= error, "{distinct}: {estimate}");
    }
    let (distinct, fine) = (20_000.0, estimated(14, 20_000));
    assert!((fine - distinct).abs() / distinct < 0.03, "{fine}");
}

#[test]
fn parts_that_were_counted_apart_are_merged() {
    let (mut left, mut right, mut whole) = (Registers::new(9), Registers::new(9), Registers::new(9));
    for value in 0..2_000_i64 {
        let one: ArrayRef = Arc::new(Int64Array::from(vec![value]));
        let part = if value % 3 == 0 { &mut left } else { &mut right };
        part.update_batch(&[Arc::clone(&one)]).unwrap();
        whole.update_batch(&[one]).unwrap();
    }
    let state = right.state().unwrap().remove(0).to_array().unwrap();
    left.merge_batch(&[state]).unwrap();
    assert_eq!(left.longest, whole.longest);
}
