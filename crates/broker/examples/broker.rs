//! A broker as a process of its own: what the tests kill, and what benchmarks run. Users start `millstream broker`.
//!
//! ```text
//! cargo run -p millstream-broker --example broker -- [listen=127.0.0.1:9092] [data=FOLDER] [memory=BYTES] [partitions=N]
//! ```
//!
//! Prints its address in one line and runs until its standard input ends.

use std::io::Write;

use millstream_broker::{Broker, BrokerConfig};
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(EnvFilter::from_default_env()).init();
    let mut config = BrokerConfig::default();
    for argument in std::env::args().skip(1) {
        match argument.split_once('=') {
            Some(("listen", address)) => config.listen = address.parse()?,
            Some(("data", folder)) => config.data = Some(folder.into()),
            Some(("memory", bytes)) => config.memory_limit = bytes.parse()?,
            Some(("partitions", count)) => config.default_partitions = count.parse()?,
            _ => return Err(format!("{argument} is not understood").into()),
        }
    }
    let broker = Broker::start(config).await?;
    writeln!(std::io::stdout(), "{}", broker.address())?;
    tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink())).await??;
    broker.shutdown().await;
    Ok(())
}
