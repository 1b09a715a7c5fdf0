//! What is counted of a store's actions, by distribution's names for them.

use prometheus::{Histogram, HistogramVec, IntGauge};

use super::{Metrics, histograms};
use crate::server::observed::{ACTIONS, Action};

/// Seconds, as distribution cuts them.
const DURATIONS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The series of one store.
pub(crate) struct StoreSeries {
    actions: [Histogram; ACTIONS.len()],
    pub(crate) uploads: IntGauge,
}

impl StoreSeries {
    /// `driver` is distribution's word for the kind of the store.
    pub(crate) fn new(driver: &str, metrics: &Metrics) -> prometheus::Result<Self> {
        let help = "The number of seconds that the storage action takes";
        let labels = &["driver", "action"];
        let actions = histograms(&metrics.all, "registry_storage_action_seconds", help, DURATIONS.to_vec(), labels)?;
        let uploads = IntGauge::new("registry_storage_uploads_in_progress", "Uploads that bytes are written to")?;
        metrics.all.register(Box::new(uploads.clone()))?;
        let actions = ACTIONS.map(|action| HistogramVec::with_label_values(&actions, &[driver, action.name()]));
        Ok(Self { actions, uploads })
    }

    /// Counts an action that ended, however it did.
    pub(crate) fn observe(&self, action: Action, seconds: f64) {
        self.actions[action as usize].observe(seconds);
    }
}
