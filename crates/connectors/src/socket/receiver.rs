//! The connection, and the lines that have come and are not committed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use millstream_core::{Clock, Error, Reservation, Result, SourceConfig};
use parking_lot::Mutex;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tracing::warn;

use super::lines::Lines;

/// What is kept of a server that sends faster than the query reads; more stays with the server.
const KEPT_BYTES_MAX: usize = 32 << 20;

/// A line that is longer is an error: it may have no end.
const LINE_BYTES_MAX: usize = 64 << 20;

/// How soon a reader without room looks again, besides when a batch has been committed.
const NO_ROOM_PAUSE: Duration = Duration::from_millis(100);

/// A line and when its end came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) text: String,
    pub(super) arrived_ms: i64,
}

/// See the module's head.
#[derive(Debug)]
pub(super) struct Receiver {
    host: String,
    port: u16,
    shared: Arc<Shared>,
    /// Held while a connection is made, so that there is one.
    reader: tokio::sync::Mutex<JoinSet<()>>,
}

#[derive(Debug)]
struct Shared {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    arrived: Notify,
    room: Notify,
}

#[derive(Debug)]
struct State {
    lines: VecDeque<Line>,
    /// The number of the first of them, or of the next to come; nothing before the connection.
    first: Option<i64>,
    kept: Reservation,
    /// The newest line of a run until everything is read.
    pinned: Option<i64>,
    failed: Option<String>,
}

impl State {
    /// The number of the newest line that has come.
    fn newest(&self) -> i64 {
        let newest = self.first.unwrap_or(0) + self.lines.len() as i64 - 1;
        self.pinned.map_or(newest, |pinned| newest.min(pinned))
    }
}

impl Receiver {
    pub(super) fn new(host: String, port: u16, config: SourceConfig) -> Self {
        let kept = config.memory.reservation(format!("lines from {host}:{port}"));
        let state = State { lines: VecDeque::new(), first: None, kept, pinned: None, failed: None };
        let (arrived, room) = (Notify::new(), Notify::new());
        let shared = Arc::new(Shared { clock: config.clock, state: Mutex::new(state), arrived, room });
        Self { host, port, shared, reader: tokio::sync::Mutex::new(JoinSet::new()) }
    }

    /// The number of the newest line, after connecting; lines that come are numbered from behind `start`.
    pub(super) async fn newest(&self, start: i64) -> Result<i64> {
        self.connect(start).await?;
        let state = self.shared.state.lock();
        match &state.failed {
            Some(failed) => Err(Error::data(failed.clone())),
            None => Ok(state.newest().max(start)),
        }
    }

    /// The same, once there is a line behind `start`.
    pub(super) async fn next(&self, start: i64) -> Result<i64> {
        loop {
            let mut arrived = std::pin::pin!(self.shared.arrived.notified());
            arrived.as_mut().enable();
            let newest = self.newest(start).await?;
            if newest > start {
                return Ok(newest);
            }
            arrived.await;
        }
    }

    /// No line that comes from now on is given out.
    pub(super) fn pin(&self) {
        let mut state = self.shared.state.lock();
        state.pinned = Some(state.newest());
    }

    /// The lines behind `start` up to `end`.
    ///
    /// # Errors
    /// They were read by an earlier run.
    pub(super) fn lines(&self, start: i64, end: i64) -> Result<Vec<Line>> {
        let state = self.shared.state.lock();
        let first = state.first.unwrap_or(i64::MAX);
        if start >= end {
            return Ok(Vec::new());
        }
        if start + 1 < first || end > state.newest() {
            return Err(Error::data(format!(
                "the lines {} to {end} from the socket {}:{} cannot be read again",
                start + 1,
                self.host,
                self.port
            ))
            .with_hint(
                "a socket keeps nothing, and the run before ended within a batch: start with a new checkpoint, or read \
                 from Kafka or from files",
            ));
        }
        let skipped = usize::try_from(start + 1 - first).unwrap_or(usize::MAX);
        let count = usize::try_from(end - start).unwrap_or(usize::MAX);
        Ok(state.lines.iter().skip(skipped).take(count).cloned().collect())
    }

    /// Lines up to this one are in a batch that is done.
    pub(super) fn forget(&self, end: i64) {
        let mut state = self.shared.state.lock();
        let Some(first) = state.first else { return };
        let done = usize::try_from(end + 1 - first).unwrap_or(0).min(state.lines.len());
        let bytes = state.lines.drain(..done).map(|line| size(&line.text)).sum();
        state.first = Some(first + done as i64);
        state.kept.shrink(bytes);
        self.shared.room.notify_one();
    }

    async fn connect(&self, start: i64) -> Result<()> {
        let mut reader = self.reader.lock().await;
        if self.shared.state.lock().first.is_some() {
            return Ok(());
        }
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(|error| {
            // Not one of those that are tried again: as in Spark, somebody who has started no server is to know.
            let reason = if error.kind() == std::io::ErrorKind::ConnectionRefused {
                "Connection refused".to_owned()
            } else {
                error.to_string()
            };
            Error::data(reason)
                .with_hint(format!(
                    "start what sends lines at {}:{}, such as 'nc -lk {}'",
                    self.host, self.port, self.port
                ))
                .with_source(error)
        })?;
        self.shared.state.lock().first = Some(start + 1);
        let shared = Arc::clone(&self.shared);
        let address = format!("{}:{}", self.host, self.port);
        reader.spawn(async move { shared.receive(stream, &address).await });
        Ok(())
    }
}

impl Shared {
    /// Reads until the server ends the connection.
    async fn receive(&self, mut stream: TcpStream, address: &str) {
        let (mut lines, mut bytes) = (Lines::default(), vec![0; 64 << 10]);
        loop {
            let read = match stream.read(&mut bytes).await {
                Ok(read) => read,
                Err(error) => {
                    warn!(address, %error, "the connection of a socket source broke off");
                    0
                }
            };
            let mut whole = Vec::new();
            lines.add(&bytes[..read], |line| whole.push(line));
            if read == 0 {
                whole.extend(lines.finish());
            }
            if lines.begun_bytes() > LINE_BYTES_MAX {
                self.fail(format!("the socket {address} sends a line of more than {} MiB", LINE_BYTES_MAX >> 20));
                return;
            }
            self.keep(whole).await;
            if read == 0 {
                // As in Spark the query goes on and waits, for nothing.
                warn!(address, "the server of a socket source has closed the connection: no more lines will come");
                return;
            }
        }
    }

    /// Adds lines, as soon as there is room for them.
    async fn keep(&self, lines: Vec<String>) {
        if lines.is_empty() {
            return;
        }
        let bytes = lines.iter().map(|line| size(line)).sum();
        while !self.has_room(bytes) {
            tokio::select! {
                () = self.room.notified() => {}
                () = self.clock.sleep(NO_ROOM_PAUSE) => {}
            }
        }
        let arrived_ms = self.clock.now_ms();
        self.state.lock().lines.extend(lines.into_iter().map(|text| Line { text, arrived_ms }));
        self.arrived.notify_waiters();
    }

    /// Reserves the bytes. Where nothing is kept they fit, however many.
    fn has_room(&self, bytes: usize) -> bool {
        let mut state = self.state.lock();
        let fits = state.lines.is_empty() || state.kept.bytes() + bytes <= KEPT_BYTES_MAX;
        fits && state.kept.grow(bytes).is_ok()
    }

    fn fail(&self, message: String) {
        self.state.lock().failed = Some(message);
        self.arrived.notify_waiters();
    }
}

/// Bytes that a line takes.
fn size(text: &str) -> usize {
    text.len() + size_of::<Line>()
}
