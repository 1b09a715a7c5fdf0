//! Child processes: servers that end with their value, and commands that are bounded and explained when they fail.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long anything may take that is expected to happen. Only ever waited out when the test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
const COMMAND_SECONDS: &str = "180";

/// A server of ours; ended by SIGTERM, then SIGKILL, when dropped.
pub(crate) struct Daemon {
    child: Child,
    name: String,
    log: PathBuf,
}

impl Daemon {
    /// Starts the command with its output in `log`.
    pub(crate) fn spawn(mut command: Command, log: &Path) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let file = File::options().create(true).append(true).open(log).expect("a log file");
        command.stdin(Stdio::null()).stderr(file.try_clone().expect("a second handle")).stdout(file);
        let child = command.spawn().unwrap_or_else(|error| panic!("{name}: {error}"));
        Self { child, name, log: log.to_owned() }
    }

    /// Waits until `ready` says so; `Err` when the process ended before that.
    pub(crate) fn await_ready<T>(&mut self, mut ready: impl FnMut() -> Option<T>) -> Result<T, String> {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(value) = ready() {
                return Ok(value);
            }
            if let Some(status) = self.child.try_wait().expect("a status") {
                return Err(format!("{} ended before it was ready ({status}):\n{}", self.name, self.tail()));
            }
            assert!(Instant::now() < end, "{} is not ready in {PATIENCE:?}:\n{}", self.name, self.tail());
            std::thread::sleep(Duration::from_millis(10)); // poll: a socket of another program
        }
    }

    /// Everything that the server wrote.
    fn output(&self) -> String {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    fn tail(&self) -> String {
        let all = self.output();
        let lines: Vec<&str> = all.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _gone_already = kill_process(pid, signal);
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.signal(Signal::TERM);
        let end = Instant::now() + Duration::from_secs(15);
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > end {
                self.signal(Signal::KILL);
                break;
            }
            std::thread::sleep(Duration::from_millis(5)); // poll: the end of a child
        }
        let _status = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- {} wrote:\n{}\n---", self.name, self.tail());
        }
    }
}

/// A port that was free a moment ago, for servers that cannot choose one and tell.
pub(crate) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("its address")
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) line: String,
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Finished {
    fn describe(&self) -> String {
        let Self { line, code, stdout, stderr } = self;
        format!("$ {line}\n{stdout}{stderr}(exit code {code})")
    }

    /// Standard output of a command that must succeed, without the last newline.
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}", self.describe());
        self.stdout.trim_end().to_owned()
    }

    /// Output and error of a command that must fail.
    pub(crate) fn failed(self) -> String {
        assert_ne!(self.code, 0, "must fail: {}", self.describe());
        self.stdout + &self.stderr
    }
}

/// A program with the arguments and the environment that every call of it gets.
#[derive(Clone)]
pub(crate) struct Tool {
    pub(crate) program: PathBuf,
    pub(crate) first: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
}

impl Tool {
    pub(crate) fn new(program: PathBuf) -> Self {
        Self { program, first: Vec::new(), environment: Vec::new() }
    }

    pub(crate) fn first(mut self, arguments: &[&str]) -> Self {
        self.first.extend(arguments.iter().map(ToString::to_string));
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs to the end, within bounds, with no standard input.
    pub(crate) fn run(&self, arguments: &[&str]) -> Finished {
        self.run_with(arguments, Stdio::null())
    }

    pub(crate) fn run_with(&self, arguments: &[&str], input: Stdio) -> Finished {
        let mut command = Command::new("timeout");
        command.args(["--kill-after=5", COMMAND_SECONDS]).arg(&self.program).args(&self.first).args(arguments);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("REG")) {
            command.env_remove(name);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value))).stdin(input);
        let output = command.output().unwrap_or_else(|error| panic!("{}: {error}", self.program.display()));
        let name = self.program.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Finished {
            line: format!("{name} {}", arguments.join(" ")),
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}
