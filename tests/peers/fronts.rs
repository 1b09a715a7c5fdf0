//! The examples of programs that stand in front of `reg serve`, started as they are: TLS ends there, and pushes come through.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::certificates::certificates;
use crate::support::examples::{example, put, put_first};
use crate::support::process::{Daemon, PATIENCE, Tool, free_address};
use crate::support::programs::require;
use crate::support::reg::Reg;
use crate::support::registry::{Kind, Server};

/// A front with its files, and the authority of its certificate.
struct Front {
    directory: TempDir,
    authority: String,
}

impl Front {
    fn new() -> Self {
        let directory = TempDir::new().expect("a directory");
        let authority = certificates(directory.path());
        Self { directory, authority }
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_string_lossy().into_owned()
    }

    /// The example with this front's certificate.
    fn with_certificate(&self, text: &str) -> String {
        let text = put(text, "/etc/ssl/registry/fullchain.pem", &self.path("domain.crt"));
        put(&text, "/etc/ssl/registry/privkey.pem", &self.path("domain.key"))
    }

    fn start(&self, program: &Path, arguments: &[&str], addresses: &[SocketAddr]) -> Daemon {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.directory.path());
        let mut daemon = Daemon::spawn(command, &self.directory.path().join("log"));
        for address in addresses {
            daemon.await_ready(|| TcpStream::connect(address).ok()).unwrap_or_else(|error| panic!("{error}"));
        }
        daemon
    }

    /// Waits until what stands behind the front answers: it listens before it has read its rules.
    fn await_rules(address: SocketAddr) {
        let (reg, end) = (Reg::new(), Instant::now() + PATIENCE);
        while reg.run(&["ping", "--insecure", &address.to_string()]).code != 0 {
            assert!(Instant::now() < end, "{address} leads nowhere");
            std::thread::sleep(Duration::from_millis(20)); // poll: rules of another program
        }
    }

    /// An image goes through in both directions, and every address that clients are sent to leads through the front.
    fn is_usable(&self, address: SocketAddr) {
        let reg = Reg::new();
        let ca = self.path("ca.crt");
        fs::write(&ca, &self.authority).expect("an authority");
        let (trust, name) = (format!("--ca-file={ca}"), format!("{address}/front:v1"));
        let hello = concat!("oci:", env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/hello:v1");
        reg.ok(&[&trust, "copy", hello, &name]);
        let digest = reg.ok(&[&trust, "digest", &name]);
        assert_eq!(digest, "sha256:49c0ac9046a1a363eb84560175777f78eb5b5785935e9b5e83b7823881e3a238");
        let back = format!("oci:{}:v1", self.path("back"));
        reg.ok(&[&trust, "copy", &name, &back]);
        self.leads_back(address, "/v2/front/blobs/uploads/");
    }

    /// What the registry answers to the beginning of an upload is an address at the front.
    fn leads_back(&self, address: SocketAddr, path: &str) {
        let (url, ca) = (format!("https://{address}{path}"), self.path("ca.crt"));
        let curl = Tool::new("curl".into());
        let answer = curl.run(&["--silent", "--include", "--request", "POST", "--cacert", &ca, &url]).ok();
        assert!(answer.contains(&format!("ocation: {url}")), "{answer}");
    }
}

#[test]
fn nginx() {
    let nginx = require!("nginx");
    let front = Front::new();
    fs::write(front.path("ca.crt"), &front.authority).expect("an authority");
    let plain = Server::start(Kind::Reg).expect("ours");
    let prefixed = prefixed(front.directory.path());
    let (at_root, under_prefix) = (free_address(), free_address());
    let text = front.with_certificate(&example("nginx/registry.conf"));
    let text = put_first(&text, "listen 443 ssl", &format!("listen {at_root} ssl"));
    let text = put(&text, "listen 443 ssl", &format!("listen {under_prefix} ssl"));
    let text = put(&text, "http://127.0.0.1:5000", &format!("http://{}", plain.address));
    let text = put(&text, "http://127.0.0.1:5001", &format!("http://{}", prefixed.0));
    fs::write(front.path("registry.conf"), text).expect("the example");
    // What Debian's nginx.conf has around it, below this directory.
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {};", front.path(name)))
        .join(" ");
    let around = format!(
        "daemon off; user root; pid {}; error_log stderr; events {{}}\nhttp {{ access_log off; {temporary} include {}; }}\n",
        front.path("nginx.pid"),
        front.path("registry.conf"),
    );
    fs::write(front.path("nginx.conf"), around).expect("what is around it");
    let _nginx = front.start(&nginx, &["-e", "stderr", "-c", &front.path("nginx.conf")], &[at_root, under_prefix]);
    front.is_usable(at_root);
    front.leads_back(under_prefix, "/registry/v2/front/blobs/uploads/");
}

/// A registry with `http.prefix: /registry/`.
fn prefixed(directory: &Path) -> (SocketAddr, Daemon) {
    let address = free_address();
    let config = directory.join("prefixed.yml");
    let text = format!("version: 0.1\nstorage: inmemory\nhttp: {{addr: '{address}', prefix: /registry/}}\n");
    fs::write(&config, text).expect("a configuration");
    let mut command = Command::new(env!("CARGO_BIN_EXE_reg"));
    command.arg("serve").arg(config).current_dir(directory);
    let mut daemon = Daemon::spawn(command, &directory.join("prefixed.log"));
    daemon.await_ready(|| TcpStream::connect(address).ok()).unwrap_or_else(|error| panic!("{error}"));
    (address, daemon)
}

#[test]
fn traefik() {
    let traefik = require!("traefik");
    let front = Front::new();
    let registry = Server::start(Kind::Reg).expect("ours");
    let address = free_address();
    let entry = put(&example("traefik/traefik.yml"), "\":443\"", &format!("\"{address}\""));
    fs::write(front.path("traefik.yml"), entry).expect("the example");
    let rules = front.with_certificate(&example("traefik/dynamic.yml"));
    let rules = put(&rules, "Host(`registry.example.com`)", "Host(`127.0.0.1`)");
    let rules = put(&rules, "http://127.0.0.1:5000", &format!("http://{}", registry.address));
    fs::write(front.path("dynamic.yml"), rules).expect("the example");
    let _traefik = front.start(&traefik, &["--configFile=traefik.yml"], &[address]);
    fs::write(front.path("ca.crt"), &front.authority).expect("an authority");
    Front::await_rules(address);
    front.is_usable(address);
}
