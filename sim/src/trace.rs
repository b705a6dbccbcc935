//! What happened in a simulation, line by line: the same seed must give the same lines.

use std::fmt::Write;
use std::sync::Arc;

use parking_lot::Mutex;

/// The lines of one seed. Clones write to the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trace(Arc<Mutex<Vec<String>>>);

impl Trace {
    pub(crate) fn add(&self, line: impl Into<String>) {
        self.0.lock().push(line.into());
    }

    /// The number of lines so far.
    pub(crate) fn len(&self) -> usize {
        self.0.lock().len()
    }

    /// The newest lines, as one text.
    pub(crate) fn last(&self, lines: usize) -> String {
        let all = self.0.lock();
        let mut text = String::new();
        for line in &all[all.len().saturating_sub(lines)..] {
            writeln!(text, "  {line}").expect("text grows");
        }
        text
    }
}
