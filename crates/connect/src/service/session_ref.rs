//! Where each request says which session it means.

use spark_connect_proto::{
    AddArtifactsRequest, AnalyzePlanRequest, ArtifactStatusesRequest, CloneSessionRequest, ConfigRequest,
    ExecutePlanRequest, FetchErrorDetailsRequest, GetStatusRequest, InterruptRequest, ReattachExecuteRequest,
    ReleaseExecuteRequest,
};

use crate::session::manager::SessionRef;

/// A request that belongs to a session.
pub(super) trait SessionRequest {
    /// Which session.
    fn session_ref(&self) -> SessionRef<'_>;
}

/// The same three fields in every message of this table.
macro_rules! session_requests {
    ($($request:ty),* $(,)?) => {$(
        impl SessionRequest for $request {
            fn session_ref(&self) -> SessionRef<'_> {
                SessionRef {
                    session_id: &self.session_id,
                    user: self.user_context.as_ref(),
                    observed: self.client_observed_server_side_session_id.as_deref(),
                }
            }
        }
    )*};
}

session_requests![
    AddArtifactsRequest,
    AnalyzePlanRequest,
    ArtifactStatusesRequest,
    CloneSessionRequest,
    ConfigRequest,
    ExecutePlanRequest,
    FetchErrorDetailsRequest,
    GetStatusRequest,
    InterruptRequest,
    ReattachExecuteRequest,
    ReleaseExecuteRequest,
];
