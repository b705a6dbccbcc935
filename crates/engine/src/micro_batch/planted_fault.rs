//! How a batch runs with a [`PlantedFault`] in it.

use std::sync::Arc;

use futures::future::try_join_all;
use futures::{StreamExt, TryStreamExt, stream};
use millstream_core::{BatchId, BatchStream, Result};

use super::execution::MicroBatchExecution;
use crate::checkpoint::History;
use crate::run::PlantedFault;
use crate::state::StateStore;

impl MicroBatchExecution {
    /// [`PlantedFault::StateEarly`]: runs the batch to its end, makes its state durable, and only then lets the sink have
    /// the rows.
    pub(super) async fn commit_state_early(
        &mut self,
        batch: BatchId,
        rows: Vec<BatchStream>,
    ) -> Result<Vec<BatchStream>> {
        let kept = try_join_all(rows.into_iter().map(TryStreamExt::try_collect::<Vec<_>>)).await?;
        let mut deltas = Vec::new();
        for store in self.plan.stores() {
            let mut delta = Vec::new();
            store.commit(&mut delta)?;
            deltas.push(delta);
        }
        self.writer.add_state(batch, deltas);
        self.writer.flush().await?;
        Ok(kept.into_iter().map(|batches| stream::iter(batches).map(Ok).boxed()).collect())
    }
}

/// [`PlantedFault::StateEarly`]: what the log has of the state of a batch that never ended is believed.
pub(super) async fn apply_uncommitted(history: &History, stores: &[&Arc<dyn StateStore>]) -> Result<()> {
    let newest = history.newest_commit();
    let mut reader = history.delta_reader();
    for delta in &history.deltas {
        if let Some(store) = stores.get(delta.operator)
            && Some(delta.batch) > newest
        {
            store.apply(reader.read(delta).await?)?;
        }
    }
    Ok(())
}
