//! `ExecutePlan`: starts an operation and lets the client read it.
//!
//! The work is a task of its own, so that it outlives the call. A panic in it is caught and becomes an error of the
//! operation: a client must never wait for an answer that cannot come.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use millstream_core::{Result, spark_error};
use prost::Message;
use spark_connect_proto::execute_plan_request::request_option::RequestOption;
use spark_connect_proto::plan::OpType;
use spark_connect_proto::{ExecutePlanRequest, Plan};
use tonic::Status;
use uuid::Uuid;

use super::{SessionRequest, bare, command, query_plan};
use crate::error::broken_off;
use crate::error::handle::{compressed_plan, not_set};
use crate::session::Session;
use crate::session::manager::SessionManager;
use crate::session::operation::{Operation, OperationInfo, ResponseSender, ResponseStream, STREAM_DURATION_MAX};
use crate::session::operations::Started;
use crate::to_proto::pieces::Pieces;

pub(crate) fn execute_plan(sessions: &SessionManager, request: ExecutePlanRequest) -> Result<ResponseStream, Status> {
    let session = sessions.get_or_create(request.session_ref()).map_err(bare)?;
    start(&session, request).map_err(|error| session.status(error))
}

fn start(session: &Arc<Session>, request: ExecutePlanRequest) -> Result<ResponseStream> {
    let operation_id = request.operation_id.unwrap_or_else(|| Uuid::new_v4().to_string());
    Uuid::try_parse(&operation_id).map_err(|_| spark_error!("INVALID_HANDLE.FORMAT", handle = operation_id))?;
    let plan = request.plan.ok_or_else(|| not_set("spark.connect.Plan", "OPTYPE_NOT_SET"))?;
    let pieces = request.request_options.iter().find_map(|option| match &option.request_option {
        Some(RequestOption::ResultChunkingOptions(options)) => Some(Pieces::asked(options)),
        _ => None,
    });
    let reattachable = request.request_options.iter().any(|option| {
        matches!(&option.request_option, Some(RequestOption::ReattachOptions(options)) if options.reattachable)
    });
    let info = OperationInfo {
        session_id: session.id().to_owned(),
        server_side_session_id: session.server_side_id().to_owned(),
        operation_id,
        tags: request.tags,
        reattachable,
        stream_duration_max: STREAM_DURATION_MAX,
        pieces: pieces.unwrap_or(Pieces::Whole),
        plan_hash: hash(&plan),
    };
    match session.operations().start(info)? {
        Started::Known(operation) => operation.attach(None),
        Started::New(operation) => {
            let responses = operation.attach(None)?;
            tokio::spawn(run(Arc::clone(session), operation, plan));
            Ok(responses)
        }
    }
}

async fn run(session: Arc<Session>, operation: Arc<Operation>, plan: Plan) {
    let sender = ResponseSender::new(Arc::clone(&operation));
    let work = AssertUnwindSafe(Box::pin(execute(&session, plan, sender))).catch_unwind();
    let result = tokio::select! {
        biased;
        () = operation.cancelled() => None,
        result = work => Some(result),
    };
    if let Some(result) = result {
        let result = result.unwrap_or_else(|panic| Err(broken_off(&*panic)));
        operation.close(result.map_err(|error| session.status(error)));
    }
    // Nobody can come back for it; a reader that is there has it still.
    if !operation.info().reattachable {
        session.operations().release(&operation.info().operation_id);
    }
}

async fn execute(session: &Arc<Session>, plan: Plan, sender: ResponseSender) -> Result<()> {
    match plan.op_type {
        Some(OpType::Root(relation)) => {
            session.compute(|session| async move { query_plan::execute(&session, relation, &sender).await }).await
        }
        Some(OpType::Command(command)) => command::execute(session, command, &sender).await,
        Some(OpType::CompressedOperation(_)) => Err(compressed_plan()),
        None => Err(not_set("spark.connect.Plan", "OPTYPE_NOT_SET")),
    }
}

fn hash(plan: &Plan) -> u64 {
    let mut hasher = DefaultHasher::new();
    plan.encode_to_vec().hash(&mut hasher);
    hasher.finish()
}
