//! Plans that nest deep and are large: answered as far as Spark goes, refused by name beyond, and the server lives.
//!
//! Messages are put together as bytes, since a client's encoder would itself go as deep.

use prost::Message;
use prost::bytes::{Buf, BufMut, Bytes};
use spark_connect_proto::command::CommandType;
use spark_connect_proto::expression::literal::LiteralType;
use spark_connect_proto::expression::{Alias, ExprType, Literal, UnresolvedAttribute, UnresolvedFunction};
use spark_connect_proto::relation::RelType;
use spark_connect_proto::set_operation::SetOpType;
use spark_connect_proto::streaming_query_command::Command;
use spark_connect_proto::streaming_query_command_result::ResultType;
use spark_connect_proto::{
    ExecutePlanResponse, Expression, Filter, Limit, Relation, SetOperation, Sql, SqlCommand, WithColumns,
};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Request, Status};
use tonic_types::StatusExt;

use crate::client::{Client, batches, range, relation};
use crate::streaming::{ask, into_memory, start};

const TOO_COMPLEX: &str = "FAILED_TO_PARSE_TOO_COMPLEX";

/// Deeper than anything that is answered.
const BEYOND: [usize; 3] = [10_000, 100_000, 1_000_000];

/// A message in which another of its kind stands.
struct Level {
    /// The fields under which it stands, from the outer message to the inner one.
    path: [u32; 2],
    /// What else stands in the inner message.
    beside: Vec<u8>,
}

impl Level {
    fn new(outer: u32, inner: u32, beside: &impl Message) -> Self {
        Self { path: [outer, inner], beside: beside.encode_to_vec() }
    }

    /// So many of them around a message.
    fn around(&self, innermost: &[u8], levels: usize) -> Vec<u8> {
        let mut headers = vec![];
        let mut size = innermost.len();
        for _ in 0..levels {
            let inside = header(self.path[1], size);
            size += inside.len() + self.beside.len();
            let outside = header(self.path[0], size);
            size += outside.len();
            headers.push((outside, inside));
        }
        let mut bytes = Vec::with_capacity(size);
        for (outside, inside) in headers.into_iter().rev() {
            bytes.extend(outside);
            bytes.extend(inside);
        }
        bytes.extend(innermost);
        (0..levels).for_each(|_| bytes.extend(&self.beside));
        bytes
    }
}

/// The bytes before a message of this size that stands under a field.
fn header(field: u32, size: usize) -> Vec<u8> {
    let mut bytes = vec![];
    prost::encoding::encode_varint(u64::from(field << 3 | 2), &mut bytes);
    prost::encoding::encode_varint(size as u64, &mut bytes);
    bytes
}

fn under(field: u32, message: &[u8]) -> Vec<u8> {
    [header(field, message.len()), message.to_vec()].concat()
}

fn call(name: &str, arguments: Vec<Expression>) -> UnresolvedFunction {
    UnresolvedFunction { function_name: name.to_owned(), arguments, ..UnresolvedFunction::default() }
}

fn expression(kind: ExprType) -> Expression {
    Expression { common: None, expr_type: Some(kind) }
}

fn number(value: i64) -> Expression {
    expression(ExprType::Literal(Literal { literal_type: Some(LiteralType::Long(value)), data_type: None }))
}

fn id() -> Expression {
    let name = "id".to_owned();
    expression(ExprType::UnresolvedAttribute(UnresolvedAttribute { unparsed_identifier: name, ..Default::default() }))
}

/// Relations in relations: name, how many Spark takes or more, level.
fn relations() -> Vec<(&'static str, usize, Level)> {
    let union = SetOperation {
        right_input: Some(Box::new(relation(range(1)))),
        set_op_type: SetOpType::Union.into(),
        is_all: Some(true),
        ..SetOperation::default()
    };
    let distinct = SetOperation { is_all: Some(false), ..union.clone() };
    let column = Alias { expr: Some(Box::new(number(1))), name: vec!["c".to_owned()], metadata: None };
    let filter = Filter {
        input: None,
        condition: Some(expression(ExprType::UnresolvedFunction(call("<", vec![id(), number(9)])))),
    };
    vec![
        ("limit", 500, Level::new(8, 1, &Limit { input: None, limit: 5 })),
        ("union all", 1000, Level::new(6, 1, &union)),
        (
            "union on the right",
            100,
            Level::new(
                6,
                2,
                &SetOperation { left_input: union.right_input.clone(), right_input: None, ..union.clone() },
            ),
        ),
        ("union distinct", 50, Level::new(6, 1, &distinct)),
        ("withColumn", 200, Level::new(23, 1, &WithColumns { input: None, aliases: vec![column] })),
        ("filter", 200, Level::new(4, 1, &filter)),
    ]
}

/// Expressions in expressions.
fn expressions() -> Vec<(&'static str, usize, Level)> {
    vec![
        ("negative", 1000, Level::new(3, 2, &call("negative", vec![]))),
        ("+", 300, Level::new(3, 2, &call("+", vec![number(1)]))),
        ("abs", 300, Level::new(3, 2, &call("abs", vec![]))),
    ]
}

/// `range(1)` with a column of this expression's bytes.
fn with_column(expression: &[u8]) -> Vec<u8> {
    let alias =
        [under(1, expression), Alias { name: vec!["c".to_owned()], ..Alias::default() }.encode_to_vec()].concat();
    let input = WithColumns { input: Some(Box::new(relation(range(1)))), aliases: vec![] }.encode_to_vec();
    under(23, &[input, under(2, &alias)].concat())
}

/// Bytes as they are one way, responses the other.
#[derive(Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = ExecutePlanResponse;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = ExecutePlanResponse;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<ExecutePlanResponse>, Status> {
        let bytes: Bytes = buffer.copy_to_bytes(buffer.remaining());
        ExecutePlanResponse::decode(bytes).map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}

/// The rows of a plan given as the bytes of its relation.
async fn rows(client: &Client, relation: &[u8]) -> Result<usize, Status> {
    let request = client.request(spark_connect_proto::plan::OpType::Root(Relation::default()));
    let mut bytes = spark_connect_proto::ExecutePlanRequest { plan: None, ..request }.encode_to_vec();
    bytes.extend(under(3, &under(1, relation)));
    let mut rpc = tonic::client::Grpc::new(client.channel.clone());
    rpc.ready().await.unwrap();
    let path = tonic::codegen::http::uri::PathAndQuery::from_static("/spark.connect.SparkConnectService/ExecutePlan");
    let responses = rpc.server_streaming(Request::new(bytes), path, Raw).await?.into_inner();
    let responses = crate::client::collect(responses).await?;
    Ok(batches(&responses).iter().map(arrow::array::RecordBatch::num_rows).sum())
}

async fn sql_rows(client: &Client, text: String) -> Result<usize, Status> {
    let rows = client.sql(&text).await?;
    Ok(rows.iter().map(arrow::array::RecordBatch::num_rows).sum())
}

async fn carry_out(client: &Client, statement: String) {
    let input = relation(RelType::Sql(Sql { query: statement, ..Sql::default() }));
    let command = SqlCommand { input: Some(input), ..SqlCommand::default() };
    client.command(CommandType::SqlCommand(command)).await.unwrap();
}

fn class(status: &Status) -> String {
    let info = status.get_details_error_info();
    info.and_then(|info| info.metadata.get("errorClass").cloned()).unwrap_or_else(|| status.to_string())
}

fn assert_too_complex(answer: Result<usize, Status>, what: &str) {
    assert_eq!(answer.map_err(|status| class(&status)), Err(TOO_COMPLEX.to_owned()), "{what}");
}

#[tokio::test]
async fn relations_nest_as_deep_as_spark_takes_them_and_no_deeper() {
    let client = Client::start().await;
    let innermost = relation(range(1)).encode_to_vec();
    for (name, levels, level) in relations() {
        let deep = level.around(&innermost, levels);
        let expected = if name.starts_with("union") && name != "union distinct" { levels + 1 } else { 1 };
        assert_eq!(rows(&client, &deep).await.map_err(|status| status.to_string()), Ok(expected), "{name}");
        for levels in BEYOND {
            assert_too_complex(rows(&client, &level.around(&innermost, levels)).await, name);
        }
    }
    assert_eq!(sql_rows(&client, "SELECT 1".to_owned()).await.unwrap(), 1);
}

#[tokio::test]
async fn expressions_nest_as_deep_as_spark_takes_them_and_no_deeper() {
    let client = Client::start().await;
    let innermost = id().encode_to_vec();
    for (name, levels, level) in expressions() {
        let deep = with_column(&level.around(&innermost, levels));
        assert_eq!(rows(&client, &deep).await.map_err(|status| status.to_string()), Ok(1), "{name}");
        for levels in BEYOND {
            assert_too_complex(rows(&client, &with_column(&level.around(&innermost, levels))).await, name);
        }
    }
    assert_eq!(sql_rows(&client, "SELECT 1".to_owned()).await.unwrap(), 1);
}

/// A text of so many levels.
type Text = fn(usize) -> String;

fn repeated(levels: usize, before: &str, inside: &str, behind: &str) -> String {
    format!("SELECT {}{inside}{}", before.repeat(levels), behind.repeat(levels))
}

/// How deep Spark reads each, asked of Spark 4.2. Of ANDs and ORs it reads 5,000, in half a minute; of subqueries as
/// values more than are read here.
const TEXTS: [(&str, usize, Text); 14] = [
    ("parentheses", 300, |n| repeated(n, "(", "1", ")")),
    ("calls", 300, |n| repeated(n, "abs(", "1", ")")),
    ("NOT", 1000, |n| repeated(n, "NOT ", "true", "")),
    ("signs", 300, |n| repeated(n, "- ", "1", "")),
    ("CASE", 300, |n| repeated(n, "CASE WHEN true THEN ", "1", " END")),
    ("sum", 500, |n| repeated(n, "1 + ", "1", "")),
    ("AND", 1000, |n| repeated(n, "id < 9 AND ", "true FROM range(1)", "")),
    ("OR", 1000, |n| repeated(n, "id = 9 OR ", "true FROM range(1)", "")),
    ("WHERE AND", 1000, |n| format!("SELECT 1 FROM range(1) WHERE {} true", "id < 9 AND ".repeat(n))),
    ("WHERE OR", 1000, |n| format!("SELECT 1 FROM range(1) WHERE {} true", "id = 9 OR ".repeat(n))),
    ("UNION ALL", 1000, |n| format!("SELECT count(*) FROM (SELECT 1 {})", "UNION ALL SELECT 1 ".repeat(n))),
    ("subqueries", 200, |n| format!("{}SELECT 1{}", "SELECT * FROM (".repeat(n), ")".repeat(n))),
    ("joins in parentheses", 100, |n| {
        format!("SELECT 1 FROM {}(SELECT 1){}", "(".repeat(n), " CROSS JOIN range(1))".repeat(n))
    }),
    ("scalar subqueries", 10, |n| repeated(n, "(SELECT ", "1", ")")),
];

#[tokio::test]
async fn texts_nest_as_deep_as_spark_takes_them_and_no_deeper() {
    let client = Client::start().await;
    for (name, levels, text) in TEXTS {
        let answer = sql_rows(&client, text(levels)).await;
        assert_eq!(answer.map_err(|status| status.to_string()), Ok(1), "{name}");
        for levels in BEYOND {
            assert_too_complex(sql_rows(&client, text(levels)).await, name);
        }
    }
    assert_eq!(sql_rows(&client, "SELECT 1".to_owned()).await.unwrap(), 1);
}

#[tokio::test]
async fn common_tables_and_views_are_counted_wherever_they_are_used() {
    let client = Client::start().await;
    let chain = |tables: usize, from: fn(usize) -> String| {
        let next: String = (1..tables).map(|table| format!(", t{table} AS ({})", from(table - 1))).collect();
        format!("WITH t0 AS (SELECT 1 AS a){next} SELECT count(*) FROM t{}", tables - 1)
    };
    let once: fn(usize) -> String = |table| format!("SELECT a + 1 AS a FROM t{table}");
    let twice: fn(usize) -> String = |table| format!("SELECT * FROM t{table} UNION ALL SELECT * FROM t{table}");
    assert_eq!(sql_rows(&client, chain(300, once)).await.unwrap(), 1);
    assert_eq!(sql_rows(&client, chain(9, twice)).await.unwrap(), 1);
    assert_too_complex(sql_rows(&client, chain(25, twice)).await, "doubled");
    assert_too_complex(sql_rows(&client, chain(3000, once)).await, "a chain");
    carry_out(&client, "CREATE TEMP VIEW v0 AS SELECT 1 AS a".to_owned()).await;
    for view in 1..=60 {
        let text = format!("SELECT a FROM v{} {}", view - 1, "UNION ALL SELECT 1 ".repeat(38));
        carry_out(&client, format!("CREATE TEMP VIEW v{view} AS {text}")).await;
    }
    let counted = client.sql("SELECT count(*) FROM v60").await.unwrap();
    let counted = arrow::util::pretty::pretty_format_batches(&counted).unwrap().to_string();
    assert!(counted.contains(" 2281 "), "{counted}");
}

#[tokio::test]
async fn streams_nest_as_deep() {
    let client = Client::start().await;
    let deep = |levels: usize| {
        let text = format!("SELECT {}value AS v FROM {{s}}", "1 + ".repeat(levels));
        let mut write = into_memory("deep");
        let reference = write.input.take().unwrap();
        write.input = Some(over(reference, &text));
        write
    };
    let started = start(&client, deep(200)).await.unwrap().query_id.unwrap();
    ask(&client, &started, Command::ProcessAllAvailable(true)).await.unwrap();
    let Some(ResultType::Status(status)) = ask(&client, &started, Command::Status(true)).await.unwrap() else {
        panic!()
    };
    assert!(status.is_active);
    ask(&client, &started, Command::Stop(true)).await.unwrap();
    for levels in BEYOND {
        assert_too_complex(start(&client, deep(levels)).await.map(|_| 0), "a stream");
    }
    assert_eq!(sql_rows(&client, "SELECT 1".to_owned()).await.unwrap(), 1);
}

/// A query in SQL over a relation, as `spark.sql(text, s=frame)` sends it.
fn over(input: Relation, text: &str) -> Relation {
    use spark_connect_proto::{SubqueryAlias, WithRelations};
    let alias = SubqueryAlias { input: Some(Box::new(input)), alias: "s".to_owned(), qualifier: vec![] };
    let query = Sql { query: text.replace("{s}", "s"), ..Sql::default() };
    relation(RelType::WithRelations(Box::new(WithRelations {
        root: Some(Box::new(relation(RelType::Sql(query)))),
        references: vec![relation(RelType::SubqueryAlias(Box::new(alias)))],
    })))
}
