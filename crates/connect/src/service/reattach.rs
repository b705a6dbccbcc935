//! `ReattachExecute`: a client comes back to an operation and reads on.

use millstream_core::{Result, spark_error};
use spark_connect_proto::ReattachExecuteRequest;
use tonic::Status;

use super::{SessionRequest, bare};

use crate::session::Session;
use crate::session::manager::SessionManager;
use crate::session::operation::ResponseStream;

pub(crate) fn reattach_execute(
    sessions: &SessionManager,
    request: ReattachExecuteRequest,
) -> Result<ResponseStream, Status> {
    let session = sessions.get(request.session_ref()).map_err(bare)?;
    reattach(&session, &request).map_err(|error| session.status(error))
}

fn reattach(session: &Session, request: &ReattachExecuteRequest) -> Result<ResponseStream> {
    let operation = session.operations().get(&request.operation_id)?;
    if !operation.info().reattachable {
        return Err(spark_error!("INVALID_CURSOR.NOT_REATTACHABLE"));
    }
    operation.attach(request.last_response_id.as_deref())
}
