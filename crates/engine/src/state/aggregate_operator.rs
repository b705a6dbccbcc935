//! A streaming aggregation as the batch loop knows it.

use std::sync::Arc;

use millstream_core::OutputMode;
use millstream_core::progress::StateOperatorProgress;

use super::aggregate_state::AggregateState;
use super::operator::{StateStore, StatefulOperator};

/// A streaming aggregation and its one store (Spark: `StateStoreSaveExec`).
#[derive(Debug)]
pub(crate) struct AggregateOperator {
    id: usize,
    output_mode: OutputMode,
    groups: Arc<AggregateState>,
    stores: [Arc<dyn StateStore>; 1],
}

impl AggregateOperator {
    /// The operator with this number over its groups.
    pub(crate) fn new(id: usize, output_mode: OutputMode, groups: Arc<AggregateState>) -> Self {
        let stores = [Arc::<AggregateState>::clone(&groups) as Arc<dyn StateStore>];
        Self { id, output_mode, groups, stores }
    }
}

impl StatefulOperator for AggregateOperator {
    fn id(&self) -> usize {
        self.id
    }

    fn stores(&self) -> &[Arc<dyn StateStore>] {
        &self.stores
    }

    fn progress(&self) -> StateOperatorProgress {
        self.groups.progress()
    }

    fn follows_watermark(&self) -> bool {
        self.output_mode != OutputMode::Complete
    }
}
