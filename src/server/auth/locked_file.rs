//! A file while somebody changes it: locked against others who do, replaced as a whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::sys;

/// Rights of a file that is new: of its owner alone.
const MODE: u32 = 0o600;

/// A file that nobody else changes through this type while the value lives.
#[derive(Debug)]
pub(super) struct LockedFile {
    /// Behind a symbolic link, which is to stay one.
    pub(super) path: PathBuf,
    /// On the directory: the file in it is replaced.
    _lock: File,
}

impl LockedFile {
    /// # Errors
    /// There is no directory for it.
    pub(super) fn lock(path: &Path) -> io::Result<Self> {
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let lock = File::open(directory(&path))?;
        flock(&lock, FlockOperation::LockExclusive)?;
        Ok(Self { path, _lock: lock })
    }

    pub(super) fn exists(&self) -> bool {
        !matches!(fs::symlink_metadata(&self.path), Err(error) if error.kind() == io::ErrorKind::NotFound)
    }

    /// Puts a text in the place of the file. Whoever reads it finds the old one or the new one.
    ///
    /// # Errors
    /// The directory takes no file.
    pub(super) fn replace(&self, text: &str) -> io::Result<()> {
        let temporary = directory(&self.path).join(format!(".reg.{}.tmp", sys::upload_id()));
        let replaced = self.write(&temporary, text).and_then(|()| fs::rename(&temporary, &self.path));
        if replaced.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        replaced.and_then(|()| File::open(directory(&self.path))?.sync_all())
    }

    fn write(&self, temporary: &Path, text: &str) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(temporary)?;
        file.write_all(text.as_bytes())?;
        if let Ok(old) = fs::metadata(&self.path) {
            // Whoever could read it must go on to.
            file.set_permissions(fs::Permissions::from_mode(old.permissions().mode() & 0o777))?;
            // Only root can give a file away; anybody else is its owner already, or gets one of their own.
            let _ = fchown(&file, Some(old.uid()), Some(old.gid()));
        }
        file.sync_all()
    }
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
