//! Faults on purpose, so that whoever checks crashes can be checked: a checker that does not find these finds nothing.
//!
//! `MILLSTREAM_FAULT=offsets-late` plants one in every query of the process; a test in the same process asks for
//! [`Engine::with_planted_fault`](crate::Engine::with_planted_fault). Each breaks one promise that only a crash can
//! show. Release builds have none.

/// What is done wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlantedFault {
    /// What the sink says of the newest batch that it holds is not believed: the batch is written again.
    MarkerIgnored,
    /// A batch is in the log only when the sink has written it: run again, it may have other inputs.
    OffsetsLate,
    /// The state of a batch is durable before the sink has the batch, and is believed: run again, it counts twice.
    StateEarly,
}

impl PlantedFault {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::MarkerIgnored, Self::OffsetsLate, Self::StateEarly];

    /// As `MILLSTREAM_FAULT` calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::MarkerIgnored => "marker-ignored",
            Self::OffsetsLate => "offsets-late",
            Self::StateEarly => "state-early",
        }
    }

    /// What `MILLSTREAM_FAULT` asks for, in a debug build.
    pub(crate) fn from_environment() -> Option<Self> {
        if !cfg!(debug_assertions) {
            return None;
        }
        let name = std::env::var("MILLSTREAM_FAULT").ok()?;
        let planted = Self::ALL.into_iter().find(|fault| fault.name() == name);
        if planted.is_none() {
            tracing::warn!(name, "MILLSTREAM_FAULT names no fault that can be planted");
        }
        planted
    }
}
