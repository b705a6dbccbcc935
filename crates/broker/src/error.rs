//! Why a broker does not start. Once it runs, errors go to the client that caused them, as Kafka's error codes.

use std::io;
use std::path::{Path, PathBuf};

/// What [`crate::Broker::start`] may answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address cannot be listened on.
    #[error("the broker cannot listen on {address}: {source}")]
    Listen {
        /// The address that was asked for.
        address: std::net::SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The data folder cannot be used.
    #[error("the broker cannot use {}: {source}", path.display())]
    Data {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another broker uses the data folder.
    #[error("another broker uses {}", path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
    },
}

/// What starting gives.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn data(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Data { path, source }
    }
}
