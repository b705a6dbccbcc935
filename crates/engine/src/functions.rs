//! The two functions that the engine itself must recognise in a plan: decoding, which it pushes into the scan, and the
//! batch's timestamp, which it fixes per batch. All other functions are the SQL crate's.

mod batch_timestamp;
mod decode;

pub use batch_timestamp::BatchTimestamp;
pub use decode::Decode;
