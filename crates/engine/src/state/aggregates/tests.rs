//! What every native form promises to a store, whatever it computes.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array,
    StringArray,
};

use super::{Argument, Column, KeyedAggregate, NativeAggregate, Overflow};
use crate::state::codec::Reader;
use crate::state::shard::Assignment;

const ALL: [NativeAggregate; 7] = [
    NativeAggregate::Count,
    NativeAggregate::Sum(Overflow::Error),
    NativeAggregate::Sum(Overflow::Null),
    NativeAggregate::Avg(Overflow::Error),
    NativeAggregate::Avg(Overflow::Wrap),
    NativeAggregate::Min,
    NativeAggregate::Max,
];

/// Six rows of each type, for the groups 0, 1, 0, 1, 0, 1. Sums of the doubles are exact in any order.
fn arguments() -> Vec<ArrayRef> {
    vec![
        Arc::new(Int32Array::from(vec![Some(5), None, Some(-3), Some(i32::MAX), Some(5), None])),
        Arc::new(Int64Array::from(vec![Some(1 << 40), Some(2), None, None, Some(-9), Some(7)])),
        Arc::new(Float64Array::from(vec![Some(0.5), Some(-8.0), None, Some(2.25), Some(64.0), None])),
        Arc::new(Decimal128Array::from(vec![150, -20, 30, 45, 5, 60]).with_precision_and_scale(10, 2).unwrap()),
        Arc::new(BooleanArray::from(vec![Some(true), None, Some(false), None, Some(true), None])),
        Arc::new(Date32Array::from(vec![Some(3), Some(-400), None, Some(9), Some(1), Some(2)])),
        Arc::new(StringArray::from(vec![Some("b"), Some(""), None, Some("ä"), Some("a"), Some("zz")])),
        Arc::new(BinaryArray::from(vec![Some(&[1_u8, 2][..]), None, Some(&[]), Some(&[255]), Some(&[1]), None])),
    ]
}

const ROWS: [u32; 6] = [0, 1, 2, 3, 4, 5];
const GROUPS: [u32; 6] = [0, 1, 0, 1, 0, 1];

/// Every native aggregate over every type that it has a form for, with its argument.
fn cases() -> Vec<(Arc<dyn KeyedAggregate>, Argument)> {
    let mut cases = vec![];
    for argument in arguments() {
        let types = [argument.data_type().clone()];
        let rows_stay = ALL.iter().filter_map(|native| native.over(&types));
        for function in rows_stay.chain(ALL.iter().filter_map(|native| native.over_changes(&types))) {
            let prepared = Argument::try_new(&*function, &[Arc::clone(&argument)], None).unwrap();
            cases.push((function, prepared));
        }
    }
    // All seven over the four types of numbers, count, min and max over the other four; over rows that stay and over
    // rows that may be taken back.
    assert_eq!(cases.len(), 80);
    cases
}

/// A column of two groups that has taken in the rows from `first` to before `end`.
fn column(function: &dyn KeyedAggregate, argument: &Argument, rows: std::ops::Range<usize>) -> Box<dyn Column> {
    let mut column = function.new_column();
    column.push_empty();
    column.push_empty();
    column.update(argument, Assignment { rows: &ROWS[rows.clone()], entries: &GROUPS[rows] }).unwrap();
    column
}

fn results(function: &dyn KeyedAggregate, column: &dyn Column) -> ArrayRef {
    function.present(column.results(&[0, 1]).unwrap()).unwrap()
}

fn state(column: &dyn Column) -> Vec<u8> {
    let mut out = vec![];
    column.write(0, &mut out);
    column.write(1, &mut out);
    out
}

#[test]
fn results_have_the_type_that_was_said() {
    for (function, argument) in cases() {
        let column = column(&*function, &argument, 0..6);
        assert_eq!(results(&*function, &*column).data_type(), function.output(), "{}", function.describe());
    }
}

/// Sessions that grow together: two halves merged are the whole.
#[test]
fn merging_two_columns_is_taking_in_both() {
    for (function, argument) in cases() {
        let whole = column(&*function, &argument, 0..6);
        let mut first = column(&*function, &argument, 0..3);
        let second = column(&*function, &argument, 3..6);
        first.merge(&*second, Assignment { rows: &[0, 1], entries: &[0, 1] }).unwrap();
        assert_eq!(&results(&*function, &*first), &results(&*function, &*whole), "{}", function.describe());
        assert_eq!(first.bytes(), whole.bytes(), "{}", function.describe());
    }
}

/// A form either takes out exactly what it took in, or says that it cannot.
#[test]
fn taking_out_undoes_taking_in() {
    let mut retractable = 0;
    for (function, argument) in cases() {
        let mut changed = column(&*function, &argument, 0..6);
        let last = Assignment { rows: &ROWS[3..], entries: &GROUPS[3..] };
        if changed.can_retract() {
            changed.retract(&argument, last).unwrap();
            let before = column(&*function, &argument, 0..3);
            assert_eq!(&results(&*function, &*changed), &results(&*function, &*before), "{}", function.describe());
            retractable += 1;
        } else {
            assert!(!function.describe().contains("of changes"), "{}", function.describe());
            assert!(changed.retract(&argument, last).unwrap_err().message().contains("cannot"));
        }
    }
    assert!(retractable >= 52, "{retractable}");
}

#[test]
fn what_is_written_is_read_again() {
    for (function, argument) in cases() {
        let column = column(&*function, &argument, 0..6);
        let written = state(&*column);
        let (mut reader, mut read) = (Reader::new(&written), function.new_column());
        read.push_read(&mut reader).unwrap();
        read.push_read(&mut reader).unwrap();
        assert!(reader.is_empty(), "{}", function.describe());
        assert_eq!(&results(&*function, &*read), &results(&*function, &*column), "{}", function.describe());
        for length in 0..written.len() {
            let (mut reader, mut read) = (Reader::new(&written[..length]), function.new_column());
            let cut = read.push_read(&mut reader).and_then(|()| read.push_read(&mut reader));
            assert!(cut.is_err(), "{} cut at {length}", function.describe());
        }
    }
}

/// What a batch that fails has changed is put back by copies of groups.
#[test]
fn a_copy_of_a_group_has_all_of_it() {
    for (function, argument) in cases() {
        let full = column(&*function, &argument, 0..6);
        let mut copied = column(&*function, &argument, 0..1);
        copied.copy_from(0, &*full, 0);
        copied.truncate(1);
        copied.push_from(&*full, 1);
        assert_eq!(state(&*copied), state(&*full), "{}", function.describe());
        copied.truncate(0);
        copied.push_from(&*full, 0);
        copied.push_from(&*full, 1);
        assert_eq!(state(&*copied), state(&*full), "{}", function.describe());
    }
}
