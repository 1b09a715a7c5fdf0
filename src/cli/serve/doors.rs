//! What keeps strangers out of `reg serve`: users, certificates, and a word at the start where there are neither.

use std::net::SocketAddr;

use crate::cli::context::Context;
use crate::cli::failure::{Failure, Kind};
use crate::server::auth::{Door, Guard, OpenError, Passwords, TokenError, Tokens};
use crate::server::config::{Auth, Config, Tls as TlsConfig};
use crate::server::tls::{Tls, TlsError};

/// What the configuration puts before every request.
pub(super) fn guard(context: &Context, config: &Config) -> Result<Guard, Failure> {
    Ok(Guard::new(door(context, config.auth.as_ref())?, config.access.clone()))
}

/// How callers show who they are.
pub(super) fn door(context: &Context, auth: Option<&Auth>) -> Result<Door, Failure> {
    match auth {
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
            Ok(Door::Htpasswd { realm: realm.clone(), passwords: Box::new(passwords) })
        }
        Some(Auth::Token(config)) => {
            let tokens = Tokens::open(config, context.clock.clone()).map_err(|error| {
                let hint = match &error {
                    TokenError::KeySet { .. } | TokenError::NoKey { .. } => {
                        "auth.token.jwks names a file {\"keys\": [...]} with the public keys of the token server"
                    }
                    _ => "auth.token.rootcertbundle names certificates of the token server, auth.token.jwks its keys",
                };
                Failure::new(Kind::Usage, error).context("cannot start the registry").with_hint(hint)
            })?;
            Ok(Door::Token(Box::new(tokens)))
        }
    }
}

/// How connections are encrypted, if they are.
pub(super) fn tls(config: Option<&TlsConfig>) -> Result<Option<Tls>, Failure> {
    config.map(Tls::open).transpose().map_err(cannot_encrypt)
}

/// What whoever starts a server that others reach has to know.
pub(super) fn strangers(address: SocketAddr, guard: &Guard, tls: Option<&Tls>) -> Option<String> {
    if address.ip().is_loopback() {
        None
    } else if guard.is_open() {
        Some(format!("warning: whoever reaches {address} may pull and push: there is no authentication"))
    } else if tls.is_none() {
        let what = "set http.tls, or put a proxy with TLS in front";
        Some(format!("warning: passwords and tokens reach {address} unencrypted: {what}"))
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
        TlsError::Settings(_) | TlsError::LetsEncrypt => "leave out of http.tls all but certificate and key",
    };
    Failure::new(Kind::Usage, error).context("cannot start the registry").with_hint(hint)
}
