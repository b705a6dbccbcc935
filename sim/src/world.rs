//! One seed: a world in which a query lives several lives, and what must be true after each of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use datafusion::logical_expr::LogicalPlan;
use millstream_core::{BatchId, Clock, Error, Trigger};
use millstream_engine::{PlantedFault, QuerySpec, SyncPolicy};
use millstream_testing::ManualClock;

use crate::chance::Chance;
use crate::disk::SimDisk;
use crate::fate::Fate;
use crate::life::{End, live};
use crate::rows::{self, Question};
use crate::sink::{self, SimSink};
use crate::source::{self, SimSource, positions};
use crate::trace::Trace;
use crate::{damage, query};

/// Where the checkpoint lies.
const CHECKPOINT: &str = "/data/checkpoints/query";

/// What an error of a disk tells a person to do, at the end of its hint.
const MEND: &str = "then start the query again: it goes on from its last good batch";

/// Simulated time between the deadline of a sync and its end.
const SYNC_TAKES: Duration = Duration::from_millis(100);

/// Everything that outlives a process.
pub(crate) struct World {
    pub(crate) chance: Chance,
    pub(crate) trace: Trace,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) disk: SimDisk,
    pub(crate) source: SimSource,
    pub(crate) sink: SimSink,
    pub(crate) cores: usize,
    /// Memory is so short that state goes to disk whenever it can.
    pub(crate) is_tight: bool,
    pub(crate) planted: Option<PlantedFault>,
    question: Question,
    plan: LogicalPlan,
    sync: SyncPolicy,
    trigger: Trigger,
    /// Settings, as (name, value).
    conf: Vec<(&'static str, String)>,
    /// Whether the sink can tell which batch it has: without that, nothing is promised after a loss.
    knows_newest: bool,
}

/// What a seed came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Processes.
    pub(crate) lives: u64,
    /// Batches in the sink at the end.
    pub(crate) batches: u64,
    /// Whether the query was refused to go on after a power cut, as it must be where the log lost what the sink has.
    pub(crate) refused: bool,
}

/// Simulates a seed. An error says what went wrong.
pub(crate) fn simulate(seed: u64, planted: Option<PlantedFault>, trace: &Trace) -> Result<Tally, String> {
    let world =
        World::new(seed, planted, trace.clone()).map_err(|error| format!("the world cannot be made: {error}"))?;
    world.trace.add(world.describe());
    let mut tally = Tally::default();
    let mut may_lack = false;
    for _ in 0..world.chance.within(1, 6) {
        let fate = Fate::draw(&world.chance);
        tally.lives += 1;
        if !world.pass(&fate, may_lack)? {
            return Ok(Tally { refused: true, ..tally });
        }
        if world.knows_newest && world.chance.percent(15) {
            tally.lives += 1;
            damage::suffer(&world)?;
        }
        if (world.knows_newest || world.sync == SyncPolicy::Always) && world.chance.percent(50) {
            world.trace.add("the power goes");
            world.disk.with_files(|files| files.cut_power(&world.chance));
            may_lack |= world.sync != SyncPolicy::Always;
        }
        world.clock.advance(Duration::from_millis(world.chance.below(5000)));
    }
    tally.lives += 1;
    if !world.pass(&Fate::peaceful(), may_lack)? {
        return Ok(Tally { refused: true, ..tally });
    }
    tally.batches = world.check_answer()?;
    Ok(tally)
}

impl World {
    fn new(seed: u64, planted: Option<PlantedFault>, trace: Trace) -> anyhow::Result<Self> {
        let chance = Chance::new(seed);
        let clock = ManualClock::new();
        let question = chance.pick(&Question::ALL);
        // Rows of several partitions would be late for one another, by how much the batches decide.
        let partitions = if question.has_watermark() { 1 } else { chance.index(3) + 1 };
        let source = SimSource::new(rows::generate(&chance), partitions, chance.fork(), trace.clone());
        let knows_newest = chance.percent(75);
        let policies =
            [SyncPolicy::Never, SyncPolicy::Every(Duration::from_secs(1)), SyncPolicy::Always, SyncPolicy::Always];
        let triggers = [Trigger::Default, Trigger::AvailableNow, Trigger::ProcessingTime(Duration::from_secs(2))];
        Ok(Self {
            disk: SimDisk::new(Arc::clone(&clock), chance.fork(), trace.clone())?,
            sink: SimSink::new(source.clone(), knows_newest, chance.fork(), trace.clone()),
            cores: chance.index(2) + 1,
            is_tight: chance.percent(33),
            planted,
            question,
            plan: query::plan(question, &source, Arc::clone(&clock))?,
            sync: chance.pick(&policies),
            trigger: chance.pick(&triggers),
            conf: vec![
                ("millstream.checkpoint.segmentBytes", chance.pick(&[500, 2000, 1 << 20]).to_string()),
                ("millstream.checkpoint.snapshotBytes", chance.pick(&[1, 100, 1000, 1 << 20]).to_string()),
                ("spark.sql.streaming.minBatchesToRetain", chance.within(1, 4).to_string()),
                ("spark.sql.streaming.fileSource.log.compactInterval", chance.within(1, 4).to_string()),
            ],
            knows_newest,
            chance,
            trace,
            clock,
            source,
        })
    }

    fn describe(&self) -> String {
        format!(
            "{:?}, {:?}, sync {:?}, sink knows its newest batch: {}, {} cores, short of memory: {}, source has a log: {}, {:?}",
            self.question,
            self.trigger,
            self.sync,
            self.knows_newest,
            self.cores,
            self.is_tight,
            self.source.keeps_log(),
            self.conf
        )
    }

    pub(crate) fn spec(&self) -> QuerySpec {
        QuerySpec {
            name: None,
            plan: self.plan.clone(),
            output_mode: query::output_mode(self.question),
            trigger: self.trigger,
            sink: Arc::new(self.sink.clone()),
            checkpoint: Some(PathBuf::from(CHECKPOINT)),
            sync: self.sync,
            pinned: vec![],
            settings: Default::default(),
            conf: self.conf.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        }
    }

    pub(crate) fn boot(&self, fate: &Fate) {
        self.trace.add(format!("a process begins: {fate:?}"));
        self.disk.boot(fate.disk.clone());
        let is_last = fate.stopped_after.is_none();
        self.source.boot(fate.source_fails, is_last);
        self.sink.boot(fate.sink_fails);
        // Such a query ends with what is there when it starts.
        if self.trigger == Trigger::AvailableNow {
            if is_last {
                self.source.arrive_all()
            } else {
                self.source.arrive(30)
            };
        }
    }

    /// One life, and whether there may be another one. `may_lack` says that a power cut took what was not promised to
    /// stay.
    fn pass(&self, fate: &Fate, may_lack: bool) -> Result<bool, String> {
        let end = live(self, fate)?;
        self.trace.add(format!("the process ended: {end:?}"));
        self.check_sink()?;
        match end {
            End::Died => self.check_sync_delay().map(|()| true),
            End::Stopped { .. } if self.disk.faults().1 > 0 => {
                Err("the log was not written, and nobody was told".to_owned())
            }
            End::Stopped { has_written: true } => self.check_all_synced().map(|()| true),
            // It was stopped on its way to its first batch.
            End::Stopped { has_written: false } => Ok(true),
            End::Failed(error) if self.is_expected(&error, fate) => Ok(true),
            End::Failed(error) if may_lack && is_loss(&error) => Ok(false),
            End::Failed(error) => Err(format!("the query failed: {error:?}")),
        }
    }

    /// Whether it is what the fate of the process had in store.
    pub(crate) fn is_expected(&self, error: &Error, fate: &Fate) -> bool {
        let text = error.to_spark_message();
        let is_outside = fate.source_fails > 0 && text.contains(source::FAILS);
        let is_sink = fate.sink_fails > 0 && text.contains(sink::FAILS);
        let is_disk = self.disk.faults().0 > 0 && text.contains(MEND) && text.contains(CHECKPOINT);
        let is_broken_off = fate.fail_point.is_some() && text.contains("broken off at a fail point");
        is_outside || is_sink || is_disk || is_broken_off
    }

    /// What the sink saw, and that no source was told more than the sink has.
    pub(crate) fn check_sink(&self) -> Result<(), String> {
        if let Some(wrong) = self.sink.wrong() {
            return Err(wrong);
        }
        let (told, end) = (self.source.told(), self.sink.end(BatchId(u64::MAX)));
        if positions(&told).iter().zip(positions(&end)).any(|(told, end)| *told > end) {
            return Err(format!("the source was told that {told} is committed, but the sink has {end}"));
        }
        Ok(())
    }

    /// With a delay for syncs, nothing waits longer for its sync than that.
    fn check_sync_delay(&self) -> Result<(), String> {
        let SyncPolicy::Every(delay) = self.sync else { return Ok(()) };
        let moment = self.clock.monotonic().saturating_sub(delay + SYNC_TAKES);
        self.check_waiting(moment)
    }

    /// After an orderly end nothing waits for its sync.
    fn check_all_synced(&self) -> Result<(), String> {
        if self.sync == SyncPolicy::Never { Ok(()) } else { self.check_waiting(Duration::MAX) }
    }

    fn check_waiting(&self, since: Duration) -> Result<(), String> {
        let log = Path::new(CHECKPOINT).join("millstream");
        match self.disk.with_files(|files| files.waiting_since(&log, since)).first() {
            Some(path) => Err(format!("'{}' has waited too long for its sync", path.display())),
            None => Ok(()),
        }
    }

    /// At the end of all: everything was read once, each batch has the right rows, and all together are the answer.
    fn check_answer(&self) -> Result<u64, String> {
        let batches = self.sink.batches();
        let mut before = Vec::new();
        for (number, batch) in batches.iter().enumerate() {
            let read = batch.range.as_ref().map(|range| self.source.rows(range)).unwrap_or_default();
            if let Some(expected) = self.question.batch(&before, &read).filter(|expected| *expected != batch.rows) {
                return Err(format!("batch {number} has the rows {:?}\n  but must have {expected:?}", batch.rows));
            }
            before.extend(read);
        }
        let (end, all) = (self.sink.end(BatchId(u64::MAX)), self.source.all());
        if end != all {
            return Err(format!("the sink has everything up to {end}, but there is more, up to {all}"));
        }
        let answers: Vec<_> = batches.into_iter().map(|batch| batch.rows).collect();
        self.question.check_all(&before, &answers)?;
        Ok(answers.len() as u64)
    }
}

/// Whether a query says by this that its checkpoint lacks what a power cut was free to take.
pub(crate) fn is_loss(error: &Error) -> bool {
    let text = error.to_spark_message();
    let parts = [
        sink::OTHER_LOG,
        "it is older than the sink",
        "is damaged",
        "STREAMING_CHECKPOINT_MISSING_METADATA_FILE",
        // Nothing of the log is left, but Spark's files are, which have no state.
        "STREAMING_STATEFUL_OPERATOR_NOT_MATCH_IN_STATE_METADATA",
        "cannot read Spark's checkpoint file",
        "only v1 is read here",
        "but 'metadata' says",
    ];
    parts.iter().any(|part| text.contains(part))
}
