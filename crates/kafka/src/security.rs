//! How a connection proves who is at either end: TLS and SASL, under the names of Java's client.
//!
//! [`SecurityConfig`] is read from properties and checked before anything is connected. [`Transport`] is a connection's byte
//! stream, plain or TLS; [`sasl`] runs on it after the versions are known.

mod config;
mod jaas;
mod oauth;
pub(crate) mod sasl;
mod scram;
mod store;
pub(crate) mod tls;
mod transport;

pub use config::SecurityConfig;
pub(crate) use transport::Transport;
