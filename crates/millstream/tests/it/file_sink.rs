//! The file sink of a stream: whole queries in this process, broken off between any two steps, and read as a reader
//! does that heeds `_spark_metadata`.
//!
//! A query that breaks off leaves everything as a process that died would.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use datafusion::logical_expr::{Extension, LogicalPlan, LogicalPlanBuilder, cast, col, lit};
use futures::{StreamExt, TryStreamExt, stream};
use millstream_connectors::register_all;
use millstream_core::{
    Connector, ConnectorRegistry, Error, ErrorKind, MemoryLedger, OutputMode, QuerySettings, SinkConfig, Trigger,
};
use millstream_engine::plan::StreamingRelationNode;
use millstream_engine::{Engine, FAIL_POINTS, FailPoint, QuerySpec, StreamingQueryManager, SyncPolicy};
use millstream_testing::{MemoryStream, read_request, sink_config, source_config, system_clock};
use tempfile::TempDir;

/// So that the rows make several batches.
const ROWS_OF_A_BATCH: usize = 7;

const ROWS: i64 = 40;

/// The places within the sink.
const SINK_PLACES: [&str; 2] = ["after_produce", "after_end_transaction"];

struct Job {
    input: MemoryStream,
    folder: TempDir,
    by: Vec<String>,
}

impl Job {
    fn new(by: &[&str]) -> Self {
        let input = MemoryStream::default();
        input.limit(ROWS_OF_A_BATCH);
        let by = by.iter().map(|name| (*name).to_owned()).collect();
        let job = Self { input, folder: tempfile::tempdir().unwrap(), by };
        job.add(0..ROWS);
        job
    }

    fn add(&self, values: impl Iterator<Item = i64>) {
        values.for_each(|value| self.input.add([(value, value)]));
    }

    fn output(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    fn spec(&self) -> QuerySpec {
        let node = StreamingRelationNode::try_new("memory", Arc::new(self.input.clone()), source_config(&[])).unwrap();
        let plan = LogicalPlanBuilder::from(LogicalPlan::Extension(Extension { node: Arc::new(node) }))
            .project(vec![col("value"), cast(col("value") % lit(3_i64), arrow::datatypes::DataType::Int64).alias("k")])
            .and_then(LogicalPlanBuilder::build)
            .unwrap();
        let output = self.output();
        let config = sink_config(Arc::clone(plan.schema().inner()), &[("path", output.to_str().unwrap())]);
        let config = SinkConfig { clock: system_clock(), partition_by: self.by.clone(), ..config };
        QuerySpec {
            name: None,
            plan,
            output_mode: OutputMode::Append,
            trigger: Trigger::AvailableNow,
            sink: connector("json").open_sink(config).unwrap(),
            checkpoint: Some(self.folder.path().join("checkpoint")),
            sync: SyncPolicy::Never,
            pinned: vec![],
            settings: QuerySettings::default(),
            conf: BTreeMap::new(),
        }
    }

    async fn start(&self, fail_point: Option<FailPoint>) -> Result<(), Error> {
        let engine = Engine::with_fail_point(MemoryLedger::unlimited(), system_clock(), 2, fail_point);
        let query = StreamingQueryManager::new(engine).start(self.spec()).await?;
        query.await_termination(None).await.map(|_| ())
    }

    /// Starts, and dies the `count`-th time it passes a place; says whether it came there.
    async fn die(&self, place: &str, count: u64) -> bool {
        let point = FailPoint::break_off(place, count);
        assert!(point.is_some(), "no place {place}");
        self.start(point).await.is_err_and(|error| error.kind() == ErrorKind::Cancelled)
    }

    /// The values that a reader sees, sorted.
    async fn seen(&self) -> Vec<i64> {
        let schema = "value";
        let field = arrow::datatypes::Field::new(schema, arrow::datatypes::DataType::Int64, true);
        let mut config = source_config(&[("path", self.output().to_str().unwrap())]);
        config.options.insert("recursiveFileLookup", "true");
        config.user_schema = Some(Arc::new(arrow::datatypes::Schema::new(vec![field])));
        let reader = connector("json").open_batch(config).unwrap();
        let streams = reader.scan(read_request(1)).await.unwrap();
        let batches: Vec<_> = stream::iter(streams).flatten().try_collect().await.unwrap();
        let mut values: Vec<i64> =
            batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec()).collect();
        values.sort_unstable();
        values
    }
}

fn connector(format: &str) -> Arc<dyn Connector> {
    let mut registry = ConnectorRegistry::default();
    register_all(&mut registry);
    registry.get(format).unwrap()
}

fn all(rows: i64) -> Vec<i64> {
    (0..rows).collect()
}

/// The files of the log, and of the data below the folder.
fn count(folder: &Path) -> usize {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| if path.is_dir() { count(&path) } else { 1 })
        .sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_row_is_in_a_file_once() {
    for by in [vec![], vec!["k"]] {
        let job = Job::new(&by);
        job.start(None).await.unwrap();
        assert_eq!(job.seen().await, all(ROWS), "{by:?}");
        let files = count(&job.output());
        job.start(None).await.unwrap();
        assert_eq!(count(&job.output()), files, "nothing new, and something was written");
        job.add(ROWS..ROWS + 90);
        job.start(None).await.unwrap();
        assert_eq!(job.seen().await, all(ROWS + 90), "{by:?}");
        assert!(job.output().join("_spark_metadata/9.compact").exists());
        assert!(!job.output().join("_temporary").exists());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_death_at_any_step_changes_nothing_that_readers_see() {
    let places: Vec<_> = FAIL_POINTS.into_iter().chain(SINK_PLACES).collect();
    for by in [vec![], vec!["k"]] {
        for place in &places {
            let job = Job::new(&by);
            let died = job.die(place, 2).await;
            assert!(died || !SINK_PLACES.contains(place), "{place} was not passed");
            job.start(None).await.unwrap();
            assert_eq!(job.seen().await, all(ROWS), "died {place}, {by:?}");
        }
        let job = Job::new(&by);
        for place in &places {
            job.die(place, 1).await;
        }
        job.start(None).await.unwrap();
        assert_eq!(job.seen().await, all(ROWS), "died again and again, {by:?}");
        assert!(!job.output().join("_temporary").exists());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_no_batch_lists_are_not_there() {
    let job = Job::new(&[]);
    job.start(None).await.unwrap();
    fs::write(job.output().join("part-00000-stray-c000.json"), "{\"value\":1000}\n").unwrap();
    assert_eq!(job.seen().await, all(ROWS));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_that_is_older_than_the_files_is_refused() {
    let job = Job::new(&[]);
    job.start(None).await.unwrap();
    fs::remove_dir_all(job.folder.path().join("checkpoint")).unwrap();
    let error = job.start(None).await.unwrap_err();
    assert!(error.message().contains("older than the sink"), "{error}");
    assert_eq!(job.seen().await, all(ROWS));
}
