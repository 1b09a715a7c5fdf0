//! Choosing platforms of an index: one platform is that image's own manifest; several are a new index of the chosen
//! entries, which has a digest of its own.

use bytes::Bytes;
use serde_json::Value;
use thiserror::Error;

use crate::spec::{Descriptor, Digest, Manifest, Platform};

/// Why no choice can be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum SelectError {
    #[error("there is no {wanted}; there is {there}")]
    NotThere { wanted: Platform, there: String },
    #[error("the image is for {is}, not for {wanted}")]
    Other { is: Platform, wanted: Platform },
    #[error("the index cannot be rewritten: {0}")]
    Malformed(String),
}

/// What of a manifest is meant.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    /// All of it.
    Whole,
    /// This entry.
    Entry(Descriptor),
    /// These entries in an index of their own.
    Rewritten(Digest, Manifest),
}

/// Where buildkit writes which image an attestation belongs to.
const ATTESTED: &str = "vnd.docker.reference.digest";

/// Chooses the entries of an index that are for one of the platforms `wanted`.
///
/// An image that is no index is whole; whether it is for a platform its config says.
pub(crate) fn select(manifest: &Manifest, wanted: &[Platform]) -> Result<Selection, SelectError> {
    if wanted.is_empty() || !manifest.is_index() {
        return Ok(Selection::Whole);
    }
    let entries = manifest.manifests();
    if let [wanted] = wanted {
        return best(entries, wanted).cloned().map(Selection::Entry).ok_or_else(|| not_there(entries, wanted));
    }
    let is_for = |entry: &Descriptor, wanted: &Platform| entry.platform.as_ref().is_some_and(|p| wanted.accepts(p));
    for wanted in wanted {
        if !entries.iter().any(|entry| is_for(entry, wanted)) {
            return Err(not_there(entries, wanted));
        }
    }
    let chosen: Vec<Digest> = entries
        .iter()
        .filter(|entry| wanted.iter().any(|wanted| is_for(entry, wanted)))
        .map(|entry| entry.digest)
        .collect();
    let stays = |entry: &Descriptor| {
        let attested = entry.annotations.as_ref().and_then(|annotations| annotations.get(ATTESTED));
        chosen.contains(&entry.digest)
            || attested.is_some_and(|digest| chosen.iter().any(|chosen| chosen.to_string() == *digest))
    };
    let keep: Vec<bool> = entries.iter().map(stays).collect();
    if keep.iter().all(|keep| *keep) {
        return Ok(Selection::Whole);
    }
    rewrite(manifest, &keep)
}

/// The entry for a platform: the one that says exactly it, else the first that will do.
fn best<'a>(entries: &'a [Descriptor], wanted: &Platform) -> Option<&'a Descriptor> {
    let is = |entry: &&Descriptor| entry.platform.as_ref() == Some(wanted);
    let will_do = |entry: &&Descriptor| entry.platform.as_ref().is_some_and(|p| wanted.accepts(p));
    entries.iter().find(is).or_else(|| entries.iter().find(will_do))
}

fn not_there(entries: &[Descriptor], wanted: &Platform) -> SelectError {
    let platforms = entries.iter().filter_map(|entry| entry.platform.as_ref()).filter(|p| !p.is_unknown());
    let mut there: Vec<String> = platforms.map(ToString::to_string).collect();
    there.dedup();
    let there = if there.is_empty() { "no entry with a platform".into() } else { there.join(", ") };
    SelectError::NotThere { wanted: wanted.clone(), there }
}

/// The index with the entries to keep; each entry, and everything beside the list, as it was.
fn rewrite(manifest: &Manifest, keep: &[bool]) -> Result<Selection, SelectError> {
    let malformed = |error: &dyn std::fmt::Display| SelectError::Malformed(error.to_string());
    let mut document: serde_json::Map<String, Value> =
        serde_json::from_slice(manifest.bytes()).map_err(|e| malformed(&e))?;
    if let Some(Value::Array(entries)) = document.get_mut("manifests") {
        let mut keep = keep.iter();
        entries.retain(|_| keep.next().is_none_or(|keep| *keep));
    }
    let bytes = Bytes::from(serde_json::to_vec_pretty(&document).map_err(|e| malformed(&e))?);
    let digest = Digest::sha256(&bytes);
    let rewritten = Manifest::parse(bytes, Some(manifest.media_type())).map_err(|e| malformed(&e))?;
    Ok(Selection::Rewritten(digest, rewritten))
}

/// Checks that an image, whose config is `config`, is for one of the platforms `wanted`.
pub(crate) fn check_config(config: &[u8], wanted: &[Platform]) -> Result<(), SelectError> {
    // What says nothing of a platform (an artifact's config) is for every one.
    let Ok(is) = serde_json::from_slice::<Platform>(config) else { return Ok(()) };
    match wanted.first() {
        Some(first) if !is.os.is_empty() && !wanted.iter().any(|wanted| wanted.accepts(&is)) => {
            Err(SelectError::Other { is, wanted: first.clone() })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
#[path = "select_tests.rs"]
mod tests;
