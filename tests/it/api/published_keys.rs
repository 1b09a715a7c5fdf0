//! `auth.token.jwks` as a URL: keys that somebody publishes.

use crate::support::scripted::{Scripted, reply};
use crate::support::{Env, Server};

const KEYS: &str = include_str!("../../fixtures/tokens/jwks.json");

fn config(env: &Env, url: &str) {
    let config = env.expand(&format!(
        "version: 0.1\nstorage: {{inmemory: }}\nhttp: {{addr: '127.0.0.1:0'}}\nauth: {{token: {{realm: 'https://auth.example/token', \
         service: registry.example, issuer: issuer.example, jwks: '{url}'}}}}\n"
    ));
    std::fs::write(env.path("c.yml"), config).expect("written");
}

#[test]
fn tokens_are_verified_by_published_keys() {
    let env = Env::without_server();
    let publisher = Scripted::serve(|_| reply(200, &["Content-Type: application/json"], KEYS));
    config(&env, &format!("http://{}/keys.json", publisher.host));
    let (server, _log) = Server::start_configured(&env.path("c.yml"), &env.path("data"));
    let fixtures: serde_json::Value =
        serde_json::from_str(include_str!("../../fixtures/tokens/tokens.json")).expect("JSON");
    let ask = |token: &str| {
        let value = format!("Bearer {token}");
        server.client().send("GET", "/v2/", &[("Authorization", &value)], b"").status
    };
    assert_eq!(ask(fixtures["good"]["nothing"].as_str().expect("a token")), 200);
    for (name, token) in fixtures["bad"].as_object().expect("an object") {
        assert_eq!(ask(token.as_str().expect("a token")), 401, "{name}");
    }
    let asked = publisher.requests();
    assert_eq!(asked.len(), 1, "many unknown keys are no reason to ask again at once: {asked:?}");
    assert_eq!(asked[0].line, "GET /keys.json");
    assert_eq!(asked[0].header("authorization"), None);
}

#[test]
fn a_registry_that_knows_no_keys_does_not_start() {
    for (status, headers, body, said) in [
        (404, &[][..], KEYS, "answers 404 Not Found, which are no keys"),
        (302, &["Location: http://$HOST/other"], KEYS, "answers 302 Found, which are no keys"),
        (200, &[], "<html>", "is no JSON Web Key Set"),
        (200, &[], "{\"keys\":[]}", "there is no key in"),
    ] {
        let env = Env::without_server();
        let publisher = Scripted::serve(move |_| reply(status, headers, body));
        config(&env, &format!("http://{}/keys", publisher.host));
        let failed = env.reg("serve $TMP/c.yml");
        assert!(matches!(failed.exit, Some(1 | 2)), "{}", failed.stderr);
        assert!(
            failed.stderr.contains("cannot start the registry") && failed.stderr.contains(said),
            "{}",
            failed.stderr
        );
        assert_eq!(publisher.requests().len(), 1, "nothing is followed");
    }
    let env = Env::without_server();
    config(&env, "http://127.0.0.1:1/keys");
    let failed = env.reg("serve $TMP/c.yml");
    assert_eq!(failed.exit, Some(1), "{}", failed.stderr);
    assert!(failed.stderr.contains("cannot fetch http://127.0.0.1:1/keys"), "{}", failed.stderr);
}
