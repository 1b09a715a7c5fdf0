//! What the server keeps of a request while it is answered: its head, its id, and its body with a limit on waiting.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, EXPECT};

use super::connection::InProgress;
use super::error::Error;
use super::incoming::Incoming;
use super::pace::{Pace, Patience};
use super::peer::Peer;
use super::room::{Place, Room};
use crate::registry;
use crate::spec::limits::{UNWANTED_BODY_BYTES_MAX, UNWANTED_BODY_TIMEOUT_SECS};

/// Names a request in the log and in answers that tell nothing else. Unique over restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RequestId {
    process: u64,
    number: u64,
}

/// Makes request ids.
#[derive(Debug)]
pub(super) struct RequestIds {
    process: u64,
    next: AtomicU64,
}

impl RequestIds {
    pub(super) fn new() -> Self {
        Self { process: u64::from_be_bytes(crate::sys::random()), next: AtomicU64::new(1) }
    }

    pub(super) fn next(&self) -> RequestId {
        RequestId { process: self.process, number: self.next.fetch_add(1, Ordering::Relaxed) }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{:x}", self.process, self.number)
    }
}

/// A body in memory, and the places that it takes there.
#[derive(Debug)]
pub(super) struct Collected {
    pub(super) bytes: Bytes,
    _places: Vec<Place>,
}

/// The body of a request: a stream that ends in an error when the client stops sending.
pub(super) struct RequestBody {
    inner: Incoming,
    pace: Pace,
    /// The request is there for as long as its body is.
    _in_progress: InProgress,
    /// How many bytes the client says that it has.
    announced: Option<u64>,
    /// The client sends only when it is told to, and has not been told yet.
    expects_continue: bool,
}

impl RequestBody {
    pub(super) fn new(inner: Incoming, headers: &HeaderMap, patience: Patience, in_progress: InProgress) -> Self {
        let expects_continue = headers.contains_key(EXPECT);
        let announced = content_length(headers);
        Self { inner, pace: Pace::new(patience), _in_progress: in_progress, announced, expects_continue }
    }

    /// As the registry takes it.
    pub(super) fn incoming(&mut self) -> registry::Incoming<'_> {
        let announced = self.announced;
        let pinned: Pin<&mut Self> = Pin::new(self);
        registry::Incoming { bytes: pinned, announced }
    }

    /// All of it, if it has at most `limit` bytes: a longer one is refused before it is read where the client said so.
    /// Its bytes take their places in `room`, which counts KiB, as they come: a client that goes on slowly keeps what it
    /// has sent, not what it has announced. They are given back with the [`Collected`].
    pub(super) async fn collect(
        &mut self,
        headers: &HeaderMap,
        limit: usize,
        (room, peer): (&Room, Peer),
    ) -> Result<Collected, Error> {
        if content_length(headers).is_some_and(|length| length > limit as u64) {
            return Err(Error::BodyTooLarge { limit });
        }
        let mut places = Vec::new();
        let mut first = Bytes::new();
        let mut rest = BytesMut::new();
        while let Some(part) = self.next().await {
            let part = part.map_err(registry::Error::Body)?;
            if first.len() + rest.len() + part.len() > limit {
                return Err(Error::BodyTooLarge { limit });
            }
            places.push(room.enter_many(peer, part.len().div_ceil(1 << 10)).ok_or(Error::Full)?);
            if first.is_empty() {
                first = part;
            } else {
                rest.extend_from_slice(&part);
            }
        }
        if rest.is_empty() {
            return Ok(Collected { bytes: first, _places: places });
        }
        let mut all = BytesMut::with_capacity(first.len() + rest.len());
        all.extend_from_slice(&first);
        all.extend_from_slice(&rest);
        Ok(Collected { bytes: all.freeze(), _places: places })
    }

    /// Whether nothing is left to read.
    pub(super) fn is_ended(&self) -> bool {
        self.inner.is_ended()
    }

    /// Deals with a body that nobody wanted. Answers whether the connection must be closed behind the answer.
    ///
    /// Closing a socket with unread bytes in it makes the kernel throw away what the client has not read yet, the answer
    /// included: so the body is read for a while, beside the answer.
    pub(super) fn dismiss(mut self) -> bool {
        if self.is_ended() {
            return false;
        }
        if self.expects_continue {
            // The client may send the body or not (RFC 9110 §10.1.1): what comes next on this connection is unknown.
            return !self.inner.can_be_left();
        }
        tokio::spawn(async move {
            let drain = async {
                let mut left = UNWANTED_BODY_BYTES_MAX;
                while let Some(Ok(part)) = self.next().await {
                    left = left.saturating_sub(part.len() as u64);
                    if left == 0 {
                        break;
                    }
                }
            };
            let _ = tokio::time::timeout(Duration::from_secs(UNWANTED_BODY_TIMEOUT_SECS), drain).await;
        });
        false
    }
}

impl Stream for RequestBody {
    type Item = std::io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        this.expects_continue = false;
        loop {
            let Poll::Ready(data) = this.inner.poll_data(cx) else {
                return this.pace.poll_wait(cx).map(|()| Some(Err(std::io::ErrorKind::TimedOut.into())));
            };
            match data {
                Some(Ok(data)) if data.is_empty() => {}
                Some(Ok(data)) => {
                    this.pace.moved(data.len());
                    return Poll::Ready(Some(Ok(data)));
                }
                ended => return Poll::Ready(ended),
            }
        }
    }
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RequestBody")
    }
}

pub(super) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
