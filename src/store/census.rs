//! How much a store keeps.

use std::time::Duration;

use super::{Depth, Driver, ListQuery, Prefix, Result, keys};

/// Entries of one listing.
const PAGE: usize = 1000;

/// Between two listings, so that whoever waits for the store comes first.
const PAUSE: Duration = Duration::from_millis(20);

/// Blobs, manifests among them, each once however many repositories hold it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Census {
    pub(crate) blobs: u64,
    pub(crate) bytes: u64,
}

/// Counts by listing everything: a request to a bucket, or a thousand small system calls, for each thousand of blobs.
///
/// # Errors
/// The first listing that failed.
pub(crate) async fn census(store: &dyn Driver) -> Result<Census> {
    let prefix = &Prefix::blobs();
    let mut census = Census::default();
    let mut last: Option<String> = None;
    loop {
        let start_after = last.as_deref();
        let query = ListQuery { prefix, depth: Depth::All, start_after, limit: PAGE, with_stat: true };
        let listing = store.list(&query).await?;
        for entry in &listing.entries {
            if let (Some(_), Some(stat)) = (keys::blob_digest(&entry.name), entry.stat) {
                census.blobs += 1;
                census.bytes += stat.size;
            }
        }
        match listing.entries.into_iter().next_back() {
            Some(entry) if listing.more => last = Some(entry.name),
            _ => return Ok(census),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::{Key, Memory, WriteMode};
    use super::*;
    use crate::spec::{Algorithm, Digest};
    use crate::sys::Clock;

    #[tokio::test]
    async fn every_page_counts_and_links_do_not() {
        let store = Memory::new(Clock::System);
        let count = PAGE + 10;
        for number in 0..count {
            let bytes = Bytes::from(format!("{number:05}"));
            let key = Key::blob(&Digest::sha256(&bytes));
            store.write(&key, bytes, WriteMode::Create).await.expect("written");
        }
        let alias = Key::blob_alias(&Algorithm::Sha512.digest(b"x"));
        store.write(&alias, Bytes::from_static(b"sha256:0"), WriteMode::Create).await.expect("written");
        let found = census(&store).await.expect("counted");
        assert_eq!(found, Census { blobs: count as u64, bytes: 5 * count as u64 });
    }
}
