//! An `htpasswd` file while somebody changes it: locked against others who do, replaced as a whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::htpasswd::Entries;
use super::passwords::{OpenError, load};
use crate::sys;

/// Rights of a file that is new: of its owner alone.
const MODE: u32 = 0o600;

/// A file that nobody else changes through this type while the value lives.
#[derive(Debug)]
pub(crate) struct UserFile {
    path: PathBuf,
    pub(crate) entries: Entries,
    /// On the directory: the file in it is replaced.
    _lock: File,
}

impl UserFile {
    /// Opens a file; one that is missing is empty.
    ///
    /// # Errors
    /// It cannot be read, or is of another format.
    pub(crate) fn open(path: &Path) -> Result<Self, OpenError> {
        // Through a symbolic link, which is to stay one.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let failed = |source| OpenError::Io { path: path.clone(), source };
        let lock = File::open(directory(&path)).map_err(failed)?;
        flock(&lock, FlockOperation::LockExclusive).map_err(|error| failed(error.into()))?;
        let entries = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Entries::default(),
            _ => load(&path)?,
        };
        Ok(Self { path, entries, _lock: lock })
    }

    /// Puts the entries in the place of the file. A server that runs on it finds the old one or the new one.
    ///
    /// # Errors
    /// The directory takes no file.
    pub(crate) fn save(&self) -> Result<(), OpenError> {
        let failed = |source| OpenError::Io { path: self.path.clone(), source };
        let temporary = directory(&self.path).join(format!(".htpasswd.{}.tmp", sys::upload_id()));
        let replaced = self.write(&temporary).and_then(|()| fs::rename(&temporary, &self.path));
        if replaced.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        replaced.and_then(|()| File::open(directory(&self.path))?.sync_all()).map_err(failed)
    }

    fn write(&self, temporary: &Path) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(temporary)?;
        file.write_all(self.entries.text().as_bytes())?;
        if let Ok(old) = fs::metadata(&self.path) {
            // Whoever could read it must go on to.
            file.set_permissions(fs::Permissions::from_mode(old.permissions().mode() & 0o777))?;
            let owner = (std::os::unix::fs::MetadataExt::uid(&old), std::os::unix::fs::MetadataExt::gid(&old));
            // Only root can give a file away; anybody else is its owner already, or gets one of their own.
            let _ = std::os::unix::fs::fchown(&file, Some(owner.0), Some(owner.1));
        }
        file.sync_all()
    }
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
