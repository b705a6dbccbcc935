//! Bytes compare as the values do in Spark.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int32Array, Int64Array, ListArray, StringArray, StructArray,
};
use arrow::datatypes::{DataType, Field, Int64Type};
use proptest::prelude::{any, prop_assert_eq, proptest};

use super::{OrderCodec, OrderColumn};

fn encoded(values: &ArrayRef, is_descending: bool, nulls_first: bool) -> Vec<Vec<u8>> {
    let column = OrderColumn { data_type: values.data_type().clone(), is_descending, nulls_first };
    let codec = OrderCodec::try_new(vec![column]).unwrap();
    let encode = |row| {
        let mut bytes = vec![];
        codec.encode(&[Arc::clone(values)], row, &mut bytes).unwrap();
        bytes
    };
    (0..values.len()).map(encode).collect()
}

/// The values are in ascending order, with NULL as the first; each is less than the next.
fn check_ascending(values: ArrayRef) {
    let (up, down) = (encoded(&values, false, true), encoded(&values, true, false));
    assert!(up.windows(2).all(|pair| pair[0] < pair[1]), "{values:?}");
    assert!(down.windows(2).all(|pair| pair[0] > pair[1]), "{values:?}");
    let last = encoded(&values, false, false);
    assert!(values.is_valid(0) || last[1..].iter().all(|bytes| *bytes < last[0]));
}

#[test]
fn each_type_is_in_its_order() {
    check_ascending(Arc::new(Int32Array::from(vec![None, Some(i32::MIN), Some(-1), Some(0), Some(7), Some(i32::MAX)])));
    check_ascending(Arc::new(BooleanArray::from(vec![None, Some(false), Some(true)])));
    check_ascending(Arc::new(StringArray::from(vec![
        None,
        Some(""),
        Some("\0"),
        Some("\0\0"),
        Some("a"),
        Some("a\0b"),
        Some("aa"),
        Some("b"),
        Some("ß"),
    ])));
    let decimals =
        Decimal128Array::from(vec![None, Some(-500), Some(-1), Some(0), Some(1), Some(i128::from(i64::MAX) + 9)]);
    check_ascending(Arc::new(decimals.with_precision_and_scale(38, 2).unwrap()));
    let doubles = [f64::NEG_INFINITY, -1.5, -1e-300, 0.0, 1e-300, 2.0, f64::INFINITY, f64::NAN];
    check_ascending(Arc::new(Float64Array::from_iter([None].into_iter().chain(doubles.map(Some)))));
}

#[test]
fn zeros_are_one_and_every_nan_is_one() {
    let bytes = encoded(&(Arc::new(Float64Array::from(vec![0.0, -0.0, f64::NAN, -f64::NAN])) as ArrayRef), false, true);
    assert_eq!((&bytes[0], &bytes[2]), (&bytes[1], &bytes[3]));
}

#[test]
fn nested_values_compare_from_left_to_right() {
    let lists =
        [None, Some(vec![]), Some(vec![None]), Some(vec![Some(1)]), Some(vec![Some(1), None]), Some(vec![Some(2)])];
    check_ascending(Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(lists)));
    let first: ArrayRef = Arc::new(StringArray::from(vec![None, Some("a"), Some("a"), Some("ab")]));
    let second: ArrayRef = Arc::new(Int64Array::from(vec![Some(9), None, Some(1), Some(0)]));
    let field = |name: &str, column: &ArrayRef| Arc::new(Field::new(name, column.data_type().clone(), true));
    check_ascending(Arc::new(StructArray::from(vec![(field("x", &first), first), (field("y", &second), second)])));
}

#[test]
fn what_has_no_order_is_refused_by_name() {
    let entries = Field::new("entries", DataType::Struct(Default::default()), false);
    let data_type = DataType::Map(Arc::new(entries), false);
    let refused = OrderCodec::try_new(vec![OrderColumn { data_type, is_descending: false, nulls_first: true }]);
    assert!(refused.unwrap_err().to_string().contains("an order by a column of type"));
}

proptest! {
    #[test]
    fn two_columns_compare_one_after_the_other(a: (Option<String>, Option<i64>), b: (Option<String>, Option<i64>), down in any::<bool>()) {
        let texts: ArrayRef = Arc::new(StringArray::from(vec![a.0.clone(), b.0.clone()]));
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![a.1, b.1]));
        let column = |values: &ArrayRef, is_descending| {
            OrderColumn { data_type: values.data_type().clone(), is_descending, nulls_first: !is_descending }
        };
        let codec = OrderCodec::try_new(vec![column(&texts, down), column(&numbers, false)]).unwrap();
        let bytes = [0, 1].map(|row| {
            let mut bytes = vec![];
            codec.encode(&[Arc::clone(&texts), Arc::clone(&numbers)], row, &mut bytes).unwrap();
            bytes
        });
        let first = if down { b.0.cmp(&a.0) } else { a.0.cmp(&b.0) };
        let expected: Ordering = first.then(a.1.cmp(&b.1));
        prop_assert_eq!(bytes[0].cmp(&bytes[1]), expected);
    }
}
