//! The rows of a range of offsets: pulls what lanes hold and get, decodes it, gives Arrow batches.
//!
//! A partition is done when the reader's position reaches the end of its range, not when a record with the last offset
//! was seen: transaction markers and compaction leave gaps.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use futures::StreamExt;
use millstream_core::{BatchStream, Result, ScanColumn};
use millstream_kafka::{OffsetSpec, RecordsPosition, TopicPartition};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::timeout;

use super::columns::Columns;
use super::errors::{DataLoss, kafka_error};
use super::lane::{Lane, report};

/// With nothing new for this long, the reader asks whether the end of the range is there at all.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is wanted of one lane.
pub(crate) struct LaneRange {
    pub(crate) lane: Arc<Mutex<Lane>>,
    pub(crate) ranges: HashMap<TopicPartition, Range<i64>>,
}

/// Which rows in which form.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) source: SchemaRef,
    pub(crate) columns: Vec<ScanColumn>,
    pub(crate) batch_rows: usize,
}

/// The rows of these lanes, one lane after the other.
pub(crate) fn stream(lanes: Vec<LaneRange>, wanted: &Wanted) -> Result<BatchStream> {
    let scan = Scan {
        lanes: lanes.into(),
        current: None,
        columns: Columns::new(&wanted.source, &wanted.columns)?,
        batch_rows: wanted.batch_rows.max(1),
        finished: VecDeque::new(),
    };
    let batches = futures::stream::try_unfold(scan, |mut scan| async move {
        let batch = scan.next().await?;
        Ok(batch.map(|batch| (batch, scan)))
    });
    Ok(batches.boxed())
}

struct Scan {
    lanes: VecDeque<LaneRange>,
    current: Option<LaneScan>,
    columns: Columns,
    batch_rows: usize,
    /// Parts of a Kafka batch that was larger than an output batch may be.
    finished: VecDeque<RecordBatch>,
}

/// Where a scan is in a lane. The lane is locked for as long.
struct LaneScan {
    lane: OwnedMutexGuard<Lane>,
    ranges: HashMap<TopicPartition, Range<i64>>,
    /// The response, the partition in it and the batch in that, which come next.
    response: usize,
    partition: usize,
    batch: usize,
    /// Where in that batch.
    record: RecordsPosition,
}

/// Why filling columns stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Filled {
    /// There are enough rows for an output batch.
    Full,
    /// Nothing held is left to read.
    Exhausted,
}

impl Scan {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.finished.pop_front() {
                return Ok(Some(batch));
            }
            let Some(lane) = &mut self.current else {
                match self.lanes.pop_front() {
                    Some(next) => self.current = Some(LaneScan::begin(next).await),
                    None if self.columns.rows() == 0 => return Ok(None),
                    None => self.flush()?,
                }
                continue;
            };
            match lane.fill(&mut self.columns, self.batch_rows)? {
                Filled::Full => self.flush()?,
                Filled::Exhausted if lane.is_done() => self.current = None,
                Filled::Exhausted => {
                    if lane.lane.is_crowded() {
                        lane.shed();
                    }
                    lane.wait().await?;
                }
            }
        }
    }

    /// Finishes the columns; in equal parts where a single Kafka batch has more rows than an output batch may have.
    fn flush(&mut self) -> Result<()> {
        let batch = self.columns.finish()?;
        let rows = batch.num_rows();
        let parts = rows.div_ceil(self.batch_rows);
        let each = rows.div_ceil(parts.max(1));
        for part in 0..parts {
            let begin = part * each;
            self.finished.push_back(batch.slice(begin, each.min(rows - begin)));
        }
        Ok(())
    }
}

impl LaneScan {
    async fn begin(wanted: LaneRange) -> Self {
        let mut lane = wanted.lane.lock_owned().await;
        let starts: Vec<_> = wanted.ranges.iter().map(|(of, range)| (of.clone(), range.start)).collect();
        lane.cover(&starts);
        Self { lane, ranges: wanted.ranges, response: 0, partition: 0, batch: 0, record: RecordsPosition::default() }
    }

    /// Appends what is held, up to an output batch's worth.
    fn fill(&mut self, columns: &mut Columns, batch_rows: usize) -> Result<Filled> {
        let lane = &mut *self.lane;
        while let Some(fetched) = lane.held.get(self.response) {
            while let Some(part) = fetched.partitions().nth(self.partition) {
                let of = TopicPartition::new(Arc::clone(part.topic()), part.partition());
                let range = self.ranges.get(&of).cloned().unwrap_or(0..0);
                while self.batch < part.batch_count() {
                    let offsets = part.batch_offsets(self.batch);
                    if offsets.end <= range.start || offsets.start >= range.end {
                        self.batch += 1;
                        continue;
                    }
                    let Some(batch) = part.batch(self.batch) else {
                        self.batch += 1;
                        continue;
                    };
                    let batch = batch.map_err(kafka_error)?.within(range.clone());
                    let is_new = self.record == RecordsPosition::default();
                    if is_new && columns.rows() > 0 && columns.rows() + batch.len() > batch_rows {
                        return Ok(Filled::Full);
                    }
                    let before = columns.rows();
                    let mut records = batch.records_from(&mut lane.room, self.record).map_err(kafka_error)?;
                    let mut is_cut = false;
                    while let Some(record) = records.next().map_err(kafka_error)? {
                        columns.append(&record, &part)?;
                        // Some kilobytes on the wire may be any number of rows of any size.
                        is_cut = columns.is_large();
                        if is_cut {
                            break;
                        }
                    }
                    columns.append_batch(columns.rows() - before, &part, &batch);
                    if is_cut {
                        self.record = records.position();
                        return Ok(Filled::Full);
                    }
                    self.record = RecordsPosition::default();
                    self.batch += 1;
                    if offsets.end <= range.end {
                        lane.room.clear();
                    }
                    if columns.rows() >= batch_rows || columns.is_large() {
                        return Ok(Filled::Full);
                    }
                }
                self.batch = 0;
                self.partition += 1;
            }
            self.partition = 0;
            let consumed = fetched.partitions().all(|part| {
                let of = TopicPartition::new(Arc::clone(part.topic()), part.partition());
                self.ranges.get(&of).is_some_and(|range| part.next_position() <= range.end)
            });
            if consumed {
                lane.release(self.response);
            } else {
                self.response += 1;
            }
        }
        Ok(Filled::Exhausted)
    }

    /// Whether every position has reached the end of its range. A partition that left the lane has nothing more.
    fn is_done(&self) -> bool {
        self.ranges.iter().all(|(of, range)| self.lane.span(of).is_none_or(|span| span.fetched >= range.end))
    }

    /// Waits for more. When nothing comes for long, looks whether the log ends before the range does.
    async fn wait(&mut self) -> Result<()> {
        match timeout(PATIENCE, self.lane.pull()).await {
            Ok(pulled) => pulled.map(drop),
            Err(_) => self.look_for_the_end().await,
        }
    }

    /// Gives room for what this range still wants. Everything held that it wants has been read by now.
    fn shed(&mut self) {
        let ranges = &self.ranges;
        self.lane.shed(|of, fetched| ranges.get(of).is_some_and(|range| fetched < range.end));
        self.response = 0;
    }

    async fn look_for_the_end(&mut self) -> Result<()> {
        if !self.lane.held.is_empty() {
            self.shed();
            return Ok(());
        }
        let waiting: Vec<_> = self
            .ranges
            .iter()
            .filter_map(|(of, range)| {
                let fetched = self.lane.span(of)?.fetched;
                (fetched < range.end).then_some((of.clone(), fetched..range.end))
            })
            .collect();
        let questions: Vec<_> = waiting.iter().map(|(of, _)| (of.clone(), OffsetSpec::Latest)).collect();
        let config = self.lane.config().clone();
        let latest = match config.client.list_offsets(&questions).await {
            Ok(latest) => latest,
            // The fetcher finds out by itself which of them is gone.
            Err(error) if super::offset_reader::is_missing(&error) => return Ok(()),
            Err(error) => return Err(kafka_error(error)),
        };
        for ((of, range), latest) in waiting.into_iter().zip(latest) {
            if latest.is_some_and(|latest| latest < range.end && latest <= range.start) {
                let loss = DataLoss::CouldNotReadRange { of: &of, start: range.start, end: range.end };
                report(loss, config.fail_on_data_loss)?;
                self.lane.leave(&of);
            }
        }
        Ok(())
    }
}
