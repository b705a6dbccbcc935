//! Which kills there are: drawn from a seed and a number, so that any of them can be had again.
//!
//! Deliberately not here: what a kill finds. The same moment may hit another step of the job the next time.

use std::time::Duration;

use millstream_engine::{FAIL_POINTS, SINK_FAIL_POINTS};

use super::args::PlaceName;

/// A fail point strikes at the latest the so-many-th time it is passed.
const PASSES_MAX: u64 = 12;
/// The longest time between the deaths of engine and broker, and the longest time for which the broker is gone.
const PAUSE_MAX_MS: u64 = 300;

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Engine,
    Broker,
    Both,
}

impl Target {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Engine => "engine",
            Self::Broker => "broker",
            Self::Both => "both",
        }
    }
}

/// Where the engine is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Moment,
    /// The so-many-th time it passes the fail point of this name.
    FailPoint(&'static str, u64),
}

/// One kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kill {
    pub(super) number: u64,
    pub(super) target: Target,
    pub(super) place: Place,
    /// How long the engine lives.
    pub(super) moment: Duration,
    /// How long after the first the second dies, and how long the broker is gone.
    pub(super) pause: Duration,
    /// Of both, who dies first.
    pub(super) broker_first: bool,
    /// Of both, who comes back first: an engine that finds no broker waits for it, or ends and is started again.
    pub(super) engine_back_first: bool,
}

/// What kills are drawn from.
#[derive(Debug, Clone)]
pub(super) struct Draw {
    pub(super) seed: u64,
    moments: bool,
    fail_points: Vec<&'static str>,
    life: Duration,
    broker_share: u8,
}

impl Draw {
    pub(super) fn new(seed: u64, places: &[PlaceName], life: Duration, broker_share: u8) -> Self {
        let (mut moments, mut fail_points) = (false, Vec::new());
        for place in places {
            match place {
                PlaceName::Moment => moments = true,
                PlaceName::FailPoint(name) => fail_points.push(*name),
                PlaceName::All => {
                    moments = true;
                    fail_points.extend(FAIL_POINTS.into_iter().chain(SINK_FAIL_POINTS));
                }
            }
        }
        Self { seed, moments, fail_points, life, broker_share }
    }

    /// Whether fail points are among the places.
    pub(super) fn needs_fail_points(&self) -> bool {
        !self.fail_points.is_empty()
    }

    pub(super) fn longest_life(&self) -> Duration {
        self.life
    }

    /// The kill of this number. Where there are moments and fail points, half of the kills come at a moment.
    pub(super) fn kill(&self, number: u64) -> Kill {
        let mut random = Random { state: self.seed ^ number.wrapping_mul(0xd134_2543_de82_ef95) };
        let target = match (random.below(100) < u64::from(self.broker_share), random.below(2)) {
            (false, _) => Target::Engine,
            (true, 0) => Target::Broker,
            (true, _) => Target::Both,
        };
        let at_moment = random.below(2) == 0;
        let (index, count) = (random.below(self.fail_points.len().max(1) as u64), 1 + random.below(PASSES_MAX));
        let place = match self.fail_points.get(index as usize) {
            // A broker that dies alone leaves the engine alive.
            Some(&name) if target != Target::Broker && !(self.moments && at_moment) => Place::FailPoint(name, count),
            _ => Place::Moment,
        };
        let moment = Duration::from_millis(random.below(self.life.as_millis().max(1) as u64));
        let pause = Duration::from_millis(random.below(PAUSE_MAX_MS));
        let (broker_first, engine_back_first) = (random.below(2) == 0, random.below(2) == 0);
        Kill { number, target, place, moment, pause, broker_first, engine_back_first }
    }
}

/// Numbers that look random and are the same every time (SplitMix64).
struct Random {
    state: u64,
}

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let bits = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % end
    }
}

#[cfg(test)]
mod tests;
