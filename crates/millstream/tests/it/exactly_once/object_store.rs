//! The same with the checkpoint on an object store: killed for real, started twice, and read as readers of the output
//! see it.

use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use millstream_core::OutputMode;
use millstream_test_servers::{Kafka, S3Server, require_or_skip};

use super::job::{Job, Work, add, input};
use super::killed::{program, said};
use crate::cluster::Cluster;

const ROWS: u64 = 40;

/// The job with its checkpoint on the server.
fn run(job: &Job<'_>, server: &S3Server, trigger: &str) -> Command {
    let location = format!("s3://checkpoints/{}", job.output);
    let mut command = program(job, (&location, trigger));
    command.envs(server.environment());
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_with_its_checkpoint_on_an_object_store() {
    require_or_skip!(Kafka::available());
    let cluster = Cluster::all()[1];
    let server = S3Server::start(&["checkpoints"]);
    let input = input(cluster, 0..ROWS).await;
    let job = Job::new(cluster, &input, Work::Count(OutputMode::Update));

    let killed = run(&job, &server, "availableNow").env("MILLSTREAM_FAIL_POINT", "after_marker:2").output().unwrap();
    assert!(killed.status.signal().is_some(), "it was not killed: {}", said(&killed));

    // The second start waits for the lease of the first, and goes on.
    let mut running = run(&job, &server, "0 seconds").spawn().unwrap();
    while job.output().await.iter().filter_map(|(_, count)| count.parse::<u64>().ok()).sum::<u64>() < ROWS {
        assert!(running.try_wait().unwrap().is_none(), "it ended by itself");
        tokio::task::yield_now().await;
    }
    let refused = run(&job, &server, "availableNow").output().unwrap();
    let reason = said(&refused);
    for part in ["another process runs a query on this checkpoint", "s3://checkpoints/", "stop the other query"] {
        assert!(reason.contains(part), "{reason}");
    }
    assert!(!refused.status.success());

    running.kill().unwrap();
    running.wait().unwrap();
    add(cluster, &input, ROWS..ROWS + 10).await;
    let finished = run(&job, &server, "availableNow").output().unwrap();
    assert!(finished.status.success(), "{}", said(&finished));
    job.check(0..ROWS + 10, "killed twice").await;
    // What ended in order is free at once, and there is nothing left to do. The store may be named by the program.
    let output = job.output().await;
    let again = with_settings_of_its_own(&job, &server).output().unwrap();
    assert!(again.status.success() && !said(&again).contains("waiting"), "{}", said(&again));
    assert_eq!(job.output().await, output);
}

/// The job without anything in its environment.
fn with_settings_of_its_own(job: &Job<'_>, server: &S3Server) -> Command {
    let mut command = program(job, (&format!("s3a://checkpoints/{}", job.output), "availableNow"));
    let file = job.checkpoint.path().join("program.sql");
    let mut text = String::new();
    for (variable, value) in server.environment() {
        let name = match variable {
            "AWS_ENDPOINT_URL" => "endpoint",
            "AWS_ACCESS_KEY_ID" => "access.key",
            "AWS_SECRET_ACCESS_KEY" => "secret.key",
            _ => "endpoint.region",
        };
        text += &format!("SET spark.hadoop.fs.s3a.{name} = {value};\n");
        command.env_remove(variable);
    }
    std::fs::write(&file, text + &std::fs::read_to_string(&file).unwrap()).unwrap();
    command
}
