//! One Docker daemon for all tests that run at the same time: without a network, with its data in a directory of its own.
//!
//! It is started by the first test that asks and ended with the last one that holds it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tempfile::TempDir;

use super::containers::rootfs;
use super::process::{Daemon, Tool};
use super::programs::find;

/// Fields end in this order: the daemon, the mount that it leaves, the directory below.
pub(crate) struct Dockerd {
    pub(crate) docker: Tool,
    _daemon: Daemon,
    _mount: Mount,
    directory: TempDir,
}

/// dockerd mounts its data on itself and forgets that.
struct Mount(PathBuf);

impl Drop for Mount {
    fn drop(&mut self) {
        let _not_mounted = Tool::new(PathBuf::from("umount")).run(&[&self.0.to_string_lossy()]);
    }
}

static RUNNING: Mutex<Weak<Dockerd>> = Mutex::new(Weak::new());

impl Dockerd {
    pub(crate) fn shared() -> Option<Arc<Self>> {
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(one) = running.upgrade() {
            return Some(one);
        }
        let one = Arc::new(Self::start()?);
        *running = Arc::downgrade(&one);
        Some(one)
    }

    fn start() -> Option<Self> {
        let (daemon, client, _busybox) = (find("dockerd")?, find("docker")?, find("busybox")?);
        // The path of a socket is at most 107 bytes long.
        let directory = TempDir::new_in("/tmp").expect("a directory");
        let path = |name: &str| directory.path().join(name).to_string_lossy().into_owned();
        let socket = format!("unix://{}", path("docker.sock"));
        let mut command = Command::new(daemon);
        command
            .args(["--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=vfs"])
            .args(["--data-root", &path("data"), "--exec-root", &path("exec"), "--pidfile", &path("docker.pid")])
            .args(["--config-file", &path("daemon.json"), "-H", &socket]);
        fs::write(directory.path().join("daemon.json"), "{}").expect("a configuration");
        let mut daemon = Daemon::spawn(command, &directory.path().join("log"));
        let docker = Tool::new(client).env("DOCKER_HOST", &socket).env("DOCKER_CONFIG", &path("client"));
        daemon
            .await_ready(|| (docker.run(&["version"]).code == 0).then_some(()))
            .unwrap_or_else(|error| panic!("dockerd: {error}"));
        let mount = Mount(directory.path().join("data"));
        Some(Self { docker, _daemon: daemon, _mount: mount, directory })
    }

    /// Makes the image `name`, which prints `text` when it is run.
    pub(crate) fn import(&self, name: &str, text: &str) {
        let tar = rootfs(self.directory.path(), text);
        let command = "CMD [\"/bin/busybox\",\"cat\",\"/text\"]";
        self.docker.run(&["import", "-c", command, &tar.to_string_lossy(), name]).ok();
    }

    /// Another program that speaks to the daemon.
    pub(crate) fn tool(&self, program: PathBuf) -> Tool {
        Tool { program, ..self.docker.clone() }
    }

    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        self.docker.run(arguments).ok()
    }

    /// The digest under which the daemon knows an image of a registry.
    pub(crate) fn digest(&self, name: &str) -> String {
        let repository = name.rsplit_once(':').map_or(name, |(repository, _)| repository);
        let all = self.ok(&["image", "inspect", "--format", "{{range .RepoDigests}}{{println .}}{{end}}", name]);
        let found = all.lines().find_map(|line| line.strip_prefix(repository)?.strip_prefix('@'));
        found.unwrap_or_else(|| panic!("{name} has no digest: {all}")).to_owned()
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }
}
