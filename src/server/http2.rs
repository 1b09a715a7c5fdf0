//! HTTP/2 (RFC 9113): one connection, a task for each of its streams.
//!
//! On the engine itself, without hyper's layer over it: a client that opens no window for an answer looks to that layer
//! like one that thinks, for ever. Here every stream has the patience of an HTTP/1.1 connection, and takes a place as one
//! does. A request is handed on as if it had come over HTTP/1.1, with `:authority` as its `Host`.
//!
//! What the engine bounds by itself: header lists and their continuations, streams that are reset as soon as they are
//! opened, frames without content, answers to pings and settings.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use h2::server::{Builder, SendResponse};
use h2::{Reason, RecvStream, SendStream};
use http::header::{CONNECTION, DATE, HOST, HeaderName, TRANSFER_ENCODING, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, Uri};
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::connection::{Connection, Shared};
use super::handler;
use super::incoming::Incoming;
use super::pace::{Pace, Patience};
use super::reply::{Body, Reply};
use super::request::RequestBody;
use super::room::Place;
use super::socket::Socket;
use crate::spec::limits::{
    CONNECTION_BUFFER_BYTES_MAX, HEADER_BYTES_MAX, HTTP2_CONNECTION_WINDOW_BYTES, HTTP2_GOODBYE_SECS,
    HTTP2_SEND_BUFFER_BYTES_MAX, HTTP2_STREAM_WINDOW_BYTES, HTTP2_STREAMS_MAX,
};
use crate::sys::Clock;

/// What every client begins with (RFC 9113 §3.4).
pub(super) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Each field of a header list counts 32 bytes more than it has (RFC 9113 §6.5.2); HTTP/1.1 has at most 100 of them here.
const HEADER_LIST_BYTES_MAX: usize = HEADER_BYTES_MAX + 100 * 32;

/// Headers of a connection: not to be said in HTTP/2 (RFC 9113 §8.2.2).
const OF_CONNECTIONS: [HeaderName; 5] = [
    CONNECTION,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// The engine's settings, the same for every connection.
pub(super) fn protocol() -> Builder {
    let mut builder = Builder::new();
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    builder
        .initial_window_size(HTTP2_STREAM_WINDOW_BYTES)
        .initial_connection_window_size(HTTP2_CONNECTION_WINDOW_BYTES)
        .max_frame_size(number(CONNECTION_BUFFER_BYTES_MAX))
        .max_header_list_size(number(HEADER_LIST_BYTES_MAX))
        .max_concurrent_streams(HTTP2_STREAMS_MAX)
        .max_send_buffer_size(HTTP2_SEND_BUFFER_BYTES_MAX);
    builder
}

/// Answers requests until either side has enough.
pub(super) async fn serve(socket: Socket, connection: Arc<Connection>, shared: Shared) -> Result<(), h2::Error> {
    let state = Arc::clone(&shared.state);
    let idle = state.timeouts.header;
    let goodbye = Duration::from_secs(HTTP2_GOODBYE_SECS);
    let Ok(begun) = tokio::time::timeout(idle, shared.http2.handshake(socket)).await else { return Ok(()) };
    let mut http2 = begun?;
    let mut streams = JoinSet::new();
    // Runs while there are no streams: headers that never end are no stream.
    let mut end = pin!(sleep(idle));
    let mut drained = pin!(state.drained());
    let (mut is_draining, mut is_closing, mut sent) = (false, false, 0);
    loop {
        tokio::select! {
            accepted = http2.accept() => match accepted {
                None => return Ok(()),
                Some(Err(error)) => return Err(error),
                Some(Ok((request, mut respond))) => match shared.room.enter(connection.peer) {
                    // The client may send it again: nothing was done.
                    None => respond.send_reset(Reason::REFUSED_STREAM),
                    Some(place) => {
                        let stream = Stream { connection: Arc::clone(&connection), place: Arc::new(place) };
                        streams.spawn(stream.answer(request, respond));
                    }
                },
            },
            Some(_) = streams.join_next() => {
                if streams.is_empty() {
                    end.as_mut().reset(Instant::now() + if is_closing { goodbye } else { idle });
                }
            }
            () = &mut drained, if !is_draining => {
                (is_draining, is_closing) = (true, true);
                http2.graceful_shutdown();
                end.as_mut().reset(Instant::now() + goodbye);
            }
            () = &mut end, if streams.is_empty() => {
                // The last bytes of an answer may be on their way still.
                let now = connection.sent();
                if is_closing && now == sent {
                    return Ok(());
                }
                (is_closing, sent) = (true, now);
                http2.graceful_shutdown();
                end.as_mut().reset(Instant::now() + goodbye);
            }
        }
    }
}

/// One request and its answer.
struct Stream {
    connection: Arc<Connection>,
    place: Arc<Place>,
}

impl Stream {
    async fn answer(self, request: Request<RecvStream>, mut respond: SendResponse<Bytes>) {
        let (head, body) = as_http1(request);
        let state = Arc::clone(&self.connection.state);
        let wanted = Arc::new(Notify::new());
        let body = Incoming::Http2 { body, wanted: Some(Arc::clone(&wanted)) };
        let in_progress = || self.connection.begin(Some(Arc::clone(&self.place)));
        let asks = head.headers.contains_key(http::header::EXPECT);
        let body = RequestBody::new(body, &head.headers, state.timeouts.body, in_progress());
        let mut handled = pin!(handler::handle(Arc::clone(&state), Arc::clone(&self.connection), head, body));
        let mut reply = loop {
            tokio::select! {
                reply = &mut handled => break reply,
                () = wanted.notified(), if asks => {
                    let mut go_on = Response::new(());
                    *go_on.status_mut() = http::StatusCode::CONTINUE;
                    // Where it cannot be said, the client is gone, and reading will tell.
                    let _ = respond.send_informational(go_on);
                }
                _ = poll_fn(|cx| respond.poll_reset(cx)) => return,
            }
        };
        reply.body_mut().hold(in_progress());
        if let Err(error) = send(reply, respond, state.timeouts.write, &state.clock).await {
            tracing::debug!(peer = %self.connection.peer, %error, "an answer was not read");
        }
    }
}

/// The request in the form that it has in HTTP/1.1. A `Host` that says something else than `:authority` stays beside it,
/// and two are refused.
fn as_http1(request: Request<RecvStream>) -> (Parts, RecvStream) {
    let (mut head, body) = request.into_parts();
    let authority = head.uri.authority().and_then(|authority| HeaderValue::try_from(authority.as_str()).ok());
    if let Some(authority) = authority {
        let is_said =
            head.headers.get(HOST).is_some_and(|host| host.as_bytes().eq_ignore_ascii_case(authority.as_bytes()));
        if !is_said {
            head.headers.append(HOST, authority);
        }
    }
    head.uri = head.uri.path_and_query().cloned().map(Uri::from).unwrap_or_default();
    (head, body)
}

/// Sends an answer as fast as the client opens its windows, and gives it up when that takes too long.
async fn send(
    reply: Reply,
    mut respond: SendResponse<Bytes>,
    patience: Patience,
    clock: &Clock,
) -> Result<(), h2::Error> {
    let (mut head, mut body) = reply.into_parts();
    dress(&mut head.headers, clock);
    let is_empty = body.is_end_stream();
    let mut stream = respond.send_response(Response::from_parts(head, ()), is_empty)?;
    if is_empty {
        return Ok(());
    }
    let mut pace = Pace::new(patience);
    while let Some(frame) = body.frame().await {
        let Ok(Ok(mut data)) = frame.map(hyper::body::Frame::into_data) else {
            stream.send_reset(Reason::INTERNAL_ERROR);
            return Ok(());
        };
        while !data.is_empty() {
            let Some(room) = room(&mut stream, data.len(), &mut pace).await else {
                stream.send_reset(Reason::CANCEL);
                return Ok(());
            };
            let part = data.split_to(room.min(data.len()));
            pace.moved(part.len());
            let is_last = data.is_empty() && Body::is_end_stream(&body);
            stream.send_data(part, is_last)?;
            if is_last {
                return Ok(());
            }
        }
    }
    stream.send_data(Bytes::new(), true)
}

/// How many bytes may be sent now, out of so many; `None` for a client that does not take any.
async fn room(stream: &mut SendStream<Bytes>, wanted: usize, pace: &mut Pace) -> Option<usize> {
    stream.reserve_capacity(wanted);
    poll_fn(|cx| {
        loop {
            match stream.capacity() {
                0 => {}
                room => return Poll::Ready(Some(room)),
            }
            match stream.poll_capacity(cx) {
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(_) => return Poll::Ready(None),
                Poll::Pending => return pace.poll_wait(cx).map(|()| None),
            }
        }
    })
    .await
}

/// What hyper does for an answer of HTTP/1.1.
fn dress(headers: &mut HeaderMap, clock: &Clock) {
    for name in OF_CONNECTIONS {
        headers.remove(name);
    }
    let date = clock.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    if let (false, Ok(date)) = (headers.contains_key(DATE), HeaderValue::try_from(date)) {
        headers.insert(DATE, date);
    }
}
