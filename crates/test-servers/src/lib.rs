//! Servers for tests: real ones, started by the scripts in `dev/servers`, and an object store in memory. A
//! dev-dependency only.
//!
//! A server never outlives its tests: the script watches its standard input, which ends with the test process, however
//! that ends. Where a server cannot be had, [`require_or_skip!`] leaves the test out and says so; with
//! `MILLSTREAM_REQUIRE_SERVERS=1` that is a failure.

mod kafka;
mod programs;
mod s3;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub use kafka::{Kafka, KafkaTool};
pub use programs::{JavaClient, KafkaTools, PythonClients};
pub use s3::{Conditions, S3Fault, S3Server};

/// Leaves the test out where the servers named by the function cannot be started, else goes on.
///
/// ```no_run
/// use millstream_test_servers::{Kafka, require_or_skip};
///
/// require_or_skip!(Kafka::available());
/// ```
#[macro_export]
macro_rules! require_or_skip {
    ($available:expr) => {
        if let Err(reason) = $available {
            $crate::leave_out(&reason);
            return;
        }
    };
}

/// Says on standard error that a test is left out, and why.
///
/// # Panics
/// If `MILLSTREAM_REQUIRE_SERVERS` is set to 1.
#[expect(clippy::print_stderr, reason = "the person who runs the tests must see it")]
pub fn leave_out(reason: &str) {
    let required = std::env::var("MILLSTREAM_REQUIRE_SERVERS").is_ok_and(|value| value == "1");
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    assert!(!required, "{test} needs a real server, and MILLSTREAM_REQUIRE_SERVERS=1 is set: {reason}");
    eprintln!("left out: {test}: {reason}");
}

/// The folder of a server's program, downloaded by its script.
fn program_folder(name: &str) -> PathBuf {
    let tools = std::env::var_os("MILLSTREAM_TOOLS").map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/millstream-tools");
    tools.unwrap_or_else(home).join(name)
}

/// The checkout whose tests run: not the one in which this crate was compiled, where several share a target folder.
fn checkout() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo says where the package of a test lies");
    let found = Path::new(&package).ancestors().find(|folder| folder.join("dev/servers").is_dir());
    found.expect("the package lies in a checkout").to_owned()
}

fn script(name: &str) -> Command {
    let mut command = Command::new(checkout().join("dev/servers").join(name));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    command.env("SERVER_ENDS_WITH_STDIN", "1");
    command
}

/// Whether a program can be run at all.
fn has(program: &str, argument: &str) -> bool {
    let mut command = Command::new(program);
    command.arg(argument).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
