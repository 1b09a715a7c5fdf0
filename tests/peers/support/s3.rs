//! Object stores: minio and versitygw, real servers that fail in complementary ways.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use tempfile::TempDir;

use super::http::send;
use super::process::{Daemon, free_address};
use super::programs::find;

const ACCESS: &str = "access";
const SECRET: &str = "secret-of-tests";
const BUCKET: &str = "images";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Store {
    Minio,
    Versitygw,
}

pub(crate) struct Bucket {
    pub(crate) address: SocketAddr,
    _daemon: Daemon,
    _directory: TempDir,
}

impl Bucket {
    /// A server with one empty bucket.
    pub(crate) fn start(store: Store) -> Option<Self> {
        let program = match store {
            Store::Minio => find("minio")?,
            Store::Versitygw => find("versitygw")?,
        };
        let directory = TempDir::new().expect("a directory");
        let data = directory.path().join("data");
        fs::create_dir_all(data.join(BUCKET)).expect("a bucket");
        let mut failure = String::new();
        for _port in 0..3 {
            let address = free_address();
            let mut command = Command::new(&program);
            command.current_dir(directory.path()).env("HOME", directory.path());
            match store {
                Store::Minio => command
                    .env("MINIO_ROOT_USER", ACCESS)
                    .env("MINIO_ROOT_PASSWORD", SECRET)
                    .env("MINIO_UPDATE", "off")
                    .arg("server")
                    .arg(&data)
                    .args(["--quiet", "--address", &address.to_string()]),
                Store::Versitygw => command
                    .env("ROOT_ACCESS_KEY", ACCESS)
                    .env("ROOT_SECRET_KEY", SECRET)
                    .args(["--port", &address.to_string(), "posix"])
                    .arg(&data),
            };
            let mut daemon = Daemon::spawn(command, &directory.path().join("log"));
            // Without a signature a ready server answers "denied"; one that is still starting answers 503 or nothing.
            let target = format!("/{BUCKET}/");
            let ready = daemon.await_ready(|| send(address, "GET", &target, &[], b"").ok().filter(|a| a.status < 500));
            match ready {
                Ok(_) => return Some(Self { address, _daemon: daemon, _directory: directory }),
                Err(error) => failure = error,
            }
        }
        panic!("{failure}");
    }

    /// The `storage:` section of distribution's configuration for this bucket.
    pub(crate) fn storage(&self) -> String {
        format!(
            "  s3:\n    accesskey: {ACCESS}\n    secretkey: {SECRET}\n    region: us-east-1\n    \
             regionendpoint: http://{}\n    bucket: {BUCKET}\n    secure: false\n    v4auth: true\n    \
             forcepathstyle: true\n    rootdirectory: /registry\n  delete:\n    enabled: true\n  \
             redirect:\n    disable: true\n",
            self.address
        )
    }
}
