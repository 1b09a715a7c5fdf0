//! From storage to a [`gc::Inventory`](crate::gc): everything that stands in a store, in one pass, without changing it.
//!
//! Fails closed. What cannot be read, or is damaged, blocks its repository; where even the links of one cannot be told,
//! no blob at all may go. Old `signatures/` and whatever else distribution once wrote is not looked at.
//!
//! Blobs are listed before repositories are read: a blob that arrives in between is unknown to the plan, never doomed by
//! it.

mod holding;

use std::collections::{BTreeMap, HashSet};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};

pub(super) use self::holding::{LINK_BYTES_MAX, parse_link};
use self::holding::{Read, read_holding};
use crate::gc::inventory::{Blocked, Held, Holding, Sight, TagEntry};
use crate::gc::reading::{self, Listed};
use crate::gc::{ContentId, Inventory};
use crate::spec::limits::MANIFEST_BYTES_MAX;
use crate::spec::{Algorithm, Digest};
use crate::store::keys::blob_digest;
use crate::store::{self, Depth, Driver, Entry, Key, ListQuery, Prefix, Result, Stat};

/// Reads under way at once: enough to hide the latency of an object store.
const READS: usize = 64;

/// Entries of one listing.
const LIST_PAGE: usize = 100_000;

/// Reads a whole store; with `created`, also when images were built, which takes one more read for each.
///
/// # Errors
/// Where blobs or the names of repositories cannot be listed. What is wrong inside of a repository is in the inventory.
pub(crate) async fn snapshot(driver: &dyn Driver, created: bool) -> Result<Inventory> {
    let mut inventory = Inventory::new(Sight::Storage);
    list_blobs(driver, &mut inventory).await?;
    let found = find_repositories(driver).await?;
    inventory.frozen = found.strange;
    let read: Vec<Read> =
        stream::iter(found.names).map(|name| read_holding(driver, name)).buffered(READS).collect().await;
    for read in read {
        add(&mut inventory, read);
    }
    let manifests = Manifests::read(driver, &mut inventory).await;
    block_damaged(&mut inventory, &manifests);
    if created {
        read_configs(driver, &mut inventory, manifests.configs).await;
    }
    inventory.finish();
    Ok(inventory)
}

/// All entries below or in a prefix.
pub(super) async fn list_all(
    driver: &dyn Driver,
    prefix: &Prefix,
    depth: Depth,
    with_stat: bool,
) -> Result<Vec<Entry>> {
    let mut all: Vec<Entry> = Vec::new();
    loop {
        let start_after = all.last().map(|entry| entry.name.clone());
        let start_after = start_after.as_deref();
        let query = ListQuery { prefix, depth, start_after, limit: LIST_PAGE, with_stat };
        let listing = driver.list(&query).await?;
        let more = listing.more && !listing.entries.is_empty();
        all.extend(listing.entries);
        if !more {
            return Ok(all);
        }
    }
}

async fn list_blobs(driver: &dyn Driver, inventory: &mut Inventory) -> Result<()> {
    let blobs =
        if driver.has_directories() { blobs_by_directory(driver).await? } else { blobs_by_listing(driver).await? };
    for (digest, stat) in blobs {
        let id = inventory.intern(digest);
        inventory.set_stored(id, stat.size, Some(stat.changed));
    }
    Ok(())
}

/// An object store lists everything with its size.
async fn blobs_by_listing(driver: &dyn Driver) -> Result<Vec<(Digest, Stat)>> {
    let entries = list_all(driver, &Prefix::blobs(), Depth::All, true).await?;
    Ok(entries.into_iter().filter_map(|entry| blob_digest(&entry.name).zip(entry.stat)).collect())
}

/// A file system need not open the directory of each blob: its name says where the bytes are.
async fn blobs_by_directory(driver: &dyn Driver) -> Result<Vec<(Digest, Stat)>> {
    let mut shelves = Vec::new();
    for algorithm in list_all(driver, &Prefix::blobs(), Depth::Children, false).await? {
        for shelf in list_all(driver, &Prefix::blobs().child(&algorithm.name), Depth::Children, false).await? {
            shelves.push(format!("{}{}", algorithm.name, shelf.name));
        }
    }
    let read: Vec<Vec<(Digest, Stat)>> = stream::iter(shelves)
        .map(|shelf| async move {
            let mut found = Vec::new();
            for entry in list_all(driver, &Prefix::blobs().child(&shelf), Depth::Children, false).await? {
                let Some(digest) = blob_digest(&format!("{shelf}{}data", entry.name)) else { continue };
                match driver.stat(&Key::blob(&digest)).await {
                    Ok(stat) => found.push((digest, stat)),
                    // A directory that lost its blob.
                    Err(error) if error.is_not_found() => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(found)
        })
        .buffered(READS)
        .try_collect()
        .await?;
    Ok(read.into_iter().flatten().collect())
}

/// What a walk over the names found.
#[derive(Default)]
struct Found {
    names: Vec<crate::spec::Repository>,
    /// What looks like a repository and has a name that none can have.
    strange: Vec<String>,
}

async fn find_repositories(driver: &dyn Driver) -> Result<Found> {
    let mut found = Found::default();
    let mut level = vec![String::new()];
    while !level.is_empty() {
        let listed: Vec<(String, Vec<Entry>)> = stream::iter(level)
            .map(|name| async move {
                let prefix = if name.is_empty() { Prefix::repositories() } else { Prefix::repositories().child(&name) };
                Ok::<_, store::Error>((name, list_all(driver, &prefix, Depth::Children, false).await?))
            })
            .buffer_unordered(READS)
            .try_collect()
            .await?;
        level = Vec::new();
        for (name, entries) in listed {
            // Parts of a repository begin with what no component of a name begins with.
            let (parts, children): (Vec<&str>, Vec<&str>) =
                entries.iter().filter_map(|entry| entry.name.strip_suffix('/')).partition(|name| name.starts_with('_'));
            match name.parse() {
                Ok(name) if !parts.is_empty() => found.names.push(name),
                Err(_) if !parts.is_empty() => found.strange.push(format!("{name:?} is no name of a repository")),
                _ => {}
            }
            level.extend(children.iter().map(|child| join(&name, child)));
        }
    }
    Ok(found)
}

fn join(name: &str, child: &str) -> String {
    if name.is_empty() { child.to_owned() } else { format!("{name}/{child}") }
}

/// Puts what was read of one repository into the inventory.
fn add(inventory: &mut Inventory, read: Read) {
    let mut holding = Holding::new(read.name);
    holding.blocked = read.blocked;
    holding.uploads = read.uploads;
    if let Some(why) = read.links_unknown {
        inventory.frozen.push(format!("{}: {why}", holding.name));
    }
    for (tag, target, changed) in read.tags {
        let target = inventory.intern(target);
        holding.tags.push(TagEntry { tag, target, changed });
    }
    let mut held = |links: Vec<holding::Link>| -> Vec<Held> {
        let held = |link: holding::Link| {
            let content = inventory.intern(link.digest);
            if link.stored != link.digest {
                let stored = inventory.intern(link.stored);
                inventory.set_stored_as(content, stored);
            }
            Held { content, changed: link.changed }
        };
        links.into_iter().map(held).collect()
    };
    (holding.revisions, holding.links) = (held(read.revisions), held(read.layers));
    inventory.repositories.push(holding);
}

/// The manifests of all repositories, and what was wrong with some.
#[derive(Default)]
struct Manifests {
    unreadable: BTreeMap<ContentId, String>,
    missing: HashSet<ContentId>,
    /// Images, with the configs that say when they were built.
    configs: Vec<(ContentId, Digest)>,
}

impl Manifests {
    /// Reads what repositories hold or point to, then what indexes list, and so on.
    async fn read(driver: &dyn Driver, inventory: &mut Inventory) -> Self {
        let mut manifests = Self::default();
        let mut seen = HashSet::new();
        let mut pending: Vec<ContentId> = Vec::new();
        for holding in &inventory.repositories {
            let targets = holding.tags.iter().map(|entry| entry.target);
            let held = holding.revisions.iter().map(|held| held.content);
            let stored = targets.chain(held).map(|id| inventory.stored_as(id));
            pending.extend(stored.filter(|id| seen.insert(*id)));
        }
        while !pending.is_empty() {
            let wanted = pending.iter().map(|id| (*id, *inventory.digest(*id))).collect::<Vec<_>>();
            let read: Vec<_> = stream::iter(wanted)
                .map(|(id, digest)| async move { (id, read_manifest(driver, &digest).await) })
                .buffered(READS)
                .collect()
                .await;
            pending.clear();
            for (id, document) in read {
                manifests.note(inventory, id, document);
                let children = inventory.node(id).map(|node| node.manifests.clone()).unwrap_or_default();
                let stored = children.into_iter().map(|child| inventory.stored_as(child));
                pending.extend(stored.filter(|child| seen.insert(*child)));
            }
        }
        manifests
    }

    fn note(&mut self, inventory: &mut Inventory, id: ContentId, document: Document) {
        match document {
            Document::Read(listed) => {
                self.configs.extend(listed.config().map(|config| (id, config.digest)));
                listed.note(inventory, id, false);
            }
            Document::Missing => {
                self.missing.insert(id);
            }
            Document::Unreadable(why) => {
                self.unreadable.insert(id, why);
            }
        }
    }
}

/// What came of reading a manifest.
enum Document {
    Read(Listed),
    Missing,
    Unreadable(String),
}

async fn read_manifest(driver: &dyn Driver, digest: &Digest) -> Document {
    if digest.algorithm() != Algorithm::Sha256 {
        // Without a link there is no telling under which sha256 it stands.
        return Document::Missing;
    }
    let bytes = match read_small(driver, &Key::blob(digest), MANIFEST_BYTES_MAX as u64).await {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Document::Unreadable("it is larger than any manifest".into()),
        Err(error) if error.is_not_found() => return Document::Missing,
        Err(error) => return Document::Unreadable(with_causes(&error)),
    };
    if !digest.matches(&bytes) {
        return Document::Unreadable("its bytes have another digest".into());
    }
    match Listed::read(&bytes) {
        Ok(listed) => Document::Read(listed),
        Err(error) => Document::Unreadable(error.to_string()),
    }
}

/// A value of at most `max` bytes; `None` for a larger one.
pub(super) async fn read_small(driver: &dyn Driver, key: &Key, max: u64) -> Result<Option<Bytes>> {
    let object = driver.read(key, None).await?;
    if object.stat.size > max {
        return Ok(None);
    }
    object.bytes(key).await.map(Some)
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Leaves alone every repository in which something that it needs cannot be read.
fn block_damaged(inventory: &mut Inventory, manifests: &Manifests) {
    let mut repositories = std::mem::take(&mut inventory.repositories);
    for holding in &mut repositories {
        if let Some(why) = damage(inventory, manifests, holding) {
            holding.block(Blocked::Damaged(why));
        }
    }
    inventory.repositories = repositories;
}

/// The first thing wrong with a repository's manifests.
///
/// A manifest that is simply gone does no harm where nothing names it but its link (garbage collectors of others leave
/// such links), nor where an index lists it without the repository ever having held it (a sparse index).
fn damage(inventory: &Inventory, manifests: &Manifests, holding: &Holding) -> Option<String> {
    let unreadable = |id: ContentId| {
        let why = manifests.unreadable.get(&inventory.stored_as(id))?;
        Some(format!("manifest {} cannot be read: {why}", inventory.digest(id)))
    };
    let is_missing = |id: ContentId| manifests.missing.contains(&inventory.stored_as(id));
    for entry in &holding.tags {
        if is_missing(entry.target) {
            return Some(format!("tag {} points to {}, which is missing", entry.tag, inventory.digest(entry.target)));
        }
    }
    let held: HashSet<ContentId> = holding.revisions.iter().map(|held| inventory.stored_as(held.content)).collect();
    let roots = holding.tags.iter().map(|entry| entry.target).chain(holding.revisions.iter().map(|held| held.content));
    let (mut stack, mut seen): (Vec<ContentId>, _) = (roots.collect(), HashSet::new());
    while let Some(id) = stack.pop() {
        if let Some(why) = unreadable(id) {
            return Some(why);
        }
        let Some(node) = inventory.node(inventory.stored_as(id)) else { continue };
        for &child in node.manifests.iter().filter(|child| seen.insert(**child)) {
            if is_missing(child) && held.contains(&inventory.stored_as(child)) {
                let (child, index) = (inventory.digest(child), inventory.digest(id));
                return Some(format!("manifest {child}, which index {index} lists, is missing"));
            }
            stack.push(child);
        }
    }
    None
}

async fn read_configs(driver: &dyn Driver, inventory: &mut Inventory, configs: Vec<(ContentId, Digest)>) {
    let wanted: Vec<_> = configs
        .into_iter()
        .filter_map(|(image, config)| {
            let stored = inventory.stored_as(inventory.find(&config)?);
            inventory.content(stored).stored.then(|| (image, *inventory.digest(stored)))
        })
        .collect();
    let mut read = stream::iter(wanted)
        .map(|(image, config)| async move {
            // A config that cannot be read says nothing; an image of unknown age is kept.
            let bytes = read_small(driver, &Key::blob(&config), MANIFEST_BYTES_MAX as u64).await.ok().flatten();
            (image, bytes.and_then(|bytes| reading::created(&bytes)))
        })
        .buffered(READS);
    while let Some((image, created)) = read.next().await {
        if created.is_some() {
            inventory.set_created(image, created);
        }
    }
}

#[cfg(test)]
#[path = "snapshot_tests.rs"]
mod tests;
