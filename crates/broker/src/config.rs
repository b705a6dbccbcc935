//! What a broker is told when it starts. Everything else is a topic's setting, and can be changed while it runs.

use std::net::SocketAddr;
use std::path::PathBuf;

/// How to start a [`crate::Broker`].
#[derive(Debug, Clone)]
pub struct BrokerConfig {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Host and port that clients are told, if not the address that is listened on.
    pub advertised: Option<(String, u16)>,
    /// The folder for records and everything else that shall be there after a restart; `None` keeps all in memory.
    pub data: Option<PathBuf>,
    /// Most bytes of records that are kept in memory when there is no folder. A full broker refuses records with an
    /// error that clients retry.
    pub memory_limit: usize,
    /// Most bytes of requests that are being received at the same time; the largest request is no larger.
    pub request_memory: usize,
    /// Connections beyond this are closed at once.
    pub max_connections: usize,
    /// Whether a topic is made when a client asks for it first.
    pub auto_create_topics: bool,
    /// Partitions of a topic that is made without saying how many.
    pub default_partitions: i32,
    /// How long a new group waits for more members before its first assignment.
    pub group_initial_rebalance_delay_ms: u64,
    /// How long the offsets of a group without members are kept.
    pub offsets_retention_ms: i64,
}

impl Default for BrokerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            advertised: None,
            data: None,
            memory_limit: 1 << 30,
            request_memory: 128 << 20,
            max_connections: 4096,
            auto_create_topics: true,
            default_partitions: 1,
            group_initial_rebalance_delay_ms: 0,
            offsets_retention_ms: 7 * 24 * 60 * 60 * 1000,
        }
    }
}
