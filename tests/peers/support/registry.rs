//! The registries: ours, Debian's registry 2.8.2, registry 3 and zot, each on a loopback port with its own directory.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::api::Api;
use super::http::send;
use super::process::{Daemon, Tool, free_address};
use super::programs::{find, find_optional};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Registry2,
    Registry3,
    Zot,
    /// `reg serve`.
    Reg,
}

impl Kind {
    /// The program, or `None` after saying so. Zot is in no package registry, hence never required.
    fn program(self) -> Option<PathBuf> {
        match self {
            Self::Registry2 => find("docker-registry"),
            Self::Registry3 => find("registry"),
            Self::Zot => find_optional("zot"),
            Self::Reg => find("sh").map(|_| PathBuf::from(env!("CARGO_BIN_EXE_reg"))),
        }
    }
}

/// What the suites test: `reg serve`, or, to try the suites themselves, the peer that `REG_TEST_SUBJECT` names.
pub(crate) fn subject() -> Kind {
    match std::env::var("REG_TEST_SUBJECT").as_deref() {
        Ok("registry2") => Kind::Registry2,
        Ok("registry3") => Kind::Registry3,
        Ok("zot") => Kind::Zot,
        Ok(other) => panic!("REG_TEST_SUBJECT={other}: no such peer"),
        Err(_) => Kind::Reg,
    }
}

/// A running registry; it ends, and its own directory goes, with the value.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    _daemon: Daemon,
    _own: Option<TempDir>,
}

impl Server {
    /// On a directory of its own.
    pub(crate) fn start(kind: Kind) -> Option<Self> {
        let own = TempDir::new().expect("a directory");
        let mut server = Self::start_on(kind, own.path())?;
        server._own = Some(own);
        Some(server)
    }

    /// On `directory/data`; configuration and log stand beside it. Ours is told by flags, as people do.
    pub(crate) fn start_on(kind: Kind, directory: &Path) -> Option<Self> {
        if kind == Kind::Reg {
            return Self::launch(kind, directory, None);
        }
        Self::start_with(kind, directory, &filesystem(&directory.join("data")))
    }

    /// With a `storage:` section of distribution's configuration.
    pub(crate) fn start_with(kind: Kind, directory: &Path, storage: &str) -> Option<Self> {
        Self::launch(kind, directory, Some(storage))
    }

    fn launch(kind: Kind, directory: &Path, storage: Option<&str>) -> Option<Self> {
        let program = kind.program()?;
        let mut failure = String::new();
        for _port in 0..3 {
            match Self::attempt(kind, &program, directory, storage) {
                Ok(server) => return Some(server),
                Err(error) => failure = error,
            }
        }
        panic!("{failure}");
    }

    fn attempt(kind: Kind, program: &Path, directory: &Path, storage: Option<&str>) -> Result<Self, String> {
        let wanted = free_address();
        let log = directory.join(format!("{kind:?}-{}.log", wanted.port()));
        let mut command = Command::new(program);
        command.env("HOME", directory).env("OTEL_TRACES_EXPORTER", "none").current_dir(directory);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("REG") || name.starts_with("XDG_")) {
            command.env_remove(name);
        }
        // Told by flags, ours chooses a port and prints it; with a file it is as quiet as registry 2.
        let announces = kind == Kind::Reg && storage.is_none();
        match (kind, storage) {
            (Kind::Registry2 | Kind::Registry3 | Kind::Reg, Some(storage)) => {
                command.arg("serve").arg(configuration(directory, storage, &wanted.to_string()));
            }
            (Kind::Registry2 | Kind::Registry3 | Kind::Reg, None) => {
                command.args(["serve", "--addr", "127.0.0.1:0", "--root"]).arg(directory.join("data"));
            }
            (Kind::Zot, _) => {
                let path = directory.join("zot.json");
                let data = directory.join("data");
                let json = serde_json::json!({
                    "distSpecVersion": "1.1.1", "log": {"level": "error"},
                    "storage": {"rootDirectory": data, "gc": false, "dedupe": false},
                    "http": {"address": "127.0.0.1", "port": wanted.port().to_string(), "compat": ["docker2s2"]},
                });
                fs::write(&path, json.to_string()).expect("zot's configuration");
                command.arg("serve").arg(path);
            }
        }
        let mut daemon = Daemon::spawn(command, &log);
        let address =
            if announces { daemon.await_ready(|| announced(&fs::read_to_string(&log).ok()?))? } else { wanted };
        daemon.await_ready(|| send(address, "GET", "/v2/", &[], b"").ok().filter(|answer| answer.status == 200))?;
        Ok(Self { address, _daemon: daemon, _own: None })
    }

    pub(crate) fn api(&self) -> Api {
        Api { address: self.address }
    }

    /// `127.0.0.1:PORT/rest`.
    pub(crate) fn name(&self, rest: &str) -> String {
        format!("{}/{rest}", self.address)
    }
}

/// The address in the line that `reg serve` prints when it is ready. Ports are read to the end of their digits.
fn announced(log: &str) -> Option<SocketAddr> {
    let (_, after) = log.split_once("http://127.0.0.1:")?;
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    // Without something behind it the number may still be on its way into the file.
    after.get(digits.len()..)?.chars().next()?;
    Some(SocketAddr::from(([127, 0, 0, 1], digits.parse().ok()?)))
}

/// The `storage:` section for a directory.
pub(crate) fn filesystem(data: &Path) -> String {
    format!("  filesystem:\n    rootdirectory: {}\n  delete:\n    enabled: true\n", data.display())
}

/// One `config.yml`, the same for registry 2, registry 3 and us.
pub(crate) fn configuration(directory: &Path, storage: &str, address: &str) -> PathBuf {
    let path = directory.join("config.yml");
    let text = format!("version: 0.1\nlog:\n  level: warn\nstorage:\n{storage}http:\n  addr: {address}\n");
    fs::write(&path, text).expect("a configuration");
    path
}

/// `garbage-collect` of registry 2.8.2 over `directory/data`; the text that it prints.
pub(crate) fn collect_with_registry2(program: PathBuf, directory: &Path, flags: &[&str]) -> String {
    let path = configuration(directory, &filesystem(&directory.join("data")), "127.0.0.1:0");
    Tool::new(program).run(&[&["garbage-collect"], flags, &[&*path.to_string_lossy()]].concat()).ok()
}
