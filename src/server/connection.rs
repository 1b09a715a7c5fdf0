//! One connection, from accepting it to its end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::Watcher;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Timeouts;
use super::handler::{self, State};
use super::room::Place;
use super::sendfile::Files;
use super::socket::Socket;
use super::stream::Stream;
use crate::spec::limits::CONNECTION_BUFFER_BYTES_MAX;

/// What the requests of one connection share.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) peer: SocketAddr,
    pub(super) files: Arc<Files>,
    state: Arc<State>,
    /// Requests with something left to read or to write: more than one never.
    in_progress: AtomicUsize,
    /// Held by requests too that go on after the client has hung up.
    _place: Place,
}

/// A request between its head and the last byte of its answer.
#[derive(Debug)]
pub(super) struct InProgress(Arc<Connection>);

impl Connection {
    pub(super) fn begin(self: &Arc<Self>) -> InProgress {
        self.in_progress.fetch_add(1, Ordering::AcqRel);
        InProgress(Arc::clone(self))
    }

    /// Whether the server stops, and no request is in progress here that it would wait for.
    pub(super) fn is_over(&self) -> bool {
        self.state.is_draining() && self.in_progress.load(Ordering::Acquire) == 0
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        self.0.in_progress.fetch_sub(1, Ordering::AcqRel);
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
pub(super) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    place: Place,
    state: Arc<State>,
    protocol: http1::Builder,
    drain: Watcher,
) {
    // Answers are written whole; waiting for more to send would only delay them.
    let _ = stream.set_nodelay(true);
    let files = Arc::new(Files::default());
    let in_progress = AtomicUsize::new(0);
    let connection = Arc::new(Connection { peer, files, state: Arc::clone(&state), in_progress, _place: place });
    let begun = tokio::select! {
        begun = tokio::time::timeout(state.timeouts.header, Stream::begin(stream, state.tls.as_ref())) => begun,
        () = state.drained() => return,
    };
    let stream = match begun {
        Ok(Ok(Some(stream))) => stream,
        Ok(Ok(None)) | Err(_) => return,
        Ok(Err(error)) => {
            tracing::debug!(%peer, %error, "no connection came about");
            return;
        }
    };
    let socket = Socket::new(stream, Arc::clone(&connection), state.timeouts.write);
    let service = service_fn(|request: Request<Incoming>| {
        let (state, connection) = (Arc::clone(&state), Arc::clone(&connection));
        async move {
            let in_progress = connection.begin();
            let mut reply = handler::handle(state, connection, request).await;
            reply.body_mut().hold(in_progress);
            Ok::<_, std::convert::Infallible>(reply)
        }
    });
    if let Err(error) = drain.watch(protocol.serve_connection(TokioIo::new(socket), service)).await {
        tracing::debug!(%peer, %error, "connection ended");
    }
}

const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\n\
    Docker-Distribution-Api-Version: registry/2.0\r\nConnection: close\r\n\r\n";

/// Tells a client that there is no room, without reading what it wants.
pub(super) async fn refuse(mut stream: TcpStream) {
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
