//! Writing small values whole, and deleting.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::{CWD, RenameFlags, Timespec, Timestamps, UTIME_OMIT};

use super::place::Unplaced;
use super::{Inner, write_error};
use crate::store::{Error, Key, Put, Result, Step, WriteMode};
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

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    pub(super) fn place(mut self, target: &Path, mode: WriteMode) -> io::Result<()> {
        match mode {
            WriteMode::Replace => fs::rename(&self.path, target)?,
            WriteMode::Create | WriteMode::Fresh => {
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
        let written = match mode {
            WriteMode::Fresh => self.write_in_place(&target, bytes),
            WriteMode::Create | WriteMode::Replace => {
                self.prepare(target, bytes, mode).and_then(|unplaced| self.place(vec![vec![unplaced]]))
            }
        };
        written.map_err(|source| match source.kind() {
            ErrorKind::AlreadyExists => exists(),
            _ => write_error(key.as_str(), source),
        })
    }

    /// Writes values step after step; the first key stands for all of them in an error.
    pub(super) fn write_steps(&self, steps: &[Step]) -> Result<()> {
        let unplaced = self.prepare_steps(steps)?;
        let key = steps.iter().flatten().next().map_or("", |put| put.key.as_str());
        self.place(unplaced).map_err(|source| write_error(key, source))
    }

    /// A new file at its place. What a crash or a failure leaves of it is for the caller to live with.
    fn write_in_place(&self, target: &Path, bytes: &[u8]) -> io::Result<()> {
        let create = || OpenOptions::new().write(true).create_new(true).open(target);
        let mut file = self.with_parents(target, create)?;
        let parent = target.parent().unwrap_or(&self.root);
        self.note(|| format!("sync {}", self.name(target)));
        let written = file
            .write_all(bytes)
            .and_then(|()| self.sync_with_debts(&[&file], [parent.to_owned()].into(), Some(parent)));
        if written.is_err() {
            // That this may fail as well is less telling than what went wrong.
            let _ = unlink(target);
        }
        written
    }

    pub(super) fn prepare_steps(&self, steps: &[Step]) -> Result<Vec<Vec<Unplaced<'static>>>> {
        let prepare = |Put { key, bytes }: &Put| {
            let target = self.path(key.as_str())?;
            self.prepare(target, bytes, WriteMode::Replace).map_err(|source| write_error(key.as_str(), source))
        };
        steps.iter().map(|step| step.iter().map(prepare).collect()).collect()
    }

    fn prepare(&self, target: PathBuf, bytes: &[u8], mode: WriteMode) -> io::Result<Unplaced<'static>> {
        let mut temporary = self.with_parents(&target, || Temporary::create(&target))?;
        temporary.fill(bytes, self.clock.now())?;
        Ok(Unplaced::Value { temporary, target, mode })
    }

    pub(super) fn delete(&self, keys: &[Key]) -> Result<()> {
        let left = self.unlink_all(keys)?;
        let key = keys.first().map_or("", Key::as_str);
        self.sync(&[], &left).map_err(|source| write_error(key, source))
    }

    pub(super) fn discard(&self, keys: &[Key]) -> Result<()> {
        self.unlink_all(keys).map(drop)
    }

    /// Removes values and the directories that are empty without them. Answers the lowest directories that stay.
    fn unlink_all(&self, keys: &[Key]) -> Result<BTreeSet<PathBuf>> {
        let mut parents = BTreeSet::new();
        for key in keys {
            let target = self.path(key.as_str())?;
            parents.insert(unlink(&target).map_err(|source| write_error(key.as_str(), source))?);
        }
        let key = keys.first().map_or("", Key::as_str);
        self.remove_empty(parents).map_err(|source| write_error(key, source))
    }

    /// Removes a file, and the directories that are empty without it. Syncs also where nothing was there to remove: who
    /// removed it may not have synced yet.
    pub(super) fn remove(&self, target: &Path) -> io::Result<()> {
        let left = self.remove_empty([unlink(target)?])?;
        self.sync(&[], &left)
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
