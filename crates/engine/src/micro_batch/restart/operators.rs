//! Which operator of the query takes which state of the checkpoint: the one that means the same.
//!
//! The log numbers operators in the order in which the query had them when it first started, and keeps that order. An
//! operator that has moved in the plan is found by its name. Operators of one name are told apart by what lies below
//! them, and those that are left by their order.

use std::collections::VecDeque;
use std::sync::Arc;

use millstream_core::{Error, Result, spark_error};

use crate::checkpoint::{OperatorEntry, StoreEntry, StoreId};
use crate::plan::IncrementalExecution;
use crate::state::{StateStore, StatefulOperator};

/// A store under its number in the log.
#[derive(Debug, Clone)]
pub(crate) struct NumberedStore {
    pub(crate) id: StoreId,
    pub(crate) store: Arc<dyn StateStore>,
}

/// The stateful operators of a query, in the log's order.
#[derive(Debug)]
pub(crate) struct Operators {
    /// What the log says of them.
    pub(crate) entries: Vec<OperatorEntry>,
    /// All their stores.
    pub(crate) stores: Vec<NumberedStore>,
}

/// The operators of the plan in the log's order, or in the plan's where the log does not know the query yet.
///
/// # Errors
/// Spark's, when the checkpoint has the state of other operators.
pub(crate) fn operators(logged: Option<&[OperatorEntry]>, plan: &IncrementalExecution) -> Result<Operators> {
    let now: Vec<OperatorEntry> = plan
        .operators()
        .iter()
        .zip(plan.operator_names())
        .map(|(operator, name)| entry(&**operator, name.name.clone(), name.meaning.clone()))
        .collect();
    let order = match logged {
        Some(logged) => matched(logged, &now)?,
        None => (0..now.len()).collect(),
    };
    let mut stores = Vec::new();
    for (number, &place) in (0..).zip(&order) {
        let numbered = (0..).zip(plan.operators()[place].stores());
        stores.extend(
            numbered.map(|(store, held)| NumberedStore {
                id: StoreId { operator: number, store },
                store: Arc::clone(held),
            }),
        );
    }
    Ok(Operators { entries: order.into_iter().map(|place| now[place].clone()).collect(), stores })
}

fn entry(operator: &dyn StatefulOperator, name: String, meaning: String) -> OperatorEntry {
    let stores = operator.stores().iter().map(|store| {
        let described = store.describe();
        StoreEntry { name: described.name, keys: described.keys, values: described.values, format: described.format }
    });
    OperatorEntry { kind: operator.progress().operator_name, name, meaning, stores: stores.collect() }
}

/// For each operator of the log the place in the plan of the one that takes its state.
fn matched(logged: &[OperatorEntry], now: &[OperatorEntry]) -> Result<Vec<usize>> {
    let mut found = vec![None; logged.len()];
    let mut free: Vec<usize> = (0..now.len()).collect();
    // First those that are the same in all that lies below, then those of the same name.
    for is_same in [
        (|old: &OperatorEntry, new: &OperatorEntry| old.name == new.name && old.meaning == new.meaning)
            as fn(&_, &_) -> _,
        |old: &OperatorEntry, new: &OperatorEntry| old.name == new.name,
    ] {
        for (old, found) in logged.iter().zip(&mut found).filter(|(_, found)| found.is_none()) {
            if let Some(at) = free.iter().position(|&place| is_same(old, &now[place])) {
                *found = Some(free.remove(at));
            }
        }
    }
    let lost: Vec<&OperatorEntry> =
        logged.iter().zip(&found).filter(|(_, found)| found.is_none()).map(|(old, _)| old).collect();
    let new: Vec<&OperatorEntry> = free.iter().map(|&place| &now[place]).collect();
    // Where an operator of the same kind stands in the place of one, Spark tells how their keys or values differ.
    let mut others: VecDeque<&OperatorEntry> = new.iter().copied().collect();
    for old in &lost {
        if let Some(other) = others.pop_front_if(|other| other.kind == old.kind) {
            check_stores(old, other)?;
        }
    }
    let places: Option<Vec<usize>> = found.into_iter().collect();
    let Some(places) = places.filter(|_| new.is_empty()) else {
        return Err(operators_differ(logged, now, &lost, &new));
    };
    for (old, &place) in logged.iter().zip(&places) {
        check_stores(old, &now[place])?;
        if old.kind != now[place].kind || old.stores != now[place].stores {
            return Err(operators_differ(logged, now, &[old], &[&now[place]]));
        }
    }
    Ok(places)
}

/// What to do about state of other types.
const OTHER_TYPES_HINT: &str =
    "go back to the query that wrote this checkpoint, or start the changed one with a new checkpoint location";

/// Spark's sentence and the types. Spark goes on with the advice to set `stateSchemaCheck` to false, which would have
/// state read as what it is not; here nothing does that, so it is not advised.
fn other_types(what: &str, stored: &[String], new: &[String]) -> String {
    format!(
        "Provided {what} schema does not match existing state {what} schema.\nPlease check number and type of \
         fields.\nExisting {what}_schema=[{}] and new {what}_schema=[{}].",
        of_spark(stored),
        of_spark(new)
    )
}

/// The types of columns, which the log has under Arrow's names, under those that users write.
fn of_spark(columns: &[String]) -> String {
    const NAMES: [(&str, &str); 14] = [
        ("UInt64", "BIGINT"),
        ("Timestamp(µs, \"UTC\")", "TIMESTAMP"),
        ("Timestamp(µs)", "TIMESTAMP_NTZ"),
        ("Boolean", "BOOLEAN"),
        ("Int8", "TINYINT"),
        ("Int16", "SMALLINT"),
        ("Int32", "INT"),
        ("Int64", "BIGINT"),
        ("Float32", "FLOAT"),
        ("Float64", "DOUBLE"),
        ("Utf8", "STRING"),
        ("Binary", "BINARY"),
        ("Date32", "DATE"),
        ("Decimal128", "DECIMAL"),
    ];
    let text = columns.join(", ");
    NAMES.iter().fold(text, |text, (arrow, spark)| text.replace(arrow, spark))
}

/// Refuses state whose keys or values are of other types.
fn check_stores(old: &OperatorEntry, new: &OperatorEntry) -> Result<()> {
    for (old, new) in old.stores.iter().zip(&new.stores) {
        if old.keys != new.keys {
            let text = other_types("key", &old.keys, &new.keys);
            return Err(spark_error!("STATE_STORE_KEY_SCHEMA_NOT_COMPATIBLE": text).with_hint(OTHER_TYPES_HINT));
        }
        if old.values != new.values {
            let text = other_types("value", &old.values, &new.values);
            return Err(spark_error!("STATE_STORE_VALUE_SCHEMA_NOT_COMPATIBLE": text).with_hint(OTHER_TYPES_HINT));
        }
    }
    Ok(())
}

/// Spark's error, and by name what the checkpoint has and the query does not, and the other way round.
fn operators_differ(
    logged: &[OperatorEntry],
    now: &[OperatorEntry],
    lost: &[&OperatorEntry],
    new: &[&OperatorEntry],
) -> Error {
    let kinds = |operators: &[OperatorEntry]| {
        let named = operators.iter().enumerate();
        let named = named.map(|(id, operator)| format!("(OperatorId: {id} -> OperatorName: {})", operator.kind));
        named.collect::<Vec<_>>().join(", ")
    };
    let names = |operators: &[&OperatorEntry]| {
        let names: Vec<String> = operators.iter().map(|operator| format!("'{}'", operator.name)).collect();
        if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
    };
    spark_error!(
        "STREAMING_STATEFUL_OPERATOR_NOT_MATCH_IN_STATE_METADATA",
        OpsInMetadataSeq = kinds(logged),
        OpsInCurBatchSeq = kinds(now)
    )
    .with_hint(format!(
        "the checkpoint has the state of {}, and the query has {} instead; give it back what it had, or start it with a new \
         checkpoint location",
        names(lost),
        names(new)
    ))
}

#[cfg(test)]
mod tests;
