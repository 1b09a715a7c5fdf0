//! Certificates by ACME (RFC 8555): obtained in the background, proven on the port that they are for (TLS-ALPN-01, RFC
//! 8737), renewed before they end, and shown from the next handshake on.
//!
//! Only for hosts that the configuration names: whoever connects with another name is refused, and makes nobody ask for a
//! certificate.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use thiserror::Error;

use self::authority::Authority;
use self::cache::{Cache, Kept};
use super::config::LetsEncrypt;
use super::error::Chain;
use crate::sys::Clock;

mod authority;
mod cache;
mod http;

/// The protocol of a handshake that proves something, and carries nothing (RFC 8737 §4).
pub(super) const ALPN_PROOF: &[u8] = b"acme-tls/1";

/// Why there is no certificate.
#[derive(Debug, Error)]
pub(crate) enum AcmeError {
    #[error("cannot use {path}")]
    Cache { path: String, source: std::io::Error },
    #[error("{path} holds no certificate with its key")]
    Kept { path: String },
    #[error("the authority of certificates does not do what it should")]
    Authority(#[from] instant_acme::Error),
    #[error("the authority has refused: {0}")]
    Refused(String),
    #[error("a key or a request could not be made")]
    Make(#[from] rcgen::Error),
    #[error("a key could not be used")]
    Key(#[source] rustls::Error),
}

/// Longest time between two looks at a certificate: the authority may have changed its mind (RFC 9773).
const LOOK: Duration = Duration::from_secs(6 * 3600);

/// The first wait after a failure, four times as long after each, up to [`LOOK`]. Let's Encrypt listens to five failures
/// an hour.
const FIRST_WAIT: Duration = Duration::from_secs(60);

type Shown = RwLock<HashMap<String, Arc<CertifiedKey>>>;

/// The certificates of all hosts.
pub(crate) struct Acme {
    hosts: Vec<String>,
    cache: Cache,
    authority: Authority,
    certificates: Shown,
    /// What proves to the authority that a host is ours.
    proofs: Shown,
    provider: Arc<CryptoProvider>,
}

impl Acme {
    /// Takes what is in the cache. Makes nothing and asks nobody.
    ///
    /// # Errors
    /// What is in the cache cannot be read.
    pub(super) fn open(config: &LetsEncrypt, provider: Arc<CryptoProvider>) -> Result<Self, AcmeError> {
        let cache = Cache::at(&config.cache)?;
        let authority = Authority::new(config);
        let mut certificates = HashMap::new();
        for host in &config.hosts {
            match cache.certificate(host, &provider) {
                Ok(Some(kept)) => drop(certificates.insert(host.clone(), kept.key)),
                Ok(None) => {}
                // What cannot be used is asked for again.
                Err(error @ AcmeError::Kept { .. }) => tracing::warn!("{error}"),
                Err(error) => return Err(error),
            }
        }
        let certificates = RwLock::new(certificates);
        Ok(Self { hosts: config.hosts.clone(), cache, authority, certificates, proofs: Shown::default(), provider })
    }

    /// Keeps a certificate for every host, for ever.
    pub(super) async fn keep(&self, clock: &Clock) {
        join_all(self.hosts.iter().map(|host| self.keep_one(host, clock))).await;
    }

    async fn keep_one(&self, host: &str, clock: &Clock) {
        let mut wait = FIRST_WAIT;
        loop {
            match self.look_after(host, clock).await {
                Ok(next) => {
                    wait = FIRST_WAIT;
                    tokio::time::sleep(next).await;
                }
                Err(error) => {
                    let error = Chain(&error).to_string();
                    tracing::error!(host, error, again_in = ?wait, "no certificate was obtained");
                    tokio::time::sleep(wait).await;
                    wait = (wait * 4).min(LOOK);
                }
            }
        }
    }

    /// Gets a certificate where it is time; when to look again.
    async fn look_after(&self, host: &str, clock: &Clock) -> Result<Duration, AcmeError> {
        let kept = self.cache.certificate(host, &self.provider).unwrap_or_default();
        if let Some(kept) = &kept {
            let renewal = self.authority.renewal(&self.cache, kept).await;
            let left = Duration::try_from(renewal.min(kept.due()) - clock.now()).unwrap_or_default();
            if !left.is_zero() {
                return Ok(left.min(LOOK));
            }
        }
        let prove = |proof: CertifiedKey| show(&self.proofs, host, Some(proof));
        let made = self.authority.certificate(&self.cache, host, &self.provider, prove).await;
        show(&self.proofs, host, None);
        let kept = self.cache.store(host, &made?, &self.provider)?;
        let until = kept.until;
        show(&self.certificates, host, Some((*kept.key).clone()));
        tracing::info!(host, %until, "a certificate was obtained");
        Ok(left(&kept, clock.now()))
    }
}

/// At least a minute: a certificate that is due as soon as it comes is no reason to ask without a pause.
fn left(kept: &Kept, now: Timestamp) -> Duration {
    Duration::try_from(kept.due() - now).unwrap_or_default().clamp(FIRST_WAIT, LOOK)
}

fn show(shown: &Shown, host: &str, key: Option<CertifiedKey>) {
    let mut shown = shown.write().unwrap_or_else(PoisonError::into_inner);
    match key {
        Some(key) => drop(shown.insert(host.to_owned(), Arc::new(key))),
        None => drop(shown.remove(host)),
    }
}

impl ResolvesServerCert for Acme {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name()?.to_ascii_lowercase();
        let is_proof = hello.alpn().is_some_and(|mut protocols| protocols.any(|protocol| protocol == ALPN_PROOF));
        let shown = if is_proof { &self.proofs } else { &self.certificates };
        shown.read().unwrap_or_else(PoisonError::into_inner).get(&name).cloned()
    }
}

impl fmt::Debug for Acme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acme").field("hosts", &self.hosts).finish_non_exhaustive()
    }
}
