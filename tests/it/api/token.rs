//! A registry that takes tokens of somebody else: what bearers, strangers and forgers are answered, and docker's whole flow.
//!
//! The tokens are of `tests/fixtures/tokens`, which PyJWT signed.

use std::io::{BufReader, Read as _};
use std::path::Path;
use std::process::ChildStderr;

use expect_test::expect;

use crate::support::http::Response;
use crate::support::scripted::{Request, Scripted, reply};
use crate::support::{Env, Server};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tokens");

fn fixtures() -> serde_json::Value {
    serde_json::from_str(include_str!("../../fixtures/tokens/tokens.json")).expect("tokens")
}

fn token(name: &str) -> String {
    fixtures()["good"][name].as_str().expect(name).to_owned()
}

/// A registry for tokens that `realm` gives out.
fn guarded(env: &Env, realm: &str) -> (Server, BufReader<ChildStderr>) {
    configured(env, realm, "", "")
}

/// The same with more keys for `http` and `auth.token`.
fn configured(env: &Env, realm: &str, http: &str, more: &str) -> (Server, BufReader<ChildStderr>) {
    let config = format!(
        "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {root}/data}}, delete: {{enabled: true}}}}\n\
         http: {{addr: '127.0.0.1:0'{http}}}\n\
         auth: {{token: {{realm: '{realm}', service: registry.example, issuer: issuer.example,\n  \
         rootcertbundle: {FIXTURES}/bundle.pem, jwks: {root}/jwks.json{more}}}}}\n",
        root = env.path("").display()
    );
    std::fs::copy(Path::new(FIXTURES).join("jwks.json"), env.path("jwks.json")).expect("copied");
    std::fs::write(env.path("c.yml"), config).expect("written");
    Server::start_configured(&env.path("c.yml"), &env.path("data"))
}

fn send(server: &Server, method: &str, target: &str, token: Option<&str>) -> Response {
    let value = token.map(|token| format!("Bearer {token}"));
    let headers: Vec<_> = value.iter().map(|value| ("Authorization", value.as_str())).collect();
    server.client().send(method, target, &headers, b"")
}

#[test]
fn strangers_hear_where_to_get_a_token_and_for_what() {
    const BARE: &str = r#"Bearer realm="https://auth.example/token",service="registry.example""#;
    const BODY: &str = r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#;
    let env = Env::without_server();
    let (server, _log) = guarded(&env, "https://auth.example/token");
    for (method, target, scope) in [
        ("GET", "/v2/", ""),
        ("GET", "/v2/_catalog", r#",scope="registry:catalog:*""#),
        ("HEAD", "/v2/a/manifests/v1", r#",scope="repository:a:pull""#),
        ("PUT", "/v2/a/manifests/v1", r#",scope="repository:a:pull,push""#),
        ("DELETE", "/v2/a/manifests/v1", r#",scope="repository:a:delete""#),
        ("GET", "/v2/NOT/A/NAME", ""),
        ("BREW", "/v2/", ""),
    ] {
        let answer = send(&server, method, target, None);
        assert_eq!(answer.status, 401, "{method} {target}");
        assert_eq!(answer.header("www-authenticate"), Some(&*format!("{BARE}{scope}")), "{method} {target}");
        assert_eq!(answer.header("docker-distribution-api-version"), Some("registry/2.0"));
        if method == "HEAD" {
            assert_eq!(answer.text(), "");
        } else if scope.is_empty() {
            assert_eq!(answer.text(), BODY, "{method} {target}");
        }
    }
    let mount = "/v2/a/blobs/uploads/?from=b&mount=sha256:\
                 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let answer = send(&server, "POST", mount, None);
    let challenge = format!(r#"{BARE},scope="repository:a:pull,push repository:b:pull""#);
    assert_eq!(answer.header("www-authenticate"), Some(&*challenge));
    expect![[r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":[{"Type":"repository","Class":"","Name":"a","Action":"pull"},{"Type":"repository","Class":"","Name":"a","Action":"push"},{"Type":"repository","Class":"","Name":"b","Action":"pull"}]}]}"#]]
    .assert_eq(&answer.text());
    assert_eq!(send(&server, "GET", "/", None).status, 200, "load balancers have no token");
    let repositories = env.path("data/docker/registry/v2/repositories");
    assert_eq!(std::fs::read_dir(repositories).expect("a folder").count(), 0, "nothing came in");
}

#[test]
fn a_bearer_may_do_what_the_token_says() {
    let env = Env::without_server();
    let (server, mut log) = guarded(&env, "https://auth.example/token");
    let ask = |method: &str, target: &str, name: &str| send(&server, method, target, Some(&token(name)));
    let insufficient = |answer: &Response| {
        assert_eq!(answer.code(), "UNAUTHORIZED");
        answer.status == 401
            && answer.header("www-authenticate").is_some_and(|text| text.ends_with(r#",error="insufficient_scope""#))
    };
    assert_eq!(ask("GET", "/v2/", "nothing").text(), "{}");
    assert_eq!(ask("GET", "/v2/_catalog", "catalog").status, 200);
    assert!(insufficient(&ask("GET", "/v2/_catalog", "all")));
    assert_eq!(ask("POST", "/v2/team/app/blobs/uploads/", "x5c").status, 202);
    assert!(insufficient(&ask("POST", "/v2/team/app/blobs/uploads/", "pull")));
    assert!(insufficient(&ask("POST", "/v2/team/app2/blobs/uploads/", "libtrust")));
    assert_eq!(ask("GET", "/v2/team/app/tags/list", "pull").code(), "NAME_UNKNOWN");
    assert!(insufficient(&ask("DELETE", "/v2/team/app/manifests/v1", "ES256")));
    assert_eq!(ask("DELETE", "/v2/team/app/manifests/v1", "delete").status, 404);
    assert_eq!(ask("GET", "/v2/NOT/A/NAME", "nothing").status, 404, "who is let in hears what is wrong");
    assert_eq!(ask("GET", "/v2/", "nobody").status, 200);
    std::fs::write(env.path("new"), r#"{"keys":[{"kty":"oct","kid":"none","k":"AQ"}]}"#).expect("written");
    std::fs::rename(env.path("new"), env.path("jwks.json")).expect("renamed");
    assert_eq!(ask("GET", "/v2/", "nothing").status, 401, "what was remembered went with the key");
    server.signal("TERM");
    let mut said = server.ready.clone();
    let (status, access) = server.wait();
    assert!(status.success());
    let users: Vec<_> = access.lines().filter_map(|line| line.split(' ').nth(2)).collect();
    let (alice, nobody) = ("alice", "-");
    let expected = [alice, alice, nobody, alice, nobody, nobody, alice, nobody, alice, alice, nobody, nobody];
    assert_eq!(users, expected, "{access}");
    log.read_to_string(&mut said).expect("a log");
    assert!(said.contains("a token does not allow what is asked") && said.contains("repository:team/app2:pull,push"));
    assert!(said.contains(r#"its key \"p256\" is not known"#), "{said}");
    assert!(!said.contains(&token("nothing")) && !access.contains(&token("nothing")), "no token ends in a log");
}

#[test]
fn forged_tokens_open_nothing() {
    let env = Env::without_server();
    let (server, _log) = guarded(&env, "https://auth.example/token");
    let expected = r#"Bearer realm="https://auth.example/token",service="registry.example",error="invalid_token""#;
    let fixtures = fixtures();
    let bad = fixtures["bad"].as_object().expect("an object");
    assert!(bad.len() > 40);
    let long = "a".repeat(50 << 10);
    let all =
        bad.iter().map(|(name, value)| (name.as_str(), value.as_str().expect("a text"))).chain([("long", &*long)]);
    for (name, token) in all {
        let answer = send(&server, "GET", "/v2/", Some(token));
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some(expected)), "{name}");
    }
    let good = token("all");
    let twice = format!("Bearer {good}");
    let twice = [("Authorization", twice.as_str()), ("Authorization", twice.as_str())];
    assert_eq!(server.client().send("GET", "/v2/", &twice, b"").status, 401);
    for query in ["access_token", "token", "authorization"] {
        let target = format!("/v2/team/app/tags/list?{query}={good}");
        assert_eq!(send(&server, "GET", &target, None).status, 401, "{query}");
    }
    assert_eq!(send(&server, "GET", "/v2/", Some(&good)).status, 200, "one header, one token");
}

#[test]
fn a_mount_reads_only_what_its_bearer_may_read() {
    let env = Env::without_server();
    let open = Server::start(&env.path("data"));
    let digest = open.client().push_blob("base", b"of the base");
    open.signal("TERM");
    drop(open.wait());
    let (server, _log) = guarded(&env, "https://auth.example/token");
    let mount = |from: &str, name: &str| {
        let target = format!("/v2/team/app/blobs/uploads/?mount={digest}{from}");
        send(&server, "POST", &target, Some(&token(name)))
    };
    let pull = |name: &str| send(&server, "GET", &format!("/v2/team/app/blobs/{digest}"), Some(&token(name)));
    assert_eq!(mount("&from=base", "all").status, 401);
    assert_eq!(mount("&from=base&from=team/app", "all").status, 401);
    assert_eq!(mount("", "all").status, 202, "an upload: nobody looks where the bearer may not");
    assert_eq!(mount("&from=", "all").status, 202);
    assert_eq!(mount("&from=NO", "all").status, 202);
    assert_eq!(pull("all").status, 404);
    assert_eq!(mount("&from=base", "two").status, 201);
    assert_eq!(pull("all").text(), "of the base");
    assert_eq!(mount("", "all").status, 201, "its own");
}

#[test]
fn the_realm_is_where_the_client_came_from() {
    let env = Env::without_server();
    let (server, _log) = configured(&env, "https://auth.example/token", "", ", autoredirect: true");
    let answer = server.client().send("GET", "/v2/", &[("X-Forwarded-Proto", "http")], b"");
    let expected = format!(r#"Bearer realm="http://{}/auth/token",service="registry.example""#, server.host);
    assert_eq!(answer.header("www-authenticate"), Some(&*expected));
    let expected = expected.replace("http:", "https:");
    assert_eq!(send(&server, "GET", "/v2/", None).header("www-authenticate"), Some(&*expected));
    drop(server);
    let more = ", autoredirect: true, autoredirectpath: /elsewhere";
    let (server, _log) = configured(&env, "https://auth.example/token", "", more);
    let expected = format!(r#"Bearer realm="https://{}/elsewhere",service="registry.example""#, server.host);
    assert_eq!(send(&server, "GET", "/v2/", None).header("www-authenticate"), Some(&*expected));
}

#[test]
fn signatures_are_of_the_algorithms_that_are_taken() {
    let env = Env::without_server();
    let more = ", signingalgorithms: [EdDSA, RS256]";
    let (server, _log) = configured(&env, "https://auth.example/token", "", more);
    for (name, status) in [("EdDSA", 200), ("RS256", 200), ("ES256", 401), ("RS512", 401)] {
        assert_eq!(send(&server, "GET", "/v2/", Some(&token(name))).status, status, "{name}");
    }
}

#[test]
fn scopes_are_of_the_path_behind_the_prefix() {
    let env = Env::without_server();
    let (server, _log) = configured(&env, "https://auth.example/token", ", prefix: /registry/", "");
    let get = |target: &str, name: &str| send(&server, "GET", target, Some(&token(name)));
    let refused = get("/registry/v2/team/app/tags/list", "nothing");
    let challenge = refused.header("www-authenticate").expect("a challenge");
    assert!(challenge.ends_with(r#",scope="repository:team/app:pull",error="insufficient_scope""#), "{challenge}");
    assert_eq!(get("/registry/v2/team/app/tags/list", "pull").code(), "NAME_UNKNOWN");
    assert_eq!(send(&server, "GET", "/v2/team/app/tags/list", None).status, 401);
    assert_eq!(get("/v2/team/app/tags/list", "nothing").text(), "404 page not found\n", "outside there is nothing");
}

/// A token server: `alice:secret` may pull and push `team/app`, and gets an empty token for everything else.
fn issue(request: &Request) -> crate::support::scripted::Reply {
    // alice:secret
    if request.header("authorization") != Some("Basic YWxpY2U6c2VjcmV0") {
        return reply(401, &[], r#"{"errors":[{"code":"UNAUTHORIZED","message":"wrong password"}]}"#);
    }
    assert!(request.line.contains("service=registry.example"), "{}", request.line);
    let name = if request.line.contains("push") && request.line.contains("app%3A") {
        "ES256"
    } else if request.line.contains("app%3A") {
        "pull"
    } else {
        "nothing"
    };
    reply(200, &["Content-Type: application/json"], format!(r#"{{"token":"{}"}}"#, token(name)))
}

#[test]
fn the_command_line_logs_in_pushes_and_pulls_with_tokens() {
    let env = Env::without_server();
    let issuer = Scripted::serve(issue);
    let (server, _log) = guarded(&env, &format!("http://{}/token", issuer.host));
    let host = server.host.clone();
    let push = |name: &str| format!("copy oci:{}/tests/fixtures/hello:v1 {host}/{name}:v1", env!("CARGO_MANIFEST_DIR"));
    assert_eq!(env.reg(&push("team/app")).exit, Some(4), "nobody is logged in");
    let login = format!("login {host} -u alice --password-stdin");
    assert_eq!(env.reg_with_input(&login, "wrong\n").exit, Some(4));
    assert_eq!(env.reg_with_input(&login, "secret\n").exit, Some(0));
    let pushed = env.reg(&push("team/app"));
    assert_eq!(pushed.exit, Some(0), "{}", pushed.stderr);
    assert_eq!(env.reg(&format!("tags {host}/team/app -o name")).stdout, format!("{host}/team/app:v1\n"));
    let pulled = env.reg(&format!("copy {host}/team/app:v1 oci:$TMP/out:v1"));
    assert_eq!(pulled.exit, Some(0), "{}", pulled.stderr);
    assert!(env.path("out/index.json").exists());
    let refused = env.reg(&push("team/other"));
    assert_eq!(refused.exit, Some(4), "{}", refused.stderr);
    assert_eq!(env.reg(&format!("catalog {host}")).exit, Some(4));
    assert!(!env.path("data/docker/registry/v2/repositories/team/other").exists());
    let asked: Vec<_> = issuer.requests().into_iter().map(|request| request.line).collect();
    assert!(asked.iter().any(|line| line.contains("scope=repository%3Ateam%2Fapp%3Apull%2Cpush")), "{asked:#?}");
    assert_eq!(env.reg(&format!("logout {host}")).exit, Some(0));
    assert_eq!(env.reg(&format!("tags {host}/team/app")).exit, Some(4));
}

#[test]
fn what_holds_no_keys_is_no_reason_to_open() {
    let mut env = Env::without_server();
    std::fs::write(env.path("empty"), "").expect("written");
    let auth = |more: &str| format!("{{token: {{realm: r, service: s, issuer: i, {more}}}}}");
    env.set("REGISTRY_AUTH", &auth("rootcertbundle: $TMP/empty"));
    env.reg("serve --addr 127.0.0.1:0 --root $TMP/data").check(expect![[r#"
        ------- stderr -------
        error: cannot start the registry
          caused by: there is no certificate in $TMP/empty
        hint: auth.token.rootcertbundle names certificates of the token server, auth.token.jwks its keys
        [exit 2]
    "#]]);
    env.set("REGISTRY_AUTH", &auth("jwks: $TMP/empty"));
    env.reg("serve --addr 127.0.0.1:0 --root $TMP/data").check(expect![[r#"
        ------- stderr -------
        error: cannot start the registry
          caused by: $TMP/empty is no JSON Web Key Set
          caused by: EOF while parsing a value at line 1 column 0
        hint: auth.token.jwks names a file {"keys": [...]} with the public keys of the token server, or its URL
        [exit 2]
    "#]]);
}
