//! A configuration that changes under a running server.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::ChildStderr;

use rustix::fs::{CWD, Mode, mkfifoat};

use crate::support::server::reg;
use crate::support::{Client, Env, Server, digest};

/// A configuration with these lines; those that say nothing of a log are quiet.
fn write(env: &Env, lines: &str) {
    let text = env.expand(&format!("version: 0.1\nstorage: {{filesystem: {{rootdirectory: $TMP/data}}}}\n{lines}\n"));
    // As editors do it: the file is never half there.
    fs::write(env.path("new.yml"), text).expect("written");
    fs::rename(env.path("new.yml"), env.path("c.yml")).expect("renamed");
}

fn start(env: &Env, lines: &str) -> (Server, BufReader<ChildStderr>) {
    write(env, lines);
    Server::start_configured(&env.path("c.yml"), &env.path("data"))
}

/// The next line of the log that has `part`; what was skipped is behind it.
fn line(log: &mut BufReader<ChildStderr>, part: &str) -> (String, String) {
    let mut skipped = String::new();
    loop {
        let mut line = String::new();
        let read = log.read_line(&mut line).expect("the log is text");
        assert!(read > 0, "the server ended without {part:?}:\n{skipped}");
        if line.contains(part) {
            return (line, skipped);
        }
        skipped += &line;
    }
}

const HTTP: &str = "http: {addr: '127.0.0.1:0'}";

#[test]
fn a_signal_makes_the_log_more_verbose_and_less() {
    let env = Env::without_server();
    let (server, mut log) = start(&env, &format!("{HTTP}\nlog: {{accesslog: {{disabled: true}}}}"));
    assert_eq!(server.client().get("/v2/first/tags/list").status, 404);
    line(&mut log, "/v2/first/");
    // What waits for a restart is said before the level changes, by whichever look comes first.
    write(&env, "http: {addr: '127.0.0.1:0', relativeurls: true}\nlog: {level: error, accesslog: {disabled: true}}");
    server.signal("HUP");
    line(&mut log, "http.relativeurls has changed; restart to apply");
    // Nothing tells when an error would be all that is said, but that nothing else is: the signal back is an error's.
    write(&env, &format!("{HTTP}\nlog: {{level: loud}}"));
    server.signal("HUP");
    let (_, between) = line(&mut log, "log.level: must be error, warn, info or debug");
    assert!(!between.contains("level=info msg=\"reading"), "{between}");
    assert_eq!(server.client().get("/v2/second/tags/list").status, 404);
    write(&env, &format!("{HTTP}\nlog: {{level: info}}"));
    server.signal("HUP");
    let (_, between) = line(&mut log, "the configuration has changed");
    assert!(!between.contains("/v2/second/"), "{between}");
    assert_eq!(server.client().get("/v2/third/tags/list").status, 404);
    line(&mut log, "/v2/third/");
}

#[test]
fn a_changed_file_needs_no_signal() {
    let env = Env::without_server();
    let (server, mut log) = start(&env, &format!("{HTTP}\nlog: {{level: info}}"));
    write(&env, &format!("{HTTP}\nlog: {{level: debug}}"));
    line(&mut log, "the configuration has changed");
    server.signal("TERM");
    assert_eq!(server.wait().0.code(), Some(0));
}

#[test]
fn limits_are_those_of_the_file() {
    let env = Env::without_server();
    let rule = "{per: address, rate: 3/h}";
    let limits =
        |requests: &str, rest: &str| format!("{HTTP}\nlimits: {{loopback: true, requests: [{requests}]{rest}}}");
    let (server, mut log) = start(&env, &limits(rule, ""));
    let mut http = server.client();
    let statuses = |http: &mut Client, times| (0..times).map(|_| http.get("/v2/").status).collect::<Vec<_>>();
    assert_eq!(statuses(&mut http, 2), [200, 200]);
    let mut put = |lines: &str| {
        write(&env, lines);
        server.signal("HUP");
        let (_, between) = line(&mut log, "the configuration has changed");
        assert!(!between.contains("restart"), "{between}");
    };
    // A rule that stays goes on where it was, whatever comes beside it.
    put(&limits(&format!("{{per: user, rate: 1/h}}, {rule}"), ", blobs: {maxbytes: 10}"));
    assert_eq!(statuses(&mut http, 2), [200, 429]);
    put(&limits("{per: address, rate: 6/h}", ", blobs: {maxbytes: 10}"));
    let push = || {
        let at = format!("/v2/a/blobs/uploads/?digest={}", digest(b"more than ten"));
        server.client().send("POST", &at, &[], b"more than ten").status
    };
    assert_eq!(push(), 413);
    put(&limits("{per: address, rate: 10/h}", ""));
    assert_eq!(push(), 201);
    // One is there: the first.
    let refused = || Client::connect(&server.host).read("GET").expect("an answer before a question").status == 503;
    put(&limits("", ", connections: {peraddress: 1}"));
    assert!(refused());
    put(&format!("{HTTP}\nlimits: {{connections: {{total: 1}}}}"));
    assert!(refused());
    assert_eq!(http.get("/v2/").status, 200, "who is in stays");
    put(HTTP);
    assert_eq!(statuses(&mut server.client(), 20), [200; 20]);
}

#[test]
fn proxies_are_those_of_the_file() {
    let env = Env::without_server();
    let rates = "limits: {requests: [{per: address, rate: 1/h}]}";
    let (server, mut log) = start(&env, &format!("{HTTP}\n{rates}"));
    let by = |client: &str| {
        let headers = [("X-Forwarded-For", format!("{client}, 10.0.0.1"))];
        server.client().send("GET", "/v2/", &[(headers[0].0, &headers[0].1)], b"").status
    };
    assert_eq!((by("192.0.2.1"), by("192.0.2.2")), (200, 429));
    write(&env, &format!("http: {{addr: '127.0.0.1:0', trustedproxies: [10.0.0.0/8]}}\n{rates}"));
    server.signal("HUP");
    line(&mut log, "the configuration has changed");
    assert_eq!((by("192.0.2.1"), by("192.0.2.2"), by("192.0.2.2")), (200, 200, 429));
}

#[test]
fn what_waits_for_a_restart_is_said_and_changes_nothing() {
    let env = Env::without_server();
    let (server, mut log) = start(&env, HTTP);
    write(&env, "http: {addr: '127.0.0.1:1', headers: {X-New: ['1']}}\nredis: {addr: a}\nlog: {level: debug}");
    line(
        &mut log,
        "level=warning msg=\"$TMP/c.yml:4:1: redis has no effect".replace("$TMP", &env.expand("$TMP")).as_str(),
    );
    line(&mut log, "level=warning msg=\"http.addr, http.headers have changed; restart to apply\"");
    line(&mut log, "the configuration has changed");
    let answer = server.client().get("/v2/");
    assert_eq!((answer.status, answer.header("x-new")), (200, None));
    write(&env, &format!("{HTTP}\nlog: {{level: info}}"));
    let (_, between) = line(&mut log, "the configuration has changed");
    assert!(!between.contains("restart"), "what was changed back waits for nothing: {between}");
}

#[test]
fn a_bad_file_is_called_what_config_check_calls_it_and_the_old_one_stays() {
    let env = Env::without_server();
    let (server, mut log) = start(&env, HTTP);
    for (bad, words) in [
        ("http: {adr: ':1'}\nhtpp: {}\nauthh: {}", "$TMP/c.yml:5:1: authh: is not known"),
        ("http: [", "$TMP/c.yml:"),
        ("http: {addr: nowhere}", "$TMP/c.yml:3:14: http.addr: must be HOST:PORT or :PORT, not \"nowhere\""),
    ] {
        write(&env, bad);
        let said = env.reg("config check $TMP/c.yml");
        assert_eq!(said.exit, Some(2), "{said}");
        assert!(said.stderr.contains(words), "{said}");
        let (error, _) = line(&mut log, "the configuration cannot be used; what it said before stays in force");
        let error = env.normalize(&error).replace("\\\"", "\"");
        assert!(error.contains("level=error") && error.contains(words), "{error}");
        assert_eq!(server.client().get("/v2/").status, 200);
    }
    fs::remove_file(env.path("c.yml")).expect("removed");
    let (error, _) = line(&mut log, "the configuration cannot be used");
    assert!(env.normalize(&error).contains("cannot read $TMP/c.yml"), "{error}");
    assert_eq!(server.client().get("/v2/").status, 200);
}

/// A pipe keeps whoever opens it to read until somebody writes.
#[test]
fn a_pipe_in_the_place_of_the_file_holds_up_nothing() {
    let env = Env::without_server();
    let (server, mut log) = start(&env, HTTP);
    mkfifoat(CWD, env.path("pipe"), Mode::RWXU).expect("made");
    fs::rename(env.path("pipe"), env.path("c.yml")).expect("renamed");
    let why = "it is a pipe, not a regular file";
    let (error, _) = line(&mut log, "the configuration cannot be used; what it said before stays in force");
    assert!(error.contains(why), "{error}");
    assert_eq!(server.client().get("/v2/").status, 200);
    server.signal("HUP");
    let (error, _) = line(&mut log, "the configuration cannot be used; what it said before stays in force");
    assert!(error.contains(why), "{error}");
    assert_eq!(server.client().get("/v2/").status, 200);
    for command in ["config check $TMP/c.yml", "serve $TMP/c.yml"] {
        let said = env.reg(command);
        assert!(said.exit == Some(2) && said.stderr.contains(why), "{said}");
    }
    server.signal("TERM");
    assert_eq!(server.wait().0.code(), Some(0));
}

#[test]
fn a_line_of_the_log_has_an_end() {
    let env = Env::without_server();
    let (server, mut log) = start(&env, HTTP);
    let rules = vec!["{per: x, rate: 1/s}"; 200].join(",\n");
    write(&env, &format!("{HTTP}\nlimits: {{requests: [{rules}]}}\nlog: {{level: {}}}", "k".repeat(100_000)));
    let (error, _) = line(&mut log, "the configuration cannot be used");
    assert!(error.contains("and 191 more faults"), "{error}");
    assert_eq!(error.matches("limits.requests.per: must be address or user").count(), 10, "{error}");
    assert!(error.len() < 5000, "{}", error.len());
    write(
        &env,
        &format!("{HTTP}\n{}log: {{level: debug}}", (0..30).map(|n| format!("zz{n}: 1\n")).collect::<String>()),
    );
    let (_, between) = line(&mut log, "and 20 more: reg config check says all");
    assert_eq!(between.matches("is not known and ignored").count(), 10, "{between}");
    assert_eq!(server.client().get("/v2/").status, 200);
}

#[test]
fn users_and_certificates_are_looked_at_on_a_signal() {
    let env = Env::without_server();
    fs::write(env.path("users"), "# nobody\n").expect("written");
    let auth = env.expand("auth: {htpasswd: {realm: r, path: $TMP/users}}");
    let (server, mut log) = start(&env, &format!("{HTTP}\n{auth}"));
    fs::write(env.path("users"), "no line of this format\n").expect("written");
    server.signal("HUP");
    let (error, _) = line(&mut log, "a file has changed and cannot be used");
    assert!(error.contains("line 1: expected USER:HASH"), "{error}");
}

#[test]
fn without_a_file_a_signal_ends_nothing() {
    let env = Env::without_server();
    let root = env.path("data");
    let mut command = reg();
    command.args(["-v", "serve", "--addr", "127.0.0.1:0", "--root"]).arg(&root);
    let (server, mut log) = Server::start_logged(&root, &mut command);
    server.signal("HUP");
    line(&mut log, "reading the configuration again");
    assert_eq!(server.client().get("/v2/").status, 200);
}
