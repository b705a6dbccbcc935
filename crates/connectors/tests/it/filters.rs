//! A batch read of Kafka fetches only what its filters leave, and never leaves out a row that passes them.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int32Array, RecordBatch, StringArray};
use arrow::datatypes::{Int32Type, Int64Type};
use millstream_broker::{Broker, BrokerConfig};
use millstream_connectors::kafka::KafkaConnector;
use millstream_core::scan_filter::{ColumnTest, Comparison, Literal, ScanFilter};
use millstream_core::{BatchReader, Connector, ReadRequest, ScanColumn, SourceConfig};
use millstream_testing::{source_config, system_clock};

use crate::kafka::collect;
use crate::kafka_sink::write_once;

const PARTITION: usize = 3;
const OFFSET: usize = 4;
const TIMESTAMP: usize = 5;

/// A topic of two partitions with four rows each.
async fn topic() -> (Broker, Arc<dyn BatchReader>) {
    let config = BrokerConfig { default_partitions: 2, ..BrokerConfig::default() };
    let broker = Broker::start(config).await.expect("a free port");
    let address = broker.address().to_string();
    let values: ArrayRef = Arc::new(StringArray::from_iter_values((0..8).map(|row| row.to_string())));
    let partitions: ArrayRef = Arc::new(Int32Array::from_iter_values((0..8).map(|row| row % 2)));
    let rows = RecordBatch::try_from_iter([("value", values), ("partition", partitions)]).expect("one length");
    let options = [("kafka.bootstrap.servers", address.as_str()), ("topic", "rows")];
    write_once(rows, &options).await;
    let options = [("kafka.bootstrap.servers", address.as_str()), ("subscribe", "rows")];
    let reader =
        KafkaConnector::default().open_batch(SourceConfig { clock: system_clock(), ..source_config(&options) });
    (broker, reader.expect("valid"))
}

/// Partition and offset of every row that is read.
async fn read(reader: &dyn BatchReader, filters: Vec<ScanFilter>) -> Vec<(i32, i64)> {
    let columns = vec![ScanColumn::Plain(PARTITION), ScanColumn::Plain(OFFSET)];
    let request = ReadRequest { columns, filters, batch_rows: 100, max_streams: 2 };
    let mut rows = Vec::new();
    for batch in collect(reader.scan(request).await.expect("readable")).await.expect("readable") {
        let partitions = batch.column(0).as_primitive::<Int32Type>().values();
        rows.extend(partitions.iter().copied().zip(batch.column(1).as_primitive::<Int64Type>().values().to_vec()));
    }
    rows.sort_unstable();
    rows
}

fn compare(column: usize, comparison: Comparison, literal: Literal) -> ScanFilter {
    ScanFilter { column, test: ColumnTest::Compare(comparison, literal) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_a_filter_is_not_fetched() {
    let (_broker, reader) = topic().await;
    let all: Vec<_> = (0..2).flat_map(|partition| (0..4).map(move |offset| (partition, offset))).collect();
    assert_eq!(read(&*reader, vec![]).await, all);
    let partition = || compare(PARTITION, Comparison::Equal, Literal::Integer(1));
    assert_eq!(read(&*reader, vec![partition()]).await, [(1, 0), (1, 1), (1, 2), (1, 3)]);
    let offset = compare(OFFSET, Comparison::GreaterOrEqual, Literal::Integer(2));
    assert_eq!(read(&*reader, vec![offset.clone()]).await, [(0, 2), (0, 3), (1, 2), (1, 3)]);
    assert_eq!(read(&*reader, vec![partition(), offset]).await, [(1, 2), (1, 3)]);
    let time = |comparison, us| compare(TIMESTAMP, comparison, Literal::Timestamp(us));
    assert_eq!(read(&*reader, vec![time(Comparison::GreaterOrEqual, 1_000)]).await, all, "all rows are newer");
    assert_eq!(read(&*reader, vec![time(Comparison::Greater, i64::MAX)]).await, [], "no row is");
    // An end says nothing of where to stop: timestamps need not ascend.
    assert_eq!(read(&*reader, vec![time(Comparison::Less, 1_000)]).await, all);
}
