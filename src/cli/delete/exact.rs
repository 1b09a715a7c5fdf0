//! A deletion of exactly what a plan names, as far as the world still is as planned.

use std::collections::{BTreeMap, BTreeSet};

use super::plan::{Depth, Request, plan};
use super::prepare::Prepared;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::spec::{Digest, Reference, Tag};

/// Prepares what a plan says of one repository: tags with what they pointed to, and manifests. What has changed since
/// is told, and left; a manifest that got another tag is left, too.
pub(in crate::cli) async fn prepare(
    context: &Context,
    place: Reference,
    tags: BTreeMap<Tag, Digest>,
    manifests: BTreeSet<Digest>,
) -> Result<Prepared, Failure> {
    let repository = context.repository(&place)?;
    let request = Request { tags: tags.keys().cloned().collect(), manifests, depth: Depth::Tag };
    let mut prepared = Prepared::new(place, repository, request);
    if let Err(failure) = prepared.exactly(context, &tags).await {
        prepared.fail(failure);
    }
    Ok(prepared)
}

impl Prepared {
    async fn exactly(&mut self, context: &Context, tags: &BTreeMap<Tag, Digest>) -> Result<(), Failure> {
        self.read_all(context, None).await?;
        for (tag, planned) in tags {
            if let Some(found) = self.known.tags.get(tag).filter(|found| *found != planned) {
                self.request.tags.remove(tag);
                self.moved.push((tag.clone().into(), format!("the tag has moved from {planned} to {found}")));
            }
        }
        for digest in self.request.manifests.clone() {
            let stays = |(tag, target): &(&Tag, &Digest)| **target == digest && !self.request.tags.contains(*tag);
            if let Some((tag, _)) = self.known.tags.iter().find(stays) {
                self.request.manifests.remove(&digest);
                self.moved.push((digest.into(), format!("{digest} is tagged {tag}, which is not planned to go")));
            }
        }
        self.plan = plan(&self.known, &self.request);
        self.fit_registry().await
    }
}
