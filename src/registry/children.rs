//! Whether what a manifest lists is there.
//!
//! The repository has to hold each child itself, in the size that its descriptor says. Layers that may live elsewhere are
//! not looked for; neither is the subject, which may come later (distribution-spec, "Push").

use std::collections::HashSet;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::{Error, Registry, Result};
use crate::spec::limits::UNKNOWN_CHILDREN_MAX;
use crate::spec::{Digest, Manifest, Repository};
use crate::store::Key;

/// Children that are looked up at the same time: enough to hide the latency of an object store.
const LOOKUPS: usize = 32;

enum Finding {
    There,
    Unknown(Digest),
    WrongSize { digest: Digest, expected: u64, actual: u64 },
}

impl Registry {
    /// # Errors
    /// [`Error::ChildrenUnknown`] with all of them, in the manifest's order, else [`Error::ChildSize`] of the first.
    pub(super) async fn check_children(&self, repository: &Repository, manifest: &Manifest) -> Result<()> {
        let of_index = manifest.is_index();
        let mut seen = HashSet::new();
        let children: Vec<(Digest, u64, bool)> = manifest
            .children()
            .filter(|child| of_index || !child.is_foreign())
            .map(|child| (child.digest, child.size, self.options.completeness.requires(child, of_index)))
            .filter(|&child| seen.insert(child))
            .collect();
        let mut findings = stream::iter(children)
            .map(|(digest, size, required)| async move {
                Result::<_>::Ok((self.check_child(repository, digest, size, of_index).await?, required))
            })
            .buffered(LOOKUPS);
        let (mut unknown, mut wrong) = (Vec::new(), None);
        while let Some((finding, required)) = findings.try_next().await? {
            match finding {
                Finding::There => {}
                Finding::Unknown(digest) if required && !unknown.contains(&digest) => unknown.push(digest),
                Finding::Unknown(_) => {}
                Finding::WrongSize { digest, expected, actual } => {
                    wrong.get_or_insert(Error::ChildSize { digest, expected, actual });
                }
            }
            if unknown.len() == UNKNOWN_CHILDREN_MAX {
                break;
            }
        }
        if !unknown.is_empty() {
            return Err(Error::ChildrenUnknown(unknown));
        }
        wrong.map_or(Ok(()), Err)
    }

    async fn check_child(
        &self,
        repository: &Repository,
        digest: Digest,
        expected: u64,
        of_index: bool,
    ) -> Result<Finding> {
        let mut canonical = None;
        if of_index {
            canonical = self.read_link(&Key::revision_link(repository, &digest)).await?;
        }
        if canonical.is_none() {
            // buildkit exports its cache as an index that lists blobs.
            canonical = self.read_link(&Key::layer_link(repository, &digest)).await?;
        }
        let Some(canonical) = canonical else { return Ok(Finding::Unknown(digest)) };
        let Some(stat) = self.vouch(&canonical).await? else { return Ok(Finding::Unknown(digest)) };
        if stat.size == expected {
            return Ok(Finding::There);
        }
        // Either the descriptor is wrong or the stored bytes are. The client can mend the second by pushing the blob again,
        // which it does when it is told that the blob is unknown.
        if self.is_sound(&canonical).await? {
            Ok(Finding::WrongSize { digest, expected, actual: stat.size })
        } else {
            Ok(Finding::Unknown(digest))
        }
    }
}

#[cfg(test)]
#[path = "children_tests.rs"]
mod tests;
