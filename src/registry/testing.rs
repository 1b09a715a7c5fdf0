//! What the tests of this layer share: a registry over each kind of store, and short ways to push to it.

use std::any::Any;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;

use super::{Completeness, Options, PutManifest, Registry, Result, Started, UrlRules};
use crate::spec::limits::{CATALOG_PAGE_MAX, TAGS_PAGE_MAX};
use crate::spec::route::UploadStart;
use crate::spec::{Digest, Locator, Page, Repository, Tag, UploadId};
use crate::store::{Driver, Fs, Key, Memory, WriteMode};
use crate::sys::Clock;

/// Makes a test of each case on each store. A case is an `async fn(World)`.
macro_rules! on_every_store {
    ($($case:ident)*) => {
        mod memory {$(
            #[tokio::test]
            async fn $case() { super::$case($crate::registry::testing::World::memory()).await; }
        )*}
        mod files {$(
            #[tokio::test]
            async fn $case() { super::$case($crate::registry::testing::World::files()).await; }
        )*}
    };
}
pub(super) use on_every_store;

pub(super) const OPTIONS: Options = Options {
    delete_enabled: true,
    read_only: false,
    completeness: Completeness::Whole,
    urls: UrlRules { allow: Vec::new(), deny: Vec::new() },
    classes: Vec::new(),
    catalog_page_max: CATALOG_PAGE_MAX,
    tags_page_max: TAGS_PAGE_MAX,
    blob_bytes_max: None,
    quotas: Vec::new(),
};

/// A registry on a fresh store, with a clock that is moved by hand.
pub(super) struct World {
    pub(super) registry: Registry,
    pub(super) driver: Arc<dyn Driver>,
    pub(super) clock: Clock,
    _keep: Box<dyn Any + Send + Sync>,
}

impl World {
    pub(super) fn memory() -> Self {
        let clock = manual();
        Self::over(Arc::new(Memory::new(clock.clone())), clock, Box::new(()))
    }

    pub(super) fn files() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        // Files have the times of the system whatever the clock says.
        let driver = Fs::open(directory.path(), Clock::System).expect("opened");
        Self::over(Arc::new(driver), manual(), Box::new(directory))
    }

    fn over(driver: Arc<dyn Driver>, clock: Clock, keep: Box<dyn Any + Send + Sync>) -> Self {
        let registry = Registry::new(Arc::clone(&driver), clock.clone(), OPTIONS);
        Self { registry, driver, clock, _keep: keep }
    }

    /// Another process on the same store.
    pub(super) fn another(&self, options: Options) -> Registry {
        Registry::new(Arc::clone(&self.driver), self.clock.clone(), options)
    }

    /// Writes a value as another registry would.
    pub(super) async fn plant(&self, key: &Key, value: impl Into<Bytes>) {
        self.driver.write(key, value.into(), WriteMode::Replace).await.expect("written");
    }

    pub(super) async fn text(&self, key: &Key) -> Option<String> {
        match self.driver.read(key, None).await {
            Ok(object) => Some(String::from_utf8_lossy(&object.bytes(key).await.expect("read")).into_owned()),
            Err(error) => {
                assert!(error.is_not_found(), "{error}");
                None
            }
        }
    }

    pub(super) async fn keys(&self) -> Vec<String> {
        let all = self.registry.list_all(&crate::store::Prefix::registry(), crate::store::Depth::All).await;
        all.expect("listed").into_iter().map(|entry| entry.name).collect()
    }

    /// Pushes a blob in one request.
    pub(super) async fn blob(&self, name: &str, bytes: &'static [u8]) -> Digest {
        let digest = Digest::sha256(bytes);
        push_blob(&self.registry, name, bytes, digest).await.expect("pushed");
        digest
    }

    /// Pushes an image with one layer and its tag.
    pub(super) async fn image(&self, name: &str, tag: &str, layer: &'static [u8]) -> Digest {
        self.blob(name, b"{}").await;
        self.blob(name, layer).await;
        put(&self.registry, name, tag, image(&[layer], "")).await.expect("pushed").digest
    }
}

fn manual() -> Clock {
    Clock::manual("2026-01-02T03:04:05Z".parse().expect("a time"))
}

pub(super) fn repository(name: &str) -> Repository {
    name.parse().expect("a repository")
}

pub(super) fn tag(name: &str) -> Tag {
    name.parse().expect("a tag")
}

pub(super) fn locator(text: &str) -> Locator {
    text.parse().expect("a locator")
}

pub(super) fn page(n: Option<usize>, last: Option<&str>) -> Page {
    Page { n, last: last.map(Into::into) }
}

pub(super) fn sha512(bytes: &[u8]) -> Digest {
    crate::spec::Algorithm::Sha512.digest(bytes)
}

/// A body that arrives in these pieces; a piece that is `None` is the end of the connection.
pub(super) fn body<const N: usize>(
    chunks: [Option<&[u8]>; N],
) -> impl stream::Stream<Item = io::Result<Bytes>> + Send + Unpin + use<N> {
    let chunks: Vec<io::Result<Bytes>> = chunks
        .into_iter()
        .map(|chunk| chunk.map(Bytes::copy_from_slice).ok_or_else(|| io::ErrorKind::ConnectionReset.into()))
        .collect();
    stream::iter(chunks)
}

pub(super) async fn push_blob(registry: &Registry, name: &str, bytes: &[u8], digest: Digest) -> Result<Started> {
    let start = UploadStart { digest: Some(digest), ..UploadStart::default() };
    registry.start_upload(&repository(name), &start, std::pin::pin!(body([Some(bytes)]))).await
}

/// Opens a session.
pub(super) async fn begin(registry: &Registry, name: &str) -> UploadId {
    let start = UploadStart::default();
    match registry.start_upload(&repository(name), &start, std::pin::pin!(body([]))).await.expect("started") {
        Started::Session(id) => id,
        done => panic!("{done:?}"),
    }
}

pub(super) async fn put(registry: &Registry, name: &str, at: &str, manifest: String) -> Result<PutManifest> {
    registry.put_manifest(&repository(name), &locator(at), &[], None, manifest.into()).await
}

fn descriptor(media_type: &str, digest: Digest, size: usize) -> String {
    format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{size}}}"#)
}

/// An image with the config `{}`; `more` is put into the document as it is, with its commas in front.
pub(super) fn image(layers: &[&[u8]], more: &str) -> String {
    let config = descriptor("application/vnd.oci.image.config.v1+json", Digest::sha256(b"{}"), 2);
    let layers: Vec<String> = layers
        .iter()
        .map(|layer| descriptor("application/vnd.oci.image.layer.v1.tar", Digest::sha256(layer), layer.len()))
        .collect();
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let layers = layers.join(",");
    format!(r#"{{"schemaVersion":2,"mediaType":"{kind}","config":{config},"layers":[{layers}]{more}}}"#)
}

pub(super) fn index(manifests: &[&str]) -> String {
    let kind = "application/vnd.oci.image.index.v1+json";
    let manifests: Vec<String> = manifests
        .iter()
        .map(|manifest| {
            let kind = "application/vnd.oci.image.manifest.v1+json";
            descriptor(kind, Digest::sha256(manifest.as_bytes()), manifest.len())
        })
        .collect();
    format!(r#"{{"schemaVersion":2,"mediaType":"{kind}","manifests":[{}]}}"#, manifests.join(","))
}

/// The member of a referrer of `subject`, for [`image`].
pub(super) fn subject(manifest: &str) -> String {
    let kind = "application/vnd.oci.image.manifest.v1+json";
    format!(r#","subject":{}"#, descriptor(kind, Digest::sha256(manifest.as_bytes()), manifest.len()))
}
