//! Finding the referrers in a repository that another registry wrote to: registry:2 and 3 store a `subject` and keep no
//! list of it.
//!
//! Before a process answers for a repository the first time, it reads the manifests that came since the last scan. The
//! time of the scan is stored with the entries, so that the next process reads only what is newer. Lists that clients keep
//! under fallback tags (`sha256-<hex>`) need no reading: what they list has a `subject` itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::OnceCell;

use super::{Error, LIST_PAGE, Registry, Result};
use crate::spec::{Algorithm, Digest, Manifest, Repository};
use crate::store::keys::digest_of;
use crate::store::{self, Depth, Entry, Key, ListQuery, Prefix, WriteMode};

/// Manifests that are read at the same time.
const LOOKUPS: usize = 16;

/// Links are taken for newer than the last scan when they are up to this much older: clocks of nodes and stores differ.
const SLACK: SignedDuration = SignedDuration::from_mins(5);

/// What a scan found and could not store, because the storage may not be written to.
#[derive(Debug, Default)]
pub(super) struct Scan {
    unsaved: HashMap<Digest, Vec<Digest>>,
}

impl Scan {
    /// Referrers of `subject` that have no entry.
    pub(super) fn of(&self, subject: &Digest) -> impl Iterator<Item = Digest> {
        self.unsaved.get(subject).into_iter().flatten().copied()
    }
}

/// The scans of this process.
#[derive(Debug, Default)]
pub(super) struct Scans(Mutex<HashMap<Repository, Arc<OnceCell<Arc<Scan>>>>>);

impl Scans {
    fn lock(&self) -> MutexGuard<'_, HashMap<Repository, Arc<OnceCell<Arc<Scan>>>>> {
        // Entries are only ever added whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The storage may not be written to, by our own rule or by its.
fn is_refusal(error: &Error) -> bool {
    matches!(error, Error::ReadOnly | Error::Store(store::Error::Denied { .. } | store::Error::OutOfSpace { .. }))
}

impl Registry {
    /// Reads, in the background, the manifests of repositories that another registry wrote, for their subjects; and fills
    /// the catalog. Answers are right without it: it spares the first of them the wait.
    pub(crate) fn index_in_background(&self) -> tokio::task::JoinHandle<()> {
        let registry = self.clone();
        tokio::spawn(async move {
            if let Err(error) = registry.index().await {
                tracing::warn!(error = &error as &dyn std::error::Error, "indexing in the background stopped");
            }
        })
    }

    async fn index(&self) -> Result<()> {
        self.refresh_catalog().await?;
        for repository in self.shared.catalog.all() {
            self.scan_repository(&repository).await?;
        }
        Ok(())
    }

    /// Makes sure that every manifest of the repository with a subject has its entry.
    pub(super) async fn scan_repository(&self, repository: &Repository) -> Result<Arc<Scan>> {
        let known = self.shared.scans.lock().get(repository).map(Arc::clone);
        let cell = match known {
            Some(cell) => cell,
            // Whoever makes up names must not fill the memory with them.
            None if !self.holds_manifest(repository).await? => return Ok(Arc::default()),
            None => Arc::clone(self.shared.scans.lock().entry(repository.clone()).or_default()),
        };
        cell.get_or_try_init(|| self.scan(repository)).await.map(Arc::clone)
    }

    async fn scan(&self, repository: &Repository) -> Result<Arc<Scan>> {
        let began = self.clock.now();
        let scanned = Key::referrers_scanned(repository);
        let since = self.read_time(&scanned).await?;
        let links = self.links_since(repository, since.map(|at| at - SLACK)).await?;
        if links.is_empty() {
            return Ok(Arc::default());
        }
        let mut scan = Scan::default();
        let mut unsaved = stream::iter(links)
            .map(|digest| self.scan_manifest(repository, digest))
            .buffer_unordered(LOOKUPS)
            .try_filter_map(|unsaved| async move { Ok(unsaved) })
            .boxed();
        while let Some((subject, digest)) = unsaved.try_next().await? {
            scan.unsaved.entry(subject).or_default().push(digest);
        }
        if scan.unsaved.is_empty() && self.writable().is_ok() {
            let saved = self.driver.write(&scanned, Bytes::from(began.to_string()), WriteMode::Replace).await;
            if let Err(error) = saved.map_err(Error::from)
                && !is_refusal(&error)
            {
                return Err(error);
            }
        }
        Ok(Arc::new(scan))
    }

    /// Writes the entry of a manifest with a subject; answers subject and manifest where that is not allowed.
    async fn scan_manifest(&self, repository: &Repository, digest: Digest) -> Result<Option<(Digest, Digest)>> {
        let Some((canonical, document)) = self.find_manifest(repository, &digest).await? else { return Ok(None) };
        let Ok(manifest) = Manifest::parse(document.bytes, None) else { return Ok(None) };
        let Some(subject) = manifest.subject().map(|subject| subject.digest) else { return Ok(None) };
        if digest == canonical {
            // One that was pushed under its sha512 is listed under that name.
            let other = Algorithm::Sha512.digest(manifest.bytes());
            if self.read_link(&Key::revision_link(repository, &other)).await?.is_some() {
                return Ok(None);
            }
        }
        let stored = match self.writable() {
            Ok(()) => self.store_referrer(repository, &manifest, digest).await,
            Err(error) => Err(error),
        };
        match stored {
            Ok(()) => Ok(None),
            Err(error) if is_refusal(&error) => Ok(Some((subject, digest))),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn read_time(&self, key: &Key) -> Result<Option<Timestamp>> {
        match self.driver.read(key, None).await {
            Ok(object) => {
                let bytes = object.bytes(key).await?;
                Ok(std::str::from_utf8(&bytes).ok().and_then(|text| text.trim_ascii().parse().ok()))
            }
            Err(error) if error.is_not_found() => Ok(None),
            Err(store::Error::Corrupt { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Manifests of the repository whose links came after `since`.
    async fn links_since(&self, repository: &Repository, since: Option<Timestamp>) -> Result<Vec<Digest>> {
        let prefix = Prefix::revisions(repository);
        let (mut found, mut after) = (Vec::new(), None::<String>);
        loop {
            let start_after = after.as_deref();
            let with_stat = since.is_some();
            let query = ListQuery { prefix: &prefix, depth: Depth::All, start_after, limit: LIST_PAGE, with_stat };
            let listing = self.driver.list(&query).await?;
            let is_new = |entry: &&Entry| since.zip(entry.stat).is_none_or(|(since, stat)| stat.changed > since);
            let links = listing.entries.iter().filter(|entry| entry.name.ends_with("/link"));
            found.extend(links.filter(is_new).filter_map(|entry| digest_of(&entry.name)));
            after = listing.entries.last().map(|entry| entry.name.clone()).filter(|_| listing.more);
            if after.is_none() {
                return Ok(found);
            }
        }
    }
}

#[cfg(test)]
#[path = "referrer_scan_tests.rs"]
mod tests;
