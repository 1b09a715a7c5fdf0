//! A real `reg serve` as a child process.

use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};

use super::env::Env;
use super::http::Client;
use super::watchdog::Watchdog;

/// A running server. It is killed when the value goes.
#[derive(Debug)]
pub(crate) struct Server {
    /// `127.0.0.1:PORT`
    pub(crate) host: String,
    /// The data.
    pub(crate) root: PathBuf,
    /// Standard output up to and with the ready line.
    pub(crate) ready: String,
    child: Child,
    stdout: BufReader<ChildStdout>,
}

/// The program under test, with nothing of this process's environment.
pub(crate) fn reg() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reg"));
    command.env_clear().env("PATH", "/usr/bin:/bin").env("TZ", "UTC").env("RUST_BACKTRACE", "1");
    command.stdin(Stdio::null());
    command
}

/// The program under test, for somebody for whom permissions hold (for root they do not) and to whom `data` belongs. The
/// shell runs `before` it.
pub(crate) fn unprivileged(env: &Env, data: &Path, before: &str) -> Command {
    let mut command = Command::new("sh");
    command.env_clear().env("PATH", "/usr/bin:/bin").current_dir("/");
    command.args(["-c", &format!("{before}; exec \"$0\" \"$@\"")]);
    if !rustix::process::geteuid().is_root() {
        command.arg(reg().get_program());
        return command;
    }
    // Where the tests are built, others may not look.
    let copy = env.path("reg");
    fs::copy(reg().get_program(), &copy).expect("copied");
    fs::set_permissions(env.path(""), Permissions::from_mode(0o755)).expect("ours");
    chown(data, Some(65534), Some(65534)).expect("for root");
    command.arg(copy).uid(65534).gid(65534);
    command
}

impl Server {
    /// Starts a server with its data in `root` and waits until it listens.
    pub(crate) fn start(root: &Path) -> Self {
        Self::start_with(root, reg().arg("serve").args(["--addr", "127.0.0.1:0", "--root"]).arg(root))
    }

    /// Starts a server as `command` says and waits until it listens.
    pub(crate) fn start_with(root: &Path, command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the program starts");
        let _watchdog = Watchdog::over(&child);
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let mut ready = String::new();
        let host = loop {
            let at = ready.len();
            let read = stdout.read_line(&mut ready).expect("stdout is text");
            assert!(read > 0, "the server ended before it listened: {:?}", child.wait());
            if let Some((_, host)) = ready[at..].trim_end().split_once("listening on http://") {
                break host.to_owned();
            }
        };
        Self { host, root: root.to_owned(), ready, child, stdout }
    }

    /// Starts a server with a configuration file, whose ready line is in its log; the rest of the log comes back too.
    pub(crate) fn start_configured(config: &Path, root: &Path) -> (Self, BufReader<ChildStderr>) {
        Self::start_logged(root, reg().arg("serve").arg(config))
    }

    /// The same as `command` says.
    pub(crate) fn start_logged(root: &Path, command: &mut Command) -> (Self, BufReader<ChildStderr>) {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let _watchdog = Watchdog::over(&child);
        let stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let mut log = BufReader::new(child.stderr.take().expect("stderr is piped"));
        let mut ready = String::new();
        let host = loop {
            let at = ready.len();
            let read = log.read_line(&mut ready).expect("the log is text");
            assert!(read > 0, "the server ended before it listened: {ready}");
            if let Some((_, rest)) = ready[at..].split_once("listening on ") {
                break rest.split(['"', '\n']).next().unwrap_or_default().to_owned();
            }
        };
        (Self { host, root: root.to_owned(), ready, child, stdout }, log)
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(&self.host)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal: `TERM`, `INT`, `KILL`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status();
        assert!(sent.expect("kill runs").success());
    }

    /// Waits for the end of the server; its status and the rest of its standard output.
    pub(crate) fn wait(mut self) -> (ExitStatus, String) {
        let _watchdog = Watchdog::over(&self.child);
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).expect("stdout is text");
        (self.child.wait().expect("the server ends"), rest)
    }

    /// Whether the server is there.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("the child is ours").is_none()
    }

    /// Kills the server as a power cut would, and starts it again on the same data.
    pub(crate) fn kill_and_restart(self) -> Self {
        self.signal("KILL");
        let root = self.root.clone();
        drop(self.wait());
        Self::start(&root)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
