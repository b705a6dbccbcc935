//! As much of HTTP/1.1 as a client of S3 uses: requests with a length, answers with a length, and connections that are
//! kept.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// One client.
pub(super) struct Connection {
    reader: BufReader<TcpStream>,
}

/// A request: `PUT /bucket/key?query`.
pub(super) struct Request {
    pub(super) method: String,
    /// The bucket and the key, decoded.
    pub(super) path: String,
    /// Names and values, decoded.
    pub(super) query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// An answer.
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { reader: BufReader::new(stream) })
    }

    /// The next request, or `None` at the end of the connection.
    pub(super) fn read(&mut self) -> io::Result<Option<Request>> {
        let first = self.line()?;
        let mut words = first.split(' ');
        let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(None) };
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let query = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(k, v)| (decoded(k), decoded(v)));
        let mut request = Request {
            method: method.to_owned(),
            path: decoded(path.trim_start_matches('/')),
            query: query.collect(),
            headers: Vec::new(),
            body: Vec::new(),
        };
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            request.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        request.body = vec![0; length];
        self.reader.read_exact(&mut request.body)?;
        Ok(Some(request))
    }

    /// Writes the answer to a request.
    pub(super) fn write(&mut self, request: &Request, response: &Response) -> io::Result<()> {
        let mut text = format!("HTTP/1.1 {} -\r\ncontent-length: {}\r\n", response.status, response.body.len());
        for (name, value) in &response.headers {
            text += &format!("{name}: {value}\r\n");
        }
        text += "\r\n";
        let mut bytes = text.into_bytes();
        if request.method != "HEAD" {
            bytes.extend_from_slice(&response.body);
        }
        self.reader.get_mut().write_all(&bytes)
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.reader.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    /// Headers that are kept with an object.
    pub(super) fn metadata(&self) -> Vec<(String, String)> {
        self.headers.iter().filter(|(name, _)| name.starts_with("x-amz-meta-")).cloned().collect()
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    /// What a test calls the request: `PUT bucket/a/b`, `LIST bucket/a/`, `DELETE bucket` for many at once.
    pub(super) fn line(&self) -> String {
        match (&*self.method, self.parameter("prefix")) {
            ("GET", prefix) if self.parameter("list-type").is_some() => {
                format!("LIST {}/{}", self.path, prefix.unwrap_or_default())
            }
            ("POST", _) => format!("DELETE {}", self.path),
            (method, _) => format!("{method} {}", self.path),
        }
    }

    /// `KEY` of `Authorization: AWS4-HMAC-SHA256 Credential=KEY/…`.
    pub(super) fn access_key(&self) -> Option<&str> {
        let (_, credential) = self.header("authorization")?.split_once("Credential=")?;
        credential.split('/').next()
    }
}

impl Response {
    pub(super) fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    pub(super) fn with(mut self, header: &str, value: impl Into<String>) -> Self {
        self.headers.push((header.to_owned(), value.into()));
        self
    }

    pub(super) fn xml(status: u16, content: &str) -> Self {
        let body = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{content}").into_bytes();
        Self { body, ..Self::new(status) }.with("content-type", "application/xml")
    }

    /// An error as S3 writes it.
    pub(super) fn error(status: u16, code: &str, message: &str) -> Self {
        Self::xml(status, &format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>"))
    }
}

/// `%2F` as `/`.
fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        match part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend_from_slice(&part.as_bytes()[2..]);
            }
            None => bytes.extend_from_slice(part.as_bytes()),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
