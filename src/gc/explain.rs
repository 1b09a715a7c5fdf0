//! Why something stays or goes: the path from it to what keeps it, or to what takes it along.

use jiff::Timestamp;

use super::inventory::{ContentId, Inventory};
use super::plan::{Fate, Planner, Standing, standing};
use super::policy::Policy;
use super::view::{Root, Via, View};

/// The answer for one content in one repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Explanation {
    pub(crate) fate: Fate,
    /// From the content to a root, each with how it was come to; empty where no manifest of the repository lists it.
    pub(crate) path: Vec<(ContentId, Via)>,
    /// Other repositories (by place) where it stays: its bytes stay too.
    pub(crate) kept_by: Vec<usize>,
}

/// Explains what becomes of `content` in the repository at place `at`, under the plan that these arguments make.
pub(crate) fn explain(
    inventory: &Inventory,
    policy: &Policy,
    now: Timestamp,
    at: usize,
    content: ContentId,
) -> Explanation {
    let mut planner = Planner::new(inventory, policy, now);
    let content = inventory.stored_as(content);
    let view = View::new(inventory, &inventory.repositories[at]);
    let (kept, gone) = roots(&mut planner, &view);
    let mut path = path(&mut planner, &view, kept, content);
    let fate = if path.is_empty() { Fate::Go } else { Fate::Keep };
    if path.is_empty() {
        path = self::path(&mut planner, &view, gone, content);
    }
    let mut kept_by = Vec::new();
    for (other, holding) in inventory.repositories.iter().enumerate().filter(|(other, _)| *other != at) {
        let view = View::new(inventory, holding);
        let (kept, _) = roots(&mut planner, &view);
        planner.walker.walk(&view, kept, |_| {});
        if planner.walker.reached(content) {
            kept_by.push(other);
        }
    }
    Explanation { fate, path, kept_by }
}

type WithRoot = Vec<(ContentId, Root)>;

/// From where things stay, and from where they go.
fn roots(planner: &mut Planner<'_>, view: &View<'_>) -> (WithRoot, WithRoot) {
    if standing(planner.policy, view.holding) != Standing::Planned {
        return (view.everything().collect(), vec![]);
    }
    let mut roots = planner.roots(view);
    roots.tags_kept.append(&mut roots.others);
    roots.tags_gone.append(&mut roots.untagged_gone);
    (roots.tags_kept, roots.tags_gone)
}

fn path(planner: &mut Planner<'_>, view: &View<'_>, roots: WithRoot, content: ContentId) -> Vec<(ContentId, Via)> {
    planner.walker.walk(view, roots, |_| {});
    let mut path = Vec::new();
    let mut next = Some(content);
    // The walk is a forest: the way up ends at a root.
    while let Some((id, via)) = next.and_then(|id| Some((id, planner.walker.via(id)?))) {
        path.push((id, via));
        next = match via {
            Via::Root(_) => None,
            Via::Child(of) | Via::Referrer(of) | Via::Companion(of, _) => Some(of),
        };
    }
    path
}
