//! Checks the invariants over a whole store: the oracle of the simulation.
//!
//! Asks a registry that was just made, whose memory is empty, so that the answers come from the store.

use std::sync::Arc;

use super::{Registry, Result};
use crate::spec::{Digest, Locator, Manifest, Page, Repository};
use crate::store::keys::digest_of;
use crate::store::{Depth, Driver, Prefix};
use crate::sys::Clock;

/// What is wrong with a store, in sentences; empty for a good one.
///
/// # Errors
/// What reading gives.
pub(super) async fn verify(driver: &Arc<dyn Driver>, clock: &Clock) -> Result<Vec<String>> {
    let registry = Registry::new(Arc::clone(driver), clock.clone(), super::testing::OPTIONS);
    registry.refresh_catalog().await?;
    let mut faults = Vec::new();
    for repository in registry.shared.catalog.all() {
        verify_tags(&registry, &repository, &mut faults).await?;
        verify_manifests(&registry, &repository, &mut faults).await?;
        verify_layers(&registry, &repository, &mut faults).await?;
    }
    Ok(faults)
}

/// I1: every tag resolves to a manifest.
async fn verify_tags(registry: &Registry, repository: &Repository, faults: &mut Vec<String>) -> Result<()> {
    for tag in registry.tags(repository, &Page::default()).await?.items {
        if let Err(error) = registry.get_manifest(repository, &Locator::Tag(tag.clone())).await {
            faults.push(format!("{repository}:{tag}: {error}"));
        }
    }
    Ok(())
}

/// I2: every manifest's children are there, and whole; and it is among the referrers of its subject.
async fn verify_manifests(registry: &Registry, repository: &Repository, faults: &mut Vec<String>) -> Result<()> {
    for digest in linked(registry, &Prefix::revisions(repository)).await? {
        let Some((_, document)) = registry.find_manifest(repository, &digest).await? else {
            faults.push(format!("{repository}@{digest}: the link leads nowhere"));
            continue;
        };
        let manifest = Manifest::parse(document.bytes, None)?;
        if let Err(error) = registry.check_children(repository, &manifest).await {
            faults.push(format!("{repository}@{digest}: {error}"));
        }
        if let Some(subject) = manifest.subject() {
            let listed = registry.referrers(repository, &subject.digest, None, &Page::default()).await?;
            if !listed.items.iter().any(|entry| entry.digest == digest) {
                faults.push(format!("{repository}@{digest}: not listed for its subject"));
            }
        }
    }
    Ok(())
}

/// I3: what a link leads to has its digest.
async fn verify_layers(registry: &Registry, repository: &Repository, faults: &mut Vec<String>) -> Result<()> {
    for digest in linked(registry, &Prefix::layers(repository)).await? {
        match registry.find_blob(repository, &digest).await? {
            Some(held) if registry.is_sound(&held.canonical).await? => {}
            Some(_) => faults.push(format!("{repository}: {digest} is damaged")),
            None => faults.push(format!("{repository}: the link of {digest} leads nowhere")),
        }
    }
    Ok(())
}

async fn linked(registry: &Registry, prefix: &Prefix) -> Result<Vec<Digest>> {
    let entries = registry.list_all(prefix, Depth::All).await?;
    Ok(entries.iter().filter_map(|entry| digest_of(&entry.name)).collect())
}
