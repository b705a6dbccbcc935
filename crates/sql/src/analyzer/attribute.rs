//! The columns of an analysed relation, as names see them.
//!
//! A DataFusion plan cannot have two columns of one name, Spark's can. So each column has an internal name that is
//! unique within the analysis and also serves as its identity (Spark: `exprId`), and the name that the user sees beside
//! it.

use arrow::datatypes::{DataType, Field};
use millstream_functions::TypedExpr;
use serde_json::{Map, Value};

use crate::data_type::METADATA_KEY;

/// Spark's mark of columns that only their names ask for.
const MARK: &str = "__metadata_col";

/// A column that expressions may refer to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Attribute {
    /// What the user calls it.
    pub(crate) name: String,
    /// The relation's alias, if it has one; several parts for a table of a catalog.
    pub(crate) qualifier: Vec<String>,
    /// The column's name in the DataFusion plan, unique in the analysis.
    pub(crate) column: String,
    /// Spark's type.
    pub(crate) data_type: DataType,
    /// Whether Spark says that it can be NULL.
    pub(crate) nullable: bool,
    /// Spark's metadata of the column, as JSON.
    pub(crate) metadata: Option<String>,
}

/// A column's metadata with one more entry.
pub(crate) fn with_entry(metadata: Option<&str>, key: &str, value: Value) -> String {
    let known = metadata.and_then(|text| serde_json::from_str(text).ok());
    let mut entries: Map<String, Value> = known.unwrap_or_default();
    entries.insert(key.to_owned(), value);
    Value::Object(entries).to_string()
}

impl Attribute {
    /// A column without qualifier or metadata.
    pub(crate) fn new(name: impl Into<String>, column: impl Into<String>, data_type: DataType, nullable: bool) -> Self {
        Self { name: name.into(), qualifier: Vec::new(), column: column.into(), data_type, nullable, metadata: None }
    }

    /// The same column where only its name asks for it.
    pub(crate) fn into_metadata_column(self) -> Self {
        let mark = with_entry(self.metadata.as_deref(), MARK, Value::String(self.name.clone()));
        Self { metadata: Some(mark), ..self }
    }

    /// Whether it is a column that only its name asks for.
    pub(crate) fn is_metadata_column(&self) -> bool {
        self.metadata.as_deref().is_some_and(|metadata| metadata.contains(MARK))
    }

    /// A reference to it.
    pub(crate) fn reference(&self) -> TypedExpr {
        TypedExpr::column(&self.column, self.data_type.clone(), self.nullable).with_sql(self.name.as_str())
    }

    /// The field of the result's schema.
    pub(crate) fn field(&self) -> Field {
        let field = Field::new(&self.name, self.data_type.clone(), self.nullable);
        match &self.metadata {
            Some(metadata) => field.with_metadata([(METADATA_KEY.to_owned(), metadata.clone())].into()),
            None => field,
        }
    }
}
