//! One worker per digest: whoever comes second waits for the first and learns what became of the content.
//!
//! Shared by all images of a run, so that what one of them has put there is known to the next.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

use super::progress::Outcome;
use crate::spec::Digest;

type Cells = HashMap<Digest, Arc<OnceCell<Outcome>>>;

/// What was done, and is being done, per digest.
#[derive(Debug, Default)]
pub(crate) struct Once {
    cells: Mutex<Cells>,
}

impl Once {
    fn cells(&self) -> MutexGuard<'_, Cells> {
        // A map stays whole when a thread panics between two of its calls.
        self.cells.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does `work` unless it was done; `None` when somebody else did it. Who waits while the worker fails tries itself.
    pub(crate) async fn run<E>(
        &self,
        digest: Digest,
        work: impl Future<Output = Result<Outcome, E>>,
    ) -> Result<Option<Outcome>, E> {
        let cell = self.cells().entry(digest).or_default().clone();
        let mut own = None;
        cell.get_or_try_init(|| async { work.await.inspect(|outcome| own = Some(*outcome)) }).await?;
        Ok(own)
    }

    /// Whether the work is done, or somebody is at it.
    pub(crate) fn is_taken(&self, digest: &Digest) -> bool {
        self.cells().contains_key(digest)
    }

    pub(crate) fn is_done(&self, digest: &Digest) -> bool {
        self.cells().get(digest).is_some_and(|cell| cell.initialized())
    }

    /// Notes work that was done otherwise.
    pub(crate) fn note(&self, digest: Digest, outcome: Outcome) {
        // A cell that is set already says no less.
        let _ = self.cells().entry(digest).or_default().set(outcome);
    }

    /// Forgets what was only believed to be there; what was sent stays known.
    pub(crate) fn disbelieve(&self, digest: &Digest) {
        let mut cells = self.cells();
        if cells.get(digest).and_then(|cell| cell.get()).is_some_and(|outcome| *outcome != Outcome::Copied) {
            cells.remove(digest);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join3;

    use super::*;

    #[tokio::test]
    async fn one_worker_and_a_second_try() {
        let (once, digest) = (Once::default(), Digest::sha256(b"x"));
        let slow = |result| async move {
            tokio::task::yield_now().await;
            result
        };
        let first = once.run(digest, slow(Err("down")));
        let second = once.run(digest, slow(Ok(Outcome::Present)));
        let third = once.run(digest, slow(Ok(Outcome::Copied)));
        let results = join3(first, second, third).await;
        assert_eq!(results, (Err("down"), Ok(Some(Outcome::Present)), Ok(None)));
        assert!(once.is_done(&digest));
        once.disbelieve(&digest);
        assert!(!once.is_taken(&digest));
        once.note(digest, Outcome::Copied);
        once.disbelieve(&digest);
        assert_eq!(once.run(digest, slow(Err("not run"))).await, Ok(None));
    }
}
