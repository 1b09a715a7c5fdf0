//! What can go wrong with a registry, by meaning, worded for the "caused by" lines of a command.
//!
//! Knows no hint and no exit code. URLs have lost their secrets before they come here.

use http::{Method, StatusCode};
use thiserror::Error;

use crate::content::{self, Kind};
use crate::spec::Host;

pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// One request, as errors name it: the path on the registry itself, a whole URL elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) method: Method,
    pub(crate) url: String,
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.url)
    }
}

/// What a registry said with a status that is none of success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) line: Line,
    pub(crate) status: StatusCode,
    /// Codes of the error body, as the registry spells them.
    pub(crate) codes: Vec<String>,
    /// The first message, or the first line of whatever the body was.
    pub(crate) message: String,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.line, self.status.as_u16())?;
        match self.codes.first() {
            Some(code) => write!(f, " {code}")?,
            None => write!(f, " {}", self.status.canonical_reason().unwrap_or_default())?,
        }
        if self.message.is_empty() { Ok(()) } else { write!(f, " ({})", self.message) }
    }
}

/// A failure of the client.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// 4xx and 5xx that have no variant of their own; 404 is `Kind::NotFound`, 405 and UNSUPPORTED `Kind::Unsupported`.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// 401, or 403 as the last word.
    #[error("{refusal}")]
    Denied {
        refusal: Box<Refusal>,
        /// Where the refused credentials came from; `None` when there were none.
        origin: Option<String>,
        /// The user name of the refused credentials.
        user: Option<String>,
    },
    /// The wait that the registry asks for is longer than allowed.
    #[error("{refusal}")]
    RateLimited { refusal: Box<Refusal>, retry_after_secs: Option<u64> },
    /// No connection at all: nobody listens, no such host, no TLS that both sides speak.
    #[error("cannot connect to {place}: {reason}")]
    Connect {
        /// `HOST:PORT`
        place: String,
        reason: String,
        /// What may be wrong with the name of the host.
        hint: Option<String>,
    },
    /// The connection broke, or fell silent.
    #[error("{line}: {reason}")]
    Network { line: Line, reason: String },
    /// The other side answers a TLS handshake with HTTP.
    #[error("{host} speaks plain HTTP")]
    PlainHttp { host: Host },
    /// The certificate is not to be trusted.
    #[error("the certificate of {place} is not trusted: {reason}")]
    Certificate {
        /// `HOST:PORT`
        place: String,
        reason: String,
    },
    /// The bytes are not what their digest or size says.
    #[error("{line}: {reason}")]
    Corrupt { line: Line, reason: String },
    /// An answer that makes no sense.
    #[error("{line}: {reason}")]
    Protocol { line: Line, reason: String },
    /// The token server, the realm of a challenge, refused or was refused.
    #[error("no token from {realm}: {reason}")]
    Token { realm: String, reason: String, denied: bool, origin: Option<String>, user: Option<String> },
    /// A file, helper or keyring with credentials.
    #[error("{place}: {reason}")]
    Credentials { place: String, reason: String },
    /// The bytes to send could not be had.
    #[error("{0}")]
    Source(content::Error),
    /// An option that cannot be used: an unreadable CA file.
    #[error("{0}")]
    Options(String),
}

impl Error {
    /// What the failure means to a caller.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Refused(refusal) => refusal.kind(),
            Self::Denied { .. } | Self::Token { denied: true, .. } => Kind::Denied,
            Self::RateLimited { retry_after_secs, .. } => Kind::RateLimited { retry_after_secs: *retry_after_secs },
            Self::Corrupt { .. } => Kind::Corrupt,
            Self::Network { .. } | Self::Connect { .. } => Kind::Interrupted,
            Self::Source(error) => error.kind.clone(),
            Self::PlainHttp { .. }
            | Self::Certificate { .. }
            | Self::Protocol { .. }
            | Self::Token { .. }
            | Self::Credentials { .. }
            | Self::Options(_) => Kind::Failed,
        }
    }
}

impl Refusal {
    fn has(&self, code: &str) -> bool {
        self.codes.iter().any(|said| said == code)
    }

    fn kind(&self) -> Kind {
        let writes = matches!(self.line.method, Method::PUT | Method::PATCH | Method::POST);
        match self.status {
            // The manifest that is being written lists something that is not there, or the session is gone.
            _ if self.line.method == Method::PUT && self.has("MANIFEST_BLOB_UNKNOWN") => Kind::ChildMissing,
            _ if writes && (self.has("BLOB_UPLOAD_UNKNOWN") || self.has("BLOB_UPLOAD_INVALID")) => Kind::Interrupted,
            // The next attempt is made in smaller pieces.
            StatusCode::PAYLOAD_TOO_LARGE if self.line.url.contains("/uploads/") => Kind::Interrupted,
            StatusCode::NOT_FOUND => Kind::NotFound,
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => Kind::Unsupported,
            // registry:2 takes a tag in a DELETE for a bad digest.
            StatusCode::BAD_REQUEST if self.line.method == Method::DELETE => Kind::Unsupported,
            _ if self.has("UNSUPPORTED") => Kind::Unsupported,
            status if writes && status.is_server_error() => Kind::Interrupted,
            _ => Kind::Failed,
        }
    }
}

impl From<Error> for content::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Source(error) => error,
            error => Self::new(error.kind(), error),
        }
    }
}
