//! Functions that the engine must recognise in a plan, always by type and never by name: decoding, which it pushes into
//! the scan, the batch's timestamp, which it fixes per batch, aggregates that say what they mean, and functions of
//! others that carry a mark.

pub mod aggregates;
mod batch_seed;
mod batch_timestamp;
mod decode;
mod lazy_and;
mod meaning;
mod session;
mod stream_aggregate;

pub use batch_seed::BatchSeed;
pub(crate) use batch_seed::SeedCell;
pub use batch_timestamp::BatchTimestamp;
pub use decode::Decode;
pub use lazy_and::split_lazy_conjunction;
pub use meaning::{Meaning, meaning_of, unmarked, with_meaning};
pub use session::session;
pub use stream_aggregate::StreamAggregate;
