//! Classic consumer groups: joining, assigning, staying alive, leaving; describing, listing and deleting them.

use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, DeleteGroupsRequest, DeleteGroupsResponse,
    DescribeGroupsRequest, DescribeGroupsResponse, HeartbeatRequest, HeartbeatResponse, JoinGroupRequest,
    JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse, ListGroupsRequest, ListGroupsResponse, SyncGroupRequest,
    SyncGroupResponse,
};

use super::metadata::Operations;
use super::{Call, code, text};
use crate::group::{Group, JoinAnswer, JoinRequest, State, SyncAnswer};

/// Kafka's bounds are 6 s and 30 min; tests want to see members die sooner.
const SESSION_MS: std::ops::RangeInclusive<i32> = 100..=1_800_000;
/// From this version on a new member gets its id first, and joins with it.
const RETURNS_WITH_ID_FROM: i16 = 4;
/// From this version on several members may leave at once.
const SEVERAL_FROM: i16 = 3;
/// From this version on a group that does not exist is an error, and not a dead one.
const UNKNOWN_GROUP_FROM: i16 = 6;
const GROUP_TYPE: &str = "classic";

/// The protocol of KIP-848 is not here. Kafka's own clients know this answer of brokers that have it switched off, and
/// end with an error; they wait without a word for a broker that does not have the request at all.
pub(super) fn consumer_group_heartbeat(
    _call: &Call<'_>,
    _request: ConsumerGroupHeartbeatRequest,
) -> ConsumerGroupHeartbeatResponse {
    let message = "this broker does not support group.protocol=consumer (KIP-848): set group.protocol=classic";
    ConsumerGroupHeartbeatResponse::default()
        .with_error_code(ResponseError::UnsupportedVersion.code())
        .with_error_message(Some(text(message)))
}

pub(super) async fn join_group(call: &Call<'_>, request: JoinGroupRequest) -> JoinGroupResponse {
    let refuse = |error: ResponseError| {
        let answer = JoinAnswer { error: error.code(), generation: -1, ..JoinAnswer::default() };
        join_response(call.version, answer)
    };
    if request.group_id.is_empty() {
        return refuse(ResponseError::InvalidGroupId);
    }
    if !SESSION_MS.contains(&request.session_timeout_ms) {
        return refuse(ResponseError::InvalidSessionTimeout);
    }
    let millis = |ms: i32| Duration::from_millis(u64::try_from(ms).unwrap_or(0));
    let session_timeout = millis(request.session_timeout_ms);
    let rebalance_timeout =
        if request.rebalance_timeout_ms > 0 { millis(request.rebalance_timeout_ms) } else { session_timeout };
    let join = JoinRequest {
        member_id: request.member_id.to_string(),
        instance_id: request.group_instance_id.map(|id| id.to_string()),
        client_id: call.client_id.clone(),
        client_host: call.host.to_owned(),
        session_timeout,
        rebalance_timeout,
        protocol_type: request.protocol_type.to_string(),
        protocols: request.protocols.into_iter().map(|one| (one.name.to_string(), one.metadata)).collect(),
        returns_with_id: call.version >= RETURNS_WITH_ID_FROM,
    };
    let answer = call.shared.groups.get_or_create(&request.group_id).lock().join(join);
    match answer.await {
        Ok(answer) => join_response(call.version, answer),
        Err(_) => refuse(ResponseError::UnknownMemberId),
    }
}

fn join_response(version: i16, answer: JoinAnswer) -> JoinGroupResponse {
    let members = answer.members.into_iter().map(|(id, instance_id, metadata)| {
        let member = JoinGroupResponseMember::default().with_member_id(text(id)).with_metadata(metadata);
        member.with_group_instance_id(instance_id.map(text))
    });
    // Before version 7 no name is an empty one.
    let protocol = Some(answer.protocol).filter(|name| version < 7 || !name.is_empty());
    JoinGroupResponse::default()
        .with_error_code(answer.error)
        .with_generation_id(answer.generation)
        .with_protocol_type(Some(answer.protocol_type).filter(|name| !name.is_empty()).map(text))
        .with_protocol_name(protocol.map(text))
        .with_leader(text(answer.leader))
        .with_member_id(text(answer.member_id))
        .with_members(members.collect())
}

pub(super) async fn sync_group(call: &Call<'_>, request: SyncGroupRequest) -> SyncGroupResponse {
    let respond = |answer: SyncAnswer| {
        let named = |name: String| Some(name).filter(|name| !name.is_empty()).map(text);
        SyncGroupResponse::default()
            .with_error_code(answer.error)
            .with_protocol_type(named(answer.protocol_type))
            .with_protocol_name(named(answer.protocol))
            .with_assignment(answer.assignment)
    };
    let refuse = |error: ResponseError| respond(SyncAnswer { error: error.code(), ..SyncAnswer::default() });
    let Some(group) = call.shared.groups.get(&request.group_id) else {
        return refuse(ResponseError::UnknownMemberId);
    };
    let answer = {
        let mut group = group.lock();
        let inconsistent = |asked: &Option<_>, present: &str| {
            asked.as_ref().is_some_and(|asked: &kafka_protocol::protocol::StrBytes| asked.as_str() != present)
        };
        if inconsistent(&request.protocol_type, &group.protocol_type)
            || inconsistent(&request.protocol_name, &group.protocol)
        {
            return refuse(ResponseError::InconsistentGroupProtocol);
        }
        let assignments = request.assignments.into_iter().map(|one| (one.member_id.to_string(), one.assignment));
        let who = (request.group_instance_id.as_deref(), request.generation_id);
        group.sync(&request.member_id, who, assignments.collect())
    };
    match answer.await {
        Ok(answer) => respond(answer),
        Err(_) => refuse(ResponseError::RebalanceInProgress),
    }
}

pub(super) fn heartbeat(call: &Call<'_>, request: HeartbeatRequest) -> HeartbeatResponse {
    let beat = match call.shared.groups.get(&request.group_id) {
        None => Err(ResponseError::UnknownMemberId),
        Some(group) => {
            let instance_id = request.group_instance_id.as_deref();
            group.lock().heartbeat(&request.member_id, instance_id, request.generation_id)
        }
    };
    HeartbeatResponse::default().with_error_code(code(&beat))
}

pub(super) fn leave_group(call: &Call<'_>, request: LeaveGroupRequest) -> LeaveGroupResponse {
    let group = call.shared.groups.get(&request.group_id);
    let leave = |id: &str, instance_id: Option<&str>| match &group {
        None => Err(ResponseError::UnknownMemberId),
        Some(group) => group.lock().leave(id, instance_id),
    };
    if call.version < SEVERAL_FROM {
        return LeaveGroupResponse::default().with_error_code(code(&leave(&request.member_id, None)));
    }
    let members = request.members.into_iter().map(|member| {
        let left = leave(&member.member_id, member.group_instance_id.as_deref());
        MemberResponse::default()
            .with_member_id(member.member_id)
            .with_group_instance_id(member.group_instance_id)
            .with_error_code(code(&left))
    });
    LeaveGroupResponse::default().with_members(members.collect())
}

pub(super) fn describe_groups(call: &Call<'_>, request: DescribeGroupsRequest) -> DescribeGroupsResponse {
    let operations = Operations::Group.if_asked(request.include_authorized_operations);
    let groups = request.groups.into_iter().map(|id| {
        let answer = DescribedGroup::default().with_authorized_operations(operations);
        match call.shared.groups.get(&id) {
            Some(group) => describe(answer, &group.lock()).with_group_id(id),
            None if call.version >= UNKNOWN_GROUP_FROM => answer
                .with_error_message(Some(text(format!("Group {} not found.", id.as_str()))))
                .with_group_id(id)
                .with_group_state(text("Dead"))
                .with_error_code(ResponseError::GroupIdNotFound.code()),
            None => answer.with_group_id(id).with_group_state(text("Dead")),
        }
    });
    DescribeGroupsResponse::default().with_groups(groups.collect())
}

fn describe(answer: DescribedGroup, group: &Group) -> DescribedGroup {
    let settled = matches!(group.state, State::Stable | State::CompletingRebalance);
    let members = group.members.iter().map(|(id, member)| {
        DescribedGroupMember::default()
            .with_member_id(text(id))
            .with_group_instance_id(member.instance_id.clone().map(text))
            .with_client_id(text(&member.client_id))
            .with_client_host(text(&member.client_host))
            .with_member_metadata(if settled { group.metadata(member) } else { Bytes::new() })
            .with_member_assignment(member.assignment.clone())
    });
    answer
        .with_group_state(text(group.state.name()))
        .with_protocol_type(text(&group.protocol_type))
        .with_protocol_data(text(if settled { group.protocol.as_str() } else { "" }))
        .with_members(members.collect())
}

pub(super) fn list_groups(call: &Call<'_>, request: ListGroupsRequest) -> ListGroupsResponse {
    let passes = |filter: &[kafka_protocol::protocol::StrBytes], name: &str| {
        filter.is_empty() || filter.iter().any(|one| one.eq_ignore_ascii_case(name))
    };
    let mut groups = Vec::new();
    for (id, group) in call.shared.groups.all() {
        let group = group.lock();
        if passes(&request.states_filter, group.state.name()) && passes(&request.types_filter, GROUP_TYPE) {
            let listed = ListedGroup::default()
                .with_group_id(text(id).into())
                .with_protocol_type(text(&group.protocol_type))
                .with_group_state(text(group.state.name()))
                .with_group_type(text(GROUP_TYPE));
            groups.push(listed);
        }
    }
    ListGroupsResponse::default().with_groups(groups)
}

pub(super) fn delete_groups(call: &Call<'_>, request: DeleteGroupsRequest) -> DeleteGroupsResponse {
    let results = request.groups_names.into_iter().map(|id| {
        let deleted = call.shared.groups.delete(&id);
        DeletableGroupResult::default().with_group_id(id).with_error_code(code(&deleted))
    });
    DeleteGroupsResponse::default().with_results(results.collect())
}
