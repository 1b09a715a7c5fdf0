//! What happens during a copy: events for whoever shows progress, and the report at the end.

use std::ops::AddAssign;
use std::sync::Arc;

use crate::spec::Digest;

/// What became of a blob or manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Copied,
    /// Taken over from another repository of the target, without its bytes.
    Mounted,
    /// It was there.
    Present,
    /// A layer that lives elsewhere (its descriptor has `urls`) and that the source does not hold.
    Foreign,
}

/// A step of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// So many blobs more, and their bytes, may have to be sent.
    Planned {
        blobs: usize,
        bytes: u64,
    },
    /// A blob is being sent.
    Started {
        digest: Digest,
        size: u64,
    },
    /// So many bytes more of it are on their way.
    Moved {
        digest: Digest,
        bytes: u64,
    },
    /// It has to be sent from its beginning again; so many of its bytes went in vain.
    Again {
        digest: Digest,
        bytes: u64,
    },
    Blob {
        digest: Digest,
        size: u64,
        outcome: Outcome,
    },
    Manifest {
        digest: Digest,
        outcome: Outcome,
    },
}

/// Who hears of events. Shared, because bytes report themselves from inside a request.
pub(crate) type Listener = Arc<dyn Fn(Event) + Send + Sync>;

/// How many blobs and manifests went which way, and the bytes sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CopyReport {
    pub(crate) copied: u64,
    pub(crate) mounted: u64,
    pub(crate) skipped: u64,
    /// Bytes of what was copied.
    pub(crate) bytes: u64,
}

impl CopyReport {
    pub(crate) fn count(&mut self, outcome: Outcome, size: u64) {
        match outcome {
            Outcome::Copied => {
                self.copied += 1;
                self.bytes = self.bytes.saturating_add(size);
            }
            Outcome::Mounted => self.mounted += 1,
            Outcome::Present | Outcome::Foreign => self.skipped += 1,
        }
    }
}

impl AddAssign for CopyReport {
    fn add_assign(&mut self, other: Self) {
        self.copied += other.copied;
        self.mounted += other.mounted;
        self.skipped += other.skipped;
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}
