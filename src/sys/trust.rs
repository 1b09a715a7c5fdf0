//! Whose word is taken for the certificate of a server: the authorities of this machine.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::{Error, RootCertStore};

/// The system's authorities and `more`; where the system has none, Mozilla's: an image without a CA store (scratch,
/// distroless) must not keep anybody from public servers.
///
/// # Errors
/// Neither can be used.
pub(crate) fn authorities(
    more: &[CertificateDer<'static>],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, Error> {
    use rustls_platform_verifier::Verifier;
    if let Ok(system) = Verifier::new_with_extra_roots(more.iter().cloned(), provider.clone()) {
        return Ok(Arc::new(system));
    }
    let mut store = RootCertStore::empty();
    let bundled = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned();
    store.add_parsable_certificates(more.iter().cloned().chain(bundled));
    let bundled = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider.clone());
    Ok(bundled.build().map_err(|error| Error::General(error.to_string()))?)
}
