//! `millstream demo`: a broker, payments on it, the stock payment monitor, and its result as it changes.
//!
//! Nothing is staged: the program is one of the examples as it stands, which reads the topic over Kafka's protocol and
//! prints to the console sink. Only the console is the demo's own, so that the table is drawn in place.

mod generator;
mod latency;
mod monitor;
mod screen;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use millstream_connectors::console::Console;
use millstream_core::{Error, Result};
use millstream_engine::query::Engine;
use parking_lot::Mutex;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use self::generator::Generator;
use self::latency::Latencies;
use self::monitor::Monitor;
use self::screen::{Printed, Screen};
use crate::args::DemoArgs;
use crate::process::Process;
use crate::program::LOOPBACK;
use crate::python;
use crate::script_header::ScriptHeader;
use crate::serve::Signals;

/// The topic that the program names.
const TOPIC: &str = "user_events";

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
    let header = ScriptHeader::default();
    let python = tokio::select! {
        python = python::find(&header) => python,
        _ = signals.next() => return Err(Error::cancelled("interrupted before the program started")),
    };
    let latencies = Arc::new(Mutex::new(Latencies::default()));
    let generator = Generator::start(broker, TOPIC, args.rate, Arc::clone(&latencies)).await?;
    let mut monitor = Monitor::start(&process, broker, python)?;
    let end = args.duration.map(|duration| Instant::now() + duration.0);
    let engine = process.engine().clone();
    let mut screen = Screen::new(printed, latencies, (args.rate, monitor.file()));
    let outcome = tokio::select! {
        () = draw(&engine, &mut screen) => Ok(()),
        () = until(end) => Ok(()),
        _ = signals.next() => Ok(()),
        error = monitor.ended() => Err(error),
        error = process.failed() => Err(error),
        error = generator.failed() => Err(error),
    };
    process.stop_queries().await;
    monitor.finish().await?;
    screen.finish();
    process.stop().await;
    outcome.map(|()| ExitCode::SUCCESS)
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
