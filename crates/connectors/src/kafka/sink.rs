//! `writeStream.format("kafka")`: each row a record (Spark: `KafkaStreamingWrite`).
//!
//! At least once by default, as in Spark: a batch is done when every record of it is acknowledged, and a batch that is
//! run again is written again. With `delivery.guarantee=exactly-once` each batch is a transaction that carries its own
//! number ([`exactly_once`]). All output modes are taken; the rows of an update or of a complete result follow those
//! written before.
//!
//! The producer lives as long as the query, because it keeps connections, metadata and its place in each partition's
//! sequence. After any failure it is thrown away and the next batch makes a new one, so that nothing of a failed batch
//! leaks into the next. The client below it stays: it knows whether a broker has ever answered.

mod exactly_once;
mod marker;
mod options;
mod writer;

use std::sync::Arc;

use async_trait::async_trait;
use millstream_core::{LoggedBatch, MemoryLedger, Options, Result, Sink, SinkBatch, SinkConfig, SinkProgress};
use millstream_kafka::{Client, Producer};
use parking_lot::Mutex;

use super::lane::LedgerBudget;
use exactly_once::ExactlyOnceSink;
pub(crate) use options::SinkOptions;
use writer::RowWriter;

/// What the sink's buffers are called where memory is short.
const BUFFER: &str = "the Kafka producer's buffer";

/// The sink that the options ask for.
pub(crate) fn open(options: &Options, config: &SinkConfig) -> Result<Arc<dyn Sink>> {
    let options = SinkOptions::parse(options)?;
    let rows = RowWriter::new(options.topic.clone(), config)?;
    Ok(match options.exactly_once.clone() {
        None => {
            let memory = config.memory.clone();
            let client = Client::new(options.client.clone());
            Arc::new(KafkaSink { options, rows, memory, client, producer: Mutex::default() })
        }
        Some(exactly_once) => Arc::new(ExactlyOnceSink::new((options, exactly_once), rows, config)),
    })
}

/// The sink of one query, at least once.
#[derive(Debug)]
struct KafkaSink {
    options: SinkOptions,
    rows: RowWriter,
    memory: MemoryLedger,
    client: Client,
    producer: Mutex<Option<Arc<Producer>>>,
}

impl KafkaSink {
    fn producer(&self) -> Arc<Producer> {
        let mut kept = self.producer.lock();
        let producer = kept.get_or_insert_with(|| {
            let budget = LedgerBudget::new(&self.memory, BUFFER);
            Arc::new(self.client.producer(self.options.producer.clone(), Arc::new(budget)))
        });
        Arc::clone(producer)
    }
}

#[async_trait]
impl Sink for KafkaSink {
    fn description(&self) -> String {
        description(self)
    }

    async fn write(&self, batch: SinkBatch, _logged: LoggedBatch) -> Result<SinkProgress> {
        let written = self.rows.write_all(&self.producer(), batch.rows).await;
        if written.is_err() {
            self.producer.lock().take();
        }
        Ok(SinkProgress { rows_written: written?, ..SinkProgress::default() })
    }

    async fn close(&self) -> Result<()> {
        self.producer.lock().take();
        Ok(())
    }
}

fn description<T>(sink: &T) -> String {
    let table = "org.apache.spark.sql.kafka010.KafkaSourceProvider$KafkaTable";
    // Spark prints its table object here; the hash of ours would mean as little.
    format!("{table}@{:x}", std::ptr::from_ref(sink).addr())
}
