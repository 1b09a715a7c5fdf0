//! A part of an open file, read by position: many may read the same file at once.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::OFlags;

/// Some bytes of a file.
#[derive(Clone, Debug)]
pub(super) struct Section {
    file: Arc<File>,
    at: u64,
    left: u64,
}

impl Section {
    /// A whole file. A pipe or device in its place is an error: nobody waits for who may write there.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
        let file = File::options().read(true).custom_flags(nonblocking).open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other("it is no regular file"));
        }
        Ok(Self { file: Arc::new(file), at: 0, left: metadata.len() })
    }

    /// The part of `length` bytes that begins `at` bytes behind the beginning of this one; `None` where it ends earlier.
    pub(super) fn part(&self, at: u64, length: u64) -> Option<Self> {
        let end = at.checked_add(length)?;
        (end <= self.left).then(|| Self { file: self.file.clone(), at: self.at + at, left: length })
    }

    /// Bytes that are left to read.
    pub(super) fn len(&self) -> u64 {
        self.left
    }

    /// Leaves bytes out.
    pub(super) fn skip(&mut self, bytes: u64) {
        let bytes = bytes.min(self.left);
        (self.at, self.left) = (self.at + bytes, self.left - bytes);
    }
}

impl Read for Section {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let read = self.file.read_at(&mut buffer[..most], self.at)?;
        self.skip(read as u64);
        Ok(read)
    }
}
