//! Who a request is from, and whether it is let in.
//!
//! Knows headers and users; what a user may do with which repository is not decided here: whoever is let in may do
//! everything that the registry does, as in distribution.

use std::net::IpAddr;
use std::time::Duration;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use thiserror::Error;

mod basic;
mod failures;
mod htpasswd;
mod passwords;
mod user_file;

pub(crate) use passwords::{OpenError, Passwords};
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
}

/// Who sent a request, as far as that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct User(pub(super) String);

/// Why a request is not let in.
#[derive(Debug, PartialEq, Eq, Error)]
pub(super) enum Refusal {
    /// Nobody was named, or not with the right password; the client may answer this challenge (RFC 9110 §11.6.1).
    #[error("authentication required")]
    Unauthenticated { challenge: String },
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

    /// Lets a request in, or not.
    pub(super) async fn admit(&self, headers: &HeaderMap, peer: IpAddr) -> Result<Option<User>, Refusal> {
        match self {
            Self::Open => Ok(None),
            Self::Silly { realm, service } => {
                if headers.contains_key(AUTHORIZATION) {
                    return Ok(Some(User("silly".into())));
                }
                let challenge = format!("Bearer realm={},service={}", quoted(realm), quoted(service));
                Err(Refusal::Unauthenticated { challenge })
            }
            Self::Htpasswd { realm, passwords } => {
                let refused = || Refusal::Unauthenticated { challenge: format!("Basic realm={}", quoted(realm)) };
                let credentials = basic::credentials(headers).ok_or_else(refused)?;
                let verified = passwords.verify(&credentials.user, &credentials.password, peer).await;
                match verified.map_err(|wait| Refusal::TooMany { wait })? {
                    true => Ok(Some(User(credentials.user))),
                    false => Err(refused()),
                }
            }
        }
    }
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
