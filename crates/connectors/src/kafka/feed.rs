//! One reader for several queries: lanes that read the same partitions of a cluster with the same settings take their
//! responses from one fetcher, each at its own pace.
//!
//! Whoever waits drives the fetcher, and wakes the others with what it brings; a query without company pays a lock that
//! nobody else wants. In company the newest responses are kept for those who come a little later. A lane that needs an
//! older one has fallen behind, and reads by itself until it has caught up.

use std::cmp::Ordering;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Weak};

use millstream_kafka::{Error as Kafka, Fetched, Fetcher, TopicPartition};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// What is kept for lanes that come later.
const KEPT_BYTES_MAX: usize = 8 << 20;

/// The settings of a consumer, by which readers are alike or not: `(name, value)` of each.
pub(crate) type Settings = Arc<[(String, String)]>;

/// What is read, by whom.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    settings: Settings,
    /// Sorted.
    partitions: Vec<TopicPartition>,
}

/// The feeds that there are.
#[derive(Debug, Default)]
pub(crate) struct Feeds(Mutex<HashMap<Key, Weak<Feed>>>);

/// How a lane gets its responses.
#[derive(Debug)]
pub(crate) enum Reading {
    /// From a fetcher of its own.
    Alone(Fetcher),
    /// From one that others may use too.
    Joined(Seat),
}

/// A fetcher and what it has brought lately.
struct Feed {
    fetcher: tokio::sync::Mutex<Fetcher>,
    grown: Notify,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    kept: VecDeque<Arc<Fetched>>,
    kept_bytes: usize,
    /// The number of the first response that is kept, or of the next to come.
    first: u64,
    /// The offsets of each partition that are kept; what is from the end on has not come yet.
    spans: HashMap<TopicPartition, std::ops::Range<i64>>,
    lanes: usize,
    /// Whether there is another lane that may want what has been read, or has been since there was one.
    is_shared: bool,
    /// It has failed, or nobody drives it any more.
    is_over: bool,
}

/// A lane's place at a feed.
pub(crate) struct Seat {
    feed: Arc<Feed>,
    /// The number of the next response.
    next: u64,
}

/// What a seat has for its lane.
#[derive(Debug)]
pub(crate) enum Step {
    Got(Arc<Fetched>),
    /// What would come next is gone: the lane has to read by itself.
    Behind,
}

impl Feeds {
    /// Joins the feed of these partitions where it has everything from these offsets on and nothing else, and makes it
    /// of the fetcher where there is none. The fetcher begins at these offsets.
    pub(crate) fn join(
        &self,
        settings: &Settings,
        starts: &HashMap<TopicPartition, i64>,
        fetcher: impl FnOnce() -> Fetcher,
    ) -> Reading {
        let mut partitions: Vec<_> = starts.keys().cloned().collect();
        partitions.sort_unstable();
        let key = Key { settings: Arc::clone(settings), partitions };
        let mut feeds = self.0.lock();
        feeds.retain(|_, feed| feed.strong_count() > 0);
        if let Some(feed) = feeds.get(&key).and_then(Weak::upgrade).filter(|feed| !feed.state.lock().is_over) {
            return feed.join(starts).map_or_else(|| Reading::Alone(fetcher()), Reading::Joined);
        }
        let spans = starts.iter().map(|(of, start)| (of.clone(), *start..*start)).collect();
        let state =
            State { kept: VecDeque::new(), kept_bytes: 0, first: 0, spans, lanes: 1, is_shared: false, is_over: false };
        let fetcher = tokio::sync::Mutex::new(fetcher());
        let feed = Arc::new(Feed { fetcher, grown: Notify::new(), state: Mutex::new(state) });
        feeds.insert(key, Arc::downgrade(&feed));
        Reading::Joined(Seat { feed, next: 0 })
    }
}

impl Feed {
    fn join(self: Arc<Self>, starts: &HashMap<TopicPartition, i64>) -> Option<Seat> {
        let mut state = self.state.lock();
        // Also where it comes too late: what is kept from now on is there when it asks again.
        state.is_shared = true;
        let next = state.begins_at(starts)?;
        state.lanes += 1;
        drop(state);
        Some(Seat { feed: self, next })
    }
}

impl State {
    fn end(&self) -> u64 {
        self.first + self.kept.len() as u64
    }

    /// The number of the kept response, or of the next to come, at which every partition is where it starts. With one
    /// before it the lane would get rows again that it holds, since a response is of several partitions.
    fn begins_at(&self, starts: &HashMap<TopicPartition, i64>) -> Option<u64> {
        let mut missing = HashMap::with_capacity(starts.len());
        for (of, start) in starts {
            let span = self.spans.get(of).filter(|span| (span.start..=span.end).contains(start))?;
            if span.end > *start {
                missing.insert(of, *start);
            }
        }
        // From the newest back: whoever asks is near the end, or one of its starts is passed soon.
        let mut number = self.end();
        let mut newest = self.kept.iter().rev();
        while !missing.is_empty() {
            let fetched = newest.next()?;
            number -= 1;
            for part in fetched.partitions().filter(|part| part.position() < part.next_position()) {
                let partition = TopicPartition::new(Arc::clone(part.topic()), part.partition());
                match missing.get(&partition)?.cmp(&part.position()) {
                    Ordering::Less => {}
                    Ordering::Equal => _ = missing.remove(&partition),
                    Ordering::Greater => return None,
                }
            }
        }
        Some(number)
    }

    /// Takes note of a response; keeps it if somebody may want it.
    fn add(&mut self, fetched: &Arc<Fetched>) {
        for part in fetched.partitions() {
            let of = TopicPartition::new(Arc::clone(part.topic()), part.partition());
            self.spans.entry(of).or_insert(part.position()..part.position()).end = part.next_position();
        }
        self.kept.push_back(Arc::clone(fetched));
        self.kept_bytes += fetched.memory_bytes();
        let most = if self.is_shared { KEPT_BYTES_MAX } else { 0 };
        while self.kept_bytes > most {
            let Some(oldest) = self.kept.pop_front() else { break };
            self.first += 1;
            self.kept_bytes -= oldest.memory_bytes();
            for part in oldest.partitions() {
                let of = TopicPartition::new(Arc::clone(part.topic()), part.partition());
                self.spans.entry(of).and_modify(|span| span.start = part.next_position());
            }
        }
    }
}

impl Seat {
    /// How many lanes the feed has.
    pub(crate) fn lanes(&self) -> usize {
        self.feed.state.lock().lanes
    }

    /// What has come already.
    ///
    /// # Errors
    /// Those of [`Fetcher::next`]; the feed is over then.
    pub(crate) fn try_next(&mut self) -> Result<Option<Step>, Kafka> {
        if let Some(step) = self.take() {
            return Ok(Some(step));
        }
        let feed = Arc::clone(&self.feed);
        // Whoever holds it waits for the next response, which is not there.
        let Ok(mut fetcher) = feed.fetcher.try_lock() else { return Ok(None) };
        if let Some(step) = self.take() {
            return Ok(Some(step));
        }
        match fetcher.try_next() {
            Ok(read) => Ok(self.bring(read)),
            Err(error) => Err(self.give_up(error)),
        }
    }

    /// Waits for the next response. May be dropped while it waits.
    ///
    /// # Errors
    /// Those of [`Fetcher::next`]; the feed is over then.
    pub(crate) async fn next(&mut self) -> Result<Step, Kafka> {
        let feed = Arc::clone(&self.feed);
        loop {
            let mut grown = std::pin::pin!(feed.grown.notified());
            grown.as_mut().enable();
            if let Some(step) = self.take() {
                return Ok(step);
            }
            let mut fetcher = tokio::select! {
                biased;
                fetcher = feed.fetcher.lock() => fetcher,
                () = grown => continue,
            };
            // Another lane may have brought something while this one waited for its turn.
            if let Some(step) = self.take() {
                return Ok(step);
            }
            match fetcher.next().await {
                Ok(read) => match self.bring(read) {
                    Some(step) => return Ok(step),
                    None => std::future::pending().await,
                },
                Err(error) => return Err(self.give_up(error)),
            }
        }
    }

    /// The next response of those that are kept.
    fn take(&mut self) -> Option<Step> {
        let state = self.feed.state.lock();
        let Some(index) = self.next.checked_sub(state.first) else { return Some(Step::Behind) };
        match state.kept.get(usize::try_from(index).unwrap_or(usize::MAX)) {
            Some(fetched) => {
                self.next += 1;
                Some(Step::Got(Arc::clone(fetched)))
            }
            None => state.is_over.then_some(Step::Behind),
        }
    }

    /// Hands a new response to all lanes. The caller holds the fetcher and has taken all that there was.
    fn bring(&mut self, read: Option<Fetched>) -> Option<Step> {
        let fetched = Arc::new(read?);
        let mut state = self.feed.state.lock();
        state.add(&fetched);
        self.next = state.end();
        drop(state);
        self.feed.grown.notify_waiters();
        Some(Step::Got(fetched))
    }

    fn give_up(&self, error: Kafka) -> Kafka {
        self.feed.state.lock().is_over = true;
        self.feed.grown.notify_waiters();
        error
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.feed.state.lock();
        state.lanes -= 1;
        // The fetcher of a feed without lanes reads for nobody; one that is alone keeps nothing.
        state.is_over |= state.lanes == 0;
        state.is_shared &= state.lanes > 1;
    }
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat").field("next", &self.next).field("feed", &*self.feed.state.lock()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
