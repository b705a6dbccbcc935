//! The brokers under test: an embedded one in a process of its own, or those of the user, which are killed and started
//! by commands of the user.

use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use millstream_core::{Error, Result};
use millstream_kafka::Client;
use tokio::fs::File;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use super::args::CrashTestArgs;
use super::processes::this_binary;

/// How long brokers may take to come up, and a command of the user to end.
const PATIENCE: Duration = Duration::from_secs(90);
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Ports for an embedded broker.
const PORTS: Range<u16> = 20_000..32_000;
/// What `millstream broker` says before its address.
const ANNOUNCEMENT: &str = "millstream: Kafka broker on ";

/// Who keeps the topics.
pub(super) enum Brokers {
    Embedded(Embedded),
    Given { kill_and_start: Option<(String, String)> },
}

/// A broker that this process has started.
pub(super) struct Embedded {
    process: Child,
    address: SocketAddr,
    folder: PathBuf,
}

impl Brokers {
    /// Those that are asked for. An embedded one keeps its records in this folder.
    pub(super) async fn new(args: &CrashTestArgs, folder: &Path) -> Result<Self> {
        let connection = &args.connection;
        let is_given = connection.bootstrap.as_ref().is_some_and(|bootstrap| !bootstrap.is_empty());
        if is_given || connection.properties_file.is_some() || !connection.properties.is_empty() {
            let kill_and_start = args.broker_kill.clone().zip(args.broker_start.clone());
            return Ok(Self::Given { kill_and_start });
        }
        if args.broker_kill.is_some() {
            return Err(Error::invalid("--broker-kill is for brokers that --bootstrap names")
                .with_hint("the embedded broker is killed without it"));
        }
        Embedded::start(free_address()?, folder.to_owned()).await.map(Self::Embedded)
    }

    /// Where the embedded one listens.
    pub(super) fn embedded_address(&self) -> Option<SocketAddr> {
        match self {
            Self::Embedded(embedded) => Some(embedded.address),
            Self::Given { .. } => None,
        }
    }

    pub(super) fn can_be_killed(&self) -> bool {
        !matches!(self, Self::Given { kill_and_start: None })
    }

    pub(super) async fn kill(&mut self) -> Result<()> {
        match self {
            Self::Embedded(embedded) => {
                let killed = embedded.process.kill().await;
                killed.map_err(|error| Error::internal("cannot kill the broker").with_source(error))
            }
            Self::Given { kill_and_start: Some((kill, _)) } => command("--broker-kill", kill).await,
            Self::Given { kill_and_start: None } => Err(Error::internal("these brokers cannot be killed")),
        }
    }

    /// Starts it again, and waits until it answers this client.
    pub(super) async fn start(&mut self, client: &Client) -> Result<()> {
        match self {
            Self::Embedded(embedded) => *embedded = Embedded::start(embedded.address, embedded.folder.clone()).await?,
            Self::Given { kill_and_start: Some((_, start)) } => command("--broker-start", start).await?,
            Self::Given { kill_and_start: None } => {}
        }
        let deadline = Instant::now() + PATIENCE;
        while let Err(error) = client.check_reachable().await {
            if Instant::now() > deadline {
                return Err(Error::unavailable("the broker does not come back").with_source(error));
            }
            sleep(LOOK_EVERY).await;
        }
        Ok(())
    }
}

impl Embedded {
    async fn start(listen: SocketAddr, folder: PathBuf) -> Result<Self> {
        let cannot = |error: std::io::Error| Error::unavailable("cannot start a broker").with_source(error);
        let mut command = Command::new(this_binary()?);
        command.arg("broker").arg("--listen").arg(listen.to_string()).arg("--data").arg(folder.join("records"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().map_err(cannot)?;
        let stderr = process.stderr.take().ok_or_else(|| Error::internal("the broker's stderr is no pipe"))?;
        let (mut lines, mut said) = (BufReader::new(stderr), String::new());
        let address = timeout(PATIENCE, announced(&mut lines, &mut said)).await;
        let address = address.map_err(|_| Error::unavailable("the broker does not start"))?.map_err(cannot)?;
        let Some(address) = address else {
            return Err(Error::unavailable(format!("the broker ended when it was started: {}", said.trim())));
        };
        let log = File::options().create(true).append(true).open(folder.join("broker.log")).await.map_err(cannot)?;
        // It would wait for ever, once nobody reads what it says.
        tokio::spawn(async move {
            let mut log = log;
            tokio::io::copy_buf(&mut lines, &mut log).await
        });
        Ok(Self { process, address, folder })
    }
}

/// Where nobody listens now, and where no client's end of a connection will be while the broker is dead: the operating
/// system takes those ports from 32768 on.
fn free_address() -> Result<SocketAddr> {
    let random = uuid::Uuid::new_v4().as_u128();
    let ports = (0..PORTS.len() as u128).map(|tried| PORTS.start + ((random + tried) % PORTS.len() as u128) as u16);
    let mut addresses = ports.map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    let free = addresses.find(|address| std::net::TcpListener::bind(address).is_ok());
    free.ok_or_else(|| Error::unavailable("no port is free for a broker"))
}

/// The address that a broker says it listens on; none if it ends before.
async fn announced(
    lines: &mut (impl AsyncBufReadExt + Unpin),
    said: &mut String,
) -> std::io::Result<Option<SocketAddr>> {
    loop {
        let before = said.len();
        if lines.read_line(said).await? == 0 {
            return Ok(None);
        }
        let address = said[before..].strip_prefix(ANNOUNCEMENT).and_then(|rest| rest.split(' ').next());
        if let Some(address) = address.and_then(|address| address.parse().ok()) {
            return Ok(Some(address));
        }
    }
}

/// Runs a command of the user, which must succeed.
async fn command(option: &str, text: &str) -> Result<()> {
    let mut command = Command::new("sh");
    command.args(["-c", text]).stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    let status = timeout(PATIENCE, command.status()).await;
    let status = status
        .map_err(|_| Error::unavailable(format!("the command of {option} does not end: {text}")))?
        .map_err(|error| Error::unavailable("cannot run sh").with_source(error))?;
    if status.success() {
        return Ok(());
    }
    Err(Error::unavailable(format!("the command of {option} failed ({status}): {text}")))
}
