//! What the variables of OpenTelemetry ask for: whether there are traces, where they go, and how.
//!
//! Pure. The libraries read some of the variables themselves (sampler, limits, batches, headers, compression, resource); those
//! are only looked at here, since the libraries pass over a value that is wrong without a word. What is wrong is a warning and
//! never an error: a registry serves without traces, too.
//!
//! Source: OpenTelemetry Environment Variable Specification; OTLP Exporter Configuration.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::spec::nearest::nearest;

/// Where finished spans go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Exporter {
    /// A line of the log for each.
    Console,
    Otlp(Otlp),
}

/// A collector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Otlp {
    /// All of it, path included.
    pub(crate) endpoint: Url,
    pub(crate) protocol: Protocol,
    /// PEM: whose word is taken for the collector's certificate beside those whom this machine trusts.
    pub(crate) authorities: Option<PathBuf>,
    /// PEM: certificate and key that are shown to the collector.
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
}

/// How spans are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Grpc,
    HttpProtobuf,
    HttpJson,
}

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    /// None: there are no traces.
    pub(crate) exporters: Vec<Exporter>,
    /// Whether a request that belongs to a trace of its sender goes on with it (W3C Trace Context).
    pub(crate) joins: bool,
    pub(crate) batches: Batches,
    /// What the registry is called in its traces.
    pub(crate) service: Option<String>,
    /// What of the variables is not as somebody meant it.
    pub(crate) warnings: Vec<String>,
}

/// How finished spans are gathered and sent. The library would take any number for these, set aside as much memory, or ask
/// again without a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Batches {
    /// Spans that wait at most; more are lost.
    pub(crate) queue: usize,
    /// Spans of one request at most.
    pub(crate) batch: usize,
    /// From one request to the next.
    pub(crate) delay: Duration,
    /// Longest wait for the collector.
    pub(crate) timeout: Duration,
}

impl Default for Batches {
    fn default() -> Self {
        let (delay, timeout) = (Duration::from_secs(5), Duration::from_secs(10));
        Self { queue: 2048, batch: 512, delay, timeout }
    }
}

/// Where gRPC finds the service that takes traces.
pub(super) const GRPC_PATH: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const HTTP_PATH: &str = "v1/traces";

const SAMPLERS: [&str; 6] = [
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
];

/// Limits that the library reads.
const LIMITS: [&str; 3] =
    ["OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_SPAN_EVENT_COUNT_LIMIT", "OTEL_SPAN_LINK_COUNT_LIMIT"];

impl Settings {
    /// Reads the environment. Without a variable that asks for traces there are none: distribution sends them to
    /// `localhost:4318` then, and its images switch that off.
    pub(crate) fn read(variables: &BTreeMap<String, String>) -> Self {
        let mut reading = Reading { variables, warnings: Vec::new() };
        let exporters = reading.exporters();
        if exporters.is_empty() {
            return Self { warnings: reading.warnings, ..Self::default() };
        }
        let service = reading.get("OTEL_SERVICE_NAME").map(str::to_owned);
        let joins = reading.joins();
        reading.look_at_sampler();
        reading.look_at_compression();
        for name in LIMITS {
            if let Some(value) = reading.get(name).filter(|value| value.parse::<u32>().is_err()) {
                reading.warnings.push(format!("{name}: {value:?} is no such number; the default holds"));
            }
        }
        let batches = reading.batches();
        Self { exporters, joins, batches, service, warnings: reading.warnings }
    }
}

struct Reading<'a> {
    variables: &'a BTreeMap<String, String>,
    warnings: Vec<String>,
}

impl<'a> Reading<'a> {
    /// A variable that is set to nothing is not set.
    fn get(&self, name: &str) -> Option<&'a str> {
        self.variables.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// What is said for traces, else for all that is sent; with the name of the variable.
    fn otlp(&self, what: &str) -> Option<(String, &'a str)> {
        let names = [format!("OTEL_EXPORTER_OTLP_TRACES_{what}"), format!("OTEL_EXPORTER_OTLP_{what}")];
        names.into_iter().find_map(|name| self.get(&name).map(|value| (name, value)))
    }

    fn exporters(&mut self) -> Vec<Exporter> {
        if self.get("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Vec::new();
        }
        if let Some(value) = self.get("OTEL_SDK_DISABLED").filter(|value| !value.eq_ignore_ascii_case("false")) {
            self.warnings.push(format!("OTEL_SDK_DISABLED: {value:?} is neither true nor false: there are traces"));
        }
        let asked = match self.get("OTEL_TRACES_EXPORTER") {
            Some(names) => names,
            None if self.otlp("ENDPOINT").is_some() => "otlp",
            None => return Vec::new(),
        };
        let mut exporters = Vec::new();
        for name in asked.split(',').map(str::trim) {
            match name {
                "none" => {}
                "console" | "logging" => exporters.push(Exporter::Console),
                "otlp" => exporters.extend(self.collector().map(Exporter::Otlp)),
                other => {
                    let hint = nearest(other, ["otlp", "console", "none"]);
                    let hint = hint.map(|name| format!(", do you mean {name}?")).unwrap_or_default();
                    self.warnings.push(format!(
                        "OTEL_TRACES_EXPORTER: {other:?} is not supported; otlp, console and none are{hint}"
                    ));
                }
            }
        }
        exporters
    }

    fn collector(&mut self) -> Option<Otlp> {
        let protocol = match self.otlp("PROTOCOL") {
            None => Protocol::HttpProtobuf,
            Some((_, "grpc")) => Protocol::Grpc,
            Some((_, "http/protobuf")) => Protocol::HttpProtobuf,
            Some((_, "http/json")) => Protocol::HttpJson,
            Some((name, other)) => {
                self.warnings.push(format!(
                    "{name}: {other:?} is not supported: http/protobuf is used; grpc and http/json are known, too"
                ));
                Protocol::HttpProtobuf
            }
        };
        let own = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
        let named = self.otlp("ENDPOINT");
        let (name, text) = named.unwrap_or_else(|| {
            (
                own.into(),
                if protocol == Protocol::Grpc { "http://localhost:4317" } else { "http://localhost:4318/v1/traces" },
            )
        });
        let Some(mut endpoint) = url(text, protocol) else {
            // The value is not shown: it may be a password at a wrong place.
            self.warnings.push(format!("{name} is no URL with http or https: there are no traces"));
            return None;
        };
        match protocol {
            Protocol::Grpc => endpoint.set_path(GRPC_PATH),
            // What is named for traces is all of the URL; what is named for everything is where paths begin.
            _ if name == own => {}
            _ => {
                let base = endpoint.path().trim_end_matches('/').to_owned();
                endpoint.set_path(&format!("{base}/{HTTP_PATH}"));
            }
        }
        if let Some((name, headers)) = self.otlp("HEADERS")
            && headers.split(',').any(|header| !header.trim().is_empty() && !header.contains('='))
        {
            // Not shown: it is a secret more often than not.
            self.warnings.push(format!(
                "{name}: what has no = in it is no header, and not sent; NAME=VALUE,NAME=VALUE is meant"
            ));
        }
        let file = |what| self.otlp(what).map(|(_, path)| PathBuf::from(path));
        let authorities = file("CERTIFICATE");
        let identity = file("CLIENT_CERTIFICATE").zip(file("CLIENT_KEY"));
        if identity.is_none() && (file("CLIENT_CERTIFICATE").is_some() || file("CLIENT_KEY").is_some()) {
            let text = "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY belong together: neither is shown";
            self.warnings.push(text.into());
        }
        Some(Otlp { endpoint, protocol, authorities, identity })
    }

    fn batches(&mut self) -> Batches {
        let default = Batches::default();
        let queue = self.number("OTEL_BSP_MAX_QUEUE_SIZE", 1..=65_536, default.queue);
        let batch = self.number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 1..=queue, default.batch.min(queue));
        let delay = self.milliseconds("OTEL_BSP_SCHEDULE_DELAY", 10..=3_600_000, default.delay);
        let timeout = self.milliseconds("OTEL_BSP_EXPORT_TIMEOUT", 1..=600_000, default.timeout);
        let timeout = self.milliseconds("OTEL_EXPORTER_OTLP_TIMEOUT", 1..=600_000, timeout);
        let timeout = self.milliseconds("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", 1..=600_000, timeout);
        Batches { queue, batch, delay, timeout }
    }

    fn milliseconds(&mut self, name: &str, allowed: RangeInclusive<usize>, default: Duration) -> Duration {
        let default = usize::try_from(default.as_millis()).unwrap_or(usize::MAX);
        Duration::from_millis(self.number(name, allowed, default) as u64)
    }

    fn number(&mut self, name: &str, allowed: RangeInclusive<usize>, default: usize) -> usize {
        let Some(text) = self.get(name) else { return default };
        match text.parse::<usize>() {
            Ok(number) if allowed.contains(&number) => number,
            Ok(number) => {
                let (least, most) = allowed.into_inner();
                let nearest = number.clamp(least, most);
                self.warnings.push(format!("{name}: {number} is not from {least} to {most}; {nearest} holds"));
                nearest
            }
            Err(_) => {
                self.warnings.push(format!("{name}: {text:?} is no such number; {default} holds"));
                default
            }
        }
    }

    fn joins(&mut self) -> bool {
        let Some(names) = self.get("OTEL_PROPAGATORS") else { return true };
        let mut joins = false;
        for name in names.split(',').map(str::trim) {
            match name {
                "tracecontext" => joins = true,
                // Nothing is sent on, so that there is nothing to carry.
                "baggage" | "none" => {}
                other => self.warnings.push(format!("OTEL_PROPAGATORS: {other:?} is not supported; tracecontext is")),
            }
        }
        joins
    }

    fn look_at_compression(&mut self) {
        if let Some((name, value)) = self.otlp("COMPRESSION").filter(|(_, value)| !["gzip", "none"].contains(value)) {
            self.warnings.push(format!("{name}: {value:?} is not supported; gzip and none are"));
        }
    }

    fn look_at_sampler(&mut self) {
        let Some(name) = self.get("OTEL_TRACES_SAMPLER") else { return };
        if !SAMPLERS.contains(&name) {
            let hint = nearest(name, SAMPLERS).map(|name| format!(", do you mean {name}?")).unwrap_or_default();
            self.warnings.push(format!("OTEL_TRACES_SAMPLER: {name:?} is not known: every request is traced{hint}"));
        }
        if !name.ends_with("traceidratio") {
            return;
        }
        let ratio = self.get("OTEL_TRACES_SAMPLER_ARG").unwrap_or_default();
        if !ratio.parse::<f64>().is_ok_and(|ratio| (0.0..=1.0).contains(&ratio)) {
            self.warnings
                .push(format!("OTEL_TRACES_SAMPLER_ARG: {ratio:?} is no number from 0 to 1: every request is traced"));
        }
    }
}

/// An endpoint for gRPC may be a name and a port alone.
fn url(text: &str, protocol: Protocol) -> Option<Url> {
    let is_web = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    let parsed = text.parse().ok().filter(is_web);
    let bare = || (protocol == Protocol::Grpc && !text.contains("://")).then(|| format!("http://{text}"));
    parsed.or_else(|| bare()?.parse().ok().filter(is_web))
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
