//! Giving what is written its name: in an order, and durably.
//!
//! Bytes come first, whatever the file system: a name whose bytes a power failure took would be a torn value. The names
//! follow step after step. Where the journal keeps the order of renames ([`Disk::keeps_order`]) one wait at the end makes
//! all of them durable; elsewhere each step is waited for.
//!
//! [`Disk::keeps_order`]: super::disk::Disk::keeps_order

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::Inner;
use super::write::Temporary;
use crate::store::WriteMode;

/// Something that is written and has no name yet, or not its last one.
pub(super) enum Unplaced<'a> {
    Value { temporary: Temporary, target: PathBuf, mode: WriteMode },
    Upload { path: &'a Path, file: &'a File, target: PathBuf },
}

impl Unplaced<'_> {
    fn file(&self) -> &File {
        match self {
            Self::Value { temporary, .. } => temporary.file(),
            Self::Upload { file, .. } => file,
        }
    }

    fn target(&self) -> &Path {
        match self {
            Self::Value { target, .. } | Self::Upload { target, .. } => target,
        }
    }

    /// The directories whose entries change.
    fn directories(&self) -> impl Iterator<Item = PathBuf> {
        let left = match self {
            Self::Value { .. } => None,
            Self::Upload { path, .. } => path.parent(),
        };
        self.target().parent().into_iter().chain(left).map(Path::to_owned)
    }
}

impl Inner {
    /// Gives names, step after step. Returns when all of it is durable.
    pub(super) fn place(&self, steps: Vec<Vec<Unplaced<'_>>>) -> io::Result<()> {
        let all = || steps.iter().flatten();
        let files: Vec<&File> = all().map(Unplaced::file).collect();
        for unplaced in all() {
            self.note(|| match unplaced {
                Unplaced::Value { .. } => "sync a new file".to_owned(),
                Unplaced::Upload { .. } => "sync an upload".to_owned(),
            });
        }
        if self.disk.keeps_order(&files) {
            self.sync(&files, &BTreeSet::new())?;
            let directories = all().flat_map(Unplaced::directories).collect();
            let last = all().last().and_then(|unplaced| unplaced.target().parent()).map(Path::to_owned);
            steps.into_iter().flatten().try_for_each(|unplaced| self.name_it(unplaced))?;
            return self.sync_with_debts(&[], directories, last.as_deref());
        }
        // Directories that are new get their places beside the bytes. They can vanish until the renames, and come again
        // with debts of their own.
        let debts = self.unsynced.debts(&all().flat_map(Unplaced::directories).collect(), &self.root);
        self.sync(&files, &debts.parents())?;
        self.unsynced.settle(&debts);
        steps.into_iter().try_for_each(|step| {
            let directories = step.iter().flat_map(Unplaced::directories).collect();
            step.into_iter().try_for_each(|unplaced| self.name_it(unplaced))?;
            self.sync_with_debts(&[], directories, None)
        })
    }

    fn name_it(&self, unplaced: Unplaced<'_>) -> io::Result<()> {
        self.note(|| format!("place {}", self.name(unplaced.target())));
        match unplaced {
            Unplaced::Value { temporary, target, mode } => temporary.place(&target, mode),
            Unplaced::Upload { path, target, .. } => self.with_parents(&target, || fs::rename(path, &target)),
        }
    }

    /// Waits for files, for the entries of directories, and for the places of those among the directories that are new.
    /// `last` is the directory that changed last.
    pub(super) fn sync_with_debts(
        &self,
        files: &[&File],
        mut directories: BTreeSet<PathBuf>,
        last: Option<&Path>,
    ) -> io::Result<()> {
        let debts = self.unsynced.debts(&directories, &self.root);
        directories.extend(debts.parents());
        self.note_directories(&directories);
        self.disk.sync(files, &directories, last)?;
        self.unsynced.settle(&debts);
        Ok(())
    }

    pub(super) fn sync(&self, files: &[&File], directories: &BTreeSet<PathBuf>) -> io::Result<()> {
        self.note_directories(directories);
        self.disk.sync(files, directories, None)
    }

    fn note_directories(&self, directories: &BTreeSet<PathBuf>) {
        for directory in directories {
            self.note(|| format!("sync {}/", self.name(directory)));
        }
    }

    /// A path as it is below the root.
    pub(super) fn name<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        path.strip_prefix(&self.root).unwrap_or(path).display()
    }
}
