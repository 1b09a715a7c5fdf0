//! `reg config explain`: which rule decides.

use expect_test::expect;

use crate::support::Env;

const CONFIG: &str = "\
version: 0.1
http: {addr: '127.0.0.1:0'}
storage: {inmemory: }
auth: {htpasswd: {realm: r, path: $TMP/htpasswd}}
access:
  groups:
    dev: [alice, bob]
  rules:
    - repositories: [\"public/**\"]
      anonymous: true
      actions: [pull]
    - repositories: [\"team/**\", \"library/*\"]
      groups: [dev]
      actions: [push]
    - repositories: [\"team/app\"]
      users: [\"*\"]
      actions: [pull]
";

fn world() -> Env {
    let env = Env::without_server();
    let root = env.path("").display().to_string();
    std::fs::write(env.path("c.yml"), CONFIG.replace("$TMP", root.trim_end_matches('/'))).expect("written");
    std::fs::write(env.path("htpasswd"), "alice:x\nbob:x\ncarol:x\n").expect("written");
    env
}

#[test]
fn the_rule_that_decides_is_named() {
    let env = world();
    env.reg("config explain -c $TMP/c.yml alice push team/app").check(expect![[r#"
        yes: alice may push team/app
        rule 2 ($TMP/c.yml:12:7) allows it: team/** for the group dev
    "#]]);
    env.reg("config explain -c $TMP/c.yml carol push team/app").check(expect![[r#"
        no: carol may not push team/app
        rule 3 ($TMP/c.yml:15:7) is for team/app and carol, not for push
        [exit 9]
    "#]]);
    env.reg("config explain -c $TMP/c.yml - pull team/app").check(expect![[r#"
        no: a stranger may not pull team/app
        rules 2 ($TMP/c.yml:12:7), 3 ($TMP/c.yml:15:7) are for team/app, not for strangers
        [exit 9]
    "#]]);
    env.reg("config explain -c $TMP/c.yml - pull public/x/y").check(expect![[r#"
        yes: a stranger may pull public/x/y
        rule 1 ($TMP/c.yml:9:7) allows it: public/** for everybody (anonymous)
    "#]]);
    env.reg("config explain -c $TMP/c.yml dave delete other").check(expect![[r#"
        no: dave may not delete other
        no access rule is for other
        ------- stderr -------
        note: there is no user "dave" in $TMP/htpasswd: nobody can log in as that (who is not logged in is written -)
        note: deletes are switched off, whatever the rules say (storage.delete.enabled)
        [exit 9]
    "#]]);
    env.reg("config explain -c $TMP/c.yml carol pull team/app").check(expect![[r#"
        yes: carol may pull team/app
        rule 3 ($TMP/c.yml:15:7) allows it: team/app for everybody who is logged in
    "#]]);
}

#[test]
fn programs_get_the_same() {
    let env = world();
    env.reg("config explain -c $TMP/c.yml bob push library/x -o json").check(expect![[r#"
        {
          "schema": "reg.config-explain/v1",
          "file": "$TMP/c.yml",
          "user": "bob",
          "groups": [
            "dev"
          ],
          "action": "push",
          "repository": "library/x",
          "allowed": true,
          "rule": 2,
          "origin": "$TMP/c.yml:12:7",
          "pattern": "library/*",
          "reason": "rule 2 ($TMP/c.yml:12:7) allows it: library/* for the group dev",
          "errors": []
        }
    "#]]);
    env.reg("config explain -c $TMP/c.yml bob push other -o json").check(expect![[r#"
        {
          "schema": "reg.config-explain/v1",
          "file": "$TMP/c.yml",
          "user": "bob",
          "groups": [
            "dev"
          ],
          "action": "push",
          "repository": "other",
          "allowed": false,
          "rule": null,
          "origin": null,
          "pattern": null,
          "reason": "no access rule is for other",
          "errors": []
        }
        [exit 9]
    "#]]);
}

#[test]
fn without_rules_and_wrongly_asked() {
    let env = Env::without_server();
    env.reg("config explain alice push team/app").check(expect![[r#"
        yes: alice may push team/app
        there is no auth and there are no access rules: everybody may do everything
    "#]]);
    env.reg("config explain alice write team/app").check(expect![[r#"
        ------- stderr -------
        error: invalid value 'write' for '<ACTION>': must be pull, push or delete

        For more information, try '--help'.
        [exit 2]
    "#]]);
    env.reg("config explain alice pull TEAM").check(expect![[r#"
        ------- stderr -------
        error: invalid value 'TEAM' for '<REPOSITORY>': invalid repository name "TEAM": lower-case letters and digits, separated by '.', '_', '__', '-' or '/', are allowed

        For more information, try '--help'.
        [exit 2]
    "#]]);
}
