//! Views that last: the text of a query, and the database that its names are of.

use std::collections::BTreeMap;

use millstream_core::Result;
use millstream_formats::text::sql_id;
use millstream_sql::NamedRelation;
use millstream_sql::parser::{self, Statement};
use serde::{Deserialize, Serialize};
use spark_connect_proto::data_type::StructField;
use spark_connect_proto::expression::{ExprType, UnresolvedAttribute};
use spark_connect_proto::relation::RelType;
use spark_connect_proto::{Expression, Project, Relation, ToDf};

/// What is known of a view that lasts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct View {
    /// The query as it was written.
    pub(crate) text: String,
    /// The database of its names that have none.
    pub(crate) database: String,
    /// The columns of the query when the view was made: one that is added to a table later is not the view's.
    pub(crate) query_columns: Vec<String>,
    /// The view's own columns, as Spark's JSON.
    pub(crate) schema: String,
    pub(crate) comment: Option<String>,
    pub(crate) properties: BTreeMap<String, String>,
    pub(crate) created_ms: i64,
}

impl View {
    /// What the view stands for.
    pub(crate) fn relation(&self, name: &str) -> Result<NamedRelation> {
        let mut query = match parser::parse_statement(&self.text)? {
            Statement::Query(query) => query,
            Statement::Command(_) => return Err(millstream_core::Error::data("a view that is no query")),
        };
        parser::name_view(&mut query, name);
        let column = |name: &String| {
            let unparsed_identifier = sql_id(std::slice::from_ref(name));
            let attribute = UnresolvedAttribute { unparsed_identifier, ..UnresolvedAttribute::default() };
            Expression { common: None, expr_type: Some(ExprType::UnresolvedAttribute(attribute)) }
        };
        let expressions = self.query_columns.iter().map(column).collect();
        let project = Project { input: Some(Box::new(query)), expressions };
        let columns = Relation { common: None, rel_type: Some(RelType::Project(Box::new(project))) };
        let column_names = self.columns()?.into_iter().map(|field| field.name).collect();
        let renamed = ToDf { input: Some(Box::new(columns)), column_names };
        let relation = Relation { common: None, rel_type: Some(RelType::ToDf(Box::new(renamed))) };
        Ok(NamedRelation::LastingView { relation: Box::new(relation), database: self.database.clone() })
    }

    /// The columns as the view names them.
    pub(crate) fn columns(&self) -> Result<Vec<StructField>> {
        super::table::fields(&self.schema)
    }
}
