//! An `htpasswd` file while somebody changes it.

use std::path::Path;

use super::htpasswd::Entries;
use super::locked_file::LockedFile;
use super::passwords::{OpenError, load};

/// A file that nobody else changes through this type while the value lives.
#[derive(Debug)]
pub(crate) struct UserFile {
    file: LockedFile,
    pub(crate) entries: Entries,
}

impl UserFile {
    /// Opens a file; one that is missing is empty.
    ///
    /// # Errors
    /// It cannot be read, or is of another format.
    pub(crate) fn open(path: &Path) -> Result<Self, OpenError> {
        let file = LockedFile::lock(path).map_err(|source| OpenError::Io { path: path.to_owned(), source })?;
        let entries = if file.exists() { load(&file.path)? } else { Entries::default() };
        Ok(Self { file, entries })
    }

    /// Puts the entries in the place of the file. A server that runs on it finds the old one or the new one.
    ///
    /// # Errors
    /// The directory takes no file.
    pub(crate) fn save(&self) -> Result<(), OpenError> {
        let replaced = self.file.replace(&self.entries.text());
        replaced.map_err(|source| OpenError::Io { path: self.file.path.clone(), source })
    }
}
