//! A plan for a registry: a deletion of what it names, repository by repository.

use std::collections::{BTreeMap, BTreeSet};

use super::Args;
use crate::cli::context::Context;
use crate::cli::delete;
use crate::cli::failure::Failure;
use crate::gc::recheck::Wish;
use crate::spec::{Digest, Host, Reference, Repository, Tag};

/// What goes of one repository.
#[derive(Default)]
struct Doomed {
    tags: BTreeMap<Tag, Digest>,
    manifests: BTreeSet<Digest>,
}

pub(super) async fn run(context: &Context, args: &Args, host: &Host, wishes: &[Wish]) -> Result<(), Failure> {
    let mut repositories: BTreeMap<Repository, Doomed> = BTreeMap::new();
    for wish in wishes.iter().cloned() {
        match wish {
            Wish::Untag(name, tag, digest) => drop(repositories.entry(name).or_default().tags.insert(tag, digest)),
            Wish::Delete(name, digest) => drop(repositories.entry(name).or_default().manifests.insert(digest)),
            // Those are the registry's own to collect.
            Wish::Unlink(..) | Wish::Free(_) | Wish::Purge(..) => {}
        }
    }
    let args = delete::Args::of_plan(args.dry_run, args.yes, args.journal.clone());
    let mut all = Vec::new();
    for (repository, Doomed { tags, manifests }) in repositories {
        let place = Reference { host: host.clone(), repository, tag: None, digest: None };
        all.push(delete::exact::prepare(context, place, tags, manifests).await?);
    }
    delete::carry_out(context, &args, "reg.gc/v1", all).await
}
