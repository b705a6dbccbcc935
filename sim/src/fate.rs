//! What happens to one process of a simulation, drawn before it begins.

use millstream_engine::{FAIL_POINTS, FailPoint, SINK_FAIL_POINTS};

use crate::chance::Chance;
use crate::disk::{DiskFault, DiskPlan};

/// A life, from its start to its end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fate {
    pub(crate) disk: DiskPlan,
    /// Times in a hundred that the source, and the sink, fail.
    pub(crate) source_fails: u64,
    pub(crate) sink_fails: u64,
    pub(crate) fail_point: Option<FailPoint>,
    /// Killed after so many things that happened to it.
    pub(crate) killed_after: Option<u64>,
    /// Told to stop after so many things that happened to it; else it works everything off first.
    pub(crate) stopped_after: Option<u64>,
    /// A second process tries to have the checkpoint.
    pub(crate) has_rival: bool,
}

impl Fate {
    /// Nothing goes wrong, and everything is worked off.
    pub(crate) fn peaceful() -> Self {
        Self::default()
    }

    /// Nothing goes wrong, and soon it is over.
    pub(crate) fn short(chance: &Chance) -> Self {
        Self { stopped_after: Some(chance.within(1, 10)), ..Self::default() }
    }

    pub(crate) fn draw(chance: &Chance) -> Self {
        let mut fate = Self { stopped_after: Some(chance.within(2, 50)), ..Self::default() };
        match chance.below(10) {
            0..=2 => fate.disk.dies_at = Some(chance.within(1, 160)),
            3..=5 => {
                let places: Vec<_> = FAIL_POINTS.into_iter().chain(SINK_FAIL_POINTS).collect();
                fate.fail_point = FailPoint::break_off(chance.pick(&places), chance.within(1, 4));
            }
            6..=7 => {
                let from = chance.within(1, 120);
                let until = if chance.percent(50) { from + chance.within(1, 3) } else { u64::MAX };
                fate.disk.fault = Some((chance.pick(&DiskFault::ALL), from..until));
            }
            8 => fate.killed_after = Some(chance.within(1, 40)),
            _ => {}
        }
        if chance.percent(30) {
            fate.source_fails = chance.within(1, 15);
        }
        if chance.percent(40) {
            fate.sink_fails = chance.within(1, 25);
        }
        fate.has_rival = chance.percent(10);
        fate
    }
}
