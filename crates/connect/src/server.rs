//! The gRPC surface: one line a call, each goes to its file in `service`.

mod codec;

use std::sync::Arc;

use millstream_core::{Error, Result};
use spark_connect_proto::{
    AddArtifactsRequest, AddArtifactsResponse, AnalyzePlanRequest, AnalyzePlanResponse, ArtifactStatusesRequest,
    ArtifactStatusesResponse, CloneSessionRequest, CloneSessionResponse, ConfigRequest, ConfigResponse,
    ExecutePlanRequest, FetchErrorDetailsRequest, FetchErrorDetailsResponse, GetStatusRequest, GetStatusResponse,
    InterruptRequest, InterruptResponse, ReattachExecuteRequest, ReleaseExecuteRequest, ReleaseExecuteResponse,
    ReleaseSessionRequest, ReleaseSessionResponse,
};
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, Streaming};
use uuid::Uuid;

use self::stub::spark_connect_service_server::{SparkConnectService, SparkConnectServiceServer};
use crate::session::manager::{SessionManager, SessionRef};
use crate::session::operation::ResponseStream;
use crate::sql_session::{Environment, SqlSession};
use crate::warehouse::Warehouse;
use crate::{ServerConfig, ServerContext, service};

/// The stub that `build.rs` makes.
#[allow(
    missing_docs,
    unused_qualifications,
    unreachable_pub,
    clippy::all,
    clippy::allow_attributes_without_reason,
    reason = "generated code"
)]
mod stub {
    include!(concat!(env!("OUT_DIR"), "/spark.connect.SparkConnectService.rs"));
}

/// The largest message either way, as Spark's own server and clients have it.
const MESSAGE_BYTES_MAX: usize = 128 << 20;

/// The connections that clients make. Nagle's algorithm is off on each of them, since it would hold the end of an
/// answer back until the client has acknowledged the beginning; `Server::tcp_nodelay` is for sockets that tonic itself
/// binds.
fn connections(listener: TcpListener) -> TcpIncoming {
    TcpIncoming::from(listener).with_nodelay(Some(true))
}

/// A Spark Connect server. Clones are the same server.
#[derive(Debug, Clone)]
pub struct ConnectServer {
    sessions: Arc<SessionManager>,
}

impl ConnectServer {
    /// A server without sessions.
    pub fn new(config: ServerConfig) -> Self {
        let ServerConfig { engine, batch_threads, connectors, defaults } = config;
        let warehouse = Warehouse::new(defaults.warehouse.clone());
        let context =
            ServerContext { engine, batch_threads, connectors, defaults, global_views: Arc::default(), warehouse };
        Self { sessions: Arc::new(SessionManager::new(Arc::new(context))) }
    }

    /// Answers calls on this socket until `shutdown` resolves; calls under way are then finished.
    ///
    /// # Errors
    /// When the socket fails.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) -> Result<()> {
        let sessions = Arc::clone(&self.sessions);
        let service = SparkConnectServiceServer::new(self)
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let served = tonic::transport::Server::builder()
            .add_service(service)
            .serve_with_incoming_shutdown(connections(listener), shutdown);
        tokio::select! {
            served = served => served.map_err(|error| Error::unavailable("serving Spark Connect failed").with_source(error)),
            () = sessions.sweep() => Ok(()),
        }
    }

    /// A session for SQL without a client. `environment` answers `${env:NAME}`.
    ///
    /// # Errors
    /// None that a caller could cause.
    pub fn sql_session(&self, environment: Environment) -> Result<SqlSession> {
        let id = Uuid::new_v4().to_string();
        let session = self.sessions.get_or_create(SessionRef { session_id: &id, user: None, observed: None })?;
        SqlSession::new(session, environment)
    }

    /// Ends every operation, so that their clients' streams end. Queries are the engine's and go on.
    pub fn end_operations(&self) {
        self.sessions.release_operations();
    }
}

#[tonic::async_trait]
impl SparkConnectService for ConnectServer {
    type ExecutePlanStream = ResponseStream;
    type ReattachExecuteStream = ResponseStream;

    async fn execute_plan(&self, request: Request<ExecutePlanRequest>) -> Result<Response<ResponseStream>, Status> {
        service::execute_plan::execute_plan(&self.sessions, request.into_inner()).map(Response::new)
    }

    async fn analyze_plan(
        &self,
        request: Request<AnalyzePlanRequest>,
    ) -> Result<Response<AnalyzePlanResponse>, Status> {
        service::analyze_plan::analyze_plan(&self.sessions, request.into_inner()).await.map(Response::new)
    }

    async fn config(&self, request: Request<ConfigRequest>) -> Result<Response<ConfigResponse>, Status> {
        service::config::config(&self.sessions, request.into_inner()).map(Response::new)
    }

    async fn add_artifacts(
        &self,
        request: Request<Streaming<AddArtifactsRequest>>,
    ) -> Result<Response<AddArtifactsResponse>, Status> {
        service::artifacts::add_artifacts(&self.sessions, request.into_inner()).await.map(Response::new)
    }

    async fn artifact_status(
        &self,
        request: Request<ArtifactStatusesRequest>,
    ) -> Result<Response<ArtifactStatusesResponse>, Status> {
        service::artifacts::artifact_status(&self.sessions, request.into_inner()).map(Response::new)
    }

    async fn interrupt(&self, request: Request<InterruptRequest>) -> Result<Response<InterruptResponse>, Status> {
        service::interrupt::interrupt(&self.sessions, request.into_inner()).map(Response::new)
    }

    async fn reattach_execute(
        &self,
        request: Request<ReattachExecuteRequest>,
    ) -> Result<Response<ResponseStream>, Status> {
        service::reattach::reattach_execute(&self.sessions, request.into_inner()).map(Response::new)
    }

    async fn release_execute(
        &self,
        request: Request<ReleaseExecuteRequest>,
    ) -> Result<Response<ReleaseExecuteResponse>, Status> {
        service::release::release_execute(&self.sessions, request.into_inner()).map(Response::new)
    }

    async fn release_session(
        &self,
        request: Request<ReleaseSessionRequest>,
    ) -> Result<Response<ReleaseSessionResponse>, Status> {
        service::session::release_session(&self.sessions, request.into_inner()).map(Response::new)
    }

    async fn fetch_error_details(
        &self,
        request: Request<FetchErrorDetailsRequest>,
    ) -> Result<Response<FetchErrorDetailsResponse>, Status> {
        service::error_details::fetch_error_details(&self.sessions, request.into_inner()).map(Response::new)
    }

    async fn clone_session(
        &self,
        request: Request<CloneSessionRequest>,
    ) -> Result<Response<CloneSessionResponse>, Status> {
        service::session::clone_session(&self.sessions, request.into_inner()).map(Response::new)
    }

    async fn get_status(&self, request: Request<GetStatusRequest>) -> Result<Response<GetStatusResponse>, Status> {
        service::session::get_status(&self.sessions, request.into_inner()).map(Response::new)
    }
}

#[cfg(test)]
mod tests;
