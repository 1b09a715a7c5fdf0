//! Content in a map: a source and target for tests and for small content that is made rather than found.
//!
//! As strict as a good registry: verifies what is pushed and refuses a manifest whose children are not there.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use thiserror::Error;

use super::{Ask, Body, Error, Kind, Offer, PutAs, Result, Source, Stored, Target, Ticket, graph};
use crate::spec::{Descriptor, Digest, Locator, Manifest, Tag};

/// Why memory refuses.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
enum MemoryError {
    #[error("{0} is not there")]
    NotFound(String),
    #[error("{parent} lists {child}, which is not there")]
    ChildMissing { parent: Digest, child: Digest },
}

impl From<MemoryError> for Error {
    fn from(error: MemoryError) -> Self {
        let kind = match error {
            MemoryError::NotFound(_) => Kind::NotFound,
            MemoryError::ChildMissing { .. } => Kind::ChildMissing,
        };
        Self::new(kind, error)
    }
}

#[derive(Debug, Default)]
struct Shelves {
    blobs: HashMap<Digest, Bytes>,
    manifests: HashMap<Digest, Manifest>,
    tags: BTreeMap<Tag, Digest>,
}

/// Blobs, manifests and tags in memory.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    shelves: Mutex<Shelves>,
}

impl Memory {
    fn shelves(&self) -> MutexGuard<'_, Shelves> {
        // A map stays whole when a thread panics between two of its calls.
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a blob there without further ado.
    pub(crate) fn add_blob(&self, digest: Digest, bytes: Bytes) {
        self.shelves().blobs.insert(digest, bytes);
    }

    /// Puts a manifest there without looking at its children.
    pub(crate) fn add_manifest(&self, digest: Digest, manifest: Manifest, tag: Option<Tag>) {
        let mut shelves = self.shelves();
        shelves.manifests.insert(digest, manifest);
        if let Some(tag) = tag {
            shelves.tags.insert(tag, digest);
        }
    }

    /// Everything that is there: blobs, manifests, tags.
    #[cfg(test)]
    pub(crate) fn contents(&self) -> (BTreeMap<Digest, Bytes>, BTreeMap<Digest, Bytes>, BTreeMap<Tag, Digest>) {
        let shelves = self.shelves();
        let blobs = shelves.blobs.iter().map(|(digest, bytes)| (*digest, bytes.clone())).collect();
        let manifests = shelves.manifests.iter().map(|(digest, manifest)| (*digest, manifest.bytes().clone()));
        (blobs, manifests.collect(), shelves.tags.clone())
    }
}

impl Shelves {
    fn find(&self, locator: &Locator) -> Result<(Digest, &Manifest)> {
        let digest = match locator {
            Locator::Digest(digest) => Some(*digest),
            Locator::Tag(tag) => self.tags.get(tag).copied(),
        };
        let found = digest.and_then(|digest| Some((digest, self.manifests.get(&digest)?)));
        Ok(found.ok_or_else(|| MemoryError::NotFound(locator.to_string()))?)
    }
}

#[async_trait]
impl Source for Memory {
    async fn resolve(&self, locator: &Locator) -> Result<Descriptor> {
        let shelves = self.shelves();
        let (digest, manifest) = shelves.find(locator)?;
        Ok(Descriptor::new(manifest.media_type().clone(), digest, manifest.bytes().len() as u64))
    }

    async fn manifest(&self, locator: &Locator) -> Result<(Digest, Manifest)> {
        self.shelves().find(locator).map(|(digest, manifest)| (digest, manifest.clone()))
    }

    async fn fetch(&self, blob: &Descriptor) -> Result<Body> {
        let bytes = self.shelves().blobs.get(&blob.digest).cloned();
        Ok(Body::whole(blob, bytes.ok_or_else(|| MemoryError::NotFound(blob.digest.to_string()))?))
    }

    async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>> {
        let shelves = self.shelves();
        let refers = |manifest: &Manifest| manifest.subject().is_some_and(|s| s.digest == *subject);
        let mut found: Vec<Descriptor> = shelves
            .manifests
            .iter()
            .filter(|(_, manifest)| refers(manifest))
            .map(|(digest, manifest)| manifest.as_referrer(*digest))
            .collect();
        found.sort_by_key(|descriptor| descriptor.digest);
        Ok(found)
    }

    async fn tags(&self) -> Result<Vec<Tag>> {
        Ok(self.shelves().tags.keys().cloned().collect())
    }
}

#[async_trait]
impl Target for Memory {
    async fn has(&self, blob: &Descriptor) -> Result<bool> {
        Ok(self.shelves().blobs.contains_key(&blob.digest))
    }

    async fn offer(&self, blob: &Descriptor, ask: Ask<'_>) -> Result<Offer> {
        match ask {
            Ask::Present if self.has(blob).await? => Ok(Offer::Present),
            Ask::Upload | Ask::Present | Ask::Mount(_) => Ok(Offer::Wanted(Ticket::default())),
        }
    }

    async fn push(&self, blob: &Descriptor, _: Ticket, body: Body) -> Result<()> {
        let bytes = body.bytes(usize::MAX).await?;
        self.add_blob(blob.digest, bytes);
        Ok(())
    }

    async fn put(&self, manifest: &Manifest, digest: &Digest, put_as: PutAs<'_>) -> Result<Stored> {
        let mut shelves = self.shelves();
        let missing = graph::blobs(manifest)
            .find(|blob| !blob.is_foreign() && !shelves.blobs.contains_key(&blob.digest))
            .or_else(|| graph::manifests(manifest).find(|child| !shelves.manifests.contains_key(&child.digest)));
        if let Some(child) = missing {
            return Err(MemoryError::ChildMissing { parent: *digest, child: child.digest }.into());
        }
        shelves.manifests.insert(*digest, manifest.clone());
        if let PutAs::Tag(tag) = put_as {
            shelves.tags.insert(tag.clone(), *digest);
        }
        Ok(Stored::Whole)
    }
}
