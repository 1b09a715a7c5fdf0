//! Where users get bearer tokens: who asks for what, and what is given. `server/api/token.rs` speaks HTTP for it.

use std::fmt;

use http::request::Parts;
use jiff::Timestamp;

use super::basic::Credentials;
use super::issuer::{self, Issuer, Purpose, Subject};
use super::refused::Fault;
use super::rights::Rights;
use super::users::{Doubt, Known, Users};
use super::{Refusal, User};
use crate::server::face::Face;
use crate::server::origin;
use crate::server::peer::Peer;
use crate::spec::Scopes;

/// Path of the desk, behind `http.prefix`.
pub(in crate::server) const PATH: &str = "/token";

/// Gives out bearer tokens.
pub(crate) struct Desk {
    pub(super) issuer: Issuer,
    face: Face,
    /// What the server itself speaks.
    scheme: &'static str,
}

/// Who asks for a token.
#[derive(Debug)]
pub(in crate::server) enum Asker {
    /// Nobody: for what strangers may do.
    Nobody,
    Password(Credentials),
    /// Somebody who was here before.
    Refresh(String),
    /// Somebody whose credentials cannot be read.
    Garbled,
}

/// What is asked for.
#[derive(Debug)]
pub(in crate::server) struct Ask {
    pub(in crate::server) asker: Asker,
    pub(in crate::server) scopes: Scopes,
    /// Whether a refresh token is wanted.
    pub(in crate::server) offline: bool,
}

/// What is given.
#[derive(Debug)]
pub(in crate::server) struct Issued {
    pub(in crate::server) user: Option<User>,
    pub(in crate::server) token: String,
    pub(in crate::server) scopes: Scopes,
    pub(in crate::server) at: Timestamp,
    pub(in crate::server) lifetime_secs: u64,
    pub(in crate::server) refresh: Option<String>,
}

impl Desk {
    /// `scheme`: what the server itself speaks.
    pub(crate) fn new(issuer: Issuer, face: Face, scheme: &'static str) -> Self {
        Self { issuer, face, scheme }
    }

    pub(in crate::server) fn service(&self) -> &str {
        self.issuer.service()
    }

    /// Where this client finds the desk; `None` where it does not say how it calls us.
    pub(super) fn realm(&self, head: &Parts) -> Option<String> {
        origin::own(head, self.scheme, &self.face, PATH)
    }
}

impl Users {
    /// Gives a token for as much of what is asked as the asker may do.
    pub(super) async fn issue(
        &self,
        desk: &Desk,
        ask: Ask,
        peer: Peer,
        rights: impl Fn(&Known) -> Rights,
    ) -> Result<Issued, Refusal> {
        let refused = || self.refusal_for_password();
        let (known, offline, old) = match ask.asker {
            Asker::Nobody => (Known::default(), false, None),
            Asker::Garbled => {
                self.tell_refused(None, peer, Fault::Unreadable);
                return Err(refused());
            }
            Asker::Password(Credentials { user, password }) => {
                let known = self.by_password(&user, &password, peer).await.map_err(|doubt| match doubt {
                    Doubt::TooMany(wait) => Refusal::TooMany { wait },
                    Doubt::Wrong | Doubt::Token => refused(),
                })?;
                (known, ask.offline, None)
            }
            Asker::Refresh(token) => {
                let read = desk.issuer.read(Purpose::Refresh, &token);
                let Some(known) = read.and_then(|(subject, _)| self.by_subject(subject)) else {
                    self.tell_refused(None, peer, Fault::RefreshToken);
                    return Err(refused());
                };
                (known, true, Some(token))
            }
        };
        let rights = rights(&known);
        if known.user.is_none() && !rights.admit_strangers() {
            return Err(refused());
        }
        let scopes = issuer::granted(&ask.scopes, |one| rights.cover(one));
        let subject = self.subject(&known).ok_or_else(refused)?;
        let refresh = match old {
            // It keeps its end: whoever stole it does not have it for ever.
            Some(old) => Some(old),
            None => (offline && known.user.is_some() && desk.issuer.is_lasting())
                .then(|| desk.issuer.sign(Purpose::Refresh, subject.clone(), &Scopes::none()).0),
        };
        let (token, at) = desk.issuer.sign(Purpose::Access, subject, &scopes);
        let lifetime_secs = desk.issuer.lifetime().as_secs();
        Ok(Issued { user: known.user, token, scopes, at, lifetime_secs, refresh })
    }

    /// About whom a token for somebody is; `None` where they are gone meanwhile.
    fn subject(&self, known: &Known) -> Option<Subject> {
        let Some(User(user)) = &known.user else { return Some(Subject::default()) };
        Some(Subject { user: Some(user.clone()), stamp: Some(self.stamp(user)?), via: known.via.clone() })
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.issuer.fmt(f)
    }
}
