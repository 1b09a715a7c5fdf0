//! Where certificates, their keys and the account are kept: a directory, in the form of Go's `autocert`, so that those that
//! registry:2 has obtained go on to serve. A host's file is named after it and holds its key and its chain in PEM.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use instant_acme::AccountCredentials;
use jiff::Timestamp;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::parse_x509_certificate;

use super::AcmeError;
use crate::sys::files;

/// Largest file that is read, in bytes: a key and a chain have some thousands.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The account with the authority, in a form of our own: `autocert` keeps its key alone.
const ACCOUNT: &str = "reg_account.json";

pub(super) struct Cache(PathBuf);

/// A certificate with its key.
pub(super) struct Kept {
    pub(super) key: Arc<CertifiedKey>,
    from: Timestamp,
    pub(super) until: Timestamp,
}

impl Kept {
    /// Parses key and chain.
    fn parse(pem: &[u8], provider: &CryptoProvider) -> Option<Self> {
        let secret = PrivateKeyDer::from_pem_slice(pem).ok()?;
        let chain: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().ok()?;
        let (_, leaf) = parse_x509_certificate(chain.first()?).ok()?;
        let [from, until] = [leaf.validity().not_before, leaf.validity().not_after]
            .map(|time| Timestamp::from_second(time.timestamp()).ok());
        let (from, until) = (from?, until?);
        let key = CertifiedKey::from_der(chain, secret, provider).ok()?;
        Some(Self { key: Arc::new(key), from, until })
    }

    /// When it is time for the next one: a third of its life is left for what may go wrong.
    pub(super) fn due(&self) -> Timestamp {
        self.until - self.until.duration_since(self.from) / 3
    }

    /// The certificate of the host itself.
    pub(super) fn leaf(&self) -> Option<&CertificateDer<'static>> {
        self.key.cert.first()
    }
}

impl Cache {
    /// # Errors
    /// There is something else than a directory.
    pub(super) fn at(path: &Path) -> Result<Self, AcmeError> {
        match fs::metadata(path) {
            Ok(metadata) if !metadata.is_dir() => Err(failed(path, io::ErrorKind::NotADirectory.into())),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(path, error)),
            _ => Ok(Self(path.to_owned())),
        }
    }

    /// What is there for a host.
    pub(super) fn certificate(&self, host: &str, provider: &CryptoProvider) -> Result<Option<Kept>, AcmeError> {
        let Some(pem) = self.read(host)? else { return Ok(None) };
        let path = self.0.join(host).display().to_string();
        Kept::parse(&pem, provider).map(Some).ok_or(AcmeError::Kept { path })
    }

    /// Keeps key and chain of a host.
    pub(super) fn store(&self, host: &str, pem: &str, provider: &CryptoProvider) -> Result<Kept, AcmeError> {
        let path = self.0.join(host).display().to_string();
        let kept = Kept::parse(pem.as_bytes(), provider).ok_or(AcmeError::Kept { path })?;
        self.write(host, pem.as_bytes())?;
        Ok(kept)
    }

    /// The account, if it is one with this authority.
    pub(super) fn account(&self, directory: &str) -> Result<Option<AccountCredentials>, AcmeError> {
        let Some(json) = self.read(ACCOUNT)? else { return Ok(None) };
        let is_here =
            serde_json::from_slice::<serde_json::Value>(&json).is_ok_and(|value| value["directory"] == directory);
        Ok(serde_json::from_slice(&json).ok().filter(|_| is_here))
    }

    pub(super) fn store_account(&self, account: &AccountCredentials) -> Result<(), AcmeError> {
        let json = serde_json::to_vec(account).map_err(|error| failed(&self.0, error.into()))?;
        self.write(ACCOUNT, &json)
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, AcmeError> {
        let path = self.0.join(name);
        match files::read(&path, FILE_BYTES_MAX) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&path, error)),
        }
    }

    /// Replaces a file as a whole. It is nobody else's to read.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), AcmeError> {
        let path = self.0.join(name);
        let new = self.0.join(format!(".{name}.new"));
        let write = || {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
            let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&new, &path)
        };
        write().map_err(|error| failed(&path, error))
    }
}

fn failed(path: &Path, source: io::Error) -> AcmeError {
    AcmeError::Cache { path: path.display().to_string(), source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use rcgen::{CertificateParams, KeyPair, date_time_ymd};
    use rustls::crypto::aws_lc_rs::default_provider;

    use super::*;

    /// Key and certificate of ninety days.
    fn pem() -> String {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec!["r.example".into()]).expect("names");
        (params.not_before, params.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(2026, 4, 1));
        key.serialize_pem() + &params.self_signed(&key).expect("signed").pem()
    }

    #[test]
    fn what_is_stored_is_there_for_nobody_else() {
        let directory = tempfile::tempdir().expect("made");
        let path = directory.path().join("new/cache");
        let cache = Cache::at(&path).expect("not there yet");
        assert!(cache.certificate("r.example", &default_provider()).expect("nothing").is_none());
        let kept = cache.store("r.example", &pem(), &default_provider()).expect("stored");
        assert_eq!(kept.until.to_string(), "2026-04-01T00:00:00Z");
        assert_eq!(kept.due().to_string(), "2026-03-02T00:00:00Z");
        assert!(cache.certificate("r.example", &default_provider()).expect("readable").is_some());
        for (path, mode) in [(path.clone(), 0o700), (path.join("r.example"), 0o600)] {
            assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, mode, "{path:?}");
        }
        assert!(cache.store("r.example", "rubbish", &default_provider()).is_err());
        assert!(cache.certificate("r.example", &default_provider()).expect("readable").is_some(), "it stays");
    }

    #[test]
    fn an_account_belongs_to_its_authority() {
        let directory = tempfile::tempdir().expect("made");
        let cache = Cache::at(directory.path()).expect("a directory");
        let text = r#"{"id":"https://ca/acct/1","key_pkcs8":"AAAA","directory":"https://ca/dir"}"#;
        fs::write(directory.path().join(ACCOUNT), text).expect("written");
        assert!(cache.account("https://ca/dir").expect("readable").is_some());
        assert!(cache.account("https://other/dir").expect("readable").is_none());
        fs::write(directory.path().join(ACCOUNT), "rubbish").expect("written");
        assert!(cache.account("https://ca/dir").expect("readable").is_none(), "a new one is made");
    }

    #[test]
    fn a_file_is_no_directory() {
        let file = tempfile::NamedTempFile::new().expect("made");
        assert!(Cache::at(file.path()).is_err());
    }
}
