//! Media types of manifests, configs and layers (OCI image-spec "Media Types", Docker image manifest v2).

use std::borrow::Cow;
use std::fmt;

/// A media type without parameters. Unknown ones are kept as they are.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct MediaType(Cow<'static, str>);

/// What a manifest of some media type lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ManifestKind {
    /// A config and layers.
    Image,
    /// Other manifests.
    Index,
    /// Docker schema 1, signed or not: recognised to be refused.
    Schema1,
}

impl MediaType {
    pub(crate) const OCI_MANIFEST: Self = Self(Cow::Borrowed("application/vnd.oci.image.manifest.v1+json"));
    pub(crate) const OCI_INDEX: Self = Self(Cow::Borrowed("application/vnd.oci.image.index.v1+json"));
    pub(crate) const OCI_ARTIFACT: Self = Self(Cow::Borrowed("application/vnd.oci.artifact.manifest.v1+json"));
    pub(crate) const OCI_CONFIG: Self = Self(Cow::Borrowed("application/vnd.oci.image.config.v1+json"));
    pub(crate) const DOCKER_MANIFEST: Self =
        Self(Cow::Borrowed("application/vnd.docker.distribution.manifest.v2+json"));
    pub(crate) const DOCKER_LIST: Self =
        Self(Cow::Borrowed("application/vnd.docker.distribution.manifest.list.v2+json"));
    pub(crate) const DOCKER_CONFIG: Self = Self(Cow::Borrowed("application/vnd.docker.container.image.v1+json"));
    pub(crate) const DOCKER_SCHEMA1: Self = Self(Cow::Borrowed("application/vnd.docker.distribution.manifest.v1+json"));
    pub(crate) const DOCKER_SCHEMA1_SIGNED: Self =
        Self(Cow::Borrowed("application/vnd.docker.distribution.manifest.v1+prettyjws"));
    pub(crate) const OCTET_STREAM: Self = Self(Cow::Borrowed("application/octet-stream"));

    /// The types a client asks for when it wants a manifest of any kind, in order of preference.
    pub(crate) const MANIFESTS: [Self; 5] =
        [Self::OCI_INDEX, Self::OCI_MANIFEST, Self::DOCKER_LIST, Self::DOCKER_MANIFEST, Self::OCI_ARTIFACT];

    /// Takes the type out of a header value: parameters and surrounding space go, case goes to lower (RFC 9110 §8.3.1).
    pub(crate) fn from_header(value: &str) -> Self {
        let bare = value.split(';').next().unwrap_or_default().trim();
        Self::from(bare.to_ascii_lowercase())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// What a manifest of this type lists; `None` when the type is not a manifest's.
    pub(crate) fn manifest_kind(&self) -> Option<ManifestKind> {
        match self {
            t if *t == Self::OCI_MANIFEST || *t == Self::DOCKER_MANIFEST || *t == Self::OCI_ARTIFACT => {
                Some(ManifestKind::Image)
            }
            t if *t == Self::OCI_INDEX || *t == Self::DOCKER_LIST => Some(ManifestKind::Index),
            t if *t == Self::DOCKER_SCHEMA1 || *t == Self::DOCKER_SCHEMA1_SIGNED => Some(ManifestKind::Schema1),
            _ => None,
        }
    }

    pub(crate) fn is_manifest(&self) -> bool {
        self.manifest_kind().is_some()
    }

    pub(crate) fn is_index(&self) -> bool {
        self.manifest_kind() == Some(ManifestKind::Index)
    }

    /// Layers that registries need not hold: "foreign" in Docker's words, "non-distributable" in OCI's.
    pub(crate) fn is_nondistributable(&self) -> bool {
        self.0.starts_with("application/vnd.oci.image.layer.nondistributable.v1.")
            || self.0.starts_with("application/vnd.docker.image.rootfs.foreign.")
    }
}

impl From<String> for MediaType {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

impl From<&str> for MediaType {
    fn from(text: &str) -> Self {
        Self(Cow::Owned(text.into()))
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl serde::Serialize for MediaType {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for MediaType {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}
