//! Clients that log in to `reg serve`, or do not, where rules say who may do what: with its own bearer tokens, with passwords
//! alone, and with API tokens.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::guides::serve;
use crate::support::containers::{podman, rootfs, skopeo};
use crate::support::dockerd::Dockerd;
use crate::support::process::Tool;
use crate::support::programs::{available, require};
use crate::support::reg::Reg;

/// alice:secret and bob:secret; strangers pull what is public, alice pushes what is public and what is the team's.
fn guarded(directory: &Path, more: &str) -> String {
    let hash = "$2y$04$f7F21UoibeDZb5qEBI2AkuHcMRr7arP8zzVKzfDjKu7zbYM817IGO";
    fs::write(directory.join("htpasswd"), format!("alice:{hash}\nbob:{hash}\n")).expect("users");
    let at = directory.display();
    format!(
        "{more}auth:\n  htpasswd:\n    realm: Registry Realm\n    path: {at}/htpasswd\naccess:\n  rules:\n  \
         - {{repositories: ['public/*'], anonymous: true, actions: [pull]}}\n  \
         - {{repositories: ['public/*', 'team/*'], users: [alice], actions: [push]}}\n"
    )
}

const TOKENS: &str = "tokens: {enabled: true}\n";
const LASTING: &str = "  secret: 0123456789abcdef0123456789abcdef\ntokens: {enabled: true}\n";

#[test]
fn docker_with_bearer_tokens() {
    let docker = available!(Dockerd::shared());
    for more in [TOKENS, LASTING] {
        let directory = TempDir::new().expect("a directory");
        let (address, _daemon) =
            serve(env!("CARGO_BIN_EXE_reg").into(), directory.path(), &guarded(directory.path(), more));
        let host = address.to_string();
        let [public, team, other] = ["public/app", "team/app", "other/app"].map(|name| format!("{host}/{name}:v1"));
        for name in [&public, &team, &other] {
            docker.import(name, "for whom it may concern");
        }
        let login = |password: &str| docker.docker.run(&["login", "-u", "alice", "-p", password, &host]);
        let refused = docker.docker.run(&["push", &public]).failed();
        assert!(refused.contains("unauthorized") || refused.contains("denied"), "{refused}");
        let refused = login("wrong").failed();
        assert!(refused.contains("401") || refused.contains("unauthorized"), "{refused}");
        assert!(login("secret").ok().contains("Login Succeeded"));
        let stored = fs::read_to_string(docker.directory().join("client/config.json")).expect("credentials");
        assert_eq!(stored.contains("identitytoken"), more == LASTING, "{stored}");
        docker.ok(&["push", &public]);
        docker.ok(&["push", &team]);
        let refused = docker.docker.run(&["push", &other]).failed();
        assert!(refused.contains("denied"), "{refused}");
        docker.ok(&["image", "rm", &team]);
        docker.ok(&["pull", &team]);
        docker.ok(&["logout", &host]);
        docker.ok(&["image", "rm", &public, &team]);
        docker.ok(&["pull", &public]);
        let refused = docker.docker.run(&["pull", &team]).failed();
        assert!(refused.contains("denied") || refused.contains("unauthorized"), "{refused}");
    }
}

#[test]
fn docker_with_an_api_token_for_a_password() {
    let docker = available!(Dockerd::shared());
    let directory = TempDir::new().expect("a directory");
    let tokens = directory.path().join("tokens").to_string_lossy().into_owned();
    let more = format!("tokens: {{enabled: true, file: {tokens}}}\n");
    let (address, _daemon) =
        serve(env!("CARGO_BIN_EXE_reg").into(), directory.path(), &guarded(directory.path(), &more));
    let (host, name) = (address.to_string(), format!("{address}/team/token:v1"));
    docker.import(&name, "by a robot");
    let reg = Reg::new();
    let pull = reg.ok(&["token", "create", &tokens, "alice", "--scope", "team/*:pull"]);
    let push = reg.ok(&["token", "create", &tokens, "alice", "--scope", "team/*:push"]);
    let login = |token: &str| docker.ok(&["login", "-u", "alice", "-p", token.trim(), &host]);
    // A token goes with the name of its owner.
    docker.docker.run(&["login", "-u", "robot", "-p", pull.trim(), &host]).failed();
    login(&pull);
    assert!(docker.docker.run(&["push", &name]).failed().contains("denied"));
    login(&push);
    docker.ok(&["push", &name]);
    login(&pull);
    docker.ok(&["image", "rm", &name]);
    docker.ok(&["pull", &name]);
    docker.ok(&["logout", &host]);
}

#[test]
fn podman_skopeo_and_crane_log_in_or_do_not() {
    let home = TempDir::new().expect("a home");
    let (podman, skopeo) = (available!(podman(home.path())), available!(skopeo(home.path())));
    let folder = home.path().to_string_lossy().into_owned();
    let crane = Tool::new(require!("crane")).first(&["--insecure"]).env("HOME", &folder).env("DOCKER_CONFIG", &folder);
    for more in ["", TOKENS, LASTING] {
        let directory = TempDir::new().expect("a directory");
        let (address, _daemon) =
            serve(env!("CARGO_BIN_EXE_reg").into(), directory.path(), &guarded(directory.path(), more));
        let host = address.to_string();
        let [public, team, other] = ["public/app", "team/app", "other/app"].map(|name| format!("{host}/{name}:v1"));
        let tar = rootfs(home.path(), "for whom it may concern");
        podman.run(&["import", &tar.to_string_lossy(), &public]).ok();
        let push = |to: &str| podman.run(&["push", "--tls-verify=false", &public, to]);

        push(&public).failed();
        let login = ["login", "--tls-verify=false", "-u", "alice", "-p"];
        podman.run(&[&login[..], &["wrong", &host]].concat()).failed();
        podman.run(&[&login[..], &["secret", &host]].concat()).ok();
        push(&public).ok();
        push(&team).ok();
        push(&other).failed();
        podman.run(&["pull", "--tls-verify=false", &team]).ok();
        podman.run(&["logout", &host]).ok();
        podman.run(&["pull", "--tls-verify=false", &public]).ok();
        podman.run(&["pull", "--tls-verify=false", &team]).failed();

        let look = |name: &str| skopeo.run(&["inspect", "--raw", "--tls-verify=false", &format!("docker://{name}")]);
        look(&public).ok();
        look(&team).failed();
        skopeo.run(&[&login[..], &["secret", &host]].concat()).ok();
        look(&team).ok();
        look(&other).failed();
        skopeo.run(&["logout", &host]).ok();

        crane.run(&["digest", &public]).ok();
        crane.run(&["digest", &team]).failed();
        let listed = crane.run(&["catalog", &host]);
        match more {
            // Without tokens a stranger who is asked who they are has nothing to show.
            "" => drop(listed.failed()),
            _ => assert_eq!(listed.ok(), "public/app", "what strangers may pull"),
        }
        crane.run(&["auth", "login", "-u", "alice", "-p", "secret", &host]).ok();
        crane.run(&["copy", &team, &format!("{host}/team/copy:v1")]).ok();
        crane.run(&["copy", &team, &other]).failed();
        assert_eq!(crane.run(&["catalog", &host]).ok(), "public/app\nteam/app\nteam/copy");
        crane.run(&["auth", "logout", &host]).ok();
    }
}
