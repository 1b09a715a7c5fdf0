//! What is in a tar archive, and where: names and positions, from its headers. Nothing is unpacked; a name in an archive
//! is only ever compared.

use std::collections::HashMap;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::error::LayoutError;
use super::section::Section;

type Result<T, E = LayoutError> = std::result::Result<T, E>;

/// Most bytes of headers that are read: 512 for an entry, more for a long name. Images have hundreds of entries.
const HEADER_BYTES_MAX: u64 = 32 << 20;

/// The first bytes of what is compressed, and by what.
const COMPRESSED: &[(&[u8], &str)] =
    &[(&[0x1f, 0x8b], "gzip"), (b"BZh", "bzip2"), (&[0xfd, b'7', b'z', b'X', b'Z'], "xz"), (&ZSTD, "zstd")];
pub(super) const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

#[derive(Debug)]
pub(super) struct Tarball {
    whole: Section,
    entries: HashMap<String, Entry>,
}

#[derive(Debug)]
enum Entry {
    File {
        at: u64,
        size: u64,
    },
    /// Another entry, by its name. Old `docker save` links layers that images share.
    Link(String),
}

impl Tarball {
    /// Opens an archive and reads its headers.
    ///
    /// # Errors
    /// It is no archive, is cut off, or is compressed: what is inside has no position then.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let whole = Section::open(path).map_err(LayoutError::io(path))?;
        if let Some(by) = compression(&whole).map_err(LayoutError::io(path))? {
            return Err(LayoutError::Unsupported {
                path: path.into(),
                reason: format!("it is compressed by {by}; decompress it first"),
            });
        }
        let entries = list(&whole).map_err(|error| match error.kind() {
            // The words of the tar library repeat the bytes that it did not understand.
            io::ErrorKind::Other | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                let reason = error.get_ref().and_then(|inner| inner.downcast_ref::<Fault>());
                let reason =
                    reason.map_or_else(|| "it is no tar archive, or is cut off".into(), |fault| fault.0.clone());
                LayoutError::Damaged { path: path.into(), reason }
            }
            _ => LayoutError::io(path)(error),
        })?;
        Ok(Self { whole, entries })
    }

    /// The bytes of an entry. One link is followed.
    pub(super) fn find(&self, name: &str) -> Option<Section> {
        let entry = match self.entries.get(name)? {
            Entry::Link(target) => self.entries.get(target)?,
            file @ Entry::File { .. } => file,
        };
        match entry {
            Entry::File { at, size } => self.whole.part(*at, *size),
            Entry::Link(_) => None,
        }
    }
}

/// A fault of ours in an archive, on its way through the tar library.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Fault(String);

/// How a file is compressed, if it is.
pub(super) fn compression(file: &Section) -> io::Result<Option<&'static str>> {
    let mut first = [0; 6];
    let length = file.clone().read(&mut first)?;
    let is = |(magic, _): &&(&[u8], &str)| first[..length].starts_with(magic);
    Ok(COMPRESSED.iter().find(is).map(|(_, by)| *by))
}

fn list(whole: &Section) -> io::Result<HashMap<String, Entry>> {
    let mut entries = HashMap::new();
    let mut archive = tar::Archive::new(Headers { whole: whole.clone(), at: 0, left: HEADER_BYTES_MAX });
    for entry in archive.entries_with_seek()? {
        let entry = entry?;
        // Names that are no text are nobody's.
        let Ok(name) = String::from_utf8(entry.path_bytes().into_owned()) else { continue };
        let kind = entry.header().entry_type();
        let target = || entry.link_name_bytes().and_then(|name| String::from_utf8(name.into_owned()).ok());
        let found = if kind.is_file() || kind.is_contiguous() {
            let (at, size) = (entry.raw_file_position(), entry.size());
            if whole.part(at, size).is_none() {
                return Err(io::Error::other(Fault(format!("it ends within {name:?}"))));
            }
            Some(Entry::File { at, size })
        } else if kind.is_symlink() {
            let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
            target().map(|target| Entry::Link(plain(&format!("{folder}/{target}"))))
        } else if kind.is_hard_link() {
            target().map(|target| Entry::Link(plain(&target)))
        } else {
            None
        };
        if let Some(found) = found {
            // The last of a name counts, as it would if the archive were unpacked.
            entries.insert(plain(&name), found);
        }
    }
    Ok(entries)
}

/// A name without `.`, `..` and doubled slashes.
fn plain(name: &str) -> String {
    let mut parts = Vec::new();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// A file of which only so much is read; the rest may be skipped.
struct Headers {
    whole: Section,
    at: u64,
    left: u64,
}

impl Read for Headers {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut rest = self.whole.clone();
        rest.skip(self.at);
        let read = rest.read(buffer)?;
        self.left = self
            .left
            .checked_sub(read as u64)
            .ok_or_else(|| io::Error::other(Fault("it has too many or too long names".into())))?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Headers {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.whole.len().checked_add_signed(by),
        };
        self.at = target.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(build: impl FnOnce(&mut tar::Builder<Vec<u8>>)) -> tempfile::NamedTempFile {
        let mut builder = tar::Builder::new(Vec::new());
        build(&mut builder);
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), builder.into_inner().expect("an archive")).expect("written");
        file
    }

    fn add(builder: &mut tar::Builder<Vec<u8>>, name: &str, bytes: &[u8]) {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, bytes).expect("added");
    }

    fn link(builder: &mut tar::Builder<Vec<u8>>, kind: tar::EntryType, name: &str, target: &str) {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        builder.append_link(&mut header, name, target).expect("added");
    }

    fn read(tarball: &Tarball, name: &str) -> Option<String> {
        let mut text = String::new();
        tarball.find(name)?.read_to_string(&mut text).expect("text");
        Some(text)
    }

    #[test]
    fn entries_and_links_are_found() {
        let long = format!("blobs/sha512/{}", "a".repeat(128));
        let file = write(|builder| {
            add(builder, "./a/layer.tar", b"layer");
            add(builder, &long, &vec![b'x'; 2000]);
            add(builder, "twice", b"first");
            add(builder, "twice", b"last");
            link(builder, tar::EntryType::Symlink, "b/layer.tar", "../a/layer.tar");
            link(builder, tar::EntryType::Link, "c", "a/layer.tar");
            link(builder, tar::EntryType::Symlink, "loop", "loop");
            link(builder, tar::EntryType::Symlink, "out", "../../etc/passwd");
        });
        let tarball = Tarball::open(file.path()).expect("an archive");
        for name in ["a/layer.tar", "b/layer.tar", "c"] {
            assert_eq!(read(&tarball, name).as_deref(), Some("layer"), "{name}");
        }
        assert_eq!(read(&tarball, &long).map(|text| text.len()), Some(2000));
        assert_eq!(read(&tarball, "twice").as_deref(), Some("last"));
        for name in ["loop", "out", "none", "/etc/passwd", "etc/passwd"] {
            assert_eq!(read(&tarball, name), None, "{name}");
        }
    }

    #[test]
    fn what_is_no_archive() {
        let fault = |bytes: &[u8]| {
            let file = tempfile::NamedTempFile::new().expect("a file");
            std::fs::write(file.path(), bytes).expect("written");
            let error = Tarball::open(file.path()).expect_err("no archive").to_string();
            error.replace(&file.path().display().to_string(), "F")
        };
        assert_eq!(fault(&[0x1f, 0x8b, 8, 0]), "F: it is compressed by gzip; decompress it first");
        assert_eq!(fault(&[7; 1024]), "F is damaged: it is no tar archive, or is cut off");
        let file = write(|builder| add(builder, "a", &[1; 5000]));
        let bytes = std::fs::read(file.path()).expect("read");
        assert_eq!(fault(&bytes[..2000]), r#"F is damaged: it ends within "a""#);
    }

    /// A name of a gigabyte is announced in one header.
    #[test]
    fn long_names_do_not_fill_the_memory() {
        let file = write(|_| {});
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::GNULongName);
        header.set_size(1 << 30);
        header.set_cksum();
        std::fs::write(file.path(), header.as_bytes()).expect("written");
        std::fs::File::options().write(true).open(file.path()).expect("open").set_len(2 << 30).expect("sparse");
        let error = Tarball::open(file.path()).expect_err("refused");
        assert!(error.to_string().ends_with("it has too many or too long names"), "{error}");
    }
}
