//! A file of API tokens: read by a server as it changes, changed by somebody at a time.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::api_token::{ApiTokens, ParseError};
use super::locked_file::LockedFile;
use crate::sys::files;

/// Largest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Why the file cannot be used.
#[derive(Debug, Error)]
pub(crate) enum TokenFileError {
    #[error("cannot read {}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{} is no file of API tokens", path.display())]
    Parse { path: PathBuf, source: ParseError },
}

/// A file that nobody else changes through this type while the value lives.
#[derive(Debug)]
pub(crate) struct TokenFile {
    file: LockedFile,
    pub(crate) tokens: ApiTokens,
}

impl TokenFile {
    /// Opens a file; one that is missing is empty.
    ///
    /// # Errors
    /// It cannot be read, or is of another format.
    pub(crate) fn open(path: &Path) -> Result<Self, TokenFileError> {
        let file = LockedFile::lock(path).map_err(|source| TokenFileError::Io { path: path.to_owned(), source })?;
        let tokens = load(&file.path)?;
        Ok(Self { file, tokens })
    }

    /// Puts the tokens in the place of the file. A server that runs on it finds the old ones or the new ones.
    ///
    /// # Errors
    /// The directory takes no file.
    pub(crate) fn save(&self) -> Result<(), TokenFileError> {
        let replaced = self.file.replace(&self.tokens.text());
        replaced.map_err(|source| TokenFileError::Io { path: self.file.path.clone(), source })
    }
}

/// Reads a file; where there is none there are no tokens.
pub(super) fn load(path: &Path) -> Result<ApiTokens, TokenFileError> {
    let failed = |source| TokenFileError::Io { path: path.to_owned(), source };
    let text = match files::read_text(path, FILE_BYTES_MAX) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(ApiTokens::default()),
        text => text.map_err(failed)?,
    };
    ApiTokens::parse(&text).map_err(|source| TokenFileError::Parse { path: path.to_owned(), source })
}
