//! The bytes behind links, by their sha256: whether they are there and whole.
//!
//! Every time a client is told that content is there, or that a manifest which lists it was taken, the answer comes
//! through [`Registry::vouch`]: the one place to hook into for whoever removes unreferenced content.

use quick_cache::sync::Cache;

use super::hashing::hash_object;
use super::{Registry, Result};
use crate::spec::{Algorithm, Digest};
use crate::store::{self, Key, Stat};

/// Results of examinations that are remembered.
const EXAMINED_MAX: usize = 4 << 10;

#[derive(Clone, Copy, Debug)]
struct Examined {
    /// Of the bytes that were read.
    version: u64,
    sound: bool,
}

/// Contents whose stored bytes were read again because of a doubt, and what came out. Damaged content counts as absent, so
/// that clients send it again, and the new bytes, which have another version, take its place. Nothing is removed: the
/// bytes may be replaced between the look and the removal.
#[derive(Debug)]
pub(super) struct Examinations {
    known: Cache<Digest, Examined>,
    /// One at a time: whoever doubts on purpose cannot keep the disk busy.
    turn: tokio::sync::Mutex<()>,
}

impl Default for Examinations {
    fn default() -> Self {
        Self { known: Cache::new(EXAMINED_MAX), turn: tokio::sync::Mutex::default() }
    }
}

impl Registry {
    /// Size and version of stored content, in the knowledge that a client will rely on it; `None` where it is not there,
    /// or not whole: to the client that is the same.
    pub(super) async fn vouch(&self, canonical: &Digest) -> Result<Option<Stat>> {
        if canonical.algorithm() != Algorithm::Sha256 {
            return Ok(None);
        }
        let key = Key::blob(canonical);
        let stat = match self.driver.stat(&key).await {
            Ok(stat) => stat,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if stat.size == 0 && *canonical != Digest::sha256(b"") {
            // What a power failure leaves of a file that was renamed before its bytes were durable.
            self.mark_damaged(canonical, &stat, "it is empty");
            return Ok(None);
        }
        match self.shared.examinations.known.get(canonical) {
            Some(Examined { version, sound: false }) if version == stat.version => Ok(None),
            _ => Ok(Some(stat)),
        }
    }

    /// Whether stored content has its digest. Reads all of it, once for each version.
    pub(super) async fn is_sound(&self, canonical: &Digest) -> Result<bool> {
        let key = Key::blob(canonical);
        let _turn = self.shared.examinations.turn.lock().await;
        let object = match self.driver.read(&key, None).await {
            Ok(object) => object,
            Err(error) if error.is_not_found() => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        let stat = object.stat;
        if let Some(known) = self.shared.examinations.known.get(canonical)
            && known.version == stat.version
        {
            return Ok(known.sound);
        }
        let sound = match hash_object(object, &key).await {
            Ok(actual) => actual == *canonical,
            Err(super::Error::Store(store::Error::Corrupt { .. })) => false,
            Err(error) => return Err(error),
        };
        if sound {
            self.shared.examinations.known.insert(*canonical, Examined { version: stat.version, sound });
        } else {
            self.mark_damaged(canonical, &stat, "its bytes have another digest");
        }
        Ok(sound)
    }

    /// Treats what is stored as absent from now on.
    pub(super) fn mark_damaged(&self, canonical: &Digest, stat: &Stat, why: &str) {
        let known = &self.shared.examinations.known;
        if known.get(canonical).is_none_or(|known| known.version != stat.version) {
            tracing::error!(digest = %canonical, size = stat.size, "stored content is damaged, {why}; it is absent until it is pushed again");
        }
        known.insert(*canonical, Examined { version: stat.version, sound: false });
    }
}
