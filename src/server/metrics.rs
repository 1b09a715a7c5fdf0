//! What is counted for Prometheus: distribution's names, labels and buckets, and some of our own.
//!
//! Knows requests by their handler, method and status. Every series is found once and kept: counting a
//! request is a few atomic additions. Without `http.debug.prometheus` there is no [`Metrics`], and nothing is counted.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use http::header::{CONTENT_LENGTH, HOST};
use http::request::Parts;
use http::{Method, StatusCode};
use prometheus::{
    Encoder as _, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder, exponential_buckets,
};

use super::notify::Tally;
use super::process;
use crate::registry::Lookups;
use crate::spec::Route;

mod census;
mod lookups;
mod notifications;
mod repositories;
mod store;

pub(crate) use census::count as count_store;
pub(super) use repositories::Repositories;
pub(crate) use store::StoreSeries;

/// What answers a request, by distribution's names of its routes; `referrers` is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Handler {
    Base,
    Blob,
    BlobUpload,
    BlobUploadChunk,
    Catalog,
    Manifest,
    Referrers,
    Tags,
}

impl From<&Route> for Handler {
    fn from(route: &Route) -> Self {
        match route {
            Route::Base => Self::Base,
            Route::Catalog { .. } => Self::Catalog,
            Route::Tags { .. } => Self::Tags,
            Route::Manifest { .. } => Self::Manifest,
            Route::Blob { .. } => Self::Blob,
            Route::Uploads { .. } => Self::BlobUpload,
            Route::Upload { .. } => Self::BlobUploadChunk,
            Route::Referrers { .. } => Self::Referrers,
        }
    }
}

const HANDLERS: [(Handler, &str); 8] = [
    (Handler::Base, "base"),
    (Handler::Blob, "blob"),
    (Handler::BlobUpload, "blob_upload"),
    (Handler::BlobUploadChunk, "blob_upload_chunk"),
    (Handler::Catalog, "catalog"),
    (Handler::Manifest, "manifest"),
    (Handler::Referrers, "referrers"),
    (Handler::Tags, "tags"),
];

/// Methods that have series of their own; every other one is `unknown`, as in distribution.
const METHODS: [(Method, &str); 7] = [
    (Method::GET, "get"),
    (Method::HEAD, "head"),
    (Method::PUT, "put"),
    (Method::POST, "post"),
    (Method::PATCH, "patch"),
    (Method::DELETE, "delete"),
    (Method::OPTIONS, "options"),
];
const UNKNOWN: &str = "unknown";

/// Statuses whose series are kept at hand.
const STATUSES: [u16; 16] = [200, 201, 202, 204, 206, 304, 400, 401, 404, 405, 409, 413, 416, 429, 500, 503];

/// Seconds.
const DURATIONS: [f64; 13] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 60.0];

/// Everything that is counted.
pub(crate) struct Metrics {
    all: Registry,
    requests: IntCounterVec,
    durations: HistogramVec,
    request_sizes: HistogramVec,
    response_sizes: HistogramVec,
    handlers: Vec<Series>,
    pub(super) repositories: Repositories,
    process: Process,
}

/// The series of one handler. Those that nothing was counted in are not shown.
struct Series {
    name: &'static str,
    in_flight: IntGauge,
    request_size: OnceLock<Histogram>,
    response_size: OnceLock<Histogram>,
    methods: [MethodSeries; METHODS.len() + 1],
}

#[derive(Default)]
struct MethodSeries {
    duration: OnceLock<Histogram>,
    statuses: [OnceLock<IntCounter>; STATUSES.len()],
}

struct Process {
    cpu: prometheus::Counter,
    gauges: [prometheus::Gauge; 5],
}

impl Metrics {
    pub(crate) fn new() -> prometheus::Result<Arc<Self>> {
        let all = Registry::new();
        let requests = counters(&all, "registry_http_requests_total", REQUESTS, &["handler", "method", "code"])?;
        let in_flight = IntGaugeVec::new(Opts::new("registry_http_in_flight_requests", IN_FLIGHT), &["handler"])?;
        all.register(Box::new(in_flight.clone()))?;
        let durations = histograms(
            &all,
            "registry_http_request_duration_seconds",
            "The HTTP request latencies in seconds.",
            DURATIONS.to_vec(),
            &["handler", "method"],
        )?;
        let sizes = |direction: &str| {
            let (name, help) =
                (format!("registry_http_{direction}_size_bytes"), format!("The HTTP {direction} sizes in bytes."));
            histograms(&all, &name, &help, exponential_buckets(1024.0, 2.0, 22)?, &["handler"])
        };
        let (request_sizes, response_sizes) = (sizes("request")?, sizes("response")?);
        let series = |&(_, name): &(Handler, &'static str)| Series {
            name,
            in_flight: in_flight.with_label_values(&[name]),
            request_size: OnceLock::new(),
            response_size: OnceLock::new(),
            methods: Default::default(),
        };
        let handlers = HANDLERS.iter().map(series).collect();
        let repositories = Repositories::new(&all)?;
        let process = Process::new(&all)?;
        Ok(Arc::new(Self { all, requests, durations, request_sizes, response_sizes, handlers, repositories, process }))
    }

    /// Begins to count a request.
    pub(super) fn begin(self: &Arc<Self>, handler: Handler, head: &Parts) -> Measurement {
        let series = &self.handlers[handler as usize];
        series.in_flight.inc();
        let size = series.request_size.get_or_init(|| self.request_sizes.with_label_values(&[series.name]));
        size.observe(float(request_size(head)));
        Measurement {
            metrics: Arc::clone(self),
            handler,
            method: METHODS.iter().position(|(method, _)| *method == head.method).unwrap_or(METHODS.len()),
            started: Instant::now(),
            // Unless somebody says otherwise: who answers may panic.
            status: StatusCode::INTERNAL_SERVER_ERROR,
            written: 0,
        }
    }

    /// All of it in Prometheus' text format, version 0.0.4, with what came of caches and of events.
    pub(super) fn text(&self, lookups: &Lookups, tallies: &[Tally]) -> prometheus::Result<Vec<u8>> {
        self.process.update();
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.all.gather(), &mut text)?;
        TextEncoder::new().encode(&lookups::families(lookups)?, &mut text)?;
        if !tallies.is_empty() {
            TextEncoder::new().encode(&notifications::families(tallies)?, &mut text)?;
        }
        Ok(text)
    }
}

const REQUESTS: &str = "Total number of HTTP requests made.";
const IN_FLIGHT: &str = "The in-flight HTTP requests";

/// A request and its answer, until the answer has left.
pub(super) struct Measurement {
    metrics: Arc<Metrics>,
    handler: Handler,
    method: usize,
    started: Instant,
    pub(super) status: StatusCode,
    /// Bytes of the body handed to the connection.
    pub(super) written: u64,
}

impl Drop for Measurement {
    fn drop(&mut self) {
        let metrics = &self.metrics;
        let series = &metrics.handlers[self.handler as usize];
        series.in_flight.dec();
        let method = METHODS.get(self.method).map_or(UNKNOWN, |(_, name)| *name);
        let kept = &series.methods[self.method];
        let duration = kept.duration.get_or_init(|| metrics.durations.with_label_values(&[series.name, method]));
        duration.observe(self.started.elapsed().as_secs_f64());
        let size = series.response_size.get_or_init(|| metrics.response_sizes.with_label_values(&[series.name]));
        size.observe(float(self.written));
        let count = || metrics.requests.with_label_values(&[series.name, method, self.status.as_str()]);
        match STATUSES.iter().position(|status| *status == self.status.as_u16()) {
            Some(at) => kept.statuses[at].get_or_init(count).inc(),
            None => count().inc(),
        }
    }
}

impl Process {
    fn new(all: &Registry) -> prometheus::Result<Self> {
        let cpu =
            prometheus::Counter::new("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.")?;
        all.register(Box::new(cpu.clone()))?;
        let gauge = |name: &str, help: &str| {
            let gauge = prometheus::Gauge::new(name, help)?;
            all.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let gauges = [
            gauge("process_resident_memory_bytes", "Resident memory size in bytes.")?,
            gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.")?,
            gauge("process_open_fds", "Number of open file descriptors.")?,
            gauge("process_max_fds", "Maximum number of open file descriptors.")?,
            gauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds.")?,
        ];
        Ok(Self { cpu, gauges })
    }

    fn update(&self) {
        let now = process::now();
        self.cpu.inc_by((now.cpu_seconds - self.cpu.get()).max(0.0));
        let bytes = [now.resident_bytes, now.virtual_bytes, now.open_files, now.open_files_max].map(float);
        for (gauge, value) in self.gauges.iter().zip(bytes.into_iter().chain([now.started])) {
            gauge.set(value);
        }
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

/// As `promhttp` computes it: what the head takes up, nearly, and the length that it announces.
fn request_size(head: &Parts) -> u64 {
    let target = head.uri.path_and_query().map_or(0, |text| text.as_str().len());
    let lines: usize = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    let host = if head.headers.contains_key(HOST) { HOST.as_str().len() } else { 0 };
    let version = "HTTP/1.1".len();
    let announced = head.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    (target + head.method.as_str().len() + version + lines - host) as u64 + announced.unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus knows no other numbers")]
fn float(number: u64) -> f64 {
    number as f64
}

fn counters(all: &Registry, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntCounterVec> {
    let counters = IntCounterVec::new(Opts::new(name, help), labels)?;
    all.register(Box::new(counters.clone()))?;
    Ok(counters)
}

fn histograms(
    all: &Registry,
    name: &str,
    help: &str,
    buckets: Vec<f64>,
    labels: &[&str],
) -> prometheus::Result<HistogramVec> {
    let histograms = HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets), labels)?;
    all.register(Box::new(histograms.clone()))?;
    Ok(histograms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handlers_stand_at_their_numbers() {
        for (at, (handler, _)) in HANDLERS.iter().enumerate() {
            assert_eq!(*handler as usize, at);
        }
    }

    #[test]
    fn a_request_is_counted_when_it_is_over() {
        let metrics = Metrics::new().expect("metrics");
        let text = || String::from_utf8(metrics.text(&Lookups::default(), &[]).expect("a text")).expect("UTF-8");
        let (head, ()) = http::Request::put("http://r/v2/a/manifests/t")
            .header("host", "r")
            .header("content-length", "1000")
            .body(())
            .expect("a request")
            .into_parts();
        let mut one = metrics.begin(Handler::Manifest, &head);
        assert!(text().contains("registry_http_in_flight_requests{handler=\"manifest\"} 1\n"), "{}", text());
        assert!(!text().contains("registry_http_requests_total{"), "not yet");
        (one.status, one.written) = (StatusCode::CREATED, 5000);
        drop(one);
        let mut odd = metrics.begin(Handler::Manifest, &head);
        odd.status = StatusCode::IM_A_TEAPOT;
        drop(odd);
        let text = text();
        for line in [
            "registry_http_in_flight_requests{handler=\"manifest\"} 0",
            "registry_http_requests_total{code=\"201\",handler=\"manifest\",method=\"put\"} 1",
            "registry_http_requests_total{code=\"418\",handler=\"manifest\",method=\"put\"} 1",
            "registry_http_response_size_bytes_bucket{handler=\"manifest\",le=\"4096\"} 1",
            "registry_http_response_size_bytes_bucket{handler=\"manifest\",le=\"8192\"} 2",
            "registry_http_request_size_bytes_bucket{handler=\"manifest\",le=\"1024\"} 0",
            "registry_http_request_size_bytes_bucket{handler=\"manifest\",le=\"2048\"} 2",
            "registry_http_request_duration_seconds_count{handler=\"manifest\",method=\"put\"} 2",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
