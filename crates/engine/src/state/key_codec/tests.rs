use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Decimal128Array, Float64Array, Int32Array, Int32Builder, ListArray,
    MapBuilder, StringArray, StringBuilder, StructArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Fields, Float64Type, Int64Type, TimeUnit};
use proptest::collection::vec;
use proptest::prelude::{any, prop_assert_eq, proptest};

use super::KeyCodec;

fn codec(columns: &[ArrayRef]) -> KeyCodec {
    let field = |column: &ArrayRef| Arc::new(Field::new("c", column.data_type().clone(), true));
    KeyCodec::try_new(columns.iter().map(field).collect()).unwrap()
}

/// What goes in comes out.
fn check_round_trip(columns: &[ArrayRef]) {
    let codec = codec(columns);
    let rows = columns[0].len();
    let encoded = codec.encode(columns, rows).unwrap();
    let keys: Vec<&[u8]> = (0..rows).map(|row| encoded.key(row)).collect();
    keys.iter().for_each(|key| codec.check(key).unwrap());
    assert_eq!(codec.decode(&keys).unwrap(), columns);
}

fn utc() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

fn windows(starts: Vec<i64>) -> ArrayRef {
    let fields: Fields = vec![Field::new("start", utc(), false), Field::new("end", utc(), false)].into();
    let ends = starts.iter().map(|start| start + 10).collect::<Vec<_>>();
    let column =
        |times: Vec<i64>| -> ArrayRef { Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC")) };
    Arc::new(StructArray::new(fields, vec![column(starts), column(ends)], None))
}

#[test]
fn every_type_comes_back() {
    check_round_trip(&[Arc::new(Int32Array::from(vec![Some(1), None, Some(-1)]))]);
    check_round_trip(&[Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]))]);
    check_round_trip(&[Arc::new(StringArray::from(vec![Some(""), None, Some("größer")]))]);
    check_round_trip(&[Arc::new(BinaryArray::from(vec![Some(&b"\xff\0"[..]), None, Some(b"")]))]);
    let decimals = Decimal128Array::from(vec![Some(-1), None, Some(123)]).with_precision_and_scale(20, 2).unwrap();
    check_round_trip(&[Arc::new(decimals)]);
    check_round_trip(&[windows(vec![0, -10, 1 << 50]), Arc::new(StringArray::from(vec![Some("a"), None, Some("b")]))]);
    // A part of a longer column.
    check_round_trip(&[Arc::new(Int32Array::from(vec![7, 8, 9, 10]).slice(1, 2))]);
    check_round_trip(&[Arc::new(StringArray::from(vec!["x", "y", "z"]).slice(1, 2))]);
}

#[test]
fn arrays_and_maps_come_back() {
    let lists = ListArray::from_iter_primitive::<Int64Type, _, _>([
        Some(vec![Some(1), None, Some(-1)]),
        None,
        Some(vec![]),
        Some(vec![Some(1)]),
    ]);
    let mut maps = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    for entries in [Some(vec![("one", Some(1)), ("two", None)]), None, Some(vec![]), Some(vec![("größer", Some(0))])]
    {
        for (key, value) in entries.iter().flatten() {
            maps.keys().append_value(key);
            maps.values().append_option(*value);
        }
        maps.append(entries.is_some()).unwrap();
    }
    let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None, Some(""), Some("b")]));
    let (lists, maps): (ArrayRef, ArrayRef) = (Arc::new(lists), Arc::new(maps.finish()));
    check_round_trip(&[Arc::clone(&lists), Arc::clone(&texts), Arc::clone(&maps)]);
    check_round_trip(&[maps.slice(1, 2), texts.slice(1, 2), lists.slice(1, 2)]);
}

/// In arrays too every NaN is the same, and −0.0 is 0.0.
#[test]
fn equal_arrays_are_one_key() {
    let lists = ListArray::from_iter_primitive::<Float64Type, _, _>([
        Some(vec![Some(0.0), Some(f64::NAN)]),
        Some(vec![Some(-0.0), Some(-f64::NAN)]),
        Some(vec![Some(0.0), None]),
    ]);
    let columns: [ArrayRef; 1] = [Arc::new(lists)];
    let keys = codec(&columns).encode(&columns, 3).unwrap();
    assert_eq!(keys.key(0), keys.key(1));
    assert_ne!(keys.key(0), keys.key(2));
}

#[test]
fn a_damaged_array_in_a_key_is_refused() {
    let columns: [ArrayRef; 1] =
        [Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>([Some(vec![Some(1), Some(2)])]))];
    let codec = codec(&columns);
    let mut key = codec.encode(&columns, 1).unwrap().key(0).to_vec();
    // NULL bits, the length of the value, then 1 for a value that is there and the number of its items.
    key[1 + 4 + 1] = 200;
    assert!(codec.check(&key).is_err());
}

/// The bytes are part of the checkpoint: these were worked out by hand from the format in the module's head.
#[test]
fn the_format_is_fixed() {
    let columns: [ArrayRef; 3] = [
        Arc::new(Int32Array::from(vec![Some(258), None])),
        Arc::new(StringArray::from(vec![Some("hé"), Some("")])),
        Arc::new(BooleanArray::from(vec![Some(true), Some(false)])),
    ];
    let encoded = codec(&columns).encode(&columns, 2).unwrap();
    assert_eq!(encoded.key(0), [0, 2, 1, 0, 0, 1, 3, 0, 0, 0, b'h', 0xc3, 0xa9]);
    assert_eq!(encoded.key(1), [1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let window = [windows(vec![-1])];
    let encoded = codec(&window).encode(&window, 1).unwrap();
    assert_eq!(encoded.key(0), [[0].as_slice(), &(-1_i64).to_le_bytes(), &9_i64.to_le_bytes()].concat());
}

/// XXH3 of published test inputs: the empty text and "a" (seed 0).
#[test]
fn the_hash_is_xxh3() {
    assert_eq!(crate::state::hash_key(b""), 0x2d06_8005_38d3_94c2);
    assert_eq!(crate::state::hash_key(b"a"), 0xe6c6_32b6_1e96_4e1f);
}

#[test]
fn equal_floats_are_equal_keys() {
    let other_nan = f64::from_bits(0x7ff8_0000_0000_0001);
    let columns: [ArrayRef; 1] = [Arc::new(Float64Array::from(vec![0.0, -0.0, f64::NAN, other_nan, -f64::NAN]))];
    let encoded = codec(&columns).encode(&columns, 5).unwrap();
    assert_eq!(encoded.key(0), encoded.key(1));
    assert_eq!(encoded.key(2), encoded.key(3));
    assert_eq!(encoded.key(2), encoded.key(4));
    assert_ne!(encoded.key(0), encoded.key(2));
}

#[test]
fn event_time_is_found_in_the_key() {
    let columns = [Arc::new(StringArray::from(vec!["long enough", "b"])) as ArrayRef, windows(vec![5, -20])];
    let codec = codec(&columns);
    let place = codec.event_time_place(1).unwrap();
    let encoded = codec.encode(&columns, 2).unwrap();
    let times: Vec<_> = (0..2).map(|row| KeyCodec::event_time_us(encoded.key(row), place)).collect();
    assert_eq!(times, [Some(15), Some(-10)]);
}

proptest! {
    #[test]
    fn keys_are_equal_when_rows_are(rows in vec((any::<Option<i32>>(), any::<Option<String>>()), 1..20)) {
        let columns: [ArrayRef; 2] = [
            Arc::new(Int32Array::from_iter(rows.iter().map(|row| row.0))),
            Arc::new(StringArray::from_iter(rows.iter().map(|row| row.1.as_ref()))),
        ];
        check_round_trip(&columns);
        let encoded = codec(&columns).encode(&columns, rows.len()).unwrap();
        for one in 0..rows.len() {
            for other in 0..rows.len() {
                prop_assert_eq!(encoded.key(one) == encoded.key(other), rows[one] == rows[other]);
            }
        }
    }

    #[test]
    fn garbage_is_no_key_or_can_be_decoded(bytes in vec(any::<u8>(), 0..64)) {
        let text: ArrayRef = Arc::new(StringArray::from(vec!["a"]));
        let codec = codec(&[text, windows(vec![0])]);
        if codec.check(&bytes).is_ok() {
            codec.decode(&[&bytes]).unwrap();
        }
    }
}
