//! `millstream`: the command line. Everything meets here and nowhere else: arguments, connectors, engine, service.

mod args;
mod broker;
mod crash_test;
mod demo;
mod exit;
mod lifeline;
mod logging;
mod manual;
mod memory_size;
mod process;
mod program;
mod program_file;
mod python;
mod runtimes;
mod script_header;
mod serve;
mod settings;
mod shim;
mod sql_program;
mod terminal;
mod time_zone;
mod topic;
mod values;

use std::process::ExitCode;

use millstream_core::Result;

use crate::args::{Cli, Command};

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    let environment = |name: &str| std::env::var(name).ok();
    let variables = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for (name, meant) in settings::misspelt_variables(variables) {
        terminal::say(&format!("warning: nobody looks at the variable {name}; did you mean {meant}?"));
    }
    let ended = settings::parse(&arguments, environment).and_then(|parsed| match parsed {
        Ok(cli) => logging::start(log_filter(&cli), cli.log_format).and_then(|()| run(cli)),
        Err(status) => Ok(ExitCode::from(status)),
    });
    ended.unwrap_or_else(|error| exit::report(&error))
}

/// Which log lines are written. What goes on for long says how it goes; who kills brokers need not be warned that they
/// do not answer; and the failure of a program's query is said once, at its end.
fn log_filter(cli: &Cli) -> &str {
    match (&cli.log, &cli.command) {
        (Some(filter), _) => filter,
        (None, Command::Run(args)) if program_file::is_sql(&args.program) => {
            "warn,millstream=info,millstream_engine::query::failure=off"
        }
        (None, Command::Run(_) | Command::Serve(_) | Command::Broker(_)) => "warn,millstream=info",
        (None, Command::CrashTest(_)) => "error",
        (None, _) => "warn",
    }
}

fn run(cli: Cli) -> Result<ExitCode> {
    let runtime = runtimes::control()?;
    let result = runtime.block_on(async {
        match cli.command {
            Command::Serve(args) => serve::serve(args).await,
            Command::Run(args) => program::run(args).await,
            Command::Broker(args) => broker::run(args).await,
            Command::Demo(args) => demo::run(args).await,
            Command::Completions(args) => manual::completions(&args),
            Command::Man(args) => manual::pages(&args),
            Command::Topic(args) => topic::run(args).await,
            Command::CrashTest(args) => crash_test::run(args).await,
        }
    });
    // What is still under way belongs to nobody any more.
    runtime.shutdown_background();
    result
}
