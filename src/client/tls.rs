//! What certificates a registry may show, and which one we show.
//!
//! Roots are the system's, and what the user names: files, and the folders of a host that docker and podman look into
//! (`certs.d/HOST[:PORT]`: `*.crt` are authorities, `*.cert` with a `*.key` beside it is a client's). A named certificate
//! counts also if it is the server's own: whoever has made one with `openssl req -x509` has no authority, and the
//! certificate calls itself one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::error::{Error, Result};
use crate::sys::trust::authorities;

/// The files that a user names for a registry.
#[derive(Clone, Debug, Default)]
pub(crate) struct TlsFiles {
    /// Take any certificate.
    pub(crate) insecure: bool,
    /// PEM files with more roots than the system's.
    pub(crate) authorities: Vec<PathBuf>,
    /// A client certificate with its chain, and its key; both PEM.
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
    /// Folders of this host; those that are not there are no loss.
    pub(crate) folders: Vec<PathBuf>,
}

/// What was read of them.
#[derive(Debug, Default)]
pub(super) struct Tls {
    insecure: bool,
    roots: Vec<CertificateDer<'static>>,
    identity: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
    folders: Vec<PathBuf>,
}

impl Tls {
    /// Reads what was named one by one. Folders are read when they are needed.
    ///
    /// # Errors
    /// A file cannot be read, or is not what it should be.
    pub(super) fn read(files: &TlsFiles) -> Result<Self> {
        let mut tls = Self { insecure: files.insecure, folders: files.folders.clone(), ..Self::default() };
        for path in &files.authorities {
            tls.roots.extend(certificates(path, "CA file")?);
        }
        if let Some((certificate, key)) = &files.identity {
            tls.identity = Some(identity(certificate, key)?);
        }
        Ok(tls)
    }

    /// How connections are made. `warn` hears of what in the folders cannot be used.
    pub(super) fn config(&self, warn: &dyn Fn(String)) -> Result<ClientConfig> {
        let (mut roots, mut own) =
            (self.roots.clone(), self.identity.as_ref().map(|(c, key)| (c.clone(), key.clone_key())));
        for folder in &self.folders {
            for path in sorted(folder) {
                let found = match path.extension().and_then(|extension| extension.to_str()) {
                    Some("crt") => certificates(&path, "CA file").map(|found| roots.extend(found)),
                    Some("cert") if own.is_none() => {
                        identity(&path, &path.with_extension("key")).map(|found| own = Some(found))
                    }
                    _ => Ok(()),
                };
                if let Err(error) = found {
                    warn(format!("{error}; continuing without it"));
                }
            }
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let failed = |error: rustls::Error| Error::Options(format!("no TLS: {error}"));
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(failed)?;
        let known = match self.insecure {
            true => Known::Anybody,
            false => Known::Authorities(authorities(&roots, &provider).map_err(failed)?),
        };
        let builder =
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Verifier { known, named: roots, provider }));
        let mut config = match own {
            Some((chain, key)) => builder.with_client_auth_cert(chain, key).map_err(failed)?,
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

/// The files of a folder in order; none where it cannot be read, as docker has it.
fn sorted(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn unusable(what: &str, path: &Path, reason: impl std::fmt::Display) -> Error {
    Error::Options(format!("{what} {}: {reason}", path.display()))
}

fn certificates(path: &Path, what: &str) -> Result<Vec<CertificateDer<'static>>> {
    let pem = std::fs::read(path).map_err(|error| unusable(what, path, error))?;
    let found: Vec<_> = CertificateDer::pem_slice_iter(&pem).filter_map(std::result::Result::ok).collect();
    // What is no certificate inside of its armour is none.
    let mut store = RootCertStore::empty();
    if found.is_empty() || found.iter().any(|found| store.add(found.clone()).is_err()) {
        return Err(unusable(what, path, "no certificate in PEM form"));
    }
    Ok(found)
}

fn identity(certificate: &Path, key: &Path) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let chain = certificates(certificate, "client certificate")?;
    let pem = std::fs::read(key).map_err(|error| unusable("client key", key, error))?;
    let key =
        PrivateKeyDer::from_pem_slice(&pem).map_err(|_| unusable("client key", key, "no private key in PEM form"))?;
    Ok((chain, key))
}

/// Whose word is taken for a certificate.
#[derive(Debug)]
enum Known {
    Anybody,
    Authorities(Arc<dyn ServerCertVerifier>),
}

#[derive(Debug)]
struct Verifier {
    known: Known,
    /// Certificates that the user has named.
    named: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Known::Authorities(authorities) = &self.known else { return Ok(ServerCertVerified::assertion()) };
        match authorities.verify_server_cert(shown, chain, name, ocsp, now) {
            // Dates have been looked at before; what is left is whether it is the server that was asked for.
            Err(error) if calls_itself_authority(&error) && self.named.iter().any(|named| named == shown) => {
                verify_server_name(&ParsedCertificate::try_from(shown)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            result => result,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// webpki takes no certificate for a server's that may sign others. It has no name of its own among rustls' errors.
fn calls_itself_authority(error: &rustls::Error) -> bool {
    format!("{error:?}").contains("CaUsedAsEndEntity")
}
