//! The engine and the service of this process: put together, and brought to an end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use millstream_broker::Broker;
use millstream_connect::{ConnectServer, Environment, ServerConfig, SessionDefaults, SqlSession};
use millstream_connectors::checkpoint::{CheckpointDisks, S3Settings};
use millstream_connectors::console::Console;
use millstream_connectors::register_all;
use millstream_core::{Clock, ConnectorRegistry, Error, MemoryLedger, Result, SystemClock};
use millstream_engine::query::Engine;
use millstream_engine::{LocalDisk, Platform};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::args::EngineArgs;
use crate::broker;
use crate::memory_size::MemorySize;
use crate::runtimes::QueryRuntimes;
use crate::time_zone;

/// How long running batches may take to end and commit once the process is to end.
pub(crate) const QUERIES_END_WITHIN: Duration = Duration::from_millis(4000);
/// How long calls under way may take after that.
const CALLS_END_WITHIN: Duration = Duration::from_millis(300);

/// A running server.
pub(crate) struct Process {
    pub(crate) address: SocketAddr,
    broker: Option<Broker>,
    engine: Engine,
    server: ConnectServer,
    shutdown: CancellationToken,
    serving: tokio::task::JoinHandle<Result<()>>,
    /// Ended with the process.
    _runtimes: QueryRuntimes,
}

impl Process {
    /// Opens the port; what console sinks print goes to `console`. Everything else starts when it is needed.
    pub(crate) async fn start(listen: SocketAddr, args: &EngineArgs, console: Console) -> Result<Self> {
        let cannot = |error: std::io::Error| {
            Error::unavailable(format!("cannot listen on {listen}"))
                .with_source(error)
                .with_hint("choose another address with --listen; port 0 takes a free one")
        };
        let listener = TcpListener::bind(listen).await.map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        let memory = MemorySize::or_half_of_machine(args.memory)?;
        let (broker, memory) = broker::embedded(&args.broker, memory).await?;
        let cores = args.cores.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
        let runtimes = QueryRuntimes::start(cores)?;
        let engine = engine(memory, cores, &runtimes);
        let mut connectors = ConnectorRegistry::default();
        register_all(&mut connectors);
        connectors.register(Arc::new(console));
        let (time_zone, strict_spark, warehouse) = (time_zone::of_machine(), args.strict_spark, args.warehouse.clone());
        let defaults = SessionDefaults { time_zone, strict_spark, warehouse };
        let config = ServerConfig {
            engine: engine.clone(),
            batch_threads: runtimes.batch(),
            connectors: Arc::new(connectors),
            defaults,
        };
        let server = ConnectServer::new(config);
        let shutdown = CancellationToken::new();
        let serving = tokio::spawn(server.clone().serve(listener, shutdown.clone().cancelled_owned()));
        Ok(Self { address, broker, engine, server, shutdown, serving, _runtimes: runtimes })
    }

    /// Where the broker inside of this process listens.
    pub(crate) fn broker_address(&self) -> Option<SocketAddr> {
        self.broker.as_ref().map(Broker::address)
    }

    /// A session for SQL; `environment` answers `${env:NAME}`.
    pub(crate) fn sql_session(&self, environment: Environment) -> Result<SqlSession> {
        self.server.sql_session(environment)
    }

    /// What runs the queries.
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Resolves when the service ends by itself, which is an error.
    pub(crate) async fn failed(&mut self) -> Error {
        match (&mut self.serving).await {
            Ok(Err(error)) => error,
            Ok(Ok(())) => Error::internal("the service ended by itself"),
            Err(panic) => Error::internal("the service broke off").with_source(panic),
        }
    }

    /// Ends every query after its running batch. Says whether all ended in time.
    pub(crate) async fn stop_queries(&self) -> bool {
        let stopping = join_all(self.engine.running().into_iter().map(|query| async move {
            if let Err(error) = query.stop().await {
                tracing::warn!(query = %query.id(), %error, "the query did not stop");
            }
        }));
        let stopped = tokio::time::timeout(QUERIES_END_WITHIN, stopping).await.is_ok();
        if !stopped {
            tracing::warn!("a batch did not end in time; it is repeated at the next start");
        }
        stopped
    }

    /// Ends queries, then calls, then the service, then the broker that they may have used.
    pub(crate) async fn stop(self) {
        self.stop_queries().await;
        self.shutdown.cancel();
        let Self { broker, server, serving, .. } = self;
        // A client that waits for a query sees it end; one that waits for something else is told that it is over.
        let mut serving = serving;
        if tokio::time::timeout(CALLS_END_WITHIN, &mut serving).await.is_err() {
            server.end_operations();
            let _ = tokio::time::timeout(CALLS_END_WITHIN, &mut serving).await;
        }
        if let Some(broker) = broker {
            broker.shutdown().await;
        }
    }
}

fn engine(memory: MemorySize, cores: usize, runtimes: &QueryRuntimes) -> Engine {
    let clock: Arc<dyn Clock> = Arc::new(system_clock());
    let disks = CheckpointDisks::new(Arc::new(LocalDisk), Arc::clone(&clock), S3Settings::from_environment());
    let platform = Platform { disk: Arc::new(disks), threads: runtimes.streaming(), ..Platform::system(clock) };
    Engine::on(platform, MemoryLedger::new(memory.0), cores)
}

/// The machine's clock, which waits by Tokio's timer.
pub(crate) fn system_clock() -> SystemClock {
    SystemClock::new(|duration| Box::pin(tokio::time::sleep(duration)))
}
