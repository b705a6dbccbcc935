//! Simulates the whole engine under a seed: its clock, its disk, its source and its sink are simulated, everything else
//! is the product. A seed decides about all chance, so a failure is replayed by its seed.
//!
//! Each seed is a query that lives several lives: it is killed at a step of its disk, at a fail point or at any moment,
//! the power goes, the disk fills up, fails or flips bits, source and sink fail. At the end the sink must hold the
//! answer that a few plain lines compute over all rows, each batch once.
//!
//! Deliberately not here: anything of the product. What a simulation finds is mended there, with a test of its own.

mod chance;
mod damage;
mod disk;
mod fate;
mod file_system;
mod last_rows;
mod life;
mod logged_source;
mod query;
mod rows;
mod search;
mod sink;
mod source;
mod trace;
mod world;

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Parser;
use millstream_engine::PlantedFault;

use crate::search::{Found, Search};

#[derive(Debug, Parser)]
#[command(about = "Simulates the engine under seeds, and prints the seed of a failure")]
struct Cli {
    /// How many seeds, from the first on
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Replays this seed alone, and prints all that happens
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// Begins no further seed after this many seconds
    #[arg(long, value_name = "SECONDS")]
    budget: Option<u64>,
    /// Plants a fault in the engine, which must be found: marker-ignored, offsets-late, state-early
    #[arg(long, value_parser = planted)]
    fault: Option<PlantedFault>,
    /// Threads; each seed runs on one [default: all cores]
    #[arg(long)]
    threads: Option<usize>,
}

fn planted(name: &str) -> Result<PlantedFault, String> {
    let found = PlantedFault::ALL.into_iter().find(|fault| fault.name() == name);
    found.ok_or_else(|| format!("choose from {}", PlantedFault::ALL.map(PlantedFault::name).join(", ")))
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "sim: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    if cli.fault.is_some() && !cfg!(debug_assertions) {
        bail!("a release build has no faults that can be planted");
    }
    if let Some(seed) = cli.seed {
        return replay(seed, cli.fault);
    }
    let threads = cli.threads.or_else(|| std::thread::available_parallelism().ok().map(usize::from)).unwrap_or(1);
    let search = Search { seeds: cli.from..cli.from + cli.seeds, planted: cli.fault, threads };
    let report = search.run(cli.budget.map(Duration::from_secs));
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", report.tally)?;
    for found in &report.found {
        write_found(&mut out, found, cli.fault)?;
    }
    match (cli.fault, report.found.is_empty()) {
        (None, true) | (Some(_), false) => Ok(()),
        (None, false) => bail!("the engine did what it must not do"),
        (Some(fault), true) => bail!("the planted fault {} was not found", fault.name()),
    }
}

fn replay(seed: u64, planted: Option<PlantedFault>) -> Result<()> {
    let (trace, result) = search::simulate(seed, planted);
    let mut out = std::io::stdout().lock();
    write!(out, "{}", trace.last(usize::MAX))?;
    match result {
        Ok(tally) => Ok(writeln!(out, "seed {seed}: {tally:?}")?),
        Err(what) => bail!("seed {seed}: {what}"),
    }
}

fn write_found(out: &mut impl Write, found: &Found, planted: Option<PlantedFault>) -> Result<()> {
    let fault = planted.map(|fault| format!(" --fault {}", fault.name())).unwrap_or_default();
    writeln!(out, "seed {}: {}", found.seed, found.what)?;
    if planted.is_none() {
        write!(out, "{}", found.last_lines)?;
    }
    writeln!(out, "  replay: cargo xtask sim --seed {}{fault}", found.seed)?;
    Ok(())
}

#[cfg(test)]
mod tests;
