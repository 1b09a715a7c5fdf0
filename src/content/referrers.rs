//! Referrers: copied with their subjects, and listed under the fallback tag of a target that keeps no list itself
//! (distribution-spec, "Pushing Manifests with Subject" and "Unavailable Referrers API").

use std::collections::{HashSet, VecDeque};

use bytes::Bytes;
use serde_json::{Value, json};
use thiserror::Error;

use super::copy::Copier;
use super::error::{CopyError, Object};
use super::graph::GraphError;
use super::options::{Part, Trust};
use super::{Error, Kind, PutAs, Stored};
use crate::spec::limits::GRAPH_MANIFESTS_MAX;
use crate::spec::manifest::ManifestError;
use crate::spec::{Descriptor, Digest, Locator, Manifest, MediaType, Tag};

/// The tag under which clients keep the referrers of `subject` where the registry does not: algorithm and hash, joined by
/// `-`, cut to 32 and 64 characters.
pub(crate) fn fallback_tag(subject: &Digest) -> Tag {
    let hex = subject.hex();
    let text = format!("{}-{}", subject.algorithm(), &hex[..hex.len().min(64)]);
    // Letters, digits and one '-' inside, at most 71 bytes.
    text.parse().expect("a digest makes a tag")
}

/// Why a list of referrers is not extended.
#[derive(Debug, Error)]
enum FallbackError {
    #[error("what the tag names is not an index")]
    NotAnIndex,
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

impl Copier<'_> {
    /// The parts to be written for the referrers of `subjects`, and for theirs.
    pub(super) async fn plan_referrers(&self, subjects: Vec<Digest>) -> Result<Vec<Part>, CopyError> {
        let mut seen: HashSet<Digest> = subjects.iter().copied().collect();
        let mut queue = VecDeque::from(subjects);
        let mut parts = Vec::new();
        while let Some(subject) = queue.pop_front() {
            let listed = self.referrers_at_source(&subject).await?;
            let news: Vec<Descriptor> = listed.into_iter().filter(|d| seen.insert(d.digest)).collect();
            if news.is_empty() {
                continue;
            }
            if seen.len() > GRAPH_MANIFESTS_MAX {
                return Err(GraphError::TooManyManifests.into());
            }
            let there = self.referrers_at_target(&subject).await?;
            for referrer in news {
                queue.push_back(referrer.digest);
                // Listed there, not merely stored: a copy cut off between the two is completed by the next.
                if !there.contains(&referrer.digest) {
                    let (digest, manifest) = self.read_manifest(&Locator::Digest(referrer.digest)).await?;
                    parts.push(Part { graph: self.walk(digest, manifest, Trust::Target).await?, tag: None });
                }
            }
        }
        Ok(parts)
    }

    async fn referrers_at_source(&self, subject: &Digest) -> Result<Vec<Descriptor>, CopyError> {
        let _permit = self.permit().await;
        match self.source.referrers(subject).await {
            Err(error) if error.kind == Kind::NotFound => Ok(Vec::new()),
            result => result.map_err(CopyError::reading(Object::Referrers(*subject))),
        }
    }

    async fn referrers_at_target(&self, subject: &Digest) -> Result<HashSet<Digest>, CopyError> {
        if self.is_target_new() {
            return Ok(HashSet::new());
        }
        let _permit = self.permit().await;
        match self.target.referrers(subject).await {
            Ok(listed) => Ok(listed.into_iter().map(|descriptor| descriptor.digest).collect()),
            // What cannot be read there is written anew.
            Err(error) if matches!(error.kind, Kind::NotFound | Kind::Corrupt) => Ok(HashSet::new()),
            Err(error) => Err(CopyError::looking_up(Object::Referrers(*subject))(error)),
        }
    }

    /// After a manifest was stored: where the target ignored its subject, enters it in the list under the fallback tag.
    pub(super) async fn note_subject(
        &self,
        digest: Digest,
        manifest: &Manifest,
        stored: Stored,
    ) -> Result<(), CopyError> {
        let (Stored::SubjectIgnored, Some(subject)) = (stored, manifest.subject()) else { return Ok(()) };
        let tag = fallback_tag(&subject.digest);
        let locator = Locator::Tag(tag.clone());
        // Read, change, write: one at a time here. Other clients may be at it too; the spec has no answer to that.
        let _writer = self.fallback.lock().await;
        let _permit = self.permit().await;
        let list = match self.target.manifest(&locator).await {
            Ok((_, list)) => Some(list),
            Err(error) if error.kind == Kind::NotFound => None,
            Err(error) => return Err(CopyError::looking_up(&locator)(error)),
        };
        let writing = || CopyError::writing(&locator);
        let changed = extended(list.as_ref(), &manifest.as_referrer(digest))
            .map_err(|error| writing()(Error::new(Kind::Corrupt, error)))?;
        if let Some(list) = changed {
            let digest = Digest::sha256(list.bytes());
            self.target.put(&list, &digest, PutAs::Tag(&tag)).await.map_err(writing())?;
        }
        Ok(())
    }
}

/// The list with one referrer more; `None` when it is in there.
fn extended(list: Option<&Manifest>, referrer: &Descriptor) -> Result<Option<Manifest>, FallbackError> {
    let mut document = match list {
        Some(list) => serde_json::from_slice(list.bytes())?,
        None => json!({"schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "manifests": []}),
    };
    if list.is_some_and(|list| !list.is_index()) {
        return Err(FallbackError::NotAnIndex);
    }
    if list.is_some_and(|list| list.manifests().iter().any(|entry| entry.digest == referrer.digest)) {
        return Ok(None);
    }
    match document.get_mut("manifests") {
        Some(Value::Array(entries)) => entries.push(serde_json::to_value(referrer)?),
        // `null`, or left out.
        _ => document["manifests"] = json!([referrer]),
    }
    Ok(Some(Manifest::parse(Bytes::from(serde_json::to_vec(&document)?), Some(&MediaType::OCI_INDEX))?))
}

#[cfg(test)]
#[path = "referrers_tests.rs"]
mod tests;
