//! A lane: some of the partitions, the fetcher that reads them ahead, and what has come and is not yet consumed.
//!
//! Lanes are what can be read at the same time. A lane outlives batches, so that the next batch begins with what is
//! there already. Asking for a range that it has passed (a batch is run again) makes it fetch anew. Lanes of several
//! queries that read the same take it from one fetcher ([`Feeds`]).

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use millstream_core::{Error, MemoryLedger, Reservation, Result};
use millstream_kafka::{
    Assignment, Client, Decompressor, Error as Kafka, FetchOptions, Fetched, IsolationLevel, MemoryBudget,
    TopicPartition,
};
use parking_lot::Mutex;
use tracing::warn;

use super::errors::{DataLoss, kafka_error};
use super::feed::{Feeds, Reading, Settings, Step};

/// What a lane may hold; more is left with the broker.
const BUFFER_BYTES_MAX: usize = 32 << 20;

/// What all lanes of a feed may hold together, so that one that is slow leaves room for what the others wait for.
const SHARED_BYTES_MAX: usize = BUFFER_BYTES_MAX / 2;

/// What all lanes of a source need.
#[derive(Debug, Clone)]
pub(crate) struct LaneConfig {
    pub(crate) client: Client,
    pub(crate) memory: MemoryLedger,
    pub(crate) fail_on_data_loss: bool,
    pub(crate) group_id_is_set: bool,
    /// Lanes that the process can work on at the same time.
    pub(crate) cores: usize,
    /// Where others who read the same are found; a batch read has none.
    pub(crate) company: Option<(Arc<Feeds>, Settings)>,
}

pub(crate) struct Lane {
    config: LaneConfig,
    options: FetchOptions,
    reading: Option<Reading>,
    spans: HashMap<TopicPartition, Span>,
    /// In the order in which it came; of each partition therefore in the order of offsets.
    pub(super) held: VecDeque<Arc<Fetched>>,
    /// Outlives batches too: where a batch of ours ends within one of Kafka's, the next finds that unpacked.
    pub(super) room: Decompressor,
}

/// Which offsets of a partition the lane has or will get next.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    /// What is below has been consumed and is gone.
    floor: i64,
    /// What is from here on has not come yet.
    pub(crate) fetched: i64,
    /// The newest offset that the broker has told of.
    pub(crate) latest: i64,
}

/// What waiting for more has led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pulled {
    /// A response is held.
    More,
    /// Rows are lost, which the options allow; the partition may have left the lane.
    Lost,
}

impl Lane {
    pub(crate) fn new(config: LaneConfig) -> Self {
        let budget = LedgerBudget::new(&config.memory, "a Kafka reader");
        let budget: Arc<dyn MemoryBudget> = Arc::new(budget);
        let options = FetchOptions { buffer_bytes_max: BUFFER_BYTES_MAX, budget: Arc::clone(&budget) };
        let room = Decompressor::within(budget);
        Self { config, options, reading: None, spans: HashMap::new(), held: VecDeque::new(), room }
    }

    pub(crate) fn span(&self, of: &TopicPartition) -> Option<&Span> {
        self.spans.get(of)
    }

    pub(crate) fn spans(&self) -> impl Iterator<Item = (&TopicPartition, &Span)> {
        self.spans.iter()
    }

    /// Makes sure that everything from these offsets on is held or comes.
    pub(crate) fn cover(&mut self, starts: &[(TopicPartition, i64)]) {
        let (mut added, mut passed) = (Vec::new(), false);
        for (of, start) in starts {
            match self.spans.get(of) {
                None => {
                    // What is held of a partition that left the lane may be of another topic of the same name.
                    passed |= self.holds(of);
                    added.push((of.clone(), *start));
                }
                Some(span) => passed |= !(span.floor..=span.fetched).contains(start),
            }
        }
        if passed {
            self.held.clear();
            for span in self.spans.values_mut() {
                span.fetched = span.floor;
            }
            self.begin(starts);
        } else if added.is_empty() {
            return self.seek_company();
        } else {
            self.begin(&added);
        }
        self.read_anew();
    }

    fn begin(&mut self, starts: &[(TopicPartition, i64)]) {
        let span =
            |(of, start): &(TopicPartition, i64)| (of.clone(), Span { floor: *start, fetched: *start, latest: *start });
        self.spans.extend(starts.iter().map(span));
    }

    /// Looks whether a lane that reads by itself can take part in what others read by now.
    fn seek_company(&mut self) {
        let Some((feeds, settings)) = &self.config.company else { return };
        if let Some(Reading::Alone(fetcher)) = self.reading.take_if(|reading| matches!(reading, Reading::Alone(_))) {
            self.reading = Some(feeds.join(settings, &positions(&self.spans), || fetcher));
        }
    }

    fn holds(&self, of: &TopicPartition) -> bool {
        let is_of = |fetched: &Arc<Fetched>| {
            fetched.partitions().any(|part| *part.topic() == of.topic && part.partition() == of.partition)
        };
        self.held.iter().any(is_of)
    }

    /// Holds what has come already, without waiting.
    pub(crate) fn take_ready(&mut self) -> Result<Option<Pulled>> {
        let mut pulled = None;
        while self.holds_less_than(self.fair_share()) {
            let read = match &mut self.reading {
                None => break,
                Some(Reading::Alone(fetcher)) => fetcher.try_next().map(|read| read.map(Arc::new).map(Step::Got)),
                Some(Reading::Joined(seat)) => seat.try_next(),
            };
            match read {
                Ok(None) => break,
                Ok(Some(Step::Got(fetched))) => {
                    self.hold(fetched);
                    pulled = Some(Pulled::More);
                }
                Ok(Some(Step::Behind)) => self.read_anew(),
                Err(error) => {
                    self.lose(error)?;
                    return Ok(Some(Pulled::Lost));
                }
            }
        }
        Ok(pulled)
    }

    /// Waits for the next response and holds it. May be dropped while it waits.
    pub(crate) async fn pull(&mut self) -> Result<Pulled> {
        loop {
            let read = match &mut self.reading {
                None => return std::future::pending().await,
                Some(Reading::Alone(fetcher)) => match fetcher.next().await {
                    Ok(None) => return std::future::pending().await,
                    Ok(Some(fetched)) => Ok(Step::Got(Arc::new(fetched))),
                    Err(error) => Err(error),
                },
                Some(Reading::Joined(seat)) => seat.next().await,
            };
            match read {
                Ok(Step::Got(fetched)) => {
                    self.hold(fetched);
                    return Ok(Pulled::More);
                }
                Ok(Step::Behind) => self.read_anew(),
                Err(error) => return self.lose(error).map(|()| Pulled::Lost),
            }
        }
    }

    fn hold(&mut self, fetched: Arc<Fetched>) {
        let committed = self.config.client.config().isolation_level == IsolationLevel::ReadCommitted;
        let mut is_news = false;
        for part in fetched.partitions() {
            let of = TopicPartition::new(Arc::clone(part.topic()), part.partition());
            if let Some(span) = self.spans.get_mut(&of) {
                is_news |= part.next_position() > span.fetched;
                span.fetched = span.fetched.max(part.next_position());
                span.latest = if committed { part.last_stable_offset() } else { part.high_watermark() };
            }
        }
        if is_news {
            self.held.push_back(fetched);
        }
    }

    /// Forgets a response of which everything has been consumed.
    pub(super) fn release(&mut self, index: usize) {
        let Some(fetched) = self.held.remove(index) else { return };
        for part in fetched.partitions() {
            let of = TopicPartition::new(Arc::clone(part.topic()), part.partition());
            if let Some(span) = self.spans.get_mut(&of) {
                span.floor = span.floor.max(part.next_position());
            }
        }
    }

    /// Decides what an error of a partition means: the query's end, or, where the options allow to lose rows, a gap.
    fn lose(&mut self, error: Kafka) -> Result<()> {
        let place = error.place().cloned().unwrap_or_default();
        let (Some(topic), Some(partition)) = (place.topic, place.partition) else {
            // The fetcher has stopped; the next range begins with a new one.
            self.spans.clear();
            self.reading = None;
            return Err(kafka_error(error));
        };
        let of = TopicPartition::new(topic, partition);
        let position = place.offset.or(self.spans.get(&of).map(|span| span.fetched)).unwrap_or(0);
        let deleted = [of.clone()];
        let (loss, go_on) = match error {
            Kafka::OffsetOutOfRange { earliest, .. } if position < earliest => {
                (DataLoss::CouldNotReadRange { of: &of, start: position, end: earliest }, Some(earliest))
            }
            Kafka::OffsetOutOfRange { latest: to, .. } | Kafka::LogTruncated { end_offset: to, .. } => {
                (DataLoss::OffsetChanged { of: &of, from: position, to }, None)
            }
            Kafka::TopicRecreated { .. } => (DataLoss::OffsetChanged { of: &of, from: position, to: 0 }, None),
            Kafka::UnknownPartition { .. } => {
                let group_id_is_set = self.config.group_id_is_set;
                (DataLoss::PartitionsDeleted { of: &deleted, group_id_is_set }, None)
            }
            other => {
                self.leave(&of);
                return Err(kafka_error(other));
            }
        };
        if let Err(error) = report(loss, self.config.fail_on_data_loss) {
            self.leave(&of);
            return Err(error);
        }
        match (go_on, self.spans.get_mut(&of)) {
            (Some(position), Some(span)) => {
                span.fetched = position;
                self.read_anew();
            }
            _ => self.leave(&of),
        }
        Ok(())
    }

    /// Whether so much is held that the fetcher may be waiting for room.
    pub(super) fn is_crowded(&self) -> bool {
        !self.holds_less_than(self.fair_share().min(BUFFER_BYTES_MAX / 4))
    }

    /// What it may take of what its fetcher can hold: others who use it must not wait for a lane that is slow.
    fn fair_share(&self) -> usize {
        let lanes = match &self.reading {
            Some(Reading::Joined(seat)) => seat.lanes(),
            Some(Reading::Alone(_)) | None => 1,
        };
        if lanes > 1 { SHARED_BYTES_MAX / lanes } else { usize::MAX }
    }

    fn holds_less_than(&self, most: usize) -> bool {
        self.held.iter().map(|fetched| fetched.memory_bytes()).sum::<usize>() < most
    }

    /// Drops all that is held, and reads on only in partitions that are wanted from where they are; the others come
    /// again with the batch that wants more of them. For a batch whose partitions advance unevenly: what is held for
    /// later would otherwise take the room of what is wanted now.
    pub(super) fn shed(&mut self, is_wanted: impl Fn(&TopicPartition, i64) -> bool) {
        self.held.clear();
        self.spans.retain(|of, span| is_wanted(of, span.fetched));
        for span in self.spans.values_mut() {
            span.floor = span.fetched;
        }
        self.read_anew();
    }

    /// Takes a partition that has nothing more to give out of the lane. What is held of it stays.
    pub(crate) fn leave(&mut self, of: &TopicPartition) {
        if self.spans.remove(of).is_some() {
            // Its fetcher may still be reading it; a new one reads the others.
            self.read_anew();
        }
    }

    fn read_anew(&mut self) {
        // Its place is given up first: a feed that has failed, or that nobody else uses, must not be found again.
        self.reading = None;
        if self.spans.is_empty() {
            return;
        }
        let positions = positions(&self.spans);
        let at =
            |(of, position): (&TopicPartition, &i64)| Assignment { of: of.clone(), position: *position, end: None };
        let fetcher = || self.config.client.fetcher(positions.iter().map(at), self.options.clone());
        self.reading = Some(match &self.config.company {
            Some((feeds, settings)) => feeds.join(settings, &positions, fetcher),
            None => Reading::Alone(fetcher()),
        });
    }

    pub(crate) fn config(&self) -> &LaneConfig {
        &self.config
    }
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane").field("spans", &self.spans).field("held", &self.held.len()).finish_non_exhaustive()
    }
}

/// Where each partition is to be read on.
fn positions(spans: &HashMap<TopicPartition, Span>) -> HashMap<TopicPartition, i64> {
    spans.iter().map(|(of, span)| (of.clone(), span.fetched)).collect()
}

/// Ends the query for lost rows, or says it in the log and goes on, as `failOnDataLoss` wants.
pub(crate) fn report(loss: DataLoss<'_>, fail: bool) -> Result<(), Error> {
    let error = loss.into_error();
    if fail {
        return Err(error);
    }
    warn!(reason = error.message(), "some data may have been lost, and failOnDataLoss is false");
    Ok(())
}

/// Counts what a fetcher or producer holds in the engine's ledger.
#[derive(Debug)]
pub(crate) struct LedgerBudget(Mutex<Reservation>);

impl LedgerBudget {
    pub(crate) fn new(memory: &MemoryLedger, owner: &str) -> Self {
        Self(Mutex::new(memory.reservation(owner)))
    }
}

impl MemoryBudget for LedgerBudget {
    fn try_reserve(&self, bytes: usize) -> bool {
        self.0.lock().grow(bytes).is_ok()
    }

    fn release(&self, bytes: usize) {
        self.0.lock().shrink(bytes);
    }
}
