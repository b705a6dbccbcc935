//! The broker, asked by stock clients.
