//! Values as objects of a bucket, under the keys that distribution's `s3` driver gives them.
//!
//! An object is there whole or not at all, and what the server took is durable, so that little is left to do here: reads
//! are streams, listings are the server's, and an upload is a multipart upload whose state is an object too ([`stage`]).
//!
//! What a bucket cannot do yet: two nodes that write to one upload session at once are not kept apart (one process is); a
//! blob of more than 5 GiB cannot be copied into its place in one request; parts of uploads that nobody ended are left to
//! a lifecycle rule of the bucket (`AbortIncompleteMultipartUpload`).

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use object_store::aws::AmazonS3;
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use tokio::sync::OnceCell;

use super::{
    Data, Depth, Driver, Entry, Error, Key, ListQuery, Listing, Object, Result, Stage, StageMode, Stat, WriteMode,
    checked_range,
};
use crate::spec::ByteRange;
use crate::sys;

mod check;
mod config;
mod stage;
mod state;

#[cfg(test)]
mod tests;

pub(crate) use check::Unusable;
pub(crate) use config::{CHUNK_BYTES_MIN, S3Config};

/// Up to here a value is read at once into memory; a larger one is a stream.
const MEMORY_BYTES_MAX: u64 = 64 << 10;

/// Most entries a server lists at once (Amazon S3, `ListObjectsV2`).
const LIST_MAX: usize = 1000;

/// How often a request that met another one is repeated, and how long after the first time; twice as long each time, a
/// third of a second in all.
const CONFLICTS_MAX: u32 = 5;
const CONFLICT_PAUSE: Duration = Duration::from_millis(10);

/// A store in a bucket. Clones share it.
#[derive(Clone)]
pub(crate) struct S3(Arc<Inner>);

struct Inner {
    client: AmazonS3,
    config: S3Config,
    /// What every key begins with: empty, or ending in `/`.
    base: String,
    /// Sessions that somebody in this process holds.
    held: Mutex<HashSet<Key>>,
    /// Whether the server heeds `If-None-Match: *` (Garage 2.5 takes the header and overwrites).
    creates: OnceCell<bool>,
}

impl S3 {
    /// # Errors
    /// Settings that make no client. The server is not asked yet: [`S3::check`] does.
    pub(crate) fn new(config: S3Config) -> Result<Self> {
        let (client, base) = (config.client()?, config.base());
        Ok(Self(Arc::new(Inner { client, config, base, held: Mutex::default(), creates: OnceCell::new() })))
    }
}

impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3({}/{})", self.0.config.bucket, self.0.base)
    }
}

impl Inner {
    fn path(&self, key: &Key) -> Result<Path> {
        Path::parse(format!("{}{key}", self.base)).map_err(|error| failed(key.as_str(), error.into()))
    }

    fn held(&self) -> MutexGuard<'_, HashSet<Key>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn put(&self, key: &Key, payload: PutPayload, mode: PutMode) -> Result<()> {
        let path = self.path(key)?;
        let create = mode == PutMode::Create;
        let options = PutOptions { mode, attributes: self.config.attributes(), ..PutOptions::default() };
        let mut patience = Patience::new();
        loop {
            let put = self.client.put_opts(&path, payload.clone(), options.clone()).await;
            let Err(error) = put else { return Ok(()) };
            if create && matches!(error, object_store::Error::AlreadyExists { .. }) {
                // The client answers 409 and 412 alike, and only the second says that something is there.
                match self.client.head(&path).await {
                    Ok(_) => return Err(Error::Exists { key: key.to_string() }),
                    Err(object_store::Error::NotFound { .. }) => {}
                    Err(error) => return Err(failed(key.as_str(), error)),
                }
            }
            if !patience.lasts(&error).await {
                return Err(given_up(key, error));
            }
        }
    }

    async fn copy(&self, source: &Key, target: &Key) -> Result<()> {
        let (from, to) = (self.path(source)?, self.path(target)?);
        let mut patience = Patience::new();
        loop {
            let Err(error) = self.client.copy(&from, &to).await else { return Ok(()) };
            if !patience.lasts(&error).await {
                return Err(given_up(target, error));
            }
        }
    }

    /// Asks the server once: whether it refuses to create what is there.
    async fn creates(&self) -> Result<bool> {
        let probe = async || {
            let key = Key::probe(&sys::upload_id());
            self.put(&key, PutPayload::default(), PutMode::Create).await?;
            let again = self.put(&key, PutPayload::default(), PutMode::Create).await;
            self.delete(std::slice::from_ref(&key)).await?;
            match again {
                Ok(()) => Ok(false),
                Err(Error::Exists { .. }) => Ok(true),
                Err(error) => Err(error),
            }
        };
        self.creates.get_or_try_init(probe).await.copied()
    }

    async fn create(&self, key: &Key, payload: PutPayload) -> Result<()> {
        if self.creates().await? {
            return self.put(key, payload, PutMode::Create).await;
        }
        // The best there is on such a server: two creators at the same moment both believe they won.
        match self.client.head(&self.path(key)?).await {
            Ok(_) => Err(Error::Exists { key: key.to_string() }),
            Err(object_store::Error::NotFound { .. }) => self.put(key, payload, PutMode::Overwrite).await,
            Err(error) => Err(failed(key.as_str(), error)),
        }
    }

    async fn delete(&self, keys: &[Key]) -> Result<()> {
        let Some(first) = keys.first() else { return Ok(()) };
        let paths: Vec<_> =
            keys.iter().map(|key| self.path(key)).collect::<Result<HashSet<_>>>()?.into_iter().collect();
        let mut deleted = self.client.delete_stream(stream::iter(paths.into_iter().map(Ok)).boxed());
        while let Some(result) = deleted.next().await {
            match result {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(failed(first.as_str(), error)),
            }
        }
        Ok(())
    }
}

/// Counts how often a request that met another one was repeated.
///
/// 409 is what Amazon S3 asks to repeat (`ConditionalRequestConflict`). Servers that keep objects as files give it too when
/// a directory comes or goes under them (versitygw), or a 403 (minio on one disk): two uploads of one repository, of which
/// one ends as the other begins, are enough. A 403 that is meant comes again.
struct Patience {
    left: u32,
    pause: Duration,
}

impl Patience {
    fn new() -> Self {
        Self { left: CONFLICTS_MAX, pause: CONFLICT_PAUSE }
    }

    /// Whether to repeat the request that gave `error`, once it is time.
    async fn lasts(&mut self, error: &object_store::Error) -> bool {
        use object_store::Error::{AlreadyExists, PermissionDenied};
        if self.left == 0 || !matches!(error, AlreadyExists { .. } | PermissionDenied { .. }) {
            return false;
        }
        tokio::time::sleep(self.pause).await;
        self.left -= 1;
        self.pause *= 2;
        true
    }
}

/// The error of a request that is not repeated any more: a conflict is none that says that something exists.
fn given_up(key: &Key, error: object_store::Error) -> Error {
    match error {
        object_store::Error::AlreadyExists { .. } => Error::Io { key: key.to_string(), source: error.into() },
        _ => failed(key.as_str(), error),
    }
}

/// Gives an error of the client its meaning.
fn failed(name: &str, error: object_store::Error) -> Error {
    use object_store::Error as E;
    let key = name.to_owned();
    match error {
        E::NotFound { .. } => Error::NotFound { key },
        E::AlreadyExists { .. } => Error::Exists { key },
        E::PermissionDenied { .. } | E::Unauthenticated { .. } => Error::Denied { key, source: error.into() },
        _ => Error::Io { key, source: error.into() },
    }
}

fn stat_of(meta: &ObjectMeta) -> Stat {
    let changed = Timestamp::from_millisecond(meta.last_modified.timestamp_millis()).unwrap_or(Timestamp::UNIX_EPOCH);
    // Without an ETag the time has to do. It is left out with one: servers tell it with more digits in a listing.
    let time = changed.as_second().to_string();
    let tag = meta.e_tag.as_deref().map_or(time.as_str(), |tag| tag.trim_matches('"'));
    let version = tag.bytes().fold(0xcbf2_9ce4_8422_2325_u64 ^ meta.size, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    Stat { size: meta.size, changed, version }
}

#[async_trait]
impl Driver for S3 {
    async fn stat(&self, key: &Key) -> Result<Stat> {
        let meta = self.0.client.head(&self.0.path(key)?).await.map_err(|error| failed(key.as_str(), error))?;
        Ok(stat_of(&meta))
    }

    async fn read(&self, key: &Key, range: Option<ByteRange>) -> Result<Object> {
        let mut options = GetOptions::default();
        match range {
            Some(ByteRange { start, end }) if start < end => options.range = Some(GetRange::Bounded(start..end)),
            // HTTP has no word for no bytes, and an answer to a nonsensical range tells nothing.
            Some(_) => {
                let stat = self.stat(key).await?;
                let range = checked_range(key, stat.size, range)?;
                return Ok(Object { stat, range, data: Data::Memory(Bytes::new()) });
            }
            None => {}
        }
        let got = match self.0.client.get_opts(&self.0.path(key)?, options).await {
            Ok(got) => got,
            Err(error @ object_store::Error::NotFound { .. }) => return Err(failed(key.as_str(), error)),
            Err(error) => {
                // A range beyond the end is an error of many faces.
                if range.is_some() {
                    checked_range(key, self.stat(key).await?.size, range)?;
                }
                return Err(failed(key.as_str(), error));
            }
        };
        let stat = stat_of(&got.meta);
        let range = checked_range(key, stat.size, range)?;
        let name = key.to_string();
        let data = if range.len() <= MEMORY_BYTES_MAX {
            Data::Memory(got.bytes().await.map_err(|error| failed(&name, error))?)
        } else {
            Data::Stream(got.into_stream().map_err(move |error| failed(&name, error)).boxed())
        };
        Ok(Object { stat, range, data })
    }

    async fn write(&self, key: &Key, bytes: Bytes, mode: WriteMode) -> Result<()> {
        match mode {
            WriteMode::Create => self.0.create(key, bytes.into()).await,
            WriteMode::Replace | WriteMode::Fresh => self.0.put(key, bytes.into(), PutMode::Overwrite).await,
        }
    }

    async fn list(&self, query: &ListQuery<'_>) -> Result<Listing> {
        let prefix = format!("{}{}", self.0.base, query.prefix);
        let children = query.depth == Depth::Children;
        let offset = query.start_after.map(|after| match after.split_once('/').filter(|_| children) {
            // Behind all of the common prefix: no name has a character behind `~`.
            Some((child, _)) => format!("{prefix}{child}/~"),
            None => format!("{prefix}{after}"),
        });
        let mut options = PaginatedListOptions {
            offset,
            delimiter: children.then(|| "/".into()),
            max_keys: Some(query.limit.saturating_add(1).min(LIST_MAX)),
            ..PaginatedListOptions::default()
        };
        let mut entries = Vec::new();
        loop {
            let page = self.0.client.list_paginated(Some(&prefix), options.clone()).await;
            let page = page.map_err(|error| failed(query.prefix.as_str(), error))?;
            let values = page.result.objects.iter().map(|meta| (&meta.location, Some(stat_of(meta)), ""));
            let prefixes = page.result.common_prefixes.iter().map(|path| (path, None, "/"));
            entries.extend(values.chain(prefixes).filter_map(|(path, stat, slash)| {
                // Consoles leave an object for a folder, named like the prefix: it is no value.
                let name = path.as_ref().strip_prefix(&prefix).filter(|name| !name.is_empty())?;
                let name = format!("{name}{slash}");
                query.start_after.is_none_or(|after| name.as_str() > after).then_some(Entry { name, stat })
            }));
            options.page_token = page.page_token;
            if options.page_token.is_none() || entries.len() > query.limit {
                break;
            }
        }
        entries.sort_unstable_by(|left, right| left.name.cmp(&right.name));
        let more = entries.len() > query.limit;
        entries.truncate(query.limit);
        Ok(Listing { entries, more })
    }

    async fn delete(&self, keys: &[Key]) -> Result<()> {
        self.0.delete(keys).await
    }

    async fn stage(&self, key: &Key, mode: StageMode) -> Result<Box<dyn Stage>> {
        Ok(Box::new(stage::S3Stage::open(&self.0, key, mode).await?))
    }

    async fn staged(&self, key: &Key) -> Result<u64> {
        stage::staged(&self.0, key).await
    }
}
