//! Waiting for the disk.
//!
//! Who has written names files and directories, and waits until they are durable. On file systems that are known to mean
//! it, one `syncfs` serves everybody who waits: the first one there calls it, and who comes meanwhile waits for the next
//! call. That is one commit of the journal and one flush of the disk, where each file and each directory on its own would
//! be one. But it waits also for what nobody here asked about (a large upload, another program that writes to the same
//! disk), so the costs of both ways are measured and the cheaper one is taken.
//!
//! Everywhere else, and after the first error that such a call reports, each file and each directory is synced on its
//! own: the kernel tells every open file of the errors that met its bytes, and a call for all tells one caller of them
//! once.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

/// What one call for all may cost, as a multiple of the calls that one writer saves by it: it serves others too.
const WHOLE_WORTH: u64 = 4;

/// Nanoseconds that syncing one file or directory is taken for until it was measured.
const EACH_GUESS: u64 = 300_000;

/// The file system below the root of a store.
#[derive(Debug)]
pub(super) struct Disk {
    root: PathBuf,
    /// `None` where nothing is known of the file system.
    journal: Option<Journal>,
}

/// A file system that keeps the order of renames, and syncs as a whole.
#[derive(Debug)]
struct Journal {
    root: File,
    device: u64,
    waves: Mutex<Waves>,
    ended: Condvar,
    /// An error was reported: the call for all cannot be believed any more.
    failed: AtomicBool,
    costs: Costs,
}

#[derive(Debug, Default)]
struct Waves {
    /// Whether a call is under way.
    running: bool,
    /// The outcome of the next call, for those who wait for it.
    next: Arc<OnceLock<Outcome>>,
}

/// The error by its number: those of one wave share it.
type Outcome = Result<(), i32>;

/// Nanoseconds, smoothed.
#[derive(Debug)]
struct Costs {
    whole: AtomicU64,
    each: AtomicU64,
}

impl Disk {
    /// Looks at the file system of `root`, which exists.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let root = File::open(path)?;
        if !is_journal(&root) {
            return Ok(Self::unknown(path));
        }
        let device = root.metadata()?.dev();
        let costs = Costs { whole: AtomicU64::new(0), each: AtomicU64::new(EACH_GUESS) };
        let (waves, ended, failed) = (Mutex::default(), Condvar::new(), AtomicBool::new(false));
        Ok(Self { root: path.to_owned(), journal: Some(Journal { root, device, waves, ended, failed, costs }) })
    }

    /// One of which nothing is known: each step is synced before the next one.
    pub(super) fn unknown(root: &Path) -> Self {
        Self { root: root.to_owned(), journal: None }
    }

    /// Whether a change of a name where these files are is durable only if those made before it are, so that one wait at
    /// the end is enough.
    pub(super) fn keeps_order(&self, files: &[&File]) -> bool {
        self.journal.as_ref().is_some_and(|journal| journal.covers(files, &BTreeSet::new()))
    }

    /// Returns when the bytes of `files` and the entries of `directories` are durable. A directory that is gone by now
    /// needs no sync: the one it was removed from does. `last` is the directory that changed last, if that is known.
    pub(super) fn sync(&self, files: &[&File], directories: &BTreeSet<PathBuf>, last: Option<&Path>) -> io::Result<()> {
        let all = || directories.iter().map(PathBuf::as_path);
        let Some(journal) = self.journal.as_ref().filter(|journal| journal.covers(files, directories)) else {
            return self.sync_each(files, all());
        };
        // Where the order is kept, the last change stands for those before it.
        let directories: Vec<&Path> = last.map_or_else(|| all().collect(), |last| vec![last]);
        let count = (files.len() + directories.len()) as u64;
        if count == 0 {
            return Ok(());
        }
        if journal.is_worth_it(count) {
            return journal.sync();
        }
        let begun = Instant::now();
        self.sync_each(files, directories)?;
        journal.costs.took_each(nanoseconds(begun), count);
        Ok(())
    }

    /// One after the other: a journal is committed by the first sync for all that was done before, and the others find
    /// little left to do. A thread for each would cost more than that.
    fn sync_each<'a>(&self, files: &[&File], directories: impl IntoIterator<Item = &'a Path>) -> io::Result<()> {
        files.iter().try_for_each(|file| file.sync_data())?;
        directories.into_iter().try_for_each(|directory| self.sync_directory(directory))
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        let mut at = directory;
        loop {
            match (sync(at), at.parent()) {
                (Err(error), Some(parent)) if error.kind() == ErrorKind::NotFound && at != self.root => at = parent,
                (done, _) => return done,
            }
        }
    }
}

impl Journal {
    fn is_worth_it(&self, count: u64) -> bool {
        !self.failed.load(Ordering::Acquire) && self.costs.prefer_whole(count)
    }

    /// Whether all of them are on this file system: others may be mounted below the root.
    fn covers(&self, files: &[&File], directories: &BTreeSet<PathBuf>) -> bool {
        let here = |metadata: io::Result<fs::Metadata>| match metadata {
            Ok(metadata) => metadata.dev() == self.device,
            Err(error) => error.kind() == ErrorKind::NotFound,
        };
        files.iter().all(|file| here(file.metadata())) && directories.iter().all(|path| here(fs::metadata(path)))
    }

    fn waves(&self) -> MutexGuard<'_, Waves> {
        self.waves.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a call that begins after this one came.
    fn sync(&self) -> io::Result<()> {
        let mut waves = self.waves();
        let wave = Arc::clone(&waves.next);
        loop {
            if let Some(outcome) = wave.get() {
                return outcome.map_err(io::Error::from_raw_os_error);
            }
            if waves.running {
                waves = self.ended.wait(waves).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            waves.running = true;
            waves.next = Arc::default();
            drop(waves);
            let begun = Instant::now();
            let outcome = sync_whole(&self.root);
            if outcome.is_err() {
                self.failed.store(true, Ordering::Release);
            }
            self.costs.took_whole(nanoseconds(begun));
            let _ = wave.set(outcome);
            waves = self.waves();
            waves.running = false;
            self.ended.notify_all();
        }
    }
}

impl Costs {
    fn prefer_whole(&self, count: u64) -> bool {
        let each = self.each.load(Ordering::Relaxed).saturating_mul(count);
        self.whole.load(Ordering::Relaxed) <= each.saturating_mul(WHOLE_WORTH)
    }

    fn took_whole(&self, nanoseconds: u64) {
        self.whole.store(self.whole.load(Ordering::Relaxed) / 2 + nanoseconds / 2, Ordering::Relaxed);
    }

    /// The longer the call for all was not made, the less is believed of what it cost: so it is tried again one day.
    fn took_each(&self, nanoseconds: u64, count: u64) {
        let (each, whole) = (self.each.load(Ordering::Relaxed), self.whole.load(Ordering::Relaxed));
        self.each.store(each / 8 * 7 + nanoseconds / count / 8, Ordering::Relaxed);
        self.whole.store(whole - whole / 256, Ordering::Relaxed);
    }
}

fn nanoseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// Makes the entries of a directory durable.
pub(super) fn sync(directory: &Path) -> io::Result<()> {
    match File::open(directory)?.sync_all() {
        // Some network and FUSE file systems know no sync of a directory: their servers see to it.
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        done => done,
    }
}

#[cfg(target_os = "linux")]
fn sync_whole(root: &File) -> Outcome {
    rustix::fs::syncfs(root).map_err(rustix::io::Errno::raw_os_error)
}

#[cfg(not(target_os = "linux"))]
fn sync_whole(_: &File) -> Outcome {
    Err(rustix::io::Errno::NOSYS.raw_os_error())
}

/// Whether a file system is one whose journal keeps the order of renames and whose `syncfs` waits for data and journal.
/// Before Linux 5.8 that call told of no errors; FUSE answers it without doing anything; btrfs commits far more than was
/// asked for.
#[cfg(target_os = "linux")]
fn is_journal(root: &File) -> bool {
    /// ext4 (and ext3, which the same driver serves), XFS, tmpfs (nothing to sync, nothing lost by that).
    const MAGIC: [rustix::fs::FsWord; 3] = [0xef53, 0x5846_5342, 0x0102_1994];
    let magic = rustix::fs::fstatfs(root).map(|found| found.f_type);
    let kernel = rustix::system::uname();
    magic.is_ok_and(|magic| MAGIC.contains(&magic)) && release(&kernel.release().to_string_lossy()) >= Some((5, 8))
}

#[cfg(not(target_os = "linux"))]
fn is_journal(_: &File) -> bool {
    false
}

/// Major and minor number of a kernel's release.
#[cfg(target_os = "linux")]
fn release(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
#[path = "disk_tests.rs"]
pub(super) mod tests;
