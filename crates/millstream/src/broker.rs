//! `millstream broker`, and the broker inside of `run` and `serve`.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::process::ExitCode;

use millstream_broker::{Broker, BrokerConfig, Error as BrokerError};
use millstream_core::{Error, Result};

use crate::args::{BrokerArgs, EmbeddedBrokerArgs};
use crate::memory_size::MemorySize;
use crate::serve::Signals;
use crate::terminal;

/// The part of a process's memory that a broker inside of it may fill with records.
const SHARE_OF_MEMORY: usize = 4;

/// Serves Kafka's clients until SIGINT or SIGTERM.
pub(crate) async fn run(args: BrokerArgs) -> Result<ExitCode> {
    let mut signals = Signals::new()?;
    let memory = MemorySize::or_half_of_machine(args.memory)?;
    let config = BrokerConfig {
        advertised: args.advertised.map(|advertised| (advertised.host, advertised.port)),
        auto_create_topics: !args.no_auto_create_topics,
        default_partitions: args.partitions,
        data: args.data,
        memory_limit: memory.0,
        ..listening(args.listen)
    };
    let broker = start(config).await?;
    signals.next().await;
    tokio::select! {
        () = broker.shutdown() => Ok(ExitCode::SUCCESS),
        // Who asks twice does not want to wait.
        _ = signals.next() => Err(Error::cancelled("interrupted again; the broker did not end in order")),
    }
}

/// The broker that `--broker` asks for, and the memory that is left for everything else.
pub(crate) async fn embedded(args: &EmbeddedBrokerArgs, memory: MemorySize) -> Result<(Option<Broker>, MemorySize)> {
    let Some(listen) = args.broker else { return Ok((None, memory)) };
    let memory_limit = memory.0 / SHARE_OF_MEMORY;
    let data = args.broker_data.clone();
    let broker = start(BrokerConfig { data, memory_limit, ..listening(listen) }).await?;
    Ok((Some(broker), MemorySize(memory.0 - memory_limit)))
}

fn listening(listen: SocketAddr) -> BrokerConfig {
    BrokerConfig { listen, ..BrokerConfig::default() }
}

/// Starts a broker and says where it is.
async fn start(config: BrokerConfig) -> Result<Broker> {
    let place = config.data.as_ref().map_or("memory".to_owned(), |folder| folder.display().to_string());
    let broker = Broker::start(config).await.map_err(|error| {
        let hint = hint(&error);
        Error::unavailable("cannot start the broker").with_source(error).with_hint(hint)
    })?;
    terminal::say(&format!("Kafka broker on {} (records in {place})", broker.address()));
    Ok(broker)
}

/// What to do about a broker that does not start.
fn hint(error: &BrokerError) -> &'static str {
    match error {
        BrokerError::Listen { source, .. } if source.kind() == ErrorKind::AddrInUse => {
            "something listens there already; choose another address, or port 0 for a free one"
        }
        BrokerError::Listen { .. } => "choose an address of this machine, such as 127.0.0.1:9092",
        BrokerError::Data { source, .. } if source.kind() == ErrorKind::PermissionDenied => {
            "give this user the right to write there, or name another folder for the broker's data"
        }
        BrokerError::Locked { .. } => {
            "a data folder belongs to one broker at a time; end the other, or name another folder"
        }
        _ => "name a folder of this machine that can be made, or that holds a broker's data",
    }
}
