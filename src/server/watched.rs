//! Files that are read again when they change. What cannot be used leaves in force what was.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use super::error::Chain;

/// A value made of files, and the files it was made of.
pub(super) struct Watched<T, E> {
    paths: Vec<PathBuf>,
    load: Box<dyn Fn() -> Result<T, E> + Send + Sync>,
    loaded: RwLock<Arc<Loaded<T>>>,
}

/// A value, and how its files looked before they were read.
#[derive(Debug)]
pub(super) struct Loaded<T> {
    pub(super) stamps: Vec<Stamp>,
    pub(super) value: Arc<T>,
}

/// Differs when a file differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Stamp {
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl<T, E: std::error::Error + 'static> Watched<T, E> {
    /// Loads a value for the first time.
    ///
    /// # Errors
    /// What loading it gives.
    pub(super) fn open(
        paths: Vec<PathBuf>,
        load: impl Fn() -> Result<T, E> + Send + Sync + 'static,
    ) -> Result<Self, E> {
        // Before the bytes: of a file that changes meanwhile the next look sees another stamp.
        let stamps = stamps(&paths);
        let loaded = Loaded { stamps, value: Arc::new(load()?) };
        Ok(Self { paths, load: Box::new(load), loaded: RwLock::new(Arc::new(loaded)) })
    }

    /// The value of the files as they are now: a system call for each where nothing has changed.
    pub(super) fn current(&self) -> Arc<Loaded<T>> {
        let loaded = Arc::clone(&self.loaded.read().unwrap_or_else(PoisonError::into_inner));
        let stamps = stamps(&self.paths);
        if stamps == loaded.stamps {
            return loaded;
        }
        let mut slot = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
        if slot.stamps != stamps {
            *slot = self.load_again(&slot, stamps);
        }
        Arc::clone(&slot)
    }

    /// Reads the files though they look as before: somebody knows that they differ.
    pub(super) fn reread(&self) {
        let before = Arc::clone(&self.loaded.read().unwrap_or_else(PoisonError::into_inner));
        let stamps = stamps(&self.paths);
        // Nobody who wants the value waits for this: where the files are newer by then, the next look sees it.
        let loaded = self.load_again(&before, stamps);
        *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = loaded;
    }

    fn load_again(&self, before: &Loaded<T>, stamps: Vec<Stamp>) -> Arc<Loaded<T>> {
        let value = (self.load)().map(Arc::new).unwrap_or_else(|error| {
            let error = Chain(&error).to_string();
            tracing::error!(error, "a file has changed and cannot be used; what it said before stays in force");
            Arc::clone(&before.value)
        });
        Arc::new(Loaded { stamps, value })
    }
}

fn stamps(paths: &[PathBuf]) -> Vec<Stamp> {
    paths.iter().map(|path| Stamp::of(path)).collect()
}

impl Stamp {
    /// How a file looks now. One that cannot be seen looks like no other.
    pub(crate) fn of(path: &Path) -> Self {
        let Ok(metadata) = fs::metadata(path) else { return Self::default() };
        Self {
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn number(path: &Path) -> io::Result<Watched<u8, io::Error>> {
        let file = path.to_owned();
        Watched::open(vec![path.to_owned()], move || fs::read_to_string(&file)?.parse().map_err(io::Error::other))
    }

    #[test]
    fn a_value_follows_its_files_as_far_as_they_can_be_used() {
        let directory = tempfile::tempdir().expect("made");
        let path = directory.path().join("number");
        assert!(number(&path).is_err(), "there is no file");
        fs::write(&path, "1").expect("written");
        let watched = number(&path).expect("a number");
        let put = |text: &str| {
            fs::write(directory.path().join("new"), text).expect("written");
            fs::rename(directory.path().join("new"), &path).expect("renamed");
        };
        let first = watched.current();
        assert_eq!(*first.value, 1);
        assert!(Arc::ptr_eq(&first, &watched.current()), "nothing is read twice");
        put("2");
        assert_eq!(*watched.current().value, 2);
        put("300");
        let kept = watched.current();
        assert_eq!(*kept.value, 2, "no number of its size");
        assert!(Arc::ptr_eq(&kept, &watched.current()), "and said once");
        fs::remove_file(&path).expect("removed");
        assert_eq!(*watched.current().value, 2);
        put("4");
        assert_eq!(*watched.current().value, 4);
        let before = watched.current();
        watched.reread();
        let after = watched.current();
        assert!(!Arc::ptr_eq(&before, &after) && *after.value == 4, "read again, as asked");
    }
}
