//! The listener for operators, the checks of `health`, and what a server refuses when one fails.

use std::fs;
use std::io::{BufRead as _, BufReader, ErrorKind};
use std::net::{TcpListener, TcpStream};
use std::process::ChildStderr;
use std::time::Duration;

use serde_json::json;

use crate::support::image::{OCI_MANIFEST, image};
use crate::support::scripted::{Request, Scripted, reply};
use crate::support::{Client, Env, Server};

/// A server with a listener for operators.
struct Running {
    server: Server,
    log: BufReader<ChildStderr>,
    /// Where the listener is.
    debug: String,
}

impl Running {
    /// `http` and `rest` are lines of the configuration.
    fn start(env: &Env, http: &str, rest: &str) -> Self {
        let text = env.expand(&format!(
            "version: 0.1\nstorage: {{filesystem: {{rootdirectory: $TMP/data}}}}\n\
             http: {{addr: '127.0.0.1:0', debug: {{addr: '127.0.0.1:0'{http}}}}}\n{rest}\n"
        ));
        fs::write(env.path("c.yml"), text).expect("written");
        let (server, log) = Server::start_configured(&env.path("c.yml"), &env.path("data"));
        let (_, rest) = server.ready.split_once("debug server listening ").expect("said before the server is ready");
        let debug = rest.split('"').next().expect("a line").to_owned();
        Self { server, log, debug }
    }

    /// A connection to the listener, which takes one request each.
    fn operator(&self) -> Client {
        Client::connect(&self.debug)
    }

    /// Waits for a line of the log.
    fn wait(&mut self, part: &str) {
        let mut all = String::new();
        while !all.contains(part) {
            assert!(self.log.read_line(&mut all).expect("text") > 0, "the server ended without {part:?}:\n{all}");
        }
    }

    /// The statuses of `/`, `/v2/`, of a manifest's GET, of the start of an upload, and of `/debug/health`.
    fn statuses(&self) -> [u16; 5] {
        let mut http = self.server.client();
        [
            http.get("/").status,
            http.get("/v2/").status,
            http.get("/v2/team/app/manifests/v1").status,
            http.send("POST", "/v2/team/app/blobs/uploads/", &[], b"").status,
            self.operator().get("/debug/health").status,
        ]
    }
}

const WELL: [u16; 5] = [200, 200, 200, 202, 200];
const OUT: [u16; 5] = [503, 503, 200, 503, 503];
/// Load balancers keep a server that still reads.
const READ_ONLY: [u16; 5] = [200, 200, 200, 503, 503];

#[test]
fn a_file_takes_a_server_out_and_what_is_read_is_read_on() {
    let env = Env::without_server();
    let mut running = Running::start(&env, "", "health: {file: [{file: $TMP/down, interval: 50ms}]}");
    image(1).push(&mut running.server.client(), "team/app:v1");
    assert_eq!(running.statuses(), WELL);
    assert_eq!(running.operator().get("/debug/health").json(), json!({}));
    fs::write(env.path("down"), "").expect("written");
    running.wait("a health check fails");
    assert_eq!(running.statuses(), OUT);
    let health = running.operator().get("/debug/health");
    assert_eq!(health.json(), json!({ env.expand("$TMP/down"): "file exists" }));
    assert_eq!(health.header("content-type"), Some("application/json; charset=utf-8"));
    let refused = running.server.client().put("/v2/team/app/manifests/v2", OCI_MANIFEST, b"{}");
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("10")));
    assert_eq!(
        refused.json(),
        json!({"errors": [{
            "code": "UNAVAILABLE",
            "message": "service unavailable",
            "detail": "health check failed: please see /debug/health"
        }]})
    );
    fs::remove_file(env.path("down")).expect("removed");
    running.wait("a health check passes again");
    assert_eq!(running.statuses(), WELL);
}

/// Fifteen requests of a copy do not wait ten seconds each for a registry that stays out of order.
#[test]
fn the_command_line_says_that_a_registry_is_out_of_order() {
    let env = Env::without_server();
    let mut running = Running::start(&env, "", "health: {file: [{file: $TMP/down, interval: 50ms}]}");
    fs::write(env.path("down"), "").expect("written");
    running.wait("a health check fails");
    let image = format!("oci:{}/tests/fixtures/hello:v1", env!("CARGO_MANIFEST_DIR"));
    let output = env.reg(&format!("copy --max-wait 5s {image} {}/team/app:v1", running.server.host));
    assert_eq!(output.exit, Some(1), "{output}");
    assert!(!output.stderr.contains("asks to wait"), "ten seconds are more than five: {output}");
    let said = ": 503 UNAVAILABLE (service unavailable: health check failed: please see /debug/health)";
    assert!(output.stderr.contains(said), "{output}");
    assert!(output.stderr.contains("\nhint: the registry is out of order or overloaded: "), "{output}");
}

#[test]
fn a_store_that_takes_nothing_is_read_on() {
    let env = Env::without_server();
    let mut running =
        Running::start(&env, "", "health: {storagedriver: {enabled: true, interval: 50ms, threshold: 2}}");
    image(1).push(&mut running.server.client(), "team/app:v1");
    assert_eq!(running.statuses(), WELL);
    // Nothing can be written below a file.
    let probe = env.path("data/docker/registry/v2/_probe");
    while fs::write(&probe, "").is_err() {
        // The directory of a check that was made, or is being made.
        let _ = fs::remove_dir(&probe);
        std::thread::yield_now();
    }
    running.wait("a health check fails");
    assert_eq!(running.statuses(), READ_ONLY);
    let health = running.operator().get("/debug/health").json();
    let reason = health["storagedriver_filesystem"].as_str().expect("the store's");
    assert!(reason.starts_with("nothing can be written: "), "{reason}");
    fs::remove_file(&probe).expect("removed");
    running.wait("a health check passes again");
    assert_eq!(running.statuses(), WELL);
}

#[test]
fn a_check_counts_when_it_failed_as_often_as_its_threshold_says() {
    let env = Env::without_server();
    let patient = "{file: $TMP/patient, interval: 10ms, threshold: 1000000}";
    let check = "{file: $TMP/file, interval: 10ms, threshold: 1}";
    let mut running = Running::start(&env, "", &format!("health: {{file: [{patient}, {check}]}}"));
    fs::write(env.path("patient"), "").expect("written");
    fs::write(env.path("file"), "").expect("written");
    running.wait("a health check fails");
    assert_eq!(running.operator().get("/debug/health").json(), json!({ env.expand("$TMP/file"): "file exists" }));
}

#[test]
fn somebody_else_who_does_not_answer_counts() {
    let env = Env::without_server();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let other = Server::start(&env.path("other"));
    let checks = format!(
        "health:\n  tcp: [{{addr: '{address}', interval: 50ms, timeout: 1s}}]\n  \
         http: [{{uri: 'http://{}/v2/', interval: 50ms, headers: {{X-A: [b]}}}}, \
         {{uri: 'http://{}/v2/none/tags/list', statuscode: 404, interval: 50ms}}]",
        other.host, other.host
    );
    let mut running = Running::start(&env, "", &checks);
    image(1).push(&mut running.server.client(), "team/app:v1");
    // What was checked once and passed says nothing; what is there to pass is.
    assert_eq!(running.statuses(), WELL);
    drop(listener);
    running.wait("a health check fails");
    assert_eq!(running.statuses(), OUT);
    let health = running.operator().get("/debug/health").json();
    let reason = health[&address].as_str().expect("the address");
    assert!(reason.starts_with(&format!("connection to {address} failed: ")), "{reason}");
    let host = other.host.clone();
    drop(other);
    running.wait(&format!("check=\"http://{host}/v2/\""));
    let health = running.operator().get("/debug/health").json();
    let reason = health[format!("http://{host}/v2/")].as_str().expect("the URL");
    assert!(reason.starts_with("error while checking: "), "{reason}");
}

#[test]
fn another_status_than_the_one_that_is_expected_counts() {
    let env = Env::without_server();
    let other = Server::start(&env.path("other"));
    let uri = format!("http://{}/v2/none/tags/list", other.host);
    let mut running = Running::start(&env, "", &format!("health: {{http: [{{uri: '{uri}', interval: 50ms}}]}}"));
    running.wait("a health check fails");
    let health = running.operator().get("/debug/health").json();
    assert_eq!(health, json!({ uri: "downstream service returned unexpected status: 404" }));
}

#[test]
fn every_check_is_made_as_often_as_it_says() {
    let env = Env::without_server();
    for name in ["often", "seldom"] {
        fs::write(env.path(name), "").expect("written");
    }
    // All of them fail, but one look in an hour is never the second one. Nobody listens on port 1.
    let (often, seldom) = ("interval: 10ms, threshold: 5", "interval: 1h, threshold: 2");
    let checks = format!(
        "health:\n  file: [{{file: $TMP/seldom, {seldom}}}, {{file: $TMP/often, {often}}}]\n  \
         http: [{{uri: 'http://127.0.0.1:1/seldom', {seldom}}}, {{uri: 'http://127.0.0.1:1/often', {often}}}]\n  \
         tcp: [{{addr: 'localhost:1', {seldom}}}, {{addr: '127.0.0.1:1', {often}}}]"
    );
    let mut running = Running::start(&env, "", &checks);
    for _ in 0..3 {
        running.wait("a health check fails");
    }
    let health = running.operator().get("/debug/health").json();
    let mut failed: Vec<&str> = health.as_object().expect("an object").keys().map(String::as_str).collect();
    failed.sort_unstable();
    assert_eq!(failed, [&*env.expand("$TMP/often"), "127.0.0.1:1", "http://127.0.0.1:1/often"]);
}

#[test]
fn a_check_waits_as_long_as_it_says() {
    let env = Env::without_server();
    // One takes connections and never says anything, the other takes one connection only.
    let [silent, full] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port"));
    let [uri, address] = [&silent, &full].map(|listener| listener.local_addr().expect("an address").to_string());
    rustix::net::listen(&full, 0).expect("a shorter queue");
    let _held = TcpStream::connect(&address).expect("connected");
    let checks = format!(
        "health: {{http: [{{uri: 'http://{uri}/', timeout: 20ms}}], tcp: [{{addr: '{address}', timeout: 30ms}}]}}"
    );
    let mut running = Running::start(&env, "", &checks);
    for _ in 0..2 {
        running.wait("a health check fails");
    }
    let health = running.operator().get("/debug/health").json();
    assert_eq!(health[&address], "no answer within 0.03 s");
    // Two clocks run, and either may be first.
    let reason = health[format!("http://{uri}/")].as_str().expect("the URL");
    let expected = ["no answer within 0.02 s", "error while checking: no answer within 20ms"];
    assert!(expected.contains(&reason), "{reason}");
}

#[test]
fn a_check_sends_the_headers_that_it_says() {
    let env = Env::without_server();
    let other = Scripted::serve(|request: &Request| {
        reply(if request.header("x-key") == Some("k1") { 200 } else { 500 }, &[], "")
    });
    let host = &other.host;
    let checks = format!(
        "health: {{http: [{{uri: 'http://{host}/with', headers: {{X-Key: [k1]}}, interval: 10ms}}, \
         {{uri: 'http://{host}/without', interval: 10ms, threshold: 5}}]}}"
    );
    let mut running = Running::start(&env, "", &checks);
    running.wait("a health check fails");
    let health = running.operator().get("/debug/health").json();
    let reason = "downstream service returned unexpected status: 500";
    assert_eq!(health, json!({ format!("http://{host}/without"): reason }));
}

#[test]
fn an_operator_takes_a_server_out_and_in() {
    let env = Env::without_server();
    let running = Running::start(&env, "", "");
    image(1).push(&mut running.server.client(), "team/app:v1");
    let page = running.operator().send("POST", "/debug/health/down", &[("Origin", "https://evil.example")], b"");
    assert_eq!(page.status, 403, "{page}");
    assert_eq!(running.operator().get("/debug/health/down").status, 405);
    assert_eq!(running.operator().send("POST", "/debug/health", &[], b"").status, 405);
    assert_eq!(running.statuses(), WELL);
    assert_eq!(running.operator().send("POST", "/debug/health/down", &[], b"").status, 200);
    assert_eq!(running.statuses(), OUT);
    assert_eq!(running.operator().get("/debug/health").json(), json!({ "manual_http_status": "manual Check" }));
    assert_eq!(running.operator().send("POST", "/debug/health/up", &[], b"").status, 200);
    assert_eq!(running.statuses(), WELL);
}

#[test]
fn operators_see_variables_and_are_told_what_is_not_there() {
    let env = Env::without_server();
    let running = Running::start(&env, "", "");
    let variables = running.operator().get("/debug/vars").json();
    let words: Vec<_> = variables["cmdline"].as_array().expect("words").iter().map(|word| word.as_str()).collect();
    assert_eq!(words[1..], [Some("serve"), Some(env.expand("$TMP/c.yml").as_str())]);
    assert!(variables["memstats"]["Sys"].as_u64() > Some(1 << 20), "{variables}");
    assert_eq!(running.operator().get("/debug/pprof/heap").status, 501);
    for path in ["/metrics", "/v2/", "/", "/debug/healthy"] {
        assert_eq!(running.operator().get(path).status, 404, "{path}");
    }
    assert_eq!(running.server.client().get("/debug/health").status, 404, "not for everybody");
}

#[test]
fn the_listener_ends_with_the_server() {
    let env = Env::without_server();
    let running = Running::start(&env, "", "");
    let mut idle = TcpStream::connect(&running.debug).expect("connected");
    running.server.signal("TERM");
    let (status, _) = running.server.wait();
    assert_eq!(status.code(), Some(0));
    idle.set_read_timeout(Some(Duration::from_secs(60))).expect("set");
    // The kernel resets what nobody has accepted yet.
    let read = std::io::Read::read(&mut idle, &mut [0]).map_err(|error| error.kind());
    assert!(matches!(read, Ok(0) | Err(ErrorKind::ConnectionReset)), "{read:?}");
}

#[test]
fn a_listener_that_others_reach_is_warned_of() {
    let env = Env::without_server();
    let text = env.expand(
        "version: 0.1\nstorage: {filesystem: {rootdirectory: $TMP/data}}\n\
         http: {addr: '127.0.0.1:0', debug: {addr: ':0'}}\n",
    );
    fs::write(env.path("c.yml"), text).expect("written");
    let (server, _log) = Server::start_configured(&env.path("c.yml"), &env.path("data"));
    assert!(server.ready.contains("http.debug asks nobody who they are"), "{}", server.ready);
}

#[test]
fn what_checks_cannot_be_is_said() {
    let env = Env::without_server();
    for (lines, words) in [
        ("health: {file: [{interval: 1s}]}", "health.file.file: is missing"),
        ("health: {http: [{uri: 'ftp://a'}]}", "health.http.uri: must be an http or https URL, not \"ftp://a\""),
        ("health: {http: [{uri: 'http://a', statuscode: 7}]}", "health.http.statuscode: must be a status of HTTP"),
        ("health: {tcp: [{addr: a}]}", "health.tcp.addr: must be HOST:PORT or :PORT, not \"a\""),
        (
            "health: {storagedriver: {enabled: true, threshold: -1}}",
            "health.storagedriver.threshold: must not be negative",
        ),
        ("health: {storagedriver: {enabled: maybe}}", "health.storagedriver.enabled: must be true or false"),
    ] {
        fs::write(env.path("c.yml"), format!("version: 0.1\nstorage: inmemory\nhttp: {{addr: ':0'}}\n{lines}\n"))
            .expect("written");
        let said = env.reg("config check $TMP/c.yml");
        assert_eq!(said.exit, Some(2), "{lines}: {said}");
        assert!(said.stderr.contains(words), "{lines}: {said}");
    }
}
