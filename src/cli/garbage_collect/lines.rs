//! A plan in the lines that distribution's collector prints (`registry/storage/garbagecollect.go` of 3.x), which scripts
//! read.

use std::fmt::Write as _;

use crate::gc::inventory::{ContentId, Holding};
use crate::gc::plan::{Fate, RepositoryPlan, Standing};
use crate::gc::{Inventory, Plan};

/// What stays, repository by repository, then what goes.
pub(super) fn of(inventory: &Inventory, plan: &Plan) -> String {
    let mut lines = Lines { inventory, marked: vec![false; inventory.len()], text: String::new() };
    let repositories = || inventory.repositories.iter().zip(&plan.repositories);
    for (holding, repository) in repositories() {
        lines.marked(holding, repository);
    }
    for (holding, repository) in repositories() {
        lines.eligible(holding, repository);
    }
    let marked = lines.marked.iter().filter(|marked| **marked).count();
    let Lines { mut text, .. } = lines;
    let (blobs, manifests) = (plan.blobs.len(), plan.summary.manifests);
    // Writing to a string does not fail.
    let _ = writeln!(text, "\n{marked} blobs marked, {blobs} blobs and {manifests} manifests eligible for deletion");
    for blob in &plan.blobs {
        let _ = writeln!(text, "blob eligible for deletion: {}", inventory.digest(blob.content));
    }
    for (holding, repository) in repositories() {
        for id in &repository.unlink {
            let _ = writeln!(text, "{}: layer link eligible for deletion: {}", holding.name, inventory.digest(*id));
        }
    }
    text
}

struct Lines<'a> {
    inventory: &'a Inventory,
    marked: Vec<bool>,
    text: String,
}

impl Lines<'_> {
    /// The manifests of a repository that stay, each with what it lists.
    fn marked(&mut self, holding: &Holding, plan: &RepositoryPlan) {
        let (inventory, name) = (self.inventory, &holding.name);
        let _ = writeln!(self.text, "{name}");
        let kept = holding.revisions.iter().zip(&plan.manifests).filter(|(_, manifest)| manifest.fate == Fate::Keep);
        for (held, _) in kept {
            let id = inventory.stored_as(held.content);
            self.marked[id.index()] = true;
            let _ = writeln!(self.text, "{name}: marking manifest {} ", inventory.digest(held.content));
            let listed = inventory.node(id).into_iter().flat_map(|node| node.manifests.iter().chain(&node.blobs));
            listed.for_each(|id| self.mark(holding, *id));
        }
        if plan.standing == Standing::Blocked {
            // What its manifests list is not known, so that everything stays that it holds.
            holding.links.iter().for_each(|held| self.mark(holding, inventory.stored_as(held.content)));
        }
    }

    fn mark(&mut self, holding: &Holding, id: ContentId) {
        if !std::mem::replace(&mut self.marked[id.index()], true) {
            let _ = writeln!(self.text, "{}: marking blob {}", holding.name, self.inventory.digest(id));
        }
    }

    fn eligible(&mut self, holding: &Holding, plan: &RepositoryPlan) {
        let name = &holding.name;
        for (entry, _) in holding.tags.iter().zip(&plan.tags).filter(|(_, tag)| tag.fate == Fate::Go) {
            let _ = writeln!(self.text, "tag eligible for deletion: {name}:{}", entry.tag);
        }
        let gone = holding.revisions.iter().zip(&plan.manifests).filter(|(_, manifest)| manifest.fate == Fate::Go);
        for (held, _) in gone {
            // distribution names the tags that it will look through between the brackets.
            let digest = self.inventory.digest(held.content);
            let _ = writeln!(self.text, "manifest eligible for deletion: {{{name} {digest} []}}");
        }
    }
}
