//! What a server does by file and variables, and what is said about them.

use expect_test::expect;

use crate::support::server::reg;
use crate::support::{Env, Server};

/// A world with a configuration file, `$TMP/c.yml`.
fn world(config: &str) -> Env {
    let env = Env::without_server();
    std::fs::write(env.path("c.yml"), env.expand(config)).expect("written");
    env
}

const DIRECTORY: &str =
    "version: 0.1\nstorage: {filesystem: {rootdirectory: $TMP/data}}\nhttp: {addr: '127.0.0.1:0'}\n";

#[test]
fn variables_win_over_the_file() {
    let env = world(DIRECTORY);
    let mut command = reg();
    command
        .env("REGISTRY_CONFIGURATION_PATH", env.path("c.yml"))
        .env("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", env.path("other"))
        .env("REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED", "true")
        .arg("serve");
    let (server, _log) = Server::start_logged(&env.path("other"), &mut command);
    let answer = server.client().send("POST", "/v2/a/blobs/uploads/", &[], b"");
    assert_eq!(answer.status, 405);
    assert!(env.path("other").is_dir() && !env.path("data").exists());
}

#[test]
fn variables_alone_are_an_overlay_over_the_registry_of_one_person() {
    let env = Env::without_server();
    let mut command = reg();
    command
        .env("HOME", env.home())
        .env("REGISTRY_HTTP_ADDR", "127.0.0.1:0")
        .env("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", env.path("data"))
        .arg("serve");
    let server = Server::start_with(&env.path("data"), &mut command);
    server.client().push_blob("a", b"x");
    assert!(env.path("data/docker/registry/v2").is_dir());
}

#[test]
fn what_would_open_a_closed_registry_is_refused() {
    let mut env = world(DIRECTORY);
    env.set("REGISTRY_AUTH", "{token: {realm: r, service: s, issuer: i, rootcertbundle: /p}}");
    env.reg("serve $TMP/c.yml").check(expect![[r#"
        ------- stderr -------
        error: REGISTRY_AUTH: auth.token: not supported yet, and without it the registry would stand open
        hint: put a proxy that does this in front, and remove the section
        [exit 2]
    "#]]);
    env.set("REGISTRY_AUTH", "htpaswd");
    env.reg("serve $TMP/c.yml").check(expect![[r#"
        ------- stderr -------
        error: REGISTRY_AUTH: auth.htpaswd: is not known
        hint: known are none, silly, htpasswd, token
        [exit 2]
    "#]]);
}

#[test]
fn a_second_storage_is_refused() {
    let mut env = world(DIRECTORY);
    env.set("REGISTRY_STORAGE_S3_BUCKET", "b");
    env.reg("serve $TMP/c.yml").check(expect![[r#"
        ------- stderr -------
        error: REGISTRY_STORAGE_S3_BUCKET: storage.s3: there is one storage, and filesystem is it already ($TMP/c.yml:2:23)
        hint: REGISTRY_STORAGE=s3 replaces the section of the file
        [exit 2]
    "#]]);
}

#[test]
fn a_misspelt_directory_is_refused() {
    let mut env =
        world("version: 0.1\nstorage: {filesystem: {rootdirectroy: $TMP/data}}\nhttp: {addr: '127.0.0.1:0'}\n");
    env.reg("serve $TMP/c.yml").check(expect![[r#"
        ------- stderr -------
        error: $TMP/c.yml:2:24: storage.filesystem.rootdirectroy: is not known
        hint: did you mean rootdirectory?
        [exit 2]
    "#]]);
    env = world(DIRECTORY);
    env.set("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTROY", "/data");
    env.reg("serve $TMP/c.yml").check(expect![[r#"
        ------- stderr -------
        error: REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTROY: storage.filesystem.rootdirectroy: is not known
        hint: did you mean rootdirectory?
        [exit 2]
    "#]]);
}

#[test]
fn a_plan_needs_the_storage_alone() {
    let mut env = world(
        "version: 0.1\nstorage: {filesystem: {rootdirectory: $TMP/data}}\nauth: {htpasswd: {realm: r, path: p}}\n\
         http: {tls: {certificate: c, key: k}}\nproxy: {remoteurl: https://r.example}\n",
    );
    std::fs::create_dir(env.path("data")).expect("a directory");
    assert_eq!(env.reg("gc-plan --config $TMP/c.yml -o json").json()["summary"]["bytes_freed"], 0);
    env.set("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "$TMP/none");
    assert_eq!(env.reg("gc-plan --config $TMP/c.yml").exit, Some(2));
}
