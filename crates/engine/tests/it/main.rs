//! Queries from the outside, through the crate's public face: scripts in the manner of Spark's `StreamTest`.

#![expect(clippy::unwrap_used, reason = "what goes wrong in a test fails it")]

mod checkpoint;
mod deduplicate;
mod disk;
mod disk_contract;
mod events;
mod failures;
mod faulty_disk;
mod full_disk;
mod limit;
mod object_store;
mod restart;
mod script;
mod stop;
mod streaming_node;
mod triggers;
mod varying;
mod warnings;
mod watermark;
#[path = "../../src/plan/fixture/window.rs"]
mod window;

use millstream_engine::functions::{Meaning, with_meaning};
