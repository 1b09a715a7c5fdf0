//! How much the store keeps, counted in the background.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use prometheus::IntGauge;

use super::Metrics;
use crate::server::error::Chain;
use crate::store::{Driver, census};
use crate::sys::Clock;

/// From the end of one count to the next: to list everything is not for nothing.
const INTERVAL: Duration = Duration::from_secs(3600);

/// Counts again and again. What is told is as old as `registry_storage_counted_timestamp_seconds` says.
pub(crate) async fn count(
    store: Arc<dyn Driver>,
    clock: Clock,
    metrics: Arc<Metrics>,
) -> prometheus::Result<Infallible> {
    let gauge = |name: &str, help: &str| IntGauge::new(name, help);
    let bytes = gauge("registry_storage_bytes", "Bytes of all blobs and manifests, each counted once")?;
    let blobs = gauge("registry_storage_blobs", "Blobs and manifests, each counted once")?;
    let counted = gauge("registry_storage_counted_timestamp_seconds", "When bytes and blobs were counted")?;
    let mut is_told = false;
    loop {
        match census(&*store).await {
            Ok(found) => {
                bytes.set(i64::try_from(found.bytes).unwrap_or(i64::MAX));
                blobs.set(i64::try_from(found.blobs).unwrap_or(i64::MAX));
                counted.set(clock.now().as_second());
                if !is_told {
                    for gauge in [&counted, &blobs, &bytes] {
                        metrics.all.register(Box::new(gauge.clone()))?;
                    }
                    is_told = true;
                }
            }
            Err(error) => tracing::warn!(error = %Chain(&error), "the store could not be counted"),
        }
        tokio::time::sleep(INTERVAL).await;
    }
}
