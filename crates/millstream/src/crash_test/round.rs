//! A round: one job on new topics, killed so many times under load, then read to its end and compared.
//!
//! ```text
//! rows ─► input ─► the job, killed and started, killed and started … then to its end ─► output
//!               └► the job, undisturbed ─────────────────────────────────────────────► undisturbed
//! ```
//!
//! After each kill the ends of the output are noted, so that a row that should not be there tells after which kill it
//! was written.

use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use millstream_core::{Error, ErrorKind, Result};
use tokio::time::{Instant, sleep};

use super::brokers::Brokers;
use super::compare::{Difference, OutputRow, compare};
use super::job::Job;
use super::kills::{Draw, Kill, Place, Target};
use super::load::Load;
use super::processes::{EngineProcess, Launch};
use super::rows::{Rows, Sent};
use super::topics::Topics;
use crate::exit;

/// How long a job may take to read what is left.
const ENDS_WITHIN: Duration = Duration::from_secs(120);
/// How much longer than its life the engine is waited for at a fail point.
const FAIL_POINT_GRACE: Duration = Duration::from_millis(300);

/// What all rounds have in common.
pub(super) struct Setup {
    pub(super) draw: Draw,
    pub(super) rows: Rows,
    pub(super) rate: u32,
    pub(super) partitions: i32,
    pub(super) topics: Topics,
    pub(super) bootstrap: String,
    /// For checkpoints and logs.
    pub(super) folder: PathBuf,
    /// What the topics' names begin with.
    pub(super) name: String,
}

/// A kill that was carried out.
#[derive(Debug)]
pub(super) struct Cycle {
    pub(super) kill: Kill,
    pub(super) outcome: Outcome,
    pub(super) took: Duration,
    /// The ends of the output's partitions after it.
    pub(super) ends: Vec<i64>,
    /// How far the output came in this cycle, in offsets.
    pub(super) written: i64,
}

/// How the kill went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Killed,
    /// The fail point was not passed often enough; it was killed nevertheless.
    NotReached,
    /// It had ended by itself, because its broker had died.
    HadEnded(ExitStatus),
}

/// What is wrong.
#[derive(Debug)]
pub(super) enum Fault {
    /// The job ended by itself between two kills.
    Ended { kill: u64, status: ExitStatus, said: String },
    /// The job could not read what was left.
    CannotFinish { status: Option<ExitStatus>, said: String },
    /// The output is not what it should be.
    Differs { from: &'static str, differences: Vec<Difference> },
}

/// How a round went.
pub(super) struct Finished {
    pub(super) job: String,
    pub(super) is_built_in: bool,
    pub(super) kills: Range<u64>,
    pub(super) cycles: Vec<Cycle>,
    /// Not known if the job ended by itself.
    pub(super) sent: Option<Sent>,
    pub(super) fault: Option<Fault>,
    pub(super) took: Duration,
}

impl Finished {
    /// The kill after which the row at this place was written.
    pub(super) fn kill_before(&self, (partition, offset): (i32, i64)) -> Option<&Cycle> {
        let partition = usize::try_from(partition).ok()?;
        self.cycles.iter().rev().find(|cycle| cycle.ends.get(partition).is_some_and(|&end| end <= offset))
    }
}

/// A round that is running.
pub(super) struct Round<'a> {
    setup: &'a Setup,
    brokers: &'a mut Brokers,
    job: &'a Job,
    launch: Launch,
    /// Topics: of the rows, of the job, and of the job undisturbed.
    names: [String; 3],
    engine: Option<EngineProcess>,
    /// Whether a broker has died while this engine lived.
    broker_died: bool,
    cycles: Vec<Cycle>,
}

impl<'a> Round<'a> {
    pub(super) fn new(setup: &'a Setup, brokers: &'a mut Brokers, (job, first): (&'a Job, u64)) -> Result<Self> {
        let folder = setup.folder.join(format!("from-{first}"));
        let cannot = |error: std::io::Error| Error::unavailable("cannot write a temporary folder").with_source(error);
        let files = folder.join("files");
        std::fs::create_dir_all(&files).map_err(cannot)?;
        let names = ["input", "output", "undisturbed"].map(|part| format!("{}-{first}-{part}", setup.name));
        let launch = Launch {
            program: job.file(&folder).map_err(cannot)?,
            args: job.args().to_vec(),
            environment: vec![
                ("KAFKA", setup.bootstrap.clone()),
                ("INPUT", names[0].clone()),
                ("OUTPUT", names[1].clone()),
                ("STARTING", "earliest".to_owned()),
                ("CHECKPOINT", folder.join("checkpoint").display().to_string()),
                ("FOLDER", files.display().to_string()),
                ("TRIGGER", "0 seconds".to_owned()),
            ],
            warehouse: folder.join("warehouse"),
            log: folder.join("engine.log"),
        };
        Ok(Self { setup, brokers, job, launch, names, engine: None, broker_died: false, cycles: Vec::new() })
    }

    /// Kills so many times, then checks.
    pub(super) async fn run(mut self, kills: Range<u64>) -> Result<Finished> {
        let since = Instant::now();
        let Setup { topics, partitions, rows, rate, draw, .. } = self.setup;
        let of_input = self.job.input_partitions(*partitions);
        for (name, partitions) in self.names.iter().zip([of_input, *partitions, *partitions]) {
            topics.create(name, partitions).await?;
        }
        let load = Load::start(topics.producer(), (&self.names[0], of_input), rows.clone(), *rate).await?;
        let (mut fault, mut sent) = (None, None);
        for number in kills.clone() {
            fault = self.cycle(draw.kill(number)).await?;
            if fault.is_some() {
                break;
            }
        }
        if let Some(mut engine) = self.engine.take() {
            engine.kill().await?;
        }
        if fault.is_none() {
            let all = load.finish().await?;
            sent = Some(all);
            fault = self.check(all).await?;
        }
        if fault.is_none() {
            self.tidy_up().await?;
        }
        let is_built_in = self.is_built_in();
        let Self { job, cycles, .. } = self;
        Ok(Finished { job: job.name(), is_built_in, kills, cycles, sent, fault, took: since.elapsed() })
    }

    /// Starts the engine if it does not run, waits for the moment or the fail point, and kills.
    async fn cycle(&mut self, kill: Kill) -> Result<Option<Fault>> {
        let since = Instant::now();
        let (mut engine, kill) = self.engine_for(kill)?;
        let patience = match kill.place {
            Place::Moment => kill.moment,
            Place::FailPoint(..) => self.setup.draw.longest_life() + FAIL_POINT_GRACE,
        };
        let ended = engine.ended_within(patience).await?;
        let fault = |status, engine: &EngineProcess| {
            Ok(Some(Fault::Ended { kill: kill.number, status, said: engine.last_words() }))
        };
        if let Some(status) = ended
            && !engine.is_struck(status)
            && !self.is_excused(status)
        {
            return fault(status, &engine);
        }
        let killed = self.strike(&kill, &mut engine, ended).await?;
        let outcome = match killed {
            Some(status) if engine.is_struck(status) => Outcome::Killed,
            Some(status) if self.is_excused(status) => Outcome::HadEnded(status),
            Some(status) => return fault(status, &engine),
            None if kill.place == Place::Moment => Outcome::Killed,
            None => Outcome::NotReached,
        };
        if kill.target == Target::Broker && killed.is_none() {
            self.engine = Some(engine);
        }
        self.note(kill, outcome, since).await.map(|()| None)
    }

    /// Whether a job may end so by itself: its broker has died, and it says that this is why. Of a program in Python
    /// nobody can tell what its status says.
    fn is_excused(&self, status: ExitStatus) -> bool {
        let is_reason = status.code() == Some(i32::from(exit::status(ErrorKind::Unavailable)));
        self.broker_died && (is_reason || self.job.is_python())
    }

    /// The engine that still runs, or a new one; and the kill as it can be carried out on it.
    fn engine_for(&mut self, kill: Kill) -> Result<(EngineProcess, Kill)> {
        // A fail point is set when a process starts.
        if let Some(engine) = self.engine.take() {
            return Ok((engine, Kill { place: Place::Moment, ..kill }));
        }
        self.broker_died = false;
        let fail_point = match kill.place {
            Place::Moment => None,
            Place::FailPoint(name, count) => Some((name, count)),
        };
        self.launch.start(fail_point).map(|engine| (engine, kill))
    }

    /// Kills who is to be killed, and starts the broker again. The engine's status if it ended by itself.
    async fn strike(
        &mut self,
        kill: &Kill,
        engine: &mut EngineProcess,
        ended: Option<ExitStatus>,
    ) -> Result<Option<ExitStatus>> {
        let mut ended = ended;
        match kill.target {
            Target::Engine => ended = kill_if_alive(engine, ended).await?,
            Target::Broker => {
                self.kill_broker().await?;
                sleep(kill.pause).await;
            }
            Target::Both if kill.broker_first => {
                self.kill_broker().await?;
                sleep(kill.pause).await;
                ended = kill_if_alive(engine, ended).await?;
            }
            Target::Both => {
                ended = kill_if_alive(engine, ended).await?;
                sleep(kill.pause).await;
                self.kill_broker().await?;
            }
        }
        if kill.target == Target::Both && kill.engine_back_first {
            self.engine = Some(self.launch.start(None)?);
        }
        if kill.target != Target::Engine {
            self.brokers.start(self.setup.topics.client()).await?;
        }
        Ok(ended)
    }

    async fn kill_broker(&mut self) -> Result<()> {
        self.brokers.kill().await?;
        self.broker_died = true;
        Ok(())
    }

    async fn note(&mut self, kill: Kill, outcome: Outcome, since: Instant) -> Result<()> {
        let ends = self.setup.topics.ends(&self.names[1]).await?;
        let before = self.cycles.last().map_or(0, |cycle| cycle.ends.iter().sum::<i64>());
        let written = ends.iter().sum::<i64>() - before;
        self.cycles.push(Cycle { kill, outcome, took: since.elapsed(), ends, written });
        Ok(())
    }

    /// Lets the job read what is left, then compares.
    async fn check(&self, sent: Sent) -> Result<Option<Fault>> {
        if let Err((status, said)) = self.run_to_end(&self.launch).await? {
            return Ok(Some(Fault::CannotFinish { status, said }));
        }
        if let Err((status, said)) = self.run_to_end(&self.undisturbed()?).await? {
            return Err(fails_undisturbed(status, &said));
        }
        let (seen, due) = (self.read(1).await?, self.read(2).await?);
        if due.is_empty() && !self.is_built_in() {
            return Err(Error::invalid(format!("the job {} writes nothing to its topic", self.job.name()))
                .with_hint("it is told by the variable OUTPUT where to write"));
        }
        let refuted = self.job.refute(&self.setup.rows, sent, &seen);
        if !refuted.is_empty() {
            return Ok(Some(Fault::Differs { from: "what arithmetic says", differences: refuted }));
        }
        let due: Vec<_> = due.into_iter().map(|due| due.row).collect();
        let differences = compare(self.job.comparison(), &seen, &due);
        let from = "the output of an undisturbed run";
        Ok((!differences.is_empty()).then_some(Fault::Differs { from, differences }))
    }

    /// The same job with topic and folders of its own.
    fn undisturbed(&self) -> Result<Launch> {
        let own = |name: &str| self.setup.folder.join(format!("{}-{name}", self.names[2]));
        let files = own("files");
        let cannot = |error| Error::unavailable("cannot write a temporary folder").with_source(error);
        std::fs::create_dir(&files).map_err(cannot)?;
        let launch = self.launch.with("OUTPUT", self.names[2].clone());
        let launch = launch.with("CHECKPOINT", own("checkpoint").display().to_string());
        Ok(Launch { warehouse: own("warehouse"), ..launch.with("FOLDER", files.display().to_string()) })
    }

    /// Runs a job until it has read all there is; the status and the last words of a run that did not end well.
    async fn run_to_end(&self, launch: &Launch) -> Result<Result<(), (Option<ExitStatus>, String)>> {
        for _ in 0..self.job.runs_to_end() {
            let mut engine = launch.with("TRIGGER", "availableNow".to_owned()).start(None)?;
            let status = engine.ended_within(ENDS_WITHIN).await?;
            if !status.is_some_and(|status| status.success()) {
                return Ok(Err((status, engine.last_words())));
            }
        }
        Ok(Ok(()))
    }

    fn is_built_in(&self) -> bool {
        matches!(self.job, Job::BuiltIn(_))
    }

    async fn read(&self, topic: usize) -> Result<Vec<OutputRow>> {
        self.setup.topics.read(&self.names[topic]).await
    }

    /// What was good is not kept.
    async fn tidy_up(&self) -> Result<()> {
        for name in &self.names {
            self.setup.topics.delete(name).await?;
        }
        Ok(())
    }
}

async fn kill_if_alive(engine: &mut EngineProcess, ended: Option<ExitStatus>) -> Result<Option<ExitStatus>> {
    match ended {
        Some(status) => Ok(Some(status)),
        None => engine.kill().await,
    }
}

fn fails_undisturbed(status: Option<ExitStatus>, said: &str) -> Error {
    match status {
        Some(status) => Error::data(format!("the job fails with nobody killed ({status}): {said}")),
        None => Error::invalid(format!("the job does not end within {} s", ENDS_WITHIN.as_secs()))
            .with_hint("it must end when all is read if the variable TRIGGER says 'availableNow'"),
    }
}
