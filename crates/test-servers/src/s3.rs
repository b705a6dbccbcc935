//! An object store that speaks as much of S3 as `object_store` asks for, in memory, and fails when it is told to.
//!
//! A thread a connection and no dependency: it runs beside the runtime of the test, whatever that is. Signatures are
//! not checked, only the name of the access key. A list has three names a page, so that tests read several. Multipart
//! uploads and everything with versions are not here.

mod http;
mod objects;

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use http::{Request, Response};
use objects::Objects;

/// The access key that the server knows.
const ACCESS_KEY: &str = "millstream-test";
/// The secret that goes with it; any would do.
const SECRET_KEY: &str = "secret";

/// A server on a free port of this machine. It takes no new connections once it is dropped.
#[derive(Debug)]
pub struct S3Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// What goes wrong with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum S3Fault {
    /// The connection ends before anything is done.
    Dropped,
    /// All is done, but the connection ends before the answer.
    AnswerLost,
    /// `503 SlowDown`.
    SlowDown,
}

/// How a store differs from S3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conditions {
    /// It does not.
    Kept,
    /// It passes over `If-None-Match` and `If-Match` as if they were not there.
    Ignored,
    /// It answers `501 NotImplemented` to them.
    Refused,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    is_open: bool,
    objects: Objects,
    conditions: Conditions,
    /// Faults of requests to come: the start of their line, how many of them pass before, and what goes wrong.
    faults: VecDeque<(String, usize, S3Fault)>,
    /// The start of the line of a request to come that is to wait.
    to_hold: Option<String>,
    is_held: bool,
    requests: Vec<String>,
}

impl S3Server {
    /// A server with these buckets, empty.
    ///
    /// # Panics
    /// If it cannot listen.
    pub fn start(buckets: &[&str]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("the port");
        let state = State {
            is_open: true,
            objects: Objects::new(buckets),
            conditions: Conditions::Kept,
            faults: VecDeque::new(),
            to_hold: None,
            is_held: false,
            requests: Vec::new(),
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || accept(&listener, &accepting));
        Self { address, shared }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What a client has to have in its environment.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", self.endpoint()),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
        ]
    }

    /// Lets a request to come go wrong: the one after `pass` others whose line, such as `PUT bucket/a/b`, starts like
    /// this.
    pub fn fail(&self, line: &str, pass: usize, fault: S3Fault) {
        self.state().faults.push_back((line.to_owned(), pass, fault));
    }

    /// Nothing goes wrong any more.
    pub fn mend(&self) {
        self.state().faults.clear();
    }

    /// Whether all faults have been met.
    pub fn has_failed(&self) -> bool {
        self.state().faults.is_empty()
    }

    /// Makes the next request whose line starts like this wait; those after it do not.
    pub fn hold(&self, line: &str) {
        self.state().to_hold = Some(line.to_owned());
    }

    /// Whether that request waits.
    pub fn is_holding(&self) -> bool {
        self.state().is_held
    }

    /// Lets the request go on that waits.
    pub fn release(&self) {
        self.state().is_held = false;
        self.shared.changed.notify_all();
    }

    /// From now on it is a store of this kind.
    pub fn set_conditions(&self, conditions: Conditions) {
        self.state().conditions = conditions;
    }

    /// The names of the objects in a bucket, sorted.
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        self.state().objects.keys(bucket)
    }

    /// The lines of the requests since this was last called, such as `GET bucket/a/b`.
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.state().requests)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.lock()
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.state().is_open = false;
        self.release();
        // Wakes the thread that accepts, which sees that it is over.
        drop(TcpStream::connect(self.address));
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if !shared.lock().is_open {
            return;
        }
        let Ok(stream) = stream else { continue };
        let shared = Arc::clone(shared);
        // How a connection ends is the client's to see.
        std::thread::spawn(move || serve(stream, &shared));
    }
}

/// Answers the requests of a connection, one after the other.
fn serve(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut connection = http::Connection::new(stream)?;
    while let Some(request) = connection.read()? {
        let Some(response) = answer(&request, shared) else { return Ok(()) };
        connection.write(&request, &response)?;
    }
    Ok(())
}

/// What is answered; nothing where the connection is to end.
fn answer(request: &Request, shared: &Shared) -> Option<Response> {
    let line = request.line();
    let mut state = shared.lock();
    state.requests.push(line.clone());
    if state.to_hold.take_if(|held| line.starts_with(&**held)).is_some() {
        state.is_held = true;
        state = shared.changed.wait_while(state, |state| state.is_held).unwrap_or_else(PoisonError::into_inner);
    }
    let fault = state.due_fault(&line);
    match fault {
        Some(S3Fault::Dropped) => return None,
        Some(S3Fault::SlowDown) => return Some(Response::error(503, "SlowDown", "Please reduce your request rate.")),
        Some(S3Fault::AnswerLost) | None => {}
    }
    let conditions = state.conditions;
    let response = match request.access_key() {
        Some(ACCESS_KEY) => state.objects.answer(request, conditions),
        Some(_) => Response::error(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist."),
        None => Response::error(403, "AccessDenied", "Access Denied"),
    };
    (fault != Some(S3Fault::AnswerLost)).then_some(response)
}

impl State {
    fn due_fault(&mut self, line: &str) -> Option<S3Fault> {
        let (start, pass, fault) = self.faults.front_mut()?;
        if !line.starts_with(&**start) {
            return None;
        }
        if *pass > 0 {
            *pass -= 1;
            return None;
        }
        let fault = *fault;
        self.faults.pop_front();
        Some(fault)
    }
}
