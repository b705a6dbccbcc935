//! A sink that is written to exactly once: with the rows of a batch it keeps the batch's number, both or nothing. It
//! checks on the spot that batches come in turn, and that a batch that comes again is the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type, TimestampMicrosecondType};
use async_trait::async_trait;
use futures::StreamExt;
use millstream_core::{
    BatchId, Error, ExactlyOnce, LoggedBatch, Offset, OffsetRange, Result, Sink, SinkBatch, SinkProgress, SinkStart,
    SinkSteps,
};
use parking_lot::Mutex;

use crate::chance::Chance;
use crate::rows::{self, Answer};
use crate::source::SimSource;
use crate::trace::Trace;

/// What the sink says when it fails on purpose.
pub(crate) const FAILS: &str = "the simulated sink fails";

/// What the sink says of a log that is not the one it was written from.
pub(crate) const OTHER_LOG: &str = "the log has another batch than the simulated sink";

/// Clones are the same sink.
#[derive(Debug, Clone)]
pub(crate) struct SimSink(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    chance: Chance,
    trace: Trace,
    source: SimSource,
    /// Whether it can say which batch is the newest.
    knows_newest: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    batches: BTreeMap<BatchId, Written>,
    fails: u64,
    /// What it said in this process that it has.
    said: Option<BatchId>,
    steps: Option<Arc<dyn SinkSteps>>,
    wrong: Option<String>,
}

/// A batch in the sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    /// What it read; nothing where it had nothing to read.
    pub(crate) range: Option<OffsetRange>,
    /// Its rows, sorted.
    pub(crate) rows: Vec<Answer>,
    /// Of the log's entry.
    hash: u64,
}

impl SimSink {
    pub(crate) fn new(source: SimSource, knows_newest: bool, chance: Chance, trace: Trace) -> Self {
        Self(Arc::new(Shared { chance, trace, source, knows_newest, state: Mutex::default() }))
    }

    /// A process begins; the sink fails so many times in a hundred while it lives.
    pub(crate) fn boot(&self, fails: u64) {
        let mut state = self.0.state.lock();
        (state.fails, state.said) = (fails, None);
    }

    /// What is in it, in the order of batches.
    pub(crate) fn batches(&self) -> Vec<Written> {
        self.0.state.lock().batches.values().cloned().collect()
    }

    /// What the engine did that it must not do.
    pub(crate) fn wrong(&self) -> Option<String> {
        self.0.state.lock().wrong.clone()
    }

    /// How far the batches before this one have read.
    pub(crate) fn end(&self, before: BatchId) -> Offset {
        let state = self.0.state.lock();
        let newest = state.batches.range(..before).rev().find_map(|(_, written)| written.range.as_ref());
        newest.map_or_else(|| self.0.source.start(), |range| range.end.clone())
    }

    fn fail(&self, what: &str) -> Result<()> {
        if !self.0.chance.percent(self.0.state.lock().fails) {
            return Ok(());
        }
        self.0.trace.add(format!("sink fails: {what}"));
        Err(if self.0.chance.percent(85) { Error::unavailable(FAILS) } else { Error::data(FAILS) })
    }

    fn pass(&self, step: &'static str) -> Result<()> {
        let steps = self.0.state.lock().steps.clone();
        steps.map_or(Ok(()), |steps| steps.pass(step))
    }

    /// All or nothing of a batch.
    fn put(&self, id: BatchId, written: Written) {
        let mut state = self.0.state.lock();
        let next = state.batches.last_key_value().map_or(BatchId(0), |(newest, _)| newest.next());
        let wrong = match state.batches.get(&id) {
            None if id == next => None,
            None => Some(format!("batch {id} is written where batch {next} is due")),
            Some(_) if Some(id) <= state.said => Some(format!("batch {id} is written again")),
            Some(before) if *before != written => {
                Some(format!("batch {id} comes again as another: {written:?}\n  before: {before:?}"))
            }
            Some(_) => None,
        };
        self.0.trace.add(format!("sink has batch {id}: {written:?}"));
        state.batches.insert(id, written);
        if let Some(wrong) = wrong {
            state.wrong.get_or_insert(wrong);
        }
    }
}

#[async_trait]
impl Sink for SimSink {
    fn description(&self) -> String {
        "simulated".to_owned()
    }

    async fn open(&self, start: SinkStart) -> Result<Option<BatchId>> {
        self.fail("to open")?;
        let mut state = self.0.state.lock();
        state.steps = Some(start.steps);
        let newest = state.batches.last_key_value().filter(|_| self.0.knows_newest);
        let Some((newest, hash)) = newest.map(|(&newest, written)| (newest, written.hash)) else { return Ok(None) };
        if start.logged.get(&newest).is_some_and(|logged| *logged != hash) {
            return Err(Error::data(OTHER_LOG));
        }
        state.said = Some(newest);
        Ok(state.said)
    }

    fn exactly_once(&self) -> Option<&dyn ExactlyOnce> {
        Some(self)
    }

    async fn write(&self, batch: SinkBatch, logged: LoggedBatch) -> Result<SinkProgress> {
        let mut rows = Vec::new();
        for mut stream in batch.rows {
            while let Some(part) = stream.next().await {
                append_rows(&part?, &mut rows)?;
            }
        }
        rows.sort();
        let (id, rows_written) = (batch.id, rows.len() as u64);
        // A batch that is run for its state alone is scanned too, and this one may have nothing to read.
        let due = self.end(id);
        let range = self.0.source.take_scanned().filter(|range| range.start == due);
        let written = Written { range, rows, hash: logged.hash };
        self.pass("after_produce")?;
        self.fail("before the batch was written")?;
        // A power cut would find out: the log of the next start would lack the batch.
        logged.durable.wait().await?;
        self.put(id, written);
        self.pass("after_end_transaction")?;
        self.fail("after the batch was written")?;
        Ok(SinkProgress { rows_written, ..SinkProgress::default() })
    }
}

impl ExactlyOnce for SimSink {}

fn append_rows(batch: &RecordBatch, rows: &mut Vec<Answer>) -> Result<()> {
    for row in 0..batch.num_rows() {
        let mut values = Vec::new();
        for column in batch.columns() {
            append_value(column, row, &mut values)?;
        }
        rows.push(values);
    }
    Ok(())
}

fn append_value(column: &dyn Array, row: usize, values: &mut Answer) -> Result<()> {
    match column.data_type() {
        DataType::Int64 => values.push(column.as_primitive::<Int64Type>().value(row)),
        DataType::Timestamp(..) => {
            values.push(column.as_primitive::<TimestampMicrosecondType>().value(row) / 1_000_000);
        }
        DataType::Struct(_) => {
            for field in column.as_struct().columns() {
                append_value(field, row, values)?;
            }
        }
        DataType::Utf8 => values.push(match column.as_string::<i32>().value(row) {
            millstream_core::UPSERT => rows::UPSERT,
            millstream_core::DELETE => rows::DELETE,
            text => return Err(Error::unsupported(format!("the simulated sink does not read '{text}'"))),
        }),
        other => return Err(Error::unsupported(format!("the simulated sink does not read {other}"))),
    }
    Ok(())
}
