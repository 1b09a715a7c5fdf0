//! Spans as lines of the log, for those who have no collector.

use std::time::SystemTime;

use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

/// Writes a line for each span.
#[derive(Debug)]
pub(super) struct Console;

impl SpanExporter for Console {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        for span in batch {
            let duration = span.end_time.duration_since(span.start_time).unwrap_or_default();
            let parent = span.parent_span_id;
            tracing::info!(
                trace_id = %span.span_context.trace_id(),
                span_id = %span.span_context.span_id(),
                parent_id = (parent != opentelemetry::SpanId::INVALID).then(|| parent.to_string()),
                start = %started(span.start_time),
                ?duration,
                status = ?span.status,
                attributes = attributes(&span),
                "span {}",
                span.name
            );
        }
        Ok(())
    }
}

/// As times of the log are.
fn started(time: SystemTime) -> jiff::Timestamp {
    jiff::Timestamp::try_from(time).unwrap_or_default()
}

fn attributes(span: &SpanData) -> String {
    let pairs = span.attributes.iter().map(|pair| format!("{}={}", pair.key, pair.value));
    pairs.collect::<Vec<_>>().join(" ")
}
