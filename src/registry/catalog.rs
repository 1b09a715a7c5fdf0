//! The catalog: repositories that hold a manifest, in byte order of their names.
//!
//! No storage layout lists them without a walk, so the process keeps the list. Its own pushes and deletes show at once;
//! what other processes do shows within [`FOREIGN_WRITES_SEEN_SECS`], or, where a walk is slow, within [`REST`] times the
//! length of a walk. A walk asks the driver which directories changed and reads only those.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};

use super::{Error, PageOf, Registry, Result};
use crate::spec::limits::{CATALOG_PAGE_DEFAULT, FOREIGN_WRITES_SEEN_SECS};
use crate::spec::{Algorithm, Page, Repository};
use crate::store::{Depth, Prefix};

/// Directories that are looked at at the same time: enough to hide the latency of an object store.
const LOOKUPS: usize = 32;

/// A walk is repeated after this many times its own length at the earliest.
const REST: i32 = 20;

/// Names that are taken out of the list at a time: the lock is not held while they are looked at.
const SLICE_MIN: usize = 100;
const SLICE_MAX: usize = 1000;

/// The part of `repositories/` that lies directly in one directory.
#[derive(Clone, Debug, Default)]
struct Directory {
    /// Of what lies in it.
    version: Option<u64>,
    /// Names of the directories in it that may be repositories.
    children: Vec<String>,
    /// Of the revisions, where it is a repository.
    revisions: Option<u64>,
    is_repository: bool,
    holds_manifest: bool,
}

/// What the last walk saw, by the name of the directory.
#[derive(Debug, Default)]
struct Walk {
    directories: HashMap<String, Directory>,
}

#[derive(Debug, Default)]
struct Names {
    names: BTreeSet<Repository>,
    /// When the next walk is due; `None` before the first.
    stale_at: Option<Timestamp>,
    /// What this process added or removed since the walk that is under way began.
    changed: Vec<Repository>,
}

#[derive(Debug, Default)]
pub(super) struct Catalog {
    names: Mutex<Names>,
    /// Held during a walk.
    walk: tokio::sync::Mutex<Walk>,
}

impl Catalog {
    fn names(&self) -> MutexGuard<'_, Names> {
        // The names are right after each statement that changes them.
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All names, as of the last walk.
    pub(super) fn all(&self) -> Vec<Repository> {
        self.names().names.iter().cloned().collect()
    }

    /// Some names behind `last`; none where there are none.
    fn slice(&self, last: Option<&str>, wanted: usize) -> Vec<Repository> {
        let from = last.map_or(Bound::Unbounded, Bound::Excluded);
        let count = wanted.clamp(SLICE_MIN, SLICE_MAX);
        self.names().names.range::<str, _>((from, Bound::Unbounded)).take(count).cloned().collect()
    }

    /// A manifest was stored in `repository`.
    pub(super) fn add(&self, repository: &Repository) {
        let mut names = self.names();
        if !names.names.contains(repository) {
            names.names.insert(repository.clone());
            names.changed.push(repository.clone());
        }
    }

    /// The last manifest of `repository` was deleted.
    pub(super) fn remove(&self, repository: &Repository) {
        let mut names = self.names();
        names.names.remove(repository);
        names.changed.push(repository.clone());
    }
}

impl Registry {
    /// Repositories in byte order: those that `shows` tells to be for this caller. A page is as full as it would be if
    /// there were no others.
    pub(crate) async fn catalog(&self, page: &Page, shows: impl Fn(&Repository) -> bool) -> Result<PageOf<Repository>> {
        let max = self.options.catalog_page_max;
        let n = page.n.unwrap_or(CATALOG_PAGE_DEFAULT.min(max));
        if n > max {
            // As registry:2 answers it: cut short, the list would be taken for the whole by those who ask for so many.
            return Err(Error::PageSize(n));
        }
        let was_known = self.refresh_catalog().await?;
        self.shared.lookups.count(was_known);
        let mut last = page.last.clone();
        let mut items: Vec<Repository> = Vec::new();
        loop {
            let slice = self.shared.catalog.slice(last.as_deref(), (n - items.len()).saturating_add(1));
            let Some(end) = slice.last() else { return Ok(PageOf { items, next: None }) };
            last = Some(end.to_string());
            for name in slice.into_iter().filter(|name| shows(name)) {
                if items.len() == n {
                    let next = items.last().map(ToString::to_string);
                    return Ok(PageOf { items, next });
                }
                items.push(name);
            }
            // Whoever sees little of much looks at all of it; others want their turn.
            tokio::task::yield_now().await;
        }
    }

    /// Walks the repositories where the last walk is too long ago. Answers whether it was not.
    pub(super) async fn refresh_catalog(&self) -> Result<bool> {
        let is_fresh = || self.shared.catalog.names().stale_at.is_some_and(|stale_at| self.clock.now() < stale_at);
        if is_fresh() {
            return Ok(true);
        }
        let mut walk = self.shared.catalog.walk.lock().await;
        if is_fresh() {
            return Ok(true);
        }
        let began = self.clock.now();
        self.shared.catalog.names().changed.clear();
        let mut found = self.walk(&mut walk).await?;
        // What changed in the meantime may have been seen before or after.
        loop {
            let changed = std::mem::take(&mut self.shared.catalog.names().changed);
            for repository in changed {
                if self.holds_manifest(&repository).await? {
                    found.insert(repository);
                } else {
                    found.remove(&repository);
                }
            }
            let mut names = self.shared.catalog.names();
            if names.changed.is_empty() {
                let now = self.clock.now();
                let rest = now.duration_since(began) * REST;
                names.names = found;
                names.stale_at = Some(began + rest.max(SignedDuration::from_secs(FOREIGN_WRITES_SEEN_SECS)));
                return Ok(false);
            }
        }
    }

    /// All repositories with a manifest, level by level.
    async fn walk(&self, walk: &mut Walk) -> Result<BTreeSet<Repository>> {
        let mut found = BTreeSet::new();
        let mut seen = HashMap::with_capacity(walk.directories.len());
        let mut level = vec![String::new()];
        while !level.is_empty() {
            let known = &walk.directories;
            let read: Vec<(String, Directory)> = stream::iter(level)
                .map(|name| async move {
                    let directory = self.look(&name, known.get(&name)).await?;
                    Ok::<_, Error>((name, directory))
                })
                .buffer_unordered(LOOKUPS)
                .try_collect()
                .await?;
            level = Vec::new();
            for (name, directory) in read {
                let child_of = |child: &String| if name.is_empty() { child.clone() } else { format!("{name}/{child}") };
                level.extend(directory.children.iter().map(child_of));
                if directory.holds_manifest
                    && let Ok(repository) = name.parse()
                {
                    found.insert(repository);
                }
                seen.insert(name, directory);
            }
            // A file system answers without ever waiting; others want their turn.
            tokio::task::yield_now().await;
        }
        walk.directories = seen;
        Ok(found)
    }

    /// Looks at one directory, and reads it only where it may have changed.
    async fn look(&self, name: &str, known: Option<&Directory>) -> Result<Directory> {
        let prefix = if name.is_empty() { Prefix::repositories() } else { Prefix::repositories().child(name) };
        let repository: Option<Repository> = name.parse().ok();
        let version = self.driver.children_version(&prefix).await?;
        let mut revisions = None;
        if let (Some(repository), true) = (&repository, version.is_some()) {
            revisions = self.driver.children_version(&Prefix::revisions_by(repository, Algorithm::Sha256)).await?;
        }
        if let Some(known) = known
            && version.is_some()
            && known.version == version
            && (!known.is_repository || (revisions.is_some() && known.revisions == revisions))
        {
            return Ok(known.clone());
        }
        let entries = self.list_all(&prefix, Depth::Children).await?;
        let mut directory = Directory { version, revisions, ..Directory::default() };
        for entry in entries {
            match entry.name.strip_suffix('/') {
                Some("_manifests") => directory.is_repository = true,
                Some(child) if !child.starts_with('_') => directory.children.push(child.to_owned()),
                _ => {}
            }
        }
        if let (Some(repository), true) = (&repository, directory.is_repository) {
            directory.holds_manifest = self.holds_manifest(repository).await?;
        }
        Ok(directory)
    }
}

#[cfg(test)]
#[path = "catalog_tests.rs"]
mod tests;
