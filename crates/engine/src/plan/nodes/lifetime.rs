//! When keys end that carry event time.

use arrow::datatypes::Schema;
use millstream_core::Result;

use crate::state::{KeyCodec, KeyLifetime, Lifetime};

/// Groups by a bare timestamp expire together in panes of so many microseconds, for each would be a pane of its own.
const TIMESTAMP_PANE_US: i64 = 10_000_000;

/// When keys end that carry event time in this column.
pub(super) fn lifetime_of(codec: &KeyCodec, key: usize, columns: &Schema) -> Result<Lifetime> {
    let pane_us = if columns.field(key).data_type().is_nested() { 1 } else { TIMESTAMP_PANE_US };
    Ok(Lifetime::InKey(KeyLifetime { end: codec.event_time_place(key)?, pane_us }))
}
