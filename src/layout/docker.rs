//! `docker save` archives as a [`Source`]: `manifest.json` names for each image a config and its layers.
//!
//! Such an archive holds no manifest (what newer versions add beside it is an image layout). The one that is made of it is
//! always the same: Docker's schema 2, with the layers as they are stored, which is uncompressed where docker wrote them;
//! their digests are then those in the config. (skopeo names the same layers, and calls all of them compressed.)

use std::collections::HashMap;
use std::fmt;
use std::io::Read as _;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use bytes::Bytes;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::error::LayoutError;
use super::files::{blocking, stream};
use super::section::Section;
use super::tarball::{Tarball, compression};
use crate::content::{self, Body, Source};
use crate::spec::limits::{
    DOCKER_LAYERS_MAX, DOCKER_LIST_BYTES_MAX, DOCKER_NAMES_MAX, GRAPH_MANIFEST_BYTES_MAX, GRAPH_MANIFESTS_MAX,
    MANIFEST_BYTES_MAX,
};
use crate::spec::{Algorithm, Descriptor, Digest, Hasher, Locator, Manifest, MediaType, Tag};

type Result<T, E = LayoutError> = std::result::Result<T, E>;

pub(super) const LIST_FILE: &str = "manifest.json";

const LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar";
const LAYER_GZIP: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/// A `docker save` archive.
#[derive(Debug)]
pub(crate) struct DockerArchive {
    path: PathBuf,
    images: Vec<Image>,
    blobs: HashMap<Digest, Blob>,
}

#[derive(Debug)]
struct Image {
    digest: Digest,
    manifest: Manifest,
    /// Full names with tags, as docker knows them.
    names: Vec<String>,
}

#[derive(Clone, Debug)]
struct Blob {
    name: String,
    bytes: Section,
}

/// One entry of `manifest.json`.
#[derive(Debug, Deserialize)]
struct Entry {
    #[serde(rename = "Config")]
    config: String,
    #[serde(rename = "RepoTags", default)]
    names: Option<AtMost<String, DOCKER_NAMES_MAX>>,
    /// Read where the image is wanted.
    #[serde(rename = "Layers", default)]
    layers: Option<Box<RawValue>>,
}

/// A list that is refused when it has more than `MAX` elements, before they are in memory.
#[derive(Debug)]
struct AtMost<T, const MAX: usize>(Vec<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for AtMost<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Counting(PhantomData))
    }
}

struct Counting<T, const MAX: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for Counting<T, MAX> {
    type Value = AtMost<T, MAX>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut all = Vec::new();
        while let Some(element) = elements.next_element()? {
            if all.len() == MAX {
                return Err(serde::de::Error::custom(format!("a list of more than {MAX}")));
            }
            all.push(element);
        }
        Ok(AtMost(all))
    }
}

impl DockerArchive {
    /// Opens an archive, and of its images those that are called `repository`, if one is given, and are `wanted`, if
    /// one is.
    ///
    /// # Errors
    /// The archive cannot be read, is damaged, or lists more than anybody saves.
    pub(crate) async fn open(path: &Path, repository: Option<&str>, wanted: Option<&Locator>) -> Result<Self> {
        let (path, repository, wanted) = (path.to_owned(), repository.map(familiar), wanted.cloned());
        blocking(move || {
            let mut reader =
                Reader { tarball: Tarball::open(&path)?, path, layers: HashMap::new(), blobs: HashMap::new() };
            let list = reader.read(LIST_FILE, DOCKER_LIST_BYTES_MAX)?;
            let AtMost(list): AtMost<Entry, GRAPH_MANIFESTS_MAX> = serde_json::from_slice(&list)
                .map_err(|error| reader.damaged(LIST_FILE, format!("not that of docker save: {error}")))?;
            let (mut images, mut bytes) = (Vec::new(), 0);
            for mut entry in list {
                let mut names = entry.names.take().map_or_else(Vec::new, |AtMost(names)| names);
                if let Some(repository) = &repository {
                    names.retain(|name| familiar(name).rsplit_once(':').is_some_and(|(name, _)| name == repository));
                    if names.is_empty() {
                        continue;
                    }
                }
                if let Some(Locator::Tag(tag)) = &wanted
                    && !names.iter().any(|name| tag_of(name).as_ref() == Some(tag))
                {
                    continue;
                }
                let (digest, manifest) = reader.image(&entry)?;
                if let Some(Locator::Digest(wanted)) = &wanted
                    && *wanted != digest
                {
                    reader.blobs.clear();
                    continue;
                }
                bytes += manifest.bytes().len();
                if bytes > GRAPH_MANIFEST_BYTES_MAX {
                    let reason = format!("its images have more than {GRAPH_MANIFEST_BYTES_MAX} bytes of manifests");
                    return Err(reader.damaged(LIST_FILE, reason));
                }
                images.push(Image { digest, manifest, names });
                if let Some(Locator::Digest(_)) = &wanted {
                    break;
                }
            }
            Ok(Self { images, blobs: reader.blobs, path: reader.path })
        })
        .await
    }

    /// The only image, if there is only one, and its tag, if it has only one.
    pub(crate) fn only(&self) -> Option<(Digest, Option<Tag>)> {
        let first = self.images.first()?;
        let alone = self.images.iter().all(|image| image.digest == first.digest);
        let tags = self.all_tags();
        alone.then(|| (first.digest, if let [tag] = tags.as_slice() { Some(tag.clone()) } else { None }))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.images.is_empty()
    }

    /// What the images are called.
    pub(crate) fn names(&self) -> Vec<String> {
        self.images.iter().flat_map(|image| image.names.clone()).collect()
    }

    fn all_tags(&self) -> Vec<Tag> {
        let mut tags: Vec<Tag> =
            self.images.iter().flat_map(|image| image.names.iter().filter_map(|n| tag_of(n))).collect();
        tags.sort_unstable();
        tags.dedup();
        tags
    }

    fn find(&self, locator: &Locator) -> Result<&Image> {
        let has = |image: &&Image| match locator {
            Locator::Digest(digest) => image.digest == *digest,
            Locator::Tag(tag) => image.names.iter().any(|name| tag_of(name).as_ref() == Some(tag)),
        };
        let mut found = self.images.iter().filter(has);
        let Some(first) = found.next() else {
            return Err(LayoutError::NotFound { dir: self.path.clone(), name: locator.to_string() });
        };
        if found.any(|other| other.digest != first.digest) {
            let reason = format!("several of its images are tagged {locator}: {}", self.names().join(", "));
            return Err(LayoutError::Unsupported { path: self.path.clone(), reason });
        }
        Ok(first)
    }
}

/// Makes manifests of what an archive lists.
struct Reader {
    path: PathBuf,
    tarball: Tarball,
    /// Compressed layers by their name, which images share: each is hashed once.
    layers: HashMap<String, Digest>,
    blobs: HashMap<Digest, Blob>,
}

impl Reader {
    fn damaged(&self, name: &str, reason: impl Into<String>) -> LayoutError {
        LayoutError::Damaged { path: self.path.join(name), reason: reason.into() }
    }

    fn find(&self, name: &str) -> Result<Section> {
        self.tarball.find(name).ok_or_else(|| LayoutError::NotFound { dir: self.path.clone(), name: name.into() })
    }

    fn read(&self, name: &str, max: usize) -> Result<Vec<u8>> {
        let mut file = self.find(name)?;
        if file.len() > max as u64 {
            return Err(self.damaged(name, format!("it has more than {max} bytes")));
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(LayoutError::io(self.path.join(name)))?;
        Ok(bytes)
    }

    fn image(&mut self, entry: &Entry) -> Result<(Digest, Manifest)> {
        let config = self.read(&entry.config, MANIFEST_BYTES_MAX)?;
        let document: Value = serde_json::from_slice(&config)
            .map_err(|error| self.damaged(&entry.config, format!("not JSON: {error}")))?;
        let digests: Vec<Digest> = match document["rootfs"].get("diff_ids") {
            None => Vec::new(),
            Some(ids) => serde_json::from_value(ids.clone())
                .map_err(|error| self.damaged(&entry.config, format!("rootfs.diff_ids: {error}")))?,
        };
        let names = match &entry.layers {
            None => Vec::new(),
            Some(list) => serde_json::from_str::<Option<AtMost<String, DOCKER_LAYERS_MAX>>>(list.get())
                .map_err(|error| self.damaged(LIST_FILE, format!("the layers of {}: {error}", entry.config)))?
                .map_or_else(Vec::new, |AtMost(names)| names),
        };
        if names.len() != digests.len() {
            let reason = format!("it lists {} layers, and {LIST_FILE} {}", digests.len(), names.len());
            return Err(self.damaged(&entry.config, reason));
        }
        let config = self.note(MediaType::DOCKER_CONFIG.as_str(), Digest::sha256(&config), &entry.config)?;
        let mut layers = Vec::new();
        for (name, uncompressed) in names.iter().zip(digests) {
            layers.push(self.layer(name, uncompressed)?);
        }
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MediaType::DOCKER_MANIFEST,
            "config": config,
            "layers": layers,
        });
        let bytes = Bytes::from(manifest.to_string());
        let digest = Digest::sha256(&bytes);
        let manifest = Manifest::parse(bytes, None).map_err(|error| self.damaged(LIST_FILE, error.to_string()))?;
        Ok((digest, manifest))
    }

    /// A layer as it is stored. Uncompressed it has the digest that the config says; whoever reads it finds out.
    fn layer(&mut self, name: &str, uncompressed: Digest) -> Result<Value> {
        let file = self.find(name)?;
        match compression(&file).map_err(LayoutError::io(self.path.join(name)))? {
            None => self.note(LAYER, uncompressed, name),
            Some("gzip") => {
                let digest = match self.layers.get(name) {
                    Some(digest) => *digest,
                    None => hash(file).map_err(LayoutError::io(self.path.join(name)))?,
                };
                self.layers.insert(name.into(), digest);
                self.note(LAYER_GZIP, digest, name)
            }
            Some(by) => Err(LayoutError::Unsupported {
                path: self.path.join(name),
                reason: format!("a layer that is compressed by {by} has no place in a manifest of Docker's"),
            }),
        }
    }

    /// Notes where a blob is, and describes it.
    fn note(&mut self, media_type: &str, digest: Digest, name: &str) -> Result<Value> {
        let bytes = self.find(name)?;
        let size = bytes.len();
        self.blobs.insert(digest, Blob { name: name.into(), bytes });
        Ok(json!({ "mediaType": media_type, "size": size, "digest": digest }))
    }
}

fn hash(mut file: Section) -> std::io::Result<Digest> {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut buffer = vec![0; 256 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finish()),
            length => hasher.update(&buffer[..length]),
        }
    }
}

/// A name as docker shows it: without what every name on Docker Hub begins with.
fn familiar(name: &str) -> String {
    let short = name.strip_prefix("docker.io/").unwrap_or(name);
    short.strip_prefix("library/").unwrap_or(short).to_owned()
}

fn tag_of(name: &str) -> Option<Tag> {
    name.rsplit_once(':')?.1.parse().ok()
}

#[async_trait]
impl Source for DockerArchive {
    async fn resolve(&self, locator: &Locator) -> content::Result<Descriptor> {
        let image = self.find(locator)?;
        let (media_type, size) = (image.manifest.media_type().clone(), image.manifest.bytes().len() as u64);
        Ok(Descriptor::new(media_type, image.digest, size))
    }

    async fn manifest(&self, locator: &Locator) -> content::Result<(Digest, Manifest)> {
        let image = self.find(locator)?;
        Ok((image.digest, image.manifest.clone()))
    }

    async fn fetch(&self, blob: &Descriptor) -> content::Result<Body> {
        let name = blob.digest.to_string();
        let found = self.blobs.get(&blob.digest).ok_or(LayoutError::NotFound { dir: self.path.clone(), name })?;
        Ok(stream(found.bytes.clone(), self.path.join(&found.name), blob)?)
    }

    async fn referrers(&self, _: &Digest) -> content::Result<Vec<Descriptor>> {
        Ok(Vec::new())
    }

    async fn tags(&self) -> content::Result<Vec<Tag>> {
        Ok(self.all_tags())
    }
}
