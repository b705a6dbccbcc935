//! Writes a Fetch response by hand, because its records are slices of the log that no message type could hold.

use bytes::{BufMut, BytesMut};
use kafka_protocol::ResponseError;

use crate::fetch_session::TopicKey;
use crate::log::Aborted;
use crate::response::{Response, Slice};

const FLEXIBLE_FROM: i16 = 12;

/// What is told about one partition.
#[derive(Debug)]
pub(crate) struct PartitionAnswer {
    pub(crate) topic: TopicKey,
    pub(crate) partition: i32,
    pub(crate) error: Option<ResponseError>,
    pub(crate) high_watermark: i64,
    pub(crate) last_stable_offset: i64,
    pub(crate) start_offset: i64,
    pub(crate) aborted: Option<Vec<Aborted>>,
    pub(crate) slices: Vec<Slice>,
    pub(crate) bytes: usize,
}

/// Lengths and counts, which newer versions write shorter.
struct Form {
    version: i16,
}

impl Form {
    fn is_flexible(&self) -> bool {
        self.version >= FLEXIBLE_FROM
    }

    fn put_len(&self, into: &mut BytesMut, len: Option<usize>) {
        match (self.is_flexible(), len) {
            (true, len) => put_unsigned(into, len.map_or(0, |len| len + 1)),
            (false, len) => into.put_i32(len.map_or(-1, |len| len as i32)),
        }
    }

    fn put_no_tags(&self, into: &mut BytesMut) {
        if self.is_flexible() {
            into.put_u8(0);
        }
    }

    fn put_topic(&self, into: &mut BytesMut, topic: &TopicKey) {
        match topic {
            TopicKey::Id(id) => into.put_slice(id.as_bytes()),
            TopicKey::Name(name) if self.is_flexible() => {
                put_unsigned(into, name.len() + 1);
                into.put_slice(name.as_bytes());
            }
            TopicKey::Name(name) => {
                into.put_i16(name.len() as i16);
                into.put_slice(name.as_bytes());
            }
        }
    }

    fn put_partition(&self, response: &mut Response, answer: PartitionAnswer) {
        let into = &mut response.tail;
        into.put_i32(answer.partition);
        into.put_i16(answer.error.map_or(0, |error| error.code()));
        into.put_i64(answer.high_watermark);
        into.put_i64(answer.last_stable_offset);
        if self.version >= 5 {
            into.put_i64(answer.start_offset);
        }
        self.put_len(into, answer.aborted.as_ref().map(Vec::len));
        for aborted in answer.aborted.into_iter().flatten() {
            into.put_i64(aborted.producer_id);
            into.put_i64(aborted.first_offset);
            self.put_no_tags(into);
        }
        if self.version >= 11 {
            into.put_i32(-1); // no replica is to be preferred
        }
        self.put_len(into, Some(answer.bytes));
        for slice in answer.slices {
            response.push(slice);
        }
        self.put_no_tags(&mut response.tail);
    }
}

fn put_unsigned(into: &mut BytesMut, value: usize) {
    let mut rest = value;
    while rest >= 0x80 {
        into.put_u8(rest as u8 | 0x80);
        rest >>= 7;
    }
    into.put_u8(rest as u8);
}

/// Appends the body of the response. Neighbours of one topic go together.
pub(super) fn put_fetch_response(
    response: &mut Response,
    version: i16,
    (error, session_id): (i16, i32),
    answers: Vec<PartitionAnswer>,
) {
    let form = Form { version };
    response.tail.put_i32(0); // no throttling
    if version >= 7 {
        response.tail.put_i16(error);
        response.tail.put_i32(session_id);
    }
    let mut groups: Vec<Vec<PartitionAnswer>> = Vec::new();
    for answer in answers {
        match groups.last_mut() {
            Some(group) if group[0].topic == answer.topic => group.push(answer),
            _ => groups.push(vec![answer]),
        }
    }
    form.put_len(&mut response.tail, Some(groups.len()));
    for group in groups {
        form.put_topic(&mut response.tail, &group[0].topic);
        form.put_len(&mut response.tail, Some(group.len()));
        for answer in group {
            form.put_partition(response, answer);
        }
        form.put_no_tags(&mut response.tail);
    }
    form.put_no_tags(&mut response.tail);
}

#[cfg(test)]
mod tests;
