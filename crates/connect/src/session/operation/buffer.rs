//! The responses of one operation: what was not sent yet, and what was sent but may be asked for again.
//!
//! Both together stay at about 10 MB (Spark: `observerRetryBufferSize`). What is not sent is never dropped: the work
//! waits instead. What was sent is dropped from the oldest on when it is too much, for clients that do not say what
//! they have received; so much is kept that whatever may be lost on the wire is among it.

use std::collections::VecDeque;

use prost::Message;
use spark_connect_proto::ExecutePlanResponse;
use uuid::Uuid;

/// Bytes that the work may be ahead of its reader.
const UNSENT_BYTES_MAX: usize = 4 << 20;
/// Bytes that are kept of what was sent.
const SENT_BYTES_KEPT: usize = 6 << 20;
/// Responses that are kept of what was sent, however large they are: one that the reader's side takes apart, one in the
/// windows of the connection, one that waits for a window.
const SENT_RESPONSES_KEPT: u64 = 3;

/// See the module's head. Responses are counted from 0.
#[derive(Debug)]
pub(super) struct ResponseBuffer {
    kept: VecDeque<(ExecutePlanResponse, usize)>,
    /// The index of the first response in `kept`.
    first: u64,
    /// Responses before this index have been sent at least once.
    sent_until: u64,
    bytes: usize,
    unsent_bytes: usize,
    /// The upper half of every response id of this operation; the lower half is the index.
    id_prefix: u64,
}

impl ResponseBuffer {
    pub(super) fn new() -> Self {
        let (id_prefix, _) = Uuid::new_v4().as_u64_pair();
        Self { kept: VecDeque::new(), first: 0, sent_until: 0, bytes: 0, unsent_bytes: 0, id_prefix }
    }

    /// The index of the oldest response that can still be had.
    pub(super) fn first_index(&self) -> u64 {
        self.first
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether the work may add a response now. A single response may be greater than all caps.
    pub(super) fn has_room(&self) -> bool {
        self.unsent_bytes < UNSENT_BYTES_MAX
    }

    /// Whether something has never been sent.
    pub(super) fn has_unsent(&self) -> bool {
        self.sent_until < self.end()
    }

    /// Drops everything, sent or not.
    pub(super) fn clear(&mut self) {
        self.first = self.end();
        self.sent_until = self.first;
        self.kept = VecDeque::new();
        (self.bytes, self.unsent_bytes) = (0, 0);
    }

    pub(super) fn push(&mut self, mut response: ExecutePlanResponse) {
        response.response_id = Uuid::from_u64_pair(self.id_prefix, self.end()).to_string();
        let bytes = response.encoded_len();
        self.kept.push_back((response, bytes));
        self.bytes += bytes;
        self.unsent_bytes += bytes;
    }

    /// The index of a response by its id, whether it is still kept or not.
    pub(super) fn index_of(&self, response_id: &str) -> Option<u64> {
        let (prefix, index) = Uuid::parse_str(response_id).ok()?.as_u64_pair();
        (prefix == self.id_prefix && index < self.end()).then_some(index)
    }

    /// The response at `index`, which counts as sent from now on.
    pub(super) fn take(&mut self, index: u64) -> Option<ExecutePlanResponse> {
        let place = usize::try_from(index.checked_sub(self.first)?).ok()?;
        let (response, bytes) = self.kept.get(place)?;
        let response = response.clone();
        if index >= self.sent_until {
            self.unsent_bytes -= bytes;
            self.sent_until = index + 1;
            self.drop_sent_beyond_cap();
        }
        Some(response)
    }

    /// Drops the responses up to and including `index`, as far as they were sent.
    pub(super) fn release_until(&mut self, index: u64) {
        while self.first <= index && self.first < self.sent_until {
            self.drop_first();
        }
    }

    fn end(&self) -> u64 {
        self.first + self.kept.len() as u64
    }

    fn drop_sent_beyond_cap(&mut self) {
        let mut sent_bytes = self.bytes - self.unsent_bytes;
        while self.sent_until - self.first > SENT_RESPONSES_KEPT {
            let first_bytes = self.kept.front().map_or(0, |(_, bytes)| *bytes);
            if sent_bytes - first_bytes < SENT_BYTES_KEPT {
                break;
            }
            sent_bytes -= first_bytes;
            self.drop_first();
        }
    }

    fn drop_first(&mut self) {
        if let Some((_, bytes)) = self.kept.pop_front() {
            self.bytes -= bytes;
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests;
