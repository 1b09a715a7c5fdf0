//! One connection, from accepting it to its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use http::Request;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::Watcher;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Timeouts;
use super::handler::{self, State};
use super::http2;
use super::incoming::Incoming;
use super::peer::Peer;
use super::request::RequestBody;
use super::room::{Place, Room};
use super::sendfile::Files;
use super::socket::Socket;
use super::stream::{Begun, Speech};
use super::wire::Wire;
use crate::spec::limits::CONNECTION_BUFFER_BYTES_MAX;

/// What all connections share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) state: Arc<State>,
    pub(super) room: Arc<Room>,
    pub(super) http1: http1::Builder,
    pub(super) http2: h2::server::Builder,
}

impl Shared {
    pub(super) fn new(state: Arc<State>, room: Arc<Room>) -> Self {
        let http1 = protocol(&state.timeouts);
        Self { state, room, http1, http2: http2::protocol() }
    }
}

/// What the requests of one connection share.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) peer: Peer,
    /// Where the kernel can send files by itself: of an answer, every byte must be a byte of the socket.
    pub(super) files: Option<Arc<Files>>,
    pub(super) state: Arc<State>,
    speech: Speech,
    /// Requests with something left to read or to write.
    in_progress: AtomicUsize,
    /// Bytes that the socket took.
    sent: AtomicU64,
    /// Held by requests too that go on after the client has hung up.
    _place: Place,
}

/// A request between its head and the last byte of its answer.
#[derive(Debug)]
pub(super) struct InProgress {
    connection: Arc<Connection>,
    /// Where requests have places of their own.
    _place: Option<Arc<Place>>,
}

impl Connection {
    pub(super) fn begin(self: &Arc<Self>, place: Option<Arc<Place>>) -> InProgress {
        self.in_progress.fetch_add(1, Ordering::AcqRel);
        InProgress { connection: Arc::clone(self), _place: place }
    }

    /// Whether the server stops, and no request is in progress here that it would wait for. HTTP/2 has its own way to say
    /// goodbye.
    pub(super) fn is_over(&self) -> bool {
        self.speech == Speech::Http1 && self.state.is_draining() && self.in_progress.load(Ordering::Acquire) == 0
    }

    pub(super) fn add_sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Bytes that the socket took until now.
    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        self.connection.in_progress.fetch_sub(1, Ordering::AcqRel);
    }
}

/// hyper's settings, the same for every connection.
pub(super) fn protocol(timeouts: &Timeouts) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        // Without a timer hyper has no timeouts at all.
        .timer(TokioTimer::new())
        .header_read_timeout(timeouts.header)
        // A client may say with its request that it will send no more (RFC 9112 §9.6). One that is gone shows when the
        // answer is written, one that is idle when the next request is read.
        .half_close(true)
        .max_buf_size(CONNECTION_BUFFER_BYTES_MAX);
    builder
}

/// Serves requests until either side has enough.
pub(super) async fn serve(wire: Wire, peer: Peer, place: Place, shared: Shared, drain: Watcher) {
    let state = Arc::clone(&shared.state);
    let begun = tokio::select! {
        begun = tokio::time::timeout(state.timeouts.header, Begun::of(wire, state.tls.as_ref(), state.h2c)) => begun,
        () = state.drained() => return,
    };
    let Begun { stream, speech, ahead } = match begun {
        Ok(Ok(Some(begun))) => begun,
        Ok(Ok(None)) | Err(_) => return,
        Ok(Err(error)) => {
            tracing::debug!(%peer, %error, "no connection came about");
            return;
        }
    };
    let files = (speech == Speech::Http1 && stream.plain().is_some()).then(Arc::default);
    let (in_progress, sent) = (AtomicUsize::new(0), AtomicU64::new(0));
    let connection = Connection { peer, files, state: Arc::clone(&state), speech, in_progress, sent, _place: place };
    let connection = Arc::new(connection);
    let socket = Socket::new(stream, ahead, Arc::clone(&connection), state.timeouts.write);
    let ended = match speech {
        Speech::Http1 => serve_http1(socket, connection, &shared, drain).await.map_err(|error| error.to_string()),
        Speech::Http2 => {
            let ended = http2::serve(socket, connection, shared).await.map_err(|error| error.to_string());
            // The end of the server waits for it.
            drop(drain);
            ended
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "connection ended");
    }
}

async fn serve_http1(
    socket: Socket,
    connection: Arc<Connection>,
    shared: &Shared,
    drain: Watcher,
) -> hyper::Result<()> {
    let service = service_fn(|request: Request<hyper::body::Incoming>| {
        let (state, connection) = (Arc::clone(&shared.state), Arc::clone(&connection));
        async move {
            let in_progress = connection.begin(None);
            let (head, body) = request.into_parts();
            let (body, held) = (Incoming::Http1(body), connection.begin(None));
            let body = RequestBody::new(body, &head.headers, state.timeouts.body, held);
            let mut reply = handler::handle(state, connection, head, body).await;
            reply.body_mut().hold(in_progress);
            Ok::<_, std::convert::Infallible>(reply)
        }
    });
    drain.watch(shared.http1.serve_connection(TokioIo::new(socket), service)).await
}

const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\n\
    Docker-Distribution-Api-Version: registry/2.0\r\nConnection: close\r\n\r\n";

/// Tells a client that there is no room, without reading what it wants.
pub(super) async fn refuse(mut stream: Wire) {
    let goodbye = async {
        stream.write_all(BUSY).await?;
        stream.shutdown().await?;
        // Closing with unread bytes would take the answer back: see `RequestBody::dismiss`.
        let mut scrap = [0; 1024];
        while stream.read(&mut scrap).await? > 0 {}
        Ok::<_, std::io::Error>(())
    };
    let _ = tokio::time::timeout(Duration::from_secs(1), goodbye).await;
}
