//! Taking a manifest: check it, store its bytes, then the links, then the tags.
//!
//! The steps are bytes and the referrer's entry, the revision, the tag and its history: one is there only if those before
//! it are, so that a crash between them leaves content that nothing leads to, and never a link that leads nowhere. Pushing
//! again what is there writes nothing.

use bytes::Bytes;

use super::{Error, PutManifest, Registry, Result, classes};
use crate::spec::{Digest, Locator, Manifest, MediaType, Repository, Tag};
use crate::store::{Key, Put};

impl Registry {
    /// Stores a manifest under `locator`, and points `tags` to it as well.
    pub(crate) async fn put_manifest(
        &self,
        repository: &Repository,
        locator: &Locator,
        tags: &[Tag],
        content_type: Option<&MediaType>,
        bytes: Bytes,
    ) -> Result<PutManifest> {
        self.writable()?;
        let manifest = Manifest::parse(bytes, content_type)?;
        let canonical = Digest::sha256(manifest.bytes());
        let named = named(locator, canonical, manifest.bytes())?;
        self.options.urls.check(&manifest)?;
        classes::check(&self.options.classes, &manifest)?;
        let _shared = self.shared.locks.share(repository).await;
        self.check_children(repository, &manifest).await?;
        let _charge = self.charge(repository, &canonical, manifest.bytes().len() as u64, None)?;

        let mut all_tags: Vec<&Tag> = tags.iter().collect();
        if let Locator::Tag(tag) = locator {
            all_tags.push(tag);
        }
        all_tags.sort();
        all_tags.dedup();

        let mut names = vec![canonical];
        names.extend((named != canonical).then_some(named));
        let (document, referrer) = tokio::try_join!(
            self.document(&canonical, manifest.bytes()),
            self.referrer_entry(repository, &manifest, named)
        )?;
        let content = document.into_iter().chain(referrer).collect();
        let revisions = names.iter().map(|name| Key::revision_link(repository, name)).collect();
        let revisions = self.links_to(&canonical, revisions).await?;
        let tag_links = all_tags.iter().flat_map(|tag| {
            let history = names.iter().map(|name| Key::tag_index(repository, tag, name));
            history.chain([Key::tag_current(repository, tag)])
        });
        let tag_links = self.links_to(&canonical, tag_links.collect()).await?;
        self.driver.write_steps(vec![content, revisions, tag_links]).await?;
        self.shared.catalog.add(repository);
        self.remember_manifest(canonical, &manifest);
        self.tags_made(repository, &all_tags);
        Ok(PutManifest {
            digest: named,
            media_type: manifest.media_type().clone(),
            subject: manifest.subject().map(|subject| subject.digest),
            tags: tags.to_vec(),
        })
    }

    /// The bytes of a manifest, to be stored unless they are there, byte for byte.
    async fn document(&self, canonical: &Digest, bytes: &Bytes) -> Result<Option<Put>> {
        let key = Key::blob(canonical);
        let there = match self.vouch(canonical).await? {
            Some(stat) if stat.size == bytes.len() as u64 => match self.driver.read(&key, None).await {
                Ok(object) => object.bytes(&key).await? == *bytes,
                Err(error) if error.is_not_found() => false,
                Err(error) => return Err(error.into()),
            },
            _ => false,
        };
        Ok((!there).then(|| Put { key, bytes: bytes.clone() }))
    }
}

/// The digest by which the client names the manifest; it has to be that of the bytes.
fn named(locator: &Locator, canonical: Digest, bytes: &Bytes) -> Result<Digest> {
    match locator {
        Locator::Tag(_) => Ok(canonical),
        Locator::Digest(expected) if *expected == canonical => Ok(canonical),
        Locator::Digest(expected) => {
            let actual = expected.algorithm().digest(bytes);
            if actual == *expected { Ok(actual) } else { Err(Error::ManifestDigest { expected: *expected, actual }) }
        }
    }
}

#[cfg(test)]
#[path = "manifest_put_tests.rs"]
mod tests;
