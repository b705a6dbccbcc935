//! The binary killed for real at each named place: `kill -9` leaves what it leaves, and readers of the output never
//! know. Kills at any moment and of brokers are those of `crate::crash_test`.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output, Stdio};

use millstream_core::OutputMode;
use millstream_engine::{FAIL_POINTS, SINK_FAIL_POINTS};
use millstream_test_servers::{Kafka, require_or_skip};

use super::job::{Job, Work, input};
use crate::cluster::Cluster;

const ROWS: u64 = 40;
const WORK: [Work; 2] = [Work::Pass, Work::Count(OutputMode::Update)];

/// The job as a SQL program that reads all there is: it starts faster than any other.
fn run(job: &Job<'_>) -> Command {
    program(job, (&job.checkpoint.path().join("checkpoint").display().to_string(), "availableNow"))
}

/// The job as a SQL program with this checkpoint location and trigger.
pub(super) fn program(job: &Job<'_>, (location, trigger): (&str, &str)) -> Command {
    let (mode, query) = match job.work {
        Work::Pass => ("append", "SELECT key, value FROM STREAM input"),
        Work::Count(_) => ("update", "SELECT key, CAST(count(*) AS STRING) AS value FROM STREAM input GROUP BY key"),
    };
    let (servers, folder) = (&job.cluster.bootstrap, job.checkpoint.path());
    let options = job.options().map(|(name, value)| format!(", '{name}' = '{value}'")).collect::<String>();
    let text = format!(
        "CREATE TABLE input USING kafka OPTIONS ('kafka.bootstrap.servers' = '{servers}', subscribe = '{}',
            startingOffsets = 'earliest', maxOffsetsPerTrigger = '7');
         CREATE TABLE output USING kafka OPTIONS ('kafka.bootstrap.servers' = '{servers}', topic = '{}', outputMode = '{mode}',
            checkpointLocation = '{location}', trigger = '{trigger}'{options});
         INSERT INTO output {query};",
        job.input, job.output,
    );
    let file = folder.join("program.sql");
    std::fs::write(&file, text).expect("a temporary folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_millstream"));
    command.arg("run").arg(file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

pub(super) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn finish(job: &Job<'_>) {
    let output = run(job).output().expect("the binary can be started");
    assert!(output.status.success(), "{}", said(&output));
}

async fn killed_at_each_place(cluster: &'static Cluster) {
    let input = input(cluster, 0..ROWS).await;
    for work in WORK {
        let others = FAIL_POINTS.into_iter().filter(|_| work != Work::Pass);
        for place in SINK_FAIL_POINTS.into_iter().chain(others) {
            let job = Job::new(cluster, &input, work);
            let killed = run(&job).env("MILLSTREAM_FAIL_POINT", format!("{place}:2")).output().expect("it starts");
            let was_killed = killed.status.signal().is_some();
            assert!(was_killed || !SINK_FAIL_POINTS.contains(&place), "{place} was not passed: {}", said(&killed));
            finish(&job);
            job.check(0..ROWS, &format!("killed {place}")).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_each_place_on_apache_kafka() {
    require_or_skip!(Kafka::available());
    killed_at_each_place(Cluster::all()[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_each_place_on_the_embedded_broker() {
    require_or_skip!(Kafka::available());
    killed_at_each_place(Cluster::all()[1]).await;
}
