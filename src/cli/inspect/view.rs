//! An inspected image as a JSON item.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::cli::enrich::ConfigFacts;
use crate::cli::output::table::{Cell, Column, Row};
use crate::spec::{Descriptor, Digest, Manifest, MediaType};

/// An image or index.
#[derive(Debug, Serialize)]
pub(crate) struct Item {
    pub(crate) reference: String,
    pub(crate) digest: Digest,
    pub(crate) media_type: MediaType,
    pub(crate) artifact_type: Option<MediaType>,
    /// Distinct compressed blobs in bytes, of all images of an index; `None` where an index is sparse.
    pub(crate) size: Option<u64>,
    pub(crate) created: Option<Timestamp>,
    pub(crate) platforms: Vec<String>,
    pub(crate) config: Option<Blob>,
    /// The document that `config` names, as it is.
    pub(crate) image: Value,
    pub(crate) layers: Vec<Blob>,
    pub(crate) history: Value,
    /// What an index lists.
    pub(crate) manifests: Vec<Child>,
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) subject: Option<Blob>,
    /// `None` where the place does not say.
    pub(crate) referrers: Option<Vec<Referrer>>,
    #[serde(skip)]
    pub(crate) name: String,
}

/// A descriptor.
#[derive(Debug, Serialize)]
pub(crate) struct Blob {
    pub(crate) digest: Digest,
    pub(crate) media_type: MediaType,
    pub(crate) size: u64,
}

/// An entry of an index.
#[derive(Debug, Serialize)]
pub(crate) struct Child {
    pub(crate) platform: Option<String>,
    pub(crate) digest: Digest,
    pub(crate) media_type: MediaType,
    /// Compressed blobs of the image, in bytes.
    pub(crate) size: Option<u64>,
    pub(crate) annotations: BTreeMap<String, String>,
}

/// A manifest whose subject is the inspected one.
#[derive(Debug, Serialize)]
pub(crate) struct Referrer {
    pub(crate) digest: Digest,
    pub(crate) artifact_type: Option<MediaType>,
    pub(crate) media_type: MediaType,
    /// Of the manifest itself.
    pub(crate) size: u64,
    pub(crate) annotations: BTreeMap<String, String>,
}

impl From<&Descriptor> for Blob {
    fn from(descriptor: &Descriptor) -> Self {
        Self { digest: descriptor.digest, media_type: descriptor.media_type.clone(), size: descriptor.size }
    }
}

impl From<&Descriptor> for Referrer {
    fn from(descriptor: &Descriptor) -> Self {
        Self {
            digest: descriptor.digest,
            artifact_type: descriptor.artifact_type.clone(),
            media_type: descriptor.media_type.clone(),
            size: descriptor.size,
            annotations: descriptor.annotations.clone().unwrap_or_default(),
        }
    }
}

impl Child {
    pub(crate) fn new(descriptor: &Descriptor, manifest: Option<&Manifest>) -> Self {
        Self {
            platform: descriptor.platform.as_ref().map(ToString::to_string),
            digest: descriptor.digest,
            media_type: descriptor.media_type.clone(),
            size: manifest.filter(|manifest| !manifest.is_index()).map(|manifest| sum(&blobs(manifest))),
            annotations: descriptor.annotations.clone().unwrap_or_default(),
        }
    }
}

fn blobs(manifest: &Manifest) -> BTreeMap<Digest, u64> {
    manifest.blobs().map(|blob| (blob.digest, blob.size)).collect()
}

fn sum(blobs: &BTreeMap<Digest, u64>) -> u64 {
    blobs.values().fold(0, |sum: u64, size| sum.saturating_add(*size))
}

impl Item {
    pub(crate) fn new(reference: String, digest: Digest, manifest: &Manifest) -> Self {
        let (config, layers) = match manifest.content() {
            crate::spec::manifest::Content::Image { config, layers } => (config.as_ref(), layers.as_slice()),
            crate::spec::manifest::Content::Index { .. } => (None, [].as_slice()),
        };
        Self {
            name: reference.clone(),
            reference,
            digest,
            media_type: manifest.media_type().clone(),
            // The type of a plain image's config says nothing that `media_type` does not.
            artifact_type: manifest
                .effective_artifact_type()
                .filter(|t| ![MediaType::OCI_CONFIG, MediaType::DOCKER_CONFIG].contains(t))
                .cloned(),
            size: Some(sum(&blobs(manifest))),
            created: None,
            platforms: Vec::new(),
            config: config.map(Into::into),
            image: Value::Null,
            layers: layers.iter().map(Into::into).collect(),
            history: Value::Array(Vec::new()),
            manifests: Vec::new(),
            annotations: manifest.annotations().clone(),
            subject: manifest.subject().map(Into::into),
            referrers: None,
        }
    }

    /// Adds what an image's config says.
    pub(crate) fn add_config(&mut self, facts: &ConfigFacts, document: Value) {
        self.created = facts.created();
        self.platforms = facts.platform().map(ToString::to_string).into_iter().collect();
        self.history = document.get("history").filter(|history| history.is_array()).cloned().unwrap_or_default();
        self.image = document;
    }

    /// Adds what an index lists, with the manifests that are there.
    pub(crate) fn add_children(&mut self, children: Vec<(Child, Option<Manifest>)>) {
        let mut all = BTreeMap::new();
        let mut complete = true;
        for (child, manifest) in children {
            match manifest {
                Some(manifest) if !manifest.is_index() => all.extend(blobs(&manifest)),
                _ => complete = false,
            }
            self.platforms.extend(child.platform.clone().filter(|platform| !platform.starts_with("unknown/")));
            self.manifests.push(child);
        }
        self.size = complete.then(|| sum(&all));
    }
}

impl Row for Item {
    const COLUMNS: &'static [Column] = &[
        Column::new("reference"),
        Column::new("digest"),
        Column::new("media_type"),
        Column::new("size"),
        Column::new("created"),
        Column::new("platforms"),
    ];

    fn cell(&self, key: &str) -> Cell<'_> {
        match key {
            "reference" => Cell::text(&self.reference),
            "digest" => Cell::Digest(self.digest),
            "media_type" => Cell::text(self.media_type.as_str()),
            "size" => Cell::size(self.size),
            "created" => Cell::time(self.created),
            _ => Cell::text(self.platforms.join(" ")),
        }
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}
