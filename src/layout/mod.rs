//! Images in files: layouts, `docker save` archives, and the writing of both as archives.
//!
//! An OCI image layout is a directory, or a tar archive, with `oci-layout`, `index.json` and `blobs/<algorithm>/<hex>`
//! (image-spec, "Image Layout"). All are a [`Source`] or a [`Target`].
//!
//! Write order: the bytes of a blob in a temporary file, synced, renamed; the directory synced; then `index.json`, the
//! same way, under a lock. Cut off anywhere, the layout is what it was, with some blobs more. A tag is the annotation
//! `org.opencontainers.image.ref.name` of an entry of `index.json`; children of indexes are blobs and nothing else.

mod docker;
mod error;
mod files;
mod index;
mod section;
mod tarball;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

pub(crate) use self::docker::DockerArchive;
pub(crate) use self::error::LayoutError;
use self::files::Files;
use self::index::Index;
pub(crate) use self::writer::{ArchiveTarget, Form};
use crate::content::referrers::fallback_tag;
use crate::content::{self, Ask, Body, Offer, PutAs, Source, Stored, Target, Ticket, graph};
use crate::spec::limits::{LAYOUT_INDEX_BYTES_MAX, MANIFEST_BYTES_MAX};
use crate::spec::{Descriptor, Digest, Locator, Manifest, Tag};

/// An image layout.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    files: Arc<Files>,
    role: Role,
}

/// What a layout was opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Source,
    /// A manifest whose children are gone counts as absent, so that a copy mends it.
    Target,
}

impl Layout {
    /// Opens a layout that is there.
    ///
    /// # Errors
    /// The directory is not there, or is no layout of a version that we know.
    pub(crate) async fn open(dir: &Path) -> Result<Self, LayoutError> {
        let layout = Self { files: Arc::new(Files::new(dir.into())), role: Role::Source };
        if layout.files.check_version().await? { Ok(layout) } else { Err(LayoutError::NoLayout { dir: dir.into() }) }
    }

    /// Opens a layout in a tar archive, to read.
    ///
    /// # Errors
    /// The file is not there, is no archive, or has no layout of a version that we know in it.
    pub(crate) async fn open_archive(file: &Path) -> Result<Self, LayoutError> {
        let layout = Self { files: Arc::new(Files::of_archive(file.into()).await?), role: Role::Source };
        if layout.files.check_version().await? { Ok(layout) } else { Err(LayoutError::NoLayout { dir: file.into() }) }
    }

    /// Opens a layout to write to. One that is not there is made by the first write.
    ///
    /// # Errors
    /// The directory holds something else, or a layout of a version that we do not know.
    pub(crate) async fn open_or_make(dir: &Path) -> Result<Self, LayoutError> {
        let layout = Self { files: Arc::new(Files::new(dir.into())), role: Role::Target };
        if !layout.files.check_version().await? && !layout.files.is_vacant().await? {
            return Err(LayoutError::Occupied { dir: dir.into() });
        }
        Ok(layout)
    }

    /// What the entries of `index.json` name; a layout with one image needs no tag to say which is meant.
    pub(crate) async fn roots(&self) -> Result<Vec<Descriptor>, LayoutError> {
        Ok(self.index().await?.map_or_else(Vec::new, |index| index.entries().to_vec()))
    }

    fn dir(&self) -> &Path {
        self.files.dir()
    }

    fn index_path(&self) -> PathBuf {
        self.dir().join(files::INDEX_FILE)
    }

    /// `index.json`; `None` where there is none yet.
    async fn index(&self) -> Result<Option<Index>, LayoutError> {
        let path = self.index_path();
        match self.files.read(&path, LAYOUT_INDEX_BYTES_MAX).await? {
            Some(bytes) => Ok(Some(Index::parse(&bytes).map_err(|reason| LayoutError::Damaged { path, reason })?)),
            None => Ok(None),
        }
    }

    async fn find(&self, locator: &Locator) -> Result<Digest, LayoutError> {
        let tag = match locator {
            Locator::Digest(digest) => return Ok(*digest),
            Locator::Tag(tag) => tag,
        };
        let index = self.index().await?;
        let entry = index.as_ref().and_then(|index| index.tagged(tag)).map(|entry| entry.digest);
        entry.ok_or_else(|| LayoutError::NotFound { dir: self.dir().into(), name: tag.to_string() })
    }

    async fn read_manifest(&self, digest: &Digest) -> Result<Manifest, LayoutError> {
        let path = self.files.blob_path(digest);
        let Some(bytes) = self.files.read(&path, MANIFEST_BYTES_MAX).await? else {
            return Err(LayoutError::NotFound { dir: self.dir().into(), name: digest.to_string() });
        };
        let damaged = |reason: String| LayoutError::Damaged { path: path.clone(), reason };
        if !digest.matches(&bytes) {
            return Err(damaged(format!("its bytes have the digest {}", digest.algorithm().digest(&bytes))));
        }
        Manifest::parse(Bytes::from(bytes), None).map_err(|error| damaged(error.to_string()))
    }

    /// Refuses a manifest whose children are not there, as a registry does.
    async fn check_children(&self, manifest: &Manifest, digest: &Digest) -> Result<(), LayoutError> {
        for child in graph::blobs(manifest).filter(|blob| !blob.is_foreign()).chain(graph::manifests(manifest)) {
            if self.files.size(&child.digest).await? != Some(child.size) {
                return Err(LayoutError::ChildMissing { parent: *digest, child: child.digest });
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Source for Layout {
    async fn resolve(&self, locator: &Locator) -> content::Result<Descriptor> {
        let digest = self.find(locator).await?;
        let manifest = self.read_manifest(&digest).await?;
        if self.role == Role::Target {
            self.check_children(&manifest, &digest).await?;
        }
        Ok(Descriptor::new(manifest.media_type().clone(), digest, manifest.bytes().len() as u64))
    }

    async fn manifest(&self, locator: &Locator) -> content::Result<(Digest, Manifest)> {
        let digest = self.find(locator).await?;
        Ok((digest, self.read_manifest(&digest).await?))
    }

    async fn fetch(&self, blob: &Descriptor) -> content::Result<Body> {
        Ok(self.files.stream(blob).await?)
    }

    async fn referrers(&self, subject: &Digest) -> content::Result<Vec<Descriptor>> {
        let Some(index) = self.index().await? else { return Ok(Vec::new()) };
        let mut found: Vec<Descriptor> = Vec::new();
        // What other tools keep under the fallback tag, and what stands in index.json itself.
        if let Some(list) = index.tagged(&fallback_tag(subject)) {
            found.extend(self.read_manifest(&list.digest).await?.manifests().iter().cloned());
        }
        for entry in index.entries() {
            if entry.media_type.is_manifest() && !found.iter().any(|known| known.digest == entry.digest) {
                let manifest = self.read_manifest(&entry.digest).await?;
                if manifest.subject().is_some_and(|of| of.digest == *subject) {
                    found.push(manifest.as_referrer(entry.digest));
                }
            }
        }
        Ok(found)
    }

    async fn tags(&self) -> content::Result<Vec<Tag>> {
        match self.index().await? {
            Some(index) => Ok(index.tags()),
            None => Err(LayoutError::NoLayout { dir: self.dir().into() }.into()),
        }
    }
}

#[async_trait]
impl Target for Layout {
    async fn has(&self, blob: &Descriptor) -> content::Result<bool> {
        Ok(self.files.size(&blob.digest).await? == Some(blob.size))
    }

    async fn offer(&self, blob: &Descriptor, ask: Ask<'_>) -> content::Result<Offer> {
        match ask {
            Ask::Present | Ask::Mount(_) if self.has(blob).await? => Ok(Offer::Present),
            Ask::Upload | Ask::Present | Ask::Mount(_) => Ok(Offer::Wanted(Ticket::default())),
        }
    }

    async fn push(&self, blob: &Descriptor, _: Ticket, body: Body) -> content::Result<()> {
        self.files.make().await?;
        self.files.store(blob, body).await
    }

    async fn put(&self, manifest: &Manifest, digest: &Digest, put_as: PutAs<'_>) -> content::Result<Stored> {
        self.check_children(manifest, digest).await?;
        self.files.make().await?;
        let descriptor = Descriptor::new(manifest.media_type().clone(), *digest, manifest.bytes().len() as u64);
        self.files.store(&descriptor, Body::whole(&descriptor, manifest.bytes().clone())).await?;
        let tag = match put_as {
            PutAs::Child => return Ok(Stored::Whole),
            PutAs::Root => None,
            PutAs::Tag(tag) => Some(tag.clone()),
        };
        let mut entry = manifest.as_referrer(*digest);
        // The annotations of a manifest are its own; the entry's say what the layout calls it.
        entry.annotations = None;
        if manifest.subject().is_none() {
            entry.artifact_type = None;
        }
        let change = move |index: &mut Index| index.enter(entry, tag.as_ref());
        self.files.change_index(self.index_path(), change).await?;
        Ok(Stored::Whole)
    }
}

#[cfg(test)]
#[path = "layout_tests.rs"]
mod tests;
