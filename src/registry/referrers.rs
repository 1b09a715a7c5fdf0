//! Referrers: the manifests whose `subject` is a given one (distribution-spec, "Listing Referrers").
//!
//! For each there is an entry under its subject that holds its descriptor, written before the links of the manifest and
//! read together with them: an entry whose manifest is gone, or never came, is passed over.

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{PageOf, Registry, Result};
use crate::spec::limits::REFERRERS_PAGE_BYTES_MAX;
use crate::spec::{Descriptor, Digest, Manifest, Page, Repository};
use crate::store::keys::digest_of;
use crate::store::{self, Depth, Key, Prefix, Put};

/// Entries that are read at the same time: enough to hide the latency of an object store.
const LOOKUPS: usize = 16;

impl Registry {
    /// Manifests whose subject is `subject`, by digest; empty for what is unknown.
    pub(crate) async fn referrers(
        &self,
        repository: &Repository,
        subject: &Digest,
        artifact_type: Option<&str>,
        page: &Page,
    ) -> Result<PageOf<Descriptor>> {
        let scan = self.scan_repository(repository).await?;
        let prefix = Prefix::referrers(repository, subject);
        let mut digests: Vec<Digest> =
            self.list_all(&prefix, Depth::All).await?.iter().filter_map(|entry| digest_of(&entry.name)).collect();
        digests.extend(scan.of(subject));
        digests.sort_unstable();
        digests.dedup();
        if let Some(last) = &page.last {
            let from = digests.partition_point(|digest| digest.to_string() <= *last);
            digests.drain(..from);
        }
        let mut entries = stream::iter(digests)
            .map(|digest| self.read_referrer(repository, subject, digest))
            .buffered(LOOKUPS)
            .try_filter_map(|entry| async move { Ok(entry) })
            .try_filter(|entry: &Descriptor| {
                let own = entry.artifact_type.as_ref().map(|own| own.as_str());
                std::future::ready(artifact_type.is_none_or(|wanted| own == Some(wanted)))
            })
            .boxed();
        let n = page.n.unwrap_or(usize::MAX);
        let (mut items, mut bytes, mut more) = (Vec::new(), 0, false);
        while let Some(entry) = entries.try_next().await? {
            bytes += encode(&entry).len();
            if items.len() >= n || (bytes > REFERRERS_PAGE_BYTES_MAX && !items.is_empty()) {
                more = true;
                break;
            }
            items.push(entry);
        }
        let next = items.last().filter(|_| more).map(|last: &Descriptor| last.digest.to_string());
        Ok(PageOf { items, next })
    }

    /// The entry of one referrer; `None` where its manifest is gone. A damaged entry is made again from the manifest.
    async fn read_referrer(
        &self,
        repository: &Repository,
        subject: &Digest,
        digest: Digest,
    ) -> Result<Option<Descriptor>> {
        if self.read_link(&Key::revision_link(repository, &digest)).await?.is_none() {
            return Ok(None);
        }
        let key = Key::referrer(repository, subject, &digest);
        let stored = match self.driver.read(&key, None).await {
            Ok(object) => serde_json::from_slice::<Descriptor>(&object.bytes(&key).await?).ok(),
            Err(error) if error.is_not_found() => None,
            Err(store::Error::Corrupt { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        if let Some(stored) = stored.filter(|stored| stored.digest == digest) {
            return Ok(Some(stored));
        }
        let Some((_, document)) = self.find_manifest(repository, &digest).await? else { return Ok(None) };
        let Ok(manifest) = Manifest::parse(document.bytes, None) else { return Ok(None) };
        if manifest.subject().is_none_or(|own| own.digest != *subject) {
            return Ok(None);
        }
        if self.writable().is_ok() {
            self.store_referrer(repository, &manifest, digest).await?;
        }
        Ok(Some(manifest.as_referrer(digest)))
    }

    /// Writes the entry of a manifest that has a subject.
    pub(super) async fn store_referrer(
        &self,
        repository: &Repository,
        manifest: &Manifest,
        digest: Digest,
    ) -> Result<()> {
        let entry = self.referrer_entry(repository, manifest, digest).await?;
        Ok(self.driver.write_steps(vec![entry.into_iter().collect()]).await?)
    }

    /// What is to be written as the entry of a manifest that has a subject; nothing where it is there.
    pub(super) async fn referrer_entry(
        &self,
        repository: &Repository,
        manifest: &Manifest,
        digest: Digest,
    ) -> Result<Option<Put>> {
        let Some(subject) = manifest.subject() else { return Ok(None) };
        let key = Key::referrer(repository, &subject.digest, &digest);
        let bytes = Bytes::from(encode(&manifest.as_referrer(digest)));
        let there = match self.driver.read(&key, None).await {
            Ok(object) => object.bytes(&key).await? == bytes,
            Err(error) if error.is_not_found() => false,
            Err(store::Error::Corrupt { .. }) => false,
            Err(error) => return Err(error.into()),
        };
        Ok((!there).then_some(Put { key, bytes }))
    }
}

fn encode(descriptor: &Descriptor) -> Vec<u8> {
    // A descriptor is strings and numbers: there is nothing that JSON has no form for.
    serde_json::to_vec(descriptor).unwrap_or_default()
}

#[cfg(test)]
#[path = "referrers_tests.rs"]
mod tests;
