//! `spark.catalog`: questions about names. There is one catalog with one database, and in it only temporary views.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, ListArray, RecordBatch, RecordBatchOptions, StringArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Schema};
use millstream_core::{Error, Result};
use millstream_sql::parser::simple_string;
use millstream_sql::{Catalog as _, schema_to_proto};
use spark_connect_proto::catalog::CatType;
use spark_connect_proto::data_type::Kind;
use spark_connect_proto::read::{NamedTable, ReadType};
use spark_connect_proto::relation::RelType;
use spark_connect_proto::{Catalog, Read, Relation};

use super::query_plan;
use crate::error::handle::unsupported;
use crate::session::{Computation, ViewName};

/// The rows that answer a question of the catalog.
pub(super) async fn answer(session: &Computation, question: Catalog) -> Result<RecordBatch> {
    match question.cat_type {
        Some(CatType::CurrentDatabase(_)) => text("default"),
        Some(CatType::CurrentCatalog(_)) => text("spark_catalog"),
        Some(CatType::SetCurrentDatabase(set)) if set.db_name.eq_ignore_ascii_case("default") => nothing(),
        Some(CatType::SetCurrentCatalog(set)) if set.catalog_name == "spark_catalog" => nothing(),
        Some(CatType::DatabaseExists(asked)) => boolean(asked.db_name.eq_ignore_ascii_case("default")),
        Some(CatType::TableExists(asked)) => {
            let parts: Vec<_> = asked.db_name.into_iter().chain([asked.table_name]).collect();
            boolean(session.relation(&parts).is_some())
        }
        Some(CatType::DropTempView(drop)) => {
            boolean(session.names().drop_view(ViewName { name: &drop.view_name, global: false }))
        }
        Some(CatType::DropGlobalTempView(drop)) => {
            boolean(session.names().drop_view(ViewName { name: &drop.view_name, global: true }))
        }
        Some(CatType::ListTables(_)) => tables(session.relation_names()),
        Some(CatType::ListColumns(asked)) => columns(session, asked.db_name, &asked.table_name).await,
        Some(CatType::IsCached(_)) => boolean(false),
        // Caching is a hint; nothing is kept, so there is nothing to forget or to read again.
        Some(
            CatType::CacheTable(_)
            | CatType::UncacheTable(_)
            | CatType::ClearCache(_)
            | CatType::RefreshTable(_)
            | CatType::RefreshByPath(_),
        ) => nothing(),
        _ => Err(unsupported("This operation of the catalog")),
    }
}

/// The columns of Spark's `Table` objects.
fn tables(names: Vec<String>) -> Result<RecordBatch> {
    let count = names.len();
    let empty = || Arc::new(StringArray::from(vec![None::<&str>; count])) as ArrayRef;
    let columns = [
        ("name", Arc::new(StringArray::from(names)) as ArrayRef),
        ("catalog", empty()),
        ("namespace", no_texts(count)?),
        ("description", empty()),
        ("tableType", Arc::new(StringArray::from(vec!["TEMPORARY"; count]))),
        ("isTemporary", Arc::new(BooleanArray::from(vec![true; count]))),
    ];
    rows(columns.to_vec())
}

/// The columns of Spark's `Column` objects.
async fn columns(session: &Computation, database: Option<String>, table: &str) -> Result<RecordBatch> {
    let unparsed_identifier = database.map_or_else(|| table.to_owned(), |database| format!("{database}.{table}"));
    let table = NamedTable { unparsed_identifier, ..NamedTable::default() };
    let read = Read { is_streaming: false, read_type: Some(ReadType::NamedTable(table)) };
    let relation = Relation { common: None, rel_type: Some(RelType::Read(read)) };
    let schema = query_plan::analyze(session, &relation).await?.schema;
    let Some(Kind::Struct(fields)) = schema_to_proto(&schema).kind else {
        return Err(Error::internal("a schema that is no struct"));
    };
    let types = fields.fields.iter().map(|field| field.data_type.as_ref().map(simple_string));
    let count = schema.fields().len();
    let names = schema.fields().iter().map(|field| field.name().clone());
    let flags = |flag: &dyn Fn(&Field) -> bool| {
        Arc::new(BooleanArray::from(schema.fields().iter().map(|field| flag(field)).collect::<Vec<_>>())) as ArrayRef
    };
    rows(vec![
        ("name", Arc::new(StringArray::from_iter_values(names)) as ArrayRef),
        ("description", Arc::new(StringArray::from(vec![None::<&str>; count]))),
        ("dataType", Arc::new(types.collect::<StringArray>())),
        ("nullable", flags(&Field::is_nullable)),
        ("isPartition", flags(&|_| false)),
        ("isBucket", flags(&|_| false)),
        ("isCluster", flags(&|_| false)),
    ])
}

/// So many empty lists: a temporary view is in no database.
fn no_texts(count: usize) -> Result<ArrayRef> {
    let item = Arc::new(Field::new("item", DataType::Utf8, true));
    let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(0, count));
    Ok(Arc::new(ListArray::try_new(item, offsets, Arc::new(StringArray::from(Vec::<&str>::new())), None)?))
}

fn text(value: &str) -> Result<RecordBatch> {
    rows(vec![("value", Arc::new(StringArray::from(vec![value])))])
}

fn boolean(value: bool) -> Result<RecordBatch> {
    rows(vec![("value", Arc::new(BooleanArray::from(vec![value])))])
}

fn rows(columns: Vec<(&str, ArrayRef)>) -> Result<RecordBatch> {
    let fields: Vec<_> =
        columns.iter().map(|(name, column)| Field::new(*name, column.data_type().clone(), true)).collect();
    let arrays = columns.into_iter().map(|(_, column)| column).collect();
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?)
}

fn nothing() -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(0));
    Ok(RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options)?)
}
