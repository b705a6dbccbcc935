//! Queries that fail, and those beside them.

use std::time::Duration;

use millstream_core::error::SparkException;
use millstream_core::{ErrorKind, Trigger};
use millstream_testing::MemoryStream;

use crate::script::{Bench, Step, check, project_value, rows, values};

#[tokio::test]
async fn a_failed_query_says_why_as_spark_does_and_hurts_no_other() {
    let bench = Bench::new();
    let other = Bench::new();
    let manager = bench.manager(None);
    bench.stream.fail(1, ErrorKind::Data);
    bench.stream.add(rows([1]));
    other.stream.add(rows([2]));
    let failing = manager.start(bench.spec()).await.unwrap();
    let healthy = manager.start(other.spec()).await.unwrap();
    let error = failing.await_termination(None).await.unwrap_err();
    let (id, run_id) = (failing.id(), failing.run_id());
    assert_eq!(
        error.to_spark_message(),
        format!(
            "[STREAM_FAILED] Query [id = {id}, runId = {run_id}] terminated with exception: the memory stream was told \
             to fail SQLSTATE: XXKST"
        )
    );
    assert_eq!(error.exception(), SparkException::StreamingQuery);
    assert_eq!(failing.status().message, "Terminated with exception: the memory stream was told to fail");
    assert!(manager.await_any_termination(None).await.is_err());
    healthy.process_all_available().await.unwrap();
    assert_eq!(other.sink.rows(), values([2]));
    assert_eq!(manager.active().len(), 1);
    manager.stop_all().await.unwrap();
    assert!(bench.sink.writes().is_empty());
}

#[tokio::test]
async fn a_failed_batch_runs_again_after_a_restart() {
    let bench = Bench::new();
    bench.stream.fail(1, ErrorKind::Data);
    check(
        &bench,
        vec![
            Step::Add(rows([1, 2])),
            Step::Start,
            Step::ExpectFailure("told to fail"),
            Step::Add(rows([3])),
            Step::Start,
            Step::Process,
            // The range of batch 0 was fixed before it failed.
            Step::ExpectBatches(vec![(0, values([1, 2])), (1, values([3]))]),
        ],
    )
    .await;
}

#[tokio::test]
async fn an_outside_failure_is_tried_again() {
    let bench = Bench::new();
    bench.stream.fail(2, ErrorKind::Unavailable);
    let query = bench.manager(None).start(bench.spec()).await.unwrap();
    bench.stream.add(rows([1]));
    let done = query.process_all_available();
    tokio::pin!(done);
    let advanced = async {
        loop {
            bench.clock.advance(Duration::from_millis(100));
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        done = &mut done => done.unwrap(),
        () = advanced => {}
    }
    assert_eq!(bench.sink.writes(), [0]);
    query.stop().await.unwrap();
}

#[tokio::test]
async fn a_name_is_taken_while_its_query_runs() {
    let mut bench = Bench::new();
    bench.name = Some("dup".to_owned());
    let mut other = Bench::new();
    other.name = Some("dup".to_owned());
    let manager = bench.manager(None);
    let query = manager.start(bench.spec()).await.unwrap();
    let error = manager.start(other.spec()).await.unwrap_err();
    assert_eq!(
        error.message(),
        "Cannot start query with name dup as a query with that name is already active in this SparkSession"
    );
    assert_eq!(error.exception(), SparkException::IllegalArgument);
    query.stop().await.unwrap();
    manager.start(other.spec()).await.unwrap().stop().await.unwrap();
}

#[tokio::test]
async fn any_termination_is_remembered_until_it_is_reset() {
    let mut bench = Bench::new();
    bench.trigger = Trigger::AvailableNow;
    let manager = bench.manager(None);
    let query = manager.start(bench.spec()).await.unwrap();
    assert!(query.await_termination(None).await.unwrap());
    assert!(manager.await_any_termination(None).await.unwrap());
    manager.reset_terminated();
    let waiting = manager.await_any_termination(Some(Duration::from_secs(1)));
    tokio::pin!(waiting);
    assert!(futures::poll!(&mut waiting).is_pending());
    bench.clock.advance(Duration::from_secs(1));
    assert!(!waiting.await.unwrap());
}

#[tokio::test]
async fn a_query_over_two_sources_reads_both() {
    let bench = Bench::new();
    let second = MemoryStream::default();
    let plan = datafusion::logical_expr::LogicalPlanBuilder::from(project_value(&bench.stream))
        .union(project_value(&second))
        .and_then(datafusion::logical_expr::LogicalPlanBuilder::build)
        .unwrap();
    let bench = Bench { plan, ..bench };
    let query = bench.manager(None).start(bench.spec()).await.unwrap();
    second.add(rows([7]));
    query.process_all_available().await.unwrap();
    bench.stream.add(rows([8]));
    query.process_all_available().await.unwrap();
    assert_eq!(bench.sink.batches(), [(0, values([7])), (1, values([8]))]);
    query.stop().await.unwrap();
    // With one source fewer the checkpoint is another query's.
    let bench = Bench { plan: project_value(&bench.stream), ..bench };
    let query = bench.manager(None).start(bench.spec()).await.unwrap();
    let error = query.await_termination(None).await.unwrap_err();
    assert!(
        error.message().contains(
            "There are [2] sources in the checkpoint offsets and now there are [1] sources requested by the query"
        ),
        "{error:?}"
    );
}
