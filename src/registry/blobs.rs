//! Blobs of a repository: what its layer links lead to.
//!
//! A blob is stored under its sha256. One that was pushed under its sha512 has a link for each of both names, and both
//! say the sha256, so that it can be asked for by either. Manifests are stored beside blobs and linked elsewhere: they
//! cannot be read as blobs.

use bytes::Bytes;
use quick_cache::sync::Cache;

use super::{Error, Registry, Result};
use crate::spec::{Algorithm, ByteRange, Digest, Repository};
use crate::store::{self, Data, Key, Object, Stat, Step};

/// Largest blob that is kept in memory, in bytes: image configs are, layers are not.
const SMALL_BLOB_BYTES_MAX: u64 = 64 << 10;

/// Most bytes of small blobs in memory.
const SMALL_BLOBS_BYTES_MAX: u64 = 4 << 20;

/// A blob that a repository holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    /// The name under which the bytes are stored.
    pub(super) canonical: Digest,
    pub(super) stat: Stat,
}

#[derive(Clone, Debug)]
struct Weigh;

impl quick_cache::Weighter<Digest, (u64, Bytes)> for Weigh {
    fn weight(&self, _: &Digest, (_, bytes): &(u64, Bytes)) -> u64 {
        bytes.len() as u64 + 256
    }
}

/// Small blobs that were read lately, with the version of their data.
#[derive(Debug)]
pub(super) struct SmallBlobs(Cache<Digest, (u64, Bytes), Weigh>);

impl Default for SmallBlobs {
    fn default() -> Self {
        Self(Cache::with_weighter(1024, SMALL_BLOBS_BYTES_MAX, Weigh))
    }
}

impl Registry {
    /// Size and version of a blob that the repository holds.
    pub(crate) async fn stat_blob(&self, repository: &Repository, digest: &Digest) -> Result<Stat> {
        Ok(self.require_blob(repository, digest).await?.stat)
    }

    /// Opens a blob that the repository holds; `range` chooses a part once the size is known, `None` for no part.
    pub(crate) async fn open_blob(
        &self,
        repository: &Repository,
        digest: &Digest,
        range: Option<ByteRange>,
    ) -> Result<Object> {
        let Held { canonical, stat } = self.require_blob(repository, digest).await?;
        let key = Key::blob(&canonical);
        if range.is_some() || stat.size > SMALL_BLOB_BYTES_MAX {
            return self.driver.read(&key, range).await.map_err(|error| gone(error, digest));
        }
        if let Some((version, bytes)) = self.shared.small_blobs.0.get(&canonical)
            && version == stat.version
        {
            self.shared.lookups.count(true);
            return Ok(in_memory(stat, bytes));
        }
        self.shared.lookups.count(false);
        let object = self.driver.read(&key, None).await.map_err(|error| gone(error, digest))?;
        let stat = object.stat;
        if stat.size > SMALL_BLOB_BYTES_MAX {
            return Ok(object);
        }
        let bytes = object.bytes(&key).await?;
        self.shared.small_blobs.0.insert(canonical, (stat.version, bytes.clone()));
        Ok(in_memory(stat, bytes))
    }

    /// Takes a blob from a repository. Its bytes stay: other repositories may hold it. Answers its size.
    pub(crate) async fn delete_blob(&self, repository: &Repository, digest: &Digest) -> Result<u64> {
        self.deletable()?;
        let _alone = self.shared.locks.alone(repository).await;
        let Held { canonical, stat } = self.require_blob(repository, digest).await?;
        let mut keys = vec![Key::layer_link(repository, digest)];
        if canonical != *digest {
            keys.push(Key::layer_link(repository, &canonical));
        }
        self.driver.delete(&keys).await?;
        Ok(stat.size)
    }

    async fn require_blob(&self, repository: &Repository, digest: &Digest) -> Result<Held> {
        self.find_blob(repository, digest).await?.ok_or(Error::BlobUnknown(*digest))
    }

    /// What the repository holds under `digest`; `None` where the link or the bytes are missing or damaged.
    pub(super) async fn find_blob(&self, repository: &Repository, digest: &Digest) -> Result<Option<Held>> {
        let Some(canonical) = self.read_link(&Key::layer_link(repository, digest)).await? else { return Ok(None) };
        Ok(self.vouch(&canonical).await?.map(|stat| Held { canonical, stat }))
    }

    /// What makes the repository hold a blob once its bytes are durable, under the name its client gave it as well.
    pub(super) async fn blob_links(&self, repository: &Repository, canonical: &Digest, named: &Digest) -> Result<Step> {
        let mut links = vec![Key::layer_link(repository, canonical)];
        if canonical != named {
            links.extend([Key::layer_link(repository, named), Key::blob_alias(named)]);
        }
        self.links_to(canonical, links).await
    }

    /// Makes the repository hold a blob that is here already, and says how large it is; `None` where it is not here. `from`
    /// is where the client knows it to be.
    pub(super) async fn mount_blob(
        &self,
        repository: &Repository,
        digest: &Digest,
        from: Option<&Repository>,
    ) -> Result<Option<u64>> {
        let held = match from {
            Some(from) => self.find_blob(from, digest).await?,
            None => self.find_anywhere(repository, digest).await?,
        };
        let Some(Held { canonical, stat }) = held else { return Ok(None) };
        let _charge = self.charge(repository, &canonical, stat.size, None)?;
        let links = self.blob_links(repository, &canonical, digest).await?;
        self.driver.write_steps(vec![links]).await?;
        Ok(Some(stat.size))
    }

    /// Decides what a mount without `from` may find (distribution-spec, "Mounting a blob from another repository"): what
    /// the repository has itself, and, as long as every client may read every repository, what any of them has.
    async fn find_anywhere(&self, repository: &Repository, digest: &Digest) -> Result<Option<Held>> {
        if let Some(held) = self.find_blob(repository, digest).await? {
            return Ok(Some(held));
        }
        let canonical = match digest.algorithm() {
            Algorithm::Sha256 => Some(*digest),
            Algorithm::Sha512 => self.read_link(&Key::blob_alias(digest)).await?,
        };
        let Some(canonical) = canonical else { return Ok(None) };
        Ok(self.vouch(&canonical).await?.map(|stat| Held { canonical, stat }))
    }
}

fn in_memory(stat: Stat, bytes: Bytes) -> Object {
    Object { stat, range: ByteRange { start: 0, end: stat.size }, data: Data::Memory(bytes) }
}

/// A blob that was there a moment ago and is no more is unknown, like one that never was.
fn gone(error: store::Error, digest: &Digest) -> Error {
    if error.is_not_found() { Error::BlobUnknown(*digest) } else { error.into() }
}

#[cfg(test)]
#[path = "blobs_tests.rs"]
mod tests;
