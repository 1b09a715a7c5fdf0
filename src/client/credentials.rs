//! Who we are to a registry: where credentials come from.
//!
//! The environment is data here ([`Environment`]); nothing reads a variable.

use std::path::PathBuf;

/// What the environment and the flags say about credentials.
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
    /// `PATH`: where credential helpers are looked for.
    pub(crate) path: Option<std::ffi::OsString>,
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

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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
        token: Secret,
    },
    /// A bearer token, sent as it is.
    RegistryToken {
        token: Secret,
    },
}

/// Every source of credentials, asked in order.
#[derive(Debug, Default)]
pub(crate) struct Keychain {
    environment: Environment,
}

impl Keychain {
    pub(crate) fn new(environment: Environment) -> Self {
        Self { environment }
    }
}
