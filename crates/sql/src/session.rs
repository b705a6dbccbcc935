//! What the analyzer needs to know of a session: settings, connectors, and what names mean.
//!
//! A session itself (its life, its configuration commands, its queries) is the business of whoever serves it.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use millstream_core::{BatchReader, Clock, ConnectorRegistry, MemoryLedger, QuerySettings, Result};
use millstream_engine::Work;
use spark_connect_proto::Relation;

/// Everything outside a plan on which its meaning depends. Made once per request.
#[derive(Debug, Clone)]
pub struct AnalysisContext {
    /// Zone, ANSI mode, case sensitivity.
    pub settings: QuerySettings,
    /// The user, for `current_user()`.
    pub user: String,
    /// The database of names that have none, for `current_database()`.
    pub database: String,
    /// The session's configuration as set, without defaults.
    pub conf: BTreeMap<String, String>,
    /// What `format(…)` means.
    pub connectors: Arc<ConnectorRegistry>,
    /// What table names mean.
    pub catalog: Arc<dyn Catalog>,
    /// The ledger in which buffers are counted.
    pub memory: MemoryLedger,
    /// Tasks that a query may use at the same time.
    pub cores: usize,
    /// The computation that the request is, for all that may take long.
    pub work: Work,
    /// Time; read once when a batch query is executed.
    pub clock: Arc<dyn Clock>,
}

impl AnalysisContext {
    /// A configuration value, or Spark's default for it.
    pub(crate) fn conf<'a>(&'a self, key: &str, default: &'a str) -> &'a str {
        self.conf.get(key).map_or(default, String::as_str)
    }

    /// Whether two names are the same column, field or alias.
    pub(crate) fn same_name(&self, left: &str, right: &str) -> bool {
        if self.settings.case_sensitive { left == right } else { left.to_lowercase() == right.to_lowercase() }
    }
}

/// What a name of a session stands for.
#[derive(Debug, Clone)]
pub enum NamedRelation {
    /// A view: a plan that is analysed again wherever it is used.
    View(Box<Relation>),
    /// A view that outlives its session: a plan whose names are of the database in which it was made.
    LastingView {
        /// The plan.
        relation: Box<Relation>,
        /// The database of its names that have none.
        database: String,
    },
    /// Rows that can be read as a whole: a memory sink's table, or the rows of one batch.
    Table(Arc<dyn BatchReader>),
}

/// The names of a session. Implemented by whoever keeps sessions.
pub trait Catalog: Send + Sync + Debug {
    /// The temporary view or table of this name (its parts, as written).
    ///
    /// # Errors
    /// What is kept under the name cannot be read.
    fn relation(&self, name: &[String]) -> Result<Option<NamedRelation>>;

    /// The same for a read as a stream.
    ///
    /// # Errors
    /// What is kept under the name cannot be read.
    fn stream(&self, name: &[String]) -> Result<Option<NamedRelation>> {
        self.relation(name)
    }

    /// Names to propose when [`Catalog::relation`] knows none.
    fn relation_names(&self) -> Vec<String>;

    /// What the server gave a client to hold by id (`foreachBatch`'s DataFrame).
    fn cached_remote_relation(&self, relation_id: &str) -> Result<NamedRelation>;

    /// A local relation that the client uploaded before, by its hash.
    ///
    /// # Errors
    /// When nothing was uploaded under this hash.
    fn cached_local_relation(&self, hash: &str) -> Result<Vec<u8>>;
}
