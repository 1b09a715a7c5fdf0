//! Large blobs go from the page cache to the socket without passing through the program.
//!
//! hyper knows bodies of memory only. So a blob's file is mapped, and the mapping is the body: one `Bytes` that hyper
//! hands on uncopied. The connection keeps a list of such mappings, and when it is asked to write memory that lies in one,
//! it calls `sendfile` with the file and offset behind it: the pages of the mapping are never touched. Whoever does not
//! know the list (TLS, another system) reads the same bytes from the mapping: slower, never wrong.

use std::fmt;
use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use memmap2::Mmap;

use super::mapping;
use crate::spec::ByteRange;

/// The mappings that answers of one connection consist of.
#[derive(Default)]
pub(super) struct Files(Mutex<Vec<Entry>>);

struct Entry {
    /// Addresses of the mapping.
    start: usize,
    end: usize,
    file: Arc<File>,
    /// Of the mapping in the file.
    offset: u64,
}

/// Keeps an entry listed for as long as its mapping lives: an address in the list is an address of that file.
struct Mapped {
    map: Mmap,
    files: Arc<Files>,
}

impl Files {
    /// Maps a part of a blob's file and lists it.
    pub(super) fn map(self: &Arc<Self>, file: File, range: ByteRange) -> std::io::Result<Bytes> {
        let map = mapping::map(&file, range)?;
        let start = map.as_ptr().addr();
        let entry = Entry { start, end: start + map.len(), file: Arc::new(file), offset: range.start };
        self.entries().push(entry);
        Ok(Bytes::from_owner(Mapped { map, files: Arc::clone(self) }))
    }

    /// The file and offset behind some memory, and how many bytes from there on belong to it.
    pub(super) fn find(&self, memory: &[u8]) -> Option<(Arc<File>, u64, usize)> {
        let at = memory.as_ptr().addr();
        let entries = self.entries();
        let entry = entries.iter().find(|entry| entry.start <= at && at < entry.end)?;
        let len = memory.len().min(entry.end - at);
        Some((Arc::clone(&entry.file), entry.offset + (at - entry.start) as u64, len))
    }

    fn entries(&self) -> std::sync::MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsRef<[u8]> for Mapped {
    fn as_ref(&self) -> &[u8] {
        &self.map
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        let start = self.map.as_ptr().addr();
        self.files.entries().retain(|entry| entry.start != start);
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Files({})", self.entries().len())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn memory_of_a_mapping_is_found_and_nothing_else() {
        let mut file = tempfile::tempfile().expect("a file");
        let content: Vec<u8> = (0..200_000_u32).map(|n| (n / 7) as u8).collect();
        file.write_all(&content).expect("written");
        let files = Arc::new(Files::default());
        let bytes = files.map(file, ByteRange { start: 5000, end: 150_000 }).expect("mapped");
        assert_eq!(bytes, content[5000..150_000]);
        for (part, offset) in [(0..10, 5000), (4000..145_000, 9000), (144_999..145_000, 149_999)] {
            let (_, found, len) = files.find(&bytes[part.clone()]).expect("listed");
            assert_eq!((found, len), (offset, part.len()));
        }
        assert!(files.find(&content).is_none());
        let part = bytes.slice(100..);
        drop(bytes);
        assert!(files.find(&part).is_some(), "a part keeps the mapping");
        drop(part);
        assert!(files.entries().is_empty());
    }

    #[test]
    fn a_part_behind_the_end_maps_and_reads_as_an_error_later() {
        let file = tempfile::tempfile().expect("a file");
        assert!(Arc::new(Files::default()).map(file, ByteRange { start: 0, end: 0 }).is_ok_and(|b| b.is_empty()));
    }
}
