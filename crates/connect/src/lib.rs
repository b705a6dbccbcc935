//! The Spark Connect service: sessions, operations that outlive their connection, commands, errors.
//!
//! A call comes in through `server`, is answered by one file of `service`, works on a `session`, and what goes back is
//! made in `to_proto` and `error`. Plans are analysed by `millstream_sql` and streams are run by `millstream_engine`;
//! this crate knows neither expressions nor batches.

mod batch_threads;
mod error;
mod server;
mod service;
mod session;
mod sql_session;
mod to_proto;
mod warehouse;

use std::path::PathBuf;
use std::sync::Arc;

use millstream_core::ConnectorRegistry;
use millstream_engine::query::Engine;
use parking_lot::Mutex;

pub use self::batch_threads::BatchThreads;
pub use self::server::ConnectServer;
use self::session::Views;
pub use self::sql_session::{Environment, SqlAnswer, SqlSession};
use self::warehouse::Warehouse;
pub use millstream_sql::nesting::STACK_BYTES;

/// What a server is made of.
#[derive(Debug)]
pub struct ServerConfig {
    /// What runs the queries of all sessions.
    pub engine: Engine,
    /// Where plans are analysed and batch queries run.
    pub batch_threads: BatchThreads,
    /// What `format(…)` means.
    pub connectors: Arc<ConnectorRegistry>,
    /// What a session has that sets nothing.
    pub defaults: SessionDefaults,
}

/// Settings of sessions that do not set them.
#[derive(Debug, Clone)]
pub struct SessionDefaults {
    /// `spark.sql.session.timeZone`: an IANA name.
    pub time_zone: String,
    /// `millstream.strictSpark`: streaming queries are refused wherever Spark refuses them.
    pub strict_spark: bool,
    /// `spark.sql.warehouse.dir`: where tables that last are kept.
    pub warehouse: PathBuf,
}

/// What all sessions share.
#[derive(Debug)]
pub(crate) struct ServerContext {
    pub(crate) engine: Engine,
    pub(crate) batch_threads: BatchThreads,
    pub(crate) connectors: Arc<ConnectorRegistry>,
    pub(crate) defaults: SessionDefaults,
    pub(crate) global_views: Arc<Mutex<Views>>,
    pub(crate) warehouse: Warehouse,
}

/// The version of Spark whose protocol and answers this is.
pub const SPARK_VERSION: &str = "4.2.0";
