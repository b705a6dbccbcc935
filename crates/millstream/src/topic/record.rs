//! A record as it is printed.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use millstream_kafka::Record;
use serde_json::{Value, json};

use super::args::{ConsumeArgs, Format};

/// How records are printed.
#[derive(Debug)]
pub(super) struct Style {
    format: Format,
    headers: bool,
    key: bool,
    key_separator: String,
}

impl Style {
    pub(super) fn new(args: &ConsumeArgs) -> Self {
        Self { format: args.format, headers: args.headers, key: args.key, key_separator: args.key_separator.clone() }
    }

    /// Prints a record with its line end.
    pub(super) fn write(
        &self,
        out: &mut dyn Write,
        (topic, partition): (&str, i32),
        record: &Record<'_>,
    ) -> io::Result<()> {
        match self.format {
            Format::Json => writeln!(out, "{}", to_json(topic, partition, record)),
            Format::Text => self.write_text(out, record),
        }
    }

    fn write_text(&self, out: &mut dyn Write, record: &Record<'_>) -> io::Result<()> {
        const NULL: &[u8] = b"null";
        if self.headers {
            for (index, (name, value)) in record.headers.iter().enumerate() {
                if index > 0 {
                    out.write_all(b",")?;
                }
                out.write_all(name)?;
                out.write_all(b"=")?;
                out.write_all(value.unwrap_or(NULL))?;
            }
            out.write_all(self.key_separator.as_bytes())?;
        }
        if self.key {
            out.write_all(record.key.unwrap_or(NULL))?;
            out.write_all(self.key_separator.as_bytes())?;
        }
        out.write_all(record.value.unwrap_or(NULL))?;
        out.write_all(b"\n")
    }
}

fn to_json(topic: &str, partition: i32, record: &Record<'_>) -> Value {
    let headers =
        record.headers.iter().map(|(name, value)| json!({ "name": bytes(Some(name)), "value": bytes(value) }));
    json!({
        "topic": topic,
        "partition": partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "key": bytes(record.key),
        "value": bytes(record.value),
        "headers": headers.collect::<Vec<_>>(),
    })
}

/// Text where it is text, so that nothing is lost where it is none.
fn bytes(bytes: Option<&[u8]>) -> Value {
    match bytes.map(std::str::from_utf8) {
        None => Value::Null,
        Some(Ok(text)) => Value::from(text),
        Some(Err(_)) => json!({ "base64": STANDARD.encode(bytes.unwrap_or_default()) }),
    }
}
