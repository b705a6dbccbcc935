//! What a client decodes is what was encoded.

use arrow::array::{Int64Array, StringArray, TimestampMicrosecondArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use arrow::ipc::reader::StreamReader;
use millstream_core::MemoryLedger;

use super::*;

fn encoder(columns: &Schema, time_zone: &str) -> ArrowBatchEncoder {
    let memory = MemoryLedger::unlimited().reservation("a test");
    ArrowBatchEncoder::new(columns, time_zone, Pieces::Whole, memory)
}

/// All responses for these rows.
fn encode(encoder: &mut ArrowBatchEncoder, rows: &RecordBatch) -> Vec<ArrowBatch> {
    let parts = encoder.cut(rows).unwrap();
    parts.iter().flat_map(|part| encoder.encode(part).unwrap()).collect()
}

fn decode(batch: &ArrowBatch) -> RecordBatch {
    let mut reader = StreamReader::try_new(batch.data.as_ref(), None).unwrap();
    let rows = reader.next().unwrap().unwrap();
    assert!(reader.next().is_none());
    rows
}

#[test]
fn timestamps_take_the_sessions_zone_at_any_depth() {
    let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let inner = Arc::new(Field::new("at", utc, true));
    let outer = Field::new("s", DataType::Struct(vec![Arc::clone(&inner)].into()), true);
    let schema = Arc::new(Schema::new(vec![outer]));
    let times = TimestampMicrosecondArray::from(vec![Some(1), None]).with_timezone("UTC");
    let structs = StructArray::from(vec![(inner, Arc::new(times) as _)]);
    let rows = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(structs)]).unwrap();
    let mut encoder = encoder(&schema, "Asia/Tokyo");
    let sent = encode(&mut encoder, &rows);
    assert_eq!(sent.len(), 1);
    let back = decode(&sent[0]);
    let at = back.column(0).as_struct().column(0);
    assert_eq!(at.data_type(), &DataType::Timestamp(TimeUnit::Microsecond, Some("Asia/Tokyo".into())));
    assert_eq!(at.as_primitive::<TimestampMicrosecondType>().value(0), 1);
    assert!(at.is_null(1));
}

#[test]
fn large_results_are_cut_and_counted_on() {
    let schema = Arc::new(Schema::new(vec![Field::new("t", DataType::Utf8, false)]));
    let texts = StringArray::from_iter_values((0..100).map(|_| "x".repeat(1 << 17)));
    let rows = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(texts)]).unwrap();
    let mut encoder = encoder(&schema, "UTC");
    let sent = encode(&mut encoder, &rows);
    assert!(sent.len() >= 4, "{} batches", sent.len());
    let mut offset = 0;
    for batch in &sent {
        assert!(batch.data.len() <= BATCH_BYTES_MAX + (1 << 18));
        assert_eq!(batch.start_offset, Some(offset));
        assert_eq!(decode(batch).num_rows(), usize::try_from(batch.row_count).unwrap());
        offset += batch.row_count;
    }
    assert_eq!(offset, 100);
}

#[test]
fn columns_go_by_the_names_the_user_gave() {
    let of_plan =
        Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, false), Field::new("a#1", DataType::Int64, false)]));
    let column = Arc::new(Int64Array::from(vec![7])) as Arc<dyn Array>;
    let rows = RecordBatch::try_new(of_plan, vec![Arc::clone(&column), column]).unwrap();
    let seen = Schema::new(vec![Field::new("a", DataType::Int64, false), Field::new("a", DataType::Int64, false)]);
    let back = decode(&encode(&mut encoder(&seen, "UTC"), &rows)[0]);
    let names: Vec<_> = back.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["a", "a"]);
}

#[test]
fn fields_of_a_struct_get_different_names_and_keep_their_places() {
    let fields: Fields = ["a", "b", "a", "A"].map(|name| Field::new(name, DataType::Int64, true)).to_vec().into();
    let columns = (1..=4).map(|value| Arc::new(Int64Array::from(vec![value])) as ArrayRef).collect();
    let structs: ArrayRef = Arc::new(StructArray::new(fields, columns, None));
    let item = Arc::new(Field::new_list_field(structs.data_type().clone(), true));
    let lists: ArrayRef = Arc::new(ListArray::new(item, OffsetBuffer::from_lengths([1]), structs, None));
    let schema = Arc::new(Schema::new(vec![Field::new("l", lists.data_type().clone(), true)]));
    let rows = RecordBatch::try_new(Arc::clone(&schema), vec![lists]).unwrap();
    let back = decode(&encode(&mut encoder(&schema, "UTC"), &rows)[0]);
    let back = back.column(0).as_list::<i32>().values().as_struct().clone();
    assert_eq!(back.column_names(), ["a_0", "b", "a_1", "A"]);
    let values: Vec<_> = back.columns().iter().map(|column| column.as_primitive::<Int64Type>().value(0)).collect();
    assert_eq!(values, [1, 2, 3, 4]);
}

#[test]
fn an_empty_result_still_has_a_batch() {
    let schema = Schema::new(vec![Field::new("a", DataType::Int64, false)]);
    let encoder = encoder(&schema, "UTC");
    assert!(encoder.is_empty());
    let batch = encoder.encode_empty().unwrap();
    assert_eq!((batch.row_count, decode(&batch).num_rows()), (0, 0));
}

#[test]
fn one_long_row_among_short_ones_is_a_batch_of_its_own() {
    let schema = Arc::new(Schema::new(vec![Field::new("t", DataType::Utf8, false)]));
    let long = "x".repeat(5 << 20);
    let texts: Vec<&str> = (0..1000).map(|row| if row == 400 { long.as_str() } else { "short" }).collect();
    let rows = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(StringArray::from(texts))]).unwrap();
    let sent = encode(&mut encoder(&schema, "UTC"), &rows);
    let large: Vec<i64> =
        sent.iter().filter(|batch| batch.data.len() > BATCH_BYTES_MAX).map(|batch| batch.row_count).collect();
    assert_eq!(large, [1]);
    assert_eq!(sent.iter().map(|batch| batch.row_count).sum::<i64>(), 1000);
}

#[test]
fn a_large_row_comes_in_numbered_pieces() {
    let schema = Arc::new(Schema::new(vec![Field::new("t", DataType::Utf8, false)]));
    let texts = StringArray::from_iter_values(["x".repeat(10_000)]);
    let rows = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(texts)]).unwrap();
    let memory = MemoryLedger::unlimited().reservation("a test");
    let sent = encode(&mut ArrowBatchEncoder::new(&schema, "UTC", Pieces::Of(4096), memory), &rows);
    let numbers: Vec<_> =
        sent.iter().map(|piece| (piece.chunk_index, piece.num_chunks_in_batch, piece.start_offset)).collect();
    assert_eq!(numbers, [0, 1, 2].map(|index| (Some(index), Some(3), Some(0))));
    let data = sent.iter().flat_map(|piece| piece.data.to_vec()).collect::<Vec<_>>().into();
    assert_eq!(decode(&ArrowBatch { data, ..ArrowBatch::default() }), rows);
}

#[test]
fn a_batch_that_finds_no_memory_is_refused() {
    let schema = Arc::new(Schema::new(vec![Field::new("t", DataType::Utf8, false)]));
    let texts = StringArray::from_iter_values(["x".repeat(10_000)]);
    let rows = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(texts)]).unwrap();
    let memory = MemoryLedger::new(9_000).reservation("a test");
    let refused = ArrowBatchEncoder::new(&schema, "UTC", Pieces::Whole, memory).encode(&rows).unwrap_err();
    assert_eq!(refused.class(), Some("UNABLE_TO_ACQUIRE_MEMORY"));
}
