//! The ground that one run of a query stands on: what it is given, what it shares with its owner, and where it is to
//! fail.
//!
//! [`spec`] is what the user wants and [`pinned`] what else a batch depends on, [`platform`] what the process gives
//! (its disk is [`local_disk`]), [`threads`] where it runs, [`control`] what the handle and the loop share, [`events`]
//! what others hear of it, [`status`] Spark's words for it; [`fail_point`] and [`planted_fault`] are for checkers of
//! crashes. This module knows nothing of plans, checkpoints and batches: all of those stand on it.

mod control;
mod events;
mod fail_point;
mod local_disk;
mod pinned;
mod planted_fault;
mod platform;
mod spec;
mod status;
mod threads;

pub(crate) use control::{Outcome, QueryControl, STOP_GRACE};
pub(crate) use events::{EventRing, EventRings};
pub use events::{Lagged, QueryEvent, QueryEventKind, QueryEvents};
pub use fail_point::{FAIL_POINTS, FailPoint, PREPARE_FAIL_POINT, SINK_FAIL_POINTS};
pub(crate) use fail_point::{SinkFailPoint, is_broken_off, pass};
pub use local_disk::LocalDisk;
pub(crate) use local_disk::TEMPORARY_SUFFIX;
pub use pinned::Pinned;
pub use planted_fault::PlantedFault;
pub(crate) use platform::Resources;
pub use platform::{Platform, QueryEnvironment, SourceLogs};
pub use spec::{QuerySpec, SyncPolicy};
pub use status::StreamingQueryStatus;
pub(crate) use status::{CLEANING, PROCESSING, WAITING_FOR_DATA, WAITING_FOR_TRIGGER};
pub use threads::StreamingThreads;
