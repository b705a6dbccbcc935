//! What happens in a shard when all rows are in: what each changed row adds to the result and takes from it.
//!
//! With Δ for the changes of a batch, the pairs of a join change by Δleft × right + left before × Δright. So changed
//! rows of the left side meet all of the right one as it is now, and changed rows of the right side those of the left
//! as it was. On the way the degrees of rows are kept: rows that were there before are told by the rows that change,
//! rows that are new count for themselves.

use std::collections::HashMap;

use arrow::array::{Int64Array, RecordBatch, UInt32Array};
use millstream_core::{Error, Result};

use super::ChangesJoin;
use super::side::{Head, weights_overflow};
use crate::operators::stream_join::Running;
use crate::operators::stream_join::kind::Side;
use crate::operators::stream_join::output::decoded;
use crate::operators::stream_join::pairs::{PairedRows, Pairs};
use crate::operators::stream_join::side::SUB_KEY_BYTES;
use crate::operators::stream_join::walk::{Guards, SubKey, Walked};
use crate::state::{Rows, ShardGuard, Values};

/// Where the walk stands in a shard.
pub(in crate::operators::stream_join) struct ShardWalk {
    /// What has become of the changed rows of each side, in the order of their keys with sub-keys.
    changes: [Vec<(Box<[u8]>, Change)>; 2],
    /// The side whose changes are looked at.
    side: Side,
    /// The next of them.
    at: usize,
    /// The last row of the other side that it has met.
    met: Option<SubKey>,
}

/// What a batch made of a row.
#[derive(Debug, Clone, Copy, Default)]
struct Change {
    /// How often more it is there.
    weight: i64,
    /// It was not there before.
    is_new: bool,
}

/// A row, and how often more it is in the result.
type WeightedRow = (Box<[u8]>, i64);

/// Pairs, and what either row brings into each.
#[derive(Default)]
struct WeightedPairs {
    pairs: Pairs,
    /// Pair by pair: how often it comes or goes.
    weights: Vec<i64>,
    /// Pair by pair and side by side: by how much the degree of the row grows.
    degrees: [Vec<i64>; 2],
}

impl ShardWalk {
    fn next_change(&self) -> Option<(&[u8], Change)> {
        self.changes[self.side as usize].get(self.at).map(|(stored, change)| (&**stored, *change))
    }

    /// What has become of a row; a row that is not among the changed ones is as it was.
    fn change(&self, side: Side, stored: &[u8]) -> Change {
        let changes = &self.changes[side as usize];
        let place = changes.binary_search_by(|(changed, _)| (**changed).cmp(stored));
        place.map_or_else(|_| Change::default(), |place| changes[place].1)
    }

    fn is_over(&self) -> bool {
        self.side == Side::Right && self.next_change().is_none()
    }
}

impl Walked for ChangesJoin {
    type Place = ShardWalk;

    fn refused(&self, side: Side, rows: &RecordBatch) -> Result<RecordBatch> {
        let this = &self.sides[side as usize];
        let lone = self.output.of_lone(side, this.columns(rows), rows.num_rows())?;
        self.weighted(&lone, this.weights(rows))
    }

    fn enter(&self, _running: &Running, guards: &Guards<'_>) -> Result<ShardWalk> {
        let changes = [self.changes(Side::Left, guards)?, self.changes(Side::Right, guards)?];
        Ok(ShardWalk { changes, side: Side::Left, at: 0, met: None })
    }

    fn step(
        &self,
        running: &Running,
        walk: &mut ShardWalk,
        guards: &mut Guards<'_>,
        batch_rows: usize,
    ) -> Result<(RecordBatch, bool)> {
        if walk.is_over() {
            return Ok((self.end(running, guards)?, false));
        }
        let pairs = self.pairs(walk, guards, batch_rows)?;
        Ok((self.met(&pairs, guards)?, true))
    }
}

impl ChangesJoin {
    /// What the batch has made of the rows of a side in a locked shard.
    fn changes(&self, side: Side, guards: &Guards<'_>) -> Result<Vec<(Box<[u8]>, Change)>> {
        let (this, guard) = (&self.sides[side as usize], &guards[side as usize]);
        let mut changes: HashMap<Box<[u8]>, Change> = HashMap::new();
        guard.for_each_changed(|entries, entry| {
            let weight = this.head(entries.values().row(entry))?.weight;
            changes.insert(entries.key(entry).into(), Change { weight, is_new: true });
            Ok(())
        })?;
        guard.for_each_old(|stored, values, place| {
            let change = changes.entry(stored.into()).or_default();
            change.weight -= this.head(values.row(place))?.weight;
            change.is_new = false;
            Ok(())
        })?;
        // What came and went again, or was only looked at, has changed nothing.
        let mut changes: Vec<_> = changes.into_iter().filter(|(_, change)| change.weight != 0).collect();
        // A store gives them in the order in which they came, which is another when the batch is run again.
        changes.sort_unstable_by(|(left, _), (right, _)| left.cmp(right));
        Ok(changes)
    }

    /// The next pairs of rows that have the same key, about so many.
    fn pairs(&self, walk: &mut ShardWalk, guards: &mut Guards<'_>, count: usize) -> Result<WeightedPairs> {
        let mut pairs = WeightedPairs::default();
        while pairs.pairs.len() < count {
            let Some((stored, change)) = walk.next_change() else {
                if walk.side == Side::Right {
                    break;
                }
                (walk.side, walk.at) = (Side::Right, 0);
                continue;
            };
            let (key, sub_key) = stored.split_at(stored.len() - SUB_KEY_BYTES);
            let changed = Changed { key, sub_key, change };
            match self.meet(walk, changed, guards, (&mut pairs, count))? {
                None => (walk.at, walk.met) = (walk.at + 1, None),
                met => walk.met = met,
            }
        }
        Ok(pairs)
    }

    /// Pairs a changed row with the rows of the other side, from where it stopped. Gives the last one that it has met,
    /// if there may be others.
    fn meet(
        &self,
        walk: &ShardWalk,
        changed: Changed<'_>,
        guards: &mut Guards<'_>,
        (pairs, count): (&mut WeightedPairs, usize),
    ) -> Result<Option<SubKey>> {
        let (side, other, key) = (walk.side, walk.side.other(), changed.key);
        let own_row = guards[side as usize].with_bucket(key, |bucket| {
            let entry = bucket.get(changed.sub_key);
            Ok(entry.map(|entry| bucket.values().row(entry).to_vec()))
        })?;
        let own_row = own_row.ok_or_else(|| Error::internal("a changed row of a join has gone"))?;
        let (own_side, other_side) = (&self.sides[side as usize], &self.sides[other as usize]);
        let mut own_place = None;
        guards[other as usize].with_bucket(key, |bucket| {
            let mut last = walk.met;
            for entry in bucket.entries() {
                let sub_key = bucket.sub_key(entry);
                if walk.met.is_some_and(|met| *sub_key <= met[..]) {
                    continue;
                }
                if pairs.pairs.len() >= count {
                    return Ok(last);
                }
                last = sub_key.first_chunk().copied();
                let row = bucket.values().row(entry);
                let now = other_side.head(row)?.weight;
                let there = walk.change(other, &[key, sub_key].concat());
                // The left side meets what is there now, so the right one meets what was there before.
                let met = if side == Side::Left { now } else { now - there.weight };
                let own_degree = if own_side.has_degrees && changed.change.is_new { now } else { 0 };
                let other_degree = if other_side.has_degrees && !there.is_new { changed.change.weight } else { 0 };
                if met == 0 && own_degree == 0 && other_degree == 0 {
                    continue;
                }
                let own = *own_place.get_or_insert_with(|| {
                    pairs.pairs.rows[side as usize].push(&own_row, Some((key, changed.sub_key)))
                });
                let place = pairs.pairs.rows[other as usize].push(row, Some((key, sub_key)));
                pairs.pairs.push(if side == Side::Left { [own, place] } else { [place, own] });
                pairs.weights.push(changed.change.weight.checked_mul(met).ok_or_else(weights_overflow)?);
                pairs.degrees[side as usize].push(own_degree);
                pairs.degrees[other as usize].push(other_degree);
            }
            Ok(None)
        })
    }

    /// Asks the rest of the condition, keeps the degrees, and gives the pairs where they are the result.
    fn met(&self, weighted: &WeightedPairs, guards: &mut Guards<'_>) -> Result<RecordBatch> {
        if weighted.pairs.is_empty() {
            return self.nothing();
        }
        let codecs = self.sides.each_ref().map(|side| side.side.rows.layout().values());
        let columns = decoded(&weighted.pairs, codecs)?;
        let accepted = self.output.accepted_pairs(&weighted.pairs, &columns)?;
        for side in Side::BOTH.into_iter().filter(|&side| self.sides[side as usize].has_degrees) {
            let (places, degrees) = (weighted.pairs.places(side as usize), &weighted.degrees[side as usize]);
            for pair in accepted.values().iter().map(|&pair| pair as usize) {
                let stored = weighted.pairs.rows[side as usize].stored(places[pair]);
                self.add_degree(side, stored, degrees[pair], guards)?;
            }
        }
        if self.kind.gives_one_side() {
            return self.nothing();
        }
        let seen = accepted.values().iter().copied().filter(|&pair| weighted.weights[pair as usize] != 0);
        let seen: Vec<u32> = seen.collect();
        let places = [0, 1].map(|side: usize| {
            let places = weighted.pairs.places(side);
            UInt32Array::from_iter_values(seen.iter().map(|&pair| places[pair as usize]))
        });
        let weights = Int64Array::from_iter_values(seen.iter().map(|&pair| weighted.weights[pair as usize]));
        self.weighted(&self.output.of_pairs(&columns, &places)?, weights)
    }

    /// Takes note that a row meets so many more of the other side.
    fn add_degree(&self, side: Side, (key, sub_key): (&[u8], &[u8]), more: i64, guards: &mut Guards<'_>) -> Result<()> {
        if more == 0 {
            return Ok(());
        }
        let this = &self.sides[side as usize];
        guards[side as usize].with_bucket(key, |bucket| {
            bucket.upsert(sub_key, |values, entry| {
                let mut head = this.head(values.row(entry))?;
                head.degree = head.degree.checked_add(more).ok_or_else(weights_overflow)?;
                let (row, end_us) = (this.with_head(values.row(entry), head), values.end_us(entry));
                values.set(entry, &row, end_us);
                Ok(())
            })
        })?;
        Ok(())
    }

    /// Ends the batch for a shard: gives the rows of one side that have come or gone because of their degree, and lets
    /// go of rows that are there no more or can meet none.
    fn end(&self, running: &Running, guards: &mut Guards<'_>) -> Result<RecordBatch> {
        let mut lone = vec![];
        for side in Side::BOTH {
            if self.sides[side as usize].has_degrees {
                lone.extend(self.lone(side, &guards[side as usize])?);
            }
            self.remove_gone(side, &mut guards[side as usize])?;
            if let Some(watermark_us) = running.watermark_us(self.id) {
                guards[side as usize].expire(watermark_us)?;
            }
        }
        Ok(arrow::compute::concat_batches(&self.schema, &lone)?)
    }

    /// The changes of rows that are in the result by themselves: those that meet none, or of a semi join those that do.
    fn lone(&self, side: Side, guard: &ShardGuard<'_, Rows>) -> Result<Option<RecordBatch>> {
        let this = &self.sides[side as usize];
        let shown = |head: Head| if self.kind.shows(side, head.degree != 0) { head.weight } else { 0 };
        let mut changes: HashMap<Box<[u8]>, WeightedRow> = HashMap::new();
        guard.for_each_changed(|entries, entry| {
            let row = entries.values().row(entry);
            changes.insert(entries.key(entry).into(), (row.into(), shown(this.head(row)?)));
            Ok(())
        })?;
        guard.for_each_old(|stored, values, place| {
            let row = values.row(place);
            changes.entry(stored.into()).or_insert_with(|| (row.into(), 0)).1 -= shown(this.head(row)?);
            Ok(())
        })?;
        let mut changes: Vec<_> = changes.into_iter().filter(|(_, (_, weight))| *weight != 0).collect();
        if changes.is_empty() {
            return Ok(None);
        }
        changes.sort_unstable();
        let mut rows = PairedRows::default();
        for (_, (row, _)) in &changes {
            rows.push(row, None);
        }
        let columns = rows.columns(this.side.rows.layout().values())?;
        let weights: Int64Array = changes.iter().map(|(_, (_, weight))| Some(*weight)).collect();
        self.weighted(&self.output.of_lone(side, columns, changes.len())?, weights).map(Some)
    }

    /// Lets go of rows that are there no more.
    fn remove_gone(&self, side: Side, guard: &mut ShardGuard<'_, Rows>) -> Result<()> {
        let (this, mut gone) = (&self.sides[side as usize], Vec::new());
        guard.for_each_changed(|entries, entry| {
            let weight = this.head(entries.values().row(entry))?.weight;
            if weight < 0 {
                return Err(Error::internal("a row was taken back from a join more often than it was there"));
            }
            if weight == 0 {
                gone.push(entries.key(entry).to_vec());
            }
            Ok(())
        })?;
        for stored in gone {
            let (key, sub_key) = stored.split_at(stored.len() - SUB_KEY_BYTES);
            guard.with_bucket(key, |bucket| bucket.get(sub_key).map_or(Ok(()), |entry| bucket.remove(entry)))?;
        }
        Ok(())
    }
}

/// A changed row, by its key and sub-key.
#[derive(Clone, Copy)]
struct Changed<'a> {
    key: &'a [u8],
    sub_key: &'a [u8],
    change: Change,
}
