//! Whether somebody serves a directory: an advisory lock on the directory itself, which leaves nothing behind in it and ends
//! with its process. All who serve it hold it together; a garbage collection holds it alone.
//!
//! Where the system knows no locks on directories nobody is seen, on this machine or on another one.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// How often, and with which pause, a lock is tried that somebody holds alone: a server does so for microseconds at its
/// start, a garbage collection for long.
const TRIES: usize = 100;
const PAUSE: Duration = Duration::from_millis(10);

/// A directory is in use for as long as this lives.
#[derive(Debug)]
pub(crate) struct InUse {
    _directory: File,
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

impl InUse {
    /// Marks a directory as served.
    pub(crate) fn serve(root: &Path) -> Marked {
        for _ in 0..TRIES {
            let Ok(directory) = File::open(root) else { return Marked::Unknown };
            let is_first = match flock(&directory, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => true,
                Err(Errno::WOULDBLOCK) => false,
                Err(_) => return Marked::Unknown,
            };
            // Turning a lock into another lets go of it in between: what came then is seen in the next turn.
            match flock(&directory, FlockOperation::NonBlockingLockShared) {
                Ok(()) if is_first => return Marked::Alone(Self { _directory: directory }),
                Ok(()) => return Marked::Shared(Self { _directory: directory }),
                Err(Errno::WOULDBLOCK) => std::thread::sleep(PAUSE),
                Err(_) => return Marked::Unknown,
            }
        }
        Marked::Refused
    }

    /// Marks a directory for a work that can have nobody beside it.
    pub(crate) fn alone(root: &Path) -> Marked {
        let Ok(directory) = File::open(root) else { return Marked::Unknown };
        match flock(&directory, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Marked::Alone(Self { _directory: directory }),
            Err(Errno::WOULDBLOCK) => Marked::Refused,
            Err(_) => Marked::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
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
}
