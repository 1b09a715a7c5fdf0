//! A plan that was made before, against what is there now: what of it still holds, as a [`Plan`] of today.
//!
//! Nothing goes that is not wished, and nothing that is wished goes where the world has moved on: a tag that points
//! elsewhere, a manifest that something needs by now, a blob that is held again.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use super::inventory::{Blocked, ContentId, Held, Holding, Inventory};
use super::plan::{
    BlobPlan, Fate, ManifestPlan, Owner, Plan, RepositoryBytes, RepositoryPlan, Standing, TagPlan, TagWhy, summarize,
};
use super::view::{Root, TagKind, Via, View, Walker};
use crate::spec::{Digest, Repository, Tag, UploadId};

/// One thing that a plan wants gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// The tag, as long as it points there.
    Untag(Repository, Tag, Digest),
    /// The repository's hold on a manifest.
    Delete(Repository, Digest),
    /// The repository's hold on a blob.
    Unlink(Repository, Digest),
    /// Bytes.
    Free(Digest),
    /// An upload session.
    Purge(Repository, UploadId),
}

impl Wish {
    fn repository(&self) -> Option<&Repository> {
        match self {
            Self::Untag(name, ..) | Self::Delete(name, _) | Self::Unlink(name, _) | Self::Purge(name, _) => Some(name),
            Self::Free(_) => None,
        }
    }
}

/// What becomes of a wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Granted,
    /// It is gone already.
    Absent,
    /// Why it stays, for people.
    Refused(String),
}

/// Grants what still holds of wishes that were made at `planned_at`. As many verdicts as wishes, in their order.
pub(crate) fn recheck(inventory: &Inventory, wishes: &[Wish], planned_at: Timestamp) -> (Plan, Vec<Verdict>) {
    let mut recheck =
        Recheck { inventory, planned_at, walker: Walker::new(inventory), stays: vec![false; inventory.len()] };
    let mut by_repository: HashMap<&Repository, Vec<usize>> = HashMap::new();
    for (at, wish) in wishes.iter().enumerate() {
        if let Some(name) = wish.repository() {
            by_repository.entry(name).or_default().push(at);
        }
    }
    let mut verdicts = vec![Verdict::Absent; wishes.len()];
    let mut repositories = Vec::with_capacity(inventory.repositories.len());
    for holding in &inventory.repositories {
        let own = by_repository.get(&holding.name).map(Vec::as_slice).unwrap_or_default();
        repositories.push(recheck.repository(holding, wishes, own, &mut verdicts));
    }
    let mut blobs = Vec::new();
    for (wish, verdict) in wishes.iter().zip(&mut verdicts) {
        if let Wish::Free(digest) = wish {
            *verdict = recheck.blob(digest, &mut blobs);
        }
    }
    blobs.sort_by_key(|blob: &BlobPlan| *inventory.digest(blob.content));
    blobs.dedup();
    let summary = summarize(inventory, &repositories, &blobs);
    (Plan { repositories, blobs, summary }, verdicts)
}

struct Recheck<'a> {
    inventory: &'a Inventory,
    planned_at: Timestamp,
    walker: Walker,
    /// Content that something needs that stays, in any repository.
    stays: Vec<bool>,
}

/// What is wished of one repository, as far as it is there.
#[derive(Default)]
struct Wished {
    tags: HashSet<usize>,
    /// By the names that were wished.
    manifests: HashSet<ContentId>,
}

impl Recheck<'_> {
    fn repository(
        &mut self,
        holding: &Holding,
        wishes: &[Wish],
        own: &[usize],
        verdicts: &mut [Verdict],
    ) -> RepositoryPlan {
        let inventory = self.inventory;
        let view = View::new(inventory, holding);
        let mut plan = untouched(holding, if own.is_empty() { Standing::NotAsked } else { Standing::Planned });
        if let Some(Blocked::Damaged(why) | Blocked::Failed(why)) = &holding.blocked {
            plan.standing = Standing::Blocked;
            own.iter()
                .for_each(|at| verdicts[*at] = Verdict::Refused(format!("{} is left alone: {why}", holding.name)));
        }
        if plan.standing != Standing::Planned {
            self.walker.walk(&view, view.everything(), |id| self.stays[id.index()] = true);
            return plan;
        }
        let wished = self.wished(&view, wishes, own);
        let tags = (0..holding.tags.len()).filter(|at| !wished.tags.contains(at));
        let tags = tags.map(|at| (view.target(at), Root::Tag(at)));
        let manifests = holding.revisions.iter().filter(|held| !wished.manifests.contains(&held.content));
        let manifests = manifests.map(|held| (view.stored(held), Root::LeftAlone));
        self.walker.walk(&view, tags.chain(manifests), |id| self.stays[id.index()] = true);
        for at in own {
            verdicts[*at] = self.judge(&view, &wished, &wishes[*at], &mut plan);
        }
        // A hold that nobody wished away, or that is needed, keeps the bytes.
        let unlinked: HashSet<ContentId> = plan.unlink.iter().copied().collect();
        for held in holding.links.iter().filter(|held| !unlinked.contains(&held.content)) {
            self.stays[view.stored(held).index()] = true;
        }
        plan
    }

    fn wished(&self, view: &View<'_>, wishes: &[Wish], own: &[usize]) -> Wished {
        let mut wished = Wished::default();
        for wish in own.iter().map(|at| &wishes[*at]) {
            match wish {
                Wish::Untag(_, tag, digest) => {
                    wished.tags.extend(tag_at(view.holding, tag).filter(|at| self.points_to(view, *at, digest)));
                }
                // By this name: what the repository holds under another one, too, stays with its bytes.
                Wish::Delete(_, digest) => wished.manifests.extend(self.inventory.find(digest)),
                Wish::Unlink(..) | Wish::Free(_) | Wish::Purge(..) => {}
            }
        }
        wished
    }

    fn points_to(&self, view: &View<'_>, at: usize, digest: &Digest) -> bool {
        self.inventory.digest(view.holding.tags[at].target) == digest
    }

    /// Judges a wish about a repository, after the walk over what stays there.
    fn judge(&self, view: &View<'_>, wished: &Wished, wish: &Wish, plan: &mut RepositoryPlan) -> Verdict {
        let (inventory, holding) = (self.inventory, view.holding);
        match wish {
            Wish::Untag(_, tag, digest) => match tag_at(holding, tag) {
                None => Verdict::Absent,
                Some(at) if !wished.tags.contains(&at) => {
                    let now = inventory.digest(holding.tags[at].target);
                    Verdict::Refused(format!("the tag has moved from {digest} to {now}"))
                }
                Some(at) => match view.kinds[at] {
                    TagKind::Companion(subject) if self.walker.reached(subject) => {
                        Verdict::Refused(format!("it is named after {}, which stays", inventory.digest(subject)))
                    }
                    _ => {
                        plan.tags[at].fate = Fate::Go;
                        Verdict::Granted
                    }
                },
            },
            Wish::Delete(_, digest) => {
                let by_digest = |held: &Held| *inventory.digest(held.content);
                let Ok(at) = holding.revisions.binary_search_by_key(digest, by_digest) else { return Verdict::Absent };
                let id = view.stored(&holding.revisions[at]);
                match self.walker.via(id) {
                    Some(via) => Verdict::Refused(self.reason(holding, via)),
                    None => {
                        plan.manifests[at].fate = Fate::Go;
                        Verdict::Granted
                    }
                }
            }
            Wish::Unlink(_, digest) => {
                let by_digest = |held: &Held| *inventory.digest(held.content);
                let Ok(at) = holding.links.binary_search_by_key(digest, by_digest) else { return Verdict::Absent };
                let held = &holding.links[at];
                match self.walker.via(view.stored(held)) {
                    Some(via) => Verdict::Refused(self.reason(holding, via)),
                    None => {
                        plan.unlink.push(held.content);
                        Verdict::Granted
                    }
                }
            }
            Wish::Purge(_, id) => match holding.uploads.iter().position(|upload| upload.id == *id) {
                None => Verdict::Absent,
                Some(at) if holding.uploads[at].changed.is_none_or(|changed| changed > self.planned_at) => {
                    Verdict::Refused("somebody has continued it".into())
                }
                Some(at) => {
                    plan.purge.push(at);
                    Verdict::Granted
                }
            },
            Wish::Free(_) => Verdict::Absent,
        }
    }

    /// Why something stays.
    fn reason(&self, holding: &Holding, via: Via) -> String {
        match via {
            Via::Root(Root::Tag(at)) => format!("it is tagged {}", holding.tags[at].tag),
            Via::Child(of) => format!("it is listed by {}, which stays", self.inventory.digest(of)),
            Via::Referrer(of) => format!("it refers to {}, which stays", self.inventory.digest(of)),
            Via::Companion(of, at) => {
                format!("the tag {} is named after {}, which stays", holding.tags[at].tag, self.inventory.digest(of))
            }
            Via::Root(_) => "it is a manifest that stays".into(),
        }
    }

    fn blob(&self, digest: &Digest, blobs: &mut Vec<BlobPlan>) -> Verdict {
        if let Some(why) = self.inventory.frozen.first() {
            return Verdict::Refused(format!("nobody can say what is needed: {why}"));
        }
        match self.inventory.find(digest).filter(|id| self.inventory.content(*id).stored) {
            None => Verdict::Absent,
            Some(id) if self.stays[id.index()] => Verdict::Refused("something needs it by now".into()),
            Some(content) => {
                blobs.push(BlobPlan { content, owner: Owner::Nobody });
                Verdict::Granted
            }
        }
    }
}

fn tag_at(holding: &Holding, tag: &Tag) -> Option<usize> {
    holding.tags.binary_search_by(|entry| entry.tag.cmp(tag)).ok()
}

/// Everything stays.
fn untouched(holding: &Holding, standing: Standing) -> RepositoryPlan {
    let manifest = ManifestPlan { fate: Fate::Keep, via: Via::Root(Root::LeftAlone) };
    RepositoryPlan {
        standing,
        tags: vec![TagPlan { fate: Fate::Keep, why: TagWhy::LeftAlone, bytes: None }; holding.tags.len()],
        manifests: vec![manifest; holding.revisions.len()],
        unlink: vec![],
        purge: vec![],
        bytes: RepositoryBytes::default(),
        other_roots: vec![],
    }
}

#[cfg(test)]
#[path = "recheck_tests.rs"]
mod tests;
