//! The socket under a connection: writes mapped files with `sendfile`, and gives up on clients that do not read.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use super::sendfile::Files;
use crate::spec::limits::SENDFILE_CALL_BYTES_MAX;

#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    files: Arc<Files>,
    stall: Stall,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, files: Arc<Files>, write_stall: Duration) -> Self {
        Self { stream, files, stall: Stall { patience: write_stall, timer: None, progressed: false } }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mapped = bufs.iter().enumerate().find_map(|(at, buf)| Some((at, self.files.find(buf)?)));
        let Some((at, (file, offset, len))) = mapped else {
            return Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        };
        if bufs[..at].iter().any(|buf| !buf.is_empty()) {
            return Pin::new(&mut self.stream).poll_write_vectored(cx, &bufs[..at]);
        }
        loop {
            ready!(self.stream.poll_write_ready(cx))?;
            let sent = self.stream.try_io(Interest::WRITABLE, || {
                let mut offset = offset;
                let len = len.min(SENDFILE_CALL_BYTES_MAX);
                Ok(rustix::fs::sendfile(&self.stream, &file, Some(&mut offset), len)?)
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
        let sent = self.poll_send(cx, bufs);
        self.stall.observe(cx, sent)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

/// Notices that a client has stopped reading. The timer is armed when a write has to wait, and looks back when it fires:
/// a busy connection touches it once per period, not once per write.
#[derive(Debug)]
struct Stall {
    patience: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    /// Whether something was written since the timer was armed.
    progressed: bool,
}

impl Stall {
    fn observe(&mut self, cx: &mut Context<'_>, sent: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if sent.is_ready() {
            self.progressed = true;
            return sent;
        }
        let patience = self.patience;
        if self.timer.is_none() {
            self.progressed = false;
        }
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        loop {
            ready!(timer.as_mut().poll(cx));
            if !std::mem::take(&mut self.progressed) {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            timer.as_mut().reset(Instant::now() + patience);
        }
    }
}
