//! Redirects: followed by hand, so that nothing is said to the wrong host.

use expect_test::expect;

use super::TAGS;
use crate::support::Env;
use crate::support::scripted::{Scripted, on, reply};

const LIST: &str = "GET /v2/a/tags/list";

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
