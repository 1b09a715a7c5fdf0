//! What may help with a refusal or a failure of a registry, by what it is and what the registry says. Words only.

use http::StatusCode;

use crate::{client, content};

/// Longest wait that is worth telling in seconds: a day.
const WAIT_SECS_TOLD_MAX: u64 = 86_400;

/// Words of refusals that are about who asks: registries say no more than that to strangers.
const ABOUT_WHO: [&str; 9] =
    ["access", "auth", "credential", "denied", "forbidden", "insufficient_scope", "log in", "login", "permission"];

/// Whether this is a refusal of somebody who may otherwise do it, in the registry's own words.
pub(super) fn is_explained(error: &content::Error) -> bool {
    let Some(client::Error::Denied { refusal, .. }) = error.source.downcast_ref() else { return false };
    let words = refusal.message.to_ascii_lowercase();
    refusal.status == StatusCode::FORBIDDEN
        && (is_quota(&words) || !(words.is_empty() || ABOUT_WHO.iter().any(|word| words.contains(word))))
}

/// Whether a refusal is for want of room.
fn is_quota(words: &str) -> bool {
    let words = words.to_ascii_lowercase();
    words.contains("quota") || words.contains("storage limit")
}

/// What may help with a failure of a registry, however deep it stands.
pub(super) fn hint(error: &content::Error) -> Option<String> {
    use client::Error as E;
    match error.source.downcast_ref::<E>()? {
        E::Denied { refusal, .. } if is_explained(error) => is_quota(&refusal.message).then(|| {
            "room is made by deleting what is not needed (reg delete, reg gc), and counted when the registry counts again".into()
        }),
        E::Refused(refusal) if refusal.status == StatusCode::SERVICE_UNAVAILABLE => {
            Some("the registry is out of order or overloaded: its log says why, and so does its health page (/debug/health) if it has one".into())
        }
        E::Denied { origin: Some(origin), user, .. } | E::Token { denied: true, origin: Some(origin), user, .. } => {
            let user = user.as_ref().map_or_else(String::new, |user| format!("user {user}, "));
            Some(format!("the credentials used ({user}from {origin}) do not suffice, or the name does not exist"))
        }
        E::PlainHttp { host } => Some(format!("--plain-http, or plain_http = true below [host.{:?}]", host.as_str())),
        E::Certificate { .. } => Some("--ca-file FILE trusts it, or the authority that signed it".into()),
        E::RateLimited { retry_after_secs: Some(seconds), .. } if *seconds <= WAIT_SECS_TOLD_MAX => {
            Some(format!("try again in {seconds} s, or wait for it with --max-wait {seconds}s"))
        }
        E::RateLimited { retry_after_secs: Some(_), .. } => {
            Some("the registry wants no more requests for longer than a day".into())
        }
        E::RateLimited { retry_after_secs: None, .. } => {
            Some("every try was refused: try again later, or ask for less at once".into())
        }
        E::Connect { hint, .. } => hint.clone(),
        _ => None,
    }
}
