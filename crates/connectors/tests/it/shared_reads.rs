//! Several queries on one topic: the broker sends the records once, whoever is slow holds nobody up, and each query has
//! its own offsets.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BinaryArray, RecordBatch, StringArray};
use millstream_broker::{Broker, BrokerConfig};
use millstream_connectors::kafka::KafkaConnector;
use millstream_core::{
    Connector, MemoryLedger, Offset, OffsetRange, ReadLimit, ScanColumn, ScanRequest, Source, SourceConfig,
};
use millstream_testing::{source_config, system_clock};

use crate::kafka::{collect, soon};
use crate::kafka_sink::write_once;

const VALUE: usize = 1;

/// Bytes of a row that do not pack.
const ROW_BYTES: usize = 1000;

/// A query's source and what it has read.
struct Reader {
    source: Arc<dyn Source>,
    start: Offset,
    rows: Vec<u64>,
}

impl Reader {
    async fn open(connector: &KafkaConnector, broker: &Broker, more: &[(&str, &str)]) -> Self {
        let address = broker.address().to_string();
        let options = [("kafka.bootstrap.servers", address.as_str()), ("subscribe", "rows")];
        let options = [&options, more].concat();
        let config =
            SourceConfig { clock: system_clock(), memory: MemoryLedger::unlimited(), ..source_config(&options) };
        let source = connector.open_source(config).expect("valid");
        let start = source.initial_offset().await.expect("the broker answers");
        Self { source, start, rows: Vec::new() }
    }

    /// One batch of what is there, after waiting for something.
    async fn batch(&mut self) {
        let end = soon(self.source.ready(&self.start)).await.expect("rows come").end;
        let range = OffsetRange { start: self.start.clone(), end: end.clone() };
        let columns = vec![ScanColumn::Plain(VALUE)];
        let request = ScanRequest { range, columns, filters: Arc::default(), batch_rows: 8192, max_streams: 2 };
        let batches = soon(async { collect(self.source.scan(request).await?).await }).await.expect("readable");
        for batch in batches {
            let values = batch.column(0).as_binary::<i32>();
            let number = |value: Option<&[u8]>| u64::from_be_bytes(value.expect("a value")[..8].try_into().expect("8"));
            self.rows.extend(values.iter().map(number));
        }
        self.source.commit(&end).await.expect("taken note of");
        self.start = end;
    }

    /// Batches until so many rows have been read.
    async fn read(&mut self, rows: usize) {
        while self.rows.len() < rows {
            self.batch().await;
        }
    }

    /// Each row once.
    fn check(&self, rows: u64) {
        let mut read = self.rows.clone();
        read.sort_unstable();
        assert!(read.iter().copied().eq(0..rows), "{} of {rows} rows: {:?} …", read.len(), &read[..read.len().min(9)]);
    }
}

/// A topic of two partitions, and how many rows are in it.
struct Topic {
    broker: Broker,
    rows: u64,
}

impl Topic {
    async fn new() -> Self {
        let config = BrokerConfig { default_partitions: 2, ..BrokerConfig::default() };
        let mut topic = Self { broker: Broker::start(config).await.expect("a free port"), rows: 0 };
        // It is made by who writes to it first.
        topic.write(1).await;
        topic
    }

    /// Numbered rows, and behind each number what chance gives.
    async fn write(&mut self, rows: u64) {
        let mut noise = self.rows + 1;
        let mut value = |number: u64| {
            let mut bytes = number.to_be_bytes().to_vec();
            while bytes.len() < ROW_BYTES {
                noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                bytes.extend(noise.to_be_bytes());
            }
            bytes
        };
        let numbers = self.rows..self.rows + rows;
        let keys: ArrayRef = Arc::new(StringArray::from_iter_values(numbers.clone().map(|number| number.to_string())));
        let values: ArrayRef = Arc::new(BinaryArray::from_iter_values(numbers.map(&mut value)));
        let batch = RecordBatch::try_from_iter([("key", keys), ("value", values)]).expect("two columns");
        let address = self.broker.address().to_string();
        write_once(batch, &[("kafka.bootstrap.servers", address.as_str()), ("topic", "rows")]).await;
        self.rows += rows;
    }
}

const EARLIEST: (&str, &str) = ("startingOffsets", "earliest");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_queries_read_once_and_one_of_other_settings_by_itself() {
    let mut topic = Topic::new().await;
    let connector = KafkaConnector::default();
    let mut readers = Vec::new();
    for _ in 0..3 {
        readers.push(Reader::open(&connector, &topic.broker, &[EARLIEST]).await);
    }
    // All of them are where the topic ends before more comes.
    for round in 0..20 {
        for reader in &mut readers {
            reader.read(usize::try_from(topic.rows).expect("few")).await;
        }
        if round == 3 {
            let mut other = Reader::open(&connector, &topic.broker, &[EARLIEST, ("kafka.check.crcs", "false")]).await;
            other.read(usize::try_from(topic.rows).expect("few")).await;
            readers.push(other);
        }
        let before = topic.broker.bytes_out();
        topic.write(500).await;
        let mut tasks = tokio::task::JoinSet::new();
        for mut reader in std::mem::take(&mut readers) {
            let rows = usize::try_from(topic.rows).expect("few");
            tasks.spawn(async move {
                reader.read(rows).await;
                reader
            });
        }
        readers.extend(tasks.join_all().await);
        let written = 500 * ROW_BYTES as u64;
        let times = (topic.broker.bytes_out() - before) as f64 / written as f64;
        // In the first rounds they find one another.
        let expected = if round >= 3 { 2.0 } else { 1.0 };
        assert!(round < 2 || (expected..expected + 0.2).contains(&times), "round {round}: read {times} times");
    }
    readers.iter().for_each(|reader| reader.check(topic.rows));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_slow_holds_nobody_up_and_is_found_again_when_it_has_caught_up() {
    let mut topic = Topic::new().await;
    let connector = KafkaConnector::default();
    let mut quick = Reader::open(&connector, &topic.broker, &[EARLIEST]).await;
    let mut slow = Reader::open(&connector, &topic.broker, &[EARLIEST, ("maxOffsetsPerTrigger", "7000")]).await;
    quick.read(1).await;
    slow.read(1).await;
    for _ in 0..12 {
        topic.write(5000).await;
        quick.read(usize::try_from(topic.rows).expect("few")).await;
    }
    assert_eq!(slow.rows.len(), 1);
    slow.read(usize::try_from(topic.rows).expect("few")).await;
    let mut times = f64::MAX;
    for _ in 0..20 {
        let before = topic.broker.bytes_out();
        topic.write(100).await;
        let rows = usize::try_from(topic.rows).expect("few");
        tokio::join!(quick.read(rows), slow.read(rows));
        times = (topic.broker.bytes_out() - before) as f64 / (100 * ROW_BYTES) as f64;
        if times < 1.3 {
            break;
        }
    }
    assert!(times < 1.3, "they still read {times} times");
    // The one that has made the reader goes, and the other reads on.
    drop(quick);
    topic.write(3000).await;
    slow.read(usize::try_from(topic.rows).expect("few")).await;
    slow.check(topic.rows);
    let newest = slow.source.latest_offset(&slow.start, ReadLimit::AllAvailable).await.expect("the broker answers");
    assert_eq!(newest.end, slow.start);
}
