//! How a query does wrong that has a [`PlantedFault`]: its batches take the same steps in another order, or its sink is
//! not believed. What this file has is nowhere else; the loop itself knows only that there may be a fault.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::try_join_all;
use futures::{StreamExt, TryStreamExt, stream};
use millstream_core::{
    BatchId, BatchReader, BatchStream, Durable, ExactlyOnce, LoggedBatch, Result, Sink, SinkBatch, SinkProgress,
    SinkStart,
};

use super::batch::MicroBatch;
use super::execution::{Added, MicroBatchExecution};
use super::restart::NumberedStore;
use crate::checkpoint::History;
use crate::run::PlantedFault;

/// Runs a batch with the fault in it.
pub(super) async fn run_steps(run: &mut MicroBatchExecution, fault: PlantedFault, batch: &MicroBatch) -> Result<()> {
    match fault {
        // It is the sink that is another one.
        PlantedFault::MarkerIgnored => run.run_steps(batch).await,
        PlantedFault::OffsetsLate => run_offsets_late(run, batch).await,
        PlantedFault::StateEarly => run_state_early(run, batch).await,
    }
}

/// The log hears of the batch when the sink has it.
async fn run_offsets_late(run: &mut MicroBatchExecution, batch: &MicroBatch) -> Result<()> {
    run.pass("after_latest_offset")?;
    run.pass("after_wal_commit")?;
    let added = run.add_batch(batch, &Durable::now()).await?;
    run.pass("after_add_batch")?;
    let durable = run.write_offsets(batch).await?;
    run.end_batch(batch, &durable, added).await
}

/// The state of the batch is durable before the sink has a row.
async fn run_state_early(run: &mut MicroBatchExecution, batch: &MicroBatch) -> Result<()> {
    run.pass("after_latest_offset")?;
    let durable = run.write_offsets(batch).await?;
    // The log takes no second write while one is under way.
    durable.wait().await?;
    run.pass("after_wal_commit")?;
    let (context, rows) = run.execute(batch)?;
    let rows = commit_state(run, batch.id(), rows).await?;
    run.pass("after_query_planning")?;
    let written = run.write_rows(batch, &durable, &context, rows).await?;
    run.pass("after_add_batch")?;
    run.end_batch(batch, &durable, Added { context, written }).await
}

/// Runs the batch to its end and makes its state durable. Gives the rows to those who want them now.
async fn commit_state(
    run: &mut MicroBatchExecution,
    batch: BatchId,
    rows: Vec<BatchStream>,
) -> Result<Vec<BatchStream>> {
    let kept = try_join_all(rows.into_iter().map(TryStreamExt::try_collect::<Vec<_>>)).await?;
    let deltas = run.commit_state()?;
    run.writer.add_state(batch, deltas);
    run.writer.flush().await?;
    Ok(kept.into_iter().map(|batches| stream::iter(batches).map(Ok).boxed()).collect())
}

/// What follows the recovery of a query: with [`PlantedFault::StateEarly`], what the log has of the state of a batch
/// that never ended is believed.
pub(super) async fn recovered(
    planted: Option<PlantedFault>,
    history: &History,
    stores: &[NumberedStore],
) -> Result<()> {
    let Some(PlantedFault::StateEarly) = planted else { return Ok(()) };
    let mut reader = history.delta_reader();
    for delta in &history.uncommitted {
        if let Some(found) = stores.iter().find(|store| store.id == delta.store) {
            found.store.apply(reader.read(delta).await?)?;
        }
    }
    Ok(())
}

/// The sink that a query writes to: with [`PlantedFault::MarkerIgnored`] one that never says what it holds.
pub(super) fn sink(planted: Option<PlantedFault>, sink: Arc<dyn Sink>) -> Arc<dyn Sink> {
    match planted {
        Some(PlantedFault::MarkerIgnored) => Arc::new(Forgetful(sink)),
        Some(PlantedFault::OffsetsLate | PlantedFault::StateEarly) | None => sink,
    }
}

/// A sink that does not say which batch it holds.
#[derive(Debug)]
struct Forgetful(Arc<dyn Sink>);

#[async_trait]
impl Sink for Forgetful {
    fn description(&self) -> String {
        self.0.description()
    }

    fn pace(&self) -> Duration {
        self.0.pace()
    }

    async fn open(&self, start: SinkStart) -> Result<Option<BatchId>> {
        self.0.open(start).await.map(|_| None)
    }

    async fn write(&self, batch: SinkBatch, logged: LoggedBatch) -> Result<SinkProgress> {
        self.0.write(batch, logged).await
    }

    fn exactly_once(&self) -> Option<&dyn ExactlyOnce> {
        self.0.exactly_once()
    }

    async fn close(&self) -> Result<()> {
        self.0.close().await
    }

    fn table(&self) -> Option<Arc<dyn BatchReader>> {
        self.0.table()
    }
}
