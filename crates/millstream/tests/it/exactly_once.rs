//! `delivery.guarantee=exactly-once`: whole queries from Kafka to Kafka on real Apache Kafka and on the embedded
//! broker, broken off between any two steps, started twice, on copies of their checkpoints, and read as a
//! `read_committed` reader sees them.
//!
//! A query that breaks off leaves everything as a process that died would: nothing is flushed, aborted or closed. That
//! a process can really be killed is shown by [`killed`].

mod instances;
mod job;
mod killed;
mod object_store;
mod proxy;

use millstream_core::OutputMode;
use millstream_engine::{FAIL_POINTS, SINK_FAIL_POINTS};
use millstream_test_servers::{Kafka, require_or_skip};

use crate::cluster::Cluster;
use job::{Job, Work, input};

const ROWS: u64 = 40;

const WORK: [Work; 3] = [Work::Pass, Work::Count(OutputMode::Update), Work::Count(OutputMode::Complete)];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_result_is_seen_once() {
    require_or_skip!(Kafka::available());
    for cluster in Cluster::all() {
        let input = input(cluster, 0..ROWS).await;
        for work in WORK {
            let job = Job::new(cluster, &input, work);
            job.run().await.expect("nothing fails");
            job.check(0..ROWS, "undisturbed").await;
            // Nothing new, nothing written.
            let output = job.output().await;
            job.run().await.expect("nothing fails");
            assert_eq!(job.output().await, output, "{work:?} on {}", cluster.name);
        }
    }
}

/// At each place in the second batch, and then at all places one after the other until there is nothing left to do.
async fn deaths(cluster: &Cluster, places: &[&str]) {
    let input = input(cluster, 0..ROWS).await;
    for work in [Work::Pass, Work::Count(OutputMode::Update)] {
        let undisturbed = Job::new(cluster, &input, work);
        undisturbed.run().await.expect("nothing fails");
        undisturbed.check(0..ROWS, "undisturbed").await;
        let wanted = undisturbed.output().await;
        for place in places {
            let job = Job::new(cluster, &input, work);
            let died = job.die(place, 2).await;
            assert!(died || !SINK_FAIL_POINTS.contains(place), "{place} was not passed");
            job.run().await.expect("nothing fails");
            assert_eq!(job.output().await, wanted, "{work:?} died {place} on {}", cluster.name);
        }
        let job = Job::new(cluster, &input, work);
        for place in places {
            job.die(place, 1).await;
        }
        job.run().await.expect("nothing fails");
        assert_eq!(job.output().await, wanted, "{work:?} died again and again on {}", cluster.name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_death_at_any_step_changes_nothing_that_readers_see() {
    require_or_skip!(Kafka::available());
    let places: Vec<_> = FAIL_POINTS.into_iter().chain(SINK_FAIL_POINTS).collect();
    for cluster in Cluster::all() {
        deaths(cluster, &places).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn brokers_without_transaction_protocol_2_serve_as_well() {
    require_or_skip!(Kafka::available());
    let kafka = Kafka::start(1, "");
    let cluster = Cluster::at("Apache Kafka with transaction protocol 1", kafka.bootstrap().to_owned());
    cluster.tool("feature transaction.version 1");
    deaths(&cluster, &["after_wal_commit", "after_produce", "after_marker", "after_end_transaction"]).await;
}
