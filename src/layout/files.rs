//! The files of a layout, in a directory or an archive: reading within limits, writing so that a name never stands for half a content.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use rustix::fs::{FlockOperation, flock};
use tokio::sync::{OnceCell, mpsc};

use super::error::LayoutError;
use super::index::Index;
use super::section::Section;
use super::tarball::Tarball;
use crate::content::{self, Body};
use crate::spec::{Algorithm, Descriptor, Digest, Hasher};
use crate::sys;

type Result<T, E = LayoutError> = std::result::Result<T, E>;

pub(super) const INDEX_FILE: &str = "index.json";
pub(super) const VERSION_FILE: &str = "oci-layout";
pub(super) const VERSION: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;

/// Bytes read from a file at once, and chunks on their way between two threads.
const CHUNK_BYTES: usize = 256 << 10;
const CHUNKS: usize = 4;

#[derive(Debug)]
pub(super) struct Files {
    dir: PathBuf,
    /// The archive that all is in, instead of a directory; `dir` is its path then.
    archive: Option<Arc<Tarball>>,
    made: OnceCell<()>,
}

/// Does file work on a thread where waiting harms nobody.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        // Only a panic of `work` or the end of the program; neither leaves anybody to tell.
        Err(error) => Err(LayoutError::io("")(io::Error::other(error))),
    }
}

impl Files {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir, archive: None, made: OnceCell::new() }
    }

    /// The files in an archive, which can only be read.
    pub(super) async fn of_archive(path: PathBuf) -> Result<Self> {
        let opened = path.clone();
        let archive = blocking(move || Tarball::open(&opened)).await?;
        Ok(Self { archive: Some(Arc::new(archive)), ..Self::new(path) })
    }

    /// How a path below this place is opened; `None` where nothing is there.
    fn opener(&self) -> impl FnOnce(&Path) -> Result<Option<Section>> + Send + use<> {
        let (archive, dir) = (self.archive.clone(), self.dir.clone());
        move |path| match archive {
            Some(archive) => {
                Ok(path.strip_prefix(&dir).ok().and_then(Path::to_str).and_then(|name| archive.find(name)))
            }
            None => match Section::open(path) {
                Ok(file) => Ok(Some(file)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(LayoutError::io(path)(error)),
            },
        }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// A digest is an algorithm we know and hex: it cannot lead out of the directory.
    pub(super) fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.dir.join("blobs").join(digest.algorithm().name()).join(digest.hex())
    }

    /// Whether `oci-layout` is there.
    ///
    /// # Errors
    /// It is of another version, or damaged.
    pub(super) async fn check_version(&self) -> Result<bool> {
        let path = self.dir.join(VERSION_FILE);
        let Some(bytes) = self.read(&path, 4096).await? else { return Ok(false) };
        let document: serde_json::Value = serde_json::from_slice(&bytes)
            .map_err(|error| LayoutError::Damaged { path: path.clone(), reason: format!("not JSON: {error}") })?;
        match document["imageLayoutVersion"].as_str() {
            Some("1.0.0") => Ok(true),
            Some(found) => Err(LayoutError::Version { dir: self.dir.clone(), found: found.into() }),
            None => Err(LayoutError::Damaged { path, reason: "it has no imageLayoutVersion".into() }),
        }
    }

    /// Whether there is no such directory, or nothing in it but what somebody who makes a layout puts there.
    pub(super) async fn is_vacant(&self) -> Result<bool> {
        let dir = self.dir.clone();
        blocking(move || match fs::read_dir(&dir) {
            Ok(entries) => {
                for entry in entries {
                    let name = entry.map_err(LayoutError::io(&dir))?.file_name();
                    let is_ours = [VERSION_FILE, INDEX_FILE, "blobs"].iter().any(|ours| name == *ours);
                    if !is_ours && !name.to_string_lossy().starts_with('.') {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            Err(error) => Err(LayoutError::io(dir)(error)),
        })
        .await
    }

    /// Makes the layout if it is not there yet.
    pub(super) async fn make(&self) -> Result<()> {
        let dir = self.dir.clone();
        let make = || async {
            blocking(move || {
                fs::create_dir_all(&dir).map_err(LayoutError::io(&dir))?;
                let _lock = lock(&dir)?;
                for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
                    let blobs = dir.join("blobs").join(algorithm.name());
                    fs::create_dir_all(&blobs).map_err(LayoutError::io(blobs))?;
                }
                for (name, text) in [(VERSION_FILE, VERSION.into()), (INDEX_FILE, Index::default().to_bytes())] {
                    let path = dir.join(name);
                    if !path.try_exists().map_err(LayoutError::io(&path))? {
                        replace(&path, &text)?;
                    }
                }
                Ok(())
            })
            .await
        };
        self.made.get_or_try_init(make).await.copied()
    }

    /// A small file whole; `None` where there is none.
    pub(super) async fn read(&self, path: &Path, max: usize) -> Result<Option<Vec<u8>>> {
        let path = path.to_owned();
        let open = self.opener();
        blocking(move || {
            let Some(file) = open(&path)? else { return Ok(None) };
            let mut bytes = Vec::new();
            file.take(max as u64 + 1).read_to_end(&mut bytes).map_err(LayoutError::io(&path))?;
            if bytes.len() > max {
                return Err(LayoutError::Damaged { path, reason: format!("it has more than {max} bytes") });
            }
            Ok(Some(bytes))
        })
        .await
    }

    /// The size of a blob's file.
    pub(super) async fn size(&self, digest: &Digest) -> Result<Option<u64>> {
        let path = self.blob_path(digest);
        blocking(move || match fs::metadata(&path) {
            Ok(metadata) => Ok(metadata.is_file().then_some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(LayoutError::io(path)(error)),
        })
        .await
    }

    /// The bytes of a blob, hashed on their way: a damaged file is found here, where it has a name.
    pub(super) async fn stream(&self, blob: &Descriptor) -> Result<Body> {
        let path = self.blob_path(&blob.digest);
        let (open, wanted) = (self.opener(), path.clone());
        let Some(file) = blocking(move || open(&wanted)).await? else {
            return Err(LayoutError::NotFound { dir: self.dir.clone(), name: blob.digest.to_string() });
        };
        stream(file, path, blob)
    }

    /// Stores a blob, or a manifest, under its digest.
    pub(super) async fn store(&self, blob: &Descriptor, body: Body) -> content::Result<()> {
        let path = self.blob_path(&blob.digest);
        let (sender, receiver) = mpsc::channel(CHUNKS);
        let digest = blob.digest;
        let writer = tokio::task::spawn_blocking(move || write_blob(&path, digest, receiver));
        let mut chunks = body.unhashed();
        let mut failed = None;
        while let Some(chunk) = chunks.next().await {
            match chunk {
                Ok(chunk) => {
                    if sender.send(Some(chunk)).await.is_err() {
                        // The writer has stopped; it says why.
                        break;
                    }
                }
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        if failed.is_none() {
            // The end of the bytes, told from a sender that was dropped half way.
            let _ = sender.send(None).await;
        }
        drop(sender);
        let written = writer.await.unwrap_or_else(|error| Err(LayoutError::io("")(io::Error::other(error))));
        match failed {
            Some(error) => Err(error),
            None => Ok(written?),
        }
    }

    /// Changes `index.json` while nobody else does.
    pub(super) async fn change_index(
        &self,
        path: PathBuf,
        change: impl FnOnce(&mut Index) + Send + 'static,
    ) -> Result<()> {
        let dir = self.dir.clone();
        blocking(move || {
            let _lock = lock(&dir)?;
            let mut bytes = Vec::new();
            Section::open(&path).and_then(|mut file| file.read_to_end(&mut bytes)).map_err(LayoutError::io(&path))?;
            let mut index =
                Index::parse(&bytes).map_err(|reason| LayoutError::Damaged { path: path.clone(), reason })?;
            change(&mut index);
            let changed = index.to_bytes();
            for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
                sync_dir(&dir.join("blobs").join(algorithm.name()))?;
            }
            if changed == bytes { Ok(()) } else { replace(&path, &changed) }
        })
        .await
    }
}

/// Keeps other writers out until the value goes. The lock is on the directory: the files in it are replaced.
fn lock(dir: &Path) -> Result<File> {
    let handle = File::open(dir).map_err(LayoutError::io(dir))?;
    flock(&handle, FlockOperation::LockExclusive).map_err(|error| LayoutError::io(dir)(error.into()))?;
    Ok(handle)
}

/// The bytes of a blob from the file, or the part of a file, that holds it.
pub(super) fn stream(file: Section, path: PathBuf, blob: &Descriptor) -> Result<Body> {
    let (digest, got, size) = (blob.digest, file.len(), blob.size);
    if got != size {
        return Err(LayoutError::Damaged { path, reason: format!("it has {got} bytes instead of {size}") });
    }
    let (sender, receiver) = mpsc::channel(CHUNKS);
    tokio::task::spawn_blocking(move || {
        if let Err(error) = pump(file, &path, digest, &sender) {
            // Whoever does not listen any more does not want to know.
            let _ = sender.blocking_send(Err(error.into()));
        }
    });
    let chunks =
        futures_util::stream::unfold(receiver, |mut receiver| async move { Some((receiver.recv().await?, receiver)) });
    Ok(Body::new(blob, chunks))
}

/// Sends a file's bytes in chunks, the last one only if all are those of `digest`: nobody gets a damaged file whole, and
/// whoever was to check it does not get the blame.
fn pump(mut file: Section, path: &Path, digest: Digest, sender: &mpsc::Sender<content::Result<Bytes>>) -> Result<()> {
    let mut hasher = Hasher::new(digest.algorithm());
    let mut held_back: Option<Bytes> = None;
    loop {
        let mut chunk = BytesMut::zeroed(CHUNK_BYTES);
        let length = file.read(&mut chunk).map_err(LayoutError::io(path))?;
        if length == 0 {
            break;
        }
        chunk.truncate(length);
        hasher.update(&chunk);
        if let Some(before) = held_back.replace(chunk.freeze())
            && sender.blocking_send(Ok(before)).is_err()
        {
            return Ok(());
        }
    }
    let got = hasher.finish();
    if got != digest {
        return Err(LayoutError::Damaged { path: path.into(), reason: format!("its bytes have the digest {got}") });
    }
    if let Some(last) = held_back {
        // Whoever does not listen any more does not want it.
        let _ = sender.blocking_send(Ok(last));
    }
    Ok(())
}

/// A file under another name until it is complete; removed if it never is.
#[derive(Debug)]
pub(super) struct Unfinished {
    pub(super) path: PathBuf,
    pub(super) file: File,
    finished: bool,
}

impl Unfinished {
    pub(super) fn beside(path: &Path) -> Result<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name: String = name.chars().take(64).collect();
        let suffix = data_encoding::HEXLOWER.encode(&sys::random::<8>());
        let path = path.with_file_name(format!(".{name}.{suffix}.tmp"));
        let file = File::create_new(&path).map_err(LayoutError::io(&path))?;
        Ok(Self { path, file, finished: false })
    }

    /// Makes it durable under its real name.
    pub(super) fn finish(mut self, path: &Path) -> Result<()> {
        self.file.sync_all().map_err(LayoutError::io(&self.path))?;
        fs::rename(&self.path, path).map_err(LayoutError::io(path))?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.finished {
            // What cannot be removed has a name that everybody ignores.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn write_blob(path: &Path, digest: Digest, mut chunks: mpsc::Receiver<Option<Bytes>>) -> Result<()> {
    let mut unfinished = Unfinished::beside(path)?;
    let mut hasher = Hasher::new(digest.algorithm());
    loop {
        match chunks.blocking_recv() {
            Some(Some(chunk)) => {
                hasher.update(&chunk);
                unfinished.file.write_all(&chunk).map_err(LayoutError::io(&unfinished.path))?;
            }
            Some(None) => break,
            // The sender failed or was dropped, and knows.
            None => return Ok(()),
        }
    }
    let got = hasher.finish();
    if got != digest {
        let reason = format!("the bytes that arrived have the digest {got}");
        return Err(LayoutError::Damaged { path: path.into(), reason });
    }
    unfinished.finish(path)
}

/// Gives a file new bytes, or leaves it as it is.
fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut unfinished = Unfinished::beside(path)?;
    unfinished.file.write_all(bytes).map_err(LayoutError::io(&unfinished.path))?;
    unfinished.finish(path)?;
    path.parent().map_or(Ok(()), sync_dir)
}

pub(super) fn sync_dir(dir: &Path) -> Result<()> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(LayoutError::io(dir))
}
