//! Quotas: how many bytes the repositories below a prefix may hold together.
//!
//! What counts is content: each blob and manifest once, however many repositories below the prefix hold it and however many
//! tags lead to it. It is counted by a walk over the links, at the start and again after each interval; in between, what
//! this process lets in is added at once, before its link is written. What is deleted counts until the next walk, as does
//! what another process writes: with many servers over one storage a quota holds within what they take in one interval. A
//! crash loses nothing, for nothing is kept. Until the first walk has ended everything is let in, and counted then.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::{Error, Registry, Result};
use crate::spec::{Algorithm, Digest, Repository};
use crate::store::keys::digest_of;
use crate::store::{Depth, Key, Prefix};

/// Blobs whose size is asked for at the same time: enough to hide the latency of an object store.
const LOOKUPS: usize = 32;

/// A limit for what is below a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Quota {
    /// Whole components of names: `team` is for `team` and `team/app`. Empty for everything.
    pub(crate) prefix: String,
    pub(crate) bytes_max: u64,
}

impl Quota {
    fn covers(&self, repository: &Repository) -> bool {
        let rest = repository.as_str().strip_prefix(&self.prefix);
        self.prefix.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// What is held below the prefix of each quota, in their order.
#[derive(Debug, Default)]
pub(super) struct Holdings(Mutex<Vec<Held>>);

#[derive(Clone, Debug, Default)]
struct Held {
    content: HashSet<Digest>,
    bytes: u64,
    is_counted: bool,
    /// What came while somebody walks.
    meanwhile: Option<Vec<(Digest, u64)>>,
}

impl Held {
    fn add(&mut self, digest: Digest, size: u64) {
        if self.content.insert(digest) {
            self.bytes += size;
        }
    }
}

impl Holdings {
    fn lock(&self, quotas: &[Quota]) -> MutexGuard<'_, Vec<Held>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.resize(quotas.len(), Held::default());
        all
    }
}

impl Registry {
    /// Counts content that the repository is about to hold.
    ///
    /// # Errors
    /// [`Error::QuotaExceeded`] where it does not fit any more; it is not counted then.
    pub(super) fn charge(&self, repository: &Repository, canonical: &Digest, size: u64) -> Result<()> {
        let quotas = &self.options.quotas;
        if quotas.is_empty() {
            return Ok(());
        }
        let mut all = self.shared.holdings.lock(quotas);
        let mine = || (0..quotas.len()).filter(|&at| quotas[at].covers(repository));
        for at in mine() {
            let (held, Quota { prefix, bytes_max }) = (&all[at], &quotas[at]);
            let is_new = !held.content.contains(canonical);
            if held.is_counted && is_new && held.bytes.saturating_add(size) > *bytes_max {
                let (prefix, quota) = (prefix.clone(), *bytes_max);
                return Err(Error::QuotaExceeded { prefix, quota, used: held.bytes, needed: size });
            }
        }
        for at in mine() {
            all[at].add(*canonical, size);
            if let Some(meanwhile) = &mut all[at].meanwhile {
                meanwhile.push((*canonical, size));
            }
        }
        Ok(())
    }

    /// Counts everything anew, again and again. `None` where there is no quota.
    pub(crate) fn count_in_background(&self, interval: Duration) -> Option<tokio::task::JoinHandle<()>> {
        if self.options.quotas.is_empty() {
            return None;
        }
        let registry = self.clone();
        Some(tokio::spawn(async move {
            loop {
                if let Err(error) = registry.count_holdings().await {
                    tracing::warn!(error = &error as &dyn std::error::Error, "counting for the quotas stopped");
                }
                tokio::time::sleep(interval).await;
            }
        }))
    }

    /// Counts everything anew.
    ///
    /// # Errors
    /// What stands in the store cannot be read. What was counted before stays.
    pub(crate) async fn count_holdings(&self) -> Result<()> {
        let quotas = &self.options.quotas;
        for (at, quota) in quotas.iter().enumerate() {
            self.shared.holdings.lock(quotas)[at].meanwhile = Some(Vec::new());
            let counted = self.walk_holdings(quota).await;
            let mut all = self.shared.holdings.lock(quotas);
            let meanwhile = all[at].meanwhile.take().unwrap_or_default();
            let mut held = counted?;
            for (digest, size) in meanwhile {
                held.add(digest, size);
            }
            let Quota { prefix, bytes_max } = quota;
            tracing::info!(prefix, bytes = held.bytes, quota = bytes_max, "counted for a quota");
            all[at] = held;
        }
        Ok(())
    }

    async fn walk_holdings(&self, quota: &Quota) -> Result<Held> {
        let mut held = Held { is_counted: true, ..Held::default() };
        let all = Prefix::repositories();
        let first = if quota.prefix.is_empty() { all.clone() } else { all.child(&quota.prefix) };
        let mut below = vec![first];
        while let Some(prefix) = below.pop() {
            let name = prefix.as_str().strip_prefix(all.as_str()).unwrap_or_default();
            if let Ok(repository) = name.trim_end_matches('/').parse::<Repository>() {
                self.walk_repository(&repository, &mut held).await?;
            }
            for entry in self.list_all(&prefix, Depth::Children).await? {
                if entry.name.ends_with('/') && !entry.name.starts_with('_') {
                    below.push(prefix.child(&entry.name));
                }
            }
        }
        Ok(held)
    }

    async fn walk_repository(&self, repository: &Repository, held: &mut Held) -> Result<()> {
        for prefix in [Prefix::layers(repository), Prefix::revisions(repository)] {
            let links = self.list_all(&prefix, Depth::All).await?;
            // What is held under its sha512 is held under its sha256 too.
            let digests = links.iter().filter_map(|entry| digest_of(&entry.name));
            let new: Vec<Digest> = digests
                .filter(|digest| digest.algorithm() == Algorithm::Sha256 && !held.content.contains(digest))
                .collect();
            let mut sizes = stream::iter(new)
                .map(|digest| async move {
                    match self.driver.stat(&Key::blob(&digest)).await {
                        Ok(stat) => Ok((digest, stat.size)),
                        Err(error) if error.is_not_found() => Ok((digest, 0)),
                        Err(error) => Err(Error::from(error)),
                    }
                })
                .buffer_unordered(LOOKUPS);
            while let Some((digest, size)) = sizes.try_next().await? {
                held.add(digest, size);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "quotas_tests.rs"]
mod tests;
