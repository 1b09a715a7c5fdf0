//! Traces for OpenTelemetry: what a collector hears, and that it keeps nobody from being served.
//!
//! The last spans leave before the server is gone, so that a test has heard everything when the server has ended.

use std::fs;
use std::io::Read as _;
use std::process::ChildStderr;
use std::sync::mpsc;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::support::image::image;
use crate::support::scripted::{Request, Scripted, hang_up, reply};
use crate::support::server::reg;
use crate::support::{Env, Server};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

struct Traced {
    server: Server,
    log: std::io::BufReader<ChildStderr>,
}

impl Traced {
    /// A server with these variables.
    fn start(env: &Env, variables: &[(&str, &str)]) -> Self {
        let text = "version: 0.1\nlog: {accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: $TMP/data}}\n\
                    http: {addr: '127.0.0.1:0'}\n";
        fs::write(env.path("c.yml"), env.expand(text)).expect("written");
        let mut command = reg();
        command.arg("serve").arg(env.path("c.yml")).envs(variables.iter().copied());
        let (server, log) = Server::start_logged(&env.path("data"), &mut command);
        Self { server, log }
    }

    /// Ends the server; the log.
    fn end(mut self) -> String {
        self.server.signal("TERM");
        let mut log = self.server.ready.clone();
        self.log.read_to_string(&mut log).expect("text");
        let (status, _) = self.server.wait();
        assert!(status.success(), "{status}: {log}");
        log
    }
}

fn collector() -> Scripted {
    Scripted::serve(|_| reply(200, &["Content-Type: application/json"], "{}"))
}

/// Every span of what a collector heard in JSON.
fn spans(requests: &[Request]) -> Vec<Value> {
    let documents = requests.iter().map(|request| serde_json::from_slice::<Value>(&request.body).expect("JSON"));
    let scopes = documents.flat_map(|document| document["resourceSpans"].as_array().expect("a list").clone());
    let scopes = scopes.flat_map(|resource| resource["scopeSpans"].as_array().expect("a list").clone());
    scopes.flat_map(|scope| scope["spans"].as_array().expect("a list").clone()).collect()
}

fn attribute<'a>(holder: &'a Value, key: &str) -> &'a Value {
    let pairs = holder["attributes"].as_array().map(Vec::as_slice).unwrap_or_default();
    pairs.iter().find(|pair| pair["key"] == key).map_or(&Value::Null, |pair| &pair["value"])
}

fn named<'a>(spans: &'a [Value], name: &str) -> Vec<&'a Value> {
    spans.iter().filter(|span| span["name"] == name).collect()
}

#[test]
fn a_request_is_a_span_and_what_the_store_did_for_it_stands_below() {
    let env = Env::without_server();
    let collector = collector();
    let traced = Traced::start(
        &env,
        &[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{}", collector.host)),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20secret"),
            ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test"),
        ],
    );
    let mut http = traced.server.client();
    image(1).push(&mut http, "team/app:v1");
    let headers = [("traceparent", PARENT), ("User-Agent", "test/1")];
    assert_eq!(http.send("GET", "/v2/team/app/manifests/v1", &headers, b"").status, 200);
    assert_eq!(http.get("/v2/team/app/manifests/nothing").status, 404);
    assert_eq!(http.get("/").status, 200);
    let log = traced.end();
    let heard = collector.requests();
    assert!(heard.iter().all(|request| request.line == "POST /v1/traces"), "{heard:?}");
    assert!(heard.iter().all(|request| request.header("authorization") == Some("Bearer secret")), "{heard:?}");
    let document: Value = serde_json::from_slice(&heard[0].body).expect("JSON");
    let resource = &document["resourceSpans"][0]["resource"];
    for (key, value) in [("service.name", "distribution"), ("deployment.environment", "test")] {
        assert_eq!(attribute(resource, key)["stringValue"], value, "{resource}");
    }
    let spans = spans(&heard);
    let of_manifests = named(&spans, "GET /v2/{name}/manifests/{reference}");
    let [found, missing] = of_manifests[..] else { panic!("{spans:#?}") };
    assert_eq!(
        (&found["traceId"], &found["parentSpanId"]),
        (&json!("0af7651916cd43dd8448eb211c80319c"), &json!("b7ad6b7169203331"))
    );
    assert_eq!(found["kind"], 2, "that of a server");
    for (key, kind, value) in [
        ("http.request.method", "stringValue", json!("GET")),
        ("http.route", "stringValue", json!("/v2/{name}/manifests/{reference}")),
        ("url.path", "stringValue", json!("/v2/team/app/manifests/v1")),
        ("url.scheme", "stringValue", json!("http")),
        ("client.address", "stringValue", json!("127.0.0.1")),
        ("user_agent.original", "stringValue", json!("test/1")),
        ("http.response.status_code", "intValue", json!("200")),
        ("http.response.body.size", "intValue", json!(image(1).manifest.len().to_string())),
    ] {
        assert_eq!(attribute(found, key)[kind], value, "{key}: {found:#}");
    }
    assert_eq!(attribute(missing, "http.response.status_code")["intValue"], "404");
    assert_eq!(missing["status"]["code"].as_u64().unwrap_or(0), 0, "a fault of the client's: {missing:#}");
    assert_ne!(missing["traceId"], found["traceId"]);
    let below: Vec<_> = spans.iter().filter(|span| span["parentSpanId"] == found["spanId"]).collect();
    assert!(!below.is_empty(), "{spans:#?}");
    for action in &below {
        assert_eq!(action["traceId"], found["traceId"]);
        assert_eq!(attribute(action, "io.cncf.distribution.storage.driver.name")["stringValue"], "filesystem");
    }
    let path = "/docker/registry/v2/repositories/team/app/_manifests/tags/v1/current/link";
    assert!(below.iter().any(|action| attribute(action, "io.cncf.distribution.storage.path")["stringValue"] == path));
    assert!(named(&spans, "Move").len() == 3, "three blobs: {spans:#?}");
    let all = ["POST /v2/{name}/blobs/uploads/", "PUT /v2/{name}/manifests/{reference}"];
    assert!(all.iter().all(|name| !named(&spans, name).is_empty()), "{spans:#?}");
    assert!(spans.iter().all(|span| span["name"] != "GET"), "what load balancers ask is not traced: {spans:#?}");
    assert!(log.contains("trace_id=0af7651916cd43dd8448eb211c80319c"), "{log}");
}

#[test]
fn a_whole_answer_belongs_to_its_span() {
    let env = Env::without_server();
    let collector = collector();
    let endpoint = format!("http://{}/in", collector.host);
    let traced = Traced::start(
        &env,
        &[
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &endpoint),
            ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"),
            ("OTEL_SERVICE_NAME", "images"),
            ("OTEL_PROPAGATORS", "none"),
        ],
    );
    let image = image(2);
    let mut http = traced.server.client();
    image.push(&mut http, "a:v1");
    let path = format!("/v2/a/blobs/{}", crate::support::image::digest(&image.blobs[1]));
    assert_eq!(http.send("GET", &path, &[("traceparent", PARENT)], b"").body, image.blobs[1]);
    traced.end();
    let heard = collector.requests();
    assert!(heard.iter().all(|request| request.line == "POST /in"), "{heard:?}");
    let document: Value = serde_json::from_slice(&heard[0].body).expect("JSON");
    assert_eq!(attribute(&document["resourceSpans"][0]["resource"], "service.name")["stringValue"], "images");
    let spans = spans(&heard);
    let [span] = named(&spans, "GET /v2/{name}/blobs/{digest}")[..] else { panic!("{spans:#?}") };
    let size = image.blobs[1].len().to_string();
    assert_eq!(attribute(span, "http.response.body.size")["intValue"], json!(size));
    assert_ne!(span["traceId"], "0af7651916cd43dd8448eb211c80319c", "nobody's trace is joined");
}

#[test]
fn who_is_not_sampled_is_not_sent() {
    let env = Env::without_server();
    let collector = collector();
    let endpoint = format!("http://{}", collector.host);
    let on = ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str());
    let unsampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
    for (variables, parent) in [
        (vec![on, ("OTEL_TRACES_SAMPLER", "always_off")], PARENT),
        (vec![on, ("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "0")], PARENT),
        (vec![on], unsampled),
        (vec![on, ("OTEL_TRACES_EXPORTER", "none")], PARENT),
        (vec![on, ("OTEL_SDK_DISABLED", "true")], PARENT),
    ] {
        let traced = Traced::start(&env, &variables);
        assert_eq!(traced.server.client().send("GET", "/v2/", &[("traceparent", parent)], b"").status, 200);
        let log = traced.end();
        assert!(!log.contains("trace_id"), "{log}");
        assert_eq!(collector.requests().len(), 0, "{variables:?}");
    }
}

#[test]
fn protobuf_is_what_is_spoken_unless_told_otherwise() {
    let env = Env::without_server();
    let collector = Scripted::serve(|_| reply(200, &["Content-Type: application/x-protobuf"], ""));
    let endpoint = format!("http://{}", collector.host);
    for compression in ["none", "gzip"] {
        let on = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()), ("OTEL_EXPORTER_OTLP_COMPRESSION", compression)];
        let traced = Traced::start(&env, &on[..if compression == "none" { 1 } else { 2 }]);
        assert_eq!(traced.server.client().get("/v2/").status, 200);
        traced.end();
    }
    let heard = collector.requests();
    let [plain, compressed] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!(plain.header("content-type"), Some("application/x-protobuf"));
    let names = |body: &[u8]| {
        ["distribution", "GET /v2/"].map(|name| body.windows(name.len()).any(|part| part == name.as_bytes()))
    };
    assert_eq!(names(&plain.body), [true, true]);
    assert_eq!((plain.header("content-encoding"), compressed.header("content-encoding")), (None, Some("gzip")));
    assert_eq!((names(&compressed.body), &compressed.body[..2]), ([false, false], &[0x1f, 0x8b][..]));
}

/// A collector that speaks gRPC, and what it heard: path, content type, body.
fn grpc(status: &'static str) -> (String, mpsc::Receiver<(String, String, Vec<u8>)>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let host = listener.local_addr().expect("an address").to_string();
    let (sender, heard) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            listener.set_nonblocking(true).expect("ours");
            let listener = tokio::net::TcpListener::from_std(listener).expect("ours");
            loop {
                let (stream, _) = listener.accept().await.expect("a client");
                let sender = sender.clone();
                tokio::spawn(async move {
                    let mut connection = h2::server::handshake(stream).await.expect("HTTP/2 at once");
                    while let Some(Ok((request, mut respond))) = connection.accept().await {
                        let sender = sender.clone();
                        tokio::spawn(async move {
                            let (head, mut body) = request.into_parts();
                            let mut bytes = Vec::new();
                            while let Some(part) = body.data().await {
                                bytes.extend_from_slice(&part.expect("all of it"));
                            }
                            let content_type = head.headers["content-type"].to_str().expect("text").to_owned();
                            sender.send((head.uri.path().to_owned(), content_type, bytes)).expect("somebody listens");
                            let answer = http::Response::builder().header("content-type", "application/grpc");
                            let mut out = respond.send_response(answer.body(()).expect("valid"), false).expect("sent");
                            out.send_data(Bytes::from_static(&[0; 5]), false).expect("sent");
                            let trailers = [("grpc-status", status), ("grpc-message", "not%20now")];
                            let trailers = trailers.into_iter().map(|(name, value)| {
                                (http::HeaderName::from_static(name), http::HeaderValue::from_static(value))
                            });
                            out.send_trailers(trailers.collect()).expect("sent");
                        });
                    }
                });
            }
        });
    });
    (host, heard)
}

#[test]
fn grpc_is_spoken_where_it_is_asked_for() {
    let env = Env::without_server();
    for (status, complains) in [("0", false), ("3", true)] {
        let (host, heard) = grpc(status);
        // As many write it, without a scheme.
        let on = [("OTEL_EXPORTER_OTLP_ENDPOINT", host.as_str()), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")];
        let traced = Traced::start(&env, &on);
        assert_eq!(traced.server.client().get("/v2/").status, 200);
        let log = traced.end();
        let (path, content_type, body) = heard.try_recv().expect("spans");
        assert_eq!(path, "/opentelemetry.proto.collector.trace.v1.TraceService/Export");
        assert_eq!(content_type, "application/grpc");
        assert_eq!(body[0], 0, "not compressed");
        let length = u32::from_be_bytes(body[1..5].try_into().expect("four bytes"));
        assert_eq!(length as usize, body.len() - 5);
        assert!(body.windows(8).any(|part| part == b"GET /v2/"), "{body:?}");
        let words = "level=warning msg=\"traces are not delivered\" error=\"gRPC status 3: not%20now\"";
        assert_eq!(log.contains(words), complains, "{log}");
    }
}

#[test]
fn a_collector_that_is_away_keeps_nobody_waiting() {
    let env = Env::without_server();
    let collector = Scripted::serve(|_| hang_up());
    let endpoint = format!("http://user:hunter2@{}/", collector.host);
    let on = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        // Each span is a message of its own: it is told once all the same.
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1"),
    ];
    let traced = Traced::start(&env, &on);
    let mut http = traced.server.client();
    for _ in 0..3 {
        assert_eq!(http.get("/v2/").status, 200);
    }
    let log = traced.end();
    assert_eq!(log.matches("traces are not delivered").count(), 1, "{log}");
    assert!(log.contains(&format!("url=\"http://***@{}/v1/traces\"", collector.host)), "{log}");
    assert!(!log.contains("hunter2"), "{log}");
}

#[test]
fn spans_can_be_lines_of_the_log() {
    let env = Env::without_server();
    let traced = Traced::start(&env, &[("OTEL_TRACES_EXPORTER", "console")]);
    assert_eq!(traced.server.client().send("GET", "/v2/", &[("traceparent", PARENT)], b"").status, 200);
    let log = traced.end();
    let line = log.lines().find(|line| line.contains("msg=\"span GET /v2/\"")).expect("a span");
    assert!(line.contains(" parent_id=b7ad6b7169203331 "), "{line}");
    assert!(line.contains(" trace_id=0af7651916cd43dd8448eb211c80319c"), "{line}");
    assert!(line.contains("http.response.status_code=200"), "{line}");
}

#[test]
fn a_setting_that_cannot_be_used_is_said_and_the_registry_serves() {
    let env = Env::without_server();
    let on = ("OTEL_TRACES_EXPORTER", "otlp");
    for (variable, warning) in [
        (("OTEL_TRACES_EXPORTER", "jaeger"), "warning: OTEL_TRACES_EXPORTER: \"jaeger\" is not supported"),
        (
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nothing.pem"),
            "warning: there are no traces: certificates for the collector of traces cannot be used: cannot read /nothing.pem",
        ),
        (
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"),
            "warning: OTEL_EXPORTER_OTLP_COMPRESSION: \"zstd\" is not supported; gzip and none are",
        ),
        (("OTEL_TRACES_SAMPLER", "some"), "warning: OTEL_TRACES_SAMPLER: \"some\" is not known"),
    ] {
        let on = if variable.0 == on.0 {
            vec![variable]
        } else {
            vec![on, variable, ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")]
        };
        let traced = Traced::start(&env, &on);
        assert_eq!(traced.server.client().get("/v2/").status, 200);
        let log = traced.end();
        assert!(log.contains(warning), "{variable:?}: {log}");
    }
}
