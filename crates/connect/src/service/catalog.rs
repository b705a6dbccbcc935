//! `spark.catalog`: questions about names. There is one catalog with one database, and in it only temporary views.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use millstream_core::Result;
use millstream_sql::Catalog as _;
use spark_connect_proto::Catalog;
use spark_connect_proto::catalog::CatType;

use crate::error::handle::unsupported;
use crate::session::{Session, ViewName};

/// The rows that answer a question of the catalog.
pub(super) fn answer(session: &Session, question: Catalog) -> Result<RecordBatch> {
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
            boolean(session.drop_view(ViewName { name: &drop.view_name, global: false }))
        }
        Some(CatType::DropGlobalTempView(drop)) => {
            boolean(session.drop_view(ViewName { name: &drop.view_name, global: true }))
        }
        Some(CatType::ListTables(_)) => tables(session.relation_names()),
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
        ("namespace", Arc::new(arrow::array::new_null_array(&list_of_texts(), count)) as ArrayRef),
        ("description", empty()),
        ("tableType", Arc::new(StringArray::from(vec!["TEMPORARY"; count]))),
        ("isTemporary", Arc::new(BooleanArray::from(vec![true; count]))),
    ];
    rows(columns.to_vec())
}

fn list_of_texts() -> DataType {
    DataType::List(Arc::new(Field::new("item", DataType::Utf8, true)))
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
