//! Where clients come in: sockets of the file system, and sockets that the service manager has opened.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use expect_test::expect;

use crate::support::server::reg;
use crate::support::{Env, Server};

/// A configuration that listens on the socket `$TMP/s` and ends in these lines.
fn configure(env: &Env, http: &str) {
    let text = format!("version: 0.1\nstorage: {{filesystem: {{rootdirectory: $TMP/data}}}}\nhttp: {{{http}}}\n");
    std::fs::write(env.path("c.yml"), env.expand(&text)).expect("written");
}

/// Sends a request that is the last one and reads all of the answer.
fn exchange(socket: &Path, head: &str) -> String {
    let mut stream = UnixStream::connect(socket).expect("somebody listens");
    stream.write_all(format!("{head}\r\nHost: r\r\nConnection: close\r\n\r\n").as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("text");
    answer
}

#[test]
fn a_socket_of_the_file_system_is_served_and_removed() {
    let env = Env::without_server();
    configure(&env, "net: unix, addr: $TMP/s");
    let socket = env.path("s");
    drop(UnixListener::bind(&socket).expect("bound"));
    assert!(socket.exists(), "a server that is dead has left it");

    let (server, _log) = Server::start_configured(&env.path("c.yml"), &env.path("data"));

    assert_eq!(server.host, format!("unix:{}", socket.display()));
    assert!(std::fs::metadata(&socket).expect("there").file_type().is_socket());
    let answer = exchange(&socket, "POST /v2/a/blobs/uploads/ HTTP/1.1\r\nContent-Length: 0");
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    assert!(answer.contains("\r\nlocation: http://r/v2/a/blobs/uploads/"), "{answer}");
    server.signal("TERM");
    let (status, access_log) = server.wait();
    assert!(status.success());
    assert!(access_log.starts_with("@ - - ["), "{access_log}");
    assert!(!socket.exists(), "nothing is left");
}

#[test]
fn a_socket_that_is_in_use_is_left_alone() {
    let env = Env::without_server();
    configure(&env, "net: unix, addr: $TMP/s");
    let (server, _log) = Server::start_configured(&env.path("c.yml"), &env.path("data"));
    env.reg("serve $TMP/c.yml").check(expect![[r#"
        ------- stderr -------
        error: cannot start the registry
          caused by: unix:$TMP/s is in use by another program
        hint: another registry is running there
        [exit 1]
    "#]]);
    assert!(exchange(&env.path("s"), "GET /v2/ HTTP/1.1").starts_with("HTTP/1.1 200 "));
    drop(server);

    std::fs::write(env.path("file"), "mine").expect("written");
    configure(&env, "net: unix, addr: $TMP/file");
    env.reg("serve $TMP/c.yml").check(expect![[r#"
        ------- stderr -------
        error: cannot start the registry
          caused by: cannot listen on unix:$TMP/file
          caused by: there is a file that is no socket
        [exit 1]
    "#]]);
    assert_eq!(std::fs::read(env.path("file")).expect("there"), b"mine");
}

#[test]
fn an_address_of_the_command_line_wins_over_a_socket() {
    let env = Env::without_server();
    configure(&env, "net: unix, addr: $TMP/s");
    let mut command = reg();
    command.arg("serve").arg(env.path("c.yml")).args(["--addr", "127.0.0.1:0"]);
    let (server, _log) = Server::start_logged(&env.path("data"), &mut command);
    assert_eq!(server.client().get("/v2/").status, 200);
    assert!(!env.path("s").exists());
}

#[test]
fn what_is_no_socket_is_a_fault_of_the_file() {
    let env = Env::without_server();
    for (http, fault) in [
        ("net: udp, addr: ':0'", "3:13: http.net: must be tcp or unix, not \"udp\""),
        (
            "net: unix, addr: '@registry'",
            "3:25: http.addr: must be the path of a socket such as /run/registry.sock, not \"@registry\"",
        ),
        ("net: unix", "3:7: http.addr: is missing"),
    ] {
        configure(&env, http);
        let output = env.reg("config check $TMP/c.yml");
        assert_eq!(output.exit, Some(2), "{output}");
        assert!(output.stderr.contains(&format!("c.yml:{fault}\n")), "{output}");
    }
}

/// `reg serve` as systemd starts it: with `socket` as its third descriptor, so many announced, and somebody to tell.
fn activated(env: &Env, socket: OwnedFd, announced: u32, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    let script = format!("exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS={announced} exec \"$0\" \"$@\"");
    command.env_clear().env("PATH", "/usr/bin:/bin").env("NOTIFY_SOCKET", env.path("notify"));
    command.arg("-c").arg(script).arg(reg().get_program()).arg("serve").args(arguments).stdin(Stdio::from(socket));
    command
}

/// The next message to the service manager.
fn message(manager: &UnixDatagram) -> String {
    let mut bytes = [0; 1000];
    let len = manager.recv(&mut bytes).expect("a message");
    String::from_utf8_lossy(&bytes[..len]).into_owned()
}

#[test]
fn a_socket_of_systemd_wins_over_the_configuration_and_systemd_is_told() {
    let env = Env::without_server();
    let manager = UnixDatagram::bind(env.path("notify")).expect("bound");
    manager.set_read_timeout(Some(Duration::from_secs(60))).expect("a socket");
    // The second has no address of its own.
    for (http, named) in [("addr: '127.0.0.1:1'", true), ("relativeurls: true", false)] {
        configure(&env, http);
        let socket = TcpListener::bind("127.0.0.1:0").expect("bound");
        let address = socket.local_addr().expect("bound").to_string();
        let config = env.path("c.yml").display().to_string();
        let mut command = activated(&env, socket.into(), 1, &[&config]);
        command.env("WATCHDOG_USEC", "100000");

        let (server, _log) = Server::start_logged(&env.path("data"), &mut command);

        assert_eq!(server.host, address, "{named}");
        assert_eq!(server.client().get("/v2/").status, 200);
        assert_eq!(message(&manager), format!("READY=1\nSTATUS=listening on {address}\n"));
        for _ in 0..3 {
            assert_eq!(message(&manager), "WATCHDOG=1\n");
        }
        server.signal("TERM");
        assert!(server.wait().0.success());
        while message(&manager) != "STOPPING=1\n" {}
        // What the last turns of the watchdog have left.
        manager.set_nonblocking(true).expect("a socket");
        while manager.recv(&mut [0; 100]).is_ok() {}
        manager.set_nonblocking(false).expect("a socket");
    }
}

/// `Type=notify-reload`: the manager waits for both messages, and tells by the time whether they are about its signal.
#[test]
fn systemd_is_told_when_a_reload_begins_and_ends() {
    let env = Env::without_server();
    let manager = UnixDatagram::bind(env.path("notify")).expect("bound");
    manager.set_read_timeout(Some(Duration::from_secs(60))).expect("a socket");
    configure(&env, "addr: '127.0.0.1:0'");
    let mut command = reg();
    command.arg("serve").arg(env.path("c.yml")).env("NOTIFY_SOCKET", env.path("notify"));
    let (server, _log) = Server::start_logged(&env.path("data"), &mut command);
    assert_eq!(message(&manager), format!("READY=1\nSTATUS=listening on {}\n", server.host));
    let mut times = vec![0];
    // The second one finds a file that cannot be used: the server goes on with what it has, and the reload is over.
    for text in [None, Some("version: {"), None] {
        if let Some(text) = text {
            std::fs::write(env.path("c.yml"), text).expect("written");
        }
        server.signal("HUP");
        let begun = message(&manager);
        let time = begun.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").and_then(|rest| rest.strip_suffix('\n'));
        times.push(time.and_then(|time| time.parse::<u64>().ok()).unwrap_or_else(|| panic!("{begun:?}")));
        assert_eq!(message(&manager), "READY=1\n");
        assert_eq!(server.client().get("/v2/").status, 200);
    }
    assert!(times.is_sorted_by(|before, after| before < after), "{times:?}");
    // Since the start of the machine, without the time that it slept.
    let uptime = std::fs::read_to_string("/proc/uptime").expect("a file");
    let seconds = uptime.split('.').next().and_then(|text| text.parse::<u64>().ok()).expect("a number");
    assert!(times[3] <= (seconds + 1) * 1_000_000, "{times:?}: {uptime}");
    server.signal("TERM");
    assert!(server.wait().0.success());
    assert_eq!(message(&manager), "STOPPING=1\n");
}

#[test]
fn a_unix_socket_of_systemd_is_served_and_its_file_stays() {
    let env = Env::without_server();
    configure(&env, "addr: ':1'");
    let socket = UnixListener::bind(env.path("s")).expect("bound");
    let config = env.path("c.yml").display().to_string();
    let mut command = activated(&env, socket.into(), 1, &[&config]);
    let (server, _log) = Server::start_logged(&env.path("data"), &mut command);
    assert!(exchange(&env.path("s"), "GET /v2/ HTTP/1.1").starts_with("HTTP/1.1 200 "));
    server.signal("TERM");
    assert!(server.wait().0.success());
    assert!(env.path("s").exists(), "it is systemd's");
}

#[test]
fn sockets_that_are_none_stop_the_start() {
    let env = Env::without_server();
    configure(&env, "addr: ':1'");
    let config = env.path("c.yml").display().to_string();
    let listener = || OwnedFd::from(TcpListener::bind("127.0.0.1:0").expect("bound"));
    let file = || OwnedFd::from(std::fs::File::open(env.path("c.yml")).expect("there"));
    let idle = || rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::STREAM, None);
    for (socket, announced, said) in [
        (listener(), 2, "2 sockets were handed over, where one is expected"),
        (file(), 1, "fd 3 is not a socket"),
        (idle().expect("a socket"), 1, "nobody listens on the socket"),
    ] {
        let output = activated(&env, socket, announced, &[&config]).output().expect("sh runs");
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let hint = "hint: one ListenStream= in the socket unit names where the registry listens; \
                    a port alone is IPv4 and IPv6";
        assert_eq!(String::from_utf8_lossy(&output.stderr), format!("error: LISTEN_FDS: {said}\n{hint}\n"));
    }
}
