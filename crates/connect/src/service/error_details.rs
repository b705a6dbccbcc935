//! `FetchErrorDetails`: the whole of an error whose id stood in a status.

use spark_connect_proto::{FetchErrorDetailsRequest, FetchErrorDetailsResponse};
use tonic::Status;

use super::{SessionRequest, bare};
use crate::session::manager::SessionManager;

/// An id that is not known (any more) is answered without errors; the client then uses what the status said.
pub(crate) fn fetch_error_details(
    sessions: &SessionManager,
    request: FetchErrorDetailsRequest,
) -> Result<FetchErrorDetailsResponse, Status> {
    let session = sessions.get_or_create(request.session_ref()).map_err(bare)?;
    let error = session.error(&request.error_id);
    Ok(FetchErrorDetailsResponse {
        server_side_session_id: session.server_side_id().to_owned(),
        session_id: request.session_id,
        root_error_idx: error.as_ref().map(|_| 0),
        errors: error.map(|error| crate::error::chain(&error)).unwrap_or_default(),
    })
}
