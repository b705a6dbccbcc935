//! Batch queries that compute for hours, more of them than there are threads: everything else goes on, and each of them
//! can be interrupted.

use spark_connect_proto::Sql;
use spark_connect_proto::expression::{ExprType, ExpressionString};
use spark_connect_proto::interrupt_request::{Interrupt, InterruptType};
use spark_connect_proto::plan::OpType;
use spark_connect_proto::relation::RelType;
use spark_connect_proto::streaming_query_command::Command;
use spark_connect_proto::streaming_query_command_result::ResultType;
use spark_connect_proto::{
    Expression, Project, StreamingQueryInstanceId, WriteStreamOperationStart, streaming_query_command_result,
};

use crate::client::{Client, relation};
use crate::interrupt::interrupt;
use crate::streaming::{ask, batch_number, into_memory, start};

/// Queries of each kind: together more than twice the threads of the machine that tests run on.
const OF_EACH_KIND: usize = 4;

/// A join whose result has 10^15 rows.
fn cross_join() -> String {
    "SELECT count(*) FROM range(100000000) AS a CROSS JOIN range(10000000) AS b WHERE a.id + b.id > 7".to_owned()
}

/// A kernel that works quadratically on long texts.
fn long_kernel() -> String {
    "SELECT sum(levenshtein(repeat('a', 100000), repeat(cast(id AS STRING), 30000))) FROM range(100)".to_owned()
}

/// A plan that takes long to analyse and to optimise: each table doubles what is below it.
fn deep_plan() -> String {
    let tables = (1..60).map(|n| {
        format!("t{n} AS (SELECT a.x + 1 AS x FROM t{before} AS a JOIN t{before} AS b ON a.x = b.x)", before = n - 1)
    });
    let tables: Vec<_> = std::iter::once("t0 AS (SELECT 1 AS x)".to_owned()).chain(tables).collect();
    format!("WITH {} SELECT * FROM t59", tables.join(", "))
}

/// The number of the newest batch, as the client is told.
async fn newest_batch(client: &Client, query: &StreamingQueryInstanceId) -> Option<i64> {
    let answer = ask(client, query, Command::LastProgress(true)).await.unwrap();
    let Some(ResultType::RecentProgress(streaming_query_command_result::RecentProgressResult { recent_progress_json })) =
        answer
    else {
        panic!("no progress, but {answer:?}")
    };
    batch_number(recent_progress_json.last()?)
}

/// Waits until the stream has made this many batches more.
async fn goes_on(client: &Client, query: &StreamingQueryInstanceId, batches: i64) {
    let before = newest_batch(client, query).await.unwrap_or(-1);
    while newest_batch(client, query).await.is_none_or(|newest| newest < before + batches) {}
}

#[tokio::test]
async fn streams_go_on_and_interrupts_are_obeyed_beside_heavy_queries() {
    let client = Client::start().await;
    let query = start(&client, into_memory("q")).await.unwrap().query_id.unwrap();
    goes_on(&client, &query, 1).await;
    let heavy = client.other_session();
    let mut running = vec![];
    for text in [cross_join(), long_kernel(), deep_plan()] {
        for _ in 0..OF_EACH_KIND {
            let sql = Sql { query: text.clone(), ..Sql::default() };
            let request = heavy.request(OpType::Root(relation(RelType::Sql(sql))));
            let id = request.operation_id.clone().unwrap();
            running.push((id, heavy.execute(request).await.unwrap()));
        }
    }
    goes_on(&client, &query, 3).await;
    for (id, mut responses) in running {
        let interrupted = interrupt(&heavy, InterruptType::OperationId, Some(Interrupt::OperationId(id.clone()))).await;
        assert_eq!(interrupted, [id], "it runs until it is interrupted");
        let status = loop {
            match responses.message().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("a result of a query without end"),
                Err(status) => break status,
            }
        };
        assert!(status.message().contains("[OPERATION_CANCELED]"), "{status}");
    }
    // The work itself ends as well, so that nothing is taken from what comes next.
    while client.threads.batch.tasks() > 0 {
        goes_on(&client, &query, 1).await;
    }
    ask(&client, &query, Command::Stop(true)).await.unwrap();
}

/// A stream whose kernel computes for hours on each row.
fn heavy_stream() -> WriteStreamOperationStart {
    let plain = into_memory("heavy");
    let text = "levenshtein(repeat('a', 100000), repeat(cast(value AS STRING), 60000)) AS distance";
    let expression = Expression {
        expr_type: Some(ExprType::ExpressionString(ExpressionString { expression: text.to_owned() })),
        ..Default::default()
    };
    let project = Project { input: plain.input.map(Box::new), expressions: vec![expression] };
    WriteStreamOperationStart { input: Some(relation(RelType::Project(Box::new(project)))), ..plain }
}

#[tokio::test]
async fn a_stream_that_computes_for_hours_is_stopped() {
    let client = Client::start().await;
    let query = start(&client, heavy_stream()).await.unwrap().query_id.unwrap();
    loop {
        let Some(ResultType::Status(status)) = ask(&client, &query, Command::Status(true)).await.unwrap() else {
            panic!("no status")
        };
        if status.status_message == "Processing new data" {
            break;
        }
    }
    ask(&client, &query, Command::Stop(true)).await.unwrap();
    let Some(ResultType::Status(status)) = ask(&client, &query, Command::Status(true)).await.unwrap() else {
        panic!("no status")
    };
    assert!(!status.is_active);
    let Some(ResultType::Exception(exception)) = ask(&client, &query, Command::Exception(true)).await.unwrap() else {
        panic!("no answer")
    };
    assert_eq!(exception.exception_message, None, "it was stopped and did not fail");
}
