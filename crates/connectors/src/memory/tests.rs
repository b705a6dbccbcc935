use arrow::array::{ArrayRef, AsArray, Int64Array};
use arrow::datatypes::Int64Type;
use futures::executor::block_on;
use millstream_core::MemoryLedger;
use millstream_testing::{read_request, sink_config};

use super::*;

fn rows(values: &[i64]) -> RecordBatch {
    RecordBatch::try_from_iter([("id", Arc::new(Int64Array::from(values.to_vec())) as ArrayRef)]).unwrap()
}

fn open(query_name: Option<&str>, memory: MemoryLedger) -> Result<Arc<dyn Sink>> {
    let query_name = query_name.map(str::to_owned);
    Memory.open_sink(SinkConfig { query_name, memory, ..sink_config(rows(&[]).schema(), &[]) })
}

fn write(sink: &dyn Sink, id: u64, kind: WriteKind, values: &[i64]) -> Result<SinkProgress> {
    let rows = rows(values);
    let (schema, parts) = (rows.schema(), stream::iter([Ok(rows)]).boxed());
    let batch = SinkBatch { id: BatchId(id), kind, upsert_key: None, schema, rows: vec![parts] };
    block_on(sink.write(batch, LoggedBatch::none()))
}

fn table(sink: &dyn Sink) -> Vec<i64> {
    let reader = sink.table().expect("this sink keeps its rows");
    let streams = block_on(reader.scan(read_request(1))).unwrap();
    let parts: Vec<RecordBatch> = block_on(stream::select_all(streams).try_collect()).unwrap();
    parts.iter().flat_map(|part| part.column(0).as_primitive::<Int64Type>().values().to_vec()).collect()
}

#[test]
fn rows_are_added_and_complete_replaces_them() {
    let sink = open(Some("q"), MemoryLedger::unlimited()).unwrap();
    assert_eq!(write(&*sink, 0, WriteKind::Append, &[1, 2]).unwrap().rows_written, 2);
    write(&*sink, 1, WriteKind::Update, &[2]).unwrap();
    assert_eq!(table(&*sink), [1, 2, 2]);
    write(&*sink, 2, WriteKind::Complete, &[9]).unwrap();
    assert_eq!(table(&*sink), [9]);
}

#[test]
fn a_batch_is_written_once() {
    let sink = open(Some("q"), MemoryLedger::unlimited()).unwrap();
    write(&*sink, 0, WriteKind::Append, &[1]).unwrap();
    write(&*sink, 0, WriteKind::Append, &[1]).unwrap();
    assert_eq!(table(&*sink), [1]);
}

#[test]
fn what_does_not_fit_is_refused_and_leaves_the_table_as_it_was() {
    let ledger = MemoryLedger::new(rows(&[1]).get_array_memory_size());
    let sink = open(Some("q"), ledger).unwrap();
    write(&*sink, 0, WriteKind::Append, &[1]).unwrap();
    let error = write(&*sink, 1, WriteKind::Append, &[2]).unwrap_err();
    assert_eq!(error.class(), Some("UNABLE_TO_ACQUIRE_MEMORY"));
    assert_eq!(table(&*sink), [1]);
}

#[test]
fn a_query_without_a_name_is_refused_as_spark_refuses_it() {
    let error = open(None, MemoryLedger::unlimited()).unwrap_err();
    assert_eq!(error.class(), Some("_LEGACY_ERROR_TEMP_1194"));
}

#[test]
fn no_columns_still_have_rows() {
    let sink = open(Some("q"), MemoryLedger::unlimited()).unwrap();
    write(&*sink, 0, WriteKind::Append, &[1, 2, 3]).unwrap();
    let streams = block_on(sink.table().unwrap().scan(read_request(0))).unwrap();
    let parts: Vec<RecordBatch> = block_on(stream::select_all(streams).try_collect()).unwrap();
    assert_eq!(parts.iter().map(RecordBatch::num_rows).sum::<usize>(), 3);
}
