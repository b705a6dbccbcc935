//! Places where a crash test breaks a query off: one after every step of the batch loop.
//!
//! `MILLSTREAM_FAIL_POINT=after_wal_commit:3` aborts the process the third time a query passes that place. A test in
//! the same process asks for [`FailPoint::break_off`] instead: the loop then ends on the spot, writes nothing more and
//! tidies up nothing, as if the process had died. Release builds have no fail points.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use millstream_core::{Error, Result, SinkSteps};

/// The places, in the order in which a batch passes them.
pub const FAIL_POINTS: [&str; 10] = [
    "after_latest_offset",
    "after_wal_commit",
    "after_query_planning",
    "after_add_batch",
    "after_state_commit",
    "after_commit_offsets",
    "after_report",
    "after_flush",
    "after_new_segment",
    "after_snapshot",
];

/// The places within a sink that writes a batch in a transaction, all between `after_query_planning` and
/// `after_add_batch`.
pub const SINK_FAIL_POINTS: [&str; 3] = ["after_marker", "after_produce", "after_end_transaction"];

/// The place that only a batch passes whose state cannot be computed again, between `after_query_planning` and
/// `after_add_batch`.
pub const PREPARE_FAIL_POINT: &str = "after_prepare";

/// One place, and what happens when it has been passed often enough.
#[derive(Debug, Clone)]
pub struct FailPoint {
    name: &'static str,
    abort: bool,
    left: Arc<AtomicU64>,
}

impl FailPoint {
    /// Ends the query's loop the `count`-th time it passes the place of this name; `None` for an unknown name.
    pub fn break_off(name: &str, count: u64) -> Option<Self> {
        let name =
            FAIL_POINTS.into_iter().chain(SINK_FAIL_POINTS).chain([PREPARE_FAIL_POINT]).find(|&known| known == name)?;
        Some(Self { name, abort: false, left: Arc::new(AtomicU64::new(count.max(1))) })
    }

    /// What `MILLSTREAM_FAIL_POINT` asks for, in a debug build.
    pub(crate) fn from_environment() -> Option<Self> {
        if !cfg!(debug_assertions) {
            return None;
        }
        let text = std::env::var("MILLSTREAM_FAIL_POINT").ok()?;
        let (name, count) = text.split_once(':').unwrap_or((&text, "1"));
        let point = Self::break_off(name, count.parse().ok()?);
        if point.is_none() {
            tracing::warn!(name, "MILLSTREAM_FAIL_POINT names no place of the batch loop");
        }
        point.map(|point| Self { abort: true, ..point })
    }

    /// Whether the query is to break off here, now. Aborts the process if that was asked for.
    fn strikes(&self, name: &str) -> bool {
        if self.name != name {
            return false;
        }
        let before = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if before != Ok(1) {
            return false;
        }
        if self.abort {
            std::process::abort();
        }
        true
    }
}

/// Below the error with which a loop breaks off, so that nothing else is taken for it. It never reaches a user.
#[derive(Debug)]
struct BrokenOff;

impl fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a crash test asked for it")
    }
}

impl std::error::Error for BrokenOff {}

/// Passes a place.
pub(crate) fn pass(point: Option<&FailPoint>, name: &'static str) -> Result<()> {
    match point {
        Some(point) if cfg!(debug_assertions) && point.strikes(name) => {
            Err(Error::cancelled("broken off at a fail point").with_source(BrokenOff))
        }
        _ => Ok(()),
    }
}

/// The fail point as the sink sees it.
#[derive(Debug)]
pub(crate) struct SinkFailPoint(pub(crate) Option<FailPoint>);

impl SinkSteps for SinkFailPoint {
    fn pass(&self, step: &'static str) -> Result<()> {
        pass(self.0.as_ref(), step)
    }
}

/// Whether a loop ended because it broke off, be it within a sink that says more about it.
pub(crate) fn is_broken_off(error: &Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(current) = cause {
        if current.is::<BrokenOff>() {
            return true;
        }
        cause = current.source();
    }
    false
}

#[cfg(test)]
mod tests;
