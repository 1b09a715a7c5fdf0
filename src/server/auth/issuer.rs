//! Bearer tokens of our own: given to who shows a password, taken back from whoever bears them.
//!
//! They are JSON Web Tokens (RFC 7519) with one header, which is compared and not read, so that a token has no say in how it
//! is verified. The keys come from `http.secret`: every server that has the same takes the same tokens. Nothing is kept.
//!
//! Knows no request and no rule. What a token allows is the upper bound: what its user may do is asked at each use.

use std::fmt;
use std::time::Duration;

use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};

use super::rules;
use crate::spec::{Resource, Scopes};
use crate::sys::{self, Clock};

/// `{"alg":"HS256","typ":"JWT"}`
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

/// Who makes them: no other program's tokens are taken for ours.
const ISSUER: &str = "reg";

/// Longest token, in bytes.
const TOKEN_BYTES_MAX: usize = 48 << 10;

/// How long a refresh token is good for: somebody who logs in once a quarter.
const REFRESH: Duration = Duration::from_secs(90 * 24 * 3600);

/// Seconds that the clocks of two servers may differ by.
const LEEWAY_SECS: i64 = 60;

/// About whom a token is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Subject {
    /// Nobody, where strangers may do something.
    #[serde(rename = "sub", skip_serializing_if = "Option::is_none")]
    pub(super) user: Option<String>,
    /// What the user's line looked like: a token ends when it changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stamp: Option<String>,
    /// The API token that was shown instead of a password; it narrows this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) via: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    /// Two tokens of one second differ.
    jti: String,
    #[serde(flatten)]
    subject: Subject,
    access: Vec<Access>,
}

#[derive(Serialize, Deserialize)]
struct Access {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    actions: Vec<String>,
}

/// What there are tokens for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To use the registry with.
    Access,
    /// To get new ones with.
    Refresh,
}

/// Signs and verifies.
pub(crate) struct Issuer {
    service: String,
    lifetime: Duration,
    clock: Clock,
    access: hmac::Key,
    refresh: hmac::Key,
    stamps: hmac::Key,
    /// Whether the keys outlive this process.
    is_lasting: bool,
}

impl Issuer {
    /// `secret`: what all servers of this registry share; without, tokens end with this process.
    pub(crate) fn new(service: &str, lifetime: Duration, secret: Option<&str>, clock: Clock) -> Self {
        let random: [u8; 32] = sys::random();
        let material = secret.map_or(&random[..], str::as_bytes);
        // Each purpose and each service has a key of its own: what is for one is nothing for another.
        let extracted = Salt::new(HKDF_SHA256, b"reg tokens").extract(material);
        let key = |purpose: &str| {
            let mut bytes = [0; 32];
            let info = [purpose.as_bytes(), &[0], service.as_bytes()];
            let filled = extracted.expand(&info, HMAC_SHA256).and_then(|okm| okm.fill(&mut bytes));
            // A hash of 32 bytes gives 32 bytes: were it ever otherwise, no token would outlive the process.
            hmac::Key::new(HMAC_SHA256, &filled.map_or_else(|_| sys::random::<32>(), |()| bytes))
        };
        let (access, refresh, stamps) = (key("access"), key("refresh"), key("stamp"));
        Self { service: service.to_owned(), lifetime, clock, access, refresh, stamps, is_lasting: secret.is_some() }
    }

    pub(super) fn service(&self) -> &str {
        &self.service
    }

    pub(super) fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// Whether it makes sense to keep a refresh token: it would be worth nothing after a restart.
    pub(super) fn is_lasting(&self) -> bool {
        self.is_lasting
    }

    /// What stands for the line of a user, and tells nothing about it.
    pub(super) fn stamp(&self, user: &str, hash: &str) -> String {
        let tag = hmac::sign(&self.stamps, format!("{user}\0{hash}").as_bytes());
        BASE64URL_NOPAD.encode(&tag.as_ref()[..12])
    }

    /// A token, and when it was made.
    pub(super) fn sign(&self, purpose: Purpose, subject: Subject, access: &Scopes) -> (String, jiff::Timestamp) {
        let now = self.clock.now();
        let lifetime = match purpose {
            Purpose::Access => self.lifetime,
            Purpose::Refresh => REFRESH,
        };
        let access = access.iter().map(|(resource, actions)| Access {
            kind: resource.kind.clone(),
            name: resource.name.clone(),
            actions: actions.iter().cloned().collect(),
        });
        let claims = Claims {
            iss: ISSUER.into(),
            aud: self.service.clone(),
            iat: now.as_second(),
            nbf: now.as_second(),
            exp: now.as_second().saturating_add_unsigned(lifetime.as_secs()),
            jti: BASE64URL_NOPAD.encode(&sys::random::<12>()),
            subject,
            access: access.collect(),
        };
        let claims = serde_json::to_vec(&claims).unwrap_or_default();
        let signed = format!("{HEADER}.{}", BASE64URL_NOPAD.encode(&claims));
        let tag = hmac::sign(self.key(purpose), signed.as_bytes());
        (format!("{signed}.{}", BASE64URL_NOPAD.encode(tag.as_ref())), now)
    }

    /// What a token says that counts now; `None` for any other.
    pub(super) fn read(&self, purpose: Purpose, token: &str) -> Option<(Subject, Scopes)> {
        if token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let (signed, tag) = token.rsplit_once('.')?;
        let claims = signed.strip_prefix(HEADER)?.strip_prefix('.')?;
        let tag = BASE64URL_NOPAD.decode(tag.as_bytes()).ok()?;
        hmac::verify(self.key(purpose), signed.as_bytes(), &tag).ok()?;
        let claims: Claims = serde_json::from_slice(&BASE64URL_NOPAD.decode(claims.as_bytes()).ok()?).ok()?;
        let now = self.clock.now().as_second();
        let holds = now <= claims.exp.saturating_add(LEEWAY_SECS) && now >= claims.nbf.saturating_sub(LEEWAY_SECS);
        if !holds || claims.iss != ISSUER || claims.aud != self.service {
            return None;
        }
        let scopes = claims.access.iter().fold(Scopes::none(), |scopes, access| {
            let actions: Vec<&str> = access.actions.iter().map(String::as_str).collect();
            scopes.with(Resource { kind: access.kind.clone(), name: access.name.clone() }, &actions)
        });
        Some((claims.subject, scopes))
    }

    fn key(&self, purpose: Purpose) -> &hmac::Key {
        match purpose {
            Purpose::Access => &self.access,
            Purpose::Refresh => &self.refresh,
        }
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Issuer(for {:?})", self.service)
    }
}

/// Of what somebody asks for, what `covers` says that they may have. `repository(plugin)` is a repository with a class.
pub(super) fn granted(asked: &Scopes, covers: impl Fn(&Scopes) -> bool) -> Scopes {
    let mut granted = Scopes::none();
    for (resource, actions) in asked.iter() {
        let kind = resource.kind.split_once('(').map_or(resource.kind.as_str(), |(kind, _)| kind);
        let resource = Resource { kind: kind.to_owned(), name: resource.name.clone() };
        let every = rules::Action::ALL.map(rules::Action::name);
        let names: Vec<&str> = actions.iter().map(String::as_str).collect();
        let asks_all = resource.kind == "repository" && names.contains(&rules::ALL);
        for action in if asks_all { every.to_vec() } else { names } {
            let one = Scopes::none().with(resource.clone(), &[action]);
            if covers(&one) {
                granted = granted.union(&one);
            }
        }
    }
    granted
}

#[cfg(test)]
#[path = "issuer_tests.rs"]
mod tests;
