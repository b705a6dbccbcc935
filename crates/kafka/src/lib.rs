//! A Kafka client, and nothing of Millstream: it reads partitions that its caller assigns, produces (idempotently and
//! in transactions), and administers topics.
//!
//! * [`Client`] finds brokers, keeps metadata, asks for offsets.
//! * [`Fetcher`] reads partitions over one connection a broker, with the next request always in flight.
//! * [`Fetched`] is one response: records are slices of it and nothing is allocated for one.
//! * [`Producer`] writes: batches gather in memory and go to each partition in order, with a transaction where one is
//!   wanted.
//! * [`Client::create_topic`] and its siblings make, delete and describe topics.
//!
//! Deliberately not here: consumer groups (the offsets live in the caller's checkpoint), message formats before Kafka
//! 0.11, time-outs of whole operations (a caller who has enough drops the future), and the other side of the wire: the
//! embedded broker has a reader and writer of its own (ADR 11).

mod wire;

mod address;
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
pub use compression::{CompressionType, Decompressor};
pub use config::{BackoffRange, ClientConfig, IsolationLevel, known_settings};
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
pub use record_batch::builder::{NewRecord, ProducerStamp};
pub use record_batch::{Headers, Record, RecordBatch, Records, RecordsPosition, TimestampType};
pub use security::SecurityConfig;
