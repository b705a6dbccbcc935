//! Connections: accepting them, reading frames, writing responses, and not being held up by any of them.
//!
//! Requests of a connection are answered one after the other, as Kafka does. What one connection may take is bounded: a
//! small read buffer, one large request for which room was granted before a byte of it is kept, and no waiting without
//! end for a peer that neither sends nor takes.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::api;
use crate::shared::Shared;

/// Kafka's default of `connections.max.idle.ms`.
const IDLE: Duration = Duration::from_secs(600);
/// A frame that has begun must go on, and a response must be taken.
const STALLED: Duration = Duration::from_secs(30);
const READ_BUFFER_BYTES: usize = 16 << 10;
/// Larger requests wait for room, and get an allocation of their own, which the log may keep.
const LARGE_BYTES: usize = 16 << 10;
/// The shortest request header: key, version, correlation id.
const LEAST_FRAME_BYTES: usize = 8;
/// After an error of accept, such as too many open files, others are served first.
const ACCEPT_AGAIN: Duration = Duration::from_millis(20);

/// Takes connections until the broker stops.
pub(crate) async fn accept(listener: TcpListener, shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    let room = Arc::new(Semaphore::new(shared.config.max_connections));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    // One too many is closed by being dropped.
                    let Ok(permit) = Arc::clone(&room).try_acquire_owned() else { continue };
                    let shared = Arc::clone(&shared);
                    connections.spawn(async move {
                        if let Err(error) = serve(stream, format!("/{}", peer.ip()), shared).await {
                            tracing::debug!(%peer, %error, "a connection ends");
                        }
                        drop(permit);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection cannot be accepted");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
            },
            Some(_ended) = connections.join_next(), if !connections.is_empty() => {}
            _ = stopped.changed() => break,
        }
    }
    connections.shutdown().await;
}

async fn serve(stream: TcpStream, host: String, shared: Arc<Shared>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (reader, mut writer) = stream.into_split();
    let mut frames = Frames { reader, buffer: BytesMut::new(), room: Arc::clone(&shared.request_room) };
    while let Some((frame, permit)) = frames.next(shared.config.request_memory).await? {
        let response = api::answer(&shared, frame, &host).await;
        drop(permit);
        if let Some(response) = response.map_err(io::Error::other)? {
            send(response, &mut writer).await?;
        }
    }
    Ok(())
}

async fn send(response: crate::response::Response, writer: &mut OwnedWriteHalf) -> io::Result<()> {
    let mut watched = Watched { writer, stalled: Box::pin(tokio::time::sleep(STALLED)), waiting: false };
    response.write_to(&mut watched).await
}

/// Reads frames.
struct Frames {
    reader: OwnedReadHalf,
    buffer: BytesMut,
    room: Arc<Semaphore>,
}

impl Frames {
    /// The next frame, without its length; `None` when the peer has closed between two frames.
    async fn next(&mut self, most: usize) -> io::Result<Option<(Bytes, Option<OwnedSemaphorePermit>)>> {
        while self.buffer.len() < 4 {
            self.buffer.reserve(READ_BUFFER_BYTES);
            let patience = if self.buffer.is_empty() { IDLE } else { STALLED };
            if timeout(patience, self.reader.read_buf(&mut self.buffer)).await?? == 0 {
                return if self.buffer.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
        }
        let len = self.buffer.get_i32();
        let len = usize::try_from(len).ok().filter(|len| (LEAST_FRAME_BYTES..=most).contains(len));
        let Some(len) = len else { return Err(io::Error::new(io::ErrorKind::InvalidData, "no possible frame length")) };
        if len <= LARGE_BYTES {
            self.buffer.reserve(len.saturating_sub(self.buffer.len()));
            while self.buffer.len() < len {
                self.read().await?;
            }
            return Ok(Some((self.buffer.split_to(len).freeze(), None)));
        }
        let permits = u32::try_from(len >> 10).map_err(io::Error::other)?;
        let permit = timeout(STALLED, Arc::clone(&self.room).acquire_many_owned(permits)).await?;
        let frame = self.large(len).await?;
        Ok(Some((frame, Some(permit.map_err(io::Error::other)?))))
    }

    /// A frame in an allocation of its own.
    async fn large(&mut self, len: usize) -> io::Result<Bytes> {
        let mut frame = BytesMut::with_capacity(len);
        let there = self.buffer.len().min(len);
        frame.extend_from_slice(&self.buffer.split_to(there));
        while frame.len() < len {
            let left = (len - frame.len()) as u64;
            let mut rest = (&mut self.reader).take(left);
            if timeout(STALLED, rest.read_buf(&mut frame)).await?? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(frame.freeze())
    }

    async fn read(&mut self) -> io::Result<()> {
        match timeout(STALLED, self.reader.read_buf(&mut self.buffer)).await?? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// A writer that gives up when the peer takes nothing for too long.
struct Watched<'a> {
    writer: &'a mut OwnedWriteHalf,
    stalled: Pin<Box<tokio::time::Sleep>>,
    /// Whether the timer runs: most writes never wait, and need none.
    waiting: bool,
}

impl Watched<'_> {
    fn watch<T>(&mut self, polled: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.waiting = false;
            return polled;
        }
        if !self.waiting {
            self.waiting = true;
            self.stalled.as_mut().reset(tokio::time::Instant::now() + STALLED);
        }
        match self.stalled.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => polled,
        }
    }
}

impl AsyncWrite for Watched<'_> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut *self.writer).poll_write(context, bytes);
        self.watch(polled, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut *self.writer).poll_write_vectored(context, slices);
        self.watch(polled, context)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.writer).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.writer).poll_shutdown(context)
    }
}
