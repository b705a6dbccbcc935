//! Measures how long a row takes through a program that reads one Kafka topic and writes another.
//!
//! `drive` sends rows at a fixed rate, each with the time at which it was due, and reads the results in the same
//! process, so that one clock gives all times and a sender that is late counts against the measured, not for it.
//! `relay` is the floor: it passes rows from topic to topic with the same client as the engine, and does nothing else.
//! `pump` measures what a broker can do at most.
//!
//! Deliberately not here: starting brokers and engines, repeating and comparing; that is `bench/latency.py`.
#![expect(clippy::disallowed_methods, reason = "latency is measured by the machine's clock")]

mod drive;
mod pump;
mod receiver;
mod relay;
mod report;
mod row;
mod schedule;
mod tally;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use millstream_kafka::{Client, ClientConfig, ProducerConfig, Unlimited};

use crate::drive::DriveArgs;
use crate::pump::PumpArgs;
use crate::relay::RelayArgs;

#[derive(Debug, Parser)]
#[command(about = "Measures the latency of a program between two Kafka topics")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Creates topics by asking for them, which brokers allow by `auto.create.topics.enable`
    Topics(TopicsArgs),
    /// Passes rows from one topic to another until standard input ends; prints `ready` first
    Relay(RelayArgs),
    /// Sends rows, reads the results, checks that none is missing, and prints percentiles as a line of JSON
    Drive(DriveArgs),
    /// Fills a topic and drains it at the same time, as fast as it goes, and prints rows a second as a line of JSON
    Pump(PumpArgs),
}

#[derive(Debug, Args)]
struct TopicsArgs {
    /// The broker, as host:port
    #[arg(long)]
    bootstrap: String,
    names: Vec<String>,
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // There is nobody to tell if standard error is closed.
            let _written = writeln!(std::io::stderr(), "millstream-latency: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Topics(args) => create_topics(&args),
        Command::Relay(args) => relay::run(&args),
        Command::Drive(args) => drive::run(&args),
        Command::Pump(args) => pump::run(&args),
    }
}

fn create_topics(args: &TopicsArgs) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let producer = client(&args.bootstrap)?.producer(ProducerConfig::default(), Arc::new(Unlimited));
        for name in &args.names {
            producer.topic(name).await.with_context(|| format!("cannot create {name}"))?;
        }
        Ok(())
    })
}

fn client(bootstrap: &str) -> Result<Client> {
    client_with(bootstrap, "read_uncommitted")
}

fn client_with(bootstrap: &str, isolation: &str) -> Result<Client> {
    let (config, _) =
        ClientConfig::from_properties([("bootstrap.servers", bootstrap), ("isolation.level", isolation)])?;
    Ok(Client::new(config))
}

/// Prints a line at once, for the script that waits for it.
fn say(line: &str) -> Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}
