//! The persistent reader of a source: partitions spread over lanes that read ahead between batches.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use futures::future::{FutureExt, join_all, select_all};
use millstream_core::{BatchStream, Result};
use millstream_kafka::TopicPartition;
use parking_lot::Mutex;

use super::lane::{Lane, LaneConfig, Pulled};
use super::offsets::PartitionMap;
use super::scan::{self, LaneRange, Wanted};

/// More lanes than this only add connections.
const LANES_MAX: usize = 16;

/// All lanes, and which partition is in which.
#[derive(Debug)]
pub(crate) struct Reader {
    lanes: Vec<Arc<tokio::sync::Mutex<Lane>>>,
    homes: Mutex<BTreeMap<TopicPartition, usize>>,
}

/// What is at hand after a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AtHand {
    pub(crate) end: PartitionMap,
    pub(crate) latest: PartitionMap,
}

impl Reader {
    /// As many lanes as there are cores.
    pub(crate) fn new(config: &LaneConfig) -> Self {
        let lane = |_| Arc::new(tokio::sync::Mutex::new(Lane::new(config.clone())));
        Self { lanes: (0..config.cores.clamp(1, LANES_MAX)).map(lane).collect(), homes: Mutex::default() }
    }

    /// The lane of a partition; a new one goes where there are fewest.
    fn home(&self, of: &TopicPartition) -> usize {
        let mut homes = self.homes.lock();
        if let Some(&home) = homes.get(of) {
            return home;
        }
        let mut counts = vec![0; self.lanes.len()];
        for &home in homes.values() {
            counts[home] += 1;
        }
        let home = (0..counts.len()).min_by_key(|&lane| counts[lane]).unwrap_or(0);
        homes.insert(of.clone(), home);
        home
    }

    /// Waits until something after `start` is there, and gives everything that is; `None` when rows were lost, which
    /// the options allow, and the start must be looked at again.
    pub(crate) async fn at_hand(&self, start: &PartitionMap) -> Result<Option<AtHand>> {
        let mut starts = vec![Vec::new(); self.lanes.len()];
        for (of, &offset) in start {
            starts[self.home(of)].push((of.clone(), offset));
        }
        let mut lanes = join_all(self.lanes.iter().map(|lane| lane.lock())).await;
        for (lane, starts) in lanes.iter_mut().zip(&starts) {
            lane.cover(starts);
        }
        loop {
            for lane in &mut lanes {
                if lane.take_ready()? == Some(Pulled::Lost) {
                    return Ok(None);
                }
            }
            let mut at_hand = AtHand { end: start.clone(), latest: start.clone() };
            for (of, span) in lanes.iter().flat_map(|lane| lane.spans()) {
                let Some(end) = at_hand.end.get_mut(of) else { continue };
                *end = span.fetched.max(*end);
                at_hand.latest.insert(of.clone(), span.latest.max(*end));
            }
            if at_hand.end != *start {
                return Ok(Some(at_hand));
            }
            let pulls = lanes.iter_mut().map(|lane| lane.pull().boxed());
            if select_all(pulls).await.0? == Pulled::Lost {
                return Ok(None);
            }
        }
    }

    /// The rows of these ranges as at most `streams_max` streams.
    pub(crate) fn scan(
        &self,
        ranges: BTreeMap<TopicPartition, Range<i64>>,
        wanted: &Wanted,
        streams_max: usize,
    ) -> Result<Vec<BatchStream>> {
        let mut by_lane = BTreeMap::<usize, HashMap<_, _>>::new();
        for (of, range) in ranges {
            by_lane.entry(self.home(&of)).or_default().insert(of, range);
        }
        let streams = streams_max.clamp(1, by_lane.len().max(1));
        let mut groups: Vec<Vec<LaneRange>> = (0..streams).map(|_| Vec::new()).collect();
        for (index, (lane, ranges)) in by_lane.into_iter().enumerate() {
            groups[index % streams].push(LaneRange { lane: Arc::clone(&self.lanes[lane]), ranges });
        }
        groups.into_iter().map(|lanes| scan::stream(lanes, wanted)).collect()
    }
}
