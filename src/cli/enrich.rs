//! What a tag stands for beyond its name: size, age, platforms. Asks for no more than what is wanted, and for nothing
//! twice: tags of a repository share manifests and configs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{BoxFuture, FutureExt as _};
use jiff::Timestamp;
use serde::Deserialize;
use tokio::sync::OnceCell;

use super::failure::Failure;
use crate::client::RemoteRepository;
use crate::gc::inventory::is_known_date;
use crate::spec::limits::{INDEX_DEPTH_MAX, MANIFEST_BYTES_MAX};
use crate::spec::manifest::Content;
use crate::spec::{Descriptor, Digest, Locator, Manifest, MediaType, Platform, Tag};

/// What is to be found out about a tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Media type and digest.
    pub(crate) digest: bool,
    /// Distinct compressed blobs.
    pub(crate) size: bool,
    /// The config's date, the newest one of an index.
    pub(crate) created: bool,
    pub(crate) platforms: bool,
}

impl Wanted {
    fn needs_manifest(self) -> bool {
        self.size || self.created || self.platforms
    }
}

/// What was found out; `None` for what is not known, or was not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) digest: Option<Digest>,
    pub(crate) media_type: Option<MediaType>,
    pub(crate) size: Option<u64>,
    pub(crate) created: Option<Timestamp>,
    pub(crate) platforms: Option<Vec<Platform>>,
}

/// Reads manifests and configs of one repository, each once.
#[derive(Debug)]
pub(crate) struct Enricher {
    repository: RemoteRepository,
    manifests: Memo<Manifest>,
    configs: Memo<ConfigFacts>,
}

/// The part of an image's config that lists of images show (image-spec, "Image Configuration"). Read leniently: a wrong
/// date is an unknown one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct ConfigFacts {
    #[serde(default)]
    created: Option<serde_json::Value>,
    #[serde(flatten)]
    platform: Option<Platform>,
}

impl ConfigFacts {
    /// When the image was built, where the config tells.
    pub(crate) fn created(&self) -> Option<Timestamp> {
        self.created.as_ref()?.as_str()?.parse().ok().filter(|time| is_known_date(*time))
    }

    pub(crate) fn platform(&self) -> Option<&Platform> {
        self.platform.as_ref().filter(|platform| !platform.os.is_empty() && !platform.architecture.is_empty())
    }
}

impl Enricher {
    pub(crate) fn new(repository: RemoteRepository) -> Self {
        Self { repository, manifests: Memo::default(), configs: Memo::default() }
    }

    /// Finds out what is wanted of a tag.
    pub(crate) async fn facts(&self, tag: &Tag, wanted: Wanted) -> Result<Facts, Failure> {
        let locator = Locator::Tag(tag.clone());
        if !wanted.needs_manifest() {
            if !wanted.digest {
                return Ok(Facts::default());
            }
            let head = self.repository.head_manifest(&locator).await?;
            return Ok(Facts { digest: Some(head.digest), media_type: Some(head.media_type), ..Facts::default() });
        }
        let (digest, manifest) = self.repository.get_manifest(&locator).await?;
        let manifest = self.manifests.put(digest, manifest);
        let mut survey = Survey::default();
        self.visit(&manifest, wanted, None, &mut survey, 0).await?;
        Ok(Facts {
            digest: Some(digest),
            media_type: Some(manifest.media_type().clone()),
            size: wanted.size.then(|| survey.blobs.values().fold(0, |sum: u64, size| sum.saturating_add(*size))),
            created: survey.created,
            platforms: wanted.platforms.then(|| survey.platforms.into_iter().collect()),
        })
    }

    /// Looks at an image, or at everything an index lists. `listed_as` is the platform the index gives.
    fn visit<'a>(
        &'a self,
        manifest: &'a Manifest,
        wanted: Wanted,
        listed_as: Option<&'a Platform>,
        survey: &'a mut Survey,
        depth: usize,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            match manifest.content() {
                Content::Index { manifests } => {
                    if depth >= INDEX_DEPTH_MAX {
                        return Ok(());
                    }
                    for child in manifests.iter().filter(|child| child.media_type.is_manifest()) {
                        let listed_as = child.platform.as_ref();
                        let settled = listed_as.is_some() && !wanted.size && !wanted.created;
                        if settled || !survey.seen.insert(child.digest) {
                            survey.add_platform(listed_as);
                            continue;
                        }
                        let manifest = self.manifest(&child.digest).await?;
                        self.visit(&manifest, wanted, listed_as, survey, depth + 1).await?;
                    }
                }
                Content::Image { config, .. } => {
                    survey.blobs.extend(manifest.blobs().map(|blob| (blob.digest, blob.size)));
                    let named = listed_as.is_some();
                    survey.add_platform(listed_as);
                    if let Some(config) = config.as_ref().filter(|_| wanted.created || (wanted.platforms && !named)) {
                        let facts = self.config(config).await?;
                        survey.created = survey.created.max(facts.created());
                        survey.add_platform(facts.platform().filter(|_| !named));
                    }
                }
            }
            Ok(())
        }
        .boxed()
    }

    /// A manifest by its digest.
    pub(crate) async fn manifest(&self, digest: &Digest) -> Result<Arc<Manifest>, Failure> {
        let read = async { Ok(self.repository.get_manifest(&Locator::Digest(*digest)).await?.1) };
        self.manifests.get(*digest, read).await
    }

    /// Keeps a manifest that was read by its tag.
    pub(crate) fn keep(&self, digest: Digest, manifest: Manifest) -> Arc<Manifest> {
        self.manifests.put(digest, manifest)
    }

    /// The config of an image; what is no image has one too, and nothing is known of it then.
    pub(crate) async fn config(&self, descriptor: &Descriptor) -> Result<Arc<ConfigFacts>, Failure> {
        let is_image = [MediaType::OCI_CONFIG, MediaType::DOCKER_CONFIG].contains(&descriptor.media_type);
        let read = async {
            if !is_image {
                return Ok(ConfigFacts::default());
            }
            let bytes = self.repository.get_blob(descriptor).await?.bytes(MANIFEST_BYTES_MAX).await?;
            Ok(serde_json::from_slice(&bytes).unwrap_or_default())
        };
        self.configs.get(descriptor.digest, read).await
    }
}

/// What a walk over an image or index has found.
#[derive(Debug, Default)]
struct Survey {
    seen: BTreeSet<Digest>,
    blobs: BTreeMap<Digest, u64>,
    created: Option<Timestamp>,
    platforms: BTreeSet<Platform>,
}

impl Survey {
    fn add_platform(&mut self, platform: Option<&Platform>) {
        self.platforms.extend(platform.filter(|platform| !platform.is_unknown()).cloned());
    }
}

/// Values by digest, each found out once even when many ask at the same time.
#[derive(Debug)]
struct Memo<T>(Mutex<BTreeMap<Digest, Arc<OnceCell<Arc<T>>>>>);

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Memo<T> {
    fn cell(&self, digest: Digest) -> Arc<OnceCell<Arc<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(digest).or_default().clone()
    }

    async fn get(&self, digest: Digest, read: impl Future<Output = Result<T, Failure>>) -> Result<Arc<T>, Failure> {
        self.cell(digest).get_or_try_init(|| async { read.await.map(Arc::new) }).await.cloned()
    }

    fn put(&self, digest: Digest, value: T) -> Arc<T> {
        let value = Arc::new(value);
        // Whoever came first has the same bytes: they have the same digest.
        let _ = self.cell(digest).set(value.clone());
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configs_are_read_leniently() {
        let read = |text: &str| serde_json::from_str::<ConfigFacts>(text).expect("an object");
        let config = read(r#"{"created":"2024-05-01T10:00:00Z","os":"linux","architecture":"arm64","variant":"v8"}"#);
        assert_eq!(config.platform().map(ToString::to_string), Some("linux/arm64/v8".into()));
        assert_eq!(config.created(), "2024-05-01T10:00:00Z".parse().ok());
        assert_eq!(read("{}").platform(), None);
        assert_eq!(read(r#"{"created":7}"#).created(), None);
        assert_eq!(read(r#"{"created":null,"os":""}"#).created(), None);
        for text in ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "1980-01-01T00:00:01Z", "yesterday", ""] {
            assert_eq!(read(&format!(r#"{{"created":"{text}"}}"#)).created(), None, "{text}");
        }
    }
}
