//! `spark.read.json(df)` and `spark.read.csv(df)`: each value of a text column is a record.
//!
//! A record is read by the function of its format, and what a reader does beside that is written around it: blank
//! records are no rows, and an array of JSON is as many rows as it has elements.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Schema};
use datafusion::logical_expr::LogicalPlanBuilder;
use millstream_core::{Error, Result, spark_error};
use millstream_engine::error::from_datafusion;
use millstream_functions::constant_of;
use millstream_functions::data_type::sql_name;
use spark_connect_proto::data_type::{self as types, Kind};
use spark_connect_proto::expression::literal::LiteralType;
use spark_connect_proto::expression::{ExprType, UnresolvedStar};
use spark_connect_proto::parse::ParseFormat;
use spark_connect_proto::{DataType as ProtoType, Expression, Parse};

use super::super::Analyzer;
use super::super::expression::Item;
use super::super::resolved_relation::ResolvedRelation;
use super::super::scope::Scope;
use super::summary::{alias, attribute, call, literal};
use crate::data_type::{from_text, schema_from_proto, schema_to_proto};
use crate::parser::to_ddl;

/// A record of white space.
const BLANK: &str = "^[\\x00-\\x20]*$";
/// The name of the column that holds a record while it is read, and of what was read.
const RECORD: &str = "record";

impl Analyzer<'_> {
    pub(super) fn parse(&mut self, parse: &Parse) -> Result<ResolvedRelation> {
        let input = self.input(parse.input.as_deref())?.visible()?;
        let [column] = input.columns.as_slice() else {
            return Err(spark_error!("DATAFRAME_INPUT_NOT_SINGLE_COLUMN", numColumns = input.columns.len()));
        };
        if column.data_type != DataType::Utf8 {
            let data_type = format!("\"{}\"", sql_name(&column.data_type));
            return Err(spark_error!("DATAFRAME_INPUT_NOT_STRING_TYPE", dataType = data_type));
        }
        let records = Item::renamed(column, RECORD);
        let records = self.select_values(input, vec![records])?;
        check_options(parse)?;
        let schema = parse.schema.as_ref().map(struct_of).transpose()?;
        let read = match (parse.format(), schema) {
            (ParseFormat::Json, Some(schema)) => json(&schema, parse),
            (ParseFormat::Csv, Some(schema)) => csv(&schema, parse),
            (ParseFormat::Csv, None) => match self.csv_schema(records.clone(), parse)? {
                Some(schema) => csv(&schema, parse),
                None => return self.rows(&Arc::new(Schema::empty()), Vec::new()),
            },
            (ParseFormat::Json, None) => {
                let hint = "name the schema: spark.read.json(df, schema=…)";
                return Err(unsupported("Guessing the schema of JSON records").with_hint(hint));
            }
            (ParseFormat::Xml, _) => return Err(unsupported("Reading XML")),
            (ParseFormat::Unspecified, _) => return Err(Error::invalid("records to be read in no format")),
        };
        let records = self.without_blank(records, parse.format() == ParseFormat::Json)?;
        let list = self.select_list(&[alias(read, RECORD)], Scope::over(&records))?;
        let read = self.select(records, list)?;
        let fields = self.items(&[fields_of_record()], Scope::over(&read))?;
        self.select_values(read, fields)
    }

    /// The records without those of white space. A NULL is a row of NULLs in JSON and none in CSV.
    fn without_blank(&mut self, records: ResolvedRelation, keeps_null: bool) -> Result<ResolvedRelation> {
        let blank = call("regexp_like", vec![attribute(RECORD), text(BLANK)]);
        let blank = call("coalesce", vec![blank, literal(LiteralType::Boolean(!keeps_null))]);
        let kept = self.expression(&call("not", vec![blank]), Scope::over(&records))?;
        let plan = LogicalPlanBuilder::from(records.plan.clone()).filter(kept.expr);
        let plan = plan.and_then(LogicalPlanBuilder::build).map_err(from_datafusion)?;
        Ok(records.with_plan(plan))
    }

    /// As many text columns as the first record has values; `None` where there is no record.
    fn csv_schema(&mut self, records: ResolvedRelation, parse: &Parse) -> Result<Option<ProtoType>> {
        let records = self.without_blank(records, false)?;
        let first = LogicalPlanBuilder::from(records.plan.clone()).limit(0, Some(1));
        let first = first.and_then(LogicalPlanBuilder::build).map_err(from_datafusion)?;
        let first = self.data(records.with_plan(first))?;
        let Some(record) = first.column(0).as_string::<i32>().iter().flatten().next() else { return Ok(None) };
        let guessed = call("schema_of_csv", [vec![text(record)], options(parse)].concat());
        let guessed = self.expression(&guessed, Scope::empty())?;
        let guessed = constant_of(&guessed.expr).map(|value| value.to_string()).unwrap_or_default();
        let DataType::Struct(fields) = from_text(&guessed)? else {
            return Err(Error::internal("the schema of a CSV record is no struct"));
        };
        let field = |index: usize| types::StructField {
            name: format!("_c{index}"),
            data_type: Some(ProtoType { kind: Some(Kind::String(types::String::default())) }),
            nullable: true,
            metadata: None,
        };
        Ok(Some(structure((0..fields.len()).map(field).collect())))
    }
}

fn fields_of_record() -> Expression {
    let star = UnresolvedStar { unparsed_target: Some(format!("{RECORD}.*")), ..UnresolvedStar::default() };
    Expression { common: None, expr_type: Some(ExprType::UnresolvedStar(star)) }
}

fn text(value: &str) -> Expression {
    literal(LiteralType::String(value.to_owned()))
}

/// The reader's options as an argument of the format's function, where there are any.
fn options(parse: &Parse) -> Vec<Expression> {
    let mut all: Vec<_> = parse.options.iter().collect();
    all.sort();
    let entries: Vec<_> = all.into_iter().flat_map(|(key, value)| [text(key), text(value)]).collect();
    if entries.is_empty() { Vec::new() } else { vec![call("map", entries)] }
}

fn json(schema: &ProtoType, parse: &Parse) -> Expression {
    let read = |record: Expression, schema: &ProtoType| {
        call("from_json", [vec![record, text(&to_ddl(schema))], options(parse)].concat())
    };
    let rows =
        types::Array { element_type: Some(Box::new(schema.clone())), contains_null: true, ..types::Array::default() };
    let rows = ProtoType { kind: Some(Kind::Array(Box::new(rows))) };
    let row = call("array", vec![read(attribute(RECORD), schema)]);
    let no_row = call("array", vec![read(call("nullif", vec![text(""), text("")]), schema)]);
    let is_array = call("regexp_like", vec![attribute(RECORD), text("^\\s*\\[")]);
    let is_array = call("coalesce", vec![is_array, literal(LiteralType::Boolean(false))]);
    let several = call("coalesce", vec![read(attribute(RECORD), &rows), no_row]);
    call("explode", vec![call("if", vec![is_array, several, row])])
}

fn csv(schema: &ProtoType, parse: &Parse) -> Expression {
    call("from_csv", [vec![attribute(RECORD), text(&to_ddl(schema))], options(parse)].concat())
}

/// The schema that was asked for. A reader takes every column for one that may be NULL.
fn struct_of(schema: &ProtoType) -> Result<ProtoType> {
    let schema = schema_to_proto(&schema_from_proto(schema)?);
    let Some(Kind::Struct(fields)) = schema.kind else { return Err(Error::invalid("a schema that is no struct")) };
    if fields.fields.iter().any(|field| field.name == "_corrupt_record") {
        return Err(unsupported("Reading what is no record into a column of its own"));
    }
    Ok(structure(fields.fields.into_iter().map(|field| types::StructField { nullable: true, ..field }).collect()))
}

fn structure(fields: Vec<types::StructField>) -> ProtoType {
    ProtoType { kind: Some(Kind::Struct(types::Struct { fields, ..types::Struct::default() })) }
}

/// Refuses the options that a reader has and the functions of the formats have not.
fn check_options(parse: &Parse) -> Result<()> {
    for (key, value) in &parse.options {
        let refused = match key.to_lowercase().as_str() {
            "mode" => !value.eq_ignore_ascii_case("permissive"),
            "header" | "inferschema" => !value.eq_ignore_ascii_case("false"),
            "comment" | "columnnameofcorruptrecord" | "samplingratio" | "linesep" | "multiline" => true,
            _ => false,
        };
        if refused {
            return Err(unsupported(&format!("The option '{key}' = '{value}' for records in a DataFrame")));
        }
    }
    Ok(())
}

fn unsupported(what: &str) -> Error {
    Error::unsupported(format!("{what} is not supported by Millstream."))
}
