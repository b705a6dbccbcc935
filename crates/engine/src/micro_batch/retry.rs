//! How the batch loop tries a step again that an outside system made fail.

use std::sync::Arc;
use std::time::Duration;

use millstream_core::{Backoff, Clock, Error, Result, Retries};

/// Four retries within a second and a half: enough for a hiccup, and short, because whoever waits for a batch should
/// hear of an outage.
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(100), longest: Duration::from_millis(800), retries: 4 };

/// The failures of one step.
#[derive(Debug)]
pub(super) struct Patience {
    clock: Arc<dyn Clock>,
    retries: Retries,
}

impl Patience {
    pub(super) fn new(clock: &Arc<dyn Clock>) -> Self {
        Self { clock: Arc::clone(clock), retries: Retries::new(BACKOFF) }
    }

    /// Returns when the step may be tried again, or gives the error back if that makes no sense.
    pub(super) async fn after(&mut self, error: Error) -> Result<()> {
        let Some(wait) = self.retries.wait_after(&error) else { return Err(error) };
        tracing::warn!(%error, attempt = self.retries.failures(), wait_ms = wait.as_millis(), "trying again");
        self.clock.sleep(wait).await;
        Ok(())
    }
}
