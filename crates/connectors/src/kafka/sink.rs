//! `writeStream.format("kafka")`: each row a record (Spark: `KafkaStreamingWrite`).
//!
//! At least once, as in Spark: a batch is done when every record of it is acknowledged, and a batch that is run again is
//! written again. All output modes are taken; the rows of an update or of a complete result follow those written before.
//!
//! The producer lives as long as the query, because it keeps connections, metadata and its place in each partition's
//! sequence. After any failure it is thrown away and the next batch makes a new one, so that nothing of a failed batch
//! leaks into the next.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use futures::StreamExt;
use millstream_core::{
    BatchStream, Clock, Error, MemoryLedger, Options, Result, Sink, SinkBatch, SinkConfig, SinkProgress,
};
use millstream_kafka::{Appended, Client, ClientConfig, NewRecord, Producer, ProducerConfig, TopicHandle, Wait};
use parking_lot::Mutex;
use tokio::task::JoinSet;
use tracing::info;

use super::errors::kafka_write_error;
use super::lane::LedgerBudget;
use super::records::{RecordColumns, RowParts};

/// The options of the sink, parsed and checked.
#[derive(Debug, Clone)]
pub(crate) struct SinkOptions {
    /// The option `topic`, which wins over the column.
    topic: Option<String>,
    client: ClientConfig,
    producer: ProducerConfig,
}

impl SinkOptions {
    pub(crate) fn parse(options: &Options) -> Result<Self> {
        for (name, what) in [("key.serializer", "keys"), ("value.serializer", "value")] {
            if options.contains(&format!("kafka.{name}")) {
                return Err(Error::illegal_argument(format!(
                    "Kafka option '{name}' is not supported as {what} are serialized with ByteArraySerializer."
                )));
            }
        }
        if options.contains("kafka.transactional.id") {
            return Err(Error::illegal_argument("Kafka option 'transactional.id' is not supported by the sink")
                .with_hint("the sink writes at least once, without transactions"));
        }
        if !options.contains("kafka.bootstrap.servers") {
            return Err(Error::illegal_argument(
                "Option 'kafka.bootstrap.servers' must be specified for configuring Kafka producer",
            ));
        }
        let properties: Vec<_> =
            options.with_prefix("kafka.").map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
        let properties = properties.iter().map(|(name, value)| (name.as_str(), *value));
        let (client, producer, ignored) = ProducerConfig::from_properties(properties).map_err(kafka_write_error)?;
        if !ignored.is_empty() {
            info!(settings = ignored.join(", "), "Kafka producer settings that mean nothing here are ignored");
        }
        Ok(Self { topic: options.get("topic").map(str::to_owned), client, producer })
    }
}

/// The sink of one query.
#[derive(Debug)]
pub(crate) struct KafkaSink {
    options: SinkOptions,
    columns: RecordColumns,
    memory: MemoryLedger,
    clock: Arc<dyn Clock>,
    producer: Mutex<Option<Arc<Producer>>>,
}

impl KafkaSink {
    pub(crate) fn new(options: SinkOptions, config: &SinkConfig) -> Result<Self> {
        let columns = RecordColumns::find(&config.schema, options.topic.is_some())?;
        let (memory, clock) = (config.memory.clone(), Arc::clone(&config.clock));
        Ok(Self { options, columns, memory, clock, producer: Mutex::default() })
    }

    fn producer(&self) -> Arc<Producer> {
        let mut kept = self.producer.lock();
        let producer = kept.get_or_insert_with(|| {
            let budget = LedgerBudget::new(&self.memory, "the Kafka producer's buffer");
            Arc::new(Client::new(self.options.client.clone()).producer(self.options.producer.clone(), Arc::new(budget)))
        });
        Arc::clone(producer)
    }

    /// Appends all rows and waits until all are acknowledged.
    async fn write_all(&self, rows: Vec<BatchStream>) -> Result<u64> {
        let producer = self.producer();
        let topic = match &self.options.topic {
            Some(name) => Some(producer.topic(name).await.map_err(kafka_write_error)?),
            None => None,
        };
        let writer = Writer {
            producer: Arc::clone(&producer),
            columns: self.columns.clone(),
            clock: Arc::clone(&self.clock),
            topic,
            topics: HashMap::new(),
        };
        // Each stream is a task: together they are the batch, and each may have a core.
        let mut tasks = JoinSet::new();
        for stream in rows {
            tasks.spawn(writer.clone().write_stream(stream));
        }
        let mut written = 0;
        while let Some(ended) = tasks.join_next().await {
            written += ended.map_err(|error| {
                Error::internal("a task that wrote to Kafka ended without an answer").with_source(error)
            })??;
        }
        producer.flush().await.map_err(kafka_write_error)?;
        Ok(written)
    }
}

#[async_trait]
impl Sink for KafkaSink {
    fn description(&self) -> String {
        let table = "org.apache.spark.sql.kafka010.KafkaSourceProvider$KafkaTable";
        // Spark prints its table object here; the hash of ours would mean as little.
        format!("{table}@{:x}", std::ptr::from_ref(self).addr())
    }

    async fn write(&self, batch: SinkBatch) -> Result<SinkProgress> {
        let written = self.write_all(batch.rows).await;
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

/// Writes streams of a batch.
#[derive(Debug, Clone)]
struct Writer {
    producer: Arc<Producer>,
    columns: RecordColumns,
    clock: Arc<dyn Clock>,
    topic: Option<TopicHandle>,
    /// Topics that rows have named.
    topics: HashMap<String, TopicHandle>,
}

/// Why appending stopped before the last row.
enum Stop {
    Wait(Wait),
    /// This topic is not known yet.
    Topic(String),
}

impl Writer {
    async fn write_stream(mut self, mut stream: BatchStream) -> Result<u64> {
        let mut written = 0;
        while let Some(batch) = stream.next().await {
            let batch = batch?;
            written += batch.num_rows() as u64;
            self.write_batch(&batch).await?;
        }
        Ok(written)
    }

    async fn write_batch(&mut self, batch: &RecordBatch) -> Result<()> {
        let timestamp = self.clock.now_us() / 1000;
        let mut row = 0;
        // What is borrowed from the batch lives in `append`, because a wait lies between.
        while let Some(stop) = self.append(batch, &mut row, timestamp)? {
            match stop {
                Stop::Wait(wait) => self.producer.wait(wait).await.map_err(kafka_write_error)?,
                Stop::Topic(name) => {
                    let handle = self.producer.topic(&name).await.map_err(kafka_write_error)?;
                    self.topics.insert(name, handle);
                }
            }
        }
        Ok(())
    }

    /// Appends rows from `row` on, as far as it goes without waiting.
    fn append(&self, batch: &RecordBatch, row: &mut usize, timestamp: i64) -> Result<Option<Stop>> {
        let parts = self.columns.of(batch)?;
        let mut headers = Vec::new();
        let mut appender = self.producer.appender();
        while *row < batch.num_rows() {
            let topic = match self.topic_of(&parts, *row)? {
                Ok(topic) => topic,
                Err(name) => return Ok(Some(Stop::Topic(name))),
            };
            parts.headers(*row, &mut headers)?;
            let record = NewRecord { timestamp, key: parts.key(*row), value: parts.value(*row), headers: &headers };
            match appender.append(topic, parts.partition(*row), &record).map_err(kafka_write_error)? {
                Appended::Taken => *row += 1,
                Appended::Wait(wait) => return Ok(Some(Stop::Wait(wait))),
            }
        }
        Ok(None)
    }

    /// The topic of a row, or its name if it is not known yet.
    #[inline]
    fn topic_of(&self, parts: &RowParts<'_>, row: usize) -> Result<Result<TopicHandle, String>> {
        if let Some(topic) = self.topic {
            return Ok(Ok(topic));
        }
        let name = parts.topic(row)?;
        Ok(self.topics.get(name).copied().ok_or_else(|| name.to_owned()))
    }
}

#[cfg(test)]
mod tests;
