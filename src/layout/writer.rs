//! Archives as a [`Target`]: an image layout in a tar file, for docker with a `manifest.json` beside it, as `docker save`
//! writes both.
//!
//! A tar file is written from its beginning to its end, one blob after the other, beside its real name, which it gets when
//! it is complete: [`ArchiveTarget::finish`].

use std::collections::HashMap;
use std::io::{self, BufWriter, Read, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Buf as _, Bytes};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::sync::{Mutex, mpsc};

use super::docker::LIST_FILE;
use super::error::LayoutError;
use super::files::{INDEX_FILE, Unfinished, VERSION, VERSION_FILE, blocking, sync_dir};
use super::index::Index;
use crate::content::{self, Ask, Body, Offer, PutAs, Source, Stored, Target, Ticket, graph};
use crate::spec::manifest::Content;
use crate::spec::{Descriptor, Digest, Hasher, Locator, Manifest, Tag};

type Result<T, E = LayoutError> = std::result::Result<T, E>;

/// Chunks on their way to the thread that writes.
const CHUNKS: usize = 4;

/// Who is to read the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Oci,
    /// `docker load` too: images get this name in front of their tags.
    Docker {
        name: Option<String>,
    },
}

/// An archive that is being written.
#[derive(Debug)]
pub(crate) struct ArchiveTarget {
    path: PathBuf,
    form: Form,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// Made with the first thing that is written.
    file: Option<Growing>,
    sizes: HashMap<Digest, u64>,
    manifests: HashMap<Digest, Manifest>,
    tags: Vec<(Tag, Digest)>,
    index: Index,
    images: Vec<Value>,
}

/// A tar file without its end.
#[derive(Debug)]
struct Growing {
    unfinished: Unfinished,
    /// Where the next entry begins.
    at: u64,
}

impl ArchiveTarget {
    /// Nothing is written yet. A file of that name is replaced at the end.
    pub(crate) fn new(path: &Path, form: Form) -> Self {
        Self { path: path.into(), form, state: Arc::default() }
    }

    /// Ends the archive and gives it its name. Without anything in it there is none.
    pub(crate) async fn finish(&self) -> Result<()> {
        let (path, form, mut state) = (self.path.clone(), self.form.clone(), self.state.clone().lock_owned().await);
        blocking(move || {
            let State { file: Some(file), index, images, .. } = &mut *state else { return Ok(()) };
            file.add(VERSION_FILE, VERSION.as_bytes())?;
            file.add(INDEX_FILE, &index.to_bytes())?;
            if form != Form::Oci {
                file.add(LIST_FILE, Value::from(std::mem::take(images)).to_string().as_bytes())?;
            }
            state.file.take().map_or(Ok(()), |file| file.end(&path))
        })
        .await
    }

    /// What `docker load` is told of an image.
    fn entry(&self, manifest: &Manifest, tag: Option<&Tag>) -> Result<Value> {
        let unsupported = |reason: &str| LayoutError::Unsupported { path: self.path.clone(), reason: reason.into() };
        let Content::Image { config: Some(config), layers, .. } = manifest.content() else {
            return Err(unsupported("docker load takes the image of one platform; choose one with --platform"));
        };
        let names: Vec<String> = match (&self.form, tag) {
            (Form::Docker { name: Some(name) }, Some(tag)) => vec![format!("{name}:{tag}")],
            _ => Vec::new(),
        };
        let layers: Vec<String> = layers.iter().map(|layer| name(&layer.digest)).collect();
        Ok(json!({ "Config": name(&config.digest), "RepoTags": names, "Layers": layers }))
    }
}

/// The name of a blob in the archive.
fn name(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm().name(), digest.hex())
}

impl State {
    fn file(&mut self, path: &Path) -> Result<&mut Growing> {
        let file = match self.file.take() {
            Some(file) => file,
            None => Growing { unfinished: Unfinished::beside(path)?, at: 0 },
        };
        Ok(self.file.insert(file))
    }

    fn find(&self, locator: &Locator) -> Option<(Digest, &Manifest)> {
        let digest = match locator {
            Locator::Digest(digest) => *digest,
            Locator::Tag(tag) => self.tags.iter().find(|(known, _)| known == tag)?.1,
        };
        Some((digest, self.manifests.get(&digest)?))
    }
}

impl Growing {
    fn add(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        self.add_stream(name, bytes.len() as u64, bytes)
    }

    /// Adds an entry, whole or not at all.
    fn add_stream(&mut self, name: &str, size: u64, bytes: impl Read) -> Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_size(size);
        header.set_mode(0o644);
        header.set_mtime(0);
        let file = &mut self.unfinished.file;
        // What a failed entry has left is written over.
        let write = || {
            file.seek(SeekFrom::Start(self.at))?;
            let mut builder = tar::Builder::new(BufWriter::with_capacity(256 << 10, &mut *file));
            builder.append_data(&mut header, name, bytes)?;
            builder.into_inner()?.flush()?;
            Ok(file.stream_position()?.saturating_sub(END.len() as u64))
        };
        self.at = write().map_err(LayoutError::io(&self.unfinished.path))?;
        Ok(())
    }

    /// Puts the end behind the last entry, where a failed one may have left more.
    fn end(mut self, path: &Path) -> Result<()> {
        let file = &mut self.unfinished.file;
        let mut write = || {
            file.set_len(self.at)?;
            file.seek(SeekFrom::Start(self.at))?;
            file.write_all(&END)
        };
        write().map_err(LayoutError::io(&self.unfinished.path))?;
        self.unfinished.finish(path)?;
        match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => sync_dir(parent),
            _ => Ok(()),
        }
    }
}

/// Two blocks of nothing, which end a tar file; every entry is written with them, and the next one over them.
const END: [u8; 1024] = [0; 1024];

/// What arrives of a blob, for a thread that reads it.
struct Arriving {
    chunks: mpsc::Receiver<Bytes>,
    current: Bytes,
    hasher: Hasher,
}

impl Read for Arriving {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.chunks.blocking_recv() {
                Some(chunk) => self.current = chunk,
                None => return Ok(0),
            }
        }
        let length = buffer.len().min(self.current.len());
        self.current.copy_to_slice(&mut buffer[..length]);
        self.hasher.update(&buffer[..length]);
        Ok(length)
    }
}

#[async_trait]
impl Source for ArchiveTarget {
    async fn resolve(&self, locator: &Locator) -> content::Result<Descriptor> {
        let (digest, manifest) = self.manifest(locator).await?;
        Ok(Descriptor::new(manifest.media_type().clone(), digest, manifest.bytes().len() as u64))
    }

    async fn manifest(&self, locator: &Locator) -> content::Result<(Digest, Manifest)> {
        let state = self.state.lock().await;
        let found = state.find(locator).map(|(digest, manifest)| (digest, manifest.clone()));
        Ok(found.ok_or_else(|| LayoutError::NotFound { dir: self.path.clone(), name: locator.to_string() })?)
    }

    async fn fetch(&self, blob: &Descriptor) -> content::Result<Body> {
        Err(LayoutError::NotFound { dir: self.path.clone(), name: blob.digest.to_string() }.into())
    }

    async fn referrers(&self, _: &Digest) -> content::Result<Vec<Descriptor>> {
        Ok(Vec::new())
    }

    async fn tags(&self) -> content::Result<Vec<Tag>> {
        Ok(self.state.lock().await.tags.iter().map(|(tag, _)| tag.clone()).collect())
    }
}

#[async_trait]
impl Target for ArchiveTarget {
    async fn has(&self, blob: &Descriptor) -> content::Result<bool> {
        Ok(self.state.lock().await.sizes.get(&blob.digest) == Some(&blob.size))
    }

    async fn offer(&self, blob: &Descriptor, _: Ask<'_>) -> content::Result<Offer> {
        Ok(if self.has(blob).await? { Offer::Present } else { Offer::Wanted(Ticket::default()) })
    }

    async fn push(&self, blob: &Descriptor, _: Ticket, body: Body) -> content::Result<()> {
        let (path, digest, size) = (self.path.clone(), blob.digest, blob.size);
        let mut state = self.state.clone().lock_owned().await;
        if state.sizes.contains_key(&digest) {
            return Ok(());
        }
        let (sender, chunks) = mpsc::channel(CHUNKS);
        let writing = blocking(move || {
            let mut arriving = Arriving { chunks, current: Bytes::new(), hasher: Hasher::new(digest.algorithm()) };
            let file = state.file(&path)?;
            let begin = file.at;
            file.add_stream(&name(&digest), size, &mut arriving)?;
            let got = arriving.hasher.finish();
            if got != digest {
                // Cut off, or damaged: the next entry is written over it.
                file.at = begin;
                let reason = format!("the bytes that arrived have the digest {got}");
                return Err(LayoutError::Damaged { path: path.join(name(&digest)), reason });
            }
            state.sizes.insert(digest, size);
            Ok(())
        });
        let sending = async move {
            // It goes with this block, however that ends: the writer waits for it.
            let (sender, mut body) = (sender, body.unhashed());
            while let Some(chunk) = body.next().await {
                if sender.send(chunk?).await.is_err() {
                    // The writer has stopped; it says why.
                    break;
                }
            }
            Ok::<_, content::Error>(())
        };
        let (sent, written) = futures_util::future::join(sending, writing).await;
        sent?;
        Ok(written?)
    }

    async fn put(&self, manifest: &Manifest, digest: &Digest, put_as: PutAs<'_>) -> content::Result<Stored> {
        let tag = match put_as {
            PutAs::Tag(tag) => Some(tag.clone()),
            PutAs::Child | PutAs::Root => None,
        };
        let is_listed = put_as != PutAs::Child && manifest.subject().is_none();
        let image = if is_listed && self.form != Form::Oci { Some(self.entry(manifest, tag.as_ref())?) } else { None };
        let (path, digest, manifest) = (self.path.clone(), *digest, manifest.clone());
        let mut entry = manifest.as_referrer(digest);
        entry.annotations = None;
        if manifest.subject().is_none() {
            entry.artifact_type = None;
        }
        let enters = put_as != PutAs::Child;
        let mut state = self.state.clone().lock_owned().await;
        let children = graph::blobs(&manifest).filter(|blob| !blob.is_foreign()).chain(graph::manifests(&manifest));
        if let Some(child) = children.map(|child| child.digest).find(|child| !state.sizes.contains_key(child)) {
            return Err(LayoutError::ChildMissing { parent: digest, child }.into());
        }
        blocking(move || {
            if !state.sizes.contains_key(&digest) {
                state.file(&path)?.add(&name(&digest), manifest.bytes())?;
                state.sizes.insert(digest, manifest.bytes().len() as u64);
            }
            if enters {
                state.index.enter(entry, tag.as_ref());
            }
            state.images.extend(image);
            state.tags.extend(tag.map(|tag| (tag, digest)));
            state.manifests.insert(digest, manifest);
            Ok(())
        })
        .await?;
        Ok(Stored::Whole)
    }
}
