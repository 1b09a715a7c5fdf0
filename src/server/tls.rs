//! TLS: what rustls is told, out of the configuration. Certificates and the authorities of clients follow their files.
//!
//! Knows no connection. TLS 1.2 and 1.3, the cipher suites that are sound; names of others are taken and not offered.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use thiserror::Error;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::acme::{ALPN_PROOF, Acme, AcmeError};
use super::config::{Certificates, Clients, Demand, Tls as Config, TlsVersion};
use super::watched::Watched;
use crate::sys::{Clock, files};

mod anyone;

/// Why there can be no TLS.
#[derive(Debug, Error)]
pub(crate) enum TlsError {
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: pem::Error },
    #[error("there is no certificate in {}", path.display())]
    Empty { path: PathBuf },
    #[error("the key in {} does not belong to the certificate in {}", key.display(), certificate.display())]
    Pair { certificate: PathBuf, key: PathBuf, source: rustls::Error },
    #[error("a certificate in {} cannot sign those of clients", path.display())]
    Authority { path: PathBuf, source: rustls::Error },
    #[error("the certificates of clients cannot be verified")]
    Verifier(#[source] rustls::server::VerifierBuilderError),
    #[error("none of the cipher suites named is offered for TLS 1.2")]
    CipherSuites,
    #[error("these settings do not go together")]
    Settings(#[source] rustls::Error),
    #[error(transparent)]
    Acme(#[from] AcmeError),
}

/// Largest file of certificates or of a key, in bytes: some thousands of certificates.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// HTTP/2 among the protocols of a handshake (RFC 7301).
pub(super) const ALPN_HTTP2: &[u8] = b"h2";

/// Begins TLS on connections.
#[derive(Clone)]
pub(crate) struct Tls {
    /// Made anew with other authorities of clients, so that a session of before does not outlive what they said of it.
    settings: Arc<Watched<ServerConfig, TlsError>>,
    source: Source,
}

/// Where certificates come from.
#[derive(Clone)]
enum Source {
    Files(Arc<Shown>),
    Acme(Arc<Acme>),
}

impl Tls {
    /// Reads every file that the configuration names.
    ///
    /// # Errors
    /// What of it cannot be used.
    pub(crate) fn open(config: &Config) -> Result<Self, TlsError> {
        let provider = Arc::new(provider(&config.cipher_suites, config.minimum)?);
        let source = match &config.certificates {
            Certificates::Files { certificate, key } => {
                Source::Files(Arc::new(Shown::open(certificate, key, Arc::clone(&provider))?))
            }
            Certificates::LetsEncrypt(config) => Source::Acme(Arc::new(Acme::open(config, Arc::clone(&provider))?)),
        };
        let authorities = config.clients.iter().flat_map(|clients| clients.authorities.clone()).collect();
        let (config, certificates) = (config.clone(), source.clone());
        let settings = Watched::open(authorities, move || settings(&config, &certificates, &provider))?;
        Ok(Self { settings: Arc::new(settings), source })
    }

    /// Begins TLS on a connection, with the files as they are now.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.settings.current().value))
    }

    /// Reads the files again, though they look as before.
    pub(super) fn reread(&self) {
        self.settings.reread();
        if let Source::Files(shown) = &self.source {
            shown.0.reread();
        }
    }

    /// Keeps the certificates that come over the network; a task that goes on for ever.
    pub(super) fn keep(&self, clock: Clock) -> Option<JoinHandle<()>> {
        let Source::Acme(acme) = &self.source else { return None };
        let acme = Arc::clone(acme);
        Some(tokio::spawn(async move { acme.keep(&clock).await }))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

/// What rustls is told.
fn settings(config: &Config, source: &Source, provider: &Arc<CryptoProvider>) -> Result<ServerConfig, TlsError> {
    let versions: &[&SupportedProtocolVersion] = match config.minimum {
        TlsVersion::V1_2 => &[&TLS12, &TLS13],
        TlsVersion::V1_3 => &[&TLS13],
    };
    let builder = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(versions)
        .map_err(TlsError::Settings)?;
    let builder = match &config.clients {
        None => builder.with_no_client_auth(),
        Some(clients) => builder.with_client_cert_verifier(verifier(clients, Arc::clone(provider))?),
    };
    let mut settings = builder.with_cert_resolver(match source {
        Source::Files(shown) => Arc::clone(shown) as _,
        Source::Acme(acme) => Arc::clone(acme) as _,
    });
    settings.alpn_protocols = if config.http2 { vec![ALPN_HTTP2.to_vec()] } else { Vec::new() };
    settings.alpn_protocols.push(b"http/1.1".to_vec());
    if let Source::Acme(_) = source {
        settings.alpn_protocols.push(ALPN_PROOF.to_vec());
    }
    Ok(settings)
}

/// The cryptography, cut down to the suites that are named. Those of TLS 1.3 are always there, as in Go.
fn provider(names: &[String], minimum: TlsVersion) -> Result<CryptoProvider, TlsError> {
    let mut provider = aws_lc_rs::default_provider();
    if names.is_empty() || minimum == TlsVersion::V1_3 {
        return Ok(provider);
    }
    let is_named = |suite: &rustls::SupportedCipherSuite| {
        let own = format!("{:?}", suite.suite());
        // Go's older names leave the hash of ChaCha20 out.
        names.iter().any(|name| *name == own || own.strip_suffix("_SHA256") == Some(name))
    };
    provider.cipher_suites.retain(|suite| suite.tls13().is_some() || is_named(suite));
    if provider.cipher_suites.iter().all(|suite| suite.tls13().is_some()) {
        return Err(TlsError::CipherSuites);
    }
    Ok(provider)
}

/// Who may connect.
fn verifier(clients: &Clients, provider: Arc<CryptoProvider>) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    for path in &clients.authorities {
        for certificate in certificates(path)? {
            let failed = |source| TlsError::Authority { path: path.clone(), source };
            roots.add(certificate).map_err(failed)?;
        }
    }
    let hints = roots.subjects();
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    match clients.demand {
        Demand::RequireAndVerify => builder.build().map(|built| built as _).map_err(TlsError::Verifier),
        Demand::VerifyIfGiven => {
            builder.allow_unauthenticated().build().map(|built| built as _).map_err(TlsError::Verifier)
        }
        Demand::RequireAny => Ok(Arc::new(anyone::Anyone::new(provider, hints, true))),
        Demand::Request => Ok(Arc::new(anyone::Anyone::new(provider, hints, false))),
    }
}

fn pem(path: &Path) -> Result<Vec<u8>, pem::Error> {
    files::read(path, FILE_BYTES_MAX).map_err(pem::Error::Io)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |source| TlsError::Read { path: path.to_owned(), source };
    let found: Vec<_> = pem(path).and_then(|pem| CertificateDer::pem_slice_iter(&pem).collect()).map_err(failed)?;
    if found.is_empty() { Err(TlsError::Empty { path: path.to_owned() }) } else { Ok(found) }
}

/// The certificate that the server shows, as its files are at the time of each handshake.
struct Shown(Watched<CertifiedKey, TlsError>);

impl Shown {
    fn open(certificate: &Path, key: &Path, provider: Arc<CryptoProvider>) -> Result<Self, TlsError> {
        let paths = vec![certificate.to_owned(), key.to_owned()];
        let (certificate, key) = (certificate.to_owned(), key.to_owned());
        let load = move || {
            let chain = certificates(&certificate)?;
            let secret = pem(&key).and_then(|pem| PrivateKeyDer::from_pem_slice(&pem));
            let secret = secret.map_err(|source| TlsError::Read { path: key.clone(), source })?;
            CertifiedKey::from_der(chain, secret, &provider).map_err(|source| TlsError::Pair {
                certificate: certificate.clone(),
                key: key.clone(),
                source,
            })
        };
        Watched::open(paths, load).map(Self)
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shown")
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.current().value))
    }
}

#[cfg(test)]
#[path = "tls_tests.rs"]
mod tests;
