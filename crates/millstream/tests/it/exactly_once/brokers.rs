//! Brokers that die while a query writes to them: the query waits, or ends and is started again, and each result is there
//! once.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use millstream_core::{OutputMode, Trigger};
use millstream_test_servers::{Kafka, require_or_skip};

use super::job::{Job, Work, input};
use crate::cluster::Cluster;

const ROWS: u64 = 300;

/// Lets a query write while `restart` kills its broker and starts it again, a few batches apart.
async fn check(cluster: &Cluster, mut restart: impl FnMut()) {
    let job = Job::new(cluster, &input(cluster, 0..ROWS).await, Work::Count(OutputMode::Update));
    for batch in [5, 20] {
        let query = job.start(Trigger::AvailableNow, None).await;
        while query.is_active() && query.last_progress().is_none_or(|progress| progress.batch_id < batch) {
            tokio::task::yield_now().await;
        }
        restart();
        // Whether its patience lasts depends on how long the broker is gone.
        if query.await_termination(None).await.is_ok() {
            break;
        }
    }
    job.run().await.expect("the broker is there");
    job.check(0..ROWS, "through a broker's deaths").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apache_kafka_dies_and_comes_back() {
    require_or_skip!(Kafka::available());
    let kafka = Kafka::start(1, "");
    let cluster = Cluster::at("Apache Kafka that dies", kafka.bootstrap().to_owned());
    check(&cluster, || {
        kafka.kill(1);
        kafka.restart(1);
    })
    .await;
}

/// The embedded broker in a process of its own, on this port.
struct Embedded {
    process: Child,
    bootstrap: String,
}

impl Embedded {
    fn start(listen: &str, data: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_millstream"));
        command.args(["broker", "--listen", listen, "--data"]).arg(data);
        let mut process = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it can be run");
        let mut line = String::new();
        BufReader::new(process.stderr.as_mut().expect("piped")).read_line(&mut line).expect("text");
        let address = line.strip_prefix("millstream: Kafka broker on ").and_then(|rest| rest.split(' ').next());
        let bootstrap = address.unwrap_or_else(|| panic!("not the broker's address: {line}")).to_owned();
        Self { process, bootstrap }
    }

    fn kill(&mut self) {
        self.process.kill().expect("it was not waited for");
        self.process.wait().expect("it was started");
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.kill();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_embedded_broker_dies_and_comes_back() {
    require_or_skip!(Kafka::available());
    let data = tempfile::tempdir().expect("temporary folder");
    let mut broker = Embedded::start("127.0.0.1:0", data.path());
    let bootstrap = broker.bootstrap.clone();
    let cluster = Cluster::at("an embedded broker that dies", bootstrap.clone());
    check(&cluster, || {
        broker.kill();
        broker = Embedded::start(&bootstrap, data.path());
    })
    .await;
}
