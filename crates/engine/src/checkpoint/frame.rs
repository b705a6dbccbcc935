//! One durable write of the log is one frame: it is there as a whole, or it was never written.
//!
//! ```text
//! payload length (8) · CRC32C of length and place (4) · CRC32C of payload (4) · payload
//! ```
//!
//! The first sum also covers the frame's place in its file, so that no bytes inside a payload can be taken for a frame.
//! A frame that is cut short or spoilt at the end of a file was being written when the process or the machine died: it
//! is cut off. The same with a good frame anywhere behind it is damage to what was promised, and is refused.

/// Bytes before the payload.
pub(crate) const HEADER_BYTES: usize = 16;

/// Appends a frame that will lie at `position` of its file.
pub(crate) fn encode(position: u64, payload: &[u8], out: &mut Vec<u8>) {
    let length = payload.len() as u64;
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&header_sum(position, length).to_le_bytes());
    out.extend_from_slice(&crc32c::crc32c(payload).to_le_bytes());
    out.extend_from_slice(payload);
}

fn header_sum(position: u64, length: u64) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&position.to_le_bytes()), &length.to_le_bytes())
}

/// What a file of frames holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Scan<'a> {
    /// Good frames up to `end`; whatever follows is a write that never finished.
    Good {
        /// The payloads with their places.
        frames: Vec<(u64, &'a [u8])>,
        /// Where the last good frame ends.
        end: u64,
    },
    /// A frame that is spoilt although good ones follow it.
    Damaged {
        /// Where it is.
        position: u64,
    },
}

/// Reads all frames of a file.
pub(crate) fn scan(file: &[u8]) -> Scan<'_> {
    let mut frames = Vec::new();
    let mut at = 0;
    while at < file.len() {
        match frame_at(file, at) {
            Some(payload) => {
                frames.push((at as u64, payload));
                at += HEADER_BYTES + payload.len();
            }
            None if (at + 1..file.len()).any(|later| frame_at(file, later).is_some()) => {
                return Scan::Damaged { position: at as u64 };
            }
            None => break,
        }
    }
    Scan::Good { frames, end: at as u64 }
}

fn frame_at(file: &[u8], at: usize) -> Option<&[u8]> {
    let (header, rest) = file.get(at..)?.split_first_chunk::<HEADER_BYTES>()?;
    let (length, sums) = header.split_first_chunk::<8>()?;
    let (header_crc, payload_crc) = sums.split_first_chunk::<4>()?;
    let length = u64::from_le_bytes(*length);
    if header_sum(at as u64, length).to_le_bytes() != *header_crc {
        return None;
    }
    let payload = rest.get(..usize::try_from(length).ok()?)?;
    (crc32c::crc32c(payload).to_le_bytes() == payload_crc).then_some(payload)
}

#[cfg(test)]
mod tests;
