//! What happens in a shard when all rows are in: new rows meet those of the other side, and old ones end.
//!
//! New rows of the left side meet all rows of the right one, the new ones among them; then new rows of the right side
//! meet what the left side had before the batch. So each pair is found once, and in the same order each time.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::array::{RecordBatch, UInt32Array};
use millstream_core::Result;

use super::kind::{JoinKind, Side};
use super::output::decoded;
use super::pairs::{PairedRows, Pairs};
use super::side::{SUB_KEY_BYTES, has_met, is_of, mark, meets_none, remove};
use super::walk::{Guards, SubKey, Walked};
use super::{Running, StreamJoin};
use crate::state::Values;

/// Where the walk stands in a shard.
pub(super) struct ShardWalk {
    /// The new rows of each side, as their keys with sub-keys.
    new: [Vec<Box<[u8]>>; 2],
    /// The side whose new rows are looked at.
    side: Side,
    /// The next of them.
    at: usize,
    /// The last row of the other side that it has met, by its sub-key. A place would not do: rows leave meanwhile.
    met: Option<SubKey>,
}

impl ShardWalk {
    /// The next row that wants to meet others.
    fn next_row(&self) -> Option<&[u8]> {
        self.new[self.side as usize].get(self.at).map(AsRef::as_ref)
    }

    fn is_over(&self) -> bool {
        self.side == Side::Right && self.next_row().is_none()
    }
}

impl Walked for StreamJoin {
    type Place = ShardWalk;

    fn refused(&self, side: Side, rows: &RecordBatch) -> Result<RecordBatch> {
        self.output.of_lone(side, rows.columns().to_vec(), rows.num_rows())
    }

    fn enter(&self, running: &Running, guards: &Guards<'_>) -> Result<ShardWalk> {
        let new = [self.new_rows(running, Side::Left, guards)?, self.new_rows(running, Side::Right, guards)?];
        Ok(ShardWalk { new, side: Side::Left, at: 0, met: None })
    }

    fn step(
        &self,
        running: &Running,
        walk: &mut ShardWalk,
        guards: &mut Guards<'_>,
        batch_rows: usize,
    ) -> Result<(RecordBatch, bool)> {
        if walk.is_over() {
            return Ok((self.end(running, walk, guards)?, false));
        }
        let pairs = self.pairs(running, walk, guards, batch_rows)?;
        Ok((self.met(running, &pairs, guards)?, true))
    }
}

impl StreamJoin {
    fn nothing(&self) -> Result<RecordBatch> {
        Ok(RecordBatch::new_empty(Arc::clone(&self.output.schema)))
    }

    /// The rows of the batch in a locked shard that may meet others.
    fn new_rows(&self, running: &Running, side: Side, guards: &Guards<'_>) -> Result<Vec<Box<[u8]>>> {
        let (marks, mut new) = (self.side(side).marks, Vec::new());
        guards[side as usize].for_each_changed(|entries, entry| {
            let stored = entries.key(entry);
            if is_of(stored, running.id()) && !(marks && meets_none(entries.values().row(entry))) {
                new.push(stored.into());
            }
            Ok(())
        })?;
        // A store gives them in the order in which they came, which is another when the batch is run again.
        new.sort_unstable();
        Ok(new)
    }

    /// The next pairs of rows that have the same key, about so many.
    fn pairs(&self, running: &Running, walk: &mut ShardWalk, guards: &mut Guards<'_>, count: usize) -> Result<Pairs> {
        let mut pairs = Pairs::default();
        while pairs.len() < count {
            let Some(stored) = walk.next_row() else {
                if walk.side == Side::Right {
                    break;
                }
                (walk.side, walk.at) = (Side::Right, 0);
                continue;
            };
            let (key, sub_key) = stored.split_at(stored.len() - SUB_KEY_BYTES);
            let new = NewRow { side: walk.side, key, sub_key };
            let met = self.meet(running, new, walk.met, guards, (&mut pairs, count))?;
            match met {
                Met::All => (walk.at, walk.met) = (walk.at + 1, None),
                Met::UpTo(met) => walk.met = met,
            }
        }
        Ok(pairs)
    }

    /// Pairs a new row with the rows of the other side, but for those up to `met`.
    fn meet(
        &self,
        running: &Running,
        new: NewRow<'_>,
        met: Option<SubKey>,
        guards: &mut Guards<'_>,
        (pairs, count): (&mut Pairs, usize),
    ) -> Result<Met> {
        let (side, other, key) = (new.side, new.side.other(), new.key);
        let (marks, matters) = (self.side(other).marks, self.matters(other));
        let own_row = guards[side as usize].with_bucket(key, |bucket| {
            let entry = bucket.get(new.sub_key);
            Ok(entry.map(|entry| bucket.values().row(entry).to_vec()))
        })?;
        // A row that leaves once may have left for an earlier part of the other side's rows.
        let Some(own_row) = own_row else { return Ok(Met::All) };
        let mut own_place = None;
        guards[other as usize].with_bucket(key, |bucket| {
            let mut last = met;
            for entry in bucket.entries() {
                let sub_key = bucket.sub_key(entry);
                if met.is_some_and(|met| *sub_key <= met[..]) {
                    continue;
                }
                // What is new on the left has met all of the right side already.
                if side == Side::Right && is_of(sub_key, running.id()) {
                    break;
                }
                if pairs.len() >= count {
                    return Ok(Met::UpTo(last));
                }
                last = sub_key.first_chunk().copied();
                let row = bucket.values().row(entry);
                if marks && meets_none(row) {
                    continue;
                }
                let stored = self.matters(side).then_some((key, new.sub_key));
                let own = *own_place.get_or_insert_with(|| pairs.rows[side as usize].push(&own_row, stored));
                let place = pairs.rows[other as usize].push(row, matters.then_some((key, sub_key)));
                pairs.push(if side == Side::Left { [own, place] } else { [place, own] });
            }
            Ok(Met::All)
        })
    }

    /// Whether it matters of a row of this side that it has met another.
    fn matters(&self, side: Side) -> bool {
        self.side(side).marks || self.kind.leaves_once(side)
    }

    /// Asks the rest of the condition, takes note of the rows that have met, and gives what the join gives for them.
    fn met(&self, running: &Running, pairs: &Pairs, guards: &mut Guards<'_>) -> Result<RecordBatch> {
        if pairs.is_empty() {
            return self.nothing();
        }
        let columns = decoded(pairs, [self.sides[0].rows.layout().values(), self.sides[1].rows.layout().values()])?;
        let accepted = self.output.accepted(pairs, &columns)?;
        let mut left = Vec::new();
        for side in Side::BOTH.into_iter().filter(|&side| self.matters(side)) {
            let mut last = None;
            for &place in accepted[side as usize].values() {
                // The pairs of a row mostly follow one another.
                if last.replace(place) == Some(place) {
                    continue;
                }
                let (key, sub_key) = pairs.rows[side as usize].stored(place);
                let guard = &mut guards[side as usize];
                if !self.kind.leaves_once(side) {
                    guard.with_bucket(key, |bucket| mark(bucket, sub_key))?;
                } else if guard.with_bucket(key, |bucket| remove(bucket, sub_key))? {
                    let count = if is_of(sub_key, running.id()) { &self.kept.passed_by } else { &self.kept.left };
                    count.fetch_add(1, Ordering::Relaxed);
                    left.push(place);
                }
            }
        }
        match self.kind {
            JoinKind::LeftSemi => self.output.of_left(&columns[0], &UInt32Array::from(left)),
            JoinKind::LeftAnti => self.nothing(),
            _ => self.output.of_pairs(&columns, &accepted),
        }
    }

    /// Ends the batch for a shard: what can meet nothing any more goes, and gives a row if it has met nothing.
    fn end(&self, running: &Running, walk: &ShardWalk, guards: &mut Guards<'_>) -> Result<RecordBatch> {
        let Some(watermark_us) = running.watermark_us(self.id) else {
            return self.nothing();
        };
        self.count_ended_at_once(walk, guards, watermark_us)?;
        let mut lone = Vec::new();
        for side in Side::BOTH {
            let guard = &mut guards[side as usize];
            guard.expire(watermark_us)?;
            if !self.kind.is_outer(side) {
                continue;
            }
            let (mut rows, mut count) = (PairedRows::default(), 0);
            guard.for_each_expired(|entries, entry| {
                let row = entries.values().row(entry);
                if !has_met(row) {
                    rows.push(row, None);
                    count += 1;
                }
                Ok(())
            })?;
            if count > 0 {
                let columns = rows.columns(self.side(side).rows.layout().values())?;
                lone.push(self.output.of_lone(side, columns, count)?);
            }
        }
        Ok(arrow::compute::concat_batches(&self.output.schema, &lone)?)
    }

    /// Counts the new rows of the right side that end in this batch. Spark, in which the left side comes first, does
    /// not keep them, unless they have to leave as rows that have met nothing.
    fn count_ended_at_once(&self, walk: &ShardWalk, guards: &mut Guards<'_>, watermark_us: i64) -> Result<()> {
        if !self.side(Side::Right).evicts() {
            return Ok(());
        }
        let is_outer = self.kind.is_outer(Side::Right);
        for stored in &walk.new[Side::Right as usize] {
            let (key, sub_key) = stored.split_at(stored.len() - SUB_KEY_BYTES);
            let ends = guards[Side::Right as usize].with_bucket(key, |bucket| {
                let Some(entry) = bucket.get(sub_key) else { return Ok(false) };
                let values = bucket.values();
                let leaves = is_outer && !has_met(values.row(entry));
                Ok(values.end_us(entry).is_some_and(|end_us| end_us <= watermark_us) && !leaves)
            })?;
            self.kept.passed_by.fetch_add(usize::from(ends), Ordering::Relaxed);
            self.kept.ended_at_once.fetch_add(usize::from(ends), Ordering::Relaxed);
        }
        Ok(())
    }
}

/// A row of the running batch, by its key and sub-key.
#[derive(Clone, Copy)]
struct NewRow<'a> {
    side: Side,
    key: &'a [u8],
    sub_key: &'a [u8],
}

/// How far a row has come among those of the other side.
enum Met {
    /// It has met all.
    All,
    /// It has met those up to here.
    UpTo(Option<SubKey>),
}
