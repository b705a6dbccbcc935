//! What a condition in SQL comes to for the table that is read: filters that the reader may use, and rows that pass it
//! whatever the reader does.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use millstream_core::scan_filter::{ColumnTest, Comparison, Literal, ScanFilter};
use millstream_core::{BatchReader, BatchStream, Error, ReadRequest, Result, ScanColumn};
use millstream_functions::data_type::timestamp;
use parking_lot::Mutex;

use super::fixture::context;
use crate::parser::{Statement, parse_statement};
use crate::session::{AnalysisContext, Catalog, NamedRelation};
use crate::{analyze, collect_stream};

const TOPIC: usize = 0;
const PARTITION: usize = 1;
const OFFSET: usize = 2;
const TIMESTAMP: usize = 3;

/// Two records, which are given whatever the filters say.
#[derive(Debug, Default)]
struct Records {
    told: Mutex<Vec<ScanFilter>>,
}

#[async_trait]
impl BatchReader for Records {
    fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(vec![
            Field::new("topic", DataType::Utf8, true),
            Field::new("partition", DataType::Int32, true),
            Field::new("offset", DataType::Int64, true),
            Field::new("timestamp", timestamp(), true),
        ]))
    }

    async fn scan(&self, request: ReadRequest) -> Result<Vec<BatchStream>> {
        *self.told.lock() = request.filters;
        let times = TimestampMicrosecondArray::from(vec![1_000, 2_000_000]).with_timezone("UTC");
        let columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from(vec!["a", "b"])),
            Arc::new(Int32Array::from(vec![0, 1])),
            Arc::new(Int64Array::from(vec![5, 7])),
            Arc::new(times),
        ];
        let index = |column: &ScanColumn| match column {
            ScanColumn::Plain(index) => Ok(*index),
            ScanColumn::Decoded { .. } => Err(Error::internal("nothing is decoded in a batch read")),
        };
        let indices = request.columns.iter().map(index).collect::<Result<Vec<_>>>()?;
        let rows = RecordBatch::try_new(self.schema(), columns)?.project(&indices)?;
        Ok(vec![stream::iter([Ok(rows)]).boxed()])
    }
}

/// Every name is the table of these records.
#[derive(Debug)]
struct OneTable(Arc<Records>);

impl Catalog for OneTable {
    fn relation(&self, _name: &[String]) -> Result<Option<NamedRelation>> {
        Ok(Some(NamedRelation::Table(Arc::<Records>::clone(&self.0))))
    }

    fn relation_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn cached_remote_relation(&self, relation_id: &str) -> Result<NamedRelation> {
        Err(Error::not_found(relation_id))
    }

    fn cached_local_relation(&self, hash: &str) -> Result<Vec<u8>> {
        Err(Error::not_found(hash))
    }
}

async fn check(condition: &str, filters: &[ScanFilter], offsets: &[i64]) {
    let records = Arc::new(Records::default());
    let context = AnalysisContext { catalog: Arc::new(OneTable(Arc::clone(&records))), ..context() };
    let text = format!("SELECT offset FROM records WHERE {condition}");
    let Statement::Query(query) = parse_statement(&text).unwrap() else { panic!("{text} is no query") };
    let rows = collect_stream(&analyze(&query, &context).unwrap(), &context).await.unwrap();
    let rows: Vec<RecordBatch> = rows.try_collect().await.unwrap();
    let found: Vec<i64> =
        rows.iter().flat_map(|rows| rows.column(0).as_primitive::<Int64Type>().values().to_vec()).collect();
    assert_eq!((&*records.told.lock(), &*found), (&filters.to_vec(), offsets), "{condition}");
}

fn compare(column: usize, comparison: Comparison, literal: Literal) -> ScanFilter {
    ScanFilter { column, test: ColumnTest::Compare(comparison, literal) }
}

#[tokio::test]
async fn a_reader_is_told_what_the_query_wants_of_its_rows() {
    let text = |text: &str| Literal::Text(text.to_owned());
    check("topic = 'a'", &[compare(TOPIC, Comparison::Equal, text("a"))], &[5]).await;
    check("1 = partition", &[compare(PARTITION, Comparison::Equal, Literal::Integer(1))], &[7]).await;
    let between = [
        compare(OFFSET, Comparison::GreaterOrEqual, Literal::Integer(6)),
        compare(OFFSET, Comparison::Less, Literal::Integer(10)),
    ];
    check("offset >= 6 AND offset < 10", &between, &[7]).await;
    let values = ColumnTest::In(vec![Literal::Integer(1), Literal::Integer(2)]);
    check("partition IN (1, 2)", &[ScanFilter { column: PARTITION, test: values }], &[7]).await;
    let second = compare(TIMESTAMP, Comparison::GreaterOrEqual, Literal::Timestamp(1_000_000));
    check("timestamp >= TIMESTAMP'1970-01-01 00:00:01'", &[second], &[7]).await;
    check("offset % 2 = 1", &[], &[5, 7]).await;
}
