//! A stream of files into files: whole queries in this process, broken off between any two steps, as a process that
//! died would be. Each line of the input is in the output once, whatever happened.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use datafusion::logical_expr::{Extension, LogicalPlan, LogicalPlanBuilder, col};
use futures::{StreamExt, TryStreamExt, stream};
use millstream_connectors::register_all;
use millstream_core::{
    Connector, ConnectorRegistry, Error, ErrorKind, MemoryLedger, OutputMode, QuerySettings, SinkConfig, SourceConfig,
    Trigger,
};
use millstream_engine::plan::StreamingRelationNode;
use millstream_engine::{Engine, FAIL_POINTS, FailPoint, QuerySpec, StreamingQueryManager, SyncPolicy};
use millstream_testing::{read_request, sink_config, source_config, system_clock};
use tempfile::TempDir;

struct Job {
    folder: TempDir,
}

fn connector(format: &str) -> Arc<dyn Connector> {
    let mut registry = ConnectorRegistry::default();
    register_all(&mut registry);
    registry.get(format).unwrap()
}

fn numbers() -> Option<Arc<Schema>> {
    Some(Arc::new(Schema::new(vec![Field::new("value", DataType::Int64, true)])))
}

impl Job {
    fn new() -> Self {
        let job = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(job.folder.path().join("in")).unwrap();
        (0..5).for_each(|file| job.add(file));
        job
    }

    /// A file of three lines.
    fn add(&self, file: i64) {
        let lines: String = (0..3).map(|line| format!("{}\n", file * 3 + line)).collect();
        fs::write(self.folder.path().join(format!("in/{file}.csv")), lines).unwrap();
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn spec(&self) -> QuerySpec {
        let options = [("path", self.path("in")), ("maxFilesPerTrigger", "2".to_owned())];
        let options: Vec<_> = options.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let config = SourceConfig { user_schema: numbers(), clock: system_clock(), ..source_config(&options) };
        let node = StreamingRelationNode::try_new("csv", connector("csv"), config).unwrap();
        let plan = LogicalPlanBuilder::from(LogicalPlan::Extension(Extension { node: Arc::new(node) }))
            .project(vec![col("value")])
            .and_then(LogicalPlanBuilder::build)
            .unwrap();
        let config = sink_config(Arc::clone(plan.schema().inner()), &[("path", &self.path("out"))]);
        QuerySpec {
            name: None,
            plan,
            output_mode: OutputMode::Append,
            trigger: Trigger::AvailableNow,
            sink: connector("json").open_sink(SinkConfig { clock: system_clock(), ..config }).unwrap(),
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

    /// The values in the output, sorted.
    async fn seen(&self) -> Vec<i64> {
        let config = SourceConfig { user_schema: numbers(), ..source_config(&[("path", &self.path("out"))]) };
        let reader = connector("json").open_batch(config).unwrap();
        let streams = reader.scan(read_request(1)).await.unwrap();
        let batches: Vec<_> = stream::iter(streams).flatten().try_collect().await.unwrap();
        let values = batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec());
        let mut values: Vec<i64> = values.collect();
        values.sort_unstable();
        values
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_death_at_any_step_reads_each_file_once() {
    let mut deaths = 0;
    for place in FAIL_POINTS {
        let job = Job::new();
        deaths += usize::from(job.die(place, 2).await);
        job.add(5);
        job.die(place, 1).await;
        job.start(None).await.unwrap();
        assert_eq!(job.seen().await, (0..18).collect::<Vec<_>>(), "died {place}");
        job.add(6);
        job.start(None).await.unwrap();
        assert_eq!(job.seen().await, (0..21).collect::<Vec<_>>(), "died {place}, and one more file");
        let log = fs::read_to_string(job.path("checkpoint/sources/0/0")).unwrap();
        assert!(log.starts_with("v1\n{\"path\":\"file:///"), "{log}");
    }
    assert!(deaths > 3, "few places were passed: {deaths}");
}
