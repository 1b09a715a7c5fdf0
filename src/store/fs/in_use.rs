//! Whether somebody serves a directory: an advisory lock on the directory itself, which leaves nothing behind in it and ends
//! with its process.

use std::fs::File;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

/// A directory is being served for as long as this lives.
#[derive(Debug)]
pub(crate) struct InUse {
    _directory: File,
}

impl InUse {
    /// Marks a directory, and tells whether nobody else has. `None` where the system knows no locks on directories: then
    /// nobody is seen, on this machine or on another one.
    pub(crate) fn mark(root: &Path) -> Option<(Self, bool)> {
        let directory = File::open(root).ok()?;
        let is_first = flock(&directory, FlockOperation::NonBlockingLockExclusive).is_ok();
        // All who serve it hold it together. Who starts in this very moment is not waited for.
        flock(&directory, FlockOperation::NonBlockingLockShared).ok()?;
        Some((Self { _directory: directory }, is_first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_later_knows_until_all_have_gone() {
        let directory = tempfile::tempdir().expect("made");
        let is_first = |mark: &Option<(InUse, bool)>| mark.as_ref().map(|(_, is_first)| *is_first);
        let first = InUse::mark(directory.path());
        let second = InUse::mark(directory.path());
        assert_eq!((is_first(&first), is_first(&second)), (Some(true), Some(false)));
        drop(first);
        assert_eq!(is_first(&InUse::mark(directory.path())), Some(false));
        drop(second);
        assert_eq!(is_first(&InUse::mark(directory.path())), Some(true));
        assert_eq!(std::fs::read_dir(directory.path()).expect("readable").count(), 0);
        assert!(InUse::mark(&directory.path().join("none")).is_none());
    }
}
