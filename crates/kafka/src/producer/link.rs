//! A connection to one broker over which batches go: requests leave while earlier ones wait for their answers.
//!
//! A link repairs nothing. After any error it ends and says why; the sender then knows what was under way. Only a
//! connection whose authentication ends is replaced here, between two requests.

use std::time::Duration;

use kafka_protocol::messages::{ProduceRequest, ProduceResponse};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

use super::event::{Event, LinkName};
use crate::address::Address;
use crate::config::ClientConfig;
use crate::connection::{Connection, Receiver, Sender};
use crate::error::Result;

/// Record batches of the present format came with version 3. Version 13 names topics by id, which a transaction's
/// partitions cannot be added by.
const VERSIONS: (i16, i16) = (3, 12);
/// The last version before a batch adds its partition to the transaction by itself.
const EXPLICIT_PARTITIONS_MOST: i16 = 11;

/// Requests to one broker without an answer.
pub(super) const REQUESTS_MAX: usize = 5;

/// A request for the link to send.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) id: u64,
    pub(super) request: ProduceRequest,
    /// Whether brokers are told of partitions beforehand (transaction protocol before version 2).
    pub(super) explicit_partitions: bool,
}

/// What the sender holds of a link. Dropping it ends the link.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) number: u64,
    pub(super) requests: mpsc::Sender<Outgoing>,
    pub(super) task: AbortHandle,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A request without its answer.
struct Expected {
    id: u64,
    correlation_id: i32,
    version: i16,
    until: Instant,
}

/// Runs a link until an error or until the sender drops it.
pub(super) async fn run(
    name: LinkName,
    (address, config): (Address, ClientConfig),
    mut requests: mpsc::Receiver<Outgoing>,
    events: mpsc::Sender<Event>,
) {
    let result = async {
        loop {
            let connection = Connection::open(&address, &config).await?;
            let ends_at = connection.ends_at();
            let (sender, receiver) = connection.split();
            let (expect, expected) = mpsc::channel(REQUESTS_MAX);
            let writing = Writing { sender, expect, patience: config.request_timeout, ends_at };
            let (goes_on, ()) = tokio::try_join!(
                write(writing, &mut requests, (name, events.clone())),
                read(receiver, expected, (name, events.clone())),
            )?;
            if !goes_on {
                return Ok(());
            }
        }
    };
    let ended: Result<()> = result.await;
    if let Err(error) = ended {
        // It fails only when the sender is gone.
        let _sent = events.send(Event::LinkLost { link: name, error }).await;
    }
}

/// What one direction of one connection needs.
struct Writing {
    sender: Sender,
    expect: mpsc::Sender<Expected>,
    patience: Duration,
    ends_at: Option<Instant>,
}

/// Sends until nobody asks for more, or until the connection must be replaced, which is true.
async fn write(
    Writing { mut sender, expect, patience, ends_at }: Writing,
    requests: &mut mpsc::Receiver<Outgoing>,
    (link, events): (LinkName, mpsc::Sender<Event>),
) -> Result<bool> {
    let over = async {
        match ends_at {
            Some(at) => sleep_until(at).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(over);
    loop {
        let outgoing = tokio::select! {
            outgoing = requests.recv() => match outgoing {
                Some(outgoing) => outgoing,
                None => return Ok(false),
            },
            () = &mut over => return Ok(true),
        };
        let most = if outgoing.explicit_partitions { EXPLICIT_PARTITIONS_MOST } else { VERSIONS.1 };
        let version = sender.version::<ProduceRequest>(VERSIONS.0, most)?;
        let correlation_id = sender.send(version, &outgoing.request).await?;
        if outgoing.request.acks == 0 {
            // Nobody answers.
            let _sent = events.send(Event::Answered { link, request: outgoing.id, answer: None }).await;
        } else {
            let expected = Expected { id: outgoing.id, correlation_id, version, until: Instant::now() + patience };
            // The other half ends only with this one.
            let _sent = expect.send(expected).await;
        }
    }
}

async fn read(
    mut receiver: Receiver,
    mut expected: mpsc::Receiver<Expected>,
    (link, events): (LinkName, mpsc::Sender<Event>),
) -> Result<()> {
    while let Some(Expected { id, correlation_id, version, until }) = expected.recv().await {
        let body = receiver.receive(until.saturating_duration_since(Instant::now())).await?;
        let answer: ProduceResponse = receiver.decode::<ProduceRequest>(body, correlation_id, version)?;
        let answer = Some((answer, receiver.place().clone()));
        let _sent = events.send(Event::Answered { link, request: id, answer }).await;
    }
    Ok(())
}
