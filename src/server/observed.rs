//! A store that is looked at while it works: how long each action takes, for metrics, and which request it is for, for traces.
//!
//! Knows actions by distribution's names for them, and neither what is counted nor what a span is.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

use super::metrics::StoreSeries;
use super::traces::StoreTraces;
use crate::spec::ByteRange;
use crate::store::{
    Driver, Key, ListQuery, Listing, Object, Prefix, Publication, Result, Stage, StageMode, Stat, Step, WriteMode,
};

/// What can be done with a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Stat,
    Read,
    Write,
    List,
    Delete,
    Stage,
    Publish,
}

pub(crate) const ACTIONS: [Action; 7] =
    [Action::Stat, Action::Read, Action::Write, Action::List, Action::Delete, Action::Stage, Action::Publish];

impl Action {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Stat => "Stat",
            Self::Read => "GetContent",
            Self::Write => "PutContent",
            Self::List => "List",
            Self::Delete => "Delete",
            Self::Stage => "Writer",
            Self::Publish => "Move",
        }
    }
}

/// Who looks.
pub(crate) struct Observers {
    pub(crate) series: Option<StoreSeries>,
    pub(crate) traces: Option<StoreTraces>,
}

impl Observers {
    /// Waits for an action. One that is given up is not counted.
    async fn watch<T>(
        &self,
        action: Action,
        place: &(dyn fmt::Display + Sync),
        work: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        let span = self.traces.as_ref().and_then(|traces| traces.begin(action, place));
        let started = Instant::now();
        let result = work.await;
        if let Some(series) = &self.series {
            series.observe(action, started.elapsed().as_secs_f64());
        }
        if let Some(span) = span {
            span.end(&result);
        }
        result
    }
}

/// The store as it is, seen by others.
pub(crate) struct Observed {
    inner: Arc<dyn Driver>,
    observers: Arc<Observers>,
}

struct ObservedStage {
    inner: Box<dyn Stage>,
    place: String,
    in_progress: InProgress,
}

/// An upload that is in progress as long as this is there.
struct InProgress(Arc<Observers>);

impl InProgress {
    fn new(observers: &Arc<Observers>) -> Self {
        if let Some(series) = &observers.series {
            series.uploads.inc();
        }
        Self(Arc::clone(observers))
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        if let Some(series) = &self.0.series {
            series.uploads.dec();
        }
    }
}

impl Observed {
    pub(crate) fn new(inner: Arc<dyn Driver>, observers: Observers) -> Self {
        Self { inner, observers: Arc::new(observers) }
    }
}

impl fmt::Debug for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

/// Several keys at once, by the first of them.
struct Several<'a>(Option<&'a Key>, usize);

impl fmt::Display for Several<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self(Some(first), 1) => first.fmt(f),
            Self(Some(first), count) => write!(f, "{first} and {} more", count - 1),
            Self(None, _) => f.write_str("nothing"),
        }
    }
}

#[async_trait]
impl Driver for Observed {
    async fn stat(&self, key: &Key) -> Result<Stat> {
        self.observers.watch(Action::Stat, key, self.inner.stat(key)).await
    }

    async fn read(&self, key: &Key, range: Option<ByteRange>) -> Result<Object> {
        self.observers.watch(Action::Read, key, self.inner.read(key, range)).await
    }

    async fn write(&self, key: &Key, bytes: Bytes, mode: WriteMode) -> Result<()> {
        self.observers.watch(Action::Write, key, self.inner.write(key, bytes, mode)).await
    }

    async fn write_steps(&self, steps: Vec<Step>) -> Result<()> {
        let keys: Vec<Key> = match self.observers.traces {
            Some(_) => steps.iter().flatten().map(|put| put.key.clone()).collect(),
            None => Vec::new(),
        };
        let place = Several(keys.first(), keys.len());
        self.observers.watch(Action::Write, &place, self.inner.write_steps(steps)).await
    }

    async fn list(&self, query: &ListQuery<'_>) -> Result<Listing> {
        self.observers.watch(Action::List, query.prefix, self.inner.list(query)).await
    }

    fn has_directories(&self) -> bool {
        self.inner.has_directories()
    }

    async fn children_version(&self, prefix: &Prefix) -> Result<Option<u64>> {
        self.observers.watch(Action::Stat, prefix, self.inner.children_version(prefix)).await
    }

    async fn delete(&self, keys: &[Key]) -> Result<()> {
        let place = Several(keys.first(), keys.len());
        self.observers.watch(Action::Delete, &place, self.inner.delete(keys)).await
    }

    async fn discard(&self, keys: &[Key]) -> Result<()> {
        let place = Several(keys.first(), keys.len());
        self.observers.watch(Action::Delete, &place, self.inner.discard(keys)).await
    }

    async fn stage(&self, key: &Key, mode: StageMode) -> Result<Box<dyn Stage>> {
        let inner = self.observers.watch(Action::Stage, key, self.inner.stage(key, mode)).await?;
        let place = if self.observers.traces.is_some() { key.to_string() } else { String::new() };
        Ok(Box::new(ObservedStage { inner, place, in_progress: InProgress::new(&self.observers) }))
    }

    async fn staged(&self, key: &Key) -> Result<u64> {
        self.observers.watch(Action::Stat, key, self.inner.staged(key)).await
    }
}

#[async_trait]
impl Stage for ObservedStage {
    fn size(&self) -> u64 {
        self.inner.size()
    }

    async fn append(&mut self, chunk: Bytes) -> Result<()> {
        self.inner.append(chunk).await
    }

    async fn reread(&mut self) -> Result<BoxStream<'static, Result<Bytes>>> {
        self.inner.reread().await
    }

    async fn save(self: Box<Self>) -> Result<()> {
        self.inner.save().await
    }

    async fn publish(self: Box<Self>, publication: Publication) -> Result<()> {
        let Self { inner, place, in_progress } = *self;
        in_progress.0.watch(Action::Publish, &place, inner.publish(publication)).await
    }

    async fn revert(self: Box<Self>) -> Result<bool> {
        self.inner.revert().await
    }

    async fn discard(self: Box<Self>) -> Result<()> {
        self.inner.discard().await
    }
}
