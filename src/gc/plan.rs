//! From an [`Inventory`] and a [`Policy`] to a [`Plan`]: what would go, what stays, and why, with exact bytes.
//!
//! The order of the work: rules vote on tags; what the remaining tags reach stays; manifests that no tag needs are judged by
//! themselves; what is reached from neither goes, and with it the blobs that nothing in any repository reaches any more.

use std::collections::HashSet;

use jiff::Timestamp;

use super::account;
use super::inventory::{ContentId, Held, Holding, Inventory};
use super::policy::Policy;
use super::retention::{KeepReason, Vote, vote_on_tags, vote_on_untagged};
use super::view::{Root, TagKind, Via, View, Walker};

/// What would become of everything. Repositories, tags and so on are named by their place in the inventory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// As many as the inventory has, in its order.
    pub(crate) repositories: Vec<RepositoryPlan>,
    /// Bytes to free, by digest.
    pub(crate) blobs: Vec<BlobPlan>,
    pub(crate) summary: Summary,
}

/// What would become of one repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RepositoryPlan {
    pub(crate) standing: Standing,
    /// As many as the repository has, in its order.
    pub(crate) tags: Vec<TagPlan>,
    /// Likewise.
    pub(crate) manifests: Vec<ManifestPlan>,
    /// Links to blobs that no manifest of the repository needs.
    pub(crate) unlink: Vec<ContentId>,
    /// Upload sessions that nobody continues, by place.
    pub(crate) purge: Vec<usize>,
    pub(crate) bytes: RepositoryBytes,
    /// What is kept for other reasons than a tag.
    pub(crate) other_roots: Vec<(ContentId, Root)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Planned,
    /// Could not be read whole: left alone, with everything that it may refer to.
    Blocked,
    /// Not asked about.
    NotAsked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Keep,
    Go,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TagPlan {
    pub(crate) fate: Fate,
    pub(crate) why: TagWhy,
    /// `None` where counting it would have taken too long.
    pub(crate) bytes: Option<TagBytes>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TagWhy {
    Vote(Vote),
    /// It shares the fate of the manifest that it is named after.
    Companion(ContentId),
    /// It is named after a manifest that is not here.
    Stray,
    LeftAlone,
}

/// Bytes behind one tag, its referrers included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TagBytes {
    pub(crate) total: u64,
    /// What would be freed if this tag alone went.
    pub(crate) unique: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ManifestPlan {
    pub(crate) fate: Fate,
    /// How it is reached: from what keeps it, or from what goes.
    pub(crate) via: Via,
}

/// Bytes that would be freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlobPlan {
    pub(crate) content: ContentId,
    pub(crate) owner: Owner,
}

/// Who holds some content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Nobody,
    /// The repository at this place alone.
    One(usize),
    Several,
}

/// Bytes behind one repository.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RepositoryBytes {
    pub(crate) total: u64,
    /// What no other repository holds.
    pub(crate) exclusive: u64,
    /// What of it the plan frees.
    pub(crate) freed: u64,
}

/// The plan in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) tags: usize,
    pub(crate) manifests: usize,
    pub(crate) links: usize,
    /// Blobs whose bytes are freed, manifests included.
    pub(crate) blobs: usize,
    pub(crate) uploads: usize,
    pub(crate) blocked: usize,
    /// Bytes of blobs and upload sessions; a lower bound where `sizes_unknown` is not 0.
    pub(crate) bytes_freed: u64,
    /// How many of the blobs have no known size.
    pub(crate) sizes_unknown: usize,
}

/// Plans. Deterministic, and independent of the order in which the inventory was filled.
pub(crate) fn plan(inventory: &Inventory, policy: &Policy, now: Timestamp) -> Plan {
    let mut planner = Planner::new(inventory, policy, now);
    let views: Vec<View<'_>> = inventory.repositories.iter().map(|holding| View::new(inventory, holding)).collect();
    let mut repositories: Vec<RepositoryPlan> = views.iter().map(|view| planner.repository(view)).collect();
    let Planner { mut walker, mut stays, .. } = planner;
    for id in inventory.ids().filter(|id| policy.is_recent(inventory.content(*id).changed, now)) {
        stays[id.index()] = true;
    }
    let owners = account::repositories(inventory, &views, &mut repositories, &mut walker);
    let mut blobs: Vec<BlobPlan> = inventory
        .ids()
        .filter(|id| inventory.frozen.is_empty() && inventory.content(*id).stored && !stays[id.index()])
        .map(|content| BlobPlan { content, owner: owners[content.index()] })
        .filter(|blob| blob.owner != Owner::Nobody || policy.only.is_none())
        .collect();
    blobs.sort_by_key(|blob| *inventory.digest(blob.content));
    for blob in &blobs {
        if let Owner::One(at) = blob.owner {
            let freed = &mut repositories[at].bytes.freed;
            *freed = freed.saturating_add(inventory.content(blob.content).size.unwrap_or(0));
        }
    }
    account::tags(&views, policy, now, &mut repositories, &mut walker);
    let summary = summarize(inventory, &repositories, &blobs);
    Plan { repositories, blobs, summary }
}

impl Plan {
    /// Tags that a rule about age would have judged, had their age been known.
    pub(crate) fn tags_of_unknown_age(&self) -> usize {
        let tags = self.repositories.iter().flat_map(|repository| &repository.tags);
        tags.filter(|tag| matches!(tag.why, TagWhy::Vote(Vote::Keep(_, KeepReason::UnknownAge)))).count()
    }
}

pub(super) fn summarize(inventory: &Inventory, repositories: &[RepositoryPlan], blobs: &[BlobPlan]) -> Summary {
    let mut summary = Summary { blobs: blobs.len(), ..Summary::default() };
    for (holding, repository) in inventory.repositories.iter().zip(repositories) {
        summary.tags += repository.tags.iter().filter(|tag| tag.fate == Fate::Go).count();
        summary.manifests += repository.manifests.iter().filter(|manifest| manifest.fate == Fate::Go).count();
        summary.links += repository.unlink.len();
        summary.uploads += repository.purge.len();
        summary.blocked += usize::from(repository.standing == Standing::Blocked);
        summary.bytes_freed += repository.purge.iter().map(|at| holding.uploads[*at].size).sum::<u64>();
    }
    for blob in blobs {
        match inventory.content(blob.content).size {
            Some(size) => summary.bytes_freed = summary.bytes_freed.saturating_add(size),
            None => summary.sizes_unknown += 1,
        }
    }
    summary
}

pub(crate) struct Planner<'a> {
    pub(crate) inventory: &'a Inventory,
    pub(crate) policy: &'a Policy,
    pub(crate) now: Timestamp,
    pub(crate) walker: Walker,
    /// Content that something reaches, in any repository.
    pub(crate) stays: Vec<bool>,
}

impl<'a> Planner<'a> {
    pub(crate) fn new(inventory: &'a Inventory, policy: &'a Policy, now: Timestamp) -> Self {
        Self { inventory, policy, now, walker: Walker::new(inventory), stays: vec![false; inventory.len()] }
    }

    fn repository(&mut self, view: &View<'_>) -> RepositoryPlan {
        match standing(self.policy, view.holding) {
            Standing::Planned => self.planned(view),
            left_alone => self.left_alone(view, left_alone),
        }
    }

    fn left_alone(&mut self, view: &View<'_>, standing: Standing) -> RepositoryPlan {
        let other_roots: Vec<_> = view.everything().collect();
        self.walker.walk(view, other_roots.iter().copied(), |id| self.stays[id.index()] = true);
        let keep = |_| TagPlan { fate: Fate::Keep, why: TagWhy::LeftAlone, bytes: None };
        let via = Via::Root(Root::LeftAlone);
        RepositoryPlan {
            standing,
            tags: view.holding.tags.iter().map(keep).collect(),
            manifests: vec![ManifestPlan { fate: Fate::Keep, via }; view.holding.revisions.len()],
            unlink: vec![],
            purge: vec![],
            bytes: RepositoryBytes::default(),
            other_roots,
        }
    }

    fn planned(&mut self, view: &View<'_>) -> RepositoryPlan {
        let Roots { votes, tags_kept, tags_gone, others, untagged_gone } = self.roots(view);
        self.walker.walk(view, tags_kept.into_iter().chain(others.iter().copied()), |id| self.stays[id.index()] = true);
        let tags = view.kinds.iter().zip(votes).map(|(kind, vote)| self.tag(*kind, vote)).collect();
        let kept: Vec<Option<Via>> =
            view.holding.revisions.iter().map(|held| self.walker.via(view.stored(held))).collect();
        let unneeded = |held: &&Held| !self.walker.reached(view.stored(held));
        let unlink = view.holding.links.iter().filter(unneeded).map(|held| held.content).collect();

        self.walker.walk(view, tags_gone.into_iter().chain(untagged_gone), |_| {});
        let judged = kept.into_iter().zip(&view.holding.revisions).map(|(kept, held)| match kept {
            Some(via) => ManifestPlan { fate: Fate::Keep, via },
            None => {
                // Every manifest is reached from a tag or judged by itself, so that the second walk comes by here.
                let via = self.walker.via(view.stored(held)).unwrap_or(Via::Root(Root::Untagged(Vote::None)));
                ManifestPlan { fate: Fate::Go, via }
            }
        });
        RepositoryPlan {
            standing: Standing::Planned,
            tags,
            manifests: judged.collect(),
            unlink,
            purge: self.stale_uploads(view.holding),
            bytes: RepositoryBytes::default(),
            other_roots: others,
        }
    }

    fn tag(&self, kind: TagKind, vote: Vote) -> TagPlan {
        let fate = |goes: bool| if goes { Fate::Go } else { Fate::Keep };
        let (fate, why) = match kind {
            TagKind::Ordinary => (fate(matches!(vote, Vote::Delete(_))), TagWhy::Vote(vote)),
            TagKind::Companion(subject) => (fate(!self.walker.reached(subject)), TagWhy::Companion(subject)),
            TagKind::Stray => (Fate::Keep, TagWhy::Stray),
        };
        TagPlan { fate, why, bytes: None }
    }

    fn stale_uploads(&self, holding: &Holding) -> Vec<usize> {
        let age = self.policy.upload_age.max(self.policy.grace);
        let stale = |changed: Timestamp| self.now.duration_since(changed) >= age;
        let uploads = holding.uploads.iter().enumerate();
        uploads.filter(|(_, upload)| upload.changed.is_some_and(stale)).map(|(at, _)| at).collect()
    }
}

pub(crate) fn standing(policy: &Policy, holding: &Holding) -> Standing {
    match &holding.blocked {
        Some(_) => Standing::Blocked,
        None if policy.is_about(&holding.name) => Standing::Planned,
        None => Standing::NotAsked,
    }
}

/// From where things stay or go in one repository.
pub(crate) struct Roots {
    /// Of every tag; of no meaning for companions.
    pub(crate) votes: Vec<Vote>,
    pub(crate) tags_kept: Vec<(ContentId, Root)>,
    pub(crate) tags_gone: Vec<(ContentId, Root)>,
    /// Kept without a tag.
    pub(crate) others: Vec<(ContentId, Root)>,
    pub(crate) untagged_gone: Vec<(ContentId, Root)>,
}

impl Planner<'_> {
    /// Lets the rules vote, on tags first, then on what no tag needs.
    pub(crate) fn roots(&mut self, view: &View<'_>) -> Roots {
        let (policy, now, holding) = (self.policy, self.now, view.holding);
        let is_ordinary = |at: usize| view.kinds[at] == TagKind::Ordinary;
        let votes = vote_on_tags(self.inventory, policy, holding, is_ordinary, now);
        let goes =
            |(_, root): &(ContentId, Root)| matches!(root, Root::Tag(at) if matches!(votes[*at], Vote::Delete(_)));
        let (tags_gone, tags_kept) = view.tag_roots().partition(goes);
        let recent = holding.revisions.iter().chain(&holding.links);
        let mut others: Vec<_> = recent
            .filter(|held| policy.is_recent(held.changed, now))
            .map(|held| (view.stored(held), Root::Recent))
            .collect();
        let mut untagged_gone = Vec::new();
        for (id, vote) in self.judge_untagged(view) {
            let judged = if matches!(vote, Vote::Delete(_)) { &mut untagged_gone } else { &mut others };
            judged.push((id, Root::Untagged(vote)));
        }
        Roots { votes, tags_kept, tags_gone, others, untagged_gone }
    }

    /// The manifests that no tag reaches and no other of them, with what the rules say; the rest shares their fate.
    fn judge_untagged(&mut self, view: &View<'_>) -> Vec<(ContentId, Vote)> {
        self.walker.walk(view, view.tag_roots(), |_| {});
        let revisions = &view.holding.revisions;
        let untagged: Vec<_> = revisions.iter().filter(|held| !self.walker.reached(view.stored(held))).collect();
        let mut follows = HashSet::new();
        self.walker.walk(view, untagged.iter().map(|held| (view.stored(held), Root::LeftAlone)), |id| {
            view.followers(id, |follower, _| {
                follows.extend((follower != id).then_some(follower));
            });
        });
        let heads = untagged.iter().filter(|held| !follows.contains(&view.stored(held)));
        let mut judged: Vec<_> = heads.map(|held| self.judge(view, held)).collect();
        self.walker.walk(view, judged.iter().map(|(id, _)| (*id, Root::LeftAlone)), |_| {});
        // Tags named after manifests can make a ring of followers without a head: each of those is judged.
        let ring = untagged.iter().filter(|held| !self.walker.reached(view.stored(held)));
        judged.extend(ring.map(|held| self.judge(view, held)));
        judged
    }

    fn judge(&self, view: &View<'_>, held: &Held) -> (ContentId, Vote) {
        (view.stored(held), vote_on_untagged(self.inventory, self.policy, view.holding, *held, self.now))
    }
}
