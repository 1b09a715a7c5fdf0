//! What login and logout write, where docker and podman find it.
//!
//! Files are replaced as a whole, readable by their owner alone, with everything in them that is not ours.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use data_encoding::{BASE64, HEXLOWER};
use rustix::fs::{FlockOperation, flock};
use serde_json::{Map, Value, json};

use super::super::error::{Error, Result};
use super::file::{AuthFile, DOCKER_HUB_KEY};
use super::{Credential, Environment, Keychain, helper, keyring};
use crate::spec::Host;

/// Where login keeps what it verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Store {
    /// The file in use: the one named in the environment, docker's, podman's, in this order.
    #[default]
    InUse,
    /// docker's `config.json`, with its helper where it has one.
    Docker,
    /// The operating system's keyring.
    Keyring,
}

/// Where credentials went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Saved {
    /// In clear, as base64.
    File(PathBuf),
    /// With a credential helper, named.
    Helper(String),
    Keyring,
}

impl Keychain {
    /// Keeps `credential` for `host`.
    ///
    /// # Errors
    /// A store that fails, or no place for a file.
    pub(crate) async fn save(&self, store: Store, host: &Host, credential: &Credential) -> Result<Saved> {
        let environment = &self.environment;
        if store == Store::Keyring {
            let (user, secret) = pair(credential)?;
            keyring::store(environment, host, user, secret).await?;
            return Ok(Saved::Keyring);
        }
        let path = environment.save_path(store).ok_or_else(|| Error::Credentials {
            place: "credentials".into(),
            reason: "no home directory to keep them in".into(),
        })?;
        let read =
            || Ok::<_, Error>(AuthFile::read(&path)?.unwrap_or(AuthFile { path: path.clone(), document: Map::new() }));
        if let Some(name) = read()?.helper_for(host) {
            let (user, secret) = pair(credential)?;
            helper::store(&name, host, user, secret).await?;
            // docker notes the host with an empty entry; an old one in clear must not outlive the new one.
            let _lock = lock(&path)?;
            read()?.put(host, Value::Object(Map::new()))?;
            return Ok(Saved::Helper(format!("docker-credential-{name}")));
        }
        let _lock = lock(&path)?;
        read()?.put(host, entry(credential))?;
        Ok(Saved::File(path))
    }

    /// Removes everything kept for `host`, wherever lookups would find it. Says where something was.
    ///
    /// # Errors
    /// The first place that fails, when all others have been tried.
    pub(crate) async fn erase(&self, host: &Host) -> Result<Vec<Saved>> {
        let environment = &self.environment;
        let (mut removed, mut failed) = (Vec::new(), None);
        let mut note = |outcome: Result<Option<Saved>>| match outcome {
            Ok(place) => removed.extend(place),
            Err(error) => failed = failed.take().or(Some(error)),
        };
        note(keyring::erase(environment, host).await.map(|was| was.then_some(Saved::Keyring)));
        for path in environment.paths() {
            let file = match AuthFile::read(&path) {
                Ok(Some(file)) => file,
                Ok(None) => continue,
                Err(error) => {
                    note(Err(error));
                    continue;
                }
            };
            if let Some(name) = file.helper_for(host) {
                let program = format!("docker-credential-{name}");
                note(helper::erase(&name, host).await.map(|was| was.then_some(Saved::Helper(program))));
            }
            let removed = lock(&path).and_then(|_lock| {
                // Others may have written while the helper was asked.
                AuthFile::read(&path)?.map_or(Ok(false), |mut file| file.remove(host))
            });
            note(removed.map(|was| was.then_some(Saved::File(path))));
        }
        match failed {
            Some(error) => Err(error),
            None => Ok(removed),
        }
    }
}

/// Keeps other runs of ours from writing between our reading and our writing, until the value goes. docker and podman have
/// no such lock. It is on the directory: the file in it is replaced.
fn lock(path: &Path) -> Result<File> {
    let failed = |error: std::io::Error| Error::Credentials {
        place: path.display().to_string(),
        reason: format!("not locked: {error}"),
    };
    let path = &target(path);
    let directory = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory).map_err(failed)?;
    let handle = File::open(directory).map_err(failed)?;
    flock(&handle, FlockOperation::LockExclusive).map_err(|error| failed(error.into()))?;
    Ok(handle)
}

/// The file behind a symbolic link, or the file itself.
fn target(path: &Path) -> PathBuf {
    fs::canonicalize(path).or_else(|_| fs::read_link(path)).unwrap_or_else(|_| path.to_owned())
}

fn pair(credential: &Credential) -> Result<(&str, &str)> {
    credential.to_pair().ok_or_else(|| Error::Credentials {
        place: "credentials".into(),
        reason: "a registry token can be kept in a file only".into(),
    })
}

/// An entry as docker writes it.
fn entry(credential: &Credential) -> Value {
    let auth = |user: &str, password: &str| BASE64.encode(format!("{user}:{password}").as_bytes());
    match credential {
        Credential::Basic { user, password } => json!({ "auth": auth(user, password.expose()) }),
        Credential::IdentityToken { user, token } => {
            // docker reads the user from here; without a password there is only the colon.
            json!({ "auth": auth(user.as_deref().unwrap_or_default(), ""), "identitytoken": token.expose() })
        }
        Credential::RegistryToken { token } => json!({ "registrytoken": token.expose() }),
    }
}

impl Environment {
    fn save_path(&self, store: Store) -> Option<PathBuf> {
        match (store, &self.auth_file) {
            (Store::InUse, Some(path)) => Some(path.clone()),
            (Store::InUse, None) => {
                let docker = self.docker_path();
                if docker.as_ref().is_some_and(|path| path.exists()) {
                    return docker;
                }
                self.podman_paths().into_iter().find(|path| path.exists()).or(docker)
            }
            (Store::Docker | Store::Keyring, _) => self.docker_path(),
        }
    }
}

impl AuthFile {
    /// Sets the entry of `host`, under the key it has, else the one docker would give it, and writes the file.
    fn put(&mut self, host: &Host, value: Value) -> Result<()> {
        let keys = self.keys_of(host);
        let default = if host.is_docker_hub() { DOCKER_HUB_KEY.into() } else { host.to_string() };
        let auths = self.document.entry("auths").or_insert_with(|| Value::Object(Map::new()));
        if !auths.is_object() {
            *auths = Value::Object(Map::new());
        }
        if let Value::Object(auths) = auths {
            if keys.is_empty() {
                auths.insert(default, value);
            } else {
                // Each key may be the one that somebody reads.
                keys.into_iter().for_each(|key| drop(auths.insert(key, value.clone())));
            }
        }
        self.write()
    }

    /// Removes every entry of `host`; whether there was one. A file without one is left as it is.
    fn remove(&mut self, host: &Host) -> Result<bool> {
        let keys = self.keys_of(host);
        if keys.is_empty() {
            return Ok(false);
        }
        if let Some(Value::Object(auths)) = self.document.get_mut("auths") {
            keys.iter().for_each(|key| drop(auths.shift_remove(key)));
        }
        self.write().map(|()| true)
    }

    fn write(&self) -> Result<()> {
        let mut bytes = Vec::new();
        let formatter = serde_json::ser::PrettyFormatter::with_indent(b"\t");
        let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
        // A map of JSON values always has a text.
        let _ = serde::Serialize::serialize(&self.document, &mut serializer);
        bytes.push(b'\n');
        replace(&self.path, &bytes)
    }
}

/// Replaces a file by one with `bytes`, as one step, mode 0600. A symbolic link stays one: its target is replaced.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let failed = |error: std::io::Error| Error::Credentials {
        place: path.display().to_string(),
        reason: format!("not written: {error}"),
    };
    let path = &target(path);
    let directory = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory).map_err(failed)?;
    let unique = HEXLOWER.encode(&crate::sys::random::<8>());
    let temporary = directory.join(format!(".reg-{unique}.tmp"));
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&temporary, path)).map_err(|error| {
        // What cannot be written can hardly be removed; the error that counts is the first.
        let _ = fs::remove_file(&temporary);
        failed(error)
    })
}
