//! Gives the rows of a batch to a producer, all streams at the same time.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use futures::StreamExt;
use millstream_core::{BatchStream, Clock, Error, Result, SinkConfig};
use millstream_kafka::{Appended, NewRecord, Producer, TopicHandle, Wait};
use tokio::task::JoinSet;

use crate::kafka::errors::kafka_write_error;
use crate::kafka::records::{RecordColumns, RowParts};

/// How rows become records.
#[derive(Debug, Clone)]
pub(super) struct RowWriter {
    columns: RecordColumns,
    clock: Arc<dyn Clock>,
    /// The option `topic`, which wins over the column.
    topic: Option<String>,
}

impl RowWriter {
    pub(super) fn new(topic: Option<String>, config: &SinkConfig) -> Result<Self> {
        let mut columns = RecordColumns::find(&config.schema, topic.is_some())?;
        if config.has_deletes {
            columns = columns.with_deletes(&config.schema)?;
        }
        Ok(Self { columns, clock: Arc::clone(&config.clock), topic })
    }

    /// Appends all rows and waits until all are acknowledged; gives their number.
    pub(super) async fn write_all(&self, producer: &Arc<Producer>, rows: Vec<BatchStream>) -> Result<u64> {
        let topic = match &self.topic {
            Some(name) => Some(producer.topic(name).await.map_err(kafka_write_error)?),
            None => None,
        };
        let writer = Writer {
            producer: Arc::clone(producer),
            columns: self.columns.clone(),
            clock: Arc::clone(&self.clock),
            topic,
            topics: HashMap::new(),
        };
        // Each stream is a task: together they are the batch, and each may have a core. A single one needs no other
        // task.
        let (mut tasks, mut written) = (JoinSet::new(), 0);
        match <[_; 1]>::try_from(rows) {
            Ok([stream]) => written = writer.write_stream(stream).await?,
            Err(streams) => streams.into_iter().for_each(|stream| {
                tasks.spawn(writer.clone().write_stream(stream));
            }),
        }
        while let Some(ended) = tasks.join_next().await {
            written += ended.map_err(|error| {
                Error::internal("a task that wrote to Kafka ended without an answer").with_source(error)
            })??;
        }
        producer.flush().await.map_err(kafka_write_error)?;
        Ok(written)
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
