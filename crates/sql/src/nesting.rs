//! How deep messages may nest, and reading those that do.
//!
//! Whoever walks a plan goes as deep as it nests: the decoder, the analyzer, the optimizer, and what drops it. None of
//! them may meet the end of its thread's stack, which ends the process. So a message is measured before it is decoded,
//! and threads that walk plans have stacks of [`STACK_BYTES`].

use std::cell::Cell;
use std::thread;

use millstream_core::{Error, Result, spark_error};
use prost::Message;
use prost::bytes::{Buf, Bytes};

/// The stack of a thread that walks plans. The memory is only touched when a plan is that deep.
pub const STACK_BYTES: usize = 256 << 20;

/// Messages in messages beyond this are refused. A relation or an expression is two levels deeper than the one around
/// it.
pub const LEVELS_MAX: usize = 5000;

/// What decoding may take of the stack of the thread that received a message.
const OWN_STACK_BYTES: usize = 256 << 10;

/// What is left of a stack of [`STACK_BYTES`] for what is called last.
const RESERVE_BYTES: usize = 16 << 20;

/// Spark's error for a plan or a text that nests too deep, or is too large.
pub(crate) fn too_complex(hint: impl Into<String>) -> Error {
    spark_error!("FAILED_TO_PARSE_TOO_COMPLEX").with_hint(hint)
}

/// Decodes a message that may come from anywhere.
///
/// # Errors
/// `FAILED_TO_PARSE_TOO_COMPLEX` for one that nests deeper than [`LEVELS_MAX`]; internal for one that is malformed.
pub fn decode<M: Message + Default>(bytes: &Bytes) -> Result<M> {
    let hint = || format!("a plan may nest {} relations and expressions at most", LEVELS_MAX / 2);
    if levels(bytes) > LEVELS_MAX {
        return Err(too_complex(hint()));
    }
    if let Some(message) = decode_within(bytes, OWN_STACK_BYTES)? {
        return Ok(message);
    }
    let deep = thread::scope(|scope| {
        let builder = thread::Builder::new().name("deep-plan".to_owned()).stack_size(STACK_BYTES);
        let thread = builder.spawn_scoped(scope, || decode_within(bytes, STACK_BYTES - RESERVE_BYTES));
        let thread = thread.map_err(|error| Error::unavailable("cannot start a thread").with_source(error))?;
        thread.join().map_err(|_| Error::internal("decoding a message broke off"))?
    });
    deep?.ok_or_else(|| too_complex(hint()))
}

/// Decodes with so much of this thread's stack; nothing where that is too little.
fn decode_within<M: Message + Default>(bytes: &Bytes, stack_bytes: usize) -> Result<Option<M>> {
    let mut buffer = StackGuard { bytes: bytes.clone(), start: stack_address(), stack_bytes, met: Cell::new(false) };
    let decoded = M::decode(&mut buffer);
    if buffer.met.get() {
        return Ok(None);
    }
    let malformed = |error| Error::internal("failed to decode Protobuf message").with_source(error);
    decoded.map(Some).map_err(malformed)
}

/// A buffer that comes to its end where the stack does, so that a decoder, which fails on that, never overflows it.
/// What [`levels`] takes for text may still be a damaged message.
struct StackGuard {
    bytes: Bytes,
    start: usize,
    stack_bytes: usize,
    met: Cell<bool>,
}

impl StackGuard {
    fn at_end(&self) -> bool {
        if stack_address().abs_diff(self.start) > self.stack_bytes {
            self.met.set(true);
        }
        self.met.get()
    }
}

impl Buf for StackGuard {
    fn remaining(&self) -> usize {
        if self.at_end() { 0 } else { self.bytes.remaining() }
    }

    fn chunk(&self) -> &[u8] {
        if self.at_end() { &[] } else { self.bytes.chunk() }
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
    }

    fn copy_to_bytes(&mut self, len: usize) -> Bytes {
        self.bytes.copy_to_bytes(len)
    }
}

#[inline(never)]
fn stack_address() -> usize {
    let here = 0_u8;
    std::ptr::from_ref(&here).addr()
}

/// How many messages are in one another at the deepest place, as far as the bytes tell without knowing their meaning:
/// text that could be a message counts as one, and that is never deep by chance. Ends at the first place that is too
/// deep.
fn levels(bytes: &[u8]) -> usize {
    // Of each message around the place: where it ends, and the levels that were found inside.
    let mut around = vec![(bytes.len(), 0)];
    let mut at = 0;
    while let Some(&(end, inside)) = around.last() {
        if around.len() > LEVELS_MAX {
            return around.len();
        }
        match field(&bytes[at..end]) {
            Some(Field { header, content, nests }) => {
                at += header;
                if nests { around.push((at + content, 0)) } else { at += content }
            }
            // A text, or damaged.
            None if at < end => {
                at = end;
                around.pop();
            }
            None => {
                around.pop();
                match around.last_mut() {
                    Some((_, levels)) => *levels = (inside + 1).max(*levels),
                    None => return inside + 1,
                }
            }
        }
    }
    0
}

/// The bytes of a field.
struct Field {
    header: usize,
    content: usize,
    /// Whether the content may be a message.
    nests: bool,
}

/// The first field of a message.
fn field(message: &[u8]) -> Option<Field> {
    let (tag, header) = varint(message)?;
    if tag >> 3 == 0 {
        return None;
    }
    let rest = &message[header..];
    let (header, content, nests) = match tag & 7 {
        0 => (header, varint(rest)?.1, false),
        1 => (header, 8, false),
        2 => {
            let (content, prefix) = varint(rest)?;
            (header + prefix, usize::try_from(content).ok()?, true)
        }
        5 => (header, 4, false),
        _ => return None,
    };
    (content <= message.len() - header).then_some(Field { header, content, nests })
}

/// A number of variable length, and its bytes.
fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0;
    for (index, byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * index).min(63);
        if byte & 0x80 == 0 {
            return Some((value, index + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests;
