//! One connection to one broker: frames, correlation ids, negotiated versions, time-outs.
//!
//! A connection is used by one task at a time and is thrown away after any error, so there is no state to repair. A
//! producer, which sends while it waits for answers, takes the two directions apart with [`Connection::split`]. TLS is
//! under the first byte, SASL between ApiVersions and the first request.

mod sasl;

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, ApiVersionsRequest, ApiVersionsResponse, RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, HeaderVersion, Request, StrBytes, encode_request_header_into_buffer};
use kafka_protocol::{ResponseError, error::ParseResponseErrorCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::{Instant, timeout};

use crate::address::Address;
use crate::config::ClientConfig;
use crate::error::{Error, Place, Result};
use crate::security::{Transport, tls};

/// Larger answers than this are no Kafka answers: Java's brokers stay far below 1 GiB.
const RESPONSE_BYTES_MAX: usize = 1 << 30;
/// A connection is replaced after this share of the time for which the broker takes its authentication; as Java does.
const SESSION_SHARE: f64 = 0.85;

/// What a broker said of itself when the connection was made.
#[derive(Debug, Default)]
struct BrokerVersions {
    /// Key, lowest and highest version of each request.
    requests: Vec<(i16, i16, i16)>,
    /// The level of the cluster's feature `transaction.version`; 0 where there is no such feature.
    transactions: i16,
}

/// A connection that has told which versions it speaks.
#[derive(Debug)]
pub(crate) struct Connection {
    sender: Sender,
    receiver: Receiver,
    /// When it must be replaced because the broker takes the authentication no longer.
    ends_at: Option<Instant>,
}

/// The direction to the broker.
#[derive(Debug)]
pub(crate) struct Sender {
    stream: WriteHalf<Transport>,
    place: Place,
    client_id: StrBytes,
    request_timeout: Duration,
    next_correlation_id: i32,
    outgoing: BytesMut,
    versions: BrokerVersions,
}

/// The direction from the broker.
#[derive(Debug)]
pub(crate) struct Receiver {
    stream: ReadHalf<Transport>,
    place: Place,
    request_timeout: Duration,
}

impl Connection {
    /// Connects and asks for the broker's versions.
    pub(crate) async fn open(address: &Address, config: &ClientConfig) -> Result<Self> {
        let place = address.place();
        let waited = config.connection_setup_timeout;
        let stream = match timeout(waited, open(address, config)).await {
            Ok(opened) => opened.map_err(|error| Error::connection(&place, error))?,
            Err(_) => return Err(Error::Timeout { place, waited }),
        };
        let stream = match &config.security.tls {
            None => Transport::Plain(stream),
            Some(tls) => match timeout(waited, tls::connect(tls, address, stream)).await {
                Ok(secured) => secured?,
                Err(_) => return Err(Error::Timeout { place, waited }),
            },
        };
        let (read, write) = tokio::io::split(stream);
        let mut connection = Self {
            sender: Sender {
                stream: write,
                place: place.clone(),
                client_id: StrBytes::from_string(config.client_id.clone()),
                request_timeout: config.request_timeout,
                next_correlation_id: 0,
                outgoing: BytesMut::new(),
                versions: BrokerVersions::default(),
            },
            receiver: Receiver { stream: read, place, request_timeout: config.request_timeout },
            ends_at: None,
        };
        // A broker that does not like our certificate says so only in place of its first answer.
        connection.negotiate().await.map_err(|error| match &config.security.tls {
            Some(tls) => tls::meaning(tls, error),
            None => at_first_request(error),
        })?;
        if let Some(credentials) = &config.security.credentials {
            let lifetime = sasl::authenticate(credentials, &mut connection).await?;
            connection.ends_at = lifetime.map(|lifetime| Instant::now() + lifetime.mul_f64(SESSION_SHARE));
        }
        Ok(connection)
    }

    /// Which broker this is.
    pub(crate) fn place(&self) -> &Place {
        &self.receiver.place
    }

    /// The level of the cluster's feature `transaction.version`: 2 is the protocol of KIP-890.
    pub(crate) fn transaction_version(&self) -> i16 {
        self.sender.versions.transactions
    }

    /// When it should be replaced, if the broker takes its authentication only for a time.
    pub(crate) fn ends_at(&self) -> Option<Instant> {
        self.ends_at
    }

    /// Whether it should be replaced now.
    pub(crate) fn is_over(&self) -> bool {
        self.ends_at.is_some_and(|at| at <= Instant::now())
    }

    /// Its two directions, for two tasks.
    pub(crate) fn split(self) -> (Sender, Receiver) {
        (self.sender, self.receiver)
    }

    async fn negotiate(&mut self) -> Result<()> {
        const VERSION: i16 = 3;
        let request = ApiVersionsRequest::default()
            .with_client_software_name(StrBytes::from_static_str("millstream"))
            .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION")));
        let id = self.sender.send(VERSION, &request).await?;
        let len = self.receiver.receive_len(self.sender.request_timeout).await?;
        // The type of an alert or a handshake, and the version of TLS. No first answer is hundreds of megabytes long.
        if matches!(len >> 16, 0x1503 | 0x1603) {
            let reason = "it answers with TLS; set security.protocol to SSL or SASL_SSL".to_owned();
            return Err(Error::Tls { place: self.place().clone(), reason });
        }
        let mut body = Vec::new();
        self.receiver.receive_body(&mut body, len).await?;
        let body = Bytes::from(body);
        // A broker that does not know version 3 answers in version 0, with this code in front.
        let code = body.get(4..6).map_or(0, |code| i16::from_be_bytes([code[0], code[1]]));
        if code == ResponseError::UnsupportedVersion.code() {
            let api = "ApiVersions".to_owned();
            return Err(Error::UnsupportedVersion { place: self.place().clone(), api, min: 0, max: VERSION - 1 });
        }
        let response = self.receiver.decode::<ApiVersionsRequest>(body, id, VERSION)?;
        if let Some(code) = response.error_code.err() {
            return Err(Error::Broker { place: self.place().clone(), code });
        }
        self.sender.versions = BrokerVersions::of(&response);
        // Every broker tells metadata, but not yet while it starts, and a controller never does.
        if !response.api_keys.iter().any(|api| api.api_key == ApiKey::Metadata as i16) {
            let reason = "it serves no clients: it is starting, or it is a controller";
            return Err(Error::connection(self.place(), std::io::Error::new(std::io::ErrorKind::NotConnected, reason)));
        }
        Ok(())
    }

    /// The highest version of a request that both sides know, `least` being the lowest that this client can use.
    pub(crate) fn version<R: Request>(&self, least: i16, most: i16) -> Result<i16> {
        self.sender.version::<R>(least, most)
    }

    /// One request and its answer.
    pub(crate) async fn call<R: Request>(&mut self, version: i16, request: &R) -> Result<R::Response> {
        let id = self.sender.send(version, request).await?;
        let body = self.receiver.receive(self.receiver.request_timeout).await?;
        self.receiver.decode::<R>(body, id, version)
    }

    /// Sends a request and gives its correlation id. Answers come in the order of the requests.
    pub(crate) async fn send<R: Request>(&mut self, version: i16, request: &R) -> Result<i32> {
        self.sender.send(version, request).await
    }

    /// The length of the next answer, which may take this long to come.
    pub(crate) async fn receive_len(&mut self, patience: Duration) -> Result<usize> {
        self.receiver.receive_len(patience).await
    }

    /// Appends the next `len` bytes to `buffer`. The broker must keep sending, but may take its time over all of them.
    pub(crate) async fn receive_body(&mut self, buffer: &mut Vec<u8>, len: usize) -> Result<()> {
        self.receiver.receive_body(buffer, len).await
    }
}

impl BrokerVersions {
    fn of(response: &ApiVersionsResponse) -> Self {
        let requests = response.api_keys.iter().map(|api| (api.api_key, api.min_version, api.max_version));
        let mut features = response.finalized_features.iter();
        let transactions = features.find(|feature| &*feature.name == "transaction.version");
        Self { requests: requests.collect(), transactions: transactions.map_or(0, |found| found.max_version_level) }
    }
}

impl Sender {
    /// The version that [`Connection::version`] finds, without the half that reads.
    pub(crate) fn version<R: Request>(&self, least: i16, most: i16) -> Result<i16> {
        let found = self.versions.requests.iter().find(|(key, _, _)| *key == R::KEY);
        let (min, max) = found.map_or((0, -1), |&(_, min, max)| (min, max));
        let version = max.min(most).min(R::VERSIONS.max);
        if version >= min.max(least) {
            return Ok(version);
        }
        let api = ApiKey::try_from(R::KEY).map_or_else(|()| R::KEY.to_string(), |key| format!("{key:?}"));
        Err(Error::UnsupportedVersion { place: self.place.clone(), api, min, max })
    }

    /// Sends a request as [`Connection::send`] does, without the half that reads.
    pub(crate) async fn send<R: Request>(&mut self, version: i16, request: &R) -> Result<i32> {
        let id = self.next_correlation_id;
        self.next_correlation_id = id.wrapping_add(1);
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(id)
            .with_client_id(Some(self.client_id.clone()));
        self.outgoing.clear();
        self.outgoing.put_i32(0);
        encode_request_header_into_buffer(&mut self.outgoing, &header)
            .and_then(|()| request.encode(&mut self.outgoing, version))
            .map_err(|error| Error::malformed(&self.place, format_args!("a request cannot be encoded: {error}")))?;
        let len = i32::try_from(self.outgoing.len() - 4)
            .map_err(|_| Error::malformed(&self.place, "a request is larger than 2 GiB"))?;
        self.outgoing[..4].copy_from_slice(&len.to_be_bytes());
        match timeout(self.request_timeout, write_out(&mut self.stream, &self.outgoing)).await {
            Ok(written) => written.map_err(|error| Error::connection(&self.place, error))?,
            Err(_) => return Err(Error::Timeout { place: self.place.clone(), waited: self.request_timeout }),
        }
        Ok(id)
    }
}

impl Receiver {
    /// Which broker this is.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    async fn receive_len(&mut self, patience: Duration) -> Result<usize> {
        let mut len = [0; 4];
        match timeout(patience, self.stream.read_exact(&mut len)).await {
            Ok(read) => read.map_err(|error| Error::connection(&self.place, error))?,
            Err(_) => return Err(self.timed_out(patience)),
        };
        let valid = usize::try_from(i32::from_be_bytes(len)).ok().filter(|&len| len <= RESPONSE_BYTES_MAX);
        valid.ok_or_else(|| self.no_length(len))
    }

    /// The error of bytes that are no length, most likely because no broker has sent them.
    fn no_length(&self, bytes: [u8; 4]) -> Error {
        if bytes.iter().all(u8::is_ascii_graphic) {
            let begin = String::from_utf8_lossy(&bytes).into_owned();
            return Error::malformed(
                &self.place,
                format_args!("it is no Kafka broker: its answer begins with '{begin}'"),
            );
        }
        Error::malformed(&self.place, format_args!("an answer has the impossible length {bytes:?}"))
    }

    async fn receive_body(&mut self, buffer: &mut Vec<u8>, len: usize) -> Result<()> {
        buffer.reserve(len);
        let mut left = len;
        while left > 0 {
            let mut room = (&mut *buffer).limit(left);
            let read = match timeout(self.request_timeout, self.stream.read_buf(&mut room)).await {
                Ok(read) => read.map_err(|error| Error::connection(&self.place, error))?,
                Err(_) => return Err(self.timed_out(self.request_timeout)),
            };
            if read == 0 {
                return Err(Error::connection(&self.place, std::io::ErrorKind::UnexpectedEof.into()));
            }
            left -= read;
        }
        Ok(())
    }

    /// The next answer, which may take this long to come.
    pub(crate) async fn receive(&mut self, patience: Duration) -> Result<Bytes> {
        let len = self.receive_len(patience).await?;
        let mut body = Vec::new();
        self.receive_body(&mut body, len).await?;
        Ok(body.into())
    }

    /// An answer to the request with this id.
    pub(crate) fn decode<R: Request>(&self, mut body: Bytes, id: i32, version: i16) -> Result<R::Response> {
        let unreadable = |reason: &dyn std::fmt::Display| {
            Error::malformed(&self.place, format_args!("an answer cannot be read: {reason}"))
        };
        let header = ResponseHeader::decode(&mut body, <R::Response as HeaderVersion>::header_version(version))
            .map_err(|error| unreadable(&error))?;
        if header.correlation_id != id {
            return Err(unreadable(&format_args!("it belongs to request {}, not {id}", header.correlation_id)));
        }
        R::Response::decode(&mut body, version).map_err(|error| unreadable(&error))
    }

    fn timed_out(&self, waited: Duration) -> Error {
        Error::Timeout { place: self.place.clone(), waited }
    }
}

/// A broker that wants TLS, and what is no broker, goes away without a word when it is spoken to.
fn at_first_request(error: Error) -> Error {
    match &error {
        Error::Connection { place, source } if tls::is_hang_up(source) => {
            let text = "it ended the connection at the first request; most likely it wants TLS (security.protocol), or is \
                        no Kafka broker";
            Error::connection(place, std::io::Error::new(source.kind(), text))
        }
        _ => error,
    }
}

/// Writes all, and lets none of it lie in TLS's buffer.
async fn write_out(stream: &mut WriteHalf<Transport>, bytes: &[u8]) -> std::io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

/// Connects to the first of the host's addresses that answers.
async fn open(address: &Address, config: &ClientConfig) -> std::io::Result<TcpStream> {
    let mut failure = std::io::Error::new(std::io::ErrorKind::NotFound, "the host has no address");
    for found in lookup_host((address.host.as_str(), address.port)).await? {
        let socket = if found.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_keepalive(true)?;
        socket.set_nodelay(true)?;
        if let Some(bytes) = config.receive_buffer_bytes {
            socket.set_recv_buffer_size(bytes)?;
        }
        if let Some(bytes) = config.send_buffer_bytes {
            socket.set_send_buffer_size(bytes)?;
        }
        match socket.connect(found).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}
