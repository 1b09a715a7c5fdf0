//! A driver that fails as told: errors with and without effect, short writes, and a crash at any change. What goes wrong
//! follows from a seed alone, so that every failure of a test can be seen again.
//!
//! A crash ends the process: nothing answers until [`Faulty::restart`]. What the power failure takes besides is the inner
//! store's to say ([`Memory::lose_unsaved`](super::Memory::lose_unsaved)).

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

use super::{
    Driver, Error, Key, ListQuery, Listing, Object, Prefix, Publication, Result, Stage, StageMode, Stat, WriteMode,
};
use crate::spec::ByteRange;

/// A small reproducible source of numbers (SplitMix64).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.number() % end as u64) as usize
    }
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    /// The crash comes with this change, counted from 1 since the beginning or the last restart.
    pub(crate) crash_at: Option<u64>,
    /// This change alone, counted likewise, is answered with an error.
    pub(crate) fail_at: Option<u64>,
    /// Of so many calls in a thousand an error is answered; of those that change something, half have their effect.
    pub(crate) fail_per_mille: usize,
}

/// A driver with faults. Clones share them.
#[derive(Clone)]
pub(crate) struct Faulty {
    inner: Arc<dyn Driver>,
    state: Arc<Mutex<State>>,
}

struct State {
    random: Random,
    faults: Faults,
    changes: u64,
    crashed: bool,
    /// What begins with these names cannot be read, and whether that is for want of permission.
    unreadable: Vec<(String, bool)>,
}

/// What becomes of one change.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Done,
    /// An error, and no effect.
    Lost,
    /// An error, and the effect: the answer is what got lost.
    Unanswered,
}

struct FaultyStage {
    store: Faulty,
    inner: Box<dyn Stage>,
    failed: bool,
}

impl Faulty {
    pub(crate) fn new(inner: Arc<dyn Driver>, seed: u64, faults: Faults) -> Self {
        let state = State { random: Random::new(seed), faults, changes: 0, crashed: false, unreadable: Vec::new() };
        Self { inner, state: Arc::new(Mutex::new(state)) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic in here")
    }

    /// Changes tried since the beginning or the last restart. Each append, each deleted key is one.
    pub(crate) fn changes(&self) -> u64 {
        self.state().changes
    }

    pub(crate) fn crashed(&self) -> bool {
        self.state().crashed
    }

    /// Begins anew after a crash, or with other faults. Stages of before are to be dropped first.
    pub(crate) fn restart(&self, faults: Faults) {
        let mut state = self.state();
        (state.faults, state.changes, state.crashed) = (faults, 0, false);
    }

    /// Nothing can be read any more of what begins with these names: it is denied, or an error of the store.
    pub(crate) fn make_unreadable(&self, names: &[(&Prefix, bool)]) {
        self.state().unreadable = names.iter().map(|&(name, denied)| (name.to_string(), denied)).collect();
    }

    /// A number below `end` from the source of the faults.
    pub(crate) fn below(&self, end: usize) -> usize {
        self.state().random.below(end)
    }

    fn fate(&self) -> Fate {
        let mut state = self.state();
        if state.crashed {
            return Fate::Lost;
        }
        state.changes += 1;
        state.crashed = state.faults.crash_at == Some(state.changes);
        let per_mille = state.faults.fail_per_mille;
        let fails = state.faults.fail_at == Some(state.changes);
        if !state.crashed && !fails && state.random.below(1000) >= per_mille {
            return Fate::Done;
        }
        if state.random.below(2) == 0 { Fate::Lost } else { Fate::Unanswered }
    }

    fn reading(&self, name: &str) -> Result<()> {
        let mut state = self.state();
        let per_mille = state.faults.fail_per_mille;
        if let Some((_, denied)) = state.unreadable.iter().find(|(unreadable, _)| name.starts_with(unreadable)) {
            let source = if *denied { io::ErrorKind::PermissionDenied } else { io::ErrorKind::Other };
            return Err(Error::from_io_named(name, source.into()));
        }
        if state.crashed || state.random.below(1000) < per_mille { Err(injected(name)) } else { Ok(()) }
    }

    /// Lets a change happen or not, and be answered or not.
    async fn change<T: Send>(&self, name: &str, change: impl Future<Output = Result<T>> + Send) -> Result<T> {
        match self.fate() {
            Fate::Done => change.await,
            Fate::Lost => Err(injected(name)),
            Fate::Unanswered => change.await.and(Err(injected(name))),
        }
    }
}

fn injected(name: &str) -> Error {
    Error::Io { key: name.to_owned(), source: io::Error::other("injected").into() }
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Faulty({:?})", self.inner)
    }
}

#[async_trait]
impl Driver for Faulty {
    async fn stat(&self, key: &Key) -> Result<Stat> {
        self.reading(key.as_str())?;
        self.inner.stat(key).await
    }

    async fn read(&self, key: &Key, range: Option<ByteRange>) -> Result<Object> {
        self.reading(key.as_str())?;
        self.inner.read(key, range).await
    }

    async fn write(&self, key: &Key, bytes: Bytes, mode: WriteMode) -> Result<()> {
        self.change(key.as_str(), self.inner.write(key, bytes, mode)).await
    }

    async fn list(&self, query: &ListQuery<'_>) -> Result<Listing> {
        self.reading(query.prefix.as_str())?;
        self.inner.list(query).await
    }

    async fn children_version(&self, prefix: &Prefix) -> Result<Option<u64>> {
        self.reading(prefix.as_str())?;
        self.inner.children_version(prefix).await
    }

    async fn delete(&self, keys: &[Key]) -> Result<()> {
        for key in keys {
            self.change(key.as_str(), self.inner.delete(std::slice::from_ref(key))).await?;
        }
        Ok(())
    }

    async fn stage(&self, key: &Key, mode: StageMode) -> Result<Box<dyn Stage>> {
        let inner = self.change(key.as_str(), self.inner.stage(key, mode)).await?;
        Ok(Box::new(FaultyStage { store: self.clone(), inner, failed: false }))
    }

    async fn staged(&self, key: &Key) -> Result<u64> {
        self.reading(key.as_str())?;
        self.inner.staged(key).await
    }
}

impl FaultyStage {
    fn usable(&self) -> Result<()> {
        if self.failed { Err(injected("a stage after its error")) } else { Ok(()) }
    }
}

#[async_trait]
impl Stage for FaultyStage {
    fn size(&self) -> u64 {
        self.inner.size()
    }

    async fn append(&mut self, mut chunk: Bytes) -> Result<()> {
        self.usable()?;
        let fate = self.store.fate();
        if fate == Fate::Unanswered {
            // As a full disk does: some of it.
            chunk.truncate(self.store.below(chunk.len() + 1));
        }
        self.failed = fate != Fate::Done;
        if fate != Fate::Lost {
            self.inner.append(chunk).await?;
        }
        if self.failed { Err(injected("append")) } else { Ok(()) }
    }

    async fn reread(&mut self) -> Result<BoxStream<'static, Result<Bytes>>> {
        self.usable()?;
        self.store.reading("reread")?;
        self.inner.reread().await
    }

    async fn save(self: Box<Self>) -> Result<()> {
        self.usable()?;
        self.store.change("save", self.inner.save()).await
    }

    async fn publish(self: Box<Self>, publication: Publication) -> Result<()> {
        self.usable()?;
        let Self { store, inner, .. } = *self;
        let Publication { key, next, leftovers } = publication;
        store.change(key.as_str(), inner.publish(key.clone().into())).await?;
        // Each of them is a change of its own, so that a crash comes between any two.
        store.write_steps(next).await?;
        store.discard(&leftovers).await
    }

    async fn revert(self: Box<Self>) -> Result<bool> {
        self.usable()?;
        self.store.change("revert", self.inner.revert()).await
    }

    async fn discard(self: Box<Self>) -> Result<()> {
        self.usable()?;
        self.store.change("discard", self.inner.discard()).await
    }
}

#[cfg(test)]
#[path = "faulty_tests.rs"]
mod tests;
