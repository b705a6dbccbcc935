use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BinaryViewArray, Int32Array, LargeStringArray, ListArray, RecordBatch, StringArray,
    StringViewArray, StructArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Fields, Schema};
use millstream_core::error::SparkException;
use millstream_core::{DELETE, ROW_OPERATION, UPSERT};

use super::RecordColumns;

fn headers_of(value: DataType) -> DataType {
    let fields = Fields::from(vec![Field::new("key", DataType::Utf8, true), Field::new("value", value, true)]);
    DataType::List(Arc::new(Field::new("item", DataType::Struct(fields), true)))
}

fn schema(columns: &[(&str, DataType)]) -> Schema {
    Schema::new(columns.iter().map(|(name, of)| Field::new(*name, of.clone(), true)).collect::<Vec<_>>())
}

/// The messages and the class are Apache Spark 4.2's answers to the same columns.
#[test]
fn wrong_columns_are_refused_as_spark_does() {
    let check = |columns: &[(&str, DataType)], topic_is_given: bool, wanted: &str| {
        let error = RecordColumns::find(&schema(columns), topic_is_given).expect_err(wanted);
        assert_eq!(error.message(), wanted);
        assert_eq!(error.class(), Some("_LEGACY_ERROR_TEMP_3080"));
        assert_eq!(error.exception(), SparkException::Analysis);
    };
    let value = ("value", DataType::Utf8);
    check(&[("k", DataType::Utf8)], true, "Required attribute 'value' not found");
    check(&[("VALUE", DataType::Utf8)], true, "Required attribute 'value' not found");
    check(
        std::slice::from_ref(&value),
        false,
        "topic option required when no 'topic' attribute is present. Use the topic option for setting a topic.",
    );
    check(
        &[("value", DataType::Int32)],
        true,
        "value attribute unsupported type int. value must be a(n) string or binary",
    );
    check(
        &[("key", DataType::Int32), value.clone()],
        true,
        "key attribute unsupported type int. key must be a(n) string or binary",
    );
    check(
        &[("topic", DataType::Int32), value.clone()],
        false,
        "topic attribute unsupported type int. topic must be a(n) string",
    );
    check(
        &[("topic", DataType::Binary), value.clone()],
        false,
        "topic attribute unsupported type binary. topic must be a(n) string",
    );
    check(
        &[("partition", DataType::Int64), value.clone()],
        true,
        "partition attribute unsupported type bigint. partition must be a(n) int",
    );
    check(
        &[("headers", headers_of(DataType::Utf8)), value.clone()],
        true,
        "headers attribute unsupported type array<struct<key:string,value:string>>. headers must be a(n) \
         array<struct<key:string,value:binary>>",
    );
    // The option wins, so the column is not even looked at.
    let both = schema(&[("topic", DataType::Int32), value]);
    RecordColumns::find(&both, true).expect("Spark takes it");
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))
        .expect("columns of one length")
}

#[test]
fn every_text_and_binary_array_gives_its_bytes() {
    let arrays: [ArrayRef; 5] = [
        Arc::new(StringArray::from(vec![Some("a"), None])),
        Arc::new(LargeStringArray::from(vec![Some("a"), None])),
        Arc::new(StringViewArray::from(vec![Some("a"), None])),
        Arc::new(BinaryArray::from(vec![Some(&b"a"[..]), None])),
        Arc::new(BinaryViewArray::from(vec![Some(&b"a"[..]), None])),
    ];
    for array in arrays {
        let batch = batch(vec![("key", Arc::clone(&array)), ("value", array)]);
        let columns = RecordColumns::find(&batch.schema(), true).expect("right");
        let parts = columns.of(&batch).expect("as planned");
        assert_eq!((parts.key(0), parts.value(0)), (Some(&b"a"[..]), Some(&b"a"[..])));
        assert_eq!((parts.key(1), parts.value(1), parts.partition(1)), (None, None, None));
    }
}

#[test]
fn topics_partitions_and_headers_are_by_row() {
    let names: ArrayRef = Arc::new(StringArray::from(vec!["x", "y", "z"]));
    let values: ArrayRef = Arc::new(BinaryArray::from(vec![Some(&b"1"[..]), None, Some(&b"3"[..])]));
    let DataType::List(item) = headers_of(DataType::Binary) else { panic!("a list") };
    let DataType::Struct(fields) = item.data_type().clone() else { panic!("of structs") };
    let items = StructArray::new(fields, vec![names, values], None);
    let lists = ListArray::new(
        item,
        OffsetBuffer::from_lengths([2, 0, 1]),
        Arc::new(items),
        Some(NullBuffer::from(vec![true, false, true])),
    );
    // A slice: rows 1 and 2 of three.
    let batch = batch(vec![
        ("headers", Arc::new(lists)),
        ("value", Arc::new(StringArray::from(vec!["a", "b", "c"]))),
        ("topic", Arc::new(StringArray::from(vec![Some("t"), None, Some("u")]))),
        ("partition", Arc::new(Int32Array::from(vec![Some(4), Some(5), None]))),
        ("other", Arc::new(Int32Array::from(vec![1, 2, 3]))),
    ])
    .slice(1, 2);
    let columns = RecordColumns::find(&batch.schema(), false).expect("right");
    let parts = columns.of(&batch).expect("as planned");
    let mut headers = vec![(&b"left from before"[..], None)];
    parts.headers(0, &mut headers).expect("none");
    assert!(headers.is_empty());
    parts.headers(1, &mut headers).expect("one");
    assert_eq!(headers, [(&b"z"[..], Some(&b"3"[..]))]);
    assert_eq!((parts.partition(0), parts.partition(1)), (Some(5), None));
    assert_eq!(parts.topic(1).expect("named"), "u");
    let error = parts.topic(0).expect_err("null");
    assert_eq!(error.class(), Some("KAFKA_NULL_TOPIC_IN_DATA"));
    assert_eq!(
        error.message(),
        "The Kafka message data sent to the producer contains a null topic. Use the `topic` option for setting a default \
         topic."
    );
}

#[test]
fn a_row_whose_key_has_gone_is_a_tombstone() {
    let text = |values: [&'static str; 2]| -> ArrayRef { Arc::new(StringArray::from_iter_values(values)) };
    let operations = text([UPSERT, DELETE]);
    let rows = batch(vec![("key", text(["a", "b"])), ("value", text(["1", "2"])), (ROW_OPERATION, operations)]);
    let find = |rows: &RecordBatch| RecordColumns::find(&rows.schema(), true).expect("right");
    let columns = find(&rows).with_deletes(&rows.schema()).expect("there is a key");
    let parts = columns.of(&rows).expect("as planned");
    assert_eq!((parts.key(0), parts.value(0)), (Some(&b"a"[..]), Some(&b"1"[..])));
    assert_eq!((parts.key(1), parts.value(1)), (Some(&b"b"[..]), None));
    // The same column of a query without deletes is the user's own.
    assert_eq!(find(&rows).of(&rows).expect("as planned").value(1), Some(&b"2"[..]));
    let without_key = rows.project(&[1, 2]).expect("columns");
    let error = find(&without_key).with_deletes(&without_key.schema()).expect_err("nothing says what has gone");
    assert!(error.message().contains("'key' is not found"), "{error}");
}
