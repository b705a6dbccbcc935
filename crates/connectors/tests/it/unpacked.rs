//! Few bytes on the wire that are many when they are unpacked: counted, refused by name, given out in parts, and
//! unpacked once for all batches that read in them.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BinaryArray, RecordBatch};
use arrow::datatypes::Int64Type;
use millstream_broker::{Broker, BrokerConfig};
use millstream_connectors::kafka::KafkaConnector;
use millstream_core::{
    Connector, Error, MemoryLedger, Offset, OffsetRange, ScanColumn, ScanRequest, Source, SourceConfig,
};
use millstream_testing::{source_config, system_clock};

use crate::kafka::{collect, soon};
use crate::kafka_sink::write_once;

const ROWS: usize = 1000;
const ROW_BYTES: usize = 64 << 10;
const VALUE: usize = 1;
const OFFSET: usize = 4;

/// A topic with one batch of Kafka's: 64 MB of zeros, some 64 kB of them on the wire.
async fn topic() -> Broker {
    let broker = Broker::start(BrokerConfig::default()).await.expect("a free port");
    let address = broker.address().to_string();
    let zeros = vec![0; ROW_BYTES];
    let values: ArrayRef = Arc::new(BinaryArray::from_iter_values(std::iter::repeat_n(&zeros, ROWS)));
    let rows = RecordBatch::try_from_iter([("value", values)]).expect("one column");
    let options = [
        ("kafka.bootstrap.servers", address.as_str()),
        ("topic", "zeros"),
        ("kafka.compression.type", "gzip"),
        ("kafka.batch.size", "200000000"),
        ("kafka.max.request.size", "200000000"),
        ("kafka.buffer.memory", "400000000"),
        ("kafka.linger.ms", "60000"),
    ];
    write_once(rows, &options).await;
    broker
}

fn source(broker: &Broker, memory: &MemoryLedger) -> Arc<dyn Source> {
    let address = broker.address().to_string();
    let options = [("kafka.bootstrap.servers", address.as_str()), ("subscribe", "zeros")];
    let config = SourceConfig { clock: system_clock(), memory: memory.clone(), ..source_config(&options) };
    KafkaConnector::default().open_source(config).expect("valid")
}

/// The offsets of each batch of rows.
async fn read(source: &dyn Source, range: std::ops::Range<usize>) -> Result<Vec<Vec<i64>>, Error> {
    let at = |offset: usize| Offset::parse(&format!(r#"{{"zeros":{{"0":{offset}}}}}"#)).expect("JSON");
    let range = OffsetRange { start: at(range.start), end: at(range.end) };
    let columns = vec![ScanColumn::Plain(VALUE), ScanColumn::Plain(OFFSET)];
    let request = ScanRequest { range, columns, filters: Arc::default(), batch_rows: 8192, max_streams: 1 };
    let batches = collect(source.scan(request).await?).await?;
    let offsets = |batch: &RecordBatch| {
        assert!(
            batch.column(0).as_binary::<i32>().iter().all(|value| value.is_some_and(|value| value.len() == ROW_BYTES))
        );
        batch.column(1).as_primitive::<Int64Type>().values().to_vec()
    };
    Ok(batches.iter().map(offsets).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_fit_the_memory_is_refused_by_name() {
    let broker = topic().await;
    let memory = MemoryLedger::new(48 << 20);
    let error = read(&*source(&broker, &memory), 0..10).await.expect_err("64 MB do not fit 48");
    assert_eq!(error.class(), Some("UNABLE_TO_ACQUIRE_MEMORY"));
    assert!(error.message().contains("zeros"), "{}", error.message());
    // The tasks of the source end a little after it.
    let freed = async {
        while memory.used_bytes() > 0 {
            tokio::task::yield_now().await;
        }
    };
    soon(freed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_stays_unpacked_while_it_is_read_and_is_given_out_in_parts() {
    let broker = topic().await;
    let memory = MemoryLedger::new(256 << 20);
    let source = source(&broker, &memory);
    for start in [0, 10, 20] {
        let rows = read(&*source, start..start + 10).await.expect("it fits");
        assert_eq!(rows.concat(), (start as i64..start as i64 + 10).collect::<Vec<_>>());
        assert!(memory.used_bytes() >= ROWS * ROW_BYTES, "it lies there: {memory:?}");
    }
    let rest = read(&*source, 30..ROWS).await.expect("it fits");
    assert!(rest.len() > 1 && rest.iter().all(|part| part.len() <= 520), "in parts of some 32 MB");
    assert_eq!(rest.concat(), (30..ROWS as i64).collect::<Vec<_>>());
    assert!(memory.used_bytes() < 8 << 20, "it is given back: {memory:?}");
}
