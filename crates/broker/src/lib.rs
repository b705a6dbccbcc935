//! An embedded broker: one node that speaks Kafka's protocol to stock clients, for development, tests, demos and the
//! edge.
//!
//! ```no_run
//! # async fn example() -> Result<(), millstream_broker::Error> {
//! use millstream_broker::{Broker, BrokerConfig};
//!
//! let broker = Broker::start(BrokerConfig::default()).await?;
//! let bootstrap_servers = broker.address().to_string();
//! broker.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! Records stay as the producer wrote them, from the socket to the log and back: batches are checked and not copied on
//! the way. In memory the broker keeps what fits its limit; with a folder, what was acknowledged is there after
//! `kill -9`.
//!
//! Deliberately not here: replicas, security, quotas, access control, share groups, and the consumer protocol of
//! KIP-848, which is refused so that clients say what to set. Production uses Apache Kafka.

mod api;
mod batch;
mod broker;
mod clock;
mod config;
mod connection;
mod error;
mod fetch_session;
mod group;
mod journal;
mod log;
mod partition;
mod records;
mod response;
mod shared;
mod topic_config;
mod topics;
mod transaction;

pub use broker::Broker;
pub use config::BrokerConfig;
pub use error::{Error, Result};
