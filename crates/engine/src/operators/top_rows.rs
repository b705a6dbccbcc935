//! Keeps the rows of each key in the order that a query asks for, and gives what changes among the first of them.
//!
//! The rows of a key are a bucket whose sub-keys are the rows' order and, for rows that are equal in it, a hash of the
//! whole row: so which of them comes first never changes, not after a restart either. Equal rows are one entry with a
//! weight. What was given of an entry stands with it, so what a batch takes back is known without asking what was
//! there before.
//!
//! Where rows stay, only the first of each key are kept: nothing can bring the others forward. Where rows may be taken
//! back, all are kept.

mod numbering;
mod place;
mod rows;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::SchemaRef;
use datafusion::error::Result;
use datafusion::physical_plan::{ExecutionPlan, PlanProperties};
use futures::Stream;
use millstream_core::progress::StateOperatorProgress;
use millstream_core::{Clock, Error};

use super::OperatorContext;
use super::gathering::{self, Gathering, Given, Taken};
use super::late_rows::in_time;
use super::unary::{BatchInput, Operator};
use crate::batch_context::BatchContext;
use crate::state::{
    BatchNumber, Bucket, Entries, KeyedState, OrderCodec, Rows, ShardGuard, StateStore, StatefulOperator, UpdateScratch,
};

pub(crate) use numbering::{Numbering, Shown};
pub(crate) use rows::row_layout;

use numbering::Numbers;
use place::Place;
use rows::{NewRows, order_of};

/// Which columns say what of the rows, and what is shown of them.
#[derive(Debug)]
pub(crate) struct TopRowsColumns {
    /// The columns of a key.
    pub(crate) keys: Vec<usize>,
    /// The columns by which the rows of a key are ordered.
    pub(crate) order: Vec<usize>,
    /// The weights of the rows, where they may be taken back.
    pub(crate) weight: Option<usize>,
    /// The key that carries event time.
    pub(crate) event_time: Option<usize>,
    pub(crate) shown: Shown,
    /// The order as text.
    pub(crate) text: String,
}

/// The first rows of each key (Spark has it for batches: `Window` with `WindowGroupLimit`, `TakeOrderedAndProject`).
#[derive(Debug)]
pub(crate) struct TopRows {
    id: usize,
    columns: TopRowsColumns,
    order: OrderCodec,
    /// Bytes of a sub-key that stand for the order.
    prefix_bytes: usize,
    schema: SchemaRef,
    rows: Arc<KeyedState<Rows>>,
    stores: [Arc<dyn StateStore>; 1],
    clock: Arc<dyn Clock>,
    /// `spark.sql.shuffle.partitions`, which only the progress shows.
    shuffle_partitions: i64,
}

/// What a batch makes of the entries of a key.
#[derive(Default)]
struct KeyChanges {
    /// Entries by their sub-key, with their new place; none where the entry goes.
    places: Vec<(Vec<u8>, Option<Place>)>,
}

/// Keys, with sub-keys of entries that go.
type ChangedKeys = BTreeMap<Vec<u8>, Vec<Vec<u8>>>;

fn no_place() -> Error {
    Error::internal("a row of the state has no place")
}

impl TopRows {
    /// The operator with this number; its store has the layout of [`row_layout`].
    pub(crate) fn new(
        id: usize,
        (columns, order): (TopRowsColumns, OrderCodec),
        schema: SchemaRef,
        rows: KeyedState<Rows>,
        context: &OperatorContext,
    ) -> Self {
        let rows = Arc::new(rows);
        let stores = [Arc::<KeyedState<Rows>>::clone(&rows) as Arc<dyn StateStore>];
        let (clock, shuffle_partitions) = (Arc::clone(&context.clock), context.shuffle_partitions);
        let prefix_bytes = rows::prefix_bytes(&order);
        Self { id, columns, order, prefix_bytes, schema, rows, stores, clock, shuffle_partitions }
    }

    /// Rows are added and never taken back, so that only the first of a key are kept.
    fn keeps_first_only(&self) -> bool {
        self.columns.weight.is_none()
    }

    /// Takes rows of one key in; they are in their order.
    fn add(&self, bucket: &mut Bucket<'_, Rows>, of_key: &[u32], new: &NewRows) -> millstream_core::Result<()> {
        let shown = &self.columns.shown;
        let last_kept = if self.keeps_first_only() { self.last_kept(bucket) } else { None };
        let mut numbers = Numbers::new(shown.numbering);
        for row in of_key.iter().map(|&row| row as usize) {
            let (order, sub_key) = (new.order(row), new.sub_key(row));
            if self.keeps_first_only() {
                let is_beyond = |(last_order, last_sub_key): &(Vec<u8>, Vec<u8>)| match shown.numbering {
                    Numbering::RowNumber => (order, sub_key) > (&last_order[..], &last_sub_key[..]),
                    Numbering::Rank | Numbering::DenseRank => order > &last_order[..],
                };
                if numbers.next(order, 1) > shown.last || last_kept.as_ref().is_some_and(is_beyond) {
                    break;
                }
            }
            bucket.upsert(sub_key, |rows, entry| {
                let place = Place::of(rows.row(entry))?;
                let place = place.map_or(Ok(Place::new(new.weight(row))), |place| place.with_more(new.weight(row)))?;
                rows.set(entry, &place.row(new.row(row)), None);
                Ok(())
            })?;
        }
        Ok(())
    }

    /// The order and sub-key of the entry behind which no row of a key is shown; none while there is room.
    fn last_kept(&self, bucket: &Bucket<'_, Rows>) -> Option<(Vec<u8>, Vec<u8>)> {
        let mut numbers = Numbers::new(self.columns.shown.numbering);
        for entry in rows::in_order(bucket, self.prefix_bytes, self.is_exact()) {
            let row = bucket.values().row(entry);
            let weight = Place::of(row).ok().flatten().map_or(0, |place| place.weight);
            numbers.next(order_of(row), weight);
            if numbers.next_least() > self.columns.shown.last {
                return Some((order_of(row).to_vec(), bucket.sub_key(entry).to_vec()));
            }
        }
        None
    }

    /// The sub-keys alone are the order.
    fn is_exact(&self) -> bool {
        self.order.width().is_some_and(|width| width <= self.prefix_bytes)
    }

    /// The keys of which the batch has changed rows, each with the sub-keys of those that it brought and took back, and
    /// of those that it took back and nobody was given.
    fn changed_keys(&self, shard: &ShardGuard<'_, Rows>) -> millstream_core::Result<ChangedKeys> {
        let sub_key_bytes = rows::sub_key_bytes(self.prefix_bytes);
        let mut keys = ChangedKeys::new();
        shard.for_each_changed(|entries, entry| {
            let (key, sub_key) = entries.key(entry).split_at(entries.key(entry).len() - sub_key_bytes);
            let place = Place::of(entries.values().row(entry))?.ok_or_else(no_place)?;
            if place.weight < 0 {
                return Err(Error::internal(format!("a row was taken back {} times too often", -place.weight)));
            }
            let gone = keys.entry(key.to_vec()).or_default();
            if place.weight == 0 && place.count == 0 {
                gone.push(sub_key.to_vec());
            }
            Ok(())
        })?;
        Ok(keys)
    }

    /// Numbers the rows of a key anew, and gives what is different.
    fn finish_key(
        &self,
        bucket: &mut Bucket<'_, Rows>,
        key: &[u8],
        given: &mut Given<Rows>,
    ) -> millstream_core::Result<()> {
        let shown = &self.columns.shown;
        let (mut numbers, mut changes) = (Numbers::new(shown.numbering), KeyChanges::default());
        let mut number = 0;
        for entry in rows::in_order(bucket, self.prefix_bytes, self.is_exact()) {
            let row = bucket.values().row(entry);
            let before = Place::of(row)?.ok_or_else(no_place)?;
            if number <= shown.last && before.weight > 0 {
                number = numbers.next(order_of(row), before.weight);
            }
            // What an earlier batch has put behind the last one that is shown was behind all that were.
            if number > shown.last && before.is_behind() && !self.keeps_first_only() {
                break;
            }
            let after = before.numbered(number, shown);
            for (number, turns) in shown.difference(before, after) {
                rows::give(&[key, bucket.sub_key(entry)].concat(), (row, number), turns, given)?;
            }
            let after = if self.keeps_first_only() { after.only_given() } else { after };
            if after != before {
                let place = (after.weight > 0).then_some(after);
                changes.places.push((bucket.sub_key(entry).to_vec(), place));
            }
        }
        changes.apply(bucket)
    }
}

impl KeyChanges {
    fn apply(self, bucket: &mut Bucket<'_, Rows>) -> millstream_core::Result<()> {
        for (sub_key, place) in self.places {
            let Some(place) = place else {
                bucket.get(&sub_key).map_or(Ok(()), |entry| bucket.remove(entry))?;
                continue;
            };
            bucket.upsert(&sub_key, |rows, entry| {
                let row = place.row(place::without(rows.row(entry)));
                rows.set(entry, &row, None);
                Ok(())
            })?;
        }
        Ok(())
    }
}

impl Gathering for TopRows {
    type Values = Rows;
    type Number = BatchNumber;

    fn state(&self) -> &KeyedState<Rows> {
        &self.rows
    }

    fn eviction_us(&self, batch: &BatchContext) -> Option<i64> {
        batch.watermarks(self.id).eviction_us()
    }

    fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn begin_batch(&self) -> BatchNumber {
        self.rows.begin_batch()
    }

    fn take_rows(
        &self,
        rows: RecordBatch,
        batch: &BatchContext,
        &number: &BatchNumber,
        scratch: &mut UpdateScratch,
    ) -> millstream_core::Result<()> {
        let rows = in_time(rows, self.columns.event_time, batch.watermarks(self.id).late_ms, &self.rows)?;
        let key_columns: Vec<ArrayRef> =
            self.columns.keys.iter().map(|&column| Arc::clone(rows.column(column))).collect();
        let keys = self.rows.layout().codec().encode(&key_columns, rows.num_rows())?;
        let new = NewRows::try_new(&rows, &self.columns, (&self.order, self.prefix_bytes), self.rows.layout())?;
        let key = |row: u32| keys.key(row as usize);
        let place = |row: u32| (new.order(row as usize), new.sub_key(row as usize));
        let mut ordered = Vec::new();
        for (shard, of_shard) in scratch.by_shard(&keys) {
            ordered.clear();
            ordered.extend_from_slice(of_shard);
            ordered.sort_unstable_by(|&a, &b| key(a).cmp(key(b)).then_with(|| place(a).cmp(&place(b))));
            let mut shard = self.rows.lock(number, shard)?;
            for of_key in ordered.chunk_by(|&a, &b| key(a) == key(b)) {
                shard.with_bucket(key(of_key[0]), |bucket| self.add(bucket, of_key, &new))?;
            }
        }
        self.rows.settle()
    }

    fn finish_shard(
        &self,
        shard: usize,
        watermark_us: Option<i64>,
        &number: &BatchNumber,
        given: &mut Given<Rows>,
    ) -> millstream_core::Result<()> {
        let Some(mut shard) = self.rows.lock_due(number, shard, watermark_us)? else { return Ok(()) };
        shard.count_changed();
        for (key, gone) in self.changed_keys(&shard)? {
            shard.with_bucket(&key, |bucket| {
                let mut gone = gone.iter();
                gone.try_for_each(|sub_key| bucket.get(sub_key).map_or(Ok(()), |entry| bucket.remove(entry)))?;
                self.finish_key(bucket, &key, given)
            })?;
        }
        watermark_us.map_or(Ok(()), |watermark_us| shard.expire(watermark_us))
    }

    fn columns(&self, entries: &Entries<Rows>) -> millstream_core::Result<Vec<ArrayRef>> {
        let rows: Vec<&[u8]> = (0..entries.len() as u32).map(|entry| entries.values().row(entry)).collect();
        let mut columns = self.rows.layout().values().decode(rows.iter().copied())?;
        // The order does not show.
        columns.remove(0);
        if self.columns.shown.has_number {
            let number = |row: &&[u8]| Place::of(row).ok().flatten().map(|place| place.first);
            let numbers = Int64Array::from_iter(rows.iter().map(number));
            columns.push(cast(&numbers, self.schema.field(columns.len()).data_type())?);
        }
        Ok(columns)
    }

    fn gives_changes(&self) -> bool {
        true
    }
}

impl StatefulOperator for TopRows {
    fn id(&self) -> usize {
        self.id
    }

    fn stores(&self) -> &[Arc<dyn StateStore>] {
        &self.stores
    }

    fn progress(&self) -> StateOperatorProgress {
        self.rows.figures().progress("topRows", self.shuffle_partitions)
    }

    fn follows_watermark(&self) -> bool {
        self.columns.event_time.is_some()
    }
}

impl Operator for TopRows {
    const NAME: &'static str = "TopRowsExec";
    const KEEPS_ORDER: bool = false;
    type Batch = Taken<BatchNumber>;

    fn describe(&self, input: &SchemaRef, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.columns.keys.iter().map(|&key| input.field(key).name().as_str()).collect();
        write!(f, "keys=[{}], order=[{}], {}", keys.join(", "), self.columns.text, self.columns.shown)?;
        write!(f, ", keeps {} rows", if self.keeps_first_only() { "these" } else { "all" })
    }

    fn properties(&self, input: &Arc<dyn ExecutionPlan>) -> Arc<PlanProperties> {
        gathering::properties(&self.schema, input)
    }

    fn begin(self: &Arc<Self>, input: &BatchInput<'_>) -> Result<Taken<BatchNumber>> {
        gathering::first_half(self, input)
    }

    fn run(
        self: &Arc<Self>,
        partition: usize,
        input: &BatchInput<'_>,
        taken: Taken<BatchNumber>,
    ) -> Result<impl Stream<Item = Result<RecordBatch>> + Send + 'static> {
        gathering::second_half(self, partition, input, taken)
    }
}
