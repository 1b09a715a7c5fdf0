//! A registry that gives out bearer tokens itself: where clients are sent, what they get for what they show, and what is
//! taken back.

use std::io::{BufReader, Read as _};
use std::process::ChildStderr;

use serde_json::Value;

use crate::support::http::Response;
use crate::support::{Env, Server};

/// `secret`, hashed with cost 4 by Apache's htpasswd.
const HASH: &str = "$2y$04$f7F21UoibeDZb5qEBI2AkuHcMRr7arP8zzVKzfDjKu7zbYM817IGO";
/// Each with that password.
const ALICE: &str = "Basic YWxpY2U6c2VjcmV0";
const BOB: &str = "Basic Ym9iOnNlY3JldA==";
/// alice:wrong
const WRONG: &str = "Basic YWxpY2U6d3Jvbmc=";

const RULES: &str = "access:\n  rules:\n  \
    - {repositories: ['public/**'], anonymous: true, actions: [pull]}\n  \
    - {repositories: ['team/**'], users: [alice], actions: [push]}\n";
const ON: &str = "tokens: {enabled: true}\n";
const SECRET: &str = ", secret: 0123456789abcdef0123456789abcdef";

fn users(env: &Env, names: &[&str]) {
    let users: String = names.iter().map(|user| format!("{user}:{HASH}\n")).collect();
    std::fs::write(env.path("new"), users).expect("written");
    std::fs::rename(env.path("new"), env.path("htpasswd")).expect("renamed");
}

fn start(env: &Env, http: &str, more: &str) -> (Server, BufReader<ChildStderr>) {
    if !env.path("htpasswd").exists() {
        users(env, &["alice", "bob"]);
    }
    let root = env.path("").display().to_string();
    let config = format!(
        "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {root}/data}}}}\nhttp: {{addr: '127.0.0.1:0'{http}}}\n\
         auth: {{htpasswd: {{realm: r, path: {root}/htpasswd}}}}\n{more}"
    );
    std::fs::write(env.path("c.yml"), config).expect("written");
    Server::start_configured(&env.path("c.yml"), &env.path("data"))
}

fn send(server: &Server, method: &str, target: &str, authorization: Option<&str>) -> Response {
    let headers: Vec<_> = authorization.map(|value| ("Authorization", value)).into_iter().collect();
    server.client().send(method, target, &headers, b"")
}

fn post(server: &Server, form: &str) -> Response {
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    server.client().send("POST", "/token", &headers, form.as_bytes())
}

/// A token in the form of a header.
#[track_caller]
fn bearer(answer: &Response) -> String {
    assert_eq!(answer.status, 200, "{answer}");
    format!("Bearer {}", answer.json()["token"].as_str().expect("a token"))
}

#[track_caller]
fn scope(answer: &Response) -> String {
    assert_eq!(answer.status, 200, "{answer}");
    answer.json()["scope"].as_str().expect("a scope").to_owned()
}

#[test]
fn clients_are_sent_to_where_they_reached_us() {
    let env = Env::without_server();
    let (server, _log) = start(&env, "", ON);
    let challenge = |headers: &[(&str, &str)], target: &str| {
        let answer = server.client().send("GET", target, headers, b"");
        assert_eq!(answer.status, 401);
        answer.header("www-authenticate").expect("a challenge").to_owned()
    };
    let host = &server.host;
    assert_eq!(challenge(&[], "/v2/"), format!(r#"Bearer realm="http://{host}/token",service="registry""#));
    assert_eq!(
        challenge(&[], "/v2/a/tags/list"),
        format!(r#"Bearer realm="http://{host}/token",service="registry",scope="repository:a:pull""#)
    );
    for (headers, realm) in [
        (&[("Host", "r.example")][..], "http://r.example/token"),
        (&[("Host", "r.example"), ("X-Forwarded-Proto", "https")], "https://r.example/token"),
        (&[("Host", "in"), ("X-Forwarded-For", "192.0.2.1")], "https://in/token"),
        (&[("Host", "in"), ("X-Forwarded-Host", "out"), ("X-Forwarded-Proto", "http")], "http://out/token"),
    ] {
        assert_eq!(challenge(headers, "/v2/"), format!(r#"Bearer realm="{realm}",service="registry""#), "{headers:?}");
    }
    // What cannot stand in a URL is no name for us: a password is asked for, and nobody is sent anywhere.
    for headers in
        [&[("Host", "in"), ("X-Forwarded-Host", "a\"b")][..], &[("Host", "in"), ("X-Forwarded-Host", "a/b@c")]]
    {
        assert_eq!(challenge(headers, "/v2/"), r#"Basic realm="r""#, "{headers:?}");
    }
}

#[test]
fn the_configured_name_wins_and_the_prefix_stands_in_front() {
    let env = Env::without_server();
    let (server, _log) = start(&env, ", host: 'https://r.example:8443', prefix: /registry/", ON);
    let headers = [("Host", "evil.example"), ("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Proto", "http")];
    let answer = server.client().send("GET", "/registry/v2/", &headers, b"");
    let expected = r#"Bearer realm="https://r.example:8443/registry/token",service="registry""#;
    assert_eq!(answer.header("www-authenticate"), Some(expected));
    assert_eq!(send(&server, "GET", "/registry/token", Some(ALICE)).status, 200);
    assert_ne!(send(&server, "GET", "/token", Some(ALICE)).status, 200);
}

#[test]
fn who_shows_a_password_gets_what_they_may_do() {
    let env = Env::without_server();
    let (server, mut log) = start(&env, "", &format!("{ON}{RULES}"));
    let get = |query: &str, who: &str| send(&server, "GET", &format!("/token?{query}"), Some(who));
    for (who, query, granted) in [
        (ALICE, "service=registry&account=alice&client_id=docker", ""),
        (ALICE, "service=registry&scope=repository:team/app:pull,push", "repository:team/app:pull,push"),
        (ALICE, "scope=repository:team/app:pull,push,delete", "repository:team/app:pull,push"),
        (ALICE, "scope=repository%3Ateam%2Fapp%3A*", "repository:team/app:pull,push"),
        (
            ALICE,
            "scope=repository:team/a:pull&scope=repository:public/b:pull,push%20registry:catalog:*+other",
            "registry:catalog:* repository:public/b:pull repository:team/a:pull",
        ),
        (BOB, "scope=repository:team/app:pull,push", ""),
        (BOB, "scope=repository:public/x:pull", "repository:public/x:pull"),
    ] {
        assert_eq!(scope(&get(query, who)), granted, "{query}");
    }
    let answer = get("scope=repository:team/app:pull", ALICE);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let json = answer.json();
    assert_eq!((&json["token"], json["expires_in"].as_u64()), (&json["access_token"], Some(300)));
    assert!(json["issued_at"].as_str().is_some_and(|at| at.ends_with('Z')) && json["refresh_token"] == Value::Null);
    let pull = bearer(&answer);
    assert_eq!(send(&server, "GET", "/v2/", Some(&pull)).status, 200);
    assert_eq!(send(&server, "GET", "/v2/team/app/tags/list", Some(&pull)).status, 404);
    let refused = send(&server, "POST", "/v2/team/app/blobs/uploads/", Some(&pull));
    let challenge = refused.header("www-authenticate").expect("a challenge");
    assert!(challenge.ends_with(r#",scope="repository:team/app:pull,push",error="insufficient_scope""#), "{challenge}");
    assert_eq!(send(&server, "GET", "/v2/other/tags/list", Some(&pull)).status, 403, "no token would help");
    let push = bearer(&get("scope=repository:team/app:pull,push", ALICE));
    assert_eq!(send(&server, "POST", "/v2/team/app/blobs/uploads/", Some(&push)).status, 202);
    assert_eq!(send(&server, "POST", "/v2/team/app/blobs/uploads/", Some(ALICE)).status, 202, "or the password itself");
    let mount = "/v2/team/app/blobs/uploads/?from=other&mount=sha256:\
                 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(send(&server, "POST", mount, Some(&push)).status, 202, "a mount from where alice may not pull");
    let mount = mount.replace("other", "team/b");
    assert_eq!(send(&server, "POST", &mount, Some(&push)).status, 401, "there is a token for that");
    server.signal("TERM");
    let mut said = server.ready.clone();
    let (_, access) = server.wait();
    log.read_to_string(&mut said).expect("a log");
    assert!(access.contains("alice") && access.contains("GET /token?scope="), "{access}");
    for secret in ["secret\"", "c2VjcmV0", push.trim_start_matches("Bearer ")] {
        assert!(!said.contains(secret) && !access.contains(secret), "{secret}");
    }
}

#[test]
fn tokens_live_as_long_as_the_configuration_says() {
    let env = Env::without_server();
    let (server, _log) = start(&env, "", "tokens: {enabled: true, lifetime: 2m}\n");
    let answer = send(&server, "GET", "/token", Some(ALICE));
    assert_eq!((answer.status, answer.json()["expires_in"].as_u64()), (200, Some(120)), "{answer}");
}

#[test]
fn strangers_get_what_strangers_may_do() {
    let env = Env::without_server();
    let (server, _log) = start(&env, "", &format!("{ON}{RULES}"));
    let answer = send(&server, "GET", "/token?scope=repository:public/x:pull,push&scope=repository:team/a:pull", None);
    assert_eq!(scope(&answer), "repository:public/x:pull");
    let token = bearer(&answer);
    assert_eq!(send(&server, "GET", "/v2/", Some(&token)).status, 200);
    assert_eq!(send(&server, "GET", "/v2/public/x/tags/list", Some(&token)).status, 404);
    let refused = send(&server, "GET", "/v2/team/a/tags/list", Some(&token));
    assert_eq!(refused.status, 401, "who logs in may get further");
    assert!(refused.header("www-authenticate").is_some_and(|text| text.contains("insufficient_scope")));
    let env = Env::without_server();
    let (server, _log) = start(&env, "", ON);
    let refused = send(&server, "GET", "/token?scope=repository:public/x:pull", None);
    assert_eq!((refused.status, refused.header("www-authenticate")), (401, Some(r#"Basic realm="r""#)));
    assert_eq!(
        scope(&send(&server, "GET", "/token?scope=repository:any:*", Some(BOB))),
        "repository:any:delete,pull,push"
    );
}

#[test]
fn a_form_is_as_good_and_a_refresh_token_comes_back() {
    let env = Env::without_server();
    let (server, _log) = start(&env, SECRET, &format!("{ON}{RULES}"));
    let password = "grant_type=password&username=alice&password=secret&service=registry&client_id=docker";
    let answer = post(&server, &format!("{password}&scope=repository:team/app:pull%20repository:other:pull"));
    assert_eq!((scope(&answer).as_str(), &answer.json()["refresh_token"]), ("repository:team/app:pull", &Value::Null));
    let offline = post(&server, &format!("{password}&access_type=offline"));
    let refresh = offline.json()["refresh_token"].as_str().expect("asked for").to_owned();
    let again = |more: &str| {
        let form = format!("grant_type=refresh_token&refresh_token={refresh}&service=registry&client_id=docker{more}");
        post(&server, &form)
    };
    let fresh = again("&scope=repository:team/app:pull,push,delete");
    assert_eq!(scope(&fresh), "repository:team/app:pull,push");
    assert_eq!(fresh.json()["refresh_token"].as_str(), Some(refresh.as_str()), "docker forgets it otherwise");
    assert_eq!(send(&server, "POST", "/v2/team/app/blobs/uploads/", Some(&bearer(&fresh))).status, 202);
    let as_access = format!("Bearer {refresh}");
    assert_eq!(send(&server, "GET", "/v2/", Some(&as_access)).status, 401, "it opens nothing itself");
    let access = bearer(&fresh).replace("Bearer ", "");
    let form = format!("grant_type=refresh_token&refresh_token={access}");
    assert_eq!(post(&server, &form).status, 401, "nor do the others get new ones");
    let query = send(&server, "GET", "/token?service=registry&offline_token=true", Some(ALICE));
    assert!(query.json()["refresh_token"].is_string(), "docker login");
    users(&env, &["bob"]);
    assert_eq!(again("").status, 401, "alice is gone");
    assert_eq!(send(&server, "GET", "/v2/", Some(&bearer(&fresh))).status, 401, "and what she bore with her");
    users(&env, &["alice"]);
    assert_eq!(again("").status, 200);
    let other = "$2y$04$abcdefghijklmnopqrstuuXK1mhHCKpbOKYgz8W5hTZgr0Bq1bzS6";
    std::fs::write(env.path("new"), format!("alice:{other}\n")).expect("written");
    std::fs::rename(env.path("new"), env.path("htpasswd")).expect("renamed");
    assert_eq!(again("").status, 401, "a new password ends what the old one got");
}

#[test]
fn what_nobody_may_have() {
    let env = Env::without_server();
    let (server, _log) = start(&env, "", &format!("{ON}{RULES}"));
    for form in [
        "grant_type=password&username=alice&password=wrong",
        "grant_type=password&username=nobody&password=secret",
        "grant_type=password&username=alice",
        "grant_type=password&username=&password=secret",
        "grant_type=refresh_token",
        "grant_type=refresh_token&refresh_token=x.y.z",
    ] {
        let answer = post(&server, form);
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some(r#"Basic realm="r""#)), "{form}");
        assert_eq!(answer.code(), "UNAUTHORIZED", "{form}");
    }
    for authorization in [WRONG, "Basic !", "Bearer x", "Negotiate x"] {
        assert_eq!(send(&server, "GET", "/token", Some(authorization)).status, 401, "{authorization}");
    }
    for (form, status) in [
        ("", 400),
        ("grant_type=client_credentials", 400),
        ("grant_type=password&username=alice&password=secret&service=other", 400),
        (&*format!("scope={}", "x:y:z+".repeat(101)), 400),
        (&*"x".repeat((64 << 10) + 1), 413),
    ] {
        assert_eq!(post(&server, form).status, status, "{}", &form[..form.len().min(80)]);
    }
    let many = "x:y:z+".repeat(101);
    assert_eq!(send(&server, "GET", &format!("/token?scope={many}"), Some(ALICE)).status, 400);
    assert_eq!(send(&server, "GET", "/token?service=other", Some(ALICE)).status, 400);
    assert_eq!(send(&server, "PUT", "/token", Some(ALICE)).status, 405);
    let offline = send(&server, "GET", "/token?offline_token=true", Some(ALICE));
    assert_eq!(offline.json()["refresh_token"], Value::Null, "without http.secret it would not outlive the process");
}

#[test]
fn guessing_is_no_faster_here() {
    let env = Env::without_server();
    let (server, _log) = start(&env, "", ON);
    let statuses: Vec<u16> = (0..11).map(|_| send(&server, "GET", "/token", Some(WRONG)).status).collect();
    assert_eq!((statuses[9], statuses[10]), (401, 429), "{statuses:?}");
    assert_eq!(
        post(&server, "grant_type=password&username=alice&password=guess").status,
        429,
        "one count for all doors"
    );
    assert_eq!(send(&server, "GET", "/v2/", Some(WRONG)).status, 429);
}

#[test]
fn servers_with_one_secret_are_one_registry() {
    let one = Env::without_server();
    let (first, _log) = start(&one, SECRET, ON);
    let token = bearer(&send(&first, "GET", "/token?scope=registry:catalog:*", Some(ALICE)));
    for (http, tokens, status) in [
        (SECRET, ON, 200),
        (", secret: 0123456789abcdef0123456789abcdeX", ON, 401),
        (SECRET, "tokens: {enabled: true, service: other}\n", 401),
        ("", ON, 401),
        (SECRET, "", 401),
    ] {
        let env = Env::without_server();
        let (server, _log) = start(&env, http, tokens);
        assert_eq!(send(&server, "GET", "/v2/_catalog", Some(&token)).status, status, "{http} {tokens}");
    }
}

#[test]
fn the_command_line_logs_in_pushes_and_pulls() {
    for http in ["", SECRET] {
        let env = Env::without_server();
        let (server, _log) = start(&env, http, &format!("{ON}{RULES}"));
        let host = server.host.clone();
        let push =
            |name: &str| format!("copy oci:{}/tests/fixtures/hello:v1 {host}/{name}:v1", env!("CARGO_MANIFEST_DIR"));
        assert_eq!(env.reg(&push("team/app")).exit, Some(4), "nobody is logged in");
        let login = format!("login {host} -u alice --password-stdin");
        assert_eq!(env.reg_with_input(&login, "wrong\n").exit, Some(4));
        assert_eq!(env.reg_with_input(&login, "secret\n").exit, Some(0));
        let pushed = env.reg(&push("team/app"));
        assert_eq!(pushed.exit, Some(0), "{}", pushed.stderr);
        assert_eq!(env.reg(&push("other/app")).exit, Some(4));
        let copied = env.reg(&format!("copy {host}/team/app:v1 {host}/team/other:v1"));
        assert_eq!(copied.exit, Some(0), "{}", copied.stderr);
        let listed = env.reg(&format!("catalog {host} -o name"));
        assert_eq!(listed.stdout, format!("{host}/team/app\n{host}/team/other\n"), "{}", listed.stderr);
        assert_eq!(env.reg(&format!("logout {host}")).exit, Some(0));
        assert_eq!(env.reg(&format!("tags {host}/team/app")).exit, Some(4));
    }
}
