//! The graph of manifests below a root: what has to be fetched next, and in which order it may be written.
//!
//! Pure: whoever walks brings the manifests. No recursion; every manifest is entered once, and depth, count and bytes
//! are limited.

use std::collections::{HashMap, HashSet};

use thiserror::Error;

use crate::spec::limits::{GRAPH_MANIFEST_BYTES_MAX, GRAPH_MANIFESTS_MAX, INDEX_DEPTH_MAX};
use crate::spec::{Descriptor, Digest, Manifest};

/// Why a graph is not walked further.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum GraphError {
    #[error("indexes are nested deeper than {INDEX_DEPTH_MAX} levels at {0}")]
    TooDeep(Digest),
    #[error("more than {GRAPH_MANIFESTS_MAX} manifests")]
    TooManyManifests,
    #[error("more than {GRAPH_MANIFEST_BYTES_MAX} bytes of manifests")]
    TooManyBytes,
    #[error("manifest {digest} has {got} bytes, its index says {size}")]
    Size { digest: Digest, size: u64, got: u64 },
}

/// Manifests that `manifest` lists: the entries of an index that are manifests.
pub(crate) fn manifests(manifest: &Manifest) -> impl Iterator<Item = &Descriptor> {
    manifest.manifests().iter().filter(|child| child.media_type.is_manifest())
}

/// Blobs that `manifest` lists: config and layers, and what else an index lists (build caches list their layers there).
pub(crate) fn blobs(manifest: &Manifest) -> impl Iterator<Item = &Descriptor> {
    manifest.blobs().chain(manifest.manifests().iter().filter(|child| !child.media_type.is_manifest()))
}

/// A graph, whole.
#[derive(Debug)]
pub(crate) struct Graph {
    pub(crate) root: Digest,
    /// What has to be written.
    pub(crate) manifests: HashMap<Digest, Manifest>,
    /// The keys of `manifests`: every manifest stands in a later wave than its children; the root alone in the last.
    pub(crate) waves: Vec<Vec<Digest>>,
    /// Manifests that were left out, with everything below them.
    pub(crate) left_out: Vec<Digest>,
    /// Every blob once, the largest first.
    pub(crate) blobs: Vec<Descriptor>,
}

impl Graph {
    /// Every manifest of the graph.
    pub(crate) fn digests(&self) -> impl Iterator<Item = Digest> {
        self.waves.iter().flatten().chain(&self.left_out).copied()
    }
}

/// A walk in progress, level by level.
#[derive(Debug)]
pub(crate) struct Walk {
    root: Digest,
    entered: HashMap<Digest, Manifest>,
    left_out: Vec<Digest>,
    seen: HashSet<Digest>,
    next: Vec<Descriptor>,
    depth: usize,
    bytes: usize,
}

impl Walk {
    /// Begins at a root that is at hand.
    pub(crate) fn new(root: Digest, manifest: Manifest) -> Result<Self, GraphError> {
        let mut walk = Self {
            root,
            entered: HashMap::new(),
            left_out: Vec::new(),
            seen: HashSet::from([root]),
            next: Vec::new(),
            depth: 0,
            bytes: 0,
        };
        walk.enter(root, manifest)?;
        Ok(walk)
    }

    /// The manifests to look at next, none of them seen before; empty at the end.
    pub(crate) fn next_level(&mut self) -> Result<Vec<Descriptor>, GraphError> {
        let level = std::mem::take(&mut self.next);
        if let Some(first) = level.first() {
            self.depth += 1;
            if self.depth >= INDEX_DEPTH_MAX {
                return Err(GraphError::TooDeep(first.digest));
            }
        }
        Ok(level)
    }

    /// Takes a manifest into the graph, its children into the next level.
    pub(crate) fn enter(&mut self, digest: Digest, manifest: Manifest) -> Result<(), GraphError> {
        self.bytes += manifest.bytes().len();
        if self.bytes > GRAPH_MANIFEST_BYTES_MAX {
            return Err(GraphError::TooManyBytes);
        }
        for child in manifests(&manifest) {
            if self.seen.insert(child.digest) {
                self.next.push(child.clone());
            }
        }
        if self.seen.len() > GRAPH_MANIFESTS_MAX {
            return Err(GraphError::TooManyManifests);
        }
        self.entered.insert(digest, manifest);
        Ok(())
    }

    /// As [`Walk::enter`], for a manifest that `child` describes.
    pub(crate) fn enter_child(&mut self, child: &Descriptor, manifest: Manifest) -> Result<(), GraphError> {
        let got = manifest.bytes().len() as u64;
        if got != child.size {
            return Err(GraphError::Size { digest: child.digest, size: child.size, got });
        }
        self.enter(child.digest, manifest)
    }

    /// Leaves a manifest out of the graph, and with it what only it lists.
    pub(crate) fn leave_out(&mut self, digest: Digest) {
        self.left_out.push(digest);
    }

    pub(crate) fn finish(self) -> Graph {
        let waves = waves(self.root, &self.entered);
        let mut listed = HashSet::new();
        let mut all: Vec<Descriptor> = waves
            .iter()
            .flatten()
            .filter_map(|digest| self.entered.get(digest))
            .flat_map(blobs)
            .filter(|blob| listed.insert(blob.digest))
            .cloned()
            .collect();
        all.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.digest.cmp(&b.digest)));
        Graph { root: self.root, manifests: self.entered, waves, left_out: self.left_out, blobs: all }
    }
}

/// Groups manifests by the longest way down from them.
fn waves(root: Digest, manifests_by_digest: &HashMap<Digest, Manifest>) -> Vec<Vec<Digest>> {
    let mut heights: HashMap<Digest, usize> = HashMap::new();
    let mut opened = HashSet::new();
    let mut stack = vec![root];
    let mut waves: Vec<Vec<Digest>> = Vec::new();
    while let Some(&digest) = stack.last() {
        let Some(manifest) = manifests_by_digest.get(&digest) else {
            stack.pop();
            continue;
        };
        if opened.insert(digest) {
            // What is opened and not finished cannot be listed below itself: no document contains its own digest.
            stack.extend(manifests(manifest).map(|child| child.digest).filter(|child| !opened.contains(child)));
            continue;
        }
        stack.pop();
        if heights.contains_key(&digest) {
            continue;
        }
        let below = manifests(manifest).filter_map(|child| heights.get(&child.digest));
        let height = below.max().map_or(0, |height| height + 1);
        heights.insert(digest, height);
        if waves.len() <= height {
            waves.resize_with(height + 1, Vec::new);
        }
        waves[height].push(digest);
    }
    waves
}

#[cfg(test)]
#[path = "graph_tests.rs"]
mod tests;
