//! `AddArtifacts` and `ArtifactStatus`: what a client uploads ahead of a plan.
//!
//! Only local relations (`cache/<hash>`) have a use here. Python files, jars and archives are refused by name, because a
//! client that thinks they arrived would fail much later.

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use millstream_core::Result;
use spark_connect_proto::add_artifacts_request::{ArtifactChunk, Payload};
use spark_connect_proto::add_artifacts_response::ArtifactSummary;
use spark_connect_proto::artifact_statuses_response::ArtifactStatus;
use spark_connect_proto::{
    AddArtifactsRequest, AddArtifactsResponse, ArtifactStatusesRequest, ArtifactStatusesResponse,
};
use tonic::{Status, Streaming};

use super::{SessionRequest, bare};
use crate::error::handle::{invalid_plan, unsupported};
use crate::session::Session;
use crate::session::manager::SessionManager;

/// Uploaded relations are kept under this prefix.
const CACHE_PREFIX: &str = "cache/";

pub(crate) async fn add_artifacts(
    sessions: &SessionManager,
    mut requests: Streaming<AddArtifactsRequest>,
) -> Result<AddArtifactsResponse, Status> {
    let mut answer = AddArtifactsResponse::default();
    let mut upload = Upload::default();
    while let Some(request) = requests.next().await {
        let request = request?;
        let session = sessions.get_or_create(request.session_ref()).map_err(bare)?;
        session.server_side_id().clone_into(&mut answer.server_side_session_id);
        answer.session_id = request.session_id;
        let Some(payload) = request.payload else { continue };
        let stored = upload.take(&session, payload).map_err(|error| session.status(error))?;
        answer.artifacts.extend(stored);
    }
    Ok(answer)
}

/// The artifact of which some chunks are still to come.
#[derive(Debug, Default)]
struct Upload {
    name: String,
    data: BytesMut,
    intact: bool,
    chunks_left: i64,
}

impl Upload {
    /// Takes the next part of the stream; gives the artifacts that are complete with it.
    fn take(&mut self, session: &Session, payload: Payload) -> Result<Vec<ArtifactSummary>> {
        match payload {
            Payload::Batch(batch) => batch
                .artifacts
                .into_iter()
                .map(|artifact| {
                    let chunk = artifact.data.unwrap_or_default();
                    let intact = is_intact(&chunk);
                    store(session, artifact.name, chunk.data, intact)
                })
                .collect(),
            Payload::BeginChunk(begin) => {
                let first = begin.initial_chunk.unwrap_or_default();
                *self = Self { name: begin.name, data: BytesMut::new(), intact: true, chunks_left: begin.num_chunks };
                self.add(session, &first)
            }
            Payload::Chunk(chunk) if self.chunks_left > 0 => self.add(session, &chunk),
            Payload::Chunk(_) => Err(invalid_plan("A chunk of an artifact came without the artifact's name.")),
        }
    }

    fn add(&mut self, session: &Session, chunk: &ArtifactChunk) -> Result<Vec<ArtifactSummary>> {
        self.intact &= is_intact(chunk);
        self.data.extend_from_slice(&chunk.data);
        self.chunks_left -= 1;
        if self.chunks_left > 0 {
            return Ok(vec![]);
        }
        let Self { name, data, intact, .. } = std::mem::take(self);
        Ok(vec![store(session, name, data.freeze(), intact)?])
    }
}

fn store(session: &Session, name: String, data: Bytes, intact: bool) -> Result<ArtifactSummary> {
    if !name.starts_with(CACHE_PREFIX) {
        return Err(unsupported(&format!("The artifact '{name}'")));
    }
    if intact {
        session.add_artifact(name.clone(), data);
    }
    Ok(ArtifactSummary { name, is_crc_successful: intact })
}

/// The protocol's checksum is the CRC-32 of zip and Ethernet, in an `int64`.
fn is_intact(chunk: &ArtifactChunk) -> bool {
    i64::from(crc32(&chunk.data)) == chunk.crc
}

fn crc32(data: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(data);
    crc.sum()
}

pub(crate) fn artifact_status(
    sessions: &SessionManager,
    request: ArtifactStatusesRequest,
) -> Result<ArtifactStatusesResponse, Status> {
    let session = sessions.get_or_create(request.session_ref()).map_err(bare)?;
    let statuses =
        request.names.iter().map(|name| (name.clone(), ArtifactStatus { exists: session.has_artifact(name) }));
    Ok(ArtifactStatusesResponse {
        statuses: statuses.collect(),
        server_side_session_id: session.server_side_id().to_owned(),
        session_id: request.session_id,
    })
}
