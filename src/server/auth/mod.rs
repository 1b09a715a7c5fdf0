//! Who a request is from, and whether it is let in.
//!
//! Knows headers, users and the scopes that a request needs (`access`). A token says itself what its bearer may do; a user
//! with a password may do everything that the registry does, as in distribution.

use std::net::IpAddr;
use std::time::Duration;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use thiserror::Error;

use crate::spec::Scopes;

pub(super) mod access;
mod basic;
mod failures;
mod htpasswd;
mod passwords;
mod token;
mod user_file;

pub(crate) use passwords::{OpenError, Passwords};
pub(crate) use token::{Algorithm, TokenError, Tokens};
pub(crate) use user_file::UserFile;

/// What stands before every request.
#[derive(Debug)]
pub(crate) enum Guard {
    /// Everybody is let in.
    Open,
    /// Whoever sends any `Authorization` is: for tests of clients, as in distribution.
    Silly { realm: String, service: String },
    /// Users of a file, by HTTP's Basic authentication (RFC 7617).
    Htpasswd { realm: String, passwords: Box<Passwords> },
    /// Whoever has a token of somebody else, for what it says.
    Token(Box<Tokens>),
}

/// Who sent a request, as far as that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct User(pub(super) String);

/// Why a request is not let in.
#[derive(Debug, PartialEq, Eq, Error)]
pub(super) enum Refusal {
    /// Nobody was named, or not with the right password, or with a token for something else; the client may answer this
    /// challenge (RFC 9110 §11.6.1). `needed` is told where scopes decide.
    #[error("authentication required")]
    Unauthenticated { challenge: String, needed: Scopes },
    #[error("too many wrong passwords: wait {} s", seconds(*wait))]
    TooMany { wait: Duration },
}

/// Whole seconds, none of them too short.
pub(super) fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

impl Guard {
    /// Whether whoever reaches the server may use it.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self, Self::Open)
    }

    /// Whether somebody who is let in may be kept from reading some repository.
    pub(super) fn hides(&self) -> bool {
        matches!(self, Self::Token(_))
    }

    /// Reads users and keys again, though their files look as before.
    pub(super) fn reread(&self) {
        match self {
            Self::Open | Self::Silly { .. } => {}
            Self::Htpasswd { passwords, .. } => passwords.reread(),
            Self::Token(tokens) => tokens.reread(),
        }
    }

    /// Lets a request in that needs these scopes, or not.
    pub(super) async fn admit(&self, head: &Parts, peer: IpAddr, needed: &Scopes) -> Result<Option<User>, Refusal> {
        let headers = &head.headers;
        let unknown = |challenge| Refusal::Unauthenticated { challenge, needed: Scopes::none() };
        match self {
            Self::Open => Ok(None),
            Self::Silly { realm, service } => {
                if headers.contains_key(AUTHORIZATION) {
                    return Ok(Some(User("silly".into())));
                }
                let challenge = format!("Bearer realm={},service={}", quoted(realm), quoted(service));
                Err(unknown(challenge))
            }
            Self::Htpasswd { realm, passwords } => {
                let refused = || unknown(format!("Basic realm={}", quoted(realm)));
                let credentials = basic::credentials(headers).ok_or_else(refused)?;
                let verified = passwords.verify(&credentials.user, &credentials.password, peer).await;
                match verified.map_err(|wait| Refusal::TooMany { wait })? {
                    true => Ok(Some(User(credentials.user))),
                    false => Err(refused()),
                }
            }
            Self::Token(tokens) => tokens.admit(head, needed),
        }
    }
}

/// Who a client says it is, where nobody asks for proof: a proxy in front may have asked.
pub(super) fn claimed(headers: &HeaderMap) -> Option<String> {
    basic::credentials(headers).map(|credentials| credentials.user)
}

/// A quoted string (RFC 9110 §5.6.4). What may stand in none is left out.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars().filter(|c| !c.is_control()) {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted + "\""
}

#[cfg(test)]
mod tests;
