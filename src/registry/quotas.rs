//! Quotas: how many bytes the repositories below a prefix may hold together.
//!
//! What counts is content: each blob and manifest once, however many repositories below the prefix hold it and however many
//! tags lead to it; and what unfinished uploads keep, byte by byte as it arrives, until it becomes content or goes. It is
//! counted by a walk over the links and the uploads, at the start and again after each interval; in between, what this
//! process lets in is added at once: content before its link is written, and until it is, so that no walk misses it. What
//! is deleted counts until the next walk, as does what another process writes: with many servers over one storage a quota
//! holds within what they take in one interval. A crash loses nothing, for nothing is kept. Until the first walk has ended
//! everything is let in, and counted then.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::{Error, Options, Registry, Result, Shared};
use crate::spec::{Algorithm, Digest, Repository, UploadId};
use crate::store::keys::digest_of;
use crate::store::{Depth, Key, Prefix};

use held::{Found, Held};

mod held;

/// Values whose size is asked for at the same time: enough to hide the latency of an object store.
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

    /// Whether so many bytes more fit beside what is held but for an upload.
    fn admit(&self, held: &Held, upload: Option<&UploadId>, needed: u64) -> Result<()> {
        let used = held.bytes_beside(upload);
        if held.is_counted() && used.saturating_add(needed) > self.bytes_max {
            let (prefix, quota) = (self.prefix.clone(), self.bytes_max);
            return Err(Error::QuotaExceeded { prefix, quota, used, needed });
        }
        Ok(())
    }
}

/// What is held below the prefix of each quota, in their order.
#[derive(Debug, Default)]
pub(super) struct Holdings(Mutex<Vec<Held>>);

impl Holdings {
    fn lock(&self, quotas: &[Quota]) -> MutexGuard<'_, Vec<Held>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.resize(quotas.len(), Held::default());
        all
    }
}

/// The quotas that a repository is under.
#[derive(Debug)]
struct Account {
    shared: Arc<Shared>,
    options: Arc<Options>,
    /// Their places among all.
    places: Vec<usize>,
}

impl Account {
    /// Does something to each of them, if all agree before.
    fn change(&self, agree: impl Fn(&Quota, &Held) -> Result<()>, change: impl Fn(&mut Held)) -> Result<()> {
        let quotas = &self.options.quotas;
        let mut all = self.shared.holdings.lock(quotas);
        for &at in &self.places {
            agree(&quotas[at], &all[at])?;
        }
        self.places.iter().for_each(|&at| change(&mut all[at]));
        Ok(())
    }

    fn note(&self, change: impl Fn(&mut Held)) {
        let mut all = self.shared.holdings.lock(&self.options.quotas);
        self.places.iter().for_each(|&at| change(&mut all[at]));
    }
}

/// Content is counted, and its links are being written.
#[derive(Debug)]
pub(super) struct Charge(Account, Digest);

impl Drop for Charge {
    fn drop(&mut self) {
        self.0.note(|held| held.linked(&self.1));
    }
}

/// A request holds an upload that is under quotas.
#[derive(Debug)]
pub(super) struct Arrival {
    account: Account,
    id: UploadId,
}

impl Arrival {
    /// Counts what the upload will have with the next bytes.
    ///
    /// # Errors
    /// [`Error::QuotaExceeded`] where they do not fit any more; they are not counted then.
    pub(super) fn grow(&self, bytes: u64) -> Result<()> {
        let agree = |quota: &Quota, held: &Held| quota.admit(held, Some(&self.id), bytes);
        self.account.change(agree, |held| held.set_upload(&self.id, bytes))
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        self.account.note(|held| held.close(&self.id));
    }
}

impl Registry {
    /// `None` where there is no quota.
    fn account(&self, repository: &Repository) -> Option<Account> {
        let quotas = &self.options.quotas;
        if quotas.is_empty() {
            return None;
        }
        let places: Vec<usize> = (0..quotas.len()).filter(|&at| quotas[at].covers(repository)).collect();
        let (shared, options) = (Arc::clone(&self.shared), Arc::clone(&self.options));
        (!places.is_empty()).then_some(Account { shared, options, places })
    }

    /// Counts content that the repository is about to hold; the answer is to be kept until it does. An upload that becomes
    /// this content counts no more as one.
    ///
    /// # Errors
    /// [`Error::QuotaExceeded`] where it does not fit any more; nothing changes then.
    pub(super) fn charge(
        &self,
        repository: &Repository,
        canonical: &Digest,
        size: u64,
        upload: Option<&Arrival>,
    ) -> Result<Option<Charge>> {
        let Some(account) = self.account(repository) else { return Ok(None) };
        let upload = upload.map(|arrival| &arrival.id);
        let agree = |quota: &Quota, held: &Held| match held.has(canonical) {
            true => Ok(()),
            false => quota.admit(held, upload, size),
        };
        account.change(agree, |held| {
            held.link(*canonical, size);
            if let Some(id) = upload {
                held.set_upload(id, 0);
            }
        })?;
        Ok(Some(Charge(account, *canonical)))
    }

    /// Counts an upload while a request holds it.
    pub(super) fn arrival(&self, repository: &Repository, id: &UploadId, bytes: u64) -> Option<Arrival> {
        let account = self.account(repository)?;
        account.note(|held| held.open(id, bytes));
        Some(Arrival { account, id: id.clone() })
    }

    /// An upload is gone.
    pub(super) fn forget_upload(&self, repository: &Repository, id: &UploadId) {
        if let Some(account) = self.account(repository) {
            account.note(|held| held.set_upload(id, 0));
        }
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
            self.shared.holdings.lock(quotas)[at].begin_walk();
            let (found, failed) = match self.walk_holdings(quota).await {
                Ok(found) => (Some(found), None),
                Err(error) => (None, Some(error)),
            };
            let mut all = self.shared.holdings.lock(quotas);
            all[at].end_walk(found);
            if let Some(error) = failed {
                return Err(error);
            }
            let (bytes, uploads) = (all[at].bytes(), all[at].upload_bytes());
            let Quota { prefix, bytes_max } = quota;
            tracing::info!(prefix, bytes, uploads, quota = bytes_max, "counted for a quota");
        }
        Ok(())
    }

    async fn walk_holdings(&self, quota: &Quota) -> Result<Found> {
        let mut found = Found::default();
        let all = Prefix::repositories();
        let first = if quota.prefix.is_empty() { all.clone() } else { all.child(&quota.prefix) };
        let mut below = vec![first];
        while let Some(prefix) = below.pop() {
            let name = prefix.as_str().strip_prefix(all.as_str()).unwrap_or_default();
            if let Ok(repository) = name.trim_end_matches('/').parse::<Repository>() {
                self.walk_content(&repository, &mut found).await?;
                self.walk_uploads(&repository, &mut found).await?;
            }
            for entry in self.list_all(&prefix, Depth::Children).await? {
                if entry.name.ends_with('/') && !entry.name.starts_with('_') {
                    below.push(prefix.child(&entry.name));
                }
            }
        }
        Ok(found)
    }

    async fn walk_content(&self, repository: &Repository, found: &mut Found) -> Result<()> {
        for prefix in [Prefix::layers(repository), Prefix::revisions(repository)] {
            let links = self.list_all(&prefix, Depth::All).await?;
            // What is held under its sha512 is held under its sha256 too.
            let digests = links.iter().filter_map(|entry| digest_of(&entry.name));
            let new: Vec<Digest> = digests
                .filter(|digest| digest.algorithm() == Algorithm::Sha256 && !found.content.contains_key(digest))
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
                found.content.insert(digest, size);
            }
        }
        Ok(())
    }

    async fn walk_uploads(&self, repository: &Repository, found: &mut Found) -> Result<()> {
        let sessions = self.list_all(&Prefix::uploads(repository), Depth::Children).await?;
        let ids = sessions.iter().filter_map(|entry| entry.name.trim_end_matches('/').parse().ok());
        let ids: Vec<UploadId> = ids.collect();
        let mut sizes = stream::iter(ids)
            .map(|id| async move {
                let bytes = self.driver.staged(&Key::upload_data(repository, &id)).await?;
                Ok::<_, Error>((id, bytes))
            })
            .buffer_unordered(LOOKUPS);
        while let Some((id, bytes)) = sizes.try_next().await? {
            found.uploads.insert(id, bytes);
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "quotas_tests.rs"]
mod tests;
