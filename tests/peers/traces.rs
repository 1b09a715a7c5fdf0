//! Traces as other people's code understands them: OpenTelemetry's own messages over gRPC and HTTP, from us and from registry 3.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::api::Api;
use crate::support::http::send;
use crate::support::image::{Flavour, image};
use crate::support::process::{Daemon, free_address};
use crate::support::programs::{available, find_python, require};
use crate::support::registry::{configuration, filesystem};

struct Collector {
    _daemon: Daemon,
    /// A span a line.
    spans: PathBuf,
    grpc: String,
    http: String,
}

impl Collector {
    fn start(python: &Path, packages: &Path, directory: &Path) -> Self {
        let (spans, log) = (directory.join("spans.jsonl"), directory.join("collector.log"));
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/collector.py");
        let mut command = Command::new(python);
        command.arg(script).arg(&spans).env("PYTHONPATH", packages).env("PYTHONDONTWRITEBYTECODE", "1");
        let mut daemon = Daemon::spawn(command, &log);
        let ports = daemon.await_ready(|| {
            let text = fs::read_to_string(&log).ok()?;
            let line = text.lines().find_map(|line| line.strip_prefix("ready "))?.to_owned();
            text.ends_with('\n').then_some(line)
        });
        let ports = ports.unwrap_or_else(|error| panic!("{error}"));
        let (grpc, http) = ports.split_once(' ').expect("two ports");
        let url = |port: &str| format!("http://127.0.0.1:{port}");
        Self { _daemon: daemon, spans, grpc: url(grpc), http: url(http) }
    }

    fn spans(&self) -> Vec<Value> {
        let text = fs::read_to_string(&self.spans).unwrap_or_default();
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

/// Pushes and pulls an image at a registry that sends its traces as `variables` say, until the pull of the manifest has come.
fn exchange(program: &Path, collector: &Collector, variables: &[(&str, &str)], pulled: &str) -> Vec<Value> {
    let directory = TempDir::new().expect("a directory");
    let address = free_address();
    let config = configuration(directory.path(), &filesystem(&directory.path().join("data")), &address.to_string());
    let mut command = Command::new(program);
    command.arg("serve").arg(config).env("OTEL_BSP_SCHEDULE_DELAY", "50").envs(variables.iter().copied());
    let mut daemon = Daemon::spawn(command, &directory.path().join("log"));
    let ready = || send(address, "GET", "/v2/", &[], b"").ok().filter(|answer| answer.status == 200);
    daemon.await_ready(ready).unwrap_or_else(|error| panic!("{error}"));
    let api = Api { address };
    api.push("team/app", "v1", &image(Flavour::Oci, 1));
    assert!(api.digest("team/app", "v1").is_some());
    let arrived = daemon.await_ready(|| {
        let spans = collector.spans();
        spans.iter().any(|span| span["name"] == pulled).then_some(spans)
    });
    arrived.unwrap_or_else(|error| panic!("{error}"))
}

/// Keys of the attributes of an action of the store.
fn keys(spans: &[Value], name: &str) -> BTreeSet<String> {
    let span = spans.iter().find(|span| span["name"] == name).unwrap_or_else(|| panic!("no {name}: {spans:?}"));
    span["attributes"].as_object().expect("an object").keys().cloned().collect()
}

#[test]
fn a_collector_understands_us_as_it_does_registry_3() {
    let python = require!("python3");
    let packages = available!(find_python());
    let registry3 = require!("registry");
    let reg = PathBuf::from(env!("CARGO_BIN_EXE_reg"));
    let mut stores = Vec::new();
    for (program, way, pulled) in [
        (&reg, "grpc", "GET /v2/{name}/manifests/{reference}"),
        (&reg, "http/protobuf", "GET /v2/{name}/manifests/{reference}"),
        (&registry3, "http/protobuf", "GET /v2/team/app/manifests/v1"),
    ] {
        let directory = TempDir::new().expect("a directory");
        let collector = Collector::start(&python, &packages, directory.path());
        let endpoint = if way == "grpc" { &collector.grpc } else { &collector.http };
        let variables = [
            ("OTEL_TRACES_EXPORTER", "otlp"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", way),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ];
        let spans = exchange(program, &collector, &variables, pulled);
        assert!(spans.iter().all(|span| span["resource"]["service.name"] == "distribution"), "{spans:?}");
        assert!(spans.iter().all(|span| span["way"] == way.split('/').next().expect("one")), "{spans:?}");
        let root = spans.iter().find(|span| span["name"] == pulled).expect("it came");
        assert_eq!((root["kind"].as_i64(), root["parent"].as_str()), (Some(2), Some("")), "{root}");
        assert_eq!(root["attributes"]["http.response.status_code"], 200, "{root}");
        assert!(root["nanoseconds"].as_i64().is_some_and(|time| time > 0), "{root}");
        let below = spans.iter().filter(|span| span["parent"] == root["span"]).collect::<Vec<_>>();
        assert!(!below.is_empty() && below.iter().all(|span| span["trace"] == root["trace"]), "{spans:?}");
        stores.push(keys(&spans, "GetContent"));
    }
    assert_eq!(stores[0], stores[2], "whoever searches the traces of registry 3 finds ours");
    assert_eq!(stores[0], stores[1]);
}
