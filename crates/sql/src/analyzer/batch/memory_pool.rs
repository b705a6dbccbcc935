//! DataFusion's memory as part of the process's one ledger: a sort or join that does not fit spills or fails, it does
//! not take what others hold, nor the last quarter, which is left to small queries and to streams.

use std::fmt;

use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryLimit, MemoryPool, MemoryReservation};
use millstream_core::{MemoryLedger, Reservation};
use parking_lot::Mutex;

/// Reserves in a ledger what DataFusion's operators reserve.
#[derive(Debug)]
pub(super) struct LedgerPool {
    ledger: MemoryLedger,
    held: Mutex<Reservation>,
}

impl LedgerPool {
    /// A pool for one query.
    pub(super) fn new(ledger: &MemoryLedger) -> Self {
        Self { ledger: ledger.clone(), held: Mutex::new(ledger.reservation("a batch query")) }
    }
}

impl fmt::Display for LedgerPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.ledger)
    }
}

impl MemoryPool for LedgerPool {
    fn name(&self) -> &str {
        "ledger"
    }

    fn grow(&self, _reservation: &MemoryReservation, additional: usize) {
        // DataFusion asks in this way only for what it holds already, so that a refusal could change nothing.
        if let Err(refused) = self.held.lock().grow(additional) {
            tracing::debug!(additional, "memory in use is not in the ledger: {refused}");
        }
    }

    fn shrink(&self, _reservation: &MemoryReservation, shrink: usize) {
        self.held.lock().shrink(shrink);
    }

    fn try_grow(&self, _reservation: &MemoryReservation, additional: usize) -> Result<()> {
        self.held
            .lock()
            .grow_fairly(additional)
            .map_err(|error| DataFusionError::ResourcesExhausted(error.message().to_owned()))
    }

    fn reserved(&self) -> usize {
        self.held.lock().bytes()
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.ledger.limit_bytes())
    }
}

#[cfg(test)]
mod tests;
