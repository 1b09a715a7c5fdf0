//! Spans of a store's actions, with distribution's names and attributes.

use std::fmt;

use opentelemetry::trace::{Status, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SdkTracer, Span};

use super::Traces;
use crate::server::observed::Action;
use crate::store;

const DRIVER: &str = "io.cncf.distribution.storage.driver.name";
const PATH: &str = "io.cncf.distribution.storage.path";

/// Makes the spans of one store.
pub(crate) struct StoreTraces {
    tracer: SdkTracer,
    /// distribution's word for the kind of the store.
    driver: &'static str,
}

impl StoreTraces {
    pub(crate) fn new(traces: &Traces, driver: &'static str) -> Self {
        Self { tracer: traces.tracer.clone(), driver }
    }

    /// Begins a span below that of the request which this task answers. What the registry does by itself has none.
    pub(crate) fn begin(&self, action: Action, place: &dyn fmt::Display) -> Option<StoreSpan> {
        let is_recording = Context::map_current(|context| context.span().is_recording());
        is_recording.then(|| {
            let attributes = [KeyValue::new(DRIVER, self.driver), KeyValue::new(PATH, format!("/{place}"))];
            let span = self.tracer.span_builder(action.name()).with_attributes(attributes);
            StoreSpan(span.start(&self.tracer))
        })
    }
}

/// An action in progress. One that is given up ends where it is dropped.
pub(crate) struct StoreSpan(Span);

impl StoreSpan {
    pub(crate) fn end<T>(mut self, result: &store::Result<T>) {
        use opentelemetry::trace::Span as _;
        match result {
            // Asked for what is not there, a store answers as it should.
            Ok(_) | Err(store::Error::NotFound { .. } | store::Error::Exists { .. }) => {}
            Err(error) => self.0.set_status(Status::error(error.to_string())),
        }
        self.0.end();
    }
}
