//! `reg user`: files of users, changed by hand, by scripts and by several at once.

use std::os::unix::fs::PermissionsExt as _;

use expect_test::expect;

use crate::support::Env;

#[test]
fn users_come_and_go() {
    let env = Env::without_server();
    env.reg_with_input("user add $TMP/users alice --password-stdin", "secret\n").check(expect![[r#"
        ------- stderr -------
        added alice in $TMP/users
    "#]]);
    assert_eq!(std::fs::metadata(env.path("users")).expect("a file").permissions().mode() & 0o777, 0o600);
    env.reg_with_input("user add $TMP/users bob --password-stdin", "b").check(expect![[r#"
        ------- stderr -------
        added bob in $TMP/users
    "#]]);
    env.reg_with_input("user add $TMP/users alice --password-stdin", "new").check(expect![[r#"
        ------- stderr -------
        changed the password of alice in $TMP/users
    "#]]);
    let mut text = std::fs::read_to_string(env.path("users")).expect("a file");
    assert!(text.starts_with("bob:$2b$10$") && text.contains("\nalice:$2b$10$"), "{text}");
    text.insert_str(0, "# the team\ncarol:$apr1$x$y\n");
    std::fs::write(env.path("users"), text).expect("written");
    env.reg("user list $TMP/users").check(expect![[r#"
        USER   USABLE  SCHEME
        alice  yes     bcrypt
        bob    yes     bcrypt
        carol  no      MD5 (apr1)
    "#]]);
    env.reg("user list $TMP/users -o json").check(expect![[r#"
        {
          "schema": "reg.user/v1",
          "registry": null,
          "repository": null,
          "items": [
            {
              "user": "alice",
              "usable": true,
              "scheme": "bcrypt"
            },
            {
              "user": "bob",
              "usable": true,
              "scheme": "bcrypt"
            },
            {
              "user": "carol",
              "usable": false,
              "scheme": "MD5 (apr1)"
            }
          ],
          "errors": []
        }
    "#]]);
    for (user, password, exit) in [("alice", "new", 0), ("alice", "secret", 4), ("bob", "b", 0), ("nobody", "b", 3)] {
        let output = env.reg_with_input(&format!("user verify $TMP/users {user} --password-stdin"), password);
        assert_eq!(output.exit, Some(exit), "{user} {password}");
    }
    env.reg_with_input("user verify $TMP/users carol --password-stdin", "x").check(expect![[r#"
        ------- stderr -------
        error: the hash of carol in $TMP/users is no bcrypt: the server refuses it
        hint: reg user add $TMP/users carol
        [exit 4]
    "#]]);
    env.reg("user remove $TMP/users alice dave").check(expect![[r#"
        ------- stderr -------
        error: there is no user "dave" in $TMP/users; nothing was changed
        [exit 3]
    "#]]);
    assert!(std::fs::read_to_string(env.path("users")).expect("a file").contains("alice:"));
    env.reg("user remove $TMP/users alice bob").check(expect![[r#"
        ------- stderr -------
        removed alice, bob from $TMP/users
    "#]]);
    assert_eq!(std::fs::read_to_string(env.path("users")).expect("a file"), "# the team\ncarol:$apr1$x$y\n");
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let env = Env::without_server();
    std::fs::write(env.path("broken"), "no colon\n").expect("written");
    env.reg_with_input("user add $TMP/broken a --password-stdin", "x").check(expect![[r#"
        ------- stderr -------
        error: $TMP/broken is no htpasswd file
          caused by: line 1: expected USER:HASH
        [exit 2]
    "#]]);
    assert_eq!(std::fs::read_to_string(env.path("broken")).expect("a file"), "no colon\n");
    env.reg_with_input("user add $TMP/users a:b --password-stdin", "x").check(expect![[r#"
        ------- stderr -------
        error: "a:b" cannot be a user: a name has no colon, no control characters, no space or # in front
        [exit 2]
    "#]]);
    env.reg_with_input("user add $TMP/users a --password-stdin", &"x".repeat(73)).check(expect![[r#"
        ------- stderr -------
        error: a password has at most 72 bytes, none of them 0: bcrypt looks at no more
        [exit 2]
    "#]]);
    env.reg_with_input("user add $TMP/users a --password-stdin", "\n").check(expect![[r#"
        ------- stderr -------
        error: standard input has no password
        [exit 2]
    "#]]);
    env.reg("user add $TMP/users a").check(expect![[r#"
        ------- stderr -------
        error: Password of a is needed, and there is no terminal to ask on
        hint: --password-stdin reads the password from standard input
        [exit 2]
    "#]]);
    env.reg("user list $TMP/users").check(expect![[r#"
        ------- stderr -------
        error: cannot read $TMP/users
          caused by: No such file or directory (os error 2)
        [exit 3]
    "#]]);
    env.reg_with_input("user add $TMP/no/users a --password-stdin", "x").check(expect![[r#"
        ------- stderr -------
        error: cannot read $TMP/no/users
          caused by: No such file or directory (os error 2)
        [exit 1]
    "#]]);
    assert!(!env.path("users").exists() && !env.path("no").exists());
}

#[test]
fn nobody_is_lost_when_many_are_added_at_once() {
    let env = Env::without_server();
    std::fs::write(env.path("real"), "").expect("written");
    std::fs::set_permissions(env.path("real"), std::fs::Permissions::from_mode(0o640)).expect("rights");
    std::os::unix::fs::symlink(env.path("real"), env.path("users")).expect("a link");
    std::thread::scope(|scope| {
        for number in 0..6 {
            let env = &env;
            scope.spawn(move || {
                let command = format!("user add $TMP/users user{number} --password-stdin");
                assert_eq!(env.reg_with_input(&command, "x").exit, Some(0));
            });
        }
    });
    assert_eq!(std::fs::read_to_string(env.path("real")).expect("a file").lines().count(), 6);
    let real = std::fs::metadata(env.path("real")).expect("a file").permissions().mode();
    assert_eq!(real & 0o777, 0o640, "who could read it still can");
    assert!(std::fs::symlink_metadata(env.path("users")).expect("a link").is_symlink());
    assert_eq!(
        std::fs::read_dir(env.path("")).expect("listed").count(),
        3,
        "home, link and file: nothing is left over"
    );
}
