//! `millstream crash-test`: kills a job on Kafka again and again, and checks that nobody who reads its output can tell.
//!
//! [`kills`] draws what is killed and when, [`round`] carries it out on [`processes`] and [`brokers`] while [`load`]
//! goes on, [`compare`] finds what is wrong, [`report`] and [`result_file`] tell. A job is a program of the user or
//! built in ([`job`]). Deliberately not here: power cuts (the operating system lives on) and clusters whose brokers die
//! one by one.

pub(crate) mod args;
mod brokers;
mod compare;
mod job;
mod kills;
mod load;
mod processes;
mod report;
mod result_file;
mod round;
mod rows;
mod topics;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use millstream_core::{Clock, Error, Result};

use self::args::CrashTestArgs;
use self::brokers::Brokers;
use self::job::{BuiltIn, Job};
use self::kills::Draw;
use self::result_file::ResultFile;
use self::round::{Finished, Round, Setup};
use self::rows::Rows;
use self::topics::Topics;
use crate::process::system_clock;
use crate::program_file::{self, Language};
use crate::serve::Signals;
use crate::topic::connection::Settings;
use crate::topic::output::print;

/// The life of a job, unless the user says another. Python takes its time to start.
const LIFE: Duration = Duration::from_secs(1);
const LIFE_OF_PYTHON: Duration = Duration::from_secs(4);
/// The share of kills that take the broker, of a hundred.
const BROKER_SHARE: u8 = 20;

/// Kills and checks, until all is done or something is found.
pub(crate) async fn run(args: CrashTestArgs) -> Result<ExitCode> {
    let mut signals = Signals::new()?;
    tokio::select! {
        found = test(&args) => found,
        _ = signals.next() => Err(Error::cancelled("interrupted; topics and folders of the test are left as they are")),
    }
}

async fn test(args: &CrashTestArgs) -> Result<ExitCode> {
    let jobs = jobs(args)?;
    let folder = std::env::temp_dir().join(format!("millstream-crash-test-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir(&folder)
        .map_err(|error| Error::unavailable("cannot write a temporary folder").with_source(error))?;
    let outcome = match Box::pin(prepare(args, &jobs, folder.clone())).await {
        Ok((setup, mut brokers)) => rounds(args, &jobs, (&setup, &mut brokers)).await,
        Err(error) => Err(error),
    };
    // What shows a fault is kept.
    if !matches!(outcome, Ok(ExitCode::FAILURE)) {
        std::fs::remove_dir_all(&folder)
            .map_err(|error| Error::unavailable("cannot remove a temporary folder").with_source(error))?;
    }
    outcome
}

fn jobs(args: &CrashTestArgs) -> Result<Vec<Job>> {
    match &args.program {
        Some(path) => {
            let language = program_file::language(path)?;
            check_reads_variables(path, language, args.connection.bootstrap.is_some())?;
            Ok(vec![Job::Program { path: path.clone(), language, args: args.args.clone(), compare: args.compare }])
        }
        None if args.jobs.is_empty() => Ok(BuiltIn::ALL.map(Job::BuiltIn).to_vec()),
        None => Ok(args.jobs.iter().copied().map(Job::BuiltIn).collect()),
    }
}

/// Refuses a program that does not ask where to work: it would be killed over its real topics and checkpoint.
fn check_reads_variables(path: &Path, language: Language, has_own_brokers: bool) -> Result<()> {
    let text = String::from_utf8_lossy(&program_file::read(path)?).into_owned();
    let reads = |name: &str| match language {
        Language::Sql => text.contains(&format!("${{env:{name}")),
        Language::Python => text.contains(&format!("\"{name}\"")) || text.contains(&format!("'{name}'")),
    };
    // Brokers that the user names may be those that the program names by itself.
    let needed = ["KAFKA", "INPUT", "OUTPUT", "CHECKPOINT"].into_iter().skip(usize::from(has_own_brokers));
    let missing: Vec<_> = needed.filter(|name| !reads(name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let (names, file) = (missing.join(", "), path.display());
    let how = match language {
        Language::Sql => "'${env:INPUT}'",
        Language::Python => "os.environ[\"INPUT\"]",
    };
    Err(Error::invalid(format!(
        "'{file}' does not read {names} of the environment, so it would work on its own topics"
    ))
    .with_hint(format!(
        "a job is told where to work by variables, as in {how}; millstream crash-test --help names them"
    )))
}

/// Everything but the kills.
async fn prepare(args: &CrashTestArgs, jobs: &[Job], folder: PathBuf) -> Result<(Setup, Brokers)> {
    let rows = Rows::new(&args.row, args.keys)?;
    let life = if jobs.iter().any(Job::is_python) { LIFE_OF_PYTHON } else { LIFE };
    let life = args.life.map_or(life, |life| life.0);
    let seed = args.seed.unwrap_or_else(|| system_clock().now_ms().unsigned_abs() % 1_000_000);
    let draw = |broker_share| Draw::new(seed, &args.kill_at, life, broker_share);
    if draw(0).needs_fail_points() && !cfg!(debug_assertions) {
        return Err(Error::unsupported("this is a release build, which has no fail points")
            .with_hint("--kill-at moment works here; fail points are in debug builds (cargo build)"));
    }
    let brokers = Brokers::new(args, &folder).await?;
    let share = args.broker_share.unwrap_or(if brokers.can_be_killed() { BROKER_SHARE } else { 0 });
    if share > 0 && !brokers.can_be_killed() {
        return Err(Error::invalid("--broker-share needs --broker-kill and --broker-start for these brokers"));
    }
    let mut settings = Settings::new(&args.connection)?;
    if let Some(address) = brokers.embedded_address() {
        settings = settings.with("bootstrap.servers", &address.to_string());
    }
    let setup = Setup {
        draw: draw(share),
        rows,
        rate: args.rate,
        partitions: args.partitions,
        topics: Topics::new(&settings, args.partitions).await?,
        bootstrap: settings.get("bootstrap.servers").unwrap_or_default().to_owned(),
        name: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        folder,
    };
    Ok((setup, brokers))
}

/// One job after the other, until all kills are done.
async fn rounds(args: &CrashTestArgs, jobs: &[Job], (setup, brokers): (&Setup, &mut Brokers)) -> Result<ExitCode> {
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    let what = [
        ("millstream", format!("{} ({build})", env!("CARGO_PKG_VERSION"))),
        ("brokers", brokers.embedded_address().map_or("given", |_| "embedded").to_owned()),
        ("seed", setup.draw.seed.to_string()),
    ];
    let mut result = args.result.as_deref().map(|path| ResultFile::create(path, &what)).transpose()?;
    print(&report::opening(setup, args.kills))?;
    let (end, mut first, mut done) = (args.first_kill + args.kills, args.first_kill, Vec::<Finished>::new());
    for job in jobs.iter().cycle() {
        if first == end || done.last().is_some_and(|round| round.fault.is_some()) {
            break;
        }
        let kills = first..end.min(first + args.round);
        first = kills.end;
        let finished = Round::new(setup, brokers, (job, kills.start))?.run(kills).await?;
        let mut text = report::of_round(&finished);
        if let Some(fault) = &finished.fault {
            text.push_str(&report::of_fault(&finished, fault, setup));
        }
        print(&text)?;
        if let Some(result) = &mut result {
            result.add(&finished)?;
            result.comment(&text)?;
        }
        done.push(finished);
    }
    let summary = report::summary(&done);
    print(&summary.iter().map(|(name, value)| format!("{name}: {value}\n")).collect::<String>())?;
    if let Some(result) = &mut result {
        result.comments(&summary)?;
    }
    Ok(if done.iter().any(|round| round.fault.is_some()) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
