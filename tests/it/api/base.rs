//! `/v2/`, `/`, and what every answer has in common.

use expect_test::expect;

use crate::support::Env;

#[test]
fn the_base_says_that_this_is_a_registry() {
    let answer = Env::new().http().get("/v2/");
    expect![[r#"
        200
        content-length: 2
        content-type: application/json
        docker-distribution-api-version: registry/2.0
        x-content-type-options: nosniff

        {}
    "#]]
    .assert_eq(&answer.to_string());
}

#[test]
fn load_balancers_ask_for_the_root() {
    let env = Env::new();
    for method in ["GET", "HEAD"] {
        let answer = env.http().send(method, "/", &[], b"");
        assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-cache")));
    }
}

#[test]
fn what_is_no_page_is_404_and_a_wrong_method_405() {
    let env = Env::new();
    let mut http = env.http();
    for target in ["/v1/", "/v2/a", "/v2/a/b/c", "/v2/a/tags/lists", "/favicon.ico", "/v2/%ff/tags/list"] {
        assert_eq!(http.get(target).status, 404, "{target}");
    }
    for (method, target, allow) in [
        ("POST", "/v2/", "GET, HEAD"),
        ("DELETE", "/v2/_catalog", "GET, HEAD"),
        ("PUT", "/v2/a/tags/list", "GET, HEAD"),
        ("PATCH", "/v2/a/manifests/v1", "GET, HEAD, PUT, DELETE"),
        ("GET", "/v2/a/blobs/uploads/", "POST"),
    ] {
        let answer = http.send(method, target, &[], b"");
        assert_eq!((answer.status, answer.header("allow")), (405, Some(allow)), "{method} {target}");
        assert_eq!(answer.code(), "UNSUPPORTED");
    }
    let answer = http.send("OPTIONS", "/v2/a/manifests/v1", &[], b"");
    assert_eq!((answer.status, answer.header("allow")), (200, Some("GET, HEAD, PUT, DELETE")));
}
