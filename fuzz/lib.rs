//! What the fuzz targets call: each takes bytes, parses them, and checks what must hold of whatever was accepted.
//!
//! The library of the product exports nothing but `run`, and stays that way: the layers below are compiled into this crate
//! from their files.
#![allow(dead_code, unused_imports, unreachable_pub)]

#[path = "../src/server/forwarded.rs"]
mod forwarded;
#[path = "../src/gc/mod.rs"]
mod gc;
#[path = "../src/server/auth/rules.rs"]
mod rules;
#[path = "../src/spec/mod.rs"]
mod spec;

mod server;

use std::fmt::{Debug, Display};
use std::str::{FromStr, from_utf8};

use rules::{Action, Decision, Grant, Patterns, Rule, Rules, Subjects, check_pattern};
use spec::challenge::Challenge;
use spec::range::{Requested, parse_content_range, parse_range};
use spec::scope::Scopes;
use spec::{Digest, Host, Locator, Manifest, MediaType, Platform, Reference, Repository, Route, Tag, UploadId};

/// What was accepted prints as something that is accepted as the same.
fn round_trip<T: FromStr + Display + PartialEq + Debug>(text: &str)
where
    T::Err: Debug + Display,
{
    match text.parse::<T>() {
        Ok(value) => {
            let printed = value.to_string();
            assert_eq!(printed.parse::<T>().expect("what is printed is accepted"), value, "{text:?} as {printed:?}");
        }
        // An error can always be told, and repeats no more of a hostile text than a line.
        Err(error) => assert!(error.to_string().len() < 2000, "{error}"),
    }
}

pub fn digest(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    round_trip::<Digest>(text);
    round_trip::<Tag>(text);
    round_trip::<Repository>(text);
    round_trip::<Locator>(text);
    round_trip::<UploadId>(text);
    if let Ok(digest) = text.parse::<Digest>() {
        assert_eq!(digest.to_string(), text, "a digest has one spelling");
    }
    if let Ok(name) = text.parse::<Repository>() {
        let safe = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.starts_with('_');
        assert!(name.as_str().split('/').all(safe), "{text:?} is no safe path");
    }
}

pub fn reference(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    round_trip::<Host>(text);
    round_trip::<Platform>(text);
    let default: Host = "localhost:5000".parse().expect("a host");
    if let Ok(reference) = Reference::parse(text, &default) {
        let printed = reference.to_string();
        assert_eq!(Reference::parse(&printed, &default).as_ref(), Ok(&reference), "{text:?} as {printed:?}");
    }
}

pub fn route(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    let (path, query) = text.split_once('?').map_or((text, None), |(path, query)| (path, Some(query)));
    if let Ok(route) = Route::parse(path, query) {
        let printed = route.path_and_query();
        let (path, query) = printed.split_once('?').map_or((printed.as_str(), None), |(path, query)| (path, Some(query)));
        assert_eq!(Route::parse(path, query).as_ref(), Ok(&route), "{text:?} as {printed:?}");
    }
}

/// The first byte says which media type the document came with.
pub fn manifest(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let content_type = MediaType::MANIFESTS.get(usize::from(*first));
    let bytes = bytes::Bytes::copy_from_slice(rest);
    if let Ok(manifest) = Manifest::parse(bytes.clone(), content_type) {
        assert_eq!(manifest.bytes(), &bytes, "bytes in are bytes out");
        assert!(manifest.media_type().is_manifest());
        assert_eq!(manifest.children().count(), manifest.blobs().count() + manifest.manifests().len());
        let own = manifest.media_type().clone();
        let again = Manifest::parse(bytes.clone(), Some(&own)).or_else(|_| Manifest::parse(bytes.clone(), None));
        assert_eq!(again.as_ref(), Ok(&manifest));
        let referrer = manifest.as_referrer(Digest::sha256(&bytes));
        let text = serde_json::to_vec(&referrer).expect("a descriptor is JSON");
        let read: spec::Descriptor = serde_json::from_slice(&text).expect("what is written is read");
        assert_eq!(read, referrer);
    }
    if let Ok(listed) = gc::reading::Listed::read(&bytes) {
        let mut inventory = gc::Inventory::new(gc::inventory::Sight::Api);
        let id = inventory.intern(Digest::sha256(rest));
        listed.note(&mut inventory, id, true);
        inventory.finish();
        assert!(inventory.node(id).is_some());
    }
}

/// The first eight bytes are the size of the content.
pub fn range(data: &[u8]) {
    let Some((size, text)) = data.split_first_chunk::<8>() else { return };
    let (size, Ok(text)) = (u64::from_le_bytes(*size), from_utf8(text)) else { return };
    if let Requested::Part(range) = parse_range(text, size) {
        assert!(range.start < range.end && range.end <= size, "{text:?} of {size} is {range:?}");
        assert!(range.content_range(size).starts_with("bytes "));
    }
    if let Ok(range) = parse_content_range(text) {
        assert!(range.start < range.end);
        let printed = format!("{}-{}", range.start, range.end - 1);
        assert_eq!(parse_content_range(&printed), Ok(range));
    }
}

pub fn link(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    if let Some(target) = spec::page::parse_next_link(text) {
        assert!(text.contains(target) && !target.contains('>'));
        let printed = spec::page::next_link(target);
        assert_eq!(spec::page::parse_next_link(&printed), Some(target));
    }
}

pub fn challenge(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    for challenge in Challenge::parse_all(text) {
        let printed = challenge.to_string();
        assert_eq!(Challenge::parse_all(&printed), [challenge], "{text:?} as {printed:?}");
    }
    round_trip::<Scopes>(text);
}

/// A repository, and a pattern on each line behind it.
pub fn access(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    let Some((name, patterns)) = text.split_once('\n') else { return };
    let Ok(name) = name.parse::<Repository>() else { return };
    let (mut rules, mut was_allowed) = (Rules::default(), false);
    for pattern in patterns.lines() {
        let Ok(repositories) = Patterns::new(vec![pattern.to_owned()]) else { continue };
        assert_eq!(check_pattern(pattern), Ok(()));
        let subjects = Subjects { users: ["u".to_owned()].into(), ..Subjects::default() };
        rules.rules.push(Rule { subjects, grant: Grant::new(repositories, [Action::Push]), at: String::new() });
        let is_allowed = rules.allows(Some("u"), Action::Pull, &name);
        assert!(is_allowed || !was_allowed, "a rule takes nothing away: {pattern:?}");
        let decision = rules.decide(Some("u"), Action::Pull, &name);
        assert_eq!(is_allowed, matches!(decision, Decision::Allowed { .. }), "{pattern:?}");
        assert!(!rules.allows(Some("v"), Action::Pull, &name) && !rules.allows(None, Action::Pull, &name));
        assert!(!rules.allows(Some("u"), Action::Delete, &name));
        was_allowed = is_allowed;
    }
}

/// The config of an image, where it is asked for the image's age.
pub fn config(data: &[u8]) {
    if let Some(created) = gc::reading::created(data) {
        assert!(created.to_string().parse::<jiff::Timestamp>().is_ok());
    }
}

/// What a client writes of who asks, in front of what a proxy writes.
pub fn forwarded(data: &[u8]) {
    let first = |name: &'static str, value: &[u8]| {
        let mut headers = http::HeaderMap::new();
        headers.insert(name, http::HeaderValue::from_bytes(value).ok()?);
        assert!(forwarded::hops(&headers).count() <= 32);
        forwarded::hops(&headers).next()
    };
    for (name, proxy) in [("x-forwarded-for", &b", 192.0.2.1"[..]), ("forwarded", b", for=192.0.2.1")] {
        if first(name, &[b"x", data].concat()).is_some() {
            let hop = first(name, &[data, proxy].concat());
            assert_eq!(hop, Some(forwarded::Hop::At([192, 0, 2, 1].into())), "{name}: {data:?}");
        }
    }
}

/// A configuration file, a NUL, and a variable on each line.
pub fn settings(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    let (file, variables) = text.split_once('\0').unwrap_or((text, ""));
    let mut variables: Vec<(&str, &str)> = variables.lines().filter_map(|line| line.split_once('=')).collect();
    let first = server::config::read(file, &variables);
    variables.reverse();
    assert_eq!(server::config::read(file, &variables), first, "the order of the environment does not matter");
    let Some((yaml, settings)) = first else { return };
    let (_, again) = server::config::read(&yaml, &[]).unwrap_or_else(|| panic!("what is shown is read: {yaml}"));
    assert_eq!(again, settings, "{yaml}");
}
