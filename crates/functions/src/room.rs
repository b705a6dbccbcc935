//! The one place where a kernel asks for room before it makes a value that may be longer than its arguments.
//!
//! What is asked for is counted in the ledger while the kernel runs, so that a query that wants too much is refused and
//! the process lives; a value and a column have bounds of their own. Asking is also where a kernel notices that nobody
//! waits for its result any more.

use millstream_core::{Error, Reservation, Result};
use millstream_engine::Work;

/// Bytes of one value at the most.
const VALUE_BYTES_MAX: usize = 1 << 30;

/// Bytes of a value that is computed while a query is analysed, such as a pattern or options.
const CONSTANT_BYTES_MAX: usize = 64 << 20;

/// Bytes of the values of one batch at the most: Arrow counts them in 32 bits.
const COLUMN_BYTES_MAX: usize = i32::MAX as usize;

/// Room is reserved in steps, and the first is free: most results are small, and the ledger is for those that are not.
const STEP_BYTES: usize = 1 << 20;

/// The room of one result.
#[derive(Debug)]
pub(crate) struct Room<'a> {
    function: &'static str,
    work: Option<&'a Work>,
    reservation: Option<Reservation>,
    taken: usize,
    reserved: usize,
}

impl<'a> Room<'a> {
    /// No room yet, for what `function` makes. Without `work`, while a query is analysed, only the bounds hold.
    pub(crate) fn new(function: &'static str, work: Option<&'a Work>) -> Self {
        Self { function, work, reservation: None, taken: 0, reserved: STEP_BYTES }
    }

    /// Takes room for one more value, before it is made.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<()> {
        let most = if self.work.is_some() { VALUE_BYTES_MAX } else { CONSTANT_BYTES_MAX };
        if bytes > most {
            return Err(self.too_long("a value", bytes, most));
        }
        self.taken = self.taken.saturating_add(bytes);
        if self.taken > COLUMN_BYTES_MAX {
            let error = self.too_long("values in one batch", self.taken, COLUMN_BYTES_MAX);
            return Err(error.with_hint("fewer rows to a batch, or shorter values"));
        }
        if self.taken > self.reserved {
            self.reserve(self.taken.next_multiple_of(STEP_BYTES))?;
        }
        Ok(())
    }

    fn reserve(&mut self, bytes: usize) -> Result<()> {
        if let Some(work) = self.work {
            work.check()?;
            let function = self.function;
            let reservation =
                self.reservation.get_or_insert_with(|| work.reservation(&format!("the result of '{function}'")));
            reservation.resize(bytes)?;
        }
        self.reserved = bytes;
        Ok(())
    }

    fn too_long(&self, what: &str, bytes: usize, most: usize) -> Error {
        let function = self.function;
        Error::data(format!("'{function}' would make {what} of {bytes} bytes, and {most} bytes are the most"))
    }
}

#[cfg(test)]
mod tests;
