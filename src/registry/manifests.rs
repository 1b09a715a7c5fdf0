//! Manifests of a repository: reading them by tag and by digest, and deleting them.
//!
//! A manifest is there when its revision link and its bytes are; a tag, when it leads to one. The answer names the digest
//! that was asked for. A tag's link says the sha256, as distribution expects it; that the tag was pushed under a sha512
//! stands in its index of former digests, `index/sha512/…`, and is found when the bytes have that sha512.

use bytes::Bytes;
use quick_cache::sync::Cache;
use serde::Deserialize;

use super::{Error, Registry, Removed, Result, StoredManifest};
use crate::spec::limits::MANIFEST_BYTES_MAX;
use crate::spec::{Algorithm, Digest, Locator, Manifest, MediaType, Repository, Tag};
use crate::store::keys::digest_of;
use crate::store::{Depth, Key, Prefix};

/// Most bytes of manifests in memory.
const MANIFESTS_BYTES_MAX: u64 = 8 << 20;

/// Tags remembered with what they lead to. One takes about 400 bytes.
const TAGS_MAX: usize = 8 << 10;

/// The bytes of a manifest, which never change, and what they are.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) media_type: MediaType,
    pub(super) bytes: Bytes,
}

/// What a tag led to when it was last looked up. True as long as the link of the tag has this version, because whatever
/// deletes a manifest deletes its tags first.
#[derive(Clone, Copy, Debug)]
struct Resolved {
    version: u64,
    canonical: Digest,
    named: Digest,
}

#[derive(Clone, Debug)]
struct Weigh;

impl quick_cache::Weighter<Digest, Document> for Weigh {
    fn weight(&self, _: &Digest, document: &Document) -> u64 {
        document.bytes.len() as u64 + 256
    }
}

/// Manifests that were read lately.
#[derive(Debug)]
pub(super) struct Manifests {
    documents: Cache<Digest, Document, Weigh>,
    tags: Cache<Key, Resolved>,
}

impl Default for Manifests {
    fn default() -> Self {
        Self { documents: Cache::with_weighter(2048, MANIFESTS_BYTES_MAX, Weigh), tags: Cache::new(TAGS_MAX) }
    }
}

impl Registry {
    pub(crate) async fn get_manifest(&self, repository: &Repository, locator: &Locator) -> Result<StoredManifest> {
        let found = match locator {
            Locator::Tag(tag) => self.find_tagged(repository, tag).await?,
            Locator::Digest(digest) => {
                let found = self.find_manifest(repository, digest).await?;
                found.map(|(_, document)| (*digest, document))
            }
        };
        let (digest, Document { media_type, bytes }) = found.ok_or_else(|| Error::ManifestUnknown(locator.clone()))?;
        Ok(StoredManifest { digest, media_type, bytes })
    }

    /// What a tag leads to, under the digest it was pushed with.
    pub(super) async fn find_tagged(&self, repository: &Repository, tag: &Tag) -> Result<Option<(Digest, Document)>> {
        let link = Key::tag_current(repository, tag);
        let Some((version, canonical)) = self.read_link_version(&link).await? else { return Ok(None) };
        if let Some(known) = self.shared.manifests.tags.get(&link)
            && known.version == version
            && let Some(document) = self.shared.manifests.documents.get(&known.canonical)
        {
            self.shared.lookups.count(true);
            return Ok(Some((known.named, document)));
        }
        let index = Prefix::tag_index(repository, tag, Algorithm::Sha512);
        let (found, aliases) =
            tokio::try_join!(self.find_manifest(repository, &canonical), self.list_all(&index, Depth::Children))?;
        let Some((canonical, document)) = found else { return Ok(None) };
        let mut named = canonical;
        if !aliases.is_empty() {
            let other = Algorithm::Sha512.digest(&document.bytes);
            let hex = other.hex();
            if aliases.iter().any(|entry| entry.name.split('/').next() == Some(&hex)) {
                named = other;
            }
        }
        self.shared.manifests.tags.insert(link, Resolved { version, canonical, named });
        Ok(Some((named, document)))
    }

    /// A manifest that the repository holds, and the digest its bytes are stored under.
    pub(super) async fn find_manifest(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Option<(Digest, Document)>> {
        let Some(canonical) = self.read_link(&Key::revision_link(repository, digest)).await? else { return Ok(None) };
        let known = self.shared.manifests.documents.get(&canonical);
        self.shared.lookups.count(known.is_some());
        if let Some(document) = known {
            return Ok(Some((canonical, document)));
        }
        let Some(document) = self.load_document(&canonical).await? else { return Ok(None) };
        self.shared.manifests.documents.insert(canonical, document.clone());
        Ok(Some((canonical, document)))
    }

    /// The stored bytes of a manifest; `None` where they are missing or damaged.
    async fn load_document(&self, canonical: &Digest) -> Result<Option<Document>> {
        let Some(stat) = self.vouch(canonical).await? else { return Ok(None) };
        if stat.size > MANIFEST_BYTES_MAX as u64 {
            // No registry takes such a manifest: the link of the revision leads to a blob.
            return Ok(None);
        }
        let key = Key::blob(canonical);
        let object = match self.driver.read(&key, None).await {
            Ok(object) => object,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let stat = object.stat;
        let bytes = object.bytes(&key).await?;
        if !canonical.matches(&bytes) {
            self.mark_damaged(canonical, &stat, "its bytes have another digest");
            return Ok(None);
        }
        let media_type = media_type_of(&bytes);
        Ok(Some(Document { media_type, bytes }))
    }

    /// Remembers a manifest that was just stored.
    pub(super) fn remember_manifest(&self, canonical: Digest, manifest: &Manifest) {
        let document = Document { media_type: manifest.media_type().clone(), bytes: manifest.bytes().clone() };
        self.shared.manifests.documents.insert(canonical, document);
    }

    /// Removes a manifest and every tag that points to it: tags first, so that none of them ever leads nowhere.
    pub(crate) async fn delete_manifest(&self, repository: &Repository, digest: &Digest) -> Result<Removed> {
        self.deletable()?;
        let _alone = self.shared.locks.alone(repository).await;
        let unknown = || Error::ManifestUnknown(Locator::Digest(*digest));
        let canonical = self.read_link(&Key::revision_link(repository, digest)).await?.ok_or_else(unknown)?;
        let document = self.find_manifest(repository, digest).await?.map(|(_, document)| document);
        let mut names = vec![canonical];
        let other = document.as_ref().map(|document| Algorithm::Sha512.digest(&document.bytes));
        names.extend(other.into_iter().chain([*digest]).filter(|name| *name != canonical));
        names.dedup();

        let tags = self.tags_of(repository, &names).await?;
        self.remove_tags(repository, &tags).await?;
        // The sha256 goes last: it is what makes the others be found.
        let revisions: Vec<Key> = names.iter().rev().map(|name| Key::revision_link(repository, name)).collect();
        self.driver.delete(&revisions).await?;
        if let Some(document) = &document
            && let Ok(manifest) = Manifest::parse(document.bytes.clone(), None)
            && let Some(subject) = manifest.subject()
        {
            let entries: Vec<Key> = names.iter().map(|name| Key::referrer(repository, &subject.digest, name)).collect();
            self.driver.delete(&entries).await?;
        }
        if !self.holds_manifest(repository).await? {
            self.shared.catalog.remove(repository);
        }
        let manifest =
            document.map(|Document { media_type, bytes }| StoredManifest { digest: *digest, media_type, bytes });
        Ok(Removed { manifest, tags })
    }

    /// Whether the repository holds any manifest. Each has a link under its sha256, whatever it was pushed under.
    pub(super) async fn holds_manifest(&self, repository: &Repository) -> Result<bool> {
        /// The first one is nearly always there: distribution leaves the directory of what was deleted, without a link.
        const FIRST: usize = 4;
        let prefix = Prefix::revisions_by(repository, Algorithm::Sha256);
        let mut after = None::<String>;
        loop {
            let listing = self.list_some(&prefix, Depth::Children, after.as_deref(), FIRST).await?;
            for entry in &listing.entries {
                let Some(digest) = digest_of(&format!("{}/{}", Algorithm::Sha256, entry.name)) else { continue };
                match self.driver.stat(&Key::revision_link(repository, &digest)).await {
                    Ok(_) => return Ok(true),
                    Err(error) if error.is_not_found() => {}
                    Err(error) => return Err(error.into()),
                }
            }
            after = listing.entries.last().map(|entry| entry.name.clone()).filter(|_| listing.more);
            if after.is_none() {
                return Ok(false);
            }
        }
    }
}

/// The media type to serve stored bytes with: what [`Manifest::parse`] finds, and for what it refuses to take today
/// (schema 1, documents of other registries) what the document says of itself.
fn media_type_of(bytes: &Bytes) -> MediaType {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Hints {
        schema_version: Option<u64>,
        media_type: Option<MediaType>,
        signatures: Option<serde::de::IgnoredAny>,
        manifests: Option<serde::de::IgnoredAny>,
    }
    if let Ok(manifest) = Manifest::parse(bytes.clone(), None) {
        return manifest.media_type().clone();
    }
    let Ok(hints) = serde_json::from_slice::<Hints>(bytes) else { return MediaType::OCTET_STREAM };
    match hints {
        Hints { schema_version: Some(1), signatures: Some(_), .. } => MediaType::DOCKER_SCHEMA1_SIGNED,
        Hints { schema_version: Some(1), .. } => MediaType::DOCKER_SCHEMA1,
        Hints { media_type: Some(own), .. } if !own.as_str().is_empty() => own,
        Hints { manifests: Some(_), .. } => MediaType::OCI_INDEX,
        _ => MediaType::OCI_MANIFEST,
    }
}

#[cfg(test)]
#[path = "manifests_tests.rs"]
mod tests;
