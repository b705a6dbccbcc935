//! The one back-off policy of the batch loop.

use std::sync::Arc;
use std::time::Duration;

use millstream_core::{Clock, Error, ErrorKind, Result};

/// How often a step is tried again.
const RETRIES: u32 = 4;

/// The wait before the first retry; it doubles with each.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// Counts the failures of one step.
#[derive(Debug)]
pub(super) struct Backoff {
    clock: Arc<dyn Clock>,
    failures: u32,
}

impl Backoff {
    pub(super) fn new(clock: &Arc<dyn Clock>) -> Self {
        Self { clock: Arc::clone(clock), failures: 0 }
    }

    /// Returns when the step may be tried again, or gives the error back if that makes no sense.
    pub(super) async fn after(&mut self, error: Error) -> Result<()> {
        if error.kind() != ErrorKind::Unavailable || self.failures >= RETRIES {
            return Err(error);
        }
        let wait = FIRST_WAIT * 2_u32.pow(self.failures);
        self.failures += 1;
        tracing::warn!(%error, attempt = self.failures, wait_ms = wait.as_millis(), "trying again");
        self.clock.sleep(wait).await;
        Ok(())
    }
}
