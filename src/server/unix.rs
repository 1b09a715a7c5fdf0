//! A socket of the file system to listen on: what a dead server left is replaced, a live one is not disturbed, and nothing
//! is left at the end.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use tokio::net::UnixListener;

/// The file of a socket that is listened on. It goes with the value.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// Device and inode: a file that somebody else has put there since stays.
    id: (u64, u64),
}

/// Listens on `path`. Who may connect is what the umask of the process leaves of write permission.
pub(super) fn bind(path: &Path) -> io::Result<(UnixListener, SocketFile)> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Of two servers that start at one time, the second must not take the socket of the first for a dead one's.
    let folder = File::open(folder)?;
    flock(&folder, FlockOperation::LockExclusive)?;
    remove_dead(path)?;
    let listener = UnixListener::bind(path)?;
    let id = id(path)?;
    Ok((listener, SocketFile { path: path.to_owned(), id }))
}

/// Removes a socket that nobody listens on.
fn remove_dead(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(io::Error::other("there is a file that is no socket"));
        }
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        // Somebody is there, or it cannot be told.
        Ok(_) => Err(io::ErrorKind::AddrInUse.into()),
        Err(error) => Err(error),
    }
}

fn id(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if id(&self.path).is_ok_and(|id| id == self.id) {
            // Nobody is left to tell; the next start replaces it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_dead_socket_is_replaced_and_a_live_one_is_not() {
        let directory = tempfile::tempdir().expect("made");
        let path = directory.path().join("s");
        drop(std::os::unix::net::UnixListener::bind(&path).expect("bound"));
        assert!(path.exists(), "nobody removes it");
        let (_listener, file) = bind(&path).expect("bound");
        assert_eq!(bind(&path).expect_err("in use").kind(), io::ErrorKind::AddrInUse);
        drop(file);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn what_is_somebody_elses_stays() {
        let directory = tempfile::tempdir().expect("made");
        let path = directory.path().join("s");
        fs::write(&path, "x").expect("written");
        assert!(bind(&path).is_err());
        assert_eq!(fs::read(&path).expect("there"), b"x");
        fs::remove_file(&path).expect("removed");
        let (_listener, file) = bind(&path).expect("bound");
        // Both exist at a time: an inode that is free could be given out again.
        fs::write(directory.path().join("new"), "y").expect("written");
        fs::rename(directory.path().join("new"), &path).expect("renamed");
        drop(file);
        assert_eq!(fs::read(&path).expect("there"), b"y");
    }
}
