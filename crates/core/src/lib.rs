//! The words of the field, and the three traits a plug-in implements: [`Source`], [`Sink`] and [`Connector`].
//!
//! This crate does no I/O, starts no task and reads no clock: time, randomness and disk are traits here ([`Clock`],
//! [`Random`], [`Disk`]). Everything in it is either plain data with Spark's names, or a pure function of its
//! arguments. It changes slowly, because every other crate is built on it.

pub mod backoff;
pub mod clock;
pub mod condition;
pub mod connector;
pub mod decode;
pub mod disk;
pub mod error;
pub mod interval;
pub mod known_options;
pub mod memory;
pub mod nearest;
pub mod offset;
pub mod options;
pub mod output_mode;
pub mod progress;
pub mod query;
pub mod query_context;
pub mod random;
pub mod scan_filter;
pub mod settings;
pub mod sink;
pub mod source;
pub mod source_log;
pub mod trigger;

pub use backoff::{Backoff, Retries};
pub use clock::{Clock, SystemClock};
pub use connector::{BatchReader, Connector, ConnectorRegistry, ReadRequest, SaveMode, SinkConfig, SourceConfig};
pub use disk::{Disk, DiskError, DiskFile, DiskLock};
pub use error::{Error, ErrorKind, Result};
pub use known_options::{KnownOptions, UnknownOption};
pub use memory::{MemoryLedger, Reservation};
pub use nearest::nearest;
pub use offset::{Offset, OffsetRange};
pub use options::Options;
pub use output_mode::OutputMode;
pub use query::{BatchId, QueryId, RunId};
pub use random::{Random, SystemRandom};
pub use scan_filter::ScanFilter;
pub use settings::{BinaryStyle, FileSplits, QuerySettings};
pub use sink::{
    DELETE, Durable, ExactlyOnce, LoggedBatch, ROW_OPERATION, Sink, SinkBatch, SinkProgress, SinkStart, SinkSteps,
    UPSERT, WriteKind,
};
pub use source::{BatchStream, GroupOffsets, ReadLimit, ScanColumn, ScanRequest, Source};
pub use source_log::SourceLog;
pub use trigger::Trigger;
