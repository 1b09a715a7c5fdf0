//! Carries out a plan of garbage collection on a store that nobody writes to meanwhile.
//!
//! The order is the crash contract: tags, then manifests (indexes before what they list), then links, then bytes; each
//! kind that others rely on is durably gone before the next one begins. What stays needs nothing of what goes, so that
//! whatever a crash leaves is whole; and what is left of what goes is garbage to the next plan. What only remembers things
//! that are not there any more (former digests of tags, entries of referrers, names under another digest) goes along, also
//! that of earlier crashes.
//!
//! Looks at nothing twice: that the store is as the inventory says is for the caller to see to.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::snapshot::{LINK_BYTES_MAX, list_all, parse_link, read_small};
use crate::gc::inventory::Holding;
use crate::gc::plan::{Fate, RepositoryPlan, Standing};
use crate::gc::{Inventory, Plan};
use crate::spec::limits::INDEX_DEPTH_MAX;
use crate::spec::{Algorithm, Digest, Tag};
use crate::store::keys::{digest_of, referrer_of};
use crate::store::{self, Depth, Driver, Key, Prefix, Result, StageMode};

/// Listings under way at once.
const LOOKUPS: usize = 64;

/// Values that are removed by one call. It ends with a wait for the disk, which all of them share.
const BATCH: usize = 10_000;

/// Removes what the plan says, which was made of this inventory.
///
/// # Errors
/// The first that the store gives; what has not been removed by then is still to be.
pub(crate) async fn collect(driver: &dyn Driver, inventory: &Inventory, plan: &Plan) -> Result<()> {
    let doomed = Doomed { driver, inventory, plan };
    doomed.tags().await?;
    doomed.histories().await?;
    doomed.manifests().await?;
    doomed.referrers().await?;
    doomed.links().await?;
    doomed.uploads().await?;
    doomed.aliases().await?;
    doomed.blobs().await
}

struct Doomed<'a> {
    driver: &'a dyn Driver,
    inventory: &'a Inventory,
    plan: &'a Plan,
}

impl Doomed<'_> {
    /// Repositories that the plan is about.
    fn planned(&self) -> impl Iterator<Item = (&Holding, &RepositoryPlan)> {
        let all = self.inventory.repositories.iter().zip(&self.plan.repositories);
        all.filter(|(_, plan)| plan.standing == Standing::Planned)
    }

    /// The links of manifests that go, or of those that stay.
    fn revisions<'b>(
        &'b self,
        holding: &'b Holding,
        plan: &'b RepositoryPlan,
        fate: Fate,
    ) -> impl Iterator<Item = Digest> + 'b {
        let all = holding.revisions.iter().zip(&plan.manifests);
        all.filter(move |(_, manifest)| manifest.fate == fate).map(|(held, _)| *self.inventory.digest(held.content))
    }

    /// Removes what harms nobody if a power failure brings it back: the next run finds it.
    async fn discard(&self, keys: &[Key]) -> Result<()> {
        for batch in keys.chunks(BATCH) {
            self.driver.discard(batch).await?;
        }
        Ok(())
    }

    async fn delete(&self, keys: &[Key]) -> Result<()> {
        for batch in keys.chunks(BATCH) {
            self.driver.delete(batch).await?;
        }
        Ok(())
    }

    /// The current links first: they are what makes a tag. What stands below a name that is no tag is of one that went.
    async fn tags(&self) -> Result<()> {
        let gone = |(holding, plan): (&Holding, &RepositoryPlan)| {
            let tags = holding.tags.iter().zip(&plan.tags).filter(|(_, tag)| tag.fate == Fate::Go);
            tags.map(|(entry, _)| Key::tag_current(&holding.name, &entry.tag)).collect::<Vec<_>>()
        };
        self.delete(&self.planned().flat_map(gone).collect::<Vec<_>>()).await?;
        let leftovers = stream::iter(self.planned()).map(|(holding, plan)| self.without_tag(holding, plan));
        let leftovers: Vec<Vec<Key>> = leftovers.buffered(LOOKUPS).try_collect().await?;
        self.discard(&leftovers.concat()).await
    }

    async fn without_tag(&self, holding: &Holding, plan: &RepositoryPlan) -> Result<Vec<Key>> {
        let kept = holding.tags.iter().zip(&plan.tags).filter(|(_, tag)| tag.fate == Fate::Keep);
        let kept: HashSet<&str> = kept.map(|(entry, _)| entry.tag.as_str()).collect();
        let mut keys = Vec::new();
        for entry in list_all(self.driver, &Prefix::tags(&holding.name), Depth::Children, false).await? {
            let Ok(tag) = entry.name.trim_end_matches('/').parse::<Tag>() else { continue };
            if !kept.contains(tag.as_str()) {
                let prefix = Prefix::tag(&holding.name, &tag);
                let below = list_all(self.driver, &prefix, Depth::All, false).await?;
                keys.extend(below.iter().map(|entry| prefix.key(&entry.name)));
            }
        }
        Ok(keys)
    }

    /// That tags which stay have pointed to manifests which go.
    async fn histories(&self) -> Result<()> {
        let mut tags = Vec::new();
        for (holding, plan) in self.planned() {
            let gone: HashSet<Digest> = self.revisions(holding, plan, Fate::Go).collect();
            if !gone.is_empty() {
                let gone = Arc::new(gone);
                let kept = holding.tags.iter().zip(&plan.tags).filter(|(_, tag)| tag.fate == Fate::Keep);
                tags.extend(kept.map(|(entry, _)| (&holding.name, &entry.tag, Arc::clone(&gone))));
            }
        }
        let keys: Vec<Vec<Key>> = stream::iter(tags)
            .map(|(name, tag, gone)| async move {
                let mut keys = Vec::new();
                for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
                    let prefix = Prefix::tag_index(name, tag, algorithm);
                    let former = list_all(self.driver, &prefix, Depth::Children, false).await?;
                    let digests = former.iter().filter_map(|entry| digest_of(&format!("{algorithm}/{}", entry.name)));
                    let dead = digests.filter(|digest| gone.contains(digest));
                    keys.extend(dead.map(|digest| Key::tag_index(name, tag, &digest)));
                }
                Ok::<_, store::Error>(keys)
            })
            .buffered(LOOKUPS)
            .try_collect()
            .await?;
        self.discard(&keys.concat()).await
    }

    /// What lists others before what it lists, so that nothing ever lacks a part.
    async fn manifests(&self) -> Result<()> {
        let heights = self.heights();
        let height = |digest: &Digest| {
            let stored = self.inventory.find(digest).map(|id| self.inventory.stored_as(id));
            stored.map_or(0, |id| heights[id.index()])
        };
        let mut by_height: BTreeMap<Reverse<u32>, Vec<Key>> = BTreeMap::new();
        for (holding, plan) in self.planned() {
            let mut digests: Vec<Digest> = self.revisions(holding, plan, Fate::Go).collect();
            // Of two names the sha256 goes last: it is what makes the other be found.
            digests.sort_by_key(|digest| digest.algorithm() == Algorithm::Sha256);
            for digest in digests {
                by_height.entry(Reverse(height(&digest))).or_default().push(Key::revision_link(&holding.name, &digest));
            }
        }
        for keys in by_height.values() {
            self.delete(keys).await?;
        }
        Ok(())
    }

    /// How many manifests stand below each content, one below the other; as far as anybody nests them.
    fn heights(&self) -> Vec<u32> {
        let mut heights = vec![0; self.inventory.len()];
        let mut changed = true;
        for _ in 0..INDEX_DEPTH_MAX {
            if !std::mem::replace(&mut changed, false) {
                break;
            }
            for id in self.inventory.ids() {
                let listed = self.inventory.node(id).into_iter().flat_map(|node| &node.manifests);
                let height = listed.map(|child| heights[child.index()] + 1).max().unwrap_or(0);
                changed |= height > heights[id.index()];
                heights[id.index()] = height.max(heights[id.index()]);
            }
        }
        heights
    }

    /// Entries of manifests that are not there.
    async fn referrers(&self) -> Result<()> {
        let keys: Vec<Vec<Key>> = stream::iter(self.planned())
            .map(|(holding, plan)| async move {
                let kept: HashSet<Digest> = self.revisions(holding, plan, Fate::Keep).collect();
                let prefix = Prefix::all_referrers(&holding.name);
                let entries = list_all(self.driver, &prefix, Depth::All, false).await?;
                let is_dead = |name: &str| referrer_of(name).is_some_and(|digest| !kept.contains(&digest));
                let dead = entries.iter().filter(|entry| is_dead(&entry.name));
                Ok::<_, store::Error>(dead.map(|entry| prefix.key(&entry.name)).collect())
            })
            .buffered(LOOKUPS)
            .try_collect()
            .await?;
        self.discard(&keys.concat()).await
    }

    async fn links(&self) -> Result<()> {
        let mut keys = Vec::new();
        for (holding, plan) in self.planned() {
            let digests = plan.unlink.iter().map(|id| self.inventory.digest(*id));
            keys.extend(digests.map(|digest| Key::layer_link(&holding.name, digest)));
        }
        self.delete(&keys).await
    }

    async fn uploads(&self) -> Result<()> {
        for (holding, plan) in self.planned() {
            for upload in plan.purge.iter().map(|at| &holding.uploads[*at]) {
                match self.driver.stage(&Key::upload_data(&holding.name, &upload.id), StageMode::Resume).await {
                    Ok(stage) => stage.discard().await?,
                    Err(error) if error.is_not_found() => {}
                    Err(error) => return Err(error),
                }
                let prefix = Prefix::upload(&holding.name, &upload.id);
                let below = list_all(self.driver, &prefix, Depth::All, false).await?;
                let keys: Vec<Key> = below.iter().map(|entry| prefix.key(&entry.name)).collect();
                self.delete(&keys).await?;
            }
        }
        Ok(())
    }

    /// Names of blobs under a digest that is not their sha256, where the blob goes or is gone.
    async fn aliases(&self) -> Result<()> {
        let gone: HashSet<Digest> = self.plan.blobs.iter().map(|blob| *self.inventory.digest(blob.content)).collect();
        let is_kept = |digest: &Digest| {
            let stored = self.inventory.find(digest).is_some_and(|id| self.inventory.content(id).stored);
            stored && !gone.contains(digest)
        };
        let prefix = Prefix::blob_aliases();
        let mut keys = Vec::new();
        for entry in list_all(self.driver, &prefix, Depth::All, false).await? {
            let key = prefix.key(&entry.name);
            let bytes = read_small(self.driver, &key, LINK_BYTES_MAX).await?.unwrap_or_default();
            // What is garbled leads nowhere.
            if !parse_link(&bytes).is_some_and(|digest| is_kept(&digest)) {
                keys.push(key);
            }
        }
        self.discard(&keys).await
    }

    async fn blobs(&self) -> Result<()> {
        let digests = self.plan.blobs.iter().map(|blob| self.inventory.digest(blob.content));
        self.discard(&digests.map(Key::blob).collect::<Vec<_>>()).await
    }
}

#[cfg(test)]
#[path = "collect_tests.rs"]
mod tests;
