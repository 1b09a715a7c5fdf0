//! What came back: status, headers and a body that is read with a limit and a patience.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use http::{HeaderMap, StatusCode, header};
use url::Url;

use super::super::error::{Error, Line, Refusal, Result};
use super::redact;
use crate::spec::Challenge;
use crate::spec::error_code::parse_error_body;

/// A connection without a byte for this long is dead. There is no limit on the whole: blobs may be large.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// Most of an error body that is read; nobody shows more.
const ERROR_BODY_BYTES_MAX: usize = 64 << 10;

#[derive(Debug)]
pub(in crate::client) struct Answer {
    pub(super) response: reqwest::Response,
    pub(super) line: Line,
    /// Attempts that it took, the last included.
    pub(super) attempts: u32,
    /// Whether somebody else than the registry itself was asked or has answered.
    pub(super) elsewhere: bool,
    /// The wait that the answer asks for.
    pub(super) retry_after_secs: Option<u64>,
}

impl Answer {
    pub(in crate::client) fn status(&self) -> StatusCode {
        self.response.status()
    }

    pub(in crate::client) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    pub(in crate::client) fn header(&self, name: &str) -> Option<&str> {
        self.headers().get(name)?.to_str().ok()
    }

    pub(in crate::client) fn content_length(&self) -> Option<u64> {
        self.header(header::CONTENT_LENGTH.as_str())?.parse().ok()
    }

    /// The URL that answered, behind all redirects.
    pub(in crate::client) fn url(&self) -> &Url {
        self.response.url()
    }

    /// The request, as errors name it.
    pub(in crate::client) fn line(&self) -> &Line {
        &self.line
    }

    pub(in crate::client) fn was_retried(&self) -> bool {
        self.attempts > 1
    }

    pub(in crate::client) fn is_elsewhere(&self) -> bool {
        self.elsewhere
    }

    /// Every challenge of every `WWW-Authenticate` header of the registry itself: nobody else's is answered.
    pub(in crate::client) fn challenges(&self) -> Vec<Challenge> {
        if self.elsewhere {
            return Vec::new();
        }
        let values = self.headers().get_all(header::WWW_AUTHENTICATE).iter();
        values.filter_map(|value| value.to_str().ok()).flat_map(Challenge::parse_all).collect()
    }

    /// An answer that makes no sense, in the words of `reason`.
    pub(in crate::client) fn nonsense(&self, reason: impl Into<String>) -> Error {
        Error::Protocol { line: self.line.clone(), reason: reason.into() }
    }

    /// The body as it arrives. Ends in an error when the connection breaks or falls silent.
    pub(in crate::client) fn chunks(self) -> impl Stream<Item = Result<Bytes>> + Send + 'static {
        let line = self.line;
        let stream = self.response.bytes_stream().boxed();
        futures_util::stream::try_unfold((stream, line), |(mut stream, line)| async move {
            match tokio::time::timeout(IDLE_TIMEOUT, stream.try_next()).await {
                Ok(Ok(Some(chunk))) => Ok(Some((chunk, (stream, line)))),
                Ok(Ok(None)) => Ok(None),
                Ok(Err(error)) => Err(Error::Network { line, reason: super::failure::reason(&error) }),
                Err(_) => Err(Error::Network { line, reason: silence() }),
            }
        })
    }

    /// The whole body of a success, at most `max` bytes.
    pub(in crate::client) async fn bytes(self, max: usize) -> Result<Bytes> {
        let line = self.line.clone();
        let too_long = || Error::Protocol { line: line.clone(), reason: format!("the answer exceeds {max} bytes") };
        let announced = self.content_length().unwrap_or(0);
        if announced > max as u64 {
            return Err(too_long());
        }
        let mut whole = Vec::with_capacity(usize::try_from(announced).unwrap_or(0));
        let mut chunks = std::pin::pin!(self.chunks());
        while let Some(chunk) = chunks.try_next().await? {
            if whole.len() + chunk.len() > max {
                return Err(too_long());
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.into())
    }

    /// Success as it is; anything else as an error.
    pub(in crate::client) async fn success(self) -> Result<Self> {
        if self.status().is_success() { Ok(self) } else { Err(self.into_error().await) }
    }

    /// What the registry said when it refused.
    pub(in crate::client) async fn refusal(self) -> Refusal {
        let (line, status) = (self.line.clone(), self.status());
        let body = self.error_body().await;
        let errors = parse_error_body(&body);
        let clean = |text: &str| redact::first_line(text.as_bytes());
        let codes: Vec<String> = errors.iter().map(|e| clean(&e.code)).filter(|code| !code.is_empty()).collect();
        let mut message = match errors.iter().find(|error| !error.message.is_empty()) {
            Some(error) => clean(&error.message),
            None if errors.is_empty() => redact::first_line(&body),
            None => String::new(),
        };
        // Of a fault of its own a registry says in `detail` which one: that of a health check, for one.
        let detail = errors.first().and_then(|error| error.detail.as_str()).map(clean).unwrap_or_default();
        if status.is_server_error() && !detail.is_empty() && detail != message {
            message = if message.is_empty() { detail } else { format!("{message}: {detail}") };
        }
        Refusal { line, status, codes, message }
    }

    /// The error that a status without success means. Who was refused is added by the transport, which knows.
    pub(super) async fn into_error(self) -> Error {
        // What was waited for in vain is no advice.
        let (status, retry_after_secs) = (self.status(), self.retry_after_secs.filter(|_| self.attempts == 1));
        let refusal = Box::new(self.refusal().await);
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Error::Denied { refusal, origin: None, user: None },
            StatusCode::TOO_MANY_REQUESTS => Error::RateLimited { refusal, retry_after_secs },
            _ => Error::Refused(refusal),
        }
    }

    /// As much of the body as fits; a broken one is as good as its beginning.
    async fn error_body(self) -> Vec<u8> {
        let mut body = Vec::new();
        let mut chunks = std::pin::pin!(self.chunks());
        while let Some(Ok(chunk)) = chunks.next().await {
            let room = ERROR_BODY_BYTES_MAX - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if body.len() == ERROR_BODY_BYTES_MAX {
                break;
            }
        }
        body
    }
}

/// What is said of a connection that stopped talking.
pub(super) fn silence() -> String {
    format!("nothing arrived for {} s", IDLE_TIMEOUT.as_secs())
}
