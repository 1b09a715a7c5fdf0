//! The bytes of a connection as they come and go, over the network or a socket of the file system.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::task::{Context, Poll};

use rustix::net::{RecvFlags, recv};
use tokio::io::Interest;
use tokio::net::{TcpStream, UnixStream};

use super::either::Either;

pub(super) type Wire = Either<TcpStream, UnixStream>;

impl Wire {
    /// Waits for bytes and looks at them; they stay where they are.
    pub(super) async fn peek(&self, into: &mut [u8]) -> io::Result<usize> {
        let mut look = |fd: BorrowedFd<'_>| Ok(recv(fd, &mut *into, RecvFlags::PEEK).map(|(seen, _)| seen)?);
        match self {
            Self::Left(stream) => stream.async_io(Interest::READABLE, move || look(stream.as_fd())).await,
            Self::Right(stream) => stream.async_io(Interest::READABLE, move || look(stream.as_fd())).await,
        }
    }

    pub(super) fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Left(stream) => stream.poll_write_ready(cx),
            Self::Right(stream) => stream.poll_write_ready(cx),
        }
    }

    pub(super) fn try_io<T>(&self, interest: Interest, call: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        match self {
            Self::Left(stream) => stream.try_io(interest, call),
            Self::Right(stream) => stream.try_io(interest, call),
        }
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Left(stream) => stream.as_fd(),
            Self::Right(stream) => stream.as_fd(),
        }
    }
}
