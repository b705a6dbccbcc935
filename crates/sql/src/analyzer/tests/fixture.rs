//! A session for tests: a clock that stands, no views, and a stream with Kafka's columns that is never opened.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use millstream_core::{Connector, ConnectorRegistry, Error, MemoryLedger, QuerySettings, Result, SourceConfig};
use millstream_engine::Work;
use millstream_functions::data_type::timestamp;
use millstream_testing::ManualClock;

use crate::session::{AnalysisContext, Catalog, NamedRelation};

#[derive(Debug)]
struct NoNames;

impl Catalog for NoNames {
    fn relation(&self, _name: &[String]) -> Result<Option<NamedRelation>> {
        Ok(None)
    }

    fn relation_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn cached_remote_relation(&self, relation_id: &str) -> Result<NamedRelation> {
        Err(Error::not_found(relation_id))
    }

    fn cached_local_relation(&self, hash: &str) -> Result<Vec<u8>> {
        Err(Error::not_found(format!("nothing was uploaded as {hash}")))
    }
}

/// Kafka's columns.
#[derive(Debug)]
struct Stream;

impl Connector for Stream {
    fn names(&self) -> &'static [&'static str] {
        &["kafka"]
    }

    fn source_schema(&self, _config: &SourceConfig) -> Result<SchemaRef> {
        Ok(Arc::new(Schema::new(vec![
            Field::new("key", DataType::Binary, true),
            Field::new("value", DataType::Binary, true),
            Field::new("topic", DataType::Utf8, true),
            Field::new("partition", DataType::Int32, true),
            Field::new("offset", DataType::Int64, true),
            Field::new("timestamp", timestamp(), true),
            Field::new("timestampType", DataType::Int32, true),
        ])))
    }
}

/// The columns of the rate source.
#[derive(Debug)]
struct Rate;

impl Connector for Rate {
    fn names(&self) -> &'static [&'static str] {
        &["rate", "rate-micro-batch"]
    }

    fn source_schema(&self, _config: &SourceConfig) -> Result<SchemaRef> {
        let fields = vec![Field::new("timestamp", timestamp(), true), Field::new("value", DataType::Int64, true)];
        Ok(Arc::new(Schema::new(fields)))
    }
}

/// A session in UTC.
pub(super) fn context() -> AnalysisContext {
    let mut connectors = ConnectorRegistry::default();
    connectors.register(Arc::new(Stream));
    connectors.register(Arc::new(Rate));
    AnalysisContext {
        settings: QuerySettings::default(),
        user: "tester".to_owned(),
        database: "default".to_owned(),
        conf: BTreeMap::new(),
        connectors: Arc::new(connectors),
        catalog: Arc::new(NoNames),
        memory: MemoryLedger::unlimited(),
        cores: 2,
        work: Work::uninterrupted(MemoryLedger::unlimited()),
        clock: ManualClock::new(),
    }
}
