//! The client: finds a broker that answers, keeps the metadata, asks leaders.
//!
//! Every operation waits for the cluster as long as it takes: with all brokers gone it tries again for ever, with
//! pauses that grow to `retry.backoff.max.ms`, and says so in the log. A caller who has less patience drops the future.
//! Only fatal errors come back.
//!
//! A cluster that has never answered is another matter: most likely its address is wrong. The log says so at the first
//! try, and after `default.api.timeout.ms` operations fail with [`Error::Unreachable`].

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{MetadataRequest, MetadataResponse, TopicName};
use kafka_protocol::protocol::{Request, StrBytes};
use parking_lot::Mutex;
use tokio::time::Instant;
use tracing::warn;

use crate::address::Address;
use crate::config::ClientConfig;
use crate::connection::Connection;
use crate::error::{Error, ErrorKind, Place, Result, kind_of};
use crate::metadata::{Cluster, Topic, Topics};

/// Topics with ids need version 10; 2.8 has 11.
pub(crate) const METADATA_VERSIONS: (i16, i16) = (9, 13);

/// The kind of thing that a coordinator is asked for. The numbers are Kafka's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum CoordinatorKind {
    Group = 0,
    Transaction = 1,
}

/// A client of one cluster. Clones share connections and metadata. Nothing is connected before the first operation.
#[derive(Debug, Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: ClientConfig,
    cluster: Mutex<Cluster>,
    /// Connections nobody uses at the moment. One in use is not here, so a dropped operation drops its connection too.
    idle: Mutex<HashMap<Address, Connection>>,
    /// Coordinators of transactional ids and groups, as far as they were needed.
    coordinators: Mutex<HashMap<(CoordinatorKind, String), Address>>,
    /// Where the search for a broker that answers begins.
    turn: AtomicUsize,
    contact: Mutex<Contact>,
}

/// What the client knows of whether there is a cluster behind the addresses of its settings.
#[derive(Debug)]
enum Contact {
    /// Nobody has been asked.
    Untried,
    /// Nobody has answered since this moment; the last try failed with this error.
    Unanswered { since: Instant, last: Arc<Error> },
    /// A broker has answered, now or long ago.
    Made,
}

impl Client {
    /// A client with these settings.
    pub fn new(config: ClientConfig) -> Self {
        let shared = Shared {
            config,
            cluster: Mutex::default(),
            idle: Mutex::default(),
            coordinators: Mutex::default(),
            turn: AtomicUsize::new(0),
            contact: Mutex::new(Contact::Untried),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Its settings.
    pub fn config(&self) -> &ClientConfig {
        &self.shared.config
    }

    /// Asks the cluster about topics. They are never created by asking.
    ///
    /// # Errors
    /// What cannot be helped, such as a topic that the client may not see.
    pub async fn metadata(&self, topics: Topics<'_>) -> Result<Vec<Topic>> {
        self.describe(topics, false).await
    }

    /// Asks about topics to write to, which creates them where brokers have `auto.create.topics.enable`.
    pub(crate) async fn metadata_creating(&self, names: &[Arc<str>]) -> Result<Vec<Topic>> {
        self.describe(Topics::Named(names), true).await
    }

    async fn describe(&self, topics: Topics<'_>, create: bool) -> Result<Vec<Topic>> {
        let mut failures = 0;
        loop {
            let described = {
                let response = self.request_metadata(topics, create).await?;
                self.shared.cluster.lock().update(response)
            };
            let Some((topic, code)) = described.failed.into_iter().next() else { return Ok(described.topics) };
            let place = Place { topic: Some(topic), ..Place::default() };
            if matches!(kind_of(code), ErrorKind::Fatal | ErrorKind::Fenced) {
                return Err(Error::Broker { place, code });
            }
            failures += 1;
            self.pause(failures, &Error::Broker { place, code }).await;
        }
    }

    pub(crate) async fn request_metadata(&self, topics: Topics<'_>, create: bool) -> Result<MetadataResponse> {
        let named = match topics {
            Topics::All => None,
            Topics::Named(names) => Some(
                names.iter().map(|name| MetadataRequestTopic::default().with_name(Some(topic_name(name)))).collect(),
            ),
        };
        let request = MetadataRequest::default().with_topics(named).with_allow_auto_topic_creation(create);
        self.call_any(METADATA_VERSIONS, &request).await
    }

    /// A request to whichever broker answers.
    pub(crate) async fn call_any<R: Request>(&self, versions: (i16, i16), request: &R) -> Result<R::Response> {
        let (mut failures, started) = (0, Instant::now());
        loop {
            let candidates = self.candidates();
            let first = self.shared.turn.load(Ordering::Relaxed);
            let mut last = None;
            for index in 0..candidates.len() {
                let address = &candidates[(first + index) % candidates.len()];
                match self.call(address, versions, request).await {
                    Ok(response) => return Ok(response),
                    Err(error) if error.kind() == ErrorKind::Fatal => return Err(error),
                    Err(error) => {
                        self.note_no_answer(&error, started)?;
                        last = Some(error);
                    }
                }
                self.shared.turn.fetch_add(1, Ordering::Relaxed);
            }
            failures += 1;
            if let Some(error) = last {
                self.pause(failures, &error).await;
            }
        }
    }

    /// Notes that a broker did not answer. `started` is when the operation began.
    ///
    /// # Errors
    /// [`Error::Unreachable`] if no broker has ever answered and `default.api.timeout.ms` have passed.
    fn note_no_answer(&self, error: &Error, started: Instant) -> Result<()> {
        let mut contact = self.shared.contact.lock();
        let patience = self.shared.config.api_timeout;
        let since = match &*contact {
            Contact::Made => return Ok(()),
            Contact::Unanswered { since, .. } => *since,
            Contact::Untried => {
                warn!(%error, "no broker answers; is bootstrap.servers right? It is tried again for {patience:?}");
                started
            }
        };
        *contact = Contact::Unanswered { since, last: Arc::new(error.clone()) };
        drop(contact);
        if since.elapsed() < patience { Ok(()) } else { self.unreachable().map_or(Ok(()), Err) }
    }

    /// The error of a client that has asked and has never got an answer.
    pub fn unreachable(&self) -> Option<Error> {
        let Contact::Unanswered { since, last } = &*self.shared.contact.lock() else { return None };
        Some(Error::Unreachable {
            place: Place::default(),
            servers: self.shared.config.bootstrap_text(),
            waited: since.elapsed(),
            last: Arc::clone(last),
        })
    }

    /// Brokers that the cluster named, then those of the settings, which may be all that is left after a long absence.
    fn candidates(&self) -> Vec<Address> {
        let mut candidates: Vec<_> = self.shared.cluster.lock().brokers().cloned().collect();
        candidates.sort();
        for (host, port) in &self.shared.config.bootstrap_servers {
            let address = Address { host: host.clone(), port: *port };
            if !candidates.contains(&address) {
                candidates.push(address);
            }
        }
        candidates
    }

    /// A request to one broker, over an idle connection if there is one.
    pub(crate) async fn call<R: Request>(
        &self,
        address: &Address,
        versions: (i16, i16),
        request: &R,
    ) -> Result<R::Response> {
        let idle = self.shared.idle.lock().remove(address).filter(|connection| !connection.is_over());
        if let Some(mut connection) = idle {
            // The broker may have closed it long ago (`connections.max.idle.ms`); then a new one is worth a try.
            let version = connection.version::<R>(versions.0, versions.1)?;
            if let Ok(response) = connection.call(version, request).await {
                self.shared.idle.lock().insert(address.clone(), connection);
                return Ok(response);
            }
        }
        let mut connection = Connection::open(address, &self.shared.config).await?;
        *self.shared.contact.lock() = Contact::Made;
        let version = connection.version::<R>(versions.0, versions.1)?;
        let response = connection.call(version, request).await?;
        self.shared.idle.lock().insert(address.clone(), connection);
        Ok(response)
    }

    /// The level of `transaction.version` in the cluster of this broker.
    pub(crate) async fn transaction_version(&self, address: &Address) -> Result<i16> {
        let connection = Connection::open(address, &self.shared.config).await?;
        let version = connection.transaction_version();
        self.shared.idle.lock().insert(address.clone(), connection);
        Ok(version)
    }

    pub(crate) fn known_coordinator(&self, kind: CoordinatorKind, key: &str) -> Option<Address> {
        self.shared.coordinators.lock().get(&(kind, key.to_owned())).cloned()
    }

    pub(crate) fn note_coordinator(&self, kind: CoordinatorKind, key: &str, address: &Address) {
        self.shared.coordinators.lock().insert((kind, key.to_owned()), address.clone());
    }

    /// Lets the coordinator be looked up anew.
    pub(crate) fn forget_coordinator(&self, kind: CoordinatorKind, key: &str) {
        self.shared.coordinators.lock().remove(&(kind, key.to_owned()));
    }

    /// Reads or changes what is known of the cluster.
    pub(crate) fn with_cluster<T>(&self, look: impl FnOnce(&mut Cluster) -> T) -> T {
        look(&mut self.shared.cluster.lock())
    }

    /// What to look at where an address fails that no setting names.
    pub(crate) fn hint_about(&self, error: &Error) -> Option<&'static str> {
        let (Error::Connection { place, .. } | Error::Timeout { place, .. }) = error else { return None };
        let broker = place.broker.as_ref()?;
        let is_set =
            self.shared.config.bootstrap_servers.iter().any(|(host, port)| **broker == format!("{host}:{port}"));
        (!is_set).then_some("the cluster gives this address to its clients (advertised.listeners of the broker)")
    }

    /// Waits before another try, and says why once the trouble is no longer a blink.
    pub(crate) async fn pause(&self, failures: u32, error: &Error) {
        // A cluster that has never answered has been told of at the first try.
        let is_new = failures > 3 || matches!(*self.shared.contact.lock(), Contact::Made);
        if failures % 10 == 3 && is_new {
            let hint = self.hint_about(error);
            warn!(%error, failures, hint, "the cluster does not answer as it should, trying on");
        }
        tokio::time::sleep(self.shared.config.retry_backoff.pause(failures)).await;
    }
}

/// A topic's name as the messages want it.
pub(crate) fn topic_name(name: &str) -> TopicName {
    TopicName(StrBytes::from_string(name.to_owned()))
}

#[cfg(test)]
mod tests;
