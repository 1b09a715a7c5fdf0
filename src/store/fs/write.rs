//! Writing a small value whole, and deleting.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::{CWD, RenameFlags, Timespec, Timestamps, UTIME_OMIT};

use super::{Inner, write_error};
use crate::store::{Error, Key, Result, WriteMode};
use crate::sys;

/// `.` + UUID + `.tmp`
const SUFFIX_BYTES: usize = 41;
const NAME_BYTES_MAX: usize = 255;

/// A file beside the place where it is to stand; removed unless it got there.
pub(super) struct Temporary {
    path: PathBuf,
    file: File,
    placed: bool,
}

impl Temporary {
    /// Creates an empty file beside `target`.
    pub(super) fn create(target: &Path) -> io::Result<Self> {
        let name = target.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        // Cut where the whole would be too long, inside of no character.
        let stem = &name[..name.floor_char_boundary(NAME_BYTES_MAX - SUFFIX_BYTES)];
        let path = target.with_file_name(format!("{stem}.{}.tmp", sys::upload_id()));
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        Ok(Self { path, file, placed: false })
    }

    /// Whether a file of this name is one of these.
    pub(super) fn is_name(name: &str) -> bool {
        let Some(stem) = name.strip_suffix(".tmp") else { return false };
        stem.rsplit_once('.').is_some_and(|(_, id)| id.parse::<crate::spec::UploadId>().is_ok())
    }

    fn fill(&mut self, bytes: &[u8], now: Timestamp) -> io::Result<()> {
        self.file.write_all(bytes)?;
        // With the precision that the kernel's own times lack: versions of values rest on it.
        let last_modification = Timespec { tv_sec: now.as_second(), tv_nsec: now.subsec_nanosecond().into() };
        let last_access = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
        Ok(rustix::fs::futimens(&self.file, &Timestamps { last_access, last_modification })?)
    }

    fn place(mut self, target: &Path, mode: WriteMode) -> io::Result<()> {
        match mode {
            WriteMode::Replace => fs::rename(&self.path, target)?,
            WriteMode::Create => {
                match rustix::fs::renameat_with(CWD, &self.path, CWD, target, RenameFlags::NOREPLACE) {
                    Ok(()) => {}
                    // NFS and others cannot. A second name for the file can be had everywhere; dropping removes the first.
                    Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::OPNOTSUPP) => {
                        return fs::hard_link(&self.path, target);
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        }
        self.placed = true;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.placed {
            // What cannot be removed now is removed by a listing that comes across it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Inner {
    pub(super) fn write(&self, key: &Key, bytes: &[u8], mode: WriteMode) -> Result<()> {
        let target = self.path(key.as_str())?;
        let exists = || Error::Exists { key: key.to_string() };
        if mode == WriteMode::Create && fs::symlink_metadata(&target).is_ok() {
            return Err(exists());
        }
        self.write_file(&target, bytes, mode).map_err(|source| match source.kind() {
            ErrorKind::AlreadyExists => exists(),
            _ => write_error(key.as_str(), source),
        })
    }

    fn write_file(&self, target: &Path, bytes: &[u8], mode: WriteMode) -> io::Result<()> {
        let parent = target.parent().unwrap_or(&self.root);
        let mut temporary = self.with_parents(target, || Temporary::create(target))?;
        temporary.fill(bytes, self.clock.now())?;
        let debts = self.unsynced.debts(parent, &self.root);
        self.note(|| "sync a new file".to_owned());
        temporary.file.sync_data()?;
        self.sync_directories(&debts.parents())?;
        self.unsynced.settle(&debts);
        temporary.place(target, mode)?;
        self.note(|| format!("place {}", target.strip_prefix(&self.root).unwrap_or(target).display()));
        self.sync_directories(&BTreeSet::from([parent.to_owned()]))
    }

    pub(super) fn delete(&self, keys: &[Key]) -> Result<()> {
        let mut parents = BTreeSet::new();
        for key in keys {
            let target = self.path(key.as_str())?;
            parents.insert(unlink(&target).map_err(|source| write_error(key.as_str(), source))?);
        }
        let key = keys.first().map_or("", Key::as_str);
        self.remove_and_sync(&parents).map_err(|source| write_error(key, source))
    }

    /// Removes a file, and the directories that are empty without it.
    pub(super) fn remove(&self, target: &Path) -> io::Result<()> {
        self.remove_and_sync(&BTreeSet::from([unlink(target)?]))
    }

    /// Removes directories that are empty, and makes durable that these and their former entries are gone. Syncs also
    /// where nothing was there to remove: who removed it may not have synced yet.
    fn remove_and_sync(&self, directories: &BTreeSet<PathBuf>) -> io::Result<()> {
        let lowest_left = |directories: &BTreeSet<PathBuf>| -> io::Result<BTreeSet<_>> {
            directories.iter().map(|directory| self.remove_empty(directory)).collect()
        };
        // What stays in the first round for one may go with the next.
        self.sync_directories(&lowest_left(&lowest_left(directories)?)?)
    }
}

/// Removes a file. Answers the directory to look at next.
fn unlink(target: &Path) -> io::Result<PathBuf> {
    let parent = target.parent().unwrap_or(target).to_owned();
    match fs::remove_file(target) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(parent),
        // A directory is no value; systems other than Linux say EPERM.
        Err(_) if target.is_dir() => Ok(parent),
        removed => removed.map(|()| parent),
    }
}
