//! The row that travels: JSON of a fixed size with the time at which it was due, and what is read of a result.

use anyhow::{Context, Result};
use memchr::memmem;

/// How many keys the rows go round.
pub(crate) const KEYS: u64 = 1000;
/// Fills a row up to about 1.1 kB.
const PAD: usize = 1024;

/// Writes rows into one buffer.
pub(crate) struct RowWriter {
    row: String,
    pad: String,
}

impl RowWriter {
    pub(crate) fn new() -> Self {
        Self { row: String::new(), pad: "x".repeat(PAD) }
    }

    /// The row with this number, due at `sent_ns` of the driver's clock.
    pub(crate) fn write(&mut self, id: u64, sent_ns: u64) -> &[u8] {
        use std::fmt::Write;
        self.row.clear();
        let (user, pad) = (id % KEYS, &self.pad);
        write!(self.row, r#"{{"id":{id},"user":"u{user}","sent":{sent_ns},"pad":"{pad}"}}"#)
            .expect("a string takes everything");
        self.row.as_bytes()
    }
}

/// The whole number under `name` in JSON without blanks, as the driver and Spark's `to_json` write it.
pub(crate) fn number(json: &[u8], name: &str) -> Result<u64> {
    let shown = || format!("no number \"{name}\" in {}", String::from_utf8_lossy(&json[..json.len().min(120)]));
    text_after(json, &format!("\"{name}\":"), |byte| !byte.is_ascii_digit())
        .and_then(|digits| digits.parse().ok())
        .with_context(shown)
}

/// The key's number of a count: `"user":"u17"`.
pub(crate) fn user(json: &[u8]) -> Result<usize> {
    text_after(json, "\"user\":\"u", |byte| byte == b'"')
        .and_then(|digits| digits.parse().ok())
        .filter(|user| (*user as u64) < KEYS)
        .context("a result without a known user")
}

fn text_after<'a>(json: &'a [u8], before: &str, ends: impl Fn(u8) -> bool) -> Option<&'a str> {
    let rest = &json[memmem::find(json, before.as_bytes())? + before.len()..];
    let end = rest.iter().position(|&byte| ends(byte)).unwrap_or(rest.len());
    std::str::from_utf8(&rest[..end]).ok()
}

#[cfg(test)]
mod tests;
