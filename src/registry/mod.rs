//! The registry: OCI rules over a [`Driver`]. Knows no HTTP.
//!
//! Invariants, checked by the simulation and the kill tests:
//!
//! - **I1** every tag resolves to a manifest;
//! - **I2** every stored manifest's children are readable (at the time it was accepted, foreign layers excepted);
//! - **I3** what was answered stays: bytes are durable, then the link is, then the caller is told.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::Stream;

use crate::spec::{Descriptor, Digest, MediaType, Platform, Tag, UploadId};
use crate::store::{Depth, Driver, Entry, ListQuery, Listing, Prefix};
use crate::sys::Clock;

mod blobs;
mod catalog;
mod children;
mod classes;
pub(crate) mod collect;
mod data;
mod error;
mod hash_state;
mod hashing;
mod links;
mod locks;
mod lookups;
mod manifest_put;
mod manifests;
mod purge;
mod quotas;
mod referrer_scan;
mod referrers;
mod session;
#[cfg(test)]
mod simulation_tests;
pub(crate) mod snapshot;
mod tags;
#[cfg(test)]
mod testing;
mod uploads;
mod urls;
#[cfg(test)]
mod verify;

pub(crate) use error::Error;
pub(crate) use lookups::Lookups;
pub(crate) use purge::PurgePolicy;
pub(crate) use quotas::Quota;
pub(crate) use urls::UrlRules;

pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// The body of a request as it arrives.
pub(crate) struct Incoming<'a> {
    /// An error ends it; what came before may be kept.
    pub(crate) bytes: Pin<&'a mut (dyn Stream<Item = std::io::Result<Bytes>> + Send)>,
    /// How many bytes it will have, where its sender says so.
    pub(crate) announced: Option<u64>,
}

impl<'a, S: Stream<Item = std::io::Result<Bytes>> + Send> From<Pin<&'a mut S>> for Incoming<'a> {
    fn from(bytes: Pin<&'a mut S>) -> Self {
        Self { bytes, announced: None }
    }
}

/// What a registry allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) delete_enabled: bool,
    /// At the start; see [`Registry::set_read_only`].
    pub(crate) read_only: bool,
    pub(crate) completeness: Completeness,
    pub(crate) urls: UrlRules,
    /// The only classes of manifests that are taken; none are all.
    pub(crate) classes: Vec<String>,
    /// Most entries that a page of the catalog may be asked for; more are refused.
    pub(crate) catalog_page_max: usize,
    /// Most tags in a page that a client asks for; without a number it gets all of them.
    pub(crate) tags_page_max: usize,
    /// Largest blob that is taken, in bytes, at the start; see [`Registry::set_blob_bytes_max`].
    pub(crate) blob_bytes_max: Option<u64>,
    pub(crate) quotas: Vec<Quota>,
}

/// Who wants the registry to be read-only; one of them is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadOnlyBy {
    Configuration,
    Operator,
}

/// Which children of a manifest have to be there before it is taken (distribution-spec, "Push", lets a registry choose).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Completeness {
    /// All: what is answered 201 can be pulled. distribution's `validation` as it is by default.
    #[default]
    Whole,
    /// All blobs of an image; an index may list manifests that are elsewhere (`validation.manifests.indexes.platforms:
    /// none`).
    SparseIndexes,
    /// All blobs of an image; of an index what is for one of these platforms, at least one (`platforms: list`).
    Platforms(Vec<Platform>),
    /// None (`validation.disabled: true`).
    Sparse,
}

impl Completeness {
    fn requires(&self, child: &Descriptor, of_index: bool) -> bool {
        match self {
            Self::Whole => true,
            Self::SparseIndexes => !of_index,
            Self::Platforms(platforms) => {
                let is_for = |wanted: &Platform| child.platform.as_ref().is_some_and(|its| wanted.accepts(its));
                !of_index || platforms.iter().any(is_for)
            }
            Self::Sparse => false,
        }
    }
}

/// A registry over one driver. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Registry {
    driver: Arc<dyn Driver>,
    clock: Clock,
    options: Arc<Options>,
    shared: Arc<Shared>,
}

/// A manifest as stored.
#[derive(Clone, Debug)]
pub(crate) struct StoredManifest {
    /// The digest that was asked for, or the one the tag points to.
    pub(crate) digest: Digest,
    pub(crate) media_type: MediaType,
    pub(crate) bytes: Bytes,
}

/// What a manifest PUT did.
#[derive(Clone, Debug)]
pub(crate) struct PutManifest {
    pub(crate) digest: Digest,
    pub(crate) media_type: MediaType,
    /// For `OCI-Subject`.
    pub(crate) subject: Option<Digest>,
    /// For `OCI-Tag`: the tags of the query that now point here.
    pub(crate) tags: Vec<Tag>,
}

/// What a DELETE of a manifest or tag took away.
#[derive(Clone, Debug, Default)]
pub(crate) struct Removed {
    /// What was deleted, or what the tag led to; `None` where nobody could read it.
    pub(crate) manifest: Option<StoredManifest>,
    /// Tags that went.
    pub(crate) tags: Vec<Tag>,
}

/// What became of a POST to the uploads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Started {
    /// The blob was somewhere in the registry, and is in the repository now.
    Mounted { digest: Digest, size: u64 },
    /// The blob came with the request, and is in the repository.
    Stored { digest: Digest, size: u64 },
    /// A session waits for its bytes.
    Session(UploadId),
}

/// A part of a sorted list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PageOf<T> {
    pub(crate) items: Vec<T>,
    /// What `last` of the next page is; `None` behind the end.
    pub(crate) next: Option<String>,
}

/// What the requests of one process share.
#[derive(Debug, Default)]
struct Shared {
    read_only: [AtomicBool; 2],
    /// All bits where there is no limit.
    blob_bytes_max: AtomicU64,
    holdings: quotas::Holdings,
    locks: locks::Locks,
    links: links::Links,
    lookups: Arc<Lookups>,
    examinations: data::Examinations,
    small_blobs: blobs::SmallBlobs,
    manifests: manifests::Manifests,
    tag_lists: tags::TagLists,
    catalog: catalog::Catalog,
    scans: referrer_scan::Scans,
}

/// Entries of a listing that are asked of the driver at once; few in tests, so that they turn pages.
const LIST_PAGE: usize = if cfg!(test) { 7 } else { 10_000 };

// The methods of the surface stand in the files of their nouns.
impl Registry {
    pub(crate) fn new(driver: Arc<dyn Driver>, clock: Clock, options: Options) -> Self {
        let registry = Self { driver, clock, options: Arc::new(options), shared: Arc::default() };
        registry.set_read_only(ReadOnlyBy::Configuration, registry.options.read_only);
        registry.set_blob_bytes_max(registry.options.blob_bytes_max);
        registry
    }

    /// How often caches served.
    pub(crate) fn lookups(&self) -> Arc<Lookups> {
        Arc::clone(&self.shared.lookups)
    }

    /// Whether somebody wants changes to be refused from now on. Requests that have begun are finished; an upload session
    /// that waits for more stays, and can be continued when nobody wants it any more.
    pub(crate) fn set_read_only(&self, by: ReadOnlyBy, read_only: bool) {
        self.shared.read_only[by as usize].store(read_only, Ordering::Relaxed);
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.shared.read_only.iter().any(|wanted| wanted.load(Ordering::Relaxed))
    }

    /// The largest blob that is taken from now on. Requests that have begun end with what was said before.
    pub(crate) fn set_blob_bytes_max(&self, limit: Option<u64>) {
        self.shared.blob_bytes_max.store(limit.unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn blob_bytes_max(&self) -> Option<u64> {
        Some(self.shared.blob_bytes_max.load(Ordering::Relaxed)).filter(|&limit| limit < u64::MAX)
    }

    fn writable(&self) -> Result<()> {
        if self.is_read_only() { Err(Error::ReadOnly) } else { Ok(()) }
    }

    fn deletable(&self) -> Result<()> {
        self.writable()?;
        if self.options.delete_enabled { Ok(()) } else { Err(Error::DeleteDisabled) }
    }

    async fn list_some(
        &self,
        prefix: &Prefix,
        depth: Depth,
        start_after: Option<&str>,
        limit: usize,
    ) -> Result<Listing> {
        let query = ListQuery { prefix, depth, start_after, limit, with_stat: false };
        Ok(self.driver.list(&query).await?)
    }

    async fn list_all(&self, prefix: &Prefix, depth: Depth) -> Result<Vec<Entry>> {
        let mut listing = self.list_some(prefix, depth, None, LIST_PAGE).await?;
        let mut all = listing.entries;
        while listing.more {
            let after = all.last().map(|entry| entry.name.as_str());
            listing = self.list_some(prefix, depth, after, LIST_PAGE).await?;
            all.append(&mut listing.entries);
        }
        Ok(all)
    }
}
