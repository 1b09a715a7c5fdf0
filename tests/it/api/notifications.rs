//! Notifications: what webhooks hear, when, and what they hear again after a server was killed.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::ChildStderr;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::image::{OCI_MANIFEST, descriptor, image, noise};
use crate::support::scripted::{Reply, Request, Scripted, hang_up, reply};
use crate::support::{Client, Env, Server, digest};

/// Longer than any delivery takes, so that one that does not come fails the test.
const PATIENCE: Duration = Duration::from_secs(30);

/// A webhook that answers as it likes, and tells what it has heard.
struct Webhook {
    url: String,
    scripted: Scripted,
    heard: Receiver<Value>,
}

impl Webhook {
    fn new() -> Self {
        Self::answering(|_| reply(200, &[], ""))
    }

    /// Answers attempt by attempt, counted from 0.
    fn answering(answer: impl Fn(usize) -> Reply + Send + Sync + 'static) -> Self {
        let (sender, heard) = channel();
        let state = Mutex::new((0, sender));
        let scripted = Scripted::serve(move |request: &Request| {
            let mut state = state.lock().expect("lock");
            let event: Value = serde_json::from_slice(&request.body).expect("JSON");
            // The test may have heard enough.
            let _ = state.1.send(event["events"][0].clone());
            state.0 += 1;
            answer(state.0 - 1)
        });
        Self { url: format!("http://{}/hook", scripted.host), scripted, heard }
    }

    /// The next event.
    fn next(&self) -> Value {
        self.heard.recv_timeout(PATIENCE).expect("an event")
    }
}

/// What an event is about, in a few words.
fn brief(event: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let target = &event["target"];
    let method = text(&event["request"]["method"]);
    format!("{} {} {} {}", text(&event["action"]), method, text(&target["repository"]), text(&target["tag"]))
}

/// A server that tells these endpoints; `more` are lines of the configuration.
fn server(env: &Env, notifications: &str, more: &str) -> (Server, BufReader<ChildStderr>) {
    let text = env.expand(&format!(
        "version: 0.1\nlog: {{accesslog: {{disabled: true}}}}\nstorage: {{filesystem: {{rootdirectory: $TMP/data}}, delete: {{enabled: true}}}}\nhttp: {{addr: '127.0.0.1:0'}}\nnotifications: {{{notifications}}}\n{more}\n"
    ));
    std::fs::write(env.path("c.yml"), text).expect("written");
    Server::start_configured(&env.path("c.yml"), &env.path("data"))
}

fn endpoint(name: &str, url: &str) -> String {
    format!("{{name: {name}, url: '{url}', backoff: 10ms}}")
}

/// A URL where nobody answers: tcpmux, which nobody has, and which no test is given.
const NOWHERE: &str = "http://127.0.0.1:1/hook";

/// Requests that do something, and some that do nothing. Answers the digests of blob and manifest, and the manifest.
fn do_everything(http: &mut Client) -> (String, String, String) {
    let blob = http.push_blob("a", b"{}");
    let config = descriptor("application/vnd.oci.image.config.v1+json", b"{}");
    let manifest = format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}","config":{config},"layers":[]}}"#);
    let named = digest(manifest.as_bytes());
    assert_eq!(http.put("/v2/a/manifests/v1", OCI_MANIFEST, manifest.as_bytes()).status, 201);
    let agent = [("User-Agent", "test/1"), ("X-Forwarded-For", "198.51.100.1, 192.0.2.7")];
    assert_eq!(http.send("GET", "/v2/a/manifests/v1", &agent, b"").status, 200);
    assert_eq!(http.head(&format!("/v2/a/manifests/{named}")).status, 200);
    assert_eq!(http.get(&format!("/v2/a/blobs/{blob}")).status, 200);
    assert_eq!(http.head(&format!("/v2/a/blobs/{blob}")).status, 200);
    let same = http.send("GET", "/v2/a/manifests/v1", &[("If-None-Match", &format!("\"{named}\""))], b"");
    assert_eq!(same.status, 304, "nothing is pulled");
    assert_eq!(http.get("/v2/a/manifests/none").status, 404);
    let mount = format!("/v2/b/blobs/uploads/?mount={blob}&from=a");
    assert_eq!(http.send("POST", &mount, &[], b"").status, 201);
    assert_eq!(http.delete(&format!("/v2/b/blobs/{blob}")).status, 202);
    assert_eq!(http.put(&format!("/v2/a/manifests/{named}?tag=v2"), OCI_MANIFEST, manifest.as_bytes()).status, 201);
    assert_eq!(http.delete("/v2/a/manifests/v2").status, 202);
    assert_eq!(http.delete(&format!("/v2/a/manifests/{named}")).status, 202);
    (blob, named, manifest)
}

#[test]
fn everything_that_is_done_is_told_in_order() {
    let env = Env::without_server();
    let hook = Webhook::new();
    let config = format!("events: {{includereferences: true}}, endpoints: [{}]", endpoint("one", &hook.url));
    let (server, _log) = server(&env, &config, "");
    let (blob, named, manifest) = do_everything(&mut server.client());
    let config = descriptor("application/vnd.oci.image.config.v1+json", b"{}");

    let blob_target = json!({"mediaType": "application/octet-stream", "digest": blob, "size": 2, "length": 2, "repository": "a",
        "url": format!("http://{}/v2/a/blobs/{blob}", server.host)});
    let manifest_target = json!({"mediaType": OCI_MANIFEST, "digest": named, "size": manifest.len(), "length": manifest.len(),
        "repository": "a", "url": format!("http://{}/v2/a/manifests/{named}", server.host),
        "references": [serde_json::from_str::<Value>(&config).expect("JSON")]});
    let with = |target: &Value, key: &str, value: &str| {
        let mut target = target.clone();
        target[key] = value.into();
        target
    };
    let without = |target: &Value| {
        let mut target = target.clone();
        let map = target.as_object_mut().expect("an object");
        map.remove("url");
        map.remove("references");
        target
    };
    let mut mounted = with(&with(&blob_target, "repository", "b"), "fromRepository", "a");
    mounted["url"] = format!("http://{}/v2/b/blobs/{blob}", server.host).into();
    for (action, method, target) in [
        ("push", "PUT", blob_target.clone()),
        ("push", "PUT", with(&manifest_target, "tag", "v1")),
        ("pull", "GET", with(&manifest_target, "tag", "v1")),
        ("pull", "HEAD", manifest_target.clone()),
        ("pull", "GET", blob_target.clone()),
        ("pull", "HEAD", blob_target.clone()),
        ("mount", "POST", mounted),
        ("delete", "DELETE", with(&without(&blob_target), "repository", "b")),
        ("push", "PUT", with(&manifest_target, "tag", "v2")),
        ("delete", "DELETE", with(&without(&manifest_target), "tag", "v2")),
        ("delete", "DELETE", without(&manifest_target)),
        ("delete", "DELETE", with(&without(&manifest_target), "tag", "v1")),
    ] {
        let event = hook.next();
        assert_eq!(
            (event["action"].as_str(), event["request"]["method"].as_str()),
            (Some(action), Some(method)),
            "{event}"
        );
        assert_eq!(event["target"], target, "{event}");
        let keys: Vec<&String> = event.as_object().expect("an object").keys().collect();
        assert_eq!(keys, ["id", "timestamp", "action", "target", "request", "actor", "source"]);
        if method == "GET" && event["target"]["tag"] == "v1" {
            assert_eq!(event["request"]["addr"], "192.0.2.7");
            assert_eq!(event["request"]["useragent"], "test/1");
        }
        assert_eq!(event["request"]["host"], server.host);
        assert_eq!(event["actor"], json!({}));
        let port = server.host.rsplit_once(':').expect("a port").1;
        assert!(event["source"]["addr"].as_str().is_some_and(|addr| addr.ends_with(&format!(":{port}"))), "{event}");
        assert_eq!(event["source"]["instanceID"].as_str().map(str::len), Some(36));
    }
    let request = &hook.scripted.requests()[0];
    assert_eq!(request.line, "POST /hook");
    assert_eq!(request.header("content-type"), Some("application/vnd.docker.distribution.events.v1+json"));
}

#[test]
fn an_endpoint_hears_what_it_wants_in_the_form_it_wants() {
    let env = Env::without_server();
    let (first, second, third) = (Webhook::new(), Webhook::new(), Webhook::new());
    let config = format!(
        "endpoints: [{{name: a, url: '{}', ignore: {{actions: [pull], mediatypes: [application/octet-stream]}}, version: v2, headers: {{X-Key: [k1], Authorization: [Bearer t]}}}}, \
         {{name: a, url: '{}', ignoredmediatypes: [application/octet-stream], ignore: {{mediatypes: [x/y], actions: [delete]}}}}, \
         {{name: off, disabled: true}}, {{url: '{}', ignore: {{actions: [push]}}}}]",
        first.url, second.url, third.url
    );
    let (server, _log) = server(&env, &config, "auth: {silly: {realm: r, service: s}}");
    let mut http = server.client();
    let auth = ("Authorization", "Bearer x");
    let blob = digest(b"{}");
    let pushed = http.send("POST", &format!("/v2/a/blobs/uploads/?digest={blob}"), &[auth], b"{}");
    assert_eq!(pushed.status, 201, "{pushed}");
    assert_eq!(http.send("GET", &format!("/v2/a/blobs/{blob}"), &[auth], b"").status, 200);
    let config = descriptor("application/vnd.oci.image.config.v1+json", b"{}");
    let manifest = format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}","config":{config},"layers":[]}}"#);
    let kind = ("Content-Type", OCI_MANIFEST);
    assert_eq!(http.send("PUT", "/v2/a/manifests/v1", &[auth, kind], manifest.as_bytes()).status, 201);
    assert_eq!(http.send("GET", "/v2/a/manifests/v1", &[auth], b"").status, 200);
    assert_eq!(http.send("DELETE", "/v2/a/manifests/v1", &[auth], b"").status, 202);
    for (hook, expected) in [
        (&first, &["push PUT a v1", "delete DELETE a v1"][..]),
        (&second, &["push PUT a v1", "pull GET a v1"][..]),
        (&third, &["pull GET a -", "pull GET a v1", "delete DELETE a v1"][..]),
    ] {
        for expected in expected {
            let event = hook.next();
            assert_eq!(brief(&event), *expected);
            assert_eq!(event["actor"], json!({"name": "silly"}));
            assert_eq!(event["target"].get("references"), None);
        }
    }
    let request = &first.scripted.requests()[0];
    assert_eq!(request.header("content-type"), Some("application/vnd.docker.distribution.events.v2+json"));
    assert_eq!((request.header("x-key"), request.header("authorization")), (Some("k1"), Some("Bearer t")));
}

#[test]
fn what_was_not_heard_is_sent_again_and_the_rest_waits() {
    let env = Env::without_server();
    let hook = Webhook::answering(|attempt| match attempt {
        0 => reply(500, &[], "no"),
        1 => hang_up(),
        2..=4 => reply(404, &[], "not yet"),
        5 => reply(302, &["Location: /elsewhere"], ""),
        _ => reply(204, &[], ""),
    });
    let config = format!("endpoints: [{{url: '{}', threshold: 2, backoff: 10ms}}]", hook.url);
    let (server, mut log) = server(&env, &config, "");
    let mut http = server.client();
    let (first, second) = (http.push_blob("a", b"1"), http.push_blob("a", b"2"));
    let heard: Vec<Value> = (0..7).map(|_| hook.next()).collect();
    for event in &heard[..6] {
        assert_eq!(event, &heard[0], "the same, with its id");
        assert_eq!(event["target"]["digest"], first);
    }
    assert_eq!(heard[6]["target"]["digest"], second);
    server.signal("TERM");
    drop(server.wait());
    let mut said = String::new();
    log.read_to_string(&mut said).expect("text");
    assert!(said.contains("backing off") && said.contains("backoff=10ms"), "{said}");
}

#[test]
fn an_endpoint_has_the_time_that_the_configuration_says() {
    let env = Env::without_server();
    // They take connections and never say anything.
    let [long, short] = [(); 2].map(|()| std::net::TcpListener::bind("127.0.0.1:0").expect("a port"));
    let of = |listener: &std::net::TcpListener, timeout: &str| {
        let address = listener.local_addr().expect("an address");
        format!("{{url: 'http://{address}/', timeout: {timeout}, backoff: 10ms}}")
    };
    let config = format!("endpoints: [{}, {}]", of(&long, "1h"), of(&short, "10ms"));
    let (server, _log) = server(&env, &config, "");
    server.client().push_blob("a", b"1");
    let _asked_once = long.accept().expect("asked");
    let _asked_again: Vec<_> = (0..5).map(|_| short.accept().expect("asked again")).collect();
    long.set_nonblocking(true).expect("a socket");
    assert!(long.accept().is_err(), "it may still answer");
}

#[test]
fn one_that_does_not_answer_delays_nobody() {
    let env = Env::without_server();
    let hook = Webhook::new();
    // It takes connections and never says anything.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", silent.local_addr().expect("an address"));
    let config = format!(
        "endpoints: [{{name: silent, url: '{url}', timeout: 1h}}, {}, {}]",
        endpoint("dead", NOWHERE),
        endpoint("good", &hook.url)
    );
    let (server, _log) = server(&env, &config, "");
    let mut http = server.client();
    let pushed: Vec<String> = (0..20).map(|seed| http.push_blob("a", &noise(seed, 100))).collect();
    let heard: Vec<Value> = (0..20).map(|_| hook.next()["target"]["digest"].clone()).collect();
    assert_eq!(heard, pushed);
}

#[test]
fn events_outlive_the_server() {
    for signal in ["KILL", "TERM"] {
        let env = Env::without_server();
        let (server, _log) = self::server(&env, &format!("endpoints: [{}]", endpoint("one", NOWHERE)), "");
        let mut http = server.client();
        let pushed: Vec<String> = (0..20).map(|seed| http.push_blob("a", &noise(seed, 100))).collect();
        server.signal(signal);
        drop(server.wait());

        let hook = Webhook::new();
        let (server, _log) = self::server(&env, &format!("endpoints: [{}]", endpoint("one", &hook.url)), "");
        let last = server.client().push_blob("a", b"last");
        let mut heard: Vec<Value> = (0..21).map(|_| hook.next()["target"]["digest"].clone()).collect();
        assert_eq!(heard.pop(), Some(last.into()), "{signal}");
        assert_eq!(heard, pushed, "{signal}");
    }
}

#[test]
fn killed_at_any_moment_it_loses_nothing_that_was_answered() {
    let env = Env::without_server();
    let mut answered = Vec::new();
    for round in 0..5_u64 {
        let hook = Webhook::new();
        let (server, _log) = self::server(&env, &format!("endpoints: [{}]", endpoint("one", &hook.url)), "");
        let mut http = server.client();
        for number in 0..=round * 3 {
            answered.push(http.push_blob("a", &noise(round * 100 + number, 50)));
        }
        server.signal("KILL");
        drop(server.wait());
        // What was heard before is not waited for again.
        while let Ok(event) = hook.heard.try_recv() {
            answered.retain(|digest| event["target"]["digest"] != **digest);
        }
    }
    let hook = Webhook::new();
    let (_server, _log) = self::server(&env, &format!("endpoints: [{}]", endpoint("one", &hook.url)), "");
    while !answered.is_empty() {
        let event = hook.next();
        answered.retain(|digest| event["target"]["digest"] != **digest);
    }
}

#[test]
fn what_another_server_left_is_delivered() {
    let env = Env::without_server();
    let dead = format!("endpoints: [{}]", endpoint("one", NOWHERE));
    let (first, _log) = server(&env, &dead, "");
    let (second, _log) = server(&env, &dead, "");
    let (one, two) = (first.client().push_blob("a", b"1"), second.client().push_blob("a", b"2"));
    drop((first, second));
    let hook = Webhook::new();
    let (_server, _log) = server(&env, &format!("endpoints: [{}]", endpoint("one", &hook.url)), "");
    let mut heard =
        [hook.next(), hook.next()].map(|event| event["target"]["digest"].as_str().expect("text").to_owned());
    heard.sort();
    let mut pushed = [one, two];
    pushed.sort();
    assert_eq!(heard, pushed);
}

#[test]
fn a_queue_has_a_limit_that_is_said() {
    let env = Env::without_server();
    let config =
        format!("endpoints: [{}], queue: {{directory: $TMP/queues, maxbytes: 2000}}", endpoint("dead", NOWHERE));
    let (server, mut log) = server(&env, &config, "");
    let mut http = server.client();
    for seed in 0..10 {
        image(seed).push(&mut http, "a:v1");
    }
    let mut said = String::new();
    while !said.contains("the queue is full") {
        said.clear();
        assert!(log.read_line(&mut said).expect("text") > 0, "the server ended");
    }
    assert!(said.contains("level=error") && said.contains("endpoint=dead"), "{said}");
    let segment = env.path("queues/0/to-dead/00000000000000000001.lines");
    let bytes = std::fs::metadata(&segment).expect("there").len();
    assert!((500..=2000).contains(&bytes), "{bytes}");
    assert!(!env.path("data/_notifications").exists());
}

#[test]
fn a_directory_that_cannot_be_made_is_said_in_a_line() {
    let env = Env::without_server();
    std::fs::write(env.path("file"), "").expect("written");
    let text = env.expand(
        "version: 0.1\nstorage: inmemory\nhttp: {addr: '127.0.0.1:0'}\nnotifications: {endpoints: [{url: 'http://localhost:1/'}], queue: {directory: $TMP/file}}\n",
    );
    std::fs::write(env.path("c.yml"), text).expect("written");
    let output = env.reg("serve $TMP/c.yml");
    assert_eq!(output.exit, Some(1), "{output}");
    assert!(output.stderr.contains("error: cannot keep events in $TMP/file"), "{output}");
    assert!(output.stderr.contains("hint: notifications.queue.directory names"), "{output}");
}
