//! The address of a broker.

use crate::error::Place;

/// Where a broker listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Address {
    pub(crate) fn place(&self) -> Place {
        Place::broker(&format!("{}:{}", self.host, self.port).into())
    }
}
