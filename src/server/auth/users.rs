//! The users of `auth.htpasswd`, by whatever they show: a password, an API token, or a bearer token of ours.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use http::request::Parts;

use super::access::Needed;
use super::api_token::{ApiTokens, Holder, Shown};
use super::basic;
use super::desk::Desk;
use super::issuer::{Purpose, Subject};
use super::passwords::Passwords;
use super::refused::{Fault, RefusedLogins};
use super::rules::Grant;
use super::token::bearer;
use super::token_file::{self, TokenFileError};
use super::{Refusal, User, quoted};
use crate::server::peer::Peer;
use crate::server::watched::Watched;
use crate::spec::{Challenge, Scopes};
use crate::sys::Clock;

/// The users of one registry.
pub(crate) struct Users {
    realm: String,
    passwords: Passwords,
    clock: Clock,
    refused: RefusedLogins,
    /// `tokens.file`
    api_tokens: Option<Watched<ApiTokens, TokenFileError>>,
    /// Where they get bearer tokens, if they do.
    pub(super) desk: Option<Desk>,
}

/// Somebody whose word was checked.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// `None` for who bears a token of nobody.
    pub(super) user: Option<User>,
    /// What the API token allows that they showed.
    pub(super) grants: Option<Arc<[Grant]>>,
    /// What the bearer token allows that they showed.
    pub(super) scopes: Option<Scopes>,
    /// The API token behind it.
    pub(super) via: Option<String>,
}

impl Known {
    /// A user who may do all that a user of that name may.
    pub(super) fn user(name: &str) -> Self {
        Self { user: Some(User(name.to_owned())), ..Self::default() }
    }

    /// Whoever has an API token.
    fn holder(holder: Holder) -> Self {
        Self { user: Some(User(holder.owner)), grants: Some(holder.grants), scopes: None, via: Some(holder.id) }
    }
}

/// Why somebody is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// What was shown is nobody's.
    Wrong,
    /// A bearer token that does not count, or not any more.
    Token,
    TooMany(Duration),
}

impl Users {
    pub(crate) fn new(realm: &str, passwords: Passwords, clock: Clock) -> Self {
        let refused = RefusedLogins::default();
        Self { realm: realm.to_owned(), passwords, clock, refused, api_tokens: None, desk: None }
    }

    /// Takes the API tokens of a file, too, as they are at each request.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn with_api_tokens(mut self, path: &Path) -> Result<Self, TokenFileError> {
        let file = path.to_owned();
        self.api_tokens = Some(Watched::open(vec![path.to_owned()], move || token_file::load(&file))?);
        Ok(self)
    }

    /// Gives out bearer tokens.
    pub(crate) fn with_desk(mut self, desk: Desk) -> Self {
        self.desk = Some(desk);
        self
    }

    /// Reads the files again, though they look as before.
    pub(super) fn reread(&self) {
        self.passwords.reread();
        if let Some(tokens) = &self.api_tokens {
            tokens.reread();
        }
    }

    /// Whether somebody may show what allows less than its owner may do.
    pub(super) fn have_api_tokens(&self) -> bool {
        self.api_tokens.is_some()
    }

    /// Who sent a request; `None` where it names nobody.
    pub(super) async fn identify(&self, headers: &HeaderMap, peer: Peer) -> Result<Option<Known>, Doubt> {
        if basic::is_nobody(headers) {
            return Ok(None);
        }
        if let Some(token) = bearer(headers) {
            return match Shown::read(token) {
                Some(shown) => self.by_api_token(&shown, None, peer),
                None => self.by_bearer_token(token),
            }
            .map(Some);
        }
        let Some(credentials) = basic::credentials(headers) else {
            self.tell_refused(None, peer, Fault::Unreadable);
            return Err(Doubt::Wrong);
        };
        self.by_password(&credentials.user, &credentials.password, peer).await.map(Some)
    }

    /// By name and password; an API token is a password of its owner.
    pub(super) async fn by_password(&self, user: &str, password: &[u8], peer: Peer) -> Result<Known, Doubt> {
        if let Some(shown) = std::str::from_utf8(password).ok().and_then(Shown::read) {
            return self.by_api_token(&shown, Some(user), peer);
        }
        match self.passwords.verify(user, password, peer).await {
            Ok(true) => Ok(Known::user(user)),
            Ok(false) => {
                let is_known = self.passwords.hash(user).is_some();
                let fault = if is_known { Fault::WrongPassword } else { Fault::UnknownUser };
                self.tell_refused(Some(user), peer, fault);
                Err(Doubt::Wrong)
            }
            Err(wait) => {
                self.tell_refused(Some(user), peer, Fault::TooMany);
                Err(Doubt::TooMany(wait))
            }
        }
    }

    /// `user`: the name beside the token, where there is one. Another one than the owner's is not taken: the log would
    /// name somebody whom the client does not know of.
    fn by_api_token(&self, shown: &Shown<'_>, user: Option<&str>, peer: Peer) -> Result<Known, Doubt> {
        let now = self.clock.now();
        let holder = self.api_tokens.as_ref().and_then(|tokens| tokens.current().value.holder(shown, now));
        // A token goes with its owner.
        let holder = holder.filter(|holder| self.passwords.hash(&holder.owner).is_some());
        let fault = match holder {
            Some(holder) if user.is_none_or(|user| user == holder.owner) => return Ok(Known::holder(holder)),
            Some(Holder { ref owner, .. }) => Fault::OthersToken { id: shown.id(), owner },
            None => Fault::ApiToken { id: shown.id() },
        };
        let doubt = match self.passwords.failures.begin(peer, &format!("token:{}", shown.id()), now) {
            Ok(()) => Doubt::Wrong,
            Err(wait) => Doubt::TooMany(wait),
        };
        self.tell_refused(user, peer, if doubt == Doubt::Wrong { fault } else { Fault::TooMany });
        Err(doubt)
    }

    fn by_bearer_token(&self, token: &str) -> Result<Known, Doubt> {
        let desk = self.desk.as_ref().ok_or(Doubt::Wrong)?;
        let known = desk.issuer.read(Purpose::Access, token).and_then(|(subject, scopes)| {
            let known = self.by_subject(subject)?;
            Some(Known { scopes: Some(scopes), ..known })
        });
        known.ok_or_else(|| {
            tracing::info!("a bearer token is not taken: it is not ours, has expired, or its user has changed");
            Doubt::Token
        })
    }

    /// Says in the log that somebody is not let in.
    pub(super) fn tell_refused(&self, user: Option<&str>, peer: Peer, fault: Fault<'_>) {
        self.refused.tell(user, peer, fault, self.clock.now());
    }

    /// Whom a token of ours is about, if all that it was given for is still there.
    pub(super) fn by_subject(&self, subject: Subject) -> Option<Known> {
        let Some(user) = subject.user else { return Some(Known::default()) };
        if self.stamp(&user) != subject.stamp || subject.stamp.is_none() {
            return None;
        }
        let grants = match &subject.via {
            None => None,
            Some(id) => {
                let tokens = self.api_tokens.as_ref()?.current();
                let holder = tokens.value.holder_by_id(id, self.clock.now())?;
                Some(holder.grants).filter(|_| holder.owner == user)
            }
        };
        if grants.is_none() && subject.via.is_some() {
            return None;
        }
        Some(Known { user: Some(User(user)), grants, scopes: None, via: subject.via })
    }

    /// Stands for the user's line as it is now.
    pub(super) fn stamp(&self, user: &str) -> Option<String> {
        Some(self.desk.as_ref()?.issuer.stamp(user, &self.passwords.hash(user)?))
    }

    /// Tells a client how it may show who it is.
    pub(super) fn refusal(&self, head: &Parts, needed: &Needed, error: Option<&str>) -> Refusal {
        let desk = self.desk.as_ref().and_then(|desk| Some((desk, desk.realm(head)?)));
        match desk {
            Some((desk, realm)) => {
                let challenge = Challenge::bearer(&realm, desk.issuer.service(), &needed.all, error).to_string();
                Refusal::Unauthenticated { challenge, needed: needed.all.clone() }
            }
            None => self.refusal_for_password(),
        }
    }

    /// Tells whoever asks for a token to show a password.
    pub(super) fn refusal_for_password(&self) -> Refusal {
        let challenge = format!("Basic realm={}", quoted(&self.realm));
        Refusal::Unauthenticated { challenge, needed: Scopes::none() }
    }
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Users").field("passwords", &self.passwords).field("desk", &self.desk).finish_non_exhaustive()
    }
}
