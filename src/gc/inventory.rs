//! What is there: repositories, tags, manifests with what they list, blobs with size and time. Plain data.
//!
//! Digests are interned, so that a plan works on small integers. Content may be known under two digests (a sha512 one and
//! the sha256 under which its bytes stand): edges always name the *stored* one, see [`Inventory::stored_as`].
//!
//! Knows neither where the data came from nor what will be made of it.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::spec::limits::INDEX_DEPTH_MAX;
use crate::spec::{Digest, Manifest, Repository, Tag, UploadId};

/// Some content of an [`Inventory`], by the order in which it was first named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ContentId(u32);

impl ContentId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// How much the source of an inventory shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// Everything: a storage directory or bucket.
    Storage,
    /// What the API of a registry lists: tags, and what is reached from them. No untagged manifests, no blob list.
    Api,
}

/// A manifest or a blob.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    pub(crate) digest: Digest,
    /// In bytes; `None` where nobody said.
    pub(crate) size: Option<u64>,
    /// When the bytes came to be in the store, where that is known.
    pub(crate) changed: Option<Timestamp>,
    /// Whether there are bytes to free.
    pub(crate) stored: bool,
    /// What it lists, where it is a manifest that was read.
    pub(crate) node: Option<Node>,
}

/// What a manifest lists.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) manifests: Vec<ContentId>,
    /// Config and layers.
    pub(crate) blobs: Vec<ContentId>,
    pub(crate) subject: Option<ContentId>,
    /// When the image was built, as its config says; of an index, the latest of its children.
    pub(crate) created: Option<Timestamp>,
}

/// A tag and what it points to.
#[derive(Clone, Debug)]
pub(crate) struct TagEntry {
    pub(crate) tag: Tag,
    /// As the tag says it.
    pub(crate) target: ContentId,
    /// When the tag was written, where that is known.
    pub(crate) changed: Option<Timestamp>,
}

/// That a repository holds a manifest or a blob.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    /// As the link says it.
    pub(crate) content: ContentId,
    pub(crate) changed: Option<Timestamp>,
}

/// An upload session that was begun and not ended.
#[derive(Clone, Debug)]
pub(crate) struct UploadEntry {
    pub(crate) id: UploadId,
    pub(crate) size: u64,
    /// The last time anything of it was written.
    pub(crate) changed: Option<Timestamp>,
}

/// Why a repository is left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Blocked {
    /// Something in it is damaged: what, for people.
    Damaged(String),
    /// It could not be read this time: why, for people.
    Failed(String),
}

/// One repository.
#[derive(Clone, Debug)]
pub(crate) struct Holding {
    pub(crate) name: Repository,
    /// In byte order after [`Inventory::finish`].
    pub(crate) tags: Vec<TagEntry>,
    /// Manifests, by digest after [`Inventory::finish`].
    pub(crate) revisions: Vec<Held>,
    /// Blobs, by digest after [`Inventory::finish`].
    pub(crate) links: Vec<Held>,
    pub(crate) uploads: Vec<UploadEntry>,
    pub(crate) blocked: Option<Blocked>,
}

impl Holding {
    pub(crate) fn new(name: Repository) -> Self {
        Self { name, tags: vec![], revisions: vec![], links: vec![], uploads: vec![], blocked: None }
    }

    /// Leaves the repository alone from now on; the first reason is the one that is told.
    pub(crate) fn block(&mut self, why: Blocked) {
        self.blocked.get_or_insert(why);
    }
}

/// Whether a date of an image's config says when it was built, and not that nobody was to know.
pub(crate) fn is_known_date(created: Timestamp) -> bool {
    /// 1981-01-01: build packs stamp 1980, others the epoch or the zero time of their language.
    const FIRST_KNOWN_SECOND: i64 = 347_155_200;
    created.as_second() >= FIRST_KNOWN_SECOND
}

/// Everything a plan needs to know.
#[derive(Clone, Debug)]
pub(crate) struct Inventory {
    pub(crate) sight: Sight,
    /// By name after [`Inventory::finish`].
    pub(crate) repositories: Vec<Holding>,
    /// Why no blob can be given up at all: something may refer to any of them.
    pub(crate) frozen: Vec<String>,
    contents: Vec<Content>,
    ids: HashMap<Digest, ContentId>,
    /// The content under whose digest the bytes of each stand; mostly itself.
    stored_as: Vec<ContentId>,
}

impl Inventory {
    pub(crate) fn new(sight: Sight) -> Self {
        Self { sight, repositories: vec![], frozen: vec![], contents: vec![], ids: HashMap::new(), stored_as: vec![] }
    }

    /// The id of `digest`, which may be new.
    pub(crate) fn intern(&mut self, digest: Digest) -> ContentId {
        *self.ids.entry(digest).or_insert_with(|| {
            // 2^32 digests would fill the memory of any machine before this wraps.
            let id = ContentId(u32::try_from(self.contents.len()).unwrap_or(u32::MAX));
            self.contents.push(Content { digest, size: None, changed: None, stored: false, node: None });
            self.stored_as.push(id);
            id
        })
    }

    pub(crate) fn find(&self, digest: &Digest) -> Option<ContentId> {
        self.ids.get(digest).copied()
    }

    pub(crate) fn content(&self, id: ContentId) -> &Content {
        &self.contents[id.index()]
    }

    pub(crate) fn digest(&self, id: ContentId) -> &Digest {
        &self.content(id).digest
    }

    pub(crate) fn node(&self, id: ContentId) -> Option<&Node> {
        self.content(id).node.as_ref()
    }

    /// How many contents have an id.
    pub(crate) fn len(&self) -> usize {
        self.contents.len()
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = ContentId> + use<> {
        // `intern` never gives an id beyond u32.
        (0..u32::try_from(self.contents.len()).unwrap_or(u32::MAX)).map(ContentId)
    }

    /// The content under whose digest the bytes stand.
    pub(crate) fn stored_as(&self, id: ContentId) -> ContentId {
        self.stored_as[id.index()]
    }

    /// Says that `named` is another digest of the bytes of `stored`.
    pub(crate) fn set_stored_as(&mut self, named: ContentId, stored: ContentId) {
        self.stored_as[named.index()] = stored;
    }

    /// Says that the bytes are there.
    pub(crate) fn set_stored(&mut self, id: ContentId, size: u64, changed: Option<Timestamp>) {
        let content = &mut self.contents[id.index()];
        content.stored = true;
        content.size = Some(size);
        content.changed = changed;
    }

    /// Says what a manifest lists. Sizes of descriptors count where no better one is known; with `children_stored` they are
    /// believed to be there (an API shows no more), unless they are kept elsewhere by design.
    pub(crate) fn set_manifest(&mut self, id: ContentId, manifest: &Manifest, children_stored: bool) {
        let mut list = |descriptors: &mut dyn Iterator<Item = &crate::spec::Descriptor>, stored: bool| {
            let mut ids = Vec::new();
            for descriptor in descriptors {
                let child = self.intern(descriptor.digest);
                let content = &mut self.contents[child.index()];
                content.size = content.size.or(Some(descriptor.size));
                content.stored |= stored && !descriptor.is_foreign();
                ids.push(child);
            }
            ids
        };
        // A child manifest may be missing from a sparse index: it counts once it has been read itself.
        let manifests = list(&mut manifest.manifests().iter(), false);
        let blobs = list(&mut manifest.blobs(), children_stored);
        let subject = manifest.subject().map(|subject| self.intern(subject.digest));
        self.set_node(id, Node { manifests, blobs, subject, created: None });
    }

    pub(crate) fn set_node(&mut self, id: ContentId, node: Node) {
        self.contents[id.index()].node = Some(node);
    }

    /// Says when an image was built. Dates from before there were images are what reproducible builds write: unknown.
    pub(crate) fn set_created(&mut self, id: ContentId, created: Option<Timestamp>) {
        if let Some(node) = &mut self.contents[id.index()].node {
            node.created = created.filter(|time| is_known_date(*time));
        }
    }

    /// Puts everything in order: names sorted, edges on stored content, indexes as old as their youngest child.
    pub(crate) fn finish(&mut self) {
        let stored_as = &self.stored_as;
        let stored = |id: &mut ContentId| *id = stored_as[id.index()];
        for node in self.contents.iter_mut().filter_map(|content| content.node.as_mut()) {
            node.manifests.iter_mut().for_each(stored);
            node.blobs.iter_mut().for_each(stored);
            node.subject.iter_mut().for_each(stored);
        }
        self.move_nodes();
        for _ in 0..INDEX_DEPTH_MAX {
            if !self.age_indexes() {
                break;
            }
        }
        let contents = &self.contents;
        self.repositories.sort_by(|a, b| a.name.cmp(&b.name));
        for repository in &mut self.repositories {
            repository.tags.sort_by(|a, b| a.tag.cmp(&b.tag));
            repository.revisions.sort_by_key(|held| contents[held.content.index()].digest);
            repository.links.sort_by_key(|held| contents[held.content.index()].digest);
            repository.uploads.sort_by(|a, b| a.id.cmp(&b.id));
        }
    }

    /// What was said of a manifest under its other digest belongs to the stored one.
    fn move_nodes(&mut self) {
        for id in self.ids() {
            let stored = self.stored_as(id);
            if stored == id {
                continue;
            }
            let (size, node) = (self.contents[id.index()].size, self.contents[id.index()].node.take());
            let target = &mut self.contents[stored.index()];
            target.size = target.size.or(size);
            if target.node.is_none() {
                target.node = node;
            }
        }
    }

    /// One round of giving indexes the time of their youngest child; whether any changed.
    fn age_indexes(&mut self) -> bool {
        let mut changed = false;
        for at in 0..self.contents.len() {
            let Some(node) = self.contents[at].node.as_ref().filter(|node| !node.manifests.is_empty()) else {
                continue;
            };
            let youngest = node.manifests.iter().filter_map(|child| self.node(*child)?.created).max();
            if youngest > node.created
                && let Some(node) = &mut self.contents[at].node
            {
                node.created = youngest;
                changed = true;
            }
        }
        changed
    }
}
