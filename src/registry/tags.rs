//! Tags of a repository: listing and removing them.
//!
//! A tag is there when its current link names a digest; a directory that a crash left without one is no tag. The names of
//! a repository are kept in memory where the driver can tell whether they changed, and read again after
//! [`FOREIGN_WRITES_SEEN_SECS`] at the latest, for changes deeper down by another process that the driver does not see.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use quick_cache::sync::Cache;

use super::manifests::Document;
use super::{Error, PageOf, Registry, Removed, Result, StoredManifest};
use crate::spec::limits::FOREIGN_WRITES_SEEN_SECS;
use crate::spec::{Digest, Locator, Page, Repository, Tag};
use crate::store::{Depth, Key, Prefix};

/// Tags remembered over all repositories. One takes about 64 bytes.
const TAGS_LISTED_MAX: u64 = 50_000;

/// Links that are read at the same time: enough to hide the latency of an object store.
const LOOKUPS: usize = 32;

/// Counters of changes that repositories share.
const COUNTERS: usize = 64;

#[derive(Clone, Debug)]
struct Listed {
    /// Of the children of the repository's tags.
    version: u64,
    /// Of the changes by this process.
    changes: u64,
    at: Timestamp,
    tags: Arc<[Tag]>,
}

#[derive(Clone, Debug)]
struct Weigh;

impl quick_cache::Weighter<Repository, Listed> for Weigh {
    fn weight(&self, _: &Repository, listed: &Listed) -> u64 {
        listed.tags.len() as u64 + 4
    }
}

/// Lists of tags that were read lately.
#[derive(Debug)]
pub(super) struct TagLists {
    lists: Cache<Repository, Listed, Weigh>,
    /// Count the tags that this process made or removed; repositories share them by their hash.
    changes: [AtomicU64; COUNTERS],
    hasher: RandomState,
}

impl Default for TagLists {
    fn default() -> Self {
        Self {
            lists: Cache::with_weighter(1024, TAGS_LISTED_MAX, Weigh),
            changes: std::array::from_fn(|_| AtomicU64::new(0)),
            hasher: RandomState::new(),
        }
    }
}

impl TagLists {
    fn changes(&self, repository: &Repository) -> &AtomicU64 {
        &self.changes[self.hasher.hash_one(repository.as_str()) as usize % COUNTERS]
    }
}

impl Registry {
    /// Tags in byte order; `NameUnknown` where there is no such repository.
    pub(crate) async fn tags(&self, repository: &Repository, page: &Page) -> Result<PageOf<Tag>> {
        let all = self.all_tags(repository).await?;
        if all.is_empty() && !self.exists(repository).await? {
            return Err(Error::NameUnknown(repository.clone()));
        }
        let from = match &page.last {
            Some(last) => all.partition_point(|tag| tag.as_str() <= last.as_str()),
            None => 0,
        };
        let n = page.n.map_or(usize::MAX, |n| n.min(self.options.tags_page_max));
        let to = from.saturating_add(n).min(all.len());
        let items = all[from..to].to_vec();
        let next = items.last().filter(|_| to < all.len()).map(ToString::to_string);
        Ok(PageOf { items, next })
    }

    /// A repository exists while it holds anything but blobs and uploads.
    async fn exists(&self, repository: &Repository) -> Result<bool> {
        Ok(!self.list_some(&Prefix::manifests(repository), Depth::All, None, 1).await?.entries.is_empty())
    }

    /// All tags, sorted.
    async fn all_tags(&self, repository: &Repository) -> Result<Arc<[Tag]>> {
        let prefix = Prefix::tags(repository);
        let changes = self.shared.tag_lists.changes(repository).load(Ordering::Acquire);
        let version = self.driver.children_version(&prefix).await?;
        let now = self.clock.now();
        if let Some(listed) = self.shared.tag_lists.lists.get(repository)
            && Some(listed.version) == version
            && now.duration_since(listed.at) < SignedDuration::from_secs(FOREIGN_WRITES_SEEN_SECS)
        {
            self.shared.lookups.count(true);
            return Ok(listed.tags);
        }
        self.shared.lookups.count(false);
        let mut tags = if self.driver.has_directories() {
            self.tags_by_directory(repository, &prefix).await?
        } else {
            self.tags_by_key(repository, &prefix).await?
        };
        tags.sort_unstable();
        let tags: Arc<[Tag]> = tags.into();
        if let Some(version) = version {
            let listed = Listed { version, changes, at: now, tags: Arc::clone(&tags) };
            self.shared.tag_lists.lists.insert(repository.clone(), listed);
            if self.shared.tag_lists.changes(repository).load(Ordering::Acquire) != changes {
                // What was read may be from before the change, and the change may be too deep for the version.
                self.shared.tag_lists.lists.remove_if(repository, |listed| listed.changes == changes);
            }
        }
        Ok(tags)
    }

    /// Lists the names and looks at the link of each: for stores with directories.
    async fn tags_by_directory(&self, repository: &Repository, prefix: &Prefix) -> Result<Vec<Tag>> {
        let names = self.list_all(prefix, Depth::Children).await?;
        let tags = names.into_iter().filter_map(|entry| entry.name.strip_suffix('/')?.parse::<Tag>().ok());
        stream::iter(tags)
            .map(|tag| async move {
                match self.driver.stat(&Key::tag_current(repository, &tag)).await {
                    Ok(stat) => Ok((stat.size > 0).then_some(tag)),
                    Err(error) if error.is_not_found() => Ok(None),
                    Err(error) => Err(Error::from(error)),
                }
            })
            .buffer_unordered(LOOKUPS)
            .try_filter_map(|tag| async move { Ok(tag) })
            .try_collect()
            .await
    }

    /// Lists all keys below the tags: for stores without directories, where a look at each link is a request.
    async fn tags_by_key(&self, repository: &Repository, prefix: &Prefix) -> Result<Vec<Tag>> {
        let mut tags = Vec::new();
        for entry in self.list_all(prefix, Depth::All).await? {
            let Some(tag) = entry.name.split('/').next().and_then(|name| name.parse::<Tag>().ok()) else { continue };
            let current = Key::tag_current(repository, &tag);
            if prefix.key(&entry.name) == current && entry.stat.is_none_or(|stat| stat.size > 0) {
                tags.push(tag);
            }
        }
        Ok(tags)
    }

    /// The tags that point to a manifest, which has these names.
    pub(super) async fn tags_of(&self, repository: &Repository, names: &[Digest]) -> Result<Vec<Tag>> {
        let all = self.all_tags(repository).await?;
        stream::iter(all.to_vec())
            .map(|tag| async move {
                let target = self.read_link(&Key::tag_current(repository, &tag)).await?;
                Ok(target.filter(|target| names.contains(target)).map(|_| tag))
            })
            .buffer_unordered(LOOKUPS)
            .try_filter_map(|tag| async move { Ok(tag) })
            .try_collect()
            .await
    }

    /// Removes a tag; what it pointed to stays.
    pub(crate) async fn delete_tag(&self, repository: &Repository, tag: &Tag) -> Result<Removed> {
        self.deletable()?;
        let _alone = self.shared.locks.alone(repository).await;
        match self.driver.stat(&Key::tag_current(repository, tag)).await {
            Ok(_) => {
                // A tag that leads nowhere can be removed like any other.
                let target = self.find_tagged(repository, tag).await.ok().flatten();
                self.remove_tags(repository, std::slice::from_ref(tag)).await?;
                let stored = |(digest, Document { media_type, bytes })| StoredManifest { digest, media_type, bytes };
                Ok(Removed { manifest: target.map(stored), tags: vec![tag.clone()] })
            }
            Err(error) if error.is_not_found() => Err(Error::ManifestUnknown(Locator::Tag(tag.clone()))),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes the links of tags: the current ones first, for they are what makes a tag.
    pub(super) async fn remove_tags(&self, repository: &Repository, tags: &[Tag]) -> Result<()> {
        if tags.is_empty() {
            return Ok(());
        }
        let current: Vec<Key> = tags.iter().map(|tag| Key::tag_current(repository, tag)).collect();
        let removed = self.driver.delete(&current).await;
        self.tags_changed(repository);
        removed?;
        let mut rest = Vec::new();
        for tag in tags {
            let prefix = Prefix::tag(repository, tag);
            rest.extend(self.list_all(&prefix, Depth::All).await?.iter().map(|entry| prefix.key(&entry.name)));
        }
        // Without the current link they make no tag, whether a power failure brings them back or not.
        Ok(self.driver.discard(&rest).await?)
    }

    /// Forgets the list of a repository when tags were made that it lacks.
    pub(super) fn tags_made(&self, repository: &Repository, tags: &[&Tag]) {
        let listed = self.shared.tag_lists.lists.get(repository);
        if !listed.is_some_and(|listed| tags.iter().all(|tag| listed.tags.binary_search(tag).is_ok())) {
            self.tags_changed(repository);
        }
    }

    /// Forgets the list of a repository.
    fn tags_changed(&self, repository: &Repository) {
        self.shared.tag_lists.changes(repository).fetch_add(1, Ordering::AcqRel);
        self.shared.tag_lists.lists.remove(repository);
    }
}

#[cfg(test)]
#[path = "tags_tests.rs"]
mod tests;
