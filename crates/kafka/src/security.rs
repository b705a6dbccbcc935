//! How a connection proves who is at either end: TLS and SASL, under the names of Java's client.
//!
//! [`SecurityConfig`] is read from properties and checked before anything is connected. [`Transport`] is a connection's
//! byte stream, plain or TLS. [`Credentials`] are what SASL shows on it once the versions are known; the exchange is
//! the connection's (`connection/sasl.rs`).

mod config;
mod credentials;
mod jaas;
mod oauth;
pub(crate) mod scram;
mod secret;
mod store;
pub(crate) mod tls;
mod transport;

pub use config::SecurityConfig;
pub(crate) use credentials::{Credentials, HashName};
pub(crate) use transport::Transport;
