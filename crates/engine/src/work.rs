//! One computation as its kernels and rules see it: whether somebody still waits for it, and how much memory it may
//! take.
//!
//! A kernel or a rule runs to its end on its thread, whatever becomes of the future that called it. One that may take
//! long looks here as it goes. DataFusion carries a [`Work`] to them in its configuration, so that it reaches every
//! kernel of a plan, those that a rule evaluates included, without being an argument of any.

use std::any::Any;

use datafusion::common::config::{ConfigEntry, ConfigExtension, ConfigOptions, ExtensionOptions};
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use millstream_core::{Error, MemoryLedger, Reservation, Result};
use tokio_util::sync::CancellationToken;

/// See the module's head. Clones are the same computation.
#[derive(Debug, Clone)]
pub struct Work {
    given_up: CancellationToken,
    memory: MemoryLedger,
}

impl Work {
    /// A computation that is to end once `given_up` is cancelled, and that accounts to `memory`.
    pub fn new(given_up: CancellationToken, memory: MemoryLedger) -> Self {
        Self { given_up, memory }
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
