//! A query from Kafka to Kafka that can be started again and again on one checkpoint, in this process.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int32Type};
use datafusion::functions_aggregate::count::count;
use datafusion::logical_expr::{Extension, LogicalPlan, LogicalPlanBuilder, cast, col, lit};
use futures::{StreamExt, TryStreamExt, stream};
use millstream_connectors::kafka::KafkaConnector;
use millstream_core::{
    Connector, Error, ErrorKind, MemoryLedger, OutputMode, QuerySettings, ReadRequest, ScanColumn, SinkConfig,
    SourceConfig, Trigger,
};
use millstream_engine::plan::StreamingRelationNode;
use millstream_engine::{Engine, FailPoint, QuerySpec, StreamingQuery, StreamingQueryManager, SyncPolicy};
use millstream_kafka::{Client, ClientConfig, NewRecord, OffsetSpec, ProducerConfig, TopicPartition, Unlimited};
use millstream_testing::{read_request, sink_config, source_config, system_clock};
use tempfile::TempDir;

use crate::cluster::Cluster;

/// So that the rows of a test make several batches.
const ROWS_OF_A_BATCH: u64 = 7;

const OUTPUT_PARTITIONS: i32 = 3;

/// The columns of the source that a reader of the output wants: key, value and partition.
const COLUMNS: [usize; 3] = [0, 1, 3];

/// What a query computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// Each row as it is.
    Pass,
    /// The number of rows of each key: those that have changed, or all.
    Count(OutputMode),
}

/// A row of the output: key and value.
pub(super) type Row = (String, String);

/// The query.
pub(super) struct Job<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) input: String,
    pub(super) output: String,
    pub(super) work: Work,
    pub(super) checkpoint: TempDir,
    options: BTreeMap<&'static str, String>,
    told_group: Option<String>,
}

impl<'a> Job<'a> {
    /// Reads this topic and writes to a new one.
    pub(super) fn new(cluster: &'a Cluster, input: &str, work: Work) -> Self {
        let output = topic(cluster, OUTPUT_PARTITIONS);
        let checkpoint = tempfile::tempdir().expect("temporary folder");
        let options = [("delivery.guarantee", "exactly-once".to_owned())].into();
        Self { cluster, input: input.to_owned(), output, work, checkpoint, options, told_group: None }
    }

    pub(super) fn set(mut self, name: &'static str, value: &str) -> Self {
        self.options.insert(name, value.to_owned());
        self
    }

    /// Lets this group be told what has been read.
    pub(super) fn tell(mut self, group: &str) -> Self {
        self.told_group = Some(group.to_owned());
        self
    }

    /// How far the group has heard of each partition of the input.
    pub(super) async fn told(&self) -> [Option<i64>; 2] {
        let servers = [("bootstrap.servers", self.cluster.bootstrap.as_str())];
        let (config, _) = ClientConfig::from_properties(servers).expect("valid");
        let (client, group) = (Client::new(config), self.told_group.as_deref().expect("one is told"));
        let mut told = [None; 2];
        for (partition, told) in told.iter_mut().enumerate() {
            let of = TopicPartition::new(self.input.as_str(), partition as i32);
            *told = client.committed_offset(group, &of, true).await.expect("an answer").map(|it| it.offset);
        }
        told
    }

    /// The options of the sink beyond topic and brokers.
    pub(super) fn options(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.options.iter().map(|(&name, value)| (name, value.as_str()))
    }

    /// The same query on a copy of its checkpoint as it is now.
    pub(super) fn copy(&self) -> Self {
        let checkpoint = tempfile::tempdir().expect("temporary folder");
        copy_folder(self.checkpoint.path(), checkpoint.path());
        let Self { cluster, input, output, work, options, told_group, .. } = self;
        Self {
            input: input.clone(),
            output: output.clone(),
            options: options.clone(),
            checkpoint,
            cluster,
            work: *work,
            told_group: told_group.clone(),
        }
    }

    fn plan(&self) -> LogicalPlan {
        let limit = ROWS_OF_A_BATCH.to_string();
        let mut options = vec![
            ("kafka.bootstrap.servers", self.cluster.bootstrap.as_str()),
            ("subscribe", self.input.as_str()),
            ("startingOffsets", "earliest"),
            ("maxOffsetsPerTrigger", limit.as_str()),
        ];
        if let Some(group) = &self.told_group {
            options.extend([("commit.offsets", "true"), ("kafka.group.id", group)]);
        }
        let node = StreamingRelationNode::try_new("kafka", Arc::new(KafkaConnector::default()), real_source(&options));
        let text = |column| cast(col(column), DataType::Utf8);
        let rows = LogicalPlanBuilder::from(LogicalPlan::Extension(Extension { node: Arc::new(node.expect("valid")) }))
            .project(vec![text("key").alias("key"), text("value").alias("value")]);
        let rows = match self.work {
            Work::Pass => rows,
            Work::Count(_) => rows
                .and_then(|rows| rows.aggregate(vec![col("key")], vec![count(lit(1_i64)).alias("n")]))
                .and_then(|rows| rows.project(vec![col("key"), cast(col("n"), DataType::Utf8).alias("value")])),
        };
        rows.and_then(LogicalPlanBuilder::build).expect("a valid plan")
    }

    fn spec(&self, trigger: Trigger) -> Result<QuerySpec, Error> {
        let plan = self.plan();
        let output_mode = match self.work {
            Work::Pass => OutputMode::Append,
            Work::Count(mode) => mode,
        };
        let place = [("kafka.bootstrap.servers", self.cluster.bootstrap.as_str()), ("topic", self.output.as_str())];
        let options: Vec<_> =
            place.into_iter().chain(self.options.iter().map(|(name, value)| (*name, value.as_str()))).collect();
        let config = sink_config(Arc::clone(plan.schema().inner()), &options);
        let sink = KafkaConnector::default().open_sink(SinkConfig { output_mode, clock: system_clock(), ..config })?;
        Ok(QuerySpec {
            name: None,
            plan,
            output_mode,
            trigger,
            sink,
            checkpoint: Some(self.checkpoint.path().to_owned()),
            sync: SyncPolicy::Never,
            pinned: vec![],
            settings: QuerySettings::default(),
            conf: BTreeMap::new(),
        })
    }

    /// Starts it in an engine of its own, as another process would.
    pub(super) async fn start(&self, trigger: Trigger, fail_point: Option<FailPoint>) -> StreamingQuery {
        let engine = Engine::with_fail_point(MemoryLedger::unlimited(), system_clock(), 2, fail_point);
        StreamingQueryManager::new(engine).start(self.spec(trigger).expect("valid")).await.expect("accepted")
    }

    /// Reads all there is.
    pub(super) async fn run(&self) -> Result<(), Error> {
        self.start(Trigger::AvailableNow, None).await.await_termination(None).await.map(|_| ())
    }

    /// Starts and dies the `count`-th time it passes a place; says whether it came there.
    pub(super) async fn die(&self, place: &str, count: u64) -> bool {
        let point = FailPoint::break_off(place, count);
        assert!(point.is_some(), "no place {place}");
        let died = self.start(Trigger::AvailableNow, point).await.await_termination(None).await;
        died.is_err_and(|error| error.kind() == ErrorKind::Cancelled)
    }

    /// What `read_committed` readers see, in an order that does not depend on how a batch was divided among tasks: all
    /// rows sorted, or the counts of each key as they follow each other.
    pub(super) async fn output(&self) -> Vec<Row> {
        let mut rows = committed(self.cluster, &self.output).await;
        match self.work {
            Work::Pass => rows.sort(),
            Work::Count(_) => rows.sort_by(|one, other| one.0.cmp(&other.0)),
        }
        rows
    }

    /// Whether the output is what arithmetic says of these rows of the input, each result once.
    pub(super) async fn check(&self, rows: Range<u64>, what: &str) {
        let (output, what) = (self.output().await, format!("{:?}, {what}, on {}", self.work, self.cluster.name));
        let rows = rows.map(|row| (key(row), row.to_string()));
        if self.work == Work::Pass {
            let mut wanted: Vec<Row> = rows.collect();
            wanted.sort();
            assert_eq!(output, wanted, "{what}");
            return;
        }
        let mut counts = BTreeMap::new();
        rows.for_each(|(key, _)| *counts.entry(key).or_insert(0_u64) += 1);
        let seen: Vec<(String, u64)> =
            output.into_iter().map(|(key, count)| (key, count.parse().expect("a number"))).collect();
        let newest: BTreeMap<_, _> = seen.iter().cloned().collect();
        assert_eq!(newest, counts, "{what}");
        if self.work == Work::Count(OutputMode::Update) {
            // A key is written when its count has grown, so that no count can come twice.
            let grows = |pair: &[(String, u64)]| pair[0].0 != pair[1].0 || pair[0].1 < pair[1].1;
            assert!(seen.windows(2).all(grows), "{what}: {seen:?}");
        }
    }
}

/// The key of a row of the input; its value is its number.
fn key(row: u64) -> String {
    format!("k{}", row * row % 5)
}

pub(super) fn topic(cluster: &Cluster, partitions: i32) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("exactly-once-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    cluster.tool(&format!("create {name} {partitions} 1"));
    name
}

/// A topic of two partitions with these rows.
pub(super) async fn input(cluster: &Cluster, rows: Range<u64>) -> String {
    let topic = topic(cluster, 2);
    add(cluster, &topic, rows).await;
    topic
}

/// Adds rows to an input.
pub(super) async fn add(cluster: &Cluster, topic: &str, rows: Range<u64>) {
    let servers = [("bootstrap.servers", cluster.bootstrap.as_str())];
    let (client, config, _) = ProducerConfig::from_properties(servers).expect("valid");
    let producer = Client::new(client).producer(config, Arc::new(Unlimited));
    let handle = producer.topic(topic).await.expect("it was created");
    for row in rows {
        let (key, value) = (key(row), row.to_string());
        let (key, value) = (Some(key.as_bytes()), Some(value.as_bytes()));
        // An old one would be deleted by and by.
        let timestamp = system_clock().now_ms();
        let record = NewRecord { timestamp, key, value, headers: &[] };
        producer.send(handle, Some((row % 2) as i32), &record).await.expect("room");
    }
    producer.flush().await.expect("written");
}

/// What `read_committed` readers see, partition by partition.
async fn committed(cluster: &Cluster, topic: &str) -> Vec<Row> {
    settle(cluster, topic).await;
    let options = [
        ("kafka.bootstrap.servers", cluster.bootstrap.as_str()),
        ("subscribe", topic),
        ("kafka.isolation.level", "read_committed"),
    ];
    let reader = KafkaConnector::default().open_batch(real_source(&options)).expect("valid");
    let streams = reader
        .scan(ReadRequest { columns: COLUMNS.map(ScanColumn::Plain).to_vec(), ..read_request(0) })
        .await
        .expect("readable");
    let batches: Vec<RecordBatch> = stream::iter(streams).flatten().try_collect().await.expect("readable");
    let mut rows = Vec::new();
    for batch in batches {
        let text = |column: usize, row| {
            String::from_utf8_lossy(batch.column(column).as_binary::<i32>().value(row)).into_owned()
        };
        let partition = batch.column(2).as_primitive::<Int32Type>();
        rows.extend((0..batch.num_rows()).map(|row| (partition.value(row), text(0, row), text(1, row))));
    }
    // Stable, so that the order within a partition stays.
    rows.sort_by_key(|row| row.0);
    rows.into_iter().map(|(_, key, value)| (key, value)).collect()
}

/// Waits for the brokers to write the ends of all transactions, which follows their commits.
async fn settle(cluster: &Cluster, topic: &str) {
    let ends = async |isolation: &str| {
        let properties = [("bootstrap.servers", cluster.bootstrap.as_str()), ("isolation.level", isolation)];
        let (config, _) = ClientConfig::from_properties(properties).expect("valid");
        let latest = |partition| (TopicPartition::new(topic, partition), OffsetSpec::Latest);
        let partitions: Vec<_> = (0..OUTPUT_PARTITIONS).map(latest).collect();
        Client::new(config).list_offsets(&partitions).await.expect("an answer")
    };
    while ends("read_committed").await != ends("read_uncommitted").await {}
}

fn real_source(options: &[(&str, &str)]) -> SourceConfig {
    SourceConfig { clock: system_clock(), ..source_config(options) }
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("a folder").map(|entry| entry.expect("readable")) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            std::fs::create_dir(&target).expect("a new folder");
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).expect("a copy");
        }
    }
}
