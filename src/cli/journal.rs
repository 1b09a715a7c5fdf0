//! The journal of deletions: what was about to be deleted, with everything that is needed to put it back.
//!
//! `$XDG_STATE_HOME/reg/journal.jsonl`, one JSON object a line, appended and made durable before the deletion is asked for.
//! A second line says what came of it. Where it is missing, the command was killed in between: the deletion may have happened.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::{FlockOperation, flock};
use serde::Serialize;

use super::environment::Environment;
use super::failure::{Failure, Kind};
use crate::spec::{Digest, Host, Manifest, MediaType, Repository, Tag};

/// One tag or manifest about to go.
#[derive(Debug, Serialize)]
pub(crate) struct Entry<'a> {
    pub(crate) time: Timestamp,
    /// `untag` or `delete`.
    pub(crate) action: &'static str,
    pub(crate) host: &'a str,
    pub(crate) repository: &'a Repository,
    /// `None` where a manifest goes that had no tag.
    pub(crate) tag: Option<&'a Tag>,
    pub(crate) digest: Digest,
    pub(crate) media_type: &'a MediaType,
    /// The bytes of the manifest, base64.
    pub(crate) manifest: String,
}

impl<'a> Entry<'a> {
    pub(crate) fn new(
        time: Timestamp,
        action: &'static str,
        (host, repository): (&'a Host, &'a Repository),
        tag: Option<&'a Tag>,
        (digest, manifest): (Digest, &'a Manifest),
    ) -> Self {
        let host = host.as_str();
        let bytes = data_encoding::BASE64.encode(manifest.bytes());
        Self { time, action, host, repository, tag, digest, media_type: manifest.media_type(), manifest: bytes }
    }
}

/// What came of an entry: the line that follows it, with the same action, host, repository, tag and digest.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome<'a> {
    pub(crate) time: Timestamp,
    /// `done`, `absent` (somebody else was faster) or `failed`.
    pub(crate) outcome: &'static str,
    /// What the registry said to one that failed.
    pub(crate) reason: Option<&'a str>,
    pub(crate) action: &'static str,
    pub(crate) host: &'a str,
    pub(crate) repository: &'a Repository,
    pub(crate) tag: Option<&'a Tag>,
    pub(crate) digest: Digest,
}

/// An open journal.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    path: PathBuf,
}

impl Journal {
    /// Where the journal is.
    pub(crate) fn place(environment: &Environment) -> Option<PathBuf> {
        Some(environment.state_home()?.join("reg").join("journal.jsonl"))
    }

    /// Opens or creates the journal.
    ///
    /// # Errors
    /// Where it cannot be written: nothing may be deleted then.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let open = || {
            if let Some(directory) = path.parent() {
                std::fs::create_dir_all(directory)?;
            }
            // Manifests of private images: for nobody else to read.
            OpenOptions::new().create(true).append(true).mode(0o600).open(path)
        };
        let file = open().map_err(|error| unwritable(path, error))?;
        Ok(Self { file, path: path.into() })
    }

    /// Appends entries or outcomes and makes them durable. Programs that run at the same time do not mix their lines.
    pub(crate) fn append(&mut self, entries: &[impl Serialize]) -> Result<(), Failure> {
        if entries.is_empty() {
            return Ok(());
        }
        let mut lines = Vec::new();
        for entry in entries {
            serde_json::to_writer(&mut lines, entry).map_err(|error| Failure::new(Kind::Failed, error))?;
            lines.push(b'\n');
        }
        let write = || {
            flock(&self.file, FlockOperation::LockExclusive)?;
            let written = (&self.file).write_all(&lines).and_then(|()| self.file.sync_data());
            flock(&self.file, FlockOperation::Unlock)?;
            written
        };
        write().map_err(|error| unwritable(&self.path, error))
    }
}

fn unwritable(path: &Path, error: std::io::Error) -> Failure {
    Failure::from(error)
        .context(format!("cannot write the journal {}, without which nothing is deleted", path.display()))
        .with_hint("--journal FILE writes it elsewhere")
}
