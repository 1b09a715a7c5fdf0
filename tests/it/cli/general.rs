//! What all commands share: usage, configuration, help.

use std::io::Read as _;
use std::process::{Command, Stdio};

use expect_test::expect;

use crate::support::Env;
use crate::support::server::reg;
use crate::support::watchdog::{Watchdog, accept};

#[test]
fn wrong_usage() {
    let env = Env::without_server();
    env.reg("tgas app").check(expect![[r#"
        ------- stderr -------
        error: unrecognized subcommand 'tgas'

          tip: some similar subcommands exist: 'tag', 'tags'

        Usage: reg [OPTIONS] <COMMAND>

        For more information, try '--help'.
        [exit 2]
    "#]]);
    env.reg("tags app --reversed").check(expect![[r#"
        ------- stderr -------
        error: unexpected argument '--reversed' found

          tip: a similar argument exists: '--reverse'

        Usage: reg tags --reverse <REPOSITORY>

        For more information, try '--help'.
        [exit 2]
    "#]]);
    env.reg("tags app -o yaml").check(expect![[r#"
        ------- stderr -------
        error: invalid value 'yaml' for '--output <FORMAT>'
          [possible values: table, wide, json, jsonl, name, csv]

        For more information, try '--help'.
        [exit 2]
    "#]]);
    env.reg("tags app --max-wait soon").check(expect![[r#"
        ------- stderr -------
        error: invalid value 'soon' for '--max-wait <TIME>': "soon" is no length of time, such as 90s, 5m, 12h or 30d

        For more information, try '--help'.
        [exit 2]
    "#]]);
    assert_eq!(env.reg("").exit, Some(2));
}

#[test]
fn help_and_version_are_data() {
    let env = Env::without_server();
    env.reg("--version").check(expect![[r#"
        reg 0.1.0
    "#]]);
    let help = env.reg("--help");
    for part in
        ["Usage: reg [OPTIONS] <COMMAND>", "[alias: ls]", "-o, --output <FORMAT>", "\nExit codes:\n  0    done\n"]
    {
        assert!(help.ok().contains(part), "{part}: {help}");
    }
    assert!(env.reg("tags --help").ok().contains("--sort"));
}

#[test]
fn help_is_a_command_too() {
    let env = Env::without_server();
    assert_eq!(env.reg("help").ok(), env.reg("--help").ok());
    assert_eq!(env.reg("help tags").ok(), env.reg("tags --help").ok());
    assert_eq!(env.reg("help ls --nonsense").ok(), env.reg("catalog --help").ok());
    assert_eq!(env.reg("help tgas").exit, Some(2));
    assert_eq!(env.reg("help config check").ok(), env.reg("config check --help").ok());
    assert_eq!(env.reg("help user add me").ok(), env.reg("user add --help").ok());
    assert_eq!(env.reg("help config --output").ok(), env.reg("config --help").ok());
    assert_eq!(env.reg("help config chekc").exit, Some(2));
}

/// Nothing here begins with a dash, so nobody is told to write `-- -x`.
#[test]
fn an_unknown_flag_is_no_value() {
    Env::without_server().reg("tags -x").check(expect![[r#"
        ------- stderr -------
        error: unexpected argument '-x' found

        Usage: reg tags [OPTIONS] <REPOSITORY>

        For more information, try '--help'.
        [exit 2]
    "#]]);
}

#[test]
fn configuration_that_is_wrong_is_an_error() {
    let mut env = Env::without_server();
    env.set("REG_CONFIG", "$TMP/config.toml");
    env.reg("tags app").check(expect![[r#"
        ------- stderr -------
        error: cannot read $TMP/config.toml
          caused by: No such file or directory (os error 2)
        [exit 2]
    "#]]);
    for text in ["regsitry = 'x'", "[host.'a.example']\nplain-http = true", "registry = ", "registry = 'a b'"] {
        std::fs::write(env.path("config.toml"), text).expect("a file");
        let output = env.reg("tags app");
        assert_eq!((output.exit, output.stdout.as_str()), (Some(2), ""), "{output}");
    }
    std::fs::write(env.path("config.toml"), "regsitry = 'x'").expect("a file");
    env.reg("tags app").check(expect![[r#"
        ------- stderr -------
        error: invalid configuration in $TMP/config.toml
          caused by: unknown key regsitry; did you mean registry?
        [exit 2]
    "#]]);
    // What needs no configuration does not read it.
    assert_eq!(env.reg("completions bash").exit, Some(0));
}

#[test]
fn requests_are_shown_with_v_and_headers_with_vv() {
    let env = Env::new();
    let one = env.reg("catalog $REG -v");
    assert!(one.stderr.contains("> GET http://$REG/v2/_catalog"), "{one}");
    assert!(one.stderr.contains("< 200 OK"), "{one}");
    assert!(!one.stderr.contains("accept: "), "{one}");
    let two = env.reg("catalog $REG -vv");
    assert!(two.stderr.contains(">   accept: application/json") && two.stderr.contains("<   content-type: "), "{two}");
}

#[test]
fn signals_end_a_command_with_their_code() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        // A registry that takes the request and never answers.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let host = silent.local_addr().expect("an address").to_string();
        let mut child = reg()
            .args(["tags", &format!("{host}/app"), "--plain-http"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let _watchdog = Watchdog::over(&child);
        let mut connection = accept(silent);
        connection.read_exact(&mut [0; 4]).expect("a request");
        let sent = Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
        let mut said = String::new();
        child.stderr.take().expect("piped").read_to_string(&mut said).expect("text");
        assert_eq!((child.wait().expect("an end").code(), said.as_str()), (Some(code), ""), "{signal}");
    }
}
