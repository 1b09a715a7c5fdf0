//! What is agreed with somebody whom requests go to, beyond their URL: HTTP/2, and certificates of both sides.
//!
//! Sends nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;

use crate::sys::trust;

/// How requests are sent to somebody with whom more is agreed than a URL.
#[derive(Debug, Default)]
pub(crate) struct Habits {
    /// HTTP/2 is spoken without asking, also where nothing is encrypted.
    pub(super) http2: bool,
    /// Whose word for a certificate is taken beside those whom this machine trusts.
    authorities: Vec<CertificateDer<'static>>,
    identity: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
}

/// A file with certificates or a key cannot be used.
#[derive(Debug, Error)]
#[error("cannot read {path}")]
pub(crate) struct TrustError {
    path: PathBuf,
    source: pem::Error,
}

impl Habits {
    /// `identity` is a certificate and its key.
    ///
    /// # Errors
    /// A file cannot be read or has nothing in PEM form.
    pub(crate) fn new(
        http2: bool,
        authorities: Option<&Path>,
        identity: Option<(&Path, &Path)>,
    ) -> Result<Self, TrustError> {
        let authorities = authorities.map(certificates).transpose()?.unwrap_or_default();
        let identity = identity
            .map(|(chain, path)| {
                let key = PrivateKeyDer::from_pem_file(path);
                Ok((certificates(chain)?, key.map_err(|source| TrustError { path: path.into(), source })?))
            })
            .transpose()?;
        Ok(Self { http2, authorities, identity })
    }

    /// What TLS is spoken with.
    ///
    /// # Errors
    /// No authority can be used, or the key is not that of the certificate.
    pub(super) fn tls(&self) -> Result<ClientConfig, rustls::Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let authorities = trust::authorities(&self.authorities, &provider)?;
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let builder = builder.dangerous().with_custom_certificate_verifier(authorities);
        let mut config = match &self.identity {
            Some((chain, key)) => builder.with_client_auth_cert(chain.clone(), key.clone_key())?,
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols =
            if self.http2 { vec![b"h2".to_vec()] } else { vec![b"h2".to_vec(), b"http/1.1".to_vec()] };
        Ok(config)
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let found = found.and_then(|found| if found.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(found) });
    found.map_err(|source| TrustError { path: path.into(), source })
}
