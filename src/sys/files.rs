//! Files as a whole, of which nobody knows what stands under their names.

use std::fs::{self, File, FileType, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

/// The bytes of a regular file. A pipe, which would keep its reader until somebody writes, is refused, and so is every
/// other thing that is no file.
///
/// # Errors
/// It cannot be read, is no regular file, or has more than `bytes_max`.
pub(crate) fn read(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    // First by its name, as a socket cannot be opened and a device may do something then.
    check(&fs::metadata(path)?)?;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    // And again what was opened: the name may be that of another thing by now.
    check(&file.metadata()?)?;
    let mut bytes = Vec::new();
    file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bytes_max {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("it has more than {bytes_max} bytes")));
    }
    Ok(bytes)
}

/// The same of a file that is text.
///
/// # Errors
/// As before, or it is not UTF-8.
pub(crate) fn read_text(path: &Path, bytes_max: u64) -> io::Result<String> {
    let text = String::from_utf8(read(path, bytes_max)?);
    text.map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
}

fn check(metadata: &Metadata) -> io::Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    let message = format!("it is {}, not a regular file", name(metadata.file_type()));
    Err(io::Error::new(io::ErrorKind::InvalidInput, message))
}

fn name(kind: FileType) -> &'static str {
    if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use rustix::fs::{CWD, mkfifoat};

    use super::*;

    #[test]
    fn a_file_is_read_as_a_whole_or_not_at_all() {
        let directory = tempfile::tempdir().expect("made");
        let path = directory.path().join("file");
        fs::write(&path, "abc").expect("written");
        assert_eq!(read(&path, 3).expect("as long as it may be"), b"abc");
        assert_eq!(read_text(&path, 4).expect("text"), "abc");
        assert_eq!(read(&path, 2).expect_err("longer").to_string(), "it has more than 2 bytes");
        fs::write(&path, [0xff]).expect("written");
        assert_eq!(read_text(&path, 4).expect_err("no text").to_string(), "it is not UTF-8");
        fs::remove_file(&path).expect("removed");
        assert_eq!(read(&path, 4).expect_err("missing").kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn what_is_no_file_is_refused_at_once() {
        let directory = tempfile::tempdir().expect("made");
        let [pipe, socket] = ["pipe", "socket"].map(|name| directory.path().join(name));
        mkfifoat(CWD, &pipe, Mode::RWXU).expect("made");
        let _socket = UnixListener::bind(&socket).expect("bound");
        for (path, kind) in [
            (directory.path(), "a directory"),
            (&pipe, "a pipe"),
            (&socket, "a socket"),
            (Path::new("/dev/null"), "a device"),
        ] {
            let error = read(path, 10).expect_err(kind).to_string();
            assert_eq!(error, format!("it is {kind}, not a regular file"));
        }
    }
}
