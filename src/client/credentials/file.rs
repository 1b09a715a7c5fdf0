//! `~/.docker/config.json` and podman's `auth.json`: one format, two habits of naming a registry.
//!
//! The document is kept whole: what we do not know is written back as it was.

use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use serde_json::{Map, Value};

use super::super::error::{Error, Result};
use super::{Credential, Secret};
use crate::spec::{Host, Repository};

/// The key under which docker keeps Docker Hub.
pub(super) const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

/// Largest file that is read. A file with a login for a thousand registries has 200 KiB.
const FILE_BYTES_MAX: u64 = 4 << 20;

#[derive(Debug)]
pub(super) struct AuthFile {
    pub(super) path: PathBuf,
    pub(super) document: Map<String, Value>,
}

/// What a file says about a registry.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Credential(Credential),
    /// `{}`: the credentials are in the file's store.
    Elsewhere,
    None,
}

impl AuthFile {
    /// `None` where there is no such file.
    pub(super) fn read(path: &Path) -> Result<Option<Self>> {
        let unusable = |reason: String| Error::Credentials {
            place: path.display().to_string(),
            reason: format!("unreadable: {reason}"),
        };
        let size = match std::fs::metadata(path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unusable(error.to_string())),
        };
        if size > FILE_BYTES_MAX {
            return Err(unusable(format!("{size} bytes are too many")));
        }
        let bytes = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
        Self::parse(path.to_owned(), &bytes).map(Some)
    }

    pub(super) fn parse(path: PathBuf, bytes: &[u8]) -> Result<Self> {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self { path, document: Map::new() });
        }
        match serde_json::from_slice(bytes) {
            Ok(document) => Ok(Self { path, document }),
            // serde_json's own text would quote what it found, which may be a secret.
            Err(error) => Err(Error::Credentials {
                place: path.display().to_string(),
                reason: format!("no JSON object (line {}, column {})", error.line(), error.column()),
            }),
        }
    }

    /// The helper that keeps the credentials of `host`: its own, else the default one.
    pub(super) fn helper_for(&self, host: &Host) -> Option<String> {
        let own = self.document.get("credHelpers").and_then(Value::as_object).and_then(|helpers| {
            helpers
                .iter()
                .find(|(key, _)| host_of(key).is_some_and(|named| named == host.as_str()))
                .map(|(_, name)| name)
        });
        let name = own.or_else(|| self.document.get("credsStore"))?.as_str()?;
        // The name becomes part of a program's name.
        let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        plain.then(|| name.to_owned())
    }

    /// The keys of `host`: those that mean all of it.
    pub(super) fn keys_of(&self, host: &Host) -> Vec<String> {
        let auths = self.document.get("auths").and_then(Value::as_object);
        let keys = auths.into_iter().flat_map(Map::keys);
        keys.filter(|key| host_of(key).is_some_and(|named| named == host.as_str())).cloned().collect()
    }

    /// What the file says about `repository` of `host`, the most specific key first.
    pub(super) fn entry(&self, host: &Host, repository: Option<&Repository>) -> Result<Entry> {
        let Some(auths) = self.document.get("auths").and_then(Value::as_object) else { return Ok(Entry::None) };
        let mut path = repository.map(|repository| repository.as_str());
        while let Some(namespace) = path {
            if let Some(value) = auths.get(&format!("{host}/{namespace}")) {
                return self.read_entry(value);
            }
            path = namespace.rsplit_once('/').map(|(parent, _)| parent);
        }
        // Of several keys for one host, the one that says something counts; an exact one before all.
        let keys = self.keys_of(host);
        let exact = keys.iter().filter(|key| *key == host.as_str());
        let others = keys.iter().filter(|key| *key != host.as_str());
        let mut best = Entry::None;
        for key in exact.chain(others) {
            match self.read_entry(&auths[key.as_str()])? {
                Entry::None => {}
                Entry::Elsewhere => best = Entry::Elsewhere,
                found @ Entry::Credential(_) => return Ok(found),
            }
        }
        Ok(best)
    }

    fn read_entry(&self, value: &Value) -> Result<Entry> {
        let text = |name: &str| value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        if let Some(token) = text("registrytoken") {
            return Ok(Entry::Credential(Credential::RegistryToken { token: Secret::new(token) }));
        }
        let pair = match text("auth") {
            Some(auth) => Some(split(auth).ok_or_else(|| Error::Credentials {
                place: self.path.display().to_string(),
                reason: "an \"auth\" that is not base64 of USER:PASSWORD".into(),
            })?),
            None => text("password").map(|password| (text("username").unwrap_or_default().into(), password.into())),
        };
        if let Some(token) = text("identitytoken") {
            let user = pair.map(|(user, _)| user).or_else(|| text("username").map(Into::into));
            let user = user.filter(|user: &String| !user.is_empty());
            return Ok(Entry::Credential(Credential::IdentityToken { user, token: Secret::new(token) }));
        }
        Ok(match pair {
            Some((user, password)) => Entry::Credential(Credential::Basic { user, password: Secret::new(password) }),
            None => Entry::Elsewhere,
        })
    }
}

/// `USER:PASSWORD` out of base64, at the first colon. docker pads with NULs, which are no part of a password.
fn split(auth: &str) -> Option<(String, String)> {
    let decoded = BASE64.decode(auth.trim().as_bytes()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (user, password) = text.trim_end_matches('\0').split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// The host that a key means as a whole: `host`, `https://host/v1/`. `None` for a key of podman's that means a namespace.
fn host_of(key: &str) -> Option<String> {
    let bare = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://"));
    let named = match (bare, key.split_once('/')) {
        (Some(url), _) => url.split('/').next().unwrap_or(url),
        (None, Some((host, "" | "v1" | "v1/" | "v2" | "v2/"))) => host,
        (None, Some(_)) => return None,
        (None, None) => key,
    };
    named.parse::<Host>().ok().map(|host| host.to_string())
}
