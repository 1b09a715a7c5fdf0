//! Bearer tokens: fetched once for a set of scopes, kept until shortly before they expire, shared by everybody who asks
//! at the same time (distribution, "Token Authentication" and "OAuth2 Token Authentication").

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::{Method, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use url::{Url, form_urlencoded};

use super::super::credentials::{Credential, Found, Secret};
use super::super::error::{Error, Result};
use super::super::transport::{Answer, Call, Payload, Place, Transport};
use super::basic;
use crate::spec::Scopes;
use crate::sys::Clock;

/// Lifetime of a token that does not say, and the least that is believed (distribution's token specification).
const LIFETIME_SECS_MIN: i64 = 60;

/// A token is not used in its last seconds: it would expire on its way.
const MARGIN_SECS: i64 = 5;

/// Largest answer of a token server. Real ones stay below 10 KiB.
const TOKEN_BODY_BYTES_MAX: usize = 64 << 10;

/// Most tokens kept. A run over more repositories than that has done with the first ones.
const TOKENS_MAX: usize = 512;

const CLIENT_ID: &str = "reg";

/// What a token has to be good for.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) realm: Url,
    pub(super) service: Option<String>,
    pub(super) scopes: Scopes,
    pub(super) found: Option<Found>,
}

#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) text: Secret,
    expires_at: Timestamp,
    wanted: Wanted,
}

impl Token {
    fn serves(&self, wanted: &Wanted, now: Timestamp) -> bool {
        let credential = |wanted: &Wanted| wanted.found.as_ref().map(|found| found.credential.clone());
        self.expires_at > now
            && self.wanted.realm == wanted.realm
            && self.wanted.service == wanted.service
            && credential(&self.wanted) == credential(wanted)
            && self.wanted.scopes.covers(&wanted.scopes)
    }
}

/// A lock for everybody who wants the same token.
type Flight = Arc<tokio::sync::Mutex<()>>;

#[derive(Debug, Default)]
pub(super) struct Tokens {
    kept: Mutex<Vec<Token>>,
    flights: Mutex<HashMap<String, Flight>>,
    /// Refresh tokens that took the place of the ones we came with.
    rotated: Mutex<HashMap<Secret, Secret>>,
}

impl Tokens {
    /// A token, and whether it was fetched just now. `renew` distrusts what is kept.
    pub(super) async fn get(
        &self,
        transport: &Transport,
        clock: &Clock,
        wanted: &Wanted,
        renew: bool,
    ) -> Result<(Token, bool)> {
        let refused = if renew { self.take(wanted, clock.now()) } else { None };
        if let Some(token) = self.kept(wanted, clock.now()).filter(|_| !renew) {
            return Ok((token, false));
        }
        let flight = self.flight(wanted);
        let _turn = flight.lock().await;
        // Whoever had the turn before may have brought what we came for.
        let brought = self.kept(wanted, clock.now());
        if let Some(token) = brought.filter(|t| refused.as_ref().is_none_or(|refused| refused.text != t.text)) {
            return Ok((token, true));
        }
        let token = self.fetch(transport, clock, wanted).await?;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|token| token.expires_at > clock.now());
        if kept.len() >= TOKENS_MAX {
            kept.remove(0);
        }
        kept.push(token.clone());
        Ok((token, true))
    }

    fn kept(&self, wanted: &Wanted, now: Timestamp) -> Option<Token> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().rev().find(|token| token.serves(wanted, now)).cloned()
    }

    /// Takes the token out that would be used for `wanted`.
    fn take(&self, wanted: &Wanted, now: Timestamp) -> Option<Token> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().rposition(|token| token.serves(wanted, now))?;
        Some(kept.remove(at))
    }

    fn flight(&self, wanted: &Wanted) -> Flight {
        let key = format!("{} {:?} {}", wanted.realm, wanted.service, wanted.scopes);
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        flights.retain(|_, flight| Arc::strong_count(flight) > 1);
        Arc::clone(flights.entry(key).or_default())
    }

    async fn fetch(&self, transport: &Transport, clock: &Clock, wanted: &Wanted) -> Result<Token> {
        let credential = wanted.found.as_ref().map(|found| &found.credential);
        let answer = match credential {
            Some(Credential::IdentityToken { token, .. }) => {
                let rotated = self.rotated.lock().unwrap_or_else(PoisonError::into_inner).get(token).cloned();
                let answer = post(transport, wanted, rotated.as_ref().unwrap_or(token)).await?;
                match answer.status() {
                    StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => get(transport, wanted).await?,
                    _ => answer,
                }
            }
            _ => get(transport, wanted).await?,
        };
        // A token counts from when it arrived: server clocks are not ours.
        let now = clock.now();
        let document = read(answer, wanted).await?;
        if let (Some(Credential::IdentityToken { token, .. }), Some(next)) = (credential, document.refresh_token)
            && !next.is_empty()
        {
            let mut rotated = self.rotated.lock().unwrap_or_else(PoisonError::into_inner);
            rotated.insert(token.clone(), Secret::new(next));
        }
        let text = [document.token, document.access_token].into_iter().flatten().find(|text| !text.is_empty());
        let text = text.ok_or_else(|| failure(wanted, "the token server returned no token".into(), false))?;
        let lifetime = document.expires_in.unwrap_or(LIFETIME_SECS_MIN).clamp(LIFETIME_SECS_MIN, 365 * 86_400);
        let expires_at = now.saturating_add(SignedDuration::from_secs(lifetime - MARGIN_SECS)).unwrap_or(now);
        Ok(Token { text: Secret::new(text), expires_at, wanted: wanted.clone() })
    }
}

/// What a token server answers. `issued_at` is not read: see [`Tokens::fetch`].
#[derive(Deserialize)]
struct Document {
    token: Option<String>,
    access_token: Option<String>,
    refresh_token: Option<String>,
    #[serde(default, deserialize_with = "whole_seconds")]
    expires_in: Option<i64>,
}

/// Some servers write `3600.0` or `"3600"`.
fn whole_seconds<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Ok(match serde_json::Value::deserialize(deserializer)? {
        #[expect(clippy::cast_possible_truncation, reason = "saturates, and is clamped later")]
        serde_json::Value::Number(number) => number.as_i64().or_else(|| number.as_f64().map(|secs| secs as i64)),
        serde_json::Value::String(text) => text.parse().ok(),
        _ => None,
    })
}

/// `GET realm?service=…&scope=…&scope=…`, with a password where there is one.
async fn get(transport: &Transport, wanted: &Wanted) -> Result<Answer> {
    let mut url = wanted.realm.clone();
    {
        let mut query = url.query_pairs_mut();
        if let Some(service) = &wanted.service {
            query.append_pair("service", service);
        }
        for scope in wanted.scopes.texts() {
            query.append_pair("scope", &scope);
        }
        query.append_pair("client_id", CLIENT_ID);
        if let Some(Found { credential: Credential::Basic { user, .. }, .. }) = &wanted.found {
            query.append_pair("account", user);
        }
    }
    let mut call = Call::new(Method::GET, Place::Realm(url), Scopes::none());
    if let Some(header) = wanted.found.as_ref().and_then(|found| basic(&found.credential)) {
        call = call.header(header::AUTHORIZATION, &header);
    }
    transport.send_bare(call).await
}

/// `POST realm` with a refresh token in a form.
async fn post(transport: &Transport, wanted: &Wanted, refresh_token: &Secret) -> Result<Answer> {
    let call = Call::new(Method::POST, Place::Realm(wanted.realm.clone()), Scopes::none())
        .payload(Payload::Bytes(form(wanted, refresh_token).into()), "application/x-www-form-urlencoded");
    transport.send_bare(call).await
}

fn form(wanted: &Wanted, refresh_token: &Secret) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "refresh_token");
    form.append_pair("client_id", CLIENT_ID);
    if let Some(service) = &wanted.service {
        form.append_pair("service", service);
    }
    if !wanted.scopes.is_empty() {
        form.append_pair("scope", &wanted.scopes.to_string());
    }
    form.append_pair("refresh_token", refresh_token.expose());
    form.finish()
}

async fn read(answer: Answer, wanted: &Wanted) -> Result<Document> {
    let status = answer.status();
    if !status.is_success() {
        let refusal = answer.refusal().await;
        // Some answer 400 `invalid_grant` to a bad password (RFC 6749 §5.2).
        let denied = matches!(status.as_u16(), 400 | 401 | 403);
        let said = match (refusal.codes.first(), refusal.message.is_empty()) {
            (Some(code), true) => format!("{} {code}", status.as_u16()),
            (Some(code), false) => format!("{} {code} ({})", status.as_u16(), refusal.message),
            (None, true) => status.to_string(),
            (None, false) => format!("{status} ({})", refusal.message),
        };
        return Err(failure(wanted, said, denied));
    }
    let body = answer.bytes(TOKEN_BODY_BYTES_MAX).await?;
    serde_json::from_slice(&body).map_err(|_| failure(wanted, "its answer is no token document".into(), false))
}

fn failure(wanted: &Wanted, reason: String, denied: bool) -> Error {
    let mut realm = wanted.realm.clone();
    realm.set_query(None);
    let (origin, user) = match &wanted.found {
        Some(found) => (Some(found.origin.clone()), found.credential.user()),
        None => (None, None),
    };
    Error::Token { realm: super::super::transport::redacted(&realm), reason, denied, origin, user }
}
