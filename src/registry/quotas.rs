//! Quotas: how many bytes the repositories below a prefix may hold together.
//!
//! What counts is content: each blob and manifest once, however many repositories below the prefix hold it and however many
//! tags lead to it; and what unfinished uploads keep, byte by byte as it arrives, until it becomes content or goes. It is
//! counted by a walk over the links and the uploads, at the start and again after each interval; in between, what this
//! process lets in is added at once: content before its link is written, and until it is, so that no walk misses it. What
//! is deleted counts until the next walk, as does what another process writes: with many servers over one storage a quota
//! holds within what they take in one interval. A crash loses nothing, for nothing is kept. Until the first walk has ended
//! everything is let in, and counted then.
//!
//! What a walk cannot read it leaves out: a quota holds for what could be counted, never for nothing. A place that is closed
//! to us counts no more; where the store may be out of order, what was counted before goes on to count, so that an outage
//! makes no room.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt, stream};

use super::{Error, Options, Registry, Result, Shared};
use crate::spec::{Algorithm, Digest, Repository, UploadId};
use crate::store::keys::digest_of;
use crate::store::{self, Depth, Entry, Key, Prefix};

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

    /// Whether what had so many bytes `before` the request can have `after`, beside what is held but for its upload.
    fn admit(&self, held: &Held, upload: Option<&UploadId>, before: u64, after: u64) -> Result<()> {
        let beside = held.bytes_beside(upload);
        if held.is_counted() && beside.saturating_add(after) > self.bytes_max {
            let (prefix, quota) = (self.prefix.clone(), self.bytes_max);
            let (used, needed) = (beside.saturating_add(before), after.saturating_sub(before));
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
    /// Bytes that were there before the request.
    opened_at: u64,
}

impl Arrival {
    /// Counts what the upload will have with the next bytes.
    ///
    /// # Errors
    /// [`Error::QuotaExceeded`] where they do not fit any more; they are not counted then.
    pub(super) fn grow(&self, bytes: u64) -> Result<()> {
        self.account.change(self.agree(bytes), |held| held.set_upload(&self.id, bytes))
    }

    /// Looks whether so many bytes would fit. They are not counted before they come: who only says that they will, keeps
    /// nobody out.
    pub(super) fn expect(&self, bytes: u64) -> Result<()> {
        self.account.change(self.agree(bytes), |_| {})
    }

    /// The upload is as it was before the request.
    pub(super) fn revert(&self) {
        self.account.note(|held| held.set_upload(&self.id, self.opened_at));
    }

    fn agree(&self, bytes: u64) -> impl Fn(&Quota, &Held) -> Result<()> {
        move |quota, held| quota.admit(held, Some(&self.id), self.opened_at, bytes)
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
            false => quota.admit(held, upload, 0, size),
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
        Some(Arrival { account, id: id.clone(), opened_at: bytes })
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
                registry.count_holdings().await;
                tokio::time::sleep(interval).await;
            }
        }))
    }

    /// Counts everything anew, as far as it can be read; says so where that is not all.
    pub(crate) async fn count_holdings(&self) {
        let quotas = &self.options.quotas;
        for (at, quota) in quotas.iter().enumerate() {
            self.shared.holdings.lock(quotas)[at].begin_walk();
            let Walk { found, gaps } = self.walk_holdings(quota).await;
            let Quota { prefix, bytes_max } = quota;
            if let Some(Gap { place, error }) = &gaps.first {
                let (places, error) = (gaps.places, error as &dyn std::error::Error);
                tracing::warn!(prefix, places, first = place, error, "a quota is counted incompletely");
            }
            let mut all = self.shared.holdings.lock(quotas);
            all[at].end_walk(found, gaps.is_outage);
            let (bytes, uploads) = (all[at].bytes(), all[at].upload_bytes());
            tracing::info!(prefix, bytes, uploads, quota = bytes_max, "counted for a quota");
        }
    }

    async fn walk_holdings(&self, quota: &Quota) -> Walk {
        let mut walk = Walk::default();
        let all = Prefix::repositories();
        let first = if quota.prefix.is_empty() { all.clone() } else { all.child(&quota.prefix) };
        let mut below = vec![first.clone()];
        while let Some(prefix) = below.pop() {
            let name = prefix.as_str().strip_prefix(all.as_str()).unwrap_or_default();
            if let Ok(repository) = name.trim_end_matches('/').parse::<Repository>() {
                self.walk_content(&repository, &mut walk).await;
                self.walk_uploads(&repository, &mut walk).await;
            }
            let entries = walk.list(self, &prefix, Depth::Children).await;
            if entries.is_none() && prefix == first {
                // Nothing at all was seen.
                walk.gaps.is_outage = true;
            }
            for entry in entries.unwrap_or_default() {
                if entry.name.ends_with('/') && !entry.name.starts_with('_') {
                    below.push(prefix.child(&entry.name));
                }
            }
        }
        walk
    }

    async fn walk_content(&self, repository: &Repository, walk: &mut Walk) {
        for prefix in [Prefix::layers(repository), Prefix::revisions(repository)] {
            let links = walk.list(self, &prefix, Depth::All).await.unwrap_or_default();
            // What is held under its sha512 is held under its sha256 too.
            let digests = links.iter().filter_map(|entry| digest_of(&entry.name));
            let new: Vec<Digest> = digests
                .filter(|digest| digest.algorithm() == Algorithm::Sha256 && !walk.found.content.contains_key(digest))
                .collect();
            let mut sizes = stream::iter(new)
                .map(|digest| async move {
                    let key = Key::blob(&digest);
                    let size = match self.driver.stat(&key).await {
                        Ok(stat) => Ok(stat.size),
                        Err(error) if error.is_not_found() => Ok(0),
                        Err(error) => Err((key.to_string(), error)),
                    };
                    (digest, size)
                })
                .buffer_unordered(LOOKUPS);
            while let Some((digest, size)) = sizes.next().await {
                match size {
                    Ok(size) => drop(walk.found.content.insert(digest, size)),
                    Err((place, error)) => walk.gaps.add(place, error.into()),
                }
            }
        }
    }

    async fn walk_uploads(&self, repository: &Repository, walk: &mut Walk) {
        let sessions = walk.list(self, &Prefix::uploads(repository), Depth::Children).await.unwrap_or_default();
        let ids = sessions.iter().filter_map(|entry| entry.name.trim_end_matches('/').parse().ok());
        let ids: Vec<UploadId> = ids.collect();
        let mut sizes = stream::iter(ids)
            .map(|id| async move {
                let key = Key::upload_data(repository, &id);
                let bytes = self.driver.staged(&key).await.map_err(|error| (key.to_string(), error));
                (id, bytes)
            })
            .buffer_unordered(LOOKUPS);
        while let Some((id, bytes)) = sizes.next().await {
            match bytes {
                Ok(bytes) => drop(walk.found.uploads.insert(id, bytes)),
                Err((place, error)) => walk.gaps.add(place, error.into()),
            }
        }
    }
}

/// A walk through what is below a prefix. What it cannot read it leaves out, and goes on.
#[derive(Debug, Default)]
struct Walk {
    found: Found,
    gaps: Gaps,
}

/// What a walk could not read.
#[derive(Debug, Default)]
struct Gaps {
    places: usize,
    first: Option<Gap>,
    /// The store may be out of order, rather than a place in it be closed to us: what was counted there before is believed.
    is_outage: bool,
}

#[derive(Debug)]
struct Gap {
    place: String,
    error: Error,
}

impl Walk {
    /// `None` where it cannot be read.
    async fn list(&mut self, registry: &Registry, prefix: &Prefix, depth: Depth) -> Option<Vec<Entry>> {
        let listed = registry.list_all(prefix, depth).await;
        listed.map_err(|error| self.gaps.add(prefix.to_string(), error)).ok()
    }
}

impl Gaps {
    fn add(&mut self, place: String, error: Error) {
        let is_closed = matches!(error, Error::Store(store::Error::Denied { .. } | store::Error::Corrupt { .. }));
        self.is_outage |= !is_closed;
        self.places += 1;
        self.first.get_or_insert(Gap { place, error });
    }
}

#[cfg(test)]
#[path = "quotas_tests.rs"]
mod tests;
