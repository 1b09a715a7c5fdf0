//! Whether a store answers, and takes what is written.

use bytes::Bytes;
use thiserror::Error as ThisError;

use super::{Depth, Driver, Error, Key, ListQuery, Prefix, WriteMode};
use crate::spec::UploadId;

/// What is wrong with a store.
#[derive(Debug, ThisError)]
pub(crate) enum Ailment {
    /// What is there can be read.
    #[error("nothing can be written")]
    ReadOnly(#[source] Error),
    #[error("nothing can be read")]
    Silent(#[source] Error),
}

/// Writes a small value, reads it and removes it; with no `writes` looks whether the store answers at all. `id` is this
/// process's: what a crash leaves is one value under a name of its own.
///
/// # Errors
/// What the store does not do any more.
pub(crate) async fn probe(store: &dyn Driver, id: &UploadId, writes: bool) -> Result<(), Ailment> {
    if writes {
        match write(store, id).await {
            Ok(()) => Ok(()),
            Err(error) => list(store).await.and(Err(Ailment::ReadOnly(error))),
        }
    } else {
        list(store).await
    }
}

async fn write(store: &dyn Driver, id: &UploadId) -> Result<(), Error> {
    let key = Key::probe(id);
    let value = Bytes::from(id.to_string());
    store.write(&key, value.clone(), WriteMode::Replace).await?;
    let found = store.read(&key, None).await?.bytes(&key).await?;
    store.discard(std::slice::from_ref(&key)).await?;
    if found == value {
        return Ok(());
    }
    Err(Error::Corrupt { key: key.to_string(), reason: "another value was written a moment ago".into() })
}

async fn list(store: &dyn Driver) -> Result<(), Ailment> {
    let prefix = &Prefix::registry();
    let query = ListQuery { prefix, depth: Depth::Children, start_after: None, limit: 1, with_stat: false };
    store.list(&query).await.map(drop).map_err(Ailment::Silent)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::Memory;
    use super::super::faulty::{Faults, Faulty};
    use super::*;
    use crate::sys::{self, Clock};

    async fn names(store: &dyn Driver) -> usize {
        let prefix = &Prefix::registry();
        let query = ListQuery { prefix, depth: Depth::All, start_after: None, limit: 9, with_stat: false };
        store.list(&query).await.expect("a listing").entries.len()
    }

    #[tokio::test]
    async fn a_sound_store_keeps_nothing_of_it() {
        let store = Memory::new(Clock::System);
        probe(&store, &sys::upload_id(), true).await.expect("sound");
        probe(&store, &sys::upload_id(), false).await.expect("sound");
        assert_eq!(names(&store).await, 0);
    }

    #[tokio::test]
    async fn what_reads_and_does_not_write_is_told_from_what_does_neither() {
        let faulty = |faults| Faulty::new(Arc::new(Memory::new(Clock::System)), 1, faults);
        let full = faulty(Faults { fail_at: Some(1), ..Faults::default() });
        let ailment = probe(&full, &sys::upload_id(), true).await.expect_err("no write");
        assert!(matches!(ailment, Ailment::ReadOnly(_)), "{ailment}");
        for writes in [true, false] {
            let dead = faulty(Faults { fail_per_mille: 1000, ..Faults::default() });
            let ailment = probe(&dead, &sys::upload_id(), writes).await.expect_err("nothing");
            assert!(matches!(ailment, Ailment::Silent(_)), "{ailment}");
        }
    }
}
