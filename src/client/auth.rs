//! Answering challenges: which scheme a registry wants, and the `Authorization` that satisfies it.
//!
//! Nothing is sent, and no helper started, before a registry has asked. What it asked is remembered for the process, so
//! that one refusal is all it costs.

mod token;

use std::sync::{Arc, Mutex, PoisonError};

use data_encoding::BASE64;
use http::{HeaderValue, StatusCode};
use url::Url;

use self::token::{Token, Tokens, Wanted};
use super::RemoteOptions;
use super::credentials::{Credential, Found, Keychain};
use super::error::{Error, Result};
use super::transport::{Answer, Transport};
use super::trust;
use crate::spec::{Challenge, Host, Repository, Scopes};
use crate::sys::Clock;

/// Credentials are answered with this many times in one request; a registry that asks on means no.
const ROUNDS_MAX: u32 = 3;

/// What a registry wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Basic,
    Bearer { realm: Url, service: Option<String> },
}

/// What has been tried in the course of one request.
#[derive(Debug, Default)]
pub(super) struct Round {
    count: u32,
    used: Option<Used>,
    /// Scopes that the registry named beyond ours.
    named: Scopes,
    /// The token in the cache has been refused.
    renew: bool,
    widened: bool,
}

#[derive(Debug)]
enum Used {
    Basic,
    Bearer { fresh: bool, scopes: Scopes },
}

#[derive(Debug)]
pub(super) struct Auth {
    host: Host,
    keychain: Arc<Keychain>,
    clock: Clock,
    scheme: Mutex<Option<Scheme>>,
    tokens: Tokens,
}

impl Auth {
    pub(super) fn new(host: Host, options: &RemoteOptions) -> Self {
        let (keychain, clock) = (Arc::clone(&options.keychain), options.clock.clone());
        Self { host, keychain, clock, scheme: Mutex::new(None), tokens: Tokens::default() }
    }

    /// What the registry has asked for so far.
    pub(super) fn scheme(&self) -> Option<Scheme> {
        self.scheme.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn is_bearer(&self) -> bool {
        matches!(self.scheme(), Some(Scheme::Bearer { .. }))
    }

    fn learn(&self, scheme: Scheme) {
        *self.scheme.lock().unwrap_or_else(PoisonError::into_inner) = Some(scheme);
    }

    /// The header to send along, as far as the registry has said what it wants.
    pub(super) async fn authorization(
        &self,
        transport: &Transport,
        scopes: &Scopes,
        round: &mut Round,
    ) -> Result<Option<HeaderValue>> {
        let Some(scheme) = self.scheme() else { return Ok(None) };
        let found = self.credentials(transport, scopes).await;
        let text = match (scheme, found.as_ref().map(|found| &found.credential)) {
            (_, Some(Credential::RegistryToken { token })) => {
                round.used = Some(Used::Bearer { fresh: true, scopes: scopes.clone().union(&round.named) });
                format!("Bearer {}", token.expose())
            }
            (Scheme::Basic, Some(credential)) => {
                round.used = Some(Used::Basic);
                let Some(header) = basic(credential) else { return Ok(None) };
                header
            }
            (Scheme::Basic, None) => return Ok(None),
            (Scheme::Bearer { realm, service }, _) => {
                let scopes = scopes.clone().union(&round.named);
                let wanted = Wanted { realm, service, scopes, found };
                let (Token { text, .. }, fresh) =
                    self.tokens.get(transport, &self.clock, &wanted, std::mem::take(&mut round.renew)).await?;
                round.used = Some(Used::Bearer { fresh, scopes: wanted.scopes });
                format!("Bearer {}", text.expose())
            }
        };
        let mut header = HeaderValue::from_str(&text).map_err(|_| Error::Credentials {
            place: format!("credentials for {}", self.host),
            reason: "holds characters that no HTTP header can carry".into(),
        })?;
        header.set_sensitive(true);
        Ok(Some(header))
    }

    /// Takes in a 401 or 403; true when the request has a chance with what [`Auth::authorization`] says now.
    pub(super) async fn challenged(
        &self,
        transport: &Transport,
        answer: &Answer,
        scopes: &Scopes,
        round: &mut Round,
    ) -> Result<bool> {
        round.count += 1;
        if round.count > ROUNDS_MAX {
            return Ok(false);
        }
        let challenges = answer.challenges();
        if answer.status() == StatusCode::FORBIDDEN {
            return Ok(self.widen(&challenges, round));
        }
        let (scheme, named) = match pick(&challenges, answer.url()) {
            Some(picked) => picked,
            None if round.used.is_some() => return Ok(false),
            None if challenges.is_empty() => match self.ask_root(transport, scopes).await? {
                // What the root names is a placeholder on some registries.
                Some(scheme) => (scheme, Scopes::none()),
                None => return Ok(false),
            },
            None => return Ok(false),
        };
        if let Scheme::Bearer { realm, .. } = &scheme {
            trust::check_realm(transport.base().await?, realm).map_err(|reason| Error::Token {
                realm: realm.to_string(),
                reason,
                denied: false,
                origin: None,
                user: None,
            })?;
        }
        let again = match (&scheme, &round.used) {
            (Scheme::Basic, Some(Used::Basic)) => false,
            (Scheme::Basic, _) => self.credentials(transport, scopes).await.is_some(),
            // A fresh token for all that is asked has been refused: asking again would change nothing.
            (Scheme::Bearer { .. }, Some(Used::Bearer { fresh: true, scopes })) => !scopes.covers(&named),
            (Scheme::Bearer { .. }, _) => true,
        };
        round.renew = round.used.is_some();
        round.named = std::mem::take(&mut round.named).union(&named);
        self.learn(scheme);
        Ok(again)
    }

    /// A 403 that names what the token lacks is worth one more token.
    fn widen(&self, challenges: &[Challenge], round: &mut Round) -> bool {
        let lacking = challenges
            .iter()
            .find(|c| c.is("bearer") && c.parameter("error") == Some("insufficient_scope"))
            .and_then(|c| c.parameter("scope"))
            .map(Scopes::parse_lenient)
            .unwrap_or_default();
        let again = !round.widened && !lacking.is_empty() && self.is_bearer();
        round.widened = true;
        round.renew = true;
        round.named = std::mem::take(&mut round.named).union(&lacking);
        again
    }

    /// A 401 without a challenge: the API's root may have one; otherwise whoever has a password tries it.
    async fn ask_root(&self, transport: &Transport, scopes: &Scopes) -> Result<Option<Scheme>> {
        let root = transport.root().await?;
        let picked = pick(&root.challenges(), root.url()).map(|(scheme, _)| scheme);
        match picked {
            Some(scheme) => Ok(Some(scheme)),
            None => Ok(self.credentials(transport, scopes).await.map(|_| Scheme::Basic)),
        }
    }

    async fn credentials(&self, transport: &Transport, scopes: &Scopes) -> Option<Found> {
        let repository = repository_of(scopes);
        self.keychain.lookup(&self.host, repository.as_ref(), &|event| transport.tell_once(event)).await
    }

    /// The user we come as, where the registry has asked and one is known.
    pub(super) async fn user(&self, transport: &Transport) -> Option<String> {
        self.credentials(transport, &Scopes::none()).await.and_then(|found| found.credential.user())
    }

    /// Adds to a refusal who was refused.
    pub(super) async fn denied(&self, error: Error, scopes: &Scopes) -> Error {
        let Error::Denied { refusal, .. } = error else { return error };
        let repository = repository_of(scopes);
        // Looked up before, hence from memory; without a challenge nothing was sent.
        let found = match self.scheme() {
            Some(_) => self.keychain.lookup(&self.host, repository.as_ref(), &|_| {}).await,
            None => None,
        };
        let (origin, user) = found.map_or((None, None), |found| (Some(found.origin), found.credential.user()));
        Error::Denied { refusal, origin, user }
    }
}

/// `Basic …` for credentials that have a password form.
pub(super) fn basic(credential: &Credential) -> Option<String> {
    let pair = match credential {
        Credential::Basic { user, password } => format!("{user}:{}", password.expose()),
        Credential::IdentityToken { user, token } => {
            format!("{}:{}", user.as_deref().unwrap_or("<token>"), token.expose())
        }
        Credential::RegistryToken { .. } => return None,
    };
    Some(format!("Basic {}", BASE64.encode(pair.as_bytes())))
}

/// The best challenge that can be answered, Bearer before Basic, and the scopes it names.
fn pick(challenges: &[Challenge], url: &Url) -> Option<(Scheme, Scopes)> {
    let bearer = challenges.iter().filter(|challenge| challenge.is("bearer")).find_map(|challenge| {
        // Some registries give a path; some give a query of their own.
        let realm = url.join(challenge.parameter("realm")?).ok()?;
        let service = challenge.parameter("service").map(Into::into);
        let named = challenge.parameter("scope").map(Scopes::parse_lenient).unwrap_or_default();
        Some((Scheme::Bearer { realm, service }, named))
    });
    let basic = || challenges.iter().any(|c| c.is("basic")).then(|| (Scheme::Basic, Scopes::none()));
    bearer.or_else(basic)
}

/// What the challenges of `answer` ask for.
pub(super) fn wanted(answer: &Answer) -> Option<Scheme> {
    pick(&answer.challenges(), answer.url()).map(|(scheme, _)| scheme)
}

/// The repository whose credentials count: the one that is written to, else the first.
fn repository_of(scopes: &Scopes) -> Option<Repository> {
    let repositories = || scopes.iter().filter(|(resource, _)| resource.kind == "repository");
    let written = repositories().find(|(_, actions)| actions.contains("push"));
    written.or_else(|| repositories().next()).and_then(|(resource, _)| resource.name.parse().ok())
}

#[cfg(test)]
#[path = "auth_tests.rs"]
mod tests;
