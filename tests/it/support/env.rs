//! A world for one test: an empty environment, a HOME of its own, a directory that goes away, and real servers.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use expect_test::Expect;
use tempfile::TempDir;

use super::http::Client;
use super::image::Image;
use super::server::{Server, reg};
use super::watchdog;

/// A world for one test.
#[derive(Debug)]
pub(crate) struct Env {
    directory: TempDir,
    servers: Vec<Server>,
    variables: BTreeMap<String, String>,
}

impl Env {
    /// A world with one registry, `$REG`.
    pub(crate) fn new() -> Self {
        let mut env = Self::without_server();
        env.add_server();
        env
    }

    /// A world with two registries, `$REG` and `$REG2`.
    pub(crate) fn with_two_servers() -> Self {
        let mut env = Self::new();
        env.add_server();
        env
    }

    pub(crate) fn without_server() -> Self {
        let directory = TempDir::new().expect("a directory");
        std::fs::create_dir(directory.path().join("home")).expect("a home");
        Self { directory, servers: Vec::new(), variables: BTreeMap::new() }
    }

    fn add_server(&mut self) {
        let root = self.path(format!("registry{}", self.servers.len() + 1));
        self.servers.push(Server::start(&root));
    }

    /// A path inside of the world; commands write it `$TMP/…`.
    pub(crate) fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.directory.path().join(relative)
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.path("home")
    }

    /// Sets a variable for every command from now on; `$REG` and the like are replaced.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        let value = self.expand(value);
        self.variables.insert(name.into(), value);
    }

    /// The first registry.
    pub(crate) fn server(&self) -> &Server {
        &self.servers[0]
    }

    pub(crate) fn server_mut(&mut self) -> &mut Server {
        &mut self.servers[0]
    }

    /// Takes a registry out, to end or to restart it.
    pub(crate) fn take_server(&mut self) -> Server {
        self.servers.remove(0)
    }

    pub(crate) fn put_server(&mut self, server: Server) {
        self.servers.insert(0, server);
    }

    /// `127.0.0.1:PORT` of the first registry.
    pub(crate) fn host(&self) -> &str {
        &self.server().host
    }

    /// A connection to the first registry.
    pub(crate) fn http(&self) -> Client {
        self.server().client()
    }

    /// Pushes an image to the first registry: `team/app:v1`, or `team/app` for no tag. Answers the manifest's digest.
    pub(crate) fn push(&self, name: &str, image: &Image) -> String {
        image.push(&mut self.http(), name)
    }

    /// Runs `reg` with arguments as a shell would split them (`'…'` keeps spaces), `$REG`, `$REG2`, `$TMP` and `$HOME` replaced.
    pub(crate) fn reg(&self, arguments: &str) -> Output {
        self.reg_with_input(arguments, "")
    }

    /// The same with something on standard input.
    pub(crate) fn reg_with_input(&self, arguments: &str, input: &str) -> Output {
        let arguments: Vec<String> = split(arguments).iter().map(|argument| self.expand(argument)).collect();
        self.run(reg().args(arguments), input)
    }

    /// Runs any command in this world. One that hangs is killed, with all that it started, and fails the test.
    pub(crate) fn run(&self, command: &mut Command, input: &str) -> Output {
        self.run_within(watchdog::PATIENCE, command, input)
    }

    pub(crate) fn run_within(&self, patience: Duration, command: &mut Command, input: &str) -> Output {
        command.current_dir(self.directory.path()).env("HOME", self.home()).envs(&self.variables);
        let output = watchdog::run_within(patience, command, input);
        let text = |bytes: Vec<u8>| self.normalize(&String::from_utf8(bytes).expect("output is UTF-8"));
        Output { stdout: text(output.stdout), stderr: text(output.stderr), exit: output.status.code() }
    }

    /// Puts what differs from run to run in place of its names.
    pub(crate) fn expand(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, value) in self.names() {
            text = text.replace(&name, &value);
        }
        text
    }

    /// Puts names in place of what differs from run to run.
    pub(crate) fn normalize(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, value) in self.names() {
            text = text.replace(&value, &name);
        }
        text
    }

    /// Names and values, longer names first.
    fn names(&self) -> Vec<(String, String)> {
        let mut names: Vec<_> = self
            .servers
            .iter()
            .enumerate()
            .map(|(at, server)| (if at == 0 { "$REG".into() } else { format!("$REG{}", at + 1) }, server.host.clone()))
            .collect();
        names.reverse();
        names.push(("$HOME".into(), self.home().display().to_string()));
        names.push(("$TMP".into(), self.directory.path().display().to_string()));
        names
    }
}

/// What a command said and how it ended, with names in place of what differs from run to run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) struct Output {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// `None` when a signal ended it.
    pub(crate) exit: Option<i32>,
}

impl Output {
    /// Compares everything with a snapshot; `UPDATE_EXPECT=1` writes it anew.
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "as `expect![…]` is written")]
    pub(crate) fn check(&self, expected: Expect) {
        expected.assert_eq(&self.to_string());
    }

    /// Standard output of a command that must succeed.
    #[track_caller]
    pub(crate) fn ok(&self) -> &str {
        assert_eq!(self.exit, Some(0), "{self}");
        &self.stdout
    }

    /// Standard output of a command that must succeed, as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(self.ok()).unwrap_or_else(|error| panic!("{error}: {self}"))
    }
}

impl fmt::Display for Output {
    /// Standard output, then what is out of the ordinary: standard error, and an exit code that is not 0.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.stdout)?;
        if !self.stderr.is_empty() {
            write!(f, "------- stderr -------\n{}", self.stderr)?;
        }
        match self.exit {
            Some(0) => Ok(()),
            Some(code) => writeln!(f, "[exit {code}]"),
            None => writeln!(f, "[ended by a signal]"),
        }
    }
}

/// Splits at spaces outside of single quotes.
fn split(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), None::<String>, false);
    for c in text.chars() {
        match c {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            c if c.is_whitespace() && !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    assert!(!quoted, "unbalanced quotes in {text}");
    words.extend(word);
    words
}
