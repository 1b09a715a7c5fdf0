//! Keys of the configuration whose effect no other test shows, each on a real server.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::ChildStderr;

use crate::support::scripted::{Scripted, reply};
use crate::support::{Env, Server, digest};

/// The configuration of a registry in memory that ends in these lines.
fn written(env: &Env, lines: &str) -> std::path::PathBuf {
    let path = env.path("keys.yml");
    let text = format!("version: 0.1\nhttp: {{addr: '127.0.0.1:0'}}\n{lines}\n");
    std::fs::write(&path, env.expand(&text)).expect("written");
    path
}

/// What a server with these lines writes to standard output and to standard error, for one request.
fn logs(lines: &str) -> (String, String) {
    let env = Env::without_server();
    let path = written(&env, &format!("storage: inmemory\n{lines}"));
    let (server, mut log) = Server::start_configured(&path, &env.path("data"));
    assert_eq!(server.client().get("/v2/").status, 200);
    let mut said = server.ready.clone();
    server.signal("TERM");
    let (status, access) = server.wait();
    log.read_to_string(&mut said).expect("text");
    assert_eq!(status.code(), Some(0), "{said}");
    (access, said)
}

#[test]
fn lines_are_in_the_format_that_is_asked_for() {
    let (_, text) = logs("log: {fields: {service: keys, zone: 7}}");
    let line = text.lines().find(|line| line.contains("listening on")).expect("a line");
    assert!(line.starts_with("time=\"") && line.contains(" service=keys") && line.contains(" zone=7"), "{line}");
    for (formatter, time, message) in [("json", "time", "msg"), ("logstash", "@timestamp", "message")] {
        let (_, lines) = logs(&format!("log: {{formatter: {formatter}, fields: {{service: keys}}}}"));
        let all = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect(line));
        let line = all.into_iter().find(|line| line[message].to_string().contains("listening on")).expect("a line");
        assert!(line[time].is_string() && line["service"] == "keys" && line["level"] == "info", "{line}");
    }
}

#[test]
fn lines_below_the_level_are_left_out() {
    let completed = |lines: &str| logs(lines).1.contains("response completed");
    assert!(completed("") && completed("log: {level: info}") && completed("loglevel: debug"));
    // The newer name counts.
    assert!(completed("loglevel: error\nlog: {level: info}"));
}

#[test]
fn there_is_an_access_log_until_it_is_disabled() {
    let (access, _) = logs("");
    assert!(access.contains("\"GET /v2/ HTTP/1.1\" 200"), "{access}");
    assert_eq!(logs("log: {accesslog: {disabled: true}}").0, "");
}

/// Starts an upload, and answers whether it is gone after the next look.
fn is_purged(age: &str, dry_run: bool) -> bool {
    let env = Env::without_server();
    let purging = format!("uploadpurging: {{enabled: true, age: {age}, interval: 20ms, dryrun: {dry_run}}}");
    let storage = format!("storage: {{filesystem: {{rootdirectory: $TMP/data}}, maintenance: {{{purging}}}}}");
    let (server, mut log) = Server::start_configured(&written(&env, &storage), &env.path("data"));
    let mut http = server.client();
    let upload = http.start_upload("app");
    let mut line = String::new();
    // One look that begins after the upload has: the second line from here.
    for _ in 0..2 {
        line.clear();
        while !line.contains("looked for old uploads") {
            line.clear();
            assert!(log.read_line(&mut line).expect("text") > 0, "the server ended");
        }
    }
    http.get(&upload).status == 404
}

#[test]
fn uploads_are_purged_when_they_are_old() {
    assert!(is_purged("1ns", false));
    assert!(!is_purged("1ns", true), "nothing is removed");
    assert!(!is_purged("1h", false), "nothing is that old");
}

/// The clock of a health check tells when a purge would long have been.
#[test]
fn nothing_is_purged_where_that_is_not_enabled() {
    let env = Env::without_server();
    let purging = "uploadpurging: {enabled: false, age: 1ns, interval: 1ms}";
    let lines = format!(
        "storage: {{filesystem: {{rootdirectory: $TMP/data}}, maintenance: {{{purging}}}}}\n\
         health: {{file: [{{file: $TMP/down, interval: 10ms, threshold: 30}}]}}"
    );
    let (server, mut log) = Server::start_configured(&written(&env, &lines), &env.path("data"));
    let mut http = server.client();
    let upload = http.start_upload("app");
    std::fs::write(env.path("down"), "").expect("written");
    let mut said = String::new();
    while !said.contains("a health check fails") {
        assert!(log.read_line(&mut said).expect("text") > 0, "the server ended: {said}");
    }
    assert_eq!(http.get(&upload).status, 204, "{said}");
    assert!(!said.contains("looked for old uploads"), "{said}");
}

#[test]
fn nobody_is_asked_who_they_are_where_auth_is_none() {
    let env = Env::without_server();
    let (server, _log) = Server::start_configured(&written(&env, "storage: inmemory\nauth: {none: }"), &env.path("d"));
    let mut http = server.client();
    let answer = http.get("/v2/");
    assert_eq!((answer.status, answer.header("www-authenticate")), (200, None), "{answer}");
    http.push_blob("app", b"from anybody");
    drop(server);
    // It is a guard like the others: two of them are one too many.
    let both = written(&env, "storage: inmemory\nauth: {none: , silly: {realm: r, service: s}}");
    let said = env.reg(&format!("config check {}", both.display()));
    assert_eq!(said.exit, Some(2), "{said}");
}

/// Starts an upload on a server, and lets the server be told to end in the midst of it.
fn told_to_end(drain: &str) -> (Server, crate::support::Client, BufReader<ChildStderr>) {
    let env = Env::without_server();
    let text = format!("version: 0.1\nstorage: inmemory\nhttp: {{addr: '127.0.0.1:0', draintimeout: {drain}}}\n");
    std::fs::write(env.path("keys.yml"), text).expect("written");
    let (server, mut log) = Server::start_configured(&env.path("keys.yml"), &env.path("data"));
    let mut http = server.client();
    let upload = http.start_upload("app");
    let head = format!("PATCH {upload} HTTP/1.1\r\nHost: r\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    http.send_raw(head.as_bytes()).expect("sent");
    assert_eq!(http.read_one("PATCH").expect("the request is in progress").status, 100);
    http.send_raw(b"123").expect("sent");
    server.signal("TERM");
    let mut line = String::new();
    while !line.contains("stopping") {
        line.clear();
        assert!(log.read_line(&mut line).expect("text") > 0, "the server ended");
    }
    (server, http, log)
}

#[test]
fn requests_in_progress_have_the_time_that_the_configuration_says() {
    let (server, mut http, mut log) = told_to_end("1h");
    http.send_raw(b"45").expect("the server waits");
    assert_eq!(http.read("PATCH").expect("an answer").header("range"), Some("0-4"));
    let mut rest = String::new();
    assert_eq!(server.wait().0.code(), Some(0));
    log.read_to_string(&mut rest).expect("text");
    assert!(!rest.contains("stopped with requests in progress"), "{rest}");

    let (server, _held_open, mut log) = told_to_end("30ms");
    assert_eq!(server.wait().0.code(), Some(0));
    log.read_to_string(&mut rest).expect("text");
    assert!(rest.contains("stopped with requests in progress") && rest.contains("after=30ms"), "{rest}");
}

/// The checks that fail where nothing can be written, and a file says that the server is down.
fn failing(storage: &str) -> Vec<String> {
    let env = Env::without_server();
    // Nothing can be written below a file.
    let registry = env.path("data/docker/registry/v2");
    std::fs::create_dir_all(&registry).expect("made");
    std::fs::write(registry.join("_probe"), "").expect("written");
    std::fs::write(env.path("down"), "").expect("written");
    let text = env.expand(&format!(
        "version: 0.1\nstorage: {{filesystem: {{rootdirectory: $TMP/data}}}}\n\
         http: {{addr: '127.0.0.1:0', debug: {{addr: '127.0.0.1:0'}}}}\n\
         health:\n  storagedriver: {{enabled: true, {storage}}}\n  \
         file: [{{file: $TMP/down, interval: 10ms, threshold: 30}}]\n"
    ));
    std::fs::write(env.path("keys.yml"), text).expect("written");
    let (server, _log) = Server::start_configured(&env.path("keys.yml"), &env.path("data"));
    let (_, debug) = server.ready.split_once("debug server listening ").expect("said");
    let debug = debug.split('"').next().expect("an address");
    let down = env.expand("$TMP/down");
    loop {
        let health = crate::support::Client::connect(debug).get("/debug/health").json();
        let mut names: Vec<String> = health.as_object().expect("an object").keys().cloned().collect();
        names.sort_unstable();
        if names.contains(&down) {
            return names.into_iter().map(|name| env.normalize(&name)).collect();
        }
        std::thread::yield_now();
    }
}

#[test]
fn the_store_is_looked_at_as_often_as_the_configuration_says() {
    let (file, store) = ("$TMP/down", "storagedriver_filesystem");
    assert_eq!(failing("interval: 1h, threshold: 1"), [file, store], "the first look is at the start");
    assert_eq!(failing("interval: 1h, threshold: 2"), [file], "the second is in an hour");
    assert_eq!(failing("interval: 1ms, threshold: 2"), [file, store]);
    assert_eq!(failing("interval: 1ms, threshold: 1000000"), [file], "not often enough");
}

/// An authority of certificates that gives none, by way of RFC 8555.
#[test]
fn the_authority_may_write_to_whom_the_configuration_names() {
    let contacts = |email: &str| {
        let env = Env::without_server();
        let authority = Scripted::serve(|request| {
            let nonce = ["Replay-Nonce: bm9uY2U", "Content-Type: application/json", "Location: http://$HOST/account/1"];
            match request.line.split(' ').nth(1).unwrap_or_default() {
                "/dir" => reply(
                    200,
                    &nonce,
                    r#"{"newNonce":"http://$HOST/nonce","newAccount":"http://$HOST/new","newOrder":"http://$HOST/order"}"#,
                ),
                "/nonce" => reply(200, &nonce, ""),
                "/new" => reply(201, &nonce, r#"{"status":"valid"}"#),
                _ => {
                    reply(403, &nonce, r#"{"type":"urn:ietf:params:acme:error:unauthorized","detail":"none for you"}"#)
                }
            }
        });
        let text = env.expand(&format!(
            "version: 0.1\nstorage: inmemory\nhttp:\n  addr: '127.0.0.1:0'\n  tls: {{letsencrypt: {{cachefile: $TMP/acme, \
             hosts: [r.test], directoryurl: 'http://{}/dir'{email}}}}}\n",
            authority.host
        ));
        std::fs::write(env.path("keys.yml"), text).expect("written");
        let (_server, _log) = Server::start_configured(&env.path("keys.yml"), &env.path("data"));
        loop {
            let asked = authority.requests();
            if let Some(request) = asked.iter().find(|request| request.line == "POST /new") {
                let signed: serde_json::Value = serde_json::from_slice(&request.body).expect("JSON");
                let payload = signed["payload"].as_str().expect("a payload");
                let payload = data_encoding::BASE64URL_NOPAD.decode(payload.as_bytes()).expect("base64");
                let account: serde_json::Value = serde_json::from_slice(&payload).expect("JSON");
                assert_eq!(account["termsOfServiceAgreed"], true, "{account}");
                return account["contact"].clone();
            }
            std::thread::yield_now();
        }
    };
    assert_eq!(contacts(", email: 'ops@example.org'"), serde_json::json!(["mailto:ops@example.org"]));
    let none = contacts("");
    assert!(none.is_null() || none == serde_json::json!([]), "{none}");
}

#[test]
fn whoever_says_anything_passes_the_silly_guard() {
    let env = Env::without_server();
    let lines = "storage: inmemory\nauth: {silly: {realm: 'https://auth.test/token', service: keys}}";
    let (server, _log) = Server::start_configured(&written(&env, lines), &env.path("data"));
    let mut http = server.client();
    let refused = http.get("/v2/");
    let challenge = refused.header("www-authenticate").unwrap_or_default();
    assert_eq!(refused.status, 401);
    assert!(challenge.contains("realm=\"https://auth.test/token\",service=\"keys\""), "{challenge}");
    assert_eq!(http.send("GET", "/v2/", &[("Authorization", "anything")], b"").status, 200);
}

#[test]
fn deletions_are_refused_until_they_are_allowed() {
    let status = |enabled: &str| {
        let env = Env::without_server();
        let lines = format!("storage: {{inmemory: , delete: {{enabled: {enabled}}}}}");
        let (server, _log) = Server::start_configured(&written(&env, &lines), &env.path("data"));
        let mut http = server.client();
        let blob = http.push_blob("app", b"{}");
        http.delete(&format!("/v2/app/blobs/{blob}")).status
    };
    assert_eq!((status("false"), status("yes")), (405, 202));
}

#[test]
fn a_directory_is_where_the_configuration_says() {
    let env = Env::without_server();
    let lines = "storage: {filesystem: {rootdirectory: $TMP/some/where, maxthreads: 25}}";
    let (server, _log) = Server::start_configured(&written(&env, lines), &env.path("data"));
    let blob = server.client().push_blob("app", b"here");
    assert_eq!(blob, digest(b"here"));
    assert!(env.path("some/where/docker/registry/v2/repositories/app").is_dir());
}
