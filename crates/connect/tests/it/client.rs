//! A server on a free port and one client's session on it.

use std::net::SocketAddr;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::ipc::reader::StreamReader;
use futures::future::pending;
use millstream_connect::{BatchThreads, ConnectServer, STACK_BYTES, ServerConfig, SessionDefaults};
use millstream_core::{ConnectorRegistry, MemoryLedger, SystemClock};
use millstream_engine::{Engine, Platform, StreamingThreads};
use spark_connect_proto::execute_plan_request::RequestOption;
use spark_connect_proto::execute_plan_request::request_option;
use spark_connect_proto::execute_plan_response::ResponseType;
use spark_connect_proto::plan::OpType;
use spark_connect_proto::relation::RelType;
use spark_connect_proto::spark_connect_service_client::SparkConnectServiceClient;
use spark_connect_proto::{
    Command, ExecutePlanRequest, ExecutePlanResponse, Plan, Range, ReattachExecuteRequest, ReattachOptions, Relation,
    Sql, UserContext, command,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tonic::transport::Channel;
use tonic::{Status, Streaming};
use uuid::Uuid;

/// One session. The server lives as long as the test's runtime.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    pub(crate) rpc: SparkConnectServiceClient<Channel>,
    pub(crate) channel: Channel,
    pub(crate) session_id: String,
    pub(crate) threads: Arc<Threads>,
}

/// Where the server computes and serves calls.
pub(crate) struct Threads {
    pub(crate) batch: BatchThreads,
    others: [Option<Runtime>; 2],
    pub(crate) warehouse: TempDir,
}

impl Drop for Threads {
    fn drop(&mut self) {
        // A runtime may not be waited for by a task.
        self.others.iter_mut().filter_map(Option::take).for_each(Runtime::shutdown_background);
    }
}

async fn connect(address: &SocketAddr) -> (SparkConnectServiceClient<Channel>, Channel) {
    let channel = Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
    (SparkConnectServiceClient::new(channel.clone()).max_decoding_message_size(128 << 20), channel)
}

impl Client {
    /// A new server and a session on it.
    pub(crate) async fn start() -> Self {
        Self::start_within(MemoryLedger::new(1 << 30)).await
    }

    /// A server with this memory.
    pub(crate) async fn start_within(memory: MemoryLedger) -> Self {
        let clock = SystemClock::new(|duration| Box::pin(tokio::time::sleep(duration)));
        let (streaming, control) = (runtime(), runtime());
        let threads = StreamingThreads::on(streaming.handle().clone());
        let platform = Platform { threads, ..Platform::system(Arc::new(clock)) };
        let engine = Engine::on(platform, memory, 2);
        let mut connectors = ConnectorRegistry::default();
        millstream_connectors::register_all(&mut connectors);
        let batch = BatchThreads::new(2, || ());
        let warehouse = tempfile::tempdir().unwrap();
        let folder = warehouse.path().to_owned();
        let defaults = SessionDefaults { time_zone: "UTC".to_owned(), strict_spark: false, warehouse: folder };
        let config = ServerConfig { engine, batch_threads: batch.clone(), connectors: Arc::new(connectors), defaults };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let listener = listener.into_std().unwrap();
        control.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            ConnectServer::new(config).serve(listener, pending()).await
        });
        let (rpc, channel) = connect(&address).await;
        Self {
            address,
            rpc,
            channel,
            session_id: Uuid::new_v4().to_string(),
            threads: Arc::new(Threads { batch, others: [Some(streaming), Some(control)], warehouse }),
        }
    }

    /// The same session over a connection of its own.
    pub(crate) async fn connected_again(&self) -> Self {
        let (rpc, channel) = connect(&self.address).await;
        Self { rpc, channel, ..self.clone() }
    }

    /// Another session on the same server.
    pub(crate) fn other_session(&self) -> Self {
        Self { session_id: Uuid::new_v4().to_string(), ..self.clone() }
    }

    pub(crate) fn request(&self, op_type: OpType) -> ExecutePlanRequest {
        let reattach = request_option::RequestOption::ReattachOptions(ReattachOptions { reattachable: true });
        ExecutePlanRequest {
            session_id: self.session_id.clone(),
            user_context: user(),
            operation_id: Some(Uuid::new_v4().to_string()),
            plan: Some(Plan { op_type: Some(op_type) }),
            request_options: vec![RequestOption { request_option: Some(reattach) }],
            ..ExecutePlanRequest::default()
        }
    }

    pub(crate) async fn execute(&self, request: ExecutePlanRequest) -> Result<Streaming<ExecutePlanResponse>, Status> {
        self.rpc.clone().execute_plan(request).await.map(tonic::Response::into_inner)
    }

    pub(crate) async fn reattach(
        &self,
        operation_id: &str,
        last_response_id: Option<String>,
    ) -> Result<Streaming<ExecutePlanResponse>, Status> {
        let request = ReattachExecuteRequest {
            session_id: self.session_id.clone(),
            user_context: user(),
            operation_id: operation_id.to_owned(),
            last_response_id,
            ..ReattachExecuteRequest::default()
        };
        self.rpc.clone().reattach_execute(request).await.map(tonic::Response::into_inner)
    }

    /// All responses to a relation.
    pub(crate) async fn run(&self, rel_type: RelType) -> Result<Vec<ExecutePlanResponse>, Status> {
        let responses = self.execute(self.request(OpType::Root(relation(rel_type)))).await?;
        collect(responses).await
    }

    /// All responses to a command.
    pub(crate) async fn command(&self, command: command::CommandType) -> Result<Vec<ExecutePlanResponse>, Status> {
        let op_type = OpType::Command(Command { command_type: Some(command) });
        let responses = self.execute(self.request(op_type)).await?;
        collect(responses).await
    }

    /// The rows of a query in SQL.
    pub(crate) async fn sql(&self, query: &str) -> Result<Vec<RecordBatch>, Status> {
        self.run(RelType::Sql(Sql { query: query.to_owned(), ..Sql::default() })).await.map(|all| batches(&all))
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(STACK_BYTES).build().unwrap()
}

/// Whose sessions they are.
pub(crate) fn user() -> Option<UserContext> {
    Some(UserContext { user_id: "tester".to_owned(), ..UserContext::default() })
}

pub(crate) fn relation(rel_type: RelType) -> Relation {
    Relation { common: None, rel_type: Some(rel_type) }
}

pub(crate) fn range(end: i64) -> RelType {
    RelType::Range(Range { start: Some(0), end, step: 1, num_partitions: Some(1) })
}

pub(crate) async fn collect(mut responses: Streaming<ExecutePlanResponse>) -> Result<Vec<ExecutePlanResponse>, Status> {
    let mut all = vec![];
    while let Some(response) = responses.message().await? {
        all.push(response);
    }
    Ok(all)
}

/// The rows in these responses, in order; each batch is where it says it is.
pub(crate) fn batches(responses: &[ExecutePlanResponse]) -> Vec<RecordBatch> {
    let mut offset = 0;
    let mut all = vec![];
    for response in responses {
        if let Some(ResponseType::ArrowBatch(batch)) = &response.response_type {
            assert_eq!(batch.start_offset, Some(offset));
            offset += batch.row_count;
            for rows in StreamReader::try_new(batch.data.as_ref(), None).unwrap() {
                all.push(rows.unwrap());
            }
        }
    }
    all
}

pub(crate) fn is_complete(responses: &[ExecutePlanResponse]) -> bool {
    matches!(responses.last().and_then(|last| last.response_type.as_ref()), Some(ResponseType::ResultComplete(_)))
}
