//! What a query does before its first new batch: it checks that the checkpoint is its own, and takes its state from it.

use std::collections::VecDeque;
use std::sync::Arc;

use millstream_core::{BatchId, Error, Offset, Result, Source, spark_error};

use super::recovery::{self, Known, RecoveryPlan};
use crate::checkpoint::{Checkpoint, History};
use crate::plan::IncrementalExecution;
use crate::state::{StateStore, StatefulOperator, StoreDescription};

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

/// Refuses a checkpoint whose state was made by other operators.
pub(crate) fn check_operators(checkpoint: &Checkpoint, plan: &IncrementalExecution) -> Result<()> {
    let now = fingerprints(plan.operators());
    let logged = match (&checkpoint.history().start, checkpoint.spark()) {
        (_, Some(_)) => &Vec::new(),
        (Some(start), None) => &start.operators,
        (None, None) => return Ok(()),
    };
    let same_names = logged.len() == now.len() && logged.iter().zip(&now).all(|(old, new)| name(old) == name(new));
    if !same_names {
        return Err(operators_differ(logged, &now));
    }
    for (old, new) in logged.iter().zip(&now) {
        let (stored, now_stored) = (schema(old, "key"), schema(new, "key"));
        if stored != now_stored {
            return Err(spark_error!(
                "STATE_STORE_KEY_SCHEMA_NOT_COMPATIBLE",
                storedKeySchema = stored,
                newKeySchema = now_stored,
            ));
        }
        let (stored, now_stored) = (schema(old, "value"), schema(new, "value"));
        if stored != now_stored {
            return Err(spark_error!(
                "STATE_STORE_VALUE_SCHEMA_NOT_COMPATIBLE",
                storedValueSchema = stored,
                newValueSchema = now_stored,
            ));
        }
        if old != new {
            return Err(operators_differ(logged, &now));
        }
    }
    Ok(())
}

/// What the checkpoint keeps of the operators: Spark's name of each, and what its state looks like.
pub(crate) fn fingerprints(operators: &[Arc<dyn StatefulOperator>]) -> Vec<String> {
    let text = |operator: &Arc<dyn StatefulOperator>| {
        let stores = operator.stores().iter().map(|store| {
            let StoreDescription { keys, values, format, .. } = store.describe();
            format!("aggregate v{format} keys ({}) values ({})", keys.join(", "), values.join(", "))
        });
        format!("{} {}", operator.progress().operator_name, stores.collect::<Vec<_>>().join("; "))
    };
    operators.iter().map(text).collect()
}

/// The operator's name, the first word of its fingerprint.
fn name(fingerprint: &str) -> &str {
    fingerprint.split(' ').next().unwrap_or_default()
}

/// What an operator says of its `keys (…)` or its `values (…)`, which come in this order.
fn schema<'a>(fingerprint: &'a str, part: &str) -> &'a str {
    let Some((_, rest)) = fingerprint.split_once(&format!(" {part}s (")) else { return "" };
    let end = rest.find(") values (").unwrap_or(rest.len());
    rest[..end].trim_end_matches(')')
}

fn operators_differ(logged: &[String], now: &[String]) -> Error {
    let list = |fingerprints: &[String]| {
        let named = fingerprints.iter().enumerate();
        let texts: Vec<_> =
            named.map(|(id, text)| format!("(OperatorId: {id} -> OperatorName: {})", name(text))).collect();
        texts.join(", ")
    };
    spark_error!(
        "STREAMING_STATEFUL_OPERATOR_NOT_MATCH_IN_STATE_METADATA",
        OpsInMetadataSeq = list(logged),
        OpsInCurBatchSeq = list(now),
    )
}

/// Gives the stores what the checkpoint has, and says which batches to run again.
pub(crate) async fn restore(
    history: &History,
    stores: &[&Arc<dyn StateStore>],
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
    })?;
    if let Some(missing) = plan.muted.clone().chain(plan.real.clone()).find(|&batch| !has_offsets(history, batch)) {
        return Err(Error::data(format!("the checkpoint lacks the offsets of batch {missing}, which must run again")));
    }
    Ok(plan)
}

fn has_offsets(history: &History, batch: u64) -> bool {
    history.offsets.contains_key(&BatchId(batch))
}

/// The newest batch whose state is whole: the snapshot and every delta after it, or every delta there ever was.
async fn restore_state(history: &History, stores: &[&Arc<dyn StateStore>]) -> Result<Option<BatchId>> {
    let mut newest = None;
    if let Some(snapshot) = &history.snapshot {
        if snapshot.operators() != stores.len() {
            return Err(Error::data(format!("the snapshot of batch {} is of other operators", snapshot.batch())));
        }
        for part in 0..snapshot.parts() {
            let (store, state) = snapshot.part(part).await?;
            stores[store].apply(&state)?;
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
            let store = stores.get(delta.operator);
            let store = store.ok_or_else(|| Error::data(format!("batch {batch} has state of another operator")))?;
            store.apply(reader.read(delta).await?)?;
        }
        newest = Some(batch);
    }
    Ok(newest)
}
