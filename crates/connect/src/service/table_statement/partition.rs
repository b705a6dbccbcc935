//! What PARTITION (…) says, as a part of the names of folders.

use arrow::array::AsArray;
use futures::TryStreamExt;
use millstream_core::{Result, spark_error};
use millstream_formats::partition_name::folder;
use millstream_sql::parser::{PartitionSpec, PartitionValue};
use spark_connect_proto::data_type::{Kind, StructField};
use spark_connect_proto::expression::{Alias, Cast, ExprType, Literal, cast, literal::LiteralType};
use spark_connect_proto::relation::RelType;
use spark_connect_proto::{DataType, Expression, Project, Relation, data_type};

use crate::service::query_plan;
use crate::session::Computation;
use crate::warehouse::{Table, TableName};

/// The keys of a specification and their values, in the order of the table's.
#[derive(Debug, Clone)]
pub(crate) struct Partition {
    /// For each column of partitions what is said of it.
    pub(crate) values: Vec<(String, Said)>,
    /// How many keys a partition has.
    complete: bool,
}

/// What is said of the value of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// Nothing at all.
    Unnamed,
    /// It is named, and the rows have it.
    Dynamic,
    /// It is this one.
    Fixed(Option<String>),
}

impl Partition {
    /// Finds the columns and gives the values their types' form: `'01'` of INT is `1`.
    ///
    /// # Errors
    /// `PARTITIONS_NOT_FOUND` for a column that is no key, and those of the casts.
    pub(crate) async fn of(
        session: &Computation,
        (name, table): (&TableName, &Table),
        spec: PartitionSpec,
    ) -> Result<Self> {
        let is_key = |key: &str| table.partition_columns.iter().any(|column| column.eq_ignore_ascii_case(key));
        if let Some((key, _)) = spec.iter().find(|(key, _)| !is_key(key)) {
            let key = format!("`{key}`");
            return Err(spark_error!("PARTITIONS_NOT_FOUND", partitionList = key, tableName = name.quoted()));
        }
        let fields = table.columns()?;
        let mut values = Vec::new();
        for column in &table.partition_columns {
            let field = fields.iter().find(|field| field.name.eq_ignore_ascii_case(column));
            let said = spec.iter().find(|(key, _)| key.eq_ignore_ascii_case(column)).map(|(_, value)| value);
            values.push((
                column.clone(),
                match said {
                    None => Said::Unnamed,
                    Some(PartitionValue::Any) => Said::Dynamic,
                    Some(PartitionValue::Null) => Said::Fixed(None),
                    Some(PartitionValue::Text(text)) => Said::Fixed(Some(cast(session, text, field).await?)),
                },
            ));
        }
        if values.iter().any(|(_, said)| *said == Said::Fixed(Some(String::new()))) {
            let pair = |(name, said): &(String, Said)| match said {
                Said::Fixed(value) => format!("{name}=Some({})", value.as_deref().unwrap_or("null")),
                Said::Unnamed | Said::Dynamic => format!("{name}=None"),
            };
            let spec = format!("[{}]", values.iter().map(pair).collect::<Vec<_>>().join(", "));
            let details = format!("The spec ({spec}) contains an empty partition column value");
            return Err(spark_error!("_LEGACY_ERROR_TEMP_1076", details = details));
        }
        let complete = values.iter().all(|(_, said)| matches!(said, Said::Fixed(_)));
        Ok(Self { values, complete })
    }

    /// What a statement without PARTITION says.
    pub(crate) fn nothing() -> Self {
        Self { values: Vec::new(), complete: true }
    }

    /// Refuses what INSERT cannot write into: all keys are named or none, those with values first.
    pub(crate) fn check_insert(&self, name: &TableName, table: &Table) -> Result<()> {
        let named = self.named();
        if named.is_empty() {
            return Ok(());
        }
        if named.len() < table.partition_columns.len() {
            return Err(spark_error!(
                "_LEGACY_ERROR_TEMP_1169",
                tableName = name.quoted(),
                normalizedPartSpec = named.join(","),
                partColNames = table.partition_columns.join(","),
            ));
        }
        let first_dynamic = self.values.iter().position(|(_, said)| *said == Said::Dynamic);
        let last_fixed = self.values.iter().rposition(|(_, said)| matches!(said, Said::Fixed(_)));
        if first_dynamic.is_some_and(|dynamic| last_fixed.is_some_and(|fixed| fixed > dynamic)) {
            let columns = format!("[{}]", table.partition_columns.join(","));
            return Err(spark_error!("_LEGACY_ERROR_TEMP_1147", partColumns = columns));
        }
        Ok(())
    }

    /// Whether it names one partition.
    pub(crate) fn is_complete(&self) -> bool {
        self.complete
    }

    /// The columns that are named, as they are called in the table.
    pub(crate) fn named(&self) -> Vec<&str> {
        self.values.iter().filter(|(_, said)| *said != Said::Unnamed).map(|(name, _)| name.as_str()).collect()
    }

    /// The values that the statement gives.
    pub(crate) fn fixed(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.values.iter().filter_map(|(name, said)| match said {
            Said::Fixed(value) => Some((name.as_str(), value.as_deref())),
            Said::Unnamed | Said::Dynamic => None,
        })
    }

    /// The folder of a complete one.
    pub(crate) fn folder(&self) -> String {
        self.fixed().map(|(name, value)| folder(name, value)).collect::<Vec<_>>().join("/")
    }

    /// Those of the folders that have the values.
    pub(crate) fn among(&self, folders: &[String]) -> Result<Vec<String>> {
        let wanted: Vec<_> = self
            .values
            .iter()
            .map(|(name, said)| match said {
                Said::Fixed(value) => Some(folder(name, value.as_deref())),
                Said::Unnamed | Said::Dynamic => None,
            })
            .collect();
        let matches = |path: &&String| {
            path.split('/').zip(&wanted).all(|(part, wanted)| wanted.as_ref().is_none_or(|wanted| wanted == part))
        };
        Ok(folders.iter().filter(matches).cloned().collect())
    }

    /// Spark's way to write it in errors.
    pub(crate) fn shown(&self) -> String {
        let pair = |(name, value): (&str, Option<&str>)| format!("`{name}` = {}", value.unwrap_or("null"));
        format!("PARTITION ({})", self.fixed().map(pair).collect::<Vec<_>>().join(", "))
    }
}

/// A value as its column's type writes it.
async fn cast(session: &Computation, text: &str, field: Option<&StructField>) -> Result<String> {
    let Some(to) = field.and_then(|field| field.data_type.clone()) else { return Ok(text.to_owned()) };
    if matches!(to.kind, Some(Kind::String(_))) {
        return Ok(text.to_owned());
    }
    let literal = Literal { literal_type: Some(LiteralType::String(text.to_owned())), ..Literal::default() };
    let value = casted(expression(ExprType::Literal(literal)), to);
    let string = DataType { kind: Some(Kind::String(data_type::String::default())) };
    let alias = Alias { expr: Some(Box::new(casted(value, string))), name: vec!["v".to_owned()], metadata: None };
    let project = Project { input: None, expressions: vec![expression(ExprType::Alias(Box::new(alias)))] };
    let relation = Relation { common: None, rel_type: Some(RelType::Project(Box::new(project))) };
    let rows = query_plan::rows(session, &relation).await?;
    let batches: Vec<_> = rows.batches.try_collect().await?;
    let first = batches.iter().find(|batch| batch.num_rows() > 0);
    let column = first.map(|batch| arrow::compute::cast(batch.column(0), &arrow::datatypes::DataType::Utf8));
    let column = column.transpose()?;
    Ok(column.map_or_else(String::new, |column| column.as_string::<i32>().value(0).to_owned()))
}

fn casted(expr: Expression, to: DataType) -> Expression {
    let cast = Cast {
        expr: Some(Box::new(expr)),
        eval_mode: cast::EvalMode::Ansi.into(),
        cast_to_type: Some(cast::CastToType::Type(to)),
    };
    expression(ExprType::Cast(Box::new(cast)))
}

fn expression(kind: ExprType) -> Expression {
    Expression { common: None, expr_type: Some(kind) }
}
