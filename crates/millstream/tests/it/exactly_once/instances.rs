//! Several instances, copies of checkpoints, a lost marker, a lost answer: what is not certain is refused, and whoever
//! writes is the only one.

use std::time::Duration;

use millstream_core::{Error, ErrorKind, Trigger};
use millstream_engine::StreamingQuery;
use millstream_test_servers::{Kafka, require_or_skip};

use super::job::{Job, Work, add, input, topic};
use super::proxy::Lossy;
use crate::cluster::Cluster;

/// Longer than anything here takes.
const PATIENCE: Option<Duration> = Some(Duration::from_secs(50));

async fn caught_up(query: &StreamingQuery) {
    query.process_all_available().await.expect("it runs");
}

fn expect_error(result: Result<(), Error>, kind: ErrorKind, wanted: &str) {
    let error = result.expect_err(wanted);
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.message().contains(wanted), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_instance_takes_over_and_the_first_says_so() {
    require_or_skip!(Kafka::available());
    for cluster in Cluster::all() {
        let first = Job::new(cluster, &input(cluster, 0..20).await, Work::Pass);
        let running = first.start(Trigger::Default, None).await;
        caught_up(&running).await;
        // Its checkpoint is moved to another machine, and nobody stops it here.
        let second = first.copy();
        let elsewhere = second.start(Trigger::Default, None).await;
        caught_up(&elsewhere).await;
        add(cluster, &first.input, 20..40).await;
        let ended = running.await_termination(PATIENCE).await.map(|_| ());
        expect_error(ended, ErrorKind::Conflict, &format!("another instance of query {} has taken over", running.id()));
        caught_up(&elsewhere).await;
        elsewhere.stop().await.expect("it runs");
        second.check(0..40, "by two instances").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_copy_of_the_checkpoint_is_refused_and_disturbs_nobody() {
    require_or_skip!(Kafka::available());
    for cluster in Cluster::all() {
        let job = Job::new(cluster, &input(cluster, 0..20).await, Work::Pass);
        job.run().await.expect("nothing fails");
        let old = job.copy();
        add(cluster, &job.input, 20..30).await;
        let running = job.start(Trigger::Default, None).await;
        caught_up(&running).await;
        expect_error(old.run().await, ErrorKind::Data, "it is older than the output");
        add(cluster, &job.input, 30..40).await;
        caught_up(&running).await;
        running.stop().await.expect("it runs");
        job.check(0..40, "beside an old copy").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_went_another_way_is_refused() {
    require_or_skip!(Kafka::available());
    for cluster in Cluster::all() {
        let job = Job::new(cluster, &input(cluster, 0..14).await, Work::Pass);
        job.run().await.expect("nothing fails");
        let copy = job.copy();
        add(cluster, &job.input, 14..21).await;
        // Both begin the same batch, each in its own log; the copy ends it.
        assert!(job.die("after_wal_commit", 1).await);
        copy.run().await.expect("nothing fails");
        expect_error(job.run().await, ErrorKind::Data, "from another copy of the checkpoint");
        copy.check(0..21, "by a copy").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_marker_only_a_person_can_say_what_is_written() {
    require_or_skip!(Kafka::available());
    for cluster in Cluster::all() {
        let input = input(cluster, 0..40).await;
        for (place, recovery) in [("after_end_transaction", "committed"), ("after_produce", "aborted")] {
            let job = Job::new(cluster, &input, Work::Pass).set("delivery.marker.topic", &topic(cluster, 1));
            assert!(job.die(place, 2).await);
            // Another topic has no marker, as if it had expired.
            let job = job.set("delivery.marker.topic", &topic(cluster, 1));
            expect_error(job.run().await, ErrorKind::Data, "batch 1 may be in the output or not");
            let job = job.set("delivery.recovery", recovery);
            job.run().await.expect("it is said what is true");
            job.check(0..40, recovery).await;
        }
    }
}

/// The check is checked: it sees what an instance that ignores the marker would do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_come_twice_are_found() {
    require_or_skip!(Kafka::available());
    for cluster in Cluster::all() {
        let job = Job::new(cluster, &input(cluster, 0..40).await, Work::Pass)
            .set("delivery.marker.topic", &topic(cluster, 1));
        assert!(job.die("after_end_transaction", 2).await);
        let job = job.set("delivery.marker.topic", &topic(cluster, 1)).set("delivery.recovery", "aborted");
        job.run().await.expect("it believes what it is told");
        let mut rows = job.output().await;
        assert!(rows.len() > 40, "one batch was written twice");
        rows.dedup();
        assert_eq!(rows.len(), 40);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_queries_write_to_one_topic() {
    require_or_skip!(Kafka::available());
    for cluster in Cluster::all() {
        let one = Job::new(cluster, &input(cluster, 0..40).await, Work::Pass);
        let mut other = Job::new(cluster, &input(cluster, 40..80).await, Work::Pass);
        other.output.clone_from(&one.output);
        let died = tokio::join!(one.die("after_produce", 3), other.die("after_marker", 2));
        assert_eq!(died, (true, true));
        let (first, second) = tokio::join!(one.run(), other.run());
        first.and(second).expect("nothing fails");
        one.check(0..80, "of two queries").await;
    }
}

/// Within the transaction where the sink can, after the batch where it cannot.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_are_told_what_was_read() {
    require_or_skip!(Kafka::available());
    for cluster in Cluster::all() {
        let input = input(cluster, 0..40).await;
        for (guarantee, place, wanted) in [
            ("exactly-once", "after_end_transaction", [Some(6); 2]),
            ("at-least-once", "after_add_batch", [Some(3); 2]),
        ] {
            let group = format!("{input}-{guarantee}");
            let job = Job::new(cluster, &input, Work::Pass).set("delivery.guarantee", guarantee).tell(&group);
            // A batch has three rows of each partition.
            assert!(job.die(place, 2).await);
            assert_eq!(job.told().await, wanted, "{guarantee} on {}", cluster.name);
            job.run().await.expect("nothing fails");
            assert_eq!(job.told().await, [Some(20); 2], "{guarantee} on {}", cluster.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_is_lost_is_not_repeated() {
    require_or_skip!(Kafka::available());
    // The first commit is the one that writes the marker at the start.
    let lossy = Lossy::start(2).await;
    let cluster = Cluster::at("an embedded broker behind a lossy wire", lossy.bootstrap.clone());
    let job = Job::new(&cluster, &input(&cluster, 0..40).await, Work::Pass).set("kafka.max.block.ms", "1000");
    job.run().await.expect("what became of the commit is found out");
    job.check(0..40, "after a lost answer").await;
    assert!(lossy.lost() > 0, "no answer was lost");
}
