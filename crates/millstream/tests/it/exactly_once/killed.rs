//! The binary killed for real, at named places and at any moment: `kill -9` leaves what it leaves, and readers of the output
//! never know.

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use millstream_core::OutputMode;
use millstream_engine::{FAIL_POINTS, SINK_FAIL_POINTS};
use millstream_test_servers::{Kafka, require_or_skip};

use super::job::{Job, Work, add, input};
use crate::cluster::Cluster;

const ROWS: u64 = 40;
const WORK: [Work; 2] = [Work::Pass, Work::Count(OutputMode::Update)];

/// The job as a SQL program: it starts faster than any other.
fn command(job: &Job<'_>, trigger: &str) -> Command {
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
            checkpointLocation = '{}'{trigger}{options});
         INSERT INTO output {query};",
        job.input,
        job.output,
        folder.join("checkpoint").display(),
    );
    let file = folder.join("program.sql");
    std::fs::write(&file, text).expect("a temporary folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_millstream"));
    command.arg("run").arg(file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// Reads all there is.
fn run(job: &Job<'_>) -> Command {
    command(job, ", trigger = 'availableNow'")
}

fn said(output: &Output) -> String {
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

/// How often each of the long runs kills; more by `MILLSTREAM_KILLS`.
const KILLS: u64 = 10;

/// Rows that are added before each start, so that there is always work to be killed at.
const ROWS_OF_A_LIFE: u64 = 300;

/// The longest life, from the start of the process.
const LIFE_MAX_MS: u64 = 1200;

/// Numbers that look random and are the same every time (SplitMix64).
fn random(seed: u64, number: u64) -> u64 {
    let mut bits = seed.wrapping_add(number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

fn number_from(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// Ends a process that must still be running.
fn kill(mut child: Child, job: &Job<'_>, life: u64) {
    if let Some(status) = child.try_wait().expect("it was started") {
        let output = child.wait_with_output().expect("it was started");
        panic!("{:?} on {} ended by itself in life {life} ({status}): {}", job.work, job.cluster.name, said(&output));
    }
    child.kill().expect("it was not waited for");
    child.wait().expect("it was started");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment() {
    require_or_skip!(Kafka::available());
    let (kills, seed) = (number_from("MILLSTREAM_KILLS", KILLS), number_from("MILLSTREAM_SEED", 1));
    for cluster in Cluster::all() {
        for work in WORK {
            let job = Job::new(cluster, &input(cluster, 0..0).await, work);
            for life in 0..kills {
                add(cluster, &job.input, life * ROWS_OF_A_LIFE..(life + 1) * ROWS_OF_A_LIFE).await;
                let child = command(&job, "").spawn().expect("the binary can be started");
                tokio::time::sleep(Duration::from_millis(random(seed, life) % LIFE_MAX_MS)).await;
                kill(child, &job, life);
            }
            finish(&job);
            job.check(0..kills * ROWS_OF_A_LIFE, &format!("killed {kills} times, seed {seed}")).await;
        }
    }
}
