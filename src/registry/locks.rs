//! Who may change a repository at the same time, inside of this process.
//!
//! Pushes share a repository; what takes something away from it is alone, so that a manifest is not taken while its
//! children leave, and no tag is set on a manifest on its way out.

use std::hash::{BuildHasher, RandomState};

use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::spec::Repository;

/// Repositories share this many locks by their hash.
const LOCKS: usize = 64;

#[derive(Debug)]
pub(super) struct Locks {
    hasher: RandomState,
    locks: [RwLock<()>; LOCKS],
}

impl Default for Locks {
    fn default() -> Self {
        Self { hasher: RandomState::new(), locks: std::array::from_fn(|_| RwLock::default()) }
    }
}

impl Locks {
    fn of(&self, repository: &Repository) -> &RwLock<()> {
        &self.locks[self.hasher.hash_one(repository.as_str()) as usize % LOCKS]
    }

    /// For adding content.
    pub(super) async fn share(&self, repository: &Repository) -> RwLockReadGuard<'_, ()> {
        self.of(repository).read().await
    }

    /// For taking content away.
    pub(super) async fn alone(&self, repository: &Repository) -> RwLockWriteGuard<'_, ()> {
        self.of(repository).write().await
    }
}
