//! Doubles of the core traits for tests: a clock that a test moves, a source that it fills, a sink that it reads. A
//! dev-dependency only; the simulation uses the clock too.
//!
//! They live apart from `test-servers`, so that the tests of the Kafka client and the broker build without Arrow. What
//! only one test needs (a sink that is a gate, a disk that fails) stays beside that test.

#![expect(clippy::unwrap_used, clippy::panic, reason = "in a test a panic is the report")]

mod allocations;
mod clock;
mod config;
mod numbers;
mod sink;
mod stream;

pub use allocations::{CountingAllocator, most_bytes_held};
pub use clock::{ManualClock, system_clock};
pub use config::{read_request, sink_config, source_config};
pub use numbers::{number_rows, number_schema, numbers};
pub use sink::MemorySink;
pub use stream::MemoryStream;
