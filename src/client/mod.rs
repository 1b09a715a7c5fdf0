//! A registry reached over HTTP: [`Remote`], and its repositories as [`Source`] and [`Target`].
//!
//! Knows how to ask a registry, never where it was told to from: options, environment and files are data that the
//! command line hands in.

mod error;

pub(crate) mod credentials;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use http::{HeaderMap, Method, StatusCode};

pub(crate) use self::credentials::Keychain;
pub(crate) use self::error::{Error, Result};
use crate::content::body::Body;
use crate::content::{self, Ask, Offer, PutAs, Source, Stored, Target, Ticket};
use crate::spec::{ByteRange, Descriptor, Digest, Host, Locator, Manifest, Repository, Tag};
use crate::sys::Clock;

/// How a registry is talked to.
#[derive(Clone)]
pub(crate) struct RemoteOptions {
    /// Speak http, whatever the host. Without, http is spoken to the machine itself only.
    pub(crate) plain_http: bool,
    /// Take any certificate.
    pub(crate) insecure: bool,
    /// PEM files with more roots than the system's.
    pub(crate) ca_files: Vec<PathBuf>,
    pub(crate) keychain: Arc<Keychain>,
    /// Most requests under way at once.
    pub(crate) concurrency: usize,
    /// Attempts of one request, the first included; `None` is five for reads and three for writes.
    pub(crate) attempts: Option<u32>,
    /// Longest wait in seconds that a registry may impose (`Retry-After`) before the command gives up.
    pub(crate) max_wait_secs: u64,
    pub(crate) user_agent: String,
    pub(crate) clock: Clock,
    /// Told what happens, for `-v`, `-vv` and warnings.
    pub(crate) observer: Arc<dyn Fn(&Event) + Send + Sync>,
}

impl Default for RemoteOptions {
    fn default() -> Self {
        Self {
            plain_http: false,
            insecure: false,
            ca_files: Vec::new(),
            keychain: Arc::new(Keychain::default()),
            concurrency: 8,
            attempts: None,
            max_wait_secs: 120,
            user_agent: concat!("reg/", env!("CARGO_PKG_VERSION")).into(),
            clock: Clock::System,
            observer: Arc::new(|_| {}),
        }
    }
}

impl fmt::Debug for RemoteOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteOptions").field("plain_http", &self.plain_http).finish_non_exhaustive()
    }
}

/// What a remote tells its observer. Secrets have been removed from URLs and headers.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Request {
        method: Method,
        url: String,
        headers: HeaderMap,
    },
    Answer {
        method: Method,
        url: String,
        status: StatusCode,
        millis: u64,
        headers: HeaderMap,
    },
    /// The request is sent again in `wait_millis`.
    Retry {
        method: Method,
        url: String,
        reason: String,
        wait_millis: u64,
    },
    /// Something the user should read once: a registry's `Warning` header, a credential source that failed.
    Warning(String),
}

/// One registry.
#[derive(Clone, Debug)]
pub(crate) struct Remote {
    host: Host,
}

impl Remote {
    /// Prepares to talk to `host`; nothing is sent yet.
    ///
    /// # Errors
    /// An unreadable CA file.
    pub(crate) fn open(host: Host, options: RemoteOptions) -> Result<Self> {
        drop(options);
        Ok(Self { host })
    }

    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    pub(crate) fn repository(&self, name: &Repository) -> RemoteRepository {
        RemoteRepository { remote: self.clone(), name: name.clone() }
    }

    /// The registry's repositories, a page at a time. `page_size` is a wish.
    pub(crate) fn catalog(&self, page_size: Option<usize>) -> BoxStream<'static, Result<Vec<Repository>>> {
        let _ = page_size;
        stream::empty().boxed()
    }
}

/// One repository of a remote.
#[derive(Clone, Debug)]
pub(crate) struct RemoteRepository {
    remote: Remote,
    name: Repository,
}

impl RemoteRepository {
    pub(crate) fn remote(&self) -> &Remote {
        &self.remote
    }

    pub(crate) fn name(&self) -> &Repository {
        &self.name
    }

    /// The tags, a page at a time. `page_size` is a wish; without one the registry decides.
    pub(crate) fn tag_pages(&self, page_size: Option<usize>) -> BoxStream<'static, Result<Vec<Tag>>> {
        let _ = page_size;
        stream::empty().boxed()
    }

    /// Media type, digest and size of a manifest: one HEAD where the registry says the digest in it.
    pub(crate) async fn head_manifest(&self, locator: &Locator) -> Result<Descriptor> {
        let _ = locator;
        Err(Error::stub())
    }

    pub(crate) async fn get_manifest(&self, locator: &Locator) -> Result<(Digest, Manifest)> {
        let _ = locator;
        Err(Error::stub())
    }

    /// Stores exactly the bytes of `manifest` under a tag or its digest.
    pub(crate) async fn put_manifest(&self, manifest: &Manifest, digest: &Digest, tag: Option<&Tag>) -> Result<Stored> {
        let _ = (manifest, digest, tag);
        Err(Error::stub())
    }

    /// Removes a manifest; every tag of it goes too.
    pub(crate) async fn delete_manifest(&self, digest: &Digest) -> Result<()> {
        let _ = digest;
        Err(Error::stub())
    }

    /// Removes a tag and nothing else. `Kind::Unsupported` where the registry cannot (registry:2 answers 400).
    pub(crate) async fn delete_tag(&self, tag: &Tag) -> Result<()> {
        let _ = tag;
        Err(Error::stub())
    }

    /// Size in bytes of a blob.
    pub(crate) async fn head_blob(&self, digest: &Digest) -> Result<u64> {
        let _ = digest;
        Err(Error::stub())
    }

    /// The bytes of a blob, or some of them. Whole blobs are verified in the stream.
    pub(crate) async fn get_blob(&self, blob: &Descriptor, range: Option<ByteRange>) -> Result<Body> {
        let _ = (blob, range);
        Err(Error::stub())
    }

    pub(crate) async fn delete_blob(&self, digest: &Digest) -> Result<()> {
        let _ = digest;
        Err(Error::stub())
    }
}

#[async_trait]
impl Source for RemoteRepository {
    async fn resolve(&self, locator: &Locator) -> content::Result<Descriptor> {
        Ok(self.head_manifest(locator).await?)
    }

    async fn manifest(&self, locator: &Locator) -> content::Result<(Digest, Manifest)> {
        Ok(self.get_manifest(locator).await?)
    }

    async fn fetch(&self, blob: &Descriptor) -> content::Result<Body> {
        Ok(self.get_blob(blob, None).await?)
    }

    async fn referrers(&self, subject: &Digest) -> content::Result<Vec<Descriptor>> {
        let _ = subject;
        Err(Error::stub().into())
    }

    async fn tags(&self) -> content::Result<Vec<Tag>> {
        let mut tags = Vec::new();
        let mut pages = self.tag_pages(None);
        while let Some(page) = pages.next().await {
            tags.extend(page?);
        }
        Ok(tags)
    }
}

#[async_trait]
impl Target for RemoteRepository {
    async fn has(&self, blob: &Descriptor) -> content::Result<bool> {
        let _ = blob;
        Err(Error::stub().into())
    }

    async fn offer(&self, blob: &Descriptor, ask: Ask<'_>) -> content::Result<Offer> {
        let _ = (blob, ask);
        Err(Error::stub().into())
    }

    async fn push(&self, blob: &Descriptor, ticket: Ticket, body: Body) -> content::Result<()> {
        let _ = (blob, ticket, body);
        Err(Error::stub().into())
    }

    async fn put(&self, manifest: &Manifest, digest: &Digest, put_as: PutAs<'_>) -> content::Result<Stored> {
        let tag = match put_as {
            PutAs::Tag(tag) => Some(tag),
            PutAs::Child | PutAs::Root => None,
        };
        Ok(self.put_manifest(manifest, digest, tag).await?)
    }
}
