//! Certificates of an authority that speaks ACME: Let's Encrypt's own test server, pebble, which connects back and looks.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use serde_json::json;
use tempfile::TempDir;

use crate::support::certificates::certificates;
use crate::support::process::{Daemon, free_address};
use crate::support::programs::require;
use crate::support::tls::get;

const HOST: &str = "localhost";

struct Pebble {
    /// Of its interface.
    authority: String,
    address: SocketAddr,
    management: SocketAddr,
    _daemon: Daemon,
}

impl Pebble {
    /// Looks for proofs on the port of `subject`.
    fn start(program: &Path, directory: &Path, subject: SocketAddr) -> Self {
        let authority = certificates(directory);
        fs::write(directory.join("authority.pem"), &authority).expect("a certificate");
        let (address, management) = (free_address(), free_address());
        let config = json!({"pebble": {
            "listenAddress": address.to_string(), "managementListenAddress": management.to_string(),
            "certificate": directory.join("domain.crt"), "privateKey": directory.join("domain.key"),
            "httpPort": 1, "tlsPort": subject.port(), "ocspResponderURL": "", "externalAccountBindingRequired": false,
        }});
        fs::write(directory.join("pebble.json"), config.to_string()).expect("a configuration");
        let mut command = Command::new(program);
        command.args(["-strict", "-config"]).arg(directory.join("pebble.json"));
        command.env("PEBBLE_VA_NOSLEEP", "1").env("PEBBLE_VA_ALWAYS_VALID", "0").env("PEBBLE_WFE_NONCEREJECT", "0");
        let mut daemon = Daemon::spawn(command, &directory.join("pebble.log"));
        let ready = || get(address, HOST, &authority, "/dir").ok();
        daemon.await_ready(ready).unwrap_or_else(|error| panic!("{error}"));
        Self { authority, address, management, _daemon: daemon }
    }

    /// The certificate of those that it gives out.
    fn root(&self) -> String {
        let answer = get(self.management, HOST, &self.authority, "/roots/0").expect("an answer");
        answer[answer.find("-----BEGIN").expect("a certificate")..].to_owned()
    }
}

fn serve(directory: &Path, subject: SocketAddr, directory_url: &str) -> Daemon {
    let at = directory.display();
    let config = format!(
        "version: 0.1\nstorage: inmemory\nhttp:\n  addr: {subject}\n  tls:\n    letsencrypt:\n      cachefile: {at}/cache\n      \
         email: admin@example.org\n      hosts: [{HOST}]\n      directoryurl: {directory_url}\n"
    );
    fs::write(directory.join("config.yml"), config).expect("a configuration");
    let mut command = Command::new(env!("CARGO_BIN_EXE_reg"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("REG")) {
        command.env_remove(name);
    }
    command.arg("serve").arg(directory.join("config.yml")).env("SSL_CERT_FILE", directory.join("authority.pem"));
    Daemon::spawn(command, &directory.join("reg.log"))
}

#[test]
fn a_certificate_is_obtained_kept_and_renewed() {
    let pebble = require!("pebble");
    let directory = TempDir::new().expect("a directory");
    let directory = directory.path();
    let subject = free_address();
    let pebble = Pebble::start(&pebble, directory, subject);
    let url = format!("https://{HOST}:{}/dir", pebble.address.port());
    let root = pebble.root();
    let believed = || get(subject, HOST, &root, "/v2/").ok();

    let mut daemon = serve(directory, subject, &url);
    let answer = daemon.await_ready(believed).unwrap_or_else(|error| panic!("{error}"));
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(get(subject, "127.0.0.1", &root, "/v2/").is_err(), "it is for its host");
    drop(daemon);

    // What is kept serves without the authority; no second one is asked for.
    let kept = fs::read_to_string(directory.join("cache").join(HOST)).expect("kept");
    let mut daemon = serve(directory, subject, "https://localhost:1/dir");
    daemon.await_ready(believed).unwrap_or_else(|error| panic!("{error}"));
    drop(daemon);
    assert_eq!(fs::read_to_string(directory.join("cache").join(HOST)).expect("kept"), kept);

    // One of autocert's that has little time left is shown, until there is a new one.
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec![HOST.into()]).expect("names");
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2020, 4, 1));
    let old = key.serialize_pem() + &params.self_signed(&key).expect("signed").pem();
    fs::write(directory.join("cache").join(HOST), &old).expect("written");
    let mut daemon = serve(directory, subject, &url);
    daemon.await_ready(believed).unwrap_or_else(|error| panic!("{error}"));
    assert_ne!(fs::read_to_string(directory.join("cache").join(HOST)).expect("kept"), old);
}
