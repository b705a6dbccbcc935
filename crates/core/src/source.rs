//! What the engine asks of a source. A source speaks Arrow and offsets; it never sees a plan.
//!
//! The contract of a batch: the engine fixes a range, writes it to the log, and only then calls [`Source::scan`]. The
//! same range must give the same rows, in the same order within a stream, always: that is what makes a replay exact.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, SchemaRef};
use async_trait::async_trait;
use futures::stream::BoxStream;

use crate::decode::ValueDecoder;
use crate::error::{Error, Result};
use crate::offset::{Offset, OffsetRange};
use crate::scan_filter::ScanFilter;

/// Rows on their way: pulled, never pushed. Not being polled is the back-pressure.
pub type BatchStream = BoxStream<'static, Result<RecordBatch>>;

/// The mark of a field that only its name asks for, in the field's metadata: `*` does not mean it (Spark: a metadata
/// column). It stands behind all columns without the mark.
pub const METADATA_COLUMN: &str = "millstream.metadata_column";

/// How much of a source one batch may read (Spark: `ReadLimit`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadLimit {
    /// What the source's own options allow (`maxOffsetsPerTrigger` and the like).
    Options,
    /// All there is, whatever the options say (`Trigger.Once`).
    AllAvailable,
}

/// One column that a scan is asked for.
#[derive(Debug, Clone)]
pub enum ScanColumn {
    /// A column of [`Source::schema`] as it is, by its index there.
    Plain(usize),
    /// A binary column of [`Source::schema`], decoded on the way in. The output has the decoder's type.
    Decoded {
        /// The column's index in the source's schema.
        column: usize,
        /// What each value goes through.
        decoder: Arc<dyn ValueDecoder>,
    },
}

impl ScanColumn {
    /// The output field of this column, given the source's schema.
    pub fn field(&self, source: &SchemaRef) -> Arc<Field> {
        match self {
            Self::Plain(index) => Arc::clone(&source.fields()[*index]),
            Self::Decoded { column, decoder } => {
                Arc::new(Field::new(source.field(*column).name(), decoder.data_type(), true))
            }
        }
    }
}

/// What a batch wants to see of a range.
#[derive(Debug, Clone)]
pub struct ScanRequest {
    /// From where to where.
    pub range: OffsetRange,
    /// The output's columns in their order; possibly none, when only the number of rows matters.
    pub columns: Vec<ScanColumn>,
    /// What the query wants of the rows, the same in every batch. Every filter may be ignored: who asks checks every
    /// row again.
    pub filters: Arc<[ScanFilter]>,
    /// Rows of one output batch at the most.
    pub batch_rows: usize,
    /// Streams at the most.
    pub max_streams: usize,
}

/// Where a source stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LatestOffset {
    /// The end of the next batch under its read limit.
    pub end: Offset,
    /// The newest position there is, for `latestOffset` in the progress and for lag.
    pub latest: Offset,
}

/// What has been read, for a consumer group that the source's own system keeps offsets of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupOffsets {
    /// The system, in a form in which the same text is the same system.
    pub system: String,
    /// The group.
    pub group: String,
    /// The next offset of each topic and partition.
    pub offsets: Vec<(Arc<str>, i32, i64)>,
}

/// A replayable stream of records (Spark: `MicroBatchStream` with `SupportsAdmissionControl`).
#[async_trait]
pub trait Source: Send + Sync + Debug {
    /// All columns that [`Source::scan`] can give.
    fn schema(&self) -> SchemaRef;

    /// The text of `sources[].description` in the progress.
    fn description(&self) -> String;

    /// Where a query without a checkpoint begins. Asked once in a query's life; the engine logs the answer.
    async fn initial_offset(&self) -> Result<Offset>;

    /// How far the next batch may read. May ask the outside. `end` equal to `start` means there is nothing new.
    async fn latest_offset(&self, start: &Offset, limit: ReadLimit) -> Result<LatestOffset>;

    /// Waits until there is something after `start`, then gives the end of a batch of what is at hand: no lingering
    /// and, where the source reads ahead, no question to the outside. Cancelled by being dropped.
    async fn ready(&self, start: &Offset) -> Result<LatestOffset>;

    /// Fixes the newest offset that [`Source::latest_offset`] will ever give, for `Trigger.AvailableNow`.
    async fn prepare_available_now(&self) -> Result<()>;

    /// The rows of a range, as one or more streams that can be drained at the same time.
    async fn scan(&self, request: ScanRequest) -> Result<Vec<BatchStream>>;

    /// How many rows a range has at the most, where that can be told at once. A small batch runs on one task.
    fn rows_max(&self, range: &OffsetRange) -> Option<u64> {
        let _ = range;
        None
    }

    /// Everything before `end` is committed and may be forgotten.
    async fn commit(&self, end: &Offset) -> Result<()>;

    /// What a group is told of everything before `end`, if the user wants one to know. A sink that writes to the same
    /// system can make it part of the batch; else [`Source::commit`] tells the group.
    fn group_offsets(&self, end: &Offset) -> Option<GroupOffsets> {
        let _ = end;
        None
    }

    /// `sources[].metrics` of the progress, given where the last batch ended and what was newest then.
    fn metrics(&self, end: &Offset, latest: &Offset) -> BTreeMap<String, String> {
        let (_, _) = (end, latest);
        BTreeMap::new()
    }

    /// What Spark's own source keeps in `sources/<i>/0` of a checkpoint, given where the query began, so that the query
    /// can move to a cluster; for sources that keep something there.
    fn initial_file(&self, initial: &Offset) -> Option<Vec<u8>> {
        let _ = initial;
        None
    }

    /// Where the query began, from that file as Spark left it.
    fn initial_offset_from_file(&self, file: &[u8]) -> Result<Option<Offset>> {
        let _ = file;
        Ok(None)
    }

    /// Says whether `offset`, read from a checkpoint, is one of this source's; the error names what is wrong.
    fn check_offset(&self, offset: &Offset) -> Result<()> {
        if offset.json().is_null() { Err(Error::data("the checkpoint has no offset for this source")) } else { Ok(()) }
    }
}
