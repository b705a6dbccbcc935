//! Every source and sink, a folder or file each. They speak Arrow and offsets; none sees a plan, and none another.
//!
//! Beside them lies where checkpoints go ([`checkpoint`]): another system to be spoken to.

pub mod checkpoint;
pub mod console;
mod drain;
pub mod file;
pub mod kafka;
pub mod memory;
pub mod noop;
pub mod rate;
pub mod socket;

use std::sync::Arc;

use millstream_core::ConnectorRegistry;

/// All connectors. The console sink prints to standard output.
pub fn register_all(registry: &mut ConnectorRegistry) {
    registry.register(Arc::new(kafka::KafkaConnector::default()));
    registry.register(Arc::new(console::Console::to_stdout()));
    registry.register(Arc::new(memory::Memory));
    registry.register(Arc::new(noop::Noop));
    registry.register(Arc::new(rate::RatePerSecond));
    registry.register(Arc::new(rate::RatePerBatch));
    registry.register(Arc::new(socket::Socket));
    for format in file::formats::FORMATS {
        registry.register(Arc::new(file::FileConnector(*format)));
    }
}
