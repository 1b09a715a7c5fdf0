//! Whether a directory could be the root of a store, found out without making anything.

use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::Access;
use rustix::io::Errno;

use super::{fs, write_error};
use crate::store::Result;

/// What [`Fs::open`](super::Fs::open) would find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Prospect {
    /// A directory that takes files.
    There,
    /// Nothing; it would be made below this directory, which takes files.
    New { below: PathBuf },
}

/// Looks at `root` and the directories above it.
///
/// # Errors
/// What opening the store or writing to it would give, as far as permissions tell.
pub(crate) fn prospect(root: &Path) -> Result<Prospect> {
    let failed = |at: &Path, source: io::Error| write_error(&at.display().to_string(), source);
    let root = std::path::absolute(root).map_err(|source| failed(root, source))?;
    for at in root.ancestors() {
        match fs::metadata(at) {
            Ok(metadata) if metadata.is_dir() => {
                takes_files(at).map_err(|errno| failed(at, errno.into()))?;
                let is_root = at == root;
                return Ok(if is_root { Prospect::There } else { Prospect::New { below: at.to_owned() } });
            }
            Ok(_) => return Err(failed(at, Errno::NOTDIR.into())),
            // A symbolic link to nothing is in the way of a directory.
            Err(error) if error.kind() == io::ErrorKind::NotFound && fs::symlink_metadata(at).is_ok() => {
                return Err(failed(at, error));
            }
            // Behind a file there is nothing; the file itself comes later on the way up.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
            Err(error) => return Err(failed(at, error)),
        }
    }
    Err(failed(&root, io::ErrorKind::NotFound.into()))
}

fn takes_files(directory: &Path) -> rustix::io::Result<()> {
    rustix::fs::access(directory, Access::WRITE_OK | Access::EXEC_OK)?;
    // The kernel's own tree lets root write, and makes nothing.
    if rustix::fs::statfs(directory)?.f_type == rustix::fs::PROC_SUPER_MAGIC {
        return Err(Errno::ROFS);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_that_could_be_and_could_not() {
        let world = tempfile::tempdir().expect("a directory");
        let root = world.path();
        assert_eq!(prospect(root).expect("there"), Prospect::There);
        assert_eq!(prospect(&root.join("a/b")).expect("new"), Prospect::New { below: root.to_owned() });
        fs::write(root.join("file"), "").expect("written");
        std::os::unix::fs::symlink(root.join("gone"), root.join("link")).expect("linked");
        for name in ["file", "file/a/b", "link", "link/a"] {
            let error = prospect(&root.join(name)).expect_err(name).to_string();
            assert!(error.ends_with(name.split('/').next().expect("a name")), "{name}: {error}");
        }
        assert!(prospect(Path::new("/proc/reg/data")).is_err());
        assert!(!root.join("a").exists());
    }
}
