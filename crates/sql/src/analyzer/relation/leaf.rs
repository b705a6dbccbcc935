//! Relations without input: ranges, rows that the client sent, tables of the session, inline tables.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, RecordBatch, StructArray, make_array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::{Column, ScalarValue, TableReference};
use datafusion::datasource::{MemTable, TableProvider, provider_as_source};
use datafusion::logical_expr::{EmptyRelation, Expr, LogicalPlan, LogicalPlanBuilder};
use millstream_core::source::METADATA_COLUMN;
use millstream_core::{BatchReader, Error, QuerySettings, Result, spark_error};
use millstream_engine::error::from_datafusion;
use millstream_functions::{TypedExpr, coercion, constant_of};
use spark_connect_proto::{
    CachedLocalRelation, CachedRemoteRelation, ChunkedCachedLocalRelation, LocalRelation, Range,
};

use super::super::Analyzer;
use super::super::attribute::Attribute;
use super::super::batch::{RangeReader, ReaderTable};
use super::super::expression::Item;
use super::super::resolved_relation::{ResolvedRelation, project};
use super::super::scope::Scope;
use super::arrow_stream;
use crate::data_type::{METADATA_KEY, schema_from_proto};
use crate::nesting;
use crate::parser::extension::InlineTable;
use crate::session::NamedRelation;

impl Analyzer<'_> {
    pub(super) fn range(&mut self, one: &Range) -> Result<ResolvedRelation> {
        if one.step == 0 {
            return Err(Error::illegal_argument("requirement failed: step (0) cannot be 0"));
        }
        self.reader(Arc::new(RangeReader::new(one.start.unwrap_or(0), one.end, one.step)))
    }

    pub(super) fn local_relation(&mut self, one: &LocalRelation) -> Result<ResolvedRelation> {
        let batches = match one.data.as_deref() {
            Some(data) if !data.is_empty() => arrow_stream::batches(data)?,
            _ => Vec::new(),
        };
        self.local_rows(batches, one.schema.as_deref())
    }

    fn local_rows(&mut self, batches: Vec<RecordBatch>, schema: Option<&str>) -> Result<ResolvedRelation> {
        let stated = schema.filter(|text| !text.is_empty()).map(parse_schema).transpose()?;
        let schema = match (stated, batches.first()) {
            (Some(schema), _) => schema,
            (None, Some(batch)) => inner_schema(&batch.schema()),
            (None, None) => return Err(Error::invalid("a local relation has neither rows nor a schema")),
        };
        let schema = Arc::new(schema);
        let rows = batches.iter().map(|batch| with_schema(batch, &schema)).collect::<Result<Vec<_>>>()?;
        self.rows(&schema, rows)
    }

    /// Rows at hand as a relation. Column names may repeat.
    pub(crate) fn rows(&mut self, schema: &SchemaRef, rows: Vec<RecordBatch>) -> Result<ResolvedRelation> {
        self.partitions(schema, vec![rows])
    }

    fn partitions(&mut self, schema: &SchemaRef, partitions: Vec<Vec<RecordBatch>>) -> Result<ResolvedRelation> {
        let columns = self.attributes(schema);
        let renamed = renamed_schema(schema, &columns);
        let retyped = |rows: Vec<RecordBatch>| rows.iter().map(|batch| with_schema(batch, &renamed)).collect();
        let partitions = partitions.into_iter().map(retyped).collect::<Result<Vec<_>>>()?;
        let table = MemTable::try_new(renamed, partitions).map_err(from_datafusion)?;
        scan(Arc::new(table), columns)
    }

    /// A table that is read once.
    pub(crate) fn reader(&mut self, reader: Arc<dyn BatchReader>) -> Result<ResolvedRelation> {
        let schema = reader.schema();
        let columns = self.attributes(&schema);
        let renamed = renamed_schema(&schema, &columns);
        let marked = schema.fields().iter().map(|field| field.metadata().contains_key(METADATA_COLUMN));
        let shown = marked.take_while(|marked| !marked).count();
        let relation = scan(Arc::new(ReaderTable::new(reader, renamed)), columns)?;
        Ok(relation.with_metadata_columns(shown))
    }

    fn attributes(&mut self, schema: &Schema) -> Vec<Attribute> {
        schema
            .fields()
            .iter()
            .map(|field| {
                let column = self.fresh(field.name());
                let metadata = field.metadata().get(METADATA_KEY).cloned();
                let plain = Attribute::new(field.name(), column, field.data_type().clone(), field.is_nullable());
                Attribute { metadata, ..plain }
            })
            .collect()
    }

    pub(super) fn cached_local_relation(&mut self, one: &CachedLocalRelation) -> Result<ResolvedRelation> {
        let bytes = self.context.catalog.cached_local_relation(&one.hash)?;
        let relation: LocalRelation = nesting::decode(&bytes.into())
            .map_err(|error| Error::invalid("a cached local relation cannot be read").with_source(error))?;
        self.local_relation(&relation)
    }

    pub(super) fn chunked_local_relation(&mut self, one: &ChunkedCachedLocalRelation) -> Result<ResolvedRelation> {
        let mut batches = Vec::new();
        for hash in &one.data_hashes {
            batches.extend(arrow_stream::batches(&self.context.catalog.cached_local_relation(hash)?)?);
        }
        let schema = match &one.schema_hash {
            Some(hash) => Some(self.context.catalog.cached_local_relation(hash)?),
            None => None,
        };
        let text = schema.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        self.local_rows(batches, text.as_deref())
    }

    pub(super) fn cached_remote_relation(&mut self, one: &CachedRemoteRelation) -> Result<ResolvedRelation> {
        let found = self.context.catalog.cached_remote_relation(&one.relation_id)?;
        self.named_relation(found)
    }

    pub(super) fn named_relation(&mut self, found: NamedRelation) -> Result<ResolvedRelation> {
        match found {
            NamedRelation::View(relation) | NamedRelation::LastingView { relation, .. } => self.relation(&relation),
            NamedRelation::Table(reader) => self.reader(reader),
        }
    }

    /// `VALUES (1, 'a'), (2, 'b')`: a union of one-row selects would do, but one plan node is enough.
    pub(super) fn inline_table(&mut self, one: &InlineTable) -> Result<ResolvedRelation> {
        let mut rows: Vec<Vec<TypedExpr>> = Vec::with_capacity(one.rows.len());
        for row in &one.rows {
            rows.push(row.values.iter().map(|value| self.expression(value, Scope::empty())).collect::<Result<_>>()?);
        }
        let width = rows.first().map_or(0, Vec::len);
        let mut columns = Vec::with_capacity(width);
        for index in 0..width {
            let types = rows.iter().map(|row| &row[index].data_type);
            let data_type = coercion::common_type(types, &self.context.settings).ok_or_else(|| {
                spark_error!(
                    "INVALID_INLINE_TABLE.INCOMPATIBLE_TYPES_IN_INLINE_TABLE",
                    colName = format!("`col{}`", index + 1),
                )
            })?;
            let nullable = rows.iter().any(|row| row[index].nullable);
            columns.push(Field::new(format!("col{}", index + 1), data_type, nullable));
        }
        let rows = rows.into_iter().map(|row| typed_row(row, &columns, &self.context.settings));
        let rows = rows.collect::<Result<Vec<_>>>()?;
        if let Some(batch) = constant_rows(&rows, &columns)? {
            let parts = dealt_out(&batch, self.context.cores);
            return self.partitions(&batch.schema(), parts);
        }
        let mut plans = Vec::with_capacity(rows.len());
        for row in rows {
            let items = row.into_iter().zip(&columns).map(|(value, column)| Item::new(column.name(), value));
            plans.push(self.select_values(one_row(), items.collect())?);
        }
        self.union_all(plans)
    }
}

/// The values of a row under the types of their columns.
fn typed_row(row: Vec<TypedExpr>, columns: &[Field], settings: &QuerySettings) -> Result<Vec<TypedExpr>> {
    let typed = row.into_iter().zip(columns).map(|(value, column)| {
        let typed = coercion::coerce_to(value, column.data_type(), settings)?;
        Ok(TypedExpr { nullable: column.is_nullable(), ..typed })
    });
    typed.collect()
}

/// The rows as one batch, if every value is a constant that can be computed now.
fn constant_rows(rows: &[Vec<TypedExpr>], columns: &[Field]) -> Result<Option<RecordBatch>> {
    let mut arrays = Vec::with_capacity(columns.len());
    for index in 0..columns.len() {
        let values = rows.iter().map(|row| match &row[index].expr {
            Expr::Literal(value, _) => Ok(Some(value.clone())),
            expr if expr.is_volatile() => Ok(None),
            expr => constant_of(expr).map(Some).ok_or_else(|| not_evaluated(&row[index])),
        });
        let Some(values) = values.collect::<Result<Option<Vec<_>>>>()? else { return Ok(None) };
        let array = ScalarValue::iter_to_array(values).map_err(from_datafusion)?;
        arrays.push(arrow::compute::cast(&array, columns[index].data_type())?);
    }
    let schema = Arc::new(Schema::new(columns.to_vec()));
    Ok(Some(RecordBatch::try_new(schema, arrays)?))
}

/// The rows in as many parts as there are cores, cut where Spark cuts them: sums of floating-point numbers depend on
/// that.
fn dealt_out(batch: &RecordBatch, cores: usize) -> Vec<Vec<RecordBatch>> {
    let (rows, parts) = (batch.num_rows(), cores.clamp(1, batch.num_rows().max(1)));
    let part = |index: usize| {
        let (start, end) = (index * rows / parts, (index + 1) * rows / parts);
        vec![batch.slice(start, end - start)]
    };
    (0..parts).map(part).collect()
}

fn not_evaluated(value: &TypedExpr) -> Error {
    spark_error!("INVALID_INLINE_TABLE.FAILED_SQL_EXPRESSION_EVALUATION", sqlExpr = format!("\"{}\"", value.sql))
}

/// SELECT without FROM: one row without columns.
pub(super) fn one_row() -> ResolvedRelation {
    let schema = Arc::new(datafusion::common::DFSchema::empty());
    let plan = LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: true, schema });
    ResolvedRelation::new(plan, Vec::new(), false)
}

/// A scan of the table under the columns' internal names.
fn scan(provider: Arc<dyn TableProvider>, columns: Vec<Attribute>) -> Result<ResolvedRelation> {
    let name = TableReference::bare("relation");
    let rows = LogicalPlanBuilder::scan(name.clone(), provider_as_source(provider), None)
        .and_then(LogicalPlanBuilder::build)
        .map_err(from_datafusion)?;
    let exprs = columns
        .iter()
        .map(|column| Expr::Column(Column::new(Some(name.clone()), &column.column)).alias(&column.column))
        .collect();
    Ok(ResolvedRelation::new(project(rows, exprs)?, columns, false))
}

/// A schema as DDL or JSON.
pub(super) fn parse_schema(text: &str) -> Result<Schema> {
    schema_from_proto(&crate::parser::parse_schema(text)?)
}

fn renamed_schema(schema: &Schema, columns: &[Attribute]) -> SchemaRef {
    let renamed = |field: &Field| Field::new(field.name(), field.data_type().clone(), field.is_nullable());
    let fields = schema.fields().iter().zip(columns).map(|(field, column)| renamed(field).with_name(&column.column));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The schema that Arrow from outside has in Spark's one form.
fn inner_schema(schema: &Schema) -> Schema {
    let fields =
        schema.fields().iter().map(|field| field.as_ref().clone().with_data_type(inner_type(field.data_type())));
    Schema::new(fields.collect::<Vec<_>>())
}

fn inner_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => DataType::Binary,
        DataType::Timestamp(_, Some(_)) => millstream_functions::data_type::timestamp(),
        DataType::Timestamp(_, None) => millstream_functions::data_type::timestamp_ntz(),
        DataType::List(element) | DataType::LargeList(element) => {
            millstream_functions::data_type::array(inner_type(element.data_type()), element.is_nullable())
        }
        other => other.clone(),
    }
}

/// The batch with columns of exactly these types.
fn with_schema(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    if batch.num_columns() != schema.fields().len() {
        return Err(Error::invalid(format!(
            "a local relation has {} columns, its schema {}",
            batch.num_columns(),
            schema.fields().len()
        )));
    }
    let columns: Vec<ArrayRef> = batch
        .columns()
        .iter()
        .zip(schema.fields())
        .map(|(column, field)| {
            if column.data_type() == field.data_type() {
                return masked(column);
            }
            masked(&arrow::compute::cast(column, field.data_type())?)
        })
        .collect::<Result<_>>()?;
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}

/// The column with NULL fields in NULL structs: Arrow leaves open what these have, and a field is read without a look
/// at its struct.
fn masked(column: &ArrayRef) -> Result<ArrayRef> {
    Ok(match column.data_type() {
        DataType::Struct(fields) => {
            let structs = column.as_struct();
            let children = structs.columns().iter().zip(fields).map(|(child, field)| {
                let child = masked(child)?;
                let nulls = NullBuffer::union(child.nulls(), structs.nulls());
                if !field.is_nullable() || nulls.as_ref() == child.nulls() {
                    return Ok(child);
                }
                Ok(make_array(child.to_data().into_builder().nulls(nulls).build()?))
            });
            let children = children.collect::<Result<Vec<_>>>()?;
            Arc::new(StructArray::try_new_with_length(
                fields.clone(),
                children,
                structs.nulls().cloned(),
                column.len(),
            )?)
        }
        DataType::List(element) => {
            let list = column.as_list::<i32>();
            let (offsets, nulls) = (list.offsets().clone(), list.nulls().cloned());
            Arc::new(ListArray::try_new(Arc::clone(element), offsets, masked(list.values())?, nulls)?)
        }
        _ => Arc::clone(column),
    })
}
