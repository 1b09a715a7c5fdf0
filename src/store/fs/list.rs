//! Listings in byte order of the names, of one directory or of all below it.

use std::fs::{self, DirEntry, ReadDir};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::write::Temporary;
use super::{Inner, blocking, fold, is_loop, stat_of};
use crate::store::{Depth, Entry, ListQuery, Listing, Prefix, Result};

/// So many entries of a directory are read on the calling thread (some 100 µs); more are left to a blocking one.
const INLINE_ENTRIES_MAX: usize = 1000;

/// A temporary file as old as this has no writer any more: writes take milliseconds.
const TEMPORARY_LIFE: SignedDuration = SignedDuration::from_hours(1);

/// Directories are stamped with a clock that ticks every 1 to 10 ms, and a network server's may be a little off: a second
/// change so soon after a first may leave no trace.
const STAMP_PRECISION: SignedDuration = SignedDuration::from_millis(100);

pub(super) async fn list(inner: &Arc<Inner>, query: &ListQuery<'_>) -> Result<Listing> {
    let prefix = query.prefix.as_str();
    let failed = |source| inner.read_error(prefix, source);
    let directory = inner.path(prefix.trim_end_matches('/'))?;
    let start_after = query.start_after.map(str::to_owned);
    let (limit, with_stat) = (query.limit, query.with_stat);
    if query.depth == Depth::All {
        let mut walk = Walk { inner: Arc::clone(inner), start_after, limit, with_stat, entries: vec![], more: false };
        return blocking(move || {
            walk.below(&directory, "")?;
            Ok(Listing { entries: walk.entries, more: walk.more })
        })
        .await
        .map_err(failed);
    }
    let mut scan = Scan::open(inner, &directory).map_err(failed)?;
    if !scan.read(INLINE_ENTRIES_MAX).map_err(failed)? {
        scan = blocking(move || scan.read(usize::MAX).map(|_| scan)).await.map_err(failed)?;
    }
    let (names, more) = first(scan.names, start_after.as_deref(), limit);
    let entry = |name: String| {
        let value = !name.ends_with('/');
        let stat = (value && with_stat).then(|| fs::metadata(directory.join(&name)).ok().as_ref().and_then(stat_of));
        match stat {
            // Deleted since it was listed.
            Some(None) => None,
            stat => Some(Entry { name, stat: stat.flatten() }),
        }
    };
    Ok(Listing { entries: names.into_iter().filter_map(entry).collect(), more })
}

/// See [`crate::store::Driver::children_version`]: a directory's times change with its entries.
pub(super) fn children_version(inner: &Inner, prefix: &Prefix) -> Result<Option<u64>> {
    let metadata = match fs::metadata(inner.path(prefix.as_str().trim_end_matches('/'))?) {
        Ok(metadata) => metadata,
        // No directory has no children, whenever one looks.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) || is_loop(&error) => {
            return Ok(Some(0));
        }
        Err(error) => return Err(inner.read_error(prefix.as_str(), error)),
    };
    let nanoseconds = i32::try_from(metadata.ctime_nsec()).unwrap_or_default();
    let changed = Timestamp::new(metadata.ctime(), nanoseconds).unwrap_or(Timestamp::UNIX_EPOCH);
    if inner.clock.now().duration_since(changed) < STAMP_PRECISION {
        return Ok(None);
    }
    let parts = [metadata.ino(), metadata.ctime().cast_unsigned(), metadata.ctime_nsec().cast_unsigned()];
    Ok(Some(fold(&parts)))
}

/// The first `limit` names behind `start_after`, in order, and whether there are more.
fn first(mut names: Vec<String>, start_after: Option<&str>, limit: usize) -> (Vec<String>, bool) {
    if let Some(after) = start_after {
        names.retain(|name| name.as_str() > after);
    }
    let more = names.len() > limit;
    if more && limit > 0 {
        // A page of a directory with many names is not worth sorting all of them.
        names.select_nth_unstable(limit - 1);
    }
    names.truncate(limit);
    names.sort_unstable();
    (names, more)
}

/// One directory being read; names of directories end in `/`.
struct Scan {
    inner: Arc<Inner>,
    /// `None` behind the end, and of a directory that is not there.
    rest: Option<ReadDir>,
    names: Vec<String>,
}

impl Scan {
    fn open(inner: &Arc<Inner>, directory: &Path) -> io::Result<Self> {
        let rest = match fs::read_dir(directory) {
            Ok(rest) => Some(rest),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => None,
            Err(error) if is_loop(&error) => {
                // Somebody made a link to a folder above it: what is there was listed on the way.
                inner.circles.tell(&directory.to_string_lossy());
                None
            }
            Err(error) => return Err(error),
        };
        Ok(Self { inner: Arc::clone(inner), rest, names: vec![] })
    }

    /// Reads up to `max` entries more; whether that was the last.
    fn read(&mut self, max: usize) -> io::Result<bool> {
        let Some(rest) = &mut self.rest else { return Ok(true) };
        for entry in rest.take(max) {
            self.names.extend(self.inner.listed_name(&entry?));
        }
        // `take` ends at the limit or at the end, and one more look tells which.
        match rest.next() {
            Some(entry) => self.names.extend(self.inner.listed_name(&entry?)),
            None => self.rest = None,
        }
        Ok(self.rest.is_none())
    }
}

impl Inner {
    /// The name under which an entry is listed. Names that are no UTF-8 and things that are neither file nor directory are
    /// none of ours; a temporary file that a crash left behind goes.
    fn listed_name(&self, entry: &DirEntry) -> Option<String> {
        let mut name = entry.file_name().into_string().ok()?;
        let mut kind = entry.file_type().ok()?;
        if kind.is_symlink() {
            let target = fs::metadata(entry.path()).ok()?;
            kind = target.file_type();
            if kind.is_dir() && self.is_above(&entry.path(), &target) {
                tracing::warn!(path = %entry.path().display(), "a symbolic link leads to a directory above it: skipped");
                return None;
            }
        }
        if kind.is_dir() {
            name.push('/');
            return Some(name);
        }
        if Temporary::is_name(&name) {
            self.remove_stale(entry);
            return None;
        }
        kind.is_file().then_some(name)
    }

    /// Whether a directory is one of those that lead to `path`: what is in it was listed on the way.
    fn is_above(&self, path: &Path, directory: &fs::Metadata) -> bool {
        let is_same = |above: &Path| {
            fs::metadata(above).is_ok_and(|above| (above.dev(), above.ino()) == (directory.dev(), directory.ino()))
        };
        path.ancestors().skip(1).take_while(|above| above.starts_with(&self.root)).any(is_same)
    }

    fn remove_stale(&self, entry: &DirEntry) {
        let changed = entry.metadata().ok().as_ref().and_then(stat_of).map(|stat| stat.changed);
        if changed.is_some_and(|changed| self.clock.now().duration_since(changed) > TEMPORARY_LIFE) {
            // A store that is only read keeps it, which harms nobody.
            let _ = self.remove(&entry.path());
        }
    }
}

/// A walk over all values below a directory, up to a limit.
struct Walk {
    inner: Arc<Inner>,
    start_after: Option<String>,
    limit: usize,
    with_stat: bool,
    entries: Vec<Entry>,
    more: bool,
}

impl Walk {
    /// Walks `directory`, whose name relative to the prefix is `base`. Sorted with their `/`, directories and files come
    /// in the order of the whole names.
    fn below(&mut self, directory: &Path, base: &str) -> io::Result<()> {
        let mut scan = Scan::open(&self.inner, directory)?;
        while !scan.read(usize::MAX)? {}
        scan.names.sort_unstable();
        for name in scan.names {
            let whole = format!("{base}{name}");
            let begun = self.start_after.as_deref().is_none_or(|after| whole.as_str() > after);
            if name.ends_with('/') {
                // Values below come behind `start_after` if the directory does, or if it is among them.
                if begun || self.start_after.as_deref().is_some_and(|after| after.starts_with(&whole)) {
                    self.below(&directory.join(&name), &whole)?;
                }
            } else if begun {
                self.add(&directory.join(&name), whole);
            }
            if self.more {
                return Ok(());
            }
        }
        Ok(())
    }

    fn add(&mut self, path: &Path, name: String) {
        let full = self.entries.len() == self.limit;
        let stat = (self.with_stat && !full).then(|| fs::metadata(path).ok().as_ref().and_then(stat_of));
        match stat {
            Some(None) => {}
            _ if full => self.more = true,
            stat => self.entries.push(Entry { name, stat: stat.flatten() }),
        }
    }
}
