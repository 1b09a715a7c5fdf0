//! The users of an `htpasswd` file: read again when it changes, verified once and remembered.
//!
//! A bcrypt of cost 10 takes a twentieth of a second of one core, and a push sends dozens of requests: what was verified is
//! remembered as a keyed hash, until the file changes. A user that is not there takes as long as one that is.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use quick_cache::sync::Cache;
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use tokio::sync::Semaphore;

use super::failures::Failures;
use super::htpasswd::{Entries, ParseError};
use crate::server::peer::Peer;
use crate::server::room::Room;
use crate::server::watched::{Stamp, Watched};
use crate::sys::{self, Clock};

/// Credentials remembered.
const VERIFIED_MAX: usize = 4 << 10;

/// Largest file that is read, in bytes: some 50,000 users.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Passwords that wait to be hashed: some seconds of work. One client may have half of them.
const WAITING_MAX: usize = 64;

/// When to come again where too many wait.
const BUSY: Duration = Duration::from_secs(2);

/// Cost of the hash for the password that is made up, as in distribution.
const COST: u32 = 10;

/// What is verified where the file has no user: a hash of a password that nobody knows.
const NOBODY: &str = "$2y$10$abcdefghijklmnopqrstuuXK1mhHCKpbOKYgz8W5hTZgr0Bq1bzS6";

/// Why the file cannot be used.
#[derive(Debug, Error)]
pub(crate) enum OpenError {
    #[error("cannot read {}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{} is no htpasswd file", path.display())]
    Parse { path: PathBuf, source: ParseError },
}

/// The users of one file.
pub(crate) struct Passwords {
    path: PathBuf,
    clock: Clock,
    entries: Watched<Entries, OpenError>,
    /// Keyed hashes of what was verified.
    verified: Cache<[u8; 32], ()>,
    secret: [u8; 32],
    pub(super) failures: Failures,
    /// Passwords that are hashed at the same time: the rest of the server needs a core as well.
    hashing: Arc<Semaphore>,
    /// Those whose password is being hashed or is to be.
    waiting: Room,
}

impl Passwords {
    /// Reads the file. One that is missing is created, with a user `docker` and a password that is written to the log once.
    ///
    /// # Errors
    /// The file cannot be read or made, or is of another format.
    pub(crate) fn open(path: &Path, clock: Clock) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Io { path: path.to_owned(), source };
        if let Err(error) = fs::metadata(path) {
            if error.kind() != io::ErrorKind::NotFound {
                return Err(failed(error));
            }
            provision(path).map_err(failed)?;
        }
        let file = path.to_owned();
        let entries = Watched::open(vec![path.to_owned()], move || load(&file))?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            path: path.to_owned(),
            clock,
            entries,
            verified: Cache::new(VERIFIED_MAX),
            secret: sys::random(),
            failures: Failures::default(),
            hashing: Arc::new(Semaphore::new(cores.saturating_sub(1).max(1))),
            waiting: Room::new(WAITING_MAX),
        })
    }

    pub(super) fn reread(&self) {
        self.entries.reread();
    }

    /// What stands behind a user in the file, if they can log in.
    pub(super) fn hash(&self, user: &str) -> Option<String> {
        self.entries.current().value.bcrypt(user).map(str::to_owned)
    }

    /// Whether this is the password of this user. The error is how long nobody listens to them.
    pub(crate) async fn verify(&self, user: &str, password: &[u8], peer: Peer) -> Result<bool, Duration> {
        if password.contains(&0) {
            // bcrypt repeats what it is given, with a 0 behind it: one password and twice that with a 0 between are the same.
            return Ok(false);
        }
        let loaded = self.entries.current();
        let fingerprint = self.fingerprint(&loaded.stamps, user, password);
        // Before what is remembered is asked: it would tell the right guess from the wrong ones, as fast as anybody asks.
        if let Some(wait) = self.failures.wait(peer, user, self.clock.now()) {
            return Err(wait);
        }
        // A push begins with several requests at once: the first is verified, the others wait for what comes of it.
        let Err(slot) = self.verified.get_value_or_guard_async(&fingerprint).await else { return Ok(true) };
        let Some(place) = self.waiting.enter(peer) else { return Err(BUSY) };
        self.failures.begin(peer, user, self.clock.now())?;
        let Ok(turn) = Arc::clone(&self.hashing).acquire_owned().await else { return Ok(false) };
        let own = loaded.value.bcrypt(user);
        let hash = own.unwrap_or_else(|| self.another(&loaded.value, user)).to_owned();
        let password = password.to_owned();
        // A client that gives up does not end a hash that has begun: until then it is its turn.
        let hashed = tokio::task::spawn_blocking(move || {
            let _held = (turn, place);
            bcrypt::verify(password, &hash).unwrap_or(false)
        });
        let hashed = hashed.await;
        if !hashed.unwrap_or(false) || own.is_none() {
            return Ok(false);
        }
        self.failures.forgive(peer, user, self.clock.now());
        // Where it was thrown out meanwhile it is verified again next time.
        let _ = slot.insert(());
        Ok(true)
    }

    /// What is hashed for a user that is not there: the hash of somebody else, always the same, so that the costs of
    /// those that are there tell nothing.
    fn another<'a>(&self, entries: &'a Entries, user: &str) -> &'a str {
        let all = entries.all_bcrypt();
        let number = self
            .keyed(&[user.as_bytes()])
            .iter()
            .fold(0, |number: usize, &byte| number.wrapping_mul(31) + usize::from(byte));
        all.get(number % all.len().max(1)).copied().unwrap_or(NOBODY)
    }

    fn fingerprint(&self, stamps: &[Stamp], user: &str, password: &[u8]) -> [u8; 32] {
        let stamps = format!("{stamps:?}");
        self.keyed(&[stamps.as_bytes(), user.as_bytes(), password])
    }

    /// A hash that nobody outside of this process can compute.
    fn keyed(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update(self.secret);
        for part in parts {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        hasher.finalize().into()
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Passwords({})", self.path.display())
    }
}

pub(super) fn load(path: &Path) -> Result<Entries, OpenError> {
    let failed = |source| OpenError::Io { path: path.to_owned(), source };
    let text = sys::files::read_text(path, FILE_BYTES_MAX).map_err(failed)?;
    let entries = Entries::parse(&text).map_err(|source| OpenError::Parse { path: path.to_owned(), source })?;
    for (user, scheme) in entries.unusable() {
        tracing::warn!(user, scheme, path = %path.display(), "only bcrypt is accepted (htpasswd -B): this user cannot log in");
    }
    if entries.is_empty() {
        tracing::warn!(path = %path.display(), "the file has no users: nobody can log in");
    }
    Ok(entries)
}

/// Makes a file with one user.
fn provision(path: &Path) -> io::Result<()> {
    let password = BASE64URL_NOPAD.encode(&sys::random::<32>());
    let hash = bcrypt::hash(&password, COST).map_err(io::Error::other)?;
    if let Some(parent) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "docker:{hash}")?;
    file.sync_all()?;
    tracing::warn!(user = "docker", password, path = %path.display(), "the file with the users was missing and is made");
    Ok(())
}

#[cfg(test)]
#[path = "passwords_tests.rs"]
mod tests;
