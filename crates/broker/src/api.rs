//! Kafka's requests: which are served in which versions, and who answers them.
//!
//! One file a family. A handler takes the decoded request and gives the response; what is wrong with a part of a
//! request goes into the response as an error code. Only a frame that makes no sense ends the connection.

mod cluster;
mod configs;
mod fetch;
mod fetch_response;
mod groups;
mod list_offsets;
mod metadata;
mod offsets;
mod partitions;
mod produce;
mod shape;
mod topics;
mod transactions;

use std::sync::Arc;

use bytes::{BufMut, Bytes};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::api_versions_response::{ApiVersion, FinalizedFeatureKey, SupportedFeatureKey};
use kafka_protocol::messages::{ApiKey, ApiVersionsResponse, BrokerId};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes, decode_request_header_from_buffer};

use crate::response::Response;
use crate::shared::Shared;

/// The only node.
const NODE: BrokerId = BrokerId(1);

/// What is served: key, lowest and highest version.
const SERVED: &[(ApiKey, i16, i16)] = &[
    (ApiKey::Produce, 3, 13),
    (ApiKey::Fetch, 4, 17),
    (ApiKey::ListOffsets, 1, 10),
    (ApiKey::Metadata, 0, 13),
    (ApiKey::OffsetCommit, 2, 9),
    (ApiKey::OffsetFetch, 1, 9),
    (ApiKey::FindCoordinator, 0, 6),
    (ApiKey::JoinGroup, 0, 9),
    (ApiKey::Heartbeat, 0, 4),
    (ApiKey::LeaveGroup, 0, 5),
    (ApiKey::SyncGroup, 0, 5),
    (ApiKey::DescribeGroups, 0, 6),
    (ApiKey::ListGroups, 0, 5),
    (ApiKey::ApiVersions, 0, 4),
    (ApiKey::CreateTopics, 2, 7),
    (ApiKey::DeleteTopics, 1, 6),
    (ApiKey::DeleteRecords, 0, 2),
    (ApiKey::InitProducerId, 0, 5),
    (ApiKey::OffsetForLeaderEpoch, 2, 4),
    (ApiKey::AddPartitionsToTxn, 0, 3),
    (ApiKey::AddOffsetsToTxn, 0, 4),
    (ApiKey::EndTxn, 0, 5),
    (ApiKey::WriteTxnMarkers, 1, 1),
    (ApiKey::TxnOffsetCommit, 0, 5),
    (ApiKey::DescribeConfigs, 1, 4),
    (ApiKey::AlterConfigs, 0, 2),
    (ApiKey::DescribeLogDirs, 1, 4),
    (ApiKey::CreatePartitions, 0, 3),
    (ApiKey::DeleteGroups, 0, 2),
    (ApiKey::IncrementalAlterConfigs, 0, 1),
    (ApiKey::OffsetDelete, 0, 0),
    // Served to be refused: a client that finds it here is told what to set.
    (ApiKey::ConsumerGroupHeartbeat, 0, 1),
    (ApiKey::DescribeCluster, 0, 2),
    (ApiKey::DescribeProducers, 0, 0),
    (ApiKey::DescribeTransactions, 0, 0),
    (ApiKey::ListTransactions, 0, 1),
    (ApiKey::DescribeTopicPartitions, 0, 0),
];

/// Who asks, and how.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) shared: &'a Arc<Shared>,
    pub(crate) version: i16,
    pub(crate) client_id: String,
    /// The peer's address as Kafka shows it, with a slash.
    pub(crate) host: &'a str,
}

/// Answers a frame. `None` where the client wants no answer; an error ends the connection.
pub(crate) async fn answer(shared: &Arc<Shared>, mut frame: Bytes, host: &str) -> Result<Option<Response>, String> {
    let key = i16::from_be_bytes([frame[0], frame[1]]);
    let version = i16::from_be_bytes([frame[2], frame[3]]);
    let correlation_id = i32::from_be_bytes([frame[4], frame[5], frame[6], frame[7]]);
    let served = SERVED.iter().find(|(served, _, _)| *served as i16 == key);
    let Some(&(key, least, most)) = served else { return Err(format!("API {key} is not served")) };
    if !(least..=most).contains(&version) {
        if key == ApiKey::ApiVersions {
            // A newer client asks again with what it finds in this answer, whose form never changes.
            let versions = api_versions().with_error_code(ResponseError::UnsupportedVersion.code());
            return encode(&versions, &mut head(correlation_id, 0), 0).map(Some);
        }
        return Err(format!("{key:?} is not served in version {version}"));
    }
    let header = decode_request_header_from_buffer(&mut frame).map_err(|error| error.to_string())?;
    if !shape::is_sound(key, version, &frame) {
        return Err(format!("{key:?} version {version} does not have its form"));
    }
    let client_id = header.client_id.map(|id| id.to_string()).unwrap_or_default();
    let call = Call { shared, version, client_id, host };
    let mut response = head(correlation_id, key.response_header_version(version));
    let answered = dispatch(key, &call, frame, &mut response).await;
    answered.map_err(|error| format!("{key:?} version {version}: {error}"))
}

/// Decodes the request, runs its handler, encodes the response.
macro_rules! handle {
    ($call:ident, $frame:ident, $response:ident, $($handler:tt)+) => {{
        let request = Decodable::decode(&mut $frame, $call.version).map_err(|error| error.to_string())?;
        drop($frame);
        encode(&handle!(@run $call, request, $($handler)+), $response, $call.version).map(Some)
    }};
    (@run $call:ident, $request:ident, await $handler:path) => { $handler($call, $request).await };
    (@run $call:ident, $request:ident, fallible $handler:path) => { $handler($call, $request).await? };
    (@run $call:ident, $request:ident, files $handler:path) => {
        with_files($call, move |call| $handler(call, $request)).await?
    };
    (@run $call:ident, $request:ident, $handler:path) => { $handler($call, $request) };
}

/// Runs what makes or removes files off the threads that serve connections. A few such requests run at a time, however
/// many partitions each is about; the others wait in the order in which they came.
async fn with_files<T: Send + 'static>(
    call: &Call<'_>,
    work: impl FnOnce(&Call<'_>) -> T + Send + 'static,
) -> Result<T, String> {
    let permit = Arc::clone(&call.shared.file_room).acquire_owned().await.map_err(|error| error.to_string())?;
    let (shared, version) = (Arc::clone(call.shared), call.version);
    let (client_id, host) = (call.client_id.clone(), call.host.to_owned());
    let worked = tokio::task::spawn_blocking(move || {
        let answer = work(&Call { shared: &shared, version, client_id, host: &host });
        drop(permit);
        answer
    });
    worked.await.map_err(|error| error.to_string())
}

async fn dispatch(
    key: ApiKey,
    call: &Call<'_>,
    mut frame: Bytes,
    response: &mut Response,
) -> Result<Option<Response>, String> {
    match key {
        ApiKey::Produce => {
            let request = Decodable::decode(&mut frame, call.version).map_err(|error| error.to_string())?;
            // The batches take the frame over.
            drop(frame);
            match produce::produce(call, request).await {
                Some(answer) => encode(&answer, response, call.version).map(Some),
                None => Ok(None),
            }
        }
        ApiKey::Fetch => {
            let request = Decodable::decode(&mut frame, call.version).map_err(|error| error.to_string())?;
            fetch::fetch(call, request, response).await;
            Ok(Some(std::mem::take(response)))
        }
        ApiKey::ApiVersions => encode(&api_versions(), response, call.version).map(Some),
        ApiKey::ListOffsets => handle!(call, frame, response, list_offsets::list_offsets),
        ApiKey::OffsetForLeaderEpoch => handle!(call, frame, response, list_offsets::offset_for_leader_epoch),
        ApiKey::Metadata => handle!(call, frame, response, fallible metadata::metadata),
        ApiKey::DescribeTopicPartitions => handle!(call, frame, response, metadata::describe_topic_partitions),
        ApiKey::DescribeCluster => handle!(call, frame, response, cluster::describe_cluster),
        ApiKey::FindCoordinator => handle!(call, frame, response, cluster::find_coordinator),
        ApiKey::DescribeLogDirs => handle!(call, frame, response, cluster::describe_log_dirs),
        ApiKey::CreateTopics => handle!(call, frame, response, files topics::create_topics),
        ApiKey::DeleteTopics => handle!(call, frame, response, files topics::delete_topics),
        ApiKey::CreatePartitions => handle!(call, frame, response, files partitions::create_partitions),
        ApiKey::DeleteRecords => handle!(call, frame, response, files partitions::delete_records),
        ApiKey::DescribeProducers => handle!(call, frame, response, partitions::describe_producers),
        ApiKey::DescribeConfigs => handle!(call, frame, response, configs::describe_configs),
        ApiKey::AlterConfigs => handle!(call, frame, response, configs::alter_configs),
        ApiKey::IncrementalAlterConfigs => handle!(call, frame, response, configs::incremental_alter_configs),
        _ => dispatch_coordinated(key, call, frame, response).await,
    }
}

/// What Kafka's coordinators answer.
async fn dispatch_coordinated(
    key: ApiKey,
    call: &Call<'_>,
    mut frame: Bytes,
    response: &mut Response,
) -> Result<Option<Response>, String> {
    match key {
        ApiKey::JoinGroup => handle!(call, frame, response, await groups::join_group),
        ApiKey::SyncGroup => handle!(call, frame, response, await groups::sync_group),
        ApiKey::Heartbeat => handle!(call, frame, response, groups::heartbeat),
        ApiKey::LeaveGroup => handle!(call, frame, response, groups::leave_group),
        ApiKey::DescribeGroups => handle!(call, frame, response, groups::describe_groups),
        ApiKey::ListGroups => handle!(call, frame, response, groups::list_groups),
        ApiKey::DeleteGroups => handle!(call, frame, response, groups::delete_groups),
        ApiKey::OffsetCommit => handle!(call, frame, response, offsets::offset_commit),
        ApiKey::OffsetFetch => handle!(call, frame, response, offsets::offset_fetch),
        ApiKey::OffsetDelete => handle!(call, frame, response, offsets::offset_delete),
        ApiKey::ConsumerGroupHeartbeat => handle!(call, frame, response, groups::consumer_group_heartbeat),
        ApiKey::InitProducerId => handle!(call, frame, response, transactions::init_producer_id),
        ApiKey::AddPartitionsToTxn => handle!(call, frame, response, transactions::add_partitions_to_txn),
        ApiKey::AddOffsetsToTxn => handle!(call, frame, response, transactions::add_offsets_to_txn),
        ApiKey::TxnOffsetCommit => handle!(call, frame, response, transactions::txn_offset_commit),
        ApiKey::EndTxn => handle!(call, frame, response, await transactions::end_txn),
        ApiKey::WriteTxnMarkers => handle!(call, frame, response, transactions::write_txn_markers),
        ApiKey::DescribeTransactions => handle!(call, frame, response, transactions::describe_transactions),
        ApiKey::ListTransactions => handle!(call, frame, response, transactions::list_transactions),
        other => Err(format!("{other:?} is not served")),
    }
}

/// A response that has its header.
fn head(correlation_id: i32, version: i16) -> Response {
    let mut response = Response::default();
    response.tail.put_i32(correlation_id);
    if version > 0 {
        response.tail.put_u8(0); // no tagged fields
    }
    response
}

fn encode(message: &impl Encodable, response: &mut Response, version: i16) -> Result<Response, String> {
    message.encode(&mut response.tail, version).map_err(|error| error.to_string())?;
    Ok(std::mem::take(response))
}

fn api_versions() -> ApiVersionsResponse {
    const TRANSACTION_VERSION: StrBytes = StrBytes::from_static_str("transaction.version");
    let served = SERVED.iter().map(|&(key, least, most)| {
        ApiVersion::default().with_api_key(key as i16).with_min_version(least).with_max_version(most)
    });
    let supported =
        SupportedFeatureKey::default().with_name(TRANSACTION_VERSION).with_min_version(0).with_max_version(2);
    let finalized = FinalizedFeatureKey::default()
        .with_name(TRANSACTION_VERSION)
        .with_min_version_level(2)
        .with_max_version_level(2);
    ApiVersionsResponse::default()
        .with_api_keys(served.collect())
        .with_supported_features(vec![supported])
        .with_finalized_features(vec![finalized])
        .with_finalized_features_epoch(0)
}

/// Text for a message.
fn text(text: impl Into<String>) -> StrBytes {
    StrBytes::from_string(text.into())
}

/// The code of a result: 0 if it is good.
fn code<T>(result: &Result<T, ResponseError>) -> i16 {
    result.as_ref().err().map_or(0, ResponseError::code)
}
