//! Work for a counter of instructions: a query runs a given number of batches, on one thread, and the program ends.
//!
//! `cargo xtask instructions` runs it twice under valgrind. What both runs do (start, plan, the rows that are made)
//! falls out of the difference; what is left are the batches that one of them has more. Every batch has the same rows,
//! the clock stands still, and nothing depends on chance, so that a count differs by far less than a change of the
//! code.

mod source;

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use futures::TryStreamExt;
use millstream_core::{
    Clock, ConnectorRegistry, LoggedBatch, MemoryLedger, OutputMode, QuerySettings, Sink, SinkBatch, SinkProgress,
    Trigger,
};
use millstream_engine::{Engine, Platform, QuerySpec, StreamingQueryManager, SyncPolicy, Work};
use millstream_sql::{AnalysisContext, Catalog, NamedRelation, analyze};
use millstream_testing::ManualClock;
use prost::Message;
use spark_connect_proto::Relation;
use spark_connect_proto::relation::RelType;

use source::Payments;

/// `examples/payment_monitor.py`, as PySpark sends it.
const PAYMENT_MONITOR: &[u8] = include_bytes!("../../../crates/sql/src/analyzer/tests/plans/payment_monitor.binpb");

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [query, rows, batches] = &arguments[..] else {
        bail!("usage: millstream-instructions <filter|monitor> <rows of a batch> <batches>");
    };
    let source = Payments::new(rows.parse()?, batches.parse()?);
    // Everything on this thread: with more, chance would decide who waits for whom.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build()?;
    runtime.block_on(run(query, source))
}

/// Runs the query until the source has given all of its batches.
async fn run(query: &str, source: Payments) -> Result<()> {
    let clock: Arc<dyn Clock> = ManualClock::new();
    let folder = tempfile::tempdir()?;
    let batches = source.batches();
    let analyzed = analyze(&relation(query)?, &context(source, Arc::clone(&clock)))?;
    let spec = QuerySpec {
        name: None,
        plan: analyzed.plan,
        output_mode: OutputMode::Update,
        trigger: Trigger::Default,
        sink: Arc::new(Drain),
        checkpoint: Some(folder.path().to_owned()),
        sync: SyncPolicy::Never,
        settings: QuerySettings::default(),
        conf: Default::default(),
        pinned: vec![],
    };
    let manager = StreamingQueryManager::new(Engine::on(Platform::system(clock), MemoryLedger::unlimited(), 1));
    let query = manager.start(spec).await?;
    query.process_all_available().await?;
    let last = query.last_progress().context("no batch has run")?.batch_id;
    query.stop().await?;
    if last + 1 != batches {
        bail!("{} batches ran, not {batches}", last + 1);
    }
    Ok(())
}

/// The query of this name: the payment monitor, or only its rows before they are counted.
fn relation(query: &str) -> Result<Relation> {
    let monitor = Relation::decode(PAYMENT_MONITOR)?;
    match (query, monitor.rel_type) {
        ("monitor", rel_type) => Ok(Relation { rel_type, ..monitor }),
        ("filter", Some(RelType::Aggregate(aggregate))) => Ok(*aggregate.input.context("an aggregate of nothing")?),
        _ => bail!("there is no query '{query}'"),
    }
}

fn context(source: Payments, clock: Arc<dyn Clock>) -> AnalysisContext {
    let mut connectors = ConnectorRegistry::default();
    connectors.register(Arc::new(source));
    AnalysisContext {
        settings: QuerySettings::default(),
        user: "bench".to_owned(),
        database: "default".to_owned(),
        conf: Default::default(),
        connectors: Arc::new(connectors),
        catalog: Arc::new(NoNames),
        memory: MemoryLedger::unlimited(),
        cores: 1,
        work: Work::uninterrupted(MemoryLedger::unlimited()),
        clock,
    }
}

/// A session without views.
#[derive(Debug)]
struct NoNames;

impl Catalog for NoNames {
    fn relation(&self, _name: &[String]) -> millstream_core::Result<Option<NamedRelation>> {
        Ok(None)
    }

    fn relation_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn cached_remote_relation(&self, relation_id: &str) -> millstream_core::Result<NamedRelation> {
        Err(millstream_core::Error::not_found(format!("nothing is held as {relation_id}")))
    }

    fn cached_local_relation(&self, hash: &str) -> millstream_core::Result<Vec<u8>> {
        Err(millstream_core::Error::not_found(format!("nothing was uploaded as {hash}")))
    }
}

/// A sink that takes every row and keeps none.
#[derive(Debug)]
struct Drain;

#[async_trait]
impl Sink for Drain {
    fn description(&self) -> String {
        "Drain".to_owned()
    }

    async fn write(&self, batch: SinkBatch, _logged: LoggedBatch) -> millstream_core::Result<SinkProgress> {
        let mut rows_written = 0;
        for mut rows in batch.rows {
            while let Some(rows) = rows.try_next().await? {
                rows_written += rows.num_rows() as u64;
            }
        }
        Ok(SinkProgress { rows_written, ..SinkProgress::default() })
    }
}
