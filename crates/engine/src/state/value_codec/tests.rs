use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, FixedSizeListArray, Float64Array,
    Int32Array, Int64Builder, ListArray, MapBuilder, StringArray, StringBuilder, StructArray,
    TimestampMicrosecondArray, UInt64Array,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Int32Type};

use super::{check_type, put_value, read_values};
use crate::state::codec::Reader;

fn written(array: &dyn Array) -> Vec<Vec<u8>> {
    let write = |index| {
        let mut out = vec![];
        put_value(&mut out, array, index).unwrap();
        out
    };
    (0..array.len()).map(write).collect()
}

/// A value of each kind, with NULLs at every depth.
fn arrays() -> Vec<ArrayRef> {
    let lists = ListArray::from_iter_primitive::<Int32Type, _, _>([
        Some(vec![Some(1), None, Some(3)]),
        None,
        Some(vec![]),
        Some(vec![Some(-4)]),
    ]);
    let pairs = FixedSizeListArray::from_iter_primitive::<Int32Type, _, _>(
        [Some(vec![Some(1), None]), None, Some(vec![Some(2), Some(3)])],
        2,
    );
    let mut map = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
    map.keys().append_value("a");
    map.values().append_value(7);
    map.keys().append_value("b");
    map.values().append_null();
    map.append(true).unwrap();
    map.append(false).unwrap();
    map.append(true).unwrap();
    let fields = vec![Field::new("text", DataType::Utf8, true), Field::new("lists", lists.data_type().clone(), true)];
    let texts = StringArray::from(vec![Some("x"), Some("y"), None, Some("z")]);
    let columns: Vec<ArrayRef> = vec![Arc::new(texts), Arc::new(lists.clone())];
    let structs = StructArray::new(fields.into(), columns, Some(NullBuffer::from(vec![true, false, true, true])));
    let nested = ListArray::new(
        Arc::new(Field::new_list_field(structs.data_type().clone(), true)),
        arrow::buffer::OffsetBuffer::from_lengths([3, 0, 1]),
        Arc::new(structs.clone()),
        Some(NullBuffer::from(vec![true, false, true])),
    );
    vec![
        Arc::new(Int32Array::from(vec![Some(i32::MIN), None, Some(7)])),
        Arc::new(UInt64Array::from(vec![u64::MAX, 0])),
        Arc::new(Float64Array::from(vec![Some(-0.0), Some(f64::NAN), None])),
        Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])),
        Arc::new(StringArray::from(vec![Some("ä"), None, Some("")])),
        Arc::new(BinaryArray::from(vec![Some(&[0, 255][..]), None])),
        Arc::new(Date32Array::from(vec![Some(-1), None])),
        Arc::new(TimestampMicrosecondArray::from(vec![Some(1), None]).with_timezone("UTC")),
        Arc::new(Decimal128Array::from(vec![Some(-5), None]).with_precision_and_scale(38, 4).unwrap()),
        arrow::array::new_null_array(&DataType::Null, 2),
        Arc::new(lists),
        Arc::new(pairs),
        Arc::new(map.finish()),
        Arc::new(structs),
        Arc::new(nested),
    ]
}

#[test]
fn values_of_every_kind_come_back() {
    for array in arrays() {
        check_type(array.data_type()).unwrap();
        let written = written(&array);
        let mut readers: Vec<_> = written.iter().map(|value| Reader::new(value)).collect();
        let read = read_values(array.data_type(), &mut readers).unwrap();
        assert!(readers.iter().all(Reader::is_empty), "{}", array.data_type());
        // Compared as they print: below a NULL struct Arrow may hold anything, and NaN differs from itself.
        let shown = |array: &ArrayRef| {
            let column = |index| arrow::util::display::array_value_to_string(array, index).unwrap();
            (0..array.len()).map(column).collect::<Vec<_>>()
        };
        assert_eq!((read.data_type(), shown(&read)), (array.data_type(), shown(&array)));
    }
}

/// Of a checkpoint that is damaged every part may be missing.
#[test]
fn what_is_cut_off_or_garbage_is_refused() {
    let mut cuts = 0;
    for array in arrays() {
        for value in written(&array) {
            for length in 0..value.len() {
                let error = read_values(array.data_type(), &mut [Reader::new(&value[..length])]).unwrap_err();
                assert_eq!(error.kind(), millstream_core::ErrorKind::Data, "{}", array.data_type());
                cuts += 1;
            }
        }
        let error = read_values(array.data_type(), &mut [Reader::new(&[2, 1, 1, 1])]).unwrap_err();
        assert!(error.message().contains("begins with 2"), "{error}");
    }
    assert!(cuts > 200, "{cuts}");
    // A length that no state could have.
    let list = DataType::new_list(DataType::Int32, true);
    let garbage = [1, 0xff, 0xff, 0xff, 0xff, 0x0f, 1];
    let error = read_values(&list, &mut [Reader::new(&garbage)]).unwrap_err();
    assert_eq!(error.message(), "a list in the state is longer than the state");
}

#[test]
fn types_without_a_form_are_refused_by_name() {
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let error = check_type(&DataType::new_list(dictionary, true)).unwrap_err();
    assert!(error.message().contains("Dictionary(Int32, Utf8)"), "{error}");
}
