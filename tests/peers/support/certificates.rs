//! A certificate of one's own, as guides have their readers make one.

use std::fs;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

/// Writes `domain.crt` and `domain.key` for 127.0.0.1; answers the certificate of who signed them.
pub(crate) fn certificates(directory: &Path) -> String {
    let mut params = CertificateParams::new(vec!["authority".into()]).expect("names");
    // Without a name of its own it would look like the one it signs, and OpenSSL takes that for signed by itself.
    params.distinguished_name.push(DnType::CommonName, "authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("signed");
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["127.0.0.1".into(), "localhost".into()]).expect("names");
    let domain = params.signed_by(&key, &authority).expect("signed");
    fs::write(directory.join("domain.crt"), domain.pem()).expect("a certificate");
    fs::write(directory.join("domain.key"), key.serialize_pem()).expect("a key");
    authority.pem()
}
