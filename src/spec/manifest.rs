//! Manifests: the raw bytes, which have the digest, and a parsed view beside them (image-spec, "Image Manifest" and
//! "Image Index"; Docker schema 2).
//!
//! A manifest is never written from its view: bytes in are bytes out.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Deserializer};
use thiserror::Error;

use super::descriptor::Descriptor;
use super::digest::Digest;
use super::limits::{MANIFEST_CHILDREN_MAX, MANIFEST_JSON_DEPTH_MAX};
use super::media_type::{ManifestKind, MediaType};

/// Why bytes are not a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum ManifestError {
    #[error("not a manifest: {0}")]
    Malformed(String),
    #[error("nested deeper than {MANIFEST_JSON_DEPTH_MAX} levels")]
    TooDeep,
    #[error("lists more than {MANIFEST_CHILDREN_MAX} descriptors")]
    TooManyChildren,
    #[error("schemaVersion is {0}, expected 2")]
    SchemaVersion(u64),
    #[error("Docker schema 1 manifests are no longer supported; push the image again with a current client")]
    Schema1,
    #[error("media type {0:?} is not a manifest's")]
    UnknownMediaType(String),
    #[error("Content-Type says {header} and the document's mediaType says {document}")]
    MediaTypeMismatch { header: MediaType, document: MediaType },
    #[error("both an image manifest and an index: {0:?} stands beside {1:?}")]
    Ambiguous(&'static str, &'static str),
    #[error("the document has no {0:?}")]
    Missing(&'static str),
}

/// What a manifest lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    Image { config: Option<Descriptor>, layers: Vec<Descriptor> },
    Index { manifests: Vec<Descriptor> },
}

/// A manifest: raw bytes and what they say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manifest {
    bytes: Bytes,
    media_type: MediaType,
    content: Content,
    subject: Option<Descriptor>,
    artifact_type: Option<MediaType>,
    annotations: BTreeMap<String, String>,
}

/// Go's decoder, by which most manifests were checked, takes `null` for an empty value.
fn null_is_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(d: D) -> Result<T, D::Error> {
    Option::deserialize(d).map(Option::unwrap_or_default)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: Option<u64>,
    media_type: Option<MediaType>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    blobs: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
    subject: Option<Descriptor>,
    artifact_type: Option<MediaType>,
    #[serde(default, deserialize_with = "null_is_default")]
    annotations: BTreeMap<String, String>,
    #[serde(rename = "fsLayers")]
    fs_layers: Option<serde::de::IgnoredAny>,
}

/// The names of the document's members, `null` ones included.
#[derive(Deserialize)]
struct Members {
    #[serde(default, deserialize_with = "is_there")]
    layers: bool,
    #[serde(default, deserialize_with = "is_there")]
    config: bool,
    #[serde(default, deserialize_with = "is_there")]
    manifests: bool,
}

fn is_there<'de, D: Deserializer<'de>>(d: D) -> Result<bool, D::Error> {
    serde::de::IgnoredAny::deserialize(d).map(|_| true)
}

impl Manifest {
    /// Parses `bytes`, which came with `content_type` where somebody named one.
    ///
    /// # Errors
    /// Anything that is not exactly one kind of manifest: see [`ManifestError`].
    pub(crate) fn parse(bytes: Bytes, content_type: Option<&MediaType>) -> Result<Self, ManifestError> {
        check_depth(&bytes)?;
        let malformed = |e: serde_json::Error| ManifestError::Malformed(e.to_string());
        if !matches!(bytes.iter().find(|b| !b.is_ascii_whitespace()), Some(b'{')) {
            return Err(ManifestError::Malformed("expected a JSON object".into()));
        }
        let header = content_type.filter(|t| t.is_manifest());
        if header.and_then(MediaType::manifest_kind) == Some(ManifestKind::Schema1) {
            return Err(ManifestError::Schema1);
        }
        let document: Document = serde_json::from_slice(&bytes).map_err(malformed)?;
        let members: Members = serde_json::from_slice(&bytes).map_err(malformed)?;
        match document.schema_version {
            Some(2) => {}
            Some(1) => return Err(ManifestError::Schema1),
            Some(other) => return Err(ManifestError::SchemaVersion(other)),
            None if document.fs_layers.is_some() => return Err(ManifestError::Schema1),
            None => return Err(ManifestError::Missing("schemaVersion")),
        }
        let media_type = effective_media_type(header, content_type, &document, &members)?;
        let content = match media_type.manifest_kind() {
            Some(ManifestKind::Image) => {
                if members.manifests {
                    return Err(ManifestError::Ambiguous("layers", "manifests"));
                }
                image_content(&media_type, document.config, document.layers, document.blobs)?
            }
            Some(ManifestKind::Index) => {
                if members.layers || members.config {
                    return Err(ManifestError::Ambiguous("manifests", "layers"));
                }
                Content::Index { manifests: document.manifests.unwrap_or_default() }
            }
            Some(ManifestKind::Schema1) => return Err(ManifestError::Schema1),
            None => return Err(ManifestError::UnknownMediaType(media_type.to_string())),
        };
        let manifest = Self {
            bytes,
            media_type,
            content,
            subject: document.subject,
            artifact_type: document.artifact_type.filter(|t| !t.as_str().is_empty()),
            annotations: document.annotations,
        };
        if manifest.children().count() > MANIFEST_CHILDREN_MAX {
            return Err(ManifestError::TooManyChildren);
        }
        Ok(manifest)
    }

    pub(crate) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    pub(crate) fn media_type(&self) -> &MediaType {
        &self.media_type
    }

    pub(crate) fn content(&self) -> &Content {
        &self.content
    }

    pub(crate) fn subject(&self) -> Option<&Descriptor> {
        self.subject.as_ref()
    }

    pub(crate) fn annotations(&self) -> &BTreeMap<String, String> {
        &self.annotations
    }

    pub(crate) fn is_index(&self) -> bool {
        matches!(self.content, Content::Index { .. })
    }

    /// Manifests listed by an index; empty for an image.
    pub(crate) fn manifests(&self) -> &[Descriptor] {
        match &self.content {
            Content::Index { manifests } => manifests,
            Content::Image { .. } => &[],
        }
    }

    /// Config and layers of an image; empty for an index.
    pub(crate) fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        let (config, layers) = match &self.content {
            Content::Image { config, layers } => (config.as_ref(), layers.as_slice()),
            Content::Index { .. } => (None, [].as_slice()),
        };
        config.into_iter().chain(layers)
    }

    /// Everything that this manifest lists and cannot do without; not its subject, which may be absent.
    pub(crate) fn children(&self) -> impl Iterator<Item = &Descriptor> {
        self.blobs().chain(self.manifests())
    }

    /// The type a referrers list shows (distribution-spec, "Listing Referrers"): the document's own, else an image's
    /// config type.
    pub(crate) fn effective_artifact_type(&self) -> Option<&MediaType> {
        match (&self.artifact_type, &self.content) {
            (Some(own), _) => Some(own),
            (None, Content::Image { config, .. }) => config.as_ref().map(|config| &config.media_type),
            (None, Content::Index { .. }) => None,
        }
    }

    /// This manifest as an entry of its subject's referrers list.
    pub(crate) fn as_referrer(&self, digest: Digest) -> Descriptor {
        let mut descriptor = Descriptor::new(self.media_type.clone(), digest, self.bytes.len() as u64);
        descriptor.artifact_type = self.effective_artifact_type().cloned();
        descriptor.annotations = (!self.annotations.is_empty()).then(|| self.annotations.clone());
        descriptor
    }
}

/// What the document is: header and document must agree; without either the members decide.
fn effective_media_type(
    header: Option<&MediaType>,
    content_type: Option<&MediaType>,
    document: &Document,
    members: &Members,
) -> Result<MediaType, ManifestError> {
    match (header, document.media_type.as_ref().filter(|t| !t.as_str().is_empty())) {
        (Some(header), Some(own)) if header != own => {
            Err(ManifestError::MediaTypeMismatch { header: header.clone(), document: own.clone() })
        }
        (_, Some(own)) => Ok(own.clone()),
        (Some(header), None) if *header == MediaType::DOCKER_MANIFEST || *header == MediaType::DOCKER_LIST => {
            // Optional in OCI documents only: without it a reader could take the same bytes for the other kind.
            Err(ManifestError::Missing("mediaType"))
        }
        (Some(header), None) => Ok(header.clone()),
        (None, None) => match content_type {
            Some(other) if *other != MediaType::OCTET_STREAM && other.as_str() != "application/json" => {
                Err(ManifestError::UnknownMediaType(other.to_string()))
            }
            _ if members.manifests => Ok(MediaType::OCI_INDEX),
            _ if members.layers || members.config => Ok(MediaType::OCI_MANIFEST),
            _ => Err(ManifestError::Missing("mediaType")),
        },
    }
}

fn image_content(
    media_type: &MediaType,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    blobs: Option<Vec<Descriptor>>,
) -> Result<Content, ManifestError> {
    if *media_type == MediaType::OCI_ARTIFACT {
        return Ok(Content::Image { config: None, layers: blobs.unwrap_or_default() });
    }
    let config = config.ok_or(ManifestError::Missing("config"))?;
    Ok(Content::Image { config: Some(config), layers: layers.unwrap_or_default() })
}

/// Refuses documents nested beyond the limit before a parser descends into them.
fn check_depth(bytes: &[u8]) -> Result<(), ManifestError> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for &b in bytes {
        match b {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                if depth > MANIFEST_JSON_DEPTH_MAX {
                    return Err(ManifestError::TooDeep);
                }
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "manifest_tests.rs"]
mod tests;
