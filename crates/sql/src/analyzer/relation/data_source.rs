//! `spark.read`, `spark.readStream`, and tables by name.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::Column;
use datafusion::logical_expr::{Expr, Extension, LogicalPlan};
use millstream_core::source::METADATA_COLUMN;
use millstream_core::{Error, Options, Result, SourceConfig, spark_error};
use millstream_engine::plan::{StreamingRelationNode, warn_of_unknown_options};
use spark_connect_proto::Read;
use spark_connect_proto::read::{DataSource, NamedTable, ReadType};
use spark_connect_proto::relation::RelType;

use super::super::attribute::Attribute;
use super::super::identifier::parse_name;
use super::super::resolved_relation::{ResolvedRelation, project};
use super::super::{Analyzer, error};
use super::leaf::parse_schema;
use crate::session::NamedRelation;

impl Analyzer<'_> {
    pub(super) fn read(&mut self, one: &Read, plan_id: Option<i64>) -> Result<ResolvedRelation> {
        match one.read_type.as_ref() {
            Some(ReadType::DataSource(source)) if one.is_streaming => self.stream(source, plan_id),
            Some(ReadType::DataSource(source)) => self.batch_source(source),
            Some(ReadType::NamedTable(table)) => self.named_table(table, one.is_streaming),
            None => Err(Error::invalid("a read without a source")),
        }
    }

    fn stream(&mut self, source: &DataSource, plan_id: Option<i64>) -> Result<ResolvedRelation> {
        let known = plan_id.and_then(|plan_id| self.streams.get(&plan_id).cloned());
        let plan = match known {
            Some(plan) => plan,
            None => {
                let format = self.format_of(source);
                let connector = self.context.connectors.get(format)?;
                let node = StreamingRelationNode::try_new(format, connector, self.source_config(source)?)?;
                let plan = LogicalPlan::Extension(Extension { node: Arc::new(node) });
                if let Some(plan_id) = plan_id {
                    self.streams.insert(plan_id, plan.clone());
                }
                plan
            }
        };
        let mut columns = Vec::new();
        let mut exprs = Vec::new();
        for field in plan.schema().fields() {
            let column = self.fresh(field.name());
            let reference = Expr::Column(Column::new_unqualified(field.name()));
            exprs.push(if column == *field.name() { reference } else { reference.alias(&column) });
            columns.push(Attribute::new(field.name(), column, field.data_type().clone(), field.is_nullable()));
        }
        let same = columns.iter().all(|attribute| attribute.column == attribute.name);
        let marked = plan.schema().fields().iter().map(|field| field.metadata().contains_key(METADATA_COLUMN));
        let shown = marked.take_while(|marked| !marked).count();
        let plan = if same { plan } else { project(plan, exprs)? };
        Ok(ResolvedRelation::new(plan, columns, true).with_metadata_columns(shown))
    }

    fn batch_source(&mut self, source: &DataSource) -> Result<ResolvedRelation> {
        let format = self.format_of(source);
        let connector = self.context.connectors.get(format)?;
        let config = self.source_config(source)?;
        warn_of_unknown_options(connector.as_ref(), &config.options);
        let reader = connector.open_batch(config)?;
        self.reader(reader)
    }

    /// The format, or the one that the session takes where none is named.
    fn format_of<'b>(&'b self, source: &'b DataSource) -> &'b str {
        source.format.as_deref().unwrap_or_else(|| self.context.conf("spark.sql.sources.default", "parquet"))
    }

    fn reads_paths(&self, format: &str) -> bool {
        self.context.connectors.get(format).is_ok_and(|connector| connector.reads_paths())
    }

    fn source_config(&self, source: &DataSource) -> Result<SourceConfig> {
        let mut options: Options = source.options.iter().collect();
        match source.paths.as_slice() {
            [] => {}
            [path] => options.insert("path", path),
            several => options.insert("paths", serde_json::json!(several).to_string()),
        }
        let user_schema: Option<SchemaRef> =
            source.schema.as_deref().filter(|text| !text.is_empty()).map(parse_schema).transpose()?.map(Arc::new);
        Ok(SourceConfig {
            options,
            user_schema,
            query: None,
            settings: self.context.settings,
            memory: self.context.memory.clone(),
            clock: Arc::clone(&self.context.clock),
            cores: self.context.cores,
            log: None,
        })
    }

    fn named_table(&mut self, one: &NamedTable, as_stream: bool) -> Result<ResolvedRelation> {
        let parts = parse_name(&one.unparsed_identifier)?;
        if let [name] = parts.as_slice()
            && let Some(index) = self.common_tables.iter().rposition(|(known, _)| self.context.same_name(known, name))
        {
            return self.common_table(index);
        }
        let named = parts.clone();
        // Within a view that lasts a name without a database is of the view's, whatever the session's is.
        let parts = match (parts.as_slice(), self.databases.last().cloned().flatten()) {
            ([name], Some(database)) => vec![database, name.clone()],
            _ => parts,
        };
        let catalog = &self.context.catalog;
        let found = if as_stream { catalog.stream(&parts)? } else { catalog.relation(&parts)? };
        let Some(mut found) = found else {
            return match path_as_table(&parts) {
                Some(source) if !as_stream && self.reads_paths(&parts[0]) => self.batch_source(&source),
                _ => Err(error::table_not_found(&named)),
            };
        };
        if as_stream {
            read_as_stream(&mut found);
        }
        if self.views.contains(&parts) {
            let cycle: Vec<_> = self.views.iter().chain([&parts]).map(|parts| error::sql_id(parts)).collect();
            return Err(spark_error!(
                "RECURSIVE_VIEW",
                viewIdent = error::sql_id(&parts),
                newPath = cycle.join(" -> "),
            ));
        }
        // A view's names are looked up in the session alone, not among the query's common tables.
        let outer = std::mem::take(&mut self.common_tables);
        self.views.push(parts.clone());
        self.databases.push(match &found {
            NamedRelation::LastingView { database, .. } => Some(database.clone()),
            NamedRelation::View(_) | NamedRelation::Table(_) => None,
        });
        let resolved = self.named_relation(found);
        self.databases.pop();
        self.views.pop();
        self.common_tables = outer;
        let mut resolved = resolved?;
        if as_stream && !resolved.streaming {
            return Err(spark_error!("_LEGACY_ERROR_TEMP_1008", quoted = parts.join(".")));
        }
        let qualifier = parts.last().cloned().into_iter().collect::<Vec<_>>();
        for column in &mut resolved.columns {
            column.qualifier.clone_from(&qualifier);
        }
        resolved.hidden.clear();
        resolved.aggregate = None;
        Ok(resolved)
    }
}

/// What is read where a query names a format and a path in the place of a table.
fn path_as_table(parts: &[String]) -> Option<DataSource> {
    let [format, path] = parts else { return None };
    Some(DataSource { format: Some(format.clone()), paths: vec![path.clone()], ..DataSource::default() })
}

/// `STREAM t`: what is a name for a data source alone is read as it grows.
fn read_as_stream(relation: &mut NamedRelation) {
    if let NamedRelation::View(view) = relation
        && let Some(RelType::Read(read)) = &mut view.rel_type
    {
        read.is_streaming = true;
    }
}
