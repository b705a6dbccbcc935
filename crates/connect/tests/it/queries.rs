//! Rows, tables as text, views, SQL commands.

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use spark_connect_proto::command::CommandType;
use spark_connect_proto::execute_plan_response::ResponseType;
use spark_connect_proto::relation::RelType;
use spark_connect_proto::{CreateDataFrameViewCommand, Relation, ShowString, Sql, SqlCommand};

use crate::client::{Client, batches, is_complete, range, relation};

fn ids(rows: &[RecordBatch]) -> Vec<i64> {
    rows.iter().flat_map(|rows| rows.column(0).as_primitive::<Int64Type>().values().to_vec()).collect()
}

pub(crate) async fn sql_command(client: &Client, query: &str) -> Relation {
    let input = relation(RelType::Sql(Sql { query: query.to_owned(), ..Sql::default() }));
    let command = CommandType::SqlCommand(SqlCommand { input: Some(input), ..SqlCommand::default() });
    let all = client.command(command).await.unwrap();
    all.into_iter()
        .find_map(|response| match response.response_type {
            Some(ResponseType::SqlCommandResult(result)) => result.relation,
            _ => None,
        })
        .expect("a relation")
}

#[tokio::test]
async fn a_schema_comes_before_the_rows_and_an_empty_result_has_a_batch() {
    let client = Client::start().await;
    for (end, rows) in [(5, vec![0, 1, 2, 3, 4]), (0, vec![])] {
        let all = client.run(range(end)).await.unwrap();
        assert!(all[0].schema.is_some());
        assert!(matches!(all[1].response_type, Some(ResponseType::ArrowBatch(_))));
        assert!(is_complete(&all));
        assert_eq!(ids(&batches(&all)), rows);
    }
}

#[tokio::test]
async fn show_prints_sparks_table() {
    let client = Client::start().await;
    let show = |num_rows| {
        let input = Some(Box::new(relation(range(3))));
        RelType::ShowString(Box::new(ShowString { input, num_rows, truncate: 20, vertical: false }))
    };
    for (num_rows, expected) in [
        (20, "+---+\n| id|\n+---+\n|  0|\n|  1|\n|  2|\n+---+\n"),
        (1, "+---+\n| id|\n+---+\n|  0|\n+---+\nonly showing top 1 row"),
    ] {
        let rows = batches(&client.run(show(num_rows)).await.unwrap());
        assert_eq!(rows[0].schema().field(0).name(), "show_string");
        assert_eq!(rows[0].column(0).as_string::<i32>().value(0), expected);
    }
}

#[tokio::test]
async fn views_are_the_sessions_own_unless_global() {
    let client = Client::start().await;
    let create = |name: &str, is_global, replace| {
        let input = Some(relation(range(2)));
        CommandType::CreateDataframeView(CreateDataFrameViewCommand {
            input,
            name: name.to_owned(),
            is_global,
            replace,
        })
    };
    client.command(create("Mine", false, false)).await.unwrap();
    client.command(create("ours", true, false)).await.unwrap();
    let twice = client.command(create("mine", false, false)).await.unwrap_err();
    assert!(twice.message().starts_with("[TEMP_TABLE_OR_VIEW_ALREADY_EXISTS]"), "{twice}");
    client.command(create("mine", false, true)).await.unwrap();
    assert_eq!(ids(&client.sql("SELECT id FROM mine").await.unwrap()), [0, 1]);
    let other = client.other_session();
    let missing = other.sql("SELECT id FROM mine").await.unwrap_err();
    assert!(missing.message().starts_with("[TABLE_OR_VIEW_NOT_FOUND]"), "{missing}");
    assert_eq!(ids(&other.sql("SELECT id FROM global_temp.ours").await.unwrap()), [0, 1]);
}

#[tokio::test]
async fn a_query_is_echoed_and_a_command_is_carried_out() {
    let client = Client::start().await;
    let echoed = sql_command(&client, "SELECT id FROM range(2)").await;
    assert!(matches!(echoed.rel_type, Some(RelType::Sql(_))));
    assert_eq!(ids(&batches(&client.run(echoed.rel_type.unwrap()).await.unwrap())), [0, 1]);
    let set = sql_command(&client, "SET spark.sql.shuffle.partitions=7").await;
    let rows = batches(&client.run(set.rel_type.unwrap()).await.unwrap());
    assert_eq!(rows[0].column(0).as_string::<i32>().value(0), "spark.sql.shuffle.partitions");
    assert_eq!(rows[0].column(1).as_string::<i32>().value(0), "7");
    sql_command(&client, "CREATE TEMP VIEW v AS SELECT id + 1 AS id FROM range(2)").await;
    assert_eq!(ids(&client.sql("SELECT id FROM v").await.unwrap()), [1, 2]);
    sql_command(&client, "DROP VIEW v").await;
    assert!(client.sql("SELECT id FROM v").await.is_err());
}
