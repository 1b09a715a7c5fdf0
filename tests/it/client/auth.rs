//! Challenges and tokens: what is asked of whom, with which credentials, and how often.

use expect_test::expect;

use super::TAGS;
use crate::support::Env;
use crate::support::scripted::{Reply, Scripted, on, reply};

const LIST: &str = "GET /v2/a/tags/list";

/// `u:p`
const BASIC: &str = "Basic dTpw";

/// A 401 with this challenge.
fn refuse(challenge: &str) -> Reply {
    reply(401, &[&format!("WWW-Authenticate: {challenge}")], r#"{"errors":[{"code":"UNAUTHORIZED","message":"no"}]}"#)
}

/// A world that knows `entry` for the registry.
fn world(registry: &Scripted, entry: &str) -> Env {
    let mut env = Env::without_server();
    env.set("DOCKER_AUTH_CONFIG", &format!(r#"{{"auths":{{"{}":{entry}}}}}"#, registry.host));
    env
}

const USER: &str = r#"{"auth":"dTpw"}"#;

#[test]
fn basic_after_one_refusal_and_from_then_on() {
    let next = "Link: </v2/a/tags/list?last=v1>; rel=\"next\"";
    let registry = Scripted::follow([
        on(LIST, refuse("BASIC realm=\"Sonatype Nexus\"")).without("authorization"),
        on(LIST, reply(200, &[next], r#"{"tags":["v1"]}"#)).with("authorization", BASIC),
        on("GET /v2/a/tags/list?last=v1", reply(200, &[], r#"{"tags":["v2"]}"#)).with("authorization", BASIC),
    ]);
    let env = world(&registry, USER);
    assert_eq!(registry.reg(&env, "tags $HOST/a -o name").to_string(), "$HOST/a:v1\n$HOST/a:v2\n");
    registry.finished();
}

#[test]
fn an_anonymous_token_for_our_own_scope() {
    for (challenge, token) in [
        ("Bearer realm=\"http://$HOST/token\",service=\"s\",scope=\"repository:a:pull\"", r#"{"token":"t"}"#),
        ("bearer Realm=\"http://$HOST/token\", service=\"s\"", r#"{"access_token":"t","expires_in":300}"#),
        ("Bearer realm=\"/token\",service=\"s\",error=\"x, y\"", r#"{"token":"","access_token":"t"}"#),
        ("Negotiate, Bearer realm=\"/token\",service=\"s\"", r#"{"token":"t","expires_in":"60","issued_at":"now"}"#),
    ] {
        let registry = Scripted::follow([
            on(LIST, refuse(challenge)).without("authorization"),
            on("GET /token?service=s&scope=repository%3Aa%3Apull&client_id=reg", reply(200, &[], token))
                .without("authorization"),
            on(LIST, reply(200, &[], TAGS)).with("authorization", "Bearer t"),
        ]);
        let output = registry.reg(&Env::without_server(), "tags $HOST/a -o name");
        assert_eq!(output.to_string(), "$HOST/a:v1\n$HOST/a:v2\n", "{challenge}");
        registry.finished();
    }
}

#[test]
fn a_password_goes_to_the_realm_and_the_token_to_the_registry() {
    let registry = Scripted::follow([
        on(LIST, refuse("Bearer realm=\"http://$HOST/token?x=1\",scope=\"repository:a:pull\"")),
        on("GET /token?x=1&scope=repository%3Aa%3Apull&client_id=reg&account=u", reply(200, &[], r#"{"token":"t"}"#))
            .with("authorization", BASIC),
        on(LIST, reply(200, &[], TAGS)).with("authorization", "Bearer t"),
    ]);
    assert_eq!(registry.reg(&world(&registry, USER), "tags $HOST/a").exit, Some(0));
    registry.finished();
}

#[test]
fn several_headers_and_the_best_of_them() {
    let challenges = &[
        "WWW-Authenticate: Negotiate",
        "WWW-Authenticate: Basic realm=\"x\"",
        "WWW-Authenticate: Bearer realm=\"/token\"",
    ];
    let registry = Scripted::follow([
        on(LIST, reply(401, challenges, "")),
        on("GET /token?scope=repository%3Aa%3Apull&client_id=reg", reply(200, &[], r#"{"token":"t"}"#)),
        on(LIST, reply(200, &[], TAGS)).with("authorization", "Bearer t"),
    ]);
    assert_eq!(registry.reg(&Env::without_server(), "tags $HOST/a").exit, Some(0));
    registry.finished();
}

#[test]
fn an_identity_token_is_posted() {
    let registry = Scripted::follow([
        on(LIST, refuse("Bearer realm=\"/token\",service=\"s\"")),
        on("POST /token", reply(200, &[], r#"{"access_token":"t"}"#)).without("authorization"),
        on(LIST, reply(200, &[], TAGS)).with("authorization", "Bearer t"),
    ]);
    let env = world(&registry, r#"{"identitytoken":"i/d"}"#);
    assert_eq!(registry.reg(&env, "tags $HOST/a").exit, Some(0));
    registry.finished();
    let form = String::from_utf8(registry.requests()[1].body.clone()).expect("a form");
    assert_eq!(
        form,
        "grant_type=refresh_token&client_id=reg&service=s&scope=repository%3Aa%3Apull&refresh_token=i%2Fd"
    );
}

#[test]
fn a_realm_that_takes_no_post_is_asked_by_get() {
    for status in [404, 405] {
        let registry = Scripted::follow([
            on(LIST, refuse("Bearer realm=\"/token\"")),
            on("POST /token", reply(status, &[], "")),
            on("GET /token?scope=repository%3Aa%3Apull&client_id=reg", reply(200, &[], r#"{"token":"t"}"#)),
            on(LIST, reply(200, &[], TAGS)).with("authorization", "Bearer t"),
        ]);
        let env = world(&registry, r#"{"identitytoken":"id"}"#);
        assert_eq!(registry.reg(&env, "tags $HOST/a").exit, Some(0), "{status}");
        registry.finished();
    }
}

#[test]
fn a_registry_token_is_sent_as_it_is() {
    let registry = Scripted::follow([
        on(LIST, refuse("Bearer realm=\"/token\"")),
        on(LIST, reply(200, &[], TAGS)).with("authorization", "Bearer ready"),
    ]);
    assert_eq!(registry.reg(&world(&registry, r#"{"registrytoken":"ready"}"#), "tags $HOST/a").exit, Some(0));
    registry.finished();
}

#[test]
fn a_refused_token_is_not_asked_for_again_and_again() {
    let challenge = "Bearer realm=\"/token\",scope=\"repository:a:pull\"";
    let registry = Scripted::follow([
        on(LIST, refuse(challenge)),
        on("GET /token?scope=repository%3Aa%3Apull&client_id=reg", reply(200, &[], r#"{"token":"t"}"#)),
        on(LIST, refuse(challenge)).with("authorization", "Bearer t"),
    ]);
    registry.reg(&Env::without_server(), "tags $HOST/a").check(expect![[r#"
        ------- stderr -------
        error: cannot list the tags of $HOST/a
          caused by: GET /v2/a/tags/list: 401 UNAUTHORIZED (no)
        hint: reg login $HOST
        [exit 4]
    "#]]);
    registry.finished();
}

#[test]
fn refused_credentials_are_named_with_their_origin() {
    let basic = || refuse("Basic realm=\"x\"");
    let registry = Scripted::follow([on(LIST, basic()), on(LIST, basic()).with("authorization", BASIC)]);
    let output = registry.reg(&world(&registry, USER), "tags $HOST/a");
    assert_eq!(output.exit, Some(4), "{output}");
    assert!(output.stderr.contains("user u, from DOCKER_AUTH_CONFIG"), "{output}");
    assert!(!output.stderr.contains("dTpw"), "{output}");
    registry.finished();
}

#[test]
fn a_token_that_lacks_something_is_widened_once() {
    let lacking =
        "WWW-Authenticate: Bearer realm=\"/token\",scope=\"repository:mirror/a:pull\",error=\"insufficient_scope\"";
    let registry = Scripted::follow([
        on(LIST, refuse("Bearer realm=\"/token\"")),
        on("GET /token?scope=repository%3Aa%3Apull&client_id=reg", reply(200, &[], r#"{"token":"t1"}"#)),
        on(LIST, reply(403, &[lacking], "")).with("authorization", "Bearer t1"),
        on(
            "GET /token?scope=repository%3Aa%3Apull&scope=repository%3Amirror%2Fa%3Apull&client_id=reg",
            reply(200, &[], r#"{"token":"t2"}"#),
        ),
        on(LIST, reply(403, &[lacking], "")).with("authorization", "Bearer t2"),
    ]);
    assert_eq!(registry.reg(&Env::without_server(), "tags $HOST/a").exit, Some(4));
    registry.finished();
}

/// A password does not help where the registry says what is in the way.
#[test]
fn a_refusal_with_a_reason_hints_at_no_login() {
    let refused = |message: &str, user: &str| {
        let body = format!(r#"{{"errors":[{{"code":"DENIED","message":"{message}"}}]}}"#);
        let registry = Scripted::serve(move |_| reply(403, &[], &body));
        let env = if user.is_empty() { Env::without_server() } else { world(&registry, user) };
        let output = registry.reg(&env, "tags $HOST/a");
        assert_eq!(output.exit, Some(4), "{output}");
        let hint = output.stderr.lines().find_map(|line| line.strip_prefix("hint: "));
        hint.unwrap_or_default().split(" (").next().map(str::to_owned).unwrap_or_default()
    };
    let quota = "room is made by deleting what is not needed";
    for (message, hint) in [
        ("", "reg login $HOST"),
        ("requested access to the resource is denied", "reg login $HOST"),
        ("Forbidden", "reg login $HOST"),
        ("the quota of team is 10 bytes: 5 are used, and 6 more are needed", quota),
        ("access denied: storage QUOTA exceeded", quota),
        ("images of this age are not kept here", ""),
    ] {
        assert_eq!(refused(message, ""), hint, "{message}");
    }
    assert_eq!(refused("the quota of team is 10 bytes", USER), quota);
}

#[test]
fn no_challenge_leads_to_the_root_then_to_basic() {
    let registry = Scripted::follow([
        on(LIST, reply(401, &[], "")),
        on("GET /v2/", refuse("Bearer realm=\"/token\",scope=\"repository:user/image:pull\"")),
        on("GET /token?scope=repository%3Aa%3Apull&client_id=reg", reply(200, &[], r#"{"token":"t"}"#)),
        on(LIST, reply(200, &[], TAGS)).with("authorization", "Bearer t"),
    ]);
    assert_eq!(registry.reg(&Env::without_server(), "tags $HOST/a").exit, Some(0));
    registry.finished();

    let registry = Scripted::follow([
        on(LIST, reply(401, &[], "")),
        on("GET /v2/", reply(401, &[], "")),
        on(LIST, reply(200, &[], TAGS)).with("authorization", BASIC),
    ]);
    assert_eq!(registry.reg(&world(&registry, USER), "tags $HOST/a").exit, Some(0));
    registry.finished();

    let registry = Scripted::follow([on(LIST, reply(401, &[], "")), on("GET /v2/", reply(200, &[], ""))]);
    assert_eq!(registry.reg(&Env::without_server(), "tags $HOST/a").exit, Some(4));
    registry.finished();
}

#[test]
fn what_a_token_server_says_when_it_does_not() {
    for (answer, exit, said) in [
        (reply(200, &[], "{}"), 1, "the token server returned no token"),
        (reply(200, &[], "<html>"), 1, "its answer is no token document"),
        (reply(401, &[], r#"{"errors":[{"code":"UNAUTHORIZED","message":"wrong password"}]}"#), 4, "wrong password"),
        (reply(400, &[], r#"{"error":"invalid_grant"}"#), 4, "invalid_grant"),
        (reply(404, &[], ""), 1, "404 Not Found"),
    ] {
        let registry = Scripted::follow([
            on(LIST, refuse("Bearer realm=\"/token\"")),
            on("GET /token?scope=repository%3Aa%3Apull&client_id=reg&account=u", answer),
        ]);
        let output = registry.reg(&world(&registry, USER), "tags $HOST/a");
        assert_eq!(output.exit, Some(exit), "{output}");
        assert!(output.stderr.contains("no token from http://$HOST/token") && output.stderr.contains(said), "{output}");
        registry.finished();
    }
}

#[test]
fn secrets_are_not_shown() {
    let registry = Scripted::serve(|request| match request.header("authorization") {
        Some("Bearer tokensecret") => reply(200, &["Set-Cookie: session=cookiesecret"], TAGS),
        _ if request.line.contains("/token") => reply(200, &[], r#"{"token":"tokensecret"}"#),
        _ => refuse("Bearer realm=\"/token\""),
    });
    let output = registry.reg(&world(&registry, USER), "tags $HOST/a -vv").to_string();
    assert!(output.contains("authorization: Bearer ***") && output.contains("authorization: Basic ***"), "{output}");
    for secret in ["tokensecret", "dTpw", "cookiesecret"] {
        assert!(!output.contains(secret), "{output}");
    }
}

#[test]
fn a_password_is_not_sent_where_the_registry_likes() {
    for realm in ["ftp://$HOST/token", "http://user@$HOST/token", "https://"] {
        let registry = Scripted::follow([on(LIST, refuse(&format!("Bearer realm=\"{realm}\"")))]);
        let output = registry.reg(&world(&registry, USER), "tags $HOST/a");
        assert_ne!(output.exit, Some(0), "{realm}: {output}");
        registry.finished();
    }
}

/// A registry whose tokens say what they are for, and which deletes for whoever has `accepted`.
fn deleting(accepted: &'static str) -> Scripted {
    let index = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
    let digest = format!("Docker-Content-Digest: {}", crate::support::digest(index.as_bytes()));
    Scripted::serve(move |request| {
        let (method, path) = request.line.split_once(' ').expect("a request line");
        if path.starts_with("/token") {
            let actions = ["delete", "*", "push"].into_iter().find(|action| path.contains(action)).unwrap_or("pull");
            return reply(200, &[], format!(r#"{{"token":"{actions}"}}"#));
        }
        let Some(token) = request.header("authorization") else { return refuse("Bearer realm=\"/token\"") };
        match method {
            "DELETE" if token == format!("Bearer {accepted}") => reply(202, &[], ""),
            "DELETE" => reply(403, &[], r#"{"errors":[{"code":"DENIED","message":"no"}]}"#),
            _ if path.contains("/tags/") => reply(200, &[], r#"{"tags":["v1"]}"#),
            _ if path.contains("/manifests/sha256-") || path.contains("/referrers/") => reply(404, &[], ""),
            _ => reply(200, &["Content-Type: application/vnd.oci.image.index.v1+json", &digest], index),
        }
    })
}

#[test]
fn deleting_asks_for_what_token_servers_know() {
    // Most know `delete`, some only everything, Quay nothing for whoever says `delete`.
    for (accepted, tries) in [("delete", 1), ("push", 2), ("*", 3)] {
        let registry = deleting(accepted);
        let output = registry.reg(&Env::without_server(), "delete $HOST/a:v1 --yes");
        assert_eq!(output.exit, Some(0), "{accepted}: {output}");
        let deletes = registry.requests().iter().filter(|request| request.line.starts_with("DELETE")).count();
        assert_eq!(deletes, tries, "{accepted}");
    }
    let registry = deleting("nothing");
    assert_eq!(registry.reg(&Env::without_server(), "delete $HOST/a:v1 --yes").exit, Some(4));
}
