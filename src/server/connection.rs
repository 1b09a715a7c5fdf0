//! One connection, from accepting it to its end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::Watcher;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;

use super::Timeouts;
use super::handler::{self, State};
use super::sendfile::Files;
use super::socket::Socket;
use crate::spec::limits::CONNECTION_BUFFER_BYTES_MAX;

/// What the requests of one connection share.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) peer: SocketAddr,
    pub(super) files: Arc<Files>,
    /// Held by requests too that go on after the client has hung up.
    _permit: OwnedSemaphorePermit,
}

/// hyper's settings, the same for every connection.
pub(super) fn protocol(timeouts: &Timeouts) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        // Without a timer hyper has no timeouts at all.
        .timer(TokioTimer::new())
        .header_read_timeout(timeouts.header)
        .max_buf_size(CONNECTION_BUFFER_BYTES_MAX);
    builder
}

/// Serves requests until either side has enough.
pub(super) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    permit: OwnedSemaphorePermit,
    state: Arc<State>,
    protocol: http1::Builder,
    drain: Watcher,
) {
    // Answers are written whole; waiting for more to send would only delay them.
    let _ = stream.set_nodelay(true);
    let files = Arc::new(Files::default());
    let socket = Socket::new(stream, Arc::clone(&files), state.timeouts.write_stall);
    let connection = Arc::new(Connection { peer, files, _permit: permit });
    let service = service_fn(|request: Request<Incoming>| {
        let (state, connection) = (Arc::clone(&state), Arc::clone(&connection));
        async move { Ok::<_, std::convert::Infallible>(handler::handle(state, connection, request).await) }
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
