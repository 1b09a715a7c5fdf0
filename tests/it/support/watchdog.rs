//! An end to every wait for a child process: a program that hangs fails its test instead of holding up all of them.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// Longer than any program of these tests runs, on a machine that is busy with others.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Kills a child that is still waited for after some time. Dropping it, or asking what it did, calls it off.
#[derive(Debug)]
pub(crate) struct Watchdog {
    fired: Arc<AtomicBool>,
    _called_off: Sender<()>,
}

/// Gives a command a process group of its own, so that what it starts ends with it.
pub(crate) fn in_group(command: &mut Command) -> &mut Command {
    std::os::unix::process::CommandExt::process_group(command, 0)
}

impl Watchdog {
    /// Watches the child alone.
    pub(crate) fn over(child: &Child) -> Self {
        Self::start(child, PATIENCE, |pid| kill_process(pid, Signal::KILL))
    }

    /// Watches a child that was started [`in_group`], with all that it started.
    pub(crate) fn over_group(child: &Child, patience: Duration) -> Self {
        Self::start(child, patience, |pid| kill_process_group(pid, Signal::KILL))
    }

    fn start(child: &Child, patience: Duration, kill: impl Fn(Pid) -> rustix::io::Result<()> + Send + 'static) -> Self {
        let pid = Pid::from_child(child);
        let fired = Arc::new(AtomicBool::new(false));
        let (called_off, calls) = channel();
        let firing = Arc::clone(&fired);
        std::thread::spawn(move || {
            if calls.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
                firing.store(true, Ordering::Release);
                // It may end just now.
                let _ = kill(pid);
            }
        });
        Self { fired, _called_off: called_off }
    }

    /// Whether the child had to be killed.
    pub(crate) fn has_fired(&self) -> bool {
        self.fired.load(Ordering::Acquire)
    }
}

/// Runs a command to its end, with `input`. One that hangs is killed, with all that it started, and fails the test.
pub(crate) fn run_within(patience: Duration, command: &mut Command, input: &str) -> Output {
    let mut child = in_group(command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let watchdog = Watchdog::over_group(&child, patience);
    // Programs that do not read end before all is written.
    let _ = child.stdin.take().expect("stdin is piped").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("the program ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(!watchdog.has_fired(), "{:?} did not end in {patience:?}\n{said}", command.get_program());
    output
}

/// The next connection, from a program that may never make one.
pub(crate) fn accept(listener: TcpListener) -> TcpStream {
    let (sender, connections) = channel();
    // It waits on if nobody comes, and ends with the tests.
    std::thread::spawn(move || sender.send(listener.accept().map(|(connection, _)| connection)));
    let connection = connections.recv_timeout(PATIENCE).expect("somebody connects").expect("a connection");
    connection.set_read_timeout(Some(PATIENCE)).expect("a socket");
    connection
}

#[test]
#[should_panic(expected = "\"sh\" did not end in 10ms")]
fn a_program_that_hangs_fails_its_test() {
    // The second process keeps the output open, as a helper would that a program leaves behind.
    let mut command = Command::new("sh");
    command.args(["-c", "sleep 1000 & wait"]);
    let _ = super::Env::without_server().run_within(Duration::from_millis(10), &mut command, "");
}
