//! Who a request is from, and whether it is let in.
//!
//! Knows headers, users and the scopes that a request needs (`access`). A token says itself what its bearer may do; a user
//! with a password may do everything that the registry does, as in distribution. Where there are `rules`, nobody may do
//! more than they allow.

use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
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
mod rights;
pub(crate) mod rules;
mod token;
mod user_file;

use access::Needed;
pub(crate) use passwords::{OpenError, Passwords};
pub(super) use rights::Rights;
use rules::Rules;
pub(crate) use token::{Algorithm, TokenError, Tokens};
pub(crate) use user_file::UserFile;

/// What stands before every request: who is it, and what may they do?
#[derive(Debug)]
pub(crate) struct Guard {
    door: Door,
    /// Narrow what the door allows.
    rules: RwLock<Option<Arc<Rules>>>,
}

/// How callers show who they are.
#[derive(Debug)]
pub(crate) enum Door {
    /// Nobody is asked.
    Open,
    /// Whoever sends any `Authorization` is let in: for tests of clients, as in distribution.
    Silly { realm: String, service: String },
    /// Users of a file, by HTTP's Basic authentication (RFC 7617).
    Htpasswd { realm: String, passwords: Box<Passwords> },
    /// Whoever has a token of somebody else, for what it says.
    Token(Box<Tokens>),
}

/// Who sent a request, as far as that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct User(pub(super) String);

/// Whoever is let in.
#[derive(Clone, Debug)]
pub(super) struct Pass {
    pub(super) user: Option<User>,
    pub(super) rights: Rights,
    /// The request is a mount from where the caller may not pull: it is answered as if nothing were there.
    pub(super) hides_source: bool,
}

/// Why a request is not let in.
#[derive(Debug, PartialEq, Eq, Error)]
pub(super) enum Refusal {
    /// Nobody was named, or not with the right password, or with a token for something else; the client may answer this
    /// challenge (RFC 9110 §11.6.1). `needed` is told where scopes decide.
    #[error("authentication required")]
    Unauthenticated { challenge: String, needed: Scopes },
    /// The caller is known, and may not. Whether there is something to be denied is not looked at.
    #[error("requested access to the resource is denied")]
    Denied { needed: Scopes },
    #[error("too many wrong passwords: wait {} s", seconds(*wait))]
    TooMany { wait: Duration },
}

/// Whole seconds, none of them too short.
pub(super) fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

/// The users of an `htpasswd` file.
///
/// # Errors
/// It cannot be read, or is of another format.
pub(crate) fn users_of(path: &Path) -> Result<Vec<String>, OpenError> {
    Ok(passwords::load(path)?.users().map(str::to_owned).collect())
}

impl Guard {
    pub(crate) fn new(door: Door, rules: Option<Rules>) -> Self {
        Self { door, rules: RwLock::new(rules.map(Arc::new)) }
    }

    /// Whether whoever reaches the server may use all of it.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.door, Door::Open) && self.rules().is_none()
    }

    /// Whether somebody who is let in may be kept from reading some repository.
    pub(super) fn hides(&self) -> bool {
        matches!(self.door, Door::Token(_)) || self.rules().is_some()
    }

    /// Reads users and keys again, though their files look as before.
    pub(super) fn reread(&self) {
        match &self.door {
            Door::Open | Door::Silly { .. } => {}
            Door::Htpasswd { passwords, .. } => passwords.reread(),
            Door::Token(tokens) => tokens.reread(),
        }
    }

    /// Puts rules in the place of others. Requests that are let in already end by the old ones.
    pub(super) fn set_rules(&self, rules: Option<Rules>) {
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = rules.map(Arc::new);
    }

    fn rules(&self) -> Option<Arc<Rules>> {
        self.rules.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets a request in, or not.
    pub(super) async fn admit(&self, head: &Parts, peer: IpAddr, needed: &Needed) -> Result<Pass, Refusal> {
        let headers = &head.headers;
        let unknown = |challenge| Refusal::Unauthenticated { challenge, needed: Scopes::none() };
        match &self.door {
            Door::Open => self.pass(None, needed),
            Door::Silly { realm, service } => {
                if headers.contains_key(AUTHORIZATION) {
                    return self.pass(Some(User("silly".into())), needed);
                }
                let challenge = format!("Bearer realm={},service={}", quoted(realm), quoted(service));
                Err(unknown(challenge))
            }
            Door::Htpasswd { realm, passwords } => {
                let refused = || unknown(format!("Basic realm={}", quoted(realm)));
                if basic::is_nobody(headers) {
                    // Whether anybody is asked at all is what clients learn from an address that needs nothing.
                    let asks = self.rules().is_none() || needed.all.is_empty();
                    return if asks { Err(refused()) } else { self.pass(None, needed).map_err(|_| refused()) };
                }
                let credentials = basic::credentials(headers).ok_or_else(refused)?;
                let verified = passwords.verify(&credentials.user, &credentials.password, peer).await;
                match verified.map_err(|wait| Refusal::TooMany { wait })? {
                    true => self.pass(Some(User(credentials.user)), needed),
                    false => Err(refused()),
                }
            }
            Door::Token(tokens) => {
                let user = tokens.admit(head, &needed.all)?;
                self.pass(user, needed)
            }
        }
    }

    /// What somebody who is known, or nobody, gets of what they need.
    fn pass(&self, user: Option<User>, needed: &Needed) -> Result<Pass, Refusal> {
        let rights = Rights { user: user.clone(), rules: self.rules() };
        let hides_source = !rights.cover(&needed.all);
        if hides_source && !needed.without_source.as_ref().is_some_and(|own| rights.cover(own)) {
            let name = user.as_ref().map(|User(name)| name.as_str());
            tracing::info!(auth.user.name = name, needed = %needed.all, "no access rule allows what is asked");
            return Err(Refusal::Denied { needed: needed.all.clone() });
        }
        Ok(Pass { user, rights, hides_source })
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
