//! Directories: made when a value needs them, removed with the last one, and synced.
//!
//! A new directory is there to stay once its parent is synced. Who made one syncs the parent before it answers, and so
//! does everybody who puts a value below meanwhile: [`Unsynced`] knows which are new.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Inner;
use crate::store::keys;

/// How often making directories is begun anew when deletions keep removing them. Each turn needs a deletion to come in
/// between two system calls; so many in a row are no race but a fault.
const RACES_MAX: usize = 1000;

/// Directories whose parent may not know them after a power failure, each with a mark of everyone who made it.
#[derive(Debug, Default)]
pub(super) struct Unsynced {
    marks: Mutex<HashMap<PathBuf, Vec<u64>>>,
    next: AtomicU64,
}

/// New directories above a value, with the marks they had when it was looked.
#[derive(Debug, Default)]
pub(super) struct Debts(Vec<(PathBuf, Vec<u64>)>);

impl Unsynced {
    fn marks(&self) -> MutexGuard<'_, HashMap<PathBuf, Vec<u64>>> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mark(&self, directory: &Path) -> u64 {
        let mark = self.next.fetch_add(1, Ordering::Relaxed);
        self.marks().entry(directory.to_owned()).or_default().push(mark);
        mark
    }

    fn unmark(&self, directory: &Path, done: &[u64]) {
        let mut all = self.marks();
        if let Some(marks) = all.get_mut(directory) {
            marks.retain(|mark| !done.contains(mark));
            if marks.is_empty() {
                all.remove(directory);
            }
        }
    }

    /// The new directories among `directories` and those above them.
    pub(super) fn debts(&self, directories: &BTreeSet<PathBuf>, root: &Path) -> Debts {
        let all = self.marks();
        if all.is_empty() {
            return Debts::default();
        }
        let above =
            directories.iter().flat_map(|directory| directory.ancestors().take_while(|at| at.starts_with(root)));
        Debts(above.filter_map(|at| Some((at.to_owned(), all.get(at)?.clone()))).collect())
    }

    /// The parents of these directories are synced.
    pub(super) fn settle(&self, debts: &Debts) {
        for (directory, marks) in &debts.0 {
            self.unmark(directory, marks);
        }
    }

    /// Nobody will ask for this directory again, or only with a sync of its own.
    pub(super) fn forget(&self, directory: &Path) {
        self.marks().remove(directory);
    }
}

impl Debts {
    /// What to sync for these directories to stay.
    pub(super) fn parents(&self) -> BTreeSet<PathBuf> {
        self.0.iter().filter_map(|(directory, _)| directory.parent()).map(Path::to_owned).collect()
    }
}

impl Inner {
    /// Does `work` on a path, making the directories above it where they are missing, again and again while deletions
    /// remove them.
    pub(super) fn with_parents<T>(&self, path: &Path, work: impl Fn() -> io::Result<T>) -> io::Result<T> {
        let parent = path.parent().unwrap_or(&self.root);
        for _ in 0..RACES_MAX {
            match work() {
                Err(error) if error.kind() == ErrorKind::NotFound => self.make(parent)?,
                done => return done,
            }
        }
        work()
    }

    /// Makes a directory and those above it. That it is still there on return is not certain.
    fn make(&self, directory: &Path) -> io::Result<()> {
        if directory == self.root {
            // Made at the start. If it is gone, a disk is not mounted, and another has to say so than a lost push.
            return Err(io::Error::other("the directory of the store is gone"));
        }
        let mark = self.unsynced.mark(directory);
        let made = match fs::create_dir(directory) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let above = directory.parent().map_or(Ok(()), |parent| self.make(parent));
                above.and_then(|()| fs::create_dir(directory))
            }
            made => made,
        };
        let Err(error) = made else { return Ok(()) };
        self.unsynced.unmark(directory, &[mark]);
        match error.kind() {
            ErrorKind::AlreadyExists => Ok(()),
            // Removed under our hands; the caller tries again.
            ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        }
    }

    /// Removes directories and those above them as far as they are empty. Answers the lowest that stay.
    pub(super) fn remove_empty(&self, directories: impl IntoIterator<Item = PathBuf>) -> io::Result<BTreeSet<PathBuf>> {
        // The deepest first, so that each is looked at once, when everything in it that goes is gone.
        let in_turn = |at: PathBuf| (Reverse(at.components().count()), at);
        let mut left: BTreeSet<_> = directories.into_iter().map(in_turn).collect();
        let mut staying = BTreeSet::new();
        while let Some((_, at)) = left.pop_first() {
            match at.parent() {
                Some(above) if self.is_gone(&at)? => drop(left.insert(in_turn(above.to_owned()))),
                _ => drop(staying.insert(at)),
            }
        }
        Ok(staying)
    }

    /// Removes a directory unless something is in it, or it is one that stays.
    fn is_gone(&self, directory: &Path) -> io::Result<bool> {
        let stays = |name: &Path| name.to_str().is_some_and(keys::stays);
        if directory == self.root || directory.strip_prefix(&self.root).is_ok_and(stays) {
            return Ok(false);
        }
        match fs::remove_dir(directory) {
            Ok(()) => self.unsynced.forget(directory),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            // Somebody's again, or (a symbolic link, a mount point) none of ours to remove.
            Err(error) if is_in_use(&error) => return Ok(false),
            Err(error) => return Err(error),
        }
        Ok(true)
    }
}

fn is_in_use(error: &io::Error) -> bool {
    use ErrorKind::{AlreadyExists, DirectoryNotEmpty, NotADirectory, ResourceBusy};
    matches!(error.kind(), DirectoryNotEmpty | AlreadyExists | NotADirectory | ResourceBusy)
}
