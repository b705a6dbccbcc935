//! The functions that the engine itself must recognise in a plan: decoding, which it pushes into the scan, the batch's
//! timestamp, which it fixes per batch, and aggregates that say what they mean. All other functions are the SQL crate's.

pub mod aggregates;
mod batch_timestamp;
mod decode;
mod stream_aggregate;

pub use batch_timestamp::BatchTimestamp;
pub use decode::Decode;
pub use stream_aggregate::StreamAggregate;
