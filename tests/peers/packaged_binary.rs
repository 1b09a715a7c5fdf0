//! The binary without libraries, alone in an empty root: what a C library or a distribution otherwise brings is in it, or
//! is not needed.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::support::certificates::certificates;
use crate::support::packaged::binary;
use crate::support::process::{Daemon, Finished, Tool, free_address};
use crate::support::programs::{available, require};
use crate::support::registry::{Kind, Server};

/// A directory with the binary in it, and nothing else.
fn root() -> Option<TempDir> {
    let root = TempDir::new().expect("a directory");
    fs::copy(binary()?, root.path().join("reg")).expect("a copy");
    Some(root)
}

/// `reg ARGUMENTS` with that directory as its root.
fn reg(root: &Path, arguments: &[&str]) -> Finished {
    let inside = Tool::new("chroot".into()).first(&[&root.to_string_lossy(), "/reg"]);
    // A zone that has no file there.
    inside.env("HOME", "/").env("TZ", "Europe/Berlin").run(arguments)
}

#[test]
fn it_asks_for_no_library() {
    let binary = available!(binary());
    let _program = require!("readelf");
    let path = binary.to_string_lossy();
    let headers = Tool::new("readelf".into()).run(&["--wide", "--program-headers", "--dynamic", &path]).ok();
    assert!(headers.contains("LOAD"), "{headers}");
    assert!(!headers.contains("INTERP") && !headers.contains("NEEDED"), "{headers}");
    let size = fs::metadata(&binary).expect("a size").len();
    assert!(size < 40 << 20, "{size} bytes: what made it that large?");
}

#[test]
fn it_serves_and_copies_in_an_empty_root() {
    let root = available!(root());
    let server = available!(Server::start(Kind::Reg));
    let name = server.name("app:v1");
    let hello = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/hello");
    Tool::new("cp".into()).run(&["-r", &hello.to_string_lossy(), &root.path().to_string_lossy()]).ok();
    let copied = reg(root.path(), &["copy", "oci:/hello:v1", &name]);
    assert_eq!(copied.stderr, "", "{copied:?}");
    copied.ok();
    let wide = reg(root.path(), &["tags", &server.name("app"), "-o", "wide"]).ok();
    assert!(wide.contains("2026-01-01T00:00:00Z"), "{wide}");
}

#[test]
fn names_are_looked_up_in_files_and_in_dns() {
    let root = available!(root());
    let server = available!(Server::start(Kind::Reg));
    let port = server.address.port();
    fs::create_dir(root.path().join("etc")).expect("a folder");
    let ask = |host: &str| reg(root.path(), &["--plain-http", "ping", &format!("{host}:{port}"), "-o", "name"]);

    assert_ne!(ask("registry.in-hosts.test").code, 0, "nobody knows it");
    fs::write(root.path().join("etc/hosts"), "127.0.0.1 registry.in-hosts.test\n").expect("hosts");
    ask("registry.in-hosts.test").ok();

    let server = NameServer::start();
    fs::write(root.path().join("etc/resolv.conf"), format!("nameserver {}\n", server.address.ip()))
        .expect("a resolver");
    ask("registry.in-dns.test").ok();
}

/// Mozilla's authorities are in it: a stranger is refused as one, and one's own can be named.
#[test]
fn certificates_are_judged_without_those_of_the_system() {
    let root = available!(root());
    let directory = TempDir::new().expect("a directory");
    let authority = certificates(directory.path());
    let (address, _daemon) = encrypted(directory.path());
    fs::write(root.path().join("ca.pem"), authority).expect("an authority");
    let stranger = reg(root.path(), &["ping", &address.to_string()]).failed();
    assert!(stranger.contains("is not trusted: it was issued by an unknown authority"), "{stranger}");
    reg(root.path(), &["ping", &address.to_string(), "--ca-file", "/ca.pem"]).ok();
}

/// A registry with `domain.crt` of the directory.
fn encrypted(directory: &Path) -> (SocketAddr, Daemon) {
    let address = free_address();
    let config = directory.join("config.yml");
    let text = format!(
        "version: 0.1\nstorage: inmemory\nhttp:\n  addr: {address}\n  tls:\n    certificate: domain.crt\n    key: domain.key\n"
    );
    fs::write(&config, text).expect("a configuration");
    let mut command = Command::new(env!("CARGO_BIN_EXE_reg"));
    command.arg("serve").arg(config).current_dir(directory);
    let mut daemon = Daemon::spawn(command, &directory.join("log"));
    daemon.await_ready(|| TcpStream::connect(address).ok()).unwrap_or_else(|error| panic!("{error}"));
    (address, daemon)
}

/// A name server on a loopback address of its own: every name is 127.0.0.1, and has no other address.
struct NameServer {
    address: SocketAddr,
    over: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl NameServer {
    fn start() -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::new(127, 53, 53, 53), 53)).expect("port 53: needs root");
        socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a bound");
        let (address, over) = (socket.local_addr().expect("its address"), Arc::new(AtomicBool::new(false)));
        let end = Arc::clone(&over);
        let thread = thread::spawn(move || {
            let mut packet = [0; 512];
            while !end.load(Ordering::Relaxed) {
                let Ok((length, from)) = socket.recv_from(&mut packet) else { continue };
                let _gone = socket.send_to(&answer(&packet[..length]), from);
            }
        });
        Self { address, over, thread: Some(thread) }
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ended = self.thread.take().map(thread::JoinHandle::join);
    }
}

/// The answer to one question (RFC 1035, section 4.1): the address, or none for what is no A.
fn answer(query: &[u8]) -> Vec<u8> {
    let name = query[12..].iter().position(|byte| *byte == 0).expect("a name") + 12;
    let question = &query[12..name + 5];
    let is_a = question[question.len() - 4..] == [0, 1, 0, 1];
    let mut out = query[..2].to_vec();
    out.extend([0x81, 0x80, 0, 1, 0, u8::from(is_a), 0, 0, 0, 0]);
    out.extend(question);
    if is_a {
        out.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
    }
    out
}
