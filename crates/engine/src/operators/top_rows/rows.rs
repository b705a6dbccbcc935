//! Rows as the state keeps them: in front their place, then their order, then their columns.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BinaryArray, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, FieldRef, Int64Type};
use millstream_core::Result;
use xxhash_rust::xxh3::xxh3_128;

use super::place::{PLACE_BYTES, Place, without};
use super::{Given, TopRowsColumns};
use crate::state::{Bucket, KeyCodec, OrderCodec, Reader, RowCodec, Rows, StoreLayout, Values};

/// Bytes of a sub-key that stand for the order where orders have any length.
const PREFIX_BYTES: usize = 16;

/// Orders up to this length are in the sub-key as a whole.
const WHOLE_ORDER_MAX: usize = 32;

/// Bytes of a sub-key that tell rows of one order apart.
const HASH_BYTES: usize = 16;

/// Bytes of a sub-key that stand for the order.
pub(super) fn prefix_bytes(order: &OrderCodec) -> usize {
    order.width().filter(|width| *width <= WHOLE_ORDER_MAX).unwrap_or(PREFIX_BYTES)
}

/// Bytes of a sub-key with such a prefix.
pub(super) fn sub_key_bytes(prefix_bytes: usize) -> usize {
    prefix_bytes + HASH_BYTES
}

/// The layout of the store for rows of these columns.
pub(crate) fn row_layout(keys: KeyCodec, order: &OrderCodec, columns: Vec<FieldRef>) -> Result<StoreLayout<Rows>> {
    let order_column = Arc::new(Field::new("order", DataType::Binary, false));
    let rows = RowCodec::try_new([order_column].into_iter().chain(columns).collect())?.with_head(PLACE_BYTES);
    Ok(StoreLayout::with_sub_keys(keys, sub_key_bytes(prefix_bytes(order)), rows))
}

/// Rows on their way into the state.
pub(super) struct NewRows {
    orders: BinaryArray,
    rows: Vec<Vec<u8>>,
    sub_keys: Vec<Vec<u8>>,
    weights: Option<Int64Array>,
}

impl NewRows {
    pub(super) fn try_new(
        rows: &RecordBatch,
        columns: &TopRowsColumns,
        (order, prefix_bytes): (&OrderCodec, usize),
        layout: &StoreLayout<Rows>,
    ) -> Result<Self> {
        let by: Vec<ArrayRef> = columns.order.iter().map(|&column| Arc::clone(rows.column(column))).collect();
        let mut orders = Vec::with_capacity(rows.num_rows());
        for row in 0..rows.num_rows() {
            let mut bytes = Vec::new();
            order.encode(&by, row, &mut bytes)?;
            orders.push(bytes);
        }
        let orders = BinaryArray::from_iter_values(orders);
        let mut values = rows.columns().to_vec();
        let weights = columns.weight.map(|weight| values.remove(weight).as_primitive::<Int64Type>().clone());
        values.insert(0, Arc::new(orders.clone()));
        let mut encoded = Self { orders, rows: vec![], sub_keys: vec![], weights };
        for row in 0..rows.num_rows() {
            let mut bytes = Vec::new();
            layout.values().encode(&values, row, &mut bytes)?;
            let mut sub_key = encoded.order(row).to_vec();
            sub_key.resize(prefix_bytes, 0);
            sub_key.extend_from_slice(&xxh3_128(&bytes).to_be_bytes());
            encoded.rows.push(bytes);
            encoded.sub_keys.push(sub_key);
        }
        Ok(encoded)
    }

    pub(super) fn order(&self, row: usize) -> &[u8] {
        self.orders.value(row)
    }

    /// The row without its place.
    pub(super) fn row(&self, row: usize) -> &[u8] {
        &self.rows[row]
    }

    pub(super) fn sub_key(&self, row: usize) -> &[u8] {
        &self.sub_keys[row]
    }

    pub(super) fn weight(&self, row: usize) -> i64 {
        self.weights.as_ref().map_or(1, |weights| weights.value(row))
    }
}

/// The order of a row of the state, which is whole: it was looked at when it was read.
pub(super) fn order_of(row: &[u8]) -> &[u8] {
    let mut reader = Reader::new(without(row));
    let order = reader.array::<1>().and_then(|_| reader.bytes());
    order.unwrap_or_default()
}

/// The entries of a key in their order. Where sub-keys are not the whole order, those that begin alike are sorted.
pub(super) fn in_order<'a>(
    bucket: &'a Bucket<'_, Rows>,
    prefix_bytes: usize,
    is_exact: bool,
) -> Box<dyn Iterator<Item = u32> + 'a> {
    if is_exact {
        return Box::new(bucket.entries());
    }
    let prefix = move |entry: u32| &bucket.sub_key(entry)[..prefix_bytes];
    let place = move |entry: u32| (order_of(bucket.values().row(entry)), bucket.sub_key(entry));
    let (mut entries, mut alike) = (bucket.entries().peekable(), Vec::new());
    Box::new(std::iter::from_fn(move || {
        if alike.is_empty() {
            let first = entries.next()?;
            alike.push(first);
            while let Some(next) = entries.next_if(|&next| prefix(next) == prefix(first)) {
                alike.push(next);
            }
            // The last is taken out first.
            alike.sort_unstable_by(|&a, &b| place(b).cmp(&place(a)));
        }
        alike.pop()
    }))
}

/// Gives a row under a number, as often as it comes (above zero) or goes.
pub(super) fn give(stored: &[u8], (row, number): (&[u8], i64), turns: i64, given: &mut Given<Rows>) -> Result<()> {
    let mut single = Rows::default();
    single.push_empty();
    single.set(0, &Place { weight: 1, first: number, count: 1 }.row(without(row)), None);
    let side = if turns > 0 { &mut given.new } else { &mut given.old };
    (0..turns.unsigned_abs()).try_for_each(|_| side.push_value(stored, &single, 0))
}
