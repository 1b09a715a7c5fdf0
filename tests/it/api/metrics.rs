//! What is counted, in the words of distribution and in our own.

use std::fs;

use crate::support::image::image;
use crate::support::{Client, Env, Response, Server};

/// A server and what Prometheus scrapes from it.
fn start(env: &Env, prometheus: &str) -> (Server, String) {
    let text = env.expand(&format!(
        "version: 0.1\nstorage: {{filesystem: {{rootdirectory: $TMP/data}}, delete: {{enabled: true}}}}\n\
         http: {{addr: '127.0.0.1:0', debug: {{addr: '127.0.0.1:0', prometheus: {prometheus}}}}}\n"
    ));
    fs::write(env.path("c.yml"), text).expect("written");
    let (server, log) = Server::start_configured(&env.path("c.yml"), &env.path("data"));
    // Nobody reads the rest of it, and somebody has to.
    std::thread::spawn(move || std::io::copy(&mut { log }, &mut std::io::sink()));
    let (_, rest) = server.ready.split_once("debug server listening ").expect("said");
    let debug = rest.split('"').next().expect("a line").to_owned();
    (server, debug)
}

fn scrape(debug: &str, path: &str) -> Response {
    Client::connect(debug).get(path)
}

/// The value of a series.
fn value(text: &str, series: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

#[test]
fn requests_are_counted_by_distributions_names() {
    let env = Env::without_server();
    let (server, debug) = start(&env, "{enabled: true}");
    let mut http = server.client();
    image(1).push(&mut http, "team/app:v1");
    assert_eq!(http.get("/v2/").status, 200);
    assert_eq!(http.get("/v2/team/app/manifests/v1").status, 200);
    assert_eq!(http.get("/v2/team/app/manifests/v1").status, 200);
    assert_eq!(http.get("/v2/team/app/manifests/v2").status, 404);
    assert_eq!(http.get("/v2/_catalog").status, 200);
    assert_eq!(http.get("/v2/team/app/tags/list").status, 200);
    assert_eq!(http.send("PURGE", "/v2/", &[], b"").status, 405);
    assert_eq!(http.get("/nothing").status, 404);
    // A request counts when its answer has left: the next answer on the connection tells that it has.
    assert_eq!(http.get("/").status, 200);
    let scraped = scrape(&debug, "/metrics");
    assert_eq!(
        (scraped.status, scraped.header("content-type")),
        (200, Some("text/plain; version=0.0.4; charset=utf-8"))
    );
    let text = &scraped.text();
    for (series, expected) in [
        ("registry_http_requests_total{code=\"200\",handler=\"base\",method=\"get\"}", 1.0),
        ("registry_http_requests_total{code=\"405\",handler=\"base\",method=\"unknown\"}", 1.0),
        ("registry_http_requests_total{code=\"200\",handler=\"manifest\",method=\"get\"}", 2.0),
        ("registry_http_requests_total{code=\"404\",handler=\"manifest\",method=\"get\"}", 1.0),
        ("registry_http_requests_total{code=\"201\",handler=\"manifest\",method=\"put\"}", 1.0),
        ("registry_http_requests_total{code=\"200\",handler=\"catalog\",method=\"get\"}", 1.0),
        ("registry_http_requests_total{code=\"200\",handler=\"tags\",method=\"get\"}", 1.0),
        ("registry_http_in_flight_requests{handler=\"blob_upload_chunk\"}", 0.0),
        ("registry_http_request_duration_seconds_count{handler=\"manifest\",method=\"get\"}", 3.0),
        ("registry_http_request_duration_seconds_bucket{handler=\"manifest\",method=\"get\",le=\"+Inf\"}", 3.0),
        ("registry_http_response_size_bytes_count{handler=\"manifest\"}", 4.0),
        ("registry_http_request_size_bytes_bucket{handler=\"base\",le=\"1024\"}", 2.0),
        ("registry_http_request_size_bytes_bucket{handler=\"base\",le=\"2147483648\"}", 2.0),
        ("registry_repository_pulls_total{repository=\"team/app\",type=\"manifest\"}", 2.0),
        ("registry_repository_pushes_total{repository=\"team/app\",type=\"manifest\"}", 1.0),
        ("registry_repository_pulls_total{repository=\"_other\",type=\"blob\"}", 0.0),
        ("registry_storage_uploads_in_progress", 0.0),
    ] {
        assert_eq!(value(text, series), Some(expected), "{series}\n{text}");
    }
    for series in [
        "registry_storage_action_seconds_count{action=\"Writer\",driver=\"filesystem\"}",
        "registry_storage_action_seconds_count{action=\"PutContent\",driver=\"filesystem\"}",
        "registry_storage_action_seconds_count{action=\"Move\",driver=\"filesystem\"}",
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_start_time_seconds",
    ] {
        assert!(value(text, series) > Some(0.0), "{series}\n{text}");
    }
    assert!(!text.contains("/nothing") && !text.contains("PURGE"), "{text}");
    for kind in [
        "# TYPE registry_http_requests_total counter",
        "# TYPE registry_http_in_flight_requests gauge",
        "# TYPE registry_http_request_duration_seconds histogram",
        "# TYPE registry_http_request_size_bytes histogram",
        "# TYPE registry_http_response_size_bytes histogram",
        "# TYPE registry_storage_action_seconds histogram",
        "# TYPE process_cpu_seconds_total counter",
    ] {
        assert!(text.lines().any(|line| line == kind), "{kind}\n{text}");
    }
}

#[test]
fn what_caches_knew_is_counted_by_the_names_of_both_registries() {
    let env = Env::without_server();
    let (server, debug) = start(&env, "{enabled: true}");
    let counts = || {
        let text = scrape(&debug, "/metrics").text();
        let of = |series: &str| value(&text, series).unwrap_or_else(|| panic!("no {series}:\n{text}"));
        let two =
            ["Request", "Hit", "Miss"].map(|kind| of(&format!("registry_storage_cache_total{{type=\"{kind}\"}}")));
        let three = ["requests", "hits", "errors"].map(|what| of(&format!("registry_storage_cache_{what}_total")));
        assert_eq!((two[0], two[1], 0.0), (three[0], three[1], three[2]), "{text}");
        assert!(two[0] == two[1] + two[2], "{text}");
        assert!(text.contains("# TYPE registry_storage_cache_total counter"), "{text}");
        (two[1], two[2])
    };
    let mut http = server.client();
    image(1).push(&mut http, "team/app:v1");
    let pull = |http: &mut Client| {
        let before = counts();
        assert_eq!(http.get("/v2/team/app/manifests/v1").status, 200);
        let after = counts();
        (after.0 - before.0, after.1 - before.1)
    };
    let first = pull(&mut http);
    assert!(first.1 > 0.0, "nobody has looked at it before: {first:?}");
    // The tag's link, and what it leads to; a look of the server's own, after the start, may come between.
    assert!((0..10).any(|_| pull(&mut http) == (2.0, 0.0)), "it is remembered");
    // What has changed is not what was remembered.
    image(2).push(&mut http, "team/app:v1");
    assert!(pull(&mut http).1 > 0.0);
    let mut list = || {
        let before = counts();
        assert_eq!(http.get("/v2/team/app/tags/list").status, 200);
        let after = counts();
        (after.0 - before.0, after.1 - before.1)
    };
    assert!(list().1 > 0.0, "nobody has asked for it before");
    // It is read again where it was changed a moment ago.
    assert!((0..1000).any(|_| list() == (1.0, 0.0)), "it is remembered");
}

#[test]
fn what_the_store_keeps_is_counted_at_the_start() {
    let env = Env::without_server();
    let data = env.path("data");
    let first = Server::start(&data);
    let pushed = image(1);
    pushed.push(&mut first.client(), "team/app:v1");
    pushed.push(&mut first.client(), "team/other:v1");
    drop(first);
    let (_server, debug) = start(&env, "{enabled: true}");
    let counted = loop {
        let text = scrape(&debug, "/metrics").text();
        if let Some(bytes) = value(&text, "registry_storage_bytes") {
            break (bytes, value(&text, "registry_storage_blobs"));
        }
        std::thread::yield_now();
    };
    let parts = [&pushed.manifest].into_iter().chain(&pushed.blobs);
    let sizes: Vec<usize> = parts.map(Vec::len).collect();
    assert_eq!(counted, (sizes.iter().sum::<usize>() as f64, Some(sizes.len() as f64)));
}

#[test]
fn metrics_are_where_the_configuration_says_and_nowhere_else() {
    let env = Env::without_server();
    let (_server, debug) = start(&env, "{enabled: true, path: /numbers}");
    assert_eq!(scrape(&debug, "/numbers").status, 200);
    assert_eq!(scrape(&debug, "/metrics").status, 404);
    let env = Env::without_server();
    let (_server, debug) = start(&env, "{path: /numbers}");
    assert_eq!(scrape(&debug, "/numbers").status, 404, "it is not enabled");
}

#[test]
fn what_came_of_events_is_counted() {
    let env = Env::without_server();
    let text = env.expand(
        "version: 0.1\nstorage: {filesystem: {rootdirectory: $TMP/data}}\n\
         http: {addr: '127.0.0.1:0', debug: {addr: '127.0.0.1:0', prometheus: {enabled: true}}}\n\
         notifications: {endpoints: [{name: nobody, url: 'http://127.0.0.1:1/', threshold: 1, backoff: 1h}]}\n",
    );
    fs::write(env.path("c.yml"), text).expect("written");
    let (server, log) = Server::start_configured(&env.path("c.yml"), &env.path("data"));
    std::thread::spawn(move || std::io::copy(&mut { log }, &mut std::io::sink()));
    let (_, rest) = server.ready.split_once("debug server listening ").expect("said");
    let debug = rest.split('"').next().expect("a line").to_owned();
    image(1).push(&mut server.client(), "team/app:v1");
    let text = scrape(&debug, "/metrics").text();
    let series = |name: &str, labels: &str| value(&text, &format!("registry_notifications_{name}{{{labels}}}"));
    // Each blob, and the manifest.
    let pushed = Some(image(1).blobs.len() as f64 + 1.0);
    assert_eq!(series("events_total", "endpoint=\"nobody\",type=\"Events\""), pushed, "{text}");
    assert_eq!(series("pending_total", "endpoint=\"nobody\""), pushed);
    assert_eq!(series("events_total", "endpoint=\"nobody\",type=\"Successes\""), Some(0.0));
    let told = &scrape(&debug, "/debug/vars").json()["registry"]["notifications"]["endpoints"][0];
    assert_eq!((&told["name"], told["Metrics"]["Pending"].as_f64()), (&"nobody".into(), pushed));
}
