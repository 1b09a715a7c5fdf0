//! What is sent again, and what is not.

use expect_test::expect;

use super::TAGS;
use crate::support::Env;
use crate::support::scripted::{Scripted, hang_up, on, reply};

const LIST: &str = "GET /v2/a/tags/list";

#[test]
fn busy_and_broken_registries_are_asked_again() {
    for (fault, what) in [
        (reply(503, &["Retry-After: 0"], ""), "503 with seconds"),
        (reply(429, &["Retry-After: Wed, 21 Oct 2015 07:28:00 GMT"], ""), "429 with a date"),
        (reply(500, &[], "oops"), "500"),
        (reply(502, &[], "<html>"), "502"),
        (reply(504, &[], ""), "504"),
        (reply(520, &[], ""), "520"),
        (reply(408, &[], ""), "408"),
        (reply(425, &[], ""), "425"),
        (hang_up(), "a closed connection"),
    ] {
        let registry = Scripted::follow([on(LIST, fault), on(LIST, reply(200, &[], TAGS))]);
        let output = registry.reg(&Env::without_server(), "tags $HOST/a -o name");
        assert_eq!(output.to_string(), "$HOST/a:v1\n$HOST/a:v2\n", "{what}");
        registry.finished();
    }
}

#[test]
fn five_reads_then_the_reason() {
    let busy = || reply(503, &["Retry-After: 0", "Content-Type: text/html"], "<html><title>503 so busy</title>");
    let registry = Scripted::follow((0..5).map(|_| on(LIST, busy())));
    registry.reg(&Env::without_server(), "tags $HOST/a").check(expect![[r#"
        ------- stderr -------
        error: cannot list the tags of $HOST/a
          caused by: GET /v2/a/tags/list: 503 Service Unavailable (503 so busy)
        hint: the registry is out of order or overloaded: its log says why, and so does its health page (/debug/health) if it has one
        [exit 1]
    "#]]);
    registry.finished();
}

#[test]
fn a_refusal_is_final() {
    for status in [400, 404, 405, 410, 501] {
        let registry = Scripted::follow([on(LIST, reply(status, &[], ""))]);
        let output = registry.reg(&Env::without_server(), "tags $HOST/a");
        assert_ne!(output.exit, Some(0), "{status}");
        registry.finished();
    }
}

#[test]
fn what_was_waited_for_in_vain_is_no_advice() {
    let registry = Scripted::serve(|_| reply(429, &["Retry-After: 0"], ""));
    registry.reg(&Env::without_server(), "tags $HOST/a").check(expect![[r#"
        ------- stderr -------
        error: cannot list the tags of $HOST/a
          caused by: GET /v2/a/tags/list: 429 Too Many Requests
        hint: every try was refused: try again later, or ask for less at once
        [exit 6]
    "#]]);
    // The next try is soon, and not at once: the waits are told, and their sum is no nothing.
    let told = registry.reg(&Env::without_server(), "tags -v $HOST/a").stderr;
    let waits = told.matches("again in").count();
    assert!(waits > 1 && told.matches("again in 0 ms").count() < waits, "{told}");
}

#[test]
fn a_wait_beyond_the_limit_ends_at_once() {
    let wait = &["Retry-After: 3600"][..];
    let message = r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"pull rate limit"}]}"#;
    let registry = Scripted::follow([on(LIST, reply(429, wait, message))]);
    registry.reg(&Env::without_server(), "tags $HOST/a").check(expect![[r#"
        ------- stderr -------
        error: cannot list the tags of $HOST/a
          caused by: GET /v2/a/tags/list: 429 TOOMANYREQUESTS (pull rate limit)
        hint: try again in 3600 s, or wait for it with --max-wait 3600s
        [exit 6]
    "#]]);
    registry.finished();

    let far = &["Retry-After: Wed, 21 Oct 2099 07:28:00 GMT"][..];
    let registry = Scripted::follow([on(LIST, reply(429, far, ""))]);
    assert_eq!(registry.reg(&Env::without_server(), "tags $HOST/a").exit, Some(6));
    registry.finished();

    let registry = Scripted::follow([on(LIST, reply(429, &["Retry-After: 5"], ""))]);
    assert_eq!(registry.reg(&Env::without_server(), "tags $HOST/a --max-wait 4s").exit, Some(6));
    registry.finished();
}

const UNWELL: &str = r#"{"errors":[{"code":"UNAVAILABLE","message":"service unavailable","detail":"health check failed: please see /debug/health"}]}"#;

/// It comes back or it does not: nobody waits for it again and again without a word.
#[test]
fn a_registry_that_is_out_of_order_is_waited_for_once() {
    let unwell = |secs: &str| on(LIST, reply(503, &[&format!("Retry-After: {secs}")], UNWELL));
    let registry = Scripted::follow([unwell("3"), unwell("3")]);
    registry.reg(&Env::without_server(), "tags $HOST/a").check(expect![[r#"
        ------- stderr -------
        $HOST is out of order (503) and asks to wait 3 s
        error: cannot list the tags of $HOST/a
          caused by: GET /v2/a/tags/list: 503 UNAVAILABLE (service unavailable: health check failed: please see /debug/health)
        hint: the registry is out of order or overloaded: its log says why, and so does its health page (/debug/health) if it has one
        [exit 1]
    "#]]);
    registry.finished();

    let registry = Scripted::follow([unwell("3"), on(LIST, reply(200, &[], TAGS))]);
    assert_eq!(registry.reg(&Env::without_server(), "tags $HOST/a").exit, Some(0), "it came back");
    registry.finished();

    for line in ["tags $HOST/a", "tags $HOST/a --max-wait 1h"] {
        let registry = Scripted::follow([unwell("11")]);
        assert_eq!(registry.reg(&Env::without_server(), line).exit, Some(1), "longer than anybody waits for it");
        registry.finished();
    }
    let registry = Scripted::follow([unwell("3")]);
    assert_eq!(registry.reg(&Env::without_server(), "tags $HOST/a --max-wait 2s").exit, Some(1));
    registry.finished();
}

/// One request has seen that the registry does not come back; the others of the same run need not.
#[test]
fn an_outage_that_is_known_is_not_waited_for_again() {
    let registry = Scripted::serve(|request| match request.line.split(' ').next() {
        Some("POST" | "PUT" | "PATCH") => reply(503, &["Retry-After: 3"], UNWELL),
        _ => reply(404, &[], ""),
    });
    let image = format!("oci:{}/tests/fixtures/hello", env!("CARGO_MANIFEST_DIR"));
    let output = registry.reg(&Env::without_server(), &format!("copy {image}:v1 $HOST/a:v1"));
    assert_eq!(output.exit, Some(1), "{output}");
    assert_eq!(output.stderr.matches("asks to wait").count(), 1, "{output}");
}

#[test]
fn writes_are_given_up_earlier() {
    let manifest = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
    let media_type = &["Content-Type: application/vnd.oci.image.index.v1+json"][..];
    let registry = Scripted::serve(move |request| match request.line.split(' ').next() {
        Some("PUT") => reply(503, &["Retry-After: 0"], ""),
        _ => reply(200, media_type, manifest),
    });
    let output = registry.reg(&Env::without_server(), "tag $HOST/a:v1 v2");
    assert_eq!(output.exit, Some(1), "{output}");
    let puts = registry.requests().iter().filter(|request| request.line.starts_with("PUT ")).count();
    assert_eq!(puts, 3);
}

#[test]
fn nobody_there_is_said_at_once() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let host = port.local_addr().expect("an address").to_string();
    drop(port);
    let output = Env::without_server().reg(&format!("tags {host}/a"));
    assert_eq!(output.exit, Some(1));
    assert_eq!(
        output.stderr.replace(&host, "$HOST"),
        "error: cannot list the tags of $HOST/a\n  caused by: cannot connect to $HOST: connection refused\n"
    );
}

/// Nobody wonders why nothing happens.
#[test]
fn a_long_wait_is_told() {
    let busy = || on(LIST, reply(429, &["Retry-After: 3"], ""));
    let registry = Scripted::follow([busy(), on(LIST, reply(200, &[], TAGS))]);
    registry.reg(&Env::without_server(), "tags $HOST/a -o name").check(expect![[r#"
        $HOST/a:v1
        $HOST/a:v2
        ------- stderr -------
        $HOST asks to wait 3 s
    "#]]);
    registry.finished();
    let registry = Scripted::follow([busy(), on(LIST, reply(200, &[], TAGS))]);
    let quiet = registry.reg(&Env::without_server(), "tags $HOST/a -o name -q");
    assert_eq!((quiet.exit, quiet.stderr.as_str()), (Some(0), ""), "{quiet}");
    registry.finished();
}
