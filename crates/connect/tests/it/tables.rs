//! Tables that last. What is expected is what Spark 4.2 answered to the same statements, one after the other.

use arrow::array::{Array, AsArray, RecordBatch};
use spark_connect_proto::command::CommandType;
use spark_connect_proto::relation::RelType;
use spark_connect_proto::write_operation::save_table::TableSaveMethod;
use spark_connect_proto::write_operation::{SaveMode, SaveTable, SaveType};
use spark_connect_proto::{Sql, WriteOperation};

use crate::client::{Client, batches, relation};
use crate::queries::sql_command;

/// The rows of a statement, cells between bars.
async fn rows(client: &Client, sql: &str) -> Vec<String> {
    let found = sql_command(client, sql).await;
    let all = client.run(found.rel_type.unwrap()).await.unwrap();
    batches(&all).iter().flat_map(texts).collect()
}

fn texts(batch: &RecordBatch) -> Vec<String> {
    let cell = |column: usize, row: usize| {
        let column = arrow::compute::cast(batch.column(column), &arrow::datatypes::DataType::Utf8).unwrap();
        if column.is_null(row) { "NULL".to_owned() } else { column.as_string::<i32>().value(row).to_owned() }
    };
    let line = |row| (0..batch.num_columns()).map(|column| cell(column, row)).collect::<Vec<_>>().join("|");
    (0..batch.num_rows()).map(line).collect()
}

/// The class of the error of a statement.
async fn refused(client: &Client, sql: &str) -> String {
    let input = relation(RelType::Sql(Sql { query: sql.to_owned(), ..Sql::default() }));
    let command = spark_connect_proto::SqlCommand { input: Some(input), ..Default::default() };
    let error = client.command(CommandType::SqlCommand(command)).await.expect_err(sql);
    let message = error.message().to_owned();
    message
        .strip_prefix('[')
        .and_then(|text| text.split_once(']'))
        .map_or(message.clone(), |(class, _)| class.to_owned())
}

async fn save(client: &Client, sql: &str, table: &str, mode: SaveMode, method: TableSaveMethod) -> Result<(), String> {
    let write = WriteOperation {
        input: Some(relation(RelType::Sql(Sql { query: sql.to_owned(), ..Sql::default() }))),
        source: (method == TableSaveMethod::SaveAsTable).then(|| "json".to_owned()),
        mode: mode.into(),
        save_type: Some(SaveType::Table(SaveTable { table_name: table.to_owned(), save_method: method.into() })),
        ..WriteOperation::default()
    };
    client.command(CommandType::WriteOperation(write)).await.map(drop).map_err(|error| error.message().to_owned())
}

#[tokio::test]
async fn rows_are_inserted_overwritten_and_truncated() {
    let client = Client::start().await;
    rows(&client, "create table t1 (a int, b string) using json").await;
    assert_eq!(refused(&client, "create table t1 (a int) using json").await, "TABLE_OR_VIEW_ALREADY_EXISTS");
    rows(&client, "create table if not exists t1 (a int) using json").await;
    assert_eq!(rows(&client, "show tables").await, ["default|t1|false"]);
    assert_eq!(rows(&client, "describe t1").await, ["a|int|NULL", "b|string|NULL"]);
    rows(&client, "insert into t1 values (1,'x'),(2,'y')").await;
    assert_eq!(rows(&client, "select * from t1").await, ["1|x", "2|y"]);
    for (sql, class) in [
        ("insert into t1 select 3", "INSERT_COLUMN_ARITY_MISMATCH.NOT_ENOUGH_DATA_COLUMNS"),
        ("insert into t1 select 3,'z',4", "INSERT_COLUMN_ARITY_MISMATCH.TOO_MANY_DATA_COLUMNS"),
        ("insert into t1 select 'q','z'", "INCOMPATIBLE_DATA_FOR_TABLE.CANNOT_SAFELY_CAST"),
        ("insert into nope values (1)", "TABLE_OR_VIEW_NOT_FOUND"),
    ] {
        assert_eq!(refused(&client, sql).await, class, "{sql}");
    }
    rows(&client, "insert into t1 select 3L, 5").await;
    rows(&client, "insert into t1 (b,a) select 'bb',7").await;
    rows(&client, "insert into t1 (b) values ('only')").await;
    assert_eq!(rows(&client, "select * from t1 order by a, b").await, ["NULL|only", "1|x", "2|y", "3|5", "7|bb"]);
    rows(&client, "insert overwrite t1 values (9,'o')").await;
    rows(&client, "insert into t1 values (1.5,'o')").await;
    assert_eq!(rows(&client, "select * from t1 order by a").await, ["1|o", "9|o"]);
    rows(&client, "truncate table t1").await;
    assert_eq!(rows(&client, "select count(*) from t1").await, ["0"]);
    rows(&client, "drop table t1").await;
    assert_eq!(refused(&client, "drop table t1").await, "TABLE_OR_VIEW_NOT_FOUND");
    rows(&client, "drop table if exists t1").await;
}

#[tokio::test]
async fn tables_are_made_of_queries() {
    let client = Client::start().await;
    rows(&client, "create table t2 using json as select 1 a, 'x' b").await;
    assert_eq!(refused(&client, "create table t2 using json as select 1 a").await, "TABLE_OR_VIEW_ALREADY_EXISTS");
    rows(&client, "create table if not exists t2 using json as select 5 z").await;
    assert_eq!(rows(&client, "select * from t2").await, ["1|x"]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t4").display().to_string();
    rows(&client, &format!("create table t4 (a int) using json location '{path}'")).await;
    rows(&client, "insert into t4 values (1)").await;
    let described = rows(&client, "describe extended t4").await;
    assert!(described.contains(&"Type|EXTERNAL|".to_owned()), "{described:?}");
    assert!(described.contains(&format!("Location|file:{path}|")), "{described:?}");
    rows(&client, "drop table t4").await;
    assert!(folder.path().join("t4/_SUCCESS").exists(), "files of an external table stay");
    for (sql, class) in [
        ("create table t11 (a int) using json partitioned by (z)", "COLUMN_NOT_DEFINED_IN_TABLE"),
        ("create table t12 (a int) using json partitioned by (a)", "ALL_PARTITION_COLUMNS_NOT_ALLOWED"),
        ("create table t10 (a int, A int) using json", "COLUMN_ALREADY_EXISTS"),
        ("create table t8 using json", "UNABLE_TO_INFER_SCHEMA"),
        ("drop view t2", "WRONG_COMMAND_FOR_OBJECT_TYPE"),
        ("create table nodb.t (a int) using json", "SCHEMA_NOT_FOUND"),
        ("create table `a b` (a int) using json", "INVALID_SCHEMA_OR_RELATION_NAME"),
        ("create table `../t13` (a int) using json", "INVALID_SCHEMA_OR_RELATION_NAME"),
        ("create table `../t14` using json as select 1 a", "INVALID_SCHEMA_OR_RELATION_NAME"),
        ("create table `` using json as select 1 a", "INVALID_SCHEMA_OR_RELATION_NAME"),
    ] {
        assert_eq!(refused(&client, sql).await, class, "{sql}");
    }
    rows(&client, "create temp view v1 as select 1 a").await;
    assert_eq!(refused(&client, "insert into v1 values (1)").await, "EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE");
    assert_eq!(refused(&client, "truncate table v1").await, "EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE");
    assert_eq!(rows(&client, "show tables").await, ["default|t2|false", "|v1|true"]);
    rows(&client, "create table t3 (a int, k string, d date) using json partitioned by (k, d)").await;
    let expected = [
        "a|int|NULL",
        "k|string|NULL",
        "d|date|NULL",
        "# Partition Information||",
        "# col_name|data_type|comment",
        "k|string|NULL",
        "d|date|NULL",
    ];
    assert_eq!(rows(&client, "describe t3").await, expected);
}

#[tokio::test]
async fn databases_hold_tables() {
    let client = Client::start().await;
    rows(&client, "create database db1").await;
    assert_eq!(refused(&client, "create database db1").await, "SCHEMA_ALREADY_EXISTS");
    rows(&client, "create database if not exists db1 comment 'hi'").await;
    assert_eq!(rows(&client, "show databases").await, ["db1", "default"]);
    assert_eq!(rows(&client, "show databases like 'db*'").await, ["db1"]);
    rows(&client, "use db1").await;
    assert_eq!(rows(&client, "select current_database()").await, ["db1"]);
    rows(&client, "create table x (a int) using json").await;
    assert_eq!(rows(&client, "show tables").await, ["db1|x|false"]);
    assert_eq!(rows(&client, "show tables in default").await, Vec::<String>::new());
    assert_eq!(refused(&client, "show tables from nope").await, "SCHEMA_NOT_FOUND");
    rows(&client, "insert into spark_catalog.db1.x values (4)").await;
    let other = client.other_session();
    assert_eq!(rows(&other, "select * from db1.x").await, ["4"], "another session sees it");
    assert_eq!(refused(&other, "select * from x").await, "TABLE_OR_VIEW_NOT_FOUND");
    assert_eq!(refused(&client, "drop database db1").await, "SCHEMA_NOT_EMPTY");
    rows(&client, "drop database db1 cascade").await;
    assert_eq!(refused(&client, "drop database nope").await, "SCHEMA_NOT_FOUND");
    rows(&client, "drop database if exists nope").await;
    assert_eq!(refused(&client, "use nope").await, "SCHEMA_NOT_FOUND");
    rows(&client, "use default").await;
    assert_eq!(refused(&client, "drop database default").await, "UNSUPPORTED_FEATURE.DROP_DATABASE");
}

#[tokio::test]
async fn data_frames_are_saved_as_tables() {
    let client = Client::start().await;
    let save = async |sql, mode| save(&client, sql, "s1", mode, TableSaveMethod::SaveAsTable).await;
    save("select 1 a, 2 k", SaveMode::ErrorIfExists).await.unwrap();
    assert_eq!(rows(&client, "select * from s1").await, ["1|2"]);
    let error = save("select 3 a, 4 k", SaveMode::ErrorIfExists).await.unwrap_err();
    assert!(error.starts_with("[TABLE_OR_VIEW_ALREADY_EXISTS]"), "{error}");
    save("select 3 a, 4 k", SaveMode::Append).await.unwrap();
    save("select 3 k, 4 a", SaveMode::Append).await.unwrap();
    save("select 3 a, 4L k", SaveMode::Append).await.unwrap();
    assert_eq!(rows(&client, "select * from s1 order by a, k").await, ["1|2", "3|4", "3|4", "4|3"]);
    for (sql, expected) in [
        ("select 3 k, 4 z", "Cannot resolve 'a' given input columns: [k, z]."),
        (
            "select 3 k",
            "The column number of the existing table spark_catalog.default.s1 (struct<a:int,k:int>) doesn't match the \
             data schema (struct<k:int>).",
        ),
        (
            "select 3 a, 'x' k",
            "[INCOMPATIBLE_DATA_FOR_TABLE.CANNOT_SAFELY_CAST] Cannot write incompatible data for the table \
             `spark_catalog`.`default`.`s1`: Cannot safely cast `k` \"STRING\" to \"INT\".",
        ),
    ] {
        let error = save(sql, SaveMode::Append).await.unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    }
    save("select 5 b", SaveMode::Overwrite).await.unwrap();
    save("select 6 b", SaveMode::Ignore).await.unwrap();
    assert_eq!(rows(&client, "select * from s1").await, ["5"]);
    let insert = async |sql, mode| super::tables::save(&client, sql, "s1", mode, TableSaveMethod::InsertInto).await;
    insert("select 8 zz", SaveMode::Append).await.unwrap();
    assert_eq!(rows(&client, "select * from s1 order by b").await, ["5", "8"]);
    insert("select 9 b", SaveMode::Overwrite).await.unwrap();
    assert_eq!(rows(&client, "select * from s1").await, ["9"]);
    save("select if(id > 1, raise_error('boom'), id) b from range(3)", SaveMode::Overwrite).await.unwrap_err();
    assert_eq!(rows(&client, "select * from s1").await, ["9"], "a write that fails changes nothing");
}

#[tokio::test]
async fn a_folder_is_overwritten() {
    let client = Client::start().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out").display().to_string();
    rows(&client, &format!("insert overwrite directory '{path}' using text select 'a'")).await;
    rows(&client, &format!("insert overwrite local directory using text options (path '{path}') select 'b'")).await;
    let read = format!("create temp view v using text options (path '{path}')");
    rows(&client, &read).await;
    assert_eq!(rows(&client, "select * from v").await, ["b"]);
}
