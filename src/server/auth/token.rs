//! `auth.token`: somebody else knows the users, and signs what they may do (distribution, "Token Authentication
//! Specification"). Tokens are JSON Web Tokens (RFC 7519) in the compact form (RFC 7515 §3.1).
//!
//! What a token says about its own signature is believed only as far as the key that is trusted allows it. Every other doubt
//! ends in a refusal; the client hears that the token is invalid, and the log why.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::BASE64URL_NOPAD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use serde::Deserialize;
use thiserror::Error;

use super::{Refusal, User};
use crate::server::config::Token as Config;
use crate::server::error::Chain;
use crate::server::origin;
use crate::server::watched::Watched;
use crate::spec::{Challenge, Scopes};
use crate::sys::Clock;

mod algorithm;
mod claims;
mod jwk;
mod key;
mod remote;
mod trust;

pub(crate) use algorithm::Algorithm;
use claims::Claims;
use jwk::{Jwk, JwkError};
use key::Mismatch;
use remote::Remote;
pub(crate) use trust::OpenError as TokenError;
use trust::Trust;

/// Longest token, in bytes: three quarters of what all headers may have.
const TOKEN_BYTES_MAX: usize = 48 << 10;

/// Longest token that is remembered, in bytes: with their number it bounds the memory to some 32 MiB.
const REMEMBERED_BYTES_MAX: usize = 8 << 10;

/// Longest reason in the log, in characters: parsers repeat what they were given.
const REASON_CHARS_MAX: usize = 300;

/// Why a token is not taken. For the log.
#[derive(Debug, Error)]
enum Reason {
    #[error("it is longer than {TOKEN_BYTES_MAX} bytes")]
    TooLong,
    #[error("it is not three parts of base64url")]
    Form,
    #[error("its header cannot be read")]
    Header(#[source] serde_json::Error),
    #[error("its header names an extension that must be understood (crit)")]
    Critical,
    #[error("its algorithm {0:?} is not among auth.token.signingalgorithms")]
    Algorithm(String),
    #[error("its header names no key: kid, x5c or jwk")]
    NoKey,
    #[error("its key {0:?} is not known")]
    UnknownKey(String),
    #[error("its key is not for its algorithm")]
    Kind,
    #[error("the signature is wrong")]
    Signature,
    #[error("x5c has no certificate, or too many")]
    ChainLength,
    #[error("x5c is no base64")]
    ChainText,
    #[error("x5c does not lead to auth.token.rootcertbundle")]
    Chain(#[source] webpki::Error),
    #[error("the certificate in x5c has a key that signs no tokens")]
    ChainKey,
    #[error("the key in jwk cannot be used")]
    Jwk(#[source] JwkError),
    #[error("the key in jwk is neither known nor that of its x5c")]
    Stranger,
    #[error("its claims cannot be read")]
    Claims(#[source] serde_json::Error),
    #[error("it is from {0:?}, not from auth.token.issuer")]
    Issuer(String),
    #[error("it is not for auth.token.service")]
    Audience,
    #[error("it never expires")]
    NoExpiry,
    #[error("it has expired")]
    Expired,
    #[error("it is not valid yet")]
    NotYet,
}

/// What a token says about its signature (RFC 7515 §4.1). Anything else in it changes nothing.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    x5c: Option<Vec<String>>,
    jwk: Option<Jwk>,
    crit: Option<serde_json::Value>,
}

/// Takes tokens of one issuer for one service.
pub(crate) struct Tokens {
    config: Config,
    clock: Clock,
    trust: Watched<Trust, TokenError>,
    /// Where keys are published, if they are.
    remote: Option<Arc<Remote>>,
}

impl Tokens {
    /// Reads the keys of those who sign. They are read again when their files change. Nothing is sent: what is published at
    /// a URL comes with [`Self::fetch`].
    ///
    /// # Errors
    /// A file cannot be read, or there is nothing in it.
    pub(crate) fn open(config: &Config, clock: Clock) -> Result<Self, TokenError> {
        let mut config = config.clone();
        for text in [&mut config.realm, &mut config.service] {
            // They stand in a header.
            text.retain(|c| !c.is_control());
        }
        let (bundle, jwks) = (config.rootcertbundle.clone(), config.jwks.clone());
        let paths = [&bundle, &jwks].into_iter().flatten().cloned().collect();
        let remote = config.jwks_url.clone().map(|url| Arc::new(Remote::new(url)));
        let published = remote.clone();
        let trust = Watched::open(paths, move || {
            let bytes = published.as_ref().and_then(|remote| remote.fetched());
            let fetched = published.as_ref().zip(bytes.as_ref()).map(|(remote, bytes)| (remote.name(), &bytes[..]));
            Trust::load(bundle.as_deref(), jwks.as_deref(), fetched)
        })?;
        Ok(Self { config, clock, trust, remote })
    }

    /// Fetches what is published, for the first time.
    ///
    /// # Errors
    /// It is not there, or no keys: a registry that knew none would refuse everybody.
    pub(crate) async fn fetch(&self) -> Result<(), TokenError> {
        let Some(remote) = &self.remote else { return Ok(()) };
        remote.refresh(false, self.clock.now()).await?;
        let bytes = remote.fetched();
        Trust::load(None, None, bytes.as_ref().map(|bytes| (remote.name(), &bytes[..])))?;
        self.trust.reread();
        Ok(())
    }

    /// Fetches it again where that is due, and where a request names a key that is not known.
    pub(super) async fn keep_fresh(&self, headers: &HeaderMap) {
        let Some(remote) = &self.remote else { return };
        let is_unknown = |token| matches!(self.verify(token), Err(Reason::UnknownKey(_)));
        if remote.try_refresh(bearer(headers).is_some_and(is_unknown), self.clock.now()).await {
            self.trust.reread();
        }
    }

    pub(super) fn reread(&self) {
        self.trust.reread();
    }

    /// Lets in who has a token for what a request needs.
    pub(super) fn admit(&self, head: &Parts, needed: &Scopes) -> Result<Option<User>, Refusal> {
        let Some(token) = bearer(&head.headers) else { return Err(self.refusal(head, needed, None)) };
        let claims = self.verify(token).map_err(|reason| {
            let reason: String = Chain(&reason).to_string().chars().take(REASON_CHARS_MAX).collect();
            tracing::info!(reason, "a token is not taken");
            self.refusal(head, needed, Some("invalid_token"))
        })?;
        if !claims.scopes.covers(needed) {
            let user = claims.subject.as_deref();
            tracing::info!(auth.user.name = user, %needed, "a token does not allow what is asked");
            return Err(self.refusal(head, needed, Some("insufficient_scope")));
        }
        Ok(claims.subject.clone().map(User))
    }

    /// The claims of a token that counts now.
    fn verify(&self, token: &str) -> Result<Arc<Claims>, Reason> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Reason::TooLong);
        }
        let trust = self.trust.current();
        let now = self.clock.now();
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        let known = trust.value.verified.get(&hash);
        let is_new = known.is_none();
        let claims = match known {
            Some(claims) => claims,
            None => Arc::new(self.read(&trust.value, token, now)?),
        };
        claims.hold_at(now.as_duration().as_secs_f64())?;
        if is_new && token.len() <= REMEMBERED_BYTES_MAX {
            trust.value.verified.insert(hash, Arc::clone(&claims));
        }
        Ok(claims)
    }

    /// The claims of a token whose signature counts, whenever that may be.
    fn read(&self, trust: &Trust, token: &str, now: jiff::Timestamp) -> Result<Claims, Reason> {
        let (signed, signature) = token.rsplit_once('.').ok_or(Reason::Form)?;
        let (header, claims) = signed.split_once('.').ok_or(Reason::Form)?;
        let decode = |part: &str| BASE64URL_NOPAD.decode(part.as_bytes()).map_err(|_| Reason::Form);
        let (header, claims, signature) = (decode(header)?, decode(claims)?, decode(signature)?);
        let header: Header = serde_json::from_slice(&header).map_err(Reason::Header)?;
        if header.crit.is_some() {
            return Err(Reason::Critical);
        }
        let algorithm = Algorithm::named(&header.alg).filter(|known| self.config.signing_algorithms.contains(known));
        let algorithm = algorithm.ok_or_else(|| Reason::Algorithm(shortened(&header.alg)))?;
        let check = |key: &key::Key, only: Option<Algorithm>| {
            if only.is_some_and(|only| only != algorithm) {
                return Err(Reason::Kind);
            }
            key.verify(algorithm, signed.as_bytes(), &signature).map_err(|mismatch| match mismatch {
                Mismatch::Kind => Reason::Kind,
                Mismatch::Signature => Reason::Signature,
            })
        };
        if let Some(chain) = &header.x5c {
            check(&trust.by_chain(chain, now)?, None)?;
        } else if let Some(jwk) = &header.jwk {
            let (key, only) = trust.by_value(jwk, now)?;
            check(&key, only)?;
        } else {
            let id = header.kid.ok_or(Reason::NoKey)?;
            let mut outcome = Err(Reason::UnknownKey(shortened(&id)));
            for (key, only) in trust.by_id(&id) {
                outcome = check(key, only);
                if outcome.is_ok() {
                    break;
                }
            }
            outcome?;
        }
        Claims::read(&claims, &self.config.issuer, &self.config.service)
    }

    fn refusal(&self, head: &Parts, needed: &Scopes, error: Option<&str>) -> Refusal {
        let redirected = self.config.autoredirect.as_deref().and_then(|path| origin::elsewhere(head, path));
        let realm = redirected.as_deref().unwrap_or(&self.config.realm);
        let challenge = Challenge::bearer(realm, &self.config.service, needed, error).to_string();
        Refusal::Unauthenticated { challenge, needed: needed.clone() }
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokens(of {:?} for {:?})", self.config.issuer, self.config.service)
    }
}

/// The token of a request (RFC 6750 §2.1); `None` where there is none, or where it is not clear which. Tokens in the query
/// end in logs, and are not looked at.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (all.next(), all.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let token = token.trim_matches(' ');
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && !token.contains(' ')).then_some(token)
}

/// Text of a stranger, for the log.
fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
