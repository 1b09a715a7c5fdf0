//! Traces for OpenTelemetry: a span for each request, and below it one for each action of the store.
//!
//! Knows requests by their head and their route, and actions by distribution's names. Without a variable that asks for it there
//! are no [`Traces`], and nothing is measured. A span is made, kept and handed on by OpenTelemetry's libraries; whether a
//! request is traced is for the sampler of the environment, and for the sender where the sender has a trace already.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::USER_AGENT;
use http::request::Parts;
use http::{StatusCode, Version};
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{SpanKind, Status, TraceContextExt as _, Tracer as _, TracerProvider as _};
use opentelemetry::{Context, KeyValue, TraceId};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::resource::{EnvResourceDetector, TelemetryResourceDetector};
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SdkTracer, SdkTracerProvider, SpanExporter as SpanExport,
};
use thiserror::Error;
use tokio::runtime::Handle;

use super::auth::User;
use super::outbound::TrustError;
use super::peer::Peer;
use super::request::RequestId;
use crate::spec::{Route, without_secrets};
use console::Console;
use sender::Sender;
use settings::{Batches, Exporter, Protocol};

mod console;
mod grpc;
mod sender;
mod settings;
mod store;

pub(crate) use settings::Settings;
pub(crate) use store::StoreTraces;

/// registry:3 calls itself so; `OTEL_SERVICE_NAME` calls it otherwise.
const SERVICE: &str = "distribution";

/// Most bytes of what a client says in an attribute. Real paths and agents are shorter.
const TEXT_BYTES_MAX: usize = 512;

/// How long the end of the server waits for the last spans to be sent.
const FLUSH: Duration = Duration::from_secs(3);

/// Why there can be no traces.
#[derive(Debug, Error)]
pub(crate) enum TracesError {
    #[error("certificates for the collector of traces cannot be used")]
    Trust(#[from] TrustError),
    #[error("{0}")]
    Exporter(#[from] ExporterBuildError),
}

/// Makes spans, and sends those that are over.
pub(crate) struct Traces {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    /// Whether a trace of the sender goes on here.
    joins: bool,
}

impl Traces {
    /// `None` where nobody asks for traces. Nothing is sent yet.
    ///
    /// # Errors
    /// The collector's settings cannot be used.
    pub(crate) fn open(settings: &Settings) -> Result<Option<Arc<Self>>, TracesError> {
        if settings.exporters.is_empty() {
            return Ok(None);
        }
        let mut provider = SdkTracerProvider::builder().with_resource(resource(settings));
        for exporter in &settings.exporters {
            provider = match exporter {
                Exporter::Console => provider.with_span_processor(gathered(Console, settings.batches)),
                Exporter::Otlp(otlp) => {
                    let protocol = match otlp.protocol {
                        Protocol::Grpc | Protocol::HttpProtobuf => opentelemetry_otlp::Protocol::HttpBinary,
                        Protocol::HttpJson => opentelemetry_otlp::Protocol::HttpJson,
                    };
                    let exporter = SpanExporter::builder()
                        .with_http()
                        .with_http_client(Sender::new(otlp, settings.batches.timeout, Handle::current())?)
                        .with_timeout(settings.batches.timeout)
                        .with_endpoint(otlp.endpoint.as_str())
                        .with_protocol(protocol);
                    provider.with_span_processor(gathered(exporter.build()?, settings.batches))
                }
            };
        }
        for exporter in &settings.exporters {
            match exporter {
                Exporter::Console => tracing::info!("traces go to the log"),
                Exporter::Otlp(otlp) => {
                    tracing::info!(url = without_secrets(otlp.endpoint.as_str()), "traces are sent")
                }
            }
        }
        let provider = provider.build();
        let tracer = provider.tracer("reg");
        Ok(Some(Arc::new(Self { provider, tracer, joins: settings.joins })))
    }

    /// Begins the span of a request. It is over when the answer has left.
    pub(super) fn begin(&self, head: &Parts, peer: Peer, id: RequestId, scheme: &'static str) -> Trace {
        let parent = match self.joins {
            true => {
                TraceContextPropagator::new().extract_with_context(&Context::new(), &HeaderExtractor(&head.headers))
            }
            false => Context::new(),
        };
        let mut attributes = vec![
            KeyValue::new("http.request.method", head.method.as_str().to_owned()),
            KeyValue::new("url.path", cut(head.uri.path())),
            KeyValue::new("url.scheme", scheme),
            KeyValue::new("client.address", peer.host().to_string()),
            KeyValue::new("network.protocol.version", if head.version == Version::HTTP_2 { "2" } else { "1.1" }),
            KeyValue::new("http.request.id", id.to_string()),
        ];
        if let Some(agent) = head.headers.get(USER_AGENT) {
            let agent = cut(&String::from_utf8_lossy(agent.as_bytes()));
            attributes.push(KeyValue::new("user_agent.original", agent));
        }
        let span = self.tracer.span_builder(head.method.as_str().to_owned()).with_kind(SpanKind::Server);
        let span = span.with_attributes(attributes).start_with_context(&self.tracer, &parent);
        Trace { context: parent.with_span(span), status: None, written: 0 }
    }

    /// Sends what is over, and ends. Waits for a while.
    pub(crate) async fn close(self: Arc<Self>) {
        // The thread that waits is none that the requests need.
        let closed = tokio::task::spawn_blocking(move || self.provider.shutdown_with_timeout(FLUSH)).await;
        if !matches!(closed, Ok(Ok(()))) {
            tracing::warn!("the last traces are lost: nobody took them within {FLUSH:?}");
        }
    }
}

/// What gathers spans and hands them on.
fn gathered(exporter: impl SpanExport + 'static, batches: Batches) -> BatchSpanProcessor {
    let config = BatchConfigBuilder::default()
        .with_max_queue_size(batches.queue)
        .with_max_export_batch_size(batches.batch)
        .with_scheduled_delay(batches.delay);
    BatchSpanProcessor::builder(exporter).with_batch_config(config.build()).build()
}

/// The beginning of a text that a client chose: everybody may send a long one, and spans wait in memory.
fn cut(text: &str) -> String {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

/// Who makes the traces. What comes later counts.
fn resource(settings: &Settings) -> Resource {
    let ours = Resource::builder_empty()
        .with_service_name(SERVICE)
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_detectors(&[Box::new(TelemetryResourceDetector), Box::new(EnvResourceDetector::new())]);
    match &settings.service {
        Some(name) => ours.with_service_name(name.clone()).build(),
        None => ours.build(),
    }
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Traces")
    }
}

/// The span of a request until its answer has left.
pub(super) struct Trace {
    context: Context,
    /// Unless somebody says so, whoever answered has panicked.
    status: Option<StatusCode>,
    /// Bytes of the body handed to the connection.
    pub(super) written: u64,
}

impl Trace {
    /// What the actions of the store look for to stand below this span.
    pub(super) fn context(&self) -> Context {
        self.context.clone()
    }

    /// By which a trace is found; `None` where this request is in none.
    pub(super) fn id(&self) -> Option<TraceId> {
        let span = self.context.span();
        span.is_recording().then(|| span.span_context().trace_id())
    }

    /// Says what the request is for. The name stands for all requests of this kind.
    pub(super) fn is_for(&self, method: &http::Method, route: &Route) {
        let span = self.context.span();
        if span.is_recording() {
            let template = route.template();
            span.update_name(format!("{method} {template}"));
            span.set_attribute(KeyValue::new("http.route", template));
        }
    }

    /// Says how the request was answered, and to whom.
    pub(super) fn is_answered(&mut self, status: StatusCode, user: Option<&User>) {
        self.status = Some(status);
        if let Some(user) = user {
            self.context.span().set_attribute(KeyValue::new("user.name", user.0.clone()));
        }
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        let span = self.context.span();
        let status = self.status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
        span.set_attribute(KeyValue::new("http.response.body.size", i64::try_from(self.written).unwrap_or(i64::MAX)));
        // The client's faults are no errors of a server (semantic conventions for HTTP spans).
        if status.is_server_error() {
            span.set_attribute(KeyValue::new("error.type", status.as_str().to_owned()));
            span.set_status(Status::error(""));
        }
        span.end();
    }
}
