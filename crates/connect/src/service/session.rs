//! `ReleaseSession`, `CloneSession`, `GetStatus`: the life of a session and of its operations.

use std::sync::Arc;

use spark_connect_proto::get_status_response::OperationStatus;
use spark_connect_proto::get_status_response::operation_status::OperationState as StateMessage;
use spark_connect_proto::{
    CloneSessionRequest, CloneSessionResponse, GetStatusRequest, GetStatusResponse, ReleaseSessionRequest,
    ReleaseSessionResponse,
};
use tonic::Status;
use uuid::Uuid;

use super::{SessionRequest, bare};
use crate::session::Session;
use crate::session::manager::{SessionManager, SessionRef};
use crate::session::operation::OperationState;

/// Spark stops a session's queries when it is released, and so do we; the call does not wait for that.
pub(crate) fn release_session(
    sessions: &SessionManager,
    request: ReleaseSessionRequest,
) -> Result<ReleaseSessionResponse, Status> {
    let user = request.user_context.as_ref();
    let key = SessionRef { session_id: &request.session_id, user, observed: None }.key().map_err(bare)?;
    let released = sessions.release(&key, request.allow_reconnect);
    let server_side_session_id = released.as_ref().map(|session| session.server_side_id().to_owned());
    if let Some(session) = released {
        tokio::spawn(stop_queries(session));
    }
    Ok(ReleaseSessionResponse {
        session_id: request.session_id,
        server_side_session_id: server_side_session_id.unwrap_or_default(),
    })
}

async fn stop_queries(session: Arc<Session>) {
    if let Err(error) = session.queries().manager().stop_all().await {
        tracing::warn!(session = session.id(), %error, "a query of a released session did not stop");
    }
}

pub(crate) fn clone_session(
    sessions: &SessionManager,
    request: CloneSessionRequest,
) -> Result<CloneSessionResponse, Status> {
    let session = sessions.get(request.session_ref()).map_err(bare)?;
    let new_id = request.new_session_id.clone().unwrap_or_else(|| Uuid::new_v4().to_string());
    let target = SessionRef { session_id: &new_id, user: request.user_context.as_ref(), observed: None };
    let copy = target.key().and_then(|key| sessions.insert(session.clone_as(key)?));
    let copy = copy.map_err(|error| session.status(error))?;
    Ok(CloneSessionResponse {
        session_id: request.session_id,
        server_side_session_id: session.server_side_id().to_owned(),
        new_session_id: new_id,
        new_server_side_session_id: copy.server_side_id().to_owned(),
    })
}

pub(crate) fn get_status(sessions: &SessionManager, request: GetStatusRequest) -> Result<GetStatusResponse, Status> {
    let session = sessions.get(request.session_ref()).map_err(bare)?;
    let operation_statuses = match &request.operation_status {
        None => vec![],
        Some(asked) => {
            session.operations().list(&asked.operation_ids).into_iter().map(|(id, state)| status(id, state)).collect()
        }
    };
    Ok(GetStatusResponse {
        session_id: request.session_id,
        server_side_session_id: session.server_side_id().to_owned(),
        operation_statuses,
        extensions: vec![],
    })
}

fn status(operation_id: String, state: Option<OperationState>) -> OperationStatus {
    let state = match state {
        None => StateMessage::Unknown,
        Some(OperationState::Running) => StateMessage::Running,
        Some(OperationState::Succeeded) => StateMessage::Succeeded,
        Some(OperationState::Failed) => StateMessage::Failed,
        Some(OperationState::Cancelled) => StateMessage::Cancelled,
    };
    OperationStatus { operation_id, state: state.into(), extensions: vec![] }
}
