//! `reg token`, and the tokens that it makes, shown to a server.

use std::os::unix::fs::PermissionsExt as _;

use expect_test::expect;

use crate::support::http::Response;
use crate::support::{Env, Server};

/// `secret`, hashed with cost 4 by Apache's htpasswd.
const HASH: &str = "$2y$04$f7F21UoibeDZb5qEBI2AkuHcMRr7arP8zzVKzfDjKu7zbYM817IGO";

fn create(env: &Env, more: &str) -> (String, String) {
    let made = env.reg(&format!("token create $TMP/tokens {more} -o json"));
    assert_eq!(made.exit, Some(0), "{}", made.stderr);
    let json: serde_json::Value = serde_json::from_str(&made.stdout).expect("JSON");
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    (text(&json["item"]["id"]), text(&json["token"]))
}

#[test]
fn tokens_are_made_listed_and_revoked() {
    let env = Env::without_server();
    let made =
        env.reg("token create $TMP/tokens alice --scope team/**:pull,push --scope a:pull --name ci --expires 30d");
    assert_eq!(made.exit, Some(0), "{}", made.stderr);
    let secret = made.stdout.trim();
    assert!(secret.starts_with("reg_") && secret.len() == 60, "{secret}");
    let id = &secret[4..12];
    assert!(made.stderr.starts_with(&format!("token {id} of alice is good until ")), "{}", made.stderr);
    assert!(!made.stderr.contains(secret));
    let file = std::fs::read_to_string(env.path("tokens")).expect("a file");
    assert!(file.contains(id) && !file.contains(&secret[12..]), "{file}");
    let mode = env.path("tokens").metadata().expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let (other, _) = create(&env, "bob -s **:* --expires never");
    let listed = env.reg("token list $TMP/tokens -o json");
    let json: serde_json::Value = serde_json::from_str(&listed.stdout).expect("JSON");
    assert_eq!(json["schema"], "reg.token/v1");
    let items = json["items"].as_array().expect("items");
    assert_eq!(items.len(), 2);
    let alice = items.iter().find(|item| item["id"] == *id).expect("alice's");
    assert_eq!((&alice["owner"], &alice["name"]), (&"alice".into(), &"ci".into()));
    assert_eq!(alice["scopes"], serde_json::json!(["team/**:pull,push", "a:pull"]));
    assert_eq!((&alice["expired"], listed.stdout.contains("sha256")), (&false.into(), false));
    let listed = env.reg("token list $TMP/tokens").stdout;
    assert!(listed.contains(&other) && listed.contains("never"), "{listed}");
    let refused = env.reg(&format!("token revoke $TMP/tokens {id} nothing"));
    assert_eq!(refused.exit, Some(3), "{}", refused.stderr);
    assert_eq!(
        std::fs::read_to_string(env.path("tokens")).expect("a file").matches("\"id\"").count(),
        2,
        "all or none"
    );
    assert_eq!(env.reg(&format!("token revoke $TMP/tokens {id}")).exit, Some(0));
    assert_eq!(env.reg("token list $TMP/tokens -o name").stdout, format!("{other}\n"));
}

#[test]
fn what_cannot_be_made_or_read() {
    let env = Env::without_server();
    env.reg("token create $TMP/tokens alice").check(expect![[r#"
        ------- stderr -------
        error: the following required arguments were not provided:
          --scope <REPOSITORIES:ACTIONS>

        Usage: reg token create --scope <REPOSITORIES:ACTIONS> <FILE> <OWNER>

        For more information, try '--help'.
        [exit 2]
    "#]]);
    env.reg("token create $TMP/tokens alice --scope team/**").check(expect![[r#"
        ------- stderr -------
        error: invalid value 'team/**' for '--scope <REPOSITORIES:ACTIONS>': "team/**" is no scope: expected REPOSITORIES:ACTION[,ACTION…], such as team/**:pull,push

        For more information, try '--help'.
        [exit 2]
    "#]]);
    env.reg("token create $TMP/tokens a:b --scope **:pull").check(expect![[r#"
        ------- stderr -------
        error: invalid value 'a:b' for '<OWNER>': is no name: it has a colon or control characters

        For more information, try '--help'.
        [exit 2]
    "#]]);
    env.reg("token create $TMP/tokens alice --scope **:pull --expires 0s").check(expect![[r#"
        ------- stderr -------
        error: invalid value '0s' for '--expires <TIME>': a token that has ended is none

        For more information, try '--help'.
        [exit 2]
    "#]]);
    env.reg("token create $TMP/no/tokens alice --scope **:pull").check(expect![[r#"
        ------- stderr -------
        error: cannot read $TMP/no/tokens
          caused by: No such file or directory (os error 2)
        [exit 1]
    "#]]);
    env.reg("token list $TMP/tokens").check(expect![[r#"
        ------- stderr -------
        error: cannot read $TMP/tokens
          caused by: No such file or directory (os error 2)
        [exit 3]
    "#]]);
    std::fs::write(env.path("tokens"), "alice:x\n").expect("written");
    env.reg("token list $TMP/tokens").check(expect![[r#"
        ------- stderr -------
        error: $TMP/tokens is no file of API tokens
          caused by: expected value at line 1 column 1
        [exit 2]
    "#]]);
}

fn start(env: &Env, more: &str) -> Server {
    std::fs::write(env.path("htpasswd"), format!("alice:{HASH}\nbob:{HASH}\n")).expect("written");
    let config = env.expand(&format!(
        "version: 0.1\nstorage: {{filesystem: {{rootdirectory: $TMP/data}}, delete: {{enabled: true}}}}\n\
         http: {{addr: '127.0.0.1:0'}}\nauth: {{htpasswd: {{realm: r, path: $TMP/htpasswd}}}}\n{more}\n"
    ));
    std::fs::write(env.path("c.yml"), config).expect("written");
    Server::start_configured(&env.path("c.yml"), &env.path("data")).0
}

fn send(server: &Server, method: &str, target: &str, authorization: &str) -> Response {
    server.client().send(method, target, &[("Authorization", authorization)], b"")
}

/// `Basic` of a name and a secret.
fn basic(name: &str, secret: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::from("Basic ");
    for three in format!("{name}:{secret}").into_bytes().chunks(3) {
        let number = three.iter().fold(0_u32, |number, &byte| number << 8 | u32::from(byte)) << (8 * (3 - three.len()));
        for at in 0..4 {
            let letter = char::from(LETTERS[(number >> (18 - 6 * at)) as usize & 63]);
            text.push(if at > three.len() { '=' } else { letter });
        }
    }
    text
}

#[test]
fn a_token_may_do_what_its_scope_and_its_owner_may() {
    let env = Env::without_server();
    let (id, secret) = create(&env, "alice -s team/**:push -s other:*");
    let rules = "access: {rules: [{repositories: ['team/**'], users: [alice], actions: [pull, push, delete]}]}";
    let server = start(&env, &format!("tokens: {{enabled: true, file: $TMP/tokens}}\n{rules}"));
    let bearer = format!("Bearer {secret}");
    for shown in [&bearer, &basic("alice", &secret)] {
        for (method, target, status) in [
            ("GET", "/v2/", 200),
            ("GET", "/v2/team/app/tags/list", 404),
            ("POST", "/v2/team/app/blobs/uploads/", 202),
            ("DELETE", "/v2/team/app/manifests/v1", 403),
            ("GET", "/v2/other/tags/list", 403),
            ("GET", "/v2/_catalog", 200),
        ] {
            assert_eq!(send(&server, method, target, shown).status, status, "{method} {target}");
        }
    }
    let all = "/token?offline_token=true&scope=repository:team/app:pull,push,delete&scope=repository:other:pull";
    let given = send(&server, "GET", all, &basic("alice", &secret)).json();
    assert_eq!(given["scope"], "repository:team/app:pull,push");
    let given = format!("Bearer {}", given["token"].as_str().expect("a token"));
    assert_eq!(send(&server, "POST", "/v2/team/app/blobs/uploads/", &given).status, 202);
    for target in ["/v2/", "/v2/team/app/tags/list", "/token?scope=repository:team/app:pull"] {
        assert_eq!(send(&server, "GET", target, &basic("bob", &secret)).status, 401, "{target}: that is alice's");
        assert_eq!(send(&server, "GET", target, &basic("Alice", &secret)).status, 401, "{target}");
    }
    let wrong = basic("alice", &secret.replace(&secret[20..24], "aaaa"));
    assert_eq!(send(&server, "GET", "/v2/", &wrong).status, 401, "mistyped");
    let (other, expired) = create(&env, "alice -s **:* --expires 1ms");
    assert_eq!(send(&server, "GET", "/v2/", &format!("Bearer {expired}")).status, 401, "{other} has expired");
    let (_, nobody) = create(&env, "carol -s **:*");
    assert_eq!(send(&server, "GET", "/v2/", &format!("Bearer {nobody}")).status, 401, "there is no carol");
    assert_eq!(env.reg(&format!("token revoke $TMP/tokens {id}")).exit, Some(0));
    assert_eq!(send(&server, "GET", "/v2/", &bearer).status, 401, "from the next request");
    assert_eq!(send(&server, "GET", "/v2/", &given).status, 401, "and what it got with it");
}

#[test]
fn without_rules_a_token_is_narrower_than_its_owner() {
    let env = Env::without_server();
    let (_, secret) = create(&env, "alice -s team/**:pull");
    let server = start(&env, "tokens: {file: $TMP/tokens}");
    let alice = basic("alice", "secret");
    for name in ["team/app", "other"] {
        let blob = "/blobs/uploads/?digest=sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        let pushed = server.client().send("POST", &format!("/v2/{name}{blob}"), &[("Authorization", &*alice)], b"{}");
        assert_eq!(pushed.status, 201);
        let manifest = r#"{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[]}"#;
        let headers = [("Authorization", &*alice), ("Content-Type", "application/vnd.oci.image.manifest.v1+json")];
        let at = format!("/v2/{name}/manifests/v1");
        assert_eq!(server.client().send("PUT", &at, &headers, manifest.as_bytes()).status, 201);
    }
    let bearer = format!("Bearer {secret}");
    assert_eq!(send(&server, "GET", "/v2/team/app/tags/list", &bearer).status, 200);
    assert_eq!(send(&server, "GET", "/v2/other/tags/list", &bearer).status, 403);
    assert_eq!(send(&server, "GET", "/v2/_catalog", &bearer).json()["repositories"], serde_json::json!(["team/app"]));
    let refused = send(&server, "GET", "/v2/", "Bearer reg_x");
    assert_eq!(refused.header("www-authenticate"), Some(r#"Basic realm="r""#), "there is no endpoint for others");
}

#[test]
fn a_token_in_the_place_of_the_name_stays_out_of_the_log() {
    let env = Env::without_server();
    let (id, secret) = create(&env, "alice -s **:pull");
    std::fs::write(env.path("htpasswd"), format!("alice:{HASH}\n")).expect("written");
    let config = env.expand(
        "version: 0.1\nstorage: inmemory\nhttp: {addr: '127.0.0.1:0'}\n\
         auth: {htpasswd: {realm: r, path: $TMP/htpasswd}}\ntokens: {enabled: true, file: $TMP/tokens}\n",
    );
    std::fs::write(env.path("c.yml"), config).expect("written");
    let (server, mut log) = Server::start_configured(&env.path("c.yml"), &env.path("data"));
    for (name, password) in [(&*secret, "x"), (&secret, ""), (&secret, &secret)] {
        for target in ["/v2/", "/token"] {
            assert_eq!(send(&server, "GET", target, &basic(name, password)).status, 401, "{password}");
        }
    }
    server.signal("TERM");
    let mut told = String::new();
    std::io::Read::read_to_string(&mut log, &mut told).expect("text");
    let (_, access_log) = server.wait();
    assert!(told.contains(&format!("auth.user.name=\"reg_{id}…\"")), "{told}");
    assert!(!told.contains(&secret[12..]) && !access_log.contains(&secret[12..]), "{told}{access_log}");
}
