//! A batch whose state cannot be computed again: below it stands an expression that gives other values each time.
//!
//! Usually state is durable with the offsets of the next batch, because running the batch again gives the same. Here it
//! would not: the sink would hold one result and the state another. So the state is in the log before the sink holds
//! the batch. The sink pulls rows, and is told of the end of the last stream only when what the batch did to the stores
//! is
//! *prepared*: written, with the commit as it will be, and as durable as offsets are. Whether the batch is done is then for
//! the sink to say; a start asks it ([`recovery`](super::recovery)).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::{StreamExt, future, stream};
use millstream_core::{BatchStream, Durable, Result, SinkProgress};
use tokio_util::sync::CancellationToken;

use super::batch::MicroBatch;
use super::execution::MicroBatchExecution;
use crate::batch_context::BatchContext;
use crate::checkpoint::CommitEntry;

impl MicroBatchExecution {
    /// Lets the sink pull the rows, and prepares the batch before it has the last of them. From then on the batch
    /// cannot be undone: an error ends the query, for only a start can find out what the sink holds.
    pub(super) async fn write_prepared(
        &mut self,
        batch: &MicroBatch,
        durable: &Durable,
        context: &BatchContext,
        rows: Vec<BatchStream>,
    ) -> Result<SinkProgress> {
        let (rows, end) = held(rows);
        let writing = self.write(batch, durable, rows);
        tokio::pin!(writing);
        let early = tokio::select! {
            biased;
            written = &mut writing => Some(written?),
            () = end.reached.cancelled() => None,
        };
        self.prepare(batch, context).await?;
        end.released.cancel();
        match early {
            // A sink that shows only some of the rows has ended before they have.
            Some(written) => Ok(written),
            None => writing.await,
        }
    }

    async fn prepare(&mut self, batch: &MicroBatch, context: &BatchContext) -> Result<()> {
        let next_watermark_ms = self.plan.watermark().advance(context);
        let deltas = self.commit_state()?;
        self.is_prepared = true;
        let commit = CommitEntry { batch: batch.id(), next_watermark_ms, prepared: false };
        self.writer.write_prepared(deltas, commit).await?;
        self.pass("after_prepare")
    }
}

/// The end of a batch's rows.
#[derive(Debug)]
struct End {
    /// Streams that have not ended yet.
    left: AtomicUsize,
    /// All rows were pulled.
    reached: CancellationToken,
    /// Whoever pulls may know it.
    released: CancellationToken,
}

impl End {
    /// One stream has ended. The last one waits: a sink may pull one stream after another.
    async fn pass(&self) {
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.reached.cancel();
            self.released.cancelled().await;
        }
    }
}

/// The same rows, whose end is held back until it is released.
fn held(rows: Vec<BatchStream>) -> (Vec<BatchStream>, Arc<End>) {
    let (reached, released) = (CancellationToken::new(), CancellationToken::new());
    let end = Arc::new(End { left: AtomicUsize::new(rows.len()), reached, released });
    let hold = |rows: BatchStream| {
        let end = Arc::clone(&end);
        let last = stream::once(async move { end.pass().await }).filter_map(|()| future::ready(None));
        rows.chain(last).boxed()
    };
    (rows.into_iter().map(hold).collect(), end)
}
