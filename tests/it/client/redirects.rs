//! Redirects: followed by hand, so that nothing is said to the wrong host.

use expect_test::expect;

use super::TAGS;
use crate::support::image::{OCI_MANIFEST, descriptor};
use crate::support::scripted::{Reply, Request, Scripted, on, reply};
use crate::support::{Env, digest};

const LIST: &str = "GET /v2/a/tags/list";
const BASIC: &str = "Basic dTpw";

/// What a registry with users says to whoever brings no credentials.
fn refuse() -> Reply {
    reply(401, &["WWW-Authenticate: Basic realm=\"r\""], "")
}

/// An environment with a password for `registry`, and for nobody else.
fn world(registry: &Scripted) -> Env {
    let mut env = Env::without_server();
    env.set("DOCKER_AUTH_CONFIG", &format!(r#"{{"auths":{{"{}":{{"auth":"dTpw"}}}}}}"#, registry.host));
    env
}

/// Somebody else, who takes everything and would like a password.
fn stranger() -> Scripted {
    Scripted::serve(|request| match request.line.split(' ').next() {
        Some("POST") => reply(202, &["Location: /v2/a/blobs/uploads/1"], ""),
        Some("PUT" | "PATCH") => reply(201, &[], ""),
        Some("DELETE") => reply(202, &[], ""),
        _ => reply(200, &[], TAGS),
    })
}

/// A registry with users; `answer` is for those who are let in.
fn guarded(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Scripted {
    Scripted::serve(move |request| match request.header("authorization") {
        Some(BASIC) => answer(request),
        _ => refuse(),
    })
}

/// A layout with a small image in it.
fn write_layout(env: &Env) {
    let config = b"{}";
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}","config":{},"layers":[]}}"#,
        descriptor("application/vnd.example.config", config),
    );
    let (image, media_type) = (digest(manifest.as_bytes()), format!("Content-Type: {OCI_MANIFEST}"));
    let registry = Scripted::serve(move |request| match request.line.contains("/blobs/") {
        true => reply(200, &[], "{}"),
        false => reply(200, &[&media_type, &format!("Docker-Content-Digest: {image}")], &manifest),
    });
    let output = registry.reg(env, "copy $HOST/a:v1 oci:$TMP/image:v1");
    assert_eq!(output.exit, Some(0), "{output}");
}

#[test]
fn credentials_stay_with_the_registry() {
    let other = Scripted::follow([on("GET /elsewhere?sig=x", reply(200, &[], TAGS)).without("authorization")]);
    let location = format!("Location: http://{}/elsewhere?sig=x", other.host);
    let registry = Scripted::follow([
        on(LIST, reply(401, &["WWW-Authenticate: Basic realm=\"r\""], "")).without("authorization"),
        on(LIST, reply(307, &[&location], "")).with("authorization", "Basic dTpw"),
    ]);
    let mut env = Env::without_server();
    env.set("DOCKER_AUTH_CONFIG", &format!(r#"{{"auths":{{"{}":{{"auth":"dTpw"}}}}}}"#, registry.host));
    registry.reg(&env, "tags $HOST/a -o name").check(expect![[r#"
        $HOST/a:v1
        $HOST/a:v2
    "#]]);
    registry.finished();
    other.finished();
}

#[test]
fn credentials_stay_on_the_same_host() {
    let registry = Scripted::follow([
        on(LIST, reply(401, &["WWW-Authenticate: Basic realm=\"r\""], "")),
        on(LIST, reply(302, &["Location: /there"], "")).with("authorization", "Basic dTpw"),
        on("GET /there", reply(200, &[], TAGS)).with("authorization", "Basic dTpw"),
    ]);
    let mut env = Env::without_server();
    env.set("DOCKER_AUTH_CONFIG", &format!(r#"{{"auths":{{"{}":{{"auth":"dTpw"}}}}}}"#, registry.host));
    assert_eq!(registry.reg(&env, "tags $HOST/a").exit, Some(0));
    registry.finished();
}

#[test]
fn a_circle_ends() {
    let registry = Scripted::serve(|_| reply(307, &["Location: /v2/a/tags/list"], ""));
    registry.reg(&Env::without_server(), "tags $HOST/a").check(expect![[r#"
        ------- stderr -------
        error: cannot list the tags of $HOST/a
          caused by: GET /v2/a/tags/list: more than 10 redirects
        [exit 1]
    "#]]);
    assert_eq!(registry.requests().len(), 11);
}

#[test]
fn only_the_web_is_followed() {
    let registry = Scripted::follow([on(LIST, reply(307, &["Location: file:///etc/passwd"], ""))]);
    registry.reg(&Env::without_server(), "tags $HOST/a").check(expect![[r#"
        ------- stderr -------
        error: cannot list the tags of $HOST/a
          caused by: GET /v2/a/tags/list: redirected to what is neither http nor https
        [exit 1]
    "#]]);
    registry.finished();
}

#[test]
fn signed_urls_are_not_shown() {
    let other = Scripted::serve(|_| reply(403, &[], "<Error><Code>AccessDenied</Code></Error>"));
    let location = format!("Location: http://{}/bucket/x?X-Amz-Signature=topsecret", other.host);
    let registry = Scripted::follow([on(LIST, reply(307, &[&location], ""))]);
    let output = registry.reg(&Env::without_server(), "tags $HOST/a -vv");
    let text = output.to_string();
    assert!(!text.contains("topsecret") && text.contains("/bucket/x"), "{text}");
    registry.finished();
}

#[test]
fn pages_behind_a_redirect_get_no_credentials() {
    let next = |last: &str| format!("Link: </elsewhere?last={last}>; rel=\"next\"");
    let other = Scripted::follow([
        on("GET /elsewhere", reply(200, &[&next("v1")], r#"{"tags":["v1"]}"#)).without("authorization"),
        on("GET /elsewhere?last=v1", reply(200, &[&next("v2")], r#"{"tags":["v2"]}"#)).without("authorization"),
        on("GET /elsewhere?last=v2", reply(200, &[], r#"{"tags":["v3"]}"#)).without("authorization"),
    ]);
    let location = format!("Location: http://{}/elsewhere", other.host);
    let registry = Scripted::follow([
        on(LIST, refuse()).without("authorization"),
        on(LIST, reply(307, &[&location], "")).with("authorization", BASIC),
    ]);
    registry.reg(&world(&registry), "tags $HOST/a -o name").check(expect![[r#"
        $HOST/a:v1
        $HOST/a:v2
        $HOST/a:v3
    "#]]);
    registry.finished();
    other.finished();
}

#[test]
fn challenges_of_others_are_not_answered() {
    for challenge in ["Basic realm=\"r\"", "Bearer realm=\"http://$HOST/token\""] {
        let next = "Link: </elsewhere?last=v1>; rel=\"next\"";
        let refusal = reply(401, &[&format!("WWW-Authenticate: {challenge}")], "");
        let other = Scripted::follow([
            on("GET /elsewhere", reply(200, &[next], r#"{"tags":["v1"]}"#)).without("authorization"),
            on("GET /elsewhere?last=v1", refusal).without("authorization"),
        ]);
        let location = format!("Location: http://{}/elsewhere", other.host);
        let registry =
            Scripted::follow([on(LIST, refuse()), on(LIST, reply(307, &[&location], "")).with("authorization", BASIC)]);
        assert_eq!(registry.reg(&world(&registry), "tags $HOST/a -o name").exit, Some(4), "{challenge}");
        registry.finished();
        other.finished();
    }
}

#[test]
fn the_root_of_another_says_nothing_about_the_registry() {
    let other = Scripted::follow([
        on("GET /v2/", reply(401, &["WWW-Authenticate: Bearer realm=\"/token\""], "")).without("authorization")
    ]);
    let location = format!("Location: http://{}/v2/", other.host);
    let registry = Scripted::follow([
        on(LIST, reply(401, &[], "")),
        on("GET /v2/", reply(307, &[&location], "")),
        on(LIST, reply(200, &[], TAGS)).with("authorization", BASIC),
    ]);
    assert_eq!(registry.reg(&world(&registry), "tags $HOST/a").exit, Some(0));
    registry.finished();
    other.finished();
}

#[test]
fn a_link_to_another_host_is_asked_of_the_registry() {
    let other = stranger();
    let next = format!("Link: <http://{}/v2/a/tags/list?last=v1>; rel=\"next\"", other.host);
    let registry = Scripted::follow([
        on(LIST, refuse()),
        on(LIST, reply(200, &[&next], r#"{"tags":["v1"]}"#)).with("authorization", BASIC),
        on("GET /v2/a/tags/list?last=v1", reply(200, &[], r#"{"tags":["v2"]}"#)).with("authorization", BASIC),
    ]);
    assert_eq!(registry.reg(&world(&registry), "tags $HOST/a").exit, Some(0));
    registry.finished();
    assert!(other.requests().is_empty());
}

#[test]
fn an_upload_is_not_redirected_to_another_host() {
    let other = stranger();
    let location = format!("Location: http://{}/v2/a/blobs/uploads/", other.host);
    for step in ["POST", "PUT"] {
        let location = location.clone();
        let registry = guarded(move |request| match request.line.split(' ').next() {
            Some(method) if method == step => reply(307, &[&location], ""),
            Some("POST") => reply(202, &["Location: /v2/a/blobs/uploads/1"], ""),
            _ => reply(404, &[], ""),
        });
        let env = world(&registry);
        write_layout(&env);
        let output = registry.reg(&env, "copy oci:$TMP/image:v1 $HOST/a:v1");
        let said = format!("redirected to http://{}/v2/a/blobs/uploads/; an upload does not follow", other.host);
        assert_eq!(output.exit, Some(1), "{output}");
        assert!(output.stderr.contains(&said), "{output}");
    }
    assert!(other.requests().is_empty(), "{:?}", other.requests());
}

#[test]
fn an_upload_is_redirected_on_the_registry_itself() {
    let registry = guarded(|request| match request.line.split_once(' ') {
        Some(("POST", path)) if path.starts_with("/v2/") => reply(307, &["Location: /moved?x=y"], ""),
        Some(("POST", "/moved?x=y")) => reply(202, &["Location: /v2/a/blobs/uploads/1"], ""),
        Some((
            "PUT",
            "/v2/a/blobs/uploads/1?digest=sha256%3A44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
        )) => {
            assert_eq!(request.body, b"{}");
            reply(201, &[], "")
        }
        Some(("PUT", "/v2/a/manifests/v1")) => reply(201, &[], ""),
        _ => reply(404, &[], ""),
    });
    let env = world(&registry);
    write_layout(&env);
    let output = registry.reg(&env, "copy oci:$TMP/image:v1 $HOST/a:v1");
    assert_eq!(output.exit, Some(0), "{output}");
}

#[test]
fn a_session_on_another_host_means_its_path() {
    let other = stranger();
    let location = format!("Location: http://{}/v2/a/blobs/uploads/1", other.host);
    let registry = guarded(move |request| match request.line.split(' ').next() {
        Some("POST") => reply(202, &[&location], ""),
        Some("PUT") => reply(201, &[], ""),
        _ => reply(404, &[], ""),
    });
    let env = world(&registry);
    write_layout(&env);
    let output = registry.reg(&env, "copy oci:$TMP/image:v1 $HOST/a:v1");
    assert_eq!(output.exit, Some(0), "{output}");
    assert!(other.requests().is_empty(), "{:?}", other.requests());
    assert!(registry.requests().iter().any(|request| request.line.starts_with("PUT /v2/a/blobs/uploads/1?digest=")));
}

#[test]
fn a_manifest_is_stored_nowhere_else() {
    let other = stranger();
    let location = format!("Location: http://{}/v2/b/manifests/v1", other.host);
    for status in [301, 302, 303, 307, 308] {
        let location = location.clone();
        let registry = guarded(move |request| match request.line.split_once(' ') {
            Some(("POST", _)) => reply(201, &[], ""),
            Some(("PUT", path)) if path.contains("/manifests/") => reply(status, &[&location], ""),
            _ => reply(404, &[], ""),
        });
        let env = world(&registry);
        write_layout(&env);
        let output = registry.reg(&env, "copy oci:$TMP/image:v1 $HOST/a:v1");
        assert_eq!(output.exit, Some(1), "{status}: {output}");
        assert!(output.stderr.contains(&format!("redirected to http://{}/v2/b/manifests/v1;", other.host)), "{output}");
    }
    assert!(other.requests().is_empty(), "{:?}", other.requests());
}

#[test]
fn nothing_is_deleted_elsewhere() {
    let other = stranger();
    let index = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
    for status in [301, 302, 303, 307, 308] {
        let location = format!("Location: http://{}/v2/b/manifests/v1", other.host);
        let head = format!("Docker-Content-Digest: {}", digest(index.as_bytes()));
        let registry = guarded(move |request| match request.line.split_once(' ') {
            Some(("DELETE", _)) => reply(status, &[&location], ""),
            Some((_, path)) if path.contains("/tags/") => reply(200, &[], r#"{"tags":["v1"]}"#),
            Some((_, path)) if path.contains("/referrers/") => reply(404, &[], ""),
            _ => reply(200, &["Content-Type: application/vnd.oci.image.index.v1+json", &head], index),
        });
        let output = registry.reg(&world(&registry), "delete $HOST/a:v1 --yes");
        assert_ne!(output.exit, Some(0), "{status}: {output}");
        let output = registry.reg(&world(&registry), &format!("delete $HOST/a@{} --yes", digest(index.as_bytes())));
        assert_eq!(output.exit, Some(1), "{status}: {output}");
        assert!(output.stderr.contains(&format!("redirected to http://{}/v2/b/manifests/v1;", other.host)), "{output}");
    }
    assert!(other.requests().is_empty(), "{:?}", other.requests());
}

/// The proxy stands for the network: what it is asked for would have been sent.
#[test]
fn a_public_registry_does_not_lead_into_a_private_network() {
    for host in ["127.0.0.1:9", "169.254.169.254", "10.0.0.1", "localhost", "[::1]"] {
        let location = format!("Location: http://{host}/latest/meta-data?x=y");
        let proxy = Scripted::follow([on("GET http://r.example/v2/a/tags/list", reply(307, &[&location], ""))]);
        let mut env = Env::without_server();
        env.set("http_proxy", &format!("http://{}", proxy.host));
        let output = proxy.reg(&env, "tags r.example/a --plain-http");
        assert_eq!(output.exit, Some(1), "{output}");
        let said = format!("redirected to http://{host}/latest/meta-data: ");
        assert!(
            output.stderr.contains(&said) && output.stderr.contains("is an address of a private network"),
            "{output}"
        );
        proxy.finished();
    }
}
