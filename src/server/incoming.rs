//! The body of a request as its protocol brings it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::Body as _;
use tokio::sync::Notify;

#[derive(Debug)]
pub(super) enum Incoming {
    Http1(hyper::body::Incoming),
    Http2 {
        body: h2::RecvStream,
        /// Told once when somebody reads: who asked before sending may send (RFC 9110 §10.1.1).
        wanted: Option<Arc<Notify>>,
    },
}

impl Incoming {
    /// Whether nothing is left to read.
    pub(super) fn is_ended(&self) -> bool {
        match self {
            Self::Http1(body) => body.is_end_stream(),
            Self::Http2 { body, .. } => body.is_end_stream(),
        }
    }

    /// Whether a body that is not read leaves the connection good for other requests.
    pub(super) fn can_be_left(&self) -> bool {
        matches!(self, Self::Http2 { .. })
    }

    /// The next bytes. Trailers say nothing to us.
    pub(super) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        match self {
            Self::Http1(body) => loop {
                match ready!(Pin::new(&mut *body).poll_frame(cx)) {
                    None => return Poll::Ready(None),
                    Some(Err(error)) => return Poll::Ready(Some(Err(io::Error::other(error)))),
                    Some(Ok(frame)) => {
                        if let Ok(data) = frame.into_data() {
                            return Poll::Ready(Some(Ok(data)));
                        }
                    }
                }
            },
            Self::Http2 { body, wanted } => {
                if let Some(wanted) = wanted.take() {
                    wanted.notify_one();
                }
                let Some(data) = ready!(body.poll_data(cx)) else { return Poll::Ready(None) };
                let data = data.and_then(|data| {
                    // What is taken makes room for more.
                    body.flow_control().release_capacity(data.len()).map(|()| data)
                });
                Poll::Ready(Some(data.map_err(io::Error::other)))
            }
        }
    }
}
