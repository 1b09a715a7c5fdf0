//! What all commands share: usage, configuration, help.

use std::io::Read as _;
use std::process::{Command, Stdio};

use expect_test::expect;

use crate::support::Env;
use crate::support::server::reg;

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
    env.reg("--help").check(expect![[r#"
        A registry administration CLI and an OCI registry in one binary

        Usage: reg [OPTIONS] <COMMAND>

        Commands:
          catalog      List the repositories of a registry [alias: ls]
          copy         Copy images between registries and image layouts [alias: cp]
          delete       Remove tags (REPOSITORY:TAG) or manifests (REPOSITORY@DIGEST) [alias: rm]
          digest       Show the digest of an image or index
          gc-plan      Show what retention and garbage collection would free
          inspect      Show what an image or index is made of
          login        Log in to a registry
          logout       Forget the credentials of a registry
          ping         Show whether a registry can be reached, and what it can do
          serve        Run a registry
          tag          Give an image more tags
          tags         List the tags of a repository
          completions  Write the completion script of a shell
          man          Write the manual page, or the pages of all commands into a directory

        Options:
          -h, --help
                  Print help (see a summary with '-h')

          -V, --version
                  Print version

        Options of every command:
          -r, --registry <HOST[:PORT]>
                  Registry of references that name none [env: REG_REGISTRY] [default: localhost:5000]

          -o, --output <FORMAT>
                  Format of what is written to standard output [default: table]

                  Possible values:
                  - table: Aligned columns for people
                  - wide:  The table with every column
                  - json:  One document, with a schema
                  - jsonl: One item a line, as it arrives
                  - name:  One full reference a line
                  - csv:   Comma-separated values with a header

          -q, --quiet
                  Write nothing but errors; the exit code is the answer

          -v, --verbose...
                  Show requests (-v) and their headers (-vv), secrets removed

              --color <WHEN>
                  Colour the output

                  Possible values:
                  - auto:   On a terminal, unless NO_COLOR is set
                  - always
                  - never
          
                  [default: auto]

              --plain-http
                  Speak HTTP without TLS (loopback addresses need no asking)

              --insecure
                  Do not verify TLS certificates

              --ca-file <FILE>
                  Certificates (PEM) to trust besides the system's

              --no-progress
                  Show no progress

              --max-wait <TIME>
                  Longest wait that a registry's rate limit may ask for [default: 60s]

        Exit codes:
          0    done
          1    failed
          2    wrong usage, reference or configuration, or --yes is needed; nothing was changed
          3    not found
          4    authentication required or denied
          5    not supported by this registry
          6    rate limited beyond --max-wait
          7    partly done; standard output lists what was and what was not
          8    the condition asked for is true (--detailed-exitcode, --fail-over)
          9    answered no
          130  interrupted, 143 terminated
    "#]]);
    assert!(env.reg("tags --help").ok().contains("--sort"));
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
        let (mut connection, _) = silent.accept().expect("a connection");
        connection.read_exact(&mut [0; 4]).expect("a request");
        let sent = Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
        let mut said = String::new();
        child.stderr.take().expect("piped").read_to_string(&mut said).expect("text");
        assert_eq!((child.wait().expect("an end").code(), said.as_str()), (Some(code), ""), "{signal}");
    }
}
