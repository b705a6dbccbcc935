//! A query's life as a list of steps.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use datafusion::logical_expr::{Extension, LogicalPlan, LogicalPlanBuilder, col, lit};
use millstream_core::progress::StreamingQueryProgress;
use millstream_core::{Clock, Disk, MemoryLedger, OutputMode, Trigger};
use millstream_engine::functions::aggregates::count;
use millstream_engine::plan::StreamingRelationNode;
use millstream_engine::{
    Engine, FailPoint, LocalDisk, PlantedFault, Platform, QuerySpec, StreamingQuery, StreamingQueryManager, SyncPolicy,
};
use millstream_testing::{ManualClock, MemorySink, MemoryStream, source_config};
use tempfile::TempDir;

/// A row of the stream: a number and its event time in seconds.
pub(crate) type Row = (i64, i64);

/// What a test does or expects next.
pub(crate) enum Step {
    Add(Vec<Row>),
    Start,
    /// Starts a run that breaks off at a fail point, the given number of times passed, and waits until it has.
    StartAndDie(&'static str, u64),
    /// Waits until everything added so far is in the sink.
    Process,
    Stop,
    /// The rows of each batch that the sink holds.
    ExpectBatches(Vec<(u64, Vec<Vec<i64>>)>),
    /// Something about the newest progress.
    ExpectProgress(fn(&StreamingQueryProgress)),
    /// Waits until the query has ended with an error that has this text in it.
    ExpectFailure(&'static str),
    /// Waits until the query has ended by itself.
    ExpectEnd,
}

/// What a script works on.
pub(crate) struct Bench {
    pub(crate) stream: MemoryStream,
    pub(crate) sink: MemorySink,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) checkpoint: TempDir,
    pub(crate) trigger: Trigger,
    pub(crate) output_mode: OutputMode,
    pub(crate) sync: SyncPolicy,
    pub(crate) conf: BTreeMap<String, String>,
    pub(crate) plan: LogicalPlan,
    pub(crate) name: Option<String>,
    pub(crate) planted_fault: Option<PlantedFault>,
    pub(crate) disk: Arc<dyn Disk>,
    /// Where the checkpoint lies, if not in the temporary folder, and the clock of the disk that has leases.
    pub(crate) location: Option<PathBuf>,
    pub(crate) lease_clock: Option<Arc<ManualClock>>,
    pub(crate) memory: MemoryLedger,
}

impl Bench {
    /// `select value` over the stream, in append mode, under the default trigger.
    pub(crate) fn new() -> Self {
        let stream = MemoryStream::default();
        Self {
            plan: project_value(&stream),
            stream,
            sink: MemorySink::default(),
            clock: ManualClock::new(),
            checkpoint: tempfile::tempdir().unwrap(),
            trigger: Trigger::Default,
            output_mode: OutputMode::Append,
            sync: SyncPolicy::Never,
            conf: BTreeMap::new(),
            name: None,
            planted_fault: None,
            disk: Arc::new(LocalDisk),
            location: None,
            lease_clock: None,
            memory: MemoryLedger::unlimited(),
        }
    }

    /// `select value % 2, count(*) group by value % 2`, in update mode.
    pub(crate) fn counting() -> Self {
        let bench = Self::new();
        let plan = LogicalPlanBuilder::from(relation(&bench.stream))
            .project(vec![(col("value") % lit(2_i64)).alias("k")])
            .and_then(|plan| plan.aggregate(vec![col("k")], vec![count(lit(1_i64)).alias("count")]))
            .and_then(LogicalPlanBuilder::build)
            .unwrap();
        Self { plan, output_mode: OutputMode::Update, ..bench }
    }

    pub(crate) fn spec(&self) -> QuerySpec {
        QuerySpec {
            name: self.name.clone(),
            plan: self.plan.clone(),
            output_mode: self.output_mode,
            trigger: self.trigger,
            sink: Arc::new(self.sink.clone()),
            checkpoint: Some(self.folder()),
            sync: self.sync,
            pinned: vec![],
            settings: Default::default(),
            conf: self.conf.clone(),
        }
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.location.clone().unwrap_or_else(|| self.checkpoint.path().to_owned())
    }

    /// Starts the query. Where the one before died, its lease ends meanwhile.
    async fn start(&self, manager: &StreamingQueryManager) -> StreamingQuery {
        let start = manager.start(self.spec());
        match &self.lease_clock {
            Some(clock) => clock.pass_while(Duration::from_secs(1), start).await.unwrap(),
            None => start.await.unwrap(),
        }
    }

    pub(crate) fn manager(&self, fail_point: Option<FailPoint>) -> StreamingQueryManager {
        let clock: Arc<dyn Clock> = self.clock.clone();
        let (disk, planted_fault) = (Arc::clone(&self.disk), self.planted_fault);
        let platform = Platform { fail_point, planted_fault, disk, ..Platform::system(clock) };
        StreamingQueryManager::new(Engine::on(platform, self.memory.clone(), 2))
    }
}

/// A stream as a plan's leaf.
pub(crate) fn relation(stream: &MemoryStream) -> LogicalPlan {
    let node = StreamingRelationNode::try_new("memory-stream", Arc::new(stream.clone()), source_config(&[])).unwrap();
    LogicalPlan::Extension(Extension { node: Arc::new(node) })
}

/// `select value`
pub(crate) fn project_value(stream: &MemoryStream) -> LogicalPlan {
    let plan = LogicalPlanBuilder::from(relation(stream)).project(vec![col("value")]);
    plan.and_then(LogicalPlanBuilder::build).unwrap()
}

/// Runs a script. Steps that wait are bounded, so that a query that hangs fails its test.
pub(crate) async fn check(bench: &Bench, steps: Vec<Step>) {
    let mut manager = bench.manager(None);
    let mut query: Option<StreamingQuery> = None;
    for (number, step) in steps.into_iter().enumerate() {
        let done = run(bench, step, &mut manager, &mut query);
        let done = tokio::time::timeout(Duration::from_secs(60), done).await;
        assert!(done.is_ok(), "step {number} did not end: {query:?}, {:?}", query.as_ref().map(StreamingQuery::status));
    }
    if let Some(query) = query.filter(StreamingQuery::is_active) {
        query.stop().await.unwrap();
    }
}

async fn run(bench: &Bench, step: Step, manager: &mut StreamingQueryManager, query: &mut Option<StreamingQuery>) {
    let running = || query.as_ref().expect("no query was started");
    match step {
        Step::Add(rows) => bench.stream.add(rows),
        Step::Start => {
            *manager = bench.manager(None);
            *query = Some(bench.start(manager).await);
        }
        Step::StartAndDie(place, count) => {
            let dying = bench.start(&bench.manager(FailPoint::break_off(place, count))).await;
            let _ = dying.await_termination(None).await;
            *query = Some(dying);
        }
        Step::Process => running().process_all_available().await.unwrap(),
        Step::Stop => running().stop().await.unwrap(),
        Step::ExpectBatches(batches) => assert_eq!(bench.sink.batches(), batches),
        Step::ExpectProgress(check) => check(&running().last_progress().expect("there is no progress yet")),
        Step::ExpectFailure(text) => {
            let error = running().await_termination(None).await.unwrap_err();
            assert!(error.to_spark_message().contains(text), "{error:?}");
        }
        Step::ExpectEnd => assert!(running().await_termination(None).await.unwrap()),
    }
}

/// Rows of one column.
pub(crate) fn values(values: impl IntoIterator<Item = i64>) -> Vec<Vec<i64>> {
    values.into_iter().map(|value| vec![value]).collect()
}

/// Rows of the stream, all at one event time.
pub(crate) fn rows(values: impl IntoIterator<Item = i64>) -> Vec<Row> {
    values.into_iter().map(|value| (value, 0)).collect()
}
