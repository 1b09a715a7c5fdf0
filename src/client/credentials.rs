//! Who we are to a registry: where credentials come from, in the order that surprises nobody who uses docker or podman.
//!
//! The environment is data here ([`Environment`]); nothing reads a variable. A source that fails is a warning, never the
//! end: public images need no credentials.

mod file;
mod helper;
mod keyring;
mod save;

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;

use tokio::sync::Mutex;

use self::file::{AuthFile, Entry};
pub(crate) use self::save::{Saved, Store};
use super::Event;
use crate::spec::{Host, Repository};

/// Who hears what the user should know.
pub(super) type Tell<'a> = &'a (dyn Fn(Event) + Send + Sync);

/// What the environment and the flags say about credentials. Directories are absent where they are not known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    /// `--username` with a password, or `--identity-token-stdin`: the only source when set.
    pub(crate) explicit: Option<Credential>,
    /// `REG_AUTH_FILE`, else `REGISTRY_AUTH_FILE`: the only file when set.
    pub(crate) auth_file: Option<PathBuf>,
    /// `DOCKER_AUTH_CONFIG`: a whole document.
    pub(crate) docker_auth_config: Option<String>,
    /// `XDG_RUNTIME_DIR`
    pub(crate) runtime_dir: Option<PathBuf>,
    /// `XDG_CONFIG_HOME`, else `~/.config`
    pub(crate) config_home: Option<PathBuf>,
    /// `DOCKER_CONFIG`, else `~/.docker`
    pub(crate) docker_dir: Option<PathBuf>,
    /// `reg`'s own configuration directory.
    pub(crate) reg_dir: Option<PathBuf>,
}

/// A secret: printed by nobody.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the wire and for stores.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// One way to say who we are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Credential {
    Basic {
        user: String,
        password: Secret,
    },
    /// An OAuth2 refresh token.
    IdentityToken {
        user: Option<String>,
        token: Secret,
    },
    /// A bearer token, sent as it is.
    RegistryToken {
        token: Secret,
    },
}

impl Credential {
    /// The user name that credential helpers and the keyring use for an identity token.
    const TOKEN_USER: &'static str = "<token>";

    /// From the pair that helpers and the keyring keep.
    fn from_pair(user: String, secret: String) -> Self {
        let token = Secret::new(secret);
        if user == Self::TOKEN_USER {
            Self::IdentityToken { user: None, token }
        } else {
            Self::Basic { user, password: token }
        }
    }

    /// The pair that helpers and the keyring keep; `None` for what they cannot.
    fn to_pair(&self) -> Option<(&str, &str)> {
        match self {
            Self::Basic { user, password } => Some((user, password.expose())),
            Self::IdentityToken { token, .. } => Some((Self::TOKEN_USER, token.expose())),
            Self::RegistryToken { .. } => None,
        }
    }

    /// The user, where one is known.
    pub(crate) fn user(&self) -> Option<String> {
        match self {
            Self::Basic { user, .. } => Some(user.clone()),
            Self::IdentityToken { user, .. } => user.clone(),
            Self::RegistryToken { .. } => None,
        }
    }
}

/// A credential and the place it is from, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) credential: Credential,
    pub(crate) origin: String,
}

/// Whose credentials were asked for.
type Asked = (Host, Option<Repository>);

/// A helper's name, and what it was asked for.
type Helped = (String, Host);

/// Every source of credentials, asked in order. What was found is remembered.
#[derive(Debug, Default)]
pub(crate) struct Keychain {
    environment: Environment,
    found: Mutex<HashMap<Asked, Option<Found>>>,
    /// A helper is asked once for a host, whatever repository it is for: it may ask its user, or a cloud.
    helped: Mutex<HashMap<Helped, Option<Credential>>>,
}

impl Keychain {
    pub(crate) fn new(environment: Environment) -> Self {
        Self { environment, ..Self::default() }
    }

    /// The credentials for `repository` of `host`, or for the host as a whole. `tell` hears of sources that fail.
    pub(crate) async fn lookup(&self, host: &Host, repository: Option<&Repository>, tell: Tell<'_>) -> Option<Found> {
        if let Some(credential) = &self.environment.explicit {
            return Some(Found { credential: credential.clone(), origin: "the command line".into() });
        }
        let key = (host.clone(), repository.cloned());
        // Held over the search: many requests start at once, and one search is enough for all.
        let mut found = self.found.lock().await;
        if let Some(known) = found.get(&key) {
            return known.clone();
        }
        let result = self.search(host, repository, tell).await;
        found.insert(key, result.clone());
        result
    }

    async fn search(&self, host: &Host, repository: Option<&Repository>, tell: Tell<'_>) -> Option<Found> {
        if self.environment.auth_file.is_none() && keyring::holds(&self.environment, host) {
            match keyring::get(host).await {
                Ok(Some(credential)) => return Some(Found { credential, origin: keyring::PLACE.into() }),
                Ok(None) => {}
                Err(error) => tell(Event::Warning(format!("{error}; continuing without it"))),
            }
        }
        for file in self.files(tell) {
            if let Some(found) = self.search_file(&file, host, repository, tell).await {
                return Some(found);
            }
        }
        None
    }

    /// Every document there is, in the order of lookup.
    fn files(&self, tell: Tell<'_>) -> Vec<AuthFile> {
        let environment = &self.environment;
        let mut files = Vec::new();
        if environment.auth_file.is_none()
            && let Some(text) = &environment.docker_auth_config
        {
            match AuthFile::parse(PathBuf::from("DOCKER_AUTH_CONFIG"), text.as_bytes()) {
                Ok(file) => files.push(file),
                Err(error) => tell(Event::Warning(format!("{error}; continuing without it"))),
            }
        }
        for path in environment.paths() {
            match AuthFile::read(&path) {
                Ok(Some(file)) => files.push(file),
                Ok(None) => {}
                Err(error) => tell(Event::Warning(format!("{error}; continuing without it"))),
            }
        }
        files
    }

    async fn search_file(
        &self,
        file: &AuthFile,
        host: &Host,
        repository: Option<&Repository>,
        tell: Tell<'_>,
    ) -> Option<Found> {
        let place = file.path.display().to_string();
        if let Some(name) = file.helper_for(host) {
            let mut helped = self.helped.lock().await;
            let key = (name.clone(), host.clone());
            let known = match helped.get(&key) {
                Some(known) => known.clone(),
                None => {
                    let asked = helper::get(&name, host, tell).await.unwrap_or_else(|error| {
                        tell(Event::Warning(format!("{error}; continuing without it")));
                        None
                    });
                    helped.insert(key, asked.clone());
                    asked
                }
            };
            if let Some(credential) = known {
                return Some(Found { credential, origin: format!("docker-credential-{name}") });
            }
        }
        match file.entry(host, repository) {
            Ok(Entry::Credential(credential)) => Some(Found { credential, origin: place }),
            Ok(Entry::Elsewhere | Entry::None) => None,
            Err(error) => {
                tell(Event::Warning(format!("{error}; continuing without it")));
                None
            }
        }
    }
}

impl Environment {
    /// The files that may hold credentials, in the order of lookup.
    fn paths(&self) -> Vec<PathBuf> {
        match &self.auth_file {
            Some(path) => vec![path.clone()],
            None => self.podman_paths().into_iter().chain(self.docker_path()).collect(),
        }
    }

    fn podman_paths(&self) -> Vec<PathBuf> {
        let directories = [&self.runtime_dir, &self.config_home];
        directories.into_iter().flatten().map(|directory| directory.join("containers").join("auth.json")).collect()
    }

    fn docker_path(&self) -> Option<PathBuf> {
        self.docker_dir.as_ref().map(|directory| directory.join("config.json"))
    }
}
