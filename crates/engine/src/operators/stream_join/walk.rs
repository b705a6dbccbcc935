//! The second half of a batch: the walk of an output partition through its shards.
//!
//! A shard is locked for a step at a time, which gives about as many rows as an output batch should have; a shard in
//! which the batch changed nothing, and nothing ends, is passed by.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use futures::{Stream, stream};
use millstream_core::Result;

use super::kind::Side;
use super::plan::TwoSided;
use super::side::SUB_KEY_BYTES;
use super::{JoinSide, Running};
use crate::error::to_datafusion;
use crate::state::{Rows, ShardGuard, StatefulOperator};

/// The sub-key of a row.
pub(super) type SubKey = [u8; SUB_KEY_BYTES];

/// Both sides of a shard, locked: always the left one first.
pub(super) type Guards<'a> = [ShardGuard<'a, Rows>; 2];

/// A join whose shards are walked through when all rows are in.
pub(super) trait Walked: TwoSided + StatefulOperator {
    /// Where the walk stands in a shard.
    type Place: Send;

    /// What is given for rows that have met none when they came.
    fn refused(&self, side: Side, rows: &RecordBatch) -> Result<RecordBatch>;

    /// The place before the first step in a locked shard.
    fn enter(&self, running: &Running, guards: &Guards<'_>) -> Result<Self::Place>;

    /// Goes on in a locked shard. Says whether there is more to do.
    fn step(
        &self,
        running: &Running,
        place: &mut Self::Place,
        guards: &mut Guards<'_>,
        batch_rows: usize,
    ) -> Result<(RecordBatch, bool)>;
}

/// The walk of one output partition through its shards.
pub(super) struct Walk<J: Walked> {
    join: Arc<J>,
    running: Running,
    shards: Range<usize>,
    current: Option<(usize, J::Place)>,
    /// Rows of an output batch at the most, and pairs that are looked at together.
    batch_rows: usize,
    /// Whether what leaves at once is this partition's to give.
    gives_refused: bool,
}

impl<J: Walked> Walk<J> {
    pub(super) fn new(join: Arc<J>, running: Running, shards: Range<usize>, batch_rows: usize) -> Self {
        let gives_refused = shards.start == 0;
        Self { join, running, shards, current: None, batch_rows, gives_refused }
    }

    /// The rows that the shards give.
    pub(super) fn rows(self) -> impl Stream<Item = datafusion::error::Result<RecordBatch>> + Send {
        stream::try_unfold(self, |mut walk| async move {
            let rows = walk.next_rows().map_err(to_datafusion)?;
            Ok(rows.map(|rows| (rows, walk)))
        })
    }

    /// The next rows; none at the end.
    fn next_rows(&mut self) -> Result<Option<RecordBatch>> {
        let join = Arc::clone(&self.join);
        for side in Side::BOTH.into_iter().filter(|_| self.gives_refused) {
            if let Some(rows) = join.sides()[side as usize].next_refused()? {
                return join.refused(side, &rows).map(Some);
            }
        }
        self.gives_refused = false;
        loop {
            let started = join.clock().monotonic();
            let rows = self.step(&join)?;
            join.sides()[Side::Left as usize].rows.add_removal_time(join.clock().monotonic() - started);
            match rows {
                Some(rows) if rows.num_rows() > 0 => return Ok(Some(rows)),
                Some(_) => {}
                None => return Ok(None),
            }
        }
    }

    /// Goes on with a shard or to the next; none when all have been walked through.
    fn step(&mut self, join: &J) -> Result<Option<RecordBatch>> {
        if self.current.is_none() {
            let Some(shard) = self.shards.next() else { return Ok(None) };
            self.current = self.due(join, shard)?;
        }
        let Some((shard, place)) = &mut self.current else {
            return Ok(Some(RecordBatch::new_empty(Arc::clone(join.schema()))));
        };
        let mut guards = lock(join.sides(), &self.running, *shard)?;
        let (rows, has_more) = join.step(&self.running, place, &mut guards, self.batch_rows)?;
        if !has_more {
            self.current = None;
        }
        Ok(Some(rows))
    }

    /// The place in a shard in which there is something to do.
    fn due(&self, join: &J, shard: usize) -> Result<Option<(usize, J::Place)>> {
        let watermark_us = self.running.watermark_us(join.id());
        let is_due = |side: Side| {
            let (rows, number) = (&join.sides()[side as usize].rows, self.running.numbers[side as usize]);
            rows.lock_due(number, shard, watermark_us).map(|guard| guard.is_some())
        };
        if !is_due(Side::Left)? && !is_due(Side::Right)? {
            return Ok(None);
        }
        let guards = lock(join.sides(), &self.running, shard)?;
        join.enter(&self.running, &guards).map(|place| Some((shard, place)))
    }
}

fn lock<'a>([left, right]: [&'a JoinSide; 2], running: &Running, shard: usize) -> Result<Guards<'a>> {
    Ok([left.rows.lock(running.numbers[0], shard)?, right.rows.lock(running.numbers[1], shard)?])
}
