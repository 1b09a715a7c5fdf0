//! Bytes: whose they are, and what would be freed if one tag alone went.
//!
//! Counts what is stored, each content once, however many manifests list it.

use std::collections::HashMap;

use jiff::Timestamp;

use super::inventory::{ContentId, Inventory};
use super::plan::{Owner, RepositoryPlan, TagBytes};
use super::policy::Policy;
use super::view::{Root, TagKind, View, Walker};

/// Edges that counting the bytes of tags may look at. Two thousand tags of ordinary images take some ten thousand; a
/// hostile chain of referrers would take the square of its length.
const STEPS_MAX: u64 = 50_000_000;

/// Bytes that stand in the store for `id`.
fn stored_bytes(inventory: &Inventory, id: ContentId) -> u64 {
    let content = inventory.content(id);
    if content.stored { content.size.unwrap_or(0) } else { 0 }
}

/// Says who holds each content, and fills in the totals of the repositories.
pub(crate) fn repositories(
    inventory: &Inventory,
    views: &[View<'_>],
    plans: &mut [RepositoryPlan],
    walker: &mut Walker,
) -> Vec<Owner> {
    let mut owners = vec![Owner::Nobody; inventory.len()];
    for (at, view) in views.iter().enumerate() {
        let total = &mut plans[at].bytes.total;
        walker.walk(view, view.everything(), |id| {
            *total = total.saturating_add(stored_bytes(inventory, id));
            let owner = &mut owners[id.index()];
            *owner = if *owner == Owner::Nobody { Owner::One(at) } else { Owner::Several };
        });
    }
    for id in inventory.ids() {
        if let Owner::One(at) = owners[id.index()] {
            let exclusive = &mut plans[at].bytes.exclusive;
            *exclusive = exclusive.saturating_add(stored_bytes(inventory, id));
        }
    }
    owners
}

/// Who reaches some content, counted over tags.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    Nobody,
    /// The target with this number alone.
    One(usize),
    Several,
}

/// What the tags of one repository that point to the same manifest share.
struct Target {
    repository: usize,
    content: ContentId,
    tags: Vec<usize>,
    bytes: TagBytes,
}

/// Fills in what each tag keeps, and keeps alone. Tags named after a manifest count with it, not by themselves.
pub(crate) fn tags(
    views: &[View<'_>],
    policy: &Policy,
    now: Timestamp,
    plans: &mut [RepositoryPlan],
    walker: &mut Walker,
) {
    let Some(inventory) = views.first().map(|view| view.inventory) else { return };
    let start = if inventory.frozen.is_empty() { Reach::Nobody } else { Reach::Several };
    let mut reach = vec![start; inventory.len()];
    for id in inventory.ids().filter(|id| policy.is_recent(inventory.content(*id).changed, now)) {
        reach[id.index()] = Reach::Several;
    }
    for (view, plan) in views.iter().zip(plans.iter()) {
        walker.walk(view, plan.other_roots.iter().copied(), |id| reach[id.index()] = Reach::Several);
    }
    let (mut targets, limit) = (targets(views), walker.steps.saturating_add(STEPS_MAX));
    for (number, target) in targets.iter_mut().enumerate() {
        if walker.steps > limit {
            return;
        }
        let root = (target.content, Root::LeftAlone);
        walker.walk(&views[target.repository], [root], |id| {
            target.bytes.total = target.bytes.total.saturating_add(stored_bytes(inventory, id));
            let reached = &mut reach[id.index()];
            *reached = if *reached == Reach::Nobody { Reach::One(number) } else { Reach::Several };
        });
    }
    for id in inventory.ids() {
        if let Reach::One(number) = reach[id.index()]
            && targets[number].tags.len() == 1
        {
            let unique = &mut targets[number].bytes.unique;
            *unique = unique.saturating_add(stored_bytes(inventory, id));
        }
    }
    for target in &targets {
        for &tag in &target.tags {
            plans[target.repository].tags[tag].bytes = Some(target.bytes);
        }
    }
}

fn targets(views: &[View<'_>]) -> Vec<Target> {
    let mut targets: Vec<Target> = Vec::new();
    for (repository, view) in views.iter().enumerate() {
        let mut by_content: HashMap<ContentId, usize> = HashMap::new();
        for at in 0..view.kinds.len() {
            if matches!(view.kinds[at], TagKind::Companion(_)) {
                continue;
            }
            let content = view.target(at);
            let number = *by_content.entry(content).or_insert(targets.len());
            if number == targets.len() {
                targets.push(Target { repository, content, tags: vec![], bytes: TagBytes::default() });
            }
            targets[number].tags.push(at);
        }
    }
    targets
}
