//! Registries as they are: lists without this or that, answers that are none.

use expect_test::expect;

use super::TAGS;
use crate::support::Env;
use crate::support::scripted::{Scripted, on, reply};

const LIST: &str = "GET /v2/a/tags/list";

/// What `reg tags -o name` says of a registry that plays `steps`.
fn tags(steps: impl IntoIterator<Item = crate::support::scripted::Step>) -> String {
    let registry = Scripted::follow(steps);
    let output = registry.reg(&Env::without_server(), "tags $HOST/a -o name");
    registry.finished();
    output.to_string()
}

#[test]
fn one_request_is_enough() {
    assert_eq!(tags([on(LIST, reply(200, &[], TAGS)).without("authorization")]), "$HOST/a:v1\n$HOST/a:v2\n");
}

#[test]
fn no_tags_in_any_spelling() {
    for body in [r#"{"name":"a","tags":null}"#, r#"{"name":"a","tags":[]}"#, r#"{"name":"a"}"#, "{}"] {
        assert_eq!(tags([on(LIST, reply(200, &[], body))]), "", "{body}");
    }
}

#[test]
fn every_page_is_followed() {
    let next = "Link: </v2/a/tags/list?last=v1&n=1>; rel=\"next\"";
    let pages = [
        on(LIST, reply(200, &[next], r#"{"tags":["v1"]}"#)),
        on("GET /v2/a/tags/list?last=v1&n=1", reply(200, &[], r#"{"tags":["v2"]}"#)),
    ];
    assert_eq!(tags(pages), "$HOST/a:v1\n$HOST/a:v2\n");
}

#[test]
fn a_link_to_another_host_means_its_path() {
    let next = "Link: <http://registry.internal:8080/v2/a/tags/list?last=v1>; rel=\"next\"";
    let pages = [
        on(LIST, reply(200, &[next], r#"{"tags":["v1"]}"#)),
        on("GET /v2/a/tags/list?last=v1", reply(200, &[], r#"{"tags":["v2"]}"#)),
    ];
    assert_eq!(tags(pages), "$HOST/a:v1\n$HOST/a:v2\n");
}

#[test]
fn a_list_in_a_circle_is_an_error() {
    let next = "Link: </v2/a/tags/list>; rel=\"next\"";
    expect![[r#"
        $HOST/a:v1
        ------- stderr -------
        error: cannot list the tags of $HOST/a
          caused by: GET /v2/a/tags/list: the list leads in a circle
        [exit 1]
    "#]]
    .assert_eq(&tags([
        on(LIST, reply(200, &[next], r#"{"tags":["v1"]}"#)),
        on(LIST, reply(200, &[next], r#"{"tags":["v1"]}"#)),
    ]));
}

#[test]
fn names_that_are_none_are_left_out_and_said() {
    let body = r#"{"tags":["v1","sha256:0","\u001b[31m","v2"]}"#;
    let registry = Scripted::follow([on(LIST, reply(200, &[], body))]);
    let output = registry.reg(&Env::without_server(), "tags $HOST/a -o name");
    assert_eq!(output.stdout, "$HOST/a:v1\n$HOST/a:v2\n");
    assert!(output.stderr.contains("left out of the list") && output.stderr.contains("sha256:0"), "{output}");
    assert!(!output.stderr.contains('\u{1b}'), "{output}");
}

#[test]
fn a_page_size_that_is_refused_is_not_insisted_on() {
    let refusal = r#"{"errors":[{"code":"PAGINATION_NUMBER_INVALID","message":"too many"}]}"#;
    let registry = Scripted::follow([
        on("GET /v2/_catalog?n=1000", reply(400, &[], refusal)),
        on("GET /v2/_catalog", reply(200, &[], r#"{"repositories":["a","b/c"]}"#)),
    ]);
    registry.reg(&Env::without_server(), "catalog $HOST -o name").check(expect![[r#"
        $HOST/a
        $HOST/b/c
    "#]]);
    registry.finished();
}

#[test]
fn a_full_page_without_a_link_may_not_be_the_last() {
    let env = Env::without_server();
    // As many as were asked for: nothing more is.
    let two = reply(200, &[], r#"{"repositories":["a","b"]}"#);
    let registry = Scripted::follow([on("GET /v2/_catalog?n=2", two)]);
    assert_eq!(registry.reg(&env, "catalog $HOST --limit 2 -o name").to_string(), "$HOST/a\n$HOST/b\n");
    registry.finished();
    // A thousand repositories are a full page of the largest size.
    let names: Vec<String> = (0..1000).map(|at| format!("\"r{at:04}\"")).collect();
    let full = format!(r#"{{"repositories":[{}]}}"#, names.join(","));
    for (rest, count) in [(r#"{"repositories":["z"]}"#.to_owned(), 1001), (full.clone(), 1000), ("{}".into(), 1000)] {
        let registry = Scripted::follow([
            on("GET /v2/_catalog?n=1000", reply(200, &[], &full)),
            on("GET /v2/_catalog?n=1000&last=r0999", reply(200, &[], rest)),
        ]);
        let output = registry.reg(&env, "catalog $HOST -o name");
        assert_eq!(output.ok().lines().count(), count);
        registry.finished();
    }
}

#[test]
fn pages_of_proxies_are_shown_as_one_line() {
    let page = "<html>\n<head><title>403 Forbidden</title></head>\n<body>go away</body></html>";
    let registry = Scripted::follow([on(LIST, reply(400, &["Content-Type: text/html"], page))]);
    registry.reg(&Env::without_server(), "tags $HOST/a").check(expect![[r#"
        ------- stderr -------
        error: cannot list the tags of $HOST/a
          caused by: GET /v2/a/tags/list: 400 Bad Request (403 Forbidden)
        [exit 1]
    "#]]);
}

#[test]
fn what_is_no_list_is_an_error() {
    for body in ["", "[]", "<html>", r#"{"tags":{}}"#, r#"{"tags":[1]}"#] {
        let output = tags([on(LIST, reply(200, &[], body))]);
        assert!(output.contains("the list cannot be read") && output.ends_with("[exit 1]\n"), "{body}: {output}");
    }
}

#[test]
fn not_found_has_an_exit_code() {
    let body = r#"{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known to registry"}]}"#;
    expect![[r#"
        ------- stderr -------
        error: cannot list the tags of $HOST/a
          caused by: GET /v2/a/tags/list: 404 NAME_UNKNOWN (repository name not known to registry)
        [exit 3]
    "#]]
    .assert_eq(&tags([on(LIST, reply(404, &[], body))]));
}

const INDEX: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
const INDEX_TYPE: &str = "Content-Type: application/vnd.oci.image.index.v1+json";
const INDEX_DIGEST: &str = "sha256:f72d4a0c73a1e4fd6ba0b3e9e9a8e0bd3a9ba38ec0ffb3d46d7e0e1a59ab4b56";

#[test]
fn the_digest_of_a_tag_is_one_head() {
    let digest = format!("Docker-Content-Digest: {INDEX_DIGEST}");
    let accept = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
                  application/vnd.docker.distribution.manifest.list.v2+json, \
                  application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.artifact.manifest.v1+json";
    let head = reply(200, &[INDEX_TYPE, &digest, "Content-Length: 88"], "");
    let registry = Scripted::follow([on("HEAD /v2/a/manifests/v1", head).with("accept", accept)]);
    assert_eq!(registry.reg(&Env::without_server(), "digest $HOST/a:v1").to_string(), format!("{INDEX_DIGEST}\n"));
    registry.finished();
}

#[test]
fn a_head_without_a_digest_is_followed_by_a_get() {
    let real = crate::support::digest(INDEX.as_bytes());
    for head in [reply(200, &[INDEX_TYPE], ""), reply(405, &[], "")] {
        let registry = Scripted::follow([
            on("HEAD /v2/a/manifests/v1", head),
            on("GET /v2/a/manifests/v1", reply(200, &[INDEX_TYPE], INDEX)),
        ]);
        assert_eq!(registry.reg(&Env::without_server(), "digest $HOST/a:v1").to_string(), format!("{real}\n"));
        registry.finished();
    }
}

#[test]
fn bytes_with_another_digest_are_refused() {
    let digest = format!("Docker-Content-Digest: {INDEX_DIGEST}");
    let registry = Scripted::follow([
        on("HEAD /v2/a/manifests/v1", reply(405, &[], "")),
        on("GET /v2/a/manifests/v1", reply(200, &[INDEX_TYPE, &digest], INDEX)),
    ]);
    let output = registry.reg(&Env::without_server(), "digest $HOST/a:v1");
    assert_eq!(output.exit, Some(1), "{output}");
    assert!(output.stderr.contains("the bytes have the digest sha256:"), "{output}");
}

#[test]
fn warnings_are_said_once() {
    let next = "Link: </v2/a/tags/list?last=v1>; rel=\"next\"";
    let warning = "Warning: 299 - \"this registry will be switched off\"";
    let pages = [
        on(LIST, reply(200, &[next, warning], r#"{"tags":["v1"]}"#)),
        on("GET /v2/a/tags/list?last=v1", reply(200, &[warning, "Warning: 199 - \"other\""], r#"{"tags":["v2"]}"#)),
    ];
    expect![[r#"
        $HOST/a:v1
        $HOST/a:v2
        ------- stderr -------
        warning: $HOST: this registry will be switched off
    "#]]
    .assert_eq(&tags(pages));
}
