//! What every guide to registry:2 has a reader do, with the same file for it and for us: passwords with `docker login`, and
//! a certificate of one's own that a client trusts through its `certs.d`.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::support::certificates::certificates;
use crate::support::containers::skopeo;
use crate::support::dockerd::Dockerd;
use crate::support::image::{Flavour, image};
use crate::support::process::{Daemon, free_address};
use crate::support::programs::{available, require};
use crate::support::registry::{Server, filesystem, subject};

/// Starts a program on a `config.yml` of storage, address and some more, and waits until it can be reached.
pub(crate) fn serve(program: PathBuf, directory: &Path, more: &str) -> (SocketAddr, Daemon) {
    let address = free_address();
    let path = directory.join("config.yml");
    let storage = filesystem(&directory.join("data"));
    let text = format!("version: 0.1\nlog:\n  level: warn\nstorage:\n{storage}http:\n  addr: {address}\n{more}");
    fs::write(&path, text).expect("a configuration");
    let mut command = Command::new(program);
    command.arg("serve").arg(path).current_dir(directory);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("REG")) {
        command.env_remove(name);
    }
    let mut daemon = Daemon::spawn(command, &directory.join("log"));
    daemon.await_ready(|| TcpStream::connect(address).ok()).unwrap_or_else(|error| panic!("{error}"));
    (address, daemon)
}

/// The programs that the same guide is for.
fn programs() -> Option<[PathBuf; 2]> {
    Some([crate::support::programs::find("docker-registry")?, env!("CARGO_BIN_EXE_reg").into()])
}

#[test]
fn passwords_and_docker_login() {
    let docker = available!(Dockerd::shared());
    for program in available!(programs()) {
        let directory = TempDir::new().expect("a directory");
        // alice:secret, as `htpasswd -B -C 4` writes it.
        let users = "alice:$2y$04$f7F21UoibeDZb5qEBI2AkuHcMRr7arP8zzVKzfDjKu7zbYM817IGO\n";
        fs::write(directory.path().join("htpasswd"), users).expect("users");
        let auth = format!(
            "auth:\n  htpasswd:\n    realm: Registry Realm\n    path: {}/htpasswd\n",
            directory.path().display()
        );
        let (address, _daemon) = serve(program, directory.path(), &auth);
        let (host, name) = (address.to_string(), format!("{address}/team/app:v1"));
        docker.import(&name, "for members");
        let login = |password: &str| docker.docker.run(&["login", "-u", "alice", "-p", password, &host]);

        let refused = docker.docker.run(&["push", &name]).failed();
        assert!(refused.contains("no basic auth credentials"), "{refused}");
        let refused = login("wrong").failed();
        assert!(refused.contains("401 Unauthorized"), "{refused}");
        assert!(login("secret").ok().contains("Login Succeeded"));
        docker.ok(&["push", &name]);
        docker.ok(&["image", "rm", &name]);
        docker.ok(&["pull", &name]);
        docker.ok(&["logout", &host]);
        docker.ok(&["image", "rm", &name]);
        let refused = docker.docker.run(&["pull", &name]).failed();
        assert!(refused.contains("no basic auth credentials"), "{refused}");
    }
}

#[test]
fn a_certificate_of_ones_own_and_certs_d() {
    let home = TempDir::new().expect("a home");
    let skopeo = available!(skopeo(home.path()));
    let source = available!(Server::start(subject()));
    let graph = image(Flavour::Docker, 77);
    source.api().push("team/app", "v1", &graph);
    let _program = require!("docker-registry");
    for program in available!(programs()) {
        let directory = TempDir::new().expect("a directory");
        let authority = certificates(directory.path());
        let at = directory.path().display();
        let tls = format!("  tls:\n    certificate: {at}/domain.crt\n    key: {at}/domain.key\n");
        let (address, _daemon) = serve(program, directory.path(), &tls);
        let trusted = home.path().join("certs.d");
        fs::create_dir_all(&trusted).expect("a folder");
        fs::write(trusted.join("ca.crt"), &authority).expect("an authority");
        let certs = format!("--dest-cert-dir={}", trusted.display());
        let (from, to) = (source.name("team/app:v1"), format!("{address}/team/app:v1"));
        let (from, to) = (format!("docker://{from}"), format!("docker://{to}"));
        let copy = ["copy", "--src-tls-verify=false"];

        let refused = skopeo.run(&[&copy[..], &[&from, &to]].concat()).failed();
        assert!(refused.contains("x509") || refused.contains("certificate"), "{refused}");
        skopeo.run(&[&copy[..], &[&certs, &from, &to]].concat()).ok();
        let certs = format!("--cert-dir={}", trusted.display());
        let seen = skopeo.run(&["inspect", "--raw", &certs, &to]).ok();
        assert_eq!(seen.as_bytes(), graph.top().bytes);

        // The command line finds the same folder where podman looks for it.
        let reg = crate::support::reg::Reg::new();
        let name = format!("{address}/team/app:v1");
        assert_ne!(reg.run(&["digest", &name]).code, 0, "nobody said whom to trust");
        let folder = reg.home.path().join(".config/containers/certs.d").join(address.to_string());
        let other = reg.home.path().join("XDG_CONFIG_HOME/containers/certs.d").join(address.to_string());
        for folder in [folder, other] {
            fs::create_dir_all(&folder).expect("a folder");
            fs::write(folder.join("ca.crt"), &authority).expect("an authority");
        }
        assert_eq!(reg.ok(&["digest", &name]), graph.digest());
    }
}
