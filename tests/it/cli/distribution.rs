//! The binary under the name `registry`: distribution's command line, and what the entry point of its images does.

use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use expect_test::expect;

use crate::support::env::Output;
use crate::support::server::reg;
use crate::support::{Env, Server};

/// The program as an image starts it.
fn registry(words: &str) -> Command {
    let mut command = reg();
    command.arg0("/bin/registry").args(words.split_whitespace());
    command
}

fn run(env: &Env, words: &str) -> Output {
    env.run(&mut registry(&env.expand(words)), "")
}

#[test]
fn help_is_what_distribution_says() {
    let env = Env::without_server();
    let usage = run(&env, "");
    assert_eq!((usage.exit, usage.stdout.as_str()), (Some(0), ""), "{usage}");
    for words in ["help", "--help", "-h"] {
        assert_eq!(run(&env, words).ok(), format!("`registry`\n\n{}", usage.stderr), "{words}");
    }
    for words in ["help serve", "serve --help", "serve -h x.yml"] {
        run(&env, words).check(expect![[r#"
            `serve` stores and distributes Docker images.

            Usage:
              registry serve <config> [flags]

            Flags:
              -h, --help   help for serve
        "#]]);
    }
    run(&env, "help help").check(expect![[r#"
        Help provides help for any command in the application.
        Simply type registry help [path to command] for full details.

        Usage:
          registry help [command] [flags]

        Flags:
          -h, --help   help for help
    "#]]);
    let version = format!("/bin/registry reg {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!([run(&env, "-v").ok(), run(&env, "--version").ok()], [&version, &version]);
    assert!(run(&env, "completion bash").ok().contains("complete -F _registry"));
}

#[test]
fn without_a_configuration_nothing_is_served() {
    let env = Env::without_server();
    run(&env, "serve").check(expect![[r#"
        ------- stderr -------
        configuration error: configuration path unspecified
        Usage:
          registry serve <config> [flags]

        Flags:
          -h, --help   help for serve
        [exit 1]
    "#]]);
    std::fs::write(env.path("c.yml"), "version: 0.1\n").expect("written");
    for words in ["serve $TMP/none.yml", "$TMP/none.yaml", "serve $TMP/c.yml", "$TMP/c.yml"] {
        let output = run(&env, words);
        assert_eq!((output.exit, output.stdout.as_str()), (Some(1), ""), "{words}: {output}");
        assert!(output.stderr.starts_with("configuration error: "), "{words}: {output}");
    }
}

#[test]
fn mistakes_are_told_in_its_words() {
    let env = Env::without_server();
    run(&env, "sevre x.yml").check(expect![[r#"
        ------- stderr -------
        Error: unknown command "sevre" for "registry"
        Run 'registry --help' for usage.
        [exit 1]
    "#]]);
    run(&env, "serve --addr :5000 x.yml").check(expect![[r#"
        ------- stderr -------
        Error: unknown flag: --addr
        Usage:
          registry serve <config> [flags]

        Flags:
          -h, --help   help for serve
        [exit 1]
    "#]]);
    let output = run(&env, "serve -q");
    assert!(output.stderr.starts_with("Error: unknown shorthand flag: 'q' in -q\nUsage:\n"), "{output}");
    assert_eq!(run(&env, "help sevre").exit, Some(1));
}

/// `docker run IMAGE`, `docker run IMAGE CONFIG`, `docker run IMAGE registry serve CONFIG`.
#[test]
fn an_image_without_a_shell_starts_like_registrys() {
    let env = Env::without_server();
    let config = "version: 0.1\nstorage: {filesystem: {rootdirectory: $TMP/data}}\nhttp: {addr: '127.0.0.1:0'}\n";
    std::fs::write(env.path("c.yml"), env.expand(config)).expect("written");
    let path = env.path("c.yml").display().to_string();
    let mut by_variable = registry("serve");
    by_variable.env("REGISTRY_CONFIGURATION_PATH", &path);
    let lines = [path.clone(), format!("serve {path} ignored"), format!("registry serve {path}")];
    for mut command in lines.iter().map(|line| registry(line)).chain([by_variable]) {
        let (server, mut log) = Server::start_logged(&env.path("data"), &mut command);
        assert_eq!(server.client().get("/v2/").status, 200);
        server.signal("TERM");
        let (status, access_log) = server.wait();
        assert!(status.success(), "{status}");
        assert!(access_log.contains("\"GET /v2/ HTTP/1.1\" 200"), "the access log is on stdout: {access_log}");
        let mut rest = String::new();
        log.read_to_string(&mut rest).expect("text");
        assert!(!rest.contains("GET /v2/ HTTP"), "{rest}");
    }
    // The image has one more program.
    assert_eq!(run(&env, "reg --version").ok(), format!("reg {}\n", env!("CARGO_PKG_VERSION")));
}
