//! `ReleaseExecute`: a client has seen responses, or is done with an operation.

use spark_connect_proto::release_execute_request::Release;
use spark_connect_proto::{ReleaseExecuteRequest, ReleaseExecuteResponse};
use tonic::Status;

use super::{SessionRequest, bare};
use crate::session::manager::SessionManager;

/// An operation that is gone already is no error: clients release in the background, in no order.
pub(crate) fn release_execute(
    sessions: &SessionManager,
    request: ReleaseExecuteRequest,
) -> Result<ReleaseExecuteResponse, Status> {
    let session = sessions.get(request.session_ref()).map_err(bare)?;
    let operations = session.operations();
    let known = match &request.release {
        Some(Release::ReleaseUntil(until)) => match operations.get(&request.operation_id) {
            Ok(operation) => {
                operation.release_until(&until.response_id);
                true
            }
            Err(_) => false,
        },
        Some(Release::ReleaseAll(_)) | None => operations.release(&request.operation_id),
    };
    Ok(ReleaseExecuteResponse {
        session_id: request.session_id,
        server_side_session_id: session.server_side_id().to_owned(),
        operation_id: known.then_some(request.operation_id),
    })
}
