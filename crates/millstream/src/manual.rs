//! What the command line says about itself to shells and to `man`.

use std::io::Write;
use std::process::ExitCode;

use clap::CommandFactory;
use millstream_core::{Error, Result};

use crate::args::{Cli, CompletionsArgs, ManArgs};

/// Prints the completions of a shell.
pub(crate) fn completions(args: &CompletionsArgs) -> Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "millstream", &mut script);
    std::io::stdout()
        .write_all(&script)
        .map_err(|error| Error::unavailable("cannot write to standard output").with_source(error))?;
    Ok(ExitCode::SUCCESS)
}

/// Writes a page for the program and for each command.
pub(crate) fn pages(args: &ManArgs) -> Result<ExitCode> {
    clap_mangen::generate_to(Cli::command(), &args.folder).map_err(|error| {
        Error::unavailable(format!("cannot write manual pages to '{}'", args.folder.display()))
            .with_source(error)
            .with_hint("it must be a folder in which this user may write; mkdir -p makes one")
    })?;
    Ok(ExitCode::SUCCESS)
}
