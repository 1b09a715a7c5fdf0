//! A deed as JSON: distribution's event, key for key (`notifications/event.go` of 2.8 and 3.x).
//!
//! Both versions have the same keys; they differ in the media type of the envelope and in what they leave out. Where
//! distribution's delete events are empty, these say what was deleted.

use http::header::USER_AGENT;
use http::request::Parts;
use jiff::Timestamp;
use serde::Serialize;

use crate::server::auth;
use crate::server::deeds::{Action, Deed};
use crate::server::handler::Call;
use crate::server::origin;
use crate::spec::{Descriptor, Digest, Manifest, Route};
use crate::sys;

/// The type of a blob, of which nobody has said what it is.
pub(super) const BLOB: &str = "application/octet-stream";

/// Which server it is that tells.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Source {
    /// Host name and port.
    pub(super) addr: String,
    /// Of this process.
    #[serde(rename = "instanceID")]
    pub(super) instance: String,
}

#[derive(Serialize)]
struct Event<'a> {
    id: String,
    timestamp: Timestamp,
    action: &'static str,
    target: Target<'a>,
    request: Request<'a>,
    actor: Actor<'a>,
    source: &'a Source,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Target<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    media_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<Digest>,
    #[serde(skip_serializing_if = "is_zero")]
    size: u64,
    /// The older name of `size`.
    #[serde(skip_serializing_if = "is_zero")]
    length: u64,
    repository: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_repository: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    references: Vec<Descriptor>,
}

#[derive(Serialize)]
struct Request<'a> {
    id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    addr: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    host: &'a str,
    method: &'a str,
    useragent: String,
}

#[derive(Serialize)]
struct Actor<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// One line of JSON.
pub(super) fn line(call: &Call, deed: &Deed<'_>, source: &Source, with_references: bool) -> Vec<u8> {
    let is_there = deed.action != Action::Delete;
    let route = deed.digest.filter(|_| is_there).map(|digest| match deed.is_blob {
        true => Route::blob(deed.repository, digest),
        false => Route::manifest(deed.repository, digest),
    });
    let head = &call.head;
    let claimed = if call.state.guard.is_open() { auth::claimed(&head.headers) } else { None };
    let event = Event {
        id: sys::uuid(),
        timestamp: call.state.clock.now(),
        action: deed.action.name(),
        target: Target {
            media_type: media_type(deed),
            digest: deed.digest,
            size: deed.size,
            length: deed.size,
            repository: deed.repository.as_str(),
            from_repository: deed.from.map(crate::spec::Repository::as_str),
            url: route.map(|route| origin::url(head, call.state.scheme(), &call.state.face, &route)),
            tag: deed.tag.map(crate::spec::Tag::as_str),
            references: if with_references && is_there { references(deed) } else { Vec::new() },
        },
        request: Request {
            id: call.id.to_string(),
            addr: call.client.to_string(),
            host: host(head),
            method: head.method.as_str(),
            useragent: text(head, USER_AGENT.as_str()),
        },
        actor: Actor { name: call.user.as_ref().map(|user| user.0.as_str()).or(claimed.as_deref()) },
        source,
    };
    // Plain data with string keys: writing it cannot fail.
    serde_json::to_vec(&event).unwrap_or_default()
}

/// What endpoints may not want to hear of.
pub(super) fn media_type<'a>(deed: &Deed<'a>) -> Option<&'a str> {
    if deed.is_blob { Some(BLOB) } else { deed.media_type.map(crate::spec::MediaType::as_str) }
}

/// The document that an endpoint gets: the lines are events.
pub(super) fn envelope(line: &[u8]) -> Vec<u8> {
    [b"{\"events\":[", line, b"]}"].concat()
}

fn references(deed: &Deed<'_>) -> Vec<Descriptor> {
    let manifest = deed.bytes.and_then(|bytes| Manifest::parse(bytes.clone(), deed.media_type).ok());
    manifest.map(|manifest| manifest.children().cloned().collect()).unwrap_or_default()
}

fn host(head: &Parts) -> &str {
    let named = head.headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
    named.or_else(|| head.uri.authority().map(http::uri::Authority::as_str)).unwrap_or_default()
}

fn text(head: &Parts, name: &str) -> String {
    head.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default()
}
