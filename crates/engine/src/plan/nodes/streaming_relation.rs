//! The leaf of a streaming plan: a source that is not open yet. Opening it is the running query's business.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};
use millstream_core::{Connector, SourceConfig};
use uuid::Uuid;

/// A stream by connector and options (Spark: `StreamingRelationV2`).
#[derive(Debug, Clone)]
pub struct StreamingRelationNode {
    /// Two readers with equal options are two relations; one reader used twice in a query is one.
    id: Uuid,
    format: String,
    connector: Arc<dyn Connector>,
    config: SourceConfig,
    schema: DFSchemaRef,
}

impl StreamingRelationNode {
    /// A new relation; asks the connector for its columns, which checks the options.
    pub fn try_new(format: &str, connector: Arc<dyn Connector>, config: SourceConfig) -> millstream_core::Result<Self> {
        let columns = connector.source_schema(&config)?;
        let schema = DFSchema::try_from(columns.as_ref().clone()).map_err(crate::error::from_datafusion)?;
        Ok(Self { id: Uuid::new_v4(), format: format.to_owned(), connector, config, schema: Arc::new(schema) })
    }

    /// Which relation this is.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// The format as the user wrote it.
    pub fn format(&self) -> &str {
        &self.format
    }

    /// What opens it.
    pub fn connector(&self) -> &Arc<dyn Connector> {
        &self.connector
    }

    /// How it is opened; the query's identity is filled in at start.
    pub fn config(&self) -> &SourceConfig {
        &self.config
    }
}

impl PartialEq for StreamingRelationNode {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for StreamingRelationNode {}

impl Hash for StreamingRelationNode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl PartialOrd for StreamingRelationNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.id.partial_cmp(&other.id)
    }
}

impl UserDefinedLogicalNodeCore for StreamingRelationNode {
    fn name(&self) -> &str {
        "StreamingRelation"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        vec![]
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamingRelation {}", self.format)
    }

    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, _inputs: Vec<LogicalPlan>) -> Result<Self> {
        Ok(self.clone())
    }
}
