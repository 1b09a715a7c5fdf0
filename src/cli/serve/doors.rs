//! What keeps strangers out of `reg serve`: users, certificates, and a word at the start where there are neither.

use crate::cli::context::Context;
use crate::cli::failure::{Failure, Kind};
use crate::server::Endpoint;
use crate::server::auth::rules::Rules;
use crate::server::auth::{Desk, Door, Guard, Issuer, OpenError, Passwords, TokenError, Tokens, Users};
use crate::server::config::{Auth, Config, Tls as TlsConfig};
use crate::server::tls::{Tls, TlsError};

/// What the configuration puts before every request.
pub(super) fn guard(context: &Context, config: &Config) -> Result<Guard, Failure> {
    Ok(Guard::new(door(context, config)?, config.access.clone()))
}

/// How callers show who they are.
pub(super) fn door(context: &Context, config: &Config) -> Result<Door, Failure> {
    match &config.auth {
        None => Ok(Door::Open),
        Some(Auth::Silly { realm, service }) => Ok(Door::Silly { realm: realm.clone(), service: service.clone() }),
        Some(Auth::Htpasswd { realm, path }) => {
            let passwords = Passwords::open(path, context.clock.clone()).map_err(|error| {
                let hint = match &error {
                    OpenError::Io { .. } => "auth.htpasswd.path names a file with a line USER:HASH for each user",
                    OpenError::Parse { .. } => "each line is USER:HASH, as htpasswd -B writes it",
                };
                Failure::new(Kind::Usage, error).context("cannot start the registry").with_hint(hint)
            })?;
            users(context, config, Users::new(realm, passwords, context.clock.clone()))
        }
        Some(Auth::Token(config)) => {
            let tokens = Tokens::open(config, context.clock.clone()).map_err(no_keys)?;
            Ok(Door::Token(Box::new(tokens)))
        }
    }
}

/// Why tokens could not be verified.
pub(super) fn no_keys(error: TokenError) -> Failure {
    let (kind, hint) = match &error {
        TokenError::Fetch { .. } | TokenError::Status { .. } => (
            Kind::Failed,
            "auth.token.jwks is where the token server publishes its keys; it must be there at the start",
        ),
        TokenError::KeySet { .. } | TokenError::NoKey { .. } => (
            Kind::Usage,
            "auth.token.jwks names a file {\"keys\": [...]} with the public keys of the token server, or its URL",
        ),
        _ => {
            (Kind::Usage, "auth.token.rootcertbundle names certificates of the token server, auth.token.jwks its keys")
        }
    };
    Failure::new(kind, error).context("cannot start the registry").with_hint(hint)
}

/// Users, with what they are given beside their passwords.
fn users(context: &Context, config: &Config, mut users: Users) -> Result<Door, Failure> {
    if let Some(path) = &config.tokens.file {
        users = users.with_api_tokens(path).map_err(|error| {
            let failure = Failure::new(Kind::Usage, error).context("cannot start the registry");
            failure.with_hint("tokens.file names a file that reg token create makes")
        })?;
    }
    if let Some(bearer) = &config.tokens.bearer {
        let issuer = Issuer::new(&bearer.service, bearer.lifetime, bearer.secret.as_deref(), context.clock.clone());
        let scheme = if config.tls.is_some() { "https" } else { "http" };
        users = users.with_desk(Desk::new(issuer, config.face.clone(), scheme));
    }
    Ok(Door::Htpasswd(Box::new(users)))
}

/// What whoever configures users and tokens may not expect.
pub(super) fn advice(config: &Config) -> Option<&'static str> {
    let has_strangers = config.access.as_ref().is_some_and(Rules::admit_strangers);
    match &config.tokens.bearer {
        Some(bearer) if bearer.secret.is_none() => Some(
            "note: http.secret is not set: bearer tokens end with this process, and are not those of other servers",
        ),
        None if has_strangers && matches!(config.auth, Some(Auth::Htpasswd { .. })) => Some(
            "note: docker pulls nothing without a password from a registry that asks for some, unless tokens.enabled is true",
        ),
        _ => None,
    }
}

/// How connections are encrypted, if they are.
pub(super) fn tls(config: Option<&TlsConfig>) -> Result<Option<Tls>, Failure> {
    config.map(Tls::open).transpose().map_err(cannot_encrypt)
}

/// What whoever starts a server that others reach has to know.
pub(super) fn strangers(endpoint: &Endpoint, guard: &Guard, tls: Option<&Tls>) -> Option<String> {
    if !endpoint.is_public() {
        None
    } else if guard.is_open() {
        Some(format!("warning: whoever reaches {endpoint} may pull and push: there is no authentication"))
    } else if tls.is_none() {
        let what = "set http.tls, or put a proxy with TLS in front";
        Some(format!("warning: passwords and tokens reach {endpoint} unencrypted: {what}"))
    } else {
        None
    }
}

fn cannot_encrypt(error: TlsError) -> Failure {
    let hint = match &error {
        TlsError::Read { .. } | TlsError::Empty { .. } => "certificates and keys are files in PEM",
        TlsError::Pair { .. } => "the certificate of the server comes first in its file, those that signed it follow",
        TlsError::Authority { .. } | TlsError::Verifier(_) => "http.tls.clientcas names certificates of authorities",
        TlsError::CipherSuites => "leave http.tls.ciphersuites out for the suites that are sound",
        TlsError::Settings(_) => "leave out of http.tls all but certificate and key",
        TlsError::Acme(_) => "http.tls.letsencrypt.cachefile names a directory of certificates that were obtained",
    };
    Failure::new(Kind::Usage, error).context("cannot start the registry").with_hint(hint)
}
