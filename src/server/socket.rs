//! The socket under a connection: writes mapped files with `sendfile`, and gives up on clients that do not read.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};

use super::connection::Connection;
use super::pace::{Pace, Patience};
use super::stream::Stream;
use crate::spec::limits::SENDFILE_CALL_BYTES_MAX;

#[derive(Debug)]
pub(super) struct Socket {
    stream: Stream,
    /// What was read to learn the protocol, and is to be read again.
    ahead: Bytes,
    connection: Arc<Connection>,
    pace: Pace,
}

impl Socket {
    /// `patience` is for clients that are to read an answer.
    pub(super) fn new(stream: Stream, ahead: Bytes, connection: Arc<Connection>, patience: Patience) -> Self {
        Self { stream, ahead, connection, pace: Pace::new(patience) }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let files = self.connection.files.as_ref();
        let mapped = files.and_then(|files| bufs.iter().enumerate().find_map(|(at, buf)| Some((at, files.find(buf)?))));
        let (Some((at, (file, offset, len))), Some(wire)) = (mapped, self.stream.plain()) else {
            return Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        };
        if bufs[..at].iter().any(|buf| !buf.is_empty()) {
            return Pin::new(&mut self.stream).poll_write_vectored(cx, &bufs[..at]);
        }
        loop {
            ready!(wire.poll_write_ready(cx))?;
            let sent = wire.try_io(Interest::WRITABLE, || {
                let mut offset = offset;
                let len = len.min(SENDFILE_CALL_BYTES_MAX);
                Ok(rustix::fs::sendfile(wire, &file, Some(&mut offset), len)?)
            });
            match sent {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // Somebody shortened the file: the client must not take what it got for the whole.
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                result => return Poll::Ready(result),
            }
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.as_mut().poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.poll_send(cx, bufs) {
            Poll::Ready(sent) => {
                let bytes = *sent.as_ref().unwrap_or(&0);
                self.pace.moved(bytes);
                self.connection.add_sent(bytes);
                Poll::Ready(sent)
            }
            Poll::Pending => self.pace.poll_wait(cx).map(|()| Err(io::ErrorKind::TimedOut.into())),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            let len = self.ahead.len().min(buf.remaining());
            buf.put_slice(&self.ahead.split_to(len));
            return Poll::Ready(Ok(()));
        }
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if read.is_pending() && self.connection.is_over() {
            // As if the client had closed it: hyper waits for the rest of a request that has begun.
            return Poll::Ready(Ok(()));
        }
        read
    }
}
