//! `reg login`, `reg logout`, and every place that credentials come from.

use std::os::unix::fs::PermissionsExt as _;

use expect_test::expect;

use super::TAGS;
use crate::support::Env;
use crate::support::scripted::{Reply, Request, Scripted, reply};

/// A registry that lets `u` with the password `p:w` in.
fn registry() -> Scripted {
    Scripted::serve(answer)
}

fn answer(request: &Request) -> Reply {
    match request.header("authorization") {
        // u:p:w
        Some("Basic dTpwOnc=") if request.line == "GET /v2/" => reply(200, &[], "{}"),
        Some("Basic dTpwOnc=") => reply(200, &[], TAGS),
        _ => reply(401, &["WWW-Authenticate: Basic realm=\"x\""], ""),
    }
}

fn write(env: &Env, path: &str, text: &str) {
    let path = env.home().join(path);
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
    std::fs::write(path, text).expect("written");
}

fn read(env: &Env, path: &str) -> String {
    std::fs::read_to_string(env.home().join(path)).expect("a file")
}

/// Whether the registry lets `reg tags` in.
fn admitted(env: &Env, registry: &Scripted) -> bool {
    registry.reg(env, "tags $HOST/a").exit == Some(0)
}

#[test]
fn login_keeps_what_works_as_docker_does() {
    let (env, registry) = (Env::without_server(), registry());
    registry.reg_with_input(&env, "login $HOST -u u --password-stdin", "p:w\n").check(expect![[r#"
        ------- stderr -------
        logged in to $HOST as u
        warning: the credentials are kept unencrypted in $HOME/.docker/config.json; a credential helper would keep them safe
    "#]]);
    let file = read(&env, ".docker/config.json").replace(&registry.host, "$HOST");
    assert_eq!(file, "{\n\t\"auths\": {\n\t\t\"$HOST\": {\n\t\t\t\"auth\": \"dTpwOnc=\"\n\t\t}\n\t}\n}\n");
    let mode = std::fs::metadata(env.home().join(".docker/config.json")).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(admitted(&env, &registry));

    registry.reg(&env, "logout $HOST").check(expect![[r#"
        ------- stderr -------
        removed the credentials of $HOST from $HOME/.docker/config.json
    "#]]);
    assert!(!admitted(&env, &registry));
    registry.reg(&env, "logout $HOST").check(expect![[r#"
        ------- stderr -------
        there are no credentials of $HOST
    "#]]);
}

#[test]
fn login_keeps_nothing_that_does_not_work() {
    let (env, registry) = (Env::without_server(), registry());
    let output = registry.reg_with_input(&env, "login $HOST -u u --password-stdin", "wrong");
    output.check(expect![[r#"
        ------- stderr -------
        error: cannot log in to $HOST
          caused by: GET /v2/: 401 Unauthorized
        hint: wrong user name or password
        [exit 4]
    "#]]);
    assert!(!env.home().join(".docker").exists());
}

#[test]
fn login_needs_to_know_who() {
    let (env, registry) = (Env::without_server(), registry());
    for arguments in ["login $HOST --password-stdin", "login $HOST -u u", "login $HOST"] {
        assert_eq!(registry.reg_with_input(&env, arguments, "p").exit, Some(2), "{arguments}");
    }
    assert_eq!(registry.reg_with_input(&env, "login $HOST -u u --password-stdin", "").exit, Some(2));
    assert_eq!(registry.requests().len(), 0);
}

#[test]
fn a_file_keeps_everything_that_is_not_ours() {
    let (env, registry) = (Env::without_server(), registry());
    let before = "{\"psFormat\":\"x\",\"auths\":{\"z\":{\"auth\":\"eDp5\",\"odd\":1},\"$HOST\":{\"auth\":\"b2xk\"},\"b\":{}},\
                  \"proxies\":{\"default\":{\"httpProxy\":\"p\"}},\"aliases\":{}}";
    write(&env, "real.json", &before.replace("$HOST", &registry.host));
    std::fs::create_dir(env.home().join(".docker")).expect("a directory");
    std::os::unix::fs::symlink(env.home().join("real.json"), env.home().join(".docker/config.json")).expect("a link");
    assert_eq!(registry.reg_with_input(&env, "login $HOST -u u --password-stdin", "p:w").exit, Some(0));
    assert!(env.home().join(".docker/config.json").is_symlink());
    let after: String = read(&env, "real.json").replace(&registry.host, "$HOST").split_whitespace().collect();
    assert_eq!(after, before.replace("b2xk", "dTpwOnc="));

    assert_eq!(registry.reg(&env, "logout $HOST").exit, Some(0));
    let after: String = read(&env, "real.json").split_whitespace().collect();
    assert_eq!(after, before.replace("\"$HOST\":{\"auth\":\"b2xk\"},", ""));
}

#[test]
fn every_place_and_every_form_of_a_key() {
    let registry = registry();
    let entry =
        |key: &str| format!(r#"{{"auths":{{"{}":{{"auth":"dTpwOnc="}}}}}}"#, key.replace("$HOST", &registry.host));
    for key in ["$HOST", "https://$HOST", "http://$HOST/v1/", "https://$HOST/v2/", "$HOST/a", "$HOST/v1/"] {
        let env = Env::without_server();
        write(&env, ".docker/config.json", &entry(key));
        assert!(admitted(&env, &registry), "{key}");
    }
    for key in ["$HOST/b", "$HOST/a/b", "other/a", "localhost"] {
        let env = Env::without_server();
        write(&env, ".docker/config.json", &entry(key));
        assert!(!admitted(&env, &registry), "{key}");
    }
    for (variable, value, path) in [
        ("REG_AUTH_FILE", "$HOME/own.json", "own.json"),
        ("REGISTRY_AUTH_FILE", "$HOME/own.json", "own.json"),
        ("DOCKER_CONFIG", "$HOME/elsewhere", "elsewhere/config.json"),
        ("XDG_RUNTIME_DIR", "$HOME/run", "run/containers/auth.json"),
        ("XDG_CONFIG_HOME", "$HOME/conf", "conf/containers/auth.json"),
        ("UNUSED", "", ".config/containers/auth.json"),
    ] {
        let mut env = Env::without_server();
        write(&env, path, &entry("$HOST"));
        env.set(variable, value);
        assert!(admitted(&env, &registry), "{variable}");
    }
}

#[test]
fn a_file_named_is_the_only_one() {
    let registry = registry();
    let mut env = Env::without_server();
    let entry = format!(r#"{{"auths":{{"{}":{{"username":"u","password":"p:w"}}}}}}"#, registry.host);
    write(&env, ".docker/config.json", &entry);
    assert!(admitted(&env, &registry));
    env.set("REG_AUTH_FILE", "$HOME/nothing.json");
    assert!(!admitted(&env, &registry));
    // What is learnt goes there, too.
    assert_eq!(registry.reg_with_input(&env, "login $HOST -u u --password-stdin", "p:w").exit, Some(0));
    assert!(read(&env, "nothing.json").contains("dTpwOnc="));
    assert!(admitted(&env, &registry));
}

#[test]
fn a_source_that_fails_is_a_warning() {
    let registry = registry();
    let mut env = Env::without_server();
    write(&env, ".config/containers/auth.json", "{\"auths\":{\"secret");
    write(
        &env,
        ".docker/config.json",
        &format!(r#"{{"auths":{{"{}":{{"auth":"dTpwOnc="}}}},"credsStore":"none-such"}}"#, registry.host),
    );
    let output = registry.reg(&env, "tags $HOST/a -o name");
    output.check(expect![[r#"
        $HOST/a:v1
        $HOST/a:v2
        ------- stderr -------
        warning: $HOME/.config/containers/auth.json: no JSON object (line 1, column 17); continuing without it
        warning: docker-credential-none-such: no such program in PATH; continuing without it
    "#]]);
    env.set("DOCKER_AUTH_CONFIG", "nonsense");
    assert_eq!(registry.reg(&env, "tags $HOST/a").exit, Some(0));
}

/// Puts a helper in PATH that keeps one credential in a file, and notes what it is asked.
fn install_helper(env: &mut Env) {
    let script = r#"#!/bin/sh
read -r line
echo "$1 $line" >> "$HOME/asked"
case "$1" in
store) printf '%s' "$line" > "$HOME/kept" ;;
erase) rm "$HOME/kept" ;;
get) if [ -f "$HOME/kept" ]; then cat "$HOME/kept"; else echo "credentials not found in native keychain"; exit 1; fi ;;
esac
"#;
    write(env, "bin/docker-credential-test", script);
    let path = env.home().join("bin/docker-credential-test");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("executable");
    env.set("PATH", "$HOME/bin:/usr/bin:/bin");
}

#[test]
fn helpers_keep_what_docker_would_give_them() {
    for configuration in [r#"{"credsStore":"test"}"#, r#"{"credHelpers":{"$HOST":"test"},"credsStore":"none-such"}"#] {
        let (mut env, registry) = (Env::without_server(), registry());
        install_helper(&mut env);
        write(&env, ".docker/config.json", &configuration.replace("$HOST", &registry.host));
        assert!(!admitted(&env, &registry));
        let output = registry.reg_with_input(&env, "login $HOST -u u --password-stdin", "p:w");
        assert_eq!(output.to_string(), "------- stderr -------\nlogged in to $HOST as u\n");
        assert!(!read(&env, ".docker/config.json").contains("dTpwOnc="));
        assert!(admitted(&env, &registry));
        registry.reg(&env, "logout $HOST -o name").check(expect![[r#"
            $HOST
            $HOST
        "#]]);
        assert!(!admitted(&env, &registry));
        let asked = read(&env, "asked").replace(&registry.host, "$HOST");
        let first: Vec<&str> = asked.lines().take(4).collect();
        let stored = r#"store {"ServerURL":"$HOST","Username":"u","Secret":"p:w"}"#;
        assert_eq!(first, ["get $HOST", "get https://$HOST", stored, "get $HOST"]);
        assert!(asked.contains("erase $HOST"), "{asked}");
    }
}

#[test]
fn a_helper_is_not_started_before_it_is_needed() {
    let mut env = Env::without_server();
    install_helper(&mut env);
    write(&env, ".docker/config.json", r#"{"credsStore":"test"}"#);
    let registry = Scripted::serve(|_| reply(200, &[], TAGS));
    assert!(admitted(&env, &registry));
    assert!(!env.home().join("asked").exists());
}

#[test]
fn an_identity_token_from_a_helper() {
    let mut env = Env::without_server();
    install_helper(&mut env);
    write(&env, ".docker/config.json", r#"{"credsStore":"test"}"#);
    write(&env, "kept", r#"{"ServerURL":"x","Username":"<token>","Secret":"id"}"#);
    let registry = Scripted::serve(|request| match (request.line.as_str(), request.header("authorization")) {
        ("POST /token", None) if request.body.ends_with(b"&refresh_token=id") => reply(200, &[], r#"{"token":"t"}"#),
        (_, Some("Bearer t")) => reply(200, &[], TAGS),
        _ => reply(401, &["WWW-Authenticate: Bearer realm=\"/token\""], ""),
    });
    assert!(admitted(&env, &registry));
}

#[test]
fn ping_says_what_is_there() {
    let registry = Scripted::serve(|request| match request.line.as_str() {
        "GET /v2/" => reply(200, &["Docker-Distribution-Api-Version: registry/2.0", "Server: nginx"], "{}"),
        "GET /v2/_catalog?n=1" => reply(200, &["RateLimit-Limit: 100;w=21600"], r#"{"repositories":["a/b"]}"#),
        line if line.contains("/a/b/referrers/") => reply(404, &[], "404 page not found"),
        line if line.starts_with("DELETE ") && line.contains("sha256:") => reply(405, &[], ""),
        line if line.starts_with("DELETE ") => reply(400, &[], ""),
        _ => reply(500, &[], ""),
    });
    registry.reg(&Env::without_server(), "ping $HOST").check(expect![[r#"
        registry     $HOST
        url          http://$HOST
        api version  registry/2.0
        server       nginx
        auth         none
        admitted     yes
        catalog      yes
        referrers    no
        delete       no
        tag delete   no
    "#]]);
    let json = registry.reg(&Env::without_server(), "ping $HOST -o json").json();
    assert_eq!(json["schema"], "reg.ping/v1");
    assert_eq!(json["items"][0]["auth"], "none");
    assert_eq!(json["items"][0]["rate_limit"], serde_json::Value::Null);
}

#[test]
fn ping_of_a_closed_registry() {
    let (env, registry) = (Env::without_server(), registry());
    registry.reg(&env, "ping $HOST").check(expect![[r#"
        registry     $HOST
        url          http://$HOST
        auth         basic
        admitted     no
        catalog      unknown
        referrers    unknown
        delete       unknown
        tag delete   unknown
    "#]]);
    assert_eq!(registry.reg_with_input(&env, "login $HOST -u u --password-stdin", "p:w").exit, Some(0));
    let json = registry.reg(&env, "ping $HOST -o json").json();
    assert_eq!((&json["items"][0]["user"], &json["items"][0]["admitted"]), (&"u".into(), &true.into()));
}

#[test]
fn a_closed_registry_is_a_no_for_scripts() {
    let env = Env::without_server();
    let closed = Scripted::serve(|_| reply(401, &["WWW-Authenticate: Basic realm=x"], ""));
    assert_eq!(closed.reg(&env, "ping $HOST").exit, Some(0));
    let quiet = closed.reg(&env, "ping $HOST -q");
    assert_eq!((quiet.exit, quiet.stdout.as_str(), quiet.stderr.as_str()), (Some(4), "", ""));
    let open = Scripted::serve(|_| reply(200, &[], "{}"));
    assert_eq!(open.reg(&env, "ping $HOST -q").exit, Some(0));
}

/// Each reads the file, adds its own entry and replaces the file: none may undo another's.
#[test]
fn logins_at_the_same_time_keep_each_others_entries() {
    let env = Env::without_server();
    let registries: Vec<Scripted> = (0..12).map(|_| Scripted::serve(|_| reply(200, &[], "{}"))).collect();
    std::thread::scope(|scope| {
        for registry in &registries {
            scope.spawn(|| {
                let output = registry.reg_with_input(&env, "login $HOST -u me --password-stdin", "secret");
                assert_eq!(output.exit, Some(0), "{output}");
            });
        }
    });
    let document: serde_json::Value = serde_json::from_str(&read(&env, ".docker/config.json")).expect("JSON");
    let hosts = document["auths"].as_object().expect("entries");
    assert_eq!(hosts.len(), 12, "{document}");
    std::thread::scope(|scope| {
        for registry in &registries[1..] {
            scope.spawn(|| assert_eq!(registry.reg(&env, "logout $HOST").exit, Some(0)));
        }
    });
    let document: serde_json::Value = serde_json::from_str(&read(&env, ".docker/config.json")).expect("JSON");
    let hosts: Vec<&String> = document["auths"].as_object().expect("entries").keys().collect();
    assert_eq!(hosts, [&registries[0].host]);
}
