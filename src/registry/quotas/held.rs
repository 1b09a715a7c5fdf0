//! What is held below one prefix: content, each of it once, and the bytes of uploads that nobody has finished. Plain
//! counting; knows no store and no limit.
//!
//! A walk through the store takes time, and the store changes under it. What this process has in its hands while somebody
//! walks is therefore noted beside, and laid over what the walk found: content whose link may have been written behind the
//! walker's back, and uploads that grew, ended or went after they were looked at. Better to count twice than to miss.

use std::collections::{HashMap, HashSet};

use crate::spec::{Digest, UploadId};

#[derive(Clone, Debug, Default)]
pub(super) struct Held {
    content: Sizes<Digest>,
    uploads: Sizes<UploadId>,
    /// Uploads that a request holds.
    open: HashSet<UploadId>,
    /// Content that is counted and whose links are being written, and by how many.
    linking: HashMap<Digest, usize>,
    is_counted: bool,
    walk: Option<Meanwhile>,
}

/// Things with their sizes, and the sum.
#[derive(Clone, Debug)]
struct Sizes<K> {
    all: HashMap<K, u64>,
    sum: u64,
}

/// What the process had in its hands at some time of a walk.
#[derive(Clone, Debug, Default)]
struct Meanwhile {
    content: HashSet<Digest>,
    uploads: HashSet<UploadId>,
}

/// What a walk found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) content: HashMap<Digest, u64>,
    pub(super) uploads: HashMap<UploadId, u64>,
}

impl<K> Default for Sizes<K> {
    fn default() -> Self {
        Self { all: HashMap::new(), sum: 0 }
    }
}

impl<K: std::hash::Hash + Eq> Sizes<K> {
    fn of(all: HashMap<K, u64>) -> Self {
        Self { sum: all.values().sum(), all }
    }

    /// Nothing is not kept.
    fn set(&mut self, key: K, size: u64) {
        let before = if size > 0 { self.all.insert(key, size) } else { self.all.remove(&key) };
        self.sum = self.sum - before.unwrap_or_default() + size;
    }

    fn get(&self, key: &K) -> u64 {
        self.all.get(key).copied().unwrap_or_default()
    }
}

impl Held {
    /// Whether a walk has ended, before which the numbers say little.
    pub(super) fn is_counted(&self) -> bool {
        self.is_counted
    }

    pub(super) fn bytes(&self) -> u64 {
        self.content.sum + self.uploads.sum
    }

    /// The same without one of the uploads.
    pub(super) fn bytes_beside(&self, upload: Option<&UploadId>) -> u64 {
        self.bytes() - upload.map_or(0, |id| self.uploads.get(id))
    }

    pub(super) fn upload_bytes(&self) -> u64 {
        self.uploads.sum
    }

    pub(super) fn has(&self, digest: &Digest) -> bool {
        self.content.all.contains_key(digest)
    }

    /// Counts content whose link is about to be written: until [`Self::linked`].
    pub(super) fn link(&mut self, digest: Digest, size: u64) {
        if !self.has(&digest) {
            self.content.sum += size;
            self.content.all.insert(digest, size);
        }
        *self.linking.entry(digest).or_default() += 1;
        if let Some(walk) = &mut self.walk {
            walk.content.insert(digest);
        }
    }

    /// The link is there, or will not be.
    pub(super) fn linked(&mut self, digest: &Digest) {
        if let Some(count) = self.linking.get_mut(digest) {
            *count -= 1;
            if *count == 0 {
                self.linking.remove(digest);
            }
        }
    }

    /// A request holds an upload, which has so many bytes: until [`Self::close`].
    pub(super) fn open(&mut self, id: &UploadId, bytes: u64) {
        self.open.insert(id.clone());
        self.set_upload(id, bytes);
    }

    pub(super) fn close(&mut self, id: &UploadId) {
        self.open.remove(id);
    }

    /// An upload has so many bytes now, or is gone and has none.
    pub(super) fn set_upload(&mut self, id: &UploadId, bytes: u64) {
        self.uploads.set(id.clone(), bytes);
        if let Some(walk) = &mut self.walk {
            walk.uploads.insert(id.clone());
        }
    }

    pub(super) fn begin_walk(&mut self) {
        let content = self.linking.keys().copied().collect();
        self.walk = Some(Meanwhile { content, uploads: self.open.clone() });
    }

    /// Takes over what a walk found; `beside` what was counted before, where it may have missed that.
    pub(super) fn end_walk(&mut self, found: Found, beside: bool) {
        let walk = self.walk.take().unwrap_or_default();
        let Found { mut content, mut uploads } = found;
        if beside {
            for (digest, &size) in &self.content.all {
                content.entry(*digest).or_insert(size);
            }
            for (id, &bytes) in &self.uploads.all {
                uploads.entry(id.clone()).or_insert(bytes);
            }
        }
        for digest in &walk.content {
            if let Some(&size) = self.content.all.get(digest) {
                content.insert(*digest, size);
            }
        }
        for id in &walk.uploads {
            match self.uploads.get(id) {
                0 => uploads.remove(id),
                bytes => uploads.insert(id.clone(), bytes),
            };
        }
        (self.content, self.uploads, self.is_counted) = (Sizes::of(content), Sizes::of(uploads), true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(text: &str) -> Digest {
        Digest::sha256(text.as_bytes())
    }

    fn upload(byte: u8) -> UploadId {
        UploadId::from_random([byte; 16])
    }

    fn found(content: &[(Digest, u64)], uploads: &[(UploadId, u64)]) -> Found {
        Found { content: content.iter().copied().collect(), uploads: uploads.iter().cloned().collect() }
    }

    #[test]
    fn content_counts_once_and_an_upload_as_large_as_it_is() {
        let mut held = Held::default();
        held.link(digest("a"), 5);
        held.link(digest("a"), 5);
        assert_eq!(held.bytes(), 5);
        held.open(&upload(1), 0);
        held.set_upload(&upload(1), 3);
        held.set_upload(&upload(1), 7);
        held.open(&upload(2), 2);
        assert_eq!((held.bytes(), held.upload_bytes()), (14, 9));
        assert_eq!((held.bytes_beside(Some(&upload(1))), held.bytes_beside(Some(&upload(9)))), (7, 14));
        held.set_upload(&upload(1), 0);
        held.set_upload(&upload(9), 0);
        assert_eq!(held.bytes(), 7);
    }

    #[test]
    fn a_link_that_was_under_way_when_a_walk_began_is_not_missed() {
        let mut held = Held::default();
        held.link(digest("early"), 1);
        held.linked(&digest("early"));
        held.link(digest("slow"), 10);
        held.begin_walk();
        held.link(digest("late"), 100);
        held.linked(&digest("late"));
        held.linked(&digest("slow"));
        held.end_walk(found(&[(digest("old"), 1000)], &[]), false);
        assert_eq!(held.bytes(), 1110, "what was linked before is the walk's to find");
        held.begin_walk();
        held.end_walk(found(&[], &[]), false);
        assert_eq!(held.bytes(), 0, "nothing is under way any more");
    }

    #[test]
    fn two_who_write_the_same_link_are_two() {
        let mut held = Held::default();
        held.link(digest("a"), 1);
        held.link(digest("a"), 1);
        held.linked(&digest("a"));
        held.begin_walk();
        held.end_walk(found(&[], &[]), false);
        assert_eq!(held.bytes(), 1);
        held.linked(&digest("a"));
        held.linked(&digest("a"));
        held.begin_walk();
        held.end_walk(found(&[], &[]), false);
        assert_eq!(held.bytes(), 0);
    }

    #[test]
    fn of_an_upload_the_process_knows_more_than_the_walk_while_it_holds_it() {
        let mut held = Held::default();
        for (byte, bytes) in [(1, 10), (2, 20), (3, 30), (4, 40)] {
            held.open(&upload(byte), bytes);
        }
        for byte in [2, 3, 4] {
            held.close(&upload(byte));
        }
        held.begin_walk();
        held.set_upload(&upload(2), 0);
        held.open(&upload(5), 5);
        held.close(&upload(5));
        // 1 and 5 are on their way, 2 went meanwhile, 3 grew by another process, and 4 went by one.
        held.end_walk(found(&[], &[(upload(1), 1), (upload(2), 20), (upload(3), 33), (upload(6), 600)]), false);
        assert_eq!(held.bytes(), 10 + 33 + 5 + 600);
        assert!(held.is_counted());
    }

    #[test]
    fn beside_what_a_walk_found_may_count_what_it_missed() {
        let mut held = Held::default();
        held.link(digest("a"), 5);
        held.linked(&digest("a"));
        held.open(&upload(1), 2);
        held.close(&upload(1));
        held.begin_walk();
        held.end_walk(found(&[(digest("b"), 10)], &[(upload(1), 3), (upload(2), 100)]), true);
        assert_eq!((held.bytes(), held.upload_bytes(), held.is_counted()), (118, 103, true));
        held.begin_walk();
        held.end_walk(found(&[(digest("b"), 10)], &[]), false);
        assert_eq!(held.bytes(), 10);
    }
}
