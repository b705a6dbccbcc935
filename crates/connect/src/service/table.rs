//! `CREATE TABLE … USING` and `INSERT INTO`: a table lasts where its format is that of files (`lasting_table`); else
//! it is a name for a data source, and writing into it is a write with its format and options.
//!
//! Apache Spark refuses to insert into Kafka and to read such a table as a stream. What is streaming starts a query:
//! the options `outputMode`, `trigger` (`availableNow`, `once`, or an interval), `queryName` and `checkpointLocation`
//! are those of `writeStream`.

use std::collections::HashMap;

use millstream_core::{Connector, Error, KnownOptions, Options, Result, spark_error};
use millstream_engine::query::StreamingQuery;
use millstream_sql::parser::{PartitionSpec, TableDefinition};
use millstream_sql::{Catalog, NamedRelation, parse_name, table_not_found};
use spark_connect_proto::read::{DataSource, ReadType};
use spark_connect_proto::relation::RelType;
use spark_connect_proto::write_operation::SaveMode;
use spark_connect_proto::write_stream_operation_start::Trigger;
use spark_connect_proto::{Read, Relation, WriteOperation, WriteStreamOperationStart};

use super::sql_command::unquoted;
use super::store_assignment::Matching;
use super::{lasting_table, query_plan, write_batch, write_stream};
use crate::error::handle::unsupported;
use crate::session::queries::StartedBy;
use crate::session::{Computation, ViewName};

/// The options of a table that say how a query runs which writes to it.
const QUERY_OPTIONS: &str = "outputMode, trigger, queryName, checkpointLocation, checkpoint.sync";

/// Makes a table that lasts, of files; or names another data source for the rest of the session.
pub(super) async fn create(session: &Computation, table: TableDefinition, if_not_exists: bool) -> Result<()> {
    let format = table.source.format.clone().unwrap_or_else(|| write_batch::default_source(session));
    let connector = session.analysis_context()?.connectors.get(&format)?;
    if connector.has_tables() {
        return lasting_table::create(session, table, if_not_exists).await;
    }
    if !table.partitions.is_empty() || table.location.is_some() || !table.properties.is_empty() {
        let what = "PARTITIONED BY, LOCATION or TBLPROPERTIES of a table that is no folder of files";
        return Err(unsupported(what));
    }
    let (name, source) = (&unquoted(&table.name), table.source);
    if session.relation(&[name.to_owned()])?.is_some() {
        return if if_not_exists { Ok(()) } else { Err(exists(name)) };
    }
    // Whether it can be read or written shows where that is asked for.
    refuse_unknown_options(connector.as_ref(), &source)?;
    let read = Read { is_streaming: false, read_type: Some(ReadType::DataSource(source)) };
    let relation = Relation { common: None, rel_type: Some(RelType::Read(read)) };
    session.names().create_view(ViewName { name, global: false }, relation, false)
}

/// Of an option of `writeStream` Spark's own words say where it is used; of one of a table nobody would say that it was
/// not.
fn refuse_unknown_options(connector: &dyn Connector, source: &DataSource) -> Result<()> {
    let Some(known) = connector.known_options() else { return Ok(()) };
    let options: Options = source.options.iter().collect();
    let Some(option) = known.unknown(&options, &KnownOptions::OF_QUERIES).first().copied() else { return Ok(()) };
    let format = connector.names()[0];
    let meant = option.meant.map(|name| format!("did you mean '{name}'? ")).unwrap_or_default();
    let own = if known.names.is_empty() { "no options of its own".to_owned() } else { known.names.join(", ") };
    Err(Error::illegal_argument(format!("'{}' is no option of a table of format '{format}'", option.name))
        .with_hint(format!("{meant}the format has {own}; a query that writes to it has {QUERY_OPTIONS}")))
}

/// Writes the rows of a query; a streaming one goes on from here.
pub(crate) async fn insert(session: &Computation, into: Insert<'_>, query: Relation) -> Result<Option<StreamingQuery>> {
    let parts = parse_name(into.table)?;
    let lasting = session.lasting_table(&parts)?;
    let found = session.stream(&parts)?.ok_or_else(|| table_not_found(&parts))?;
    let view = session.lasting_view(&parts)?.map(|(name, _)| name.quoted());
    let source =
        source_of(found).ok_or_else(|| not_allowed(&view.unwrap_or_else(|| format!("`{}`", unquoted(into.table)))))?;
    let streams = query_plan::analyze(session, &query).await?.is_streaming;
    if let Some(found) = lasting.clone().filter(|_| !streams) {
        let matching = if into.by_name { Matching::Name } else { Matching::Position };
        let Insert { overwrite, partition, if_not_exists, .. } = into;
        let insert = lasting_table::Insert { query, matching, overwrite, partition, if_not_exists };
        return lasting_table::insert(session, found, insert).await.map(|_| None);
    }
    if !into.partition.is_empty() {
        return Err(unsupported("INSERT … PARTITION of anything but the rows of a batch into a table of files"));
    }
    if into.overwrite {
        return Err(unsupported("INSERT OVERWRITE of anything but the rows of a batch into a table of files"));
    }
    if streams {
        let mut write = streaming_write(source, query);
        write.partitioning_column_names = lasting.map(|(_, table)| table.partition_columns).unwrap_or_default();
        let started = write_stream::start_query(session, write, StartedBy::default()).await;
        return started.map(Some).map_err(|error| match error.class() {
            Some("INVALID_INTERVAL_FORMAT.UNRECOGNIZED_NUMBER" | "CANNOT_PARSE_INTERVAL") => {
                error.with_hint("option 'trigger' is availableNow, once, or an interval such as '10 seconds'")
            }
            _ => error,
        });
    }
    let write = WriteOperation {
        input: Some(query),
        source: source.format,
        mode: SaveMode::Append.into(),
        options: source.options,
        ..WriteOperation::default()
    };
    write_batch::execute(session, write).await.map(|_| None)
}

/// What INSERT says of the table.
pub(crate) struct Insert<'a> {
    pub(crate) table: &'a str,
    pub(crate) by_name: bool,
    pub(crate) overwrite: bool,
    pub(crate) partition: PartitionSpec,
    pub(crate) if_not_exists: bool,
}

/// The data source that the name stands for, if it does.
fn source_of(relation: NamedRelation) -> Option<DataSource> {
    let NamedRelation::View(view) = relation else { return None };
    match view.rel_type? {
        RelType::Read(Read { read_type: Some(ReadType::DataSource(source)), .. }) => Some(source),
        _ => None,
    }
}

/// The message that `writeStream…start()` would send.
fn streaming_write(source: DataSource, query: Relation) -> WriteStreamOperationStart {
    let mut options = source.options;
    let output_mode = take(&mut options, "outputMode").unwrap_or_default();
    let query_name = take(&mut options, "queryName").unwrap_or_default();
    let trigger = take(&mut options, "trigger").map(|text| match text.to_ascii_lowercase().as_str() {
        "availablenow" => Trigger::AvailableNow(true),
        "once" => Trigger::Once(true),
        _ => Trigger::ProcessingTimeInterval(text),
    });
    WriteStreamOperationStart {
        input: Some(query),
        format: source.format.unwrap_or_default(),
        options,
        output_mode,
        query_name,
        trigger,
        ..WriteStreamOperationStart::default()
    }
}

/// An option in any letter case, which is then no option of the sink.
fn take(options: &mut HashMap<String, String>, name: &str) -> Option<String> {
    let key = options.keys().find(|key| key.eq_ignore_ascii_case(name))?.clone();
    options.remove(&key)
}

fn exists(name: &str) -> Error {
    spark_error!("TABLE_OR_VIEW_ALREADY_EXISTS", relationName = format!("`spark_catalog`.`default`.`{name}`"))
}

fn not_allowed(name: &str) -> Error {
    spark_error!("EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE", operation = "INSERT", viewName = name)
        .with_hint("INSERT INTO writes into what CREATE TABLE … USING has named")
}
