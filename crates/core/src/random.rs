//! Randomness as a dependency, so that a seeded simulation gets the same ids each time.

use std::fmt::Debug;

use uuid::Uuid;

/// Where ids come from.
pub trait Random: Send + Sync + Debug {
    /// An id that nobody else has.
    fn uuid(&self) -> Uuid;
}

/// Asks the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn uuid(&self) -> Uuid {
        Uuid::new_v4()
    }
}
