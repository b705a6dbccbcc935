//! Finds the broker for each partition that has none, after start and after errors.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::ResponseError;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tracing::{debug, warn};

use super::session::Session;
use super::{Event, Shared, Tracked};
use crate::error::{Error, ErrorKind, Place, Result};
use crate::list_offsets::OffsetSpec;
use crate::metadata::{Topic, Topics};

/// A deleted topic, or one that not every broker knows yet, is looked for this often before it counts as gone.
const UNKNOWN_TRIES_MAX: u32 = 8;

struct Coordinator {
    shared: Shared,
    homeless: Vec<Homeless>,
    sessions: HashMap<i32, mpsc::UnboundedSender<Tracked>>,
    running: JoinSet<()>,
}

struct Homeless {
    tracked: Tracked,
    due: Instant,
    /// Whether what is known of the leader may be wrong.
    refresh: bool,
}

/// Runs until the fetcher is dropped. Sessions end with it.
pub(super) async fn run(shared: Shared, mut events: mpsc::UnboundedReceiver<Event>) {
    let mut coordinator =
        Coordinator { shared, homeless: Vec::new(), sessions: HashMap::new(), running: JoinSet::new() };
    loop {
        let due = coordinator.homeless.iter().map(|homeless| homeless.due).min();
        let wake = due.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
        tokio::select! {
            event = events.recv() => match event {
                Some(event) => coordinator.handle(event).await,
                None => return,
            },
            () = sleep_until(wake) => coordinator.dispatch().await,
        }
        while coordinator.running.try_join_next().is_some() {}
    }
}

impl Coordinator {
    async fn handle(&mut self, event: Event) {
        let now = Instant::now();
        match event {
            Event::Assigned(partitions) => {
                let fresh = partitions.into_iter().map(|tracked| Homeless { tracked, due: now, refresh: false });
                self.homeless.extend(fresh);
            }
            Event::Returned(tracked, error) => self.take_back(tracked, error).await,
        }
    }

    async fn take_back(&mut self, mut tracked: Tracked, error: Error) {
        tracked.failures += 1;
        tracked.validate = tracked.last_epoch >= 0;
        let failures = tracked.failures;
        if failures % 10 == 3 {
            let hint = self.shared.client.hint_about(&error);
            warn!(%error, failures, hint, "a partition cannot be read, trying on");
        } else {
            debug!(%error, failures, "a partition looks for its broker");
        }
        let out_of_range = matches!(&error, Error::Broker { code: ResponseError::OffsetOutOfRange, .. });
        if out_of_range {
            match self.check_range(&tracked, &error).await {
                Ok(()) => {}
                Err(error) => return self.give_up(&tracked, error).await,
            }
        } else if error.kind() == ErrorKind::Fatal {
            return self.give_up(&tracked, error).await;
        }
        let config = self.shared.client.config();
        let pause = match &error {
            Error::Connection { .. } | Error::Timeout { .. } => config.reconnect_backoff.pause(failures),
            // The first time, the new leader is likely to be known by now.
            _ if failures == 1 && error.kind() == ErrorKind::RefreshMetadata => Duration::ZERO,
            _ => config.retry_backoff.pause(failures),
        };
        let refresh = error.kind() == ErrorKind::RefreshMetadata || out_of_range;
        self.homeless.push(Homeless { tracked, due: Instant::now() + pause, refresh });
    }

    /// Errs if the position is truly outside what the partition holds; a leader that lags says so too.
    async fn check_range(&self, tracked: &Tracked, error: &Error) -> Result<()> {
        let of = || tracked.of.clone();
        let range = [(of(), OffsetSpec::Earliest), (of(), OffsetSpec::Latest)];
        let range = self.shared.client.list_offsets(&range).await?;
        let (earliest, latest) = (range[0].unwrap_or(0), range[1].unwrap_or(0));
        if (earliest..=latest).contains(&tracked.position) {
            return Ok(());
        }
        let place = tracked.place(error.place().unwrap_or(&Place::default())).with_offset(tracked.position);
        Err(Error::OffsetOutOfRange { place, earliest, latest })
    }

    /// Tells the caller that a partition will not be read on.
    async fn give_up(&self, tracked: &Tracked, error: Error) {
        // The caller learns which partition by the error's place, so it must be there whatever the error was.
        let of = || tracked.place(&Place::default()).with_offset(tracked.position);
        let error = match error {
            error if error.place().is_some_and(|place| place.partition.is_some()) => error,
            Error::Unreachable { servers, waited, last, .. } => {
                Error::Unreachable { place: of(), servers, waited, last }
            }
            error => Error::malformed(&of(), error),
        };
        // It fails only when the fetcher is gone.
        let _sent = self.shared.responses.send(Err(error)).await;
    }

    /// Sends every partition that is due to its leader's session.
    async fn dispatch(&mut self) {
        let now = Instant::now();
        let mut due: Vec<Homeless> = self.homeless.extract_if(.., |homeless| homeless.due <= now).collect();
        if due.is_empty() {
            return;
        }
        let known = |homeless: &Homeless| {
            self.shared.client.with_cluster(|cluster| {
                let tracked = &homeless.tracked;
                !homeless.refresh && cluster.leader(&tracked.of.topic, tracked.of.partition).is_some()
            })
        };
        if !due.iter().all(known) {
            let mut names: Vec<Arc<str>> = due.iter().map(|it| Arc::clone(&it.tracked.of.topic)).collect();
            names.sort();
            names.dedup();
            if let Err(error) = self.shared.client.metadata(Topics::Named(&names)).await {
                for homeless in due {
                    self.give_up(&homeless.tracked, error.clone()).await;
                }
                return;
            }
        }
        for homeless in due.drain(..) {
            self.place(homeless.tracked).await;
        }
    }

    /// Hands a partition to its leader's session, or puts it back until there is a leader.
    async fn place(&mut self, mut tracked: Tracked) {
        let topic = self.shared.client.with_cluster(|cluster| cluster.topic(&tracked.of.topic).cloned());
        let leader = topic.as_ref().and_then(|topic| topic.partitions.get(&tracked.of.partition)).copied();
        let (Some(topic), Some(leader)) = (topic, leader) else {
            tracked.unknown += 1;
            if tracked.unknown >= UNKNOWN_TRIES_MAX {
                let place = tracked.place(&Place::default());
                return self.give_up(&tracked, Error::UnknownPartition { place }).await;
            }
            return self.put_back(tracked);
        };
        if let Some(error) = recreated(&tracked, &topic) {
            return self.give_up(&tracked, error).await;
        }
        tracked.unknown = 0;
        tracked.topic_id = topic.id;
        tracked.leader_epoch = leader.epoch;
        if leader.node < 0 {
            return self.put_back(tracked);
        }
        // A session may end between two partitions, so the second try opens a new one.
        for _ in 0..2 {
            let Some(session) = self.session(leader.node) else { return self.put_back(tracked) };
            match session.send(tracked) {
                Ok(()) => return,
                Err(refused) => {
                    self.sessions.remove(&leader.node);
                    tracked = refused.0;
                }
            }
        }
        self.put_back(tracked);
    }

    fn session(&mut self, node: i32) -> Option<&mpsc::UnboundedSender<Tracked>> {
        if !self.sessions.contains_key(&node) {
            let address = self.shared.client.with_cluster(|cluster| cluster.broker(node).cloned())?;
            let (sender, mailbox) = mpsc::unbounded_channel();
            self.running.spawn(Session::new(self.shared.clone(), mailbox).run(address));
            self.sessions.insert(node, sender);
        }
        self.sessions.get(&node)
    }

    fn put_back(&mut self, mut tracked: Tracked) {
        tracked.failures += 1;
        let due = Instant::now() + self.shared.client.config().retry_backoff.pause(tracked.failures);
        self.homeless.push(Homeless { tracked, due, refresh: true });
    }
}

fn recreated(tracked: &Tracked, topic: &Topic) -> Option<Error> {
    let differs = !tracked.topic_id.is_nil() && tracked.topic_id != topic.id;
    differs.then(|| Error::TopicRecreated { place: tracked.place(&Place::default()) })
}
