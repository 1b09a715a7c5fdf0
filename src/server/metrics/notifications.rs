//! What came of events, by endpoint: distribution's names and types, filled when somebody asks.
//!
//! The queues count by themselves, whether anybody asks or not; nothing is counted twice here.

use prometheus::proto::MetricFamily;
use prometheus::{IntCounterVec, IntGaugeVec, Opts, Registry};

use super::counters;
use crate::server::notify::Tally;

/// The families of one moment.
///
/// # Errors
/// Two endpoints cannot be told apart.
pub(super) fn families(tallies: &[Tally]) -> prometheus::Result<Vec<MetricFamily>> {
    let all = Registry::new();
    let events: IntCounterVec =
        counters(&all, "registry_notifications_events_total", "The number of total events", &["endpoint", "type"])?;
    let statuses =
        counters(&all, "registry_notifications_status_total", "The number of status code", &["code", "endpoint"])?;
    let pending = IntGaugeVec::new(
        Opts::new("registry_notifications_pending_total", "The gauge of pending events in queue"),
        &["endpoint"],
    )?;
    all.register(Box::new(pending.clone()))?;
    for tally in tallies {
        let name = tally.name.as_str();
        for (kind, count) in [
            ("Events", tally.events),
            ("Successes", tally.successes),
            ("Failures", tally.failures),
            ("Errors", tally.errors),
            // Ours: distribution's queue has no end.
            ("Dropped", tally.dropped),
        ] {
            events.with_label_values(&[name, kind]).inc_by(count);
        }
        pending.with_label_values(&[name]).set(i64::try_from(tally.pending).unwrap_or(i64::MAX));
        for (status, count) in &tally.statuses {
            let reason = http::StatusCode::from_u16(*status).ok().and_then(|status| status.canonical_reason());
            let code = format!("{status} {}", reason.unwrap_or_default());
            statuses.with_label_values(&[code.as_str(), name]).inc_by(*count);
        }
    }
    Ok(all.gather())
}
