//! Values in memory: storage `inmemory`, and the store of tests. Nothing survives the process.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::fmt;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};

use super::{
    Data, Depth, Driver, Entry, Error, Key, ListQuery, Listing, Object, Prefix, Publication, Result, Stage, StageMode,
    Stat, WriteMode, checked_range,
};
use crate::spec::ByteRange;
use crate::sys::Clock;

/// A store in memory. Clones share their values.
#[derive(Clone)]
pub(crate) struct Memory {
    clock: Clock,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    values: BTreeMap<String, Value>,
    sessions: BTreeMap<String, Session>,
    /// Counts writes and deletions, so that every value has a version of its own.
    changes: u64,
}

struct Value {
    bytes: Bytes,
    stat: Stat,
}

enum Session {
    Held,
    Idle(Upload),
}

#[derive(Default)]
struct Upload {
    bytes: BytesMut,
    /// How many of the bytes were saved; `None` before the first save.
    saved: Option<usize>,
}

struct MemoryStage {
    store: Memory,
    key: Key,
    upload: Upload,
    /// Bytes that were there when it was opened.
    opened_at: usize,
    ended: bool,
}

impl Memory {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, state: Arc::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change of the state is one assignment: a panic elsewhere cannot leave it half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, state: &mut State, key: &Key, bytes: Bytes) {
        state.changes += 1;
        let stat = Stat { size: bytes.len() as u64, changed: self.clock.now(), version: state.changes };
        state.values.insert(key.as_str().to_owned(), Value { bytes, stat });
    }

    /// Forgets what a power failure would: of every session, some of the bytes that were appended and not saved. `keep`
    /// says how many of so many of them stay.
    #[cfg(test)]
    pub(crate) fn lose_unsaved(&self, mut keep: impl FnMut(usize) -> usize) {
        self.state().sessions.retain(|_, session| match session {
            Session::Held => true,
            Session::Idle(upload) => {
                let saved = upload.saved.unwrap_or(0);
                let kept = keep(upload.bytes.len() - saved);
                upload.bytes.truncate(saved + kept);
                upload.saved.is_some() || kept > 0
            }
        });
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        write!(f, "Memory({} values, {} sessions)", state.values.len(), state.sessions.len())
    }
}

fn not_found(key: &Key) -> Error {
    Error::NotFound { key: key.to_string() }
}

#[async_trait]
impl Driver for Memory {
    async fn stat(&self, key: &Key) -> Result<Stat> {
        self.state().values.get(key.as_str()).map(|value| value.stat).ok_or_else(|| not_found(key))
    }

    async fn read(&self, key: &Key, range: Option<ByteRange>) -> Result<Object> {
        let state = self.state();
        let Value { bytes, stat } = state.values.get(key.as_str()).ok_or_else(|| not_found(key))?;
        let range = checked_range(key, stat.size, range)?;
        // The range lies inside a value that is in memory, so that both ends fit a usize.
        let part = bytes.slice(range.start as usize..range.end as usize);
        Ok(Object { stat: *stat, range, data: Data::Memory(part) })
    }

    async fn write(&self, key: &Key, bytes: Bytes, mode: WriteMode) -> Result<()> {
        let mut state = self.state();
        if mode != WriteMode::Replace && state.values.contains_key(key.as_str()) {
            return Err(Error::Exists { key: key.to_string() });
        }
        self.put(&mut state, key, bytes);
        Ok(())
    }

    async fn list(&self, query: &ListQuery<'_>) -> Result<Listing> {
        let state = self.state();
        let prefix = query.prefix.as_str();
        let mut from = match (query.start_after, query.depth) {
            (None, _) => Bound::Included(prefix.to_owned()),
            // Behind all that begins with the common prefix.
            (Some(name), Depth::Children) if name.contains('/') => behind(prefix, name),
            (Some(name), _) => Bound::Excluded(format!("{prefix}{name}")),
        };
        let mut entries = Vec::new();
        loop {
            let next = state.values.range::<String, _>((from, Bound::Unbounded)).next();
            let Some((key, value)) = next.filter(|(key, _)| key.starts_with(prefix)) else {
                return Ok(Listing { entries, more: false });
            };
            if entries.len() == query.limit {
                return Ok(Listing { entries, more: true });
            }
            let name = &key[prefix.len()..];
            if let (Depth::Children, Some((child, _))) = (query.depth, name.split_once('/')) {
                entries.push(Entry { name: format!("{child}/"), stat: None });
                from = behind(prefix, name);
            } else {
                entries.push(Entry { name: name.to_owned(), stat: Some(value.stat) });
                from = Bound::Excluded(key.clone());
            }
        }
    }

    async fn children_version(&self, _prefix: &Prefix) -> Result<Option<u64>> {
        Ok(Some(self.state().changes))
    }

    async fn delete(&self, keys: &[Key]) -> Result<()> {
        let mut state = self.state();
        state.changes += 1;
        for key in keys {
            state.values.remove(key.as_str());
        }
        Ok(())
    }

    async fn stage(&self, key: &Key, mode: StageMode) -> Result<Box<dyn Stage>> {
        let mut state = self.state();
        let upload = match (state.sessions.entry(key.as_str().to_owned()), mode) {
            (Slot::Occupied(_), StageMode::Create) => return Err(Error::Exists { key: key.to_string() }),
            (Slot::Vacant(_), StageMode::Resume) => return Err(not_found(key)),
            (Slot::Vacant(free), StageMode::Create) => {
                free.insert(Session::Held);
                Upload::default()
            }
            (Slot::Occupied(mut slot), StageMode::Resume) => match slot.insert(Session::Held) {
                Session::Idle(upload) => upload,
                Session::Held => return Err(Error::Busy { key: key.to_string() }),
            },
        };
        let opened_at = upload.bytes.len();
        Ok(Box::new(MemoryStage { store: self.clone(), key: key.clone(), upload, opened_at, ended: false }))
    }

    async fn staged(&self, key: &Key) -> Result<u64> {
        match self.state().sessions.get(key.as_str()) {
            Some(Session::Idle(upload)) => Ok(upload.bytes.len() as u64),
            Some(Session::Held) | None => Ok(0),
        }
    }
}

/// The first key behind all that begins like `name` up to its first `/` (`0` follows `/` in ASCII).
fn behind(prefix: &str, name: &str) -> Bound<String> {
    let child = name.split('/').next().unwrap_or(name);
    Bound::Included(format!("{prefix}{child}0"))
}

#[async_trait]
impl Stage for MemoryStage {
    fn size(&self) -> u64 {
        self.upload.bytes.len() as u64
    }

    async fn append(&mut self, chunk: Bytes) -> Result<()> {
        self.upload.bytes.extend_from_slice(&chunk);
        Ok(())
    }

    async fn reread(&mut self) -> Result<BoxStream<'static, Result<Bytes>>> {
        let all = Bytes::copy_from_slice(&self.upload.bytes);
        Ok(stream::once(async move { Ok(all) }).boxed())
    }

    async fn save(mut self: Box<Self>) -> Result<()> {
        self.upload.saved = Some(self.upload.bytes.len());
        Ok(())
    }

    async fn publish(mut self: Box<Self>, publication: Publication) -> Result<()> {
        self.ended = true;
        let bytes = std::mem::take(&mut self.upload.bytes).freeze();
        self.store.put(&mut self.store.state(), &publication.key, bytes);
        self.store.write_steps(publication.next).await?;
        self.store.discard(&publication.leftovers).await
    }

    async fn revert(mut self: Box<Self>) -> Result<bool> {
        self.upload.bytes.truncate(self.opened_at);
        self.ended = self.opened_at == 0;
        Ok(true)
    }

    async fn discard(mut self: Box<Self>) -> Result<()> {
        self.ended = true;
        Ok(())
    }
}

impl Drop for MemoryStage {
    fn drop(&mut self) {
        let key = self.key.as_str();
        let mut state = self.store.state();
        if self.ended {
            state.sessions.remove(key);
        } else {
            state.sessions.insert(key.to_owned(), Session::Idle(std::mem::take(&mut self.upload)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::suite::{Subject, suite};

    async fn store() -> Option<Subject> {
        Some(Subject { driver: Arc::new(Memory::new(Clock::System)), _keep: Box::new(()) })
    }
    suite!(store);
}
