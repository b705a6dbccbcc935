//! The producer's settings, under the names of Java's producer and with its checks.
//!
//! Defaults are Java's, but for two: `linger.ms` is 0, because whoever writes in batches flushes them anyway, and
//! `batch.size` is 256 kB, because a broker's work is by the batch; NULL keys still change their partition as often as
//! with Java's 16 kB. `max.in.flight.requests.per.connection` counts a partition's batches without an answer; without
//! idempotence it is 1 whatever is set, because a repeated batch may not overtake the one before it.

use std::time::Duration;

use super::partitioner::Partitioner;
use crate::compression::CompressionType;
use crate::config::{ClientConfig, milliseconds, number, truth};
use crate::error::{Error, Result};

/// Who must have a record before it counts as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acks {
    /// Nobody: records are lost when a connection breaks, and nothing tells.
    None = 0,
    /// The partition's leader.
    Leader = 1,
    /// All replicas in sync.
    All = -1,
}

/// How a producer gathers, sends and repeats.
#[derive(Debug, Clone)]
pub struct ProducerConfig {
    /// `acks`
    pub acks: Acks,
    /// `enable.idempotence`: every record is in its partition once and in order, whatever is repeated.
    pub idempotence: bool,
    /// `transactional.id`
    pub transactional_id: Option<String>,
    /// `transaction.timeout.ms`: after this the coordinator aborts a transaction by itself.
    pub transaction_timeout: Duration,
    /// `compression.type`
    pub compression: CompressionType,
    /// `batch.size`: bytes of a batch before compression.
    pub batch_bytes: usize,
    /// `linger.ms`: how long a batch that is not full waits for more records, unless it is flushed.
    pub linger: Duration,
    /// `buffer.memory`: bytes of records without an answer.
    pub buffer_bytes: usize,
    /// `max.request.size`: of one request, and of one record before compression.
    pub request_bytes_max: usize,
    /// `max.in.flight.requests.per.connection`
    pub in_flight_max: usize,
    /// `max.block.ms`: how long to wait for a topic or for room in the buffer.
    pub block_max: Duration,
    /// `delivery.timeout.ms`: from the producer to the answer, all tries together.
    pub delivery_timeout: Duration,
    /// `request.timeout.ms`: how long a broker may wait for its replicas.
    pub request_timeout: Duration,
    /// `retries`: tries after the first.
    pub retries: u32,
    /// `metadata.max.age.ms`: how often new partitions are looked for.
    pub metadata_max_age: Duration,
    /// `partitioner.class`, `partitioner.ignore.keys`, `partitioner.adaptive.partitioning.enable`
    pub partitioner: Partitioner,
}

impl Default for ProducerConfig {
    fn default() -> Self {
        Self {
            acks: Acks::All,
            idempotence: true,
            transactional_id: None,
            transaction_timeout: Duration::from_secs(60),
            compression: CompressionType::None,
            batch_bytes: 256 << 10,
            linger: Duration::ZERO,
            buffer_bytes: 32 << 20,
            request_bytes_max: 1 << 20,
            in_flight_max: 5,
            block_max: Duration::from_secs(60),
            delivery_timeout: Duration::from_secs(120),
            request_timeout: Duration::from_secs(30),
            retries: i32::MAX as u32,
            metadata_max_age: Duration::from_secs(300),
            partitioner: Partitioner::default(),
        }
    }
}

/// Settings of Java's producer that choose nothing here, with the values that Java takes.
const WITHOUT_MEANING: [(&str, i64, i64); 10] = [
    ("compression.lz4.level", 1, 17),
    ("compression.zstd.level", -131_072, 22),
    ("connections.max.idle.ms", i64::MIN, i64::MAX),
    ("metadata.max.idle.ms", 5000, i64::MAX),
    ("metadata.recovery.rebootstrap.trigger.ms", 0, i64::MAX),
    ("metrics.num.samples", 1, i64::MAX),
    ("metrics.sample.window.ms", 0, i64::MAX),
    ("partitioner.availability.timeout.ms", 0, i64::MAX),
    ("socket.connection.setup.timeout.max.ms", 0, i64::MAX),
    ("sasl.login.refresh.min.period.seconds", 0, 900),
];

/// What was named, because other settings depend on it.
#[derive(Default)]
struct Named {
    idempotence: bool,
    delivery_timeout: bool,
}

impl ProducerConfig {
    /// Settings of client and producer from names and values as Java's producer takes them, and the names that mean
    /// nothing here.
    ///
    /// # Errors
    /// A value that cannot be used, values that contradict each other, or no `bootstrap.servers`.
    pub fn from_properties<'a>(
        properties: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<(ClientConfig, Self, Vec<&'a str>)> {
        let (mut config, mut named) = (Self::default(), Named::default());
        let (mut of_client, mut ignored) = (Vec::new(), Vec::new());
        for (name, value) in properties {
            let value = value.trim();
            if name == "request.timeout.ms" {
                config.request_timeout = milliseconds(name, value)?;
            }
            if config.set(name, value)? {
                named.note(name);
            } else if let Some((_, least, most)) = WITHOUT_MEANING.iter().find(|(known, _, _)| *known == name) {
                check_range(name, value, *least, *most)?;
                ignored.push(name);
            } else {
                of_client.push((name, value));
            }
        }
        let (client, unknown) = ClientConfig::from_properties(of_client)?;
        ignored.extend(unknown);
        config.check(&named)?;
        Ok((client, config, ignored))
    }

    fn set(&mut self, name: &str, value: &str) -> Result<bool> {
        let not_one_of = |known: &str| Error::config(name, value, format!("must be one of {known}"));
        let bytes = |least| number(name, value, least).map(|number| number as usize);
        match name {
            "acks" => {
                self.acks = match value {
                    "all" | "-1" => Acks::All,
                    "1" => Acks::Leader,
                    "0" => Acks::None,
                    _ => return Err(not_one_of("all, -1, 0, 1")),
                }
            }
            "enable.idempotence" => self.idempotence = truth(name, value)?,
            "transactional.id" if value.is_empty() => return Err(Error::config(name, value, "must not be empty")),
            "transactional.id" => self.transactional_id = Some(value.to_owned()),
            "transaction.timeout.ms" => self.transaction_timeout = milliseconds(name, value)?,
            "compression.type" => {
                self.compression = value.parse().map_err(|reason| Error::config(name, value, reason))?;
            }
            "compression.gzip.level" => {
                if value != "-1" {
                    check_range(name, value, 1, 9)?;
                }
                return Ok(false);
            }
            "batch.size" => self.batch_bytes = bytes(0)?,
            "linger.ms" => self.linger = milliseconds(name, value)?,
            "buffer.memory" => {
                let parsed = value.parse::<u64>().ok().and_then(|bytes| usize::try_from(bytes).ok());
                self.buffer_bytes = parsed.ok_or_else(|| Error::config(name, value, "must be a number of bytes"))?;
            }
            "max.request.size" => self.request_bytes_max = bytes(0)?,
            "max.in.flight.requests.per.connection" => self.in_flight_max = bytes(1)?,
            "max.block.ms" => self.block_max = milliseconds(name, value)?,
            "delivery.timeout.ms" => self.delivery_timeout = milliseconds(name, value)?,
            "retries" => self.retries = number(name, value, 0)? as u32,
            "metadata.max.age.ms" => self.metadata_max_age = milliseconds(name, value)?,
            "partitioner.class" => self.partitioner.set_class(value)?,
            "partitioner.ignore.keys" => self.partitioner.ignores_keys = truth(name, value)?,
            "partitioner.adaptive.partitioning.enable" => self.partitioner.is_adaptive = truth(name, value)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Java's checks of settings against each other, and what it derives from them.
    fn check(&mut self, named: &Named) -> Result<()> {
        let refuse = |name: &str, value: &dyn std::fmt::Display, reason: &str| {
            Err(Error::config(name, &value.to_string(), reason))
        };
        let wanted = named.idempotence && self.idempotence;
        if self.transactional_id.is_some() && named.idempotence && !self.idempotence {
            return refuse("enable.idempotence", &false, "must be true with a transactional.id");
        }
        if self.acks != Acks::All {
            if wanted || self.transactional_id.is_some() {
                return refuse("acks", &(self.acks as i16), "must be all for an idempotent producer");
            }
            self.idempotence = false;
        }
        if self.idempotence && self.retries == 0 {
            if wanted || self.transactional_id.is_some() {
                return refuse("retries", &0, "must not be 0 for an idempotent producer");
            }
            self.idempotence = false;
        }
        if self.idempotence && self.in_flight_max > 5 {
            return refuse(
                "max.in.flight.requests.per.connection",
                &self.in_flight_max,
                "must be at most 5 for an idempotent producer",
            );
        }
        if !self.idempotence {
            self.in_flight_max = 1;
        }
        let least = self.linger + self.request_timeout;
        if self.delivery_timeout < least {
            if named.delivery_timeout {
                let reason = "must not be less than linger.ms + request.timeout.ms";
                return refuse("delivery.timeout.ms", &self.delivery_timeout.as_millis(), reason);
            }
            self.delivery_timeout = least;
        }
        Ok(())
    }
}

impl Named {
    fn note(&mut self, name: &str) {
        match name {
            "enable.idempotence" => self.idempotence = true,
            "delivery.timeout.ms" => self.delivery_timeout = true,
            _ => {}
        }
    }
}

fn check_range(name: &str, value: &str, least: i64, most: i64) -> Result<()> {
    let in_range = value.parse().is_ok_and(|number: i64| (least..=most).contains(&number));
    if in_range { Ok(()) } else { Err(Error::config(name, value, format!("must be from {least} to {most}"))) }
}

#[cfg(test)]
mod tests;
