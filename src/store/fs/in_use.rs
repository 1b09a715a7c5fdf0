//! Whether somebody serves a directory: advisory locks on directories, which leave nothing behind in them and end with their
//! process. All who serve it hold them together; a garbage collection holds them alone.
//!
//! A directory has many names, by symbolic links and bind mounts at any place of the way, so that the root that somebody
//! names tells little: locked are, beside it, the directories in which the bytes are, by whatever path they were reached. The
//! root is one of them for older versions, which know no other. What is shared deeper than these, such as one repository by
//! a link below `repositories/`, is not seen: nobody can hold a lock on every directory.
//!
//! Where the system knows no locks on directories nobody is seen, on this machine or on another one.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::disk;
use crate::store::Prefix;

/// How often, and with which pause, a lock is tried that somebody holds alone: a server does so for microseconds at its
/// start, a garbage collection for long.
const TRIES: usize = 100;
const PAUSE: Duration = Duration::from_millis(10);

/// A directory is in use for as long as this lives.
#[derive(Debug)]
pub(crate) struct InUse {
    root: PathBuf,
    locks: Vec<Lock>,
}

#[derive(Debug)]
struct Lock {
    _directory: File,
    /// Device and inode.
    id: (u64, u64),
}

/// What came of asking to use a directory.
#[derive(Debug)]
pub(crate) enum Marked {
    /// By nobody else.
    Alone(InUse),
    /// Others serve it too.
    Shared(InUse),
    /// Somebody is in the way: who serves it, for a garbage collection; that, for a server.
    Refused,
    /// Nobody can say.
    Unknown,
}

/// What came of asking for one lock.
enum Got {
    First,
    BesideOthers,
    Refused,
    Unknown,
}

impl InUse {
    /// Marks a directory as served, as far as it is there.
    pub(crate) fn serve(root: &Path) -> Marked {
        Self::mark(root, share)
    }

    /// Marks a directory for a work that can have nobody beside it.
    pub(crate) fn alone(root: &Path) -> Marked {
        Self::mark(root, |directory| match flock(directory, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Got::First,
            Err(Errno::WOULDBLOCK) => Got::Refused,
            Err(_) => Got::Unknown,
        })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    fn mark(root: &Path, lock: impl Fn(&File) -> Got) -> Marked {
        let mut in_use = Self { root: root.to_owned(), locks: Vec::new() };
        let mut is_first = true;
        for path in parts(root) {
            match in_use.add(&path, &lock) {
                Ok(Got::First) => {}
                Ok(Got::BesideOthers) => is_first = false,
                Ok(Got::Refused) => return Marked::Refused,
                // Without its root nothing is there.
                Err(error) if error.kind() == io::ErrorKind::NotFound && path != root => {}
                Ok(Got::Unknown) | Err(_) => return Marked::Unknown,
            }
        }
        if is_first { Marked::Alone(in_use) } else { Marked::Shared(in_use) }
    }

    fn add(&mut self, path: &Path, lock: impl Fn(&File) -> Got) -> io::Result<Got> {
        let directory = File::open(path)?;
        let metadata = directory.metadata()?;
        let id = (metadata.dev(), metadata.ino());
        if self.locks.iter().any(|lock| lock.id == id) {
            return Ok(Got::First);
        }
        let got = lock(&directory);
        if let Got::First | Got::BesideOthers = got {
            self.locks.push(Lock { _directory: directory, id });
        }
        Ok(got)
    }

    /// Makes what is not there yet of a directory that is served, and marks it too: whoever finds it later by another
    /// path finds it in use. Answers whether nobody is in the way.
    pub(crate) fn complete(&mut self) -> bool {
        for path in parts(&self.root.clone()) {
            // Where it cannot be made, nothing will be in it.
            let _ = make(&self.root, &path);
            if let Ok(Got::Refused) = self.add(&path, share) {
                return false;
            }
        }
        true
    }
}

/// What is locked: the root, and what in it may be somewhere else.
fn parts(root: &Path) -> [PathBuf; 5] {
    let below = |prefix: Prefix| root.join(prefix.as_str());
    let by_sha256 = below(Prefix::blobs().child("sha256"));
    [root.to_owned(), below(Prefix::registry()), below(Prefix::blobs()), by_sha256, below(Prefix::repositories())]
}

/// Makes a directory below the root, to stay.
fn make(root: &Path, path: &Path) -> io::Result<()> {
    if fs::metadata(path).is_ok() {
        return Ok(());
    }
    fs::create_dir_all(path)?;
    let above = path.ancestors().skip(1).take_while(|above| above.starts_with(root));
    above.into_iter().try_for_each(disk::sync)
}

/// Takes a lock beside others, and says whether there are any.
fn share(directory: &File) -> Got {
    for _ in 0..TRIES {
        let is_first = match flock(directory, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => true,
            Err(Errno::WOULDBLOCK) => false,
            Err(_) => return Got::Unknown,
        };
        // Turning a lock into another lets go of it in between: what came then is seen in the next turn.
        match flock(directory, FlockOperation::NonBlockingLockShared) {
            Ok(()) if is_first => return Got::First,
            Ok(()) => return Got::BesideOthers,
            Err(Errno::WOULDBLOCK) => std::thread::sleep(PAUSE),
            Err(_) => return Got::Unknown,
        }
    }
    Got::Refused
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn who_comes_later_knows_until_all_have_gone() {
        let directory = tempfile::tempdir().expect("made");
        let first = InUse::serve(directory.path());
        let second = InUse::serve(directory.path());
        assert!(matches!((&first, &second), (Marked::Alone(_), Marked::Shared(_))), "{first:?}, {second:?}");
        drop(first);
        assert!(matches!(InUse::serve(directory.path()), Marked::Shared(_)));
        assert!(matches!(InUse::alone(directory.path()), Marked::Refused));
        drop(second);
        assert!(matches!(InUse::serve(directory.path()), Marked::Alone(_)));
        assert_eq!(std::fs::read_dir(directory.path()).expect("readable").count(), 0);
        assert!(matches!(InUse::serve(&directory.path().join("none")), Marked::Unknown));
    }

    #[test]
    fn who_works_alone_keeps_everybody_out() {
        let directory = tempfile::tempdir().expect("made");
        let alone = InUse::alone(directory.path());
        assert!(matches!(alone, Marked::Alone(_)), "{alone:?}");
        assert!(matches!(InUse::alone(directory.path()), Marked::Refused));
        assert!(matches!(InUse::serve(directory.path()), Marked::Refused));
        drop(alone);
        assert!(matches!(InUse::serve(directory.path()), Marked::Alone(_)));
    }

    /// Every way to the same bytes beside the root itself.
    fn other_paths(directory: &Path, root: &Path) -> Vec<PathBuf> {
        let shared = ["docker", "docker/registry", "docker/registry/v2", "docker/registry/v2/blobs"];
        let shared = shared.into_iter().chain(["docker/registry/v2/blobs/sha256", "docker/registry/v2/repositories"]);
        let shared = shared.enumerate();
        shared
            .map(|(number, shared)| {
                let other = directory.join(number.to_string());
                fs::create_dir_all(other.join(shared).parent().expect("a parent")).expect("made");
                symlink(root.join(shared), other.join(shared)).expect("linked");
                other
            })
            .collect()
    }

    #[test]
    fn what_is_shared_is_in_use_by_whatever_path() {
        let directory = tempfile::tempdir().expect("made");
        let root = directory.path().join("root");
        fs::create_dir(&root).expect("made");
        let others = other_paths(directory.path(), &root);
        let Marked::Alone(mut served) = InUse::serve(&root) else { panic!("nobody is there") };
        assert!(served.complete(), "nobody is in the way");
        for other in &others {
            assert!(matches!(InUse::alone(other), Marked::Refused), "{other:?}");
            assert!(matches!(InUse::serve(other), Marked::Shared(_)), "{other:?}");
        }
        drop(served);
        for other in &others {
            let alone = InUse::alone(other);
            assert!(matches!(alone, Marked::Alone(_)), "{other:?}: {alone:?}");
            assert!(matches!(InUse::serve(&root), Marked::Refused), "{other:?}");
        }
    }

    #[test]
    fn an_older_version_locks_the_root_alone() {
        let directory = tempfile::tempdir().expect("made");
        fs::create_dir_all(directory.path().join("docker/registry/v2/blobs")).expect("made");
        let older = File::open(directory.path()).expect("there");
        flock(&older, FlockOperation::NonBlockingLockShared).expect("locked");
        assert!(matches!(InUse::alone(directory.path()), Marked::Refused));
        assert!(matches!(InUse::serve(directory.path()), Marked::Shared(_)));
    }
}
