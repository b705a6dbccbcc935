//! The state machine of a classic group. See [`super`].

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use tokio::sync::oneshot;
use tokio::time::Instant;
use uuid::Uuid;

use super::{Group, JoinAnswer, JoinRequest, Member, Offsets, State, SyncAnswer};

type Checked = Result<(), ResponseError>;

impl Group {
    pub(crate) fn new(initial_delay: Duration) -> Self {
        Self {
            state: State::Empty,
            generation: 0,
            protocol_type: String::new(),
            protocol: String::new(),
            leader: String::new(),
            members: BTreeMap::new(),
            pending: HashMap::new(),
            rebalance_deadline: None,
            not_before: None,
            initial_delay,
            offsets: Offsets::default(),
            empty_since_ms: None,
        }
    }

    /// Whether it could be forgotten: nobody is in it and nothing is remembered.
    pub(crate) fn is_forgettable(&self) -> bool {
        self.members.is_empty() && self.pending.is_empty() && self.offsets.is_empty()
    }

    /// The subscription of a member under the protocol that the group has chosen.
    pub(crate) fn metadata(&self, member: &Member) -> Bytes {
        member.metadata(&self.protocol)
    }

    /// A member joins, or joins again.
    pub(crate) fn join(&mut self, request: JoinRequest) -> oneshot::Receiver<JoinAnswer> {
        self.empty_since_ms = None;
        if !self.has_room_for(&request) {
            return refused(ResponseError::InconsistentGroupProtocol, request.member_id);
        }
        if request.member_id.is_empty() {
            return self.join_new(request);
        }
        if self.pending.remove(&request.member_id).is_some() {
            return self.add(request.member_id.clone(), request);
        }
        if let Err(error) = self.check_member(&request.member_id, request.instance_id.as_deref()) {
            return refused(error, request.member_id);
        }
        self.join_known(request)
    }

    /// Whether the group and the member have a protocol in common.
    fn has_room_for(&self, request: &JoinRequest) -> bool {
        if request.protocol_type.is_empty() || request.protocols.is_empty() {
            return false;
        }
        let mut others = self.members.iter().filter(|(id, member)| {
            let replaced = request.instance_id.is_some() && member.instance_id == request.instance_id;
            **id != request.member_id && !replaced
        });
        if others.clone().next().is_none() {
            return true;
        }
        let shared = |name: &str| others.all(|(_, member)| member.protocols.iter().any(|(other, _)| other == name));
        let mut shared = shared;
        self.protocol_type == request.protocol_type && request.protocols.iter().any(|(name, _)| shared(name))
    }

    fn join_new(&mut self, request: JoinRequest) -> oneshot::Receiver<JoinAnswer> {
        let prefix = request.instance_id.as_deref().unwrap_or(&request.client_id);
        let id = format!("{prefix}-{}", Uuid::new_v4());
        if let Some(instance_id) = &request.instance_id {
            let present = self.members.iter().find(|(_, member)| member.instance_id.as_ref() == Some(instance_id));
            if let Some(present) = present.map(|(present, _)| present.clone()) {
                return self.replace_static(&present, id, request);
            }
        } else if request.returns_with_id {
            self.pending.insert(id.clone(), Instant::now() + request.session_timeout);
            return refused(ResponseError::MemberIdRequired, id);
        }
        self.add(id, request)
    }

    /// A static member came back under a new id: it takes over what the old one had.
    fn replace_static(&mut self, present: &str, id: String, request: JoinRequest) -> oneshot::Receiver<JoinAnswer> {
        let Some(mut member) = self.members.remove(present) else { return self.add(id, request) };
        let fenced = ResponseError::FencedInstanceId.code();
        if let Some(waiting) = member.joining.take() {
            let _gone = waiting.send(JoinAnswer { error: fenced, member_id: present.to_owned(), ..Default::default() });
        }
        if let Some(waiting) = member.syncing.take() {
            let _gone = waiting.send(SyncAnswer { error: fenced, ..Default::default() });
        }
        let same = member.metadata(&self.protocol) == chosen(&request.protocols, &self.protocol);
        if self.leader == present {
            self.leader = id.clone();
        }
        update(&mut member, request);
        self.members.insert(id.clone(), member);
        if self.state == State::Stable && same {
            // Nothing changes for the others, so they are not disturbed.
            return now(self.join_answer(&id));
        }
        self.wait_for_join(id)
    }

    fn join_known(&mut self, request: JoinRequest) -> oneshot::Receiver<JoinAnswer> {
        let id = request.member_id.clone();
        let Some(member) = self.members.get_mut(&id) else {
            return refused(ResponseError::UnknownMemberId, id);
        };
        let changed = member.protocols != request.protocols;
        update(member, request);
        let again = match self.state {
            State::Empty | State::PreparingRebalance => false,
            // It did not hear the answer.
            State::CompletingRebalance => !changed,
            // The leader asks for a new assignment by joining again.
            State::Stable => !changed && self.leader != id,
        };
        if again { now(self.join_answer(&id)) } else { self.wait_for_join(id) }
    }

    fn add(&mut self, id: String, request: JoinRequest) -> oneshot::Receiver<JoinAnswer> {
        if self.members.is_empty() {
            self.protocol_type.clone_from(&request.protocol_type);
            self.not_before = Some(Instant::now() + self.initial_delay);
        }
        let mut member = Member {
            instance_id: request.instance_id.clone(),
            client_id: request.client_id.clone(),
            client_host: request.client_host.clone(),
            session_timeout: request.session_timeout,
            rebalance_timeout: request.rebalance_timeout,
            protocols: Vec::new(),
            assignment: Bytes::new(),
            deadline: Instant::now() + request.session_timeout,
            joining: None,
            syncing: None,
        };
        update(&mut member, request);
        self.members.insert(id.clone(), member);
        self.wait_for_join(id)
    }

    fn wait_for_join(&mut self, id: String) -> oneshot::Receiver<JoinAnswer> {
        let (answer, receiver) = oneshot::channel();
        if let Some(member) = self.members.get_mut(&id) {
            member.joining = Some(answer);
        }
        if self.leader.is_empty() {
            self.leader = id;
        }
        self.prepare_rebalance();
        receiver
    }

    /// Asks all members to join again.
    fn prepare_rebalance(&mut self) {
        if self.state != State::PreparingRebalance {
            for member in self.members.values_mut() {
                member.assignment = Bytes::new();
                if let Some(waiting) = member.syncing.take() {
                    let error = ResponseError::RebalanceInProgress.code();
                    let _gone = waiting.send(SyncAnswer { error, ..Default::default() });
                }
            }
            self.state = State::PreparingRebalance;
            let patience = self.members.values().map(|member| member.rebalance_timeout).max().unwrap_or_default();
            self.rebalance_deadline = Some(Instant::now() + patience);
        }
        self.complete_join_if_all_are_there();
    }

    fn complete_join_if_all_are_there(&mut self) {
        let all = self.members.values().all(|member| member.joining.is_some()) && self.pending.is_empty();
        let early = self.not_before.is_some_and(|not_before| Instant::now() < not_before);
        if self.state == State::PreparingRebalance && all && !early {
            self.complete_join();
        }
    }

    /// Everyone who is there begins a new generation.
    fn complete_join(&mut self) {
        self.generation += 1;
        self.rebalance_deadline = None;
        self.not_before = None;
        if self.members.is_empty() {
            self.state = State::Empty;
            self.leader.clear();
            self.protocol.clear();
            return;
        }
        self.protocol = self.elect_protocol();
        if self.members.get(&self.leader).is_none_or(|leader| leader.joining.is_none()) {
            let first = self.members.iter().find(|(_, member)| member.joining.is_some());
            self.leader = first.or(self.members.iter().next()).map(|(id, _)| id.clone()).unwrap_or_default();
        }
        self.state = State::CompletingRebalance;
        for id in self.members.keys().cloned().collect::<Vec<_>>() {
            let answer = self.join_answer(&id);
            let Some(member) = self.members.get_mut(&id) else { continue };
            member.deadline = Instant::now() + member.session_timeout;
            if let Some(waiting) = member.joining.take() {
                let _gone = waiting.send(answer);
            }
        }
    }

    /// The protocol that all have and most like best.
    fn elect_protocol(&self) -> String {
        let everyone = |name: &str| self.members.values().all(|member| member.protocols.iter().any(|(n, _)| n == name));
        let mut votes: HashMap<&str, usize> = HashMap::new();
        for member in self.members.values() {
            if let Some((name, _)) = member.protocols.iter().find(|(name, _)| everyone(name)) {
                *votes.entry(name).or_default() += 1;
            }
        }
        let best = votes.into_iter().max_by(|(a, n), (b, m)| n.cmp(m).then(b.cmp(a)));
        best.map(|(name, _)| name.to_owned()).unwrap_or_default()
    }

    fn join_answer(&self, id: &str) -> JoinAnswer {
        let list = |(id, member): (&String, &Member)| {
            (id.clone(), member.instance_id.clone(), member.metadata(&self.protocol))
        };
        JoinAnswer {
            error: 0,
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            member_id: id.to_owned(),
            members: if self.leader == id { self.members.iter().map(list).collect() } else { Vec::new() },
        }
    }

    fn check_member(&self, id: &str, instance_id: Option<&str>) -> Checked {
        if let Some(instance_id) = instance_id {
            let holder = self.members.iter().find(|(_, member)| member.instance_id.as_deref() == Some(instance_id));
            return match holder {
                Some((holder, _)) if holder == id => Ok(()),
                Some(_) => Err(ResponseError::FencedInstanceId),
                None => Err(ResponseError::UnknownMemberId),
            };
        }
        if self.members.contains_key(id) { Ok(()) } else { Err(ResponseError::UnknownMemberId) }
    }

    fn check_generation(&self, id: &str, instance_id: Option<&str>, generation: i32) -> Checked {
        self.check_member(id, instance_id)?;
        if generation == self.generation { Ok(()) } else { Err(ResponseError::IllegalGeneration) }
    }

    /// Whether this member may commit now. Without a generation it is no member, which is right while nobody is.
    pub(crate) fn check_commit(&self, id: &str, instance_id: Option<&str>, generation: i32) -> Checked {
        if generation < 0 && self.members.is_empty() {
            return Ok(());
        }
        if generation < 0 && id.is_empty() && instance_id.is_none() {
            return Err(ResponseError::UnknownMemberId);
        }
        self.check_generation(id, instance_id, generation)?;
        match self.state {
            State::CompletingRebalance => Err(ResponseError::RebalanceInProgress),
            State::Empty | State::PreparingRebalance | State::Stable => Ok(()),
        }
    }

    /// A commit within a transaction: without a member it is not checked.
    pub(crate) fn check_transactional_commit(&self, id: &str, instance_id: Option<&str>, generation: i32) -> Checked {
        if generation < 0 && id.is_empty() {
            return Ok(());
        }
        self.check_commit(id, instance_id, generation)
    }

    /// A member asks for its assignment; the leader brings everyone's.
    pub(crate) fn sync(
        &mut self,
        id: &str,
        (instance_id, generation): (Option<&str>, i32),
        assignments: Vec<(String, Bytes)>,
    ) -> oneshot::Receiver<SyncAnswer> {
        let refused = |error: ResponseError| now(SyncAnswer { error: error.code(), ..Default::default() });
        if let Err(error) = self.check_generation(id, instance_id, generation) {
            return refused(error);
        }
        match self.state {
            State::Empty => refused(ResponseError::UnknownMemberId),
            State::PreparingRebalance => refused(ResponseError::RebalanceInProgress),
            State::Stable => {
                self.refresh(id);
                now(self.sync_answer(id))
            }
            State::CompletingRebalance => {
                let (answer, receiver) = oneshot::channel();
                if let Some(member) = self.members.get_mut(id) {
                    member.syncing = Some(answer);
                }
                if self.leader == id {
                    self.assign(assignments);
                }
                receiver
            }
        }
    }

    fn assign(&mut self, assignments: Vec<(String, Bytes)>) {
        for (id, assignment) in assignments {
            if let Some(member) = self.members.get_mut(&id) {
                // Its own allocation: the request that brought it would else stay as long as the generation.
                member.assignment = Bytes::copy_from_slice(&assignment);
            }
        }
        self.state = State::Stable;
        for id in self.members.keys().cloned().collect::<Vec<_>>() {
            let answer = self.sync_answer(&id);
            self.refresh(&id);
            if let Some(waiting) = self.members.get_mut(&id).and_then(|member| member.syncing.take()) {
                let _gone = waiting.send(answer);
            }
        }
    }

    fn sync_answer(&self, id: &str) -> SyncAnswer {
        SyncAnswer {
            error: 0,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            assignment: self.members.get(id).map(|member| member.assignment.clone()).unwrap_or_default(),
        }
    }

    fn refresh(&mut self, id: &str) {
        if let Some(member) = self.members.get_mut(id) {
            member.deadline = Instant::now() + member.session_timeout;
        }
    }

    /// A member says that it lives.
    pub(crate) fn heartbeat(&mut self, id: &str, instance_id: Option<&str>, generation: i32) -> Checked {
        self.check_generation(id, instance_id, generation)?;
        self.refresh(id);
        match self.state {
            State::Empty => Err(ResponseError::UnknownMemberId),
            State::PreparingRebalance => Err(ResponseError::RebalanceInProgress),
            State::CompletingRebalance | State::Stable => Ok(()),
        }
    }

    /// A member leaves. A static one may be named by its instance id alone, by an administrator.
    pub(crate) fn leave(&mut self, id: &str, instance_id: Option<&str>) -> Checked {
        if self.pending.remove(id).is_some() {
            self.complete_join_if_all_are_there();
            return Ok(());
        }
        let id = match instance_id {
            Some(instance) if id.is_empty() => {
                let holder = self.members.iter().find(|(_, member)| member.instance_id.as_deref() == Some(instance));
                holder.map(|(holder, _)| holder.clone()).ok_or(ResponseError::UnknownMemberId)?
            }
            _ => {
                self.check_member(id, instance_id)?;
                id.to_owned()
            }
        };
        self.remove(&[id]);
        Ok(())
    }

    fn remove(&mut self, ids: &[String]) {
        for id in ids {
            if let Some(mut member) = self.members.remove(id)
                && let Some(waiting) = member.joining.take()
            {
                let error = ResponseError::UnknownMemberId.code();
                let _gone = waiting.send(JoinAnswer { error, member_id: id.clone(), ..Default::default() });
            }
            if self.leader == *id {
                self.leader.clear();
            }
        }
        self.prepare_rebalance();
    }

    /// Removes members that are silent for too long, and goes on without those who are late.
    pub(crate) fn tick(&mut self, now: Instant) {
        let pending = self.pending.len();
        self.pending.retain(|_, deadline| *deadline > now);
        let silent = |member: &Member| member.joining.is_none() && member.deadline <= now;
        let late = self.state == State::PreparingRebalance && self.rebalance_deadline.is_some_and(|by| by <= now);
        if late {
            self.pending.clear();
        }
        let gone =
            |member: &Member| silent(member) || (late && member.joining.is_none() && member.instance_id.is_none());
        let gone: Vec<String> =
            self.members.iter().filter(|(_, member)| gone(member)).map(|(id, _)| id.clone()).collect();
        if !gone.is_empty() {
            tracing::info!(members = ?gone, "members of a group are gone");
            self.remove(&gone);
        }
        if late && self.state == State::PreparingRebalance {
            // Static members who are late stay in the group until their session ends.
            self.complete_join();
        } else if pending > self.pending.len() || self.not_before.is_some() {
            self.complete_join_if_all_are_there();
        }
    }
}

fn update(member: &mut Member, request: JoinRequest) {
    member.session_timeout = request.session_timeout;
    member.rebalance_timeout = request.rebalance_timeout;
    member.client_id = request.client_id;
    member.client_host = request.client_host;
    let own = |(name, data): (String, Bytes)| (name, Bytes::copy_from_slice(&data));
    member.protocols = request.protocols.into_iter().map(own).collect();
}

fn chosen(protocols: &[(String, Bytes)], name: &str) -> Bytes {
    protocols.iter().find(|(other, _)| other == name).map(|(_, data)| data.clone()).unwrap_or_default()
}

fn now<T>(answer: T) -> oneshot::Receiver<T> {
    let (sender, receiver) = oneshot::channel();
    let _there = sender.send(answer);
    receiver
}

fn refused(error: ResponseError, member_id: String) -> oneshot::Receiver<JoinAnswer> {
    now(JoinAnswer { error: error.code(), generation: -1, member_id, ..Default::default() })
}
