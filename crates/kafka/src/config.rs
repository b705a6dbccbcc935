//! The client's settings, under the names of Java's consumer, so that what is written in a program or a manual holds
//! here.
//!
//! Defaults are Java's, except where the measured optimum of this client lies elsewhere: `max.partition.fetch.bytes` is
//! 2 MB and `fetch.max.bytes` 8 MB, because a response is one buffer. TLS and SASL are in [`crate::security`].

use std::collections::BTreeMap;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::security::SecurityConfig;

/// Which records a reader sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IsolationLevel {
    /// All, those of open and aborted transactions too.
    #[default]
    ReadUncommitted = 0,
    /// Only those outside transactions and of committed ones.
    ReadCommitted = 1,
}

/// How to reach a cluster and how to behave towards it.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// `bootstrap.servers`: host and port of brokers to begin with.
    pub bootstrap_servers: Vec<(String, u16)>,
    /// `client.id`: the name that the broker logs.
    pub client_id: String,
    /// `isolation.level`
    pub isolation_level: IsolationLevel,
    /// `fetch.min.bytes`
    pub fetch_min_bytes: i32,
    /// `fetch.max.bytes`: of one response. A single larger record batch still comes.
    pub fetch_max_bytes: i32,
    /// `max.partition.fetch.bytes`: of one partition in one response; grows by itself where batches are larger.
    pub max_partition_fetch_bytes: i32,
    /// `fetch.max.wait.ms`: how long a broker holds back the answer when there is nothing new.
    pub fetch_max_wait: Duration,
    /// `check.crcs`
    pub check_crcs: bool,
    /// `request.timeout.ms`
    pub request_timeout: Duration,
    /// `default.api.timeout.ms`: how long a cluster that has never answered is waited for.
    pub api_timeout: Duration,
    /// `socket.connection.setup.timeout.ms`
    pub connection_setup_timeout: Duration,
    /// `retry.backoff.ms` to `retry.backoff.max.ms`
    pub retry_backoff: BackoffRange,
    /// `reconnect.backoff.ms` to `reconnect.backoff.max.ms`
    pub reconnect_backoff: BackoffRange,
    /// `receive.buffer.bytes`; `None` leaves it to the operating system.
    pub receive_buffer_bytes: Option<u32>,
    /// `send.buffer.bytes`; `None` leaves it to the operating system.
    pub send_buffer_bytes: Option<u32>,
    /// `security.protocol`, `ssl.*`, `sasl.*`
    pub security: SecurityConfig,
}

/// The first pause and the longest; each is twice the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackoffRange {
    /// The first.
    pub first: Duration,
    /// The longest.
    pub longest: Duration,
}

impl BackoffRange {
    /// The pause after this many failures in a row.
    pub(crate) fn pause(&self, failures: u32) -> Duration {
        let doubled = self.first.saturating_mul(1 << failures.saturating_sub(1).min(20));
        doubled.min(self.longest.max(self.first))
    }
}

impl ClientConfig {
    /// Java's defaults for brokers at these addresses.
    pub fn new(bootstrap_servers: Vec<(String, u16)>) -> Self {
        Self {
            bootstrap_servers,
            client_id: "millstream".to_owned(),
            isolation_level: IsolationLevel::default(),
            fetch_min_bytes: 1,
            fetch_max_bytes: 8 << 20,
            max_partition_fetch_bytes: 2 << 20,
            fetch_max_wait: Duration::from_millis(500),
            check_crcs: true,
            request_timeout: Duration::from_secs(30),
            api_timeout: Duration::from_secs(60),
            connection_setup_timeout: Duration::from_secs(10),
            retry_backoff: BackoffRange { first: Duration::from_millis(100), longest: Duration::from_secs(1) },
            reconnect_backoff: BackoffRange { first: Duration::from_millis(50), longest: Duration::from_secs(1) },
            receive_buffer_bytes: None,
            send_buffer_bytes: None,
            security: SecurityConfig::default(),
        }
    }

    /// Settings from names and values as Java's client takes them, and the names that mean nothing here.
    ///
    /// # Errors
    /// A value that cannot be used, no `bootstrap.servers`, or security settings that do not fit together.
    pub fn from_properties<'a>(
        properties: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<(Self, Vec<&'a str>)> {
        let mut config = Self::new(Vec::new());
        let (mut ignored, mut of_security) = (Vec::new(), BTreeMap::new());
        for (name, value) in properties {
            if SecurityConfig::knows(name) {
                of_security.insert(name, value.trim());
            } else if !config.set(name, value.trim())? {
                ignored.push(name);
            }
        }
        config.security = SecurityConfig::from_properties(&of_security)?;
        if config.bootstrap_servers.is_empty() {
            return Err(Error::config("bootstrap.servers", "", "no broker is named"));
        }
        Ok((config, ignored))
    }

    /// `bootstrap.servers` as one writes it.
    pub(crate) fn bootstrap_text(&self) -> String {
        let servers: Vec<_> = self
            .bootstrap_servers
            .iter()
            .map(|(host, port)| if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") })
            .collect();
        servers.join(",")
    }

    /// Sets one property; false when it means nothing here.
    fn set(&mut self, name: &str, value: &str) -> Result<bool> {
        match name {
            "bootstrap.servers" => self.bootstrap_servers = addresses(value)?,
            "client.id" => self.client_id = value.to_owned(),
            "isolation.level" => {
                self.isolation_level = match value {
                    "read_uncommitted" => IsolationLevel::ReadUncommitted,
                    "read_committed" => IsolationLevel::ReadCommitted,
                    _ => return Err(Error::config(name, value, "must be read_committed or read_uncommitted")),
                }
            }
            "fetch.min.bytes" => self.fetch_min_bytes = number(name, value, 0)?,
            "fetch.max.bytes" => self.fetch_max_bytes = number(name, value, 0)?,
            "max.partition.fetch.bytes" => self.max_partition_fetch_bytes = number(name, value, 0)?,
            "fetch.max.wait.ms" => self.fetch_max_wait = milliseconds(name, value)?,
            "check.crcs" => self.check_crcs = truth(name, value)?,
            "request.timeout.ms" => self.request_timeout = milliseconds(name, value)?,
            "default.api.timeout.ms" => self.api_timeout = milliseconds(name, value)?,
            "socket.connection.setup.timeout.ms" => self.connection_setup_timeout = milliseconds(name, value)?,
            "retry.backoff.ms" => self.retry_backoff.first = milliseconds(name, value)?,
            "retry.backoff.max.ms" => self.retry_backoff.longest = milliseconds(name, value)?,
            "reconnect.backoff.ms" => self.reconnect_backoff.first = milliseconds(name, value)?,
            "reconnect.backoff.max.ms" => self.reconnect_backoff.longest = milliseconds(name, value)?,
            "receive.buffer.bytes" => self.receive_buffer_bytes = u32::try_from(number(name, value, -1)?).ok(),
            "send.buffer.bytes" => self.send_buffer_bytes = u32::try_from(number(name, value, -1)?).ok(),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Those of them that are not about security.
const KNOWN: [&str; 40] = [
    "acks",
    "batch.size",
    "bootstrap.servers",
    "buffer.memory",
    "check.crcs",
    "client.id",
    "compression.gzip.level",
    "compression.lz4.level",
    "compression.type",
    "compression.zstd.level",
    "connections.max.idle.ms",
    "default.api.timeout.ms",
    "delivery.timeout.ms",
    "enable.idempotence",
    "fetch.max.bytes",
    "fetch.max.wait.ms",
    "fetch.min.bytes",
    "group.id",
    "isolation.level",
    "linger.ms",
    "max.block.ms",
    "max.in.flight.requests.per.connection",
    "max.partition.fetch.bytes",
    "max.poll.records",
    "max.request.size",
    "metadata.max.age.ms",
    "metadata.max.idle.ms",
    "partitioner.adaptive.partitioning.enable",
    "partitioner.class",
    "partitioner.ignore.keys",
    "receive.buffer.bytes",
    "reconnect.backoff.max.ms",
    "reconnect.backoff.ms",
    "request.timeout.ms",
    "retries",
    "retry.backoff.max.ms",
    "retry.backoff.ms",
    "send.buffer.bytes",
    "socket.connection.setup.timeout.ms",
    "transaction.timeout.ms",
];

/// The names of all settings of Java's clients that have a meaning here.
pub fn known_settings() -> impl Iterator<Item = &'static str> {
    KNOWN.into_iter().chain(SecurityConfig::names())
}

/// `host:port` after `host:port`; IPv6 addresses stand in brackets.
fn addresses(value: &str) -> Result<Vec<(String, u16)>> {
    let invalid = |reason: String| Error::config("bootstrap.servers", value, reason);
    let entries = value.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    entries
        .map(|entry| {
            // Java allows a protocol in front, as brokers write it in their own settings.
            let address = entry.rsplit_once("://").map_or(entry, |(_, address)| address);
            let (host, port) = address
                .rsplit_once(':')
                .ok_or_else(|| invalid(format!("'{entry}' has no port; write {entry}:9092")))?;
            let port = port.parse().map_err(|_| invalid(format!("'{entry}' has no valid port")))?;
            let host = host.trim_start_matches('[').trim_end_matches(']');
            if host.is_empty() { Err(invalid(format!("'{entry}' has no host"))) } else { Ok((host.to_owned(), port)) }
        })
        .collect()
}

pub(crate) fn number(name: &str, value: &str, least: i32) -> Result<i32> {
    let parsed = value.parse().ok().filter(|&number: &i32| number >= least);
    parsed.ok_or_else(|| Error::config(name, value, format!("must be an integer of at least {least}")))
}

pub(crate) fn milliseconds(name: &str, value: &str) -> Result<Duration> {
    let parsed = value.parse().map(Duration::from_millis);
    parsed.map_err(|_| Error::config(name, value, "must be a number of milliseconds"))
}

pub(crate) fn truth(name: &str, value: &str) -> Result<bool> {
    let parsed = value.to_ascii_lowercase().parse();
    parsed.map_err(|_| Error::config(name, value, "must be true or false"))
}

#[cfg(test)]
mod tests;
