//! Where the queues of one server are: a numbered folder that no other server has.
//!
//! Servers may share a directory, as they share a storage. Each holds the lowest number that is free, so that one server
//! that starts again finds its own; a lock, which ends with the process, tells which are. What a server that does not come
//! back has left is delivered by the others.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

/// More servers than share any directory.
const PLACES_MAX: usize = 1000;

/// A folder for as long as this lives.
#[derive(Debug)]
pub(super) struct Place {
    directory: PathBuf,
    _lock: File,
}

impl Place {
    /// The first that is free, made where it is not there.
    pub(super) fn take(base: &Path) -> io::Result<Self> {
        for number in 0..PLACES_MAX {
            let directory = base.join(number.to_string());
            fs::create_dir_all(&directory)?;
            if let Some(place) = Self::lock(directory)? {
                return Ok(place);
            }
        }
        Err(io::Error::other(format!("{PLACES_MAX} servers use {}", base.display())))
    }

    /// Those that are there and that nobody holds.
    pub(super) fn abandoned(base: &Path) -> io::Result<Vec<Self>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(base)? {
            let entry = entry?;
            let is_number = entry.file_name().to_str().is_some_and(|name| name.parse::<usize>().is_ok());
            if is_number {
                found.extend(Self::lock(entry.path())?);
            }
        }
        Ok(found)
    }

    fn lock(directory: PathBuf) -> io::Result<Option<Self>> {
        // Open for writing: over NFS it could not be locked otherwise.
        let path = directory.join("lock");
        let lock = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self { directory, _lock: lock })),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The folder of an endpoint.
    pub(super) fn of(&self, folder: &str) -> PathBuf {
        self.directory.join(folder)
    }
}

/// Names of folders for names of endpoints, whatever characters those have, and whether they differ or not.
pub(super) fn folders<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for name in names {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let mut folder = String::from("to-");
        for byte in name.bytes().take(50) {
            match byte {
                byte if plain(byte) => folder.push(byte.into()),
                byte => folder.push_str(&format!("%{byte:02x}")),
            }
        }
        let taken = all.iter().filter(|other| other.split('~').next() == Some(&folder)).count();
        all.push(if taken == 0 { folder } else { format!("{folder}~{}", taken + 1) });
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_server_has_its_own_and_the_first_free_one() {
        let base = tempfile::tempdir().expect("made");
        let base = base.path().join("new");
        let first = Place::take(&base).expect("taken");
        let second = Place::take(&base).expect("taken");
        assert_eq!((first.of("a"), second.of("a")), (base.join("0/a"), base.join("1/a")));
        assert!(Place::abandoned(&base).expect("read").is_empty());
        drop(first);
        let abandoned = Place::abandoned(&base).expect("read");
        assert_eq!(abandoned.iter().map(|place| place.of("a")).collect::<Vec<_>>(), [base.join("0/a")]);
        drop(abandoned);
        assert_eq!(Place::take(&base).expect("taken").of("a"), base.join("0/a"));
    }

    #[test]
    fn folders_are_plain_and_differ() {
        let names = ["a", "../b c", "a", "ü", "a"];
        assert_eq!(folders(names.into_iter()), ["to-a", "to-%2e%2e%2fb%20c", "to-a~2", "to-%c3%bc", "to-a~3"]);
        assert!(folders(["x".repeat(999).as_str()].into_iter())[0].len() < 200);
    }
}
