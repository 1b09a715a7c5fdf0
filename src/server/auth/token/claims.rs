//! What a token says: about whom, from whom, for whom, until when, and what its bearer may do.

use serde::Deserialize;

use super::{Reason, shortened};
use crate::spec::{Resource, Scopes};

/// Seconds that clocks may differ by, as in distribution.
const LEEWAY_SECS: f64 = 60.0;

/// Longest user name that is told to the log, in characters.
const SUBJECT_CHARS_MAX: usize = 255;

/// The claims of a token whose signature counts.
#[derive(Debug)]
pub(super) struct Claims {
    /// Nothing that would break a line.
    pub(super) subject: Option<String>,
    pub(super) scopes: Scopes,
    /// Seconds since 1970, with fractions.
    not_before: f64,
    expires: f64,
}

/// As they are written (RFC 7519 §4.1, distribution's "Token Authentication Implementation").
#[derive(Deserialize)]
struct Raw {
    iss: Option<String>,
    sub: Option<String>,
    aud: Option<Audience>,
    exp: Option<f64>,
    nbf: Option<f64>,
    access: Option<Vec<Access>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// What may be done to one thing. `class` says which sort of images a repository is for, and limits nothing here.
#[derive(Deserialize)]
struct Access {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    actions: Option<Vec<String>>,
}

impl Claims {
    /// Reads the claims of somebody who is to be `issuer`, for `service`.
    pub(super) fn read(bytes: &[u8], issuer: &str, service: &str) -> Result<Self, Reason> {
        let raw: Raw = serde_json::from_slice(bytes).map_err(Reason::Claims)?;
        if raw.iss.as_deref() != Some(issuer) {
            return Err(Reason::Issuer(shortened(&raw.iss.unwrap_or_default())));
        }
        let is_meant = match &raw.aud {
            Some(Audience::One(one)) => one == service,
            Some(Audience::Many(many)) => many.iter().any(|one| one == service),
            None => false,
        };
        if !is_meant {
            return Err(Reason::Audience);
        }
        let expires = raw.exp.ok_or(Reason::NoExpiry)?;
        let scopes = raw.access.unwrap_or_default().iter().fold(Scopes::none(), |scopes, access| {
            let actions: Vec<&str> = access.actions.iter().flatten().map(String::as_str).collect();
            // `repository(plugin)` is a repository with a class.
            let kind = access.kind.split_once('(').map_or(access.kind.as_str(), |(kind, _)| kind);
            scopes.with(Resource { kind: kind.into(), name: access.name.clone() }, &actions)
        });
        Ok(Self { subject: subject(raw.sub), scopes, not_before: raw.nbf.unwrap_or_default(), expires })
    }

    /// Whether they hold at `now`, in seconds since 1970.
    pub(super) fn hold_at(&self, now: f64) -> Result<(), Reason> {
        if now > self.expires + LEEWAY_SECS {
            Err(Reason::Expired)
        } else if now < self.not_before - LEEWAY_SECS {
            Err(Reason::NotYet)
        } else {
            Ok(())
        }
    }
}

fn subject(text: Option<String>) -> Option<String> {
    let shown: String = text?.chars().filter(|c| !c.is_control()).take(SUBJECT_CHARS_MAX).collect();
    (!shown.is_empty()).then_some(shown)
}
