//! Batch plans: executed once, as a whole, on DataFusion.

mod execute;
mod giving_up;
mod memory_pool;
mod range;
mod reader_table;
mod row_order;

pub use execute::collect_stream;
pub(crate) use range::RangeReader;
pub(crate) use reader_table::ReaderTable;
