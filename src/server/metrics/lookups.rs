//! How often caches served, by the names of registry:2 and those of registry:3, filled when somebody asks.

use prometheus::proto::MetricFamily;
use prometheus::{IntCounter, Registry};

use super::counters;
use crate::registry::Lookups;

/// The families of one moment.
pub(super) fn families(lookups: &Lookups) -> prometheus::Result<Vec<MetricFamily>> {
    let all = Registry::new();
    let (hits, misses) = (lookups.hits(), lookups.misses());
    let requests = hits + misses;
    let kinds = counters(&all, "registry_storage_cache_total", "The number of cache request received", &["type"])?;
    for (kind, count) in [("Request", requests), ("Hit", hits), ("Miss", misses)] {
        kinds.with_label_values(&[kind]).inc_by(count);
    }
    for (what, help, count) in [
        ("requests", "The number of cache request received", requests),
        ("hits", "The number of cache hits", hits),
        // What is remembered is in memory, where nothing can fail.
        ("errors", "The number of cache request errors", 0),
    ] {
        let counter = IntCounter::new(format!("registry_storage_cache_{what}_total"), help)?;
        counter.inc_by(count);
        all.register(Box::new(counter))?;
    }
    Ok(all.gather())
}
