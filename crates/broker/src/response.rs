//! What goes back on the wire: bytes, and stretches of files that are read only while they are sent.
//!
//! A fetch response consists of slices of what is stored. In memory they are written from where they lie; from files at
//! most [`FILE_CHUNK_BYTES`] a connection are in memory at a time, however much was asked for.

use std::fs::File;
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncWrite, AsyncWriteExt};

const FILE_CHUNK_BYTES: usize = 128 << 10;
/// Slices below this are copied together: a system call takes few slices, and small ones cost more than their bytes.
const COPIED_BELOW_BYTES: usize = 2 << 10;
const SLICES_A_WRITE: usize = 64;

/// A stretch of a file.
#[derive(Debug, Clone)]
pub(crate) struct FileSlice {
    pub(crate) file: Arc<File>,
    pub(crate) position: u64,
    pub(crate) len: usize,
}

/// A stretch of stored batches.
#[derive(Debug, Clone)]
pub(crate) enum Slice {
    Memory(Bytes),
    File(FileSlice),
}

impl Slice {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Memory(bytes) => bytes.len(),
            Self::File(slice) => slice.len,
        }
    }
}

/// A response, built front to back.
#[derive(Debug, Default)]
pub(crate) struct Response {
    done: Vec<Slice>,
    /// What is being written to; its bytes come after `done`.
    pub(crate) tail: BytesMut,
    len: usize,
}

impl Response {
    /// Bytes so far.
    pub(crate) fn len(&self) -> usize {
        self.len + self.tail.len()
    }

    /// Appends stored batches.
    pub(crate) fn push(&mut self, slice: Slice) {
        match slice {
            Slice::Memory(bytes) if bytes.len() < COPIED_BELOW_BYTES => self.tail.put_slice(&bytes),
            slice => {
                self.seal_tail();
                self.len += slice.len();
                self.done.push(slice);
            }
        }
    }

    fn seal_tail(&mut self) {
        if !self.tail.is_empty() {
            self.len += self.tail.len();
            self.done.push(Slice::Memory(self.tail.split().freeze()));
        }
    }

    /// Writes the length in front, and everything after it.
    pub(crate) async fn write_to(mut self, stream: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let len = i32::try_from(self.len()).map_err(|_| io::Error::other("a response is larger than 2 GiB"))?;
        self.seal_tail();
        let mut pending = vec![Bytes::copy_from_slice(&len.to_be_bytes())];
        for slice in self.done {
            match slice {
                Slice::Memory(bytes) => {
                    pending.push(bytes);
                    if pending.len() == SLICES_A_WRITE {
                        write_slices(stream, &mut pending).await?;
                    }
                }
                Slice::File(slice) => {
                    write_slices(stream, &mut pending).await?;
                    write_file(stream, &slice).await?;
                }
            }
        }
        write_slices(stream, &mut pending).await
    }
}

async fn write_slices(stream: &mut (impl AsyncWrite + Unpin), slices: &mut Vec<Bytes>) -> io::Result<()> {
    let mut views: Vec<IoSlice<'_>> = slices.iter().map(|bytes| IoSlice::new(bytes)).collect();
    let mut left = &mut views[..];
    while !left.is_empty() {
        let written = stream.write_vectored(left).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        IoSlice::advance_slices(&mut left, written);
    }
    slices.clear();
    Ok(())
}

async fn write_file(stream: &mut (impl AsyncWrite + Unpin), slice: &FileSlice) -> io::Result<()> {
    let mut chunk = vec![0; slice.len.min(FILE_CHUNK_BYTES)];
    let mut done = 0;
    while done < slice.len {
        let len = chunk.len().min(slice.len - done);
        slice.file.read_exact_at(&mut chunk[..len], slice.position + done as u64)?;
        stream.write_all(&chunk[..len]).await?;
        done += len;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
