//! `reg catalog`

use expect_test::expect;

use crate::support::{Env, image};

fn env() -> Env {
    let env = Env::new();
    for name in ["team/app:v1", "team/web:v1", "tools:v1"] {
        env.push(name, &image(1));
    }
    env
}

#[test]
fn lists_repositories() {
    let env = env();
    env.reg("catalog $REG").check(expect![[r#"
        REPOSITORY
        team/app
        team/web
        tools
    "#]]);
    env.reg("ls $REG -o name").check(expect![[r#"
        $REG/team/app
        $REG/team/web
        $REG/tools
    "#]]);
    env.reg("catalog $REG -o jsonl").check(expect![[r#"
        {"repository":"team/app"}
        {"repository":"team/web"}
        {"repository":"tools"}
    "#]]);
    env.reg("catalog $REG -o csv").check(expect![[r#"
        repository
        team/app
        team/web
        tools
    "#]]);
}

#[test]
fn documents_have_the_keys_of_the_contract() {
    env().reg("catalog $REG -o json").check(expect![[r#"
        {
          "schema": "reg.catalog/v1",
          "registry": "$REG",
          "repository": null,
          "items": [
            {
              "repository": "team/app"
            },
            {
              "repository": "team/web"
            },
            {
              "repository": "tools"
            }
          ],
          "errors": []
        }
    "#]]);
}

#[test]
fn filters_and_limits() {
    let env = env();
    env.reg("catalog $REG --filter 'team/*' -o name").check(expect![[r#"
        $REG/team/app
        $REG/team/web
    "#]]);
    env.reg("catalog $REG --limit 2 -o name").check(expect![[r#"
        $REG/team/app
        $REG/team/web
    "#]]);
    env.reg("catalog $REG --filter 't*' --limit 1 -o name").check(expect![[r#"
        $REG/team/app
    "#]]);
    env.reg("catalog $REG --limit 0 -o json").check(expect![[r#"
        {
          "schema": "reg.catalog/v1",
          "registry": "$REG",
          "repository": null,
          "items": [],
          "errors": []
        }
    "#]]);
}

#[test]
fn the_registry_is_flag_then_variable_then_file_then_localhost() {
    let mut env = env();
    std::fs::create_dir_all(env.path("home/.config/reg")).expect("a directory");
    let file = env.path("home/.config/reg/config.toml");
    std::fs::write(&file, env.expand("registry = '$REG'\n")).expect("a file");
    assert!(env.reg("catalog").ok().contains("tools"));
    env.set("REG_REGISTRY", "127.0.0.1:1");
    assert_eq!(env.reg("catalog").exit, Some(1));
    assert!(env.reg("catalog -r $REG").ok().contains("tools"));
    assert!(env.reg("catalog $REG").ok().contains("tools"));
}

#[test]
fn an_unreachable_registry_is_a_failure() {
    Env::without_server().reg("catalog 127.0.0.1:1").check(expect![[r#"
        ------- stderr -------
        error: cannot list the repositories of 127.0.0.1:1
          caused by: cannot connect to 127.0.0.1:1: connection refused
        [exit 1]
    "#]]);
}

#[test]
fn an_empty_registry_is_an_empty_list() {
    let env = Env::new();
    env.reg("catalog $REG").check(expect![[""]]);
    env.reg("catalog $REG -o csv").check(expect![[r#"
        repository
    "#]]);
}

#[test]
fn wrong_usage() {
    let env = Env::without_server();
    env.reg("catalog http://localhost:5000").check(expect![[r#"
        ------- stderr -------
        error: invalid host "http://localhost:5000": expected HOST or HOST:PORT
        hint: leave http:// away: localhost:5000
        [exit 2]
    "#]]);
    env.reg("catalog 'not a host'").check(expect![[r#"
        ------- stderr -------
        error: invalid host "not a host": expected HOST or HOST:PORT
        [exit 2]
    "#]]);
    env.reg("catalog --filter '[' localhost").check(expect![[r#"
        ------- stderr -------
        error: invalid value '[' for '--filter <GLOB>': error parsing glob '[': unclosed character class; missing ']'

        For more information, try '--help'.
        [exit 2]
    "#]]);
}
