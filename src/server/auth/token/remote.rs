//! Keys that are published at a URL: fetched at the start, again after a while, and when a token names one that is not among
//! them. Whoever cannot be reached leaves in force what they said last.
//!
//! The URL is the configuration's alone: nothing in a token leads anywhere, and no redirect is followed.

use std::fmt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use url::Url;

use super::trust::OpenError;
use crate::server::error::Chain;
use crate::server::outbound::{Outbound, Question};
use crate::spec::without_secrets;

/// Largest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// How long it is waited for.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Keys are asked for again after this time: a key that is taken back counts for no longer.
const PERIOD: SignedDuration = SignedDuration::from_secs(600);

/// And after this one where a token names a key that is not known, or where nobody answered. Anybody can name a key.
const PERIOD_MIN: SignedDuration = SignedDuration::from_secs(60);

/// Where keys are, and what was last there.
pub(super) struct Remote {
    url: Url,
    /// As it is shown.
    name: String,
    outbound: Outbound,
    fetched: Mutex<Option<Bytes>>,
    /// When it was last tried, and whether it went well. Held while it is.
    tried: tokio::sync::Mutex<Option<(Timestamp, bool)>>,
}

impl Remote {
    pub(super) fn new(url: Url) -> Self {
        let (outbound, fetched) = (Outbound::default(), Mutex::new(None));
        let name = without_secrets(url.as_str());
        Self { url, name, outbound, fetched, tried: tokio::sync::Mutex::new(None) }
    }

    pub(super) fn name(&self) -> &Path {
        Path::new(&self.name)
    }

    /// What was last there; `None` before the first time.
    pub(super) fn fetched(&self) -> Option<Bytes> {
        self.fetched.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks for the keys, if that is due. Answers whether they are there anew.
    ///
    /// # Errors
    /// Nobody answers with keys; what was there before stays.
    pub(super) async fn refresh(&self, is_unknown: bool, now: Timestamp) -> Result<bool, OpenError> {
        let mut tried = self.tried.lock().await;
        let is_due = tried.is_none_or(|(at, went_well)| {
            let period = if is_unknown || !went_well { PERIOD_MIN } else { PERIOD };
            now.duration_since(at) >= period
        });
        if !is_due {
            return Ok(false);
        }
        let answer = self.ask().await;
        *tried = Some((now, answer.is_ok()));
        let bytes = answer?;
        *self.fetched.lock().unwrap_or_else(PoisonError::into_inner) = Some(bytes);
        Ok(true)
    }

    /// The same for who goes on with what is there.
    pub(super) async fn try_refresh(&self, is_unknown: bool, now: Timestamp) -> bool {
        self.refresh(is_unknown, now).await.unwrap_or_else(|error| {
            let error = Chain(&error).to_string();
            tracing::error!(error, "the keys of tokens cannot be fetched; those that were there stay in force");
            false
        })
    }

    async fn ask(&self) -> Result<Bytes, OpenError> {
        let question = Question {
            method: Method::GET,
            url: &self.url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            timeout: TIMEOUT,
            follow: false,
            answer_max: ANSWER_BYTES_MAX,
        };
        let url = || self.name.clone();
        let answer = self.outbound.ask(question).await.map_err(|source| OpenError::Fetch { url: url(), source })?;
        match answer.status {
            StatusCode::OK => Ok(answer.body),
            status => Err(OpenError::Status { url: url(), status }),
        }
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Remote({})", self.name)
    }
}

#[cfg(test)]
#[path = "remote_tests.rs"]
mod tests;
