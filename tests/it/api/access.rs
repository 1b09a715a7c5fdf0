//! A registry with access rules: what users, strangers and those who try to get around them are answered.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::ChildStderr;

use crate::support::http::Response;
use crate::support::{Env, Server, digest};

/// `secret`, hashed with cost 4 by Apache's htpasswd.
const HASH: &str = "$2y$04$f7F21UoibeDZb5qEBI2AkuHcMRr7arP8zzVKzfDjKu7zbYM817IGO";
/// Each with that password.
const ROOT: Option<&str> = Some("Basic cm9vdDpzZWNyZXQ=");
const ALICE: Option<&str> = Some("Basic YWxpY2U6c2VjcmV0");
const BOB: Option<&str> = Some("Basic Ym9iOnNlY3JldA==");

/// A name and a password of no characters, which podman sends for nobody.
const NOBODY: Option<&str> = Some("Basic Og==");

const RULES: &str = "access:\n  groups: {dev: [alice]}\n  rules:\n  \
    - {repositories: ['public/**'], anonymous: true, actions: [pull]}\n  \
    - {repositories: ['team/**'], groups: [dev], actions: [push]}\n  \
    - {repositories: ['bob/*'], users: [bob], actions: [push, delete]}\n  \
    - {repositories: ['**'], users: [root], actions: ['*']}\n";

const AUTH: &str = "auth: {htpasswd: {realm: r, path: $TMP/htpasswd}}\n";

fn start(env: &Env, more: &str) -> (Server, BufReader<ChildStderr>) {
    let users: String = ["root", "alice", "bob"].iter().map(|user| format!("{user}:{HASH}\n")).collect();
    std::fs::write(env.path("htpasswd"), users).expect("written");
    let root = env.path("").display().to_string();
    let config = format!(
        "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {root}/data}}, delete: {{enabled: true}}}}\n\
         http: {{addr: '127.0.0.1:0'}}\n{}",
        more.replace("$TMP", &root)
    );
    std::fs::write(env.path("c.yml"), config).expect("written");
    Server::start_configured(&env.path("c.yml"), &env.path("data"))
}

fn send(server: &Server, who: Option<&str>, method: &str, target: &str, body: &[u8]) -> Response {
    let mut headers: Vec<_> = who.map(|value| ("Authorization", value)).into_iter().collect();
    if target.contains("/manifests/") {
        headers.push(("Content-Type", "application/vnd.oci.image.manifest.v1+json"));
    }
    server.client().send(method, target, &headers, body)
}

/// An image of an empty config and no layers, pushed by root.
fn push(server: &Server, repository: &str) {
    let config = digest(b"{}");
    let at = format!("/v2/{repository}/blobs/uploads/?digest={config}");
    assert_eq!(send(server, ROOT, "POST", &at, b"{}").status, 201);
    let manifest = format!(
        r#"{{"schemaVersion":2,"config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{config}","size":2}},"layers":[]}}"#
    );
    let at = format!("/v2/{repository}/manifests/v1");
    assert_eq!(send(server, ROOT, "PUT", &at, manifest.as_bytes()).status, 201);
}

#[test]
fn everybody_may_do_what_a_rule_says_and_nothing_else() {
    let env = Env::without_server();
    let (server, _log) = start(&env, &format!("{AUTH}{RULES}"));
    for repository in ["public/a", "team/app", "bob/x", "other"] {
        push(&server, repository);
    }
    let empty = Some("Basic Og==");
    for (who, method, target, status) in [
        (None, "GET", "/v2/", 401),
        (empty, "GET", "/v2/", 401),
        (BOB, "GET", "/v2/", 200),
        (None, "GET", "/v2/public/a/manifests/v1", 200),
        (empty, "GET", "/v2/public/a/manifests/v1", 200),
        (BOB, "GET", "/v2/public/a/manifests/v1", 200),
        (None, "GET", "/v2/public/a/tags/list", 200),
        (None, "GET", "/v2/public/nothing/tags/list", 404),
        (None, "POST", "/v2/public/a/blobs/uploads/", 401),
        (BOB, "POST", "/v2/public/a/blobs/uploads/", 403),
        (None, "GET", "/v2/team/app/manifests/v1", 401),
        (BOB, "GET", "/v2/team/app/manifests/v1", 403),
        (BOB, "HEAD", "/v2/team/app/manifests/v1", 403),
        (ALICE, "GET", "/v2/team/app/manifests/v1", 200),
        (ALICE, "POST", "/v2/team/app/blobs/uploads/", 202),
        (ALICE, "DELETE", "/v2/team/app/manifests/v1", 403),
        (ALICE, "GET", "/v2/team/tags/list", 403),
        (BOB, "GET", "/v2/bob/tags/list", 403),
        (BOB, "GET", "/v2/bob/x/y/tags/list", 403),
        (BOB, "DELETE", "/v2/bob/x/manifests/v1", 202),
        (ALICE, "GET", "/v2/NOT/A/NAME", 404),
        (ALICE, "OPTIONS", "/v2/bob/x/tags/list", 200),
        (ROOT, "GET", "/v2/other/tags/list", 200),
    ] {
        let answer = send(&server, who, method, target, b"");
        assert_eq!(answer.status, status, "{who:?} {method} {target}: {answer}");
        let challenge = (status == 401).then_some(r#"Basic realm="r""#);
        assert_eq!(answer.header("www-authenticate"), challenge, "{who:?} {method} {target}");
        if status == 403 && method != "HEAD" {
            assert_eq!(answer.code(), "DENIED", "{who:?} {method} {target}");
        }
    }
    // alice:wrong, where nobody needs a password
    let wrong = Some("Basic YWxpY2U6d3Jvbmc=");
    assert_eq!(send(&server, wrong, "GET", "/v2/public/a/tags/list", b"").status, 401);
}

/// Every pull begins with a question that nobody has shown a name for.
#[test]
fn the_log_names_users_whom_the_rules_refuse_and_no_strangers() {
    let env = Env::without_server();
    let (server, mut log) = start(&env, &format!("{AUTH}{RULES}"));
    for target in ["/v2/", "/v2/team/app/manifests/v1", "/v2/other/tags/list", "/v2/_catalog"] {
        assert_eq!(send(&server, None, "GET", target, b"").status, 401, "{target}");
    }
    assert_eq!(send(&server, BOB, "GET", "/v2/team/app/manifests/v1", b"").status, 403);
    server.signal("TERM");
    drop(server.wait());
    let mut said = String::new();
    log.read_to_string(&mut said).expect("a log");
    let told: Vec<_> = said.lines().filter(|line| !line.contains("response completed")).collect();
    let refused: Vec<_> = told.iter().filter(|line| line.contains("access") || line.contains("refused")).collect();
    let [one] = refused[..] else { panic!("{told:#?}") };
    assert!(one.contains("msg=\"access.rules do not allow what is asked\" auth.user.name=bob "), "{one}");
}

#[test]
fn what_is_there_and_what_is_not_look_the_same_to_who_may_not_look() {
    let env = Env::without_server();
    let (server, _log) = start(&env, &format!("{AUTH}{RULES}"));
    push(&server, "secret/a");
    for who in [None, BOB] {
        for (method, rest) in
            [("GET", "tags/list"), ("GET", "manifests/v1"), ("HEAD", "manifests/v1"), ("PUT", "manifests/v2")]
        {
            let of = |name: &str| {
                let answer = send(&server, who, method, &format!("/v2/secret/{name}/{rest}"), b"");
                answer.to_string().replace(&format!("secret/{name}"), "secret/N")
            };
            assert_eq!(of("a"), of("b"), "{who:?} {method} {rest}");
        }
    }
}

#[test]
fn the_catalog_shows_what_may_be_pulled() {
    let env = Env::without_server();
    let (server, _log) = start(&env, &format!("{AUTH}{RULES}"));
    for repository in ["alpine", "bob/x", "public/a", "public/b", "public/c", "team/a", "team/b", "zoo"] {
        push(&server, repository);
    }
    let list = |who, target: &str| send(&server, who, "GET", target, b"");
    let names = |answer: &Response| {
        let names: Vec<_> = answer.json()["repositories"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|name| name.as_str().expect("a name").to_owned())
            .collect();
        names.join(" ")
    };
    assert_eq!(names(&list(ROOT, "/v2/_catalog")), "alpine bob/x public/a public/b public/c team/a team/b zoo");
    assert_eq!(names(&list(ALICE, "/v2/_catalog")), "public/a public/b public/c team/a team/b");
    assert_eq!(names(&list(BOB, "/v2/_catalog")), "bob/x public/a public/b public/c");
    let asked = list(None, "/v2/_catalog");
    assert_eq!(asked.status, 401, "it is another one for each: {asked}");
    let (mut target, mut pages) = ("/v2/_catalog?n=2".to_owned(), Vec::new());
    loop {
        let page = list(NOBODY, &target);
        assert_eq!(page.status, 200, "{page}");
        pages.push(names(&page));
        let Some(link) = page.header("link") else { break };
        target = link.split(['<', '>']).nth(1).expect("a target").to_owned();
    }
    assert_eq!(pages, ["public/a public/b", "public/c"], "each page is full, and behind the last one there is none");
    assert_eq!(list(NOBODY, "/v2/_catalog?n=3").header("link"), None, "what is hidden is no reason to go on");
    assert_eq!(names(&list(BOB, "/v2/_catalog?n=1&last=alpine")), "bob/x");
}

#[test]
fn a_mount_reads_nothing_that_its_sender_may_not() {
    let env = Env::without_server();
    let (server, _log) = start(&env, &format!("{AUTH}{RULES}"));
    push(&server, "team/app");
    let blob = digest(b"{}");
    let mount = |who, from: &str| {
        send(&server, who, "POST", &format!("/v2/bob/x/blobs/uploads/?mount={blob}{from}"), b"").status
    };
    for from in ["&from=team/app", "&from=team/nothing", ""] {
        assert_eq!(mount(BOB, from), 202, "an upload, as if nothing were there: {from}");
    }
    assert_eq!(send(&server, BOB, "HEAD", &format!("/v2/bob/x/blobs/{blob}"), b"").status, 404);
    assert_eq!(mount(ALICE, "&from=team/app"), 403, "who may not push may not mount");
    assert_eq!(mount(ROOT, "&from=team/app"), 201);
}

#[test]
fn an_upload_is_of_its_repository() {
    let env = Env::without_server();
    let (server, _log) = start(&env, &format!("{AUTH}{RULES}"));
    let started = send(&server, ALICE, "POST", "/v2/team/app/blobs/uploads/", b"");
    let own = started.location();
    let elsewhere = own.replace("/team/app/", "/bob/x/");
    for (method, query) in [
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("PUT", "?digest=sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"),
    ] {
        let there = send(&server, BOB, method, &format!("{own}{query}"), b"{}");
        assert_eq!(there.status, 403, "{method}: {there}");
        let here = send(&server, BOB, method, &format!("{elsewhere}{query}"), b"{}");
        assert_eq!((here.status, here.code()), (404, "BLOB_UPLOAD_UNKNOWN".into()), "{method}: {here}");
    }
    assert_eq!(send(&server, ALICE, "PATCH", &own, b"{}").status, 202, "nobody has touched it");
}

#[test]
fn rules_without_users_are_for_strangers() {
    let env = Env::without_server();
    let rules = "access: {rules: [{repositories: ['public/*'], anonymous: true, actions: [pull]}]}\n";
    let (server, _log) = start(&env, rules);
    for (method, target, status) in [
        ("GET", "/v2/", 200),
        ("GET", "/v2/_catalog", 200),
        ("GET", "/v2/public/a/tags/list", 404),
        ("GET", "/v2/other/tags/list", 403),
        ("POST", "/v2/public/a/blobs/uploads/", 403),
    ] {
        let answer = send(&server, None, method, target, b"");
        assert_eq!((answer.status, answer.header("www-authenticate")), (status, None), "{method} {target}");
    }
    let repositories = env.path("data/docker/registry/v2/repositories");
    assert_eq!(std::fs::read_dir(repositories).expect("a folder").count(), 0, "nothing came in");
}

#[test]
fn rules_change_under_a_running_server() {
    let env = Env::without_server();
    let (server, mut log) = start(&env, &format!("{AUTH}{RULES}"));
    let asks = || send(&server, BOB, "GET", "/v2/team/app/tags/list", b"").status;
    assert_eq!(asks(), 403);
    let config = std::fs::read_to_string(env.path("c.yml")).expect("a configuration");
    let mut put = |text: &str, line: &str| {
        std::fs::write(env.path("new.yml"), text).expect("written");
        std::fs::rename(env.path("new.yml"), env.path("c.yml")).expect("renamed");
        server.signal("HUP");
        let mut said = String::new();
        while !said.contains(line) {
            assert!(log.read_line(&mut said).expect("the log is text") > 0, "{said}");
        }
    };
    put(&config.replace("dev: [alice]", "dev: [alice, bob]"), "the configuration has changed");
    assert_eq!(asks(), 404);
    put(&config.replace("groups: [dev]", "groups: [devs]"), "is none of access.groups");
    assert_eq!(asks(), 404, "what cannot be used changes nothing");
    put(&config, "the configuration has changed");
    assert_eq!(asks(), 403);
    let cut = config.split("access:").next().expect("what stands before");
    put(cut, "the configuration has changed");
    assert_eq!(asks(), 403, "a file that was cut opens nothing");
}
