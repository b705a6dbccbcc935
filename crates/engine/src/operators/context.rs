//! What the operators of a query are made with.

use std::path::PathBuf;
use std::sync::Arc;

use millstream_core::{Clock, MemoryLedger, OutputMode, Result};

use crate::state::{KeyedState, KeyedStateConfig, Lifetime, SpillFolder, StoreLayout, Values};

/// What a query gives its operators when they are planned.
#[derive(Debug)]
pub struct OperatorContext {
    /// The output mode of the query.
    pub output_mode: OutputMode,
    /// Where state is counted.
    pub memory: MemoryLedger,
    /// The query's name, for errors.
    pub query: String,
    /// Where state goes that the ledger has no room for.
    pub scratch: PathBuf,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// `spark.sql.shuffle.partitions`, which only the progress shows.
    pub shuffle_partitions: i64,
}

impl OperatorContext {
    /// A store for an operator, which is named by its kind and its number in the query. Stores of one operator have
    /// different names.
    pub fn store<V: Values>(
        &self,
        operator: (&str, usize),
        name: &str,
        layout: StoreLayout<V>,
        lifetime: Option<Lifetime>,
    ) -> Result<KeyedState<V>> {
        let (kind, id) = operator;
        Ok(KeyedState::new(KeyedStateConfig {
            name: name.to_owned(),
            layout,
            lifetime,
            reservation: self.memory.reservation(format!("the state of {kind} {id} of {}", self.query)),
            spill: SpillFolder::new(self.scratch.join(format!("spill-{id}-{name}")))?,
        }))
    }
}
