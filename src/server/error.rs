//! The one mapping from what went wrong to what the client is told.
//!
//! Faults of the request are told precisely. Faults of ours (5xx) tell the request id; the log has the chain of causes
//! under the same id.

use std::fmt;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_RANGE, CONTENT_TYPE, RANGE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, StatusCode};
use serde_json::{Value, json};
use thiserror::Error as ThisError;

use super::auth::{Refusal, seconds};
use super::rates::Exceeded;
use super::reply::{self, Reply};
use super::request::RequestId;
use crate::registry;
use crate::spec::error_code::ErrorBody;
use crate::spec::limits::{HEADER_BYTES_MAX, TARGET_BYTES_MAX};
use crate::spec::range::{ContentRangeError, upload_range};
use crate::spec::route::RouteError;
use crate::spec::{ErrorCode, Resource, Scopes};
use crate::store;

/// Why a request is not answered with what it asked for.
#[derive(Debug, ThisError)]
pub(super) enum Error {
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// An upload was not taken, or not whole; the session goes on from what is there.
    #[error("an upload stands at {size} bytes")]
    Upload { size: u64, source: registry::Error },
    #[error(transparent)]
    Route(#[from] RouteError),
    #[error("the method is not allowed here")]
    Method(&'static [Method]),
    #[error(transparent)]
    ContentRange(#[from] ContentRangeError),
    /// The range lies outside of the content.
    #[error("the content has {size} bytes")]
    Range { size: u64 },
    #[error("the body is larger than {limit} bytes")]
    BodyTooLarge { limit: usize },
    #[error("the closing PUT of an upload needs ?digest=")]
    NoDigest,
    #[error("the request target is longer than {TARGET_BYTES_MAX} bytes")]
    TargetTooLong,
    #[error("the headers are longer than {HEADER_BYTES_MAX} bytes")]
    HeadersTooLarge,
    #[error("a request has one Host header, with a host and port (RFC 9112, 3.2)")]
    Host,
    #[error("100-continue is the only expectation that is met")]
    Expectation,
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Exceeded(#[from] Exceeded),
    /// What is asked of the token endpoint is nothing that it gives.
    #[error("{0}")]
    TokenRequest(&'static str),
    #[error("too much is on its way in at the moment")]
    Full,
    #[error("health check failed: please see /debug/health")]
    Unhealthy,
}

/// Seconds after which a client may try again, by fault.
const RETRY_BUSY_SECS: u64 = 1;
/// A health check is made about so often.
const RETRY_UNHEALTHY_SECS: u64 = 10;
const RETRY_UNAVAILABLE_SECS: u64 = 30;

impl Error {
    /// The code for the body; `None` where the request is outside of the API.
    fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Registry(error) | Self::Upload { source: error, .. } => Some(error.code()),
            Self::Route(error) => error.code(),
            Self::Method(_) => Some(ErrorCode::Unsupported),
            Self::ContentRange(_) | Self::Range { .. } => Some(ErrorCode::RangeInvalid),
            Self::BodyTooLarge { .. } => Some(ErrorCode::ManifestTooLarge),
            Self::NoDigest => Some(ErrorCode::DigestInvalid),
            Self::Refused(Refusal::Unauthenticated { .. }) => Some(ErrorCode::Unauthorized),
            Self::Refused(Refusal::TooMany { .. }) | Self::Exceeded(_) => Some(ErrorCode::TooManyRequests),
            Self::Refused(Refusal::Denied { .. }) => Some(ErrorCode::Denied),
            Self::Full | Self::Unhealthy => Some(ErrorCode::Unavailable),
            Self::TargetTooLong | Self::HeadersTooLarge | Self::Host | Self::Expectation => None,
            Self::TokenRequest(_) => Some(ErrorCode::Unsupported),
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Registry(error) | Self::Upload { source: error, .. } => registry_status(error),
            // The grammar of the header, not its place in the upload: 416 would make clients ask for the status and go on.
            Self::ContentRange(_) => StatusCode::BAD_REQUEST,
            Self::TargetTooLong => StatusCode::URI_TOO_LONG,
            Self::Host | Self::TokenRequest(_) => StatusCode::BAD_REQUEST,
            Self::Expectation => StatusCode::EXPECTATION_FAILED,
            Self::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Route(_)
            | Self::Method(_)
            | Self::Range { .. }
            | Self::BodyTooLarge { .. }
            | Self::NoDigest
            | Self::Refused(_)
            | Self::Exceeded(_)
            | Self::Full
            | Self::Unhealthy => self.code().map_or(StatusCode::NOT_FOUND, ErrorCode::status),
        }
    }

    /// What the client is to hear; the rest is for the log or in headers.
    fn cause(&self) -> &(dyn std::error::Error + 'static) {
        match self {
            Self::Upload { source, .. } => source,
            error => error,
        }
    }

    /// What stands in `detail`: values that a program may want, not prose.
    fn detail(&self) -> Value {
        use registry::Error as E;
        match self {
            Self::Registry(error) | Self::Upload { source: error, .. } => match error {
                E::NameUnknown(name) => json!({ "name": name }),
                E::ManifestUnknown(locator) => json!({ "reference": locator.to_string() }),
                E::BlobUnknown(digest) => json!({ "digest": digest }),
                E::ChildrenUnknown(digests) => json!({ "digests": digests }),
                E::ChildSize { digest, expected, actual } => {
                    json!({ "digest": digest, "expected": expected, "actual": actual })
                }
                E::DigestMismatch { expected, actual } | E::ManifestDigest { expected, actual } => {
                    json!({ "expected": expected, "actual": actual })
                }
                E::OutOfOrder { expected, actual } | E::SizeMismatch { expected, actual } => {
                    json!({ "expected": expected, "actual": actual })
                }
                E::BlobTooLarge { limit } => json!({ "limit": limit }),
                E::QuotaExceeded { prefix, quota, used, needed } => {
                    json!({ "prefix": prefix, "quota": quota, "used": used, "needed": needed })
                }
                _ => Value::Null,
            },
            Self::BodyTooLarge { limit } => json!({ "limit": limit }),
            Self::Refused(Refusal::Unauthenticated { needed, .. } | Refusal::Denied { needed })
                if !needed.is_empty() =>
            {
                accesses(needed)
            }
            _ => Value::Null,
        }
    }

    fn retry_after_secs(&self, status: StatusCode) -> Option<u64> {
        match self {
            Self::Registry(registry::Error::UploadBusy | registry::Error::Store(store::Error::Busy { .. })) => {
                Some(RETRY_BUSY_SECS)
            }
            Self::Refused(Refusal::TooMany { wait }) | Self::Exceeded(Exceeded { wait, .. }) => Some(seconds(*wait)),
            Self::Full => Some(RETRY_BUSY_SECS),
            Self::Unhealthy => Some(RETRY_UNHEALTHY_SECS),
            _ => (status == StatusCode::SERVICE_UNAVAILABLE).then_some(RETRY_UNAVAILABLE_SECS),
        }
    }

    /// The answer, and a line in the log where the fault is ours.
    pub(super) fn into_reply(self, method: &Method, id: RequestId) -> Reply {
        let status = self.status();
        let mut reply = reply::empty(status);
        match self.code() {
            Some(code) => {
                let body = if matches!(self, Self::Unhealthy) {
                    // The log has said so when it began.
                    ErrorBody::new(code, code.message().into(), json!(self.to_string()))
                } else if status.is_server_error() {
                    tracing::error!(http.request.id = %id, error = %Chain(&self), "request failed");
                    ErrorBody::new(code, code.message().into(), json!({ "request_id": id.to_string() }))
                } else {
                    ErrorBody::new(code, Chain(self.cause()).to_string(), self.detail())
                };
                reply::set_static(&mut reply, CONTENT_TYPE, "application/json");
                reply::put_bytes(method, &mut reply, serde_json::to_vec(&body).unwrap_or_default().into());
            }
            None => {
                reply::set_static(&mut reply, CONTENT_TYPE, "text/plain; charset=utf-8");
                let text = match &self {
                    Self::Route(_) => "404 page not found\n".into(),
                    other => format!("{other}\n"),
                };
                reply::put_bytes(method, &mut reply, Bytes::from(text));
            }
        }
        match &self {
            Self::Method(methods) => {
                reply.headers_mut().insert(ALLOW, allow(methods));
            }
            Self::Registry(registry::Error::ReadOnly | registry::Error::DeleteDisabled) => {
                reply::set_static(&mut reply, ALLOW, "GET, HEAD");
            }
            Self::Range { size } => reply::set(&mut reply, CONTENT_RANGE, format!("bytes */{size}")),
            Self::Refused(Refusal::Unauthenticated { challenge, .. }) => {
                reply::set(&mut reply, WWW_AUTHENTICATE, challenge.clone());
            }
            Self::Upload { size, .. } => reply::set(&mut reply, RANGE, upload_range(*size)),
            _ => {}
        }
        if let Some(seconds) = self.retry_after_secs(status) {
            reply.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        reply
    }
}

/// Scopes as distribution tells them: each action by itself, by the names of Go's fields.
fn accesses(scopes: &Scopes) -> Value {
    let one = |(resource, action): (&Resource, &String)| json!({ "Type": resource.kind, "Class": "", "Name": resource.name, "Action": action });
    scopes
        .iter()
        .flat_map(|(resource, actions)| actions.iter().map(move |action| (resource, action)))
        .map(one)
        .collect()
}

fn registry_status(error: &registry::Error) -> StatusCode {
    use registry::Error as E;
    match error {
        E::Body(source) if source.kind() == std::io::ErrorKind::TimedOut => StatusCode::REQUEST_TIMEOUT,
        E::UploadBusy => StatusCode::CONFLICT,
        E::BlobTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        E::Store(store::Error::Busy { .. }) => StatusCode::SERVICE_UNAVAILABLE,
        E::Store(store::Error::OutOfSpace { .. }) => StatusCode::INSUFFICIENT_STORAGE,
        error => error.code().status(),
    }
}

/// `Allow` for some methods.
pub(super) fn allow(methods: &[Method]) -> HeaderValue {
    let names: Vec<&str> = methods.iter().map(Method::as_str).collect();
    HeaderValue::try_from(names.join(", ")).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// An error with its causes, in one line.
pub(super) struct Chain<'a>(pub(super) &'a (dyn std::error::Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
