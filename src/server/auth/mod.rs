//! Who a request is from, and whether it is let in.
//!
//! Knows headers, users and the scopes that a request needs (`access`). A token says itself what its bearer may do; a user
//! with a password may do everything that the registry does, as in distribution. Where there are `rules`, nobody may do
//! more than they allow.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use thiserror::Error;

use crate::server::peer::Peer;
use crate::spec::Scopes;

pub(super) mod access;
mod api_token;
mod basic;
mod desk;
mod failures;
mod htpasswd;
mod issuer;
mod locked_file;
mod passwords;
mod refused;
mod rights;
pub(crate) mod rules;
mod token;
mod token_file;
mod user_file;
mod users;

use access::Needed;
use api_token::read_scope;
pub(crate) use api_token::{ApiToken, Draft, is_name as is_token_name};
pub(super) use basic::{Credentials, credentials, is_nobody};
pub(crate) use desk::Desk;
pub(super) use desk::{Ask, Asker, Issued, PATH as TOKEN_PATH};
pub(crate) use issuer::Issuer;
pub(crate) use passwords::{OpenError, Passwords};
pub(super) use rights::Rights;
use rules::Rules;
pub(crate) use token::{Algorithm, TokenError, Tokens};
pub(crate) use token_file::{TokenFile, TokenFileError};
pub(crate) use user_file::UserFile;
pub(crate) use users::Users;
use users::{Doubt, Known};

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
    /// Users of a file, by HTTP's Basic authentication (RFC 7617), and by tokens that they were given here.
    Htpasswd(Box<Users>),
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
        match &self.door {
            Door::Token(_) => true,
            Door::Htpasswd(users) => users.have_api_tokens() || self.rules().is_some(),
            Door::Open | Door::Silly { .. } => self.rules().is_some(),
        }
    }

    /// Reads users and keys again, though their files look as before.
    pub(super) fn reread(&self) {
        match &self.door {
            Door::Open | Door::Silly { .. } => {}
            Door::Htpasswd(users) => users.reread(),
            Door::Token(tokens) => tokens.reread(),
        }
    }

    /// Fetches what is published of whom it trusts.
    ///
    /// # Errors
    /// It cannot be had, or is not what it is to be.
    pub(crate) async fn fetch(&self) -> Result<(), TokenError> {
        match &self.door {
            Door::Token(tokens) => tokens.fetch().await,
            Door::Open | Door::Silly { .. } | Door::Htpasswd(_) => Ok(()),
        }
    }

    pub(super) fn has_rules(&self) -> bool {
        self.rules().is_some()
    }

    /// Puts rules in the place of others. Requests that are let in already end by the old ones.
    pub(super) fn set_rules(&self, rules: Option<Rules>) {
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = rules.map(Arc::new);
    }

    fn rules(&self) -> Option<Arc<Rules>> {
        self.rules.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets a request in, or not.
    pub(super) async fn admit(&self, head: &Parts, peer: Peer, needed: &Needed) -> Result<Pass, Refusal> {
        let headers = &head.headers;
        let unknown = |challenge| Refusal::Unauthenticated { challenge, needed: Scopes::none() };
        match &self.door {
            Door::Open => self.pass(Known::default(), needed),
            Door::Silly { realm, service } => {
                if headers.contains_key(AUTHORIZATION) {
                    return self.pass(Known::user("silly"), needed);
                }
                let challenge = format!("Bearer realm={},service={}", quoted(realm), quoted(service));
                Err(unknown(challenge))
            }
            Door::Htpasswd(users) => self.admit_user(users, head, peer, needed).await,
            Door::Token(tokens) => {
                tokens.keep_fresh(headers).await;
                let user = tokens.admit(head, &needed.all)?;
                self.pass(Known { user, ..Known::default() }, needed)
            }
        }
    }

    async fn admit_user(&self, users: &Users, head: &Parts, peer: Peer, needed: &Needed) -> Result<Pass, Refusal> {
        let refused = |error| users.refusal(head, needed, error);
        let known = users.identify(&head.headers, peer).await.map_err(|doubt| match doubt {
            Doubt::Wrong => refused(None),
            Doubt::Token => refused(Some("invalid_token")),
            Doubt::TooMany(wait) => Refusal::TooMany { wait },
        })?;
        let Some(known) = known else {
            // Whether anybody is asked at all is what clients learn from an address that needs nothing. The catalog is another
            // one for each: a client that has a password and was not asked for it would take the strangers' for its own.
            let says_nothing = !head.headers.contains_key(AUTHORIZATION);
            let lists = needed.all == Scopes::catalog() && says_nothing;
            let asks = self.rules().is_none() || needed.all.is_empty() || lists;
            return if asks {
                Err(refused(None))
            } else {
                self.pass(Known::default(), needed).map_err(|_| refused(None))
            };
        };
        if known.user.is_none() && self.rules().is_none() {
            // A token of nobody, from when there were rules for strangers.
            return Err(refused(Some("invalid_token")));
        }
        let (is_nobody, scopes) = (known.user.is_none(), known.scopes.clone());
        let insufficient = || refused(Some("insufficient_scope"));
        let pass = self.pass(known, needed).map_err(|refusal| if is_nobody { insufficient() } else { refusal })?;
        let used = needed.without_source.as_ref().filter(|_| pass.hides_source).unwrap_or(&needed.all);
        if scopes.is_some_and(|scopes| !scopes.covers(used)) { Err(insufficient()) } else { Ok(pass) }
    }

    /// The name of this registry in tokens, where it gives some.
    pub(super) fn service(&self) -> Option<&str> {
        let Door::Htpasswd(users) = &self.door else { return None };
        users.desk.as_ref().map(Desk::service)
    }

    /// Gives somebody a token; whoever gives none refuses.
    pub(super) async fn issue(&self, ask: Ask, peer: Peer) -> Result<Issued, Refusal> {
        let nothing = || Refusal::Denied { needed: Scopes::none() };
        let Door::Htpasswd(users) = &self.door else { return Err(nothing()) };
        let desk = users.desk.as_ref().ok_or_else(nothing)?;
        users.issue(desk, ask, peer, |known| self.rights(known)).await
    }

    fn rights(&self, known: &Known) -> Rights {
        Rights { user: known.user.clone(), rules: self.rules(), grants: known.grants.clone() }
    }

    /// What somebody who is known, or nobody, gets of what they need.
    fn pass(&self, known: Known, needed: &Needed) -> Result<Pass, Refusal> {
        let rights = self.rights(&known);
        let hides_source = !rights.cover(&needed.all);
        if hides_source && !needed.without_source.as_ref().is_some_and(|own| rights.cover(own)) {
            // A stranger is about to be asked who they are, as in the beginning of every other pull.
            if let Some(User(name)) = &known.user {
                let needed = &needed.all;
                // Who looks for the reason must not look at the other of two places.
                let whole = Rights { grants: None, ..rights.clone() };
                match known.via.as_ref().filter(|_| whole.cover(needed)) {
                    Some(id) => {
                        let what = "the scope of the API token does not allow what is asked";
                        tracing::info!(auth.user.name = name, auth.token.id = id, %needed, "{what}");
                    }
                    None => tracing::info!(auth.user.name = name, %needed, "access.rules do not allow what is asked"),
                }
            }
            return Err(Refusal::Denied { needed: needed.all.clone() });
        }
        Ok(Pass { user: known.user, rights, hides_source })
    }
}

/// Who a client says it is, where nobody asks for proof: a proxy in front may have asked.
pub(super) fn claimed(headers: &HeaderMap) -> Option<String> {
    basic::credentials(headers).map(|credentials| credentials.user)
}

/// Whether a text is a scope of an API token.
///
/// # Errors
/// It is none.
pub(crate) fn check_scope(text: &str) -> Result<(), impl std::error::Error> {
    read_scope(text).map(|_| ())
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
