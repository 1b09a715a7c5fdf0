//! A registry with passwords: what strangers, users and their clients are answered.

use std::io::{BufReader, Read as _};
use std::process::ChildStderr;

use expect_test::expect;

use crate::support::http::Response;
use crate::support::server::reg;
use crate::support::{Env, Server};

/// `alice:secret`, hashed with cost 4 by Apache's htpasswd.
const ALICE: &str = "alice:$2y$04$f7F21UoibeDZb5qEBI2AkuHcMRr7arP8zzVKzfDjKu7zbYM817IGO\n";
const RIGHT: &str = "Basic YWxpY2U6c2VjcmV0";
const WRONG: &str = "Basic YWxpY2U6d3Jvbmc=";

fn guarded(env: &Env, users: &str) -> (Server, BufReader<ChildStderr>) {
    std::fs::write(env.path("htpasswd"), users).expect("written");
    let config = format!(
        "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {0}/data}}, delete: {{enabled: true}}}}\n\
         http: {{addr: '127.0.0.1:0'}}\nauth: {{htpasswd: {{realm: 'the \"team\"', path: {0}/htpasswd}}}}\n",
        env.path("").display()
    );
    std::fs::write(env.path("c.yml"), config).expect("written");
    Server::start_configured(&env.path("c.yml"), &env.path("data"))
}

fn get(server: &Server, target: &str, authorization: Option<&str>) -> Response {
    let headers: Vec<_> = authorization.map(|value| ("Authorization", value)).into_iter().collect();
    server.client().send("GET", target, &headers, b"")
}

#[test]
fn a_stranger_learns_nothing_but_how_to_log_in() {
    let env = Env::without_server();
    let (server, _log) = guarded(&env, ALICE);
    for (method, target) in [
        ("GET", "/v2/"),
        ("GET", "/v2/_catalog"),
        ("GET", "/v2/a/tags/list"),
        ("GET", "/v2/NOT/A/NAME"),
        ("DELETE", "/v2/a/manifests/v1"),
        ("POST", "/v2/a/blobs/uploads/"),
        ("BREW", "/v2/"),
    ] {
        let answer = server.client().send(method, target, &[], b"");
        assert_eq!(answer.status, 401, "{method} {target}");
        assert_eq!(answer.header("www-authenticate"), Some(r#"Basic realm="the \"team\"""#), "{method} {target}");
        assert_eq!(answer.header("docker-distribution-api-version"), Some("registry/2.0"));
        let body = r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#;
        assert_eq!(String::from_utf8_lossy(&answer.body), body, "{method} {target}");
    }
    assert_eq!(get(&server, "/", None).status, 200, "load balancers have no password");
    assert_eq!(server.client().send("OPTIONS", "/v2/", &[], b"").status, 200, "nor have a browser's first questions");
    let repositories = env.path("data/docker/registry/v2/repositories");
    assert_eq!(std::fs::read_dir(repositories).expect("a folder").count(), 0, "nothing came in");
}

#[test]
fn users_are_let_in_as_long_as_the_file_says_so() {
    let env = Env::without_server();
    let (server, mut log) = guarded(&env, &format!("{ALICE}bob:$apr1$x$y\n"));
    assert_eq!(get(&server, "/v2/", Some(RIGHT)).status, 200);
    assert_eq!(get(&server, "/v2/", Some(WRONG)).status, 401);
    let taken = server.client().send("POST", "/v2/a/blobs/uploads/", &[("Authorization", RIGHT)], b"");
    assert_eq!(taken.status, 202);
    std::fs::write(env.path("new"), "# nobody\n").expect("written");
    std::fs::rename(env.path("new"), env.path("htpasswd")).expect("renamed");
    assert_eq!(get(&server, "/v2/", Some(RIGHT)).status, 401, "what was remembered went with the line");
    server.signal("TERM");
    let begun = server.ready.clone();
    let (status, access) = server.wait();
    assert!(status.success());
    let users: Vec<_> = access.lines().filter_map(|line| line.split(' ').nth(2)).collect();
    assert_eq!(users, ["alice", "-", "alice", "-"], "{access}");
    let mut said = begun;
    log.read_to_string(&mut said).expect("a log");
    assert!(said.contains("auth.user.name=alice") || said.contains("auth.user.name=\"alice\""), "{said}");
    assert!(said.contains("MD5 (apr1)") && !said.contains("secret"), "{said}");
}

/// The lines of a server's log with this in them.
fn lines(server: Server, mut log: BufReader<ChildStderr>, part: &str) -> Vec<String> {
    server.signal("TERM");
    drop(server.wait());
    let mut text = String::new();
    log.read_to_string(&mut text).expect("a log");
    text.lines().filter(|line| line.contains(part)).map(str::to_owned).collect()
}

#[test]
fn the_log_says_who_was_refused_and_why_and_the_client_does_not_hear_it() {
    let env = Env::without_server();
    let (server, log) = guarded(&env, ALICE);
    // alice:wrong, mallory:secret, e<RIGHT-TO-LEFT OVERRIDE>ve:x, no base64, and a line break in the name.
    let shown = [WRONG, "Basic bWFsbG9yeTpzZWNyZXQ=", "Basic ZeKArnZlOng=", "Basic !", "Basic YQpiOng="];
    let bodies: Vec<_> = shown.iter().map(|who| get(&server, "/v2/", Some(who)).body).collect();
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
    assert_eq!(get(&server, "/v2/", None).status, 401, "a challenge is no refused login");
    assert_eq!(get(&server, "/v2/", Some(RIGHT)).status, 200);
    let lines = lines(server, log, "login refused");
    let told: Vec<_> = lines
        .iter()
        .map(|line| {
            assert!(
                line.contains(" level=warning ") && line.contains(" http.request.remoteaddr=\"127.0.0.1:"),
                "{line}"
            );
            let user =
                line.split(" auth.user.name=").nth(1).map_or("-", |rest| rest.split(' ').next().expect("a value"));
            (user, line.split(" reason=").nth(1).expect("a reason"))
        })
        .collect();
    assert_eq!(
        told,
        [
            ("alice", "\"wrong password\""),
            ("mallory", "\"unknown user\""),
            ("\"e\\u{202e}ve\"", "\"unknown user\""),
            ("-", "\"the credentials cannot be read\""),
            ("-", "\"the credentials cannot be read\""),
        ]
    );
}

/// Who is not listened to any more is told of once, whatever they send.
#[test]
fn guessing_does_not_fill_the_log() {
    let env = Env::without_server();
    let (server, log) = guarded(&env, ALICE);
    for _ in 0..40 {
        drop(get(&server, "/v2/", Some(WRONG)));
    }
    let lines = lines(server, log, "login refused");
    assert_eq!(lines.len(), 11, "{lines:#?}");
    assert!(lines[10].contains("reason=\"too many passwords: not listened to for a while\""), "{lines:#?}");
}

#[test]
fn who_guesses_has_to_wait() {
    let env = Env::without_server();
    let (server, _log) = guarded(&env, ALICE);
    assert_eq!(get(&server, "/v2/", Some(RIGHT)).status, 200);
    // alice is known here, so that she has more tries than a stranger.
    for _ in 0..60 {
        assert_eq!(get(&server, "/v2/", Some(WRONG)).status, 401);
    }
    let answer = get(&server, "/v2/", Some(WRONG));
    assert_eq!(answer.status, 429);
    let wait: u64 = answer.header("retry-after").expect("a time").parse().expect("seconds");
    assert!((1..=60).contains(&wait), "{wait}");
    assert!(answer.body.starts_with(br#"{"errors":[{"code":"TOOMANYREQUESTS","#));
    assert_eq!(get(&server, "/v2/", Some(RIGHT)).status, 429, "the right one is not told from the wrong ones");
    let headers = [("Authorization", RIGHT), ("X-Forwarded-For", "192.0.2.1")];
    assert_eq!(server.client().send("GET", "/v2/", &headers, b"").status, 200, "from elsewhere she is heard");
}

#[test]
fn the_command_line_logs_in_pushes_and_logs_out() {
    let env = Env::without_server();
    let (server, _log) = guarded(&env, ALICE);
    let host = server.host.clone();
    let copy = format!("copy oci:{}/tests/fixtures/hello:v1 {host}/team/app:v1", env!("CARGO_MANIFEST_DIR"));
    assert_eq!(env.reg(&copy).exit, Some(4), "nobody is logged in");
    let login = format!("login {host} -u alice --password-stdin");
    assert_eq!(env.reg_with_input(&login, "wrong\n").exit, Some(4));
    assert_eq!(env.reg_with_input(&login, "secret\n").exit, Some(0));
    assert_eq!(env.reg(&copy).exit, Some(0));
    assert_eq!(env.reg(&format!("tags {host}/team/app -o name")).stdout, format!("{host}/team/app:v1\n"));
    assert_eq!(env.reg(&format!("logout {host}")).exit, Some(0));
    assert_eq!(env.reg(&format!("tags {host}/team/app")).exit, Some(4));
}

#[test]
fn a_missing_file_is_made_and_its_password_said_once() {
    let env = Env::without_server();
    let mut command = reg();
    command
        .args(["serve", "--addr", "127.0.0.1:0", "--root"])
        .arg(env.path("data"))
        .env("REGISTRY_AUTH_HTPASSWD_REALM", "r")
        .env("REGISTRY_AUTH_HTPASSWD_PATH", env.path("auth/htpasswd"))
        .env("REGISTRY_LOG_FORMATTER", "json");
    command.stderr(std::process::Stdio::piped());
    let (server, mut log) = Server::start_logged(&env.path("data"), command.arg("-v"));
    let mut said = server.ready.clone();
    let line = said.lines().find(|line| line.contains("password")).expect("a password in the log").to_owned();
    let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    let login = format!("login {} -u docker --password-stdin", server.host);
    assert_eq!(env.reg_with_input(&login, line["password"].as_str().expect("a text")).exit, Some(0));
    server.signal("TERM");
    drop(server.wait());
    log.read_to_string(&mut said).expect("a log");
    assert_eq!(said.matches(line["password"].as_str().expect("a text")).count(), 1);
}

#[test]
fn a_file_that_is_none_is_no_reason_to_open() {
    let mut env = Env::without_server();
    std::fs::write(env.path("htpasswd"), "alice\n").expect("written");
    env.set("REGISTRY_AUTH", "{htpasswd: {realm: r, path: $TMP/htpasswd}}");
    env.reg("serve --addr 127.0.0.1:0 --root $TMP/data").check(expect![[r#"
        ------- stderr -------
        error: cannot start the registry
          caused by: $TMP/htpasswd is no htpasswd file
          caused by: line 1: expected USER:HASH
        hint: each line is USER:HASH, as htpasswd -B writes it
        [exit 2]
    "#]]);
}
