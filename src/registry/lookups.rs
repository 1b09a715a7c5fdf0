//! How often what is remembered served: one addition for each look, to a number that nobody waits for.
//!
//! Knows no cache. Who looks says what came of it; a value that has changed since it was remembered is a miss.

use std::sync::atomic::{AtomicU64, Ordering};

/// Looks into all caches together, since the start.
#[derive(Debug, Default)]
pub(crate) struct Lookups {
    hits: AtomicU64,
    misses: AtomicU64,
}

impl Lookups {
    pub(super) fn count(&self, is_hit: bool) {
        let counter = if is_hit { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    pub(crate) fn misses(&self) -> u64 {
        self.misses.load(Ordering::Relaxed)
    }
}
