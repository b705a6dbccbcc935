//! More comes in than goes out: what is read waits within the ledger, lag is told, nothing is lost, and a query stops
//! all the same. The broker is the embedded one, the sink a gate that opens batch by batch.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use datafusion::logical_expr::{Extension, LogicalPlan, LogicalPlanBuilder, col};
use futures::StreamExt;
use millstream_broker::{Broker, BrokerConfig};
use millstream_connectors::kafka::KafkaConnector;
use millstream_core::{
    LoggedBatch, MemoryLedger, OutputMode, QuerySettings, Result, Sink, SinkBatch, SinkProgress, SourceConfig, Trigger,
};
use millstream_engine::plan::StreamingRelationNode;
use millstream_engine::{Engine, QuerySpec, StreamingQuery, StreamingQueryManager, SyncPolicy};
use millstream_kafka::{Client, NewRecord, ProducerConfig, Unlimited};
use millstream_testing::{source_config, system_clock};
use tempfile::TempDir;
use tokio::sync::{Notify, Semaphore};

const ROWS: u64 = 60_000;
const ROW_BYTES: usize = 1_000;
/// Two thirds of the rows: the reader cannot hold all of them.
const LEDGER_BYTES: usize = 40 << 20;

/// Lets so many Arrow batches through.
#[derive(Debug)]
struct Gate {
    open: Semaphore,
    reached: Notify,
    rows: AtomicU64,
}

impl Gate {
    fn new(batches: usize) -> Arc<Self> {
        Arc::new(Self { open: Semaphore::new(batches), reached: Notify::new(), rows: AtomicU64::new(0) })
    }
}

#[async_trait]
impl Sink for Gate {
    fn description(&self) -> String {
        "Gate".to_owned()
    }

    async fn write(&self, batch: SinkBatch, _logged: LoggedBatch) -> Result<SinkProgress> {
        let mut written = 0;
        for mut stream in batch.rows {
            while let Some(rows) = stream.next().await {
                written += rows?.num_rows() as u64;
                self.reached.notify_one();
                self.open.acquire().await.expect("never closed").forget();
            }
        }
        self.rows.fetch_add(written, Ordering::SeqCst);
        Ok(SinkProgress { rows_written: written, ..SinkProgress::default() })
    }
}

/// A topic that is fuller than the ledger, and a query on it.
struct Flood {
    bootstrap: String,
    checkpoint: TempDir,
    ledger: MemoryLedger,
    _broker: Broker,
}

impl Flood {
    async fn start() -> Self {
        let broker = Broker::start(BrokerConfig::default()).await.expect("a free port");
        let bootstrap = broker.address().to_string();
        let (client, config, _) =
            ProducerConfig::from_properties([("bootstrap.servers", bootstrap.as_str())]).expect("valid");
        let producer = Client::new(client).producer(config, Arc::new(Unlimited));
        let topic = producer.topic("flood").await.expect("created");
        let value = vec![b'x'; ROW_BYTES];
        for _ in 0..ROWS {
            let record = NewRecord { timestamp: system_clock().now_ms(), key: None, value: Some(&value), headers: &[] };
            producer.send(topic, Some(0), &record).await.expect("room");
        }
        producer.flush().await.expect("written");
        let checkpoint = tempfile::tempdir().expect("temporary folder");
        Self { bootstrap, checkpoint, ledger: MemoryLedger::new(LEDGER_BYTES), _broker: broker }
    }

    async fn query(&self, sink: &Arc<Gate>, trigger: Trigger, options: &[(&str, &str)]) -> StreamingQuery {
        let known = [
            ("kafka.bootstrap.servers", self.bootstrap.as_str()),
            ("subscribe", "flood"),
            ("startingOffsets", "earliest"),
        ];
        let config = source_config(&[&known, options].concat());
        let config = SourceConfig { memory: self.ledger.clone(), clock: system_clock(), ..config };
        let node = StreamingRelationNode::try_new("kafka", Arc::new(KafkaConnector::default()), config).expect("valid");
        let plan = LogicalPlanBuilder::from(LogicalPlan::Extension(Extension { node: Arc::new(node) }))
            .project(vec![col("value")])
            .and_then(LogicalPlanBuilder::build)
            .expect("valid");
        let spec = QuerySpec {
            name: None,
            plan,
            output_mode: OutputMode::Append,
            trigger,
            sink: Arc::clone(sink) as Arc<dyn Sink>,
            checkpoint: Some(self.checkpoint.path().to_owned()),
            sync: SyncPolicy::Never,
            pinned: vec![],
            settings: QuerySettings::default(),
            conf: Default::default(),
        };
        let engine = Engine::new(self.ledger.clone(), system_clock(), 2);
        StreamingQueryManager::new(engine).start(spec).await.expect("accepted")
    }
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("in time")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_sink_holds_the_source_back_and_a_query_stops_behind_it() {
    let flood = Flood::start().await;
    let closed = Gate::new(3);
    let query = flood.query(&closed, Trigger::Default, &[]).await;
    for _ in 0..4 {
        soon(closed.reached.notified()).await;
    }
    // The sink has hold of a batch and does not let go; what the reader has beyond it is in the ledger.
    assert!(flood.ledger.used_bytes() > 0 && flood.ledger.used_bytes() <= LEDGER_BYTES);
    soon(query.stop()).await.expect("stopped");
    assert!(query.exception().is_none(), "{:?}", query.exception());
    // The connections end behind the query, and then nothing is held any more.
    soon(async {
        while flood.ledger.used_bytes() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;

    // The next run takes up at the batch that did not come through, and all of the input passes through less memory.
    let passed = closed.rows.load(Ordering::SeqCst);
    let open = Gate::new(Semaphore::MAX_PERMITS);
    soon(flood.query(&open, Trigger::AvailableNow, &[]).await.await_termination(None)).await.expect("all of it");
    assert_eq!(passed + open.rows.load(Ordering::SeqCst), ROWS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_says_how_far_it_is_behind() {
    let flood = Flood::start().await;
    let open = Gate::new(Semaphore::MAX_PERMITS);
    let query = flood.query(&open, Trigger::AvailableNow, &[("maxOffsetsPerTrigger", "25000")]).await;
    soon(query.await_termination(None)).await.expect("all of it");
    let behind: Vec<_> =
        query.recent_progress().iter().map(|it| it.sources[0].metrics["maxOffsetsBehindLatest"].clone()).collect();
    assert_eq!(behind, ["35000", "10000", "0"]);
    let rows: Vec<_> = query.recent_progress().iter().map(|progress| progress.num_input_rows()).collect();
    assert_eq!(rows, [25_000, 25_000, 10_000]);
}
