//! `millstream demo`: a broker, payments on it, the stock payment monitor, and its result as it changes.
//!
//! Nothing is staged: the program is `examples/payment_monitor.py` as it stands, which reads the topic over Kafka's protocol and
//! prints to the console sink. Only the console is the demo's own, so that the table
//! is drawn in place.

mod generator;
mod latency;
mod screen;

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use millstream_connectors::console::Console;
use millstream_core::{Error, Result};
use millstream_engine::query::Engine;
use parking_lot::Mutex;
use tokio::process::{Child, Command};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use self::generator::Generator;
use self::latency::Latencies;
use self::screen::{Printed, Screen};
use crate::args::DemoArgs;
use crate::process::Process;
use crate::program::Launcher;
use crate::python;
use crate::serve::Signals;

/// The program that runs, and the topic that it names.
const PROGRAM: &str = include_str!("../../../../examples/payment_monitor.py");
const TOPIC: &str = "user_events";
const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// How long the program may take to end after its queries have.
const PROGRAM_ENDS_WITHIN: Duration = Duration::from_secs(2);

/// Runs until interrupted or until the time is over.
pub(crate) async fn run(args: DemoArgs) -> Result<ExitCode> {
    let mut signals = Signals::new()?;
    let printed = Arc::new(Mutex::new(Printed::default()));
    let mut settings = args.engine.clone();
    settings.broker.broker.get_or_insert(LOOPBACK);
    // The demo draws as often as one can look, but each batch shall be done at once.
    let console = Console::new(Arc::<Mutex<Printed>>::clone(&printed)).with_pace(Duration::ZERO);
    let mut process = Process::start(LOOPBACK, &settings, console).await?;
    let broker = process.broker_address().ok_or_else(|| Error::internal("the demo has no broker"))?;
    let python = tokio::select! {
        python = python::find() => python?,
        _ = signals.next() => return Err(Error::cancelled("interrupted before the program started")),
    };
    let latencies = Arc::new(Mutex::new(Latencies::default()));
    let generator = Generator::start(broker, TOPIC, args.rate, Arc::clone(&latencies)).await?;
    let launcher = Launcher::new()?;
    let program = launcher.write("payment_monitor.py", PROGRAM)?;
    let mut command = launcher.command(&python, process.address, &program);
    command.env("KAFKA", broker.to_string()).env("STARTING", "earliest").env("TRIGGER", "0 seconds");
    let mut child = spawn(command)?;
    let end = args.duration.map(|duration| Instant::now() + duration.0);
    let engine = process.engine().clone();
    let mut screen = Screen::new(printed, latencies, args.rate);
    let outcome = tokio::select! {
        () = draw(&engine, &mut screen) => Ok(()),
        () = until(end) => Ok(()),
        _ = signals.next() => Ok(()),
        status = child.wait() => Err(match status {
            Ok(status) => Error::unavailable(format!("the program ended by itself ({status})")),
            Err(error) => Error::internal("cannot wait for the program").with_source(error),
        }),
        error = process.failed() => Err(error),
        error = generator.failed() => Err(error),
    };
    process.stop_queries().await;
    let ended = tokio::time::timeout(PROGRAM_ENDS_WITHIN, child.wait()).await;
    if ended.is_err() {
        child.kill().await.map_err(|error| Error::internal("cannot end the program").with_source(error))?;
    }
    screen.finish();
    process.stop().await;
    outcome.map(|()| ExitCode::SUCCESS)
}

fn spawn(mut command: Command) -> Result<Child> {
    command.spawn().map_err(|error| Error::unavailable("cannot start Python").with_source(error))
}

/// Draws what there is, over and over.
async fn draw(engine: &Engine, screen: &mut Screen) {
    let mut ticks = interval(screen.every());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Some(query) = engine.running().first() {
            screen.draw(&query.recent_progress());
        }
    }
}

async fn until(end: Option<Instant>) {
    match end {
        Some(end) => sleep_until(end).await,
        None => std::future::pending().await,
    }
}
