//! Views that last: CREATE VIEW, ALTER VIEW.

use std::collections::BTreeMap;
use std::sync::Arc;

use millstream_core::{Error, Result, spark_error};
use millstream_formats::text::sql_id;
use millstream_sql::parser::{ViewDefinition, to_json};
use millstream_sql::{Catalog, NamedRelation, parse_name, schema_to_proto, table_not_found};
use spark_connect_proto::data_type::{Kind, Struct, StructField};
use spark_connect_proto::{DataType, Relation};

use crate::session::{Computation, Session};
use crate::warehouse::{TableName, View, table_exists};

/// Makes a view.
pub(super) async fn create(
    session: &Computation,
    definition: ViewDefinition,
    replace: bool,
    if_not_exists: bool,
) -> Result<()> {
    let name = TableName::parse(&parse_name(&definition.name)?, &session.database())?;
    name.check()?;
    session.warehouse().database(&name.database)?;
    if session.warehouse().has(&name)? {
        if if_not_exists {
            return Ok(());
        }
        if !replace || session.warehouse().table(&name)?.is_some() {
            return Err(table_exists(&name));
        }
    }
    let view = checked(session, &name, definition).await?;
    session.warehouse().put_view(&name, &view, replace)
}

/// `ALTER VIEW`: another name, or another query.
pub(super) async fn alter(
    session: &Computation,
    name: &str,
    rename: Option<String>,
    query: Option<(String, Box<Relation>)>,
) -> Result<()> {
    let parts = parse_name(name)?;
    let Some((found, view)) = session.lasting_view(&parts)? else {
        if session.lasting_table(&parts)?.is_some() {
            let table = sql_id(&parts);
            let operation = "ALTER VIEW";
            return Err(spark_error!(
                "EXPECT_VIEW_NOT_TABLE.USE_ALTER_TABLE",
                tableName = table,
                operation = operation
            ));
        }
        if session.relation(&parts)?.is_some() {
            return Err(crate::error::handle::unsupported("ALTER VIEW of a temporary view"));
        }
        return Err(table_not_found(&parts));
    };
    if let Some(to) = rename {
        let to = TableName::parse(&parse_name(&to)?, &found.database)?;
        if to.database != found.database {
            return Err(spark_error!("_LEGACY_ERROR_TEMP_1073", db = found.database, newDb = to.database));
        }
        session.warehouse().check_free(&to)?;
        session.warehouse().put_view(&to, &view, false)?;
        return session.warehouse().drop_view(&found);
    }
    let Some((text, query)) = query else { return Ok(()) };
    let definition = ViewDefinition {
        name: name.to_owned(),
        columns: Vec::new(),
        comment: view.comment,
        properties: view.properties.into_iter().collect(),
        text,
        query: *query,
    };
    let view = checked(session, &found, definition).await?;
    session.warehouse().put_view(&found, &view, true)
}

/// The view, whose query is analysed as it will be where the view is used.
async fn checked(session: &Computation, name: &TableName, definition: ViewDefinition) -> Result<View> {
    let mut context = session.analysis_context()?;
    let (names, session_of_names) = (Arc::clone(&context.catalog), Arc::clone(session));
    context.catalog = Arc::new(Lasting { names, session: session_of_names, view: name.clone() });
    let analyzed = Box::pin(millstream_sql::analyze_with_data(&definition.query, &context)).await?;
    if analyzed.is_streaming {
        return Err(Error::invalid("a view that lasts cannot be of a stream").with_hint("CREATE TEMPORARY VIEW can"));
    }
    let Some(Kind::Struct(given)) = schema_to_proto(&analyzed.schema).kind else {
        return Err(Error::internal("a schema that is no struct"));
    };
    let fields = columns(name, &definition, &given.fields)?;
    let kind = Kind::Struct(Struct { fields, type_variation_reference: 0 });
    Ok(View {
        text: definition.text,
        database: session.database(),
        query_columns: given.fields.into_iter().map(|field| field.name).collect(),
        schema: to_json(&DataType { kind: Some(kind) }),
        comment: definition.comment,
        properties: definition.properties.into_iter().collect::<BTreeMap<_, _>>(),
        created_ms: session.engine().clock().now_ms(),
    })
}

fn columns(name: &TableName, definition: &ViewDefinition, given: &[StructField]) -> Result<Vec<StructField>> {
    let names = |names: Vec<&str>| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let view_columns = names(definition.columns.iter().map(|(name, _)| name.as_str()).collect());
    let data_columns = names(given.iter().map(|field| field.name.as_str()).collect());
    let view = name.quoted();
    let named = definition.columns.len();
    if named > given.len() {
        return Err(spark_error!(
            "CREATE_VIEW_COLUMN_ARITY_MISMATCH.NOT_ENOUGH_DATA_COLUMNS",
            viewName = view,
            viewColumns = view_columns,
            dataColumns = data_columns,
        ));
    }
    if named > 0 && named < given.len() {
        return Err(spark_error!(
            "CREATE_VIEW_COLUMN_ARITY_MISMATCH.TOO_MANY_DATA_COLUMNS",
            viewName = view,
            viewColumns = view_columns,
            dataColumns = data_columns,
        ));
    }
    let mut fields = given.to_vec();
    for (field, (name, comment)) in fields.iter_mut().zip(&definition.columns) {
        field.name.clone_from(name);
        field.metadata = comment.as_ref().map(|text| serde_json::json!({ "comment": text }).to_string());
    }
    for (place, field) in fields.iter().enumerate() {
        if fields[..place].iter().any(|before| before.name.to_lowercase() == field.name.to_lowercase()) {
            let column = format!("`{}`", field.name.to_lowercase());
            return Err(spark_error!("COLUMN_ALREADY_EXISTS", columnName = column));
        }
    }
    Ok(fields)
}

/// The names of a session without what goes with it: what lasts cannot stand on that.
#[derive(Debug)]
struct Lasting {
    names: Arc<dyn Catalog>,
    session: Arc<Session>,
    /// The view that is made.
    view: TableName,
}

impl Catalog for Lasting {
    fn relation(&self, name: &[String]) -> Result<Option<NamedRelation>> {
        if self.session.names().relation(name).is_none() {
            return self.names.relation(name);
        }
        Err(spark_error!(
            "INVALID_TEMP_OBJ_REFERENCE",
            objName = self.view.quoted(),
            obj = "VIEW",
            tempObjName = sql_id(name),
            tempObj = "VIEW",
        ))
    }

    fn relation_names(&self) -> Vec<String> {
        self.names.relation_names()
    }

    fn cached_remote_relation(&self, relation_id: &str) -> Result<NamedRelation> {
        self.names.cached_remote_relation(relation_id)
    }

    fn cached_local_relation(&self, hash: &str) -> Result<Vec<u8>> {
        self.names.cached_local_relation(hash)
    }
}
