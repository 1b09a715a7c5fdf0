//! Answers: the body in the form in which its bytes are at hand, and the headers that many answers share.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderName, LINK, LOCATION};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use hyper::body::{Frame, SizeHint};

use super::connection::InProgress;
use super::face::Face;
use super::log::Record;
use super::metrics::Measurement;
use super::traces::Trace;
use crate::spec::page::next_link;
use crate::spec::{Digest, Route};
use crate::store;

pub(super) type Reply = Response<Body>;

pub(super) static DOCKER_CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
pub(super) static DOCKER_UPLOAD_UUID: HeaderName = HeaderName::from_static("docker-upload-uuid");
pub(super) static OCI_SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
pub(super) static OCI_TAG: HeaderName = HeaderName::from_static("oci-tag");
pub(super) static OCI_FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");
pub(super) static DOCKER_API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");

/// The body of an answer.
pub(super) struct Body {
    source: Source,
    /// Written to the log when the last byte has left, or when the client has.
    record: Option<Box<Record>>,
    /// Counted at the same time.
    measurement: Option<Measurement>,
    /// Over at the same time.
    trace: Option<Trace>,
    /// The request is there until all of its answer is with the connection.
    in_progress: Option<InProgress>,
}

enum Source {
    Whole(Bytes),
    Stream { stream: BoxStream<'static, store::Result<Bytes>>, left: u64 },
}

impl Body {
    pub(super) fn empty() -> Self {
        Self::whole(Bytes::new())
    }

    pub(super) fn whole(bytes: Bytes) -> Self {
        Self::of(Source::Whole(bytes))
    }

    /// A body of `len` bytes that come bit by bit.
    pub(super) fn stream(stream: BoxStream<'static, store::Result<Bytes>>, len: u64) -> Self {
        Self::of(Source::Stream { stream, left: len })
    }

    fn of(source: Source) -> Self {
        Self { source, record: None, measurement: None, trace: None, in_progress: None }
    }

    pub(super) fn set_record(&mut self, record: Record) {
        self.record = Some(Box::new(record));
    }

    pub(super) fn measure(&mut self, measurement: Measurement) {
        self.measurement = Some(measurement);
    }

    pub(super) fn trace(&mut self, trace: Trace) {
        self.trace = Some(trace);
    }

    pub(super) fn hold(&mut self, in_progress: InProgress) {
        self.in_progress = Some(in_progress);
    }

    fn len(&self) -> u64 {
        match &self.source {
            Source::Whole(bytes) => bytes.len() as u64,
            Source::Stream { left, .. } => *left,
        }
    }

    fn count(&mut self, bytes: usize) {
        if let Some(record) = &mut self.record {
            record.written += bytes as u64;
        }
        if let Some(measurement) = &mut self.measurement {
            measurement.written += bytes as u64;
        }
        if let Some(trace) = &mut self.trace {
            trace.written += bytes as u64;
        }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = store::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<store::Result<Frame<Bytes>>>> {
        let part = match &mut self.source {
            Source::Whole(bytes) if bytes.is_empty() => return Poll::Ready(None),
            Source::Whole(bytes) => std::mem::take(bytes),
            Source::Stream { stream, left } => match std::task::ready!(stream.poll_next_unpin(cx)) {
                None => return Poll::Ready(None),
                // hyper closes the connection: the client sees a body that is too short, never a wrong one.
                Some(Err(error)) => {
                    tracing::error!(error = %super::error::Chain(&error), "an answer broke off");
                    return Poll::Ready(Some(Err(error)));
                }
                Some(Ok(part)) => {
                    *left = left.saturating_sub(part.len() as u64);
                    part
                }
            },
        };
        self.count(part.len());
        Poll::Ready(Some(Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.len() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len())
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} bytes)", self.len())
    }
}

/// An answer without a body.
pub(super) fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(Body::empty());
    *reply.status_mut() = status;
    // Room for what most answers carry, in one allocation.
    reply.headers_mut().reserve(12);
    reply
}

/// An answer with a small document, or with its headers only for HEAD.
pub(super) fn document(method: &Method, content_type: &'static str, bytes: Bytes) -> Reply {
    let mut reply = empty(StatusCode::OK);
    set_static(&mut reply, CONTENT_TYPE, content_type);
    put_bytes(method, &mut reply, bytes);
    reply
}

/// Gives an answer its body and `Content-Length`.
pub(super) fn put_bytes(method: &Method, reply: &mut Reply, bytes: Bytes) {
    reply.headers_mut().insert(CONTENT_LENGTH, bytes.len().into());
    if method != Method::HEAD {
        *reply.body_mut() = Body::whole(bytes);
    }
}

pub(super) fn set_static(reply: &mut Reply, name: HeaderName, value: &'static str) {
    reply.headers_mut().insert(name, HeaderValue::from_static(value));
}

/// Sets a header from text of ours. Text that no header can carry is left out: it could only come from a stored
/// document, and the answer is right without it.
pub(super) fn set(reply: &mut Reply, name: HeaderName, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        reply.headers_mut().insert(name, value);
    }
}

/// Sets `Docker-Content-Digest`.
pub(super) fn set_digest(reply: &mut Reply, digest: &Digest) {
    set(reply, DOCKER_CONTENT_DIGEST.clone(), digest.to_string());
}

/// Sets `Docker-Content-Digest` and, the same in quotes, `ETag`: one text that both share.
pub(super) fn set_identity(reply: &mut Reply, digest: &Digest) {
    let quoted = Bytes::from(format!("\"{digest}\""));
    let bare = quoted.slice(1..quoted.len() - 1);
    for (name, text) in [(DOCKER_CONTENT_DIGEST.clone(), bare), (ETAG, quoted)] {
        if let Ok(value) = HeaderValue::from_maybe_shared(text) {
            reply.headers_mut().insert(name, value);
        }
    }
}

/// Points to the next page of a list.
pub(super) fn set_next(reply: &mut Reply, face: &Face, next: &Route) {
    set(reply, LINK, next_link(&face.outer(&next.path_and_query())));
}

pub(super) fn set_location(reply: &mut Reply, location: String) {
    set(reply, LOCATION, location);
}

/// Whether `If-None-Match` names the digest (RFC 9110 §13.1.2). Unquoted digests are what some clients send, and
/// distribution takes.
pub(super) fn is_not_modified(headers: &HeaderMap, digest: &Digest) -> bool {
    let mut values = headers.get_all(http::header::IF_NONE_MATCH).iter().peekable();
    if values.peek().is_none() {
        return false;
    }
    let digest = digest.to_string();
    values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(|tag| {
        let tag = tag.trim();
        tag == "*" || tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"') == digest
    })
}
