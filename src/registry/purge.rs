//! Removes upload sessions that nobody will finish: distribution's upload purging.
//!
//! A session is as old as its `startedat` says; where that is missing or garbled, as the newest of its values. One that a
//! request holds is left alone.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Error, LIST_PAGE, Registry, Result};
use crate::spec::{Repository, UploadId};
use crate::store::{Depth, Entry, Key, ListQuery, Prefix, StageMode};
use crate::sys;

/// Which sessions go, and how often they are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PurgePolicy {
    /// Sessions that began longer ago go.
    pub(crate) age: Duration,
    /// Between two looks; more than nothing.
    pub(crate) interval: Duration,
    /// Only say what would go.
    pub(crate) dry_run: bool,
}

/// What became of the old sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Purged {
    /// Gone, or would be.
    pub(crate) removed: usize,
    /// In use, or not to be removed for another reason that the log tells.
    pub(crate) left: usize,
}

/// Longest wait before the first look: many servers that are started together do not look together.
const FIRST_WAIT_MAX: Duration = Duration::from_mins(59);

impl Registry {
    /// Looks again and again, the first time within one interval.
    pub(crate) fn purge_in_background(&self, policy: PurgePolicy) -> tokio::task::JoinHandle<()> {
        let registry = self.clone();
        tokio::spawn(async move {
            let part = f64::from(u16::from_be_bytes(sys::random())) / f64::from(u16::MAX);
            tokio::time::sleep(policy.interval.min(FIRST_WAIT_MAX).mul_f64(part)).await;
            loop {
                if !registry.is_read_only() {
                    registry.purge_once(policy).await;
                }
                tokio::time::sleep(policy.interval).await;
            }
        })
    }

    async fn purge_once(&self, policy: PurgePolicy) {
        match self.purge_uploads(policy.age, policy.dry_run).await {
            Ok(Purged { removed, left }) => {
                tracing::info!(removed, left, dry_run = policy.dry_run, "looked for old uploads");
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "looking for old uploads stopped");
            }
        }
    }

    /// Removes every session that is older than `age`.
    ///
    /// # Errors
    /// What stands in the store cannot be listed. That one session cannot be removed is logged, and the others are.
    pub(crate) async fn purge_uploads(&self, age: Duration, dry_run: bool) -> Result<Purged> {
        let mut purged = Purged::default();
        let Some(limit) = SignedDuration::try_from(age).ok().and_then(|age| self.clock.now().checked_sub(age).ok())
        else {
            // Nothing is older than time itself.
            return Ok(purged);
        };
        let mut below = vec![Prefix::repositories()];
        while let Some(prefix) = below.pop() {
            self.purge_repository(&prefix, limit, dry_run, &mut purged).await?;
            for entry in self.list_all(&prefix, Depth::Children).await? {
                if entry.name.ends_with('/') && !entry.name.starts_with('_') {
                    below.push(prefix.child(&entry.name));
                }
            }
        }
        Ok(purged)
    }

    async fn purge_repository(
        &self,
        prefix: &Prefix,
        limit: Timestamp,
        dry_run: bool,
        purged: &mut Purged,
    ) -> Result<()> {
        let name = prefix.as_str().strip_prefix(Prefix::repositories().as_str()).unwrap_or_default();
        let Ok(repository) = name.trim_end_matches('/').parse::<Repository>() else { return Ok(()) };
        for entry in self.list_all(&Prefix::uploads(&repository), Depth::Children).await? {
            let Ok(id) = entry.name.trim_end_matches('/').parse::<UploadId>() else { continue };
            if self.session_began(&repository, &id).await?.is_none_or(|began| began >= limit) {
                continue;
            }
            let removed = if dry_run { Ok(()) } else { self.purge_session(&repository, &id).await };
            match removed {
                Ok(()) => {
                    purged.removed += 1;
                    tracing::info!(%repository, upload = %id, dry_run, "removed an old upload");
                }
                Err(error) => {
                    purged.left += 1;
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(%repository, upload = %id, error, "cannot remove an old upload");
                }
            }
        }
        Ok(())
    }

    /// When a session began; `None` where there is nothing of it.
    async fn session_began(&self, repository: &Repository, id: &UploadId) -> Result<Option<Timestamp>> {
        if let Some(began) = self.read_time(&Key::upload_started(repository, id)).await? {
            return Ok(Some(began));
        }
        let prefix = Prefix::upload(repository, id);
        let query =
            ListQuery { prefix: &prefix, depth: Depth::All, start_after: None, limit: LIST_PAGE, with_stat: true };
        let changed = |entry: &Entry| entry.stat.map(|stat| stat.changed);
        Ok(self.driver.list(&query).await?.entries.iter().filter_map(changed).max())
    }

    async fn purge_session(&self, repository: &Repository, id: &UploadId) -> Result<()> {
        match self.driver.stage(&Key::upload_data(repository, id), StageMode::Resume).await {
            Ok(stage) => stage.discard().await?,
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(Error::from(error)),
        }
        self.remove_session(repository, id).await
    }
}

#[cfg(test)]
#[path = "purge_tests.rs"]
mod tests;
