//! `delivery.guarantee=exactly-once`: whole queries from Kafka to Kafka on real Apache Kafka and on the embedded broker,
//! broken off between any two steps, read as a `read_committed` reader sees them.
//!
//! A query that breaks off leaves everything as a process that died would: nothing is flushed, aborted or closed. That a
//! process can really be killed is shown by the binary's own crash tests.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int32Type};
use datafusion::functions_aggregate::count::count;
use datafusion::logical_expr::{Extension, LogicalPlan, LogicalPlanBuilder, cast, col, lit};
use futures::{StreamExt, TryStreamExt, stream};
use millstream_broker::{Broker, BrokerConfig};
use millstream_connectors::kafka::KafkaConnector;
use millstream_core::{
    Clock, Connector, Error, ErrorKind, MemoryLedger, Options, OutputMode, QuerySettings, ScanColumn, SinkConfig,
    SourceConfig, SystemClock, Trigger,
};
use millstream_engine::plan::StreamingRelationNode;
use millstream_engine::{
    Engine, FAIL_POINTS, FailPoint, QuerySpec, SINK_FAIL_POINTS, StreamingQuery, StreamingQueryManager, SyncPolicy,
};
use millstream_kafka::{Client, ClientConfig, NewRecord, OffsetSpec, ProducerConfig, TopicPartition, Unlimited};
use millstream_test_servers::{Kafka, KafkaTool, require_or_skip};
use tempfile::TempDir;

const ROWS: u64 = 40;
/// So that a run has six batches.
const ROWS_OF_A_BATCH: u64 = 7;

const OUTPUT_PARTITIONS: i32 = 3;

/// A broker of either kind, with the stock client as a tool on it.
struct Cluster {
    name: &'static str,
    bootstrap: String,
    tool: Mutex<KafkaTool>,
    _embedded: Option<Broker>,
}

impl Cluster {
    async fn all() -> [Self; 2] {
        let real = Kafka::shared().bootstrap().to_owned();
        let broker = Broker::start(BrokerConfig::default()).await.expect("a free port");
        let embedded = broker.address().to_string();
        let at = |name, bootstrap: String, broker| Self {
            name,
            tool: Mutex::new(KafkaTool::start(&bootstrap)),
            bootstrap,
            _embedded: broker,
        };
        [at("Apache Kafka", real, None), at("the embedded broker", embedded, Some(broker))]
    }

    fn tool(&self, command: &str) -> String {
        let answer = self.tool.lock().expect("no test panics while it holds this").run(command);
        answer.unwrap_or_else(|error| panic!("{command} on {}: {error}", self.name))
    }

    /// A topic of two partitions with the rows that every query reads.
    async fn input(&self) -> String {
        let topic = topic_name("exactly-once-input");
        self.tool(&format!("create {topic} 2 1"));
        let servers = [("bootstrap.servers", self.bootstrap.as_str())];
        let (client, config, _) = ProducerConfig::from_properties(servers).expect("valid");
        let producer = Client::new(client).producer(config, Arc::new(Unlimited));
        let handle = producer.topic(&topic).await.expect("it was created");
        for row in 0..ROWS {
            let (key, value) = (key(row), row.to_string());
            let (key, value) = (Some(key.as_bytes()), Some(value.as_bytes()));
            let record = NewRecord { timestamp: 0, key, value, headers: &[] };
            producer.send(handle, Some((row % 2) as i32), &record).await.expect("room");
        }
        producer.flush().await.expect("written");
        topic
    }

    fn output(&self) -> String {
        let topic = topic_name("exactly-once-output");
        self.tool(&format!("create {topic} {OUTPUT_PARTITIONS} 1"));
        topic
    }

    /// Waits for the brokers to write the ends of all transactions, which follows their commits.
    async fn settled(&self, topic: &str) {
        let ends = async |isolation: &str| {
            let properties = [("bootstrap.servers", self.bootstrap.as_str()), ("isolation.level", isolation)];
            let (config, _) = ClientConfig::from_properties(properties).expect("valid");
            let latest = |partition| (TopicPartition::new(topic, partition), OffsetSpec::Latest);
            let partitions: Vec<_> = (0..OUTPUT_PARTITIONS).map(latest).collect();
            Client::new(config).list_offsets(&partitions).await.expect("an answer")
        };
        while ends("read_committed").await != ends("read_uncommitted").await {}
    }

    /// Keys and values that `read_committed` readers see, partition by partition.
    async fn committed(&self, topic: &str) -> Vec<(String, String)> {
        self.settled(topic).await;
        let options = [
            ("kafka.bootstrap.servers", self.bootstrap.as_str()),
            ("subscribe", topic),
            ("kafka.isolation.level", "read_committed"),
        ];
        let reader = KafkaConnector.open_batch(source_config(&options)).expect("valid");
        let columns = [KEY, VALUE, PARTITION].map(ScanColumn::Plain).to_vec();
        let mut rows = Vec::new();
        let streams = reader.scan(columns, 8192, 1).await.expect("readable");
        let batches: Vec<RecordBatch> = stream::iter(streams).flatten().try_collect().await.expect("readable");
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
}

const KEY: usize = 0;
const VALUE: usize = 1;
const PARTITION: usize = 3;

fn topic_name(stem: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("{stem}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

fn key(row: u64) -> String {
    format!("k{}", row * row % 5)
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new(|duration| Box::pin(tokio::time::sleep(duration))))
}

fn source_config(options: &[(&str, &str)]) -> SourceConfig {
    SourceConfig {
        options: options.iter().copied().collect(),
        user_schema: None,
        query: None,
        settings: QuerySettings::default(),
        memory: MemoryLedger::unlimited(),
        clock: clock(),
    }
}

/// What a query computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    /// Each row as it is.
    Pass,
    /// The number of rows of each key: those that have changed, or all.
    Count(OutputMode),
}

/// A query that can be started again and again on one checkpoint.
struct Job<'a> {
    cluster: &'a Cluster,
    input: &'a str,
    work: Work,
    output: String,
    checkpoint: TempDir,
    options: Vec<(&'static str, String)>,
}

impl<'a> Job<'a> {
    fn new(cluster: &'a Cluster, input: &'a str, work: Work) -> Self {
        let checkpoint = tempfile::tempdir().expect("temporary folder");
        Self { cluster, input, work, output: cluster.output(), checkpoint, options: Vec::new() }
    }

    fn plan(&self) -> LogicalPlan {
        let limit = ROWS_OF_A_BATCH.to_string();
        let options = [
            ("kafka.bootstrap.servers", self.cluster.bootstrap.as_str()),
            ("subscribe", self.input),
            ("startingOffsets", "earliest"),
            ("maxOffsetsPerTrigger", limit.as_str()),
        ];
        let node = StreamingRelationNode::try_new("kafka", Arc::new(KafkaConnector), source_config(&options));
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

    fn spec(&self) -> Result<QuerySpec, Error> {
        let plan = self.plan();
        let output_mode = match self.work {
            Work::Pass => OutputMode::Append,
            Work::Count(mode) => mode,
        };
        let mut options: Options = [
            ("kafka.bootstrap.servers", self.cluster.bootstrap.as_str()),
            ("topic", self.output.as_str()),
            ("delivery.guarantee", "exactly-once"),
        ]
        .into_iter()
        .collect();
        for (name, value) in &self.options {
            options.insert(*name, value.as_str());
        }
        let sink = KafkaConnector.open_sink(SinkConfig {
            options,
            schema: Arc::clone(plan.schema().inner()),
            output_mode,
            query_name: None,
            settings: QuerySettings::default(),
            memory: MemoryLedger::unlimited(),
            clock: clock(),
        })?;
        Ok(QuerySpec {
            name: None,
            plan,
            output_mode,
            trigger: Trigger::AvailableNow,
            sink,
            checkpoint: Some(self.checkpoint.path().to_owned()),
            sync: SyncPolicy::Never,
            settings: QuerySettings::default(),
            conf: BTreeMap::new(),
        })
    }

    async fn start(&self, fail_point: Option<FailPoint>) -> StreamingQuery {
        let engine = Engine::with_fail_point(MemoryLedger::unlimited(), clock(), 2, fail_point);
        StreamingQueryManager::new(engine).start(self.spec().expect("valid")).await.expect("accepted")
    }

    /// Reads all there is.
    async fn run(&self) -> Result<(), Error> {
        self.start(None).await.await_termination(None).await.map(|_| ())
    }

    /// Starts and dies the `count`-th time it passes a place; says whether it came there.
    async fn die(&self, place: &str, count: u64) -> bool {
        let point = FailPoint::break_off(place, count);
        assert!(point.is_some(), "no place {place}");
        let died = self.start(point).await.await_termination(None).await;
        died.is_err_and(|error| error.kind() == ErrorKind::Cancelled)
    }

    async fn output(&self) -> Vec<(String, String)> {
        self.cluster.committed(&self.output).await
    }
}

/// What an undisturbed run must have written, by arithmetic: sorted rows of `Pass`, and per key the last count of `Count`.
fn check_output(work: Work, output: &[(String, String)], what: &str) {
    let rows = (0..ROWS).map(|row| (key(row), row.to_string()));
    match work {
        Work::Pass => {
            let mut wanted: Vec<_> = rows.collect();
            let mut output = output.to_vec();
            wanted.sort();
            output.sort();
            assert_eq!(output, wanted, "{what}");
        }
        Work::Count(_) => {
            let mut wanted = BTreeMap::new();
            rows.for_each(|(key, _)| *wanted.entry(key).or_insert(0_u64) += 1);
            let newest: BTreeMap<_, u64> =
                output.iter().map(|(key, value)| (key.clone(), value.parse().expect("a number"))).collect();
            assert_eq!(newest, wanted, "{what}");
        }
    }
}

/// The same rows, whatever the order of partitions of the input within a batch.
fn comparable(work: Work, mut output: Vec<(String, String)>) -> Vec<(String, String)> {
    match work {
        Work::Pass => output.sort(),
        // The counts of a key stand in their order; the keys of a batch do not.
        Work::Count(_) => output.sort_by(|one, other| one.0.cmp(&other.0)),
    }
    output
}

const WORK: [Work; 3] = [Work::Pass, Work::Count(OutputMode::Update), Work::Count(OutputMode::Complete)];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_result_is_seen_once() {
    require_or_skip!(Kafka::available());
    for cluster in Cluster::all().await {
        let input = cluster.input().await;
        for work in WORK {
            let job = Job::new(&cluster, &input, work);
            job.run().await.expect("nothing fails");
            let output = job.output().await;
            check_output(work, &output, cluster.name);
            // Nothing new, nothing written.
            job.run().await.expect("nothing fails");
            assert_eq!(job.output().await, output, "{work:?} on {}", cluster.name);
        }
    }
}

/// At each place once, each time in the second batch, and at last on and on until there is nothing left to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_death_at_any_step_changes_nothing_that_readers_see() {
    require_or_skip!(Kafka::available());
    for cluster in Cluster::all().await {
        let input = cluster.input().await;
        for work in [Work::Pass, Work::Count(OutputMode::Update)] {
            let undisturbed = Job::new(&cluster, &input, work);
            undisturbed.run().await.expect("nothing fails");
            let wanted = comparable(work, undisturbed.output().await);
            check_output(work, &wanted, cluster.name);
            for place in FAIL_POINTS.into_iter().chain(SINK_FAIL_POINTS) {
                let job = Job::new(&cluster, &input, work);
                let died = job.die(place, 2).await;
                assert!(died || !SINK_FAIL_POINTS.contains(&place), "{place} was not passed");
                job.run().await.expect("nothing fails");
                let output = comparable(work, job.output().await);
                assert_eq!(output, wanted, "{work:?} died {place} on {}", cluster.name);
            }
            let job = Job::new(&cluster, &input, work);
            for place in FAIL_POINTS.into_iter().chain(SINK_FAIL_POINTS) {
                job.die(place, 1).await;
            }
            job.run().await.expect("nothing fails");
            let output = comparable(work, job.output().await);
            assert_eq!(output, wanted, "{work:?} died again and again on {}", cluster.name);
        }
    }
}
