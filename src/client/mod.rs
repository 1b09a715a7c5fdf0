//! A registry reached over HTTP: [`Remote`], and its repositories as [`Source`] and [`Target`].
//!
//! Knows how to ask a registry, never where it was told to from: options, environment and files are data that the
//! command line hands in.

mod auth;
mod blobs;
pub(crate) mod credentials;
mod error;
mod lists;
mod manifests;
pub(crate) mod ping;
pub(crate) mod rate_limit;
mod referrers;
mod tls;
mod transport;
mod trust;
mod uploads;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use async_trait::async_trait;
use futures_util::StreamExt as _;
use http::{HeaderMap, Method, StatusCode};

pub(crate) use self::credentials::Keychain;
pub(crate) use self::error::{Error, Result};
pub(crate) use self::tls::TlsFiles;
use self::transport::Transport;
use crate::content::body::Body;
use crate::content::{self, Ask, Offer, PutAs, Source, Stored, Target, Ticket};
use crate::spec::{Descriptor, Digest, Host, Locator, Manifest, Repository, Scopes, Tag};
use crate::sys::Clock;

/// How a registry is talked to.
#[derive(Clone)]
pub(crate) struct RemoteOptions {
    /// Speak http, whatever the host. Without, http is spoken to the machine itself only.
    pub(crate) plain_http: bool,
    pub(crate) tls: TlsFiles,
    pub(crate) keychain: Arc<Keychain>,
    /// Most requests under way at once.
    pub(crate) concurrency: usize,
    /// Attempts of one request, the first included; `None` is five for reads and three for writes.
    pub(crate) attempts: Option<u32>,
    /// Longest wait in seconds that a registry may impose (`Retry-After`) before the command gives up.
    pub(crate) max_wait_secs: u64,
    /// What may have gone wrong with the name of a host that cannot be reached, for the user: where it was named.
    pub(crate) host_hint: Option<String>,
    pub(crate) user_agent: String,
    pub(crate) clock: Clock,
    /// Told what happens, for `-v`, `-vv` and warnings.
    pub(crate) observer: Arc<dyn Fn(&Event) + Send + Sync>,
}

impl Default for RemoteOptions {
    fn default() -> Self {
        Self {
            plain_http: false,
            tls: TlsFiles::default(),
            keychain: Arc::new(Keychain::default()),
            concurrency: 8,
            attempts: None,
            max_wait_secs: 120,
            host_hint: None,
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
    /// Something takes its time: a credential helper that may be asking its user.
    Waiting(String),
    /// Something the user should read once: a registry's `Warning` header, a credential source that failed.
    Warning(String),
}

/// One registry. Clones share everything: connections, tokens, limits, and what has been learnt.
#[derive(Clone, Debug)]
pub(crate) struct Remote {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    transport: Transport,
    /// Takes a whole blob in the POST that would start an upload.
    takes_single_post: Learnt,
    /// Has the referrers API; without it a tag lists them.
    has_referrers: Learnt,
    /// Deletes manifests.
    deletes: Learnt,
    /// Removes a tag and leaves its manifest.
    untags: Learnt,
    /// Answers 201 to a mount of a blob from the repository that has it already.
    mounts_from_itself: Learnt,
    /// Held by whoever finds that out.
    mount_check: tokio::sync::Mutex<()>,
    /// Refuses the page size we wish for.
    refuses_page_size: AtomicBool,
    /// Largest body it takes, in bytes, once one has been too large.
    chunk_bytes: AtomicU64,
}

/// What a registry has shown of itself in this process.
#[derive(Debug, Default)]
struct Learnt(AtomicU8);

impl Learnt {
    fn get(&self) -> Option<bool> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            value => Some(value == 1),
        }
    }

    fn set(&self, value: bool) {
        self.0.store(if value { 1 } else { 2 }, Ordering::Relaxed);
    }
}

impl Remote {
    /// Prepares to talk to `host`; nothing is sent yet.
    ///
    /// # Errors
    /// An unreadable CA file.
    pub(crate) fn open(host: Host, options: RemoteOptions) -> Result<Self> {
        let shared = Shared {
            transport: Transport::new(host, options)?,
            takes_single_post: Learnt::default(),
            has_referrers: Learnt::default(),
            deletes: Learnt::default(),
            untags: Learnt::default(),
            mounts_from_itself: Learnt::default(),
            mount_check: tokio::sync::Mutex::default(),
            refuses_page_size: AtomicBool::new(false),
            chunk_bytes: AtomicU64::new(0),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    pub(crate) fn host(&self) -> &Host {
        self.shared.transport.host()
    }

    pub(crate) fn repository(&self, name: &Repository) -> RemoteRepository {
        RemoteRepository { remote: self.clone(), name: name.clone() }
    }

    fn transport(&self) -> &Transport {
        &self.shared.transport
    }
}

/// One repository of a remote.
#[derive(Clone, Debug)]
pub(crate) struct RemoteRepository {
    remote: Remote,
    name: Repository,
}

impl RemoteRepository {
    pub(crate) fn name(&self) -> &Repository {
        &self.name
    }

    fn shared(&self) -> &Shared {
        &self.remote.shared
    }

    fn transport(&self) -> &Transport {
        self.remote.transport()
    }

    fn to_read(&self) -> Scopes {
        Scopes::repository(&self.name, &["pull"])
    }

    fn to_write(&self) -> Scopes {
        Scopes::repository(&self.name, &["pull", "push"])
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
        Ok(self.get_blob(blob).await?)
    }

    async fn referrers(&self, subject: &Digest) -> content::Result<Vec<Descriptor>> {
        Ok(self.list_referrers(subject).await?)
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
        Ok(self.has_blob(&blob.digest).await?)
    }

    async fn offer(&self, blob: &Descriptor, ask: Ask<'_>) -> content::Result<Offer> {
        Ok(self.offer_blob(blob, ask).await?)
    }

    async fn push(&self, blob: &Descriptor, ticket: Ticket, body: Body) -> content::Result<()> {
        Ok(self.upload_blob(blob, ticket, body).await?)
    }

    async fn put(&self, manifest: &Manifest, digest: &Digest, put_as: PutAs<'_>) -> content::Result<Stored> {
        let tag = match put_as {
            PutAs::Tag(tag) => Some(tag),
            PutAs::Child | PutAs::Root => None,
        };
        Ok(self.put_manifest(manifest, digest, tag).await?)
    }
}
