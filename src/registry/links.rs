//! Links: small values whose text is the digest of some content. A repository holds what it links to, a tag points where
//! its link says.
//!
//! registry:2 before 3.1 wrote links in place, so that a crash or a full disk leaves empty ones behind. Such a link says
//! nothing: it is logged once, the content it was for is absent, and the next push of that content writes it anew.

use std::str;

use bytes::Bytes;
use futures_util::future::try_join_all;
use quick_cache::sync::Cache;

use super::{Registry, Result};
use crate::spec::Digest;
use crate::store::{self, Key, Put, Step};

/// Links remembered. One takes about 300 bytes.
const LINKS_MAX: usize = 8 << 10;

/// A link is the text of one digest: at most 135 bytes, and a line break of whoever wrote it by hand.
const LINK_BYTES_MAX: u64 = 256;

/// What a link said when it was last read. True as long as its version is the same.
#[derive(Clone, Copy, Debug)]
struct Known {
    version: u64,
    /// `None` for a damaged link.
    target: Option<Digest>,
}

/// The links that were read lately.
#[derive(Debug)]
pub(super) struct Links(Cache<Key, Known>);

impl Default for Links {
    fn default() -> Self {
        Self(Cache::new(LINKS_MAX))
    }
}

impl Registry {
    /// The digest that a link names; `None` where there is no link, or a damaged one. A link that is remembered costs a
    /// `stat` of the driver.
    pub(super) async fn read_link(&self, key: &Key) -> Result<Option<Digest>> {
        Ok(self.read_link_version(key).await?.map(|(_, target)| target))
    }

    /// Like [`Registry::read_link`], with the version of the link that was read.
    pub(super) async fn read_link_version(&self, key: &Key) -> Result<Option<(u64, Digest)>> {
        if let Some(known) = self.shared.links.0.get(key) {
            match self.driver.stat(key).await {
                Ok(stat) if stat.version == known.version => {
                    self.shared.lookups.count(true);
                    return Ok(known.target.map(|at| (stat.version, at)));
                }
                Ok(_) => {}
                Err(error) if error.is_not_found() => {
                    self.shared.links.0.remove(key);
                    return Ok(None);
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.shared.lookups.count(false);
        let object = match self.driver.read(key, None).await {
            Ok(object) => object,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(store::Error::Corrupt { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let stat = object.stat;
        let target = if stat.size <= LINK_BYTES_MAX { parse_link(&object.bytes(key).await?) } else { None };
        if target.is_none() {
            tracing::warn!(%key, size = stat.size, "a link is damaged; what it was for is absent until it is pushed again");
        }
        self.shared.links.0.insert(key.clone(), Known { version: stat.version, target });
        Ok(target.map(|at| (stat.version, at)))
    }

    /// What is to be written for these links to name `target`: those that do so already are not.
    pub(super) async fn links_to(&self, target: &Digest, keys: Vec<Key>) -> Result<Step> {
        let puts = keys.into_iter().map(|key| async move {
            let there = self.read_link(&key).await? == Some(*target);
            Result::<_>::Ok((!there).then(|| Put { key, bytes: Bytes::from(target.to_string()) }))
        });
        Ok(try_join_all(puts).await?.into_iter().flatten().collect())
    }
}

fn parse_link(bytes: &[u8]) -> Option<Digest> {
    str::from_utf8(bytes).ok()?.trim_ascii_end().parse().ok()
}

#[cfg(test)]
#[path = "links_tests.rs"]
mod tests;
