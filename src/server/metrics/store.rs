//! A store whose actions are timed, by distribution's names for them.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use prometheus::{Histogram, HistogramVec, IntGauge};

use super::{Metrics, histograms};
use crate::spec::ByteRange;
use crate::store::{
    Driver, Key, ListQuery, Listing, Object, Prefix, Publication, Result, Stage, StageMode, Stat, Step, WriteMode,
};

/// Seconds, as distribution cuts them.
const DURATIONS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The series of one store.
struct Series {
    stat: Histogram,
    read: Histogram,
    write: Histogram,
    list: Histogram,
    delete: Histogram,
    stage: Histogram,
    publish: Histogram,
    uploads: IntGauge,
}

/// Times everything that is done with a store.
pub(crate) struct Measured {
    inner: Arc<dyn Driver>,
    series: Arc<Series>,
}

struct MeasuredStage {
    inner: Box<dyn Stage>,
    in_progress: InProgress,
}

/// An upload that is in progress as long as this is there.
struct InProgress(Arc<Series>);

impl Drop for InProgress {
    fn drop(&mut self) {
        self.0.uploads.dec();
    }
}

impl Measured {
    /// `name` is distribution's word for the kind of the store.
    pub(crate) fn new(inner: Arc<dyn Driver>, name: &str, metrics: &Metrics) -> prometheus::Result<Self> {
        let help = "The number of seconds that the storage action takes";
        let labels = &["driver", "action"];
        let actions = histograms(&metrics.all, "registry_storage_action_seconds", help, DURATIONS.to_vec(), labels)?;
        let uploads = IntGauge::new("registry_storage_uploads_in_progress", "Uploads that bytes are written to")?;
        metrics.all.register(Box::new(uploads.clone()))?;
        let action = |action: &str| HistogramVec::with_label_values(&actions, &[name, action]);
        let series = Series {
            stat: action("Stat"),
            read: action("GetContent"),
            write: action("PutContent"),
            list: action("List"),
            delete: action("Delete"),
            stage: action("Writer"),
            publish: action("Move"),
            uploads,
        };
        Ok(Self { inner, series: Arc::new(series) })
    }
}

impl fmt::Debug for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

/// Counts an action that ended, however it did; one that was given up is none.
async fn timed<T>(histogram: &Histogram, action: impl Future<Output = T> + Send) -> T {
    let started = Instant::now();
    let result = action.await;
    histogram.observe(started.elapsed().as_secs_f64());
    result
}

#[async_trait]
impl Driver for Measured {
    async fn stat(&self, key: &Key) -> Result<Stat> {
        timed(&self.series.stat, self.inner.stat(key)).await
    }

    async fn read(&self, key: &Key, range: Option<ByteRange>) -> Result<Object> {
        timed(&self.series.read, self.inner.read(key, range)).await
    }

    async fn write(&self, key: &Key, bytes: Bytes, mode: WriteMode) -> Result<()> {
        timed(&self.series.write, self.inner.write(key, bytes, mode)).await
    }

    async fn write_steps(&self, steps: Vec<Step>) -> Result<()> {
        timed(&self.series.write, self.inner.write_steps(steps)).await
    }

    async fn list(&self, query: &ListQuery<'_>) -> Result<Listing> {
        timed(&self.series.list, self.inner.list(query)).await
    }

    fn has_directories(&self) -> bool {
        self.inner.has_directories()
    }

    async fn children_version(&self, prefix: &Prefix) -> Result<Option<u64>> {
        timed(&self.series.stat, self.inner.children_version(prefix)).await
    }

    async fn delete(&self, keys: &[Key]) -> Result<()> {
        timed(&self.series.delete, self.inner.delete(keys)).await
    }

    async fn discard(&self, keys: &[Key]) -> Result<()> {
        timed(&self.series.delete, self.inner.discard(keys)).await
    }

    async fn stage(&self, key: &Key, mode: StageMode) -> Result<Box<dyn Stage>> {
        let inner = timed(&self.series.stage, self.inner.stage(key, mode)).await?;
        self.series.uploads.inc();
        Ok(Box::new(MeasuredStage { inner, in_progress: InProgress(Arc::clone(&self.series)) }))
    }
}

#[async_trait]
impl Stage for MeasuredStage {
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
        let Self { inner, in_progress } = *self;
        timed(&in_progress.0.publish, inner.publish(publication)).await
    }

    async fn discard(self: Box<Self>) -> Result<()> {
        self.inner.discard().await
    }
}
