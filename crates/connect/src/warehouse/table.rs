//! What is known of a table and of a database.

use std::collections::BTreeMap;
use std::path::PathBuf;

use millstream_core::Result;
use millstream_sql::parser;
use serde::{Deserialize, Serialize};
use spark_connect_proto::data_type::{Kind, StructField};
use spark_connect_proto::read::{DataSource, ReadType};
use spark_connect_proto::relation::RelType;
use spark_connect_proto::{DataType, LocalRelation, Read, Relation};

/// A table: a folder of files and what they mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Table {
    /// The format of the files.
    pub(crate) provider: String,
    /// The columns as Spark's JSON; those of partitions are last.
    pub(crate) schema: String,
    pub(crate) partition_columns: Vec<String>,
    pub(crate) location: PathBuf,
    /// Whether the files go with the table.
    pub(crate) managed: bool,
    /// Those of each read and write.
    pub(crate) options: BTreeMap<String, String>,
    pub(crate) comment: Option<String>,
    pub(crate) properties: BTreeMap<String, String>,
    pub(crate) created_ms: i64,
    /// Whether its partitions are known one by one. A table that was made before they were has all folders.
    #[serde(default)]
    pub(crate) tracks_partitions: bool,
    /// The columns of CLUSTER BY, which nothing is arranged by.
    #[serde(default)]
    pub(crate) clustering_columns: Vec<String>,
}

/// A database: where its tables lie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Database {
    pub(crate) name: String,
    pub(crate) location: PathBuf,
    pub(crate) comment: Option<String>,
    #[serde(default)]
    pub(crate) properties: BTreeMap<String, String>,
}

impl Table {
    /// The columns, those of partitions last.
    pub(crate) fn columns(&self) -> Result<Vec<StructField>> {
        fields(&self.schema)
    }

    /// A read of the table: of all that lies in its folder, or of these partitions alone.
    pub(crate) fn relation(&self, partitions: Option<&[String]>) -> Relation {
        let mut source = self.source(Some(self.schema.clone()));
        if let Some(partitions) = partitions {
            let there: Vec<_> =
                partitions.iter().map(|folder| self.location.join(folder)).filter(|path| path.is_dir()).collect();
            if there.is_empty() {
                return self.no_rows();
            }
            if let Some(path) = source.options.remove("path") {
                source.options.insert("basePath".to_owned(), path);
            }
            source.paths = there.iter().map(|path| path.display().to_string()).collect();
        }
        let read = Read { is_streaming: false, read_type: Some(ReadType::DataSource(source)) };
        Relation { common: None, rel_type: Some(RelType::Read(read)) }
    }

    /// The columns without a row: a table whose folder is gone has none.
    pub(crate) fn no_rows(&self) -> Relation {
        let rows = LocalRelation { data: None, schema: Some(self.schema.clone()) };
        Relation { common: None, rel_type: Some(RelType::LocalRelation(rows)) }
    }

    /// Whether its rows are those of the partitions that are known, and not of all folders.
    pub(crate) fn reads_partitions(&self) -> bool {
        // The log of a stream says by itself which files count.
        self.tracks_partitions && !self.location.join("_spark_metadata").is_dir()
    }

    /// The files as a data source, with the table's columns or with those that they show.
    pub(crate) fn source(&self, schema: Option<String>) -> DataSource {
        let mut options: std::collections::HashMap<_, _> = self.options.clone().into_iter().collect();
        options.insert("path".to_owned(), self.location.display().to_string());
        DataSource { format: Some(self.provider.clone()), schema, options, ..DataSource::default() }
    }

    /// Spark's word for whose the files are.
    pub(crate) fn kind(&self) -> &'static str {
        if self.managed { "MANAGED" } else { "EXTERNAL" }
    }
}

/// The columns of a schema as Spark's JSON.
pub(super) fn fields(schema: &str) -> Result<Vec<StructField>> {
    match parser::parse_schema(schema)?.kind {
        Some(Kind::Struct(columns)) => Ok(columns.fields),
        _ => Ok(Vec::new()),
    }
}

/// The schema of a table: whatever is in it may be NULL, and partitions come last.
pub(crate) fn table_schema(columns: Vec<StructField>, partitions: &[String]) -> String {
    let is_partition =
        |column: &StructField| partitions.iter().position(|name| name.eq_ignore_ascii_case(&column.name));
    let (mut last, mut fields): (Vec<_>, Vec<_>) =
        columns.into_iter().partition(|column| is_partition(column).is_some());
    last.sort_by_key(is_partition);
    fields.extend(last);
    let fields = fields.into_iter().map(|field| StructField { nullable: true, ..field }).collect();
    let kind = Kind::Struct(spark_connect_proto::data_type::Struct { fields, type_variation_reference: 0 });
    parser::to_json(&DataType { kind: Some(kind) })
}
