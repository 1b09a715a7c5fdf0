//! What the variables of OpenTelemetry ask for: whether there are traces, where they go, and how.
//!
//! Pure. The libraries read some of the variables themselves (sampler, limits, batches, headers, compression, resource); those
//! are only looked at here, since the libraries pass over a value that is wrong without a word. What is wrong is a warning and
//! never an error: a registry serves without traces, too.
//!
//! Source: OpenTelemetry Environment Variable Specification; OTLP Exporter Configuration.

use std::collections::BTreeMap;
use std::path::PathBuf;

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
    /// What the registry is called in its traces.
    pub(crate) service: Option<String>,
    /// What of the variables is not as somebody meant it.
    pub(crate) warnings: Vec<String>,
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

/// Variables whose value is a number, and what such a one is.
const NUMBERS: [&str; 9] = [
    "OTEL_BSP_SCHEDULE_DELAY",
    "OTEL_BSP_EXPORT_TIMEOUT",
    "OTEL_BSP_MAX_QUEUE_SIZE",
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_SPAN_EVENT_COUNT_LIMIT",
    "OTEL_SPAN_LINK_COUNT_LIMIT",
    "OTEL_EXPORTER_OTLP_TIMEOUT",
    "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
];

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
        for name in NUMBERS {
            if let Some(value) = reading.get(name).filter(|value| value.parse::<u32>().is_err()) {
                reading.warnings.push(format!("{name}: {value:?} is no number; the default holds"));
            }
        }
        Self { exporters, joins, service, warnings: reading.warnings }
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
                    "{name}: {other:?} is not supported; http/protobuf is spoken, and grpc and http/json are known"
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
        let file = |what| self.otlp(what).map(|(_, path)| PathBuf::from(path));
        let authorities = file("CERTIFICATE");
        let identity = file("CLIENT_CERTIFICATE").zip(file("CLIENT_KEY"));
        if identity.is_none() && (file("CLIENT_CERTIFICATE").is_some() || file("CLIENT_KEY").is_some()) {
            let text = "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY belong together: neither is shown";
            self.warnings.push(text.into());
        }
        Some(Otlp { endpoint, protocol, authorities, identity })
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
