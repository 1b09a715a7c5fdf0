//! What `packaging/build` makes, as others use it: the binary without libraries, and the image.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::api::Api;
use super::dockerd::Dockerd;
use super::process::{Finished, PATIENCE};
use super::programs::find_built;

/// The binary that needs no library of its system.
pub(crate) fn binary() -> Option<PathBuf> {
    find_built("target/package/reg", "packaging/build")
}

/// The image that the Dockerfile makes.
pub(crate) struct Image {
    docker: Arc<Dockerd>,
}

impl Image {
    pub(crate) const NAME: &str = "reg:packaged";

    /// Builds it, which costs nothing if nothing has changed.
    pub(crate) fn build() -> Option<Self> {
        let _binary = binary()?;
        let docker = Dockerd::shared()?;
        docker.ok(&["build", "--quiet", "--network", "none", "--tag", Self::NAME, env!("CARGO_MANIFEST_DIR")]);
        Some(Self { docker })
    }

    pub(crate) fn docker(&self) -> &Dockerd {
        &self.docker
    }

    /// What its configuration says, by a template of Go's.
    pub(crate) fn inspect(&self, template: &str) -> String {
        self.docker.ok(&["image", "inspect", "--format", template, Self::NAME])
    }

    /// `docker run --rm OPTIONS IMAGE ARGUMENTS`, to its end.
    pub(crate) fn run(&self, options: &[&str], arguments: &[&str]) -> Finished {
        let line = [&["run", "--rm", "--network", "none"], options, &[Self::NAME], arguments].concat();
        self.docker.docker.run(&line)
    }

    /// `docker run --detach OPTIONS IMAGE ARGUMENTS`.
    pub(crate) fn start(&self, options: &[&str], arguments: &[&str]) -> Container {
        let line = [&["run", "--detach"], options, &[Self::NAME], arguments].concat();
        Container { id: self.docker.ok(&line), docker: Arc::clone(&self.docker) }
    }
}

/// A container that is removed, with its own volumes, when the value goes.
pub(crate) struct Container {
    pub(crate) id: String,
    docker: Arc<Dockerd>,
}

impl Container {
    /// `docker exec ID ARGUMENTS`
    pub(crate) fn exec(&self, arguments: &[&str]) -> Finished {
        self.docker.docker.run(&[&["exec", &self.id], arguments].concat())
    }

    /// What it wrote, both streams together.
    pub(crate) fn logs(&self) -> String {
        let logs = self.docker.docker.run(&["logs", &self.id]);
        logs.stdout + &logs.stderr
    }

    /// Waits until the registry inside answers on its standard port; it needs no network for that.
    pub(crate) fn await_inside(&self) {
        let answer = self.exec(&["/bin/reg", "ping", "localhost:5000", "--wait", "60s"]);
        assert_eq!(answer.code, 0, "{answer:?}\n{}", self.logs());
    }

    /// Waits until something listens on an address of this machine.
    pub(crate) fn await_connection(&self, address: SocketAddr) {
        let end = Instant::now() + PATIENCE;
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < end, "nothing listens on {address}:\n{}", self.logs());
            std::thread::sleep(Duration::from_millis(10)); // poll: a socket of another program
        }
    }

    /// The same, for a registry that speaks plain HTTP.
    pub(crate) fn await_at(&self, address: SocketAddr) -> Api {
        self.await_connection(address);
        Api { address }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _gone_already = self.docker.docker.run(&["rm", "--force", "--volumes", &self.id]);
    }
}

/// `--volume HOST:CONTAINER`, as one word.
pub(crate) fn volume(host: &Path, container: &str) -> String {
    format!("--volume={}:{container}", host.display())
}
