//! Kafka's wire, and nothing of Millstream: the reading half of a client that is as small as assign-style reading allows.
//!
//! * [`Client`] finds brokers, keeps metadata, asks for offsets.
//! * [`Fetcher`] reads partitions over one connection a broker, with the next request always in flight.
//! * [`Fetched`] is one response: records are slices of it and nothing is allocated for one.
//! * [`Client::create_topic`] and its siblings make, delete and describe topics.
//! * [`BatchWriter`] writes record batches and [`RecordBatch::parse`] reads one, for the producer and for a broker alike.
//!
//! Deliberately not here: consumer groups (the offsets live in the caller's checkpoint), message formats before Kafka 0.11,
//! and time-outs of whole operations (a caller who has enough drops the future).

mod wire;

mod admin;
mod buffers;
mod client;
mod compression;
mod config;
mod connection;
mod coordinator;
mod error;
mod fetch_response;
mod fetched;
mod fetcher;
mod group_offsets;
mod list_offsets;
mod metadata;
mod producer;
mod record_batch;
mod security;

pub use admin::{ConfigEntry, NewTopic, PartitionDescription, TopicDescription};
pub use buffers::{MemoryBudget, Unlimited};
pub use client::Client;
pub use compression::{CompressionType, Compressor, Decompressor};
pub use config::{BackoffRange, ClientConfig, IsolationLevel};
pub use error::{Error, ErrorKind, Place, Result};
pub use fetched::{Fetched, FetchedPartition};
pub use fetcher::{Assignment, FetchOptions, Fetcher};
pub use group_offsets::CommittedOffset;
pub use kafka_protocol::ResponseError;
pub use list_offsets::OffsetSpec;
pub use metadata::{Leader, Topic, TopicPartition, Topics};
pub use producer::{
    Acks, Appended, Appender, OffsetToCommit, Partitioner, Producer, ProducerConfig, TopicHandle, Wait,
    partition_of_key,
};
pub use record_batch::builder::{BatchStamp, BatchWriter, NewRecord, ProducerStamp};
pub use record_batch::{Headers, Record, RecordBatch, Records, TimestampType};
pub use security::SecurityConfig;
