//! `AddArtifacts` and `ArtifactStatus`: what a client uploads ahead of a plan.
//!
//! Only local relations (`cache/<hash>`) have a use here. Python files, jars and archives are refused by name, because
//! a client that thinks they arrived would fail much later.

use bytes::BytesMut;
use futures::StreamExt;
use millstream_core::{Reservation, Result};
use spark_connect_proto::add_artifacts_request::{ArtifactChunk, Payload, SingleChunkArtifact};
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
    let mut upload = None;
    while let Some(request) = requests.next().await {
        let request = request?;
        let session = sessions.get_or_create(request.session_ref()).map_err(bare)?;
        session.server_side_id().clone_into(&mut answer.server_side_session_id);
        answer.session_id = request.session_id;
        let Some(payload) = request.payload else { continue };
        let stored = take(&mut upload, &session, payload).map_err(|error| session.status(error))?;
        answer.artifacts.extend(stored);
    }
    Ok(answer)
}

/// The artifact of which some chunks are still to come.
#[derive(Debug)]
struct Upload {
    name: String,
    data: BytesMut,
    /// The bytes of `data` in the ledger.
    reservation: Reservation,
    intact: bool,
    chunks_left: i64,
}

/// Takes the next part of the stream; gives the artifacts that are complete with it. What is begun stays in `upload`.
fn take(upload: &mut Option<Upload>, session: &Session, payload: Payload) -> Result<Vec<ArtifactSummary>> {
    let chunk = match payload {
        Payload::Batch(batch) => {
            let whole = |artifact: SingleChunkArtifact| {
                let mut single = Upload::new(session, artifact.name, 1)?;
                single.add(&artifact.data.unwrap_or_default())?;
                single.store(session)
            };
            return batch.artifacts.into_iter().map(whole).collect();
        }
        Payload::BeginChunk(begin) => {
            *upload = Some(Upload::new(session, begin.name, begin.num_chunks)?);
            begin.initial_chunk.unwrap_or_default()
        }
        Payload::Chunk(chunk) => chunk,
    };
    let Some(begun) = upload else {
        return Err(invalid_plan("A chunk of an artifact came without the artifact's name."));
    };
    begun.add(&chunk)?;
    if begun.chunks_left > 0 {
        return Ok(vec![]);
    }
    upload.take().map(|complete| complete.store(session)).into_iter().collect()
}

impl Upload {
    /// An artifact of so many chunks, none of which has come.
    fn new(session: &Session, name: String, chunks_left: i64) -> Result<Self> {
        if !name.starts_with(CACHE_PREFIX) {
            return Err(unsupported(&format!("The artifact '{name}'")));
        }
        let reservation = session.artifacts().reservation();
        Ok(Self { name, data: BytesMut::new(), reservation, intact: true, chunks_left })
    }

    fn add(&mut self, chunk: &ArtifactChunk) -> Result<()> {
        self.intact &= is_intact(chunk);
        self.reservation.grow(chunk.data.len())?;
        self.data.extend_from_slice(&chunk.data);
        self.chunks_left -= 1;
        Ok(())
    }

    fn store(self, session: &Session) -> Result<ArtifactSummary> {
        if self.intact {
            session.artifacts().add(self.name.clone(), self.data.freeze(), self.reservation)?;
        }
        Ok(ArtifactSummary { name: self.name, is_crc_successful: self.intact })
    }
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
        request.names.iter().map(|name| (name.clone(), ArtifactStatus { exists: session.artifacts().has(name) }));
    Ok(ArtifactStatusesResponse {
        statuses: statuses.collect(),
        server_side_session_id: session.server_side_id().to_owned(),
        session_id: request.session_id,
    })
}
