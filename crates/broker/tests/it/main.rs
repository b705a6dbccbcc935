//! The broker, asked by stock clients in processes of their own, and by peers that mean it no good.

mod clients;
mod crash;
mod hostile;
mod tools;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use millstream_broker::{Broker, BrokerConfig};

/// A broker in memory, in this process.
pub(crate) async fn in_memory() -> Broker {
    Broker::start(BrokerConfig::default()).await.expect("loopback has a free port")
}

/// A file below `tests`.
pub(crate) fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// Runs a program to its end without holding up the broker, which is in this process.
pub(crate) async fn run(mut command: Command) -> Output {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut command = tokio::process::Command::from(command);
    let running = command.kill_on_drop(true).output();
    let output = tokio::time::timeout(Duration::from_secs(180), running).await;
    output.expect("it ends in time").expect("it can be run")
}

/// Runs a program that ends well and prints "ok" last, if all it found was as it should be.
pub(crate) async fn assert_ok(command: Command) {
    let shown = format!("{command:?}");
    let output = run(command).await;
    let (printed, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let well = output.status.success() && printed.trim_end().ends_with("ok");
    assert!(well, "{shown}: {}\n{printed}\n{said}", output.status);
}
