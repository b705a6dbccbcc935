//! One computation as its kernels and rules see it: whether somebody still waits for it, and how much memory it may
//! take.
//!
//! A kernel or a rule runs to its end on its thread, whatever becomes of the future that called it. One that may take
//! long looks here as it goes. DataFusion carries a [`Work`] to them in its configuration, so that it reaches every
//! kernel of a plan, those that a rule evaluates included, without being an argument of any.

use std::any::Any;
use std::sync::{Arc, Weak};

use arrow::array::{Array, ArrayRef};
use datafusion::common::config::{ConfigEntry, ConfigExtension, ConfigOptions, ExtensionOptions};
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use millstream_core::{Error, MemoryLedger, Reservation, Result};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

/// See the module's head. Clones are the same computation.
#[derive(Debug, Clone)]
pub struct Work {
    given_up: CancellationToken,
    memory: MemoryLedger,
    held: Arc<Mutex<Vec<Held>>>,
}

/// A column that a kernel made, and its bytes in the ledger.
#[derive(Debug)]
struct Held {
    column: Weak<dyn Array>,
    _bytes: Reservation,
}

/// A column that is larger than this is counted as long as somebody has it. Smaller ones are those of ordinary batches,
/// and as many as the plan has expressions.
const HELD_BYTES_MIN: usize = 4 << 20;

impl Work {
    /// A computation that is to end once `given_up` is cancelled, and that accounts to `memory`.
    pub fn new(given_up: CancellationToken, memory: MemoryLedger) -> Self {
        Self { given_up, memory, held: Arc::default() }
    }

    /// A computation that nobody gives up.
    pub fn uninterrupted(memory: MemoryLedger) -> Self {
        Self::new(CancellationToken::new(), memory)
    }

    /// The computation to which this configuration belongs.
    pub fn of(config: &ConfigOptions) -> Option<&Self> {
        config.extensions.get()
    }

    /// Puts it into the configuration from which a plan is made.
    pub fn install(&self, config: &mut ConfigOptions) {
        config.extensions.insert(self.clone());
    }

    /// Gives the computation up.
    pub(crate) fn give_up(&self) {
        self.given_up.cancel();
    }

    /// Fails once nobody waits for the result any more. Cheap, but not free: to be asked after some microseconds of
    /// work.
    ///
    /// # Errors
    /// [`millstream_core::ErrorKind::Cancelled`].
    pub fn check(&self) -> Result<()> {
        if self.given_up.is_cancelled() {
            return Err(Error::cancelled("the computation was given up, because nobody waits for its result any more"));
        }
        Ok(())
    }

    /// Counts a large column that `function` made for as long as somebody has it: what is gone is noticed when the
    /// next one comes.
    ///
    /// # Errors
    /// `UNABLE_TO_ACQUIRE_MEMORY`.
    pub fn hold(&self, column: &ArrayRef, function: &str) -> Result<()> {
        let bytes = column.get_array_memory_size();
        let mut held = self.held.lock();
        held.retain(|one| one.column.strong_count() > 0);
        if bytes <= HELD_BYTES_MIN {
            return Ok(());
        }
        let mut reservation = self.reservation(&format!("the result of '{function}'"));
        reservation.resize(bytes)?;
        held.push(Held { column: Arc::downgrade(column), _bytes: reservation });
        Ok(())
    }

    /// An empty reservation for what `owner` makes.
    pub fn reservation(&self, owner: &str) -> Reservation {
        self.memory.reservation(owner)
    }
}

impl ConfigExtension for Work {
    const PREFIX: &'static str = "millstream_work";
}

impl ExtensionOptions for Work {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn cloned(&self) -> Box<dyn ExtensionOptions> {
        Box::new(self.clone())
    }

    fn set(&mut self, key: &str, _value: &str) -> DataFusionResult<()> {
        Err(DataFusionError::Configuration(format!("'{key}' cannot be set")))
    }

    /// None: it is no setting of a user.
    fn entries(&self) -> Vec<ConfigEntry> {
        Vec::new()
    }
}
