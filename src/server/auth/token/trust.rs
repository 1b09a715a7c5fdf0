//! Whose signatures count: the certificates of `rootcertbundle` and the keys of `jwks`, as their files are.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64;
use http::StatusCode;
use jiff::Timestamp;
use quick_cache::sync::Cache;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use thiserror::Error;
use webpki::{EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter, anchor_from_trusted_cert};

use super::Reason;
use super::algorithm::Algorithm;
use super::claims::Claims;
use super::jwk::{Jwk, JwkError, JwkSet};
use super::key::{Key, SEQUENCE, der, libtrust_id};
use crate::server::outbound::Unsent;
use crate::sys::files;

/// Largest file of keys or certificates, in bytes: some thousand of them.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Most keys of one file.
const KEYS_MAX: usize = 1000;

/// Most certificates of a token. Chains of two or three are what there is.
const CHAIN_MAX: usize = 10;

/// Tokens remembered.
const VERIFIED_MAX: usize = 4 << 10;

/// Why the files cannot be used.
#[derive(Debug, Error)]
pub(crate) enum OpenError {
    #[error("cannot read {}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{} holds no certificates in PEM", path.display())]
    Pem { path: PathBuf, source: pem::Error },
    #[error("there is no certificate in {}", path.display())]
    NoCertificate { path: PathBuf },
    #[error("a certificate in {} cannot be read", path.display())]
    Certificate { path: PathBuf, source: webpki::Error },
    #[error("{} is no JSON Web Key Set", path.display())]
    KeySet { path: PathBuf, source: serde_json::Error },
    #[error("there is no key in {} that a token can be signed with", path.display())]
    NoKey { path: PathBuf },
    #[error("{} holds more than {KEYS_MAX} keys", path.display())]
    TooMany { path: PathBuf },
    #[error("cannot fetch {url}")]
    Fetch { url: String, source: Unsent },
    #[error("{url} answers {status}, which are no keys")]
    Status { url: String, status: StatusCode },
}

/// A key that is known by its ids.
struct Known {
    ids: Vec<String>,
    key: Key,
    /// The one algorithm it is for, where it says so.
    algorithm: Option<Algorithm>,
}

/// Whose signatures count.
pub(super) struct Trust {
    keys: Vec<Known>,
    /// What `anchors` are made of.
    certificates: Vec<CertificateDer<'static>>,
    anchors: Vec<TrustAnchor<'static>>,
    /// What was verified, by the hash of the token. It is forgotten with the keys.
    pub(super) verified: Cache<[u8; 32], Arc<Claims>>,
}

impl Trust {
    /// Reads the files. `fetched`: the name and the bytes of a key set that is in none.
    pub(super) fn load(
        bundle: Option<&Path>,
        jwks: Option<&Path>,
        fetched: Option<(&Path, &[u8])>,
    ) -> Result<Self, OpenError> {
        let cache = Cache::new(VERIFIED_MAX);
        let mut trust = Self { keys: Vec::new(), certificates: Vec::new(), anchors: Vec::new(), verified: cache };
        if let Some(path) = bundle {
            trust.add_bundle(path)?;
        }
        if let Some(path) = jwks {
            trust.add_key_set(path, &read(path)?)?;
        }
        if let Some((name, bytes)) = fetched {
            trust.add_key_set(name, bytes)?;
        }
        Ok(trust)
    }

    fn add_bundle(&mut self, path: &Path) -> Result<(), OpenError> {
        let text = read(path)?;
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(&text)
            .take(KEYS_MAX + 1)
            .collect::<Result<_, _>>()
            .map_err(|source| OpenError::Pem { path: path.to_owned(), source })?;
        if certificates.is_empty() {
            return Err(OpenError::NoCertificate { path: path.to_owned() });
        }
        if certificates.len() > KEYS_MAX {
            return Err(OpenError::TooMany { path: path.to_owned() });
        }
        for certificate in certificates {
            let anchor = anchor_from_trusted_cert(&certificate)
                .map_err(|source| OpenError::Certificate { path: path.to_owned(), source })?
                .to_owned();
            let spki = anchor.subject_public_key_info.as_ref();
            // One whose own key signs nothing here may still have signed certificates of tokens.
            if let Some(key) = Key::from_spki(spki) {
                let ids = key.thumbprint().into_iter().chain([libtrust_id(spki)]).collect();
                self.keys.push(Known { ids, key, algorithm: None });
            }
            self.anchors.push(anchor);
            self.certificates.push(certificate);
        }
        Ok(())
    }

    fn add_key_set(&mut self, path: &Path, bytes: &[u8]) -> Result<(), OpenError> {
        let set: JwkSet =
            serde_json::from_slice(bytes).map_err(|source| OpenError::KeySet { path: path.to_owned(), source })?;
        if set.keys.len() > KEYS_MAX {
            return Err(OpenError::TooMany { path: path.to_owned() });
        }
        let before = self.keys.len();
        for (number, value) in set.keys.into_iter().enumerate() {
            match Jwk::deserialize_lenient(value) {
                Ok((kid, key, algorithm)) => {
                    let ids = kid.into_iter().chain(key.thumbprint()).collect();
                    self.keys.push(Known { ids, key, algorithm });
                }
                Err(error) => {
                    tracing::warn!(number, %error, path = %path.display(), "a key is left out");
                }
            }
        }
        if self.keys.len() == before { Err(OpenError::NoKey { path: path.to_owned() }) } else { Ok(()) }
    }

    /// Keys with this id: more than one where two writers had the same idea.
    pub(super) fn by_id(&self, id: &str) -> impl Iterator<Item = (&Key, Option<Algorithm>)> {
        self.keys
            .iter()
            .filter(move |known| known.ids.iter().any(|own| own == id))
            .map(|known| (&known.key, known.algorithm))
    }

    /// The key of a token with a chain of certificates, that of the key first (RFC 7515 §4.1.6).
    pub(super) fn by_chain(&self, chain: &[String], now: Timestamp) -> Result<Key, Reason> {
        if chain.is_empty() || chain.len() > CHAIN_MAX {
            return Err(Reason::ChainLength);
        }
        let chain: Vec<CertificateDer<'_>> = chain
            .iter()
            .map(|text| BASE64.decode(text.as_bytes()).map(CertificateDer::from).map_err(|_| Reason::ChainText))
            .collect::<Result<_, _>>()?;
        let (first, others) = chain.split_first().ok_or(Reason::ChainLength)?;
        if let Some(at) = self.certificates.iter().position(|known| known == first) {
            // Nobody has to vouch for one that is trusted itself: mostly it calls itself an authority too.
            return Key::from_spki(self.anchors[at].subject_public_key_info.as_ref()).ok_or(Reason::ChainKey);
        }
        let own = EndEntityCert::try_from(first).map_err(Reason::Chain)?;
        let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms.all;
        let seconds = u64::try_from(now.as_second()).unwrap_or_default();
        let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        own.verify_for_usage(algorithms, &self.anchors, others, time, AnyUse, None, None).map_err(Reason::Chain)?;
        let spki = own.subject_public_key_info();
        match der(spki.as_ref()) {
            Some((SEQUENCE, content, [])) => Key::from_spki(content).ok_or(Reason::ChainKey),
            _ => Err(Reason::ChainKey),
        }
    }

    /// The key that a token carries itself: one that is known, or that has a chain.
    pub(super) fn by_value(&self, jwk: &Jwk, now: Timestamp) -> Result<(Key, Option<Algorithm>), Reason> {
        let (key, algorithm) = jwk.read().map_err(Reason::Jwk)?;
        let is_trusted = match &jwk.x5c {
            Some(chain) => self.by_chain(chain, now)? == key,
            // What a token writes into itself is no secret.
            None => !matches!(key, Key::Secret(_)) && self.keys.iter().any(|known| known.key == key),
        };
        if is_trusted { Ok((key, algorithm)) } else { Err(Reason::Stranger) }
    }
}

impl Jwk {
    fn deserialize_lenient(value: serde_json::Value) -> Result<(Option<String>, Key, Option<Algorithm>), JwkError> {
        let jwk: Self = serde_json::from_value(value).map_err(|_| JwkError::Member)?;
        let (key, algorithm) = jwk.read()?;
        Ok((jwk.kid, key, algorithm))
    }
}

/// Certificates of tokens say nothing agreed about what they are for; distribution takes all.
struct AnyUse;

impl ExtendedKeyUsageValidator for AnyUse {
    fn validate(&self, _: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        Ok(())
    }
}

fn read(path: &Path) -> Result<Vec<u8>, OpenError> {
    let failed = |source| OpenError::Io { path: path.to_owned(), source };
    files::read(path, FILE_BYTES_MAX).map_err(failed)
}
