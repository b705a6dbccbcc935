//! `Interrupt`: ends running operations and streaming queries of a session.

use spark_connect_proto::interrupt_request::{Interrupt, InterruptType};
use spark_connect_proto::{InterruptRequest, InterruptResponse};
use tonic::Status;

use super::{SessionRequest, bare};
use crate::error::handle::not_set;
use crate::session::manager::SessionManager;
use crate::session::operations::Interrupted;

pub(crate) fn interrupt(sessions: &SessionManager, request: InterruptRequest) -> Result<InterruptResponse, Status> {
    let session = sessions.get_or_create(request.session_ref()).map_err(bare)?;
    let which = match (request.interrupt_type(), &request.interrupt) {
        (InterruptType::All, _) => Interrupted::All,
        (InterruptType::Tag, Some(Interrupt::OperationTag(tag))) => Interrupted::Tag(tag),
        (InterruptType::OperationId, Some(Interrupt::OperationId(id))) => Interrupted::Operation(id),
        _ => {
            let error = not_set("spark.connect.InterruptRequest", "INTERRUPT_NOT_SET");
            return Err(session.status(error));
        }
    };
    // Queries first, as in Spark: a client that waits for one sees it end.
    let mut interrupted_ids = session.queries().interrupt(which);
    interrupted_ids.extend(session.operations().interrupt(which, |error| session.status(error)));
    Ok(InterruptResponse {
        session_id: request.session_id.clone(),
        server_side_session_id: session.server_side_id().to_owned(),
        interrupted_ids,
    })
}
