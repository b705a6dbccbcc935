//! What a query does before its first new batch: it checks that the checkpoint is its own, and takes its state from it.

mod operators;

use std::collections::VecDeque;
use std::sync::Arc;

use millstream_core::{BatchId, Error, Offset, Result, Source};

pub(crate) use self::operators::{NumberedStore, Operators};
use super::recovery::{self, Known, RecoveryPlan};
use crate::checkpoint::{Checkpoint, History, StoreId};
use crate::plan::IncrementalExecution;
use crate::state::StateStore;

/// Where the query began, by source: from the checkpoint, or asked now and never again.
pub(crate) async fn initial_offsets(checkpoint: &Checkpoint, sources: &[Arc<dyn Source>]) -> Result<Vec<Offset>> {
    if let Some(start) = &checkpoint.history().start {
        check_number_of_sources(start.initial.len(), sources.len())?;
        return Ok(start.initial.iter().cloned().map(Offset::new).collect());
    }
    if let Some(spark) = checkpoint.spark() {
        check_number_of_sources(spark.sources(), sources.len())?;
    }
    let mut initial = Vec::with_capacity(sources.len());
    for (index, source) in sources.iter().enumerate() {
        let kept = match checkpoint.source_file(index).await? {
            Some(bytes) => source.initial_offset_from_file(&bytes)?,
            None => None,
        };
        initial.push(match kept {
            Some(offset) => offset,
            None => source.initial_offset().await?,
        });
    }
    Ok(initial)
}

fn check_number_of_sources(logged: usize, now: usize) -> Result<()> {
    if logged == now {
        return Ok(());
    }
    Err(Error::data(format!(
        "assertion failed: There are [{logged}] sources in the checkpoint offsets and now there are [{now}] sources \
         requested by the query. Cannot continue."
    )))
}

/// The stateful operators of the query, each with the number that the checkpoint has for it.
///
/// # Errors
/// Spark's, when the checkpoint has the state of other operators.
pub(crate) fn check_operators(checkpoint: &Checkpoint, plan: &IncrementalExecution) -> Result<Operators> {
    let logged = match (&checkpoint.history().start, checkpoint.spark()) {
        // What moves to Spark and back has no state.
        (_, Some(_)) => Some(&[][..]),
        (Some(start), None) => Some(&*start.operators),
        (None, None) => None,
    };
    operators::operators(logged, plan)
}

/// Gives the stores what the checkpoint has, a prepared batch that turns out to be done included, and says which
/// batches to run again.
pub(crate) async fn restore(
    history: &History,
    stores: &[NumberedStore],
    is_repeatable: bool,
    newest_in_sink: Option<BatchId>,
) -> Result<RecoveryPlan> {
    let newest_commit = history.newest_commit();
    let newest_state = if stores.is_empty() { newest_commit } else { restore_state(history, stores).await? };
    let number = |batch: Option<BatchId>| batch.map(|batch| batch.0);
    let plan = recovery::plan(Known {
        newest_offsets: number(history.newest_offsets()),
        newest_commit: number(newest_commit),
        newest_state: number(newest_state),
        newest_in_sink: number(newest_in_sink),
        prepared: number(history.prepared.as_ref().map(|prepared| prepared.commit.batch)),
        is_repeatable: is_repeatable || stores.is_empty(),
    })?;
    if plan.settles_prepared {
        apply_prepared(history, stores).await?;
    }
    if let Some(missing) = plan.muted.clone().chain(plan.real.clone()).find(|&batch| !has_offsets(history, batch)) {
        return Err(Error::data(format!("the checkpoint lacks the offsets of batch {missing}, which must run again")));
    }
    Ok(plan)
}

/// Takes in the state of the batch that is prepared.
async fn apply_prepared(history: &History, stores: &[NumberedStore]) -> Result<()> {
    let mut reader = history.delta_reader();
    for delta in history.prepared.iter().flat_map(|prepared| &prepared.deltas) {
        find(stores, delta.store, delta.batch)?.apply(reader.read(delta).await?)?;
    }
    Ok(())
}

fn has_offsets(history: &History, batch: u64) -> bool {
    history.offsets.contains_key(&BatchId(batch))
}

/// The newest batch whose state is whole: the snapshot and every delta after it, or every delta there ever was.
async fn restore_state(history: &History, stores: &[NumberedStore]) -> Result<Option<BatchId>> {
    let mut newest = None;
    if let Some(snapshot) = &history.snapshot {
        if snapshot.stores() != stores.len() {
            return Err(Error::data(format!("the snapshot of batch {} is of other operators", snapshot.batch())));
        }
        for part in 0..snapshot.parts() {
            let (store, state) = snapshot.part(part).await?;
            find(stores, store, snapshot.batch())?.apply(&state)?;
        }
        newest = Some(snapshot.batch());
    }
    let first = newest.map_or(BatchId(0), BatchId::next);
    let mut reader = history.delta_reader();
    let mut deltas = history.deltas.iter().skip_while(|delta| delta.batch < first).collect::<VecDeque<_>>();
    for (&batch, _) in history.commits.range(first..) {
        if batch != newest.map_or(BatchId(0), BatchId::next) {
            break;
        }
        while let Some(delta) = deltas.pop_front_if(|delta| delta.batch == batch) {
            find(stores, delta.store, batch)?.apply(reader.read(delta).await?)?;
        }
        newest = Some(batch);
    }
    Ok(newest)
}

fn find(stores: &[NumberedStore], id: StoreId, batch: BatchId) -> Result<&dyn StateStore> {
    let found = stores.iter().find(|store| store.id == id).map(|store| &*store.store);
    found.ok_or_else(|| Error::data(format!("batch {batch} has state of a store that the query has not")))
}
