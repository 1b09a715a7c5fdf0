//! The README's tour is true: every `console` block is run against a real server, and must print what stands there.
//!
//! `UPDATE_EXPECT=1 cargo test readme` writes what it printed into the README.

use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use crate::support::Server;
use crate::support::server::reg;
use crate::support::watchdog::{PATIENCE, run_within};

/// A free port of four digits, so that tables are as wide as with `localhost:5000`.
fn free_port() -> u16 {
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let first = 5001 + u16::try_from(std::process::id() % 4000).expect("small");
    (first..9999).chain(5001..first).find(free).expect("a free port")
}

fn serve(home: &Path, port: u16) -> Server {
    let root = home.join("registry");
    let mut command = reg();
    command.args(["serve", "--addr", &format!("127.0.0.1:{port}"), "--root"]).arg(&root).env("HOME", home);
    Server::start_with(&root, &mut command)
}

/// What a line of shell prints, both streams together, as it would look on port 5000.
fn shell(command: &str, home: &Path, port: u16) -> String {
    let folder = Path::new(env!("CARGO_BIN_EXE_reg")).parent().expect("a folder");
    let path = format!("{}:/usr/bin:/bin", folder.display());
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("exec 2>&1; {}", command.replace("localhost:5000", &format!("localhost:{port}")))])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_clear()
        .env("HOME", home)
        .env("PATH", path)
        .env("REG_REGISTRY", format!("localhost:{port}"));
    let output = run_within(PATIENCE, &mut shell, "");
    String::from_utf8(output.stdout).expect("UTF-8").replace(&format!("localhost:{port}"), "localhost:5000")
}

#[test]
fn every_console_block_is_true() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = fs::read_to_string(&file).expect("README.md");
    let home = tempfile::tempdir().expect("a directory");
    let port = free_port();
    let _server = serve(home.path(), port);

    let (mut printed, mut in_console, mut commands) = (String::new(), false, 0);
    for line in text.lines() {
        if line.starts_with("```") {
            in_console = line == "```console";
        }
        match line.strip_prefix("$ ").filter(|_| in_console) {
            Some(command) => {
                commands += 1;
                let output = shell(command, home.path(), port);
                write!(printed, "{line}\n{output}").expect("a string");
                if !output.is_empty() && !output.ends_with('\n') {
                    printed.push('\n');
                }
            }
            // What stands below a command is compared as a whole, at the end.
            None if in_console && line != "```console" => {}
            None => writeln!(printed, "{line}").expect("a string"),
        }
    }
    assert!(commands > 5, "the tour is missing");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&file, &printed).expect("README.md is writable");
    } else {
        pretty(&text, &printed);
    }
}

/// Fails with the first lines that differ.
fn pretty(expected: &str, actual: &str) {
    let differing = expected.lines().zip(actual.lines()).enumerate().find(|(_, (left, right))| left != right);
    if let Some((at, (left, right))) = differing {
        panic!("README.md line {}:\n  says   {left}\n  prints {right}\n(UPDATE_EXPECT=1 writes it anew)", at + 1);
    }
    assert_eq!(expected.len(), actual.len(), "README.md and what its commands print differ in length");
}
