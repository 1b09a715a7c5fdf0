//! Descriptors and platforms (image-spec, "OCI Content Descriptors").
//!
//! Reads what registries hold, strictly where it matters (digest, size) and leniently elsewhere (`null` for absent).

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::media_type::MediaType;

/// Media type, digest and size of some content, with what else the spec lets travel along.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    pub(crate) media_type: MediaType,
    pub(crate) digest: Digest,
    /// Size in bytes; a negative or fractional one is refused by the parser.
    pub(crate) size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) urls: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) annotations: Option<BTreeMap<String, String>>,
    /// The content itself, base64 as in the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) data: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) platform: Option<Platform>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) artifact_type: Option<MediaType>,
}

impl Descriptor {
    pub(crate) fn new(media_type: MediaType, digest: Digest, size: u64) -> Self {
        Self {
            media_type,
            digest,
            size,
            urls: None,
            annotations: None,
            data: None,
            platform: None,
            artifact_type: None,
        }
    }

    /// Whether the content may live elsewhere: a non-distributable layer, or one with `urls`.
    pub(crate) fn is_foreign(&self) -> bool {
        self.media_type.is_nondistributable() || self.urls.as_ref().is_some_and(|urls| !urls.is_empty())
    }
}

/// A platform: `os/architecture[/variant]`, and Windows' version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Platform {
    #[serde(default)]
    pub(crate) os: String,
    #[serde(default)]
    pub(crate) architecture: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) variant: Option<String>,
    #[serde(default, rename = "os.version", skip_serializing_if = "Option::is_none")]
    pub(crate) os_version: Option<String>,
    #[serde(default, rename = "os.features", skip_serializing_if = "Option::is_none")]
    pub(crate) os_features: Option<Vec<String>>,
}

impl Platform {
    /// Whether a request for `self` is satisfied by `other`: what `self` leaves open, `other` may have.
    pub(crate) fn accepts(&self, other: &Self) -> bool {
        let variant = match (&self.variant, &other.variant) {
            (Some(wanted), Some(there)) => wanted == there,
            // containerd's normalisation: arm64 is arm64/v8.
            (Some(wanted), None) => self.architecture == "arm64" && wanted == "v8",
            (None, _) => true,
        };
        self.os == other.os && self.architecture == other.architecture && variant
    }

    /// Buildkit lists attestations under this platform; they are no image to run.
    pub(crate) fn is_unknown(&self) -> bool {
        self.os == "unknown" && self.architecture == "unknown"
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

/// Why a text is not a platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid platform {0:?}: expected OS/ARCH or OS/ARCH/VARIANT, for example linux/arm64/v8")]
pub(crate) struct PlatformError(String);

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let parts: Vec<&str> = text.split('/').collect();
        let word = |part: &&str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
        };
        if !(2..=3).contains(&parts.len()) || !parts.iter().all(word) {
            return Err(PlatformError(text.chars().take(80).collect()));
        }
        let architecture = match parts[1] {
            "x86_64" | "x86-64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        Ok(Self {
            os: parts[0].into(),
            architecture: architecture.into(),
            variant: parts.get(2).map(|&variant| variant.into()),
            os_version: None,
            os_features: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_parse_print_and_match() {
        let arm: Platform = "linux/arm64/v8".parse().expect("valid");
        assert_eq!(arm.to_string(), "linux/arm64/v8");
        assert!("linux/arm64".parse::<Platform>().expect("valid").accepts(&arm));
        assert!(arm.accepts(&"linux/aarch64".parse().expect("valid")));
        assert!(!arm.accepts(&"linux/arm/v7".parse().expect("valid")));
        for bad in ["", "linux", "linux/", "/amd64", "a/b/c/d", "linux/am d64"] {
            assert!(bad.parse::<Platform>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn sizes_and_digests_are_checked() {
        let text = |size: &str, digest: &str| format!(r#"{{"mediaType":"a/b","size":{size},"digest":"{digest}"}}"#);
        let digest = Digest::sha256(b"").to_string();
        assert!(serde_json::from_str::<Descriptor>(&text("3", &digest)).is_ok());
        for size in ["-1", "1.5", "\"3\"", "null", "18446744073709551616"] {
            assert!(serde_json::from_str::<Descriptor>(&text(size, &digest)).is_err(), "{size}");
        }
        assert!(serde_json::from_str::<Descriptor>(&text("3", "sha256:zz")).is_err());
    }
}
