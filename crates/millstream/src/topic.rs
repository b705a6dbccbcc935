//! `millstream topic`: what one does by hand to topics, on any Kafka cluster.
//!
//! Results go to standard output, one a line; everything else to standard error. A reader that goes away ends the
//! command quietly. Deliberately not here: consumer groups, which the client does not join, and changing settings.

pub(crate) mod args;
pub(crate) mod connection;
mod consume;
mod lines;
mod manage;
pub(crate) mod output;
mod produce;
mod properties;
mod record;

use std::process::ExitCode;

use millstream_core::Result;

use self::args::{TopicArgs, TopicCommand};
use self::connection::Settings;

/// Runs one command.
pub(crate) async fn run(args: TopicArgs) -> Result<ExitCode> {
    let settings = Settings::new(&args.connection)?;
    match args.command {
        TopicCommand::Create(args) => manage::create(&settings, args).await,
        TopicCommand::List(args) => manage::list(&settings, &args).await,
        TopicCommand::Describe(args) => manage::describe(&settings, &args).await,
        TopicCommand::Delete(args) => manage::delete(&settings, &args).await,
        TopicCommand::Produce(args) => produce::run(&settings, args).await,
        TopicCommand::Consume(args) => consume::run(&settings, args).await,
    }
    .map(|()| ExitCode::SUCCESS)
}
