//! The checkpoint folder as others see it, and what damage to it does.

use std::fs;
use std::path::{Path, PathBuf};

use millstream_core::{ErrorKind, Trigger};
use millstream_testing::MemorySink;

use crate::script::{Bench, Step, check, rows, values};

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

#[tokio::test]
async fn sparks_files_are_there_when_the_query_stops() {
    let mut bench = Bench::new();
    bench.trigger = Trigger::AvailableNow;
    bench.stream.limit(2);
    bench.stream.add(rows(0..5));
    let query = bench.manager(None).start(bench.spec()).await.unwrap();
    query.await_termination(None).await.unwrap();
    let root = bench.folder();
    assert_eq!(text(&root.join("metadata")), format!("{{\"id\":\"{}\"}}", query.id()));
    let offsets = text(&root.join("offsets/2"));
    let lines: Vec<_> = offsets.split('\n').collect();
    assert_eq!((lines[0], lines[2], lines.len()), ("v1", "5", 3));
    let head = "{\"batchWatermarkMs\":0,\"batchTimestampMs\":1767225600000,\"conf\":{";
    assert!(lines[1].starts_with(head), "{}", lines[1]);
    let conf: serde_json::Value = serde_json::from_str(lines[1]).unwrap();
    assert_eq!(conf["conf"].as_object().unwrap().len(), 15);
    assert_eq!(conf["conf"]["spark.sql.shuffle.partitions"], "200");
    assert_eq!(text(&root.join("commits/2")), "v1\n{\"nextBatchWatermarkMs\":0}");
    // Spark reads the batch before the newest one too.
    assert!(text(&root.join("offsets/1")).ends_with("\n4"));
    assert!(root.join("commits/1").exists());
}

#[tokio::test]
async fn a_checkpoint_without_metadata_is_refused() {
    let bench = Bench::new();
    check(&bench, vec![Step::Add(rows([1])), Step::Start, Step::Process, Step::Stop]).await;
    fs::remove_file(bench.folder().join("metadata")).unwrap();
    let error = bench.manager(None).start(bench.spec()).await.unwrap_err();
    assert_eq!(error.class(), Some("STREAMING_CHECKPOINT_MISSING_METADATA_FILE"));
}

/// The log of three finished batches.
async fn finished(bench: &mut Bench) -> PathBuf {
    bench.trigger = Trigger::AvailableNow;
    bench.stream.limit(2);
    bench.stream.add(rows(0..6));
    check(bench, vec![Step::Start, Step::ExpectEnd]).await;
    bench.folder().join("millstream/log-0000000000")
}

#[tokio::test]
async fn a_log_cut_anywhere_is_recovered() {
    let mut bench = Bench::new();
    let log = finished(&mut bench).await;
    let whole = fs::read(&log).unwrap();
    for cut in (0..whole.len()).step_by(31) {
        // Nothing but the log, so that it alone decides.
        for folder in ["offsets", "commits"] {
            fs::remove_dir_all(bench.folder().join(folder)).unwrap();
        }
        fs::write(&log, &whole[..cut]).unwrap();
        let again = Bench { sink: MemorySink::default(), checkpoint: bench.checkpoint, ..Bench::new() };
        again.stream.limit(2);
        again.stream.add(rows(0..6));
        let again = Bench { trigger: Trigger::AvailableNow, ..again };
        check(&again, vec![Step::Start, Step::ExpectEnd]).await;
        // What the cut log still has as committed is not written again, everything else is, in the same batches.
        let first = again.sink.writes().first().copied().unwrap_or(3);
        assert_eq!(again.sink.writes(), (first..3).collect::<Vec<_>>(), "cut at {cut}");
        assert_eq!(again.sink.rows(), values((first as i64 * 2)..6), "cut at {cut}");
        for later in 1.. {
            let path = log.with_file_name(format!("log-{later:010}"));
            if fs::remove_file(path).is_err() {
                break;
            }
        }
        bench.checkpoint = again.checkpoint;
    }
}

#[tokio::test]
async fn a_log_that_is_spoilt_inside_is_refused_by_name() {
    let mut bench = Bench::new();
    let log = finished(&mut bench).await;
    let whole = fs::read(&log).unwrap();
    for at in (0..whole.len() / 2).step_by(97) {
        let mut spoilt = whole.clone();
        spoilt[at] ^= 1;
        fs::write(&log, &spoilt).unwrap();
        let error = bench.manager(None).start(bench.spec()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data, "byte {at}");
        assert!(error.message().contains("log-0000000000' is damaged"), "byte {at}: {error:?}");
    }
}

/// A copy of what Apache Spark 4.2 wrote for a query over a rate source: 264 batches, the last one ending at 265.
fn spark_checkpoint(bench: &Bench) {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/spark-4.2-rate");
    for file in ["metadata", "offsets/262", "offsets/263", "commits/262", "commits/263", "sources/0/0"].map(Path::new) {
        let target = bench.folder().join(file);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(fixture.join(file), target).unwrap();
    }
}

#[tokio::test]
async fn a_query_comes_from_spark_with_its_checkpoint_and_can_return() {
    let bench = Bench::new();
    spark_checkpoint(&bench);
    bench.stream.add(rows(0..267));
    let query = bench.manager(None).start(bench.spec()).await.unwrap();
    query.process_all_available().await.unwrap();
    query.stop().await.unwrap();
    assert_eq!(query.id().to_string(), "1e469e0f-ce5a-40dc-87ac-c87a64a7456f");
    assert_eq!(bench.sink.batches(), [(264, values([265, 266]))]);
    // What Spark pinned stays as it was.
    let written = text(&bench.folder().join("offsets/264"));
    assert!(written.contains("\"spark.sql.shuffle.partitions\":\"2\"") && written.ends_with("\n267"), "{written}");
    // Ours from now on: the log goes on behind what was taken over.
    check(&bench, vec![Step::Add(rows([267])), Step::Start, Step::Process]).await;
    assert_eq!(bench.sink.writes(), [264, 265]);
}

#[tokio::test]
async fn a_batch_that_spark_left_unfinished_is_run_again() {
    let bench = Bench::new();
    spark_checkpoint(&bench);
    fs::remove_file(bench.folder().join("commits/263")).unwrap();
    bench.stream.add(rows(0..266));
    check(&bench, vec![Step::Start, Step::Process]).await;
    assert_eq!(bench.sink.batches(), [(263, values([264])), (264, values([265]))]);
}

#[tokio::test]
async fn what_spark_did_in_between_is_taken_over() {
    let bench = Bench::new();
    check(&bench, vec![Step::Add(rows(0..2)), Step::Start, Step::Process, Step::Stop]).await;
    let id = text(&bench.folder().join("metadata"));
    spark_checkpoint(&bench);
    fs::write(bench.folder().join("metadata"), id).unwrap();
    bench.stream.add(rows(2..266));
    check(&bench, vec![Step::Start, Step::Process, Step::Stop]).await;
    assert_eq!(bench.sink.batches(), [(0, values(0..2)), (264, values([265]))]);
    bench.stream.add(rows([266]));
    check(&bench, vec![Step::Start, Step::Process]).await;
    assert_eq!(bench.sink.batches().last(), Some(&(265, values([266]))));
}

#[tokio::test]
async fn a_single_batch_that_spark_ran_in_between_is_taken_over() {
    let bench = Bench::new();
    check(&bench, vec![Step::Add(rows(0..2)), Step::Start, Step::Process, Step::Stop]).await;
    // Spark goes on behind our batch 0, which ends at 2, with a batch that ends at 3.
    let (offsets, commits) = (bench.folder().join("offsets"), bench.folder().join("commits"));
    let ours = text(&offsets.join("0"));
    fs::write(offsets.join("1"), format!("{}3", ours.strip_suffix('2').unwrap())).unwrap();
    fs::copy(commits.join("0"), commits.join("1")).unwrap();
    check(&bench, vec![Step::Add(rows(2..4)), Step::Start, Step::Process, Step::Stop]).await;
    check(&bench, vec![Step::Add(rows([4])), Step::Start, Step::Process, Step::Stop]).await;
    assert_eq!(bench.sink.batches(), [(0, values(0..2)), (2, values([3])), (3, values([4]))]);
}

#[tokio::test]
async fn state_that_spark_wrote_is_refused() {
    let bench = Bench::new();
    spark_checkpoint(&bench);
    fs::create_dir_all(bench.folder().join("state/0/0")).unwrap();
    let error = bench.manager(None).start(bench.spec()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.message().contains("/state'"), "{error:?}");
}

#[tokio::test]
async fn another_plan_over_the_same_checkpoint_is_refused() {
    let counting = Bench::counting();
    check(&counting, vec![Step::Add(rows([1])), Step::Start, Step::Process, Step::Stop]).await;
    let stateless = Bench { checkpoint: counting.checkpoint, ..Bench::new() };
    check(
        &stateless,
        vec![
            Step::Start,
            Step::ExpectFailure(
                "[STREAMING_STATEFUL_OPERATOR_NOT_MATCH_IN_STATE_METADATA] Streaming stateful operator name does not \
                 match with the operator in state metadata. This likely to happen when user adds/removes/changes \
                 stateful operator of existing streaming query.\nStateful operators in the metadata: [(OperatorId: 0 -> \
                 OperatorName: stateStoreSave)]; Stateful operators in current batch: []. SQLSTATE: 42K03",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_grouping_key_of_another_type_is_refused() {
    use datafusion::logical_expr::{LogicalPlanBuilder, cast, col, lit};
    use millstream_engine::functions::aggregates::count;

    let counting = Bench::counting();
    check(&counting, vec![Step::Add(rows([1])), Step::Start, Step::Process, Step::Stop]).await;
    let text_key = cast(col("value") % lit(2_i64), arrow::datatypes::DataType::Utf8).alias("k");
    let plan = LogicalPlanBuilder::from(crate::script::relation(&counting.stream))
        .project(vec![text_key])
        .and_then(|plan| plan.aggregate(vec![col("k")], vec![count(lit(1_i64)).alias("count")]))
        .and_then(LogicalPlanBuilder::build)
        .unwrap();
    let other = Bench { plan, ..counting };
    let refused = Step::ExpectFailure(
        "[STATE_STORE_KEY_SCHEMA_NOT_COMPATIBLE] Provided key schema does not match existing state key schema.\n\
         Please check number and type of fields.\n",
    );
    check(&other, vec![Step::Start, refused]).await;
}
